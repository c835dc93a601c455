//! Turns request bodies into commands as MVC does with Newtonsoft's reader, its complaints included.
//!
//! Facts: the transcripts `accounts-and-tokens`, `channel-patch`, `channel-validation` and `desired-status`; member
//! lists from `deislabs/hippo src/Application/**/Commands/*.cs@v0.20.2`. Messages for mistakes that no transcript shows are made in the same manner.

use std::collections::BTreeMap;

use super::{
    guid::Guid,
    json_text::{self, Json, Located, Malformed, Position},
    problem::{Messages, complain},
    state,
};

/// What a member may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Id,
    OptionalId,
    /// A .NET enum: its type and its names.
    Enum(&'static str, &'static [(&'static str, i64)]),
    Variables,
}

/// The members of a command and its .NET type.
#[derive(Debug)]
pub struct Shape {
    pub type_name: &'static str,
    pub members: &'static [(&'static str, Kind)],
}

const STRATEGY: Kind = Kind::Enum(
    "Hippo.Core.Enums.ChannelRevisionSelectionStrategy",
    &[("UseRangeRule", state::USE_RANGE_RULE), ("UseSpecifiedRevision", state::USE_SPECIFIED_REVISION)],
);
const DESIRED_STATUS: Kind =
    Kind::Enum("Hippo.Core.Enums.DesiredStatus", &[("Running", state::DESIRED_RUNNING), ("Dead", state::DESIRED_DEAD)]);

/// POST /api/accounts and POST /api/auth-tokens.
pub const CREDENTIALS: Shape = Shape {
    type_name: "Hippo.Application.Accounts.Commands.CreateTokenCommand",
    members: &[("userName", Kind::Text), ("password", Kind::Text)],
};
/// POST /api/apps.
pub const CREATE_APP: Shape = Shape {
    type_name: "Hippo.Application.Apps.Commands.CreateAppCommand",
    members: &[("name", Kind::Text), ("storageId", Kind::Text)],
};
/// PUT /api/apps/{id}.
pub const UPDATE_APP: Shape = Shape {
    type_name: "Hippo.Application.Apps.Commands.UpdateAppCommand",
    members: &[("id", Kind::Id), ("name", Kind::Text)],
};
/// POST /api/revisions.
pub const REGISTER_REVISION: Shape = Shape {
    type_name: "Hippo.Application.Revisions.Commands.RegisterRevisionCommand",
    members: &[("appStorageId", Kind::Text), ("revisionNumber", Kind::Text)],
};
/// POST /api/channels.
pub const CREATE_CHANNEL: Shape = Shape {
    type_name: "Hippo.Application.Channels.Commands.CreateChannelCommand",
    members: &[
        ("appId", Kind::Id),
        ("name", Kind::Text),
        ("domain", Kind::Text),
        ("revisionSelectionStrategy", STRATEGY),
        ("rangeRule", Kind::Text),
        ("activeRevisionId", Kind::OptionalId),
        ("certificateId", Kind::OptionalId),
    ],
};
/// PUT /api/channels/{id}.
pub const UPDATE_CHANNEL: Shape = Shape {
    type_name: "Hippo.Application.Channels.Commands.UpdateChannelCommand",
    members: &[
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("domain", Kind::Text),
        ("revisionSelectionStrategy", STRATEGY),
        ("rangeRule", Kind::Text),
        ("activeRevisionId", Kind::OptionalId),
        ("certificateId", Kind::OptionalId),
    ],
};
/// PATCH /api/channels/{id}.
pub const PATCH_CHANNEL: Shape = Shape {
    type_name: "Hippo.Application.Channels.Commands.PatchChannelCommand",
    members: &[
        ("environmentVariables", Kind::Variables),
        ("name", Kind::Text),
        ("domain", Kind::Text),
        ("revisionSelectionStrategy", STRATEGY),
        ("rangeRule", Kind::Text),
        ("activeRevisionId", Kind::OptionalId),
        ("certificateId", Kind::OptionalId),
    ],
};
/// PUT /api/channels/{channelId}/desired-status.
pub const UPDATE_DESIRED_STATUS: Shape = Shape {
    type_name: "Hippo.Application.Channels.Commands.UpdateDesiredStatusCommand",
    members: &[("channelId", Kind::Id), ("desiredStatus", DESIRED_STATUS)],
};
/// POST /api/certificates.
pub const CREATE_CERTIFICATE: Shape = Shape {
    type_name: "Hippo.Application.Certificates.Commands.CreateCertificateCommand",
    members: &[("name", Kind::Text), ("publicKey", Kind::Text), ("privateKey", Kind::Text)],
};
/// PUT /api/certificates/{id}.
pub const UPDATE_CERTIFICATE: Shape = Shape {
    type_name: "Hippo.Application.Certificates.Commands.UpdateCertificateCommand",
    members: &[("id", Kind::Id), ("name", Kind::Text), ("publicKey", Kind::Text), ("privateKey", Kind::Text)],
};

