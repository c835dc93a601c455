//! The names that applications may have: those of directories, and of nothing that a shell or a URL treats in its own
//! way.

use crate::target::NameRule;

/// The longest name, in bytes.
const LONGEST: usize = 64;
/// The longest version, in bytes.
pub const MAX_VERSION_LENGTH: usize = 128;

/// The rules for names of applications.
pub fn rules() -> Vec<NameRule> {
    vec![
        NameRule {
            holds: |name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
            rule: "names may hold the letters a to z, digits, `-`, `_` and `.` only",
        },
        NameRule {
            holds: |name| name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()),
            rule: "names begin with a letter or a digit",
        },
        NameRule { holds: |name| name.len() <= LONGEST, rule: "names are at most 64 characters long" },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_harmless_directories() {
        let good = |name: &str| rules().iter().all(|rule| (rule.holds)(name));
        for name in ["a", "7", "shop", "Shop-2_x.y", "a..b", &"x".repeat(64)] {
            assert!(good(name), "{name}");
        }
        for name in ["", ".", "..", ".hidden", "-x", "_x", "a b", "a/b", "ä", "a\0", &"x".repeat(65)] {
            assert!(!good(name), "{name}");
        }
    }
}
