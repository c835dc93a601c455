//! How an application is: what Hippo, Nomad and the application itself say.

use super::HippoTarget;
use super::api::JobStatus;
use super::changes::ChannelState;
use super::readiness::{self, Sight};
use crate::target::{AppName, Context, Phase, Proof, Status, TargetError};

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
        let mut status = judge(sight, recorded.as_deref());
        let answers = matches!(status.phase, Phase::Ready(_));
        if recorded.is_none() && !answers {
            status.phase = Phase::Pending;
        } else if job == JobStatus::Dead && !answers && self.nomad_is_healthy(cx).await {
            status.phase = Phase::Failed;
        }
        status.detail = Some(describe(job, recorded.as_deref(), status.detail));
        status.release = recorded.map(|version| self.release_of(&version, &channel.domain));
        Ok(status)
    }

    /// Hippo calls every job dead while it cannot ask Nomad.
    async fn nomad_is_healthy(&self, cx: &Context) -> bool {
        self.hippo.health(cx).await.is_ok_and(|health| health.is_healthy("Nomad") == Some(true))
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
        Sight::Nothing(why) => Status { detail: Some(why), ..Status::new(Phase::Progressing) },
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
