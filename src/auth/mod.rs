//! Who we are: credentials, and the wrapper that will not print.

mod secret;

pub use secret::Secret;

/// How to show a Hippo server who we are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A bearer token made elsewhere; it cannot be renewed here.
    Token(Secret),
    /// A user whose token is asked for, and asked for again when it runs out.
    Password(Login),
}

/// A user name and its password.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user's name, as the server knows it (case matters).
    pub username: String,
    /// The password.
    pub password: Secret,
}
