//! Certificates.

use serde_json::Value;

use super::{
    super::{
        command::{self, Command},
        paging::Filter,
        problem::Failure,
        reply::Reply,
        state::{Certificate, State},
        validation, wire,
    },
    turn::{Outcome, Turn},
};

const PROPERTIES: [&str; 5] = ["Id", "Name", "PublicKey", "PrivateKey", "Channels"];

/// GET /api/certificates
pub fn list(turn: &mut Turn<'_>) -> Outcome {
    let filter = Filter::read(turn.call, 50, &mut turn.model_state);
    turn.send_query()?;
    let mut items: Vec<Value> = turn.server.with(|state| {
        let found = state.certificates.iter().filter(|certificate| certificate.name.contains(&filter.search_text));
        found.map(|certificate| wire::certificate(certificate, channels_of(state, certificate))).collect()
    });
    filter.sort(&mut items, &PROPERTIES)?;
    let total = items.len();
    Ok(Reply::json(&filter.page(filter.cut(items), total)))
}

fn channels_of(state: &State, certificate: &Certificate) -> Vec<Value> {
    let channels = state.channels.iter().filter(|channel| channel.certificate == Some(certificate.id));
    channels.map(|channel| wire::channel_in_list(state, channel)).collect()
}

/// POST /api/certificates
pub fn create(turn: &mut Turn<'_>) -> Outcome {
    let command = turn.read(&command::CREATE_CERTIFICATE);
    let command = validated(turn, command)?;
    let id = turn.server.with(|state| {
        let id = state.next_id();
        let mut certificate =
            Certificate { id, name: String::new(), public_key: String::new(), private_key: String::new() };
        fill(&mut certificate, &command);
        state.certificates.push(certificate);
        id
    });
    Ok(Reply::json(&Value::from(wire::id(id))))
}

/// PUT /api/certificates/{id}
pub fn replace(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    let command = turn.read(&command::UPDATE_CERTIFICATE);
    if command.as_ref().is_some_and(|command| command.id("id") != id) {
        return Ok(turn.framework_problem(400));
    }
    let command = validated(turn, command)?;
    turn.server.with(|state| {
        let certificate = state.certificates.iter_mut().find(|certificate| certificate.id == id);
        fill(certificate.ok_or_else(|| Failure::missing("Certificate", id))?, &command);
        Ok(Reply::empty(204))
    })
}

/// DELETE /api/certificates/{id}
pub fn delete(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    turn.send_query()?;
    turn.server.with(|state| {
        state.certificate(id).map(drop).ok_or_else(|| Failure::missing("Certificate", id))?;
        state.certificates.retain(|certificate| certificate.id != id);
        for channel in state.channels.iter_mut().filter(|channel| channel.certificate == Some(id)) {
            channel.certificate = None;
        }
        Ok(Reply::empty(204))
    })
}

fn validated(turn: &mut Turn<'_>, command: Option<Command>) -> Result<Command, Failure> {
    if let Some(command) = &command {
        let complaints = turn.server.with(|state| validation::certificate(state, command));
        turn.bind(Ok(complaints))?;
    }
    let command = turn.send(command)?;
    Failure::unless_valid(turn.server.with(|state| validation::certificate(state, &command)))?;
    Ok(command)
}

fn fill(certificate: &mut Certificate, command: &Command) {
    let text = |member: &str| command.text(member).unwrap_or_default().to_owned();
    certificate.name = text("name");
    certificate.public_key = text("publicKey");
    certificate.private_key = text("privateKey");
}
