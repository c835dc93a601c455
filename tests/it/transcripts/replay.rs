//! Plays a recording against the fake Hippo and a stand-in Bindle.

use std::fmt::{self, Write as _};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    matching::Names,
    recording::{Exchange, Ordered, Recording, Step},
};
use crate::support::hippo::{
    Ask, AskLog, Claims, FakeHippo, Guid, Issuer, Mode, RegistrationMode,
    guid::GuidSource,
    stand_in_bindle::{StandInBindle, StoredBindle},
};

/// How much was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    pub requests: usize,
    pub asks: usize,
    pub jobs: usize,
}

impl fmt::Display for Compared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} requests, {} asks, {} jobs", self.requests, self.asks, self.jobs)
    }
}

impl std::ops::AddAssign for Compared {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.asks += other.asks;
        self.jobs += other.jobs;
    }
}

const RECORDED_HIPPO: &str = "http://127.0.0.1:5309";
const RECORDED_BINDLE: &str = "http://127.0.0.1:18080/v1";
const PASSWORD: &str = "Admin-Pass1";
/// Of a response these headers are compared, those that are absent too.
const HEADERS: [&str; 5] = ["content-type", "api-supported-versions", "location", "allow", "www-authenticate"];

/// Plays one recording; the error names the step and shows what differs. The seed decides all that is random in Hippo.
pub async fn play(recording: &Recording, seed: u64) -> Result<Compared, String> {
    let mut replay = Replay::start(recording, seed).await;
    let mut compared = Compared::default();
    for (number, step) in recording.steps.iter().enumerate() {
        match step {
            Step::Bindle(bindle) => replay.put(bindle),
            Step::Fault(fault) => replay.fail(fault),
            Step::Note(note) => replay.heed(note).await,
            Step::Exchange(exchange) => {
                let place = || format!("{}, step {number}, {} {}", recording.scenario, exchange.method, exchange.path);
                replay.exchange(exchange).await.map_err(|differences| format!("{}\n{differences}", place()))?;
                compared += count(exchange);
            }
        }
    }
    Ok(compared)
}

fn count(exchange: &Exchange) -> Compared {
    let jobs = exchange.asks.iter().filter(|ask| ask["service"] == "nomad" && ask["method"] == "POST");
    Compared { requests: 1, asks: exchange.asks.len(), jobs: jobs.count() }
}

struct Replay {
    scenario: String,
    hippo: FakeHippo,
    bindle: StandInBindle,
    http: reqwest::Client,
    token: String,
    forged: Option<String>,
    /// More than one while it cannot be told yet which id a name stands for.
    names: Vec<Names>,
    fresh: GuidSource,
}

/// What came back.
struct Answer {
    status: u16,
    headers: Value,
    body: Value,
}

impl Replay {
    async fn start(recording: &Recording, seed: u64) -> Self {
        let asks = AskLog::default();
        let bindle = StandInBindle::start(asks.clone()).await.expect("a loopback port is free");
        let mode = match recording.settings["Hippo:RegistrationMode"].as_str() {
            Some("Closed") => RegistrationMode::Closed,
            Some("AdministratorOnly") => RegistrationMode::AdministratorOnly,
            _ => RegistrationMode::Open,
        };
        let hippo = FakeHippo::builder()
            .platform_domain("local.fermyon.link")
            .administrator("admin", PASSWORD)
            .registration_mode(mode)
            .bindle(bindle.url())
            .asks(&asks)
            .seed(seed)
            .records_jobs_only()
            .start()
            .await
            .expect("a loopback port is free");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client without settings can be built");
        let token = hippo.token_of("admin");
        let (scenario, names) = (recording.scenario.clone(), vec![Names::default()]);
        Self { scenario, hippo, bindle, http, token, forged: None, names, fresh: GuidSource::new(99) }
    }

