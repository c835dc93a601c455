//! Typed calls to Hippo's API, v0.19 and newer. Facts: `deislabs/hippo src/Web/Api@v0.20.2`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use super::api::{
    App, Channel, ChannelStatus, CreateApp, CreateChannel, Health, Identified, JobStatus, LogLines, Page, PatchChannel,
    RegisterRevision, Revision, SetDesiredStatus, TokenInfo, UserAndPassword,
};
use super::fault::{ApiError, RUN_AGAIN};
use super::session::{Call, Session};
use crate::auth::{Credential, Login};
use crate::http::{Client, Response, SafeUrl};
use crate::target::{Context, ErrorKind, TargetError};

/// How many applications a page holds.
const APPS: usize = 50;
/// How many revisions or channels a page holds: their lists cannot be narrowed.
const ROWS: usize = 200;
/// How many pages are read before a list counts as endless.
const MOST_PAGES: usize = 1000;
/// The most that is read of an application's logs, in bytes.
const LOGS_LIMIT: usize = 16 * 1024 * 1024;

/// One Hippo.
#[derive(Debug)]
pub struct Hippo {
    base: Url,
    session: Session,
}

impl Hippo {
    /// Hippo at `base`, whose path is kept as a prefix. Sends nothing.
    pub fn new(http: Client, mut base: Url, credential: Option<Credential>) -> Hippo {
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        base.set_query(None);
        base.set_fragment(None);
        let session = Session::new(http, below(&base, &["api", "auth-tokens"]), credential);
        Hippo { base, session }
    }

    /// The same, but each request is sent once only and waits so long for its answer (`None`: as long as any). For looks
    /// at how things are, and for people who wait: they can ask again.
    pub fn single(self, patience: Option<Duration>) -> Hippo {
        Hippo { session: self.session.single(patience), ..self }
    }

    /// The address, safe to print, without a trailing slash.
    pub fn endpoint(&self) -> String {
        SafeUrl::from(&self.base).to_string().trim_end_matches('/').to_owned()
    }

    /// The user's name, where it is known.
    pub fn username(&self) -> Option<&str> {
        self.session.username()
    }

    /// Asks for a token.
    pub async fn log_in(&self, cx: &Context, login: &Login) -> Result<TokenInfo, ApiError> {
        self.session.log_in(cx, login).await
    }

    /// Makes an account. The id that Hippo answers with proves little: it is there also where a name that differs from
    /// another one by its case only was not taken.
    pub async fn create_account(&self, cx: &Context, login: &Login) -> Result<(), ApiError> {
        let call = Call::create(self.url(&["api", "accounts"]), &UserAndPassword::of(login)).hiding(&login.password);
        self.session.send(cx, &call).await.map(drop)
    }

    /// The names of the bindles that Hippo finds among the first fifty versions on its Bindle server: it asks that server
    /// for `_q` without a limit.
    pub async fn storages(&self, cx: &Context) -> Result<BTreeSet<String>, ApiError> {
        let page: Page<String> = self.session.send(cx, &Call::get(self.url(&["api", "storages"]))).await?.json()?;
        Ok(page.items.into_iter().collect())
    }

    /// Asks for next to nothing, with the credential.
    pub async fn ping(&self, cx: &Context) -> Result<(), ApiError> {
        let mut url = self.url(&["api", "apps"]);
        url.query_pairs_mut().append_pair("pageSize", "1");
        self.session.send(cx, &Call::get(url)).await?.json::<Page<App>>()?;
        Ok(())
    }

    /// All applications whose name contains `text`.
    pub async fn apps(&self, cx: &Context, text: &str) -> Result<Vec<App>, ApiError> {
        let mut url = self.url(&["api", "apps"]);
        url.query_pairs_mut().append_pair("searchText", text);
        self.all(cx, "apps", url, APPS).await
    }

    /// All revisions of all applications.
    pub async fn revisions(&self, cx: &Context) -> Result<Vec<Revision>, ApiError> {
        self.all(cx, "revisions", self.url(&["api", "revisions"]), ROWS).await
    }

    /// All channels of all applications.
    pub async fn channels(&self, cx: &Context) -> Result<Vec<Channel>, ApiError> {
        self.all(cx, "channels", self.url(&["api", "channels"]), ROWS).await
    }