/// A member's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Text(String),
    Id(Guid),
    Number(i64),
    Variables(Vec<(String, String)>),
}

/// A command that was read; a member that was absent is absent here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command(BTreeMap<&'static str, Value>);

impl Command {
    /// Whether the member was in the body, be it null.
    pub fn has(&self, member: &str) -> bool {
        self.0.contains_key(member)
    }

    /// A text; null and absent are alike.
    pub fn text(&self, member: &str) -> Option<&str> {
        match self.0.get(member) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An id; null and absent are alike.
    pub fn optional_id(&self, member: &str) -> Option<Guid> {
        match self.0.get(member) {
            Some(Value::Id(id)) => Some(*id),
            _ => None,
        }
    }

    /// An id that defaults to the zero GUID.
    pub fn id(&self, member: &str) -> Guid {
        self.optional_id(member).unwrap_or_default()
    }

    /// An enum's number; an absent one is 0.
    pub fn number(&self, member: &str) -> i64 {
        match self.0.get(member) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }

    /// The variables; null is none.
    pub fn variables(&self, member: &str) -> &[(String, String)] {
        match self.0.get(member) {
            Some(Value::Variables(variables)) => variables,
            _ => &[],
        }
    }
}

/// Reads a body. When anything is wrong the command is null and the model state says why.
pub fn read(body: &[u8], shape: &Shape, model_state: &mut Messages) -> Option<Command> {
    let mut complaints = Messages::new();
    let command = read_command(&String::from_utf8_lossy(body), shape, &mut complaints);
    let command = command.filter(|_| complaints.is_empty());
    if command.is_none() {
        complain(&mut complaints, "command", "The command field is required.");
    }
    for (member, messages) in complaints {
        model_state.entry(member).or_default().extend(messages);
    }
    command
}

fn read_command(text: &str, shape: &Shape, complaints: &mut Messages) -> Option<Command> {
    if text.trim().is_empty() || text.trim() == "null" {
        complain(complaints, "", "A non-empty request body is required.");
        return None;
    }
    match json_text::read(text) {
        Ok(Located { json: Json::Object(members), .. }) => {
            let mut command = Command::default();
            for member in &members {
                let known = shape.members.iter().find(|(name, _)| name.eq_ignore_ascii_case(&member.name));
                if let Some((name, kind)) = known {
                    let read = read_member(&member.name, *kind, &member.value, complaints);
                    command.0.extend(read.map(|value| (*name, value)));
                }
            }
            Some(command)
        }
        Ok(Located { json: Json::List(_), start, .. }) => {
            complain(complaints, "", not_an_object(shape.type_name, start));
            None
        }
        Ok(other) => {
            complain(complaints, "", located(&conversion(&other, shape.type_name), "", other.end));
            None
        }
        Err(Malformed { message, at }) => {
            complain(complaints, "", located(&message, "", at));
            None
        }
    }
}

fn located(message: &str, path: &str, at: Position) -> String {
    format!("{message} Path '{path}', line {}, position {}.", at.line, at.column)
}

fn conversion(value: &Located, type_name: &str) -> String {
    let shown = match &value.json {
        Json::Null => "{null}".to_owned(),
        Json::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        Json::Number(number) => number.clone(),
        Json::Text(text) => format!("\"{text}\""),
        Json::List(_) | Json::Object(_) => "a structure".to_owned(),
    };
    format!("Error converting value {shown} to type '{type_name}'.")
}

fn not_an_object(type_name: &str, at: Position) -> String {
    let message = format!(
        "Cannot deserialize the current JSON array (e.g. [1,2,3]) into type '{type_name}' because the type requires a \
         JSON object (e.g. {{\"name\":\"value\"}}) to deserialize correctly.\nTo fix this error either change the JSON \
         to a JSON object (e.g. {{\"name\":\"value\"}}) or change the deserialized type to an array or a type that \
         implements a collection interface (e.g. ICollection, IList) like List<T> that can be deserialized from a JSON \
         array. JsonArrayAttribute can also be added to the type to force it to deserialize from a JSON array.\n"
    );
    format!("{message}Path '', line {}, position {}.", at.line, at.column)
}

fn not_a_primitive(path: &str, at: Position) -> String {
    let message = "Cannot deserialize the current JSON object (e.g. {\"name\":\"value\"}) into type 'System.String' \
         because the type requires a JSON primitive value (e.g. string, number, boolean, null) to deserialize \
         correctly.\nTo fix this error either change the JSON to a JSON primitive value (e.g. string, number, boolean, \
         null) or change the deserialized type so that it is a normal .NET type (e.g. not a primitive type like \
         integer, not a collection type like an array or List<T>) that can be deserialized from a JSON object. \
         JsonObjectAttribute can also be added to the type to force it to deserialize from a JSON object.\n";
    format!("{message}Path '{path}', line {}, position {}.", at.line, at.column)
}

fn read_member(path: &str, kind: Kind, value: &Located, complaints: &mut Messages) -> Option<Value> {
    let converted = match kind {
        Kind::Text => return read_text(path, value, complaints),
        Kind::Variables => return read_variables(path, value, complaints),
        Kind::Id => as_id(value).ok_or("System.Guid".to_owned()),
        Kind::OptionalId => as_optional_id(value).ok_or("System.Nullable`1[System.Guid]".to_owned()),
        Kind::Enum(type_name, names) => as_enum(value, names).ok_or(type_name.to_owned()),
    };
    match converted {
        Ok(value) => Some(value),
        Err(type_name) => {
            complain(complaints, path, located(&conversion(value, &type_name), path, value.end));
            None
        }
    }
}

fn as_id(value: &Located) -> Option<Value> {
    match &value.json {
        Json::Text(text) => Guid::parse(text).map(Value::Id),
        _ => None,
    }
}

fn as_optional_id(value: &Located) -> Option<Value> {
    match &value.json {
        Json::Null => Some(Value::Null),
        Json::Text(text) if text.is_empty() => Some(Value::Null),
        _ => as_id(value),
    }
}

/// Names without regard to case, and any integer, declared or not.
fn as_enum(value: &Located, names: &[(&str, i64)]) -> Option<Value> {
    let (Json::Text(text) | Json::Number(text)) = &value.json else { return None };
    let named = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, number)| *number);
    named.or_else(|| text.parse().ok()).map(Value::Number)
}

