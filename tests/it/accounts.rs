//! Accounts at a fake Hippo and at real Bindle servers: each answer that the transcripts hold, as our client tells of it.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use spin_deploy::auth::{Credential, Login, Secret};
use spin_deploy::target::{Accounts, Admission, Context, TargetError};
use spin_deploy::targets::{self, hippo};

use crate::support::bindle::{BindleServer, Generation};
use crate::support::hippo::guid::GuidSource;
use crate::support::hippo::{Claims, FakeHippo, Issuer, RegistrationMode};
use crate::support::recorder;

/// A Hippo with an administrator, and its accounts.
struct Bench {
    hippo: FakeHippo,
    accounts: Box<dyn Accounts>,
    cx: Context,
}

impl Bench {
    async fn start(mode: RegistrationMode) -> Bench {
        let hippo = FakeHippo::builder().administrator("admin", "Admin-Pass1").registration_mode(mode).start();
        let hippo = hippo.await.expect("a loopback port is free");
        let settings = hippo::Config { url: Some(hippo.url().parse().unwrap()), ..Default::default() };
        let config = targets::Config { hippo: settings, ..Default::default() };
        Bench { hippo, accounts: hippo::accounts(&config).unwrap(), cx: recorder::context().0 }
    }

    async fn register(&self, name: &str, password: &str, by: Option<&Credential>) -> String {
        self.show(self.accounts.register(&self.cx, &login(name, password), by).await)
    }

    async fn log_in(&self, name: &str, password: &str) -> String {
        self.show(self.accounts.log_in(&self.cx, &login(name, password)).await)
    }

    async fn check(&self, token: &str) -> String {
        self.show(self.accounts.check(&self.cx, &credential(token)).await)
    }

    fn show<T>(&self, result: Result<T, TargetError>) -> String {
        match result {
            Ok(_) => "ok\n".to_owned(),
            Err(error) => show(&error).replace(self.hippo.url(), "HIPPO"),
        }
    }

    /// The token of somebody whom Hippo does not know, to run out so many minutes from now.
    fn forged(&self, minutes: i64, change: impl FnOnce(&mut Issuer)) -> String {
        let mut issuer = self.hippo.issuer();
        change(&mut issuer);
        let mut ids = GuidSource::new(99);
        let expires = Timestamp::now() + SignedDuration::from_mins(minutes);
        issuer.issue(&Claims { user: ids.next(), id: ids.next(), expires })
    }
}

fn login(name: &str, password: &str) -> Login {
    Login { username: name.to_owned(), password: Secret::new(password) }
}

fn credential(token: &str) -> Credential {
    Credential::Token(Secret::new(token))
}

/// Kind, message, cause and hints.
fn show(error: &TargetError) -> String {
    let mut shown = format!("{:?}: {error}\n", error.kind);
    if let Some(source) = &error.source {
        writeln!(shown, "  {source:#}").unwrap();
    }
    error.hints.iter().for_each(|hint| writeln!(shown, "  > {hint}").unwrap());
    shown
}

