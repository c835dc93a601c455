//! Requests to Hippo with the right credential. Facts: `deislabs/hippo src/Infrastructure/Services/TokenService.cs@v0.20.2`.
//!
//! Tokens live thirty minutes and cannot be renewed, only asked for again: a long upload outlives them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use tokio::sync::Mutex;
use url::Url;

use super::api::{Problem, TokenInfo, UserAndPassword};
use super::fault::{ApiError, Refusal};
use crate::auth::{Credential, Login, Secret};
use crate::event::Event;
use crate::http::{Body, Client, HttpError, Repeat, Request, Response, RetryNotice};
use crate::target::Context;

/// The longest answer that is read, in bytes.
const LIMIT: usize = 4 * 1024 * 1024;
/// A token that runs out sooner than this is replaced before it is used.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// How long the outcome of a write is waited for after the user stopped the run.
const GRACE: Duration = Duration::from_secs(5);

/// A request to Hippo, without who we are.
pub struct Call {
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
    /// What of the body is secret.
    secret: Option<Secret>,
    repeat: Repeat,
    limit: usize,
}

/// Without the body, which may hold a password.
impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

impl Call {
    /// A read.
    pub fn get(url: Url) -> Call {
        Call { method: Method::GET, url, body: None, secret: None, repeat: Repeat::Freely, limit: LIMIT }
    }

    /// A removal: gone is gone.
    pub fn delete(url: Url) -> Call {
        Call { method: Method::DELETE, ..Call::get(url) }
    }

    /// A write of absolute values, which may be repeated.
    pub fn set(method: Method, url: Url, body: &impl Serialize) -> Call {
        Call { method, body: Some(json(body)), ..Call::get(url) }
    }

    /// A creation. Whoever sends it reads back before sending it again.
    pub fn create(url: Url, body: &impl Serialize) -> Call {
        Call { repeat: Repeat::IfUntouched, ..Call::set(Method::POST, url, body) }
    }

    /// This of the body must not be shown, wherever it comes back.
    pub fn hiding(mut self, secret: &Secret) -> Call {
        self.secret = Some(secret.clone());
        self
    }

    /// One attempt only.
    pub fn once(mut self) -> Call {
        self.repeat = Repeat::Never;
        self
    }

    /// Takes answers up to this many bytes.
    pub fn limit(mut self, limit: usize) -> Call {
        self.limit = limit;
        self
    }

    fn request(&self, authorization: Option<Secret>) -> Request {
        let body = match &self.body {
            Some(content) => Body::Bytes { content: content.clone(), media_type: "application/json" },
            None => Body::Empty,
        };
        Request {
            method: self.method.clone(),
            url: self.url.clone(),
            // Alone: with `*/*` beside it Hippo sends bare text.
            accept: "application/json",
            authorization,
            body,
            repeat: self.repeat,
            patience: None,
            limit: self.limit,
        }
    }
}

/// A token and when it has to be replaced.
#[derive(Debug)]
struct Token {
    bearer: Secret,
    /// `None`: it does not say, or says what our clock calls past; a 401 will tell.
    expires: Option<Timestamp>,
}

/// Who we are at one Hippo.
#[derive(Debug)]
pub struct Session {
    http: Client,
    login_url: Url,
    /// `None`: we are nobody, which Hippo answers with a 401.
    credential: Option<Credential>,
    token: Mutex<Option<Token>>,
    accepted: AtomicBool,
    is_single: bool,
    patience: Option<Duration>,
}

impl Session {
    /// A session that has not begun: the first call logs in.
    pub fn new(http: Client, login_url: Url, credential: Option<Credential>) -> Session {
        let (token, accepted) = (Mutex::new(None), AtomicBool::new(false));
        Session { http, login_url, credential, token, accepted, is_single: false, patience: None }
    }

    /// The same, but each request is sent once only and waits so long for its answer (`None`: as long as any).
    pub fn single(self, patience: Option<Duration>) -> Session {
        Session { is_single: true, patience, ..self }
    }

    /// Whether there is no credential.
    pub fn is_nobody(&self) -> bool {
        self.credential.is_none()
    }

    /// The user's name, where it is known.
    pub fn username(&self) -> Option<&str> {
        match &self.credential {
            Some(Credential::Password(login)) => Some(&login.username),
            Some(Credential::Token(_)) | None => None,
        }
    }

    /// Whether Hippo has taken our credential at least once.
    pub fn is_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Sends a call and returns the answer if it is a success. After a 401 a fresh token is asked for, once, and the
    /// call repeated: a 401 says that it was not acted on.
    pub async fn send(&self, cx: &Context, call: &Call) -> Result<Response, ApiError> {
        let bearer = self.bearer(cx, None).await?;
        let mut response = self.exchange(cx, call, bearer.clone()).await?;
        if response.status == StatusCode::UNAUTHORIZED && self.username().is_some() {
            let fresh = self.bearer(cx, bearer.as_ref()).await?;
            response = self.exchange(cx, call, fresh).await?;
        }
        let response = success(response)?;
        self.accepted.store(true, Ordering::Relaxed);
        Ok(response)
    }

