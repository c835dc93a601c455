//! What must hold for every driver. Each check gets a fresh, empty place.

use spin_deploy::package::Blob;
use spin_deploy::target::{
    Action, AppName, Change, ErrorKind, LogQuery, Look, Phase, Plan, Proof, Release, ReleaseId, Released, Scope, Target,
};

use super::Place;
use crate::support::app::App;
use crate::support::recorder::context;

pub fn name(app: &App) -> AppName {
    AppName(app.name().to_owned())
}

/// Publishes and releases with one handle.
pub async fn deploy(target: &dyn Target, place: &dyn Place, app: &App) -> Release {
    let (cx, _) = context();
    let artifact = target.publish(&cx, &place.package(app)).await.expect("publishing works");
    let release = target.release(&cx, &name(app), &artifact).await.expect("releasing works");
    settle(target, app, &release).await;
    release
}

/// Looks until the release answers.
pub async fn settle(target: &dyn Target, app: &App, release: &Release) {
    let (cx, _) = context();
    for _ in 0..200 {
        let status = target.status(&cx, &name(app), Look::Quick(release)).await.expect("status works");
        if matches!(status.phase, Phase::Ready(_)) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} did not come up", release.version);
}

async fn plan(target: &dyn Target, place: &dyn Place, app: &App) -> Plan {
    let (cx, _) = context();
    target.plan(&cx, &name(app), &place.package(app)).await.expect("planning works")
}

/// What really changes, without the reasons.
fn effects(changes: &[Change]) -> Vec<(Action, String)> {
    let real = changes.iter().filter(|change| change.action != Action::Keep);
    real.map(|change| (change.action, change.subject.clone())).collect()
}

pub async fn info_and_capabilities_are_plain_data(place: &dyn Place) {
    let target = place.target();
    assert!(!target.info().name.is_empty() && !target.info().endpoint.is_empty());
    assert!(!target.info().endpoint.contains('@'), "an endpoint shows no credentials");
    assert!(target.capabilities().max_version_length >= 32, "a version with its tag must fit");
    assert!(!format!("{target:?}").contains("secret-password"), "Debug shows no secret");
}

pub async fn check_says_that_the_place_is_there(place: &dyn Place) {
    let (cx, _) = context();
    place.target().check(&cx).await.expect("the place is there");
}

pub async fn planning_changes_nothing(place: &dyn Place) {
    let app = App::new("shop");
    let before = place.contents().await;
    plan(place.target().as_ref(), place, &app).await;
    assert_eq!(place.contents().await, before);

    deploy(place.target().as_ref(), place, &app).await;
    let before = place.contents().await;
    app.write("static/index.html", "second");
    plan(place.target().as_ref(), place, &app).await;
    assert_eq!(place.contents().await, before);
}

pub async fn an_empty_place_has_only_things_to_create(place: &dyn Place) {
    let plan = plan(place.target().as_ref(), place, &App::new("shop")).await;
    assert!(!plan.changes.is_empty());
    assert!(plan.changes.iter().all(|change| change.action == Action::Create), "{plan:?}");
    assert_eq!(plan.current, None);
    assert!(!plan.is_unchanged());
}

pub async fn publishing_releases_nothing(place: &dyn Place) {
    let (app, (cx, _)) = (App::new("shop"), context());
    deploy(place.target().as_ref(), place, &app).await;
    let before = place.running(&name(&app)).await;
    app.write("static/index.html", "second");
    place.target().publish(&cx, &place.package(&app)).await.expect("publishing works");
    assert_eq!(place.running(&name(&app)).await, before);
}

pub async fn publishing_again_sends_nothing(place: &dyn Place) {
    let (app, (cx, _)) = (App::new("shop"), context());
    let package = place.package(&app);
    let first = place.target().publish(&cx, &package).await.expect("publishing works");
    assert_eq!(first.uploaded.files as usize, package.blobs.len());
    assert_eq!(first.uploaded.bytes, package.size());
    let second = place.target().publish(&cx, &package).await.expect("publishing works again");
    assert_eq!((second.uploaded.files, second.uploaded.bytes), (0, 0));
    assert_eq!(second.reference, first.reference);
}

pub async fn a_release_runs_and_answers(place: &dyn Place) {
    let (app, (cx, _)) = (App::new("shop"), context());
    let version = place.package(&app).id.version.to_string();
    let target = place.target();
    let release = deploy(target.as_ref(), place, &app).await;
    assert_eq!(release.version, version);
    assert_eq!(place.running(&name(&app)).await, Some(version.clone()));

    for look in [Look::Quick(&release), Look::Full] {
        let status = place.target().status(&cx, &name(&app), look).await.expect("status works");
        assert_eq!(status.phase, Phase::Ready(Proof::Version), "{status:?}");
        assert_eq!(status.version.as_ref(), Some(&version));
    }
}

