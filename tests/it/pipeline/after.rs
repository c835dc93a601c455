//! The pipeline after the first day: plans, expectations, going back, putting back, waiting again.

use std::time::Duration;

use spin_deploy::deploy::{self, Answered, Check, DeployError, Ending, Expected, Request, Resume, Return, Visit};
use spin_deploy::event::{Event, Step, Uploaded};
use spin_deploy::target::{AppName, ErrorKind, Phase, Proof, ReleaseId, Target};

use super::{NoDownloads, NoVisits, request, run, steps};
use crate::support::app::App;
use crate::support::memory::Memory;
use crate::support::recorder::context;

const READY: Phase = Phase::Ready(Proof::Version);

fn shop() -> AppName {
    AppName("shop".to_owned())
}

fn running(target: &Memory) -> Option<String> {
    target.place().running.get("shop").cloned()
}

/// Two releases, the second live; gives their versions.
async fn two_releases(app: &App, target: &Memory) -> [String; 2] {
    let mut versions = Vec::new();
    for version in ["1.0.0", "1.1.0"] {
        app.version(version);
        versions.push(run(target, app).await.expect("it works").release.version);
    }
    target.place().calls.clear();
    versions.try_into().expect("there are two")
}

fn id(version: &str) -> ReleaseId {
    ReleaseId(format!("shop@{version}"))
}

#[tokio::test]
async fn a_plan_reads_only_and_tells_what_a_deploy_then_does() {
    let (app, target) = (App::new("shop"), Memory::new());
    for content in ["first", "second", "second"] {
        app.write("static/index.html", content);
        target.place().calls.clear();
        let (cx, recorder) = context();
        let planning = deploy::plan(&cx, &target, &NoDownloads, &request(&app)).await.expect("it works");
        assert_eq!(steps(&recorder), [Step::Load, Step::Package, Step::Plan]);
        assert_eq!(target.place().calls, ["plan"]);
        assert_eq!(planning.missing.upload, planning.content, "a registry that cannot tell may lack all of it");
        assert!(!planning.missing.certain);

        let outcome = run(&target, &app).await.expect("it works");
        assert_eq!(outcome.changes, planning.plan.changes);
        assert_eq!(outcome.package, planning.package);
        assert_eq!(outcome.ending == Ending::Unchanged, planning.plan.is_unchanged());
    }
}

#[tokio::test]
async fn a_deploy_names_what_it_replaced() {
    let (app, target) = (App::new("shop"), Memory::new());
    let first = run(&target, &app).await.expect("it works");
    assert_eq!(first.replaced, None);
    app.version("1.1.0");
    let second = run(&target, &app).await.expect("it works");
    assert_eq!(second.replaced.map(|release| release.id), Some(first.release.id));
}

#[tokio::test]
async fn what_was_not_expected_is_not_replaced() {
    let (app, target) = (App::new("shop"), Memory::new());
    let [first, second] = two_releases(&app, &target).await;
    app.version("1.2.0");
    let expecting = |expected| Request { expect: Some(expected), ..request(&app) };
    for expected in [Expected::Nothing, Expected::Release(id(&first))] {
        let request = expecting(expected.clone());
        let ended = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &request).await;
        let Err(DeployError::Unexpected(unmet)) = ended else { panic!("{ended:?}") };
        assert_eq!((unmet.expected, unmet.live.expect("it is live").id), (expected, id(&second)));
        let planned = deploy::plan(&context().0, &target, &NoDownloads, &request).await;
        assert!(matches!(planned, Err(DeployError::Unexpected(_))), "{planned:?}");
    }
    assert_eq!(target.place().calls, ["plan", "plan", "plan", "plan"], "nothing was sent");

    let request = expecting(Expected::Release(id(&second)));
    let outcome = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &request).await.expect("it is live");
    assert_eq!(running(&target), Some(outcome.release.version));

    // What is live already is not replaced: the command may be run again.
    let again = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &request).await.expect("it is live");
    assert_eq!(again.ending, Ending::Unchanged);
}

