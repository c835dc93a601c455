//! Looks at what is below HTTP, and at what must not be done.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::auth::{Credential, Login, Secret};
use crate::event::{Silent, Verdict};
use crate::http;
use crate::http::testing::{Server, answer, authority};
use crate::targets::hippo::Config;

async fn look(config: targets::Config) -> Vec<Finding> {
    look_until(config, CancellationToken::new()).await
}

async fn look_until(config: targets::Config, cancel: CancellationToken) -> Vec<Finding> {
    let cx = Context { reporter: Arc::new(Silent), cancel };
    let mut told = Vec::new();
    examine(&config).examine(&cx, &mut |finding| told.push(finding)).await;
    told
}

fn config(url: &str, http: http::Config) -> targets::Config {
    let password = Login { username: "dana".into(), password: Secret::new("canary") };
    let hippo = Config {
        url: Some(url.parse().unwrap()),
        credential: Some(Credential::Password(password)),
        channel: "spin-deploy".into(),
        ..Config::default()
    };
    targets::Config { hippo, http, ..Default::default() }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_ends_the_looks_at_its_server() {
    let (_, tls) = authority();
    let (other, _) = authority();
    let server = Server::tls(tls, answer("200 OK", &[], "{}")).await;
    let http = http::Config { ca_cert: Some(other.path().to_owned()), ..Default::default() };
    let told = look(config(server.url.as_str(), http)).await;
    let trusted = &told[3];
    assert_eq!(trusted.check.name, "Hippo's certificate is trusted");
    assert_eq!((trusted.check.verdict, trusted.kind), (Verdict::Failed, Some(ErrorKind::Unreachable)));
    assert!(trusted.check.detail.contains(", issued by CN=authority of"), "{told:?}");
    assert_eq!(trusted.check.hints, ["trust the authority that issued it: `--ca-cert FILE`"]);
    assert!(told[4..].iter().all(|finding| finding.check.verdict == Verdict::Skipped), "{told:?}");
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn whoever_trusts_everybody_is_warned() {
    let (_, tls) = authority();
    let server = Server::tls(tls, answer("200 OK", &[], "{}")).await;
    let told = look(config(server.url.as_str(), http::Config { insecure: true, ..Default::default() })).await;
    assert_eq!(
        (told[3].check.name.as_str(), told[3].check.verdict),
        ("Hippo's certificate is trusted", Verdict::Warned)
    );
    assert!(server.count() > 0, "the looks go on");
}

#[tokio::test]
async fn a_ca_file_that_will_not_do_is_a_setting() {
    let http = http::Config { ca_cert: Some("/nowhere/ca.pem".into()), ..Default::default() };
    let told = look(config("https://127.0.0.1:9", http)).await;
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].check.name.as_str(), told[0].kind), (SETTINGS, Some(ErrorKind::InvalidConfig)));
    assert!(told[0].check.detail.contains("/nowhere/ca.pem"), "{told:?}");
}

#[tokio::test]
async fn addresses_that_are_none_are_told_and_not_used() {
    for url in ["mailto:hippo@example.com", "ftp://127.0.0.1"] {
        let told = look(config(url, http::Config::default())).await;
        assert_eq!(told[0].kind, Some(ErrorKind::InvalidConfig), "{url}");
        assert!(told[1..].iter().all(|finding| finding.check.verdict == Verdict::Skipped), "{told:?}");
    }
}

#[tokio::test]
async fn a_password_is_not_sent_where_it_can_be_read() {
    // An address of this machine that is none by its text: what is sent there would go over a network elsewhere.
    let server = Server::at("0.0.0.0:0", answer("200 OK", &[], "{}")).await;
    let told = look(config(server.url.as_str(), http::Config::default())).await;
    assert_eq!(told[0].kind, Some(ErrorKind::InvalidConfig), "{told:?}");
    let knows = told.iter().find(|finding| finding.check.name == "Hippo knows us").unwrap();
    assert_eq!(knows.check.verdict, Verdict::Skipped);
    assert!(server.count() > 0 && server.seen().iter().all(|seen| seen.head.starts_with("GET /healthz ")));
}

#[tokio::test]
async fn a_stop_is_told() {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let told = look_until(config("http://127.0.0.1:9", http::Config::default()), cancel).await;
    assert_eq!(told.last().unwrap().kind, Some(ErrorKind::Cancelled));
}
