//! A Bindle server that only reads, for tests of the fake Hippo itself. Other tests have a real one.
//!
//! Facts: `deislabs/bindle src/server/{filters,handlers}.rs@v0.8.2`.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Response, StatusCode},
};
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::{
    asks::{Ask, AskLog, Gate, Mode},
    bindle_client::{MANIFEST_MEDIA_TYPE, hex},
    listener::{Cut, CuttableListener, Serving},
};

/// How many invoices a query answers with.
const LIMIT: usize = 50;

/// A bindle to put into the server.
#[derive(Clone, Debug)]
pub struct StoredBindle {
    name: String,
    version: String,
    description: Option<String>,
    yanked: bool,
    labels: Vec<(Table, Vec<String>)>,
    parcels: BTreeMap<String, Vec<u8>>,
}

impl StoredBindle {
    /// A bindle without parcels.
    pub fn new(name: &str, version: &str) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, description: None, yanked: false, labels: Vec::new(), parcels: BTreeMap::new() }
    }

    /// Gives it Spin's manifest.
    pub fn manifest(self, text: &str) -> Self {
        let name = format!("spin.{}.toml", digest(text.as_bytes()));
        self.parcel(&name, MANIFEST_MEDIA_TYPE, text.as_bytes(), &[])
    }

    /// Gives it a module.
    pub fn module(self, name: &str, bytes: &[u8]) -> Self {
        self.parcel(name, "application/wasm", bytes, &[])
    }

    /// Gives it a file for the components that mount `group`.
    pub fn file(self, group: &str, name: &str, bytes: &[u8]) -> Self {
        self.parcel(name, "application/octet-stream", bytes, &[group])
    }

    /// Gives it any parcel.
    pub fn parcel(mut self, name: &str, media_type: &str, bytes: &[u8], groups: &[&str]) -> Self {
        let sha256 = digest(bytes);
        let mut label = Table::new();
        label.insert("sha256".to_owned(), Value::from(sha256.clone()));
        label.insert("mediaType".to_owned(), Value::from(media_type));
        label.insert("name".to_owned(), Value::from(name));
        label.insert("size".to_owned(), Value::from(i64::try_from(bytes.len()).unwrap_or(i64::MAX)));
        self.labels.push((label, groups.iter().map(|group| (*group).to_owned()).collect()));
        self.parcels.insert(sha256, bytes.to_vec());
        self
    }

    /// Describes it.
    pub fn description(mut self, text: &str) -> Self {
        self.description = Some(text.to_owned());
        self
    }

    /// Marks it as yanked: queries find it, and its invoice is refused.
    pub fn yanked(mut self) -> Self {
        self.yanked = true;
        self
    }

    fn id(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    fn invoice(&self) -> Table {
        let mut bindle = Table::new();
        bindle.insert("name".to_owned(), Value::from(self.name.clone()));
        bindle.insert("version".to_owned(), Value::from(self.version.clone()));
        bindle.extend(self.description.clone().map(|text| ("description".to_owned(), Value::from(text))));
        let parcels: Vec<Value> = self.labels.iter().map(|(label, groups)| parcel_entry(label, groups)).collect();
        let mut invoice = Table::new();
        invoice.insert("bindleVersion".to_owned(), Value::from("1.0.0"));
        if self.yanked {
            invoice.insert("yanked".to_owned(), Value::from(true));
        }
        invoice.insert("bindle".to_owned(), Value::from(bindle));
        if !parcels.is_empty() {
            invoice.insert("parcel".to_owned(), Value::from(parcels));
        }
        invoice
    }
}

fn parcel_entry(label: &Table, groups: &[String]) -> Value {
    let mut parcel = Table::new();
    parcel.insert("label".to_owned(), Value::from(label.clone()));
    if !groups.is_empty() {
        let mut conditions = Table::new();
        conditions.insert("memberOf".to_owned(), Value::from(groups.to_vec()));
        parcel.insert("conditions".to_owned(), Value::from(conditions));
    }
    Value::from(parcel)
}

/// The digest that names a parcel.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[derive(Clone, Debug, Default)]
struct Shared {
    bindles: Arc<Mutex<BTreeMap<String, StoredBindle>>>,
    asks: AskLog,
    gate: Gate,
}

