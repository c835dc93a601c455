//! The parts of the fake Hippo that no recording shows: what runs, and the faults that a test can set.

mod facts;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::hippo::{
    AskLog, ChannelSeed, Clock, FakeHippo, Fault, Generation, Guid, JobStatus, Mode, Start,
    range_rule::{RangeRule, Thrown},
    stand_in_bindle::{StandInBindle, StoredBindle, digest},
};

const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A Hippo with a user, a Bindle, and a client that is logged in.
struct World {
    bindle: StandInBindle,
    hippo: FakeHippo,
    http: reqwest::Client,
    token: String,
}

impl World {
    async fn start() -> Self {
        Self::start_as(Generation::V0_20, &Clock::system()).await
    }

    async fn start_as(generation: Generation, clock: &Clock) -> Self {
        let bindle = StandInBindle::start(AskLog::default()).await.expect("a loopback port is free");
        let builder = FakeHippo::builder().generation(generation).user("dana", "password").bindle(bindle.url());
        let hippo = builder.clock(clock).start().await.expect("a loopback port is free");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client can be built");
        let token = hippo.token_of("dana");
        Self { bindle, hippo, http, token }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> reqwest::Result<(u16, String)> {
        let url = format!("{}{path}", self.hippo.url());
        let request = self.http.request(method.parse().expect("a method"), url).bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, String) {
        self.send(method, path, body).await.expect("the fake answers")
    }

    /// Asks an app as its router would.
    async fn visit(&self, host: &str, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.hippo.apps_port());
        let answer = self.http.get(url).header("host", host).send().await.expect("the apps' listener answers");
        (answer.status().as_u16(), answer.text().await.expect("bodies are whole"))
    }

    async fn info(&self) -> (u16, String) {
        self.visit("shop.hippo.localhost", "/.well-known/spin/info").await
    }

    /// An app whose channel runs `shop/1.0.0+a` on `shop.hippo.localhost`.
    async fn with_running_channel(&self) -> (Guid, Guid) {
        self.bindle.put(shop("1.0.0+a"));
        let app = self.hippo.seed_app("shop", "shop");
        let revision = self.hippo.seed_revision(app, "1.0.0+a");
        let seed = ChannelSeed::new(app, "spin-deploy", "shop.hippo.localhost").pinned(revision);
        let channel = self.hippo.seed_channel(seed);
        self.hippo.run_channel(channel).await;
        (app, channel)
    }

    /// Pins the channel to another bindle and asks for it to run.
    async fn redeploy(&self, app: Guid, channel: Guid, bindle: StoredBindle, version: &str) {
        self.bindle.put(bindle);
        let revision = self.hippo.seed_revision(app, version);
        let pin =
            json!({ "revisionSelectionStrategy": "UseSpecifiedRevision", "activeRevisionId": revision.to_string() });
        assert_eq!(self.call("PATCH", &format!("/api/channels/{channel}"), pin).await.0, 204);
        self.want(channel, "Running").await;
    }

    async fn want(&self, channel: Guid, status: &str) {
        let wish = json!({ "channelId": channel.to_string(), "desiredStatus": status });
        assert_eq!(self.call("PUT", &format!("/api/channels/{channel}/desired-status"), wish).await.0, 204);
    }

    async fn status(&self, channel: Guid) -> String {
        let (_, body) = self.call("GET", &format!("/api/channel-statuses?channelId={channel}"), Value::Null).await;
        let body: Value = serde_json::from_str(&body).expect("statuses are JSON");
        body["items"][0]["status"].as_str().unwrap_or_default().to_owned()
    }
}

fn manifest(module: &[u8], extra: &str) -> String {
    let source = digest(module);
    format!(
        "[trigger]\ntype = \"http\"\nbase = \"/base\"\n{extra}\n\
         [[component]]\nid = \"api\"\nsource = \"{source}\"\n[component.trigger]\nroute = \"/api/...\"\n\
         [[component]]\nid = \"hello\"\nsource = \"{source}\"\n[component.trigger]\nroute = \"/api/hello\"\n\
         [[component]]\nid = \"web\"\nsource = \"{source}\"\nfiles = \"files-web\"\n[component.trigger]\nroute = \"/...\"\n"
    )
}

