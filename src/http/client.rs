//! The client: one exchange, the loop that repeats it, and the two ways to take an answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use humantime::format_duration;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use url::Url;

use super::body::{Deadline, Payload};
use super::error::{Subject, redirect_target};
use super::retry::{self, Backoff};
use super::{
    Config, HttpError, Kind, Repeat, Request, Response, RetryNotice, SafeUrl, dns, echo, tls, url::is_loopback,
};

/// How long a connection may take, names and TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection within this machine may take.
#[cfg(unix)]
const CONNECT_HERE: Duration = Duration::from_secs(2);
/// Who asks.
const USER_AGENT: &str = concat!("spin-deploy/", env!("CARGO_PKG_VERSION"));
/// How long to wait for an answer after the body went, where the request does not say.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a body, in either direction, may stand still.
const IDLE: Duration = Duration::from_secs(30);
/// How long an answer that is kept in memory may take from its first to its last byte: it is small, so one that
/// drips is as good as none.
const WHOLE_ANSWER: Duration = Duration::from_secs(300);
/// How much of an error answer is read.
const ERROR_LIMIT: usize = 64 * 1024;
/// How many redirects a download follows.
const REDIRECTS: usize = 10;

/// Hears of each repetition.
type OnRetry<'a> = &'a (dyn Fn(RetryNotice) + Sync);

/// The client. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    /// For this machine: never through a proxy.
    direct: reqwest::Client,
    /// For everything else: through the system's proxies where it has some.
    outward: reqwest::Client,
    allow_insecure_credentials: bool,
    jitter: Mutex<fastrand::Rng>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// A request in the form in which it can be tried more than once.
#[derive(Clone)]
pub(super) struct Prepared {
    subject: Subject,
    url: Url,
    headers: HeaderMap,
    payload: Option<Payload>,
    repeat: Repeat,
    patience: Duration,
    limit: usize,
}

/// What stands in the way of what was wanted, and may be gone at the next attempt.
enum Setback {
    Answer(Response),
    Error(HttpError),
}

impl From<HttpError> for Setback {
    fn from(error: HttpError) -> Self {
        Setback::Error(error)
    }
}

impl Client {
    /// Makes the client. Fails when the CA file cannot be used.
    pub fn new(config: &Config) -> Result<Client, HttpError> {
        Client::with_jitter(config, fastrand::Rng::new())
    }

