//! Plays conversations that were recorded with a real Hippo v0.20.2 against the fake one.
//!
//! `cargo test transcripts -- --nocapture` says how much was compared.

mod matching;
mod recording;
mod replay;

use std::path::Path;

use serde_json::json;

use self::{
    recording::{Exchange, Recording, Step},
    replay::Compared,
};

/// Measurements and not conversations: they are not replayed.
const MEASUREMENTS: [&str; 2] = ["more-than-fifty", "races"];

/// What the files hold, counted by other means than this program's.
const RECORDED: (usize, Compared) = (31, Compared { requests: 421, asks: 462, jobs: 68 });

fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hippo-transcripts");
    let all = recording::read_all(&folder);
    all.into_iter().filter(|recording| !MEASUREMENTS.contains(&recording.scenario.as_str())).collect()
}

#[tokio::test]
async fn transcripts() {
    let recordings = recordings();
    let mut compared = Compared::default();
    let mut failures = Vec::new();
    for recording in &recordings {
        match replay::play(recording, 1).await {
            Ok(more) => {
                println!("{:40} {more}", recording.scenario);
                compared += more;
            }
            Err(failure) => failures.push(failure),
        }
    }
    println!("compared {} transcripts: {compared}", recordings.len());
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), recordings.len(), failures.join("\n"));
    assert_eq!((recordings.len(), compared), RECORDED);
}

/// What Hippo leaves to chance (its ids, and all that is ordered by them) must not decide whether a replay succeeds.
#[tokio::test]
async fn transcripts_hold_whatever_the_ids_are() {
    let random = ["deleting", "paging", "range-rule-follows-registration", "range-rule-ignores-build-metadata"];
    for recording in recordings().iter().filter(|recording| random.contains(&recording.scenario.as_str())) {
        for seed in 2..12 {
            replay::play(recording, seed).await.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        }
    }
}

/// A replay that cannot fail proves nothing: one changed fact anywhere must be noticed, and named.
#[tokio::test]
async fn transcripts_that_are_changed_are_noticed() {
    type Change = fn(&mut Exchange);
    let changes: [(&str, Change); 9] = [
        ("status", |exchange| exchange.response["status"] = json!(201)),
        ("header", |exchange| exchange.response["headers"]["api-supported-versions"] = json!("0.2")),
        ("extra header", |exchange| exchange.response["headers"]["location"] = json!("")),
        ("body", |exchange| exchange.response["body"] = json!("{{time}}")),
        ("ask missing", |exchange| drop(exchange.asks.pop())),
        ("ask added", |exchange| exchange.asks.push(json!({ "service": "nomad", "method": "GET" }))),
        ("ask's path", |exchange| exchange.asks[0]["path"] = json!("/v1/job/{{app}}")),
        ("job", |exchange| exchange.asks[0]["body"]["Job"]["TaskGroups"][0]["Tasks"][0]["Driver"] = json!("exec")),
        ("job's member", |exchange| exchange.asks[0]["body"]["Job"]["Priority"] = json!(50)),
    ];
    let recordings = recordings();
    let original = recordings.iter().find(|recording| recording.scenario == "first-deploy").expect("it is recorded");
    for (what, change) in changes {
        let mut recording = original.clone();
        let posts_channel = |step: &&mut Step| matches!(step, Step::Exchange(it) if it.path == "/api/channels");
        let Some(Step::Exchange(exchange)) = recording.steps.iter_mut().find(posts_channel) else {
            panic!("the recording posts a channel");
        };
        change(exchange);
        let failure = replay::play(&recording, 1).await.expect_err(what);
        assert!(failure.starts_with("first-deploy, step 4, POST /api/channels\n(- recorded, + got)\n"), "{failure}");
    }
}
