//! A small Hippo that remembers, and whose misdeeds can be ordered. The applications' host lives below `/app/`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use url::Url;

/// What may go wrong with one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is done, and answered with this status.
    After(u16),
    /// It is not done, and answered with this status and body.
    Instead(u16, Value),
    /// Somebody else makes an app of this id and name first; then it is done.
    AppFirst(&'static str, &'static str),
    /// Somebody else makes a channel of this id and name in the first app first; then it is done.
    ChannelFirst(&'static str, &'static str),
}

/// What Hippo knows.
#[derive(Debug, Default)]
pub struct Store {
    pub apps: Vec<Value>,
    pub revisions: Vec<Value>,
    pub channels: Vec<Value>,
    /// What Nomad runs: version by channel.
    pub running: BTreeMap<String, String>,
    /// What the host of an application answers, where it is not `bindle_version`.
    pub host: Option<Host>,
    /// The bindles that Hippo finds.
    pub bindles: Vec<(String, String)>,
    /// Each request but those to applications: method, path and query.
    pub log: Vec<String>,
    /// Requests to applications.
    pub probes: Vec<String>,
    /// Misdeeds by method and path without ids, each for one request.
    pub faults: BTreeMap<&'static str, VecDeque<Fault>>,
    /// The token that is good now.
    pub token: String,
    /// After how many more requests the token runs out.
    pub token_lasts: Option<u32>,
    /// Whether Nomad answers.
    pub nomad_down: bool,
    /// How long Hippo's health is thought about.
    pub health_takes: Duration,
    /// Whether the list of apps repeats its first page for ever.
    pub endless: bool,
    ids: u32,
}

/// An applications' host other than Spin 0.7 or newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Knows health only.
    Old,
    /// A proxy without a route.
    Nobody,
    /// A proxy that cannot reach the job.
    BadGateway,
}

/// A running stand-in.
#[derive(Clone)]
pub struct StandIn {
    store: Arc<Mutex<Store>>,
    pub url: Url,
}

impl StandIn {
    pub async fn start() -> StandIn {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hippo", listener.local_addr().unwrap()).parse().unwrap();
        let store = Arc::new(Mutex::new(Store { token: "t0".into(), ..Store::default() }));
        let router = Router::new().fallback(answer).with_state(store.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        StandIn { store, url }
    }

    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// The requests since the last call.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.store().log)
    }

    /// What the running applications answer, below this stand-in.
    pub fn app_url(&self) -> String {
        self.url.join("/app/").unwrap().to_string() + "{domain}"
    }
}

impl Store {
    pub fn fault(&mut self, request: &'static str, fault: Fault) {
        self.faults.entry(request).or_default().push_back(fault);
    }

    pub fn add_app(&mut self, id: &str, name: &str, storage_id: &str) {
        self.apps.push(json!({"id": id, "name": name, "storageId": storage_id, "description": null}));
    }

    pub fn add_revision(&mut self, id: &str, app_id: &str, version: &str) {
        self.revisions
            .push(json!({"id": id, "appId": app_id, "revisionNumber": version, "components": [], "type": null}));
    }

    pub fn add_channel(&mut self, id: &str, app_id: &str, name: &str, revision_id: Option<&str>, strategy: Value) {
        self.channels.push(json!({
            "id": id, "appId": app_id, "name": name, "domain": format!("{name}.example.com"), "rangeRule": "*",
            "revisionSelectionStrategy": strategy, "activeRevisionId": revision_id,
            "lastPublishAt": "2022-08-08T12:15:51.123", "certificate": null, "environmentVariables": []
        }));
    }

    fn next_id(&mut self) -> String {
        self.ids += 1;
        format!("5{:03}", self.ids)
    }

    fn start_job(&mut self, channel_id: &str) -> Result<(), Answer> {
        if self.nomad_down {
            return Err((500, json!({"title": "An error occurred while processing your request.", "status": 500})));
        }
        if let Some(version) = self.version_of(channel_id) {
            self.running.insert(channel_id.to_owned(), version);
        }
        Ok(())
    }

    fn version_of(&self, channel_id: &str) -> Option<String> {
        let channel = self.channels.iter().find(|c| c["id"] == channel_id)?;
        let revision = self.revisions.iter().find(|r| r["id"] == channel["activeRevisionId"])?;
        Some(revision["revisionNumber"].as_str()?.to_owned())
    }

    fn show_app(&self, app: &Value) -> Value {
        let channels: Vec<_> = self
            .channels
            .iter()
            .filter(|c| c["appId"] == app["id"])
            .map(|c| {
                let version = self.version_of(c["id"].as_str().unwrap());
                json!({"id": c["id"], "name": c["name"], "activeRevisionNumber": version})
            })
            .collect();
        let mut app = app.clone();
        app["channels"] = json!(channels);
        app
    }

