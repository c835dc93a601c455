//! The chain that decides who we are at a server (SIP 001): what was given; then what is kept for this very server; then
//! what other programs left for it; then whatever a person answers.
//!
//! Decides only: what is kept and what was left is read through [`Keeper`], and only when the chain gets that far, so
//! that a damaged file is in nobody's way who does not need it.

use std::fmt;

use jiff::Timestamp;

use super::{
    Credential, ForeignError, ForeignLogin, Given, Login, Prompt, PromptError, Record, Secret, ServerOrigin,
    StoreError, Token,
};

/// Reads what is kept and what was left, for one server.
pub trait Keeper {
    /// Where logins are kept, for messages.
    fn place(&self) -> String;

    /// What `login` has kept for the server.
    fn kept(&self, server: &ServerOrigin) -> Result<Record, StoreError>;

    /// What other programs left, for whatever server, the one to prefer first.
    fn foreign(&self) -> Vec<Result<ForeignLogin, ForeignError>>;
}

/// Why nobody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mute {
    /// The user forbids it.
    Forbidden,
    /// Nobody watches a pipeline.
    Pipeline,
    /// There is no terminal.
    NoTerminal,
    /// The command never asks.
    NeverAsks,
}

/// A person, or why there is none.
pub type Person<'a> = Result<&'a dyn Prompt, Mute>;

/// What was said on the command line, in the environment or in a file, and where.
#[derive(Debug, Clone)]
pub struct Said {
    /// What.
    pub given: Given,
    /// Where, for messages.
    pub origin: String,
    /// Whether it stands in a file: then it is no wish for this run, but says whose login is meant in every run.
    pub is_standing: bool,
}

/// Who we are, and why.
#[derive(Debug, Clone)]
pub struct Found {
    /// What shows it to the server.
    pub credential: Credential,
    /// The user, as far as it is known.
    pub username: Option<String>,
    /// When the token runs out, where it says so.
    pub expires: Option<Timestamp>,
    /// Where it comes from.
    pub origin: String,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Why the chain has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// There is nothing, and nobody to ask.
    #[error("no login for {server}")]
    Nobody {
        /// The server.
        server: ServerOrigin,
        /// What was looked at, and why it would not do.
        seen: Vec<String>,
        /// Why nobody was asked.
        mute: Mute,
    },
    /// A user without a password, and nobody to ask.
    #[error("{given} is given, but the {missing} for {server} is missing")]
    Half {
        /// Where the half that is there comes from.
        given: String,
        /// What is not there.
        missing: Half,
        /// The server.
        server: ServerOrigin,
        /// Why nobody was asked.
        mute: Mute,
    },
    /// Somebody was asked, and did not answer.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// What is kept could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Half of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The user.
    Username,
    /// The password.
    Password,
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Half::Username => "username",
            Half::Password => "password",
        })
    }
}

/// Decides who we are at the target's server.
pub fn at_target(
    server: &ServerOrigin,
    said: Option<&Said>,
    keeper: &dyn Keeper,
    person: Person<'_>,
    now: Timestamp,
) -> Result<Found, ChainError> {
    let mut search = Search { server, now, seen: Vec::new(), notes: Vec::new(), username: None };
    if let Some(said) = said {
        return match search.kept_of(said, keeper)? {
            Some(found) => Ok(found),
            None => given(server, said, person),
        };
    }
    if let Some(found) = search.kept(keeper)? {
        return Ok(found);
    }
    if let Some(found) = search.left(keeper) {
        return Ok(found);
    }
    search.ask(person)
}

/// Decides who we are at the registry, with what the user should know of it. Nobody is fine: many ask for nothing, so that
/// what cannot be read is no reason to stop.
pub fn at_registry(
    server: &ServerOrigin,
    said: Option<&Said>,
    keeper: &dyn Keeper,
    person: Person<'_>,
) -> Result<(Option<Login>, Vec<String>), ChainError> {
    let login = match said {
        None | Some(Said { given: Given::Token(_), .. }) => return Ok(found_for_registry(server, keeper)),
        Some(Said { given: given @ Given::Username(username), origin, .. }) => {
            let kept = keeper.kept(server)?.login.filter(|login| login.username == *username);
            kept.map_or_else(|| login(server, given, origin, person), Ok)?
        }
        Some(Said { given, origin, .. }) => login(server, given, origin, person)?,
    };
    Ok((Some(login), Vec::new()))
}

fn found_for_registry(server: &ServerOrigin, keeper: &dyn Keeper) -> (Option<Login>, Vec<String>) {
    let mut notes = Vec::new();
    match keeper.kept(server) {
        Ok(Record { login: Some(login), .. }) => return (Some(login), notes),
        Ok(_) => {}
        Err(error) => notes.push(error.to_string()),
    }
    for left in keeper.foreign() {
        match left {
            Ok(ForeignLogin { file, registry: Some((url, login)), .. }) if ServerOrigin::from(&url) == *server => {
                notes.push(format!("using the login for {server} in {}", file.display()));
                return (Some(login), notes);
            }
            Ok(_) => {}
            Err(error) => notes.push(error.to_string()),
        }
    }
    (None, notes)
}

