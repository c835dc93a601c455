//! The driver over the wire, against a small Hippo that remembers.

mod foresight;
mod stand_in;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::stand_in::{Fault, Host, StandIn, Store};
use super::*;
use crate::auth::Secret;
use crate::event::{Event, Reporter, Uploaded};
use crate::http::testing::nobody;
use crate::package::Description;
use crate::target::{Action, FailingLayer, LogQuery, Phase, Proof};

const OLD: &str = "1.0.0+sold";
const NEW: &str = "1.0.0+snew";

/// A reporter that remembers what a person would read.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Reporter for Heard {
    fn report(&self, event: Event) {
        if let Event::Note { message } | Event::Warning { message } = event {
            self.0.lock().unwrap().push(message);
        }
    }
}

/// A stand-in with a target that is connected to it.
struct Bench {
    hippo: StandIn,
    target: HippoTarget,
    cx: Context,
    heard: Arc<Heard>,
}

impl Bench {
    async fn start() -> Bench {
        Bench::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Bench {
        let hippo = StandIn::start().await;
        hippo.store().bindles = vec![("web".into(), NEW.into())];
        let heard = Arc::new(Heard::default());
        let cx = Context { reporter: heard.clone(), cancel: CancellationToken::new() };
        let mut config = Config {
            url: Some(hippo.url.clone()),
            credential: Some(login("secret")),
            bindle_url: Some("http://127.0.0.1:9/v1".parse().unwrap()),
            channel: "spin-deploy".into(),
            app_url: Some(hippo.app_url()),
            ..Config::default()
        };
        change(&mut config);
        let target = HippoTarget::new(&targets::Config { hippo: config, ..Default::default() }).unwrap();
        Bench { hippo, target, cx, heard }
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.hippo.store()
    }

    async fn plan(&self) -> Result<Plan, TargetError> {
        self.target.plan(&self.cx, &app(), &package()).await
    }

    async fn release(&self) -> Result<Release, TargetError> {
        self.release_as(&app()).await
    }

    async fn release_as(&self, app: &AppName) -> Result<Release, TargetError> {
        let artifact = Artifact {
            package: package().id,
            reference: String::new(),
            routes: Vec::new(),
            uploaded: Uploaded::default(),
        };
        self.target.release(&self.cx, app, &artifact).await
    }

    /// Plans and releases; what was applied must be what was planned.
    async fn deploy(&self) -> Release {
        let plan = self.plan().await.unwrap();
        let release = self.release().await.unwrap();
        assert_eq!(release.changes, plan.changes);
        release
    }

    fn messages(&self) -> Vec<String> {
        self.heard.0.lock().unwrap().clone()
    }

    /// The wished version is what runs, and there is one of everything.
    fn assert_live(&self) {
        let store = self.store();
        assert_eq!(store.running.values().collect::<Vec<_>>(), [NEW]);
        assert_eq!(store.apps.iter().filter(|app| app["name"] == "web").count(), 1);
        assert_eq!(store.channels.len(), 1);
        assert_eq!(store.channels[0]["revisionSelectionStrategy"], "UseSpecifiedRevision");
        assert_eq!(store.revisions.iter().filter(|row| row["revisionNumber"] == NEW).count(), 1);
    }
}

fn login(password: &str) -> Credential {
    Credential::Password(Login { username: "dana".into(), password: Secret::new(password) })
}

fn app() -> AppName {
    AppName("web".into())
}

fn package() -> Package {
    let id = PackageId { name: "web".into(), version: NEW.parse().unwrap() };
    let spec = ::bindle::BindleSpec { id: format!("web/{NEW}").parse().unwrap(), description: None, authors: None };
    let description = Description::Bindle(::bindle::Invoice::new(spec));
    Package { id, blobs: Vec::new(), description, routes: Vec::new(), derived: true }
}

/// An app whose channel is pinned to the old version, which runs.
fn deployed_before(store: &mut Store) {
    store.add_app("a1", "web", "web");
    store.add_revision("r1", "a1", OLD);
    store.add_channel("c1", "a1", "spin-deploy", Some("r1"), json!("UseSpecifiedRevision"));
    store.running.insert("c1".into(), OLD.into());
}

fn lines(changes: &[crate::target::Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

/// The whole chain of an error, for a look at its words.
fn chain(error: &TargetError) -> String {
    let source = error.source.as_ref().map(|source| format!(": {source:#}")).unwrap_or_default();
    format!("{error}{source}")
}

#[tokio::test]
async fn a_first_deploy_creates_everything_once() {
    let bench = Bench::start().await;
    let release = bench.deploy().await;
    assert_eq!(lines(&release.changes), ["create app web", "create revision 1.0.0+snew", "create channel spin-deploy"]);
    assert_eq!(release.version, NEW);
    assert_eq!(release.url, Some(bench.hippo.app_url().replace("{domain}", "spin-deploy.example.com")));
    assert_eq!(
        bench.hippo.take_log(),
        [
            "POST api/auth-tokens",
            "GET api/apps?searchText=web&pageSize=50&pageIndex=0",
            "POST api/apps",
            "GET api/apps?searchText=web&pageSize=50&pageIndex=0",
            "GET api/revisions?pageSize=200&pageIndex=0",
            "POST api/channels",
            "GET api/channels/5004",
            "GET api/apps?searchText=web&pageSize=50&pageIndex=0",
        ]
    );
    bench.assert_live();
}

#[tokio::test]
async fn nothing_changed_takes_four_requests_and_is_proven() {
    let bench = Bench::start().await;
    bench.deploy().await;
    bench.hippo.take_log();

    let plan = bench.plan().await.unwrap();
    assert!(plan.is_unchanged(), "{:?}", plan.changes);
    let current = plan.current.unwrap();
    assert_eq!(current.version, NEW);
    assert!(current.url.is_some());
    assert_eq!(
        bench.hippo.take_log(),
        ["GET api/apps?searchText=web&pageSize=50&pageIndex=0", "GET api/channels/5004"]
    );
    assert_eq!(bench.store().probes, ["spin-deploy.example.com/.well-known/spin/info"]);
}

#[tokio::test]
async fn a_redeploy_registers_points_and_restarts() {
    let bench = Bench::start().await;
    deployed_before(&mut bench.store());
    let plan = bench.plan().await.unwrap();
    assert_eq!(plan.current.unwrap().version, OLD);
    let release = bench.deploy().await;
    assert_eq!(
        lines(&release.changes),
        ["keep app web", "create revision 1.0.0+snew", "update channel spin-deploy (1.0.0+sold -> 1.0.0+snew)"]
    );
    assert_eq!(
        bench.hippo.take_log()[2..],
        [
            "GET api/apps?searchText=web&pageSize=50&pageIndex=0",
            "GET api/revisions?pageSize=200&pageIndex=0",
            "POST api/revisions",
            "GET api/revisions?pageSize=200&pageIndex=0",
            "PATCH api/channels/c1",
            "PUT api/channels/c1/desired-status",
            "GET api/channels/c1",
        ]
    );
    bench.assert_live();
}

#[tokio::test]
async fn a_release_needs_no_plan_before_it() {
    let bench = Bench::start().await;
    bench.release().await.unwrap();
    let again = bench.release().await.unwrap();
    assert!(again.changes.iter().all(|change| change.action == Action::Keep), "{:?}", again.changes);
    bench.assert_live();
}

#[tokio::test]
async fn a_plan_is_good_for_one_release_only() {
    let bench = Bench::start().await;
    bench.deploy().await;
    // Had the first look been kept, this release would find its app gone and create a second.
    bench.release().await.unwrap();
    bench.assert_live();
}

#[tokio::test]
async fn a_plan_is_good_for_its_own_app_only() {
    let bench = Bench::start().await;
    deployed_before(&mut bench.store());
    bench.target.plan(&bench.cx, &app(), &package()).await.unwrap();
    let release = bench.release_as(&AppName("shop".into())).await.unwrap();
    assert_eq!(lines(&release.changes)[0], "create app shop");
    assert_eq!(bench.store().running["c1"], OLD);
}

#[tokio::test]
async fn recorded_is_not_live() {
    // (what the host does, what the plan says of the channel)
    let table = [
        (None, Some(OLD), "update channel spin-deploy (restart: 1.0.0+sold still answers)"),
        (None, None, "update channel spin-deploy (start: nothing answers (it answers with status 502))"),
        (Some(Host::Old), Some(NEW), "update channel spin-deploy (restart: what answers cannot name its version)"),
        (
            Some(Host::Nobody),
            Some(NEW),
            "update channel spin-deploy (start: nothing answers (nothing is served under this address yet (status 404)))",
        ),
    ];
    for (host, running, line) in table {
        let bench = Bench::start().await;
        {
            let mut store = bench.store();
            deployed_before(&mut store);
            store.add_revision("r2", "a1", NEW);
            store.channels[0]["activeRevisionId"] = json!("r2");
            store.running.clear();
            store.running.extend(running.map(|version| ("c1".to_owned(), version.to_owned())));
            store.host = host;
        }
        let release = bench.deploy().await;
        assert_eq!(lines(&release.changes), ["keep app web", "keep revision 1.0.0+snew", line]);
        assert_eq!(bench.messages().len(), usize::from(host == Some(Host::Old)));
        let log = bench.hippo.take_log();
        assert!(log.contains(&"PUT api/channels/c1/desired-status".to_owned()));
        assert!(
            !log.iter().any(|request| request.starts_with("PATCH") || request.starts_with("POST api/rev")),
            "{log:?}"
        );
        bench.assert_live();
    }
}

#[tokio::test]
async fn a_channel_on_a_range_rule_is_taken_over() {
    for strategy in [json!("UseRangeRule"), json!(0)] {
        let bench = Bench::start().await;
        {
            let mut store = bench.store();
            deployed_before(&mut store);
            store.add_revision("r2", "a1", NEW);
            store.channels[0]["activeRevisionId"] = json!("r2");
            store.channels[0]["revisionSelectionStrategy"] = strategy;
        }
        let release = bench.deploy().await;
        assert_eq!(lines(&release.changes)[2], "update channel spin-deploy (pinned: it followed a range rule)");
        assert_eq!(
            bench.messages(),
            ["channel spin-deploy followed a range rule and now stays with the revision that is deployed to it"]
        );
        bench.assert_live();
    }
}

#[tokio::test]
async fn every_page_is_read_and_names_are_compared_exactly() {
    let bench = Bench::start().await;
    {
        let mut store = bench.store();
        for index in 0..120 {
            store.add_app(&format!("b{index:03}"), &format!("web{index}"), "other");
        }
        deployed_before(&mut store);
        for index in 0..450 {
            store.add_revision(&format!("q{index:03}"), &format!("b{:03}", index % 120), NEW);
        }
        store.add_revision("r2", "a1", NEW);
    }
    bench.release().await.unwrap();
    let log = bench.hippo.take_log();
    let pages = |list: &str| log.iter().filter(|request| request.starts_with(list)).count();
    assert_eq!((pages("GET api/apps"), pages("GET api/revisions")), (3, 3));
    assert_eq!(pages("POST api/revisions"), 0);
    assert_eq!(bench.store().channels[0]["activeRevisionId"], "r2");
}

#[tokio::test]
async fn endless_pages_are_no_absence() {
    let bench = Bench::start().await;
    {
        let mut store = bench.store();
        for index in 0..50 {
            store.add_app(&format!("b{index:03}"), &format!("web{index}"), "other");
        }
        store.endless = true;
    }
    let error = bench.plan().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert_eq!(chain(&error), "look up app web: Hippo's list of apps does not end");
    assert_eq!(bench.hippo.take_log().len(), 3);
}

#[tokio::test]
async fn doubled_revisions_mean_the_one_of_the_smallest_id() {
    let bench = Bench::start().await;
    {
        let mut store = bench.store();
        deployed_before(&mut store);
        store.add_revision("r9", "a1", NEW);
        store.add_revision("r2", "a1", NEW);
        store.add_revision("r0", "a9", NEW);
    }
    bench.release().await.unwrap();
    assert_eq!(bench.store().channels[0]["activeRevisionId"], "r2");
    assert_eq!(bench.messages(), ["revision 1.0.0+snew is registered 2 times; using the row of the smallest id, r2"]);
}

#[tokio::test]
async fn a_token_that_runs_out_is_renewed_at_any_request() {
    for lasts in 0..9 {
        let bench = Bench::start().await;
        deployed_before(&mut bench.store());
        bench.plan().await.unwrap();
        bench.store().token_lasts = Some(lasts);
        bench.release().await.unwrap();
        bench.assert_live();
    }
}

#[tokio::test]
async fn refused_credentials_are_told_with_what_to_do() {
    // (credential, words of the error, words of the hint)
    let table = [
        (login("wrong"), "Credentials are not valid", "--hippo-username NAME"),
        (Credential::Token(Secret::new("stale")), "/api/apps", "spin-deploy login --hippo-url http"),
    ];
    for (credential, words, advice) in table {
        let bench = Bench::with(|config| config.credential = Some(credential)).await;
        let error = bench.target.check(&bench.cx).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated);
        assert!(chain(&error).contains(words), "{}", chain(&error));
        assert!(error.hints[0].contains(advice), "{:?}", error.hints);
    }
}

#[tokio::test]
async fn check_says_who_we_are() {
    let bench = Bench::start().await;
    assert_eq!(bench.target.check(&bench.cx).await.unwrap(), Checked { identity: Some("dana".into()) });
    let bench = Bench::with(|config| config.credential = Some(Credential::Token(Secret::new("t0")))).await;
    assert_eq!(bench.target.check(&bench.cx).await.unwrap(), Checked { identity: None });
    assert_eq!(bench.hippo.take_log(), ["GET api/apps?pageSize=1"]);
}

#[tokio::test]
async fn an_older_hippo_is_told_apart() {
    let bench = Bench::with(|config| config.credential = Some(Credential::Token(Secret::new("t0")))).await;
    bench.store().fault("GET apps", Fault::Instead(404, json!(null)));
    let error = bench.plan().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.hints.iter().any(|hint| hint.contains("older than v0.19")), "{:?}", error.hints);
}

#[tokio::test]
async fn what_failed_after_it_was_stored_is_found_again() {
    for request in ["POST apps", "POST revisions", "POST channels"] {
        for status in [500, 504] {
            let bench = Bench::start().await;
            // Nothing to import: the revision has to be registered.
            bench.store().bindles = vec![("web".into(), OLD.into())];
            bench.store().fault(request, Fault::After(status));
            let release = bench.deploy().await;
            assert_eq!(release.version, NEW, "{request}");
            bench.assert_live();
            let log = bench.hippo.take_log();
            let sent = format!("POST api/{}", request.trim_start_matches("POST "));
            assert_eq!(log.iter().filter(|line| **line == sent).count(), 1, "{log:?}");
        }
    }
}

#[tokio::test]
async fn what_failed_before_it_was_stored_is_sent_again_but_a_revision() {
    for request in ["POST apps", "POST channels"] {
        let bench = Bench::start().await;
        bench.store().fault(request, Fault::Instead(502, json!(null)));
        bench.deploy().await;
        bench.assert_live();
    }
    let bench = Bench::start().await;
    deployed_before(&mut bench.store());
    bench.store().fault("POST revisions", Fault::Instead(400, json!({"errors": {"RevisionNumber": ["no"]}})));
    let error = bench.release().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert_eq!(bench.hippo.take_log().iter().filter(|line| **line == "POST api/revisions").count(), 1);
    assert_eq!(bench.store().running["c1"], OLD);
}

#[tokio::test]
async fn a_channel_made_while_nomad_was_down_is_started_by_the_next_run() {
    let bench = Bench::start().await;
    bench.store().nomad_down = true;
    let error = bench.release().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown);
    assert!(error.hints.iter().any(|hint| hint.contains("Nomad is not healthy")), "{:?}", error.hints);
    bench.store().nomad_down = false;
    bench.deploy().await;
    bench.assert_live();
}

