//! Configuration files and the real program: what there is to deploy to, and where each setting comes from.

use std::path::Path;

use tempfile::TempDir;

use crate::program::Program;

const PROJECT: &str = r#"default-target = "staging"

[target.staging]
driver = "hippo"
hippo-url = "https://hippo.staging.example.com"
ca-cert = "ca.pem"

[target.local]
first-port = 4000
"#;

/// A target that is meant when nobody says anything.
const UNNAMED: &str = "[target.hippo]\nhippo-url = \"https://hippo.example.com\"\n";

const USER: &str = r#"default-target = "production"

[target.production]
driver = "hippo"
hippo-url = "https://hippo.example.com"

[target.staging]
driver = "hippo"
hippo-url = "https://hippo.staging.example.com"
insecure = true
timeout = "10m"
"#;

/// A project and its user's configuration.
struct Place {
    project: TempDir,
    config: TempDir,
}

impl Place {
    fn with(project: &str, user: &str) -> Place {
        let place = Place { project: TempDir::new().unwrap(), config: TempDir::new().unwrap() };
        std::fs::write(place.project.path().join("spin-deploy.toml"), project).unwrap();
        std::fs::create_dir(place.config.path().join("spin-deploy")).unwrap();
        std::fs::write(place.config.path().join("spin-deploy/config.toml"), user).unwrap();
        place
    }

    fn program(&self, directory: &Path) -> Program {
        Program::new(directory).env("XDG_CONFIG_HOME", &self.config.path().display().to_string())
    }

    /// The exit code, then both outputs without the directories' own names.
    async fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
        let program = self.program(self.project.path()).args(args);
        let program = variables.iter().fold(program, |program, (name, value)| program.env(name, value));
        let output = program.run().await;
        let config = self.config.path().display().to_string();
        let bare = |text: String| text.replace(&config, "CONFIG");
        (output.code.unwrap(), bare(output.stdout), bare(output.stderr))
    }
}

