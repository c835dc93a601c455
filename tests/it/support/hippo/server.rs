//! The server's parts in one place; every lock is held for a short look only.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use super::{
    Generation, RegistrationMode,
    bindle_client::BindleClient,
    clock::Clock,
    faults::Faults,
    guid::Guid,
    nomad::Nomad,
    state::State,
    token::{Claims, Issuer, LIFETIME, Refusal},
};

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub generation: Generation,
    pub platform_domain: String,
    pub registration: RegistrationMode,
    pub issuer: Issuer,
}

/// What stands before the API: faults, the log of requests, tokens that a test let expire.
#[derive(Debug, Default)]
pub struct Door {
    pub faults: Faults,
    pub requests: Vec<(String, String)>,
    issued: Vec<Guid>,
    expired: HashSet<Guid>,
    expire_after: Option<usize>,
}

impl Door {
    /// All tokens issued so far expire once `requests` more of them were accepted.
    pub fn expire_tokens_after(&mut self, requests: usize) {
        self.expire_after = Some(requests);
    }

    fn admits(&mut self, token: Guid) -> bool {
        match self.expire_after {
            Some(0) => {
                self.expired.extend(self.issued.drain(..));
                self.expire_after = None;
            }
            Some(left) => self.expire_after = Some(left - 1),
            None => {}
        }
        !self.expired.contains(&token)
    }
}

/// Everything that a handler may need.
#[derive(Debug)]
pub struct Server {
    pub settings: Settings,
    pub bindle: BindleClient,
    pub nomad: Nomad,
    pub clock: Clock,
    state: Mutex<State>,
    door: Mutex<Door>,
}

impl Server {
    /// A server with these parts.
    pub fn new(settings: Settings, bindle: BindleClient, nomad: Nomad, clock: Clock, state: State) -> Self {
        Self { settings, bindle, nomad, clock, state: Mutex::new(state), door: Mutex::default() }
    }

    /// Looks at the rows, or changes them; one call is one transaction.
    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at what stands before the API.
    pub fn door<T>(&self, look: impl FnOnce(&mut Door) -> T) -> T {
        look(&mut self.door.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A token for a user, and when it expires: half an hour from now in whole seconds.
    pub fn issue_token(&self, user: Guid) -> (String, Claims) {
        let expires = self.clock.now() + LIFETIME;
        let expires = jiff::Timestamp::from_second(expires.as_second()).unwrap_or(expires);
        let claims = Claims { user, id: self.with(|state| state.next_id()), expires };
        self.door(|door| door.issued.push(claims.id));
        (self.settings.issuer.issue(&claims), claims)
    }

    /// Checks a token.
    pub fn check_token(&self, token: &str) -> Result<Claims, Refusal> {
        let claims = self.settings.issuer.check(token, self.clock.now())?;
        if self.door(|door| door.admits(claims.id)) { Ok(claims) } else { Err(Refusal::expired(claims.expires)) }
    }
}
