//! A server that does what no good server does.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use url::Url;

use super::{Client, Config, RetryNotice};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends these bytes, then nothing, for ever.
    Stall(Vec<u8>),
    /// Sends these bytes, then breaks the connection off.
    Reset(Vec<u8>),
    /// Breaks the connection off with the body unread.
    ResetBeforeBody,
    /// Takes the head, and of the body nothing, for ever.
    IgnoreBody,
    /// Sends the head, then the body a byte every so many milliseconds.
    Drip(Vec<u8>, Vec<u8>, u64),
}

/// An answer with a Content-Length.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Act {
    let body = body.as_ref();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    Act::Send([head.as_bytes(), body].concat())
}

/// The server. It ends with the test's runtime.
pub(crate) struct Server {
    pub url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// An address at which nobody listens, and nobody else can, as long as the socket is kept.
pub(crate) fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

impl Server {
    /// Does `acts[k]` to request k, and the last one to all that follow.
    pub async fn new(acts: impl Into<Vec<Act>>) -> Server {
        let acts = acts.into();
        Server::with(move |index, _| acts[index.min(acts.len() - 1)].clone()).await
    }

    /// Does what `act` says to the request of this index.
    pub async fn with(act: impl Fn(usize, &Seen) -> Act + Send + Sync + 'static) -> Server {
        Server::listen("127.0.0.1:0", act).await
    }

    /// Does `act` to each request at that address.
    pub async fn at(address: &str, act: Act) -> Server {
        Server::listen(address, move |_, _| act.clone()).await
    }

    async fn listen(address: &str, act: impl Fn(usize, &Seen) -> Act + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, act) = (seen.clone(), Arc::new(act));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, act) = (log.clone(), act.clone());
                tokio::spawn(async move {
                    let choose = |seen: Seen| {
                        let mut log = log.lock().unwrap();
                        log.push(seen);
                        act(log.len() - 1, log.last().unwrap())
                    };
                    serve(stream, choose).await
                });
            }
        });
        Server { url, seen }
    }

    /// Serves the same over TLS with a certificate for `localhost`.
    pub async fn tls(config: Arc<rustls::ServerConfig>, act: Act) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = tokio_rustls::TlsAcceptor::from(config.clone()).accept(stream).await else {
                    continue;
                };
                // Some only look at the certificate.
                let Some(request) = read_request(&mut stream, true).await else { continue };
                log.lock().unwrap().push(request);
                if let Act::Send(bytes) = &act {
                    stream.write_all(bytes).await.unwrap();
                    let _ = stream.shutdown().await;
                }
            }
        });
        Server { url: format!("https://localhost:{port}/").parse().unwrap(), seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn serve(mut stream: TcpStream, choose: impl FnOnce(Seen) -> Act) {
    // Acts that leave the body alone are decided by the head.
    let Some(head) = read_request(&mut stream, false).await else { return };
    let length: usize = head.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut seen = head.clone();
    let act = if length > 4 * 1024 * 1024 {
        choose(seen)
    } else {
        seen.body = vec![0; length];
        if stream.read_exact(&mut seen.body).await.is_err() {
            return;
        }
        choose(seen)
    };
    match act {
        Act::Send(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            // Until the client has gone: closing with unread bytes would be a reset.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
        Act::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending().await
        }
        Act::Reset(bytes) => {
            let _ = stream.write_all(&bytes).await;
            reset(stream);
        }
        Act::ResetBeforeBody => reset(stream),
        Act::IgnoreBody => std::future::pending().await,
        Act::Drip(head, body, every) => {
            let _ = stream.write_all(&head).await;
            for byte in body {
                tokio::time::sleep(std::time::Duration::from_millis(every)).await;
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Closes with RST instead of FIN.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

/// The head of a request, and its body where it is wanted.
async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), body: bool) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut seen = Seen { head: String::from_utf8(head).unwrap(), body: Vec::new() };
    if body {
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        seen.body = vec![0; length];
        stream.read_exact(&mut seen.body).await.ok()?;
    }
    Some(seen)
}

/// A client whose delays are the same in each run.
pub(crate) fn client() -> Client {
    client_with(&Config::default())
}

pub(crate) fn client_with(config: &Config) -> Client {
    Client::with_jitter(config, fastrand::Rng::with_seed(1)).unwrap()
}

/// Does not listen to retries.
pub(crate) fn unheard(_: RetryNotice) {}

/// A private authority as a PEM file, and a server whose certificate for `localhost` it has signed.
pub(crate) fn authority() -> (tempfile::NamedTempFile, Arc<rustls::ServerConfig>) {
    authority_for(rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap())
}

/// The same for a certificate of this content.
pub(crate) fn authority_for(leaf: rcgen::CertificateParams) -> (tempfile::NamedTempFile, Arc<rustls::ServerConfig>) {
    let mut params = rcgen::CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let name = format!("authority of {:?}", key.public_key_raw());
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let ca = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&leaf_key, &ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(ca.pem().as_bytes()).unwrap();
    (file, Arc::new(config))
}