    fn put(&self, step: &Value) {
        let text = |member: &str| step[member].as_str().unwrap_or_default();
        let bindle = StoredBindle::new(text("name"), text("version"));
        let bindle = match step["manifest"].as_str() {
            Some(manifest) => bindle.manifest(manifest),
            None => bindle,
        };
        self.bindle.put(if step["yanked"] == true { bindle.yanked() } else { bindle });
    }

    fn fail(&self, step: &Value) {
        let mode = match step["mode"].as_str() {
            Some("down") => Mode::Down,
            Some("500") => Mode::Answers(500),
            Some("403") => Mode::Answers(403),
            _ => Mode::Up,
        };
        let after = step["after"].as_u64().and_then(|after| usize::try_from(after).ok()).unwrap_or_default();
        match step["service"].as_str() {
            Some("bindle") => self.bindle.gate().set(mode, after),
            _ => self.hippo.fail_nomad(mode, after),
        }
    }

    /// Some notes say what was done between the steps, or what kind of token comes next.
    async fn heed(&mut self, note: &str) {
        let minutes = |minutes| Timestamp::now() + SignedDuration::from_mins(minutes);
        let issuer = self.hippo.issuer();
        let stranger = Issuer { key: "another key of sixteen bytes".to_owned(), ..issuer.clone() };
        let elsewhere = Issuer { audience: "elsewhere".to_owned(), ..issuer.clone() };
        let (issuer, expires) = match note {
            "expired two minutes ago (inside the clock skew)" => (issuer, minutes(-2)),
            "expired ten minutes ago" => (issuer, minutes(-10)),
            "valid signature, unknown user" => (issuer, minutes(10)),
            "signed with another key" => (stranger, minutes(10)),
            "wrong audience" => (elsewhere, minutes(10)),
            "after six more wrong passwords" => return self.guess_passwords(6).await,
            _ => return,
        };
        let claims = Claims { user: self.fresh.next(), id: self.fresh.next(), expires };
        self.forged = Some(issuer.issue(&claims));
    }

    async fn guess_passwords(&self, times: usize) {
        for _ in 0..times {
            let body = json!({ "userName": "bob", "password": "wrong" });
            let url = format!("{}/api/auth-tokens", self.hippo.url());
            let answer = self.http.post(url).json(&body).send().await.expect("the fake answers");
            assert_eq!(answer.status().as_u16(), 400);
        }
    }

    async fn exchange(&mut self, exchange: &Exchange) -> Result<(), String> {
        self.hippo.take_asks();
        let answer = self.send(exchange).await;
        for revision in self.hippo.revisions() {
            for names in &mut self.names {
                names.note_revision(revision.app_id, &revision.number, revision.id);
            }
        }
        if let Some(token) = answer.body["token"].as_str() {
            self.token = token.to_owned();
        }
        let expected = self.adjust(exchange);
        self.compare_answer(&expected, &answer)?;
        self.compare_asks(&expected)
    }