#[tokio::test]
async fn nothing_is_expected_of_a_first_release() {
    let (app, target) = (App::new("shop"), Memory::new());
    let request = Request { expect: Some(Expected::Nothing), ..request(&app) };
    let outcome = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &request).await.expect("nothing is live");
    assert_eq!(outcome.replaced, None);
    assert_eq!(target.place().calls[..4], ["plan", "publish", "plan", "release"], "a look just before");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_is_replaced_by_the_previous_one() {
    let (app, target) = (App::new("shop"), Memory::new());
    let [_, second] = two_releases(&app, &target).await;
    app.version("1.2.0");
    target.place().says = vec![Phase::Failed, Phase::Failed, READY];
    target.place().logs.insert("shop".to_owned(), vec!["no database".to_owned()]);
    let request = Request { restore: true, ..request(&app) };
    let (cx, recorder) = context();
    let ended = deploy::run(&cx, &target, &NoDownloads, &NoVisits, &request).await;
    let Err(DeployError::Restored { failure, previous }) = ended else { panic!("{ended:?}") };
    let DeployError::ReleaseFailed(unanswered) = *failure else { panic!("{failure:?}") };
    assert_eq!(unanswered.logs, ["no database"]);
    assert_eq!(previous.version, second);
    assert_eq!(running(&target), Some(second));
    assert_eq!(steps(&recorder)[3..], [Step::Publish, Step::Release, Step::Wait, Step::Restore, Step::Wait]);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_does_not_answer_in_time_is_replaced_too() {
    let (app, target) = (App::new("shop"), Memory::new());
    let [_, second] = two_releases(&app, &target).await;
    app.version("1.2.0");
    // It goes on for ever; what is put back answers, for it is looked at when "rollback" was called.
    target.place().says_until_rollback = true;
    target.place().says = vec![Phase::Progressing];
    let request = Request { restore: true, ..request(&app) };
    let ended = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &request).await;
    let Err(DeployError::Restored { failure, .. }) = ended else { panic!("{ended:?}") };
    assert!(matches!(*failure, DeployError::NotReady(_)), "{failure:?}");
    assert_eq!(running(&target), Some(second));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_back_is_told_with_both_reasons() {
    let (app, target) = (App::new("shop"), Memory::new());
    let [_, second] = two_releases(&app, &target).await;
    app.version("1.2.0");
    target.place().says = vec![Phase::Failed];
    target.place().failing.insert("rollback", ErrorKind::Unreachable);
    let request = Request { restore: true, ..request(&app) };
    let ended = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &request).await;
    let Err(DeployError::NotRestored { failure, previous, source }) = ended else { panic!("{ended:?}") };
    assert!(matches!(*failure, DeployError::ReleaseFailed(_)), "{failure:?}");
    assert!(matches!(*source, DeployError::Target { step: Step::Restore, .. }), "{source:?}");
    assert_eq!(previous.version, second);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_put_back_where_nothing_was_or_somebody_else_came_first() {
    let restoring = |app: &App| Request { restore: true, ..request(app) };
    let (app, target) = (App::new("shop"), Memory::new());
    target.place().says = vec![Phase::Failed];
    let (cx, recorder) = context();
    let ended = deploy::run(&cx, &target, &NoDownloads, &NoVisits, &restoring(&app)).await;
    assert!(matches!(ended, Err(DeployError::ReleaseFailed(_))), "{ended:?}");
    let told = |event: &Event| matches!(event, Event::Note { message } if message.contains("nothing to put back"));
    assert!(recorder.events().iter().any(told));

    let (app, target) = (App::new("shop"), Memory::new());
    two_releases(&app, &target).await;
    app.version("1.2.0");
    target.place().says = vec![Phase::Replaced];
    let ended = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &restoring(&app)).await;
    assert!(matches!(ended, Err(DeployError::Replaced(_))), "{ended:?}");
    assert!(!target.place().calls.contains(&"rollback"));
}

/// Answers, and not as it should.
struct Unwell;

