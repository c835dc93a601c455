//! Looks at everything that serving on this machine needs.

use std::io;
use std::net::TcpListener;
use std::path::Path;

use rustix::fs::{Access, access};

use super::Config;
use super::client::{Client, ControlError};
use super::driver::other_version;
use super::fault;
use super::paths::{Paths, PathsError};
use crate::event::{Check, Verdict};
use crate::target::{Context, ErrorKind, Examine, Finding, TargetError};
use crate::targets;

const DIRECTORY: &str = "the data directory can be used";
const SERVER: &str = "a server is running";
const PORT: &str = "the first port is free";

/// What looks at this machine.
pub fn examine(config: &targets::Config) -> Box<dyn Examine> {
    Box::new(Examination { config: config.local.clone() })
}

struct Examination {
    config: Option<Config>,
}

#[async_trait::async_trait]
impl Examine for Examination {
    async fn examine(&self, cx: &Context, tell: &mut (dyn FnMut(Finding) + Send)) {
        let Some(config) = &self.config else {
            let hints = vec!["--data-dir DIR".to_owned()];
            tell(failed(DIRECTORY, ErrorKind::InvalidConfig, "no home is known".to_owned(), hints));
            return [SERVER, PORT].iter().for_each(|name| tell(skipped(name, "there is no data directory")));
        };
        let paths = config.paths();
        tell(look_at_directory(&paths));
        let answer = cx.cancel.run_until_cancelled(look_at_server(&paths)).await;
        let Some((finding, runs)) = answer else {
            return tell(failed(SERVER, ErrorKind::Cancelled, "cancelled".to_owned(), Vec::new()));
        };
        tell(finding);
        tell(match runs {
            true => skipped(PORT, "the server that runs has its ports"),
            false => look_at_port(config),
        });
    }
}

/// Whether the directory can be used or, where it is not there yet, be made. Changes nothing.
fn look_at_directory(paths: &Paths) -> Finding {
    let usable = paths.look().and_then(|()| {
        // The nearest one that is there: the others are made by the first deployment.
        let nearest = paths.data.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        let trouble = |error| PathsError::Directory { path: paths.data.clone(), source: io::Error::from(error) };
        access(nearest, Access::WRITE_OK | Access::EXEC_OK).map_err(trouble)
    });
    let shown = paths.data.display();
    match usable {
        Ok(()) if paths.data.exists() => passed(DIRECTORY, shown.to_string()),
        Ok(()) => passed(DIRECTORY, format!("{shown}, which the first deploy makes")),
        Err(error) => refused(DIRECTORY, fault::of_paths(error, "use the data directory")),
    }
}

/// Tells of the server, and whether one runs.
async fn look_at_server(paths: &Paths) -> (Finding, bool) {
    match Client::new(&paths.socket).server().await {
        Ok(info) => {
            let detail = format!("process {}, spin-deploy {}, on {}", info.pid, info.version, info.listen);
            let finding = match other_version(&info) {
                Some(warning) => finding(SERVER, Verdict::Warned, warning, Vec::new()),
                None => passed(SERVER, detail),
            };
            (finding, true)
        }
        Err(ControlError::NotRunning) => (skipped(SERVER, "there is none: one is started by a deploy"), false),
        Err(error) => (refused(SERVER, fault::of_question(error, "ask the server who it is", &paths.data)), false),
    }
}