    async fn send(&mut self, exchange: &Exchange) -> Answer {
        let forged = self.forged.take();
        let (fresh, names) = (&mut self.fresh, &mut self.names[0]);
        let mut fill = |text: &str| names.fill(text, || fresh.next());
        let url = format!("{}{}", self.hippo.url(), fill(&exchange.path));
        let method = exchange.method.parse().expect("recorded methods are methods");
        let mut request = self.http.request(method, url);
        // The recording client asked for JSON whenever a recorded header does not say otherwise.
        let accepts = exchange.headers.get("accept").is_some();
        request = if accepts { request } else { request.header("accept", "application/json") };
        for (name, value) in exchange.headers.as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let token = forged.as_ref().unwrap_or(&self.token);
            request = request.header(name, value.replace("{{token}}", token));
        }
        let body = match &exchange.body {
            Ordered::Null => None,
            Ordered::Object(members) if members.len() == 1 && members[0].0 == "raw" => {
                members[0].1.to_value().as_str().map(str::to_owned)
            }
            body => Some(fill(&body.to_text())),
        };
        let request = match body {
            Some(body) => request.body(body),
            None => request,
        };
        let answer = request.send().await.expect("the fake answers every recorded request");
        self.take_apart(answer).await
    }

    async fn take_apart(&self, answer: reqwest::Response) -> Answer {
        let status = answer.status().as_u16();
        let mut headers = Map::new();
        for name in HEADERS {
            let value = answer.headers().get(name).map(|value| value.to_str().expect("headers are printable"));
            headers.extend(value.map(|value| (name.to_owned(), Value::from(without_date(value)))));
        }
        let text = answer.text().await.expect("the fake's bodies are whole");
        let text = text.replace(self.hippo.url(), RECORDED_HIPPO);
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| json!({ "text": text })),
        };
        Answer { status, headers: Value::Object(headers), body: comparable(body) }
    }

    fn compare_answer(&mut self, expected: &Exchange, answer: &Answer) -> Result<(), String> {
        let response = &expected.response;
        let mut headers = response["headers"].clone();
        for value in headers.as_object_mut().into_iter().flat_map(Map::values_mut) {
            *value = Value::from(without_date(value.as_str().unwrap_or_default()));
        }
        let wanted =
            json!({ "status": response["status"], "headers": headers, "body": comparable(response["body"].clone()) });
        let got = json!({ "status": answer.status, "headers": answer.headers, "body": answer.body });
        let lists = ["/api/revisions", "/api/channel-statuses"];
        let is_list = expected.method == "GET" && lists.iter().any(|list| expected.path.starts_with(list));
        if is_list { self.narrow_unordered(wanted, got) } else { self.narrow(&wanted, &got) }
    }

    /// Keeps the readings under which both are the same.
    fn narrow(&mut self, wanted: &Value, got: &Value) -> Result<(), String> {
        let mut first = None;
        let mut kept = Vec::new();
        for names in &self.names {
            let (mut names, mut differences) = (names.clone(), Vec::new());
            names.compare("", wanted, got, &mut differences);
            match differences.is_empty() {
                true => kept.push(names),
                false => first = first.or(Some(differences)),
            }
        }
        self.keep(kept, || first.unwrap_or_default())
    }

    /// The same for a page whose items come in no order.
    fn narrow_unordered(&mut self, mut wanted: Value, mut got: Value) -> Result<(), String> {
        let items =
            |value: &mut Value| value.pointer_mut("/body/items").and_then(|items| items.take().as_array().cloned());
        let (Some(wanted_items), Some(got_items)) = (items(&mut wanted), items(&mut got)) else {
            return Err("a list without items".to_owned());
        };
        self.narrow(&wanted, &got)?;
        let ways = self.names.iter().flat_map(|names| names.match_unordered(&wanted_items, &got_items));
        let mut kept: Vec<Names> = Vec::new();
        for names in ways {
            if !kept.contains(&names) {
                kept.push(names);
            }
        }
        let mut first = self.names[0].clone();
        self.keep(kept, || {
            let mut differences = Vec::new();
            first.compare(".body.items", &Value::from(wanted_items), &Value::from(got_items), &mut differences);
            differences
        })
    }

    fn keep(&mut self, kept: Vec<Names>, differences: impl FnOnce() -> Vec<String>) -> Result<(), String> {
        if !kept.is_empty() {
            self.names = kept;
            return Ok(());
        }
        let mut report = String::from("(- recorded, + got)\n");
        for difference in differences() {
            writeln!(report, "  {difference}").expect("a String takes everything");
        }
        Err(report)
    }

    fn compare_asks(&mut self, expected: &Exchange) -> Result<(), String> {
        let mut got: Vec<Value> = self.hippo.take_asks().into_iter().map(|ask| self.ask(ask)).collect();
        let mut wanted = expected.asks.clone();
        if expected.path.starts_with("/healthz") {
            // Hippo asks both neighbours at once.
            for asks in [&mut got, &mut wanted] {
                asks.sort_by_key(|ask| ask["service"].to_string());
            }
        }
        if self.may_stop_early(expected) && got.is_empty() {
            return Ok(());
        }
        self.narrow(&json!({ "asks": wanted }), &json!({ "asks": got }))
    }

    fn ask(&self, ask: Ask) -> Value {
        let mut body = ask.body.unwrap_or_default();
        if let Some(url) = body.pointer_mut("/Job/TaskGroups/0/Tasks/0/Env/BINDLE_URL") {
            assert_eq!(url, self.bindle.url());
            *url = Value::from(RECORDED_BINDLE);
        }
        json!({ "service": ask.service, "method": ask.method, "path": ask.path, "body": body })
    }

    /// Whether the good channel restarts before the bad rule is met is up to the channels' random ids.
    fn may_stop_early(&self, expected: &Exchange) -> bool {
        let number = expected.body.get("revisionNumber").map(Ordered::to_value);
        self.scenario == "range-rule-follows-registration" && number == Some(Value::from("3.0.0"))
    }

    /// The recording without its random choices.
    fn adjust(&self, exchange: &Exchange) -> Exchange {
        let mut expected = exchange.clone();
        match self.scenario.as_str() {
            "paging" if exchange.path.starts_with("/api/revisions?pageSize=2") => {
                forget_rows(&mut expected.response);
            }
            "range-rule-ignores-build-metadata" => {
                if let Some(winner) = self.winner() {
                    let active = expected.response.pointer_mut("/body/activeRevision");
                    let bodies = expected.asks.iter_mut().filter_map(|ask| ask.get_mut("body"));
                    bodies.chain(active).for_each(|value| replace_winner(value, &winner));
                }
            }
            _ => {}
        }
        expected
    }

    /// The one of several equal revisions that the rules chose; it must be the same for all channels.
    fn winner(&self) -> Option<String> {
        let active: Vec<Guid> = self.hippo.channels().iter().filter_map(|channel| channel.active_revision).collect();
        let first = *active.first()?;
        assert!(active.iter().all(|id| *id == first), "equal revisions are chosen alike");
        self.hippo.revisions().into_iter().find(|revision| revision.id == first).map(|revision| revision.number)
    }
}

