//! Rules for names and templates.

use std::collections::BTreeSet;

/// A component's id in format 2 (`crates/serde/src/id.rs@v4.0.2`): words joined by `-`, each all lower or all upper
/// case, with a letter first.
pub(super) fn is_kebab_id(text: &str) -> bool {
    text.split('-').all(is_word)
}

/// A label's other spelling: like a kebab id, joined by `_`.
pub(super) fn is_snake_id(text: &str) -> bool {
    text.split('_').all(is_word)
}

/// A variable's name in format 2: a snake id without upper case.
pub(super) fn is_lower_snake_id(text: &str) -> bool {
    is_snake_id(text) && !text.contains(|c: char| c.is_ascii_uppercase())
}

/// A variable's name in format 1 (Spin 0.6 to 1.5): like in format 2, but words may begin with a digit.
pub(super) fn is_v1_variable(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .split('_')
            .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

fn is_word(word: &str) -> bool {
    let all_but_digits = |case: fn(&char) -> bool| {
        word.starts_with(|c| case(&c)) && word.chars().all(|c| c.is_ascii_digit() || case(&c))
    };
    all_but_digits(char::is_ascii_lowercase) || all_but_digits(char::is_ascii_uppercase)
}

/// Whether the text names a package, `namespace:name`.
pub(super) fn is_package(text: &str) -> bool {
    text.split_once(':').is_some_and(|(namespace, name)| is_kebab_id(namespace) && is_kebab_id(name))
}

/// Looks into a template, `text with {{ variable }}`; says what is wrong with it.
pub(super) fn check_template(text: &str, variables: &BTreeSet<String>) -> Result<(), String> {
    expand_template(text, |name| variables.contains(name).then_some("")).map(drop)
}

/// Puts the values of variables in a template's place; `value` knows them. Says what is wrong with the template
/// (`crates/expressions/src/template.rs@v4.0.2`).
pub fn expand_template<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((literal, expression)) = rest.split_once("{{") {
        let Some((name, after)) = expression.split_once("}}") else {
            return Err("a `{{` has no `}}`".to_owned());
        };
        let name = name.trim();
        let Some(value) = value(name) else {
            return Err(format!("the application has no variable `{name}`"));
        };
        expanded.extend([literal, value]);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let table = [
            // text, kebab, snake, lower snake, format 1 variable
            ("api", true, true, true, true),
            ("api-2", false, false, false, false),
            ("api-v2", true, false, false, false),
            ("API-v2", true, false, false, false),
            ("mixedCase", false, false, false, false),
            ("api_key", false, true, true, true),
            ("API_key", false, true, false, false),
            ("a_1", false, false, false, true),
            ("1a", false, false, false, false),
            ("a__b", false, false, false, false),
            ("a_", false, false, false, false),
            ("a--b", false, false, false, false),
            ("", false, false, false, false),
            ("ä", false, false, false, false),
        ];
        for (text, kebab, snake, lower, v1) in table {
            let found = (is_kebab_id(text), is_snake_id(text), is_lower_snake_id(text), is_v1_variable(text));
            assert_eq!(found, (kebab, snake, lower, v1), "{text:?}");
        }
    }

    #[test]
    fn packages() {
        for (text, valid) in [("a:b", true), ("a-b:c-d", true), ("a", false), ("a:", false), ("a:b:c", false)] {
            assert_eq!(is_package(text), valid, "{text:?}");
        }
    }

    #[test]
    fn templates() {
        let variables = BTreeSet::from(["host".to_owned(), "port".to_owned()]);
        let table = [
            ("", Ok(())),
            ("plain } text }}", Ok(())),
            ("https://{{ host }}:{{port}}/", Ok(())),
            ("{{ host", Err("a `{{` has no `}}`")),
            ("{{ host }} {{", Err("a `{{` has no `}}`")),
            ("{{ hots }}", Err("the application has no variable `hots`")),
            ("{{}}", Err("the application has no variable ``")),
        ];
        for (text, expected) in table {
            assert_eq!(check_template(text, &variables), expected.map_err(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn values_take_the_place_of_names() {
        let value = |name: &str| match name {
            "host" => Some("h"),
            "braces" => Some("{{ host }}"),
            _ => None,
        };
        for (text, expected) in [
            ("", ""),
            ("plain } text }}", "plain } text }}"),
            ("https://{{ host }}:{{host}}/", "https://h:h/"),
            ("{{ braces }}", "{{ host }}"),
        ] {
            assert_eq!(expand_template(text, value).as_deref(), Ok(expected), "{text:?}");
        }
    }
}
