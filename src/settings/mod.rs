//! What was decided: flag > environment > the project's file > the user's file > default, each value with its origin.
//!
//! `key.rs` lists what can be set, `layer.rs` holds what one place says, `env.rs` is the only reader of the
//! environment, `file/` reads configuration files, `choice.rs` finds the target, `trust.rs`
//! refuses what a project must not do, and [`resolve_with`] decides. Empty
//! variables count as unset.

mod check;
mod choice;
mod duration;
pub mod env;
mod error;
pub mod file;
mod key;
mod layer;
mod local;
mod shown;
mod trust;
mod url;

use std::path::PathBuf;
use std::time::Duration;

use ::url::Url;

use crate::auth::{Credentials, Given, Login, Secret};
use crate::targets::Driver;
use crate::{http, targets};

pub use check::Check;
use choice::Choice;
pub use error::SettingsError;
pub use file::{Configured, FileProblem, Files};
pub use key::{Key, Kind};
pub use layer::{Layer, Layers, Origin, Place, Setting};
pub use local::{Local, Machine};
pub use shown::Shown;
pub use url::UrlProblem;

/// The driver that [`Local`] is for.
const THIS_MACHINE: &str = "local";
/// The channel when nothing else is said (SIP 001).
const DEFAULT_CHANNEL: &str = "spin-deploy";

/// Everything that can be set on more than one layer, decided.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The target's name: a configured one's, or a driver's.
    pub target: Setting<String>,
    /// The target's driver, and what says so.
    pub driver: Setting<&'static Driver>,
    /// The targets that configuration files name.
    pub configured: Vec<Configured>,
    /// The application's name at the target; `None`: the manifest's.
    pub app: Option<Setting<String>>,
    /// Hippo's channel.
    pub channel: Setting<String>,
    /// The channel's domain.
    pub domain: Option<Setting<String>>,
    /// Hippo's address.
    pub hippo_url: Option<Setting<Url>>,
    /// What is said of who we are at Hippo; the origin is the token's, or the username's.
    pub credential: Option<Setting<Given>>,
    /// The Bindle server's address.
    pub bindle_url: Option<Setting<Url>>,
    /// What is said of who we are at the Bindle server; the origin is the username's where there is one.
    pub bindle_login: Option<Setting<Given>>,
    /// The file with the key that signs invoices.
    pub signing_key: Option<Setting<PathBuf>>,
    /// How a channel's domain becomes the application's URL.
    pub app_url: Option<Setting<String>>,
    /// A file with further certificate authorities.
    pub ca_cert: Option<Setting<PathBuf>>,
    /// Whether any certificate will do.
    pub insecure: Setting<bool>,
    /// Whether credentials may go over plain HTTP to other machines.
    pub allow_insecure_credentials: Setting<bool>,
    /// Whether versions stay without build metadata.
    pub no_buildinfo: Setting<bool>,
    /// How long to wait for an answer; zero: not at all.
    pub timeout: Setting<Duration>,
    /// A path of the application that has to answer, too.
    pub check: Option<Setting<Check>>,
    /// Where logins are kept.
    pub credential_store: Setting<CredentialStore>,
    /// Which of the logins that `spin login` of old made is meant.
    pub spin_environment: Option<Setting<String>>,
    /// What serving on this machine needs; `None`: a target of another driver was chosen.
    pub local: Option<Local>,
    /// Everything that means something to the driver, as it may be seen.
    pub shown: Vec<Shown>,
    /// What the user should know about how this was decided.
    pub notes: Vec<String>,
}

/// Where logins are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialStore {
    /// In a file that the user alone can read.
    File,
    /// In the system's keyring.
    Keyring,
}

impl Settings {
    /// Whether nothing says where to deploy to: no target was named, and nothing gives an address.
    pub fn is_first_contact(&self) -> bool {
        self.target.origin == Origin::Default && self.hippo_url.is_none() && self.bindle_url.is_none()
    }

    /// What drivers are made from; `machine` where this machine is the target.
    pub fn config(&self, machine: Option<&Machine>, credentials: &Credentials) -> targets::Config {
        targets::Config {
            name: self.target.value.clone(),
            http: http::Config {
                ca_cert: value(&self.ca_cert),
                insecure: self.insecure.value,
                allow_insecure_credentials: self.allow_insecure_credentials.value,
            },
            hippo: targets::hippo::Config {
                url: value(&self.hippo_url),
                credential: credentials.target.clone(),
                bindle_url: value(&self.bindle_url),
                bindle_login: credentials.registry.clone(),
                signing_key: value(&self.signing_key),
                channel: self.channel.value.clone(),
                domain: value(&self.domain),
                app_url: value(&self.app_url),
            },
            local: self.local.as_ref().zip(machine).and_then(|(local, machine)| local.config(machine)),
        }
    }
}

fn value<T: Clone>(setting: &Option<Setting<T>>) -> Option<T> {
    setting.as_ref().map(|setting| setting.value.clone())
}

/// Decides without configuration files.
pub fn resolve(given: &[Layer]) -> Result<Settings, SettingsError> {
    resolve_with(given, &Files::default())
}

