//! Components that answer through `wasi:http/incoming-handler`.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Frame, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Request, Response};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, HyperOutgoingBody};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use super::super::{Body, BodyError, HandleError, Handler, Limits};
use super::guest::{Guest, Host, Stdio};
use super::outbound::{Origin, incoming_error};
use super::output::Output;
use super::{content_length, refuse_too_large};
use crate::targets::local::logs::Stream;

/// A component that is ready to answer.
pub(super) struct Component {
    pub(super) host: Arc<Host>,
    pub(super) pre: ProxyPre<Guest>,
}

/// What is learned of a guest while it runs.
#[derive(Default)]
struct Notes {
    /// It was sent more than it may be.
    request_too_large: AtomicBool,
    /// How it ended, once it has.
    ended: OnceLock<Ended>,
}

/// How a guest ended.
struct Ended {
    outcome: Result<(), HandleError>,
    /// Whether no body that it began to write lacks its end.
    finished: bool,
}

#[async_trait]
impl Handler for Component {
    async fn handle(&self, request: Request<Body>) -> Result<Response<Body>, HandleError> {
        let limits = self.host.workload.limits;
        refuse_too_large(&request, &limits)?;
        let head_only = request.method() == Method::HEAD;
        let notes = Arc::new(Notes::default());
        let (sender, head) = oneshot::channel();
        let running = self.start(request, sender, notes.clone())?;

        let head = head.await;
        if notes.request_too_large.load(Ordering::Relaxed) {
            return Err(HandleError::RequestTooLarge { limit: limits.request_body });
        }
        let response = match head {
            Ok(Ok(response)) => response,
            Ok(Err(code)) => return Err(HandleError::NoAnswer(format!("it answered with the error {code}"))),
            Err(_) => return Err(notes.silence()),
        };
        let expected = declared_length(&response, head_only).map_err(HandleError::NoAnswer)?;
        if expected.is_some_and(|length| length > limits.response_body) {
            return Err(HandleError::ResponseTooLarge { limit: limits.response_body });
        }
        let bodiless = head_only || matches!(response.status().as_u16(), 204 | 304);
        let expected = if bodiless { Some(0) } else { expected };
        let answer = |inner| Answer { inner, running: Some(running), notes, limits, sent: 0, expected };
        Ok(response.map(|inner| answer(inner).boxed_unsync()))
    }
}

impl Component {
    /// Starts the guest in a task of its own, because it may go on when the answer's head is there.
    fn start(
        &self,
        request: Request<Body>,
        head: Head,
        notes: Arc<Notes>,
    ) -> Result<AbortOnDropHandle<()>, HandleError> {
        let host = self.host.clone();
        let limits = host.workload.limits;
        let deadline = Instant::now() + limits.time;
        let slot = host.slot()?;
        let mut store = host.store(Stdio {
            origin: Origin::of(request.extensions()),
            arguments: Vec::new(),
            environment: host.workload.environment.clone().into_iter().collect(),
            stdin: tokio::io::empty(),
            stdout: Output::log(&host.workload.log, Stream::Out),
        })?;

        let scheme = if request.uri().scheme_str() == Some("https") { Scheme::Https } else { Scheme::Http };
        let request = request.map(|body| incoming(body, limits.request_body, notes.clone()));
        let mut view = store.data_mut().http();
        let invalid = |error: wasmtime::Error| HandleError::NoAnswer(format!("{error:#}"));
        let request = view.new_incoming_request(scheme, request).map_err(invalid)?;
        let out = view.new_response_outparam(head).map_err(invalid)?;

        let pre = self.pre.clone();
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            let _slot = slot;
            let run = async {
                let proxy = pre.instantiate_async(&mut store).await?;
                proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out).await
            };
            let outcome = match timeout_at(deadline, run).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(host.failure(&store, &error)),
                Err(_) => Err(host.timed_out()),
            };
            // Before the store goes, and with it the other end of the answer's body: who sees that end asks how the
            // guest ended.
            let finished = has_finished(&mut store);
            let _ = notes.ended.set(Ended { outcome, finished });
            drop(store);
        })))
    }
}

