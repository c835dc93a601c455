//! Makes a version live. The order keeps the old version whole until the new one can be started: app, revision,
//! channel's record, channel's job, read back.
//!
//! Hippo stores first and fails afterwards, and keeps names unique by looking before it inserts. So after an unknown
//! outcome nothing is sent again before a look, and after a creation a look shows whether somebody else was as quick:
//! the smallest id wins for everybody, and a run removes only what it made itself.

use std::time::Duration;

use anyhow::anyhow;
use tokio_util::sync::CancellationToken;

use super::api::{App, Channel, CreateApp, CreateChannel, PatchChannel, RegisterRevision, Strategy};
use super::app_url::plain;
use super::changes::{self, AppState, ChannelState, Registered, State, Wish};
use super::fault::{ApiError, RUN_AGAIN};
use super::observe::Observer;
use super::readiness::Sight;
use crate::event::Event;
use crate::target::{Context, ErrorKind, Release, ReleaseId, TargetError};

/// How often a creation is tried whose outcome was unknown and of which a look then showed nothing.
const ROUNDS: u32 = 3;
/// How long to wait before the second of these rounds; it doubles.
const PAUSE: Duration = Duration::from_secs(1);

/// One release under way.
#[derive(Debug)]
pub struct Releasing<'a> {
    observer: Observer<'a>,
    made: Made,
}

/// What this run made itself, and may therefore remove again.
#[derive(Debug, Default)]
struct Made {
    /// Whether an app or a channel was made, or may have been.
    anything: bool,
    /// The app's GUID, where Hippo told it.
    app: Option<String>,
    /// The channel's GUID, where Hippo told it.
    channel: Option<String>,
}

impl<'a> Releasing<'a> {
    /// A release that has not begun.
    pub fn new(observer: Observer<'a>) -> Self {
        Releasing { observer, made: Made::default() }
    }

    /// Makes the wished version live, starting from what a look showed.
    pub async fn run(mut self, cx: &Context, state: State) -> Result<Release, TargetError> {
        let is_new = state.is_none();
        let (mut app, is_new) = match state {
            Some(app) => (app, is_new),
            None => self.create_app(cx).await?,
        };
        let revision_id = match app.needs_revision(self.wish()) {
            true => Some(self.ensure_revision(cx, &mut app).await?),
            false => None,
        };
        if cx.cancel.is_cancelled() {
            return Err(TargetError::new(ErrorKind::Cancelled, format!("release {}", self.wish().version)));
        }
        // From here on the channel changes. Stopping half-way would leave a record of one version and a job of
        // another, so what is left, which is little, is carried through.
        let cx = &Context { cancel: CancellationToken::new(), ..cx.clone() };
        let channel_id = match app.channel.clone() {
            Some(channel) => self.move_channel(cx, &channel, revision_id.as_deref()).await?,
            None => self.create_channel(cx, &mut app, &revision_id.expect("without a channel one is needed")).await?,
        };
        let channel = self.read_back(cx, &channel_id).await?;
        self.check_winners(cx, &app.id, &channel_id).await?;
        let wish = self.wish();
        let state = if is_new { None } else { Some(app) };
        Ok(Release {
            id: ReleaseId(wish.version.clone()),
            version: wish.version.clone(),
            url: self.observer.app_url.of(&channel.domain).as_ref().map(plain),
            changes: changes::changes(wish, &state),
        })
    }

    // The app.

    /// Makes the app. `false` beside it: somebody else has made it meanwhile.
    async fn create_app(&mut self, cx: &Context) -> Result<(AppState, bool), TargetError> {
        let wish = self.wish();
        let operation = || format!("create app {}", wish.app);
        let (mut is_ours, mut round) = (false, 0);
        loop {
            round += 1;
            let body = CreateApp { name: &wish.app, storage_id: &wish.storage_id };
            let outcome = self.observer.hippo.create_app(cx, &body).await;
            match &outcome {
                Ok(id) => self.made.app = Some(id.clone()),
                Err(error) if error.outcome_unknown() || error.refuses("Name", "already exists") => {}
                Err(_) => return Err(self.explain_app(operation(), outcome)),
            }
            is_ours |= outcome.as_ref().map_or_else(ApiError::outcome_unknown, |_| true);
            self.made.anything |= is_ours;
            let apps = self.apps(cx).await?;
            if let Some(winner) = smallest(changes::named(&apps, &wish.app)) {
                is_ours &= !self.give_way_to(cx, winner).await?;
                return Ok((self.observer.describe(cx, winner).await?, is_ours));
            }
            if round == ROUNDS || outcome.is_ok() {
                return Err(self.explain_app(operation(), outcome));
            }
            self.pause(cx, round, &operation()).await?;
        }
    }

