//! The help as a whole, and the routes by which arguments come.

use std::time::Duration;

use super::*;
use crate::settings::Key;

const MINUTE: Duration = Duration::from_secs(60);

fn command(words: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once(NAME).chain(words.split_whitespace()))
}

fn parse(words: &str) -> Result<DeployArgs, clap::Error> {
    let cli = command(words)?;
    Ok(match cli.command {
        None => cli.deploy,
        Some(Command::Deploy(args)) => *args,
        Some(_) => panic!("{words} is no deploy"),
    })
}

fn parse_serve(words: &str) -> Result<ServeArgs, clap::Error> {
    match command(words)?.command {
        Some(Command::Serve(args)) => Ok(*args),
        _ => panic!("{words} is no serve"),
    }
}

fn help(command: &mut clap::Command) -> String {
    command.render_help().to_string()
}

#[test]
fn clap_finds_nothing_wrong() {
    Cli::command().debug_assert();
}

/// The whole command, as it tells of itself on a terminal of this width.
fn told(help: Help) -> clap::Command {
    let mut command = telling(Cli::command().term_width(100), help);
    command.build();
    command
}

#[test]
fn the_short_help_has_the_usual_options_on_a_screen() {
    let help = help(&mut told(Help::Short));
    assert!(help.lines().count() <= 50, "{} lines", help.lines().count());
    assert!(help.lines().all(|line| line.chars().count() <= 100));
    insta::assert_snapshot!(help);
}

#[test]
fn the_whole_help_has_every_option_on_a_line() {
    let mut command = told(Help::Whole);
    let help = help(&mut command);
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
        let long = format!("--{}", option.get_long().expect("there are no words"));
        let told = help.lines().filter(|line| line.trim_start().starts_with('-'));
        let told = told.filter(|line| line.split([' ', ',']).any(|word| word == long));
        assert_eq!(told.count(), 1, "{long}");
    }
    insta::assert_snapshot!(help);
}

#[test]
fn the_help_of_the_word_has_the_same_options() {
    let options = |help: &str| {
        let start = help.find("Application:").unwrap();
        help[start..].to_owned()
    };
    for much in [Help::Short, Help::Whole] {
        let mut command = told(much);
        let of_word = help(command.find_subcommand_mut("deploy").unwrap());
        assert_eq!(options(&of_word), options(&help(&mut command)));
    }
}

#[test]
fn the_help_of_every_command_fits_its_width() {
    for much in [Help::Short, Help::Whole] {
        for command in told(much).get_subcommands_mut() {
            let help = help(command);
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        }
    }
}

#[test]
fn the_help_of_serve_fits_a_screen() {
    let mut command = told(Help::Whole);
    let help = help(command.find_subcommand_mut("serve").unwrap());
    assert!(help.lines().count() <= 40, "{} lines", help.lines().count());
    assert!(help.lines().all(|line| line.chars().count() <= 100));
    insta::assert_snapshot!(help);
}

#[test]
fn what_is_typed_after_serve_reaches_the_settings() {
    let words = "--data-dir d --listen 0.0.0.0 --first-port 80 --max-memory 1MiB --max-time 1s --max-requests 1 \
        --max-request-body 1KiB --max-response-body 1KiB";
    let layer = parse_serve(&format!("serve {words}")).unwrap().layer();
    let keys = [
        Key::DataDir,
        Key::Listen,
        Key::FirstPort,
        Key::MaxMemory,
        Key::MaxTime,
        Key::MaxRequests,
        Key::MaxRequestBody,
        Key::MaxResponseBody,
    ];
    for key in keys {
        assert_eq!(layer.origin(key), Some(crate::settings::Origin::Flag(key.flag())));
    }
    assert!(parse("--data-dir d").unwrap().layer().has(Key::DataDir));
}

#[test]
fn stopping_a_server_takes_no_limits() {
    assert!(parse_serve("serve --stop --data-dir d").unwrap().stop);
    for words in ["serve --stop --listen ::", "serve --stop --max-memory 1MiB", "serve --stop --detached", "serve x"] {
        assert!(parse_serve(words).is_err(), "{words}");
    }
}

#[test]
fn every_route_leads_to_the_same_arguments() {
    for words in ["--channel x -k", "deploy --channel x -k", "deploy -k --channel=x"] {
        let layer = parse(words).unwrap_or_else(|error| panic!("{words}: {error}")).layer();
        assert!(layer.has(Key::Channel) && layer.has(Key::Insecure), "{words}");
    }
}

