//! The client against servers that misbehave, in virtual time: the clock jumps whenever everybody waits for it.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::testing::{Act, Server, answer, authority, authority_for, client, client_with, nobody, unheard};
use super::*;
use crate::auth::Secret;

fn get(server: &Server) -> Request {
    Request::new(Method::GET, server.url.join("thing?secret=1").unwrap())
}

fn post(server: &Server) -> Request {
    Request {
        body: Body::Bytes { content: b"{}".to_vec(), media_type: "application/json" },
        ..Request::new(Method::POST, server.url.join("thing").unwrap())
    }
}

fn ok() -> Act {
    answer("200 OK", &[], "{}")
}

/// A file of this length with a pattern in it, its cursor at the end.
fn file(length: usize) -> (std::fs::File, Vec<u8>) {
    let content: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    (file, content)
}

fn upload(server: &Server, length: usize, repeat: Repeat) -> (Request, Vec<u8>, Arc<Mutex<Vec<u64>>>) {
    let (file, content) = file(length);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = heard.clone();
    let progress = Progress(Arc::new(move |sent| hear.lock().unwrap().push(sent)));
    let body = Body::File { file, length: length as u64, media_type: "application/octet-stream", progress };
    (Request { body, repeat, ..post(server) }, content, heard)
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_what_it_should() {
    let server = Server::new([ok()]).await;
    let request = Request { authorization: Some(Secret::new("Bearer t")), ..post(&server) };
    let response = client().send(request, &unheard).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.body, b"{}");
    let seen = &server.seen()[0];
    assert_eq!(seen.header("user-agent"), Some(concat!("spin-deploy/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen.header("authorization"), Some("Bearer t"));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("content-length"), Some("2"));
    assert_eq!(seen.header("accept-encoding"), None);
    assert_eq!(seen.header("transfer-encoding"), None);
    assert_eq!(seen.body, b"{}");
}

#[tokio::test(start_paused = true)]
async fn each_status_is_an_answer_and_its_success_is_an_error_of_its_kind() {
    for (status, kind, count) in [
        ("400 Bad Request", Kind::Rejected, 1),
        ("401 Unauthorized", Kind::Unauthenticated, 1),
        ("403 Forbidden", Kind::PermissionDenied, 1),
        ("404 Not Found", Kind::NotFound, 1),
        ("408 Request Timeout", Kind::ServerFailed, 6),
        ("409 Conflict", Kind::Conflict, 1),
        ("413 Payload Too Large", Kind::Rejected, 1),
        ("425 Too Early", Kind::ServerFailed, 6),
        ("429 Too Many Requests", Kind::ServerFailed, 6),
        ("500 Internal Server Error", Kind::ServerFailed, 6),
        ("502 Bad Gateway", Kind::ServerFailed, 6),
        ("524 A Timeout Occurred", Kind::ServerFailed, 6),
    ] {
        let server = Server::new([answer(status, &[], "{\"title\":\"no\"}")]).await;
        let response = client().send(get(&server), &unheard).await.unwrap();
        assert!(status.starts_with(response.status.as_str()));
        assert_eq!(server.count(), count, "{status}");
        let error = response.success().unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert_eq!(error.status.map(|code| code.to_string()).as_deref(), Some(&status[..3]));
        assert!(error.to_string().ends_with(": no"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_is_repeated_only_while_it_is_untouched() {
    for (act, count) in [
        (answer("500 Internal Server Error", &[], ""), 1),
        (answer("503 Service Unavailable", &[], ""), 1),
        (answer("503 Service Unavailable", &[("Retry-After", "1")], ""), 6),
        (answer("429 Too Many Requests", &[], ""), 6),
        (Act::Reset(Vec::new()), 1),
        (Act::Stall(Vec::new()), 1),
    ] {
        let server = Server::new([act.clone()]).await;
        let result = client().send(post(&server), &unheard).await;
        assert_eq!(server.count(), count, "{act:?}");
        if let Err(error) = result {
            assert_eq!(error.kind, Kind::Interrupted);
            assert!(error.kind.outcome_unknown());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn never_means_never() {
    for act in [answer("503 Service Unavailable", &[("Retry-After", "0")], ""), Act::Reset(Vec::new())] {
        let server = Server::new([act]).await;
        let _ = client().send(Request { repeat: Repeat::Never, ..get(&server) }, &unheard).await;
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_recovers_is_noticed_and_each_repetition_is_told() {
    let broken = answer("502 Bad Gateway", &[], "<html>");
    let server = Server::new([broken, Act::Reset(Vec::new()), ok()]).await;
    let told = Mutex::new(Vec::new());
    let response = client().send(get(&server), &|notice| told.lock().unwrap().push(notice)).await.unwrap();
    assert_eq!(response.status, 200);
    let told = told.into_inner().unwrap();
    let what = format!("GET {}thing", server.url);
    let told: Vec<_> =
        told.iter().map(|notice| (notice.what.as_str(), notice.reason.as_str(), notice.attempt)).collect();
    assert_eq!(told, [(&*what, "it answered 502 Bad Gateway", 1), (&*what, "the connection broke", 2)]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed() {
    let date = ("Date", "Sun, 06 Nov 1994 12:00:00 GMT");
    for (headers, least, count) in [
        (vec![("Retry-After", "20")], 20, 2),
        (vec![date, ("Retry-After", "Sun, 06 Nov 1994 12:00:40 GMT")], 40, 2),
        (vec![("Retry-After", "0")], 0, 2),
        (vec![("Retry-After", "-3")], 0, 2),
        (vec![("Retry-After", "when it suits")], 0, 2),
        (vec![("Retry-After", "61")], 0, 1),
        (vec![("Retry-After", "1000000000000")], 0, 1),
    ] {
        let server = Server::new([answer("429 Too Many Requests", &headers, ""), ok()]).await;
        let begun = Instant::now();
        let response = client().send(get(&server), &unheard).await.unwrap();
        assert_eq!(server.count(), count, "{headers:?}");
        let took = begun.elapsed().as_secs();
        assert!((least..least + 2).contains(&took), "{headers:?}: {took} s");
        if count == 1 {
            let error = response.success().unwrap_err().to_string();
            assert!(error.contains("it asks to come back in"), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_attempts_together_have_a_budget() {
    let server = Server::new([answer("503 Service Unavailable", &[("Retry-After", "35")], "")]).await;
    let begun = Instant::now();
    client().send(get(&server), &unheard).await.unwrap();
    assert_eq!(server.count(), 3);
    assert_eq!(begun.elapsed().as_secs(), 70);
}

#[tokio::test(start_paused = true)]
async fn nobody_listening_is_unreachable() {
    let (_socket, address) = nobody();
    let url = format!("http://{address}/").parse().unwrap();
    let told = Mutex::new(0);
    let request = Request::new(Method::POST, url);
    let error = client().send(request, &|_| *told.lock().unwrap() += 1).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(!error.kind.outcome_unknown());
    assert_eq!(*told.lock().unwrap(), 5, "a POST that was never sent is repeated");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("refused"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_of_a_connection_is_told_by_its_kind() {
    let (_socket, closed) = nobody();
    let (_unknown_to_us, config) = authority();
    let untrusted = Server::tls(config, answer("200 OK", &[], "{}")).await;
    for (url, barrier, message) in [
        ("http://shop.invalid/".to_owned(), Barrier::Name, "the name could not be looked up"),
        (format!("http://{closed}/"), Barrier::Address, "no connection"),
        (untrusted.url.to_string(), Barrier::Tls, "no secure connection (TLS)"),
    ] {
        let request = Request { repeat: Repeat::Never, ..Request::new(Method::GET, url.parse().unwrap()) };
        let error = client().send(request, &unheard).await.unwrap_err();
        let told = (error.kind, error.barrier, error.message.as_str());
        assert_eq!(told, (Kind::Unreachable, Some(barrier), message), "{url}: {error:?}");
    }
    let server = Server::new([Act::Reset(Vec::new())]).await;
    let request = Request { repeat: Repeat::Never, ..get(&server) };
    assert_eq!(client().send(request, &unheard).await.unwrap_err().barrier, None);
}

#[tokio::test(start_paused = true)]
async fn redirects_are_refused_with_a_safe_name() {
    for (location, words) in [
        (
            "https://dana:pw@other.example:8443/x?token=t",
            "it redirects to https://other.example:8443, which is not followed",
        ),
        ("//evil.example/", "it redirects to http://evil.example, which is not followed"),
        ("", "it redirects to "),
        ("http://", "it redirects to nowhere"),
    ] {
        let server = Server::new([answer("307 Temporary Redirect", &[("Location", location)], "")]).await;
        let error = client().send(post(&server), &unheard).await.unwrap_err();
        assert_eq!(error.kind, Kind::Protocol);
        assert_eq!(error.status, Some(307));
        assert!(error.message.starts_with(words), "{}", error.message);
        assert_eq!(server.count(), 1);
    }
    let server = Server::new([answer("304 Not Modified", &[], "")]).await;
    let error = client().send(get(&server), &unheard).await.unwrap_err();
    assert_eq!(error.message, "it redirects to nowhere");
}

#[tokio::test(start_paused = true)]
async fn silence_ends() {
    for (act, message, seconds) in [
        (Act::Stall(Vec::new()), "no answer came within 30s", 30),
        (Act::Stall(b"HTTP/1.1 200 OK\r\nContent-".to_vec()), "no answer came within 30s", 30),
        (Act::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()), "its answer did not move for 30s", 30),
        (
            Act::Drip(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 400], 1000),
            "its answer did not end within 5m",
            300,
        ),
    ] {
        let server = Server::new([act]).await;
        let begun = Instant::now();
        let error = client().send(Request { repeat: Repeat::Never, ..get(&server) }, &unheard).await.unwrap_err();
        assert_eq!(error.kind, Kind::Interrupted);
        assert_eq!(error.message, message);
        assert_eq!(begun.elapsed().as_secs(), seconds, "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn patience_is_the_requests_own() {
    let server = Server::new([Act::Stall(Vec::new())]).await;
    let patience = Some(Duration::from_secs(600));
    let begun = Instant::now();
    let error =
        client().send(Request { patience, repeat: Repeat::Never, ..post(&server) }, &unheard).await.unwrap_err();
    assert_eq!(error.message, "no answer came within 10m");
    assert_eq!(begun.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_takes_stalls() {
    let server = Server::new([Act::IgnoreBody]).await;
    let (request, _, heard) = upload(&server, 64 << 20, Repeat::Never);
    let begun = Instant::now();
    let error = client().send(request, &unheard).await.unwrap_err();
    assert_eq!(error.kind, Kind::Interrupted);
    assert_eq!(error.message, "the body did not move for 30s");
    assert!((30..35).contains(&begun.elapsed().as_secs()));
    assert!(*heard.lock().unwrap().last().unwrap() < 64 << 20);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_sent_whole_and_again_from_its_start() {
    let length = 700_001;
    let server = Server::new([answer("503 Service Unavailable", &[], ""), ok()]).await;
    let (request, content, heard) = upload(&server, length, Repeat::Freely);
    client().send(request, &unheard).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    for seen in seen {
        assert_eq!(seen.header("content-length"), Some("700001"));
        assert!(seen.body == content);
    }
    let chunks = [262_144, 524_288, 700_001];
    assert_eq!(*heard.lock().unwrap(), [chunks, chunks].concat());
}

#[tokio::test(start_paused = true)]
async fn an_empty_file_has_a_length_too() {
    let server = Server::new([ok()]).await;
    let (request, ..) = upload(&server, 0, Repeat::Never);
    client().send(request, &unheard).await.unwrap();
    assert_eq!(server.seen()[0].header("content-length"), Some("0"));
}

#[tokio::test(start_paused = true)]
async fn a_file_shorter_than_announced_is_not_sent_as_if_it_were_whole() {
    let server = Server::new([ok()]).await;
    let (file, _) = file(1000);
    let body =
        Body::File { file, length: 2000, media_type: "application/octet-stream", progress: Progress(Arc::new(|_| ())) };
    let error = client().send(Request { body, repeat: Repeat::Never, ..post(&server) }, &unheard).await.unwrap_err();
    assert_eq!(error.kind, Kind::Interrupted);
    assert_eq!(server.count(), 0, "the server never saw a complete request");
}

#[tokio::test(start_paused = true)]
async fn an_early_end_of_an_upload_is_an_answer_or_an_unknown_outcome() {
    let server = Server::new([Act::ResetBeforeBody]).await;
    let (request, ..) = upload(&server, 64 << 20, Repeat::IfUntouched);
    let error = client().send(request, &unheard).await.unwrap_err();
    assert_eq!(error.kind, Kind::Interrupted);
    assert_eq!(server.count(), 1);

    let server = Server::new([answer("401 Unauthorized", &[], "")]).await;
    let (request, ..) = upload(&server, 64 << 20, Repeat::IfUntouched);
    match client().send(request, &unheard).await {
        Ok(response) => assert_eq!(response.status, 401),
        Err(error) => assert_eq!(error.kind, Kind::Interrupted),
    }
}

#[tokio::test(start_paused = true)]
async fn broken_answers() {
    for (act, kind) in [
        (Act::Reset(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"".to_vec()), Kind::Interrupted),
        (Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"".to_vec()), Kind::Interrupted),
        (Act::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a".to_vec()), Kind::Interrupted),
        (Act::Send(Vec::new()), Kind::Interrupted),
        (Act::Send(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), Kind::Protocol),
        (Act::Send(b"\x15\x03\x01\x00\x02\x02\x46".to_vec()), Kind::Protocol),
    ] {
        let server = Server::new([act.clone()]).await;
        let error = client().send(get(&server), &unheard).await.unwrap_err();
        assert_eq!(error.kind, kind, "{act:?}: {error:?}");
        assert_eq!(server.count(), if kind == Kind::Interrupted { 6 } else { 1 }, "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_a_limit() {
    let limited = |server: &Server| Request { limit: 100, ..get(server) };
    let server = Server::new([answer("200 OK", &[], [b'x'; 100])]).await;
    assert_eq!(client().send(limited(&server), &unheard).await.unwrap().body.len(), 100);
    let server = Server::new([answer("200 OK", &[], [b'x'; 101])]).await;
    let error = client().send(limited(&server), &unheard).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Protocol, "its answer is longer than 100 bytes"));
    // An error answer is cut instead: its status is what counts.
    let server = Server::new([answer("400 Bad Request", &[], vec![b'x'; 1 << 20])]).await;
    let response = client().send(limited(&server), &unheard).await.unwrap();
    assert_eq!(response.body.len(), 64 * 1024);
    assert!(response.success().unwrap_err().message.len() < 600);
}

#[tokio::test(start_paused = true)]
async fn the_status_counts_even_when_its_text_breaks() {
    let server = Server::new([Act::Reset(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nno".to_vec())]).await;
    let error = client().send(get(&server), &unheard).await.unwrap().success().unwrap_err();
    assert_eq!(error.kind, Kind::PermissionDenied);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_expected_json() {
    #[derive(Debug, serde::Deserialize)]
    struct Token {
        #[expect(dead_code, reason = "only its shape matters")]
        token: String,
    }
    for (body, words) in [
        (&b"<!doctype html><title>Sign in</title>"[..], "it answered an HTML page (Sign in) where JSON is expected"),
        (b"", "it answered nothing where JSON is expected"),
        (b"{\"token\": \"canary", "it answered something else where JSON is expected"),
        (b"{\"token\": \"\xff\"}", "it answered something else where JSON is expected"),
        (b"\"canary\"", "its JSON does not have the expected shape (line 1, column 8)"),
        (b"{}", "its JSON does not have the expected shape (line 1, column 2)"),
    ] {
        let server = Server::new([answer("200 OK", &[], body)]).await;
        let response = client().send(get(&server), &unheard).await.unwrap().success().unwrap();
        let error = response.json::<Token>().unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Protocol, words));
        assert!(!format!("{error:?}").contains("canary"));
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_stay_where_nobody_can_read_them() {
    for (url, refused) in [
        ("http://registry.example/", true),
        ("http://10.0.0.1/", true),
        ("http://localhost.example/", true),
        ("https://registry.example/", false),
        ("http://127.0.0.1/", false),
        ("http://shop.localhost/", false),
        ("http://[::1]/", false),
    ] {
        let request = || Request {
            authorization: Some(Secret::new("Bearer canary")),
            ..Request::new(Method::GET, url.parse().unwrap())
        };
        let is_refused = |config: &Config| client_with(config).prepare(request()).is_err();
        assert_eq!(is_refused(&Config::default()), refused, "{url}");
        assert!(!is_refused(&Config { allow_insecure_credentials: true, ..Config::default() }), "{url}");
    }
    let with_user_info = Request::new(Method::GET, "http://dana:canary@registry.example/".parse().unwrap());
    let error = client().send(with_user_info, &unheard).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidConfig);
    assert_eq!(
        error.to_string(),
        "GET http://registry.example/: credentials are not sent over plain http to another machine"
    );
}

#[tokio::test(start_paused = true)]
async fn credentials_that_no_header_can_carry_are_not_shown() {
    let server = Server::new([ok()]).await;
    let request = Request { authorization: Some(Secret::new("Bearer canary\n")), ..get(&server) };
    let error = client().send(request, &unheard).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidConfig);
    assert!(!format!("{error:?}").contains("canary"));
    assert_eq!(server.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn only_http_is_spoken() {
    for url in ["ftp://example.com/", "file:///etc/passwd", "data:,x"] {
        let error = client().send(Request::new(Method::GET, url.parse().unwrap()), &unheard).await.unwrap_err();
        assert_eq!(error.kind, Kind::InvalidConfig, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn localhost_names_need_no_resolver() {
    let server = Server::new([ok()]).await;
    let url = format!("http://shop.localhost:{}/", server.url.port().unwrap()).parse().unwrap();
    assert_eq!(client().send(Request::new(Method::GET, url), &unheard).await.unwrap().status, 200);
}

mod downloads {
    use super::*;

    async fn collect(request: Request) -> Result<Vec<u8>, HttpError> {
        let mut download = client().download(request, &unheard).await?;
        let mut content = Vec::new();
        while let Some(chunk) = download.chunk().await? {
            content.extend_from_slice(&chunk);
        }
        Ok(content)
    }

    #[tokio::test(start_paused = true)]
    async fn follow_redirects() {
        let to = Server::new([answer("200 OK", &[], "wasm")]).await;
        let location = to.url.join("x").unwrap();
        let from = Server::new([answer("302 Found", &[("Location", location.as_str())], "")]).await;
        assert_eq!(collect(get(&from)).await.unwrap(), b"wasm");
    }

    #[tokio::test(start_paused = true)]
    async fn do_not_go_round_in_circles() {
        let server = Server::new([answer("302 Found", &[("Location", "/again")], "")]).await;
        let error = collect(get(&server)).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Protocol, "it redirects more than 10 times"));
        assert_eq!(server.count(), 11);
    }

    #[tokio::test(start_paused = true)]
    async fn are_repeated_until_they_begin() {
        let server = Server::new([answer("503 Service Unavailable", &[], ""), answer("200 OK", &[], "wasm")]).await;
        assert_eq!(collect(get(&server)).await.unwrap(), b"wasm");
        let server = Server::new([answer("404 Not Found", &[], "")]).await;
        assert_eq!(collect(get(&server)).await.unwrap_err().kind, Kind::NotFound);
    }

    #[tokio::test(start_paused = true)]
    async fn may_take_their_time_but_not_stall() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n".to_vec();
        let server = Server::new([Act::Drip(head.clone(), vec![b'x'; 60], 20_000)]).await;
        assert_eq!(collect(get(&server)).await.unwrap().len(), 60);
        let server = Server::new([Act::Stall([&head[..], b"x"].concat())]).await;
        let error = collect(get(&server)).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Interrupted, "its answer did not move for 30s"));
    }

    #[tokio::test(start_paused = true)]
    async fn never_go_from_https_to_http() {
        let (ca, config) = authority();
        let location = [("Location", "http://127.0.0.1:9/x")];
        let server = Server::tls(config, answer("302 Found", &location, "")).await;
        let client = client_with(&Config { ca_cert: Some(ca.path().to_owned()), ..Config::default() });
        let error = client.download(get(&server), &unheard).await.unwrap_err();
        assert_eq!(error.message, "it redirects to http://127.0.0.1:9, which is not followed");
    }

    #[tokio::test(start_paused = true)]
    async fn take_credentials_to_their_server_alone() {
        let to = Server::new([ok()]).await;
        let location = to.url.join("x").unwrap();
        let from = Server::new([answer("302 Found", &[("Location", location.as_str())], "")]).await;
        let with_credentials = |server| Request { authorization: Some(Secret::new("Bearer t")), ..get(server) };
        let error = collect(with_credentials(&from)).await.unwrap_err();
        assert!(error.message.ends_with("which is not followed"), "{error:?}");
        assert_eq!(to.count(), 0);
        collect(with_credentials(&to)).await.unwrap();
        assert_eq!(to.seen()[0].header("authorization"), Some("Bearer t"));
    }
}

mod tls {
    use super::*;

    async fn error(config: &Config, server: &Server) -> HttpError {
        client_with(config).send(get(server), &unheard).await.unwrap_err()
    }

    fn cause(error: &HttpError) -> String {
        std::error::Error::source(error).unwrap().to_string()
    }

    #[tokio::test(start_paused = true)]
    async fn a_private_authority_is_trusted_when_it_is_named() {
        let (ca, tls) = authority();
        let (other, _) = authority();
        let server = Server::tls(tls, ok()).await;
        // Several certificates in one file are all trusted.
        let mut bundle = tempfile::NamedTempFile::new().unwrap();
        for part in [&other, &ca] {
            bundle.write_all(&std::fs::read(part.path()).unwrap()).unwrap();
        }
        for trusted in [&ca, &bundle] {
            let config = Config { ca_cert: Some(trusted.path().to_owned()), ..Config::default() };
            assert_eq!(client_with(&config).send(get(&server), &unheard).await.unwrap().status, 200);
        }
        let insecure = Config { insecure: true, ..Config::default() };
        assert_eq!(client_with(&insecure).send(get(&server), &unheard).await.unwrap().status, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_is_not_trusted_nor_asked_twice() {
        let (_, tls) = authority();
        let (other, _) = authority();
        let server = Server::tls(tls, ok()).await;
        let begun = Instant::now();
        let config = Config { ca_cert: Some(other.path().to_owned()), ..Config::default() };
        let error = error(&config, &server).await;
        assert_eq!((error.kind, error.message.as_str()), (Kind::Unreachable, "no secure connection (TLS)"));
        assert!(error.is_untrusted());
        assert!(cause(&error).contains("UnknownIssuer"), "{}", cause(&error));
        assert_eq!(begun.elapsed(), Duration::ZERO, "no delay, so no second attempt");
        assert_eq!(server.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_reason_is_told() {
        let mut expired = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
        expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
        let named = rcgen::CertificateParams::new(["other.example".to_owned()]).unwrap();
        for (params, words) in [(expired, "expired"), (named, "not valid for name")] {
            let (ca, tls) = authority_for(params);
            let server = Server::tls(tls, ok()).await;
            let error = error(&Config { ca_cert: Some(ca.path().to_owned()), ..Config::default() }, &server).await;
            assert!(cause(&error).contains(words), "{}", cause(&error));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_tls_where_tls_is_asked_for() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            std::future::pending::<()>().await
        });
        let error = client().send(Request { repeat: Repeat::Never, ..Request::new(Method::GET, url) }, &unheard).await;
        let error = error.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Unreachable, "no secure connection (TLS)"));
        assert!(!error.is_untrusted());
    }

    #[test]
    fn a_file_that_is_no_authority_is_refused_at_once() {
        let garbage = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        for (content, words) in [
            ("", "it holds no PEM certificate"),
            ("hello", "it holds no PEM certificate"),
            ("-----BEGIN CERTIFICATE-----\n%%%", "it is no valid PEM file"),
            (garbage, "a certificate in it cannot be an authority"),
        ] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content.as_bytes()).unwrap();
            let config = Config { ca_cert: Some(file.path().to_owned()), ..Config::default() };
            let error = Client::new(&config).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (Kind::InvalidConfig, words));
            assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
        }
        let missing = Config { ca_cert: Some("/nowhere/ca.pem".into()), ..Config::default() };
        let error = Client::new(&missing).unwrap_err();
        assert_eq!(error.to_string(), "read file:///nowhere/ca.pem: it cannot be read");
    }
}
