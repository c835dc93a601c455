//! Reports of health and clocks as no fake Hippo has them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::event::{Silent, Verdict};
use crate::http::testing::{Act, Server, answer, client};
use crate::target::Finding;

/// What is told of a server that answers so.
async fn health(act: Act) -> Vec<Finding> {
    let server = Server::new([act]).await;
    let hippo = Hippo::new(client(), server.url.clone(), None).single(Some(PATIENCE));
    let cx = Context { reporter: Arc::new(Silent), cancel: CancellationToken::new() };
    let mut told = Vec::new();
    look_at_health(&cx, &hippo, &mut Notes::new(&mut |finding| told.push(finding))).await;
    assert_eq!(server.count(), 1, "nothing is asked twice");
    told
}

fn report(nomad: &str) -> String {
    format!(
        r#"{{"ServiceName":"Hippo","Status":"{nomad}","Subservices":[
            {{"ServiceName":"ApplicationDbContext","Status":"Healthy"}},{{"ServiceName":"Nomad","Status":"{nomad}"}}]}}"#
    )
}

fn verdicts(told: &[Finding]) -> Vec<(&str, Verdict)> {
    told.iter().map(|finding| (finding.check.name.as_str(), finding.check.verdict)).collect()
}

#[tokio::test]
async fn each_part_has_its_own_verdict_whatever_the_status() {
    for (status, nomad, verdict) in [
        ("200 OK", "Healthy", Verdict::Passed),
        ("200 OK", "Degraded", Verdict::Warned),
        ("503 Service Unavailable", "Unhealthy", Verdict::Failed),
    ] {
        let told = health(answer(status, &[], report(nomad))).await;
        // The report tells nothing of Bindle.
        let expected = [
            (ANSWERS, Verdict::Passed),
            (PARTS[0], Verdict::Passed),
            (PARTS[2], verdict),
            (PARTS[1], Verdict::Skipped),
            (CLOCK, Verdict::Skipped),
        ];
        assert_eq!(verdicts(&told), expected, "{nomad}");
    }
}

#[tokio::test]
async fn what_hippo_says_of_itself_counts_where_no_part_explains_it() {
    let unwell = r#"{"ServiceName":"Hippo","Status":"Unhealthy","Subservices":[]}"#;
    let told = health(answer("503 Service Unavailable", &[], unwell)).await;
    let failed: Vec<_> = told.iter().filter(|finding| finding.check.verdict == Verdict::Failed).collect();
    assert_eq!(failed.len(), 1, "{told:?}");
    assert_eq!(
        (failed[0].check.name.as_str(), failed[0].check.detail.as_str()),
        ("Hippo is well", "Hippo says: Unhealthy")
    );
    assert_eq!(failed[0].kind, Some(ErrorKind::Unreachable));
}

#[tokio::test]
async fn what_is_no_report_is_told_and_nothing_is_made_of_it() {
    for (status, body, words) in [
        ("200 OK", "Healthy", "before v0.18"),
        ("503 Service Unavailable", "Unhealthy", "before v0.18"),
        ("200 OK", "<html><title>Welcome</title>", "no report of Hippo's health"),
        ("200 OK", "{}", "no report of Hippo's health"),
        ("404 Not Found", "", "it answered 404"),
        ("502 Bad Gateway", "", "it answered 502"),
    ] {
        let told = health(answer(status, &[], body)).await;
        assert_eq!(told[0].kind, Some(ErrorKind::Unreachable), "{told:?}");
        assert!(told[0].check.detail.contains(words), "{told:?}");
        assert!(told[1..].iter().all(|finding| finding.check.verdict == Verdict::Skipped), "{told:?}");
        assert_eq!(told.len(), 5);
    }
}

#[tokio::test]
async fn clocks_are_compared() {
    let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    for (date, verdict, detail) in [
        ("Thu, 01 Jan 2026 12:00:30 GMT", Verdict::Passed, ""),
        ("Thu, 01 Jan 2026 12:00:31 GMT", Verdict::Warned, "it is 31 s ahead of the clock here"),
        ("Thu, 01 Jan 2026 11:55:00 GMT", Verdict::Warned, "it is 300 s behind the clock here"),
        ("Thu, 01 Jan 2026 11:54:59 GMT", Verdict::Warned, "it is 301 s behind the clock here"),
        ("today", Verdict::Skipped, "it does not say what time it is"),
    ] {
        let server = Server::new([answer("200 OK", &[("Date", date)], "")]).await;
        let request = crate::http::Request::new(reqwest::Method::GET, server.url.clone());
        let answer = client().send(request, &crate::http::testing::unheard).await.unwrap();
        let mut told = Vec::new();
        note_clock(&answer, now, &mut Notes::new(&mut |finding| told.push(finding)));
        assert_eq!((told[0].check.verdict, told[0].check.detail.as_str()), (verdict, detail), "{date}");
    }
}
