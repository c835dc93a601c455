//! Who we are: what was said, what is kept, what other programs left, and who can be asked.

use std::path::PathBuf;

use jiff::Timestamp;
use url::Url;

use crate::auth::chain::{self, ChainError, Found, Half, Keeper, Mute, Person, Said};
use crate::auth::{
    Credentials, ForeignError, ForeignLogin, Given, Login, Prompt, PromptError, Record, ServerOrigin, Store,
    StoreError, hippo_cli, spin_login,
};
use crate::event::{Event, Reporter};
use crate::http::SafeUrl;
use crate::settings::env::{Environment, variable_for};
use crate::settings::{CredentialStore, Key, Origin, Setting, Settings};
use crate::targets::Driver;
use crate::ui::Terminal;

use super::args::LoginStoreArgs;
use super::decide::PASSWORD_STDIN;
use super::machine::own_directories;
use super::signals::Impatience;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Whether a person may be asked who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// At the terminal, where there is one and nothing forbids it.
    AtTerminal,
    /// No: what cannot be found is missing.
    Never,
}

/// Where logins are kept, below the user's directory for this program's data.
const DIRECTORY: &str = "credentials";

/// A person at the terminal, or why there is none.
#[derive(Debug, Clone, Copy)]
pub struct Questions(Result<Terminal, Mute>);

impl Questions {
    /// Opens the terminal, where nothing forbids to ask there.
    pub fn new(ask: Ask, login: &LoginStoreArgs, environment: &Environment) -> Questions {
        Questions(match (ask, login.no_input, environment.is_pipeline()) {
            (Ask::Never, ..) => Err(Mute::NeverAsks),
            (_, true, _) => Err(Mute::Forbidden),
            (_, _, true) => Err(Mute::Pipeline),
            _ => Terminal::open().ok_or(Mute::NoTerminal),
        })
    }

    /// Who can be asked.
    pub fn person(&self) -> Person<'_> {
        match &self.0 {
            Ok(terminal) => Ok(terminal as &dyn Prompt),
            Err(mute) => Err(*mute),
        }
    }
}

/// Where logins are kept, and what other programs left.
#[derive(Debug)]
pub struct Logins {
    /// Our own; `None`: no home is known, and nothing can be kept.
    store: Option<Store>,
    /// Whether it is the file.
    is_file: bool,
    /// The user's directory for configuration, of all programs.
    config_dir: Option<PathBuf>,
    /// Which of those that Spin left is meant. Whoever names one wants that one and no other.
    spin_environment: Option<String>,
    /// A keyring may wait for a person for ever, and so may a lock: signals end that.
    _impatience: Impatience,
}

impl Logins {
    /// As the settings have it.
    pub fn new(settings: &Settings) -> Logins {
        let kind = match settings.credential_store.value {
            CredentialStore::File => Store::file,
            CredentialStore::Keyring => Store::keyring,
        };
        let store = own_directories().map(|directories| kind(directories.data_local_dir().join(DIRECTORY)));
        let config_dir = directories::BaseDirs::new().map(|user| user.config_dir().to_owned());
        let spin_environment = settings.spin_environment.as_ref().map(|name| name.value.clone());
        let is_file = settings.credential_store.value == CredentialStore::File;
        Logins { store, is_file, config_dir, spin_environment, _impatience: Impatience::new() }
    }

    /// The file, where the keyring was chosen: what was kept there before is there still.
    pub fn file_beside_keyring(&self) -> Option<Store> {
        let directory = own_directories()?.data_local_dir().join(DIRECTORY);
        (!self.is_file).then(|| Store::file(directory))
    }

    /// Our own, for commands that are about them.
    pub fn store(&self) -> Result<&Store, Failure> {
        self.store.as_ref().ok_or_else(|| {
            Failure::new(ExitCode::Usage, "could not tell where logins are kept: no home is known").hint("set HOME")
        })
    }
}

impl Keeper for Logins {
    fn place(&self) -> String {
        self.store.as_ref().map(Store::place).unwrap_or_default()
    }

    fn kept(&self, server: &ServerOrigin) -> Result<Record, StoreError> {
        if self.spin_environment.is_some() {
            return Ok(Record::default());
        }
        // Where no home is known, a pipeline's container say, nothing is kept, and what is given has to do.
        self.store.as_ref().map_or(Ok(Record::default()), |store| store.read(server))
    }

    fn foreign(&self) -> Vec<Result<ForeignLogin, ForeignError>> {
        let Some(config_dir) = &self.config_dir else { return Vec::new() };
        let spin = spin_login(config_dir, self.spin_environment.as_deref());
        if let Some(name) = &self.spin_environment {
            let absent = || Err(ForeignError::Absent { name: name.clone() });
            return vec![spin.transpose().unwrap_or_else(absent)];
        }
        [hippo_cli(config_dir), spin].into_iter().filter_map(Result::transpose).collect()
    }
}

