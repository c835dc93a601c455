//! A component's answer on its way: how long it may take, and what it has to be for HTTP.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::{Method, Response, StatusCode};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::super::engine::{Body, BodyError};
use super::reply;

/// A body that is over at the deadline, whether or not somebody asks for its next piece: the body itself, and what is
/// kept for it, go with its last byte or then. `limit` is what the client is told.
pub fn until<K: Send + 'static>(deadline: Instant, limit: Duration, body: Body, kept: K) -> Body {
    let state = Arc::new(Mutex::new(State::Open { body, reader: None, _kept: kept }));
    let timer = AbortOnDropHandle::new(tokio::spawn(end(Arc::downgrade(&state), deadline)));
    Timed { state, limit, _timer: timer }.boxed_unsync()
}

struct Timed<K> {
    state: Arc<Mutex<State<K>>>,
    limit: Duration,
    _timer: AbortOnDropHandle<()>,
}

enum State<K> {
    Open { body: Body, reader: Option<Waker>, _kept: K },
    TimedOut,
    Ended,
}

/// Takes the body away at the deadline.
async fn end<K>(state: Weak<Mutex<State<K>>>, deadline: Instant) {
    tokio::time::sleep_until(deadline).await;
    let Some(state) = state.upgrade() else { return };
    let mut state = lock(&state);
    if let State::Open { reader, .. } = &mut *state {
        let reader = reader.take();
        let old = std::mem::replace(&mut *state, State::TimedOut);
        // May be much: not under the lock.
        drop(state);
        drop(old);
        reader.into_iter().for_each(Waker::wake);
    }
}

fn lock<K>(state: &Mutex<State<K>>) -> MutexGuard<'_, State<K>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Send> hyper::body::Body for Timed<K> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut state = lock(&self.state);
        let last = match &mut *state {
            State::Open { body, reader, .. } => match Pin::new(body).poll_frame(cx) {
                Poll::Pending => {
                    *reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => return Poll::Ready(Some(Ok(frame))),
                Poll::Ready(last) => last,
            },
            State::TimedOut => Some(Err(BodyError::TimedOut { limit: self.limit })),
            State::Ended => None,
        };
        let old = std::mem::replace(&mut *state, State::Ended);
        drop(state);
        drop(old);
        Poll::Ready(last)
    }

    fn is_end_stream(&self) -> bool {
        match &*lock(&self.state) {
            State::Open { body, .. } => body.is_end_stream(),
            State::TimedOut => false,
            State::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &*lock(&self.state) {
            State::Open { body, .. } => body.size_hint(),
            State::TimedOut | State::Ended => SizeHint::default(),
        }
    }
}

/// The answer without its body where HTTP has none: hyper sees to that for HTTP/1 alone.
pub fn fitting(method: &Method, mut response: Response<Body>) -> Response<Body> {
    let status = response.status();
    let length = response.body().size_hint().exact().filter(|length| *length > 0);
    if status == StatusCode::NO_CONTENT {
        response.headers_mut().remove(CONTENT_LENGTH);
    } else if method == Method::HEAD
        && let Some(length) = length
    {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    if method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        *response.body_mut() = reply::full("");
    }
    response
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;
    use tokio::sync::oneshot;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn endless() -> Body {
        StreamBody::new(stream::pending()).boxed_unsync()
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_answer_keeps_goes_at_the_deadline_though_nobody_reads() {
        let (kept, gone) = oneshot::channel::<()>();
        let mut body = until(Instant::now() + LIMIT, LIMIT, endless(), kept);
        let begin = Instant::now();
        gone.await.unwrap_err();
        assert!(begin.elapsed() >= LIMIT);
        assert_eq!(body.frame().await.unwrap().unwrap_err(), BodyError::TimedOut { limit: LIMIT });
        assert!(body.frame().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_next_piece_hears_of_the_deadline() {
        let mut body = until(Instant::now() + LIMIT, LIMIT, endless(), ());
        assert_eq!(body.frame().await.unwrap().unwrap_err(), BodyError::TimedOut { limit: LIMIT });
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_answer_keeps_goes_with_its_last_byte_or_with_its_reader() {
        let (kept, mut gone) = oneshot::channel::<()>();
        let mut body = until(Instant::now() + LIMIT, LIMIT, reply::full("all"), kept);
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "all");
        assert!(body.frame().await.is_none());
        assert_eq!(gone.try_recv(), Err(oneshot::error::TryRecvError::Closed));

        let (kept, mut gone) = oneshot::channel::<()>();
        drop(until(Instant::now() + LIMIT, LIMIT, endless(), kept));
        assert_eq!(gone.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