#[tokio::test]
async fn a_refused_registration_that_left_its_row_counts() {
    let bench = Bench::start().await;
    deployed_before(&mut bench.store());
    bench.store().fault("POST revisions", Fault::After(400));
    bench.deploy().await;
    bench.assert_live();
    assert!(bench.messages()[0].contains("registered revision 1.0.0+snew and then failed (status 400)"));
}

#[tokio::test]
async fn a_misleading_refusal_of_a_patch_is_checked_against_the_record() {
    let bench = Bench::start().await;
    deployed_before(&mut bench.store());
    bench.store().fault("PATCH channels/ID", Fault::After(400));
    bench.deploy().await;
    bench.assert_live();

    let bench = Bench::start().await;
    deployed_before(&mut bench.store());
    bench.store().fault("PATCH channels/ID", Fault::Instead(400, json!({"errors": {"Name": ["required"]}})));
    assert_eq!(bench.release().await.unwrap_err().kind, ErrorKind::Rejected);
    assert_eq!(bench.store().running["c1"], OLD);
}

#[tokio::test]
async fn of_two_apps_made_at_once_the_smallest_id_wins() {
    // Theirs is smaller: ours is removed again.
    let bench = Bench::start().await;
    bench.store().fault("POST apps", Fault::AppFirst("0001", "web"));
    bench.release().await.unwrap();
    bench.assert_live();
    assert_eq!(bench.store().apps[0]["id"], "0001");

    // Ours is smaller: theirs is left for them to remove.
    let bench = Bench::start().await;
    bench.store().fault("POST apps", Fault::AppFirst("9001", "web"));
    bench.release().await.unwrap();
    let ids = |things: &[serde_json::Value], member: &str| {
        things.iter().map(|thing| thing[member].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&bench.store().apps, "id"), ["9001", "5002"]);
    assert_eq!(ids(&bench.store().channels, "appId"), ["5002"]);
    assert_eq!(bench.messages(), ["other runs created apps of the same name, which they should remove: 9001"]);
}

