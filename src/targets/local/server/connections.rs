//! HTTP on a listening socket, TCP or Unix, until it is closed.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::engine::Body;

/// How long a client may take to send a request's head, or to begin the next request on a connection.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long to wait after a connection could not be taken: the reason (too many open files) does not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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

/// Answers requests until `closing` is cancelled: then the socket is closed at once, and what is in flight has `grace`
/// to finish.
pub async fn serve<L, F, A>(listener: L, closing: &CancellationToken, grace: Duration, answer: F)
where
    L: Listener,
    F: Fn(L::Peer, Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let http = http();
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = closing.cancelled() => break,
            next = listener.next() => match next {
                Ok(None) => {}
                Ok(Some((stream, peer))) => {
                    let answer = answer.clone();
                    let service = service_fn(move |request| {
                        let answer = answer(peer, request);
                        async { Ok::<_, Infallible>(answer.await) }
                    });
                    let connection = http.serve_connection(TokioIo::new(stream), service).into_owned();
                    connections.spawn(graceful.watch(connection));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            // Takes away what has ended.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(grace, graceful.shutdown()).await;
    // Whatever is left ends here, with its task.
    connections.shutdown().await;
}

/// HTTP/1.1, and HTTP/2 without TLS for clients that begin with it.
fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    http.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_TIME);
    http
}
