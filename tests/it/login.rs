//! `login`, `logout` and `whoami` with the real program. What is asked at a terminal is tested elsewhere.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::program::{Output, Program};
use crate::support::app::App;
use crate::support::bindle::{BindleServer, Generation};
use crate::support::hippo::{self, FakeHippo, RegistrationMode};
use crate::support::stack::{PASSWORD, Stack, USER};

/// A user's home, and the server that the user knows.
struct Home {
    directory: TempDir,
    url: String,
}

impl Home {
    fn of(url: &str) -> Home {
        Home { directory: TempDir::new().unwrap(), url: url.to_owned() }
    }

    /// Without any variable but the home's and those given. Whoever runs the tests at a terminal is not asked there.
    async fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let home = self.directory.path();
        let program = Program::new(home).env("HOME", home.to_str().unwrap()).env("CI", "true").args(args);
        variables.iter().fold(program, |program, (name, value)| program.env(name, value)).run().await
    }

    /// At the server that the user knows, as this user.
    async fn run_as(&self, args: &[&str], username: &str, password: &str) -> Output {
        let login = [("HIPPO_URL", self.url.as_str()), ("HIPPO_USERNAME", username), ("HIPPO_PASSWORD", password)];
        self.run(args, &login).await
    }

    /// At the server that the user knows, as whoever is logged in.
    async fn run_at(&self, args: &[&str]) -> Output {
        self.run(args, &[("HIPPO_URL", &self.url)]).await
    }

    /// What is kept.
    fn kept(&self) -> PathBuf {
        self.directory.path().join(".local/share/spin-deploy/credentials/logins.json")
    }

    /// Writes what another program would.
    fn write(&self, path: &str, content: &str) {
        let path = self.directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A text without what differs from run to run: addresses, times.
    fn plain(&self, text: &str) -> String {
        let text = text.replace(&self.url, "HIPPO").replace(self.directory.path().to_str().unwrap(), "~");
        let words = text.split(' ').map(|word| match word.trim_end_matches(',').parse::<jiff::Timestamp>() {
            Ok(_) if word.ends_with(',') => "TIME,",
            Ok(_) => "TIME",
            Err(_) => word,
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

async fn hippo(mode: RegistrationMode) -> FakeHippo {
    let hippo = FakeHippo::builder().administrator(USER, PASSWORD).registration_mode(mode).start();
    hippo.await.expect("there are free ports")
}

#[tokio::test]
async fn a_login_is_kept_told_and_forgotten() {
    let hippo = hippo(RegistrationMode::Open).await;
    let home = Home::of(hippo.url());
    let nobody = home.run_at(&["whoami"]).await.expect(4);
    insta::assert_snapshot!(home.plain(&nobody.stderr), @r"
    error: no login for HIPPO
      caused by: no login is kept for HIPPO
      try: spin-deploy login --hippo-url HIPPO
      try: in a pipeline set HIPPO_TOKEN, or HIPPO_USERNAME and HIPPO_PASSWORD
    ");
    let login = home.run_as(&["login"], USER, PASSWORD).await.expect(0);
    assert_eq!(login.stdout, "");
    insta::assert_snapshot!(home.plain(&login.stderr), @"logged in: admin at HIPPO until TIME, kept in ~/.local/share/spin-deploy/credentials/logins.json");
    let whoami = home.run_at(&["whoami"]).await.expect(0);
    insta::assert_snapshot!(home.plain(&whoami.stdout), @"admin at HIPPO: accepted until TIME, from ~/.local/share/spin-deploy/credentials/logins.json");
    let all = home.run(&["whoami", "--all"], &[]).await.expect(0);
    insta::assert_snapshot!(home.plain(&all.stdout), @"admin at HIPPO: stored until TIME, from ~/.local/share/spin-deploy/credentials/logins.json");
    let logout = home.run_at(&["logout"]).await.expect(0);
    insta::assert_snapshot!(home.plain(&logout.stderr), @"logged out: HIPPO");
    assert!(!home.kept().exists());
    home.run_at(&["whoami"]).await.expect(4);
    let again = home.run_at(&["logout"]).await.expect(0);
    insta::assert_snapshot!(home.plain(&again.stderr), @"logged out: nothing was stored");
    let none = home.run(&["whoami", "--all"], &[]).await.expect(0);
    insta::assert_snapshot!(home.plain(&format!("{}{}", none.stdout, none.stderr)), @"note: no login is kept in ~/.local/share/spin-deploy/credentials/logins.json");
}

#[tokio::test]
async fn a_refused_login_leaves_what_was_kept() {
    let hippo = hippo(RegistrationMode::Open).await;
    let home = Home::of(hippo.url());
    home.run_as(&["login"], USER, PASSWORD).await.expect(0);
    let kept = fs::read(home.kept()).unwrap();
    home.run_as(&["login"], USER, "wrong").await.expect(4);
    let url = [("HIPPO_URL", hippo.url()), ("HIPPO_TOKEN", "no-token-of-this-hippo")];
    home.run(&["login"], &url).await.expect(4);
    let whoami = home.run(&["whoami"], &url).await.expect(4);
    insta::assert_snapshot!(home.plain(&whoami.stderr), @r"
    error: could not ask Hippo at HIPPO who we are
      caused by: GET HIPPO/api/apps: it answered 401 Unauthorized
      caused by: who you are was taken from HIPPO_TOKEN
      try: spin-deploy login --hippo-url HIPPO
      try: the token is wrong or has run out (Hippo's live 30 minutes): if it came from HIPPO_TOKEN, set that to a new one, or unset it
    ");
    assert_eq!(fs::read(home.kept()).unwrap(), kept);
    home.run_at(&["whoami"]).await.expect(0);
}

#[tokio::test]
async fn a_token_is_kept_when_the_server_takes_it() {
    let hippo = hippo(RegistrationMode::Open).await;
    let home = Home::of(hippo.url());
    let token = hippo.token_of(USER);
    let login = home.run(&["login"], &[("HIPPO_URL", hippo.url()), ("HIPPO_TOKEN", &token)]).await.expect(0);
    insta::assert_snapshot!(home.plain(&login.stderr), @"logged in: a token's user at HIPPO, kept in ~/.local/share/spin-deploy/credentials/logins.json");
    home.run_at(&["whoami"]).await.expect(0);
}

#[tokio::test]
async fn whoever_may_register_is_logged_in_at_once() {
    let hippo = hippo(RegistrationMode::Open).await;
    let home = Home::of(hippo.url());
    let made = home.run_as(&["login", "--register"], "dana", "Dana-Pass1").await.expect(0);
    insta::assert_snapshot!(home.plain(&made.stderr), @"logged in: dana (a new account) at HIPPO until TIME, kept in ~/.local/share/spin-deploy/credentials/logins.json");
    let whoami = home.run_at(&["whoami", "--format", "json"]).await.expect(0);
    assert!(whoami.stdout.contains(r#""username":"dana""#), "{}", whoami.stdout);
    // The server says yes, and stores nothing.
    let other = home.run_as(&["login", "--register"], "DANA", "Dana-Pass1").await.expect(4);
    insta::assert_snapshot!(home.plain(&other.stderr), @r#"
    error: could not log in to Hippo at HIPPO as DANA
      caused by: Account does not exist
      caused by: POST HIPPO/api/auth-tokens: it answered 400 Bad Request: Login failed.; Account does not exist.
      try: there may be an account whose name differs from "DANA" in upper and lower case only: choose another name
    "#);
    let bad = home.run_as(&["login", "--register"], "no name!", "Dana-Pass1").await.expect(2);
    insta::assert_snapshot!(home.plain(&bad.stderr), @r"
    error: could not register no name! at Hippo at HIPPO
      caused by: UserName: The username cannot contain special characters
      try: choose another username, or another password: `spin-deploy login --register`
    ");
    let token = [("HIPPO_URL", hippo.url()), ("HIPPO_TOKEN", "t")];
    let half = home.run(&["login", "--register"], &token).await.expect(2);
    insta::assert_snapshot!(home.plain(&half.stderr), @r"
    error: --register makes an account of a username and a password, and HIPPO_TOKEN is a token
      try: leave out HIPPO_TOKEN
    ");
}

#[tokio::test]
async fn an_administrator_who_is_logged_in_registers_others() {
    let hippo = hippo(RegistrationMode::AdministratorOnly).await;
    let home = Home::of(hippo.url());
    let refused = home.run_as(&["login", "--register"], "dana", "Dana-Pass1").await.expect(4);
    insta::assert_snapshot!(home.plain(&refused.stderr), @r"
    error: could not register dana at Hippo at HIPPO
      caused by: POST HIPPO/api/accounts: it answered 403 Forbidden: Forbidden; only administrators are allowed to register new accounts
      try: ask an administrator of Hippo for an account
      try: as an administrator log in first: spin-deploy login --hippo-url HIPPO
    ");
    home.run_as(&["login"], USER, PASSWORD).await.expect(0);
    home.run_as(&["login", "--register"], "dana", "Dana-Pass1").await.expect(0);
}

#[tokio::test]
async fn a_login_that_its_server_has_forgotten_is_in_no_ones_way_who_registers() {
    let hippo = hippo(RegistrationMode::Open).await;
    let home = Home::of(hippo.url());
    // Of a user that Hippo does not know: it answers every request that bears this with a 500.
    let mut ids = hippo::guid::GuidSource::new(99);
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(20);
    let stale = hippo.issuer().issue(&hippo::Claims { user: ids.next(), id: ids.next(), expires });
    home.run_as(&["login"], USER, PASSWORD).await.expect(0);
    let kept = fs::read_to_string(home.kept()).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&kept).unwrap();
    document["servers"][hippo.url()]["token"]["token"] = stale.into();
    fs::write(home.kept(), document.to_string()).unwrap();
    home.run_as(&["login", "--register"], "dana", "Dana-Pass1").await.expect(0);
}

#[tokio::test]
async fn the_bindle_servers_login_is_kept_beside() {
    let bindle = BindleServer::builder(Generation::V0_8).htpasswd("pusher", "push-pass").start();
    let stack = Stack::of(bindle, hippo::Generation::V0_20).await;
    let home = Home::of(&stack.hippo_url());
    let bindle_url = stack.bindle_url();
    let plain = |text: &str| home.plain(text).replace(bindle_url.trim_end_matches("/v1"), "BINDLE");
    let (hippo_url, url) = (("HIPPO_URL", home.url.as_str()), ("BINDLE_SERVER_URL", bindle_url.as_str()));
    let (user, password) = (("HIPPO_USERNAME", USER), ("HIPPO_PASSWORD", PASSWORD));
    let base = [hippo_url, url, user, password];

    let asked = home.run(&["login"], &base).await.expect(0);
    insta::assert_snapshot!(plain(&asked.stderr), @r"
    warning: the Bindle server at BINDLE/v1 wants to know who you are: set BINDLE_USERNAME and BINDLE_PASSWORD
    logged in: admin at HIPPO until TIME, kept in ~/.local/share/spin-deploy/credentials/logins.json
    ");
    let wrong = [("BINDLE_USERNAME", "pusher"), ("BINDLE_PASSWORD", "wrong")];
    let refused = home.run(&["login"], &[&base[..], &wrong].concat()).await.expect(4);
    insta::assert_snapshot!(plain(&refused.stderr), @r"
    error: the Bindle server at BINDLE/v1 does not take the login of pusher
      caused by: the login at the target is kept all the same
      try: check BINDLE_USERNAME and BINDLE_PASSWORD, and run the same command again
    ");
    home.run(&["whoami"], &base[..1]).await.expect(0);
    let right = [("BINDLE_USERNAME", "pusher"), ("BINDLE_PASSWORD", "push-pass")];
    let taken = home.run(&["login"], &[&base[..], &right].concat()).await.expect(0);
    insta::assert_snapshot!(plain(&taken.stderr), @"logged in: admin at HIPPO until TIME, and at BINDLE/v1, kept in ~/.local/share/spin-deploy/credentials/logins.json");
    // What was kept is used, and kept again.
    home.run(&["login"], &base).await.expect(0);
    let all = home.run(&["whoami", "--all"], &[]).await.expect(0);
    // They stand in the order of their addresses, which differ from run to run.
    let mut lines: Vec<_> = plain(&all.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    insta::assert_snapshot!(lines.join("\n"), @r"
    admin at HIPPO: stored until TIME, from ~/.local/share/spin-deploy/credentials/logins.json
    pusher at BINDLE: stored, from ~/.local/share/spin-deploy/credentials/logins.json
    ");

    let app = App::new("hello");
    let deploy = Program::new(app.path())
        .env("HOME", home.directory.path().to_str().unwrap())
        .env("CI", "true")
        .env("SPIN_DEPLOY_APP_URL", &stack.app_url_template())
        .env("HIPPO_URL", &home.url)
        .env("BINDLE_SERVER_URL", &bindle_url)
        .args(&["--no-wait"]);
    deploy.run().await.expect(0);
    let logout = home.run(&["logout"], &[hippo_url, url]).await.expect(0);
    insta::assert_snapshot!(plain(&logout.stderr), @"logged out: HIPPO, BINDLE");
    assert!(!home.kept().exists());
}

#[tokio::test]
async fn logins_of_other_programs_stay_and_are_told_of() {
    let hippo = hippo(RegistrationMode::Open).await;
    let home = Home::of(hippo.url());
    let token = hippo.token_of(USER);
    let left = serde_json::json!({
        "danger_accept_invalid_certs": false, "username": USER, "url": hippo.url(), "token_info": { "token": token },
    });
    home.write(".config/hippo/hippo.json", &left.to_string());
    let whoami = home.run_at(&["whoami"]).await.expect(0);
    insta::assert_snapshot!(home.plain(&format!("{}{}", whoami.stdout, whoami.stderr)), @r"
    admin at HIPPO: accepted, from ~/.config/hippo/hippo.json
    note: using the login in ~/.config/hippo/hippo.json
    ");
    for args in [&["logout"][..], &["logout", "--all"]] {
        let variables = [("HIPPO_URL", hippo.url())];
        let logout = home.run(args, if args.len() == 1 { &variables } else { &[] }).await.expect(0);
        insta::allow_duplicates! { insta::assert_snapshot!(home.plain(&logout.stderr), @r"
        note: the login for HIPPO in ~/.config/hippo/hippo.json is of another program, and stays
        logged out: nothing was stored
        "); }
    }
    home.run_at(&["whoami"]).await.expect(0);
}

#[tokio::test]
async fn what_is_not_said_or_makes_no_sense_is_refused() {
    let home = Home::of("http://127.0.0.1:9");
    let mut told = String::new();
    for args in [
        &["logout"][..],
        &["logout", "--all", "--hippo-url", "http://127.0.0.1:9"],
        &["login"],
        &["login", "--target", "local"],
        &["logout", "--target", "local"],
        &["whoami", "--target", "local"],
        &["login", "--auth-method", "github", "--hippo-url", "http://127.0.0.1:9"],
    ] {
        let output = home.run(args, &[]).await.expect(2);
        told += &format!("$ {}\n{}", args.join(" "), output.stderr);
    }
    insta::assert_snapshot!(home.plain(&told), @r#"
    $ logout
    error: nothing says which login to forget
      try: that of one server: `spin-deploy logout --hippo-url URL`
      try: all of them: `spin-deploy logout --all`
    $ logout --all --hippo-url HIPPO
    error: the argument '--all' cannot be used with '--hippo-url <URL>'

    Usage: spin-deploy logout --all

    For more information, try '--help'.
    $ login
    error: nothing says where to log in to: no target is configured, and none was given
      try: log in to Hippo: `spin-deploy login --hippo-url URL`
      try: or serve applications on this machine, which needs no login: `spin-deploy --target local`
      try: to say it once and for all, write `default-target = "local"` into spin-deploy.toml beside spin.toml
      try: see what there is: `spin-deploy targets`
    $ login --target local
    error: the target local does not ask who you are
      try: deploy to it right away: `spin-deploy --target local`
    $ logout --target local
    error: the target local does not ask who you are
      try: deploy to it right away: `spin-deploy --target local`
    $ whoami --target local
    error: the target local does not ask who you are
      try: deploy to it right away: `spin-deploy --target local`
    $ login --auth-method github --hippo-url HIPPO
    error: there is no way to log in by "github"
      try: log in as a user: `spin-deploy login`
    "#);
    let nobody = home.run(&["login", "--hippo-url", "http://127.0.0.1:9"], &[]).await.expect(4);
    insta::assert_snapshot!(home.plain(&nobody.stderr), @r"
    error: no login for HIPPO
      caused by: nobody was asked, for CI is set: there is nobody in a pipeline
      try: in a pipeline set HIPPO_TOKEN, or HIPPO_USERNAME and HIPPO_PASSWORD
    ");
    assert!(!home.kept().exists());
}