    /// One channel.
    pub async fn channel(&self, cx: &Context, id: &str) -> Result<Channel, ApiError> {
        Ok(self.session.send(cx, &Call::get(self.url(&["api", "channels", id]))).await?.json()?)
    }

    /// Makes an application; Hippo imports the versions that its Bindle server has. Returns its GUID.
    pub async fn create_app(&self, cx: &Context, app: &CreateApp<'_>) -> Result<String, ApiError> {
        Ok(self.session.send(cx, &Call::create(self.url(&["api", "apps"]), app)).await?.json()?)
    }

    /// Removes an application with its channels and their jobs.
    pub async fn delete_app(&self, cx: &Context, id: &str) -> Result<(), ApiError> {
        self.delete(cx, self.url(&["api", "apps", id])).await
    }

    /// Registers a version. The answer tells nothing of the rows that it made.
    pub async fn register(&self, cx: &Context, revision: &RegisterRevision<'_>) -> Result<(), ApiError> {
        self.session.send(cx, &Call::create(self.url(&["api", "revisions"]), revision)).await.map(drop)
    }

    /// Makes a channel and starts it. Returns its GUID.
    pub async fn create_channel(&self, cx: &Context, channel: &CreateChannel<'_>) -> Result<String, ApiError> {
        Ok(self.session.send(cx, &Call::create(self.url(&["api", "channels"]), channel)).await?.json()?)
    }

    /// Changes a channel's record. The running job stays what it is.
    pub async fn patch_channel(&self, cx: &Context, id: &str, patch: &PatchChannel<'_>) -> Result<(), ApiError> {
        let call = Call::set(Method::PATCH, self.url(&["api", "channels", id]), patch);
        self.session.send(cx, &call).await.map(drop)
    }

    /// Starts a channel's job with the recorded revision, whatever ran before.
    pub async fn start_channel(&self, cx: &Context, id: &str) -> Result<(), ApiError> {
        let body = SetDesiredStatus { channel_id: id, desired_status: "Running" };
        let call = Call::set(Method::PUT, self.url(&["api", "channels", id, "desired-status"]), &body);
        self.session.send(cx, &call).await.map(drop)
    }

    /// Removes a channel with its job.
    pub async fn delete_channel(&self, cx: &Context, id: &str) -> Result<(), ApiError> {
        self.delete(cx, self.url(&["api", "channels", id])).await
    }

    /// What a channel's job does.
    pub async fn job_status(&self, cx: &Context, id: &str) -> Result<JobStatus, ApiError> {
        let mut url = self.url(&["api", "channel-statuses"]);
        url.query_pairs_mut().append_pair("channelId", id);
        let page: Page<ChannelStatus> = self.session.send(cx, &Call::get(url)).await?.json()?;
        Ok(page.items.iter().find(|item| item.channel_id == id).map(|item| item.status).unwrap_or_default())
    }

    /// What a channel's job wrote to standard output, oldest first.
    pub async fn logs(&self, cx: &Context, id: &str) -> Result<Vec<String>, ApiError> {
        self.read_logs(cx, &self.logs_call(id)).await
    }

    /// The same for a look that can do without them: asked for once only.
    pub async fn logs_at_once(&self, cx: &Context, id: &str) -> Result<Vec<String>, ApiError> {
        self.read_logs(cx, &self.logs_call(id).once()).await
    }

    fn logs_call(&self, id: &str) -> Call {
        Call::get(self.url(&["api", "channels", id, "logs"])).limit(LOGS_LIMIT)
    }

    async fn read_logs(&self, cx: &Context, call: &Call) -> Result<Vec<String>, ApiError> {
        Ok(self.session.send(cx, call).await?.json::<LogLines>()?.logs)
    }

    /// How Hippo and what it stands on are. A 503 has the same body.
    pub async fn health(&self, cx: &Context) -> Result<Health, ApiError> {
        Ok(self.healthz(cx).await?.json()?)
    }

    /// The same as it came, whatever it is.
    pub async fn healthz(&self, cx: &Context) -> Result<Response, ApiError> {
        let call = Call::get(self.url(&["healthz"])).once();
        self.session.send_anonymously(cx, &call).await
    }