    /// Removes the app that this run made when a smaller id has the name too. `true`: it did.
    async fn give_way_to(&mut self, cx: &Context, winner: &App) -> Result<bool, TargetError> {
        let wish = self.wish();
        // Lists are read page by page and may miss a row that moves: an app that is not listed is not lost.
        if self.made.app.as_ref().is_some_and(|own| *own < winner.id) {
            return Err(TargetError::new(ErrorKind::Conflict, format!("create app {}", wish.app))
                .because(anyhow!("Hippo created one and lists another of that name, {}", winner.id))
                .hint(RUN_AGAIN));
        }
        let Some(own) = self.made.app.take_if(|own| *own != winner.id) else { return Ok(false) };
        cx.report(Event::Note {
            message: format!("somebody else created app {} at the same time; going on with theirs", wish.app),
        });
        let removed = self.observer.hippo.delete_app(cx, &own).await;
        removed.map_err(|error| {
            let operation = format!("remove the app {own} that this run created beside {} of the same name", winner.id);
            self.observer.hippo.fail(operation, error)
        })?;
        Ok(true)
    }

    fn explain_app(&self, operation: String, outcome: Result<String, ApiError>) -> TargetError {
        let hippo = self.observer.hippo;
        let wish = self.wish();
        match outcome {
            Ok(id) => TargetError::new(ErrorKind::Conflict, operation)
                .because(anyhow!("Hippo created it (id {id}), but does not list it: somebody has removed it"))
                .hint(RUN_AGAIN),
            Err(error) if error.refuses("StorageId", "not found in bindle") => hippo.fail(operation, error).hint(format!(
                "Hippo does not find the bindle {} that was uploaded: it has to read the same Bindle server, and it \
                 looks at the first 50 matches only; compare with `curl \"$BINDLE_SERVER_URL/_q?q={}\"`",
                wish.storage_id, wish.storage_id
            )),
            Err(error) => hippo.fail(operation, error),
        }
    }

    // The revision.

    /// The row of the wished version, registered where there is none. Never registers twice: Hippo would store a
    /// second row.
    async fn ensure_revision(&self, cx: &Context, app: &mut AppState) -> Result<String, TargetError> {
        if let Some(id) = self.observer.find_revision(cx, &app.id).await? {
            app.revision = Registered::Yes;
            return Ok(id);
        }
        let wish = self.wish();
        let operation = format!("register revision {}", wish.version);
        let body = RegisterRevision { app_storage_id: &wish.storage_id, revision_number: &wish.version };
        let outcome = self.observer.hippo.register(cx, &body).await;
        let looks = match &outcome {
            Ok(()) => 1,
            // Refusals, too, can come after the row was stored: the row counts.
            Err(error) if error.outcome_unknown() => ROUNDS,
            Err(error) if error.status() == Some(400) => 1,
            Err(_) => 0,
        };
        for look in 1..=looks {
            if let Some(id) = self.observer.find_revision(cx, &app.id).await? {
                self.warn_of_odd_registration(cx, &outcome);
                return Ok(id);
            }
            if look < looks {
                self.pause(cx, look, &operation).await?;
            }
        }
        Err(self.explain_revision(operation, outcome))
    }

    fn warn_of_odd_registration(&self, cx: &Context, outcome: &Result<(), ApiError>) {
        let Err(error) = outcome else { return };
        let answer = error.status().map_or("no answer".to_owned(), |status| format!("status {status}"));
        cx.report(Event::Warning {
            message: format!(
                "Hippo registered revision {} and then failed ({answer}); it may be unable to read the Bindle server",
                self.wish().version
            ),
        });
    }

    fn explain_revision(&self, operation: String, outcome: Result<(), ApiError>) -> TargetError {
        let hippo = self.observer.hippo;
        match outcome {
            Ok(()) => TargetError::new(ErrorKind::Interrupted, operation)
                .because(anyhow!("Hippo took the revision, but does not list it"))
                .hint(RUN_AGAIN),
            Err(error) if error.status() == Some(404) => self.gone(operation, error),
            Err(error) => hippo.fail(operation, error),
        }
    }