    /// Makes the client with its source of randomness, which decides the delays between attempts.
    pub(crate) fn with_jitter(config: &Config, jitter: fastrand::Rng) -> Result<Client, HttpError> {
        let tls = tls::config(config)?;
        let builder = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(dns::Resolver)
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT)
                .user_agent(USER_AGENT)
        };
        let built = "a client without identity, proxy or certificates of its own is always valid";
        let inner = Inner {
            direct: builder().no_proxy().build().expect(built),
            outward: builder().build().expect(built),
            allow_insecure_credentials: config.allow_insecure_credentials,
            jitter: Mutex::new(jitter),
        };
        Ok(Client { inner: Arc::new(inner) })
    }

    /// Makes a client that speaks over a Unix socket, whatever host a request names. No connection is kept.
    #[cfg(unix)]
    pub fn over_socket(path: &std::path::Path) -> Client {
        let tls = tls::config(&Config::default()).expect("without a CA file nothing can be wrong");
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .unix_socket(path)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_HERE)
            .pool_max_idle_per_host(0)
            .user_agent(USER_AGENT)
            .build()
            .expect("a client without identity, proxy or certificates of its own is always valid");
        let inner = Inner {
            direct: client.clone(),
            outward: client,
            allow_insecure_credentials: false,
            jitter: Mutex::new(fastrand::Rng::new()),
        };
        Client { inner: Arc::new(inner) }
    }

    /// The delays between attempts at something, for loops above a single request.
    pub fn backoff(&self) -> Backoff {
        Backoff::new(self.inner.jitter.lock().unwrap_or_else(PoisonError::into_inner).fork())
    }

    /// Sends a request, again where that is allowed, and returns the last answer. `on_retry` hears of each repetition.
    pub async fn send(&self, request: Request, on_retry: OnRetry<'_>) -> Result<Response, HttpError> {
        let prepared = self.prepare(request)?;
        let attempt = || async {
            let answer = self.exchange(&prepared).await?;
            if answer.status().is_redirection() {
                return Err(Setback::Error(prepared.subject.redirected(&prepared.url, &answer)));
            }
            let response = whole(&prepared.subject, answer, prepared.limit).await?;
            match response.status.is_success() {
                true => Ok(response),
                false => Err(Setback::Answer(prepared.without_credential(response))),
            }
        };
        match self.repeat(&prepared, on_retry, attempt).await {
            Ok(response) | Err(Setback::Answer(response)) => Ok(response),
            Err(Setback::Error(error)) => Err(error),
        }
    }

    /// Asks once and returns the status of whatever answers; its body is not read. A redirect is an answer, too, and
    /// not followed.
    pub async fn status(&self, request: Request) -> Result<reqwest::StatusCode, HttpError> {
        let prepared = self.prepare(request)?;
        Ok(self.exchange(&prepared).await?.status())
    }

    /// Opens a download: an answer of any length, to be read in pieces. Redirects are followed, but never from https
    /// to http, and not at all with credentials; every status but 2xx is an error.
    pub async fn download(&self, request: Request, on_retry: OnRetry<'_>) -> Result<Download, HttpError> {
        let first = self.prepare(request)?;
        let attempt = || async {
            let (subject, answer) = self.follow(&first).await?;
            if answer.status().is_success() {
                return Ok(Download { subject, answer });
            }
            Err(Setback::Answer(whole(&subject, answer, ERROR_LIMIT).await?))
        };
        self.repeat(&first, on_retry, attempt).await.map_err(|setback| match setback {
            Setback::Answer(answer) => HttpError::of_answer(&answer),
            Setback::Error(error) => error,
        })
    }

    /// Checks a request and makes its headers.
    pub(super) fn prepare(&self, request: Request) -> Result<Prepared, HttpError> {
        let subject = Subject { method: request.method, url: SafeUrl::from(&request.url) };
        let refuse = |message: &str| Err(subject.error(Kind::InvalidConfig, message));
        if !matches!(request.url.scheme(), "http" | "https") || !request.url.has_host() {
            return refuse("it is no http or https address");
        }
        let has_credentials =
            request.authorization.is_some() || !request.url.username().is_empty() || request.url.password().is_some();
        let readable = request.url.scheme() == "http" && !is_loopback(&request.url);
        if has_credentials && readable && !self.inner.allow_insecure_credentials {
            return refuse("credentials are not sent over plain http to another machine");
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(request.accept));
        if let Some(authorization) = request.authorization {
            let Ok(mut value) = HeaderValue::from_str(authorization.expose()) else {
                return refuse("the credentials hold characters that a header cannot carry");
            };
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let payload = Payload::new(request.body);
        if let Some(payload) = &payload {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(payload.media_type));
            headers.insert(CONTENT_LENGTH, payload.length.into());
        }
        Ok(Prepared {
            subject,
            url: request.url,
            headers,
            payload,
            repeat: request.repeat,
            patience: request.patience.unwrap_or(PATIENCE),
            limit: request.limit,
        })
    }

    /// One request on the wire, up to the head of its answer.
    async fn exchange(&self, request: &Prepared) -> Result<reqwest::Response, HttpError> {
        let client = if is_loopback(&request.url) { &self.inner.direct } else { &self.inner.outward };
        let deadline = Deadline::new(request.payload.as_ref().is_some_and(Payload::has_bytes), IDLE, request.patience);
        let mut builder =
            client.request(request.subject.method.clone(), request.url.clone()).headers(request.headers.clone());
        if let Some(payload) = &request.payload {
            builder = builder.body(payload.stream(deadline.clone()));
        }
        tokio::select! {
            answer = builder.send() => answer.map_err(|error| request.subject.failure(&error)),
            stall = deadline.passed() => Err(request.subject.error(Kind::Interrupted, stall)),
        }
    }

    /// One download's worth of exchanges: the answer that is no redirect, and the address that gave it.
    async fn follow(&self, first: &Prepared) -> Result<(Subject, reqwest::Response), HttpError> {
        let mut request = first.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.exchange(&request).await?;
            if !answer.status().is_redirection() {
                return Ok((request.subject, answer));
            }
            match redirect_target(&request.url, &answer) {
                Some(to) if may_follow(&request.url, &to) && !first.headers.contains_key(AUTHORIZATION) => {
                    request.subject.url = SafeUrl::from(&to);
                    request.url = to;
                }
                _ => return Err(request.subject.redirected(&request.url, &answer)),
            }
        }
        Err(first.subject.error(Kind::Protocol, format!("it redirects more than {REDIRECTS} times")))
    }

    /// Makes attempts until one leads somewhere or no further one is allowed.
    async fn repeat<T, F>(
        &self,
        request: &Prepared,
        on_retry: OnRetry<'_>,
        attempt: impl Fn() -> F,
    ) -> Result<T, Setback>
    where
        F: Future<Output = Result<T, Setback>>,
    {
        let mut backoff = self.backoff();
        let mut number = 0;
        loop {
            number += 1;
            let setback = match attempt().await {
                Ok(done) => return Ok(done),
                Err(setback) => setback,
            };
            let Some(delay) = setback.delay(request.repeat, &mut backoff) else { return Err(setback) };
            on_retry(RetryNotice {
                what: format!("{} {}", request.subject.method, request.subject.url),
                reason: setback.reason(),
                attempt: number,
                delay,
            });
            tokio::time::sleep(delay).await;
        }
    }
}

