//! The command line: the only place that knows clap.
//!
//! `args.rs` holds what was typed, one file a command what it does, `failure.rs` what an error means to the caller.
#![allow(clippy::result_large_err, reason = "a failure comes once a run, and holds all that is told about it")]

mod act;
mod again;
mod args;
mod asking;
mod build;
mod completions;
mod credentials;
mod decide;
mod deploy;
mod destroy;
mod doctor;
mod elsewhere;
mod exit_code;
mod failure;
mod first_contact;
mod former;
mod help;
mod job;
mod logging;
mod login;
mod logout;
mod logs;
mod machine;
mod man;
mod package;
mod panic;
mod promote;
mod releases;
mod rollback;
mod serve;
mod signals;
mod slips;
mod status;
mod subject;
mod targets;
mod tell;
mod variables;
mod visit;
mod wait;
mod watch;
mod whoami;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use jiff::Timestamp;

use crate::event::{About, Event, Reporter};
use crate::settings::env::Environment;
use crate::ui::{self, GitHub, Human, Json, Streams};
use args::{
    Colour, CompletionsArgs, DeployArgs, DestroyArgs, DoctorArgs, Format, LoginArgs, LogoutArgs, LogsArgs, OutputArgs,
    PackageArgs, PlanArgs, PromoteArgs, ReleasesArgs, RollbackArgs, ServeArgs, StatusArgs, TargetsArgs, WaitArgs,
    WhoamiArgs,
};
use failure::Failure;
use help::{Help, telling};
use watch::Watch;

pub use exit_code::ExitCode;

/// The name of the crate's own binary; Spin's plugin archive gives it another.
const NAME: &str = "spin-deploy";

/// Deploy the Spin application in this directory and return when it answers.
#[derive(Parser)]
#[command(name = NAME, version, propagate_version = true, args_conflicts_with_subcommands = true)]
#[command(after_help = args::after_help())]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a command, deploy is meant: Spin passes the word on some routes and swallows it on others.
    #[command(flatten)]
    deploy: DeployArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Package, upload, release and wait: what happens without a command, too.
    #[command(after_help = args::after_help())]
    Deploy(Box<DeployArgs>),
    /// Say what a deploy would do, and do nothing
    Plan(Box<PlanArgs>),
    /// Say what runs, which release it is, and whether it is well
    Status(Box<StatusArgs>),
    /// Wait until a release answers that was made before
    Wait(Box<WaitArgs>),
    /// Print what the app writes
    // `-f` follows, as everywhere.
    #[command(mut_arg("from", |from| from.short(None)))]
    Logs(Box<LogsArgs>),
    /// List the releases, the active one marked
    Releases(Box<ReleasesArgs>),
    /// Make an earlier release live again
    Rollback(Box<RollbackArgs>),
    /// Remove the app, or one channel of it
    Destroy(Box<DestroyArgs>),
    /// Write the package to disk, offline, to be deployed with --package
    Package(Box<PackageArgs>),
    /// Make live at a target what is live at another, the same bytes
    Promote(Box<PromoteArgs>),
    /// Serve what was deployed to the target local: a deploy starts this by itself
    #[command(after_help = args::AFTER_SERVE_HELP)]
    Serve(Box<ServeArgs>),
    /// Log in to a target and keep the token
    // As `spin login` of Spin 0.6 to 1.2 calls them.
    #[command(mut_arg("hippo_url", |url| url.alias("url")))]
    #[command(mut_arg("hippo_username", |username| username.alias("username")))]
    #[command(mut_arg("hippo_password", |password| password.alias("password")))]
    Login(Box<LoginArgs>),
    /// Forget a login
    Logout(Box<LogoutArgs>),
    /// Who am I at a target?
    Whoami(Box<WhoamiArgs>),
    /// List the targets there are, or show one's settings
    Targets(Box<TargetsArgs>),
    /// Look at everything that a deploy needs
    Doctor(Box<DoctorArgs>),
    /// Print a script that completes commands and options
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
}

