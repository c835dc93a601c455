//! How an application is: what Hippo, Nomad and the application itself say.

use std::time::Duration;

use tokio::time::timeout;

use super::HippoTarget;
use super::api::{Channel, JobStatus};
use super::changes::ChannelState;
use super::layer::{self, Platform};
use super::readiness::{self, Sight};
use crate::event::Silent;
use crate::package::PackageId;
use crate::registry::bindle::Standing;
use crate::target::{AppName, Context, Phase, Proof, Status, TargetError};

/// How long a question about a job may take whose answer is good to have.
const PATIENCE: Duration = Duration::from_secs(3);

impl HippoTarget {
    /// Everything that Hippo, Nomad and the application itself say.
    pub(super) async fn full_status(&self, cx: &Context, app: &AppName) -> Result<Status, TargetError> {
        let Some((channel, package)) = self.find_channel(cx, app).await? else {
            let detail = format!("Hippo has no app {app} with a channel {}", self.channel);
            return Ok(Status { detail: Some(detail), ..Status::new(Phase::Absent) });
        };
        let job = self.hippo.job_status(cx, &channel.id).await;
        let job =
            job.map_err(|error| self.hippo.fail(format!("ask for the job of channel {}", channel.name), error))?;
        let recorded = ChannelState::read(&channel).version;
        let sight = readiness::look(cx, &self.http, self.app_url.of(&channel.domain).as_ref(), &package).await?;
        let obstacle = match &sight {
            Sight::Nothing(silence) => Some(silence.obstacle),
            Sight::Version(_) | Sight::Healthy => None,
        };
        let mut status = judge(sight, recorded.as_deref());
        match &recorded {
            _ if matches!(status.phase, Phase::Ready(_)) => {}
            None => status = Status { layer: None, phase: Phase::Pending, ..status },
            // Of any other job nothing more could be told than what was seen of the application.
            Some(version) if matches!(job, JobStatus::Pending | JobStatus::Dead) => {
                let platform = self.platform(cx, &channel, job, &package, version).await;
                status.layer = layer::failing(obstacle, Some(&platform));
                if job == JobStatus::Dead && platform.is_down() {
                    status.phase = Phase::Failed;
                }
            }
            Some(_) => {}
        }
        status.detail = Some(describe(job, recorded.as_deref(), status.detail));
        status.release = recorded.map(|version| self.release_of(&version, &channel.domain));
        Ok(status)
    }

    /// What else there is to know of a job that is pending or dead. Whoever is asked may be what is down, so the answers are
    /// not waited for for long, and what cannot be known is left out. Only Hippo's health has the client's own patience: no
    /// dead job is believed without it.
    async fn platform(
        &self,
        cx: &Context,
        channel: &Channel,
        job: JobStatus,
        package: &str,
        version: &str,
    ) -> Platform {
        let (health, log, gone) = tokio::join!(
            self.hippo.health(cx),
            timeout(PATIENCE, self.hippo.logs_at_once(cx, &channel.id)),
            timeout(PATIENCE, self.is_gone(package, version)),
        );
        let health = health.ok();
        let is_healthy = |part| health.as_ref().and_then(|health| health.is_healthy(part));
        Platform {
            job,
            nomad_is_well: is_healthy("Nomad") == Some(true),
            bindle_is_down: is_healthy("Bindle") == Some(false),
            package_is_gone: gone.unwrap_or(false),
            log: log.ok().and_then(Result::ok),
        }
    }

    /// Whether no host can get that version from the Bindle server any more, as far as it says so.
    async fn is_gone(&self, package: &str, version: &str) -> bool {
        let (Ok(version), Ok(registry)) = (version.parse(), self.registry().await) else { return false };
        let id = PackageId { name: package.to_owned(), version };
        let standing = registry.standing(&id, &Silent).await;
        standing.is_ok_and(|standing| standing != Standing::Complete)
    }
}

/// What a look says of the version that should answer.
pub(super) fn judge(sight: Sight, expected: Option<&str>) -> Status {
    match sight {
        Sight::Version(version) if expected == Some(&version) => {
            Status { version: Some(version), ..Status::new(Phase::Ready(Proof::Version)) }
        }
        Sight::Version(version) => {
            let detail = Some(format!("{version} answers"));
            Status { version: Some(version), detail, ..Status::new(Phase::Progressing) }
        }
        Sight::Healthy => {
            let detail = Some("it answers, but cannot name its version".to_owned());
            Status { detail, ..Status::new(Phase::Ready(Proof::Health)) }
        }
        Sight::Nothing(silence) => Status {
            layer: layer::failing(Some(silence.obstacle), None),
            detail: Some(silence.why),
            ..Status::new(Phase::Progressing)
        },
    }
}

/// The parts of a full status in one line.
fn describe(job: JobStatus, recorded: Option<&str>, seen: Option<String>) -> String {
    let job = match job {
        JobStatus::Unknown => "the job's status is unknown",
        JobStatus::Pending => "the job is pending",
        JobStatus::Running => "the job is running",
        JobStatus::Dead => "the job is dead",
    };
    let recorded = recorded.map_or("no revision is recorded".to_owned(), |version| format!("{version} is recorded"));
    [Some(job.to_owned()), Some(recorded), seen].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