fn shop(version: &str) -> StoredBindle {
    shop_of(version, CORE_MODULE, "").file("files-web", "static/index.html", b"<h1>shop</h1>")
}

fn shop_of(version: &str, module: &[u8], extra: &str) -> StoredBindle {
    StoredBindle::new("shop", version).manifest(&manifest(module, extra)).module("app.wasm", module)
}

#[tokio::test]
async fn a_posted_job_is_served() {
    let world = World::start().await;
    world.bindle.put(shop("1.0.0+a"));
    let (status, app) = world.call("POST", "/api/apps", json!({ "name": "shop", "storageId": "shop" })).await;
    assert_eq!(status, 200);
    let body = json!({ "appId": app.trim_matches('"'), "name": "spin-deploy", "rangeRule": "*" });
    let (status, channel) = world.call("POST", "/api/channels", body).await;
    assert_eq!(status, 200);
    let channel = Guid::parse(channel.trim_matches('"')).expect("an id is answered");
    assert_eq!(world.hippo.running(channel).as_deref(), Some("shop/1.0.0+a"));
    assert_eq!(world.status(channel).await, "Running");
    let info = json!({ "name": "shop", "version": "1.0.0+a", "bindle_version": "1.0.0+a" });
    assert_eq!(world.info().await, (200, info.to_string()));
    let host = "shop.hippo.localhost:8080";
    assert_eq!(world.visit(host, "/.well-known/spin/health").await, (200, "OK".to_owned()));
    assert_eq!(world.visit("other.hippo.localhost", "/").await.0, 404);
    let first_line = async |path: &str| {
        let (status, body) = world.visit(host, path).await;
        (status, body.lines().next().unwrap_or_default().to_owned())
    };
    assert_eq!(first_line("/base/api/hello").await, (200, "component: hello".to_owned()));
    assert_eq!(first_line("/base/api/other").await, (200, "component: api".to_owned()));
    assert_eq!(first_line("/base/apiary").await, (200, "component: web".to_owned()));
    assert_eq!(first_line("/elsewhere").await, (404, String::new()));
    let (source, file) = (digest(CORE_MODULE), digest(b"<h1>shop</h1>"));
    let page = format!("component: web\nbindle: shop/1.0.0+a\nsource: {source}\nfile: static/index.html {file}\n");
    assert_eq!(world.visit(host, "/base/").await, (200, page));
}

#[tokio::test]
async fn what_spin_would_refuse_crashes() {
    let cases = [
        ("component", shop_of("2.0.0", COMPONENT, ""), "component api: its source is no core module"),
        ("unknown key", shop_of("2.0.0", CORE_MODULE, "[future]"), "manifest: "),
        (
            "name outside",
            shop("2.0.0").file("files-web", "../passwd", b"x"),
            "the file \"../passwd\" would lie outside",
        ),
        ("two manifests", shop("2.0.0").manifest("x"), "the invoice has several manifest parcels"),
        ("no manifest", StoredBindle::new("shop", "2.0.0").module("a", CORE_MODULE), "the invoice has no manifest"),
        (
            "no source",
            StoredBindle::new("shop", "2.0.0").manifest(&manifest(COMPONENT, "")),
            "component api: its source",
        ),
    ];
    for (what, bindle, reason) in cases {
        let world = World::start().await;
        let (app, channel) = world.with_running_channel().await;
        world.redeploy(app, channel, bindle, "2.0.0").await;
        let crash = world.hippo.crash_reason(channel).unwrap_or_else(|| panic!("{what}: it runs"));
        assert!(crash.starts_with(reason), "{what}: {crash}");
        assert_eq!((world.info().await.0, world.status(channel).await.as_str()), (502, "Pending"), "{what}");
    }
}

#[tokio::test]
async fn a_lost_parcel_crashes_until_it_is_back_and_the_job_is_posted_again() {
    let world = World::start().await;
    let (app, channel) = world.with_running_channel().await;
    world.bindle.put(shop("1.1.0"));
    world.bindle.lose_parcel("shop/1.1.0", &digest(CORE_MODULE));
    let revision = world.hippo.seed_revision(app, "1.1.0");
    world.hippo.edit(|state| state.channel_mut(channel).map(|channel| channel.active_revision = Some(revision)));
    world.want(channel, "Running").await;
    assert_eq!(world.hippo.running(channel), None);
    world.bindle.put(shop("1.1.0"));
    world.want(channel, "Running").await;
    assert_eq!(world.hippo.running(channel).as_deref(), Some("shop/1.1.0"));
}

