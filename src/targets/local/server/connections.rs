//! HTTP on a listening socket, TCP or Unix, until it is closed.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::super::engine::Body;

/// How long a client may take to send a request's head, or to begin the next request on a connection.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long to wait after a connection could not be taken: the reason (too many open files) does not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How many connections there are at the same time; further ones wait until they are taken.
const CONNECTIONS: usize = 1024;
/// How long connections stay when all is answered and nothing new is taken: the last bytes may still be on their way.
const LAST_BYTES: Duration = Duration::from_millis(500);
/// What HTTP/2 begins with (RFC 9113, 3.4).
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Something that connections come from.
#[async_trait]
pub trait Listener: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Who is at its other end.
    type Peer: Copy + Send + 'static;

    /// The next connection; `None` is one that is not taken. Nothing is lost when the future is dropped.
    async fn next(&self) -> io::Result<Option<(Self::Stream, Self::Peer)>>;
}

#[async_trait]
impl Listener for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    async fn next(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        let (stream, peer) = self.accept().await?;
        // Answers often end with a small piece, which would wait for the client's acknowledgement.
        stream.set_nodelay(true)?;
        Ok(Some((stream, peer)))
    }
}

#[async_trait]
impl Listener for UnixListener {
    type Stream = UnixStream;
    type Peer = ();

    async fn next(&self) -> io::Result<Option<(UnixStream, ())>> {
        let (stream, _) = self.accept().await?;
        let ours = stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw());
        Ok(ours.then_some((stream, ())))
    }
}

