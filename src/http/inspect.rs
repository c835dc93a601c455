//! A closer look at one server: what the client does in one go, one thing at a time. No request is sent.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::url::{Host, Url};
use hyper_util::client::proxy::matcher::Matcher;
use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Config, HttpError, dns, is_loopback, text, tls};

/// How long each look may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at servers as the client sees them: the same names, proxies and authorities.
pub struct Inspector {
    trust: Arc<dyn ServerCertVerifier>,
    proxies: Matcher,
}

/// What a server showed when a secure connection was asked for.
#[derive(Debug)]
pub struct Handshake {
    /// Its own certificate, where it got so far as to show one that can be read.
    pub certificate: Option<Certificate>,
    /// How it ended: the protocol that was agreed on.
    pub outcome: Result<String, TlsFault>,
}

/// What stands in a certificate. Every text is fit to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is: `CN=hippo.example.com`.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// From when on it is good.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// Why there is no secure connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate's time is over.
    Expired,
    /// Its time has not come.
    NotValidYet,
    /// It is for other names.
    OtherName,
    /// Nobody whom we trust vouches for it, in the verifier's words.
    Untrusted(String),
    /// It is no matter of trust: no TLS is spoken there, or none that we understand.
    Failed(String),
}

impl Inspector {
    /// Makes one. Fails when the CA file cannot be used.
    pub fn new(config: &Config) -> Result<Inspector, HttpError> {
        Ok(Inspector { trust: tls::trust(config)?, proxies: Matcher::from_system() })
    }

    /// The proxy through which the client speaks to this address, without its credentials.
    pub fn proxy(&self, url: &Url) -> Option<String> {
        if is_loopback(url) {
            return None;
        }
        let intercept = self.proxies.intercept(&url.as_str().parse().ok()?)?;
        let authority = intercept.uri().authority()?;
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        Some(format!("{}://{host}", intercept.uri().scheme_str().unwrap_or("http")))
    }

    /// The addresses of the URL's host, with its port.
    pub async fn resolve(&self, url: &Url) -> io::Result<Vec<SocketAddr>> {
        let ips = match url.host() {
            Some(Host::Domain(name)) => in_time(dns::addresses(name)).await?,
            Some(Host::Ipv4(ip)) => vec![IpAddr::V4(ip)],
            Some(Host::Ipv6(ip)) => vec![IpAddr::V6(ip)],
            None => Vec::new(),
        };
        if ips.is_empty() {
            return Err(io::Error::other("the name has no address"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// Connects to the first of the addresses that answers; the error is that of the last.
    pub async fn connect(&self, addresses: &[SocketAddr]) -> io::Result<(SocketAddr, TcpStream)> {
        let mut last = io::Error::other("the name has no address");
        for address in addresses {
            match in_time(TcpStream::connect(address)).await {
                Ok(stream) => return Ok((*address, stream)),
                Err(error) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
            }
        }
        Err(last)
    }

    /// Asks for a secure connection, and ends it.
    pub async fn shake_hands(&self, url: &Url, stream: TcpStream) -> Handshake {
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()),
            Some(Host::Ipv4(ip)) => Ok(ServerName::from(IpAddr::V4(ip))),
            Some(Host::Ipv6(ip)) => Ok(ServerName::from(IpAddr::V6(ip))),
            None => ServerName::try_from(String::new()),
        };
        let Ok(name) = name else {
            let outcome = Err(TlsFault::Failed("the host is no name that a certificate can have".to_owned()));
            return Handshake { certificate: None, outcome };
        };
        let onlooker = Arc::new(Onlooker { trust: self.trust.clone(), seen: Mutex::default() });
        let connector = TlsConnector::from(Arc::new(tls::with_trust(onlooker.clone())));
        let shaken = in_time(connector.connect(name, stream)).await;
        let (certificate, distrust) = onlooker.seen.lock().unwrap_or_else(PoisonError::into_inner).take().unzip();
        let outcome = match (shaken, distrust.flatten()) {
            (_, Some(error)) => Err(TlsFault::of(&error)),
            (Ok(stream), None) => Ok(match stream.get_ref().1.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
                _ => "TLS 1.2".to_owned(),
            }),
            (Err(error), None) => Err(TlsFault::Failed(text::printable(&error.to_string()))),
        };
        Handshake { certificate: certificate.flatten(), outcome }
    }
}

impl TlsFault {
    fn of(error: &rustls::Error) -> TlsFault {
        use CertificateError as Why;
        match error {
            rustls::Error::InvalidCertificate(Why::Expired | Why::ExpiredContext { .. }) => TlsFault::Expired,
            rustls::Error::InvalidCertificate(Why::NotValidYet | Why::NotValidYetContext { .. }) => {
                TlsFault::NotValidYet
            }
            rustls::Error::InvalidCertificate(Why::NotValidForName | Why::NotValidForNameContext { .. }) => {
                TlsFault::OtherName
            }
            rustls::Error::InvalidCertificate(Why::UnknownIssuer) => {
                TlsFault::Untrusted("nobody whom this machine trusts has issued it".to_owned())
            }
            other => TlsFault::Untrusted(text::printable(&other.to_string())),
        }
    }
}

impl Certificate {
    fn read(der: &[u8]) -> Option<Certificate> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let time = |seconds| Timestamp::from_second(seconds).ok();
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
        Some(Certificate {
            subject: text::printable(&certificate.subject().to_string()),
            issuer: text::printable(&certificate.issuer().to_string()),
            names: names.unwrap_or_default(),
            not_before: time(certificate.validity().not_before.timestamp())?,
            not_after: time(certificate.validity().not_after.timestamp())?,
        })
    }
}

/// A name that a server can be called by.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(text::printable(name)),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(four) => Some(IpAddr::from(four).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}

/// What comes of it within the time that a look may take.
async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late()))
}

/// A certificate, where it can be read, and why it is not trusted, where it is not.
type Seen = (Option<Certificate>, Option<rustls::Error>);

/// Decides as another one does, and remembers what it was shown.
#[derive(Debug)]
struct Onlooker {
    trust: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Option<Seen>>,
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.trust.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        let seen = (Certificate::read(end_entity), verdict.as_ref().err().cloned());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trust.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trust.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
