//! Hippo as a client of a Bindle server.
//!
//! Facts: `deislabs/bindle-dotnet src/Bindle/{BindleClient,Schema}.cs@0.2.0` (strict TOML)
//! and 14; the requests, their escapes and their repetition on cut connections are those of the transcripts.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::problem::Failure;

/// The media type that marks Spin's manifest.
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.fermyon.spin+toml";

/// How often .NET's HTTP client sends a GET whose connection is cut before an answer.
pub const ATTEMPTS: usize = 4;

/// The name and version of a bindle that a query found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    pub version: String,
}

/// What Hippo keeps of a bindle: nothing when it has no manifest parcel.
#[derive(Clone, Debug, Default)]
pub struct Described {
    pub description: Option<String>,
    /// The manifest's `trigger.type`.
    pub kind: Option<String>,
    pub components: Vec<DescribedComponent>,
}

/// One `[[component]]`.
#[derive(Clone, Debug)]
pub struct DescribedComponent {
    pub name: String,
    pub source: String,
    pub route: Option<String>,
    pub channel: Option<String>,
}

/// A client of the Bindle server at a base URL (`http://host:port/v1`).
#[derive(Clone, Debug)]
pub struct BindleClient {
    base: String,
    http: reqwest::Client,
}

impl BindleClient {
    /// A client; it keeps no connections, so that a cut one is never met by surprise.
    pub fn new(base: &str) -> Self {
        // An error only says that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .build()
            .expect("a client without settings can be built");
        Self { base: base.trim_end_matches('/').to_owned(), http }
    }

    /// The base URL as the job's `BINDLE_URL` has it.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The first fifty bindles whose name contains `text`.
    pub async fn query(&self, text: &str, offset: Option<i64>) -> Result<Vec<Found>, Failure> {
        let text = (!text.is_empty()).then(|| format!("q={}", url_encode(text)));
        let offset = offset.map(|offset| format!("o={offset}"));
        let query: Vec<String> = text.into_iter().chain(offset).collect();
        let body = self.get_text(&format!("_q?{}", query.join("&"))).await?;
        let answer: QueryAnswer = toml::from_str(&body).map_err(|_| Failure::Unhandled)?;
        answer.invoices.into_iter().map(|invoice| invoice.found()).collect()
    }

    /// Whether the server answers a query (`/healthz`).
    pub async fn is_healthy(&self) -> bool {
        self.get("_q?").await.is_ok()
    }

    /// Reads a bindle's invoice and manifest.
    pub async fn describe(&self, name: &str, version: &str) -> Result<Option<Described>, Failure> {
        let id = format!("{name}/{}", escape_path(version));
        let invoice: Invoice =
            toml::from_str(&self.get_text(&format!("_i/{id}")).await?).map_err(|_| Failure::Unhandled)?;
        let Some(bindle) = invoice.bindle else {
            return Err(Failure::NotFound { entity: "Revision", key: format!("Revision Id: {name}/{version}") });
        };
        let manifest = invoice.parcel.iter().find(|parcel| parcel.label.media_type == MANIFEST_MEDIA_TYPE);
        let Some(manifest) = manifest else { return Ok(None) };
        let text = self.get_text(&format!("_i/{id}@{}", manifest.label.sha256)).await?;
        let manifest: Manifest = toml::from_str(&text).map_err(|_| Failure::Unhandled)?;
        let kind = manifest.trigger.and_then(|trigger| trigger.kind);
        let components = manifest.component.into_iter().map(ManifestComponent::described).collect::<Result<_, _>>()?;
        Ok(Some(Described { description: bindle.description, kind, components }))
    }

    /// A parcel's bytes, checked against its digest. Only the runner asks for them.
    pub async fn parcel(&self, id: &str, sha256: &str) -> Result<Vec<u8>, String> {
        let response = self.get(&format!("_i/{id}@{sha256}")).await.map_err(|()| format!("no parcel {sha256}"))?;
        let bytes = response.bytes().await.map_err(|error| error.to_string())?.to_vec();
        let digest = hex(&Sha256::digest(&bytes));
        if digest == sha256 { Ok(bytes) } else { Err(format!("parcel {sha256} has the digest {digest}")) }
    }

    /// An invoice's text. Only the runner asks for it.
    pub async fn invoice_text(&self, id: &str) -> Result<String, String> {
        self.get_text(&format!("_i/{id}")).await.map_err(|_| format!("no invoice {id}"))
    }

