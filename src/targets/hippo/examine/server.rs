//! What is below HTTP: a server's name, its port, its certificate.

use url::Url;

use super::Tools;
use super::notes::Notes;
use crate::http::inspect::{Certificate, Handshake, TlsFault};
use crate::target::ErrorKind;

/// What the looks at one server are called.
pub struct Labels {
    /// Whether its name has an address.
    pub resolves: &'static str,
    /// Whether its port takes connections.
    pub connects: &'static str,
    /// Whether it is who it should be.
    pub trusted: &'static str,
    /// The flag that gives its address.
    pub flag: &'static str,
}

/// Why nothing further can be looked at.
pub const NO_ADDRESS: &str = "there is no usable address";
const NO_NAME: &str = "its name has no address";
const NO_CONNECTION: &str = "there is no connection";
const NO_TLS: &str = "there is no secure connection";

/// Looks at all of it; the error says why nothing above it can be looked at.
pub async fn look(
    tools: &Tools,
    url: Option<&Url>,
    labels: &Labels,
    notes: &mut Notes<'_>,
) -> Result<(), &'static str> {
    let Some(url) = url else {
        notes.skipped_all(&[labels.resolves, labels.connects], NO_ADDRESS);
        return Err(NO_ADDRESS);
    };
    let is_secure = url.scheme() == "https";
    let all = [labels.resolves, labels.connects, labels.trusted];
    let all = if is_secure { &all[..] } else { &all[..2] };
    if let Some(proxy) = tools.inspector.proxy(url) {
        notes.skipped_all(all, &format!("the proxy {proxy} does that for us"));
        return Ok(());
    }
    let check_address = || vec![format!("check the address: `{} URL`", labels.flag)];
    let addresses = match tools.inspector.resolve(url).await {
        Ok(addresses) => addresses,
        Err(error) => {
            let detail = format!("{}: {error}", url.host_str().unwrap_or_default());
            notes.failed(labels.resolves, ErrorKind::Unreachable, detail, check_address());
            notes.skipped_all(&all[1..], NO_NAME);
            return Err(NO_NAME);
        }
    };
    let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    notes.passed(labels.resolves, shown.join(", "));
    let (address, stream) = match tools.inspector.connect(&addresses).await {
        Ok(connection) => connection,
        Err(error) => {
            notes.failed(labels.connects, ErrorKind::Unreachable, error.to_string(), check_address());
            notes.skipped_all(&all[2..], NO_CONNECTION);
            return Err(NO_CONNECTION);
        }
    };
    notes.passed(labels.connects, address.to_string());
    match is_secure {
        true => note_handshake(url, tools.insecure, tools.inspector.shake_hands(url, stream).await, labels, notes),
        false => Ok(()),
    }
}

fn note_handshake(
    url: &Url,
    insecure: bool,
    handshake: Handshake,
    labels: &Labels,
    notes: &mut Notes<'_>,
) -> Result<(), &'static str> {
    let Handshake { certificate, outcome } = handshake;
    let shown = certificate.as_ref().map(describe).unwrap_or_default();
    match outcome {
        Ok(_) if insecure => {
            let detail = format!("every certificate is taken (`--insecure`), this one too: {shown}");
            notes.warned(labels.trusted, detail, vec!["trust the authority that issued it: `--ca-cert FILE`".into()]);
            Ok(())
        }
        Ok(protocol) => {
            notes.passed(labels.trusted, format!("{protocol}, {shown}"));
            Ok(())
        }
        Err(fault) => {
            let (reason, hint) = explain(&fault, url, certificate.as_ref(), labels.flag);
            let detail = if shown.is_empty() { reason } else { format!("{reason}: {shown}") };
            notes.failed(labels.trusted, ErrorKind::Unreachable, detail, vec![hint]);
            Err(NO_TLS)
        }
    }
}

/// Why there is no secure connection, and what to do about it.
fn explain(fault: &TlsFault, url: &Url, certificate: Option<&Certificate>, flag: &str) -> (String, String) {
    let host = url.host_str().unwrap_or_default();
    let names = certificate.map(|certificate| certificate.names.as_slice()).unwrap_or_default();
    match fault {
        TlsFault::Expired => {
            ("its time is over".into(), format!("renew the certificate of {host}, or set the clock here right"))
        }
        TlsFault::NotValidYet => ("its time has not come yet".into(), "set the clock here, or there, right".into()),
        TlsFault::OtherName => (
            format!(
                "it is not for {host}, but for {}",
                if names.is_empty() { "no name".into() } else { names.join(", ") }
            ),
            format!("use a name that it is for: `{flag} URL`"),
        ),
        TlsFault::Untrusted(why) => (why.clone(), "trust the authority that issued it: `--ca-cert FILE`".into()),
        TlsFault::Failed(why) => (why.clone(), format!("is it http, and not https? check `{flag} URL`")),
    }
}

fn describe(certificate: &Certificate) -> String {
    let Certificate { subject, issuer, not_before, not_after, .. } = certificate;
    let day = |time: &jiff::Timestamp| time.strftime("%Y-%m-%d").to_string();
    format!("{subject}, issued by {issuer}, good from {} to {}", day(not_before), day(not_after))
}
