//! The calls to a Bindle server, and what their answers mean.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bindle::Id;
use bindle::invoice::Invoice;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::{RegistryError, report_retry};
use crate::auth::{Login, Secret};
use crate::event::Reporter;
use crate::http::{Body, Client, Repeat, Request, Response, SafeUrl};

/// Media type of everything but parcels, in and out.
const TOML: &str = "application/toml";
/// Media type under which parcels are sent, whatever is in them.
const BYTES: &str = "application/octet-stream";
/// The server hashes a parcel after its last byte, which took it 8.6 s for 500 MB.
const PARCEL_PATIENCE: Duration = Duration::from_secs(600);

/// A Bindle server and who we are there.
#[derive(Debug)]
pub(super) struct Server {
    base: Url,
    client: Client,
    authorization: Option<Secret>,
}

/// What became of an invoice that was sent.
#[derive(Debug)]
pub(super) enum Created {
    /// It is there now.
    Stored,
    /// An invoice of that id was there.
    Exists,
    /// Another client holds the id at this moment: worth another try.
    Busy,
}

/// What became of a parcel that was sent.
#[derive(Debug)]
pub(super) enum Sent {
    /// It is there, complete.
    Stored,
    /// 409: it is there, or on its way, or stuck.
    Conflict,
}

/// What is at an id.
#[derive(Debug)]
pub(super) enum Found {
    /// This invoice.
    Invoice(Box<Invoice>),
    /// It was withdrawn.
    Yanked,
    /// Nothing.
    Nothing,
}

/// Only the field that is needed: answers of newer servers may have more.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

#[derive(Deserialize)]
struct MissingAnswer {
    #[serde(default)]
    missing: Vec<MissingLabel>,
}

#[derive(Deserialize)]
struct MissingLabel {
    sha256: String,
}

impl Server {
    /// A server at `base`, with its `/v1`.
    pub(super) fn new(mut base: Url, client: Client, login: Option<&Login>) -> Server {
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Server { base, client, authorization: login.map(basic) }
    }

    /// The client's delays, for loops above a single request.
    pub(super) fn backoff(&self) -> crate::http::Backoff {
        self.client.backoff()
    }

    /// Settles credentials with a small request, before large ones whose refusal would look like a broken connection.
    pub(super) async fn probe(&self, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        if self.authorization.is_none() {
            return Ok(());
        }
        let answer = self.send(self.request(Method::GET, "_q?l=1"), reporter).await?;
        self.recognised(answer)?.success()?;
        Ok(())
    }

    /// Sends an invoice.
    pub(super) async fn create(&self, invoice: &Invoice, reporter: &dyn Reporter) -> Result<Created, RegistryError> {
        let content = toml::to_string(invoice).expect("an invoice is plain TOML").into_bytes();
        let mut request = self.request(Method::POST, "_i");
        request.body = Body::Bytes { content, media_type: TOML };
        let answer = self.recognised(self.send(request, reporter).await?)?;
        let message = error_of(&answer).unwrap_or_default();
        match answer.status {
            StatusCode::CREATED | StatusCode::ACCEPTED => Ok(Created::Stored),
            // `deislabs/bindle src/provider/mod.rs@v0.9.1`: WriteInProgress and Exists share the status.
            StatusCode::CONFLICT if message.contains("write operation") => Ok(Created::Busy),
            StatusCode::CONFLICT => Ok(Created::Exists),
            StatusCode::BAD_REQUEST if is_about_signatures(&message) => Err(RegistryError::Signature { message }),
            _ => Err(refused(answer)),
        }
    }