impl Prepared {
    /// The answer without the credential that was sent.
    fn without_credential(&self, answer: Response) -> Response {
        let authorization = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secrets = authorization.map(echo::secrets).unwrap_or_default();
        secrets.iter().fold(answer, |answer, secret| answer.without(secret))
    }
}

impl Setback {
    /// How long to wait before another attempt; `None`: there is to be none.
    fn delay(&self, repeat: Repeat, backoff: &mut Backoff) -> Option<Duration> {
        match self {
            Setback::Answer(answer) if retry::after_status(repeat, answer.status, &answer.headers) => {
                backoff.next(retry::rest(&answer.headers))
            }
            Setback::Error(error) if retry::after_error(repeat, error) => backoff.next(None),
            _ => None,
        }
    }

    fn reason(&self) -> String {
        match self {
            Setback::Answer(answer) => format!("it answered {}", answer.status),
            Setback::Error(error) => error.message.clone(),
        }
    }
}

/// May a download go on from here to there?
fn may_follow(from: &Url, to: &Url) -> bool {
    to.scheme() == from.scheme() || to.scheme() == "https"
}

/// Reads an answer into memory: at most `limit` bytes of a good one, and what there is to be had of a bad one, whose
/// status says enough.
async fn whole(subject: &Subject, mut answer: reqwest::Response, limit: usize) -> Result<Response, HttpError> {
    let good = answer.status().is_success();
    let limit = if good { limit } else { ERROR_LIMIT };
    let mut body = Vec::new();
    let reading = async {
        while let Some(chunk) = next_chunk(subject, &mut answer).await? {
            let room = limit - body.len();
            if chunk.len() > room {
                body.extend_from_slice(&chunk[..room]);
                return Err(subject.error(Kind::Protocol, format!("its answer is longer than {limit} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
    };
    let read = tokio::time::timeout(WHOLE_ANSWER, reading).await.unwrap_or_else(|_| {
        let message = format!("its answer did not end within {}", format_duration(WHOLE_ANSWER));
        Err(subject.error(Kind::Interrupted, message))
    });
    if good {
        read?;
    }
    Ok(Response {
        status: answer.status(),
        headers: answer.headers().clone(),
        body,
        method: subject.method.clone(),
        url: subject.url.clone(),
    })
}

/// The next piece of an answer, which must not stand still.
async fn next_chunk(subject: &Subject, answer: &mut reqwest::Response) -> Result<Option<Bytes>, HttpError> {
    match tokio::time::timeout(IDLE, answer.chunk()).await {
        Ok(chunk) => chunk.map_err(|error| subject.failure(&error)),
        Err(_) => {
            let message = format!("its answer did not move for {}", format_duration(IDLE));
            Err(subject.error(Kind::Interrupted, message))
        }
    }
}

/// An answer of any length on its way here.
#[derive(Debug)]
pub struct Download {
    subject: Subject,
    answer: reqwest::Response,
}

impl Download {
    /// How many bytes it has, where the server says so.
    pub fn length(&self) -> Option<u64> {
        self.answer.content_length()
    }

    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        next_chunk(&self.subject, &mut self.answer).await
    }
}