#[tokio::test]
async fn targets_are_listed_with_or_without_files() {
    let (code, out, err) = Place::with("", "").run(&["targets"], &[]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out, @r#"
    DRIVER  WHAT IT IS                                  HAS
    hippo   Hippo on Nomad, with a Bindle registry      accounts, logs, history, removal, retrieval
    local   this machine: stores the app and serves it  logs, history, removal, retrieval
    "#);
    let (code, out, err) = Place::with(PROJECT, USER).run(&["targets"], &[]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out, @r#"
    TARGET             DRIVER  CONFIGURED IN
    local              local   spin-deploy.toml:8
    production         hippo   CONFIG/spin-deploy/config.toml:3
    staging (default)  hippo   spin-deploy.toml:3, CONFIG/spin-deploy/config.toml:7

    DRIVER  WHAT IT IS                                  HAS
    hippo   Hippo on Nomad, with a Bindle registry      accounts, logs, history, removal, retrieval
    local   this machine: stores the app and serves it  logs, history, removal, retrieval
    "#);
}

#[tokio::test]
async fn a_target_is_shown_with_the_origin_of_each_setting() {
    let place = Place::with(PROJECT, USER);
    let variables = [("HIPPO_TOKEN", "hunter2"), ("HIPPO_URL", "https://other.example.com")];
    let args = ["targets", "--show", "--domain", "x.example.com", "--ca-cert", "mine.pem"];
    let (code, out, err) = place.run(&args, &variables).await;
    assert_eq!((code, err.as_str()), (0, "note: HIPPO_URL is used and not hippo-url in spin-deploy.toml:5\n"));
    insta::assert_snapshot!(out, @r#"
    target                      staging
    driver                      hippo
    name                        -                          not set
    hippo-url                   https://other.example.com  HIPPO_URL
    hippo-token                 (set)                      HIPPO_TOKEN
    hippo-username              -                          not set
    hippo-password              -                          not set
    channel                     spin-deploy                the default
    domain                      x.example.com              --domain
    app-url                     -                          not set
    bindle-server               -                          not set
    bindle-username             -                          not set
    bindle-password             -                          not set
    signing-key                 -                          not set
    ca-cert                     mine.pem                   --ca-cert
    insecure                    true                       CONFIG/spin-deploy/config.toml:10
    allow-insecure-credentials  false                      the default
    no-buildinfo                false                      the default
    timeout                     10m                        CONFIG/spin-deploy/config.toml:11
    check                       -                          not set
    credential-store            file                       the default
    environment-name            -                          not set
    "#);
}

#[tokio::test]
async fn this_machine_is_shown_with_its_limits_when_nothing_is_configured() {
    let (code, out, err) =
        Place::with("", "").run(&["targets", "--show", "-t", "local", "--data-dir", "/d"], &[]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out, @r#"
    target                      local
    driver                      local
    name                        -          not set
    ca-cert                     -          not set
    insecure                    false      the default
    allow-insecure-credentials  false      the default
    no-buildinfo                false      the default
    timeout                     5m         the default
    check                       -          not set
    credential-store            file       the default
    data-dir                    /d         --data-dir
    listen                      127.0.0.1  the default
    first-port                  3000       the default
    max-memory                  256MiB     the default
    max-time                    30s        the default
    max-requests                100        the default
    max-request-body            16MiB      the default
    max-response-body           64MiB      the default
    "#);
}

#[tokio::test]
async fn a_file_beside_the_manifest_counts_wherever_the_program_runs() {
    let place = Place::with(PROJECT, "");
    let manifest = place.project.path().join("spin.toml").display().to_string();
    let output = place.program(place.config.path()).args(&["targets", "--from", &manifest]).run().await.expect(0);
    assert!(output.stdout.contains("staging (default)"), "{}", output.stdout);
    let output = place.program(place.config.path()).args(&["targets"]).run().await.expect(0);
    assert!(!output.stdout.contains("staging"), "{}", output.stdout);
    let (_, out, _) = Place::with(UNNAMED, "").run(&["targets"], &[]).await;
    assert!(out.contains("hippo (default)"), "{out}");
}

#[tokio::test]
async fn a_wrong_file_stops_every_command_and_shows_no_values() {
    let wrong =
        "[target.staging]\ndriver = \"hippo\"\nhippo-ulr = \"https://x\"\nhippo-token = \"hunter2\"\ninsecure = true\n";
    let place = Place::with(wrong, "");
    let (code, out, err) = place.run(&["targets"], &[]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @r#"
    error: could not use spin-deploy.toml
      spin-deploy.toml:3: target.staging.hippo-ulr: there is no such key
        try: did you mean `hippo-url`?
      spin-deploy.toml:4: target.staging.hippo-token: a secret must not lie in a configuration file
        try: log in with `spin-deploy login`, or set HIPPO_TOKEN
      spin-deploy.toml:5: target.staging.insecure: counts in the user's own file only: a project must not lower the safety of its users
        try: pass --insecure, or write it into CONFIG/spin-deploy/config.toml
      try: correct the file, and run the same command again
    "#);
    for args in [&["deploy"][..], &["targets", "--show"], &["doctor", "-t", "local"]] {
        assert_eq!(place.run(args, &[]).await, (2, String::new(), err.clone()), "{args:?}");
    }
}

#[tokio::test]
async fn targets_that_were_not_chosen_are_named() {
    let place = Place::with(&PROJECT.replace("default-target", "# default-target"), "");
    let (code, out, err) = place.run(&[], &[]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @r#"
    error: nothing says which of the configured targets is meant: local, staging
      try: choose one: --target local
      try: to say it once and for all, write `default-target = "local"` into spin-deploy.toml beside spin.toml
      try: see what there is: `spin-deploy targets`
    "#);
    let (code, _, err) = place.run(&["-t", "stagin"], &[]).await;
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @r#"
    error: there is no target "stagin", which --target names: did you mean staging?
      try: one of these: staging (hippo), hippo (Hippo on Nomad, with a Bindle registry), local (this machine: stores the app and serves it)
    "#);
}

#[tokio::test]
async fn flags_that_would_change_nothing_are_refused() {
    let (code, _, err) = Place::with("", "").run(&["targets", "--hippo-url", "https://x.example.com"], &[]).await;
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @r#"
    error: --hippo-url means something together with --show only
      try: to see one target's settings: `spin-deploy targets --show`
    "#);
    let (code, _, err) = Place::with("", "").run(&["targets", "--hippo-token-stdin"], &[]).await;
    assert_eq!(code, 2);
    assert!(err.starts_with("error: --hippo-token-stdin means something together with --show only\n"), "{err}");
    let (code, _, err) = Place::with(PROJECT, "").run(&["targets", "--show", "--data-dir", "x"], &[]).await;
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @r#"
    error: --data-dir is for the target local, and this one is hippo
      try: leave it out, or choose that target: `--target local`
    "#);
}

#[tokio::test]
async fn a_timeout_that_makes_no_sense_names_its_line() {
    let place = Place::with("[target.local]\ntimeout = \"soon\"\n", "");
    let (code, _, err) = place.run(&["-t", "local"], &[]).await;
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @r#"
    error: could not use timeout in spin-deploy.toml:2: "soon" is no duration up to 24h
      try: timeout = "5m"
    "#);
}

#[tokio::test]
async fn the_target_that_a_variable_names_is_the_default_of_the_list() {
    let (code, out, _) = Place::with(PROJECT, USER).run(&["targets"], &[("SPIN_DEPLOY_TARGET", "production")]).await;
    assert_eq!(code, 0);
    assert!(out.contains("production (default)") && !out.contains("staging (default)"), "{out}");
}

#[tokio::test]
async fn every_login_there_is_has_nothing_to_do_with_a_project() {
    let place = Place::with("this is no TOML", "default-target = \"of-the-project\"\n");
    let variables = [("SPIN_DEPLOY_TARGET", "of-the-project")];
    for args in [&["whoami", "--all"][..], &["logout", "--all"]] {
        let (code, _, err) = place.run(args, &variables).await;
        assert_eq!(code, 0, "{args:?}: {err}");
    }
    assert_eq!(place.run(&["whoami"], &variables).await.0, 2);
    for args in [["whoami", "--all", "--from", "."], ["logout", "--all", "--target", "hippo"]] {
        assert_eq!(place.run(&args, &[]).await.0, 2, "{args:?}");
    }
}