/// A user and a password, of which a person may say what is missing.
pub fn login(server: &ServerOrigin, given: &Given, origin: &str, person: Person<'_>) -> Result<Login, ChainError> {
    let half =
        |missing| move |mute| ChainError::Half { given: origin.to_owned(), missing, server: server.clone(), mute };
    match given {
        Given::Login(login) => Ok(login.clone()),
        Given::Username(username) => {
            let person = person.map_err(half(Half::Password))?;
            Ok(Login { username: username.clone(), password: ask_password(server, username, person)? })
        }
        Given::Password(password) => {
            let person = person.map_err(half(Half::Username))?;
            Ok(Login { username: ask_username(server, None, person)?, password: password.clone() })
        }
        Given::Token(_) => Err(ChainError::Half {
            given: origin.to_owned(),
            missing: Half::Username,
            server: server.clone(),
            mute: Mute::NeverAsks,
        }),
    }
}

/// Asks for both.
pub fn ask_login(server: &ServerOrigin, default: Option<&str>, person: &dyn Prompt) -> Result<Login, PromptError> {
    let username = ask_username(server, default, person)?;
    let password = ask_password(server, &username, person)?;
    Ok(Login { username, password })
}

fn ask_username(server: &ServerOrigin, default: Option<&str>, person: &dyn Prompt) -> Result<String, PromptError> {
    person.ask(&format!("Username at {server}"), default)
}

fn ask_password(server: &ServerOrigin, username: &str, person: &dyn Prompt) -> Result<Secret, PromptError> {
    person.ask_secret(&format!("Password of {username} at {server}"))
}

fn given(server: &ServerOrigin, said: &Said, person: Person<'_>) -> Result<Found, ChainError> {
    let (credential, username) = match &said.given {
        Given::Token(token) => (Credential::Token(token.clone()), None),
        given => {
            let login = login(server, given, &said.origin, person)?;
            let username = login.username.clone();
            (Credential::Password(login), Some(username))
        }
    };
    Ok(Found { credential, username, expires: None, origin: said.origin.clone(), notes: Vec::new() })
}

/// A search that has not found anything yet.
struct Search<'a> {
    server: &'a ServerOrigin,
    now: Timestamp,
    /// What was looked at, and why it would not do.
    seen: Vec<String>,
    notes: Vec<String>,
    /// Who was logged in here last.
    username: Option<String>,
}

impl Search<'_> {
    /// The kept login of the very user whom a file names without a password.
    fn kept_of(&mut self, said: &Said, keeper: &dyn Keeper) -> Result<Option<Found>, ChainError> {
        let Given::Username(username) = &said.given else { return Ok(None) };
        if !said.is_standing {
            return Ok(None);
        }
        let token = keeper.kept(self.server)?.token.filter(|token| token.username.as_ref() == Some(username));
        Ok(token.and_then(|token| self.lasting(token, &keeper.place())))
    }

    fn kept(&mut self, keeper: &dyn Keeper) -> Result<Option<Found>, ChainError> {
        let Some(token) = keeper.kept(self.server)?.token else {
            self.seen.push(format!("no login is kept for {}", self.server));
            return Ok(None);
        };
        self.username = token.username.clone();
        Ok(self.lasting(token, &keeper.place()))
    }

    fn left(&mut self, keeper: &dyn Keeper) -> Option<Found> {
        for left in keeper.foreign() {
            match left {
                Ok(left) => {
                    if let Some(found) = self.of_another_program(left) {
                        return Some(found);
                    }
                }
                Err(error) => self.notes.push(error.to_string()),
            }
        }
        None
    }

    fn of_another_program(&mut self, left: ForeignLogin) -> Option<Found> {
        let (file, other) = (left.file.display().to_string(), ServerOrigin::from(&left.server));
        let token = left.token?;
        if other != *self.server {
            self.seen.push(format!("the login in {file} is for {other}"));
            return None;
        }
        self.username = self.username.take().or(token.username.clone());
        let mut found = self.lasting(token, &file)?;
        found.notes.push(format!("using the login in {file}"));
        Some(found)
    }

    fn lasting(&mut self, token: Token, place: &str) -> Option<Found> {
        if let Some(expires) = token.expires.filter(|_| !token.lasts(self.now)) {
            self.seen.push(match expires <= self.now {
                true => format!("the token in {place} ran out at {expires:.0}"),
                false => format!("the token in {place} runs out at {expires:.0}, which is too soon"),
            });
            return None;
        }
        Some(Found {
            credential: Credential::Token(token.secret),
            username: token.username,
            expires: token.expires,
            origin: place.to_owned(),
            notes: std::mem::take(&mut self.notes),
        })
    }

    fn ask(self, person: Person<'_>) -> Result<Found, ChainError> {
        let Search { server, seen, notes, username, .. } = self;
        // What could not be read is among what was looked at.
        let looked_at = || seen.into_iter().chain(notes.iter().cloned()).collect();
        let person = match person {
            Ok(person) => person,
            Err(mute) => return Err(ChainError::Nobody { server: server.clone(), seen: looked_at(), mute }),
        };
        let login = ask_login(server, username.as_deref(), person)?;
        Ok(Found {
            username: Some(login.username.clone()),
            credential: Credential::Password(login),
            expires: None,
            origin: "the terminal".to_owned(),
            notes,
        })
    }
}

#[cfg(test)]
mod tests;
