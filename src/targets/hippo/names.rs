//! Hippo's rules for names, kept before anything is sent. Facts: `deislabs/hippo src/Application/**/*Validator.cs@v0.20.2`.

use crate::target::NameRule;

/// The longest version that can be registered, in bytes.
pub const MAX_VERSION_LENGTH: usize = 128;
/// The longest name of an application.
const MAX_APP_NAME_LENGTH: usize = 128;
/// The longest name of a channel.
const MAX_CHANNEL_NAME_LENGTH: usize = 64;
/// The longest name of a bindle.
const MAX_STORAGE_ID_LENGTH: usize = 200;
/// The longest part of a host name between two dots.
const MAX_LABEL_LENGTH: usize = 63;

/// The rules for names of applications that get Hippo's default domain (`own_domain`: they bring one).
pub fn app_rules(own_domain: bool) -> Vec<NameRule> {
    let mut rules = vec![
        NameRule {
            holds: |name| !name.is_empty() && name.chars().all(is_name_char),
            rule: "names on Hippo may hold ASCII letters, digits, `-` and `_` only",
        },
        NameRule {
            holds: |name| name.len() <= MAX_APP_NAME_LENGTH,
            rule: "names on Hippo may have 128 characters at most",
        },
    ];
    if !own_domain {
        rules.push(NameRule {
            holds: makes_label,
            rule: "Hippo makes the domain from the name, so it must not begin or end with `-` or `_`, hold two of them \
                   in a row, or be longer than 63 characters (or give the channel a domain: `--domain NAME`)",
        });
    }
    rules
}

/// What is wrong with a channel's name, if anything.
pub fn channel_fault(name: &str, own_domain: bool) -> Option<&'static str> {
    if name.is_empty() || !name.chars().all(is_name_char) {
        Some("channel names may hold ASCII letters, digits, `-` and `_` only")
    } else if name.len() > MAX_CHANNEL_NAME_LENGTH {
        Some("channel names may have 64 characters at most")
    } else if !own_domain && !makes_label(name) {
        Some(
            "Hippo makes the domain from the channel's name, so it must not begin or end with `-` or `_`, or hold two \
             of them in a row",
        )
    } else {
        None
    }
}

/// Whether versions of bindles of this name can be registered. Hippo makes apps of names with dots, too, but never
/// registers a later version of them.
pub fn is_storage_id(name: &str) -> bool {
    (1..=MAX_STORAGE_ID_LENGTH).contains(&name.len()) && name.chars().all(|char| is_name_char(char) || char == '/')
}

/// Whether a domain keeps the rule `^([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}$`. Hippo checks it when a channel is made,
/// not when one is patched, and again (too late) when a later revision is registered.
pub fn is_domain(domain: &str) -> bool {
    let Some((labels, top)) = domain.rsplit_once('.') else { return false };
    top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_lowercase()) && labels.split('.').all(is_label)
}

/// Whether the default domain that Hippo makes from a name will pass Hippo's own rule later.
fn makes_label(name: &str) -> bool {
    name.len() <= MAX_LABEL_LENGTH && is_label(&name.to_ascii_lowercase().replace('_', "-"))
}

/// Whether a text is `[a-z0-9]+(-[a-z0-9]+)*`.
fn is_label(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.split('-').all(is_part)
}

fn is_name_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '-' || char == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(name: &str, own_domain: bool) -> bool {
        app_rules(own_domain).iter().all(|rule| (rule.holds)(name))
    }

    #[test]
    fn names_of_applications() {
        let long = "a".repeat(128);
        // (name, allowed with a domain of its own, allowed with Hippo's default domain)
        let table = [
            ("web", true, true),
            ("my_App", true, true),
            ("a-b_c", true, true),
            ("1", true, true),
            ("", false, false),
            ("my web", false, false),
            ("my.web", false, false),
            ("team/web", false, false),
            ("käse", false, false),
            ("trail-", true, false),
            ("_lead", true, false),
            ("a--b", true, false),
            ("a_-b", true, false),
            (&long, true, false),
            (&format!("{long}a"), false, false),
        ];
        for (name, own, default) in table {
            assert_eq!((holds(name, true), holds(name, false)), (own, default), "{name:?}");
        }
    }

    #[test]
    fn names_of_channels() {
        let long = "a".repeat(64);
        let table = [
            ("spin-deploy", true, true),
            ("Two_2", true, true),
            ("", false, false),
            ("bad name", false, false),
            ("-x", true, false),
            (&long, true, false),
            (&format!("{long}a"), false, false),
        ];
        for (name, own, default) in table {
            let allowed = (channel_fault(name, true).is_none(), channel_fault(name, false).is_none());
            assert_eq!(allowed, (own, default), "{name:?}");
        }
    }

    #[test]
    fn names_of_bindles() {
        let long = "a".repeat(200);
        let table = [("web", true), ("team/web", true), (&long, true), ("my.web", false), ("", false)];
        for (name, good) in table {
            assert_eq!(is_storage_id(name), good, "{name:?}");
        }
        assert!(!is_storage_id(&format!("{long}a")));
    }

    #[test]
    fn domains() {
        let table = [
            ("custom.example.com", true),
            ("a-b.example.com", true),
            ("1.ex2mple.de", true),
            ("localhost", false),
            ("Bad_Domain.x", false),
            ("app.example.com:8080", false),
            ("app.example.c0m", false),
            ("-a.example.com", false),
            ("a..example.com", false),
            ("a--b.example.com", false),
            (".com", false),
            ("example.", false),
            ("", false),
        ];
        for (domain, good) in table {
            assert_eq!(is_domain(domain), good, "{domain:?}");
        }
    }
}
