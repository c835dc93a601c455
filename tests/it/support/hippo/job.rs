//! The job that Hippo posts.
//!
//! Facts: `deislabs/hippo src/Infrastructure/Services/NomadJobService.cs`, `…/Jobs/NomadJob.cs@v0.20.2`, the transcript
//! `first-deploy`; `--follow-all` up to v0.20.1.

use serde_json::{Value, json};

use super::{Generation, guid::Guid};

/// What one job differs in from another.
#[derive(Debug)]
pub struct JobSpec<'a> {
    pub channel: Guid,
    pub domain: &'a str,
    /// `<storageId>/<revisionNumber>`
    pub bindle: &'a str,
    pub bindle_url: &'a str,
    pub generation: Generation,
}

impl JobSpec<'_> {
    /// The body of `POST /v1/job/{id}`.
    pub fn body(&self) -> Value {
        let id = self.channel.to_string();
        json!({
            "EnforceIndex": false,
            "Job": {
                "AllAtOnce": false,
                "Datacenters": ["dc1"],
                "Dispatched": false,
                "ID": id,
                "Name": id,
                "Stable": false,
                "Stop": false,
                "TaskGroups": [self.group(&id)],
                "Type": "service",
            },
            "PolicyOverride": false,
            "PreserveCounts": false,
        })
    }

    fn group(&self, id: &str) -> Value {
        json!({
            "Name": id,
            "Networks": [{ "DynamicPorts": [{ "Label": "http" }] }],
            "Services": [self.service(id)],
            "ShutdownDelay": null,
            "StopAfterClientDisconnect": null,
            "Tasks": [self.task()],
        })
    }

    fn service(&self, id: &str) -> Value {
        json!({
            "Checks": [{
                "Expose": false,
                "GRPCUseTLS": false,
                "Interval": 10_000_000_000_u64,
                "Name": "alive",
                "TLSSkipVerify": false,
                "Timeout": 2_000_000_000_u64,
                "Type": "tcp",
            }],
            "EnableTagOverride": false,
            "Name": id,
            "PortLabel": "http",
            "Provider": "consul",
            "Tags": [
                "traefik.enable=true",
                format!("traefik.http.routers.{id}.rule=Host(`{}`)", self.domain),
            ],
        })
    }

    fn task(&self) -> Value {
        json!({
            "Config": { "command": "spin", "args": self.arguments() },
            "Driver": "raw_exec",
            "Env": {
                "RUST_LOG": "warn,spin=debug",
                "BINDLE_URL": self.bindle_url,
                "SPIN_LOG_DIR": "local/log",
            },
            "Leader": false,
            "Name": "spin",
        })
    }

    fn arguments(&self) -> Vec<&str> {
        let follow: &[&str] = match self.generation {
            Generation::V0_19 => &["--follow-all"],
            Generation::V0_20 => &[],
        };
        let before = ["up", "--listen", "${NOMAD_ADDR_http}"];
        before.into_iter().chain(follow.iter().copied()).chain(["--bindle", self.bindle]).collect()
    }
}
