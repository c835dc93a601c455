//! The names that applications may have: what a package's name may hold, so long that it is a directory's name, too.
//! The package's own name has been looked at; an application may have another one.

use crate::target::NameRule;

/// The longest name, in bytes.
const LONGEST: usize = 64;
/// The longest version, in bytes.
pub const MAX_VERSION_LENGTH: usize = 128;

/// The rules for names of applications beside those of the package.
pub fn rules() -> Vec<NameRule> {
    vec![
        NameRule {
            holds: |name| {
                name.starts_with(|char: char| char.is_ascii_alphanumeric())
                    && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '_')
            },
            rule: "names hold ASCII letters, digits, `-` and `_`, with a letter or digit first",
        },
        NameRule { holds: |name| name.len() <= LONGEST, rule: "names are at most 64 characters long" },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_directories_on_every_system() {
        let longest = "a".repeat(64);
        for (name, good) in [
            ("shop", true),
            ("Shop_2-b", true),
            ("2", true),
            (&longest, true),
            (&format!("{longest}a"), false),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("../shop", false),
            ("a b", false),
            ("-a", false),
            ("ä", false),
        ] {
            assert_eq!(rules().iter().all(|rule| (rule.holds)(name)), good, "{name:?}");
        }
    }
}
