//! Tables of layers and what is decided.

use super::env::Environment;
use super::*;

/// Flags by key, as the command line gives them.
fn flags(values: &[(Key, &str)]) -> Layer {
    let mut layer = Layer::default();
    for (key, value) in values {
        layer.set(*key, *value, Origin::Flag(key.flag()));
    }
    layer
}

fn environment(values: &[(&str, &str)]) -> Layer {
    values.iter().copied().collect::<Environment>().layer()
}

fn decide(flags_given: &[(Key, &str)], variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    resolve(&[flags(flags_given), environment(variables)])
}

/// A machine without directories.
fn nowhere() -> Machine {
    Machine { directories: None, runtime: None, program: PathBuf::new(), environment: Vec::new() }
}

/// What a credential is, and where it comes from.
fn shown(credential: &Setting<Given>) -> String {
    let what = match &credential.value {
        Given::Token(token) => format!("token {}", token.expose()),
        Given::Login(login) => format!("login {}:{}", login.username, login.password.expose()),
        Given::Username(username) => format!("user {username}"),
        Given::Password(password) => format!("password {}", password.expose()),
    };
    format!("{what} from {}", credential.origin)
}

#[test]
fn flags_beat_variables_beat_defaults() {
    use Origin::{Default, Flag, Variable};
    let setting = |value: &str, origin| Setting { value: value.to_owned(), origin };
    let channel = |flags: &[(Key, &str)], variables: &[(&str, &str)]| decide(flags, variables).unwrap().channel;

    assert_eq!(channel(&[], &[]), setting("spin-deploy", Default));
    assert_eq!(channel(&[], &[("SPIN_DEPLOY_CHANNEL", "")]), setting("spin-deploy", Default));
    assert_eq!(channel(&[], &[("SPIN_DEPLOY_CHANNEL", "canary")]), setting("canary", Variable("SPIN_DEPLOY_CHANNEL")));
    assert_eq!(
        channel(&[(Key::Channel, "blue")], &[("SPIN_DEPLOY_CHANNEL", "canary")]),
        setting("blue", Flag("--channel"))
    );
}

#[test]
fn every_variable_reaches_its_setting() {
    let settings = decide(
        &[],
        &[
            ("SPIN_DEPLOY_TARGET", "other"),
            ("SPIN_DEPLOY_CHANNEL", "canary"),
            ("HIPPO_URL", "https://hippo.example.com/x"),
            ("HIPPO_USERNAME", "ada"),
            ("HIPPO_PASSWORD", "p1"),
            ("BINDLE_URL", "https://bindle.example.com/v1"),
            ("BINDLE_USERNAME", "bob"),
            ("BINDLE_PASSWORD", "p2"),
            ("SPIN_DEPLOY_SIGNING_KEY", "/keys.toml"),
            ("SPIN_DEPLOY_APP_URL", "https://{domain}"),
            ("SPIN_DEPLOY_CA_CERT", "/ca.pem"),
            ("SPIN_DEPLOY_NO_BUILDINFO", "1"),
        ],
    )
    .unwrap();
    assert_eq!(settings.target.value, "other");
    assert!(settings.no_buildinfo.value);
    let config = settings.config(Some(&nowhere()), &Credentials::default());
    assert_eq!(config.http.ca_cert, Some(PathBuf::from("/ca.pem")));
    assert_eq!(config.hippo.channel, "canary");
    assert_eq!(config.hippo.url.unwrap().as_str(), "https://hippo.example.com/x");
    assert_eq!(config.hippo.bindle_url.unwrap().as_str(), "https://bindle.example.com/v1");
    assert_eq!(shown(&settings.bindle_login.unwrap()), "login bob:p2 from BINDLE_USERNAME");
    assert_eq!(config.hippo.signing_key, Some(PathBuf::from("/keys.toml")));
    assert_eq!(config.hippo.app_url.as_deref(), Some("https://{domain}"));
    assert_eq!(shown(&settings.credential.unwrap()), "login ada:p1 from HIPPO_USERNAME");
}

#[test]
fn the_older_bindle_variable_gives_way_to_the_newer() {
    let decided = |variables: &[(&str, &str)]| {
        let settings = decide(&[], variables).unwrap();
        (settings.bindle_url.unwrap().value.to_string(), settings.notes)
    };
    let (new, old) = (("BINDLE_SERVER_URL", "http://new/v1"), ("BINDLE_URL", "http://old/v1"));
    assert_eq!(decided(&[old]), ("http://old/v1".to_owned(), vec![]));
    assert_eq!(decided(&[new, ("BINDLE_URL", "http://new/v1")]), ("http://new/v1".to_owned(), vec![]));
    assert_eq!(
        decided(&[old, new]),
        (
            "http://new/v1".to_owned(),
            vec!["BINDLE_SERVER_URL and BINDLE_URL differ: BINDLE_SERVER_URL is used".to_owned()]
        )
    );
}

