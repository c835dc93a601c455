//! A whole Hippo installation on loopback: a real Bindle server, a Hippo that answers like one, and what it runs.

use std::path::Path;

use super::bindle::{BindleServer, Generation};
use super::hippo::{self, FakeHippo};
use super::traffic::{Exchange, Relay, Traffic};

/// The user that may deploy.
pub const USER: &str = "admin";
/// The user's password.
pub const PASSWORD: &str = "secret-password";

/// The servers, with relays in front of them that count what clients send.
pub struct Stack {
    pub bindle: BindleServer,
    pub hippo: FakeHippo,
    pub traffic: Traffic,
    hippo_relay: Relay,
    bindle_relay: Relay,
}

impl Stack {
    /// Bindle 0.8 and Hippo v0.20, as deployments have them.
    pub async fn start() -> Stack {
        Stack::of(BindleServer::builder(Generation::V0_8).start(), hippo::Generation::V0_20).await
    }

    /// A given Bindle server and a generation of Hippo.
    pub async fn of(bindle: BindleServer, generation: hippo::Generation) -> Stack {
        let hippo = FakeHippo::builder().generation(generation).administrator(USER, PASSWORD).bindle(bindle.url());
        let hippo = hippo.start().await.expect("there are free ports");
        let traffic = Traffic::default();
        let hippo_relay = Relay::start("hippo", hippo.url(), &traffic).await;
        let bindle_relay = Relay::start("bindle", bindle.url().trim_end_matches("/v1"), &traffic).await;
        Stack { bindle, hippo, traffic, hippo_relay, bindle_relay }
    }

    /// What `--hippo-url` gets.
    pub fn hippo_url(&self) -> String {
        self.hippo_relay.origin()
    }

    /// What `--bindle-server` gets.
    pub fn bindle_url(&self) -> String {
        format!("{}/v1", self.bindle_relay.origin())
    }

    /// What `--app-url` gets.
    pub fn app_url_template(&self) -> String {
        format!("http://{{domain}}:{}", self.hippo.apps_port())
    }

    /// What clients sent to both servers since the last call.
    pub fn sent(&self) -> Vec<Exchange> {
        self.traffic.take()
    }

    /// Lets an application write further lines in its channel `spin-deploy`.
    pub fn write_log(&self, app: &str, lines: &[&str]) {
        let channel = self.channel(app, "spin-deploy").expect("the application is there");
        let written = self.hippo.log(channel);
        self.hippo.set_log(channel, &lines.iter().fold(written, |log, line| format!("{log}{line}\n")));
    }

    /// Withdraws a bindle (`name/version`) from the Bindle server for ever.
    pub async fn yank(&self, bindle: &str) {
        let client = reqwest::Client::builder().no_proxy().build().expect("nothing is odd about it");
        let answer = client.delete(format!("{}/_i/{bindle}", self.bindle.url())).send().await;
        assert!(answer.expect("the server answers").status().is_success(), "{bindle} cannot be yanked");
    }

    /// The GUID of a channel.
    fn channel(&self, app: &str, channel: &str) -> Option<hippo::guid::Guid> {
        let app = self.hippo.apps().into_iter().find(|row| row.name == app)?;
        let channels = self.hippo.channels().into_iter();
        channels.filter(|row| row.app_id == app.id && row.name == channel).map(|row| row.id).next()
    }

    /// The version that really runs in the channel `spin-deploy` of the application.
    pub fn running(&self, app: &str) -> Option<String> {
        self.running_in(app, "spin-deploy")
    }

    /// The version that really runs in a channel of the application.
    pub fn running_in(&self, app: &str, channel: &str) -> Option<String> {
        let app = self.hippo.apps().into_iter().find(|row| row.name == app)?;
        let channels = self.hippo.channels();
        let channel = channels.iter().find(|row| row.app_id == app.id && row.name == channel)?;
        let bindle = self.hippo.running(channel.id)?;
        bindle.rsplit('/').next().map(str::to_owned)
    }

    /// How many rows there are of an application: apps of that name, their channels, revision rows of that version.
    pub fn rows(&self, app: &str, version: &str) -> (usize, usize, usize) {
        let apps: Vec<_> = self.hippo.apps().into_iter().filter(|row| row.name == app).map(|row| row.id).collect();
        let channels = self.hippo.channels().into_iter().filter(|row| apps.contains(&row.app_id)).count();
        let revisions = self.hippo.revisions().into_iter();
        let revisions = revisions.filter(|row| apps.contains(&row.app_id) && row.number == version).count();
        (apps.len(), channels, revisions)
    }

    /// Everything that is stored, to be compared.
    pub fn contents(&self) -> String {
        let mut files = Vec::new();
        list(self.bindle.directory(), &mut files);
        files.sort();
        format!(
            "{:?}\n{:?}\n{:?}\n{}",
            self.hippo.apps(),
            self.hippo.revisions(),
            self.hippo.channels(),
            files.join("\n")
        )
    }
}

fn list(folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => list(&path, files),
            path => files.push(path.display().to_string()),
        }
    }
}
