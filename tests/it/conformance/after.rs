//! What must hold for every driver after the first day: logs, releases, going back, removing, getting packages back.

use spin_deploy::deploy::{self, Outcome};
use spin_deploy::target::{AppName, ErrorKind, LogQuery, Look, Phase, Scope, Target};

use super::Place;
use super::checks::{self, name};
use crate::pipeline::{NoDownloads, NoVisits, request};
use crate::support::app::App;
use crate::support::recorder::context;

/// The texts of what a reader hands out next.
async fn read(reader: &mut dyn spin_deploy::target::LogReader) -> Vec<String> {
    let batch = reader.read(&context().0).await.expect("reading works");
    batch.lines.into_iter().map(|line| line.text).collect()
}

pub async fn a_log_is_told_once_while_it_grows(place: &dyn Place) -> Option<()> {
    let app = App::new("shop");
    let target = place.target();
    let logs = target.logs()?;
    checks::deploy(target.as_ref(), place, &app).await;
    place.write_log(&name(&app), &["one", "two", "three"]).await;
    let mut reader = logs.open(&name(&app), LogQuery { count: Some(2), ..LogQuery::default() });
    assert_eq!(read(reader.as_mut()).await, ["two", "three"]);
    assert_eq!(read(reader.as_mut()).await, [""; 0]);
    for line in ["three", "four"] {
        place.write_log(&name(&app), &[line]).await;
        assert_eq!(read(reader.as_mut()).await, [line]);
    }
    let mut other = logs.open(&name(&app), LogQuery::default());
    assert_eq!(read(other.as_mut()).await, ["one", "two", "three", "three", "four"]);
    Some(())
}

pub async fn the_log_of_what_is_not_there_is_not_found(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let mut reader = target.logs()?.open(&name(&app), LogQuery::default());
    assert_eq!(reader.read(&cx).await.expect_err("nothing was deployed").kind, ErrorKind::NotFound);
    drop(reader);
    checks::deploy(target.as_ref(), place, &app).await;
    let mut reader = target.logs()?.open(&name(&app), LogQuery::default());
    read(reader.as_mut()).await;
    target.removal()?.destroy(&cx, &name(&app), Scope::App).await.expect("removing works");
    assert_eq!(reader.read(&cx).await.expect_err("it was removed").kind, ErrorKind::NotFound);
    Some(())
}

pub async fn a_full_look_names_the_release(place: &dyn Place) {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    for version in ["1.0.0", "1.1.0"] {
        app.version(version);
        let release = checks::deploy(target.as_ref(), place, &app).await;
        let status = place.target().status(&cx, &name(&app), Look::Full).await.expect("status works");
        let found = status.release.expect("it is live");
        assert_eq!((found.id, found.version, found.url), (release.id, release.version, release.url));
        assert_eq!(status.layer, None);
    }
}

pub async fn what_is_doomed_is_what_is_removed(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let removal = target.removal()?;
    assert_eq!(removal.doomed(&cx, &name(&app), Scope::App).await.expect("looking works"), []);
    checks::deploy(target.as_ref(), place, &app).await;
    let before = place.contents().await;
    let doomed = removal.doomed(&cx, &name(&app), Scope::App).await.expect("looking works");
    assert!(!doomed.is_empty());
    assert_eq!(place.contents().await, before);
    assert_eq!(removal.destroy(&cx, &name(&app), Scope::App).await.expect("removing works"), doomed);
    Some(())
}