#[tokio::test]
async fn an_app_that_somebody_else_made_meanwhile_is_used() {
    let bench = Bench::start().await;
    bench.plan().await.unwrap();
    deployed_before(&mut bench.store());
    let release = bench.release().await.unwrap();
    assert_eq!(lines(&release.changes)[2], "update channel spin-deploy (1.0.0+sold -> 1.0.0+snew)");
    bench.assert_live();
}

#[tokio::test]
async fn of_two_channels_made_at_once_the_loser_is_removed_and_told() {
    let bench = Bench::start().await;
    bench.store().add_app("a1", "web", "web");
    bench.store().fault("POST channels", Fault::ChannelFirst("0001", "spin-deploy"));
    let error = bench.release().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(chain(&error).contains("another run created the channel 0001"), "{}", chain(&error));
    let store = bench.store();
    assert_eq!(store.channels.iter().map(|c| c["id"].as_str().unwrap()).collect::<Vec<_>>(), ["0001"]);
}

#[tokio::test]
async fn a_channel_that_somebody_else_made_meanwhile_is_taken_over() {
    let bench = Bench::start().await;
    bench.store().add_app("a1", "web", "web");
    bench.plan().await.unwrap();
    {
        let mut store = bench.store();
        store.add_revision("r1", "a1", OLD);
        store.add_channel("c1", "a1", "spin-deploy", Some("r1"), json!("UseRangeRule"));
    }
    let release = bench.release().await.unwrap();
    assert_eq!(lines(&release.changes)[2], "update channel spin-deploy (1.0.0+sold -> 1.0.0+snew)");
    bench.assert_live();
}

