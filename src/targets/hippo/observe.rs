//! Reads what Hippo has of an application, with as few requests as the question allows.

use anyhow::anyhow;

use super::api::{App, Channel};
use super::app_url::AppUrl;
use super::changes::{self, AppState, ChannelState, Registered, State, Wish, find_app};
use super::client::Hippo;
use super::readiness::{self, Sight};
use super::{fault, names};
use crate::event::Event;
use crate::http::Client;
use crate::target::{Context, ErrorKind, TargetError};

/// What a look needs.
#[derive(Debug, Clone, Copy)]
pub struct Observer<'a> {
    /// Asks Hippo.
    pub hippo: &'a Hippo,
    /// Asks the application.
    pub http: &'a Client,
    /// Where the application is.
    pub app_url: &'a AppUrl,
    /// What shall be live.
    pub wish: &'a Wish,
}

impl Observer<'_> {
    /// Looks the application up by its exact name.
    pub async fn observe(&self, cx: &Context) -> Result<State, TargetError> {
        self.check_bindle_name()?;
        let apps = self.hippo.apps(cx, &self.wish.app).await;
        let apps = apps.map_err(|error| self.hippo.fail_first(self.operation(), error))?;
        match find_app(&apps, &self.wish.app).map_err(|several| fault::several(several, self.operation()))? {
            Some(app) => self.describe(cx, app).await.map(Some),
            None => Ok(None),
        }
    }

    /// Looks closer at an application of a list: the channel is read where the list shows nothing to change, or where a
    /// domain is wished; the application's URL is tried where the channel shows nothing either.
    pub async fn describe(&self, cx: &Context, app: &App) -> Result<AppState, TargetError> {
        self.check_storage(app)?;
        let listed = AppState::listed(app, self.wish).map_err(|several| fault::several(several, self.operation()))?;
        let Some(channel) = &listed.channel else { return Ok(listed) };
        if !channel.runs(self.wish) && self.wish.domain.is_none() {
            return Ok(listed);
        }
        let channel = self.read(cx, &channel.id).await?;
        let mut state = listed.with_channel(channel, self.wish);
        if let Some(channel) = state.channel.as_mut().filter(|channel| !channel.needs_patch(self.wish)) {
            let sight = self.look(cx, channel).await?;
            if sight == Sight::Healthy {
                let message = "the application's host cannot name the version that runs (Spin before 0.7)".to_owned();
                cx.report(Event::Note { message });
            }
            channel.sight = Some(sight);
        }
        Ok(state)
    }

    /// Looks the application up, and at all that a release finds out on its way: whether the version is registered, and
    /// how the channel is, which tells where the application answers and whether it follows a rule.
    pub async fn foresee(&self, cx: &Context) -> Result<State, TargetError> {
        let Some(mut app) = self.observe(cx).await? else { return Ok(None) };
        if let Some(listed) = app.channel.take_if(|channel| channel.record.is_none()) {
            // The version stays the listed one, from which a release would start.
            let read = self.read(cx, &listed.id).await?;
            app.channel = read.map(|read| ChannelState { version: listed.version, ..read });
        }
        if app.channel.as_ref().is_some_and(ChannelState::follows_rule) {
            let message = format!(
                "channel {} follows a range rule and would stay with the revision that is deployed to it",
                self.wish.channel
            );
            cx.report(Event::Note { message });
        }
        if let Some((channel, domain)) =
            app.channel.as_ref().and_then(|channel| Some((channel, channel.new_domain(self.wish)?)))
        {
            self.check_domain(cx, domain, &channel.id).await?;
        }
        if app.needs_revision(self.wish) && self.find_revision(cx, &app.id).await?.is_some() {
            app.revision = Registered::Yes;
        }
        Ok(Some(app))
    }

    /// The row of the wished version: of several, that of the smallest id.
    pub async fn find_revision(&self, cx: &Context, app_id: &str) -> Result<Option<String>, TargetError> {
        let version = &self.wish.version;
        let revisions = self.hippo.revisions(cx).await;
        let revisions = revisions.map_err(|error| self.hippo.fail(format!("look up revision {version}"), error))?;
        let rows = changes::rows(&revisions, app_id, version);
        if let [first, _, ..] = rows.as_slice() {
            cx.report(Event::Note {
                message: format!(
                    "revision {version} is registered {} times; using the row of the smallest id, {}",
                    rows.len(),
                    first.id
                ),
            });
        }
        Ok(rows.first().map(|row| row.id.clone()))
    }

    /// A PATCH does not mind two channels of one domain; the proxy would.
    pub async fn check_domain(&self, cx: &Context, domain: &str, channel_id: &str) -> Result<(), TargetError> {
        let operation = format!("give channel {} the domain {domain}", self.wish.channel);
        let channels = self.hippo.channels(cx).await;
        let channels = channels.map_err(|error| self.hippo.fail(operation.as_str(), error))?;
        match channels.iter().find(|other| other.domain == domain && other.id != channel_id) {
            Some(other) => Err(self.domain_taken(operation, Some(other))),
            None => Ok(()),
        }
    }

    pub fn domain_taken(&self, operation: String, by: Option<&Channel>) -> TargetError {
        let owner = match by {
            Some(channel) => format!("channel {} (id {}, of app {})", channel.name, channel.id, channel.app_id),
            None => "another channel".to_owned(),
        };
        TargetError::new(ErrorKind::Conflict, operation)
            .because(anyhow!("{owner} has this domain"))
            .hint("choose another: `--domain NAME`")
    }

    /// A channel as it shows itself; `None`: it is not there any more.
    async fn read(&self, cx: &Context, id: &str) -> Result<Option<ChannelState>, TargetError> {
        match self.hippo.channel(cx, id).await {
            Ok(channel) => Ok(Some(ChannelState::read(&channel))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.hippo.fail(format!("read channel {}", self.wish.channel), error)),
        }
    }

    /// Tries the application's URL once.
    pub async fn look(&self, cx: &Context, channel: &ChannelState) -> Result<Sight, TargetError> {
        let url = channel.record.as_ref().and_then(|record| self.app_url.of(&record.domain));
        readiness::look(cx, self.http, url.as_ref(), &self.wish.storage_id).await
    }

    fn check_bindle_name(&self) -> Result<(), TargetError> {
        let name = &self.wish.storage_id;
        if names::is_storage_id(name) {
            return Ok(());
        }
        Err(TargetError::new(ErrorKind::Unsupported, self.operation())
            .because(anyhow!("Hippo cannot register versions of a package of the name {name}"))
            .hint("name the application in spin.toml with letters, digits, `-` and `_` only"))
    }

    /// An application registers the versions of one bindle name only, for ever.
    fn check_storage(&self, app: &App) -> Result<(), TargetError> {
        let Wish { storage_id, .. } = self.wish;
        if app.storage_id == *storage_id {
            return Ok(());
        }
        let reason = anyhow!(
            "app {} (id {}) takes the bindles of the name {}, and this package is of the name {storage_id}",
            app.name,
            app.id,
            app.storage_id,
        );
        Err(TargetError::new(ErrorKind::Conflict, self.operation()).because(reason).hint(format!(
            "name the application `{}` in spin.toml, or give it a name that Hippo does not have yet",
            app.storage_id
        )))
    }

    fn operation(&self) -> String {
        format!("look up app {}", self.wish.app)
    }
}
