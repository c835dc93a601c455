//! The Spin on this machine: is it there, and does `spin deploy` lead here?

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use semver::Version;
use tokio::process::Command;

use crate::event::{Check, Verdict};
use crate::settings::env::{Environment, VARIABLES};

/// The name of the plugin.
const PLUGIN: &str = "deployer";
/// How long Spin may take to say its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first Spin with plugins,
const PLUGINS: Version = Version::new(0, 6, 0);
/// the first that reads `SPIN_DEPLOY_PLUGIN`,
const VARIABLE: Version = Version::new(3, 4, 0);
/// and the first that has nothing to fall back on: seen with 3.6.3 and 4.0.2.
const REQUIRED: Version = Version::new(4, 0, 0);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spin {
    program: PathBuf,
    seen: Seen,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// There is none.
    Absent,
    /// It runs; what it says of its version, and the version where that can be told.
    Runs { said: String, version: Option<Version> },
    /// It cannot be run, or does not do as it should.
    Broken { why: String },
}

/// Asks the Spin that runs this, else the one on the `PATH`, for its version.
pub async fn find(environment: &Environment) -> Spin {
    let program = environment.spin().unwrap_or_else(|| PathBuf::from("spin"));
    let seen = look(&program, PATIENCE).await;
    Spin { program, seen }
}

async fn look(program: &Path, patience: Duration) -> Seen {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    // No program but this one is shown who we are.
    for variable in VARIABLES.iter().filter(|variable| variable.secret) {
        command.env_remove(variable.name);
    }
    let broken = |why: String| Seen::Broken { why };
    match tokio::time::timeout(patience, command.output()).await {
        Err(_) => broken(format!("it did not answer within {}", humantime::format_duration(patience))),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Seen::Absent,
        Ok(Err(error)) => broken(error.to_string()),
        Ok(Ok(output)) if !output.status.success() => broken(format!("it ended with {}", output.status)),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let said = said.lines().next().unwrap_or_default().trim().to_owned();
            let version = said.split_whitespace().find_map(|word| Version::parse(word).ok());
            Seen::Runs { said, version }
        }
    }
}

impl Spin {
    /// Whether it is there.
    pub fn check(&self) -> Check {
        let program = self.program.display();
        let (verdict, detail, hint) = match &self.seen {
            Seen::Runs { said, .. } => (Verdict::Passed, format!("{said} ({program})"), None),
            Seen::Absent => (
                Verdict::Warned,
                format!(
                    "{program} was not found; it is needed for `--build` and to be run as a plugin, and nothing else"
                ),
                Some("install Spin, or set SPIN_BIN_PATH to where it is"),
            ),
            Seen::Broken { why } => (
                Verdict::Warned,
                format!("`{program} --version`: {why}"),
                Some("install Spin again, or set SPIN_BIN_PATH to another one"),
            ),
        };
        check("Spin", verdict, detail, hint.map(str::to_owned))
    }

    /// Whether `spin deploy` leads here; `plugin` is what `SPIN_DEPLOY_PLUGIN` says.
    pub fn wiring(&self, plugin: Option<&str>) -> Check {
        let name = "spin deploy";
        let Seen::Runs { version, .. } = &self.seen else {
            return check(name, Verdict::Skipped, "there is no Spin that could".to_owned(), None);
        };
        let export = Some(format!("export SPIN_DEPLOY_PLUGIN={PLUGIN}"));
        let older = version.as_ref().filter(|version| **version < VARIABLE);
        match (older, plugin) {
            (Some(version), _) if *version < PLUGINS => {
                let detail = format!("Spin {version} knows no plugins (0.6 does): run spin-deploy by itself");
                check(name, Verdict::Warned, detail, None)
            }
            (Some(version), _) => {
                let detail = format!("Spin {version} does not read SPIN_DEPLOY_PLUGIN (3.4 does)");
                check(name, Verdict::Warned, detail, Some(format!("run it as `spin {PLUGIN} deploy`")))
            }
            (None, Some(PLUGIN)) => check(name, Verdict::Passed, format!("SPIN_DEPLOY_PLUGIN is {PLUGIN}"), None),
            (None, Some(other)) => {
                let detail = format!("SPIN_DEPLOY_PLUGIN is {other:?}: `spin deploy` runs that plugin");
                check(name, Verdict::Warned, detail, export)
            }
            (None, None) => {
                let instead = match version {
                    Some(version) if *version < REQUIRED => "runs the plugin cloud",
                    Some(_) => "ends with an error",
                    None => "does not lead here (Spin 3.4 and later read it)",
                };
                let detail = format!("SPIN_DEPLOY_PLUGIN is not set: `spin deploy` {instead}");
                check(name, Verdict::Warned, detail, export)
            }
        }
    }
}