/// Parses and runs. `args` begin with the program's own name.
pub fn main(args: Vec<OsString>, environment: &Environment, streams: Streams) -> ExitCode {
    panic::remember();
    let name = bin_name(environment, std::env::current_exe().ok().as_deref());
    let mut command = telling(Cli::command().bin_name(name), Help::wanted(&args));
    let parsed = command.try_get_matches_from_mut(&args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            return not_parsed(&slips::explained(slips::without_secrets(error, &args)), &args, environment, streams);
        }
    };
    logging::start(environment);
    match cli.command {
        None => deploy(&cli.deploy, environment, streams),
        Some(Command::Deploy(args)) => deploy(&args, environment, streams),
        Some(Command::Plan(args)) => {
            run(&args.output, environment, streams, |watch| deploy::run_plan(&args, environment, watch))
        }
        Some(Command::Status(args)) => {
            run(&args.app.place.output, environment, streams, |watch| status::run(&args, environment, watch))
        }
        Some(Command::Wait(args)) => {
            run_live(&args.app.place.output, environment, streams, |watch| wait::run(&args, environment, watch))
        }
        Some(Command::Logs(args)) => {
            run(&args.app.place.output, environment, streams, |watch| logs::run(&args, environment, watch))
        }
        Some(Command::Releases(args)) => {
            run(&args.app.place.output, environment, streams, |watch| releases::run(&args, environment, watch))
        }
        Some(Command::Rollback(args)) => {
            run_live(&args.app.place.output, environment, streams, |watch| rollback::run(&args, environment, watch))
        }
        Some(Command::Destroy(args)) => {
            run(&args.app.place.output, environment, streams, |watch| destroy::run(&args, environment, watch))
        }
        Some(Command::Package(args)) => {
            run(&args.output, environment, streams, |watch| package::run(&args, environment, watch))
        }
        Some(Command::Promote(args)) if args.releasing.dry_run => {
            run(&args.output, environment, streams, |watch| promote::run(&args, environment, watch))
        }
        Some(Command::Promote(args)) => {
            run_live(&args.output, environment, streams, |watch| promote::run(&args, environment, watch))
        }
        Some(Command::Serve(args)) => {
            let decided = panic::catch(|| serve::decide(&args, environment));
            // A server dates its lines. What keeps it from starting is an answer to whoever typed the command.
            let dated = decided.is_ok() && !args.stop;
            let timestamps = dated.then_some(Timestamp::now as fn() -> Timestamp);
            conclude(reporter(&args.output, environment, streams, timestamps), |watch| {
                serve::run(&args, &decided?, watch).map(Ended::from)
            })
        }
        Some(Command::Login(args)) => {
            run(&args.asking.output, environment, streams, |watch| login::run(&args, environment, watch))
        }
        Some(Command::Logout(args)) => {
            run(&args.asking.output, environment, streams, |watch| logout::run(&args, environment, watch))
        }
        Some(Command::Whoami(args)) => {
            run(&args.asking.output, environment, streams, |watch| whoami::run(&args, environment, watch))
        }
        Some(Command::Targets(args)) => {
            run(&args.asking.output, environment, streams, |watch| targets::run(&args, environment, watch))
        }
        Some(Command::Doctor(args)) => {
            run(&args.asking.output, environment, streams, |watch| doctor::run(&args, environment, watch))
        }
        Some(Command::Completions(args)) => completions::run(args.shell, streams),
        Some(Command::Man) => man::run(streams),
    }
}

/// How a command ended that gave an answer.
pub struct Ended {
    /// The last event.
    event: Event,
    /// What the answer means to a script.
    code: ExitCode,
}

/// All is well.
impl From<Event> for Ended {
    fn from(event: Event) -> Self {
        Ended { event, code: ExitCode::Success }
    }
}

/// Runs a command that reports to whom these options say.
fn run<T: Into<Ended>>(
    output: &OutputArgs,
    environment: &Environment,
    streams: Streams,
    command: impl FnOnce(&Arc<Watch>) -> Result<T, Failure>,
) -> ExitCode {
    conclude(reporter(output, environment, streams, None), |watch| command(watch).map(Into::into))
}

/// The same for a command that makes something live, or sees to it that it is: GitHub Actions hear of it as well.
fn run_live<T: Into<Ended>>(
    output: &OutputArgs,
    environment: &Environment,
    streams: Streams,
    command: impl FnOnce(&Arc<Watch>) -> Result<T, Failure>,
) -> ExitCode {
    let reporter = reporter(output, environment, streams, None);
    let heard = GitHub::new(reporter, environment.step_output(), environment.step_summary());
    conclude(Arc::new(heard), |watch| command(watch).map(Into::into))
}

