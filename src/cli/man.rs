//! `man`: the manual page, one for all commands.

use std::collections::BTreeSet;
use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use roff::{Roff, bold, italic, roman};

use super::args::EXAMPLES;
use super::{Cli, ExitCode, NAME, print};
use crate::settings::env::VARIABLES;
use crate::ui::Streams;

/// Writes the page to stdout: `spin-deploy man | man -l -`.
pub fn run(streams: Streams) -> ExitCode {
    print(&page(), streams)
}

/// The whole page. `clap_mangen` makes a page of each command; here the other commands are chapters of the first.
fn page() -> String {
    let mut command = Cli::command().bin_name(NAME).disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    render(&command, &mut page).expect("a vector can be written to");
    String::from_utf8(page).expect("the page is made of the texts of the help, which are UTF-8")
}

fn render(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let usage = format!("{NAME} [OPTIONS]\n{NAME} <COMMAND> [OPTIONS]");
    let man = Man::new(command.clone().override_usage(usage)).manual("User Commands");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    commands(command).to_writer(page)?;
    man.render_options_section(page)?;
    for chapter in command.get_subcommands().filter(|chapter| has_own_options(chapter, command)) {
        page.extend(options(chapter, command)?.into_bytes());
    }
    exit_status().to_writer(page)?;
    environment().to_writer(page)?;
    examples().to_writer(page)
}

/// What each command does, and what it takes.
fn commands(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for chapter in command.get_subcommands().filter(|chapter| !chapter.is_hide_set()) {
        let mut usage = vec![bold(chapter.get_name())];
        for argument in chapter.get_positionals() {
            usage.extend([roman(" <"), italic(argument.get_id().as_str()), roman(">")]);
        }
        roff.control("TP", []).text(usage).text([roman(described(chapter, command))]);
    }
    roff
}

/// What a command does, and where its options are told.
fn described(chapter: &Command, command: &Command) -> String {
    let about = chapter.get_about().map(ToString::to_string).unwrap_or_default();
    let end = if about.ends_with(['.', '?']) { "" } else { "." };
    let mut options = shared_headings(chapter, command);
    options.extend(has_own_options(chapter, command).then(|| title(chapter)));
    match options.as_slice() {
        [] => format!("{about}{end}"),
        options => format!("{about}{end} Takes what stands below {}.", options.join(", ")),
    }
}

/// The headings of the options that mean the same without a command, in their order.
fn shared_headings(chapter: &Command, command: &Command) -> Vec<String> {
    let shared = chapter.get_arguments().filter(|argument| is_shared(argument, command) && !argument.is_hide_set());
    let mut headings: Vec<String> =
        shared.filter_map(|argument| argument.get_help_heading()).map(str::to_uppercase).collect();
    let mut seen = BTreeSet::new();
    headings.retain(|heading| seen.insert(heading.clone()));
    headings
}

/// Whether an option is one of those that stand for the page's first command already.
fn is_shared(argument: &clap::Arg, command: &Command) -> bool {
    command.get_arguments().any(|other| other.get_id() == argument.get_id())
}

fn has_own_options(chapter: &Command, command: &Command) -> bool {
    let hidden = |argument: &clap::Arg| argument.is_hide_set() || argument.is_positional();
    chapter.get_arguments().any(|argument| !hidden(argument) && !is_shared(argument, command))
}

/// The options that a command has alone, as a chapter of the page.
fn options(chapter: &Command, command: &Command) -> io::Result<String> {
    let own = chapter.clone().mut_args(|argument| {
        let hidden = argument.is_hide_set() || argument.is_positional() || is_shared(&argument, command);
        // One heading for all of them: the chapter's.
        argument.hide(hidden).help_heading(None::<&str>)
    });
    let mut page = Vec::new();
    Man::new(own).render_options_section(&mut page)?;
    let page = String::from_utf8(page).map_err(io::Error::other)?;
    Ok(page.replacen(".SH OPTIONS", &format!(".SH \"{}\"", title(chapter)), 1))
}

/// The heading of the options that a command has alone.
fn title(chapter: &Command) -> String {
    format!("OPTIONS OF {}", chapter.get_name().to_uppercase())
}

fn exit_status() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for code in ExitCode::ALL {
        roff.control("TP", []).text([bold(code.number().to_string())]).text([roman(code.meaning())]);
    }
    roff
}

fn environment() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    for variable in VARIABLES {
        roff.control("TP", []).text([bold(variable.name)]).text([roman(variable.purpose)]);
    }
    roff
}

fn examples() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in EXAMPLES.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page's own chapters and requests; lines that begin with a dot are requests of roff.
    fn requests(page: &str, name: &str) -> Vec<String> {
        page.lines()
            .filter_map(|line| line.strip_prefix(name))
            .map(|rest| rest.trim_matches([' ', '"']).to_owned())
            .collect()
    }

    #[test]
    fn it_is_one_page_with_every_command_option_and_variable() {
        let page = page();
        assert_eq!(requests(&page, ".TH ").len(), 1);
        let chapters = requests(&page, ".SH");
        for chapter in ["NAME", "SYNOPSIS", "COMMANDS", "HIPPO", "OPTIONS OF SERVE", "OPTIONS OF LOGIN", "EXIT STATUS"]
        {
            assert_eq!(chapters.iter().filter(|other| *other == chapter).count(), 1, "{chapter} in {chapters:?}");
        }
        // Hyphens are escaped: a plain one may become a typographic one.
        let plain = page.replace("\\-", "-");
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        for chapter in std::iter::once(&command).chain(command.get_subcommands()) {
            assert!(plain.contains(chapter.get_name()), "{}", chapter.get_name());
            for argument in chapter.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let Some(long) = argument.get_long() else { continue };
                assert!(plain.contains(&format!("--{long}")), "--{long} of {}", chapter.get_name());
            }
        }
        for variable in VARIABLES {
            assert!(plain.contains(variable.name), "{}", variable.name);
        }
        for hidden in ["--detached", "--key-value", "--auth-method"] {
            assert!(!plain.contains(hidden), "{hidden}");
        }
    }
}
