//! What `doctor` sees of a whole installation, well and not well.

use spin_deploy::auth::{Credential, Login, Secret};
use spin_deploy::event::Verdict;
use spin_deploy::target::{ErrorKind, Finding};
use spin_deploy::targets::{self, hippo};
use tokio::net::TcpSocket;

use crate::support::bindle::{BindleServer, CreatorKey, Generation};
use crate::support::hippo as fake;
use crate::support::hippo::Mode;
use crate::support::recorder;
use crate::support::stack::{PASSWORD, Stack, USER};

fn settings(stack: &Stack) -> hippo::Config {
    hippo::Config {
        url: Some(stack.hippo_url().parse().unwrap()),
        credential: Some(Credential::Password(Login { username: USER.into(), password: Secret::new(PASSWORD) })),
        bindle_url: Some(stack.bindle_url().parse().unwrap()),
        channel: "spin-deploy".into(),
        ..Default::default()
    }
}

async fn examine(settings: hippo::Config) -> Vec<Finding> {
    let (cx, _) = recorder::context();
    let config = targets::Config { hippo: settings, ..Default::default() };
    let mut told = Vec::new();
    hippo::examine(&config).examine(&cx, &mut |finding| told.push(finding)).await;
    told
}

/// Each look in a line, its hints below it; ports are not the same in each run.
fn show(told: &[Finding], stack: &Stack) -> String {
    let mut shown = String::new();
    for Finding { check, kind } in told {
        let mark = match check.verdict {
            Verdict::Passed => "+",
            Verdict::Warned => "!",
            Verdict::Failed => "x",
            Verdict::Skipped => "-",
        };
        let kind = kind.map(|kind| format!(" [{kind:?}]")).unwrap_or_default();
        shown += &format!("{mark} {}: {}{kind}\n", check.name, check.detail);
        check.hints.iter().for_each(|hint| shown += &format!("  > {hint}\n"));
    }
    let authority = |url: String| url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    shown.replace(&authority(stack.hippo_url()), "HIPPO").replace(&authority(stack.bindle_url()), "BINDLE")
}

/// The names and kinds of what is not well.
fn failures(told: &[Finding]) -> Vec<(&str, ErrorKind)> {
    told.iter().filter_map(|finding| Some((finding.check.name.as_str(), finding.kind?))).collect()
}

