//! The pipeline against a target in memory: it needs no concrete one. Time is virtual where it waits.

mod after;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use spin_deploy::app::{Fetch, FetchError};
use spin_deploy::deploy::{self, Check, DeployError, Ending, Input, OtherName, Outcome, Project, Request, Visit};
use spin_deploy::event::{Event, Step};
use spin_deploy::package::Options;
use spin_deploy::target::{AppName, ErrorKind, FailingLayer, Phase, Proof};

use crate::support::app::App;
use crate::support::memory::Memory;
use crate::support::recorder::{Recorder, context};

/// No application here has a source to download.
pub struct NoDownloads;

#[async_trait]
impl Fetch for NoDownloads {
    async fn fetch(&self, url: &str, _sha256: &str) -> Result<PathBuf, FetchError> {
        panic!("nobody asked for {url}")
    }
}

/// Nothing is to be checked.
pub struct NoVisits;

#[async_trait]
impl Visit for NoVisits {
    async fn visit(&self, url: &str) -> Result<u16, String> {
        panic!("nobody asked for {url}")
    }
}

/// An ordinary deployment.
pub fn request(app: &App) -> Request {
    Request {
        input: Input::Project(Project { from: app.path().to_owned(), package: Options::default(), built: false }),
        timeout: Some(Duration::from_secs(60)),
        name: None,
        check: None,
        expect: None,
        restore: false,
    }
}

async fn run(target: &Memory, app: &App) -> Result<Outcome, DeployError> {
    deploy::run(&context().0, target, &NoDownloads, &NoVisits, &request(app)).await
}

fn steps(recorder: &Recorder) -> Vec<Step> {
    let started = |event| match event {
        Event::StepStarted { step, .. } => Some(step),
        _ => None,
    };
    recorder.events().into_iter().filter_map(started).collect()
}

#[tokio::test]
async fn a_deploy_goes_through_its_steps_and_a_second_one_stops_at_the_plan() {
    let (app, target) = (App::new("shop"), Memory::new());
    let (cx, recorder) = context();
    let first = deploy::run(&cx, &target, &NoDownloads, &NoVisits, &request(&app)).await.expect("it works");
    assert_eq!(first.ending, Ending::Ready(Proof::Version));
    assert_eq!(steps(&recorder), [Step::Load, Step::Package, Step::Plan, Step::Publish, Step::Release, Step::Wait]);
    assert_eq!(
        target.place().calls,
        ["plan", "publish", "release", "status", "status"],
        "ready counts when seen twice"
    );

    target.place().calls.clear();
    let (cx, recorder) = context();
    let second = deploy::run(&cx, &target, &NoDownloads, &NoVisits, &request(&app)).await.expect("it works");
    assert_eq!(second.ending, Ending::Unchanged);
    assert_eq!(second.release.version, first.release.version);
    assert_eq!(steps(&recorder), [Step::Load, Step::Package, Step::Plan]);
    assert_eq!(target.place().calls, ["plan"]);
}

#[tokio::test]
async fn a_name_that_the_target_forbids_is_refused_before_anything_is_asked() {
    let (app, target) = (App::new("forbidden"), Memory::new());
    let Err(DeployError::Refused { refusals, .. }) = run(&target, &app).await else { panic!("it must be refused") };
    assert_eq!(refusals.len(), 1);
    assert!(refusals[0].message.contains("taken by the house"), "{refusals:?}");
    assert!(target.place().calls.is_empty());
}

#[tokio::test]
async fn a_version_that_the_target_cannot_record_is_refused() {
    let (app, target) = (App::new("shop"), Memory::new());
    app.version(&format!("1.0.0-{}", "a".repeat(64)));
    assert!(matches!(run(&target, &app).await, Err(DeployError::Refused { .. })));
    assert!(target.place().calls.is_empty());
}

