//! Accounts at a target and at its registry.

use url::Url;

use super::{Context, TargetError};
use crate::auth::{Credential, Login, Token};

/// A target that wants to know who we are.
#[async_trait::async_trait]
pub trait Accounts: std::fmt::Debug + Send + Sync {
    /// The server that a credential is for.
    fn server(&self) -> &Url;

    /// The registry beside it, where one is configured.
    fn registry(&self) -> Option<&Url>;

    /// Asks for a token. A refused user or password is [`super::ErrorKind::Unauthenticated`].
    async fn log_in(&self, cx: &Context, login: &Login) -> Result<Token, TargetError>;

    /// Makes an account. `by` is an administrator's credential, where only those may.
    async fn register(&self, cx: &Context, login: &Login, by: Option<&Credential>) -> Result<(), TargetError>;

    /// Whether the server takes this credential; a refusal is an error.
    async fn check(&self, cx: &Context, credential: &Credential) -> Result<(), TargetError>;

    /// How the registry takes this login, or nobody.
    async fn check_registry(&self, cx: &Context, login: Option<&Login>) -> Result<Admission, TargetError>;
}

/// How a registry takes us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// We may come in as we are.
    Admitted,
    /// It wants to know who we are, and nothing was said.
    Asked,
    /// It knows no such user, or another password.
    Refused,
}
