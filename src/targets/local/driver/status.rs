//! How an application is: what the server says, and what answers.

use super::{Local, release};
use crate::target::{AppName, FailingLayer, Phase, Proof, Release, Status, TargetError};
use crate::targets::local::client::ControlError;
use crate::targets::local::control::{AppStatus, Cause};
use crate::targets::local::record::ReleaseRecord;
use crate::targets::local::{fault, readiness};

impl Local {
    /// What the server says of an application, or, without one, what is recorded.
    pub(super) async fn full_status(&self, app: &AppName) -> Result<Status, TargetError> {
        match self.client.app(&app.0).await {
            Ok(Some(status)) => Ok(judge(&status)),
            Ok(None) => Ok(absent()),
            Err(ControlError::NotRunning) => Ok(match self.record(app).await? {
                None => absent(),
                Some(record) => Status {
                    detail: Some(format!("no server is running; start it: {}", fault::serve(&self.paths.data))),
                    layer: Some(FailingLayer::Connection),
                    release: Some(release(record.current(), None, Vec::new())),
                    ..Status::new(Phase::Pending)
                },
            }),
            Err(error) => Err(fault::of_question(error, format!("ask the server for {app}"), &self.paths.data)),
        }
    }

    /// Whether that release answers. The server is asked first: at the application's address something else could answer
    /// in its name.
    pub(super) async fn quick_status(&self, app: &AppName, release: &Release) -> Result<Status, TargetError> {
        let Ok(Some(found)) = self.client.app(&app.0).await else { return self.full_status(app).await };
        let current = found.record.current();
        // Ids begin anew when an application was removed in between.
        if (current.id.to_string(), &current.version) != (release.id.0.clone(), &release.version) {
            return Ok(replaced(current));
        }
        let status = judge(&found);
        match status.phase {
            Phase::Ready(_) => Ok(readiness::look(&self.http, &found.url, &app.0, release).await),
            _ => Ok(status),
        }
    }
}

/// Where an application stands, as the server has it.
fn judge(status: &AppStatus) -> Status {
    let version_of = |id| status.record.releases.iter().find(|release| release.id == id);
    let version = status.serving.and_then(version_of).map(|release| release.version.clone());
    let phase = match status.serving == Some(status.record.current) {
        true => Phase::Ready(Proof::Version),
        false if status.passing => Phase::Progressing,
        false => Phase::Failed,
    };
    let answers = matches!(phase, Phase::Ready(_));
    Status {
        version,
        detail: status.problem.clone(),
        layer: status.cause.filter(|_| !answers).map(layer),
        release: Some(release(status.record.current(), Some(status.url.clone()), Vec::new())),
        since: answers.then(|| status.record.since()),
        ..Status::new(phase)
    }
}

fn layer(cause: Cause) -> FailingLayer {
    match cause {
        Cause::Package => FailingLayer::Package,
        Cause::Application => FailingLayer::Application,
        Cause::Port => FailingLayer::Connection,
    }
}

/// Another release was made live meanwhile.
fn replaced(by: &ReleaseRecord) -> Status {
    let detail = format!("release {} ({}) was made live meanwhile", by.id, by.version);
    Status { version: Some(by.version.clone()), detail: Some(detail), ..Status::new(Phase::Replaced) }
}

fn absent() -> Status {
    Status::new(Phase::Absent)
}