/// Puts a bindle on the server, as another client would.
async fn upload(server: &BindleServer, name: &str) {
    let invoice = format!("bindleVersion = \"1.0.0\"\n[bindle]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
    let request = reqwest::Client::new().post(format!("{}/_i", server.url()));
    let answer = request.header("content-type", "application/toml").body(invoice).send().await.unwrap();
    assert_eq!(answer.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_and_nothing_is_changed() {
    let stack = Stack::start().await;
    upload(&stack.bindle, "shop").await;
    let before = stack.contents();
    let told = examine(settings(&stack)).await;
    insta::assert_snapshot!(show(&told, &stack), @r#"
    + the settings are complete: channel spin-deploy
    + Hippo's name resolves: 127.0.0.1
    + Hippo takes connections: HIPPO
    + Hippo answers: http://HIPPO
    + Hippo's database is well: 
    + Hippo's Bindle server is well: 
    + Hippo's Nomad is well: 
    + Hippo's clock agrees: 
    + Hippo knows us: as admin
    + the Bindle server's name resolves: 127.0.0.1
    + the Bindle server takes connections: BINDLE
    + the Bindle server answers: http://BINDLE/v1
    + the Bindle server takes us: 
    + the Bindle server's generation: 0.8, it tells of no keys
    - the signing key can be used: there is none
    + Hippo reads this Bindle server: both have shop
    "#);
    assert_eq!(stack.contents(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_bindle_server_of_0_9_and_a_key() {
    let key = CreatorKey::generate("Dana Dev <dana@example.com>");
    let bindle = BindleServer::builder(Generation::V0_9).trust(&key.keyring()).start();
    let stack = Stack::of(bindle, fake::Generation::V0_20).await;
    let without = examine(settings(&stack)).await;
    insta::assert_snapshot!(show(&without[11..], &stack), @r#"
    + the Bindle server answers: http://BINDLE/v1
    + the Bindle server takes us: 
    + the Bindle server's generation: 0.9 or newer, it signs as Host <host@example.com>
    ! the signing key can be used: there is none, and servers from 0.9 on want signed invoices by default
      > --signing-key FILE
    - Hippo reads this Bindle server: there are no bindles yet
    "#);

    let file = tempfile::NamedTempFile::new().unwrap();
    key.write_secret_file(file.path());
    let with = examine(hippo::Config { signing_key: Some(file.path().to_owned()), ..settings(&stack) }).await;
    assert_eq!(with[14].check.detail, "Dana Dev <dana@example.com>");

    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let exposed = examine(hippo::Config { signing_key: Some(file.path().to_owned()), ..settings(&stack) }).await;
    assert_eq!(failures(&exposed), [("the signing key can be used", ErrorKind::InvalidConfig)]);
    assert_eq!(exposed[14].check.hints, [format!("chmod 600 {}", file.path().display())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nomad_is_down() {
    let stack = Stack::start().await;
    stack.hippo.fail_nomad(Mode::Down, 0);
    let told = examine(settings(&stack)).await;
    assert_eq!(failures(&told), [("Hippo's Nomad is well", ErrorKind::Unreachable)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bindle_server_is_down() {
    let mut stack = Stack::start().await;
    stack.bindle.stop();
    let direct = Some(stack.bindle.url().parse().unwrap());
    let told = examine(hippo::Config { bindle_url: direct, ..settings(&stack) }).await;
    assert_eq!(
        failures(&told),
        [
            ("Hippo's Bindle server is well", ErrorKind::Unreachable),
            ("the Bindle server takes connections", ErrorKind::Unreachable)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hippo_reads_another_bindle_server() {
    let stack = Stack::start().await;
    let other = BindleServer::builder(Generation::V0_8).start();
    upload(&other, "web").await;
    let told = examine(hippo::Config { bindle_url: Some(other.url().parse().unwrap()), ..settings(&stack) }).await;
    insta::assert_snapshot!(show(&told[15..], &stack), @r#"
    x Hippo reads this Bindle server: it does not see web [InvalidConfig]
      > give the Bindle server that Hippo reads: `--bindle-server URL` (Hippo has it in its setting ConnectionStrings:Bindle)
    "#);

    // The other way round, and names that both have.
    upload(&stack.bindle, "shop").await;
    upload(&stack.bindle, "web").await;
    let told = examine(hippo::Config { bindle_url: Some(other.url().parse().unwrap()), ..settings(&stack) }).await;
    assert_eq!(failures(&told), [("Hippo reads this Bindle server", ErrorKind::InvalidConfig)]);
    assert_eq!(told[15].check.detail, "it sees shop, which the Bindle server does not have");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_we_are() {
    let stack = Stack::start().await;
    let nobody = examine(hippo::Config { credential: None, ..settings(&stack) }).await;
    insta::assert_snapshot!(show(&nobody[8..9], &stack), @r#"
    x Hippo knows us: there is no login for it [Unauthenticated]
      > spin-deploy login --hippo-url http://HIPPO
    "#);
    let token = Credential::Token(Secret::new("canary"));
    let told = examine(hippo::Config { credential: Some(token), ..settings(&stack) }).await;
    insta::assert_snapshot!(show(&told[8..9], &stack), @r#"
    x Hippo knows us: GET http://HIPPO/api/apps: it answered 401 Unauthorized [Unauthenticated]
      > spin-deploy login --hippo-url http://HIPPO
      > the token is wrong or has run out (Hippo's live 30 minutes): if it came from HIPPO_TOKEN, set that to a new one, or unset it
    "#);
    assert!(!format!("{told:?}").contains("canary"));
    let password = Credential::Password(Login { username: USER.into(), password: Secret::new("canary") });
    let told = examine(hippo::Config { credential: Some(password), ..settings(&stack) }).await;
    assert_eq!(failures(&told), [("Hippo knows us", ErrorKind::Unauthenticated)]);
    assert!(!format!("{told:?}").contains("canary"));
    assert_eq!(told.last().unwrap().check.verdict, Verdict::Skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bindle_server_that_wants_a_login() {
    let bindle = BindleServer::builder(Generation::V0_8).htpasswd("dana", "pass word").start();
    let stack = Stack::of(bindle, fake::Generation::V0_20).await;
    let login = |password: &str| Some(Login { username: "dana".into(), password: Secret::new(password) });
    for (bindle_login, expected) in [
        (None, &[("the Bindle server takes us", ErrorKind::Unauthenticated)][..]),
        (login("wrong"), &[("the Bindle server takes us", ErrorKind::Unauthenticated)]),
        (login("pass word"), &[]),
    ] {
        let told = examine(hippo::Config { bindle_login, ..settings(&stack) }).await;
        assert_eq!(failures(&told), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_and_with_nobody_at_the_addresses() {
    let stack = Stack::start().await;
    let told = examine(hippo::Config { channel: "spin-deploy".into(), ..Default::default() }).await;
    insta::assert_snapshot!(show(&told, &stack), @r#"
    x the settings are complete: no address of Hippo (`--hippo-url`, HIPPO_URL) and no address of the Bindle server (`--bindle-server`, BINDLE_SERVER_URL) [InvalidConfig]
      > export HIPPO_URL=https://hippo.example.com
      > export BINDLE_SERVER_URL=https://bindle.example.com/v1
    - Hippo's name resolves: there is no usable address
    - Hippo takes connections: there is no usable address
    - Hippo answers: there is no usable address
    - Hippo's database is well: there is no usable address
    - Hippo's Bindle server is well: there is no usable address
    - Hippo's Nomad is well: there is no usable address
    - Hippo's clock agrees: there is no usable address
    - Hippo knows us: there is no usable address
    - the Bindle server's name resolves: there is no usable address
    - the Bindle server takes connections: there is no usable address
    - the Bindle server answers: there is no usable address
    - the Bindle server takes us: there is no usable address
    - the Bindle server's generation: there is no usable address
    - the signing key can be used: there is none
    - Hippo reads this Bindle server: Hippo cannot be asked
    "#);

    // Bound and not listening: a server of another test cannot come to be at this address.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = format!("http://{}/", socket.local_addr().unwrap());
    let told = examine(hippo::Config { url: Some(gone.parse().unwrap()), ..settings(&stack) }).await;
    assert_eq!(failures(&told), [("Hippo takes connections", ErrorKind::Unreachable)]);
}
