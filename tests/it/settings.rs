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
    insta::assert_snapshot!(out, @"");
    let (code, out, err) = Place::with(PROJECT, USER).run(&["targets"], &[]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out, @"");
}

#[tokio::test]
async fn a_target_is_shown_with_the_origin_of_each_setting() {
    let place = Place::with(PROJECT, USER);
    let variables = [("HIPPO_TOKEN", "hunter2"), ("HIPPO_URL", "https://other.example.com")];
    let (code, out, err) = place.run(&["targets", "--show", "--domain", "x.example.com"], &variables).await;
    assert_eq!((code, err.as_str()), (0, "note: HIPPO_URL is used and not hippo-url in spin-deploy.toml:5\n"));
    insta::assert_snapshot!(out, @"");
}

#[tokio::test]
async fn this_machine_is_shown_with_its_limits_when_nothing_is_configured() {
    let (code, out, err) =
        Place::with("", "").run(&["targets", "--show", "-t", "local", "--data-dir", "/d"], &[]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out, @"");
}

#[tokio::test]
async fn a_file_beside_the_manifest_counts_wherever_the_program_runs() {
    let place = Place::with(PROJECT, "");
    let manifest = place.project.path().join("spin.toml").display().to_string();
    let output = place.program(place.config.path()).args(&["targets", "--from", &manifest]).run().await.expect(0);
    assert!(output.stdout.contains("staging (default)"), "{}", output.stdout);
    let output = place.program(place.config.path()).args(&["targets"]).run().await.expect(0);
    assert!(!output.stdout.contains("staging"), "{}", output.stdout);
}

#[tokio::test]
async fn a_wrong_file_stops_every_command_and_shows_no_values() {
    let wrong =
        "[target.staging]\ndriver = \"hippo\"\nhippo-ulr = \"https://x\"\nhippo-token = \"hunter2\"\ninsecure = true\n";
    let place = Place::with(wrong, "");
    let (code, out, err) = place.run(&["targets"], &[]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @"");
    for args in [&["deploy"][..], &["targets", "--show"], &["doctor", "-t", "local"]] {
        assert_eq!(place.run(args, &[]).await, (2, String::new(), err.clone()), "{args:?}");
    }
}

#[tokio::test]
async fn targets_that_were_not_chosen_are_named() {
    let place = Place::with(&PROJECT.replace("default-target", "# default-target"), "");
    let (code, out, err) = place.run(&[], &[]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @"");
    let (code, _, err) = place.run(&["-t", "stagin"], &[]).await;
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @"");
}

#[tokio::test]
async fn flags_that_would_change_nothing_are_refused() {
    let (code, _, err) = Place::with("", "").run(&["targets", "--hippo-url", "https://x.example.com"], &[]).await;
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @"");
    let (code, _, err) = Place::with(PROJECT, "").run(&["targets", "--show", "--data-dir", "x"], &[]).await;
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @"");
}

#[tokio::test]
async fn a_timeout_that_makes_no_sense_names_its_line() {
    let place = Place::with("[target.local]\ntimeout = \"soon\"\n", "");
    let (code, _, err) = place.run(&["-t", "local"], &[]).await;
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @"");
}
