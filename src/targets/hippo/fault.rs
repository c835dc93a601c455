//! What a call to Hippo or Bindle may fail with, and what that means to the pipeline.

use anyhow::anyhow;

use super::api::Problem;
use super::changes::Several;
use crate::http::{HttpError, Kind};
use crate::package::PackageError;
use crate::registry::bindle::RegistryError;
use crate::target::{ErrorKind, TargetError};

/// What to do after a failure that left nothing half done.
pub const RUN_AGAIN: &str = "run the same command again: what is done already is not done twice";

/// Why a call to Hippo failed.
#[derive(Debug)]
pub enum ApiError {
    /// The user stopped the run.
    Cancelled,
    /// Hippo does not take the user or the password (it says so with a 400).
    LoginRefused(Box<Refusal>),
    /// It did not work out, or Hippo refused.
    Refused(Box<Refusal>),
    /// A list of which the pages do not end.
    EndlessPages {
        /// Of what.
        list: &'static str,
    },
}

/// A failed call and what Hippo said of it.
#[derive(Debug)]
pub struct Refusal {
    /// The failure.
    pub error: HttpError,
    /// What the body said; empty where it said nothing.
    pub problem: Problem,
}

impl ApiError {
    /// The same failure, of a login.
    pub fn at_login(self) -> ApiError {
        match self {
            ApiError::Refused(refusal) if refusal.error.status == Some(400) => ApiError::LoginRefused(refusal),
            other => other,
        }
    }

    /// Whether Hippo may have done what it was asked for all the same.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            // A success whose body makes no sense is still a success of which we know too little.
            ApiError::Refused(refusal) => {
                refusal.error.kind.outcome_unknown() || refusal.error.status.is_some_and(|status| status < 300)
            }
            _ => false,
        }
    }

    /// The status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            ApiError::Refused(refusal) | ApiError::LoginRefused(refusal) => refusal.error.status,
            _ => None,
        }
    }

    /// Whether a member of the request was refused for a reason that contains `words`.
    pub fn refuses(&self, member: &str, words: &str) -> bool {
        matches!(self, ApiError::Refused(refusal) if refusal.problem.refuses(member, words))
    }

    /// Whether Hippo's own explanation contains `words`.
    pub fn says(&self, words: &str) -> bool {
        self.problem().is_some_and(|problem| problem.detail.as_deref().is_some_and(|detail| detail.contains(words)))
    }

    /// What is wrong with the members of the request.
    pub fn complaints(&self) -> Vec<String> {
        self.problem().map(Problem::complaints).unwrap_or_default()
    }

    fn problem(&self) -> Option<&Problem> {
        match self {
            ApiError::Refused(refusal) | ApiError::LoginRefused(refusal) => Some(&refusal.problem),
            ApiError::Cancelled | ApiError::EndlessPages { .. } => None,
        }
    }

    /// Its kind at the target.
    pub fn kind(&self) -> ErrorKind {
        match self {
            ApiError::Cancelled => ErrorKind::Cancelled,
            ApiError::LoginRefused(_) => ErrorKind::Unauthenticated,
            ApiError::Refused(refusal) => kind(refusal.error.kind),
            ApiError::EndlessPages { .. } => ErrorKind::Unreachable,
        }
    }

    /// The failure of an operation, told to the pipeline as `kind`.
    pub fn told_as(self, kind: ErrorKind, operation: impl Into<String>) -> TargetError {
        let error = TargetError::new(kind, operation);
        match self {
            ApiError::Cancelled => error,
            ApiError::EndlessPages { list } => error.because(anyhow!("Hippo's list of {list} does not end")),
            ApiError::LoginRefused(refusal) => {
                let reason = refusal.problem.detail.unwrap_or_else(|| "the login failed".to_owned());
                error.because(anyhow::Error::new(refusal.error).context(reason.trim_end_matches('.').to_owned()))
            }
            ApiError::Refused(refusal) => error.because(refusal.error),
        }
    }
}

/// What a failed request means to the pipeline.
pub fn kind(kind: Kind) -> ErrorKind {
    match kind {
        Kind::Unauthenticated => ErrorKind::Unauthenticated,
        Kind::PermissionDenied => ErrorKind::PermissionDenied,
        Kind::NotFound => ErrorKind::NotFound,
        Kind::Conflict => ErrorKind::Conflict,
        Kind::Rejected => ErrorKind::Rejected,
        Kind::Unreachable | Kind::Protocol => ErrorKind::Unreachable,
        Kind::ServerFailed | Kind::Interrupted => ErrorKind::Interrupted,
        Kind::InvalidConfig => ErrorKind::InvalidConfig,
    }
}

