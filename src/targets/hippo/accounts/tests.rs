//! What no fake Hippo does: addresses that will not do, servers that fail.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::event::Silent;
use crate::http::testing::{Act, Server, answer};
use crate::targets::hippo::Config;

fn cx() -> Context {
    Context { reporter: Arc::new(Silent), cancel: CancellationToken::new() }
}

fn config(url: Option<&str>) -> targets::Config {
    let hippo = Config { url: url.map(|url| url.parse().unwrap()), ..Config::default() };
    targets::Config { hippo, ..Default::default() }
}

fn dana() -> Login {
    Login { username: "dana".into(), password: Secret::new("canary") }
}

async fn at(act: Act) -> (Server, Box<dyn Accounts>) {
    let server = Server::new([act]).await;
    let accounts = accounts(&config(Some(server.url.as_str()))).unwrap();
    (server, accounts)
}

#[test]
fn hippos_address_is_all_that_is_needed_and_has_to_be_a_safe_one() {
    assert_eq!(accounts(&config(Some("https://hippo.example"))).unwrap().registry(), None);
    for (url, words) in [
        (None, "no address of Hippo"),
        (Some("ftp://hippo.example"), "does not begin with http"),
        (Some("http://hippo.example"), "over plain http"),
    ] {
        let error = accounts(&config(url)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidConfig);
        assert!(format!("{:#}", error.source.unwrap()).contains(words), "{url:?}");
    }
    let mut allowed = config(Some("http://hippo.example"));
    allowed.http.allow_insecure_credentials = true;
    assert_eq!(accounts(&allowed).unwrap().server().as_str(), "http://hippo.example/");
}

#[tokio::test]
async fn a_login_that_breaks_hippo_is_explained_and_sent_once() {
    let (server, accounts) = at(answer("500 Internal Server Error", &[], "{\"title\":\"An error occurred\"}")).await;
    let error = accounts.log_in(&cx(), &dana()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted);
    assert!(error.hints.iter().any(|hint| hint.contains("Jwt:Key")), "{:?}", error.hints);
    assert!(!format!("{error:?}").contains("canary"));
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].header("authorization")), (1, None));
    assert_eq!(seen[0].body, br#"{"userName":"dana","password":"canary"}"#);
}

#[tokio::test]
async fn an_older_hippo_is_named_by_each_call() {
    let (_server, accounts) = at(answer("404 Not Found", &[], "")).await;
    let credential = Credential::Token(Secret::new("canary"));
    for error in [
        accounts.log_in(&cx(), &dana()).await.unwrap_err(),
        accounts.register(&cx(), &dana(), None).await.unwrap_err(),
        accounts.check(&cx(), &credential).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(error.hints.iter().any(|hint| hint.contains("older than v0.19")), "{:?}", error.hints);
    }
}

#[tokio::test]
async fn an_account_is_asked_for_in_json_alone() {
    let (server, accounts) = at(answer("200 OK", &[], "\"1\"")).await;
    let admin = Credential::Token(Secret::new("t"));
    accounts.register(&cx(), &dana(), Some(&admin)).await.unwrap();
    let seen = &server.seen()[0];
    assert!(seen.head.starts_with("POST /api/accounts "), "{}", seen.head);
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("authorization"), Some("Bearer t"));
}

#[test]
fn a_token_that_looks_old_is_used_until_it_is_refused() {
    let info = |expiration: &str| TokenInfo { token: "t".into(), expiration: Some(expiration.into()) };
    let now = "2026-01-01T12:00:00Z".parse().unwrap();
    let expires = |expiration: &str| token(info(expiration), &dana(), now).expires;
    assert_eq!(expires("2026-01-01T12:30:00Z"), Some("2026-01-01T12:30:00Z".parse().unwrap()));
    assert_eq!(expires("2026-01-01T11:30:00Z"), None);
    assert_eq!(expires("soon"), None);
}

#[tokio::test]
async fn without_a_bindle_server_there_is_nobody_to_ask() {
    let error =
        accounts(&config(Some("https://hippo.example"))).unwrap().check_registry(&cx(), None).await.unwrap_err();
    assert_eq!((error.kind, error.hints.len()), (ErrorKind::InvalidConfig, 1));
}

#[tokio::test]
async fn what_is_no_bindle_server_admits_nobody() {
    let server = Server::new([answer("200 OK", &[], "<html><title>hello</title>")]).await;
    let mut config = config(Some("https://hippo.example"));
    config.hippo.bindle_url = Some(server.url.clone());
    let error = accounts(&config).unwrap().check_registry(&cx(), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.hints[0].contains("/v1"), "{:?}", error.hints);
}