#[tokio::test]
async fn accounts_and_tokens() {
    let bench = Bench::start(RegistrationMode::Open).await;
    assert_eq!(bench.register("bob", "secret1", None).await, "ok\n");
    let long = "x".repeat(65);
    let mut refused = String::new();
    for (name, password) in [("bob", "secret1"), ("bad name!", "secret1"), ("", ""), (&long, "short"), ("carol", "")] {
        refused += &bench.register(name, password, None).await;
    }
    insta::assert_snapshot!(refused, @r#"
    Rejected: register bob at Hippo at HIPPO
      UserName: The specified username already exists.
    Rejected: register bad name! at Hippo at HIPPO
      UserName: The username cannot contain special characters
    Rejected: register  at Hippo at HIPPO
      Password: The password cannot be empty; Password: The password must be at least 6 characters long; UserName: The username cannot be empty
    Rejected: register xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx at Hippo at HIPPO
      Password: The password must be at least 6 characters long; UserName: The username cannot be longer than 64 characters
    Rejected: register carol at Hippo at HIPPO
      Password: The password cannot be empty; Password: The password must be at least 6 characters long
    "#);

    let token = bench.accounts.log_in(&bench.cx, &login("bob", "secret1")).await.unwrap();
    assert_eq!(token.username.as_deref(), Some("bob"));
    let lasts = token.expires.expect("Hippo says so").duration_since(Timestamp::now());
    assert!((1700..=1800).contains(&lasts.as_secs()), "{lasts}");
    assert_eq!(bench.check(token.secret.expose()).await, "ok\n");
    let password = Credential::Password(login("bob", "secret1"));
    bench.accounts.check(&bench.cx, &password).await.unwrap();

    // Taken by ASP.NET for bob, which Hippo does not notice.
    assert_eq!(bench.register("BOB", "secret1", None).await, "ok\n");
    let mut refused = String::new();
    for (name, password) in [("bob", "wrong"), ("nobody", "wrong"), ("BOB", "secret1"), ("bob", "")] {
        refused += &bench.log_in(name, password).await;
    }
    insta::assert_snapshot!(refused, @r#"
    Unauthenticated: log in to Hippo at HIPPO as bob
      Credentials are not valid: POST HIPPO/api/auth-tokens: it answered 400 Bad Request: Login failed.; Credentials are not valid.
      > check the name (case matters; `--hippo-username NAME` or HIPPO_USERNAME) and the password (HIPPO_PASSWORD)
    Unauthenticated: log in to Hippo at HIPPO as nobody
      Account does not exist: POST HIPPO/api/auth-tokens: it answered 400 Bad Request: Login failed.; Account does not exist.
      > check the name (case matters; `--hippo-username NAME` or HIPPO_USERNAME) and the password (HIPPO_PASSWORD)
      > spin-deploy login --hippo-url HIPPO --register
    Unauthenticated: log in to Hippo at HIPPO as BOB
      Account does not exist: POST HIPPO/api/auth-tokens: it answered 400 Bad Request: Login failed.; Account does not exist.
      > check the name (case matters; `--hippo-username NAME` or HIPPO_USERNAME) and the password (HIPPO_PASSWORD)
      > spin-deploy login --hippo-url HIPPO --register
    Unauthenticated: log in to Hippo at HIPPO as bob
      Credentials are not valid: POST HIPPO/api/auth-tokens: it answered 400 Bad Request: Login failed.; Credentials are not valid.
      > check the name (case matters; `--hippo-username NAME` or HIPPO_USERNAME) and the password (HIPPO_PASSWORD)
    "#);
    for _ in 0..6 {
        bench.log_in("bob", "wrong").await;
    }
    assert_eq!(bench.log_in("bob", "secret1").await, "ok\n");
}

#[tokio::test]
async fn refused_tokens() {
    let bench = Bench::start(RegistrationMode::Open).await;
    let unknown_user = bench.forged(10, |_| {});
    let tokens = [
        "nonsense".to_owned(),
        bench.forged(-2, |_| {}),
        bench.forged(-10, |_| {}),
        unknown_user.clone(),
        bench.forged(10, |issuer| issuer.key = "another key of sixteen bytes".to_owned()),
        bench.forged(10, |issuer| issuer.audience = "elsewhere".to_owned()),
    ];
    let mut refused = String::new();
    for token in &tokens {
        refused += &bench.check(token).await;
        assert!(!refused.contains(token), "{refused}");
    }
    insta::assert_snapshot!(refused, @r#"
    Unauthenticated: ask Hippo at HIPPO who we are
      GET HIPPO/api/apps: it answered 401 Unauthorized
      > spin-deploy login --hippo-url HIPPO
      > the token is wrong or has run out (Hippo's live 30 minutes): if it came from HIPPO_TOKEN, set that to a new one, or unset it
    Interrupted: ask Hippo at HIPPO who we are
      GET HIPPO/api/apps: it answered 500 Internal Server Error: An error occurred while processing your request.
      > a 500 to the very first request can mean that Hippo no longer knows the token's user: log in again, and if the token came from HIPPO_TOKEN, set that to a new one
      > run the same command again: what is done already is not done twice
      > spin-deploy login --hippo-url HIPPO
    Unauthenticated: ask Hippo at HIPPO who we are
      GET HIPPO/api/apps: it answered 401 Unauthorized
      > spin-deploy login --hippo-url HIPPO
      > the token is wrong or has run out (Hippo's live 30 minutes): if it came from HIPPO_TOKEN, set that to a new one, or unset it
    Interrupted: ask Hippo at HIPPO who we are
      GET HIPPO/api/apps: it answered 500 Internal Server Error: An error occurred while processing your request.
      > a 500 to the very first request can mean that Hippo no longer knows the token's user: log in again, and if the token came from HIPPO_TOKEN, set that to a new one
      > run the same command again: what is done already is not done twice
      > spin-deploy login --hippo-url HIPPO
    Unauthenticated: ask Hippo at HIPPO who we are
      GET HIPPO/api/apps: it answered 401 Unauthorized
      > spin-deploy login --hippo-url HIPPO
      > the token is wrong or has run out (Hippo's live 30 minutes): if it came from HIPPO_TOKEN, set that to a new one, or unset it
    Unauthenticated: ask Hippo at HIPPO who we are
      GET HIPPO/api/apps: it answered 401 Unauthorized
      > spin-deploy login --hippo-url HIPPO
      > the token is wrong or has run out (Hippo's live 30 minutes): if it came from HIPPO_TOKEN, set that to a new one, or unset it
    "#);
    assert_eq!(bench.hippo.take_requests().len(), tokens.len(), "each is asked once");

    let refused = bench.register("eve", "secret1", Some(&credential(&unknown_user))).await;
    assert!(refused.starts_with("Interrupted: "), "{refused}");
    // Which would be a 500 with a token of an unknown user beside it.
    assert_eq!(bench.log_in("admin", "Admin-Pass1").await, "ok\n");
}

#[tokio::test]
async fn registration_closed() {
    let bench = Bench::start(RegistrationMode::Closed).await;
    let admin = credential(&bench.hippo.token_of("admin"));
    let nobody = bench.register("bob", "secret1", None).await;
    insta::assert_snapshot!(nobody, @r#"
    PermissionDenied: register bob at Hippo at HIPPO
      POST HIPPO/api/accounts: it answered 403 Forbidden: Forbidden; registration closed
      > ask an administrator of Hippo for an account
    "#);
    assert_eq!(bench.register("bob", "secret1", Some(&admin)).await, nobody);
}

#[tokio::test]
async fn registration_administrators() {
    let bench = Bench::start(RegistrationMode::AdministratorOnly).await;
    insta::assert_snapshot!(bench.register("bob", "secret1", None).await, @r#"
    PermissionDenied: register bob at Hippo at HIPPO
      POST HIPPO/api/accounts: it answered 403 Forbidden: Forbidden; only administrators are allowed to register new accounts
      > ask an administrator of Hippo for an account
      > as an administrator log in first: spin-deploy login --hippo-url HIPPO
    "#);
    let admin = Credential::Password(login("admin", "Admin-Pass1"));
    assert_eq!(bench.register("bob", "secret1", Some(&admin)).await, "ok\n");
    let token = bench.accounts.log_in(&bench.cx, &login("bob", "secret1")).await.unwrap();
    let bob = Credential::Token(token.secret);
    insta::assert_snapshot!(bench.register("eve", "secret1", Some(&bob)).await, @r#"
    PermissionDenied: register eve at Hippo at HIPPO
      POST HIPPO/api/accounts: it answered 403 Forbidden: Forbidden; only administrators are allowed to register new accounts
      > ask an administrator of Hippo for an account
    "#);
}

/// What lies in a Bindle server's store.
fn stored(server: &BindleServer) -> Vec<String> {
    let (mut folders, mut found) = (vec![server.directory().to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            found.push(entry.path().display().to_string());
            folders.extend(entry.path().is_dir().then(|| entry.path()));
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn how_bindle_servers_take_us() {
    use Admission::{Admitted, Asked, Refused};
    let (right, wrong) = (login("dana", "pass word"), login("dana", "wrong"));
    for generation in [Generation::V0_8, Generation::V0_9] {
        let open = BindleServer::builder(generation).start();
        let closed = BindleServer::builder(generation).htpasswd("dana", "pass word").start();
        for (server, login, expected) in [
            (&open, None, Admitted),
            (&open, Some(&right), Admitted),
            (&closed, None, Asked),
            (&closed, Some(&right), Admitted),
            (&closed, Some(&wrong), Refused),
        ] {
            let before = stored(server);
            let settings = hippo::Config {
                url: Some("http://127.0.0.1:9".parse().unwrap()),
                bindle_url: Some(server.url().parse().unwrap()),
                ..Default::default()
            };
            let accounts = hippo::accounts(&targets::Config { hippo: settings, ..Default::default() }).unwrap();
            let taken = accounts.check_registry(&recorder::context().0, login).await.unwrap();
            assert_eq!(taken, expected, "{generation:?} {login:?}");
            assert_eq!(stored(server), before);
        }
    }
}
