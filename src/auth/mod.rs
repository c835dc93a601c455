//! Who we are: credentials, where they are kept, and the wrapper that will not print.

pub mod chain;
mod foreign;
mod secret;
mod server;
pub mod shell;
mod store;

use jiff::{SignedDuration, Timestamp};

pub use foreign::{ForeignError, ForeignLogin, hippo_cli, spin_login};
pub use secret::Secret;
pub use server::ServerOrigin;
pub use store::{KeyringTrouble, Record, Store, StoreError, StorePlace};

/// A stored token that runs out sooner than this counts as expired: it has to last for a deployment.
const MARGIN: SignedDuration = SignedDuration::from_secs(120);

/// How to show a server who we are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A bearer token made elsewhere; it cannot be renewed here.
    Token(Secret),
    /// A user whose token is asked for, and asked for again when it runs out.
    Password(Login),
}

/// A user name and its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name, as the server knows it (case matters).
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// What flags and variables say of who we are.
#[derive(Debug, Clone)]
pub enum Given {
    /// A token.
    Token(Secret),
    /// A user with a password.
    Login(Login),
    /// A user; the password has to be asked for.
    Username(String),
    /// A password; its user has to be asked for.
    Password(Secret),
}

/// A token with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token itself.
    pub secret: Secret,
    /// Whose it is, where that is known.
    pub username: Option<String>,
    /// When it runs out; `None`: it does not say.
    pub expires: Option<Timestamp>,
}

impl Token {
    /// Whether it lasts for a deployment that begins now.
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires.duration_since(now) > MARGIN)
    }
}

/// What was decided: who we are at the target, and at its registry. `None`: nobody.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// At the target.
    pub target: Option<Credential>,
    /// At the registry.
    pub registry: Option<Login>,
}

/// Asks a person at a terminal. Never reads standard input, which may be a pipe.
pub trait Prompt: Send + Sync {
    /// Asks for a line. An empty answer means `default`, where there is one.
    fn ask(&self, question: &str, default: Option<&str>) -> Result<String, PromptError>;

    /// Asks for something that is not shown while it is typed.
    fn ask_secret(&self, question: &str) -> Result<Secret, PromptError>;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Ctrl-C and its kin; the terminal is as it was before.
    #[error("cancelled")]
    Cancelled,
    /// The terminal cannot be used.
    #[error("could not ask at the terminal")]
    Terminal(#[source] std::io::Error),
}