#[tokio::test]
async fn failures_carry_their_step() {
    for (operation, step) in [("plan", Step::Plan), ("publish", Step::Publish), ("release", Step::Release)] {
        let (app, target) = (App::new("shop"), Memory::new());
        target.place().failing.insert(operation, ErrorKind::Rejected);
        match run(&target, &app).await {
            Err(DeployError::Target { step: found, source, .. }) => {
                assert_eq!((found, source.kind), (step, ErrorKind::Rejected));
            }
            other => panic!("{other:?}"),
        }
        let running = target.place().running.clone();
        assert!(running.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn ready_counts_only_when_a_second_look_agrees() {
    let (app, target) = (App::new("shop"), Memory::new());
    let (ready, going) = (Phase::Ready(Proof::Version), Phase::Progressing);
    target.place().says = vec![going, ready, going, ready, ready];
    let outcome = run(&target, &app).await.expect("it comes up");
    assert_eq!(outcome.ending, Ending::Ready(Proof::Version));
    let looks = target.place().calls.iter().filter(|call| **call == "status").count();
    assert_eq!(looks, 5);
}

#[tokio::test(start_paused = true)]
async fn health_alone_is_ready_with_a_warning() {
    let (app, target) = (App::new("shop"), Memory::new());
    target.place().says = vec![Phase::Ready(Proof::Health)];
    let (cx, recorder) = context();
    let outcome = deploy::run(&cx, &target, &NoDownloads, &NoVisits, &request(&app)).await.expect("it comes up");
    assert_eq!(outcome.ending, Ending::Ready(Proof::Health));
    let warned = |event: &Event| matches!(event, Event::Warning { message } if message.contains("could not be proven"));
    assert!(recorder.events().iter().any(warned));
}

#[tokio::test(start_paused = true)]
async fn health_alone_has_to_last_where_an_older_build_was_live() {
    let (app, target) = (App::new("shop"), Memory::new());
    target.place().running.insert("shop".to_owned(), "0.9.0".to_owned());
    target.place().says = vec![Phase::Ready(Proof::Health)];
    let begun = tokio::time::Instant::now();
    run(&target, &app).await.expect("it is healthy for long enough");
    assert!((10..13).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());

    // The old one answered, and the new one never comes up.
    let (app, target) = (App::new("shop"), Memory::new());
    target.place().running.insert("shop".to_owned(), "0.9.0".to_owned());
    target.place().says = [vec![Phase::Ready(Proof::Health); 4], vec![Phase::Progressing]].concat();
    let ended = run(&target, &app).await;
    assert!(matches!(ended, Err(DeployError::NotReady(_))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_failed_is_told_with_its_last_words() {
    let (app, target) = (App::new("shop"), Memory::new());
    target.place().says = vec![Phase::Progressing, Phase::Failed];
    target.place().logs.insert("shop".to_owned(), (1..=30).map(|line| format!("line {line}")).collect());
    let Err(DeployError::ReleaseFailed(unanswered)) = run(&target, &app).await else { panic!("it failed") };
    assert_eq!(unanswered.logs.len(), 10);
    assert_eq!(unanswered.logs.last().map(String::as_str), Some("line 30"));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_another_one_replaced_is_not_waited_for() {
    let (app, target) = (App::new("shop"), Memory::new());
    let unseen = Phase::Ready(Proof::Version);
    target.place().says = vec![Phase::Replaced, Phase::Progressing, Phase::Replaced, Phase::Replaced, unseen];
    let Err(DeployError::Replaced(unanswered)) = run(&target, &app).await else { panic!("it was replaced") };
    assert_eq!(unanswered.status.expect("it said so").phase, Phase::Replaced);
    assert_eq!(target.place().says, [unseen], "two in a row are enough");
}

#[tokio::test(start_paused = true)]
async fn one_bad_look_is_no_failure() {
    let (app, target) = (App::new("shop"), Memory::new());
    target.place().says = vec![Phase::Failed, Phase::Progressing, Phase::Ready(Proof::Version)];
    run(&target, &app).await.expect("it came up after all");
}

#[tokio::test(start_paused = true)]
async fn time_runs_out_with_the_last_status() {
    let (app, target) = (App::new("shop"), Memory::new());
    target.place().says = vec![Phase::Progressing];
    let begun = tokio::time::Instant::now();
    let (cx, recorder) = context();
    let ended = deploy::run(&cx, &target, &NoDownloads, &NoVisits, &request(&app)).await;
    let Err(DeployError::NotReady(unanswered)) = ended else { panic!("{ended:?}") };
    assert_eq!(unanswered.waited, Duration::from_secs(60));
    assert_eq!(unanswered.status.map(|status| status.phase), Some(Phase::Progressing));
    assert_eq!(begun.elapsed().as_secs(), 60);
    // Delays grow from 50 ms to 2 s: a look every two seconds would be 30, one every 50 ms 1200.
    let looks = target.place().calls.iter().filter(|call| **call == "status").count();
    assert!((35..50).contains(&looks), "{looks} looks");
    let said = recorder.events().iter().filter(|event| matches!(event, Event::Waiting { .. })).count();
    assert!((10..50).contains(&said), "said {said} times what it waits for");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_be_asked_is_waited_for_until_the_time_runs_out() {
    let (app, target) = (App::new("shop"), Memory::new());
    target.place().failing.insert("status", ErrorKind::Unreachable);
    let ended = run(&target, &app).await;
    let Err(DeployError::NotReady(unanswered)) = ended else { panic!("{ended:?}") };
    let status = unanswered.status.expect("it is told why");
    assert_eq!(status.detail.as_deref(), Some("status in memory"));
}

#[tokio::test(start_paused = true)]
async fn what_the_last_look_gave_is_told_and_nothing_of_the_looks_before() {
    // (whether the target can be asked again before the end, the words, the layer)
    for (comes_back, detail, layer) in
        [(false, "status in memory", None), (true, "Progressing", Some(FailingLayer::Placement))]
    {
        let (app, target) = (App::new("shop"), Memory::new());
        target.place().says = vec![Phase::Progressing];
        target.place().layer = Some(FailingLayer::Placement);
        let meddling = target.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            meddling.place().failing.insert("status", ErrorKind::Unreachable);
            tokio::time::sleep(Duration::from_secs(20)).await;
            if comes_back {
                meddling.place().failing.clear();
            }
        });
        let ended = run(&target, &app).await;
        let Err(DeployError::NotReady(unanswered)) = ended else { panic!("{ended:?}") };
        let status = unanswered.status.expect("there were looks");
        assert_eq!((status.detail.as_deref(), status.layer), (Some(detail), layer));
    }
}

#[tokio::test]
async fn nobody_waits_when_told_so() {
    let (app, target) = (App::new("shop"), Memory::new());
    let request = Request { timeout: None, ..request(&app) };
    let outcome = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &request).await.expect("it works");
    assert_eq!(outcome.ending, Ending::NotWaited);
    assert_eq!(target.place().calls, ["plan", "publish", "release"]);
}

#[tokio::test]
async fn a_cancelled_run_says_what_is_live() {
    let (app, target) = (App::new("shop"), Memory::new());
    run(&target, &app).await.expect("it works");
    app.write("static/index.html", "second");
    let (cx, _) = context();
    cx.cancel.cancel();
    let ended = deploy::run(&cx, &target, &NoDownloads, &NoVisits, &request(&app)).await;
    let Err(DeployError::Cancelled { step: Step::Load, live: Some(live) }) = ended else { panic!("{ended:?}") };
    assert_eq!(live, "nothing was released");
}

#[tokio::test(start_paused = true)]
async fn a_run_cancelled_while_it_waits_says_that_the_release_is_out() {
    let (app, target) = (App::new("shop"), Memory::new());
    target.place().says = vec![Phase::Progressing];
    let (cx, _) = context();
    let cancel = cx.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
    });
    let ended = deploy::run(&cx, &target, &NoDownloads, &NoVisits, &request(&app)).await;
    let Err(DeployError::Cancelled { step: Step::Wait, live: Some(live) }) = ended else { panic!("{ended:?}") };
    assert!(live.contains("was released"), "{live}");
}

/// Answers with these statuses, first to last, the last one for ever; 0 is no answer.
struct Visits(Mutex<Vec<u16>>, Mutex<Vec<String>>);

impl Visits {
    fn new(statuses: &[u16]) -> Self {
        Visits(Mutex::new(statuses.to_vec()), Mutex::default())
    }

    /// What was asked for.
    fn urls(&self) -> Vec<String> {
        self.1.lock().expect("no test panics while it holds the lock").clone()
    }
}

#[async_trait]
impl Visit for Visits {
    async fn visit(&self, url: &str) -> Result<u16, String> {
        self.1.lock().expect("no test panics while it holds the lock").push(url.to_owned());
        let mut statuses = self.0.lock().expect("no test panics while it holds the lock");
        let status = if statuses.len() > 1 { statuses.remove(0) } else { statuses[0] };
        if status == 0 { Err("connection refused".to_owned()) } else { Ok(status) }
    }
}

fn checked(app: &App, path: &str, status: Option<u16>) -> Request {
    Request { check: Some(Check { path: path.to_owned(), status }), ..request(app) }
}

#[tokio::test(start_paused = true)]
async fn a_check_is_looked_at_until_it_holds() {
    let (app, target, visits) = (App::new("shop"), Memory::new(), Visits::new(&[0, 503, 503, 204]));
    let (cx, recorder) = context();
    let outcome = deploy::run(&cx, &target, &NoDownloads, &visits, &checked(&app, "/health?x=1", None)).await;
    assert_eq!(outcome.expect("it holds").ending, Ending::Ready(Proof::Version));
    assert_eq!(visits.urls(), ["http://shop.localhost/health?x=1"; 4]);
    assert_eq!(steps(&recorder).last(), Some(&Step::Wait));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_does_not_hold_ends_with_the_time_and_says_what_it_saw() {
    let (app, target, visits) = (App::new("shop"), Memory::new(), Visits::new(&[503]));
    target.place().logs.insert("shop".to_owned(), vec!["no database".to_owned()]);
    let (cx, recorder) = context();
    let begun = tokio::time::Instant::now();
    let ended = deploy::run(&cx, &target, &NoDownloads, &visits, &checked(&app, "/health", Some(200))).await;
    let Err(DeployError::CheckFailed(unanswered, complaint)) = ended else { panic!("{ended:?}") };
    assert_eq!(begun.elapsed().as_secs(), 60, "one deadline for both");
    assert_eq!(complaint.to_string(), "GET /health answered 503, not 200");
    assert_eq!(unanswered.logs, ["no database"]);
    let said = |event| match event {
        Event::Waiting { what, .. } => Some(what),
        _ => None,
    };
    let said: Vec<_> = recorder.events().into_iter().filter_map(said).collect();
    assert!((10..50).contains(&said.len()), "said {} times what it waits for", said.len());
    assert!(said.iter().all(|what| what == "GET /health answered 503, not 200"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_live_already_has_to_hold_its_check_as_well() {
    let (app, target) = (App::new("shop"), Memory::new());
    run(&target, &app).await.expect("it works");
    target.place().calls.clear();
    let (visits, request) = (Visits::new(&[200]), checked(&app, "/", None));
    let (cx, recorder) = context();
    let outcome = deploy::run(&cx, &target, &NoDownloads, &visits, &request).await.expect("it holds");
    assert_eq!(outcome.ending, Ending::Unchanged);
    assert_eq!(visits.urls().len(), 1);
    assert_eq!(target.place().calls, ["plan"]);
    assert_eq!(steps(&recorder), [Step::Load, Step::Package, Step::Plan, Step::Wait]);

    let visits = Visits::new(&[500]);
    let ended = deploy::run(&context().0, &target, &NoDownloads, &visits, &request).await;
    let Err(DeployError::CheckFailed(unanswered, complaint)) = ended else { panic!("{ended:?}") };
    assert_eq!((unanswered.waited.as_secs(), complaint.0.as_str()), (60, "GET / answered 500, not 2xx"));
}

#[tokio::test]
async fn nothing_is_checked_when_nobody_waits() {
    let (app, target) = (App::new("shop"), Memory::new());
    let request = Request { timeout: None, ..checked(&app, "/", None) };
    let outcome = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &request).await.expect("it works");
    assert_eq!(outcome.ending, Ending::NotWaited);
}

#[tokio::test(start_paused = true)]
async fn a_run_cancelled_while_its_check_fails_says_what_is_live() {
    let (app, target) = (App::new("shop"), Memory::new());
    run(&target, &app).await.expect("it works");
    let (cx, _) = context();
    let cancel = cx.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
    });
    let ended = deploy::run(&cx, &target, &NoDownloads, &Visits::new(&[404]), &checked(&app, "/", None)).await;
    let Err(DeployError::Cancelled { step: Step::Wait, live: Some(live) }) = ended else { panic!("{ended:?}") };
    assert!(live.ends_with("is live, as before"), "{live}");
}

#[tokio::test]
async fn an_application_may_have_another_name_at_the_target() {
    let (app, target) = (App::new("shop"), Memory::new());
    let named = |name: &str| {
        let name = AppName(name.to_owned());
        Request { name: Some(OtherName { name, origin: "--name".to_owned() }), ..request(&app) }
    };
    let outcome = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &named("staging")).await;
    let outcome = outcome.expect("it works");
    assert_eq!((outcome.app.0.as_str(), outcome.package.name.as_str()), ("staging", "shop"));
    assert_eq!(target.place().running.keys().collect::<Vec<_>>(), ["staging"]);

    let refused = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &named("forbidden")).await;
    let Err(DeployError::Refused { refusals, .. }) = refused else { panic!("{refused:?}") };
    let said =
        "the application's name \"forbidden\", which --name gives, cannot be used: this name is taken by the house";
    assert_eq!((refusals[0].message.as_str(), refusals[0].remedy.as_str()), (said, "change --name"));
}