    /// Reads an invoice.
    pub(super) async fn invoice(&self, id: &Id, reporter: &dyn Reporter) -> Result<Found, RegistryError> {
        let answer = self.send(self.request(Method::GET, &format!("_i/{id}")), reporter).await?;
        let answer = self.recognised(answer)?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(Found::Nothing),
            StatusCode::FORBIDDEN if error_of(&answer).is_some_and(|message| message.contains("yanked")) => {
                Ok(Found::Yanked)
            }
            _ => {
                let answer = answer.success()?;
                let invoice = toml::from_slice(&answer.body)
                    .map_err(|_| answer.unexpected("it answered something that is no invoice"))?;
                Ok(Found::Invoice(Box::new(invoice)))
            }
        }
    }

    /// The digests that the server lacks of a bindle: the only truthful answer.
    pub(super) async fn missing(&self, id: &Id, reporter: &dyn Reporter) -> Result<BTreeSet<String>, RegistryError> {
        let answer = self.send(self.request(Method::GET, &format!("_r/missing/{id}")), reporter).await?;
        let answer = self.recognised(answer)?.success()?;
        let list: MissingAnswer = toml::from_slice(&answer.body)
            .map_err(|_| answer.unexpected("it answered something that is no list of missing parcels"))?;
        Ok(list.missing.into_iter().map(|label| label.sha256).collect())
    }

    /// Sends a parcel, once: what a broken upload came to is for [`Server::missing`] to say.
    pub(super) async fn upload(
        &self,
        id: &Id,
        sha256: &str,
        body: ParcelBody,
        reporter: &dyn Reporter,
    ) -> Result<Sent, RegistryError> {
        let mut request = self.request(Method::POST, &format!("_i/{id}@{sha256}"));
        request.body = body.into_body();
        request.repeat = Repeat::Never;
        request.patience = Some(PARCEL_PATIENCE);
        let answer = self.send(request, reporter).await?;
        match answer.status {
            StatusCode::CONFLICT => Ok(Sent::Conflict),
            _ => answer.success().map(|_| Sent::Stored).map_err(Into::into),
        }
    }

    fn request(&self, method: Method, path: &str) -> Request {
        // `+` and `@` stay as they are: the server does not decode paths.
        let url = self.base.join(path).expect("an id and a digest make a valid path");
        Request { accept: TOML, authorization: self.authorization.clone(), ..Request::new(method, url) }
    }

    async fn send(&self, request: Request, reporter: &dyn Reporter) -> Result<Response, RegistryError> {
        Ok(self.client.send(request, &|notice| report_retry(reporter, notice)).await?)
    }

    /// The answer, where it is one that a Bindle server gives: refusals have a TOML body that says `error`.
    fn recognised(&self, answer: Response) -> Result<Response, RegistryError> {
        let strange = match answer.status {
            status if status.is_success() => toml::from_slice::<toml::Table>(&answer.body).is_err(),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                error_of(&answer).is_none()
            }
            _ => false,
        };
        match strange {
            true => Err(RegistryError::NotBindle { url: SafeUrl::from(&self.base).to_string() }),
            false => Ok(answer),
        }
    }
}

/// What is sent as a parcel.
pub(super) enum ParcelBody {
    Bytes(Vec<u8>),
    File { file: std::fs::File, length: u64, progress: crate::http::Progress },
}

impl ParcelBody {
    fn into_body(self) -> Body {
        match self {
            ParcelBody::Bytes(content) => Body::Bytes { content, media_type: BYTES },
            ParcelBody::File { file, length, progress } => Body::File { file, length, media_type: BYTES, progress },
        }
    }
}

/// `Authorization` for a user.
fn basic(login: &Login) -> Secret {
    let pair = format!("{}:{}", login.username, login.password.expose());
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

/// What a refusal says, where it says it as Bindle does.
fn error_of(answer: &Response) -> Option<String> {
    toml::from_slice::<ErrorAnswer>(&answer.body).ok().map(|answer| answer.error)
}

/// The texts are those of `deislabs/bindle src/invoice/signature.rs@v0.9.1` and `verification.rs`; the status alone does
/// not tell a refused signature from a malformed invoice.
fn is_about_signatures(message: &str) -> bool {
    let message = message.to_lowercase();
    ["signature", "signing", "known key", "key found"].iter().any(|word| message.contains(word))
}

fn refused(answer: Response) -> RegistryError {
    match answer.clone().success() {
        Err(error) => error.into(),
        Ok(_) => answer.unexpected(format!("it answered {} to an invoice", answer.status)).into(),
    }
}