/// The server.
#[derive(Debug)]
pub struct StandInBindle {
    shared: Shared,
    url: String,
    _serving: Serving,
}

impl StandInBindle {
    /// Starts an empty server that writes what it is asked to `asks`.
    pub async fn start(asks: AskLog) -> io::Result<Self> {
        let (listener, address) = CuttableListener::bind(0).await?;
        let shared = Shared { asks, ..Shared::default() };
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let serving = Serving(listener.serve(router));
        Ok(Self { shared, url: format!("http://{address}/v1"), _serving: serving })
    }

    /// The base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its failures are set.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Puts a bindle in.
    pub fn put(&self, bindle: StoredBindle) {
        self.shared.with(|bindles| bindles.insert(bindle.id(), bindle));
    }

    /// Takes a parcel's bytes away; the invoice still names it.
    pub fn lose_parcel(&self, id: &str, sha256: &str) {
        self.shared.with(|bindles| bindles.get_mut(id).map(|bindle| bindle.parcels.remove(sha256)));
    }
}

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<String, StoredBindle>) -> T) -> T {
        look(&mut self.bindles.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn invoice(&self, id: &str) -> Response<Body> {
        self.with(|bindles| match bindles.get(id) {
            None => refuse(StatusCode::NOT_FOUND, "bindle not found"),
            Some(bindle) if bindle.yanked => refuse(StatusCode::FORBIDDEN, "bindle is yanked"),
            Some(bindle) => toml(&bindle.invoice()),
        })
    }

    fn parcel(&self, id: &str, sha256: &str) -> Response<Body> {
        let bytes = self.with(|bindles| bindles.get(id).and_then(|bindle| bindle.parcels.get(sha256).cloned()));
        bytes
            .map(|bytes| Response::new(Body::from(bytes)))
            .unwrap_or_else(|| refuse(StatusCode::NOT_FOUND, "no parcel"))
    }

    /// Substrings of the name, in the order of "name/version", fifty at most, yanked ones too.
    fn query(&self, query: &str) -> Response<Body> {
        let parameters: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let text = parameters.get("q").map(String::as_str).unwrap_or_default();
        let offset = parameters.get("o").and_then(|offset| offset.parse().ok()).unwrap_or(0);
        let found: Vec<Value> = self.with(|bindles| {
            let matching = bindles.values().filter(|bindle| bindle.name.contains(text));
            matching.map(|bindle| Value::from(bindle.invoice())).collect()
        });
        let mut answer = Table::new();
        answer.insert("query".to_owned(), Value::from(text));
        answer.insert("limit".to_owned(), Value::from(50));
        answer.insert("total".to_owned(), Value::from(i64::try_from(found.len()).unwrap_or(i64::MAX)));
        let page: Vec<Value> = found.into_iter().skip(offset).take(LIMIT).collect();
        answer.insert("invoices".to_owned(), Value::from(page));
        toml(&answer)
    }
}

async fn answer(State(shared): State<Shared>, ConnectInfo(cut): ConnectInfo<Cut>, request: Request) -> Response<Body> {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let method = request.method().to_string();
    shared.asks.push(Ask { service: "bindle", method, path: path.clone(), body: None });
    match shared.gate.admit() {
        Mode::Up => route(&shared, path.strip_prefix("/v1/").unwrap_or_default()),
        Mode::Answers(status) => refuse(StatusCode::from_u16(status).expect("gates are set to real statuses"), "fault"),
        Mode::Down => {
            cut.cut();
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "never sent")
        }
    }
}

fn route(shared: &Shared, path: &str) -> Response<Body> {
    if let Some(query) = path.strip_prefix("_q?") {
        return shared.query(query);
    }
    match path.strip_prefix("_i/").map(|id| id.split_once('@').ok_or(id)) {
        Some(Ok((id, sha256))) => shared.parcel(id, sha256),
        Some(Err(id)) => shared.invoice(id),
        None => refuse(StatusCode::NOT_FOUND, ""),
    }
}

fn toml(table: &Table) -> Response<Body> {
    Response::new(Body::from(toml::to_string(table).expect("tables of texts and numbers can be written")))
}

fn refuse(status: StatusCode, error: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("error = {error:?}\n")));
    *response.status_mut() = status;
    response
}
