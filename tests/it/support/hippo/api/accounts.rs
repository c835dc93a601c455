//! Accounts and tokens.

use serde_json::{Value, json};

use super::{
    super::{RegistrationMode, command, guid::Guid, problem::Failure, reply::Reply, validation, wire},
    turn::{Caller, Outcome, Turn},
};

/// POST /api/accounts
pub fn create(turn: &mut Turn<'_>) -> Outcome {
    let command = turn.read(&command::CREDENTIALS);
    if let Some(command) = &command {
        let complaints = turn.server.with(|state| validation::create_account(state, command));
        turn.bind(Ok(complaints))?;
    }
    let command = turn.send(command)?;
    Failure::unless_valid(turn.server.with(|state| validation::create_account(state, &command)))?;
    check_registration(turn)?;
    let (name, password) = (command.text("userName").unwrap_or(""), command.text("password").unwrap_or(""));
    let id = turn.server.with(|state| {
        // ASP.NET Identity refuses names that are equal but for their case, and its refusal is not looked at.
        let refused = state.users.iter().any(|user| user.name.eq_ignore_ascii_case(name));
        if refused { state.next_id() } else { state.add_user(name, password, false) }
    });
    Ok(text_or_json(turn, id))
}

fn check_registration(turn: &Turn<'_>) -> Result<(), Failure> {
    let is_administrator = turn.caller == Caller::User { administrator: true };
    match turn.server.settings.registration {
        RegistrationMode::Open => Ok(()),
        RegistrationMode::Closed => Err(Failure::Forbidden("registration closed")),
        RegistrationMode::AdministratorOnly if is_administrator => Ok(()),
        RegistrationMode::AdministratorOnly => {
            Err(Failure::Forbidden("only administrators are allowed to register new accounts"))
        }
    }
}

/// A .NET string goes out as bare text unless JSON and nothing else is accepted.
fn text_or_json(turn: &Turn<'_>, id: Guid) -> Reply {
    let accept = turn.call.header("accept").unwrap_or("*/*");
    if accept.contains("*/*") || !accept.contains("application/json") {
        return Reply::empty(200).with_body("text/plain; charset=utf-8", wire::id(id));
    }
    Reply::json(&Value::from(wire::id(id)))
}

/// POST /api/auth-tokens
pub fn create_token(turn: &mut Turn<'_>) -> Outcome {
    let command = turn.read(&command::CREDENTIALS);
    let command = turn.send(command)?;
    let name = command.text("userName").unwrap_or_default();
    let user = turn.server.with(|state| state.user_named(name).cloned());
    let user = user.ok_or(Failure::Login("Account does not exist."))?;
    if command.text("password") != Some(user.password.as_str()) {
        return Err(Failure::Login("Credentials are not valid."));
    }
    let (token, claims) = turn.server.issue_token(user.id);
    Ok(Reply::json(&json!({ "token": token, "expiration": wire::time_utc(claims.expires) })))
}