pub async fn one_channel_goes_alone_where_there_are_channels(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let removal = target.removal()?;
    checks::deploy(target.as_ref(), place, &app).await;
    let running = place.running(&name(&app)).await;
    let removed = removal.destroy(&cx, &name(&app), Scope::Channel).await;
    if !removal.has_channels() {
        assert_eq!(removed.expect_err("there are no channels").kind, ErrorKind::Unsupported);
        assert_eq!(place.running(&name(&app)).await, running);
        return None;
    }
    assert_eq!(removed.expect("removing works").len(), 1);
    assert_eq!(place.running(&name(&app)).await, None);
    assert_eq!(removal.destroy(&cx, &name(&app), Scope::Channel).await.expect("that is no error"), []);
    // The application is there still, with its releases.
    let releases = target.history()?.releases(&cx, &name(&app)).await.expect("listing works");
    assert!(!releases.is_empty() && releases.iter().all(|release| !release.active), "{releases:?}");
    checks::deploy(place.target().as_ref(), place, &app).await;
    Some(())
}

pub async fn a_cancelled_removal_does_nothing(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let (removal, history) = (target.removal()?, target.history()?);
    let release = checks::deploy(target.as_ref(), place, &app).await;
    let before = place.contents().await;
    cx.cancel.cancel();
    let refused = removal.destroy(&cx, &name(&app), Scope::App).await.expect_err("it was cancelled");
    assert_eq!(refused.kind, ErrorKind::Cancelled);
    let refused = history.rollback(&cx, &name(&app), &release.id).await.expect_err("it was cancelled");
    assert_eq!(refused.kind, ErrorKind::Cancelled);
    assert_eq!(place.contents().await, before);
    Some(())
}

pub async fn nobody_goes_back_to_a_package_that_is_gone(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let history = target.history()?;
    let old = place.package(&app);
    let first = checks::deploy(target.as_ref(), place, &app).await;
    app.version("1.1.0");
    let second = checks::deploy(target.as_ref(), place, &app).await;
    place.lose(&old).await?;
    let gone = async || {
        let releases = place.target().history()?.releases(&cx, &name(&app)).await.expect("listing works");
        Some(releases.into_iter().map(|release| (release.id, release.gone)).collect::<Vec<_>>())
    };
    assert_eq!(gone().await?, [(second.id, false), (first.id.clone(), true)]);
    let before = place.contents().await;
    let refused = history.rollback(&cx, &name(&app), &first.id).await.expect_err("its package is gone");
    assert_eq!(refused.kind, ErrorKind::NotFound, "{refused:?}");
    assert_eq!(place.contents().await, before);
    assert_eq!(place.running(&name(&app)).await, Some(second.version));
    let into = tempfile::tempdir().expect("a directory can be made");
    let retrieved = target.retrieval()?.retrieve(&cx, &name(&app), &first.id, into.path()).await;
    assert_eq!(retrieved.expect_err("it is gone").kind, ErrorKind::NotFound);
    Some(())
}

pub async fn a_package_that_was_got_back_goes_elsewhere_as_it_is(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let retrieval = target.retrieval()?;
    let package = place.package(&app);
    let release = checks::deploy(target.as_ref(), place, &app).await;
    let into = tempfile::tempdir().expect("a directory can be made");
    let before = place.contents().await;
    let again = retrieval.retrieve(&cx, &name(&app), &release.id, into.path()).await.expect("it is there");
    assert_eq!(place.contents().await, before);
    assert_eq!((&again.id, again.derived, &again.routes), (&package.id, package.derived, &package.routes));

    let other = super::places::open(target.info().driver).await;
    let there = other.target();
    let plan = there.plan(&cx, &name(&app), &again).await.expect("planning works");
    let lacks = there.missing(&cx, &again, &plan).await.expect("looking works");
    assert_eq!(lacks.upload.files as usize, package.blobs.len());
    let artifact = there.publish(&cx, &again).await.expect("publishing works");
    assert_eq!((artifact.uploaded.files as usize, artifact.uploaded.bytes), (package.blobs.len(), package.size()));
    let moved = there.release(&cx, &name(&app), &artifact).await.expect("releasing works");
    assert_eq!(moved.version, release.version);
    super::checks::settle(there.as_ref(), &app, &moved).await;
    assert_eq!(other.running(&name(&app)).await, Some(release.version));
    // What the sources make is what is there: nothing is sent a second time.
    let artifact = other.target().publish(&cx, &package).await.expect("publishing works");
    assert_eq!(artifact.uploaded.files, 0);
    Some(())
}