pub async fn what_was_planned_is_what_is_applied(place: &dyn Place) {
    let app = App::new("shop");
    for content in ["first", "second"] {
        app.write("static/index.html", content);
        let planned = plan(place.target().as_ref(), place, &app).await;
        let release = deploy(place.target().as_ref(), place, &app).await;
        assert_eq!(effects(&release.changes), effects(&planned.changes));
    }
}

pub async fn a_second_deploy_plans_only_keep(place: &dyn Place) {
    let app = App::new("shop");
    let release = deploy(place.target().as_ref(), place, &app).await;
    let plan = plan(place.target().as_ref(), place, &app).await;
    assert!(plan.is_unchanged(), "{plan:?}");
    let current = plan.current.expect("it is live");
    assert_eq!((current.version, current.url), (release.version, release.url));
}

pub async fn releasing_again_changes_nothing_that_runs(place: &dyn Place) {
    let app = App::new("shop");
    let first = deploy(place.target().as_ref(), place, &app).await;
    let second = deploy(place.target().as_ref(), place, &app).await;
    assert_eq!((second.id, second.version, second.url), (first.id, first.version.clone(), first.url));
    assert_eq!(place.running(&name(&app)).await, Some(first.version));
}

pub async fn a_new_version_takes_over(place: &dyn Place) {
    let app = App::new("shop");
    let first = deploy(place.target().as_ref(), place, &app).await;
    app.version("1.1.0");
    let planned = plan(place.target().as_ref(), place, &app).await;
    assert_eq!(planned.current.map(|release| release.version), Some(first.version.clone()));
    let second = deploy(place.target().as_ref(), place, &app).await;
    assert_ne!(second.version, first.version);
    assert_eq!(place.running(&name(&app)).await, Some(second.version));
}

pub async fn an_older_version_can_be_released_again(place: &dyn Place) {
    let app = App::new("shop");
    let first = deploy(place.target().as_ref(), place, &app).await;
    app.write("static/index.html", "second");
    deploy(place.target().as_ref(), place, &app).await;
    app.write("static/index.html", "first");
    let again = deploy(place.target().as_ref(), place, &app).await;
    assert_eq!(again.version, first.version);
    assert_eq!(place.running(&name(&app)).await, Some(first.version));
}

pub async fn only_changed_files_are_sent(place: &dyn Place) {
    let (app, (cx, _)) = (App::new("shop"), context());
    app.write("static/logo.svg", "<svg/>");
    let (target, first) = (place.target(), place.package(&app));
    target.publish(&cx, &first).await.expect("publishing works");
    app.write("static/index.html", "second");
    let second = place.package(&app);
    let is_new = |blob: &&Blob| first.blobs.iter().all(|other| other.sha256 != blob.sha256);
    let new: Vec<_> = second.blobs.iter().filter(is_new).collect();
    let artifact = target.publish(&cx, &second).await.expect("publishing works");
    assert!(new.iter().any(|blob| blob.size == "second".len() as u64) && new.len() < second.blobs.len());
    let bytes: u64 = new.iter().map(|blob| blob.size).sum();
    assert_eq!((artifact.uploaded.files, artifact.uploaded.bytes), (new.len() as u64, bytes));
}

pub async fn applications_do_not_touch_each_other(place: &dyn Place) {
    // One name is part of the other: a search by substring finds both.
    let (shop, workshop) = (App::new("shop"), App::new("workshop"));
    let first = deploy(place.target().as_ref(), place, &workshop).await;
    let second = deploy(place.target().as_ref(), place, &shop).await;
    assert_eq!(place.running(&name(&workshop)).await, Some(first.version));
    assert_eq!(place.running(&name(&shop)).await, Some(second.version));
}

pub async fn an_unknown_application_is_absent(place: &dyn Place) {
    let (cx, _) = context();
    let status = place.target().status(&cx, &AppName("nobody".to_owned()), Look::Full).await;
    assert_eq!(status.expect("that is no error").phase, Phase::Absent);
}

pub async fn a_cancelled_run_does_nothing(place: &dyn Place) {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let artifact = target.publish(&cx, &place.package(&app)).await.expect("publishing works");
    let before = place.contents().await;
    cx.cancel.cancel();
    let refused = target.release(&cx, &name(&app), &artifact).await.expect_err("it was cancelled");
    assert_eq!(refused.kind, ErrorKind::Cancelled);
    assert_eq!(place.contents().await, before);
}

/// Deploys these contents one after the other.
async fn deploy_each(place: &dyn Place, app: &App, contents: &[&str]) -> Vec<Release> {
    let mut releases = Vec::new();
    for content in contents {
        app.write("static/index.html", content);
        releases.push(deploy(place.target().as_ref(), place, app).await);
    }
    releases
}

/// What a place with a history remembers.
async fn releases(place: &dyn Place, app: &App) -> Vec<Released> {
    let (target, (cx, _)) = (place.target(), context());
    target.history().expect("it has one").releases(&cx, &name(app)).await.expect("reading works")
}

