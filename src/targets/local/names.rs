//! The names that applications may have: what a package's name may hold, so long that it is a directory's name, too.

use crate::target::NameRule;

/// The longest name, in bytes.
const LONGEST: usize = 64;
/// The longest version, in bytes.
pub const MAX_VERSION_LENGTH: usize = 128;

/// The rules for names of applications beside those of the package.
pub fn rules() -> Vec<NameRule> {
    vec![NameRule { holds: |name| name.len() <= LONGEST, rule: "names are at most 64 characters long" }]
}