    // The channel.

    /// Brings a channel that is there to the wished version and starts it.
    async fn move_channel(
        &self,
        cx: &Context,
        channel: &ChannelState,
        revision_id: Option<&str>,
    ) -> Result<String, TargetError> {
        let wish = self.wish();
        if let Some(revision_id) = revision_id.filter(|_| channel.needs_patch(wish)) {
            self.patch(cx, channel, revision_id).await?;
        }
        if channel.follows_rule() {
            cx.report(Event::Note {
                message: format!(
                    "channel {} followed a range rule and now stays with the revision that is deployed to it",
                    wish.channel
                ),
            });
        }
        self.start(cx, &channel.id).await?;
        Ok(channel.id.clone())
    }

    async fn patch(&self, cx: &Context, channel: &ChannelState, revision_id: &str) -> Result<(), TargetError> {
        let wish = self.wish();
        let domain = channel.new_domain(wish);
        if let Some(domain) = domain {
            self.observer.check_domain(cx, domain, &channel.id).await?;
        }
        let body = PatchChannel {
            revision_selection_strategy: Strategy::UseSpecifiedRevision,
            active_revision_id: revision_id,
            domain,
        };
        let hippo = self.observer.hippo;
        let Err(error) = hippo.patch_channel(cx, &channel.id, &body).await else { return Ok(()) };
        let operation = format!("point channel {} at revision {}", wish.channel, wish.version);
        match error.kind() {
            ErrorKind::NotFound => return Err(self.gone(operation, error)),
            // Its 400s tell of members that were left out, whatever the matter is: the record counts.
            ErrorKind::Interrupted | ErrorKind::Rejected => {}
            _ => return Err(hippo.fail(operation, error)),
        }
        match hippo.channel(cx, &channel.id).await {
            Ok(record) if !ChannelState::read(&record).needs_patch(wish) => Ok(()),
            Ok(_) => Err(hippo.fail(operation, error)),
            Err(look) if look.kind() == ErrorKind::Cancelled => Err(hippo.fail(operation, look)),
            Err(_) => Err(self.lost_sight(operation, error)),
        }
    }

    /// Starts the channel's job: changing the record alone leaves the old version running.
    async fn start(&self, cx: &Context, channel_id: &str) -> Result<(), TargetError> {
        let hippo = self.observer.hippo;
        let Err(error) = hippo.start_channel(cx, channel_id).await else { return Ok(()) };
        let operation = format!("start channel {}", self.wish().channel);
        if error.kind() == ErrorKind::NotFound {
            return Err(self.gone(operation, error));
        }
        if !error.outcome_unknown() {
            return Err(hippo.fail(operation, error));
        }
        if self.answers(cx, channel_id).await {
            return Ok(());
        }
        let failure = self.lost_sight(operation, error);
        match hippo.health(cx).await.map(|health| health.unhealthy().map(str::to_owned).collect::<Vec<_>>()) {
            Ok(parts) if !parts.is_empty() => {
                let (parts, endpoint) = (parts.join(" and "), hippo.endpoint());
                Err(failure.hint(format!("Hippo says that {parts} is not healthy: `curl {endpoint}/healthz`")))
            }
            _ => Err(failure),
        }
    }

    /// Whether the wished version is recorded and answers.
    async fn answers(&self, cx: &Context, channel_id: &str) -> bool {
        let Ok(record) = self.observer.hippo.channel(cx, channel_id).await else { return false };
        let channel = ChannelState::read(&record);
        let sight = self.observer.look(cx, &channel).await;
        channel.runs(self.wish()) && sight.is_ok_and(|sight| sight == Sight::Version(self.wish().version.clone()))
    }