#[tokio::test]
async fn doubles_and_foreign_storage_are_refused_before_anything_is_written() {
    fn doubles(store: &mut Store) {
        store.add_app("a9", "web", "web");
        store.add_app("a1", "web", "web");
    }
    fn foreign(store: &mut Store) {
        store.add_app("a1", "web", "shop");
    }
    // (what is there, words of the error)
    type Prepare = fn(&mut Store);
    let table: [(Prepare, &str); 2] = [
        (doubles, "Hippo has 2 apps of the name web: a1, a9"),
        (foreign, "app web (id a1) takes the bindles of the name shop"),
    ];
    for (prepare, words) in table {
        let bench = Bench::start().await;
        prepare(&mut bench.store());
        let error = bench.release().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(chain(&error).contains(words), "{}", chain(&error));
        assert!(bench.hippo.take_log().iter().skip(1).all(|request| request.starts_with("GET")));
    }
}

#[tokio::test]
async fn a_bindle_name_that_could_never_be_registered_is_refused_without_a_request() {
    let bench = Bench::start().await;
    let mut package = package();
    package.id.name = "my.web".into();
    let error = bench.target.plan(&bench.cx, &app(), &package).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(bench.hippo.take_log().is_empty());
}

#[tokio::test]
async fn a_bindle_that_hippo_does_not_find_is_explained() {
    let bench = Bench::start().await;
    bench.store().bindles.clear();
    let error = bench.release().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.hints.iter().any(|hint| hint.contains("the same Bindle server")), "{:?}", error.hints);
}

