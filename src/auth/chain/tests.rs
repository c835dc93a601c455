//! What the chain decides, as tables.

use std::path::PathBuf;
use std::sync::Mutex;

use url::Url;

use super::*;

const NOW: &str = "2026-08-01T10:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn server() -> ServerOrigin {
    ServerOrigin::from(&Url::parse("https://hippo.example.com/x").unwrap())
}

fn token(secret: &str, username: Option<&str>, expires: Option<&str>) -> Token {
    Token { secret: Secret::new(secret), username: username.map(str::to_owned), expires: expires.map(time) }
}

fn login(username: &str, password: &str) -> Login {
    Login { username: username.to_owned(), password: Secret::new(password) }
}

fn left(file: &str, server: &str, token: Option<Token>) -> ForeignLogin {
    ForeignLogin { file: PathBuf::from(file), server: Url::parse(server).unwrap(), token, registry: None }
}

/// What is kept and left; counts how often it was read.
#[derive(Default)]
struct Drawer {
    record: Record,
    foreign: Vec<ForeignLogin>,
    damaged: bool,
    reads: Mutex<usize>,
}

impl Keeper for Drawer {
    fn place(&self) -> String {
        "logins.json".to_owned()
    }

    fn kept(&self, _server: &ServerOrigin) -> Result<Record, StoreError> {
        *self.reads.lock().unwrap() += 1;
        match self.damaged {
            true => Err(StoreError::NoFile { path: "logins.json".into() }),
            false => Ok(self.record.clone()),
        }
    }

    fn foreign(&self) -> Vec<Result<ForeignLogin, ForeignError>> {
        *self.reads.lock().unwrap() += 1;
        let damaged =
            self.damaged.then(|| Err(ForeignError::Damaged { file: "hippo.json".into(), line: 1, column: 2 }));
        damaged.into_iter().chain(self.foreign.iter().cloned().map(Ok)).collect()
    }
}

/// Answers every question, and remembers them.
#[derive(Default)]
struct Somebody(Mutex<Vec<String>>);

impl Prompt for Somebody {
    fn ask(&self, question: &str, default: Option<&str>) -> Result<String, PromptError> {
        self.0.lock().unwrap().push(format!("{question} {default:?}"));
        Ok(default.unwrap_or("typed").to_owned())
    }

    fn ask_secret(&self, question: &str) -> Result<Secret, PromptError> {
        self.0.lock().unwrap().push(question.to_owned());
        Ok(Secret::new("secret"))
    }
}

fn said(given: Given) -> Said {
    Said { given, origin: "HIPPO_X".to_owned(), is_standing: false }
}

fn shown(found: &Found) -> String {
    let what = match &found.credential {
        Credential::Token(token) => format!("token {}", token.expose()),
        Credential::Password(login) => format!("login {}:{}", login.username, login.password.expose()),
    };
    format!("{what} from {}", found.origin)
}

#[test]
fn what_was_said_counts_and_nothing_else_is_read() {
    let drawer = Drawer { damaged: true, ..Drawer::default() };
    for (given, expected, questions) in [
        (Given::Token(Secret::new("t")), "token t from HIPPO_X", &[][..]),
        (Given::Login(login("ada", "p")), "login ada:p from HIPPO_X", &[]),
        (
            Given::Username("ada".to_owned()),
            "login ada:secret from HIPPO_X",
            &["Password of ada at https://hippo.example.com"],
        ),
        (
            Given::Password(Secret::new("p")),
            "login typed:p from HIPPO_X",
            &["Username at https://hippo.example.com None"],
        ),
    ] {
        let somebody = Somebody::default();
        let found = at_target(&server(), Some(&said(given)), &drawer, Ok(&somebody), time(NOW)).unwrap();
        assert_eq!(shown(&found), expected);
        assert_eq!(*somebody.0.lock().unwrap(), questions);
    }
    assert_eq!(*drawer.reads.lock().unwrap(), 0);
}

#[test]
fn half_a_login_needs_somebody_to_ask() {
    for (given, message) in [
        (
            Given::Username("ada".to_owned()),
            "HIPPO_X is given, but the password for https://hippo.example.com is missing",
        ),
        (
            Given::Password(Secret::new("p")),
            "HIPPO_X is given, but the username for https://hippo.example.com is missing",
        ),
    ] {
        let error =
            at_target(&server(), Some(&said(given)), &Drawer::default(), Err(Mute::NoTerminal), time(NOW)).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(matches!(error, ChainError::Half { mute: Mute::NoTerminal, .. }));
    }
}

#[test]
fn a_user_whom_a_file_names_is_whoever_is_logged_in_by_that_name() {
    let standing = Said { is_standing: true, ..said(Given::Username("ada".to_owned())) };
    let asked = "login ada:secret from HIPPO_X";
    for (said, username, expires, expected) in [
        (&standing, Some("ada"), None, "token kept from logins.json"),
        (&standing, Some("Ada"), None, asked),
        (&standing, None, None, asked),
        (&standing, Some("ada"), Some("2026-08-01T10:01:00Z"), asked),
        (&said(Given::Username("ada".to_owned())), Some("ada"), None, asked),
    ] {
        let token = Some(token("kept", username, expires));
        let drawer = Drawer { record: Record { token, login: None }, ..Drawer::default() };
        let found = at_target(&server(), Some(said), &drawer, Ok(&Somebody::default()), time(NOW)).unwrap();
        assert_eq!(shown(&found), expected, "{said:?} {username:?} {expires:?}");
    }
}

