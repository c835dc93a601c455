//! How much the help tells: `-h` the usual options on a screen, everything else all of them, each on a line.

use std::ffi::OsString;

use clap::Command;

use super::args;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Help {
    /// The usual options.
    Short,
    /// All of them.
    Whole,
}

impl Help {
    /// How much these arguments want, where they want help at all. `-h` may stand among other short flags.
    pub fn wanted(args: &[OsString]) -> Help {
        let short = |arg: &OsString| {
            arg.to_str()
                .and_then(|arg| arg.strip_prefix('-'))
                .is_some_and(|flags| !flags.starts_with('-') && flags.ends_with('h'))
        };
        if args.iter().skip(1).any(short) { Help::Short } else { Help::Whole }
    }
}

/// Makes a command tell as much. Clap's own long help takes three lines an option; to it, both of ours are short ones.
pub fn telling(command: Command, help: Help) -> Command {
    match help {
        Help::Short => with_usual_examples(command),
        Help::Whole => all_shown(command),
    }
}

/// Commands that few look for.
const RARE: &[&str] = &["logout", "whoami", "completions", "man"];

fn with_usual_examples(command: Command) -> Command {
    let usual = args::after_short_help();
    let command = command.after_help(usual.clone()).mut_subcommand("deploy", |deploy| deploy.after_help(usual));
    RARE.iter().fold(command, |command, rare| command.mut_subcommand(rare, |rare| rare.hide(true)))
}

fn all_shown(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_short_help(false)).mut_subcommands(all_shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_help_is_for_those_who_ask_for_it() {
        let wanted = |words: &str| Help::wanted(&words.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        for words in ["x -h", "x deploy -h", "x -qh"] {
            assert_eq!(wanted(words), Help::Short, "{words}");
        }
        for words in ["x --help", "x help", "x", "-h", "x --path", "x -f path"] {
            assert_eq!(wanted(words), Help::Whole, "{words}");
        }
    }
}
