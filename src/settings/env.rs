//! The environment: every variable there is, and the only place that reads them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::{Key, Layer, Origin};

/// A variable that this program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The setting that it gives; `None`: something else, which has a method of [`Environment`].
    pub key: Option<Key>,
    /// What it is for, in a line.
    pub purpose: &'static str,
    /// Whether its value must not be seen.
    pub secret: bool,
}

const NO_COLOR: &str = "NO_COLOR";
const TERM: &str = "TERM";
const SPIN_BIN_PATH: &str = "SPIN_BIN_PATH";
const SPIN_VERSION: &str = "SPIN_VERSION";
const SPIN_DEPLOY_PLUGIN: &str = "SPIN_DEPLOY_PLUGIN";
const SPIN_ALWAYS_BUILD: &str = "SPIN_ALWAYS_BUILD";
const SPIN_DEPLOY_LOG: &str = "SPIN_DEPLOY_LOG";
const CI: &str = "CI";
const GITHUB_OUTPUT: &str = "GITHUB_OUTPUT";
const GITHUB_STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// All variables. Where two give the same setting, the first that is set counts.
pub const VARIABLES: &[Variable] = &[
    setting("SPIN_DEPLOY_TARGET", Key::Target),
    setting("SPIN_DEPLOY_APP", Key::App),
    setting("HIPPO_URL", Key::HippoUrl),
    setting("HIPPO_TOKEN", Key::HippoToken),
    setting("HIPPO_USERNAME", Key::HippoUsername),
    setting("HIPPO_PASSWORD", Key::HippoPassword),
    setting("SPIN_DEPLOY_CHANNEL", Key::Channel),
    setting("SPIN_DEPLOY_APP_URL", Key::AppUrl),
    setting("BINDLE_SERVER_URL", Key::BindleServer),
    again("BINDLE_URL", Key::BindleServer, "the same, as Spin 0.2 to 0.5 call it"),
    setting("BINDLE_USERNAME", Key::BindleUsername),
    setting("BINDLE_PASSWORD", Key::BindlePassword),
    setting("SPIN_DEPLOY_SIGNING_KEY", Key::SigningKey),
    setting("SPIN_DEPLOY_CA_CERT", Key::CaCert),
    setting("SPIN_DEPLOY_NO_BUILDINFO", Key::NoBuildinfo),
    setting("SPIN_DEPLOY_TIMEOUT", Key::Timeout),
    setting("SPIN_DEPLOY_CHECK", Key::Check),
    setting("SPIN_DEPLOY_CREDENTIAL_STORE", Key::CredentialStore),
    setting("FERMYON_DEPLOYMENT_ENVIRONMENT", Key::SpinEnvironment),
    setting("SPIN_DEPLOY_DATA_DIR", Key::DataDir),
    setting("SPIN_DEPLOY_LISTEN", Key::Listen),
    setting("SPIN_DEPLOY_FIRST_PORT", Key::FirstPort),
    setting("SPIN_DEPLOY_MAX_MEMORY", Key::MaxMemory),
    setting("SPIN_DEPLOY_MAX_TIME", Key::MaxTime),
    setting("SPIN_DEPLOY_MAX_REQUESTS", Key::MaxRequests),
    setting("SPIN_DEPLOY_MAX_REQUEST_BODY", Key::MaxRequestBody),
    setting("SPIN_DEPLOY_MAX_RESPONSE_BODY", Key::MaxResponseBody),
    other(NO_COLOR, "anything: no colours"),
    other(TERM, "dumb: neither colours nor moving lines"),
    other(CI, "anything but false: never ask at the terminal"),
    other(GITHUB_OUTPUT, "set by GitHub Actions: the file that takes a step's outputs"),
    other(GITHUB_STEP_SUMMARY, "set by GitHub Actions: the file that takes a step's summary"),
    other(SPIN_ALWAYS_BUILD, "anything but no: build first, as with --build"),
    other(SPIN_BIN_PATH, "set by Spin when it runs this as a plugin: the Spin that builds"),
    other(SPIN_VERSION, "set by Spin when it runs this as a plugin"),
    other(SPIN_DEPLOY_PLUGIN, "the plugin that spin deploy runs; only looked at by doctor"),
    other(SPIN_DEPLOY_LOG, "log records for developers on stderr: off, error, warn, info, debug or trace"),
];

