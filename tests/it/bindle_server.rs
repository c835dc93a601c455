//! Pins down how real Bindle servers of both generations behave where the client depends on it.

use std::sync::Once;

use bindle::{BindleSpec, Invoice, Label, Parcel};
use reqwest::{RequestBuilder, StatusCode};
use sha2::{Digest, Sha256};

use crate::support::bindle::{BindleServer, CreatorKey, Generation};

const ID: &str = "shop/1.0.0+s1";
const CONTENT: &[u8] = b"a parcel";

fn client() -> reqwest::Client {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| {
        // It fails if another test module came first, and then there is a provider all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().build().expect("a client without settings")
}

fn sha() -> String {
    Sha256::digest(CONTENT).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An unsigned invoice for [`ID`] with one parcel.
fn invoice() -> Invoice {
    let id = ID.parse().expect("a sound id");
    let mut invoice = Invoice::new(BindleSpec { id, description: None, authors: None });
    let mut label = Label::new("parcel.txt".to_owned(), sha());
    label.size = CONTENT.len() as u64;
    invoice.parcel = Some(vec![Parcel { label, conditions: None }]);
    invoice
}

fn post_invoice(server: &BindleServer, invoice: &Invoice) -> RequestBuilder {
    client()
        .post(format!("{}/_i", server.url()))
        .header("Content-Type", "application/toml")
        .body(toml::to_string(invoice).expect("an invoice is plain TOML"))
}

fn post_parcel(server: &BindleServer) -> RequestBuilder {
    client().post(format!("{}/_i/{ID}@{}", server.url(), sha())).body(CONTENT)
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.expect("an answer").status()
}

async fn get(url: String) -> (StatusCode, String) {
    let response = client().get(url).send().await.expect("an answer");
    (response.status(), response.text().await.expect("a text"))
}

/// The shas that `_r/missing` lists.
async fn missing(server: &BindleServer) -> Vec<String> {
    let (status, text) = get(format!("{}/_r/missing/{ID}", server.url())).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let answer: bindle::MissingParcelsResponse = toml::from_str(&text).expect("a list of labels");
    answer.missing.into_iter().map(|label| label.sha256).collect()
}

#[tokio::test]
async fn both_generations_say_that_they_are_healthy() {
    for (generation, answer) in [(Generation::V0_8, "OK"), (Generation::V0_9, r#""version":"0.9.1""#)] {
        let server = BindleServer::builder(generation).start();
        let (status, text) = get(format!("http://{}/healthz", server.address())).await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains(answer), "{generation:?}: {text}");
    }
}

#[tokio::test]
async fn only_0_8_takes_an_unsigned_invoice() {
    let old = BindleServer::builder(Generation::V0_8).start();
    let new = BindleServer::builder(Generation::V0_9).start();
    assert_eq!(status(post_invoice(&old, &invoice())).await, StatusCode::ACCEPTED);
    let refusal = post_invoice(&new, &invoice()).send().await.unwrap();
    assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
    let text = refusal.text().await.unwrap();
    assert!(text.contains("No signatures found on invoice"), "{text}");
}

#[tokio::test]
async fn a_pushed_parcel_is_no_longer_missing() {
    let server = BindleServer::builder(Generation::V0_8).start();
    status(post_invoice(&server, &invoice())).await;
    assert_eq!(missing(&server).await, [sha()]);
    assert_eq!(status(post_parcel(&server)).await, StatusCode::OK);
    assert!(missing(&server).await.is_empty());
}

#[tokio::test]
async fn both_generations_ask_for_credentials() {
    for generation in [Generation::V0_8, Generation::V0_9] {
        let key = CreatorKey::generate("Dana <dana@example.com>");
        let mut invoice = invoice();
        if generation == Generation::V0_9 {
            key.sign(&mut invoice);
        }
        let server = BindleServer::builder(generation).htpasswd("dana", "open sesame").trust(&key.keyring()).start();
        let request = || post_invoice(&server, &invoice);
        assert_eq!(status(request()).await, StatusCode::FORBIDDEN);
        let wrong = request().basic_auth("dana", Some("wrong"));
        assert_eq!(status(wrong).await, StatusCode::UNAUTHORIZED);
        let right = request().basic_auth("dana", Some("open sesame"));
        assert_eq!(status(right).await, StatusCode::ACCEPTED);
        assert_eq!(missing(&server).await, [sha()], "reading is open");
    }
}

#[tokio::test]
async fn an_invoice_signed_with_a_trusted_key_is_taken() {
    let key = CreatorKey::generate("Dana <dana@example.com>");
    let mut signed = invoice();
    key.sign(&mut signed);
    for strategy in ["CreativeIntegrity", "ExhaustiveVerification"] {
        let server = BindleServer::builder(Generation::V0_9).trust(&key.keyring()).strategy(strategy).start();
        assert_eq!(status(post_invoice(&server, &signed)).await, StatusCode::ACCEPTED, "{strategy}");
    }
}

#[tokio::test]
async fn both_generations_refuse_a_stranger() {
    let mut signed = invoice();
    CreatorKey::generate("Mallory <mallory@example.com>").sign(&mut signed);
    for generation in [Generation::V0_8, Generation::V0_9] {
        let server = BindleServer::builder(generation).start();
        assert_eq!(status(post_invoice(&server, &signed)).await, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_secret_key_file_can_be_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.toml");
    let key = CreatorKey::generate("Dana <dana@example.com>");
    key.write_secret_file(&path);
    let file = bindle::signature::SecretKeyFile::load_file(&path).await.unwrap();
    let mut signed = invoice();
    signed.sign(bindle::SignatureRole::Creator, &file.key[0]).unwrap();
    let server = BindleServer::builder(Generation::V0_9).trust(&key.keyring()).start();
    assert_eq!(status(post_invoice(&server, &signed)).await, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_poisoned_parcel_is_refused_and_stays_missing() {
    let key = CreatorKey::generate("Dana <dana@example.com>");
    let mut signed = invoice();
    key.sign(&mut signed);
    for generation in [Generation::V0_8, Generation::V0_9] {
        let server = BindleServer::builder(generation).trust(&key.keyring()).start();
        server.poison(&sha());
        // The lie: 201 says that nothing is missing.
        assert_eq!(status(post_invoice(&server, &signed)).await, StatusCode::CREATED);
        assert_eq!(status(post_parcel(&server)).await, StatusCode::CONFLICT);
        assert_eq!(missing(&server).await, [sha()]);
    }
}

#[tokio::test]
async fn a_restart_keeps_the_store_and_the_url() {
    let mut server = BindleServer::builder(Generation::V0_8).start();
    status(post_invoice(&server, &invoice())).await;
    status(post_parcel(&server)).await;
    let url = server.url().to_owned();
    server.restart();
    assert_eq!(server.url(), url);
    assert!(missing(&server).await.is_empty());
    assert_eq!(status(post_invoice(&server, &invoice())).await, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_stopped_server_is_gone() {
    let mut server = BindleServer::builder(Generation::V0_9).start();
    server.stop();
    let error = client().get(server.url()).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn two_servers_do_not_share_anything() {
    let first = BindleServer::builder(Generation::V0_8).start();
    let second = BindleServer::builder(Generation::V0_8).start();
    assert_ne!(first.url(), second.url());
    status(post_invoice(&first, &invoice())).await;
    let (status, _) = get(format!("{}/_i/{ID}", second.url())).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[test]
#[should_panic(expected = "--strategy is for generation 0.9 only")]
fn a_server_that_cannot_start_says_why() {
    BindleServer::builder(Generation::V0_8).strategy("CreativeIntegrity").start();
}