/// Answers requests until `closing` is cancelled: then the socket is closed at once, and what is in flight has `time`
/// to finish. Returns when that time ends. It is also how long a client may take none of what it is sent.
pub async fn serve<L, F, A>(listener: L, closing: &CancellationToken, time: Duration, answer: F) -> Instant
where
    L: Listener,
    F: Fn(L::Peer, Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let tasks = Tasks::default();
    let http = http(&tasks);
    let graceful = GracefulShutdown::new();
    let in_flight = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let slot = slots.clone().acquire_owned();
        let next = async { (slot.await, listener.next().await) };
        tokio::select! {
            () = closing.cancelled() => break,
            (slot, next) = next => match next {
                Ok(None) => {}
                Ok(Some((stream, peer))) => {
                    let (answer, requests) = (answer.clone(), in_flight.clone());
                    let service = service_fn(move |request| {
                        let running = requests.token();
                        let answer = answer(peer, request);
                        async { Ok::<_, Infallible>(answer.await.map(|body| keep(body, running))) }
                    });
                    let (patience, writing) = (time.max(HEAD_TIME), in_flight.clone());
                    let (http, watcher, closing) = (http.clone(), graceful.watcher(), closing.clone());
                    tasks.spawn(async move {
                        let _slot = slot;
                        let Some(Ok(stream)) = closing.run_until_cancelled(Patient::begin(stream, patience, writing)).await else {
                            return;
                        };
                        let connection = http.serve_connection(TokioIo::new(stream), service).into_owned();
                        if let Err(error) = watcher.watch(connection).await {
                            tracing::debug!(%error, "a connection ended badly");
                        }
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be taken");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let end = Instant::now() + time;
    in_flight.close();
    let answered = async {
        loop {
            in_flight.wait().await;
            sleep(LAST_BYTES).await;
            if in_flight.is_empty() {
                break;
            }
        }
    };
    tokio::select! {
        () = graceful.shutdown() => {}
        // Somebody has begun a request, and does not go on.
        () = answered => {}
        () = sleep_until(end) => {}
    }
    tasks.end().await;
    end
}

/// HTTP/1.1, and HTTP/2 without TLS for clients that begin with it.
fn http(tasks: &Tasks) -> auto::Builder<Tasks> {
    let mut http = auto::Builder::new(tasks.clone());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    http.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_TIME);
    http
}

/// The body, with something that goes when the body does.
fn keep<K: Send + 'static>(body: Body, kept: K) -> Body {
    let with = move |error| {
        let _kept = &kept;
        error
    };
    // Not `map_frame`, which would forget the body's length.
    body.map_err(with).boxed_unsync()
}

/// All tasks of a listener: those of its connections, and those of HTTP/2's streams.
#[derive(Clone, Default)]
struct Tasks {
    all: TaskTracker,
    end: CancellationToken,
}

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.all.spawn(async move { end.run_until_cancelled(task).await });
    }

    /// Ends them all.
    async fn end(self) {
        self.end.cancel();
        self.all.close();
        self.all.wait().await;
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

/// A stream whose client has shown which HTTP it speaks, and that is broken when its client takes nothing for too long.
struct Patient<S> {
    stream: S,
    /// What was read to see which HTTP it is.
    first: Bytes,
    time: Duration,
    /// Runs while the client takes nothing.
    stuck: Option<Pin<Box<Sleep>>>,
    /// Knows of answers that are not sent yet: hyper lets a body go when it is buffered.
    writing: TaskTracker,
    /// Held while the client takes nothing.
    token: Option<TaskTrackerToken>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Patient<S> {
    /// Reads as much as hyper does without a timer of its own: what might still begin HTTP/2.
    async fn begin(mut stream: S, time: Duration, writing: TaskTracker) -> io::Result<Patient<S>> {
        let mut first = Vec::with_capacity(HTTP_2.len());
        let read = async {
            while first.len() < HTTP_2.len() && HTTP_2.starts_with(&first) {
                if stream.read_buf(&mut first).await? == 0 {
                    break;
                }
            }
            Ok::<_, io::Error>(())
        };
        timeout(HEAD_TIME, read).await??;
        Ok(Patient { stream, first: first.into(), time, stuck: None, writing, token: None })
    }

    /// What comes of a try to write, unless the client has taken nothing for too long.
    fn patiently<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(result) = write(Pin::new(&mut self.stream), cx) {
            (self.stuck, self.token) = (None, None);
            return Poll::Ready(result);
        }
        let time = self.time;
        self.token.get_or_insert_with(|| self.writing.token());
        ready!(self.stuck.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let length = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..length]);
        self.first.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.patiently(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.patiently(cx, |stream, cx| stream.poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::{Mutex, mpsc, oneshot};

    use super::super::reply;
    use super::*;

    const TIME: Duration = Duration::from_secs(60);

    /// Pipes in place of sockets: time can stand still for them.
    struct Pipes(Mutex<mpsc::UnboundedReceiver<DuplexStream>>);

    #[async_trait]
    impl Listener for Pipes {
        type Stream = DuplexStream;
        type Peer = ();

        async fn next(&self) -> io::Result<Option<(DuplexStream, ())>> {
            match self.0.lock().await.recv().await {
                Some(stream) => Ok(Some((stream, ()))),
                None => std::future::pending().await,
            }
        }
    }

    struct Serving {
        pipes: mpsc::UnboundedSender<DuplexStream>,
        closing: CancellationToken,
        done: tokio::task::JoinHandle<Instant>,
    }

    impl Serving {
        fn start<A>(answer: impl Fn() -> A + Clone + Send + 'static) -> Serving
        where
            A: Future<Output = Body> + Send + 'static,
        {
            let (pipes, receiver) = mpsc::unbounded_channel();
            let closing = CancellationToken::new();
            let done = tokio::spawn({
                let closing = closing.clone();
                async move {
                    let answer = move |(), _| {
                        let body = answer();
                        async { Response::new(body.await) }
                    };
                    serve(Pipes(Mutex::new(receiver)), &closing, TIME, answer).await
                }
            });
            Serving { pipes, closing, done }
        }

        fn connect(&self) -> DuplexStream {
            let (ours, theirs) = duplex(256);
            self.pipes.send(theirs).unwrap();
            ours
        }
    }

    async fn short() -> Body {
        reply::full("short")
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_begin_a_request_is_given_up() {
        let serving = Serving::start(short);
        for beginning in ["", "P", "PRI * HTT", "GET / HT"] {
            let mut stream = serving.connect();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            let begin = Instant::now();
            let mut answer = Vec::new();
            timeout(3 * HEAD_TIME, stream.read_to_end(&mut answer)).await.expect(beginning).unwrap();
            assert!(begin.elapsed() >= HEAD_TIME, "{beginning:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_comes_in_small_pieces_is_answered() {
        let serving = Serving::start(short);
        let mut stream = serving.connect();
        for byte in "PRIZE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".bytes() {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("short"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_not_more_connections_than_allowed() {
        let serving = Serving::start(short);
        let idle = (0..CONNECTIONS).map(|_| serving.connect()).collect::<Vec<_>>();
        let mut late = serving.connect();
        late.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        timeout(HEAD_TIME / 2, late.read_to_end(&mut answer)).await.unwrap_err();
        drop(idle);
        late.read_to_end(&mut answer).await.unwrap();
        assert!(answer.ends_with(b"short"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (kept, gone) = oneshot::channel::<()>();
        let kept = Arc::new(std::sync::Mutex::new(Some(kept)));
        let serving = Serving::start(move || {
            let kept = kept.lock().unwrap().take();
            let frames = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 1000]))));
            async { keep(StreamBody::new(frames).boxed_unsync(), kept) }
        });
        let mut stream = serving.connect();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        timeout(2 * TIME, gone).await.expect("the answer should be gone").unwrap_err();
        let mut answer = Vec::new();
        timeout(TIME, stream.read_to_end(&mut answer)).await.expect("the connection should be gone").unwrap();
        assert!(answer.len() <= 256);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_on_its_way_is_finished() {
        let serving = Serving::start(|| async { reply::full(vec![b'x'; 100_000]) });
        let mut stream = serving.connect();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 16];
        stream.read_exact(&mut answer).await.unwrap();
        serving.closing.cancel();
        sleep(20 * LAST_BYTES).await;
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.len() > 100_000, "{}", answer.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_only_begun_does_not_delay_the_end() {
        let serving = Serving::start(short);
        let mut streams = Vec::new();
        for beginning in ["", "PRI * HTT", "GET / HT"] {
            let mut stream = serving.connect();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            streams.push(stream);
        }
        // All are taken when nothing is left to do.
        sleep(Duration::from_millis(1)).await;
        let begin = Instant::now();
        serving.closing.cancel();
        assert_eq!(serving.done.await.unwrap(), begin + TIME);
        assert!(begin.elapsed() <= 2 * LAST_BYTES, "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn a_stream_of_http_2_does_not_outlive_its_listener() {
        let tasks = Tasks::default();
        let (kept, mut gone) = oneshot::channel::<()>();
        let stream = async move {
            let _kept = kept;
            std::future::pending().await
        };
        hyper::rt::Executor::execute(&tasks, stream);
        tasks.end().await;
        assert_eq!(gone.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