#[tokio::test]
async fn a_domain_is_given_and_never_taken_from_another_channel() {
    let bench = Bench::with(|config| config.domain = Some("shop.example.com".into())).await;
    deployed_before(&mut bench.store());
    let release = bench.deploy().await;
    assert_eq!(
        lines(&release.changes)[2],
        "update channel spin-deploy (1.0.0+sold -> 1.0.0+snew; domain spin-deploy.example.com -> shop.example.com)"
    );
    assert_eq!(bench.store().channels[0]["domain"], "shop.example.com");
    assert!(bench.plan().await.unwrap().is_unchanged());

    let bench = Bench::with(|config| config.domain = Some("other.example.com".into())).await;
    {
        let mut store = bench.store();
        deployed_before(&mut store);
        store.add_channel("c2", "a2", "other", None, json!("UseRangeRule"));
    }
    let error = bench.release().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(chain(&error).contains("channel other (id c2, of app a2) has this domain"), "{}", chain(&error));
    assert!(!bench.hippo.take_log().iter().any(|request| request.starts_with("PATCH")));
}

#[tokio::test]
async fn one_look_tells_what_answers() {
    let ready = |proof| Phase::Ready(proof);
    // (host, running, phase, version, words, layer)
    let table = [
        (None, Some(NEW), ready(Proof::Version), Some(NEW), None, None),
        (None, Some(OLD), Phase::Progressing, Some(OLD), Some("1.0.0+sold answers"), None),
        (None, None, Phase::Progressing, None, Some("it answers with status 502"), Some(FailingLayer::Proxy)),
        (Some(Host::Old), Some(OLD), ready(Proof::Health), None, Some("it answers, but cannot name its version"), None),
        (
            Some(Host::BadGateway),
            Some(NEW),
            Phase::Progressing,
            None,
            Some("it answers with status 502"),
            Some(FailingLayer::Proxy),
        ),
        (
            Some(Host::Nobody),
            Some(NEW),
            Phase::Progressing,
            None,
            Some("nothing is served under this address yet (status 404)"),
            Some(FailingLayer::Route),
        ),
    ];
    for (host, running, phase, version, words, layer) in table {
        let bench = Bench::start().await;
        let release = bench.deploy().await;
        bench.hippo.take_log();
        {
            let mut store = bench.store();
            let id = store.channels[0]["id"].as_str().unwrap().to_owned();
            store.running = running.map(|version| (id, version.to_owned())).into_iter().collect();
            store.host = host;
        }
        let status = bench.target.status(&bench.cx, &app(), Look::Quick(&release)).await.unwrap();
        let expected = Status {
            version: version.map(str::to_owned),
            detail: words.map(str::to_owned),
            layer,
            ..Status::new(phase)
        };
        assert_eq!(status, expected);
        assert!(bench.hippo.take_log().is_empty(), "a quick look asks the application only");
    }
}

