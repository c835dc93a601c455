//! A stand-in for `native-tls` that can do no TLS at all.
//!
//! Bindle 0.8.2 pulls in `reqwest` with its default features, and with it OpenSSL and its headers. The only code that
//! would open an outgoing TLS connection is the OIDC login, and the test servers never use that. So this crate offers
//! just the types and methods its dependents name, with the same signatures. Every attempt to use TLS fails with an
//! error that says so; a stream can never exist, because [`TlsStream`] and its kin hold an uninhabited value.

use std::convert::Infallible;
use std::io;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The one error there is: this build has no TLS.
#[derive(Debug)]
pub struct Error;

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("outgoing TLS is left out of the Bindle test servers")
    }
}

impl std::error::Error for Error {}

/// A client identity; none can be made.
#[derive(Clone)]
pub struct Identity(Infallible);

impl Identity {
    /// Always fails.
    pub fn from_pkcs12(_der: &[u8], _password: &str) -> Result<Self> {
        Err(Error)
    }

    /// Always fails.
    pub fn from_pkcs8(_pem: &[u8], _key: &[u8]) -> Result<Self> {
        Err(Error)
    }
}

/// A certificate; none can be made.
#[derive(Clone)]
pub struct Certificate(Infallible);

impl Certificate {
    /// Always fails.
    pub fn from_der(_der: &[u8]) -> Result<Self> {
        Err(Error)
    }

    /// Always fails.
    pub fn from_pem(_pem: &[u8]) -> Result<Self> {
        Err(Error)
    }

    /// Cannot be reached: no certificate exists.
    pub fn to_der(&self) -> Result<Vec<u8>> {
        match self.0 {}
    }
}

/// The protocol versions that dependents name.
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// SSL 3.0
    Sslv3,
    /// TLS 1.0
    Tlsv10,
    /// TLS 1.1
    Tlsv11,
    /// TLS 1.2
    Tlsv12,
}

/// Accepts every setting and forgets it: without TLS there is nothing to set.
pub struct TlsConnectorBuilder(());

impl TlsConnectorBuilder {
    /// Forgotten.
    pub fn identity(&mut self, _identity: Identity) -> &mut Self {
        self
    }

    /// Forgotten.
    pub fn min_protocol_version(&mut self, _protocol: Option<Protocol>) -> &mut Self {
        self
    }

    /// Forgotten.
    pub fn max_protocol_version(&mut self, _protocol: Option<Protocol>) -> &mut Self {
        self
    }

    /// Forgotten.
    pub fn add_root_certificate(&mut self, _certificate: Certificate) -> &mut Self {
        self
    }

    /// Forgotten.
    pub fn disable_built_in_roots(&mut self, _disable: bool) -> &mut Self {
        self
    }

    /// Forgotten.
    pub fn danger_accept_invalid_certs(&mut self, _accept: bool) -> &mut Self {
        self
    }

    /// Forgotten.
    pub fn danger_accept_invalid_hostnames(&mut self, _accept: bool) -> &mut Self {
        self
    }

    /// Forgotten.
    pub fn use_sni(&mut self, _use_sni: bool) -> &mut Self {
        self
    }

    /// Succeeds, because an HTTP client builds its connector even if it only ever speaks plain HTTP.
    pub fn build(&self) -> Result<TlsConnector> {
        Ok(TlsConnector(()))
    }
}

/// A connector that can be built but refuses to connect.
#[derive(Clone, Debug)]
pub struct TlsConnector(());

impl TlsConnector {
    /// Succeeds, see [`TlsConnectorBuilder::build`].
    pub fn new() -> Result<Self> {
        Ok(Self(()))
    }

    /// A builder that takes every setting.
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder(())
    }

    /// Always fails.
    pub fn connect<S: io::Read + io::Write>(
        &self,
        _domain: &str,
        _stream: S,
    ) -> std::result::Result<TlsStream<S>, HandshakeError<S>> {
        Err(HandshakeError::Failure(Error))
    }
}

/// An acceptor; none can be made.
#[derive(Clone)]
pub struct TlsAcceptor(Infallible);

impl TlsAcceptor {
    /// Cannot be reached: no acceptor exists.
    pub fn accept<S: io::Read + io::Write>(
        &self,
        _stream: S,
    ) -> std::result::Result<TlsStream<S>, HandshakeError<S>> {
        match self.0 {}
    }
}

/// How a handshake ends when it does not succeed.
#[derive(Debug)]
pub enum HandshakeError<S> {
    /// The only case that happens.
    Failure(Error),
    /// Never happens; dependents match on it.
    WouldBlock(MidHandshakeTlsStream<S>),
}

/// A handshake under way; none exists.
#[derive(Debug)]
pub struct MidHandshakeTlsStream<S> {
    stream: S,
    never: Infallible,
}

impl<S> MidHandshakeTlsStream<S> {
    /// Cannot be reached: no handshake is ever under way.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Cannot be reached: no handshake is ever under way.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: io::Read + io::Write> MidHandshakeTlsStream<S> {
    /// Cannot be reached: no handshake is ever under way.
    pub fn handshake(self) -> std::result::Result<TlsStream<S>, HandshakeError<S>> {
        match self.never {}
    }
}

/// A TLS stream; none exists.
#[derive(Debug)]
pub struct TlsStream<S> {
    stream: S,
    never: Infallible,
}

impl<S> TlsStream<S> {
    /// Cannot be reached: no stream exists.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Cannot be reached: no stream exists.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: io::Read + io::Write> TlsStream<S> {
    /// Cannot be reached: no stream exists.
    pub fn peer_certificate(&self) -> Result<Option<Certificate>> {
        match self.never {}
    }

    /// Cannot be reached: no stream exists.
    pub fn shutdown(&mut self) -> io::Result<()> {
        match self.never {}
    }
}

impl<S: io::Read + io::Write> io::Read for TlsStream<S> {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        match self.never {}
    }
}

impl<S: io::Read + io::Write> io::Write for TlsStream<S> {
    fn write(&mut self, _buffer: &[u8]) -> io::Result<usize> {
        match self.never {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.never {}
    }
}
