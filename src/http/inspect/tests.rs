//! Looks at servers on loopback: well, and with certificates that will not do.

use super::*;
use crate::http::testing::{Server, answer, authority, authority_for, nobody};

fn inspector(config: &Config) -> Inspector {
    Inspector::new(config).unwrap()
}

/// Shakes hands with a server, as a client that trusts `ca`.
async fn shake(server: &Server, config: &Config) -> Handshake {
    let inspector = inspector(config);
    let addresses = inspector.resolve(&server.url).await.unwrap();
    let (_, stream) = inspector.connect(&addresses).await.unwrap();
    inspector.shake_hands(&server.url, stream).await
}

async fn shake_with(leaf: rcgen::CertificateParams) -> Handshake {
    let (ca, tls) = authority_for(leaf);
    let server = Server::tls(tls, answer("200 OK", &[], "")).await;
    shake(&server, &Config { ca_cert: Some(ca.path().to_owned()), ..Config::default() }).await
}

fn leaf(name: &str) -> rcgen::CertificateParams {
    let mut leaf = rcgen::CertificateParams::new([name.to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()]).unwrap();
    leaf.distinguished_name = rcgen::DistinguishedName::new();
    leaf.distinguished_name.push(rcgen::DnType::CommonName, "the server\u{1b}[31m");
    leaf.not_before = rcgen::date_time_ymd(2001, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(4001, 1, 2);
    leaf
}

#[tokio::test]
async fn a_good_certificate_is_read_and_trusted() {
    let Handshake { certificate, outcome } = shake_with(leaf("localhost")).await;
    assert_eq!(outcome, Ok("TLS 1.3".to_owned()));
    let certificate = certificate.unwrap();
    assert!(certificate.subject.starts_with("CN=the server"), "{certificate:?}");
    assert!(!certificate.subject.contains('\u{1b}'), "{certificate:?}");
    assert!(certificate.issuer.contains("CN=authority of"), "{certificate:?}");
    assert_eq!(certificate.names, ["localhost", "127.0.0.1", "::1"]);
    assert_eq!(certificate.not_before, "2001-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(certificate.not_after, "4001-01-02T00:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_with_the_certificate() {
    let (mut expired, mut young) = (leaf("localhost"), leaf("localhost"));
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    young.not_before = rcgen::date_time_ymd(4000, 1, 1);
    for (leaf, fault) in
        [(expired, TlsFault::Expired), (young, TlsFault::NotValidYet), (leaf("other.example"), TlsFault::OtherName)]
    {
        let Handshake { certificate, outcome } = shake_with(leaf).await;
        assert_eq!(outcome, Err(fault));
        assert!(certificate.is_some());
    }
}

#[tokio::test]
async fn a_stranger_is_untrusted_unless_everybody_is_trusted() {
    let (_, tls) = authority();
    let (other, _) = authority();
    let server = Server::tls(tls, answer("200 OK", &[], "")).await;
    let config = Config { ca_cert: Some(other.path().to_owned()), ..Config::default() };
    let Handshake { certificate, outcome } = shake(&server, &config).await;
    assert_eq!(outcome, Err(TlsFault::Untrusted("nobody whom this machine trusts has issued it".to_owned())));
    assert!(certificate.is_some());
    let Handshake { certificate, outcome } = shake(&server, &Config { insecure: true, ..config }).await;
    assert!(certificate.is_some() && outcome.is_ok());
}

#[tokio::test]
async fn where_no_tls_is_spoken_there_is_no_certificate() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await
    });
    let inspector = inspector(&Config::default());
    let (_, stream) = inspector.connect(&[address]).await.unwrap();
    let url = format!("https://{address}").parse().unwrap();
    let Handshake { certificate, outcome } = inspector.shake_hands(&url, stream).await;
    assert_eq!(certificate, None);
    assert!(matches!(outcome, Err(TlsFault::Failed(_))), "{outcome:?}");
}

#[tokio::test]
async fn names_of_this_machine_have_both_addresses_and_the_port_of_the_url() {
    let inspector = inspector(&Config::default());
    let resolve = async |url: &str| inspector.resolve(&url.parse().unwrap()).await.unwrap();
    assert_eq!(resolve("http://hippo.localhost:81").await, ["127.0.0.1:81", "[::1]:81"].map(|a| a.parse().unwrap()));
    assert_eq!(resolve("https://192.0.2.1/x").await, ["192.0.2.1:443".parse().unwrap()]);
    assert_eq!(resolve("http://[2001:db8::1]").await, ["[2001:db8::1]:80".parse().unwrap()]);
}

#[tokio::test]
async fn the_first_address_that_takes_a_connection_is_the_one() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = listener.local_addr().unwrap();
    let (_socket, gone) = nobody();
    let inspector = inspector(&Config::default());
    assert_eq!(inspector.connect(&[gone, there]).await.unwrap().0, there);
    let error = inspector.connect(&[gone]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().starts_with(&format!("{gone}: ")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_look_ends_in_time() {
    let error = in_time(std::future::pending::<io::Result<()>>()).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 5 s");
}

#[test]
fn proxies_are_named_without_their_credentials_and_never_for_this_machine() {
    let proxies = Matcher::builder().all("http://user:canary@proxy.example:3128").no("intern.example").build();
    let inspector = Inspector { proxies, ..inspector(&Config::default()) };
    let proxy = |url: &str| inspector.proxy(&url.parse().unwrap());
    assert_eq!(proxy("https://hippo.example/x").as_deref(), Some("http://proxy.example:3128"));
    assert_eq!(proxy("https://intern.example"), None);
    assert_eq!(proxy("http://localhost:5309"), None);
    assert_eq!(proxy("http://127.0.0.1:5309"), None);
}