/// What is kept and left; what was found, or what was seen instead.
type Case<'a> = (Option<Token>, Vec<ForeignLogin>, Result<&'a str, Vec<&'a str>>);

#[test]
fn what_is_kept_comes_before_what_others_left_and_both_have_to_last() {
    let (ours, theirs) = ("https://hippo.example.com", "https://other.example.com");
    let kept = |expires| Some(token("kept", Some("ada"), expires));
    let late = Some("2026-08-01T10:30:00Z");
    let table: Vec<Case<'_>> = vec![
        (kept(late), vec![left("hippo.json", ours, kept(late))], Ok("token kept from logins.json")),
        (kept(None), vec![], Ok("token kept from logins.json")),
        (None, vec![left("hippo.json", ours, kept(late))], Ok("token kept from hippo.json")),
        (
            kept(Some("2026-08-01T09:00:00Z")),
            vec![left("a.json", theirs, kept(late)), left("b.json", ours, Some(token("b", None, None)))],
            Ok("token b from b.json"),
        ),
        (None, vec![], Err(vec!["no login is kept for https://hippo.example.com"])),
        (
            kept(Some("2026-08-01T10:02:00Z")),
            vec![left("a.json", theirs, kept(late)), left("b.json", ours, kept(Some("2026-08-01T10:00:00Z")))],
            Err(vec![
                "the token in logins.json runs out at 2026-08-01T10:02:00Z, which is too soon",
                "the login in a.json is for https://other.example.com",
                "the token in b.json ran out at 2026-08-01T10:00:00Z",
            ]),
        ),
    ];
    for (token, foreign, expected) in table {
        let drawer = Drawer { record: Record { token, login: None }, foreign, ..Drawer::default() };
        match (at_target(&server(), None, &drawer, Err(Mute::Pipeline), time(NOW)), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(shown(&found), expected),
            (Err(ChainError::Nobody { seen, mute: Mute::Pipeline, .. }), Err(expected)) => assert_eq!(seen, expected),
            (got, expected) => panic!("{got:?}, not {expected:?}"),
        }
    }
}

#[test]
fn whoever_was_logged_in_last_is_the_default_answer() {
    let token = Some(token("old", Some("ada"), Some("2026-08-01T09:00:00Z")));
    let drawer = Drawer { record: Record { token, login: None }, ..Drawer::default() };
    let somebody = Somebody::default();
    let found = at_target(&server(), None, &drawer, Ok(&somebody), time(NOW)).unwrap();
    assert_eq!(shown(&found), "login ada:secret from the terminal");
    assert_eq!(
        *somebody.0.lock().unwrap(),
        ["Username at https://hippo.example.com Some(\"ada\")", "Password of ada at https://hippo.example.com"]
    );
}

#[test]
fn a_damaged_store_is_an_error_and_what_others_damaged_a_note() {
    let damaged = Drawer { damaged: true, ..Drawer::default() };
    let error = at_target(&server(), None, &damaged, Err(Mute::NeverAsks), time(NOW)).unwrap_err();
    assert!(matches!(error, ChainError::Store(_)));

    let mut search = Search { server: &server(), now: time(NOW), seen: vec![], notes: vec![], username: None };
    assert!(search.left(&damaged).is_none());
    assert_eq!(search.notes, ["could not read the login in hippo.json: it is damaged at line 1, column 2"]);
}

#[test]
fn the_registry_is_told_who_we_are_where_somebody_said_so() {
    let registry = ServerOrigin::from(&Url::parse("https://bindle.example.com/v1").unwrap());
    let name = |said: Option<&Said>, drawer: &Drawer| {
        at_registry(&registry, said, drawer, Err(Mute::NoTerminal)).map(|(login, _)| login.map(|login| login.username))
    };
    let foreign = |url: &str| {
        let registry = Some((Url::parse(url).unwrap(), login("left", "p")));
        vec![ForeignLogin { registry, ..left("config.json", "https://hippo.example.com", None) }]
    };
    let kept = Drawer { record: Record { token: None, login: Some(login("kept", "p")) }, ..Drawer::default() };
    let given = said(Given::Login(login("said", "p")));
    assert_eq!(name(Some(&given), &kept).unwrap().as_deref(), Some("said"));
    assert_eq!(name(None, &kept).unwrap().as_deref(), Some("kept"));
    let same = Drawer { foreign: foreign("https://bindle.example.com/other"), ..Drawer::default() };
    assert_eq!(name(None, &same).unwrap().as_deref(), Some("left"));
    let other = Drawer { foreign: foreign("https://bindle.example.org/v1"), ..Drawer::default() };
    assert_eq!(name(None, &other).unwrap(), None);
    assert!(name(Some(&said(Given::Username("ada".to_owned()))), &kept).is_err());
    assert_eq!(name(Some(&said(Given::Username("kept".to_owned()))), &kept).unwrap().as_deref(), Some("kept"));
}

#[test]
fn what_cannot_be_read_stops_nobody_whose_registry_may_ask_for_nothing() {
    let registry = ServerOrigin::from(&Url::parse("https://bindle.example.com/v1").unwrap());
    let damaged = Drawer { damaged: true, ..Drawer::default() };
    let (login, notes) = at_registry(&registry, None, &damaged, Err(Mute::NoTerminal)).unwrap();
    assert_eq!(login, None);
    assert_eq!(
        notes,
        ["logins.json is no regular file", "could not read the login in hippo.json: it is damaged at line 1, column 2"]
    );
}