/// Decides who we are at the target and at its registry; nobody, where the target does not ask.
pub fn find(
    driver: &Driver,
    settings: &Settings,
    login: &LoginStoreArgs,
    ask: Ask,
    environment: &Environment,
    watch: &Watch,
) -> Result<Credentials, Failure> {
    let (Some(_), Some(url)) = (driver.accounts, &settings.hippo_url) else { return Ok(Credentials::default()) };
    let (logins, questions) = (Logins::new(settings), Questions::new(ask, login, environment));
    let mut found = at_target(&url.value, settings, &logins, &questions)?;
    let mut notes = std::mem::take(&mut found.notes);
    let mut registry = None;
    if let Some(url) = &settings.bindle_url {
        let (login, more) = at_registry(&url.value, settings, &logins, &questions)?;
        // What other programs left was looked at twice.
        let new: Vec<String> = more.into_iter().filter(|note| !notes.contains(note)).collect();
        notes.extend(new);
        registry = login;
    }
    for message in notes {
        watch.report(Event::Note { message });
    }
    Ok(Credentials { target: Some(found.credential), registry })
}

/// Decides who we are at the target.
pub fn at_target(url: &Url, settings: &Settings, logins: &Logins, questions: &Questions) -> Result<Found, Failure> {
    let said = settings.credential.as_ref().map(said);
    let found = chain::at_target(&url.into(), said.as_ref(), logins, questions.person(), Timestamp::now());
    found.map_err(|error| failure(error, &TARGET, url))
}

/// Decides who we are at the registry; `None`: nobody. With what the user should know of it.
pub fn at_registry(
    url: &Url,
    settings: &Settings,
    logins: &Logins,
    questions: &Questions,
) -> Result<(Option<Login>, Vec<String>), Failure> {
    let said = settings.bindle_login.as_ref().map(said);
    chain::at_registry(&url.into(), said.as_ref(), logins, questions.person())
        .map_err(|error| failure(error, &REGISTRY, url))
}

/// What was said, and where.
pub fn said(given: &Setting<Given>) -> Said {
    let is_standing = matches!(given.origin, Origin::File(_));
    Said { given: given.value.clone(), origin: given.origin.to_string(), is_standing }
}

/// The settings that say who we are at a server.
pub struct Words {
    token: Option<Key>,
    username: Key,
    password: Key,
    /// The flag that reads the password from standard input.
    password_stdin: Option<&'static str>,
}

/// At the target.
pub const TARGET: Words = Words {
    token: Some(Key::HippoToken),
    username: Key::HippoUsername,
    password: Key::HippoPassword,
    password_stdin: Some(PASSWORD_STDIN),
};

/// At its registry.
pub const REGISTRY: Words =
    Words { token: None, username: Key::BindleUsername, password: Key::BindlePassword, password_stdin: None };

impl Words {
    fn hints(&self, missing: Half) -> Vec<String> {
        let stdin = self.password_stdin.map(|flag| format!(", or pass {flag} and write it to standard input"));
        match missing {
            Half::Username => vec![format!("set {} (or pass {} NAME)", variable(self.username), self.username.flag())],
            Half::Password => vec![format!("set {}{}", variable(self.password), stdin.unwrap_or_default())],
        }
    }
}

/// How to log in at a server once and for all.
pub fn login_command(url: &Url) -> String {
    format!("spin-deploy login --hippo-url {}", SafeUrl::from(url).to_string().trim_end_matches('/'))
}

fn variable(key: Key) -> &'static str {
    variable_for(key).map_or(key.flag(), |variable| variable.name)
}

/// What the user is told where the chain has no answer.
pub fn failure(error: ChainError, words: &Words, url: &Url) -> Failure {
    match error {
        ChainError::Store(error) => error.into(),
        ChainError::Prompt(error @ PromptError::Cancelled) => error.into(),
        ChainError::Prompt(error) => {
            let hints = [Half::Username, Half::Password].map(|missing| words.hints(missing)).concat();
            Failure { hints, ..error.into() }
        }
        ChainError::Half { missing, mute, .. } => {
            let failure = Failure::of(ExitCode::Unauthenticated, &error);
            Failure { causes: silence(mute), hints: words.hints(missing), ..failure }
        }
        ChainError::Nobody { ref seen, mute, .. } => {
            let mut failure = Failure::of(ExitCode::Unauthenticated, &error);
            failure.causes = seen.iter().cloned().chain(silence(mute)).collect();
            failure.hints = vec![login_command(url)];
            if let Some(token) = words.token {
                failure.hints.push(format!(
                    "in a pipeline set {}, or {} and {}",
                    variable(token),
                    variable(words.username),
                    variable(words.password)
                ));
            }
            failure
        }
    }
}

/// Why nobody was asked, in a line.
fn silence(mute: Mute) -> Vec<String> {
    let why = match mute {
        Mute::Forbidden => "nobody was asked, for --no-input forbids it",
        Mute::Pipeline => "nobody was asked, for CI is set: there is nobody in a pipeline",
        Mute::NoTerminal => "nobody could be asked: there is no terminal",
        Mute::NeverAsks => return Vec::new(),
    };
    vec![why.to_owned()]
}