/// Whether the first application of a server that is yet to be started gets the port that it should.
fn look_at_port(config: &Config) -> Finding {
    let address = config.first_address;
    let warned = |why: String| {
        let detail = format!("{why}: the next free one is taken");
        finding(PORT, Verdict::Warned, detail, vec!["choose another one: set SPIN_DEPLOY_FIRST_PORT".to_owned()])
    };
    match TcpListener::bind(address) {
        Ok(_) => passed(PORT, address.to_string()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => warned(format!("{address} is in use")),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => warned(format!("{address} may not be used")),
        Err(error) => {
            let hints = vec!["choose an address of this machine: set SPIN_DEPLOY_LISTEN".to_owned()];
            failed(PORT, ErrorKind::InvalidConfig, format!("{address}: {error}"), hints)
        }
    }
}

fn passed(name: &str, detail: String) -> Finding {
    finding(name, Verdict::Passed, detail, Vec::new())
}

fn skipped(name: &str, reason: &str) -> Finding {
    finding(name, Verdict::Skipped, reason.to_owned(), Vec::new())
}

fn failed(name: &str, kind: ErrorKind, detail: String, hints: Vec<String>) -> Finding {
    Finding { kind: Some(kind), ..finding(name, Verdict::Failed, detail, hints) }
}

/// What an error says of it.
fn refused(name: &str, error: TargetError) -> Finding {
    let TargetError { kind, operation, source, hints } = error;
    failed(name, kind, source.map_or(operation, |source| format!("{source:#}")), hints)
}

fn finding(name: &str, verdict: Verdict, detail: String, hints: Vec<String>) -> Finding {
    Finding { check: Check { name: name.to_owned(), verdict, detail, hints }, kind: None }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    use std::sync::Arc;

    use axum::http::StatusCode;
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::event::Silent;
    use crate::targets::local::stand_in::{self, Place};

    async fn looks(config: Option<Config>) -> Vec<(Verdict, String, Option<ErrorKind>)> {
        let cx = Context { reporter: Arc::new(Silent), cancel: CancellationToken::new() };
        let config = targets::Config { local: config, ..Default::default() };
        let mut told = Vec::new();
        examine(&config).examine(&cx, &mut |finding| told.push(finding)).await;
        let show = |finding: Finding| (finding.check.verdict, finding.check.detail, finding.kind);
        told.into_iter().map(show).collect()
    }

    fn verdicts(told: &[(Verdict, String, Option<ErrorKind>)]) -> Vec<Verdict> {
        told.iter().map(|look| look.0).collect()
    }

    #[tokio::test]
    async fn an_empty_machine_is_well_and_stays_empty() {
        let place = Place::new();
        let config = place.config("/nowhere/program", &[]);
        let told = looks(Some(config.clone())).await;
        assert_eq!(verdicts(&told), [Verdict::Passed, Verdict::Skipped, Verdict::Passed], "{told:?}");
        assert!(told[0].1.ends_with(", which the first deploy makes"), "{told:?}");
        assert!(!config.data_dir.exists());
    }

    #[tokio::test]
    async fn without_a_directory_nothing_is_looked_at() {
        let told = looks(None).await;
        assert_eq!(verdicts(&told), [Verdict::Failed, Verdict::Skipped, Verdict::Skipped]);
        assert_eq!(told[0].2, Some(ErrorKind::InvalidConfig));
    }

    #[tokio::test]
    async fn a_directory_that_others_may_enter_is_not_well() {
        let place = Place::new();
        let config = place.config("/nowhere/program", &[]);
        std::fs::DirBuilder::new().mode(0o700).create(&config.data_dir).unwrap();
        std::fs::write(config.data_dir.join("something"), "").unwrap();
        assert_eq!(looks(Some(config.clone())).await[0].0, Verdict::Passed);
        std::fs::set_permissions(&config.data_dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        let told = looks(Some(config)).await;
        assert_eq!((told[0].0, told[0].2), (Verdict::Failed, Some(ErrorKind::InvalidConfig)));
        assert!(told[0].1.contains("chmod 700"), "{told:?}");
    }

    #[tokio::test]
    async fn a_server_that_runs_is_named_and_one_of_another_version_is_warned_of() {
        let place = Place::new();
        place.serve(stand_in::good);
        let told = looks(Some(place.config("/nowhere/program", &[]))).await;
        assert_eq!(verdicts(&told), [Verdict::Passed, Verdict::Passed, Verdict::Skipped], "{told:?}");

        let other = Place::new();
        other.serve(|_| {
            Some((StatusCode::OK, json!({ "version": "0.0.1", "pid": 7, "listen": "127.0.0.1", "apps": [] })))
        });
        let told = looks(Some(other.config("/nowhere/program", &[]))).await;
        assert_eq!(told[1].0, Verdict::Warned);
        assert!(told[1].1.contains("process 7"), "{told:?}");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_warned_of_and_an_address_of_another_machine_is_not_well() {
        let place = Place::new();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = |first_address: SocketAddr| Config { first_address, ..place.config("/nowhere/program", &[]) };
        let told = looks(Some(at(taken.local_addr().unwrap()))).await;
        assert_eq!(told[2].0, Verdict::Warned, "{told:?}");
        let told = looks(Some(at("192.0.2.1:3000".parse().unwrap()))).await;
        assert_eq!((told[2].0, told[2].2), (Verdict::Failed, Some(ErrorKind::InvalidConfig)), "{told:?}");
    }
}
