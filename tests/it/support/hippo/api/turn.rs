//! One request on its way through MVC and MediatR.

use super::super::{
    command::{self, Command, Shape},
    guid::Guid,
    problem::{Failure, Messages, complain, framework_problem},
    reply::{Call, Reply},
    server::Server,
};

/// What a handler comes to.
pub type Outcome = Result<Reply, Failure>;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// No token, or none that is valid, on a path that takes that.
    Nobody,
    /// A known user.
    User { administrator: bool },
    /// A valid token of a user who is not there any more: every command throws.
    Ghost,
}

/// A request, its caller, and what model binding has complained of so far.
pub struct Turn<'a> {
    pub server: &'a Server,
    pub call: &'a Call,
    pub caller: Caller,
    pub model_state: Messages,
    /// Model binding is over: later errors carry the header `api-supported-versions`.
    is_bound: bool,
}

impl<'a> Turn<'a> {
    /// A request that is about to be bound.
    pub fn new(server: &'a Server, call: &'a Call, caller: Caller) -> Self {
        Self { server, call, caller, model_state: Messages::new(), is_bound: false }
    }

    /// Reads the body. `None`: the command is null, and the model state says why.
    pub fn read(&mut self, shape: &Shape) -> Option<Command> {
        command::read(&self.call.body, shape, &mut self.model_state)
    }

    /// The first run of the validators, during model binding: what they say only spoils the model state.
    pub fn bind(&mut self, complaints: Result<Messages, Failure>) -> Result<(), Failure> {
        for (member, messages) in complaints? {
            self.model_state.entry(member).or_default().extend(messages);
        }
        Ok(())
    }

    /// Model binding is over and MediatR takes the command, which must not be null.
    pub fn send(&mut self, command: Option<Command>) -> Result<Command, Failure> {
        self.is_bound = true;
        let command = command.ok_or(Failure::Unhandled)?;
        self.send_query()?;
        Ok(command)
    }

    /// The same for a query, which is never null.
    pub fn send_query(&mut self) -> Result<(), Failure> {
        self.is_bound = true;
        if self.caller == Caller::Ghost { Err(Failure::Unhandled) } else { Ok(()) }
    }

    /// An id in the path; one that is none binds to the zero GUID.
    pub fn path_id(&mut self, name: &str, text: &str) -> Guid {
        Guid::parse(text).unwrap_or_else(|| {
            complain(&mut self.model_state, name, format!("The value '{text}' is not valid."));
            Guid::ZERO
        })
    }

    /// `BadRequest()` or `NotFound()` of a controller.
    pub fn framework_problem(&mut self, status: u16) -> Reply {
        self.is_bound = true;
        framework_problem(status, self.server.with(|state| (state.next_id(), state.next_id())))
    }

    /// The answer.
    pub fn finish(self, outcome: Outcome) -> Reply {
        match outcome {
            Ok(reply) => reply,
            Err(failure) if self.is_bound => failure.into_reply(&self.model_state),
            Err(failure) => failure.into_reply(&self.model_state).without_version(),
        }
    }
}
