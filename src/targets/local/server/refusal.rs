//! Why the server did not do what it was told.

use hyper::StatusCode;

use super::super::store::StoreError;
use super::reply;

/// An order that was not carried out; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status on the control socket.
    pub status: StatusCode,
    /// A fragment in one line.
    pub message: String,
}

impl Refusal {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into() }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, message)
    }

    /// The package cannot be run.
    pub fn cannot_run(error: &dyn std::error::Error) -> Refusal {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, reply::chain(error))
    }

    /// The server does nothing new any more.
    pub fn stopping() -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping")
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        let status = match &error {
            StoreError::AppName(_) | StoreError::NoDigest(_) => StatusCode::BAD_REQUEST,
            StoreError::Missing { .. } => StatusCode::NOT_FOUND,
            StoreError::GuestPath { .. } | StoreError::DamagedDocument { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            _ if error.is_full() => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(status, reply::chain(&error))
    }
}
