//! The requests to a Bindle server, and what its answers mean.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bindle::Invoice;
use bindle::signature::KeyRing;
use reqwest::Method;
use serde::Deserialize;
use url::Url;

use super::RegistryError;
use crate::auth::Secret;
use crate::event::{Event, Reporter};
use crate::http::inspect::PATIENCE;
use crate::http::{Body, Client, Download, HttpError, Kind, Repeat, Request, Response, RetryNotice, SafeUrl};
use crate::package::{Blob, PackageId};

/// Media type of invoices and of all answers.
const TOML: &str = "application/toml";
/// How many versions a page of a list holds: the server's own default.
const PAGE: usize = 50;
/// The longest answer: an invoice with ten thousand parcels has some megabytes, and creating it answers with two.
const LIMIT: usize = 32 * 1024 * 1024;
/// The server looks for each parcel of an invoice before it answers.
const INVOICE_PATIENCE: Duration = Duration::from_secs(120);
/// The server hashes a parcel after its last byte has come (500 MB: 9 s) and may be busy with others.
const PARCEL_PATIENCE: Duration = Duration::from_secs(600);

/// How to talk to one server.
#[derive(Debug)]
pub(super) struct Api {
    base: Url,
    pub client: Client,
    authorization: Option<Secret>,
    /// Each request is sent once only and has to be answered soon.
    is_brisk: bool,
}

/// A page of the versions that a server finds.
#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    /// Whether there are further pages.
    #[serde(default)]
    pub more: bool,
    #[serde(default)]
    pub invoices: Vec<Listed>,
}

