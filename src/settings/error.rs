//! Why settings cannot be used.

use std::path::PathBuf;

use super::{FileProblem, Key, Origin, Place, Setting, UrlProblem};

/// A setting that cannot be used. Messages name flags and variables, never the values of secrets.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A value that has to be text is not.
    #[error("could not read {origin}: its value is not UTF-8")]
    NotUnicode { origin: Origin },
    /// An address that cannot be used.
    #[error("could not use the URL of {origin}")]
    Url {
        origin: Origin,
        #[source]
        problem: UrlProblem,
    },
    /// A value that has to mean yes or no does not.
    #[error("could not tell whether {origin} means yes or no: {value:?}")]
    NotASwitch { origin: Origin, value: String },
    /// A value that is no address, size, number or duration, or none that makes sense.
    #[error("could not use {origin}: {value:?} {why}")]
    Unusable { origin: Origin, value: String, why: &'static str, example: &'static str },
    /// Two ways to say who we are, on one layer.
    #[error("{token} cannot be used together with {login}")]
    TokenAndLogin { token: Origin, login: Origin },
    /// A configuration file that is there and cannot be read.
    #[error("could not read {}: {why}", file.display())]
    Unreadable { file: PathBuf, why: String },
    /// A configuration file that holds what means nothing.
    #[error("could not use {}", file.display())]
    UnusableFile {
        file: PathBuf,
        /// What is wrong with it, in its order; never empty.
        problems: Vec<FileProblem>,
    },
    /// A target that is neither configured nor a driver.
    #[error("there is no target {name:?}, which {origin} names{}", did_you_mean(meant))]
    UnknownTarget {
        name: String,
        origin: Origin,
        /// What was probably meant.
        meant: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// The project and the user say different drivers of one target.
    #[error("the target {target:?} has two drivers: {one} and {other}")]
    TwoDrivers { target: String, one: Origin, other: Origin },
    /// The safety was lowered for a server, and another one is used: by the user, and the project names it, or the reverse.
    #[error("{switch} does not hold for {address}: a project must not lower the safety of its users")]
    Lowered { switch: Origin, address: Origin },
    /// A secret of the environment would go where the project says, and the user says another place.
    #[error("{secret} is sent neither to {address} nor to {own}: they differ, and a project must not redirect it")]
    Contested {
        secret: Origin,
        /// The flag that says the address.
        flag: &'static str,
        address: Origin,
        own: Origin,
    },
    /// The project alone says to which server a password of the environment would go, and as whose.
    #[error("{secret} is not sent to {address} as {username} says: a project must not choose the user of a password")]
    Steered {
        secret: Origin,
        /// The flag that says the user.
        flag: &'static str,
        username: Origin,
        address: Origin,
    },
    /// A target is named on the command line, and a variable says another address than its own.
    #[error("{variable} is another address than {address}, and {} names the target {:?}", target.origin, target.value)]
    Contradicted {
        target: Setting<String>,
        variable: Origin,
        /// The flag that says the address.
        flag: &'static str,
        address: Origin,
    },
}

fn did_you_mean(meant: &Option<String>) -> String {
    meant.as_ref().map(|meant| format!(": did you mean {meant}?")).unwrap_or_default()
}

impl SettingsError {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            SettingsError::NotUnicode { origin } => vec![format!("give {origin} a value in UTF-8")],
            SettingsError::Unreadable { file, .. } => vec![format!("make {} readable, or remove it", file.display())],
            // Each problem has advice of its own.
            SettingsError::UnusableFile { .. } => vec!["correct the file, and run the same command again".to_owned()],
            SettingsError::UnknownTarget { known, .. } => vec![format!("one of these: {}", known.join(", "))],
            SettingsError::TwoDrivers { one, other, .. } => {
                vec![format!("correct {one} or {other}, or give one of the targets another name")]
            }
            SettingsError::Lowered { switch, .. } if name_of(switch) == Key::CaCert.name() => {
                vec![format!("name the authorities to trust there: {} FILE", Key::CaCert.flag())]
            }
            SettingsError::Contested { flag, .. } => vec![format!("pass {flag} URL")],
            SettingsError::Steered { flag, .. } => vec![format!("pass {flag} NAME")],
            SettingsError::Contradicted { variable, flag, .. } => {
                vec![format!("unset {variable}, or pass {flag} URL")]
            }
            SettingsError::Lowered { switch, address } => {
                vec![format!("pass --{}, or write {} into your own file as well", name_of(switch), name_of(address))]
            }
            SettingsError::Url { origin, problem } => match problem.example() {
                Some(url) => vec![assign(origin, &url)],
                None => vec![problem.remedy().to_owned()],
            },
            SettingsError::NotASwitch { origin, .. } => vec![assign(origin, "true"), assign(origin, "false")],
            SettingsError::Unusable { origin, example, .. } => vec![assign(origin, example)],
            SettingsError::TokenAndLogin { token, login } => vec![format!("leave out {token} or {login}")],
        }
    }
}

/// The bare name of what a file or a flag sets.
fn name_of(origin: &Origin) -> &str {
    match origin {
        Origin::Flag(name) => name.trim_start_matches('-'),
        Origin::Variable(name) => name,
        Origin::File(Place { key, .. }) => key,
        Origin::Default => "",
    }
}

/// How a value is given where the wrong one came from.
fn assign(origin: &Origin, value: &str) -> String {
    match origin {
        Origin::Flag(flag) => format!("{flag} {value}"),
        Origin::Variable(name) => format!("{name}={value}"),
        Origin::File(Place { key, .. }) => format!("{key} = {value:?}"),
        Origin::Default => value.to_owned(),
    }
}