fn check(name: &str, verdict: Verdict, detail: String, hint: Option<String>) -> Check {
    Check { name: name.to_owned(), verdict, detail, hints: hint.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(version: &str) -> Spin {
        let seen = Seen::Runs { said: format!("spin {version}"), version: Version::parse(version).ok() };
        Spin { program: PathBuf::from("spin"), seen }
    }

    #[test]
    fn the_wiring_depends_on_the_version_of_spin() {
        let table = [
            ("0.5.0", None, Verdict::Warned, "Spin 0.5.0 knows no plugins (0.6 does): run spin-deploy by itself"),
            ("2.7.0", Some("deployer"), Verdict::Warned, "Spin 2.7.0 does not read SPIN_DEPLOY_PLUGIN (3.4 does)"),
            ("3.4.0", Some("deployer"), Verdict::Passed, "SPIN_DEPLOY_PLUGIN is deployer"),
            ("3.6.3", None, Verdict::Warned, "SPIN_DEPLOY_PLUGIN is not set: `spin deploy` runs the plugin cloud"),
            ("4.0.2", None, Verdict::Warned, "SPIN_DEPLOY_PLUGIN is not set: `spin deploy` ends with an error"),
            (
                "4.0.2",
                Some("Deployer"),
                Verdict::Warned,
                "SPIN_DEPLOY_PLUGIN is \"Deployer\": `spin deploy` runs that plugin",
            ),
            ("4.0.2", Some("deployer"), Verdict::Passed, "SPIN_DEPLOY_PLUGIN is deployer"),
            (
                "of mine",
                None,
                Verdict::Warned,
                "SPIN_DEPLOY_PLUGIN is not set: `spin deploy` does not lead here (Spin 3.4 and later read it)",
            ),
        ];
        for (version, plugin, verdict, detail) in table {
            let check = spin(version).wiring(plugin);
            assert_eq!((check.verdict, check.detail.as_str()), (verdict, detail), "{version} {plugin:?}");
        }
        assert_eq!(spin("4.0.2").wiring(None).hints, ["export SPIN_DEPLOY_PLUGIN=deployer"]);
    }

    #[test]
    fn without_spin_nothing_can_be_wired() {
        let absent = Spin { program: PathBuf::from("spin"), seen: Seen::Absent };
        assert_eq!(absent.check().verdict, Verdict::Warned);
        assert_eq!(absent.wiring(Some("deployer")).verdict, Verdict::Skipped);
    }

    #[cfg(unix)]
    mod scripts {
        use std::os::unix::fs::PermissionsExt;

        use super::*;

        fn script(directory: &tempfile::TempDir, text: &str) -> PathBuf {
            let path = directory.path().join("spin");
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        }

        #[tokio::test]
        async fn spin_is_asked_for_its_version() {
            let directory = tempfile::tempdir().unwrap();
            let program = script(&directory, r#"[ "$1" = --version ] && echo "spin 4.0.2 (abc 2026-08-01)""#);
            let seen = look(&program, PATIENCE).await;
            let said = "spin 4.0.2 (abc 2026-08-01)".to_owned();
            assert_eq!(seen, Seen::Runs { said, version: Some(Version::new(4, 0, 2)) });
            let check = Spin { program, seen }.check();
            assert_eq!(check.verdict, Verdict::Passed);
            assert!(check.detail.starts_with("spin 4.0.2 (abc 2026-08-01) (/"), "{}", check.detail);
        }

        #[tokio::test]
        async fn a_spin_that_does_not_work_is_not_taken_for_one() {
            let directory = tempfile::tempdir().unwrap();
            assert_eq!(look(&directory.path().join("gone"), PATIENCE).await, Seen::Absent);
            let seen = look(&script(&directory, "exit 3"), PATIENCE).await;
            assert_eq!(seen, Seen::Broken { why: "it ended with exit status: 3".to_owned() });
            let seen = look(&script(&directory, "exec sleep 60"), Duration::from_millis(50)).await;
            assert_eq!(seen, Seen::Broken { why: "it did not answer within 50ms".to_owned() });
            let directory = tempfile::tempdir().unwrap();
            let seen = look(directory.path(), PATIENCE).await;
            assert!(matches!(seen, Seen::Broken { .. }), "{seen:?}");
        }
    }
}
