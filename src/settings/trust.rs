//! What a project's file must not do: take over what its user trusts
//! (docs/decisions/0015-safety-is-lowered-by-the-user-alone.md).

use super::file::{Files, Whose};
use super::{Key, Layer, Layers, Origin, SettingsError, choice};

/// A server's address, and what says who we are there.
struct Server {
    address: Key,
    token: Option<Key>,
    username: Key,
    password: Key,
}

const SERVERS: [Server; 2] = [
    Server {
        address: Key::HippoUrl,
        token: Some(Key::HippoToken),
        username: Key::HippoUsername,
        password: Key::HippoPassword,
    },
    Server { address: Key::BindleServer, token: None, username: Key::BindleUsername, password: Key::BindlePassword },
];

/// What a target's tables say, below what is given by flags and variables.
struct Sides<'a> {
    given: &'a [Layer],
    project: &'a Layer,
    user: Option<&'a Layer>,
}

/// Refuses what a project's file must not do.
pub(super) fn check(given: &[Layer], files: &Files, target: &str) -> Result<(), SettingsError> {
    let table = |whose: Whose| files.tables(target).find(|table| table.whose == whose).map(|table| &table.layer);
    let Some(project) = table(Whose::Project) else { return Ok(()) };
    let sides = Sides { given, project, user: table(Whose::User) };
    sides.switches()?;
    sides.authorities()?;
    SERVERS.iter().try_for_each(|server| sides.secrets(server))
}

impl Sides<'_> {
    fn is_given(&self, key: Key) -> bool {
        self.given.iter().any(|layer| layer.has(key))
    }

    /// The address that is used because the project says it, and the user does not.
    fn of_the_project_alone(&self, address: Key) -> Option<Origin> {
        let is_users = self.user.is_some_and(|user| choice::same_address(address, self.project, user));
        self.project.origin(address).filter(|_| !is_users && !self.is_given(address))
    }

    /// What the user lowered does not hold for a server that the project alone names.
    fn switches(&self) -> Result<(), SettingsError> {
        let Some(user) = self.user else { return Ok(()) };
        for switch in [Key::Insecure, Key::AllowInsecureCredentials] {
            if self.is_given(switch) || user.value(switch).is_none_or(|on| on != "true") {
                continue;
            }
            let alone = SERVERS.iter().find_map(|server| self.of_the_project_alone(server.address));
            if let (Some(switch), Some(address)) = (user.origin(switch), alone) {
                return Err(SettingsError::Lowered { switch, address });
            }
        }
        Ok(())
    }

    /// The project's authorities do not vouch for a server that it does not name.
    fn authorities(&self) -> Result<(), SettingsError> {
        let Some(switch) = self.project.origin(Key::CaCert).filter(|_| !self.is_given(Key::CaCert)) else {
            return Ok(());
        };
        let of_another = |address: Key| {
            let users = || self.user.filter(|_| !self.project.has(address))?.origin(address);
            Layers(self.given).origin(address).or_else(users)
        };
        match SERVERS.iter().find_map(|server| of_another(server.address)) {
            Some(address) => Err(SettingsError::Lowered { switch, address }),
            None => Ok(()),
        }
    }

    /// A secret of the environment goes to a server that the project names, but for one that takes another's place, and
    /// not as a user that the project names.
    fn secrets(&self, server: &Server) -> Result<(), SettingsError> {
        let (Some(address), Some((key, secret))) =
            (self.of_the_project_alone(server.address), self.secret_of_a_variable(server))
        else {
            return Ok(());
        };
        if let Some(own) = self.user.and_then(|user| user.origin(server.address)) {
            return Err(SettingsError::Contested { secret, flag: server.address.flag(), address, own });
        }
        match self.project.origin(server.username).filter(|_| !self.is_given(server.username)) {
            Some(username) if key == server.password => {
                Err(SettingsError::Steered { secret, flag: server.username.flag(), username, address })
            }
            _ => Ok(()),
        }
    }

    /// The secret that is used and comes from a variable.
    fn secret_of_a_variable(&self, server: &Server) -> Option<(Key, Origin)> {
        let given = Layers(self.given);
        let is_flag = |key: Key| matches!(given.origin(key), Some(Origin::Flag(_)));
        let secrets = || server.token.into_iter().chain([server.password]);
        if secrets().any(is_flag) {
            return None;
        }
        // A flag that says the user hides a token.
        let token = server.token.filter(|_| !is_flag(server.username));
        token.into_iter().chain([server.password]).find_map(|key| Some((key, given.origin(key)?)))
    }
}
