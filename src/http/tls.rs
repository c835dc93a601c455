//! Whom to trust.
//!
//! The system's certificates are read when the first server shows its own, not before: a machine without any can
//! still speak plain HTTP, and a run that needs none does not spend the time.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::{Config, HttpError, Kind, SafeUrl};

/// The TLS side of the client: HTTP/2 and HTTP/1.1 over TLS 1.2 and 1.3.
pub(super) fn config(config: &Config) -> Result<ClientConfig, HttpError> {
    Ok(with_trust(trust(config)?))
}

/// Who decides whether a server is trusted.
pub(super) fn trust(config: &Config) -> Result<Arc<dyn ServerCertVerifier>, HttpError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let extra = match &config.ca_cert {
        Some(path) => read_certificates(path).map_err(|(message, source)| unusable(path, message, source))?,
        None => Vec::new(),
    };
    Ok(match config.insecure {
        true => Arc::new(Anyone { provider }),
        false => Arc::new(SystemAnd { extra, provider, verifier: OnceLock::new() }),
    })
}

/// The TLS side of a client that trusts as it is told.
pub(super) fn with_trust(trust: Arc<dyn ServerCertVerifier>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks the default protocol versions")
        .dangerous()
        .with_custom_certificate_verifier(trust)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    tls
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The certificates of a PEM file, each of them good as an authority.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, (&'static str, Option<Cause>)> {
    let pem = std::fs::read(path).map_err(|error| ("it cannot be read", Some(Cause::from(error))))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ("it is no valid PEM file", Some(Cause::from(error))))?;
    if certificates.is_empty() {
        return Err(("it holds no PEM certificate", None));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| ("a certificate in it cannot be an authority", Some(Cause::from(error))))?;
    }
    Ok(certificates)
}

fn unusable(path: &Path, message: &str, source: Option<Cause>) -> HttpError {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let url = url::Url::from_file_path(absolute)
        .unwrap_or_else(|()| url::Url::parse("file:///").expect("a constant URL is valid"));
    HttpError {
        kind: Kind::InvalidConfig,
        method: "read".into(),
        url: SafeUrl::from(&url),
        status: None,
        barrier: None,
        message: message.into(),
        source,
    }
}

/// Trusts the system's authorities and some more.
#[derive(Debug)]
struct SystemAnd {
    extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Result<Verifier, rustls::Error>>,
}

impl SystemAnd {
    fn verifier(&self) -> Result<&Verifier, rustls::Error> {
        self.verifier
            .get_or_init(|| Verifier::new_with_extra_roots(self.extra.iter().cloned(), self.provider.clone()))
            .as_ref()
            .map_err(Clone::clone)
    }
}

impl ServerCertVerifier for SystemAnd {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier()?.verify_server_cert(end_entity, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Trusts anyone who holds the key of the certificate that they show (`--insecure`).
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