type Head =
    oneshot::Sender<Result<Response<HyperOutgoingBody>, wasmtime_wasi_http::p2::bindings::http::types::ErrorCode>>;

impl Notes {
    /// Why there was no answer.
    fn silence(&self) -> HandleError {
        match self.failure() {
            Some(failure) => failure.clone(),
            None => HandleError::NoAnswer("it returned without setting a response".to_owned()),
        }
    }

    /// Why the guest ended early, if it did.
    fn failure(&self) -> Option<&HandleError> {
        self.ended.get()?.outcome.as_ref().err()
    }

    /// Why the guest ended early with the answer's body open, if it did.
    fn cut_off(&self) -> Option<&HandleError> {
        self.failure().filter(|_| self.ended.get().is_some_and(|ended| !ended.finished))
    }
}

/// Whether the guest has no body open. One that it finished, or gave up, is not among its resources any more; one that
/// goes with the store ends as if it were finished.
fn has_finished(store: &mut Store<Guest>) -> bool {
    !store.data_mut().http().table.iter_mut().any(|resource| resource.is::<HostOutgoingBody>())
}

/// The request's body as the guest reads it.
fn incoming(body: Body, limit: u64, notes: Arc<Notes>) -> WasiBody {
    let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    let error = move |error: Box<dyn std::error::Error + Send + Sync>| {
        // Whoever sent it may have a limit of the same kind.
        let too_large =
            error.is::<LengthLimitError>() || matches!(error.downcast_ref(), Some(BodyError::TooLarge { .. }));
        if too_large {
            notes.request_too_large.store(true, Ordering::Relaxed);
            return Error::HttpRequestBodySize(Some(limit));
        }
        error.downcast::<BodyError>().map_or(Error::ConnectionTerminated, |error| incoming_error(*error))
    };
    limited.map_err(error).boxed_unsync()
}

/// The length that the answer's head tells; `Err` is a fragment that says why it is no valid head.
fn declared_length(response: &Response<HyperOutgoingBody>, head_only: bool) -> Result<Option<u64>, String> {
    if response.status().is_informational() {
        return Err(format!("its status is {}, which is none to end with", response.status().as_u16()));
    }
    let Some(value) = response.headers().get(CONTENT_LENGTH) else { return Ok(None) };
    let length = content_length(value).ok_or("its header `content-length` is no number")?;
    let bodiless = head_only || response.status() == 304;
    if length > 0 && response.body().is_end_stream() && !bodiless {
        return Err("its header `content-length` promises a body and it has none".to_owned());
    }
    Ok(Some(length))
}

/// The answer's body. Dropped before its end, it stops the guest; a guest that has said everything may go on with what
/// it does afterwards until its time is up.
struct Answer {
    inner: HyperOutgoingBody,
    running: Option<AbortOnDropHandle<()>>,
    notes: Arc<Notes>,
    limits: Limits,
    sent: u64,
    /// How long it will be, where the head tells.
    expected: Option<u64>,
}

impl Answer {
    fn let_go(&mut self) {
        if let Some(running) = self.running.take() {
            running.detach();
        }
    }

    fn next(&mut self, frame: Option<Result<Frame<Bytes>, Error>>) -> Option<Result<Frame<Bytes>, BodyError>> {
        match (frame, self.notes.cut_off()) {
            (Some(Ok(frame)), _) => Some(self.count(frame)),
            (None, None) => {
                self.let_go();
                None
            }
            (_, Some(HandleError::TimedOut { limit })) => Some(Err(BodyError::TimedOut { limit: *limit })),
            (_, Some(failure)) => Some(Err(BodyError::Broken(failure.to_string()))),
            (Some(Err(error)), None) => Some(Err(BodyError::Broken(error.to_string()))),
        }
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        if self.sent > self.limits.response_body {
            self.running = None;
            return Err(BodyError::TooLarge { limit: self.limits.response_body });
        }
        Ok(frame)
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(self.next(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Answer {
    /// A server does not ask for the end of a body whose length it knows.
    fn drop(&mut self) {
        if self.inner.is_end_stream() || self.expected.is_some_and(|expected| self.sent >= expected) {
            self.let_go();
        }
    }
}
