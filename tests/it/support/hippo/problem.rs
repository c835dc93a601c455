//! Errors and the bodies they become.
//!
//! Facts: `deislabs/hippo src/Web/Filters/ApiExceptionFilterAttribute.cs@v0.20.2`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{guid::Guid, reply::Reply};

const RFC: &str = "https://tools.ietf.org/html/rfc7231#section-";

/// Messages by member: what MVC calls model state and FluentValidation its failures.
pub type Messages = BTreeMap<String, Vec<String>>;

/// Adds one message to a member's.
pub fn complain(messages: &mut Messages, member: &str, message: impl Into<String>) {
    messages.entry(member.to_owned()).or_default().push(message.into());
}

/// An exception that a handler throws.
#[derive(Debug)]
pub enum Failure {
    /// A validator's complaints.
    Invalid(Messages),
    /// `NotFoundException`.
    NotFound { entity: &'static str, key: String },
    /// `LoginFailedException`.
    Login(&'static str),
    /// `ForbiddenAccessException`.
    Forbidden(&'static str),
    /// Anything that Hippo does not expect: a 500, or the model state's 400 ("misleading-400 rule").
    Unhandled,
}

impl Failure {
    /// An entity that is not there.
    pub fn missing(entity: &'static str, id: Guid) -> Self {
        Self::NotFound { entity, key: id.to_string() }
    }

    /// Throws the complaints, if there are any.
    pub fn unless_valid(messages: Messages) -> Result<(), Self> {
        if messages.is_empty() { Ok(()) } else { Err(Self::Invalid(messages)) }
    }

    /// The answer, given what model binding complained of before.
    pub fn into_reply(self, model_state: &Messages) -> Reply {
        match self {
            Self::Invalid(messages) => validation_problem(&messages),
            Self::NotFound { entity, key } => {
                let detail = format!("Entity \"{entity}\" ({key}) was not found.");
                problem(404, "6.5.4", "The specified resource was not found.", Some(&detail))
            }
            Self::Login(reason) => problem(400, "6.5.1", "Login failed.", Some(reason)),
            Self::Forbidden(reason) => problem(403, "6.5.3", "Forbidden", Some(reason)),
            Self::Unhandled if !model_state.is_empty() => validation_problem(model_state),
            Self::Unhandled => problem(500, "6.6.1", "An error occurred while processing your request.", None),
        }
    }
}

fn validation_problem(messages: &Messages) -> Reply {
    let title = "One or more validation errors occurred.";
    Reply::problem(400, json!({ "errors": messages, "type": format!("{RFC}6.5.1"), "title": title, "status": 400 }))
}

fn problem(status: u16, section: &str, title: &str, detail: Option<&str>) -> Reply {
    let mut body = json!({ "type": format!("{RFC}{section}"), "title": title, "status": status });
    if let Some(detail) = detail {
        body["detail"] = Value::from(detail);
    }
    Reply::problem(status, body)
}

/// A problem that the framework writes itself: it carries a trace id.
pub fn framework_problem(status: u16, trace: (Guid, Guid)) -> Reply {
    let (section, title) = match status {
        400 => ("6.5.1", "Bad Request"),
        404 => ("6.5.4", "Not Found"),
        _ => ("6.5.13", "Unsupported Media Type"),
    };
    let [long, short] = [trace.0, trace.1].map(|id| id.to_string().replace('-', ""));
    let trace_id = format!("00-{long}-{}-00", &short[..16]);
    Reply::problem(
        status,
        json!({ "type": format!("{RFC}{section}"), "title": title, "status": status, "traceId": trace_id }),
    )
}
