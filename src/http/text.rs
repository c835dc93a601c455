//! What a server said, in a form that can be printed.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The longest text of a server that is shown, in characters.
const LONGEST: usize = 500;

/// The words of an error answer: RFC 9457 problems, ASP.NET's validation problems, Bindle's `error = "…"`, or a short
/// plain text. Empty when it says nothing.
pub(super) fn of_error(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let words = of_json(text).or_else(|| of_toml(text)).or_else(|| of_html(text));
    printable(&words.unwrap_or_else(|| text.to_owned()))
}

/// What kind of thing a body is that should have been something else.
pub(super) fn kind_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match of_html(text.trim()) {
        _ if text.trim().is_empty() => "nothing".into(),
        Some(page) => printable(&page),
        None => "something else".into(),
    }
}

/// The members of a problem that say something (RFC 9457, and what older servers use in their place).
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    #[serde(alias = "error")]
    message: Option<String>,
    /// ASP.NET's `ValidationProblemDetails`: messages by member name.
    #[serde(default)]
    errors: BTreeMap<String, Vec<String>>,
}

fn of_json(text: &str) -> Option<String> {
    if let Ok(text) = serde_json::from_str::<String>(text) {
        return Some(text);
    }
    let problem: Problem = serde_json::from_str(text).ok()?;
    let members = problem.errors.iter().flat_map(|(name, messages)| {
        messages.iter().map(move |message| match name.as_str() {
            "" => message.clone(),
            name => format!("{name}: {message}"),
        })
    });
    let words: Vec<String> =
        [problem.title, problem.detail, problem.message].into_iter().flatten().chain(members).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn of_toml(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        error: String,
    }
    toml::from_str::<Answer>(text).ok().map(|answer| answer.error)
}

/// A page is named by its title; its text is for browsers.
fn of_html(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if !["<!doctype html", "<html", "<head", "<body"].iter().any(|start| lower.starts_with(start)) {
        return None;
    }
    let title = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        let end = start + lower[start..].find("</title>")?;
        Some(text[start..end].trim())
    });
    Some(match title {
        Some(title) if !title.is_empty() => format!("an HTML page ({title})"),
        _ => "an HTML page".into(),
    })
}

/// The text on one line, without anything that a terminal would obey, and not too long.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::new();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (index, character) in words.chars().enumerate() {
        if index == LONGEST {
            shown.push('…');
            break;
        }
        match is_unprintable(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    shown
}

/// Control characters, and those that reorder or hide text.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_words_of_errors() {
        for (body, words) in [
            (r#"{"title":"Bad Request","status":400,"detail":"no such app"}"#, "Bad Request; no such app"),
            (
                r#"{"title":"One or more validation errors occurred.","errors":{"Name":["too long","bad"],"":["x"]}}"#,
                "One or more validation errors occurred.; x; Name: too long; Name: bad",
            ),
            (r#"{"error":"nope"}"#, "nope"),
            (r#""just text""#, "just text"),
            ("error = \"resource already exists\"\n", "resource already exists"),
            ("upstream connect error\n  retry later", "upstream connect error retry later"),
            ("<!DOCTYPE html><html><head><TITLE> 502 Bad\nGateway </TITLE>", "an HTML page (502 Bad Gateway)"),
            ("  <html><body>secret</body>", "an HTML page"),
            ("", ""),
            ("{}", "{}"),
            ("red \u{1b}[31m\u{202e}txt", r"red \u{1b}[31m\u{202e}txt"),
        ] {
            assert_eq!(of_error(body.as_bytes()), words, "{body:?}");
        }
        assert_eq!(of_error(b"caf\xe9"), "caf\u{fffd}");
        assert_eq!(of_error("ä".repeat(9999).as_bytes()), "ä".repeat(LONGEST) + "…");
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys(body: Vec<u8>) {
            prop_assert!(!of_error(&body).contains(is_unprintable));
            prop_assert!(!kind_of(&body).contains(is_unprintable));
        }

        #[test]
        fn nor_in_text(text: String) {
            let shown = printable(&text);
            prop_assert!(!shown.contains(is_unprintable));
        }
    }
}
