//! `completions`: a script for the user's shell.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::{Cli, ExitCode, NAME, print};
use crate::ui::Streams;

/// The program's name without its hyphen: with one, what `clap_complete` 4.6 makes for bash completes nothing after a
/// command, for it writes the name in two ways.
const BASH_NAME: &str = "spin_deploy";

/// Writes the script to stdout. It is for the crate's own binary: a plugin cannot be completed, Spin stands before it.
pub fn run(shell: Shell, streams: Streams) -> ExitCode {
    print(&script(shell), streams)
}

/// The whole script.
fn script(shell: Shell) -> String {
    match shell {
        Shell::Bash => {
            let script = generate(shell, BASH_NAME);
            // The name of the function may stay as it is; what is completed is this program.
            script.replace(&format!("-o default {BASH_NAME}\n"), &format!("-o default {NAME}\n"))
        }
        _ => generate(shell, NAME),
    }
}

/// What `clap_complete` makes. Not yet written to anywhere, for it panics where it cannot write.
fn generate(shell: Shell, name: &str) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(&Cli::command()), name, &mut script);
    String::from_utf8(script).expect("the script is made of the texts of the help, which are UTF-8")
}

/// The command without what is hidden in the help: the generators do not look at that.
fn visible(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned();
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set()).map(visible);
    let visible = Command::new(command.get_name().to_owned()).args(arguments).subcommands(commands);
    let about = command.get_about().cloned().unwrap_or_default();
    match command.get_version() {
        Some(version) => visible.about(about).version(version.to_owned()),
        None => visible.about(about),
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_gets_every_command_and_option() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in ["deploy", "whoami", "completions", "hippo-url", "first-port", "register"] {
                assert!(script.contains(word), "{shell}: {word} is missing");
            }
            assert!(script.contains(NAME), "{shell}: it is for another program");
            assert!(!script.contains("spin spin-deploy"), "{shell}: it is for the plugin");
        }
    }

    #[test]
    fn what_is_hidden_is_not_completed() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in ["--detached", "--deploy-existing-bindle", "--key-value", "--auth-method"] {
                assert!(!script.contains(word.trim_start_matches('-')), "{shell}: {word}");
            }
        }
    }
}
