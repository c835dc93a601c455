//! Whole files: what they say, and everything that is wrong with them.

use std::ffi::OsStr;

use super::*;
use crate::settings::Key;

fn parse(whose: Whose, text: &str) -> Result<File, SettingsError> {
    read::parse(Path::new("conf/x.toml"), whose, Some(Path::new("own.toml")), text)
}

/// Everything that is wrong with a file, as it is told.
fn problems(whose: Whose, text: &str) -> String {
    let error = parse(whose, text).err().expect("something is wrong with it");
    assert_eq!(error.to_string(), "could not use conf/x.toml");
    let SettingsError::UnusableFile { problems, .. } = error else { panic!("{error}") };
    let line = |problem: &FileProblem| {
        let FileProblem { place, message, hint } = problem;
        let hint = hint.as_ref().map(|hint| format!(" → {hint}")).unwrap_or_default();
        format!("{}: {}: {message}{hint}\n", place.line, place.key)
    };
    problems.iter().map(line).collect()
}

#[test]
fn every_kind_of_value_is_taken() {
    let text = r#"
default-target = "staging"
credential-store = "keyring"

[target.staging]
driver = "hippo"
hippo-url = "https://hippo.example.com"
ca-cert = "certs/ca.pem"
signing-key = "/keys.toml"
insecure = true
no-buildinfo = false
timeout = 90

[target.local]
max-time = "1m 30s"
first-port = 0x1000
"#;
    let file = parse(Whose::User, text).unwrap();
    let origin =
        |line, key: &str| Origin::File(Place { file: Path::new("conf/x.toml").into(), line, key: key.to_owned() });
    let expected = Setting { value: "staging".to_owned(), origin: origin(2, "default-target") };
    assert_eq!(file.default_target, Some(expected));
    assert_eq!(file.top.value(Key::CredentialStore), Some(OsStr::new("keyring")));
    let [staging, local] = file.tables.as_slice() else { panic!("{} tables", file.tables.len()) };
    assert_eq!((staging.name.as_str(), staging.driver.value.kind), ("staging", "hippo"));
    assert_eq!(staging.driver.origin, origin(6, "driver"));
    assert_eq!(staging.place.to_string(), "conf/x.toml:5");
    for (table, key, value, line) in [
        (staging, Key::HippoUrl, "https://hippo.example.com", 7),
        (staging, Key::CaCert, "conf/certs/ca.pem", 8),
        (staging, Key::SigningKey, "/keys.toml", 9),
        (staging, Key::Insecure, "true", 10),
        (staging, Key::NoBuildinfo, "false", 11),
        (staging, Key::Timeout, "90", 12),
        (local, Key::MaxTime, "1m 30s", 15),
        (local, Key::FirstPort, "4096", 16),
    ] {
        assert_eq!(table.layer.value(key), Some(OsStr::new(value)), "{key:?}");
        assert_eq!(table.layer.origin(key), Some(origin(line, key.name())), "{key:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = r#"
defualt-target = "x"
hippo-url = "https://hippo.example.com"
default-target = 7

[target.staging]
driver = "hipo"
hippo-ulr = "https://hippo.example.com"
channel = ""
no-buildinfo = "yes"
timeout = true
domain = ["a"]
hippo_username = "ada"
bindle-server = "bindle.example.com/v1"

[target.other]
channel = "x"

[target.local]
driver = "hippo"

[target.hippo]
first-port = 1
credential-store = "file"
default-target = "hippo"

[target]
far-away = 1
"#;
    insta::assert_snapshot!(problems(Whose::Project, text), @r##"
    2: defualt-target: there is no such key → did you mean `default-target`?
    3: hippo-url: belongs to a target → write it below `[target.hippo]`
    4: default-target: expected a string, found an integer
    7: target.staging.driver: there is no such driver → did you mean `driver = "hippo"`?
    8: target.staging.hippo-ulr: there is no such key → did you mean `hippo-url`?
    9: target.staging.channel: is empty → leave it out
    10: target.staging.no-buildinfo: expected `true` or `false`, found a string
    11: target.staging.timeout: expected a whole number or a string, found a boolean
    12: target.staging.domain: expected a string, found an array
    13: target.staging.hippo_username: there is no such key → did you mean `hippo-username`?
    14: target.staging.bindle-server: could not use the URL: it does not begin with https:// or http:// → bindle-server = "https://bindle.example.com/v1"
    16: target.other: `driver` is missing → `driver = "hippo"` or `driver = "local"`
    20: target.local.driver: a target that is called local cannot have the driver hippo → give the target another name
    23: target.hippo.first-port: means something to the driver local, and this target's is hippo → leave it out
    24: target.hippo.credential-store: does not belong to a target → write it before all tables
    25: target.hippo.default-target: does not belong to a target → write it before all tables
    28: target.far-away: expected a table, found an integer
    "##);
}

#[test]
fn what_does_not_belong_into_a_projects_file() {
    let text = r#"
credential-store = "keyring"
[target.hippo]
insecure = true
allow-insecure-credentials = true
[target.local]
listen = "0.0.0.0"
data-dir = "x"
max-requests = 7
first-port = 4000
"#;
    assert!(parse(Whose::User, text).is_ok());
    insta::assert_snapshot!(problems(Whose::Project, text), @r##"
    2: credential-store: counts in the user's own file only: it is no matter of the project → pass --credential-store, or write it into own.toml
    4: target.hippo.insecure: counts in the user's own file only: a project must not lower the safety of its users → pass --insecure, or write it into own.toml
    5: target.hippo.allow-insecure-credentials: counts in the user's own file only: a project must not lower the safety of its users → pass --allow-insecure-credentials, or write it into own.toml
    7: target.local.listen: counts in the user's own file only: how this machine serves is no matter of the project → set SPIN_DEPLOY_LISTEN, or write it into own.toml
    8: target.local.data-dir: counts in the user's own file only: how this machine serves is no matter of the project → set SPIN_DEPLOY_DATA_DIR, or write it into own.toml
    9: target.local.max-requests: counts in the user's own file only: how this machine serves is no matter of the project → set SPIN_DEPLOY_MAX_REQUESTS, or write it into own.toml
    "##);
}

#[test]
fn secrets_are_refused_and_never_shown() {
    let text = r#"
token = "hunter2"
[target.hippo]
hippo-token = "hunter2"
hippo_password = "hunter2"
bindle-password = "hunter2"
password = 7
my-secret = "hunter2"
hippo-url = "https://ada:hunter2@hippo.example.com"
"#;
    let told = problems(Whose::User, text);
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told, @r##"
    2: token: a secret must not lie in a configuration file → log in with `spin-deploy login`
    4: target.hippo.hippo-token: a secret must not lie in a configuration file → log in with `spin-deploy login`, or set HIPPO_TOKEN
    5: target.hippo.hippo_password: a secret must not lie in a configuration file → log in with `spin-deploy login`, or set HIPPO_PASSWORD
    6: target.hippo.bindle-password: a secret must not lie in a configuration file → log in with `spin-deploy login`, or set BINDLE_PASSWORD
    7: target.hippo.password: a secret must not lie in a configuration file → log in with `spin-deploy login`
    8: target.hippo.my-secret: a secret must not lie in a configuration file → log in with `spin-deploy login`
    9: target.hippo.hippo-url: could not use the URL: it holds a username or a password, which have settings of their own
    "##);
}

#[test]
fn what_is_no_toml_has_a_line_and_shows_no_value() {
    for (text, line) in [
        ("a = 1\n[target.hippo]\nhippo-token = hunter2\n", 3),
        ("hippo-token = \"hunter2\n", 1),
        ("[target.hippo]\nhippo-token = \"\\hunter2\"\n", 2),
        ("hippo-token \"hunter2\"\n", 1),
        ("[target.hippo]\nchannel = \"hunter2\"\nchannel = \"hunter2\"\n", 3),
        ("timeout = 12hunter2\n", 1),
        ("timeout = { hunter2 }\n", 1),
    ] {
        let told = problems(Whose::User, text);
        assert!(told.starts_with(&format!("{line}: : not valid TOML: ")), "{text}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_file_that_is_not_there_says_nothing_and_one_that_cannot_be_read_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.toml");
    let read = || Files::read(Some(&file), None);
    assert!(read().unwrap().configured().is_empty());
    std::fs::write(&file, [0xff]).unwrap();
    let error = read().err().unwrap().to_string();
    assert!(error.starts_with(&format!("could not read {}: ", file.display())), "{error}");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let error = read().err().unwrap().to_string();
    assert_eq!(error, format!("could not read {}: it is no regular file", file.display()));
}

#[test]
fn a_file_is_read_to_its_end_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.toml");
    let comment = |length: u64| std::fs::write(&file, "#".repeat(length.try_into().unwrap())).unwrap();
    comment(LONGEST);
    assert!(Files::read(Some(&file), None).is_ok());
    comment(LONGEST + 1);
    let error = Files::read(Some(&file), None).err().unwrap().to_string();
    assert_eq!(error, format!("could not read {}: it is longer than 1 MiB", file.display()));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.toml");
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    let error = Files::read(None, Some(&file)).err().unwrap().to_string();
    assert_eq!(error, format!("could not read {}: it is no regular file", file.display()));
}