#[async_trait::async_trait]
impl Visit for Unwell {
    async fn visit(&self, _url: &str) -> Result<u16, String> {
        Ok(500)
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_was_live_already_is_left_though_its_check_fails() {
    let (app, target) = (App::new("shop"), Memory::new());
    let [_, second] = two_releases(&app, &target).await;
    for restore in [true, false] {
        let check = Some(Check { path: "/".to_owned(), status: None });
        let request = Request { restore, check, ..request(&app) };
        let (cx, recorder) = context();
        let ended = deploy::run(&cx, &target, &NoDownloads, &Unwell, &request).await;
        assert!(matches!(ended, Err(DeployError::CheckFailed(..))), "{ended:?}");
        let told = |event: &Event| matches!(event, Event::Note { message } if message.contains("was live already"));
        assert_eq!(recorder.events().iter().any(told), restore);
    }
    assert_eq!(running(&target), Some(second));
    assert!(!target.place().calls.contains(&"rollback"));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_was_refused_leaves_what_was_live() {
    let (app, target) = (App::new("shop"), Memory::new());
    two_releases(&app, &target).await;
    app.version("1.2.0");
    target.place().failing.insert("release", ErrorKind::Rejected);
    let request = Request { restore: true, ..request(&app) };
    let ended = deploy::run(&context().0, &target, &NoDownloads, &NoVisits, &request).await;
    assert!(matches!(ended, Err(DeployError::Target { step: Step::Release, .. })), "{ended:?}");
    assert!(!target.place().calls.contains(&"rollback"), "it is live, untouched");
}

fn back(to: Option<ReleaseId>) -> Return {
    Return { app: shop(), to, expect: None, timeout: Some(Duration::from_secs(60)), check: None }
}

async fn roll_back(target: &Memory, wish: &Return) -> Result<Answered, DeployError> {
    let history = target.history().expect("it remembers");
    deploy::rollback(&context().0, target, history, &NoVisits, wish).await
}

#[tokio::test(start_paused = true)]
async fn going_back_takes_the_release_before_or_the_named_one() {
    let (app, target) = (App::new("shop"), Memory::new());
    let [first, second] = two_releases(&app, &target).await;
    let answered = roll_back(&target, &back(None)).await.expect("there is one");
    assert_eq!((answered.release.version.as_str(), answered.ending), (first.as_str(), Ending::Ready(Proof::Version)));
    assert_eq!(answered.replaced.map(|release| release.id), Some(id(&second)));
    assert_eq!(running(&target), Some(first));

    // And forth, with what undoes it; and again, which does nothing.
    for _ in 0..2 {
        let answered = roll_back(&target, &back(Some(id(&second)))).await.expect("it is remembered");
        assert_eq!(answered.release.version, second);
        assert_eq!(running(&target), Some(second.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn going_back_twice_can_be_guarded() {
    let (app, target) = (App::new("shop"), Memory::new());
    let [first, second] = two_releases(&app, &target).await;
    let wish = Return { expect: Some(Expected::Release(id(&second))), ..back(None) };
    roll_back(&target, &wish).await.expect("that is live");
    let ended = roll_back(&target, &wish).await;
    assert!(matches!(ended, Err(DeployError::Unexpected(_))), "{ended:?}");
    assert_eq!(running(&target), Some(first));
}

#[tokio::test]
async fn there_has_to_be_something_to_go_back_to() {
    let (app, target) = (App::new("shop"), Memory::new());
    let kind = |ended: Result<Answered, DeployError>| match ended {
        Err(DeployError::Target { source, .. } | DeployError::Absent { source, .. }) => source.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(roll_back(&target, &back(None)).await), ErrorKind::NotFound);
    let only = run(&target, &app).await.expect("it works").release.version;
    for to in [None, Some(ReleaseId("nonsense".to_owned()))] {
        assert_eq!(kind(roll_back(&target, &back(to)).await), ErrorKind::NotFound);
    }
    assert_eq!(running(&target), Some(only));
}

fn resuming(release: Option<ReleaseId>) -> Resume {
    Resume { app: shop(), release, timeout: Duration::from_secs(60), check: None }
}

#[tokio::test(start_paused = true)]
async fn waiting_again_ends_as_a_deploy_does() {
    let (app, target) = (App::new("shop"), Memory::new());
    let [first, second] = two_releases(&app, &target).await;
    target.place().says = vec![Phase::Progressing, Phase::Progressing, READY];
    let answered = deploy::resume(&context().0, &target, &NoVisits, &resuming(None)).await.expect("it comes up");
    assert_eq!((answered.release.id, answered.ending), (id(&second), Ending::Ready(Proof::Version)));
    assert!(target.place().calls.iter().all(|call| *call == "status"), "it only looks");

    target.place().says = vec![Phase::Failed];
    let ended = deploy::resume(&context().0, &target, &NoVisits, &resuming(Some(id(&second)))).await;
    assert!(matches!(ended, Err(DeployError::ReleaseFailed(_))), "{ended:?}");
    let ended = deploy::resume(&context().0, &target, &NoVisits, &resuming(Some(id(&first)))).await;
    assert!(matches!(ended, Err(DeployError::Unexpected(_))), "{ended:?}");
}

#[tokio::test]
async fn nothing_is_waited_for_where_nothing_was_released() {
    let ended = deploy::resume(&context().0, &Memory::new(), &NoVisits, &resuming(None)).await;
    assert!(matches!(ended, Err(DeployError::Absent { .. })), "{ended:?}");
}

#[tokio::test]
async fn what_is_in_a_package_is_counted() {
    let app = App::new("shop");
    let planning = deploy::plan(&context().0, &Memory::new(), &NoDownloads, &request(&app)).await.expect("it works");
    assert!(planning.content.files > 0 && planning.content != Uploaded::default());
}
