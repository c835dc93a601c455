//! Slips of those who type: a hint for what clap cannot know, and silence on what may be a secret.

use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The same error, with a tip where a word stands that is no command but looks like an application, or a command that
/// options stand before.
pub fn explained(mut error: clap::Error) -> clap::Error {
    let Some(word) = word(&error) else { return error };
    let tip = if is_path(word) {
        format!("to deploy the application there: `spin-deploy --from {}`", quoted(word))
    } else if error.kind() == ErrorKind::ArgumentConflict {
        format!("options stand after the command: `spin-deploy {} [OPTIONS]`", quoted(word))
    } else {
        return error;
    };
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    // A place that is called like a command nearly is a place.
    error.remove(ContextKind::SuggestedSubcommand);
    error
}

/// The same error without the value that was given to an option that takes none: to `--hippo-password-stdin` it is
/// likely a password.
pub fn without_secrets(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::TooManyValues {
        error.insert(ContextKind::InvalidValue, ContextValue::String("(not shown)".to_owned()));
    }
    error
}

/// The word that is not expected where it stands.
fn word(error: &clap::Error) -> Option<&str> {
    let kind = match error.kind() {
        ErrorKind::InvalidSubcommand | ErrorKind::ArgumentConflict => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => return None,
    };
    match error.get(kind) {
        Some(ContextValue::String(word)) if !word.starts_with('-') => Some(word),
        _ => None,
    }
}

/// Whether a word means a place: it is written like one, or there is one.
fn is_path(word: &str) -> bool {
    word.contains(['/', '\\']) || word == "." || word == ".." || word.ends_with(".toml") || Path::new(word).exists()
}

/// A word as a shell takes it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-\\:+@%,=".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Failure};

    fn hints(words: &[&str]) -> Vec<String> {
        let error = Cli::try_parse_from([&["spin-deploy"], words].concat()).err().unwrap();
        Failure::usage(&explained(error)).hints
    }

    #[test]
    fn a_path_is_taken_for_an_application() {
        for (words, tip) in [
            (&["./shop"][..], "--from ./shop"),
            (&["deploy", "./shop"], "--from ./shop"),
            (&["shop.toml"], "--from shop.toml"),
            (&["src"], "--from src"),
            (&["."], "--from ."),
            (&["-q", "my apps/shop"], "--from 'my apps/shop'"),
        ] {
            let expected = format!("to deploy the application there: `spin-deploy {tip}`");
            assert_eq!(hints(words)[0], expected, "{words:?}");
        }
    }

    #[test]
    fn a_value_that_no_option_takes_is_not_shown() {
        for flag in ["--hippo-password-stdin", "--hippo-token-stdin", "--no-wait"] {
            let error = Cli::try_parse_from(["spin-deploy", &format!("{flag}=hunter2")]).err().unwrap();
            let message = Failure::usage(&without_secrets(error)).message;
            assert_eq!(message, format!("unexpected value '(not shown)' for '{flag}' found; no more were expected"));
        }
    }

    #[test]
    fn other_words_are_taken_for_commands() {
        assert_eq!(hints(&["docter"])[0], "a similar subcommand exists: 'doctor'");
        assert_eq!(hints(&["frob"]), ["read --help"]);
        assert_eq!(hints(&["-q", "serve"])[0], "options stand after the command: `spin-deploy serve [OPTIONS]`");
        assert_eq!(hints(&["--chanel", "x"])[0], "a similar argument exists: '--channel'");
    }
}