#[tokio::test]
async fn a_slow_start_is_counted_in_probes() {
    let cases = [
        (Start::AfterProbesOfOld { probes: 2 }, (200, "1.0.0+a"), "Running"),
        (Start::AfterProbesOfNothing { probes: 2 }, (503, "Service Unavailable"), "Pending"),
    ];
    for (start, (status, text), job_status) in cases {
        let world = World::start().await;
        let (app, channel) = world.with_running_channel().await;
        world.hippo.set_start(start);
        world.redeploy(app, channel, shop("1.1.0"), "1.1.0").await;
        assert_eq!(world.status(channel).await, job_status);
        for _ in 0..2 {
            let (got, body) = world.info().await;
            assert!(got == status && body.contains(text), "{start:?}: {got} {body}");
        }
        assert!(world.info().await.1.contains("1.1.0"), "{start:?}");
        assert_eq!((world.status(channel).await.as_str(), world.info().await.0), ("Running", 200));
    }
}

#[tokio::test]
async fn an_old_build_can_go_on_and_a_new_one_can_crash() {
    let world = World::start().await;
    let (app, channel) = world.with_running_channel().await;
    world.hippo.set_start(Start::KeepOld);
    world.redeploy(app, channel, shop("1.1.0"), "1.1.0").await;
    assert_eq!(world.hippo.running(channel).as_deref(), Some("shop/1.0.0+a"));
    assert_eq!(world.hippo.jobs_posted().last().map(|job| job.bindle.as_str()), Some("shop/1.1.0"));
    world.hippo.set_start(Start::Crash(JobStatus::Dead));
    world.redeploy(app, channel, shop("1.2.0"), "1.2.0").await;
    assert_eq!((world.info().await.0, world.status(channel).await.as_str()), (502, "Dead"));
    assert_eq!(world.call("GET", &format!("/api/channels/{channel}/logs"), Value::Null).await.1, r#"{"logs":[""]}"#);
    world.hippo.set_log(channel, "Error: nothing works\nmore\n");
    let (_, logs) = world.call("GET", &format!("/api/channels/{channel}/logs"), Value::Null).await;
    assert_eq!(logs, r#"{"logs":["Error: nothing works","more",""]}"#);
}

#[tokio::test]
async fn a_start_can_fail_in_each_layer() {
    let serving = r#"{"logs":["Serving http://127.0.0.1:1234","Available Routes:",""]}"#;
    let unreadable = r#"{"logs":["Error: Failed to load invoice 'shop/1.1.0' from 'http://bindle.internal/v1'",""]}"#;
    for (start, answer, job_status, logs) in [
        (Start::Unreadable, 502, "Pending", unreadable),
        // What there is to read is the log of the build before.
        (Start::NotPlaced, 404, "Pending", serving),
        (Start::Crash(JobStatus::Dead), 502, "Dead", r#"{"logs":[""]}"#),
        (Start::Unrouted, 404, "Running", serving),
        (Start::Unreached, 502, "Running", serving),
    ] {
        let world = World::start().await;
        let (app, channel) = world.with_running_channel().await;
        world.hippo.set_start(start);
        world.redeploy(app, channel, shop("1.1.0"), "1.1.0").await;
        assert_eq!((world.info().await.0, world.status(channel).await.as_str()), (answer, job_status), "{start:?}");
        assert_eq!(world.call("GET", &format!("/api/channels/{channel}/logs"), Value::Null).await.1, logs, "{start:?}");
        // Once what was in the way is gone, the next start is as good as any.
        world.hippo.set_start(Start::AtOnce);
        world.redeploy(app, channel, shop("1.2.0"), "1.2.0").await;
        assert_eq!((world.info().await.0, world.status(channel).await.as_str()), (200, "Running"), "{start:?}");
    }
}

#[tokio::test]
async fn the_same_job_again_changes_nothing_and_a_stopped_one_is_gone() {
    let world = World::start().await;
    let (_, channel) = world.with_running_channel().await;
    world.hippo.set_start(Start::Crash(JobStatus::Dead));
    world.want(channel, "Running").await;
    assert_eq!((world.info().await.0, world.hippo.jobs_posted().len()), (200, 3));
    world.hippo.set_start(Start::AtOnce);
    world.want(channel, "Dead").await;
    assert_eq!((world.info().await.0, world.status(channel).await.as_str()), (404, "Dead"));
    world.want(channel, "Running").await;
    assert_eq!(world.info().await.0, 200);
    world.hippo.set_info(false);
    assert_eq!(world.info().await.0, 404);
    assert_eq!(world.visit("shop.hippo.localhost", "/.well-known/spin/health").await, (200, "OK".to_owned()));
}

#[tokio::test]
async fn faults_strike_before_or_after_the_commit() {
    let world = World::start().await;
    world.bindle.put(shop("1.0.0"));
    let app = |name: &str| json!({ "name": name, "storageId": "shop" });
    let names = || world.hippo.apps().into_iter().map(|app| app.name).collect::<Vec<_>>();

    world.hippo.fail(Fault::on("POST", "/api/apps").status(503).header("retry-after", "7"));
    assert_eq!(world.call("POST", "/api/apps", app("a")).await, (503, String::new()));
    assert!(names().is_empty());

    world.hippo.fail(Fault::on("POST", "/api/apps").html(502).after_commit());
    let (status, body) = world.call("POST", "/api/apps", app("b")).await;
    assert!(status == 502 && body.starts_with("<html>"), "{status} {body}");
    assert_eq!(names(), ["b"]);

    world.hippo.fail(Fault::on("POST", "/api/apps").cut());
    assert!(world.send("POST", "/api/apps", app("c")).await.is_err());
    assert_eq!(names(), ["b"]);

    world.hippo.fail(Fault::on("POST", "/api/apps").cut().after_commit());
    assert!(world.send("POST", "/api/apps", app("d")).await.is_err());
    assert_eq!(names(), ["b", "d"]);

    world.hippo.fail(Fault::on("GET", "/api/apps").nth(2).times(2));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(world.call("GET", "/api/apps", Value::Null).await.0);
    }
    assert_eq!(statuses, [200, 500, 500, 200]);

    world.hippo.fail_nomad(Mode::Down, 0);
    world.hippo.fail(Fault::on("GET", "/healthz").always());
    assert_eq!(world.call("GET", "/healthz", Value::Null).await.0, 500);
    world.hippo.clear_faults();
    assert_eq!(world.call("GET", "/healthz", Value::Null).await.0, 200);
}

#[tokio::test]
async fn requests_are_logged() {
    let world = World::start().await;
    world.call("GET", "/api/apps?searchText=a+b", Value::Null).await;
    world.call("DELETE", "/api/channels/x", Value::Null).await;
    let expected = [("GET", "/api/apps?searchText=a+b"), ("DELETE", "/api/channels/x")];
    let expected: Vec<_> = expected.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(world.hippo.requests(), expected);
    assert_eq!(world.hippo.take_requests(), expected);
    assert!(world.hippo.requests().is_empty());
}

#[tokio::test]
async fn tokens_expire_by_the_clock_or_by_counting() {
    let clock = Clock::standing_at(Timestamp::from_second(1_700_000_000).expect("a time"));
    let mut world = World::start_as(Generation::V0_20, &clock).await;
    clock.advance(SignedDuration::from_mins(34));
    assert_eq!(world.call("GET", "/api/apps", Value::Null).await.0, 200);
    clock.advance(SignedDuration::from_mins(2));
    assert_eq!(world.call("GET", "/api/apps", Value::Null).await, (401, String::new()));
    let credentials = json!({ "userName": "dana", "password": "password" });
    let (_, login) = world.call("POST", "/api/auth-tokens", credentials).await;
    let login: Value = serde_json::from_str(&login).expect("a login is JSON");
    assert_eq!(login["expiration"], "2023-11-14T23:19:20Z");
    world.token = login["token"].as_str().unwrap_or_default().to_owned();
    world.hippo.expire_tokens_after(2);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(world.call("GET", "/api/apps", Value::Null).await.0);
    }
    assert_eq!(statuses, [200, 200, 401, 401]);
    world.token = world.hippo.token_of("dana");
    assert_eq!(world.call("GET", "/api/apps", Value::Null).await.0, 200);
}

#[tokio::test]
async fn the_older_generation_has_other_domains_and_arguments() {
    let world = World::start_as(Generation::V0_19, &Clock::system()).await;
    world.bindle.put(shop("1.0.0"));
    let (_, app) = world.call("POST", "/api/apps", json!({ "name": "My_Shop", "storageId": "shop" })).await;
    let body = json!({ "appId": app.trim_matches('"'), "name": "spin-deploy" });
    assert_eq!(world.call("POST", "/api/channels", body).await.0, 200);
    let job = &world.hippo.jobs_posted()[0];
    assert_eq!(job.host, "spin-deploy.my-shop.hippo.localhost");
    let arguments = &job.body["Job"]["TaskGroups"][0]["Tasks"][0]["Config"]["args"];
    assert_eq!(*arguments, json!(["up", "--listen", "${NOMAD_ADDR_http}", "--follow-all", "--bindle", "shop/1.0.0"]));
}

#[tokio::test]
async fn a_bindle_that_hippo_cannot_see_is_refused() {
    let hippo = FakeHippo::builder().user("dana", "password").start().await.expect("a loopback port is free");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client can be built");
    let request = http.post(format!("{}/api/apps", hippo.url())).bearer_auth(hippo.token_of("dana"));
    let answer = request.json(&json!({ "name": "a", "storageId": "a" })).send().await.expect("the fake answers");
    assert_eq!(answer.status().as_u16(), 500);
    let health = http.get(format!("{}/healthz", hippo.url())).send().await.expect("the fake answers");
    assert_eq!(health.status().as_u16(), 503);
}

#[test]
fn range_rules_choose_as_semver_net_does() {
    let numbers =
        ["1.0.0", "1.2.0+a", "1.2.0+b", "1.9.3", "2.0.0-rc.1", "2.0.0-rc.2", "not a version", "0.1.2", "0.1.9"];
    let cases = [
        ("*", Some("1.9.3")),
        (" ", Some("1.9.3")),
        ("1.2.0+zzz", Some("1.2.0+a")),
        ("=1.2.0", Some("1.2.0+a")),
        ("^1.0", Some("1.9.3")),
        ("^0.1.2", Some("0.1.9")),
        ("~1.2", Some("1.2.0+a")),
        ("1.x", Some("1.9.3")),
        ("<=1.2.x", Some("1.2.0+a")),
        (">1.x", None),
        (">*", None),
        ("<=*", Some("1.9.3")),
        ("1.0.0 - 1.2", Some("1.2.0+a")),
        (">=2.0.0-rc.1", Some("2.0.0-rc.2")),
        ("0.1.2 || 1.0.0", Some("1.0.0")),
        (">=0.1.0 <1.0.0", Some("0.1.9")),
        ("9.9.9", None),
    ];
    for (rule, expected) in cases {
        let chosen = RangeRule::parse(rule).and_then(|rule| rule.best(&numbers));
        assert_eq!(chosen, Ok(expected.and_then(|number| numbers.iter().position(|other| *other == number))), "{rule}");
    }
    for rule in ["latest", "^*", "~*", "1.0.0, 2.0.0", "^2147483648", "P:1.0", "P:*--*", "==1.0.0"] {
        assert_eq!(RangeRule::parse(rule).err(), Some(Thrown), "{rule}");
    }
    let users = ["1.0.0-dana-1", "1.0.0-dana-3", "1.0.0-eve-9", "2.0.0-dana-2"];
    let chosen = |rule: &str| RangeRule::parse(rule).and_then(|rule| rule.best(&users));
    assert_eq!(chosen("p:1.0.0-dana-*"), Ok(Some(1)));
    assert_eq!(chosen("P:3-dana-*"), Ok(None));
    assert_eq!(RangeRule::parse("*").and_then(|rule| rule.best(&["1.0.0", "1.0.0"])), Err(Thrown));
    assert_eq!(RangeRule::parse("*").and_then(|rule| rule.best(&["2147483648.0.0"])), Err(Thrown));
}