    /// Tells of a failed call.
    pub fn fail(&self, operation: impl Into<String>, error: ApiError) -> TargetError {
        let kind = error.kind();
        self.fail_as(kind, operation, error)
    }

    /// Tells of a failed call as of another kind than its own.
    pub fn fail_as(&self, kind: ErrorKind, operation: impl Into<String>, error: ApiError) -> TargetError {
        let has_token = self.username().is_none() && !self.session.is_nobody();
        let stale = error.status() == Some(500) && has_token && !self.session.is_accepted();
        let mut failure = error.told_as(kind, operation);
        if stale {
            failure = failure.hint(
                "a 500 to the very first request can mean that Hippo no longer knows the token's user: log in again, \
                 and if the token came from HIPPO_TOKEN, set that to a new one",
            );
        }
        match (kind, self.username()) {
            (ErrorKind::Unauthenticated, None) if self.session.is_nobody() => failure.hint(self.login_command()),
            (ErrorKind::Unauthenticated, None) => failure.hint(self.login_command()).hint(
                "the token is wrong or has run out (Hippo's live 30 minutes): if it came from HIPPO_TOKEN, set that to a \
                 new one, or unset it",
            ),
            (ErrorKind::Unauthenticated, Some(_)) => {
                failure.hint("check the name (case matters; `--hippo-username NAME` or HIPPO_USERNAME) and the password (HIPPO_PASSWORD)")
            }
            (ErrorKind::Unreachable, _) => {
                failure.hint(format!("check the address (`--hippo-url URL`): `curl -i {}/healthz`", self.endpoint()))
            }
            (ErrorKind::Interrupted, _) => failure.hint(RUN_AGAIN),
            _ => failure,
        }
    }

    /// How to log in here.
    pub fn login_command(&self) -> String {
        format!("spin-deploy login --hippo-url {}", self.endpoint())
    }

    /// Tells of a failed first look. Before v0.19 the paths were others, so a 404 says that Hippo is older, or that
    /// something else lives at the address.
    pub fn fail_first(&self, operation: impl Into<String>, error: ApiError) -> TargetError {
        if error.status() != Some(404) {
            return self.fail(operation, error);
        }
        self.fail_as(ErrorKind::Unreachable, operation, error)
            .hint("Hippo older than v0.19 is not supported; a path in the address is kept as a prefix")
    }

    async fn delete(&self, cx: &Context, url: Url) -> Result<(), ApiError> {
        match self.session.send(cx, &Call::delete(url)).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND.as_u16()) => Ok(()),
            result => result.map(|_: Response| ()),
        }
    }

    /// All items of a list. A short page is the last: `isLastPage` and `totalItems` are wrong with a search text.
    async fn all<T>(&self, cx: &Context, list: &'static str, url: Url, size: usize) -> Result<Vec<T>, ApiError>
    where
        T: DeserializeOwned + Identified,
    {
        // Rows move between pages while others write, so one may come twice.
        let mut items = BTreeMap::new();
        let mut firsts = BTreeSet::new();
        for index in 0..MOST_PAGES {
            let mut url = url.clone();
            url.query_pairs_mut()
                .append_pair("pageSize", &size.to_string())
                .append_pair("pageIndex", &index.to_string());
            let page: Page<T> = self.session.send(cx, &Call::get(url)).await?.json()?;
            let full = usize::try_from(page.page_size).ok().filter(|used| *used > 0).unwrap_or(size).min(size);
            let is_last = page.items.len() < full;
            let fresh = page.items.first().is_none_or(|first| firsts.insert(first.id().to_owned()));
            items.extend(page.items.into_iter().map(|item| (item.id().to_owned(), item)));
            if is_last {
                return Ok(items.into_values().collect());
            }
            if !fresh {
                break;
            }
        }
        Err(ApiError::EndlessPages { list })
    }

    fn url(&self, path: &[&str]) -> Url {
        below(&self.base, path)
    }
}

/// The URL with these segments after the base's path.
fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("`connect` takes http and https only").pop_if_empty().extend(path);
    url
}
