//! Why settings cannot be used.

use super::{Origin, Place, UrlProblem};

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
}

impl SettingsError {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            SettingsError::NotUnicode { origin } => vec![format!("give {origin} a value in UTF-8")],
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

/// How a value is given where the wrong one came from.
fn assign(origin: &Origin, value: &str) -> String {
    match origin {
        Origin::Flag(flag) => format!("{flag} {value}"),
        Origin::Variable(name) => format!("{name}={value}"),
        Origin::File(Place { key, .. }) => format!("{key} = {value:?}"),
        Origin::Default => value.to_owned(),
    }
}
