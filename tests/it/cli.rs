//! The real binary in a sealed environment: whole output and exit code.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The binary with no variables but a home of its own.
fn spin_deploy(home: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spin-deploy"));
    command.env_clear().env("HOME", home.path()).current_dir(home.path());
    command
}

fn run(args: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let home = tempfile::tempdir().unwrap();
    let Output { status, stdout, stderr } =
        spin_deploy(&home).args(args).envs(variables.iter().copied()).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Addresses where nobody is asked anything.
const HIPPO: (&str, &str) = ("HIPPO_URL", "https://hippo.example.com");
const BINDLE: (&str, &str) = ("BINDLE_SERVER_URL", "https://bindle.example.com/v1");

#[test]
fn help_and_version_go_to_stdout() {
    let version = format!("spin-deploy {}\n", env!("CARGO_PKG_VERSION"));
    for args in [&["--version"][..], &["-V"]] {
        assert_eq!(run(args, &[]), (0, version.clone(), String::new()));
    }
    for args in [&["--help"][..], &["deploy", "-h"], &["help"]] {
        let (code, out, err) = run(args, &[("SPIN_BIN_PATH", "/usr/bin/spin")]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("Usage: spin spin-deploy"), "{out}");
        assert!(out.contains("--hippo-url <URL>"), "{out}");
    }
}

#[test]
fn serve_has_help_of_its_own() {
    let (code, out, err) = run(&["serve", "--help"], &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("Usage: spin-deploy serve [OPTIONS]") && out.contains("--max-memory <SIZE>"), "{out}");
    assert!(!out.contains("--detached") && !out.contains("--hippo-url"), "{out}");
}

#[test]
fn wrong_usage_is_2_and_says_so_on_stderr() {
    let (code, out, err) = run(&["deploy", "--chanel", "x"], &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @r"
    error: unexpected argument '--chanel' found

      tip: a similar argument exists: '--channel'

    Usage: spin-deploy deploy --channel <NAME>

    For more information, try '--help'.
    ");
}

#[test]
fn an_unknown_target_is_told_what_there_is() {
    let (code, out, err) = run(&[], &[("SPIN_DEPLOY_TARGET", "hipo")]);
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @r#"
    error: there is no target "hipo", which SPIN_DEPLOY_TARGET names: did you mean hippo?
      try: one of these: hippo (Hippo on Nomad, with a Bindle registry), local (this machine: stores the app and serves it)
    "#);
}

#[test]
fn who_has_said_nothing_is_told_the_choices() {
    let (code, out, err) = run(&[], &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @r#"
    error: nothing says where to deploy to: no target is configured, and none was given
      try: serve it on this machine, which needs nothing else: `spin-deploy --target local`
      try: or log in to Hippo: `spin-deploy login --hippo-url URL`
      try: then deploy to it: `spin-deploy --hippo-url URL --bindle-server URL`
      try: to say it once and for all, write `default-target = "local"` into spin-deploy.toml beside spin.toml
      try: see what there is: `spin-deploy targets`
    "#);
    for command in ["login", "whoami", "doctor"] {
        let (code, out, err) = run(&[command], &[]);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.starts_with("error: nothing says w") && err.contains("`spin-deploy targets`"), "{err}");
        assert!(err.contains(&format!("`spin-deploy {command} ")), "{err}");
    }
    let (_, _, err) = run(&["--hippo-url", "https://hippo.example.com"], &[]);
    assert!(!err.contains("nothing says"), "{err}");
}

#[test]
fn words_that_are_no_commands_are_explained() {
    let home = tempfile::tempdir().unwrap();
    let output = spin_deploy(&home).args(["./shop"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @r"
    error: unrecognized subcommand './shop'

      tip: to deploy the application there: `spin-deploy --from ./shop`

    Usage: spin-deploy [OPTIONS]
           spin-deploy <COMMAND>

    For more information, try '--help'.
    ");
    let (code, _, err) = run(&["docter"], &[]);
    assert_eq!(code, 2);
    assert!(err.contains("tip: a similar subcommand exists: 'doctor'"), "{err}");
}

#[test]
fn help_comes_short_and_whole_by_flag_and_by_word() {
    let lines = |args: &[&str]| {
        let (code, out, err) = run(args, &[]);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        out
    };
    let (short, whole) = (lines(&["-h"]), lines(&["--help"]));
    assert!(!short.contains("--signing-key") && whole.contains("--signing-key"), "{short}");
    assert!(short.contains("see more with '--help'"), "{short}");
    assert_eq!(lines(&["help"]), whole);
    assert_eq!(lines(&["help", "doctor"]), lines(&["doctor", "--help"]));
}

#[test]
fn former_options_are_heeded() {
    let (code, _, err) = run(&["-t", "local", "-e", "-d", "staging"], &[]);
    assert_eq!(code, 3, "there is no application");
    assert!(err.starts_with("note: --deploy-existing-bindle is not needed: "), "{err}");
    assert!(err.contains("\nnote: --staging-dir is not needed: "), "{err}");
    let (code, out, err) = run(&["-t", "local", "--key-value", "token=hunter2"], &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @r"
    error: could not use --key-value: no target takes key-value pairs at deploy time
      try: let the application write them itself, or give it what it needs as a variable: `--variable NAME=VALUE`
    ");
}

#[test]
fn a_server_that_cannot_start_does_not_date_its_reason() {
    let (code, _, err) = run(&["serve", "--max-memory", "lots"], &[]);
    assert_eq!(code, 2);
    assert!(err.starts_with("error: could not use --max-memory"), "{err}");
}

#[test]
fn a_doctor_on_a_machine_without_anything_finds_what_it_needs() {
    let (code, out, err) = run(&["doctor", "-t", "local", "--channel", "x"], &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("error: --channel is for the target hippo"), "{err}");
    let (code, out, _) = run(&["doctor", "-t", "local", "--format", "json"], &[("PATH", "/nowhere")]);
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let checks: Vec<_> =
        records.iter().filter(|record| record["event"] == "checked").map(|r| (&r["check"], &r["verdict"])).collect();
    let expected = [("target", "passed"), ("Spin", "warned"), ("spin deploy", "skipped")];
    for (seen, (check, verdict)) in checks.iter().zip(expected) {
        assert_eq!((seen.0.as_str().unwrap(), seen.1.as_str().unwrap()), (check, verdict), "{out}");
    }
    let last = records.last().unwrap();
    assert_eq!((code, &last["event"]), (0, &"examined".into()), "{out}");
}

#[test]
fn limits_that_make_no_sense_are_refused_wherever_they_come_from() {
    let (code, _, err) = run(&["serve", "--stop"], &[("SPIN_DEPLOY_MAX_MEMORY", "lots")]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @r#"
    error: could not use SPIN_DEPLOY_MAX_MEMORY: "lots" is no size from 64KiB to 4GiB
      try: SPIN_DEPLOY_MAX_MEMORY=256MiB
    "#);
    assert_eq!(run(&["serve", "--max-requests", "0"], &[]).0, 2);
    assert_eq!(run(&["--target", "local"], &[("SPIN_DEPLOY_LISTEN", "localhost")]).0, 2);
}

#[test]
fn stopping_where_no_server_runs_is_no_error_and_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = spin_deploy(&home).args(["serve", "--stop"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "stopped: no server was running\n");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_server_runs_once_for_a_data_directory_and_ends_when_it_is_asked_to() {
    let home = tempfile::tempdir().unwrap();
    let serve = |args: &[&str]| {
        let mut command = spin_deploy(&home);
        command.args(["serve", "--format", "json", "--data-dir", "data"]).args(args);
        command
    };
    let records = |out: Vec<u8>| -> Vec<Value> {
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let mut first = serve(&[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(first.stdout.take().unwrap());
    let mut line = String::new();
    // It serves when it says so.
    out.read_line(&mut line).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["event"], "note");

    let second = serve(&[]).output().unwrap();
    assert_eq!(second.status.code(), Some(11));
    assert_eq!(records(second.stdout).last().unwrap()["error"]["reason"], "conflict");

    let stop = serve(&["--stop"]).output().unwrap();
    assert_eq!(stop.status.code(), Some(0));
    let pid = records(stop.stdout).last().unwrap()["pid"].clone();
    assert_eq!(pid, first.id());
    assert_eq!(first.wait().unwrap().code(), Some(0));
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    let last = records(rest).pop().unwrap();
    assert_eq!((&last["event"], &last["pid"]), (&"stopped".into(), &pid));
}

#[test]
fn secrets_on_the_command_line_earn_a_warning_and_are_not_shown() {
    let (code, out, err) = run(&["--hippo-token", "hunter2", "--hippo-password", "hunter2"], &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @r"
    warning: --hippo-token can be seen in the list of processes: set HIPPO_TOKEN instead
    warning: --hippo-password can be seen in the list of processes: set HIPPO_PASSWORD instead
    error: --hippo-token cannot be used together with --hippo-password
      try: leave out --hippo-token or --hippo-password
    ");
}

#[test]
fn a_username_alone_is_4() {
    let (code, _, err) =
        run(&["whoami", "-q", "--hippo-username", "ada"], &[HIPPO, BINDLE, ("HIPPO_PASSWORD", ""), ("CI", "true")]);
    assert_eq!(code, 4);
    insta::assert_snapshot!(err, @r"
    error: --hippo-username is given, but the password for https://hippo.example.com is missing
      try: set HIPPO_PASSWORD, or pass --hippo-password-stdin and write it to standard input
    ");
}

#[test]
fn an_address_with_a_password_is_not_shown() {
    let (code, _, err) = run(&["--hippo-url", "https://ada:hunter2@hippo.example.com"], &[]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @r"
    error: could not use the URL of --hippo-url
      caused by: it holds a username or a password, which have settings of their own
      try: leave them out there, and keep them by `spin-deploy login`
    ");
}

#[test]
fn machines_get_exactly_one_record_of_a_failure() {
    let table: &[(&[&str], i32, &str)] = &[
        (&["--format", "json", "--bogus"], 2, "unexpected argument '--bogus' found"),
        (
            &["--variable", "x", "--format=json"],
            2,
            "could not use a --variable: it is not NAME=VALUE, with a name in lower case",
        ),
        (
            &["whoami", "--format=json", "--hippo-username", "a"],
            4,
            "--hippo-username is given, but the password for https://hippo.example.com is missing",
        ),
    ];
    for (args, code, message) in table {
        let (exit, out, err) = run(args, &[HIPPO]);
        assert_eq!((exit, err.as_str()), (*code, ""), "{args:?}");
        let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records.len(), 1, "{out}");
        assert_eq!(records[0]["event"], "failed");
        assert_eq!(records[0]["error"]["code"], *code);
        assert_eq!(records[0]["error"]["message"], *message);
    }
}

#[test]
fn colours_are_for_those_who_ask() {
    let coloured = |args: &[&str], variables: &[(&str, &str)]| run(args, variables).2.contains('\u{1b}');
    assert!(!coloured(&["-t", "x"], &[]));
    assert!(coloured(&["-t", "x", "--color", "always"], &[("NO_COLOR", "1")]));
    assert!(coloured(&["--bogus", "--color=always"], &[]));
    assert!(!coloured(&["--bogus", "--color=never"], &[]));
}
