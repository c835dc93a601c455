//! The scheduler half: takes jobs, says what became of them, and hands them to the runner.
//!
//! Facts: `deislabs/hippo src/Infrastructure/Services/NomadJobService.cs@v0.20.2`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use super::{
    asks::{Ask, AskLog, Gate, Mode},
    bindle_client::ATTEMPTS,
    guid::{Guid, GuidSource},
    problem::Failure,
    runner::Runner,
};

/// Standard output of an app of which nothing else was told.
pub const DEFAULT_LOG: &str = "Serving http://127.0.0.1:1234\nAvailable Routes:\n";

/// `JobStatus` as Hippo writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    Unknown,
    Pending,
    Running,
    Dead,
}

impl JobStatus {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Dead => "Dead",
        }
    }
}

/// A job that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct PostedJob {
    /// The channel whose job it is.
    pub channel: Guid,
    /// `<storageId>/<revisionNumber>` from its arguments.
    pub bindle: String,
    /// The host of its router rule.
    pub host: String,
    /// All of it.
    pub body: Value,
}

#[derive(Debug)]
struct Job {
    posted: PostedJob,
    stopped: bool,
    allocation: Guid,
}

#[derive(Debug)]
struct Jobs {
    current: BTreeMap<Guid, Job>,
    posted: Vec<PostedJob>,
    logs: BTreeMap<Guid, String>,
    allocations: GuidSource,
}

/// The scheduler. It remembers every job it accepted.
#[derive(Debug)]
pub struct Nomad {
    jobs: Mutex<Jobs>,
    asks: AskLog,
    gate: Gate,
    /// `None`: jobs are only recorded, and count as running.
    runner: Option<Runner>,
}

impl Nomad {
    /// A scheduler that writes what it is asked to `asks`.
    pub fn new(asks: AskLog, runner: Option<Runner>, seed: u64) -> Self {
        let jobs = Jobs {
            current: BTreeMap::new(),
            posted: Vec::new(),
            logs: BTreeMap::new(),
            allocations: GuidSource::new(!seed),
        };
        Self { jobs: Mutex::new(jobs), asks, gate: Gate::default(), runner }
    }

    /// Where its failures are set.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Every job that was accepted, in order.
    pub fn jobs_posted(&self) -> Vec<PostedJob> {
        self.with(|jobs| jobs.posted.clone())
    }

    /// What a test has let a channel write.
    pub fn written(&self, channel: Guid) -> String {
        self.with(|jobs| jobs.logs.get(&channel).cloned()).unwrap_or_default()
    }

    /// What `/logs` shows of a channel from now on.
    pub fn set_log(&self, channel: Guid, text: &str) {
        self.with(|jobs| jobs.logs.insert(channel, text.to_owned()));
    }

    /// `POST /v1/job/{id}`. The same job again changes nothing, but a crashed one is started anew.
    pub async fn post(&self, channel: Guid, body: Value) -> Result<(), Failure> {
        self.ask("POST", &format!("/v1/job/{channel}"), Some(&body))?;
        let posted = PostedJob { channel, bindle: bindle_of(&body), host: host_of(&body), body };
        let crashed = self.runner.as_ref().is_some_and(|runner| runner.has_crashed(channel));
        let is_new = self.with(|jobs| jobs.accept(posted.clone()));
        if let Some(runner) = self.runner.as_ref().filter(|_| is_new || crashed) {
            runner.place(channel, &posted.host, &posted.bindle).await;
        }
        Ok(())
    }

    /// `DELETE /v1/job/{id}`: the job stops and stays known as dead.
    pub fn delete(&self, channel: Guid) -> Result<(), Failure> {
        self.ask("DELETE", &format!("/v1/job/{channel}"), None)?;
        self.with(|jobs| {
            if let Some(job) = jobs.current.get_mut(&channel) {
                job.stopped = true;
            }
        });
        if let Some(runner) = &self.runner {
            runner.stop(channel);
        }
        Ok(())
    }