/// Decides. What flags and variables say stands in order of precedence, the highest first; the files follow.
pub fn resolve_with(given: &[Layer], files: &Files) -> Result<Settings, SettingsError> {
    let Choice { target, driver, layers, notes: hidden } = choice::choose(given, files)?;
    let layers = Layers(&layers);
    let mut notes: Vec<String> = layers.notes().map(str::to_owned).chain(hidden).collect();
    // What another driver is not asked for cannot be wrong.
    let local = (driver.value.kind == THIS_MACHINE).then(|| Local::resolve(&layers)).transpose()?;
    let settings = Settings {
        target,
        configured: files.configured(),
        channel: layers.text(Key::Channel)?.unwrap_or(Setting::default_of(DEFAULT_CHANNEL.to_owned())),
        domain: layers.text(Key::Domain)?,
        hippo_url: address(&layers, Key::HippoUrl)?,
        credential: hippo_credential(&layers, &mut notes)?,
        bindle_url: address(&layers, Key::BindleServer)?,
        bindle_login: login(&layers, Key::BindleUsername, Key::BindlePassword)?,
        signing_key: layers.path(Key::SigningKey),
        app_url: layers.text(Key::AppUrl)?,
        ca_cert: layers.path(Key::CaCert),
        insecure: layers.switch(Key::Insecure)?,
        allow_insecure_credentials: layers.switch(Key::AllowInsecureCredentials)?,
        no_buildinfo: layers.switch(Key::NoBuildinfo)?,
        app: layers.text(Key::App)?,
        check: check::decide(&layers)?,
        credential_store: credential_store(&layers)?,
        spin_environment: layers.text(Key::SpinEnvironment)?,
        timeout: duration::timeout(&layers)?,
        local,
        // Only now: what was decided from is known to be fit to be seen.
        shown: shown::all(&layers, driver.value.kind),
        driver,
        notes,
    };
    Ok(settings)
}

/// The name that was probably meant.
fn near<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    /// Names closer than this (Jaro, 0 to 1) are taken for slips.
    const NEAR: f64 = 0.7;
    let name = name.to_lowercase();
    let known = known.into_iter().map(|known| (strsim::jaro(&known.to_lowercase(), &name), known));
    known.filter(|(near, _)| *near >= NEAR).max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, known)| known)
}

/// Decides what serving on this machine needs, and nothing else.
pub fn resolve_local(layers: &[Layer]) -> Result<Local, SettingsError> {
    Local::resolve(&Layers(layers))
}

fn credential_store(layers: &Layers<'_>) -> Result<Setting<CredentialStore>, SettingsError> {
    let Some(Setting { value, origin }) = layers.text(Key::CredentialStore)? else {
        return Ok(Setting::default_of(CredentialStore::File));
    };
    match value.as_str() {
        "file" => Ok(Setting { value: CredentialStore::File, origin }),
        "keyring" => Ok(Setting { value: CredentialStore::Keyring, origin }),
        _ => Err(SettingsError::Unusable { origin, value, why: "is neither file nor keyring", example: "file" }),
    }
}

fn address(layers: &Layers<'_>, key: Key) -> Result<Option<Setting<Url>>, SettingsError> {
    let Some(Setting { value, origin }) = layers.text(key)? else { return Ok(None) };
    match url::parse(&value) {
        Ok(value) => Ok(Some(Setting { value, origin })),
        Err(problem) => Err(SettingsError::Url { origin, problem }),
    }
}

/// A token, or a username and a password: one layer may not say both, and the highest that says either decides.
fn hippo_credential(layers: &Layers<'_>, notes: &mut Vec<String>) -> Result<Option<Setting<Given>>, SettingsError> {
    const LOGIN: [Key; 2] = [Key::HippoUsername, Key::HippoPassword];
    for layer in layers.0 {
        let login = LOGIN.iter().find_map(|key| layer.origin(*key));
        if let (Some(token), Some(login)) = (layer.origin(Key::HippoToken), login) {
            return Err(SettingsError::TokenAndLogin { token, login });
        }
    }
    let says_either = |layer: &&Layer| layer.has(Key::HippoToken) || LOGIN.iter().any(|key| layer.has(*key));
    let Some(deciding) = layers.0.iter().find(says_either) else { return Ok(None) };
    if deciding.has(Key::HippoToken) {
        let Some(token) = layers.text(Key::HippoToken)? else { return Ok(None) };
        notes.extend(overridden(&token.origin, LOGIN.iter().filter_map(|key| layers.origin(*key))));
        return Ok(Some(token.map(|token| Given::Token(Secret::new(token)))));
    }
    let given = login(layers, Key::HippoUsername, Key::HippoPassword)?;
    if let Some(given) = &given {
        notes.extend(overridden(&given.origin, layers.origin(Key::HippoToken)));
    }
    Ok(given)
}

/// A user and a password, or one of them; the origin is the user's where there is one.
fn login(layers: &Layers<'_>, username: Key, password: Key) -> Result<Option<Setting<Given>>, SettingsError> {
    Ok(match (layers.text(username)?, layers.text(password)?) {
        (Some(username), Some(password)) => {
            let password = Secret::new(password.value);
            Some(username.map(|username| Given::Login(Login { username, password })))
        }
        (Some(username), None) => Some(username.map(Given::Username)),
        (None, Some(password)) => Some(password.map(|password| Given::Password(Secret::new(password)))),
        (None, None) => None,
    })
}

/// The note that a higher layer's credential hides others.
fn overridden(used: &Origin, hidden: impl IntoIterator<Item = Origin>) -> Option<String> {
    let hidden: Vec<String> = hidden.into_iter().map(|origin| origin.to_string()).collect();
    if hidden.is_empty() { None } else { Some(format!("{used} is used and not {}", hidden.join(" and "))) }
}

#[cfg(test)]
mod tests;
