//! A path of the application that has to answer, too: `PATH[=STATUS]`.

use std::fmt;
use std::ops::RangeInclusive;

use super::{Key, Layers, Setting, SettingsError};

/// The statuses that HTTP has.
const STATUS: RangeInclusive<u16> = 100..=599;

/// What has to answer, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct Check {
    /// The path, with a `/` first and perhaps a query.
    pub path: String,
    /// The status; `None`: any of success (2xx).
    pub status: Option<u16>,
}

/// Without what a query holds.
impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("path", &shown(&self.path)).field("status", &self.status).finish()
    }
}

/// Decides.
pub(super) fn decide(layers: &Layers<'_>) -> Result<Option<Setting<Check>>, SettingsError> {
    let Some(Setting { value, origin }) = layers.text(Key::Check)? else { return Ok(None) };
    match parse(&value) {
        Ok(value) => Ok(Some(Setting { value, origin })),
        Err(why) => Err(SettingsError::Unusable { origin, value: shown(&value), why, example: "/health=200" }),
    }
}

/// What may be seen of a check: a query may hold what is secret.
pub(super) fn shown(text: &str) -> String {
    match text.split_once('?') {
        Some((path, _)) => format!("{path}?…"),
        None => text.to_owned(),
    }
}

/// Takes a check apart. A path has no `=` (it would be `%3D`), and a parameter of a query has one: what follows a further
/// one is the status.
fn parse(text: &str) -> Result<Check, &'static str> {
    let (path, status) = split(text)?;
    if !path.starts_with('/') {
        return Err("is no path that begins with /");
    }
    if path.starts_with("//") {
        return Err("names a host, and the application's own is meant");
    }
    if path.chars().any(|char| char.is_whitespace() || char.is_control() || matches!(char, '#' | '\\')) {
        return Err("holds characters that a path must not have");
    }
    Ok(Check { path: path.to_owned(), status })
}

/// Path and status.
fn split(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let Some((head, tail)) = text.rsplit_once('=') else { return Ok((text, None)) };
    let status = tail.parse().ok().filter(|status| STATUS.contains(status) && tail.len() == 3);
    let Some(query) = head.find('?') else {
        let status = status.ok_or("has something else than a status from 100 to 599 after its =")?;
        return Ok((head, Some(status)));
    };
    // An `=` of the last parameter's own.
    let has_value = head[query..].rsplit('&').next().is_some_and(|parameter| parameter.contains('='));
    match (status, has_value) {
        (Some(status), true) => Ok((head, Some(status))),
        (Some(_), false) => {
            Err("may end in a status or in a value of its query: write the status, too, after another =")
        }
        (None, _) => Ok((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layer, Origin};
    use super::*;

    #[test]
    fn paths_and_statuses() {
        for (text, path, status) in [
            ("/", "/", None),
            ("/health", "/health", None),
            ("/health=204", "/health", Some(204)),
            ("/a?b", "/a?b", None),
            ("/a?b=c", "/a?b=c", None),
            ("/a?b=c=503", "/a?b=c", Some(503)),
            ("/a?b=200=503", "/a?b=200", Some(503)),
            ("/a?b==404", "/a?b=", Some(404)),
            ("/a?b=1&c=12", "/a?b=1&c=12", None),
            ("/a?b=abc==", "/a?b=abc==", None),
            ("/ä", "/ä", None),
        ] {
            assert_eq!(parse(text), Ok(Check { path: path.to_owned(), status }), "{text}");
        }
    }

    #[test]
    fn what_is_no_check_says_why() {
        for (text, why) in [
            ("health", "begins with /"),
            ("https://example.com/", "begins with /"),
            ("=200", "begins with /"),
            ("//example.com/x", "host"),
            ("/a=b", "status"),
            ("/a=99", "status"),
            ("/a=600", "status"),
            ("/a=+200", "status"),
            ("/a=", "status"),
            ("/a?b=200", "another ="),
            ("/a?x=1&b=200", "another ="),
            ("/a b", "characters"),
            ("/a#b", "characters"),
            ("/\\example.com", "characters"),
            ("/a\n", "characters"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn a_query_does_not_show_in_debug() {
        let check = parse("/a?token=hunter2=200").unwrap();
        assert_eq!(format!("{check:?}"), r#"Check { path: "/a?…", status: Some(200) }"#);
    }

    #[test]
    fn the_error_names_where_it_comes_from_and_no_query() {
        let mut layer = Layer::default();
        layer.set(Key::Check, "health?token=hunter2", Origin::Variable("SPIN_DEPLOY_CHECK"));
        let error = decide(&Layers(&[layer])).unwrap_err();
        assert_eq!(error.to_string(), "could not use SPIN_DEPLOY_CHECK: \"health?…\" is no path that begins with /");
        assert_eq!(error.hints(), ["SPIN_DEPLOY_CHECK=/health=200"]);
    }
}