    /// `GET /v1/job/{id}`: the status of a job, if there is one.
    pub fn status(&self, channel: Guid) -> Result<Option<JobStatus>, Failure> {
        self.ask("GET", &format!("/v1/job/{channel}"), None)?;
        Ok(self.look(channel))
    }

    /// `GET /v1/jobs`: all jobs, dead ones too.
    pub fn statuses(&self) -> Result<BTreeMap<Guid, JobStatus>, Failure> {
        self.ask("GET", "/v1/jobs", None)?;
        let channels = self.with(|jobs| jobs.current.keys().copied().collect::<Vec<_>>());
        Ok(channels.into_iter().filter_map(|channel| Some((channel, self.look(channel)?))).collect())
    }

    /// Standard output of the task `spin` of the newest allocation, if there is an allocation.
    pub fn log(&self, channel: Guid) -> Result<Option<String>, Failure> {
        self.ask("GET", &format!("/v1/job/{channel}/allocations"), None)?;
        let allocation = self.with(|jobs| jobs.current.get(&channel).map(|job| job.allocation));
        let written = match self.runner.as_ref().and_then(|runner| runner.crash_log(channel)) {
            Some(None) => return Ok(None),
            Some(Some(written)) => written,
            None => DEFAULT_LOG.to_owned(),
        };
        let Some(allocation) = allocation else { return Ok(None) };
        self.ask("GET", &format!("/v1/client/fs/logs/{allocation}?task=spin&type=stdout"), None)?;
        Ok(Some(self.with(|jobs| jobs.logs.get(&channel).cloned()).unwrap_or(written)))
    }

    /// `GET /v1/status/leader` for `/healthz`.
    pub fn is_healthy(&self) -> bool {
        self.ask("GET", "/v1/status/leader", None).is_ok()
    }

    fn look(&self, channel: Guid) -> Option<JobStatus> {
        let stopped = self.with(|jobs| jobs.current.get(&channel).map(|job| job.stopped))?;
        Some(match (&self.runner, stopped) {
            (_, true) => JobStatus::Dead,
            (None, false) => JobStatus::Running,
            (Some(runner), false) => runner.status(channel),
        })
    }

    /// Writes the request down and meets the gate; .NET repeats a GET whose connection was cut.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(), Failure> {
        let attempts = if method == "GET" { ATTEMPTS } else { 1 };
        for _ in 0..attempts {
            let (method, path) = (method.to_owned(), path.to_owned());
            self.asks.push(Ask { service: "nomad", method, path, body: body.cloned() });
            match self.gate.admit() {
                Mode::Up => return Ok(()),
                Mode::Down => {}
                Mode::Answers(_) => break,
            }
        }
        Err(Failure::Unhandled)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Jobs) -> T) -> T {
        look(&mut self.jobs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Jobs {
    /// Takes a job; whether it is another than before, or one that had stopped.
    fn accept(&mut self, posted: PostedJob) -> bool {
        self.posted.push(posted.clone());
        let known = self.current.get(&posted.channel);
        if known.is_some_and(|job| !job.stopped && job.posted.body == posted.body) {
            return false;
        }
        let allocation = self.allocations.next();
        self.current.insert(posted.channel, Job { posted, stopped: false, allocation });
        true
    }
}

fn bindle_of(body: &Value) -> String {
    let arguments = body["Job"]["TaskGroups"][0]["Tasks"][0]["Config"]["args"].as_array();
    let arguments = arguments.map(Vec::as_slice).unwrap_or_default();
    let flag = arguments.iter().position(|argument| argument == "--bindle");
    let bindle = flag.and_then(|flag| arguments.get(flag + 1)).and_then(Value::as_str);
    bindle.unwrap_or_default().to_owned()
}

fn host_of(body: &Value) -> String {
    let tags = body["Job"]["TaskGroups"][0]["Services"][0]["Tags"].as_array();
    let rule = tags.into_iter().flatten().filter_map(Value::as_str).find_map(|tag| tag.split_once(".rule=Host(`"));
    rule.and_then(|(_, host)| host.strip_suffix("`)")).unwrap_or_default().to_owned()
}