    /// Makes the channel, which also starts it. Returns its GUID, or that of one that is there after all.
    async fn create_channel(
        &mut self,
        cx: &Context,
        app: &mut AppState,
        revision_id: &str,
    ) -> Result<String, TargetError> {
        let hippo = self.observer.hippo;
        let wish = self.wish();
        let operation = || format!("create channel {}", wish.channel);
        let (mut is_ours, mut round) = (false, 0);
        loop {
            round += 1;
            let body = CreateChannel {
                app_id: &app.id,
                name: &wish.channel,
                domain: wish.domain.as_deref(),
                revision_selection_strategy: Strategy::UseSpecifiedRevision,
                active_revision_id: revision_id,
            };
            let error = match hippo.create_channel(cx, &body).await {
                Ok(id) => {
                    self.made.anything = true;
                    self.made.channel = Some(id.clone());
                    return Ok(id);
                }
                Err(error) => error,
            };
            let error = self.worth_a_look(operation(), error, is_ours)?;
            is_ours |= error.outcome_unknown();
            self.made.anything |= is_ours;
            match self.find_channel(cx, &app.id).await {
                Ok(Some(found)) => {
                    // It is recorded; whether its job was started nobody knows.
                    let id = self.move_channel(cx, &found, Some(revision_id)).await?;
                    if !is_ours {
                        app.channel = Some(found);
                    }
                    return Ok(id);
                }
                Ok(None) if round < ROUNDS => self.pause(cx, round, &operation()).await?,
                Ok(None) => return Err(hippo.fail(operation(), error)),
                Err(failure) if !is_ours || failure.kind == ErrorKind::Cancelled => return Err(failure),
                Err(_) => return Err(self.lost_sight(operation(), error)),
            }
        }
    }

    /// Tells failed creations of a channel after which it may be there from those after which it is not.
    fn worth_a_look(&self, operation: String, error: ApiError, may_be_ours: bool) -> Result<ApiError, TargetError> {
        if error.outcome_unknown() || error.refuses("Name", "already exists") {
            Ok(error)
        } else if error.refuses("Domain", "already exists") {
            // An earlier attempt may have taken it.
            if may_be_ours { Ok(error) } else { Err(self.observer.domain_taken(operation, None)) }
        } else if error.status() == Some(404) {
            Err(self.gone(operation, error))
        } else {
            Err(self.observer.hippo.fail(operation, error))
        }
    }

    /// The wished channel of an app, as it shows itself.
    async fn find_channel(&self, cx: &Context, app_id: &str) -> Result<Option<ChannelState>, TargetError> {
        let apps = self.apps(cx).await?;
        let app = apps.iter().find(|app| app.id == app_id);
        let candidates = app.into_iter().flat_map(|app| &app.channels).filter(|c| c.name == self.wish().channel);
        let Some(id) = candidates.map(|channel| &channel.id).min() else { return Ok(None) };
        let channel = self.observer.hippo.channel(cx, id).await;
        let operation = format!("read channel {}", self.wish().channel);
        let channel = channel.map_err(|error| self.observer.hippo.fail(operation, error))?;
        Ok(Some(ChannelState::read(&channel)))
    }

    // Reading back.

    /// Reads the channel and makes sure that it is as wished.
    async fn read_back(&self, cx: &Context, channel_id: &str) -> Result<Channel, TargetError> {
        let wish = self.wish();
        let operation = || format!("read channel {} back", wish.channel);
        let channel = match self.observer.hippo.channel(cx, channel_id).await {
            Ok(channel) => channel,
            Err(error) if error.status() == Some(404) => return Err(self.gone(operation(), error)),
            Err(error) => return Err(self.lost_sight(operation(), error)),
        };
        let state = ChannelState::read(&channel);
        if !state.needs_patch(wish) {
            return Ok(channel);
        }
        let has = state.version.as_deref().unwrap_or("no revision of this app");
        let conflict = TargetError::new(ErrorKind::Conflict, operation()).because(anyhow!(
            "somebody else changed the channel meanwhile: it has {has} at {}, and should have {}",
            channel.domain,
            wish.version
        ));
        Err(match self.observer.app_url.of(&channel.domain).as_ref().map(plain) {
            Some(url) => conflict.hint(format!("see what answers: `curl {url}/.well-known/spin/info`")),
            None => conflict,
        })
    }