/// Flags, variables; the credential and the notes.
type Case<'a> = (&'a [(Key, &'a str)], &'a [(&'a str, &'a str)], Option<&'a str>, &'a [&'a str]);

#[test]
fn the_highest_layer_that_says_who_we_are_decides() {
    use Key::{HippoPassword as Password, HippoToken as Token, HippoUsername as Username};
    let table: &[Case<'_>] = &[
        (&[], &[], None, &[]),
        (&[(Token, "t")], &[], Some("token t from --hippo-token"), &[]),
        (&[(Token, "t")], &[("HIPPO_TOKEN", "u")], Some("token t from --hippo-token"), &[]),
        (&[], &[("HIPPO_TOKEN", "u")], Some("token u from HIPPO_TOKEN"), &[]),
        (
            &[(Token, "t")],
            &[("HIPPO_USERNAME", "a"), ("HIPPO_PASSWORD", "p")],
            Some("token t from --hippo-token"),
            &["--hippo-token is used and not HIPPO_USERNAME and HIPPO_PASSWORD"],
        ),
        (
            &[(Token, "t")],
            &[("HIPPO_USERNAME", "a")],
            Some("token t from --hippo-token"),
            &["--hippo-token is used and not HIPPO_USERNAME"],
        ),
        (
            &[(Username, "b"), (Password, "q")],
            &[("HIPPO_TOKEN", "u")],
            Some("login b:q from --hippo-username"),
            &["--hippo-username is used and not HIPPO_TOKEN"],
        ),
        (&[(Username, "b")], &[("HIPPO_PASSWORD", "p")], Some("login b:p from --hippo-username"), &[]),
        (
            &[(Username, "b")],
            &[("HIPPO_USERNAME", "a"), ("HIPPO_PASSWORD", "p")],
            Some("login b:p from --hippo-username"),
            &[],
        ),
        (&[(Password, "q")], &[("HIPPO_USERNAME", "a")], Some("login a:q from HIPPO_USERNAME"), &[]),
        (&[(Username, "a")], &[], Some("user a from --hippo-username"), &[]),
        (&[], &[("HIPPO_PASSWORD", "p")], Some("password p from HIPPO_PASSWORD"), &[]),
        (
            &[(Username, "a")],
            &[("HIPPO_TOKEN", "t")],
            Some("user a from --hippo-username"),
            &["--hippo-username is used and not HIPPO_TOKEN"],
        ),
    ];
    for (flags, variables, expected, notes) in table {
        let settings = decide(flags, variables).unwrap();
        assert_eq!(settings.credential.as_ref().map(shown).as_deref(), *expected, "{flags:?} {variables:?}");
        assert_eq!(settings.notes, *notes, "{flags:?} {variables:?}");
    }
}

#[test]
fn what_cannot_be_decided_says_what_to_do() {
    use Key::{HippoPassword, HippoToken, HippoUrl, HippoUsername};
    type Refused<'a> = (&'a [(Key, &'a str)], &'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);
    let table: &[Refused<'_>] = &[
        (
            &[(HippoToken, "t"), (HippoUsername, "a")],
            &[],
            "--hippo-token cannot be used together with --hippo-username",
            &["leave out --hippo-token or --hippo-username"],
        ),
        (
            &[(HippoToken, "t"), (HippoPassword, "p")],
            &[],
            "--hippo-token cannot be used together with --hippo-password",
            &["leave out --hippo-token or --hippo-password"],
        ),
        (
            &[],
            &[("HIPPO_TOKEN", "t"), ("HIPPO_PASSWORD", "p")],
            "HIPPO_TOKEN cannot be used together with HIPPO_PASSWORD",
            &["leave out HIPPO_TOKEN or HIPPO_PASSWORD"],
        ),
        (
            &[],
            &[("SPIN_DEPLOY_NO_BUILDINFO", "maybe")],
            "could not tell whether SPIN_DEPLOY_NO_BUILDINFO means yes or no: \"maybe\"",
            &["SPIN_DEPLOY_NO_BUILDINFO=true", "SPIN_DEPLOY_NO_BUILDINFO=false"],
        ),
        (
            &[(HippoUrl, "localhost:5309")],
            &[],
            "could not use the URL of --hippo-url",
            &["--hippo-url http://localhost:5309"],
        ),
        (
            &[],
            &[("BINDLE_URL", "bindle.example.com/v1")],
            "could not use the URL of BINDLE_URL",
            &["BINDLE_URL=https://bindle.example.com/v1"],
        ),
    ];
    for (flags, variables, message, hints) in table {
        let error = decide(flags, variables).unwrap_err();
        assert_eq!(error.to_string(), *message);
        assert_eq!(error.hints(), *hints);
    }
}

#[cfg(unix)]
#[test]
fn text_that_is_not_unicode_is_refused_by_name_and_a_path_is_not() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(vec![b'/', 0xff]);
    let layer = |name: &str| [(name, bytes())].into_iter().collect::<Environment>().layer();

    let error = resolve(&[layer("HIPPO_TOKEN")]).unwrap_err();
    assert_eq!(error.to_string(), "could not read HIPPO_TOKEN: its value is not UTF-8");
    let settings = resolve(&[layer("SPIN_DEPLOY_CA_CERT")]).unwrap();
    assert_eq!(settings.config(Some(&nowhere()), &Credentials::default()).http.ca_cert, Some(PathBuf::from(bytes())));
}

#[test]
fn settings_do_not_show_secrets() {
    let settings =
        decide(&[(Key::BindlePassword, "hunter2"), (Key::BindleUsername, "b")], &[("HIPPO_TOKEN", "hunter2")]).unwrap();
    assert!(
        !format!("{settings:?} {:?}", settings.config(Some(&nowhere()), &Credentials::default())).contains("hunter2")
    );
}
