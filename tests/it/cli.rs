//! The real binary in a sealed environment: whole output and exit code.

use std::process::{Command, Output};

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

#[test]
fn help_and_version_go_to_stdout() {
    let version = format!("spin-deploy {}\n", env!("CARGO_PKG_VERSION"));
    for args in [&["--version"][..], &["-V"]] {
        assert_eq!(run(args, &[]), (0, version.clone(), String::new()));
    }
    for args in [&["--help"][..], &["deploy", "-h"]] {
        let (code, out, err) = run(args, &[("SPIN_BIN_PATH", "/usr/bin/spin")]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("Usage: spin spin-deploy"), "{out}");
        assert!(out.contains("--hippo-url <URL>"), "{out}");
    }
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
      try: one of these: hippo (Hippo on Nomad, with a Bindle registry)
    "#);
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
    let (code, _, err) = run(&["-q", "--hippo-username", "ada"], &[("HIPPO_PASSWORD", "")]);
    assert_eq!(code, 4);
    insta::assert_snapshot!(err, @r"
    error: --hippo-username is given, but the password for Hippo is missing
      try: set HIPPO_PASSWORD (or pass --hippo-password)
    ");
}

#[test]
fn an_address_with_a_password_is_not_shown() {
    let (code, _, err) = run(&["--hippo-url", "https://ada:hunter2@hippo.example.com"], &[]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @r"
    error: could not use the URL of --hippo-url
      caused by: it holds a username or a password, which have settings of their own
    ");
}

#[test]
fn machines_get_exactly_one_record_of_a_failure() {
    let table: &[(&[&str], i32, &str)] = &[
        (&["--format", "json", "--bogus"], 2, "unexpected argument '--bogus' found"),
        (&["--variable", "x", "--format=json"], 2, "could not use a --variable: it is not NAME=VALUE"),
        (
            &["--format=json", "--bindle-username", "a"],
            2,
            "--bindle-username is given, but the password for the Bindle server is missing",
        ),
    ];
    for (args, code, message) in table {
        let (exit, out, err) = run(args, &[]);
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
