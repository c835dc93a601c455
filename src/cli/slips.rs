//! Slips of those who type: a hint for what clap cannot know, and silence on what may be a secret.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;

/// What stands in the place of a value that may be a secret.
const HIDDEN: &str = "(not shown)";

/// The same error, with a tip where a word stands that is no command but looks like an application, or a command that
/// options stand before.
pub fn explained(mut error: clap::Error) -> clap::Error {
    let Some(word) = word(&error).filter(|word| *word != HIDDEN) else { return error };
    let tip = if is_path(word) {
        let Some(tip) = tip_for_path(&error, word) else { return error };
        tip
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

/// How the application at a path is named to the command that was typed; `None`: it takes none.
fn tip_for_path(error: &clap::Error, path: &str) -> Option<String> {
    let path = quoted(path);
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let cli = Cli::command();
    let typed = usage.split_whitespace().find_map(|word| cli.find_subcommand(word));
    let Some(command) = typed.filter(|command| command.get_name() != "deploy") else {
        return Some(format!("to deploy the application there: `spin-deploy --from {path}`"));
    };
    let takes = |name| command.get_arguments().any(|option| option.get_long() == Some(name));
    // Where both are there, `--from` is a target.
    let example = match (takes("file"), takes("from")) {
        (true, _) => format!("`spin-deploy {} --file {path}`", command.get_name()),
        (false, true) => format!("`spin-deploy {} --from {path}`", command.get_name()),
        (false, false) => return None,
    };
    Some(format!("the application there is named by an option: {example}"))
}

/// The same error without the value that was given to an option that takes none: to `--hippo-password-stdin` it is
/// likely a password, joined to it or not.
pub fn without_secrets(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let value = match error.kind() {
        ErrorKind::TooManyValues => ContextKind::InvalidValue,
        ErrorKind::UnknownArgument if follows_stdin(word(&error), args) => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand | ErrorKind::ArgumentConflict if follows_stdin(word(&error), args) => {
            ContextKind::InvalidSubcommand
        }
        _ => return error,
    };
    error.insert(value, ContextValue::String(HIDDEN.to_owned()));
    error
}

/// Whether a word that is no command stands behind an option that reads standard input, as if it were its value.
fn follows_stdin(word: Option<&str>, args: &[OsString]) -> bool {
    let Some(word) = word.filter(|word| Cli::command().find_subcommand(word).is_none()) else { return false };
    let reads = |option: &OsString| option.to_str().is_some_and(|option| option.ends_with("-stdin"));
    args.windows(2).any(|pair| reads(&pair[0]) && pair[1] == word)
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
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-\\:+@%,=".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Failure;

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
    fn a_path_is_for_the_command_that_was_typed() {
        for (words, tip) in [
            (&["plan", "./shop"][..], "spin-deploy plan --from ./shop"),
            (&["status", "./shop"], "spin-deploy status --from ./shop"),
            (&["promote", "--from", "staging", "./shop"], "spin-deploy promote --file ./shop"),
        ] {
            assert_eq!(hints(words)[0], format!("the application there is named by an option: `{tip}`"), "{words:?}");
        }
        assert_eq!(hints(&["serve", "./shop"]), ["read --help"]);
    }

    fn refusal(words: &[&str]) -> String {
        let error = Cli::try_parse_from([&["spin-deploy"], words].concat()).err().unwrap();
        let args: Vec<OsString> = words.iter().map(OsString::from).collect();
        Failure::usage(&explained(without_secrets(error, &args))).message
    }

    #[test]
    fn a_value_that_no_option_takes_is_not_shown() {
        for flag in ["--hippo-password-stdin", "--hippo-token-stdin", "--no-wait"] {
            let message = refusal(&[&format!("{flag}=hunter2")]);
            assert_eq!(message, format!("unexpected value '(not shown)' for '{flag}' found; no more were expected"));
        }
        assert_eq!(refusal(&["login", "--hippo-token-stdin", "hunter2"]), "unexpected argument '(not shown)' found");
        assert_eq!(
            refusal(&["--hippo-password-stdin", "hunter2"]),
            "the subcommand '(not shown)' cannot be used with '--hippo-password-stdin'"
        );
        let known = "the subcommand 'login' cannot be used with '--hippo-token-stdin'";
        assert_eq!(refusal(&["--hippo-token-stdin", "login"]), known);
        assert_eq!(refusal(&["login", "-q", "hunter2"]), "unexpected argument 'hunter2' found");
    }

    #[test]
    fn other_words_are_taken_for_commands() {
        assert_eq!(hints(&["docter"])[0], "a similar subcommand exists: 'doctor'");
        assert_eq!(hints(&["xyzzy"]), ["read --help"]);
        assert_eq!(hints(&["-q", "serve"])[0], "options stand after the command: `spin-deploy serve [OPTIONS]`");
        assert_eq!(hints(&["--chanel", "x"])[0], "a similar argument exists: '--channel'");
    }
}