/// Goes back with a handle of its own, and waits until the release answers.
async fn roll_back(place: &dyn Place, app: &App, to: &ReleaseId) -> Release {
    let (target, (cx, _)) = (place.target(), context());
    let release = target.history().expect("it has one").rollback(&cx, &name(app), to).await.expect("going back works");
    settle(target.as_ref(), app, &release).await;
    release
}

pub async fn releases_are_remembered_newest_first(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let history = target.history()?;
    let nobody = history.releases(&cx, &name(&app)).await.expect_err("nothing was deployed");
    assert_eq!(nobody.kind, ErrorKind::NotFound);

    let made = deploy_each(place, &app, &["first", "second", "third"]).await;
    let remembered = releases(place, &app).await;
    let seen: Vec<_> = remembered.iter().map(|release| (&release.id, &release.version, release.active)).collect();
    let newest_first = made.iter().rev().enumerate();
    let expected: Vec<_> = newest_first.map(|(at, release)| (&release.id, &release.version, at == 0)).collect();
    assert_eq!(seen, expected);
    Some(())
}

pub async fn rollback_makes_an_earlier_release_run(place: &dyn Place) -> Option<()> {
    let app = App::new("shop");
    place.target().history()?;
    let made = deploy_each(place, &app, &["first", "second"]).await;
    let back = roll_back(place, &app, &made[0].id).await;
    assert_eq!((&back.id, &back.version, &back.url), (&made[0].id, &made[0].version, &made[0].url));
    assert!(back.changes.iter().any(|change| change.action != Action::Keep), "{:?}", back.changes);
    assert_eq!(place.running(&name(&app)).await.as_ref(), Some(&made[0].version));
    let active: Vec<_> = releases(place, &app).await.into_iter().filter(|release| release.active).collect();
    assert_eq!(active.iter().map(|release| &release.id).collect::<Vec<_>>(), [&made[0].id]);

    // And forth again.
    roll_back(place, &app, &made[1].id).await;
    assert_eq!(place.running(&name(&app)).await.as_ref(), Some(&made[1].version));
    Some(())
}

pub async fn rolling_back_again_changes_nothing(place: &dyn Place) -> Option<()> {
    let app = App::new("shop");
    place.target().history()?;
    let made = deploy_each(place, &app, &["first", "second"]).await;
    roll_back(place, &app, &made[0].id).await;
    let before = (place.contents().await, releases(place, &app).await);
    let again = roll_back(place, &app, &made[0].id).await;
    assert_eq!(effects(&again.changes), []);
    assert_eq!((place.contents().await, releases(place, &app).await), before);
    assert_eq!(place.running(&name(&app)).await.as_ref(), Some(&made[0].version));
    Some(())
}

pub async fn an_unknown_release_is_not_found(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let history = target.history()?;
    let unknown = ReleaseId("4711".to_owned());
    let refused = history.rollback(&cx, &name(&app), &unknown).await.expect_err("there is no such application");
    assert_eq!(refused.kind, ErrorKind::NotFound);
    let release = deploy(target.as_ref(), place, &app).await;
    let before = place.contents().await;
    let refused = history.rollback(&cx, &name(&app), &unknown).await.expect_err("there is no such release");
    assert_eq!(refused.kind, ErrorKind::NotFound);
    assert_eq!(place.contents().await, before);
    assert_eq!(place.running(&name(&app)).await, Some(release.version));
    Some(())
}

pub async fn destroy_removes_the_application(place: &dyn Place) -> Option<()> {
    let (shop, workshop, (cx, _)) = (App::new("shop"), App::new("workshop"), context());
    let target = place.target();
    let removal = target.removal()?;
    let other = deploy(target.as_ref(), place, &workshop).await;
    deploy(target.as_ref(), place, &shop).await;
    let removed = removal.destroy(&cx, &name(&shop), Scope::App).await.expect("removing works");
    assert!(!removed.is_empty() && removed.iter().all(|change| change.action == Action::Remove), "{removed:?}");
    assert_eq!(place.running(&name(&shop)).await, None);
    let status = place.target().status(&cx, &name(&shop), Look::Full).await.expect("status works");
    assert_eq!(status.phase, Phase::Absent);
    assert_eq!(place.running(&name(&workshop)).await, Some(other.version));
    // It can come back.
    deploy(place.target().as_ref(), place, &shop).await;
    Some(())
}

pub async fn destroying_again_is_no_error(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let removal = target.removal()?;
    deploy(target.as_ref(), place, &app).await;
    removal.destroy(&cx, &name(&app), Scope::App).await.expect("removing works");
    for _ in 0..2 {
        assert_eq!(removal.destroy(&cx, &name(&app), Scope::App).await.expect("that is no error"), []);
    }
    Some(())
}

pub async fn logs_are_readable(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let logs = target.logs()?;
    deploy(target.as_ref(), place, &app).await;
    let query = LogQuery { count: Some(3), ..LogQuery::default() };
    let batch = logs.open(&name(&app), query).read(&cx).await.expect("reading works");
    assert!(batch.lines.len() <= 3, "{batch:?}");
    Some(())
}