    fn show_channel(&self, channel: &Value) -> Value {
        let mut shown = channel.clone();
        shown["activeRevision"] =
            self.revisions.iter().find(|r| r["id"] == channel["activeRevisionId"]).cloned().unwrap_or(Value::Null);
        shown
    }
}

type Answer = (u16, Value);

async fn answer(
    State(store): State<Arc<Mutex<Store>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path() == "/hippo/healthz" {
        let takes = store.lock().unwrap().health_takes;
        tokio::time::sleep(takes).await;
    }
    let mut store = store.lock().unwrap();
    if let Some(path) = uri.path().strip_prefix("/app/") {
        return probe(&mut store, path, &headers);
    }
    let Some(path) = uri.path().strip_prefix("/hippo/") else { return StatusCode::NOT_FOUND.into_response() };
    store.log.push(format!("{method} {}", uri.to_string().trim_start_matches("/hippo/")));
    if path == "healthz" {
        let nomad = if store.nomad_down { "Unhealthy" } else { "Healthy" };
        let parts = json!([{"ServiceName": "Nomad", "Status": nomad, "Subservices": []}]);
        return respond((200, json!({"ServiceName": "Hippo", "Status": nomad, "Subservices": parts})));
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    assert_eq!(headers["accept"], "application/json");
    if path != "api/auth-tokens" && !is_authorized(&mut store, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let segments: Vec<_> = path.split('/').collect();
    let name = match segments.as_slice() {
        [_, list, _, rest @ ..] => {
            format!("{method} {list}/ID{}", rest.iter().map(|s| format!("/{s}")).collect::<String>())
        }
        [_, list] => format!("{method} {list}"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let fault = store.faults.get_mut(name.as_str()).and_then(VecDeque::pop_front);
    match fault {
        Some(Fault::Instead(status, body)) => return respond((status, body)),
        Some(Fault::AppFirst(id, name)) => store.add_app(id, name, name),
        Some(Fault::ChannelFirst(id, name)) => {
            let app = store.apps[0]["id"].as_str().unwrap().to_owned();
            store.add_channel(id, &app, name, None, json!("UseRangeRule"));
        }
        Some(Fault::After(_)) | None => {}
    }
    let done = act(&mut store, &name, segments.get(2).copied().unwrap_or_default(), &query, &body);
    match fault {
        Some(Fault::After(status)) => respond((status, json!({"title": "An error occurred", "status": status}))),
        _ => respond(done),
    }
}

fn is_authorized(store: &mut Store, headers: &HeaderMap) -> bool {
    match &mut store.token_lasts {
        Some(0) => return false,
        Some(left) => *left -= 1,
        None => {}
    }
    headers.get("authorization").is_some_and(|value| *value == format!("Bearer {}", store.token))
}

fn act(store: &mut Store, name: &str, id: &str, query: &BTreeMap<String, String>, body: &Value) -> Answer {
    let refuse = |member: &str, why: &str| (400, json!({"errors": {member: [why]}, "status": 400}));
    match name {
        "POST auth-tokens" => {
            if body["password"] != "secret" {
                return (400, json!({"title": "Login failed.", "status": 400, "detail": "Credentials are not valid."}));
            }
            store.token = format!("t{}", store.next_id());
            store.token_lasts = None;
            (200, json!({"token": store.token, "expiration": "2099-01-01T00:00:00Z"}))
        }
        "GET apps" => {
            let text = query.get("searchText").cloned().unwrap_or_default();
            let found = store.apps.iter().filter(|a| a["name"].as_str().unwrap().contains(&text));
            let found: Vec<_> = found.map(|a| store.show_app(a)).collect();
            page(found, query, store.endless)
        }
        "GET revisions" => page(store.revisions.clone(), query, false),
        "GET channels" => page(store.channels.iter().map(|c| store.show_channel(c)).collect(), query, false),
        "GET channels/ID" => match store.channels.iter().find(|c| c["id"] == id) {
            Some(channel) => (200, store.show_channel(channel)),
            None => (404, json!({"title": "The specified resource was not found.", "status": 404})),
        },
        "GET channels/ID/logs" => (200, json!({"logs": ["one", "two", "three", ""]})),
        "GET channel-statuses" => {
            let id = &query["channelId"];
            let status = if store.running.contains_key(id) && !store.nomad_down { "Running" } else { "Dead" };
            page(vec![json!({"channelId": id, "status": status})], query, false)
        }
        "POST apps" => {
            let storage = body["storageId"].as_str().unwrap();
            if store.apps.iter().any(|a| a["name"] == body["name"]) && !store.raced(body) {
                return refuse("Name", "The specified name already exists.");
            }
            if !store.bindles.iter().any(|(name, _)| name == storage) {
                return refuse("StorageId", "Storage ID not found in bindle server");
            }
            let id = store.next_id();
            store.add_app(&id, body["name"].as_str().unwrap(), storage);
            for (_, version) in store.bindles.clone().into_iter().filter(|(name, _)| name == storage) {
                let revision = store.next_id();
                store.add_revision(&revision, &id, &version);
            }
            (200, json!(id))
        }
        "POST revisions" => {
            let apps: Vec<_> = store.apps.iter().filter(|a| a["storageId"] == body["appStorageId"]).cloned().collect();
            for app in &apps {
                let row = store.next_id();
                store.add_revision(&row, app["id"].as_str().unwrap(), body["revisionNumber"].as_str().unwrap());
            }
            if apps.is_empty() { (404, json!({"title": "Not Found", "status": 404})) } else { (201, Value::Null) }
        }
        "POST channels" => {
            let twin = store.channels.iter().any(|c| c["appId"] == body["appId"] && c["name"] == body["name"]);
            if twin && !store.raced(body) {
                return refuse("Name", "A channel with the same name already exists for this app.");
            }
            let id = store.next_id();
            let text = |member: &str| body[member].as_str().unwrap().to_owned();
            let strategy = body["revisionSelectionStrategy"].clone();
            store.add_channel(&id, &text("appId"), &text("name"), Some(&text("activeRevisionId")), strategy);
            match store.start_job(&id) {
                Ok(()) => (200, json!(id)),
                Err(answer) => answer,
            }
        }
        "PATCH channels/ID" => {
            let channel = store.channels.iter_mut().find(|c| c["id"] == id).unwrap();
            for (member, value) in body.as_object().unwrap() {
                channel[member] = value.clone();
            }
            (204, Value::Null)
        }
        "PUT channels/ID/desired-status" => {
            assert_eq!(*body, json!({"channelId": id, "desiredStatus": "Running"}));
            match store.start_job(id) {
                Ok(()) => (204, Value::Null),
                Err(answer) => answer,
            }
        }
        "DELETE apps/ID" => {
            store.apps.retain(|a| a["id"] != id);
            store.revisions.retain(|r| r["appId"] != id);
            store.channels.retain(|c| c["appId"] != id);
            (204, Value::Null)
        }
        "DELETE channels/ID" => {
            store.channels.retain(|c| c["id"] != id);
            store.running.remove(id);
            (204, Value::Null)
        }
        _ => (405, Value::Null),
    }
}

impl Store {
    /// Whether the thing of the same name was made by a [`Fault::AppFirst`] or its kin, in between look and insert.
    fn raced(&self, body: &Value) -> bool {
        let things = self.apps.iter().chain(&self.channels);
        things.filter(|thing| thing["name"] == body["name"]).any(|thing| {
            let id = thing["id"].as_str().unwrap();
            id.starts_with('0') || id.starts_with('9')
        })
    }
}

fn page(items: Vec<Value>, query: &BTreeMap<String, String>, endless: bool) -> Answer {
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let size = number("pageSize").unwrap_or(50);
    let index = if endless { 0 } else { number("pageIndex").unwrap_or(0) };
    let total = items.len();
    let items: Vec<_> = items.into_iter().skip(index * size).take(size).collect();
    // Both of them lie on a real Hippo as soon as a search text is given.
    (200, json!({"items": items, "totalItems": total + 7, "pageIndex": index, "pageSize": size, "isLastPage": false}))
}

fn probe(store: &mut Store, path: &str, headers: &HeaderMap) -> Response {
    assert!(!headers.contains_key("authorization"), "no credential goes to an application");
    store.probes.push(path.to_owned());
    let (domain, what) = path.split_once('/').unwrap();
    let channel = store.channels.iter().find(|c| c["domain"] == domain).and_then(|c| c["id"].as_str());
    let version = channel.and_then(|id| store.running.get(id));
    match (store.host, what, version) {
        (Some(Host::Nobody), ..) => StatusCode::NOT_FOUND.into_response(),
        (Some(Host::BadGateway), ..) | (None, _, None) => StatusCode::BAD_GATEWAY.into_response(),
        (None, ".well-known/spin/info", Some(version)) => {
            respond((200, json!({"name": "web", "bindle_version": version})))
        }
        (_, ".well-known/spin/health", _) => "OK".into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn respond((status, body): Answer) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    match body {
        Value::Null => status.into_response(),
        body => (status, axum::Json(body)).into_response(),
    }
}