fn read_text(path: &str, value: &Located, complaints: &mut Messages) -> Option<Value> {
    match &value.json {
        Json::Null => Some(Value::Null),
        Json::Text(text) => Some(Value::Text(text.clone())),
        Json::Number(number) => Some(Value::Text(number.clone())),
        Json::Bool(value) => Some(Value::Text(value.to_string())),
        Json::List(_) => {
            let message = "Unexpected character encountered while parsing value: [.";
            complain(complaints, path, located(message, path, value.start));
            let message = "JsonToken EndArray is not valid for closing JsonType Object.";
            complain(complaints, "", located(message, "", value.end));
            None
        }
        Json::Object(members) => {
            complain_of_object(path, value, members.first(), complaints);
            None
        }
    }
}

/// What a wrapped value (`{"value": …}`) brings: two complaints under the path of its first member.
fn complain_of_object(path: &str, value: &Located, first: Option<&json_text::Member>, complaints: &mut Messages) {
    let Some(first) = first else {
        return complain(complaints, path, not_a_primitive(path, value.end));
    };
    let inner = format!("{path}.{}", first.name);
    complain(complaints, &inner, not_a_primitive(&inner, first.colon));
    let token = match first.value.json {
        Json::Null => "Null",
        Json::Bool(_) => "Boolean",
        Json::Number(_) => "Integer",
        Json::Text(_) => "String",
        Json::List(_) => "StartArray",
        Json::Object(_) => "StartObject",
    };
    let message = format!("Unexpected token when deserializing object: {token}.");
    complain(complaints, &inner, located(&message, &inner, first.value.end));
}

fn read_variables(path: &str, value: &Located, complaints: &mut Messages) -> Option<Value> {
    match &value.json {
        Json::Null => Some(Value::Null),
        Json::List(items) => {
            let variables = items.iter().enumerate();
            let variables = variables.filter_map(|(index, item)| read_variable(path, index, item, complaints));
            Some(Value::Variables(variables.collect()))
        }
        _ => {
            let message = conversion(value, "System.Collections.Generic.List`1[UpdateEnvironmentVariableDto]");
            complain(complaints, path, located(&message, path, value.end));
            None
        }
    }
}

/// A variable; a value that is missing is stored as an empty text.
fn read_variable(path: &str, index: usize, item: &Located, complaints: &mut Messages) -> Option<(String, String)> {
    let path = format!("{path}[{index}]");
    let Json::Object(members) = &item.json else {
        let message = conversion(item, "UpdateEnvironmentVariableDto");
        complain(complaints, &path, located(&message, &path, item.end));
        return None;
    };
    let mut read = |name: &str| {
        let member = members.iter().find(|member| member.name.eq_ignore_ascii_case(name));
        match member.and_then(|member| read_text(&format!("{path}.{name}"), &member.value, complaints)) {
            Some(Value::Text(text)) => text,
            _ => String::new(),
        }
    };
    Some((read("key"), read("value")))
}