    /// Sends a call that needs no credential and returns the answer, whatever its status.
    pub async fn send_anonymously(&self, cx: &Context, call: &Call) -> Result<Response, ApiError> {
        self.exchange(cx, call, None).await
    }

    /// The `Authorization` to send; never `refused` again where another can be had. `None`: we are nobody.
    async fn bearer(&self, cx: &Context, refused: Option<&Secret>) -> Result<Option<Secret>, ApiError> {
        let login = match &self.credential {
            None => return Ok(None),
            Some(Credential::Token(token)) => return Ok(Some(bearer(token.expose()))),
            Some(Credential::Password(login)) => login,
        };
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| refused != Some(&token.bearer) && token.lasts()) {
            return Ok(Some(token.bearer.clone()));
        }
        let token = Token::new(&self.log_in(cx, login).await?);
        Ok(Some(held.insert(token).bearer.clone()))
    }

    /// Asks for a token. No other token is sent along: Hippo answers 500 where the user of that one is gone.
    pub async fn log_in(&self, cx: &Context, login: &Login) -> Result<TokenInfo, ApiError> {
        let body = UserAndPassword::of(login);
        let call = Call::set(Method::POST, self.login_url.clone(), &body).hiding(&login.password);
        let response = self.exchange(cx, &call, None).await?;
        Ok(success(response).map_err(ApiError::at_login)?.json()?)
    }

    /// One exchange. A read ends at once when the user stops the run; of a write the outcome is worth a moment.
    async fn exchange(&self, cx: &Context, call: &Call, authorization: Option<Secret>) -> Result<Response, ApiError> {
        if cx.cancel.is_cancelled() {
            return Err(ApiError::Cancelled);
        }
        let report = |notice| cx.report(retrying(notice));
        let mut request = call.request(authorization);
        if self.is_single {
            request = Request { repeat: Repeat::Never, patience: self.patience, ..request };
        }
        let answer = self.http.send(request, &report);
        let grace = if call.method == Method::GET { Duration::ZERO } else { GRACE };
        let stopped = async {
            cx.cancel.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            answer = answer => Ok(match &call.secret {
                Some(secret) => answer?.without(secret.expose()),
                None => answer?,
            }),
            () = stopped => Err(ApiError::Cancelled),
        }
    }
}

impl Token {
    fn new(info: &TokenInfo) -> Token {
        let expires = info.expiration.as_deref().and_then(|text| text.parse().ok());
        let token = Token { bearer: bearer(&info.token), expires };
        // A token that is fresh and looks old comes from a clock that differs from ours.
        if token.lasts() { token } else { Token { expires: None, ..token } }
    }

    fn lasts(&self) -> bool {
        self.expires.is_none_or(|expires| expires.duration_since(Timestamp::now()) > MARGIN)
    }
}

/// The event for a request that is about to be sent again.
pub fn retrying(notice: RetryNotice) -> Event {
    let RetryNotice { what, reason, attempt, delay } = notice;
    Event::Retrying { what, reason, attempt, delay }
}

/// The answer where it is a success, else what was refused and why.
fn success(response: Response) -> Result<Response, ApiError> {
    if response.status.is_success() {
        return Ok(response);
    }
    let problem = Problem::read(&response.body);
    match response.success() {
        Ok(response) => Ok(response),
        Err(error) => Err(ApiError::Refused(Box::new(Refusal { error, problem }))),
    }
}

fn bearer(token: &str) -> Secret {
    Secret::new(format!("Bearer {token}"))
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts and enumerations always serialise")
}

impl From<HttpError> for ApiError {
    fn from(error: HttpError) -> Self {
        ApiError::Refused(Box::new(Refusal { error, problem: Problem::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(seconds: i64) -> Token {
        let expires = Timestamp::now() + SignedDuration::from_secs(seconds);
        Token { bearer: bearer("x"), expires: Some(expires) }
    }

    #[test]
    fn a_token_is_replaced_a_minute_before_it_runs_out() {
        assert!(token(1800).lasts());
        assert!(token(65).lasts());
        assert!(!token(55).lasts());
        assert!(!token(-10).lasts());
    }

    #[test]
    fn a_fresh_token_that_looks_old_is_used_until_it_is_refused() {
        let old = TokenInfo { token: "x".into(), expiration: Some("2022-08-08T12:15:51Z".into()) };
        assert!(Token::new(&old).lasts());
        let odd = TokenInfo { token: "x".into(), expiration: Some("soon".into()) };
        assert!(Token::new(&odd).lasts());
        let none = TokenInfo { token: "x".into(), expiration: None };
        assert!(Token::new(&none).lasts());
    }
}