    async fn get_text(&self, path: &str) -> Result<String, Failure> {
        let response = self.get(path).await.map_err(|()| Failure::Unhandled)?;
        response.text().await.map_err(|_| Failure::Unhandled)
    }

    async fn get(&self, path: &str) -> Result<reqwest::Response, ()> {
        let url = format!("{}/{path}", self.base);
        for _ in 0..ATTEMPTS {
            match self.http.get(&url).send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Err(error) if !error.is_connect() => {}
                Ok(_) | Err(_) => return Err(()),
            }
        }
        Err(())
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `HttpUtility.UrlEncode`: a plus for a space, lower-case hexadecimal.
fn url_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'-' | b'_' | b'.' | b'!' | b'*' | b'(' | b')' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(encode).collect()
}

/// What .NET's `Uri` does to a path: little but spaces and the like is escaped, and `+` is not.
fn escape_path(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte);
    let escape = |byte: u8| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryAnswer {
    #[serde(default)]
    invoices: Vec<Invoice>,
    #[serde(rename = "query")]
    _query: Option<toml::Value>,
    #[serde(rename = "strict")]
    _strict: Option<toml::Value>,
    #[serde(rename = "offset")]
    _offset: Option<toml::Value>,
    #[serde(rename = "limit")]
    _limit: Option<toml::Value>,
    #[serde(rename = "timestamp")]
    _timestamp: Option<toml::Value>,
    #[serde(rename = "total")]
    _total: Option<toml::Value>,
    #[serde(rename = "more")]
    _more: Option<toml::Value>,
    #[serde(rename = "yanked")]
    _yanked: Option<toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Invoice {
    #[serde(rename = "bindleVersion")]
    _bindle_version: Option<String>,
    #[serde(rename = "yanked")]
    _yanked: Option<bool>,
    bindle: Option<Metadata>,
    #[serde(rename = "annotations")]
    _annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    parcel: Vec<Parcel>,
    #[serde(rename = "group")]
    _group: Option<Vec<Group>>,
    #[serde(rename = "signature")]
    _signature: Option<Vec<Signature>>,
}

impl Invoice {
    fn found(self) -> Result<Found, Failure> {
        let bindle = self.bindle.ok_or(Failure::Unhandled)?;
        Ok(Found { name: bindle.name, version: bindle.version })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
    version: String,
    description: Option<String>,
    #[serde(rename = "authors")]
    _authors: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parcel {
    label: Label,
    #[serde(rename = "conditions")]
    _conditions: Option<Conditions>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Label {
    sha256: String,
    media_type: String,
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "size")]
    _size: u64,
    #[serde(rename = "annotations")]
    _annotations: Option<BTreeMap<String, String>>,
    #[serde(rename = "feature")]
    _feature: Option<BTreeMap<String, BTreeMap<String, String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Conditions {
    #[serde(rename = "memberOf")]
    _member_of: Option<Vec<String>>,
    #[serde(rename = "requires")]
    _requires: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Group {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "required")]
    _required: Option<bool>,
    #[serde(rename = "satisfiedBy")]
    _satisfied_by: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    #[serde(rename = "by")]
    _by: String,
    #[serde(rename = "signature")]
    _signature: String,
    #[serde(rename = "key")]
    _key: String,
    #[serde(rename = "role")]
    _role: String,
    #[serde(rename = "at")]
    _at: u64,
}

/// Hippo's view of the manifest; unknown keys have not mattered since v0.19.1.
#[derive(Debug, Deserialize)]
struct Manifest {
    trigger: Option<Trigger>,
    #[serde(default)]
    component: Vec<ManifestComponent>,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ManifestComponent {
    id: Option<String>,
    source: Option<String>,
    trigger: Option<ComponentTrigger>,
}

#[derive(Debug, Default, Deserialize)]
struct ComponentTrigger {
    route: Option<String>,
    channel: Option<String>,
}

impl ManifestComponent {
    /// The columns for name and source take no null.
    fn described(self) -> Result<DescribedComponent, Failure> {
        let trigger = self.trigger.unwrap_or_default();
        Ok(DescribedComponent {
            name: self.id.ok_or(Failure::Unhandled)?,
            source: self.source.ok_or(Failure::Unhandled)?,
            route: trigger.route,
            channel: trigger.channel,
        })
    }
}