/// Two of a kind where one was expected: nobody but a person can say which is right.
pub fn several(several: Several, operation: impl Into<String>) -> TargetError {
    let smallest = several.ids.first().cloned().unwrap_or_default();
    let kind = several.kind;
    TargetError::new(ErrorKind::Conflict, operation).because(several).hint(format!(
        "remove all but one in Hippo (the others go on with the one of the smallest id, {smallest}), e.g. \
         `curl -X DELETE -H \"Authorization: Bearer $HIPPO_TOKEN\" $HIPPO_URL/api/{kind}s/ID`"
    ))
}

/// A failed push, or a look at the Bindle server.
pub fn of_registry(error: RegistryError, operation: impl Into<String>) -> TargetError {
    let (kind, hint) = match &error {
        RegistryError::Http(error) => of_transfer(error.kind),
        RegistryError::NotBindle { .. } => {
            (ErrorKind::Unreachable, Some("is `/v1` missing? e.g. `--bindle-server http://HOST:8080/v1`"))
        }
        RegistryError::Package(PackageError::Stage { .. }) => (
            ErrorKind::Interrupted,
            Some("make room, or set TMPDIR to a directory that can be written; then run the same command again"),
        ),
        RegistryError::Package(_) => {
            (ErrorKind::Interrupted, Some("run the same command again when nothing writes to the files"))
        }
        RegistryError::OtherContent { .. } => (
            ErrorKind::Conflict,
            Some(
                "raise `version` in spin.toml, or leave out --buildinfo and --no-buildinfo: then each build gets a version of its own",
            ),
        ),
        RegistryError::Yanked { .. } => {
            (ErrorKind::Conflict, Some("raise `version` in spin.toml: a yanked version never comes back"))
        }
        RegistryError::Signature { .. } => (
            ErrorKind::Rejected,
            Some(
                "give a key that the Bindle server knows: `--signing-key FILE` (servers from 0.9 on want one by \
                 default; 0.8 takes unsigned invoices, but refuses keys that it does not know)",
            ),
        ),
        RegistryError::Refused { .. } => (
            ErrorKind::Rejected,
            Some(
                "run the same command again; if it is refused again, ask the Bindle server's administrator for its log",
            ),
        ),
        RegistryError::Poisoned { .. } => (
            ErrorKind::Interrupted,
            Some(
                "an earlier upload broke off on the server, which a client cannot mend: its administrator has to \
                 remove the empty directory `<BINDLE_DIRECTORY>/parcels/<sha256>`; then run the same command again",
            ),
        ),
        RegistryError::SigningKey { .. } => {
            (ErrorKind::InvalidConfig, Some("check the file given by `--signing-key FILE`"))
        }
        RegistryError::SigningKeyExposed { .. } => (ErrorKind::InvalidConfig, None),
        RegistryError::Absent { .. } | RegistryError::Incomplete { .. } => (ErrorKind::NotFound, None),
        RegistryError::Damaged { .. } => (ErrorKind::Interrupted, Some("run the same command again")),
        RegistryError::Unusable { .. } => (ErrorKind::Unsupported, None),
        RegistryError::Storage { .. } => (
            ErrorKind::InvalidConfig,
            Some("make room, or set TMPDIR to a directory that can be written; then run the same command again"),
        ),
        RegistryError::NotABindle => (ErrorKind::Unexpected, None),
        RegistryError::Cancelled => (ErrorKind::Cancelled, None),
    };
    let mut hints: Vec<String> = hint.into_iter().map(str::to_owned).collect();
    if let RegistryError::SigningKeyExposed { path, .. } = &error {
        hints.push(format!("chmod 600 {}", path.display()));
    }
    TargetError { hints, ..TargetError::new(kind, operation).because(error) }
}

/// What a failed request to the Bindle server means.
fn of_transfer(failure: Kind) -> (ErrorKind, Option<&'static str>) {
    match kind(failure) {
        kind @ (ErrorKind::Unauthenticated | ErrorKind::PermissionDenied) => (
            kind,
            Some("give the Bindle server's user: `--bindle-username NAME` (or BINDLE_USERNAME) and BINDLE_PASSWORD"),
        ),
        ErrorKind::Unreachable => (
            ErrorKind::Unreachable,
            Some("check the address: `--bindle-server URL` or BINDLE_SERVER_URL, with its `/v1`"),
        ),
        kind @ ErrorKind::InvalidConfig => (kind, None),
        kind @ ErrorKind::Rejected => (
            kind,
            Some("the Bindle server, or a proxy in front of it, refuses this: ask its administrator for the log"),
        ),
        _ => (ErrorKind::Interrupted, Some("run the same command again: what is uploaded already is not sent twice")),
    }
}
