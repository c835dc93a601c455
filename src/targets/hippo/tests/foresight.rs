//! What is foreseen is what a release says that it did, whatever Hippo looks like; and foreseeing only reads.

use serde_json::json;

use super::{Bench, NEW, OLD, Store, app, deployed_before, lines, package};
use crate::target::{ErrorKind, Target};

/// Makes what there is.
type Prepare = fn(&mut Store);

/// Foresees, then deploys as the pipeline does; returns what was foreseen and what was said meanwhile.
async fn foresee_and_deploy(bench: &Bench) -> (Vec<String>, Vec<String>) {
    bench.hippo.take_log();
    let foreseen = bench.target.foresee(&bench.cx, &app(), &package()).await.unwrap();
    let (log, said) = (bench.hippo.take_log(), bench.messages());
    let only_reads = |request: &String| request.starts_with("GET ") || request == "POST api/auth-tokens";
    assert!(log.iter().all(only_reads), "{log:?}");
    bench.plan().await.unwrap();
    let release = bench.release().await.unwrap();
    assert_eq!(release.changes, foreseen.changes);
    (lines(&foreseen.changes), said)
}

#[tokio::test]
async fn whatever_hippo_looks_like() {
    fn registered(store: &mut Store) {
        deployed_before(store);
        store.add_revision("r2", "a1", NEW);
    }
    fn without_channel(store: &mut Store) {
        store.add_app("a1", "web", "web");
        store.add_revision("r2", "a1", NEW);
    }
    fn on_a_rule(store: &mut Store) {
        registered(store);
        store.channels[0]["revisionSelectionStrategy"] = json!("UseRangeRule");
    }
    fn another_apps_revision(store: &mut Store) {
        store.add_app("a1", "web", "web");
        store.add_app("a2", "shop", "shop");
        store.add_revision("r1", "a2", OLD);
        store.add_channel("c1", "a1", "spin-deploy", Some("r1"), json!("UseSpecifiedRevision"));
    }
    let (keep, create) = ("keep revision 1.0.0+snew", "create revision 1.0.0+snew");
    let update = "update channel spin-deploy (1.0.0+sold -> 1.0.0+snew)";
    // (what there is, what becomes of the revision, what becomes of the channel)
    let table: [(Prepare, &str, &str); 6] = [
        (|_| {}, create, "create channel spin-deploy"),
        (deployed_before, create, update),
        (registered, keep, update),
        (without_channel, keep, "create channel spin-deploy"),
        (on_a_rule, keep, update),
        (another_apps_revision, create, update),
    ];
    for (prepare, revision, channel) in table {
        let bench = Bench::start().await;
        prepare(&mut bench.store());
        let (foreseen, _) = foresee_and_deploy(&bench).await;
        assert_eq!(foreseen[1..], [revision, channel]);
    }
}

#[tokio::test]
async fn a_wished_domain_is_part_of_it() {
    let bench = Bench::with(|config| config.domain = Some("shop.example.com".into())).await;
    deployed_before(&mut bench.store());
    bench.store().channels[0]["revisionSelectionStrategy"] = json!("UseRangeRule");
    let (foreseen, _) = foresee_and_deploy(&bench).await;
    assert_eq!(
        foreseen[2],
        "update channel spin-deploy (1.0.0+sold -> 1.0.0+snew; domain spin-deploy.example.com -> shop.example.com)"
    );
}

#[tokio::test]
async fn a_domain_that_another_channel_has_is_refused_by_the_plan_already() {
    let bench = Bench::with(|config| config.domain = Some("shop.example.com".into())).await;
    deployed_before(&mut bench.store());
    bench.store().add_app("a2", "shop", "shop");
    bench.store().add_channel("c2", "a2", "other", None, json!("UseSpecifiedRevision"));
    bench.store().channels[1]["domain"] = json!("shop.example.com");
    let refused = bench.target.foresee(&bench.cx, &app(), &package()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn that_a_channel_follows_a_rule_is_told_before_it_is_taken_over() {
    let bench = Bench::start().await;
    deployed_before(&mut bench.store());
    bench.store().channels[0]["revisionSelectionStrategy"] = json!("UseRangeRule");
    let (_, said) = foresee_and_deploy(&bench).await;
    assert_eq!(
        said,
        ["channel spin-deploy follows a range rule and would stay with the revision that is deployed to it"]
    );
}

#[tokio::test]
async fn where_it_answers_is_foreseen_too() {
    let bench = Bench::start().await;
    deployed_before(&mut bench.store());
    let foreseen = bench.target.foresee(&bench.cx, &app(), &package()).await.unwrap();
    let current = foreseen.current.unwrap();
    assert_eq!(current.version, OLD);
    assert_eq!(current.url, Some(bench.hippo.app_url().replace("{domain}", "spin-deploy.example.com")));
}
