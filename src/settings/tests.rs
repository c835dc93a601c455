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
            ("SPIN_DEPLOY_TARGET", "hippo"),
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
    assert_eq!(settings.target.origin, Origin::Variable("SPIN_DEPLOY_TARGET"));
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

/// Files of a project and of its user, with these texts.
struct Dir(tempfile::TempDir);

impl Dir {
    fn with(project: &str, user: &str) -> Dir {
        let directory = Dir(tempfile::tempdir().unwrap());
        std::fs::write(directory.project(), project).unwrap();
        std::fs::write(directory.user(), user).unwrap();
        directory
    }

    fn project(&self) -> PathBuf {
        self.0.path().join("spin-deploy.toml")
    }

    fn user(&self) -> PathBuf {
        self.0.path().join("config.toml")
    }

    fn files(&self) -> Files {
        Files::read(Some(&self.project()), Some(&self.user())).unwrap()
    }

    fn decide(&self, given: &[(Key, &str)], variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        resolve_with(&[flags(given), environment(variables)], &self.files())
    }

    /// A text without the directory's own path.
    fn bare(&self, text: impl ToString) -> String {
        text.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

#[test]
fn flags_beat_variables_beat_the_project_beats_the_user_beats_defaults() {
    let (project, user) = ("[target.hippo]\nchannel = \"project\"\n", "[target.hippo]\nchannel = \"user\"\n");
    let (flag, variable) = ([(Key::Channel, "flag")], [("SPIN_DEPLOY_CHANNEL", "variable")]);
    type Case<'a> = (&'a [(Key, &'a str)], &'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);
    let table: &[Case<'_>] = &[
        (&flag, &variable, project, user, "flag from --channel"),
        (&[], &variable, project, user, "variable from SPIN_DEPLOY_CHANNEL"),
        (&[], &[], project, user, "project from channel in spin-deploy.toml:2"),
        (&[], &[], "", user, "user from channel in config.toml:2"),
        (&[], &[], "[target.hippo]\ndomain = \"x\"", user, "user from channel in config.toml:2"),
        (&[], &[], "", "", "spin-deploy from the default"),
    ];
    for (given, variables, project, user, expected) in table {
        let dir = Dir::with(project, user);
        let Setting { value, origin } = dir.decide(given, variables).unwrap().channel;
        assert_eq!(dir.bare(format!("{value} from {origin}")), *expected);
    }
}

#[test]
fn a_target_is_named_or_a_default_and_knows_its_driver() {
    let project = "default-target = \"here\"\n[target.here]\ndriver = \"local\"\n";
    let user = "default-target = \"staging\"\n[target.staging]\ndriver = \"hippo\"\n";
    type Case<'a> = (&'a [(Key, &'a str)], &'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);
    let named = [(Key::Target, "staging")];
    let table: &[Case<'_>] = &[
        (
            &named,
            &[("SPIN_DEPLOY_TARGET", "here")],
            project,
            user,
            "staging (--target), hippo (driver in config.toml:3)",
        ),
        (
            &[],
            &[("SPIN_DEPLOY_TARGET", "local")],
            project,
            user,
            "local (SPIN_DEPLOY_TARGET), local (SPIN_DEPLOY_TARGET)",
        ),
        (&[], &[], project, user, "here (default-target in spin-deploy.toml:1), local (driver in spin-deploy.toml:3)"),
        (&[], &[], "", user, "staging (default-target in config.toml:1), hippo (driver in config.toml:3)"),
        (&[], &[], "[target.hippo]", "", "hippo (the default), hippo (target.hippo in spin-deploy.toml:1)"),
        (&[], &[], "", "", "hippo (the default), hippo (the default)"),
    ];
    for (given, variables, project, user, expected) in table {
        let dir = Dir::with(project, user);
        let settings = dir.decide(given, variables).unwrap();
        let (target, driver) = (&settings.target, &settings.driver);
        let told = format!("{} ({}), {} ({})", target.value, target.origin, driver.value.kind, driver.origin);
        assert_eq!(dir.bare(told), *expected);
        assert_eq!(settings.local.is_some(), driver.value.kind == "local");
        let config = settings.config(Some(&nowhere()), &Credentials::default());
        assert_eq!(config.name, target.value);
    }
}

#[test]
fn targets_that_cannot_be_chosen_say_what_to_do() {
    let staging = "[target.staging]\ndriver = \"hippo\"\n";
    let table: &[(&str, &str, &str, &str, &str)] = &[
        (
            "stagin",
            staging,
            "",
            "there is no target \"stagin\", which --target names: did you mean staging?",
            "one of these: staging (hippo), hippo (Hippo on Nomad, with a Bindle registry), \
             local (this machine: stores the app and serves it)",
        ),
        (
            "hipo",
            "",
            "",
            "there is no target \"hipo\", which --target names: did you mean hippo?",
            "one of these: hippo (Hippo on Nomad, with a Bindle registry), \
             local (this machine: stores the app and serves it)",
        ),
        (
            "kubernetes",
            "[target.local]",
            "",
            "there is no target \"kubernetes\", which --target names",
            "one of these: hippo (Hippo on Nomad, with a Bindle registry), \
             local (this machine: stores the app and serves it)",
        ),
        (
            "staging",
            staging,
            "[target.staging]\ndriver = \"local\"\n",
            "the target \"staging\" has two drivers: driver in spin-deploy.toml:2 and driver in config.toml:2",
            "correct driver in spin-deploy.toml:2 or driver in config.toml:2, or give one of the targets another name",
        ),
    ];
    for (name, project, user, message, hint) in table {
        let dir = Dir::with(project, user);
        let error = dir.decide(&[(Key::Target, name)], &[]).unwrap_err();
        assert_eq!(dir.bare(&error), *message);
        assert_eq!(dir.bare(error.hints().join("\n")), *hint);
    }
}

#[test]
fn safety_that_the_user_lowered_does_not_hold_for_a_server_that_the_project_names() {
    let project = "[target.hippo]\nhippo-url = \"https://project.example.com\"\n";
    let user = |more: &str| format!("[target.hippo]\ninsecure = true\n{more}");
    let same = user("hippo-url = \"https://project.example.com\"");
    let insecure = |project: &str, user: &str, given: &[(Key, &str)], variables: &[(&str, &str)]| {
        let dir = Dir::with(project, user);
        dir.decide(given, variables).map(|settings| settings.insecure.value).map_err(|error| {
            assert_eq!(error.hints(), ["pass --insecure, or write hippo-url into your own file as well"]);
            dir.bare(error)
        })
    };
    let refused = "insecure in config.toml:2 does not hold for hippo-url in spin-deploy.toml:2: \
                   a project must not lower the safety of its users";
    assert_eq!(insecure(project, &user(""), &[], &[]), Err(refused.to_owned()));
    assert_eq!(insecure(project, &user("hippo-url = \"https://user.example.com\""), &[], &[]), Err(refused.to_owned()));
    assert_eq!(insecure(project, &same, &[], &[]), Ok(true));
    assert_eq!(insecure("", &user(""), &[], &[]), Ok(true));
    assert_eq!(insecure(project, &user(""), &[(Key::Insecure, "true")], &[]), Ok(true));
    assert_eq!(insecure(project, &user(""), &[], &[("HIPPO_URL", "https://mine.example.com")]), Ok(true));
    assert_eq!(insecure(project, "", &[], &[]), Ok(false));
}

#[test]
fn a_variable_that_hides_an_address_of_the_target_is_told() {
    let project = "[target.hippo]\nhippo-url = \"https://file.example.com\"\nchannel = \"file\"\n";
    let notes = |given: &[(Key, &str)], variables: &[(&str, &str)]| {
        let dir = Dir::with(project, "");
        dir.decide(given, variables).unwrap().notes.into_iter().map(|note| dir.bare(note)).collect::<Vec<_>>()
    };
    let (other, same) = (("HIPPO_URL", "https://other.example.com"), ("HIPPO_URL", "https://file.example.com"));
    assert_eq!(notes(&[], &[other]), ["HIPPO_URL is used and not hippo-url in spin-deploy.toml:2"]);
    assert_eq!(notes(&[], &[same, ("SPIN_DEPLOY_CHANNEL", "x")]), [""; 0]);
    assert_eq!(notes(&[(Key::HippoUrl, "https://flag.example.com")], &[other]), [""; 0]);
}

#[test]
fn a_username_in_a_file_is_a_layer_like_others() {
    let dir = Dir::with("[target.hippo]\nhippo-username = \"ada\"\n", "");
    let decided = |variables: &[(&str, &str)]| {
        let settings = dir.decide(&[], variables).unwrap();
        let notes: Vec<String> = settings.notes.iter().map(|note| dir.bare(note)).collect();
        (dir.bare(shown(&settings.credential.unwrap())), notes)
    };
    let origin = "hippo-username in spin-deploy.toml:2";
    assert_eq!(decided(&[("HIPPO_PASSWORD", "p")]), (format!("login ada:p from {origin}"), vec![]));
    let note = format!("HIPPO_TOKEN is used and not {origin}");
    assert_eq!(decided(&[("HIPPO_TOKEN", "t")]), ("token t from HIPPO_TOKEN".to_owned(), vec![note]));
}

#[test]
fn nothing_is_said_until_a_target_or_an_address_is() {
    let first =
        |project: &str, given: &[(Key, &str)]| Dir::with(project, "").decide(given, &[]).unwrap().is_first_contact();
    assert!(first("", &[]) && first("", &[(Key::Channel, "x")]) && first("[target.local]", &[]));
    assert!(!first("", &[(Key::Target, "hippo")]) && !first("", &[(Key::BindleServer, "https://x.example.com/v1")]));
    assert!(!first("default-target = \"hippo\"", &[]));
    assert!(!first("[target.hippo]\nhippo-url = \"https://x.example.com\"", &[]));
}

#[test]
fn the_defaults_that_are_told_are_those_that_count() {
    for kind in ["hippo", "local"] {
        let bare = decide(&[(Key::Target, kind)], &[]).unwrap();
        let keys = Key::ALL.iter().filter(|key| key.target().is_none_or(|target| target == kind));
        let told: Vec<(Key, &str)> = keys.filter_map(|key| Some((*key, key.default()?))).collect();
        let mut said: Vec<(Key, &str)> = told.iter().copied().filter(|(key, _)| *key != Key::Target).collect();
        said.push((Key::Target, kind));
        let said = decide(&said, &[]).unwrap();
        let values = |settings: &Settings| {
            let serving = settings.local.as_ref().map(Local::serving);
            let switches = [&settings.insecure, &settings.allow_insecure_credentials, &settings.no_buildinfo];
            let switches = switches.map(|switch| switch.value);
            (settings.channel.value.clone(), settings.timeout.value, settings.credential_store.value, switches, serving)
        };
        assert_eq!(values(&bare), values(&said), "{told:?}");
    }
    assert_eq!(Key::Target.default(), Some(decide(&[], &[]).unwrap().target.value.as_str()));
    // Every setting with a value when nothing is said tells it, but for the one that only the machine knows.
    let local = decide(&[(Key::Target, "local")], &[]).unwrap().shown;
    let without: Vec<&str> = local.iter().filter(|shown| shown.value.is_none()).map(|shown| shown.key.name()).collect();
    assert_eq!(without, ["name", "ca-cert", "check", "data-dir"]);
}

#[test]
fn what_is_shown_has_origins_and_no_secrets() {
    let dir = Dir::with("[target.hippo]\nchannel = \"canary\"\n", "");
    let settings = dir.decide(&[(Key::Check, "/x?k=hunter2")], &[("HIPPO_TOKEN", "hunter2")]).unwrap();
    assert!(!format!("{:?}", settings.shown).contains("hunter2"));
    let told = |key: Key| {
        let shown = settings.shown.iter().find(|shown| shown.key == key).unwrap();
        dir.bare(format!("{:?} {}", shown.value, shown.origin))
    };
    assert_eq!(told(Key::HippoToken), "Some(\"(set)\") HIPPO_TOKEN");
    assert_eq!(told(Key::Check), "Some(\"/x?…\") --check");
    assert_eq!(told(Key::Channel), "Some(\"canary\") channel in spin-deploy.toml:2");
    assert_eq!(told(Key::Domain), "None the default");
    assert!(!settings.shown.iter().any(|shown| shown.key == Key::DataDir));
}

/// What becomes of a decision: nothing, or the message and the advice.
fn refusal(dir: &Dir, given: &[(Key, &str)], variables: &[(&str, &str)]) -> Option<String> {
    let error = dir.decide(given, variables).err()?;
    Some(format!("{} -> {}", dir.bare(&error), error.hints().join("; ")))
}

#[test]
fn a_projects_authorities_vouch_for_its_own_servers_alone() {
    let project = "[target.hippo]\nca-cert = \"ca.pem\"\nhippo-url = \"https://project.example.com\"\n";
    let user = "[target.hippo]\nbindle-server = \"https://user.example.com/v1\"\n";
    let other = [("HIPPO_URL", "https://other.example.com")];
    let refused = |address: &str| {
        Some(format!(
            "ca-cert in spin-deploy.toml:2 does not hold for {address}: a project must not lower the safety of its users \
             -> name the authorities to trust there: --ca-cert FILE"
        ))
    };
    let alone = Dir::with(project, "");
    assert_eq!(refusal(&alone, &[], &[]), None);
    assert_eq!(refusal(&alone, &[], &other), refused("HIPPO_URL"));
    assert_eq!(refusal(&alone, &[(Key::BindleServer, "https://x.example.com")], &[]), refused("--bindle-server"));
    assert_eq!(refusal(&alone, &[(Key::CaCert, "mine.pem")], &other), None);
    assert_eq!(refusal(&Dir::with(project, user), &[], &[]), refused("bindle-server in config.toml:2"));
}

#[test]
fn a_secret_of_the_environment_is_not_redirected_by_a_project() {
    let table = |url: &str| format!("[target.hippo]\nhippo-url = \"{url}\"\n");
    let project = table("https://project.example.com");
    let (token, password) = ([("HIPPO_TOKEN", "hunter2")], [("HIPPO_PASSWORD", "hunter2")]);
    let contested = Dir::with(&project, &table("https://user.example.com"));
    let refused = |secret: &str| {
        Some(format!(
            "{secret} is sent neither to hippo-url in spin-deploy.toml:2 nor to hippo-url in config.toml:2: they differ, \
             and a project must not redirect it -> pass --hippo-url URL"
        ))
    };
    assert_eq!(refusal(&contested, &[], &token), refused("HIPPO_TOKEN"));
    assert_eq!(refusal(&contested, &[(Key::HippoUsername, "ada")], &password), refused("HIPPO_PASSWORD"));
    // Nothing of the environment's is sent, or the user says where.
    assert_eq!(refusal(&contested, &[], &[]), None);
    assert_eq!(refusal(&contested, &[(Key::HippoToken, "typed")], &token), None);
    assert_eq!(refusal(&contested, &[(Key::HippoUsername, "ada")], &token), None);
    assert_eq!(refusal(&contested, &[(Key::HippoUrl, "https://project.example.com")], &token), None);
    // A pipeline has no file of its user's, or one that says the same.
    assert_eq!(refusal(&Dir::with(&project, ""), &[], &token), None);
    assert_eq!(refusal(&Dir::with(&project, &table("https://project.example.com/")), &[], &token), None);
}

#[test]
fn a_project_does_not_say_both_the_server_and_the_user_of_a_password() {
    let project = "[target.hippo]\nbindle-server = \"https://project.example.com/v1\"\nbindle-username = \"ada\"\n";
    let (password, username) = (("BINDLE_PASSWORD", "hunter2"), ("BINDLE_USERNAME", "bob"));
    let alone = Dir::with(project, "");
    assert_eq!(
        refusal(&alone, &[], &[password]).unwrap(),
        "BINDLE_PASSWORD is not sent to bindle-server in spin-deploy.toml:2 as bindle-username in spin-deploy.toml:3 \
         says: a project must not choose the user of a password -> pass --bindle-username NAME"
    );
    assert_eq!(refusal(&alone, &[], &[password, username]), None);
    assert_eq!(refusal(&alone, &[(Key::BindlePassword, "typed")], &[]), None);
    assert_eq!(refusal(&alone, &[], &[password, ("BINDLE_URL", "https://mine.example.com/v1")]), None);
    let user = "[target.hippo]\nbindle-server = \"https://project.example.com/v1\"\n";
    assert_eq!(refusal(&Dir::with(project, user), &[], &[password]), None);
}

#[test]
fn a_variable_does_not_contradict_the_target_that_the_command_line_names() {
    let project = "[target.staging]\ndriver = \"hippo\"\nhippo-url = \"https://staging.example.com\"\n";
    let dir = Dir::with(project, "");
    let (named, production) = ([(Key::Target, "staging")], ("HIPPO_URL", "https://production.example.com"));
    assert_eq!(
        refusal(&dir, &named, &[production]).unwrap(),
        "HIPPO_URL is another address than hippo-url in spin-deploy.toml:3, and --target names the target \"staging\" \
         -> unset HIPPO_URL, or pass --hippo-url URL"
    );
    assert_eq!(refusal(&dir, &named, &[("HIPPO_URL", "https://staging.example.com/")]), None);
    assert_eq!(refusal(&dir, &[named[0], (Key::HippoUrl, "https://flag.example.com")], &[production]), None);
    let from_a_variable = dir.decide(&[], &[("SPIN_DEPLOY_TARGET", "staging"), production]).unwrap();
    assert_eq!(from_a_variable.notes.len(), 1);
}

#[test]
fn variables_of_another_driver_count_for_nothing() {
    let variables = [
        ("HIPPO_URL", "garbage"),
        ("HIPPO_TOKEN", "t"),
        ("HIPPO_USERNAME", "ada"),
        ("BINDLE_SERVER_URL", "http://new/v1"),
        ("BINDLE_URL", "http://old/v1"),
    ];
    let local = decide(&[(Key::Target, "local")], &variables).unwrap();
    assert!(local.hippo_url.is_none() && local.credential.is_none() && local.notes.is_empty());
    assert!(decide(&[], &variables).is_err());
    let hippo = decide(&[], &[("SPIN_DEPLOY_LISTEN", "garbage"), ("SPIN_DEPLOY_TIMEOUT", "7")]).unwrap();
    assert_eq!(hippo.timeout.value, Duration::from_secs(7));
    // Flags stay, to be refused.
    assert!(
        decide(&[(Key::Target, "local"), (Key::HippoUrl, "https://x.example.com")], &[]).unwrap().hippo_url.is_some()
    );
}