/// Deploys, or says what that would do, which makes nothing live.
fn deploy(args: &DeployArgs, environment: &Environment, streams: Streams) -> ExitCode {
    match args.releasing.dry_run {
        true => run(&args.output, environment, streams, |watch| deploy::run(args, environment, watch)),
        false => run_live(&args.output, environment, streams, |watch| deploy::run(args, environment, watch)),
    }
}

/// Runs a command and reports how it ended: exactly one last event, whatever happens.
fn conclude(reporter: Arc<dyn Reporter>, command: impl FnOnce(&Arc<Watch>) -> Result<Ended, Failure>) -> ExitCode {
    let watch = Arc::new(Watch::new(reporter));
    let (event, code) = match panic::catch(|| command(&watch)) {
        Ok(Ended { event, code }) => (event, code),
        Err(failure) => (failure.event(watch.about()), failure.code),
    };
    watch.report(event);
    code
}

/// Who hears of the run. `timestamps` gives the time that stands before each line for people.
fn reporter(
    output: &OutputArgs,
    environment: &Environment,
    streams: Streams,
    timestamps: Option<fn() -> Timestamp>,
) -> Arc<dyn Reporter> {
    match output.format {
        Format::Json => Arc::new(Json::to(streams, Timestamp::now)),
        Format::Human => {
            let look = ui::Look {
                verbosity: output.verbosity(),
                colour: coloured(output.color, environment, streams.err_is_terminal),
                moving: streams.err_is_terminal && !environment.dumb_terminal(),
                timestamps,
            };
            Arc::new(Human::new(streams, look))
        }
    }
}

fn coloured(choice: Colour, environment: &Environment, is_terminal: bool) -> bool {
    match choice {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => is_terminal && !environment.no_color() && !environment.dumb_terminal(),
    }
}

/// What is printed when the arguments are no command: help, the version, or what is wrong with them.
fn not_parsed(error: &clap::Error, args: &[OsString], environment: &Environment, mut streams: Streams) -> ExitCode {
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !asked_for && typed(args, "--format").is_some_and(|format| format == "json") {
        let failure = Failure::usage(error);
        Json::to(streams, Timestamp::now).report(failure.event(About::default()));
        return failure.code;
    }
    let colour = match typed(args, "--color").as_deref() {
        Some("always") => Colour::Always,
        Some("never") => Colour::Never,
        _ => Colour::Auto,
    };
    let (sink, is_terminal, code) = if asked_for {
        (&mut streams.out, streams.out_is_terminal, ExitCode::Success)
    } else {
        (&mut streams.err, streams.err_is_terminal, ExitCode::Usage)
    };
    let text = error.render();
    let text = if coloured(colour, environment, is_terminal) { text.ansi().to_string() } else { text.to_string() };
    // There is no better place to complain about it.
    let _ = ui::write(sink, &text);
    code
}

/// Prints what was asked for, whole. Where it cannot be written, that is a failure: there is nothing else to it.
fn print(text: &str, mut streams: Streams) -> ExitCode {
    let Err(error) = ui::write(&mut streams.out, text) else { return ExitCode::Success };
    let mut failure = Failure::new(ExitCode::Usage, "could not write to standard output");
    failure.causes.push(error.to_string());
    let failure = failure.hint("make room, or write to another place");
    let look = ui::Look { verbosity: ui::Verbosity::Normal, colour: false, moving: false, timestamps: None };
    Human::new(streams, look).report(failure.event(About::default()));
    failure.code
}

/// The value of an option in arguments that could not be parsed, as well as can be told.
fn typed(args: &[OsString], option: &str) -> Option<String> {
    let texts: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let apart = texts.windows(2).find(|pair| pair[0] == option).map(|pair| pair[1]);
    let joined = texts.iter().find_map(|text| text.strip_prefix(option)?.strip_prefix('='));
    apart.or(joined).map(str::to_owned)
}

/// What the help calls the program: what the user types to get here.
fn bin_name(environment: &Environment, executable: Option<&Path>) -> String {
    let stem = executable.and_then(Path::file_stem).and_then(|stem| stem.to_str());
    match (environment.spin(), stem) {
        (Some(_), Some(stem)) => format!("spin {stem}"),
        _ => NAME.to_owned(),
    }
}

#[cfg(test)]
mod hint_tests;
#[cfg(test)]
mod tests;