#[test]
fn older_spellings_are_understood() {
    type Case = (&'static str, fn(&DeployArgs) -> bool);
    let table: &[Case] = &[
        ("-f shop", |args| args.application.source.from == Path::new("shop")),
        ("--file shop", |args| args.application.source.from == Path::new("shop")),
        ("--from shop", |args| args.application.source.from == Path::new("shop")),
        ("--from-file shop", |args| args.application.source.from == Path::new("shop")),
        ("--bindle-server http://x", |args| args.layer().has(Key::BindleServer)),
        ("--bindle-username x --bindle-password y", |args| {
            args.layer().has(Key::BindleUsername) && args.layer().has(Key::BindlePassword)
        }),
        ("--hippo-server http://x", |args| args.destination.hippo.hippo_url.as_deref() == Some("http://x")),
        ("--hippo-username x --hippo-password y", |args| {
            args.layer().has(Key::HippoUsername) && args.layer().has(Key::HippoPassword)
        }),
        ("-k", |args| args.layer().has(Key::Insecure)),
        ("--insecure", |args| args.layer().has(Key::Insecure)),
        ("-d dir", |args| args.former.staging_dir.as_deref() == Some(Path::new("dir"))),
        ("--staging-dir dir", |args| args.former.staging_dir.as_deref() == Some(Path::new("dir"))),
        ("--buildinfo abc", |args| args.packaging.buildinfo.as_deref() == Some("abc")),
        ("--no-buildinfo", |args| args.layer().has(Key::NoBuildinfo)),
        ("-e", |args| args.former.deploy_existing_bindle),
        ("--deploy-existing-bindle", |args| args.former.deploy_existing_bindle),
        ("--environment-name x", |args| args.layer().has(Key::SpinEnvironment)),
        ("--key-value a=b --key-value c=d", |args| args.former.key_value == ["a=b", "c=d"]),
        ("--readiness-timeout 60", |args| args.waiting.patience.timeout.as_deref() == Some("60")),
        ("", |args| args.waiting.patience(MINUTE) == Some(MINUTE)),
        ("--timeout 0", |args| args.waiting.patience(Duration::ZERO).is_none()),
        ("--no-wait", |args| args.waiting.patience(MINUTE).is_none()),
    ];
    for (words, holds) in table {
        assert!(holds(&parse(words).unwrap_or_else(|error| panic!("{words}: {error}"))), "{words}");
    }
}

#[test]
fn older_spellings_of_the_login_are_understood() {
    type Case = (&'static str, fn(&LoginArgs) -> bool);
    let table: &[Case] = &[
        ("--url http://x", |args| args.asking.layer().has(Key::HippoUrl)),
        ("--hippo-url http://x", |args| args.asking.layer().has(Key::HippoUrl)),
        ("--username x --password y", |args| {
            args.asking.layer().has(Key::HippoUsername) && args.asking.layer().has(Key::HippoPassword)
        }),
        ("--bindle-server http://x", |args| args.asking.layer().has(Key::BindleServer)),
        ("--bindle-username x --bindle-password y", |args| args.asking.layer().has(Key::BindlePassword)),
        ("--insecure", |args| args.asking.layer().has(Key::Insecure)),
        ("-k", |args| args.asking.layer().has(Key::Insecure)),
        ("--auth-method username", |args| args.auth_method.as_deref() == Some("username")),
        ("--environment-name x", |args| args.asking.layer().has(Key::SpinEnvironment)),
        ("--status", |args| args.status),
        ("--list", |args| args.list),
    ];
    for (words, holds) in table {
        match command(&format!("login {words}")).unwrap_or_else(|error| panic!("{words}: {error}")).command {
            Some(Command::Login(args)) => assert!(holds(&args), "{words}"),
            _ => panic!("{words} is no login"),
        }
    }
    let mut command = told(Help::Whole);
    let help = help(command.find_subcommand_mut("login").unwrap());
    for hidden in ["--url", "--username", "--password", "--status", "--list", "--auth-method", "--environment-name"] {
        assert!(!help.split_whitespace().any(|word| word == hidden), "{hidden}: {help}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let table = [
        "frob",
        "deploy frob",
        "--hippo-url",
        "--hippo-url=",
        "--buildinfo a --no-buildinfo",
        "--buildinfo a_b",
        "--timeout 5m --no-wait",
        "-q -v",
        "--format xml",
        "--override-compatibility-check",
        // Of `login` alone.
        "--url http://x",
        "--username x",
        "--password x",
    ];
    for words in table {
        assert!(parse(words).is_err(), "{words}");
    }
}

#[test]
fn the_program_has_the_name_that_the_user_typed() {
    let plain: Environment = [("A", "b")].into_iter().collect();
    let plugin: Environment = [("SPIN_BIN_PATH", "/usr/bin/spin")].into_iter().collect();
    let executable = Some(Path::new("/store/deployer/deployer"));
    assert_eq!(bin_name(&plain, executable), "spin-deploy");
    assert_eq!(bin_name(&plugin, executable), "spin deployer");
    assert_eq!(bin_name(&plugin, None), "spin-deploy");
}

#[test]
fn options_are_seen_in_arguments_that_make_no_sense() {
    let seen = |words: &str| {
        let args: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        typed(&args, "--format")
    };
    assert_eq!(seen("deploy --format json --bogus").as_deref(), Some("json"));
    assert_eq!(seen("--bogus --format=json").as_deref(), Some("json"));
    assert_eq!(seen("--bogus --formatted=json"), None);
    assert_eq!(seen("--bogus --format"), None);
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let environment = |name: &str| [(name, "dumb")].into_iter().collect::<Environment>();
    let (plain, no_color, dumb) = (environment("X"), environment("NO_COLOR"), environment("TERM"));
    assert!(coloured(Colour::Auto, &plain, true));
    assert!(!coloured(Colour::Auto, &plain, false));
    assert!(!coloured(Colour::Auto, &no_color, true));
    assert!(!coloured(Colour::Auto, &dumb, true));
    assert!(coloured(Colour::Always, &no_color, false));
    assert!(!coloured(Colour::Never, &plain, true));
}

/// Every flag, letter and other spelling of every command stands in the documentation, as a word of its own.
#[test]
fn the_documentation_tells_every_flag_of_every_command() {
    let documentation = include_str!("../../docs/configuration.md");
    let mut command = Cli::command();
    command.build();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    for (command, argument) in commands.flat_map(|one| one.get_arguments().map(move |argument| (one, argument))) {
        let long = argument.get_long_and_visible_aliases().into_iter().flatten();
        let longs = long.chain(argument.get_all_aliases().into_iter().flatten()).map(|name| format!("`--{name}`"));
        let shorts = argument.get_short().into_iter().map(|letter| format!("`-{letter}`"));
        for flag in longs.chain(shorts) {
            assert!(documentation.contains(&flag), "{flag} of {} is not documented", command.get_name());
        }
    }
}