pub async fn a_registry_says_what_it_lacks(place: &dyn Place) {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    let package = place.package(&app);
    let lacks = async |target: &dyn Target| {
        let plan = target.plan(&cx, &name(&app), &package).await.expect("planning works");
        let before = place.contents().await;
        let missing = target.missing(&cx, &package, &plan).await.expect("looking works");
        assert_eq!(place.contents().await, before);
        missing
    };
    let all = lacks(target.as_ref()).await;
    assert_eq!((all.upload.files as usize, all.upload.bytes), (package.blobs.len(), package.size()));
    checks::deploy(target.as_ref(), place, &app).await;
    let none = lacks(place.target().as_ref()).await;
    assert!(!none.certain || none.upload.files == 0, "{none:?}");
}

pub async fn an_application_that_was_removed_can_be_told_from_one_that_fails(place: &dyn Place) -> Option<()> {
    let (app, (cx, _)) = (App::new("shop"), context());
    let target = place.target();
    checks::deploy(target.as_ref(), place, &app).await;
    target.removal()?.destroy(&cx, &name(&app), Scope::App).await.expect("removing works");
    let status = place.target().status(&cx, &name(&app), Look::Full).await.expect("status works");
    assert_eq!((status.phase, status.release), (Phase::Absent, None));
    let refused = target.history()?.releases(&cx, &AppName("shop".to_owned())).await.expect_err("it is gone");
    assert_eq!(refused.kind, ErrorKind::NotFound);
    Some(())
}

/// Plans and deploys, each as a process of its own: what was told beforehand is what is told afterwards.
async fn foresee_and_deploy(place: &dyn Place, app: &App) -> Outcome {
    let before = place.contents().await;
    let planning = deploy::plan(&context().0, place.target().as_ref(), &NoDownloads, &request(app)).await;
    let planning = planning.expect("planning works");
    assert_eq!(place.contents().await, before, "a plan only reads");
    let running = place.running(&name(app)).await;
    assert_eq!(planning.plan.current.map(|live| live.version), running);

    let outcome = deploy::run(&context().0, place.target().as_ref(), &NoDownloads, &NoVisits, &request(app)).await;
    let outcome = outcome.expect("deploying works");
    assert_eq!(outcome.changes, planning.plan.changes);
    let (sent, told) = (outcome.uploaded, planning.missing);
    assert!(sent == told.upload || !told.certain, "{sent:?} was sent, {told:?} was told");
    outcome
}

pub async fn what_is_foreseen_is_what_a_deployment_says_that_it_did(place: &dyn Place) {
    let app = App::new("shop");
    let variable = |value: &str| {
        app.version("1.1.0");
        let manifest = std::fs::read_to_string(app.path().join("spin.toml")).expect("it was just written");
        app.write("spin.toml", manifest + &format!("environment = {{ GREETING = \"{value}\" }}\n"));
    };
    let changed = async || foresee_and_deploy(place, &app).await.ending != deploy::Ending::Unchanged;
    assert!(changed().await, "a first release");
    assert!(!changed().await, "nothing changed");
    app.version("1.1.0");
    assert!(changed().await, "a second version");
    variable("hello");
    assert!(changed().await, "a variable");
    variable("good day");
    assert!(changed().await, "another value");
    assert!(!changed().await, "nothing changed");
    app.version("1.0.0");
    assert!(changed().await, "a version that was there before");
}

pub async fn what_is_foreseen_for_a_channel_that_was_removed_is_what_is_done(place: &dyn Place) -> Option<()> {
    let app = App::new("shop");
    let target = place.target();
    let removal = target.removal().filter(|removal| removal.has_channels())?;
    checks::deploy(target.as_ref(), place, &app).await;
    removal.destroy(&context().0, &name(&app), Scope::Channel).await.expect("removing works");
    foresee_and_deploy(place, &app).await;
    Some(())
}