    /// After a creation: whether the app and the channel are the ones with which everybody goes on.
    async fn check_winners(&self, cx: &Context, app_id: &str, channel_id: &str) -> Result<(), TargetError> {
        if !self.made.anything {
            return Ok(());
        }
        let Wish { app: app_name, channel: channel_name, .. } = self.wish();
        let operation = format!("make sure that app {app_name} is the only one of its name");
        let apps = match self.observer.hippo.apps(cx, app_name).await {
            Ok(apps) => apps,
            Err(error) => return Err(self.lost_sight(operation, error)),
        };
        let mut app_ids: Vec<_> = changes::named(&apps, app_name).map(|app| app.id.as_str()).collect();
        app_ids.sort_unstable();
        let channels = apps.iter().filter(|app| app.id == app_id).flat_map(|app| &app.channels);
        let mut channel_ids: Vec<_> =
            channels.filter(|channel| channel.name == *channel_name).map(|channel| channel.id.as_str()).collect();
        channel_ids.sort_unstable();
        // Only a smaller id takes the name away. Lists are read page by page and may miss a row that moves: what is
        // not listed is neither lost nor removed.
        if app_ids.first().is_some_and(|first| *first < app_id) {
            let removed = self.remove_app(cx).await;
            return Err(lost(operation, "app", app_ids[0], removed));
        }
        if channel_ids.first().is_some_and(|first| *first < channel_id) {
            let removed = self.remove_channel(cx).await;
            return Err(lost(operation, "channel", channel_ids[0], removed));
        }
        if !app_ids.contains(&app_id) || !channel_ids.contains(&channel_id) {
            return Err(TargetError::new(ErrorKind::OutcomeUnknown, operation)
                .because(anyhow!("Hippo does not list what this run made: app {app_id}, channel {channel_id}"))
                .hint(RUN_AGAIN));
        }
        for (kind, ids) in [("apps", &app_ids), ("channels", &channel_ids)] {
            if ids.len() > 1 {
                let others = ids[1..].join(", ");
                cx.report(Event::Warning {
                    message: format!("other runs created {kind} of the same name, which they should remove: {others}"),
                });
            }
        }
        Ok(())
    }

    async fn remove_app(&self, cx: &Context) -> Result<(), String> {
        let Some(id) = &self.made.app else { return Ok(()) };
        self.observer.hippo.delete_app(cx, id).await.map_err(|_| format!("remove the app {id}, which this run made"))
    }

    async fn remove_channel(&self, cx: &Context) -> Result<(), String> {
        let Some(id) = &self.made.channel else { return Ok(()) };
        let removed = self.observer.hippo.delete_channel(cx, id).await;
        removed.map_err(|_| format!("remove the channel {id}, which this run made"))
    }

    // Odds and ends.

    fn wish(&self) -> &'a Wish {
        self.observer.wish
    }

    async fn apps(&self, cx: &Context) -> Result<Vec<App>, TargetError> {
        let apps = self.observer.hippo.apps(cx, &self.wish().app).await;
        apps.map_err(|error| self.observer.hippo.fail(format!("look up app {}", self.wish().app), error))
    }

    /// Something that was there is not there any more.
    fn gone(&self, operation: String, error: ApiError) -> TargetError {
        self.observer.hippo.fail_as(ErrorKind::Conflict, operation, error).hint(format!(
            "somebody removed app {} or a part of it meanwhile; run the same command again to create it anew",
            self.wish().app
        ))
    }

    /// The release may be live or not, and a look did not work out either.
    fn lost_sight(&self, operation: String, error: ApiError) -> TargetError {
        match error {
            ApiError::Cancelled => self.observer.hippo.fail(operation, error),
            error => self.observer.hippo.fail_as(ErrorKind::OutcomeUnknown, operation, error).hint(RUN_AGAIN),
        }
    }

    /// Waits before the round after this one.
    async fn pause(&self, cx: &Context, round: u32, operation: &str) -> Result<(), TargetError> {
        let delay = PAUSE * 2_u32.pow(round - 1);
        cx.report(Event::Retrying {
            what: operation.to_owned(),
            reason: "Hippo failed, and shows nothing of it yet".to_owned(),
            attempt: round,
            delay,
        });
        let slept = cx.cancel.run_until_cancelled(tokio::time::sleep(delay)).await;
        slept.ok_or_else(|| TargetError::new(ErrorKind::Cancelled, operation))
    }
}

/// The app of the smallest id.
fn smallest<'a>(apps: impl Iterator<Item = &'a App>) -> Option<&'a App> {
    apps.min_by(|a, b| a.id.cmp(&b.id))
}

/// Somebody else was as quick and has the smaller id, which showed only after this run had gone on.
fn lost(operation: String, kind: &str, winner: &str, removed: Result<(), String>) -> TargetError {
    let reason = anyhow!("another run created the {kind} {winner} of the same name at the same time");
    let failure = TargetError::new(ErrorKind::Conflict, operation).because(reason).hint(RUN_AGAIN);
    match removed {
        Ok(()) => failure,
        Err(left) => failure.hint(left),
    }
}