#[tokio::test]
async fn a_refused_connection_is_progress_with_its_reason() {
    let bench = Bench::start().await;
    let (_socket, closed) = nobody();
    let release = Release {
        id: ReleaseId(NEW.into()),
        version: NEW.into(),
        url: Some(format!("http://{closed}")),
        changes: Vec::new(),
    };
    let status = bench.target.status(&bench.cx, &app(), Look::Quick(&release)).await.unwrap();
    assert_eq!((status.phase, status.layer), (Phase::Progressing, Some(FailingLayer::Connection)));
    assert!(status.detail.as_deref().unwrap_or_default().to_lowercase().contains("refused"), "{status:?}");
}

#[tokio::test]
async fn a_full_look_asks_hippo_and_nomad_as_well() {
    let full = async |bench: &Bench| bench.target.status(&bench.cx, &app(), Look::Full).await.unwrap();
    let bench = Bench::start().await;
    assert_eq!(full(&bench).await.phase, Phase::Absent);

    bench.deploy().await;
    let status = full(&bench).await;
    assert_eq!(status.phase, Phase::Ready(Proof::Version));
    assert_eq!(status.detail.as_deref(), Some("the job is running; 1.0.0+snew is recorded"));

    bench.store().running.clear();
    let status = full(&bench).await;
    assert_eq!((status.phase, status.layer), (Phase::Failed, Some(FailingLayer::Application)));
    assert_eq!(status.detail.as_deref(), Some("the job is dead; 1.0.0+snew is recorded; it answers with status 502"));

    bench.store().nomad_down = true;
    let status = full(&bench).await;
    assert_eq!((status.phase, status.layer), (Phase::Progressing, Some(FailingLayer::Proxy)));

    bench.store().channels[0]["activeRevisionId"] = json!(null);
    assert_eq!(full(&bench).await.phase, Phase::Pending);
}

