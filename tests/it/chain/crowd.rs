//! Many at once.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Case, Place, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_logins_at_once_lose_nothing() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    let port = case.hippo.origin().rsplit_once(':').map(|(_, port)| port.to_owned()).unwrap();
    let servers: BTreeSet<String> = (0..100).map(|number| format!("http://a{number}.localhost:{port}")).collect();
    let place = Place::Kept;
    let logins = servers.iter().map(|server| {
        let program = case.program(&["login", "--hippo-url", server]).without("BINDLE_SERVER_URL");
        let program = program.env("HIPPO_USERNAME", place.username()).env("HIPPO_PASSWORD", &place.password());
        program.run()
    });
    for output in futures_util::future::join_all(logins).await {
        output.expect(0);
    }
    let kept: Value = serde_json::from_slice(&std::fs::read(case.store()).unwrap()).unwrap();
    let names: BTreeSet<String> = kept["servers"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, servers);
    let tokens: BTreeSet<&str> =
        kept["servers"].as_object().unwrap().values().filter_map(|record| record["token"]["token"].as_str()).collect();
    assert_eq!(tokens.len(), servers.len(), "each has a token of its own");
    let left: BTreeSet<_> =
        std::fs::read_dir(case.store().parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock", "logins.json"].map(Into::into).into(), "no half of a file is left behind");
}