/// A version in a list, and no more of its invoice than is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub bindle: ListedName,
    pub yanked: Option<bool>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub signature: Vec<ListedSignature>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListedName {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListedSignature {
    /// When it was made, in seconds since 1970.
    pub at: i64,
}

/// What became of an invoice that was sent.
pub(super) enum Created {
    /// It is there now.
    Yes,
    /// One of this id was there already, or is about to be.
    Exists,
    /// Somebody is writing it at this moment.
    Busy(HttpError),
    /// Nobody knows.
    Unknown(HttpError),
}

/// What the server has under an id.
pub(super) enum Found {
    Invoice(Box<Invoice>),
    Yanked,
    Nothing(HttpError),
}

/// What became of a parcel that was sent.
pub(super) enum Stored {
    /// It is there.
    Yes,
    /// 409: it is there, or is being uploaded by somebody else, or is stuck.
    Conflict,
    /// The connection broke or the server failed: nobody knows.
    Unknown(HttpError),
}

impl Api {
    pub fn new(mut base: Url, client: Client, authorization: Option<Secret>) -> Api {
        // Without it the last part of the path would be replaced by what is joined to it.
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Api { base, client, authorization, is_brisk: false }
    }

    /// The same, but each request is sent once only and has to be answered soon: for looks at how things are.
    pub fn brisk(self) -> Api {
        Api { is_brisk: true, ..self }
    }

    /// Finds out whether the credentials, if there are any, are right: by a small request, because the refusal of a
    /// large one is often seen as a broken connection only. Wrong ones are refused even where none are needed.
    pub async fn probe(&self, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        if self.authorization.is_none() {
            return Ok(());
        }
        self.greet(reporter).await
    }

    /// Asks for next to nothing, which tells a Bindle server from anything else and refuses a wrong login.
    pub async fn greet(&self, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        let answer = self.send(self.request(Method::GET, "_q?l=1"), reporter).await?;
        self.read::<toml::Table>(&self.good(answer)?).map(drop)
    }

    /// Finds out whether we may write, without writing. To be asked after [`Api::greet`].
    ///
    /// Servers that want a login let everybody read, but what they call reading is GET alone: a HEAD is refused as a
    /// write is (403 to nobody, 401 to a wrong login). Who is let in gets a 200 from 0.9 and a 405 from 0.8, which both
    /// come after the question who it is.
    pub async fn may_write(&self, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        let answer = self.send(self.request(Method::HEAD, "_q?l=1"), reporter).await?;
        match answer.status.as_u16() {
            405 => Ok(()),
            _ => Ok(answer.success().map(drop)?),
        }
    }

    /// The keys by which the server signs what it keeps. `None`: it knows no such question, which came with 0.9.
    pub async fn host_keys(&self, reporter: &dyn Reporter) -> Result<Option<KeyRing>, RegistryError> {
        let answer = self.send(self.request(Method::GET, "bindle-keys?roles=host"), reporter).await?;
        match answer.status.as_u16() {
            404 => Ok(None),
            _ => self.read(&answer.success()?).map(Some),
        }
    }

    /// The names among the first fifty versions: asked as Hippo asks, so that the same server answers the same.
    pub async fn names(&self, reporter: &dyn Reporter) -> Result<BTreeSet<String>, RegistryError> {
        let answer = self.send(self.request(Method::GET, "_q?q=&o=0"), reporter).await?;
        let listing: Listing = self.read(&self.good(answer)?)?;
        Ok(listing.invoices.into_iter().map(|listed| listed.bindle.name).collect())
    }

    /// One page of the versions whose name contains `name`, in the order of names and versions as text.
    pub async fn find(&self, name: &str, offset: usize, reporter: &dyn Reporter) -> Result<Listing, RegistryError> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", name)
            .append_pair("o", &offset.to_string())
            .append_pair("l", &PAGE.to_string())
            .finish();
        let answer = self.send(self.request(Method::GET, &format!("_q?{query}")), reporter).await?;
        self.read(&self.good(answer)?)
    }

    /// Opens the download of a parcel.
    pub async fn parcel(
        &self,
        id: &PackageId,
        sha256: &str,
        on_retry: &(dyn Fn(RetryNotice) + Sync),
    ) -> Result<Download, HttpError> {
        let request = Request { accept: "*/*", ..self.request(Method::GET, &format!("_i/{id}@{sha256}")) };
        self.client.download(request, on_retry).await
    }

    /// Sends an invoice, once.
    pub async fn create(&self, invoice: &Invoice, reporter: &dyn Reporter) -> Result<Created, RegistryError> {
        let content = toml::to_string(invoice).expect("an invoice has string keys only, which is all that TOML asks");
        let request = Request {
            body: Body::Bytes { content: content.into_bytes(), media_type: TOML },
            patience: Some(INVOICE_PATIENCE),
            ..self.request(Method::POST, "_i")
        };
        let answer = match self.send(request, reporter).await {
            Ok(answer) => answer,
            Err(error) if error.kind.outcome_unknown() => return Ok(Created::Unknown(error)),
            Err(error) => return Err(error.into()),
        };
        let said = said(&answer);
        let says = |part| said.as_ref().is_some_and(|said| said.contains(part));
        match answer.status.as_u16() {
            // What the answer says of missing parcels is not always true and not looked at.
            200..=299 => self.read::<toml::Table>(&answer).map(|_| Created::Yes),
            409 if says("write operation") => Ok(Created::Busy(failure(answer))),
            409 => Ok(Created::Exists),
            // Seen when several clients store one invoice at the same moment: the file store looks for its own
            // half-written file after another request has renamed it.
            404 if said.is_some() => Ok(Created::Unknown(failure(answer))),
            400 if says("signature") || says("Signature") || says("known key") || says("key for signing") => {
                Err(RegistryError::Signature { message: failure(answer).message })
            }
            _ => match self.good(answer) {
                Err(RegistryError::Http(error)) if error.kind.outcome_unknown() => Ok(Created::Unknown(error)),
                Err(error) => Err(error),
                Ok(_) => unreachable!("2xx is above"),
            },
        }
    }

    /// The invoice that the server has.
    pub async fn invoice(&self, id: &PackageId, reporter: &dyn Reporter) -> Result<Found, RegistryError> {
        let answer = self.send(self.request(Method::GET, &format!("_i/{id}")), reporter).await?;
        match said(&answer) {
            Some(said) if answer.status == 403 && said.contains("yank") => return Ok(Found::Yanked),
            Some(_) if answer.status == 404 => return Ok(Found::Nothing(failure(answer))),
            _ => (),
        }
        let answer = self.good(answer)?;
        self.read::<toml::Table>(&answer)?;
        match read_toml(&answer) {
            Some(invoice) => Ok(Found::Invoice(Box::new(invoice))),
            None => Err(answer.unexpected("its invoice has a form that is not known here").into()),
        }
    }

    /// The digests of the parcels that the server lacks: the one answer about completeness that can be trusted.
    pub async fn missing(&self, id: &PackageId, reporter: &dyn Reporter) -> Result<BTreeSet<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Missing {
            missing: Vec<Label>,
        }
        #[derive(Deserialize)]
        struct Label {
            sha256: String,
        }
        let answer = self.send(self.request(Method::GET, &format!("_r/missing/{id}")), reporter).await?;
        if answer.status == 403 && said(&answer).is_some_and(|said| said.contains("yank")) {
            return Err(RegistryError::Yanked { id: id.clone() });
        }
        let missing: Missing = self.read(&self.good(answer)?)?;
        Ok(missing.missing.into_iter().map(|label| label.sha256).collect())
    }

    /// Sends a parcel, once: what is unknown afterwards is for [`Api::missing`] to tell.
    pub async fn upload(
        &self,
        id: &PackageId,
        blob: &Blob,
        body: Body,
        reporter: &dyn Reporter,
    ) -> Result<Stored, RegistryError> {
        let request = Request {
            body,
            repeat: Repeat::Never,
            patience: Some(PARCEL_PATIENCE),
            ..self.request(Method::POST, &format!("_i/{id}@{}", blob.sha256))
        };
        let outcome = self.send(request, reporter).await.and_then(Response::success);
        match outcome.map_err(|error| (error.kind, error)) {
            Ok(_) => Ok(Stored::Yes),
            Err((Kind::Conflict, _)) => Ok(Stored::Conflict),
            Err((Kind::Unreachable, error)) if error.is_untrusted() => Err(error.into()),
            Err((Kind::Unreachable | Kind::Interrupted | Kind::ServerFailed, error)) => Ok(Stored::Unknown(error)),
            Err((Kind::Rejected | Kind::NotFound, source)) => {
                Err(RegistryError::Refused { name: blob.name.clone(), source })
            }
            Err((_, error)) => Err(error.into()),
        }
    }

    /// A request to a path below the base, in which `+`, `/` and `@` stay as they are: the server takes paths
    /// literally.
    fn request(&self, method: Method, path: &str) -> Request {
        Request {
            accept: TOML,
            authorization: self.authorization.clone(),
            limit: LIMIT,
            ..Request::new(method, self.base.join(path).expect("a relative path can be joined to any http address"))
        }
    }

    async fn send(&self, mut request: Request, reporter: &dyn Reporter) -> Result<Response, HttpError> {
        let tell = |notice| reporter.report(retrying(notice));
        if self.is_brisk {
            request = Request { repeat: Repeat::Never, patience: Some(PATIENCE), ..request };
        }
        self.client.send(request, &tell).await
    }

    /// An answer of success. A path that does not exist is no refusal by Bindle, which explains its own in TOML.
    fn good(&self, answer: Response) -> Result<Response, RegistryError> {
        match answer.status.as_u16() {
            404 | 405 | 415 if said(&answer).is_none() => Err(self.not_bindle()),
            _ => Ok(answer.success()?),
        }
    }

    /// Reads a body, which is TOML in all that Bindle says.
    fn read<T: serde::de::DeserializeOwned>(&self, answer: &Response) -> Result<T, RegistryError> {
        read_toml(answer).ok_or_else(|| self.not_bindle())
    }

    fn not_bindle(&self) -> RegistryError {
        RegistryError::NotBindle { url: SafeUrl::from(&self.base).to_string() }
    }
}

/// Tells of a repetition.
pub(super) fn retrying(notice: RetryNotice) -> Event {
    let RetryNotice { what, reason, attempt, delay } = notice;
    Event::Retrying { what, reason, attempt, delay }
}

fn read_toml<T: serde::de::DeserializeOwned>(answer: &Response) -> Option<T> {
    toml::from_str(std::str::from_utf8(&answer.body).ok()?).ok()
}

/// Bindle's own words in an error answer.
fn said(answer: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Words {
        error: String,
    }
    read_toml::<Words>(answer).map(|words| words.error)
}

/// The error of an answer that is known to be one.
fn failure(answer: Response) -> HttpError {
    answer.success().expect_err("only answers of failure get here")
}