const fn setting(name: &'static str, key: Key) -> Variable {
    again(name, key, key.purpose())
}

const fn again(name: &'static str, key: Key, purpose: &'static str) -> Variable {
    Variable { name, key: Some(key), purpose, secret: key.is_secret() }
}

const fn other(name: &'static str, purpose: &'static str) -> Variable {
    Variable { name, key: None, purpose, secret: false }
}

/// The variable that gives a setting; of two, the one to recommend.
pub fn variable_for(key: Key) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.key == Some(key))
}

/// The variables of the process. Has no `Debug`: it holds secrets as plain text.
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Those of this process.
    pub fn of_process() -> Self {
        Environment(std::env::vars_os().collect())
    }

    /// The settings that it gives.
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        for variable in VARIABLES {
            let (Some(key), Some(value)) = (variable.key, self.get(variable.name)) else { continue };
            match layer.origin(key) {
                None => layer.set(key, value, Origin::Variable(variable.name)),
                Some(first) if variable_for(key).and_then(|first| self.get(first.name)) != Some(value) => {
                    layer.note(key, format!("{first} and {} differ: {first} is used", variable.name));
                }
                Some(_) => {}
            }
        }
        layer
    }

    /// Whether the user wants no colours (no-color.org).
    pub fn no_color(&self) -> bool {
        self.get(NO_COLOR).is_some()
    }

    /// Whether the terminal can do no more than print.
    pub fn dumb_terminal(&self) -> bool {
        self.get(TERM).is_some_and(|term| term == "dumb")
    }

    /// The Spin that runs this as a plugin: a hint, for grandchildren inherit the variable.
    pub fn spin(&self) -> Option<PathBuf> {
        self.get(SPIN_BIN_PATH).map(PathBuf::from)
    }

    /// The version of the Spin that runs this as a plugin.
    pub fn spin_version(&self) -> Option<String> {
        self.get(SPIN_VERSION).map(|version| version.to_string_lossy().into_owned())
    }

    /// The plugin that `spin deploy` runs.
    pub fn deploy_plugin(&self) -> Option<String> {
        self.get(SPIN_DEPLOY_PLUGIN).map(|plugin| plugin.to_string_lossy().into_owned())
    }

    /// Whether to build before every deploy.
    pub fn always_build(&self) -> bool {
        self.get(SPIN_ALWAYS_BUILD).is_some_and(|always| super::layer::truth(&always.to_string_lossy()) != Some(false))
    }

    /// The value of a variable that the user names. Its own variables are this program's affair and no one's else.
    pub fn named(&self, name: &str) -> Option<&OsStr> {
        self.get(name)
    }

    /// Whether this is a pipeline, in which nobody can answer questions.
    pub fn is_pipeline(&self) -> bool {
        self.get(CI).is_some_and(|ci| !ci.eq_ignore_ascii_case("false") && ci != "0")
    }

    /// The file that takes the outputs of a step of GitHub Actions.
    pub fn step_output(&self) -> Option<PathBuf> {
        self.get(GITHUB_OUTPUT).map(PathBuf::from)
    }

    /// The file that takes the summary of a step of GitHub Actions.
    pub fn step_summary(&self) -> Option<PathBuf> {
        self.get(GITHUB_STEP_SUMMARY).map(PathBuf::from)
    }

    /// Which log records developers want.
    pub fn log_filter(&self) -> Option<String> {
        self.get(SPIN_DEPLOY_LOG).map(|filter| filter.to_string_lossy().into_owned())
    }

    /// What a server in the background inherits: where its user's directories are, and which log records are wanted.
    pub fn inherited(&self) -> Vec<(OsString, OsString)> {
        const NAMES: [&str; 5] = ["HOME", "PATH", "TMPDIR", "LANG", SPIN_DEPLOY_LOG];
        let passed_on = |name: &OsStr| {
            NAMES.iter().any(|known| name == *known) || name.to_str().is_some_and(|name| name.starts_with("XDG_"))
        };
        let variables = self.0.iter().filter(|(name, _)| passed_on(name));
        variables.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// A variable's value; an empty one counts as unset.
    fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Environment(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Kept;
    use super::*;

    const DOCUMENTATION: &str = include_str!("../../docs/configuration.md");

    /// The cells after the first one of the row that begins with this flag.
    fn row(flag: &str) -> Vec<String> {
        let rows = DOCUMENTATION.lines().filter(|line| line.starts_with("| "));
        // An escaped bar is part of a cell.
        let mut rows = rows.map(|row| row.replace("\\|", "/").split('|').map(|cell| cell.trim().to_owned()).collect());
        let found = rows.find(|row: &Vec<String>| row[1].contains(&format!("`{flag}`")));
        let mut row = found.unwrap_or_else(|| panic!("{flag} has no row"));
        row.pop();
        row.split_off(2)
    }

    #[test]
    fn the_documentation_tells_every_variable() {
        for variable in VARIABLES {
            assert!(DOCUMENTATION.contains(&format!("`{}`", variable.name)), "{} is not documented", variable.name);
        }
    }

    #[test]
    fn the_documentation_tells_of_every_setting_what_the_code_does() {
        for key in Key::ALL {
            let row = row(key.flag());
            let [variables, file, default, _] = row.as_slice() else { panic!("{row:?}") };
            let names: Vec<&str> = VARIABLES.iter().filter(|known| known.key == Some(*key)).map(|v| v.name).collect();
            let told: Vec<&str> = variables.split('`').skip(1).step_by(2).collect();
            assert_eq!(told, names, "{}", key.flag());
            assert_eq!(variables.contains("(secret)"), key.is_secret(), "{}", key.flag());
            let told_file = match key.in_files() {
                None => "never".to_owned(),
                Some(name) if matches!(key.kept(), Kept::AtUsersTop | Kept::InUsersTables) => {
                    format!("`{name}`, the user's only")
                }
                Some(name) => format!("`{name}`"),
            };
            assert_eq!(*file, told_file, "{}", key.flag());
            match key.default() {
                Some("false") => assert_eq!(default, "no", "{}", key.flag()),
                Some(value) => assert_eq!(*default, format!("`{value}`"), "{}", key.flag()),
                None => assert!(!default.contains('`'), "{}: {default}", key.flag()),
            }
        }
    }

    #[test]
    fn every_secret_has_a_variable() {
        let secrets: Vec<Key> = VARIABLES.iter().filter(|variable| variable.secret).filter_map(|v| v.key).collect();
        assert_eq!(secrets, [Key::HippoToken, Key::HippoPassword, Key::BindlePassword]);
    }

    #[test]
    fn a_server_inherits_no_secrets() {
        let given = ["HIPPO_TOKEN", "HOME", "PATH", "SECRET", "SPIN_DEPLOY_LOG", "SPIN_DEPLOY_TARGET", "XDG_DATA_HOME"];
        let environment: Environment = given.iter().map(|name| (*name, "x")).collect();
        let names: Vec<_> = environment.inherited().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["HOME", "PATH", "SPIN_DEPLOY_LOG", "XDG_DATA_HOME"]);
    }

    #[test]
    fn empty_variables_count_as_unset() {
        let environment: Environment =
            [("NO_COLOR", ""), ("SPIN_BIN_PATH", ""), ("HIPPO_URL", "")].into_iter().collect();
        assert!(!environment.no_color());
        assert_eq!(environment.spin(), None);
        assert!(!environment.layer().has(Key::HippoUrl));
    }
}