#[tokio::test(start_paused = true)]
async fn a_dead_job_is_believed_although_hippo_takes_its_time_to_say_how_it_is() {
    let bench = Bench::start().await;
    bench.deploy().await;
    {
        let mut store = bench.store();
        store.running.clear();
        store.health_takes = Duration::from_secs(20);
    }
    let status = bench.target.status(&bench.cx, &app(), Look::Full).await.unwrap();
    assert_eq!(status.phase, Phase::Failed);
}

#[tokio::test]
async fn a_full_look_at_a_job_that_runs_asks_for_the_job_only() {
    let bench = Bench::start().await;
    bench.deploy().await;
    let asked = async |host| {
        bench.store().host = host;
        bench.hippo.take_log();
        let status = bench.target.status(&bench.cx, &app(), Look::Full).await.unwrap();
        (status.layer, bench.hippo.take_log())
    };
    let (answering, requests) = asked(None).await;
    assert_eq!(answering, None);
    assert!(requests.iter().any(|request| request.contains("channel-statuses")), "{requests:?}");
    assert_eq!(asked(Some(Host::BadGateway)).await, (Some(FailingLayer::Proxy), requests));
}

#[tokio::test]
async fn logs_are_the_last_lines() {
    let bench = Bench::start().await;
    let logs = bench.target.logs().unwrap();
    let last = async |count| {
        let mut reader = logs.open(&app(), LogQuery { count: Some(count), ..LogQuery::default() });
        let batch = reader.read(&bench.cx).await?;
        Ok::<_, TargetError>(batch.lines.into_iter().map(|line| line.text).collect::<Vec<_>>())
    };
    assert_eq!(last(2).await.unwrap_err().kind, ErrorKind::NotFound);
    bench.deploy().await;
    assert_eq!(last(2).await.unwrap(), ["two", "three"]);
    assert_eq!(last(99).await.unwrap(), ["one", "two", "three"]);
}