/// Which rows stand on a page is random; that they are rows is not.
fn forget_rows(response: &mut Value) {
    for item in response.pointer_mut("/body/items").and_then(Value::as_array_mut).into_iter().flatten() {
        item["id"] = Value::from("{{guid}}");
        item["appId"] = Value::from("{{guid}}");
    }
}

fn replace_winner(value: &mut Value, winner: &str) {
    match value {
        Value::String(text) => *text = text.replace("1.0.0+qccccccc", winner),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_winner(item, winner)),
        Value::Object(members) => members.values_mut().for_each(|member| replace_winner(member, winner)),
        _ => {}
    }
}

/// `type` of a problem differs between versions of .NET, and variables come in the order of their random ids.
fn comparable(mut body: Value) -> Value {
    if body.get("title").is_some() && body.get("status").is_some() {
        body.as_object_mut().map(|problem| problem.remove("type"));
    }
    sort_variables(&mut body);
    body
}

fn sort_variables(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(sort_variables),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::Array(variables) if name == "environmentVariables" => {
                        variables.sort_by_key(|variable| format!("{}={}", variable["key"], variable["value"]));
                    }
                    _ => sort_variables(member),
                }
            }
        }
        _ => {}
    }
}

/// The date in `The token expired at '…'` is that of the run.
fn without_date(header: &str) -> String {
    match header.split_once("The token expired at '") {
        Some((before, date)) => {
            let shape: String = date.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
            format!("{before}The token expired at '{shape}")
        }
        None => header.to_owned(),
    }
}