#[tokio::test]
async fn a_cancelled_run_sends_nothing_more() {
    let bench = Bench::start().await;
    bench.plan().await.unwrap();
    bench.hippo.take_log();
    bench.cx.cancel.cancel();
    assert_eq!(bench.release().await.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(bench.plan().await.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(bench.hippo.take_log().is_empty());
}

#[test]
fn what_is_missing_or_wrong_is_named_with_flag_and_variable() {
    let good = || Config {
        url: Some("http://127.0.0.1:1/".parse().unwrap()),
        credential: Some(login("secret")),
        bindle_url: Some("http://127.0.0.1:2/v1".parse().unwrap()),
        channel: "spin-deploy".into(),
        ..Config::default()
    };
    let change = |change: fn(&mut Config)| {
        let mut config = good();
        change(&mut config);
        config
    };
    use ErrorKind::{InvalidConfig, Unauthenticated};
    // (settings, kind, words)
    let table = [
        (change(|c| c.url = None), InvalidConfig, ["--hippo-url", "HIPPO_URL"]),
        (change(|c| c.bindle_url = None), InvalidConfig, ["--bindle-server", "BINDLE_SERVER_URL"]),
        (change(|c| (c.url, c.bindle_url) = (None, None)), InvalidConfig, ["HIPPO_URL", "BINDLE_SERVER_URL"]),
        (change(|c| c.credential = None), Unauthenticated, ["--hippo-token", "HIPPO_PASSWORD"]),
        (change(|c| c.domain = Some("localhost".into())), InvalidConfig, ["--domain localhost", "no domain"]),
        (change(|c| c.channel = "a b".into()), InvalidConfig, ["--channel a b", "letters"]),
        (change(|c| c.app_url = Some("ftp://x".into())), InvalidConfig, ["--app-url", "http://"]),
        (change(|c| c.url = Some("ftp://x".parse().unwrap())), InvalidConfig, ["--hippo-url", "http://"]),
        (
            change(|c| c.url = Some("http://hippo.example.com".parse().unwrap())),
            InvalidConfig,
            ["plain http", "hippo.example.com"],
        ),
    ];
    for (hippo, kind, words) in table {
        let error = connect(&targets::Config { hippo, ..Default::default() }).unwrap_err();
        assert_eq!(error.kind, kind);
        for word in words {
            assert!(chain(&error).contains(word), "{word}: {}", chain(&error));
        }
        assert!(!chain(&error).contains("secret"));
    }
    assert!(connect(&targets::Config { hippo: good(), ..Default::default() }).is_ok());
}

#[test]
fn failed_uploads_are_told_by_what_can_be_done() {
    let id = || package().id;
    // (failure, kind, words of the hint)
    let table = [
        (RegistryError::OtherContent { id: id() }, ErrorKind::Conflict, "--buildinfo"),
        (RegistryError::Yanked { id: id() }, ErrorKind::Conflict, "raise `version`"),
        (RegistryError::NotBindle { url: "http://x".into() }, ErrorKind::Unreachable, "`/v1`"),
        (RegistryError::Signature { message: "no".into() }, ErrorKind::Rejected, "--signing-key FILE"),
        (RegistryError::Poisoned { sha256: "0".into(), name: "n".into() }, ErrorKind::Interrupted, "administrator"),
        (RegistryError::SigningKey { source: anyhow!("no") }, ErrorKind::InvalidConfig, "--signing-key FILE"),
    ];
    for (failure, kind, words) in table {
        let error = fault::of_registry(failure, "web/1.0.0");
        assert_eq!(error.kind, kind);
        assert!(error.hints[0].contains(words), "{:?}", error.hints);
    }
    let cancelled = fault::of_registry(RegistryError::Cancelled, "web/1.0.0");
    assert_eq!((cancelled.kind, cancelled.hints.len()), (ErrorKind::Cancelled, 0));
}
