//! The runtime behind the server: [`Engine`] prepares components, [`Handler`] answers requests with them.
//!
//! The server knows no more of WebAssembly than this, so that another engine can take the embedded one's place.

pub mod embedded;
pub mod key_value;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::{Request, Response};

pub use super::config::Limits;
use super::logs::ComponentLog;
use crate::package::directory::{AllowedHosts, Executor, Support};

/// The body of a request or an answer, streamed.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body ended before its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than allowed.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// How long it may be.
        limit: u64,
    },
    /// The time of the request ran out.
    #[error("the request took longer than {}", humantime::format_duration(*.limit))]
    TimedOut {
        /// How long it may take.
        limit: Duration,
    },
    /// The other side went away, or sent something else than HTTP; or the component trapped.
    #[error("the body broke off: {0}")]
    Broken(String),
}

/// Runs WebAssembly. One engine serves all applications of a server.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What it can run. Plain data.
    fn support(&self) -> Support;

    /// Compiles a component (or takes it from the cache) and links it, so that requests need only an instance.
    async fn prepare(&self, workload: Workload) -> Result<Arc<dyn Handler>, PrepareError>;
}

/// A component that is ready to answer.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Answers one request with a fresh instance. The URI is absolute and the headers that Spin adds are there already.
    /// Dropping the future (or the answer's body) stops the instance.
    async fn handle(&self, request: Request<Body>) -> Result<Response<Body>, HandleError>;
}

/// What a request holds on to until its component has ended, which may be after the answer: an extension of the request.
/// The engine keeps it in the component's task, and puts it into the calls within the application that it makes.
#[derive(Clone)]
pub struct Hold(pub Arc<dyn std::any::Any + Send + Sync>);

/// How many calls within the application led to a request: an extension of the request, absent where it came from
/// outside. The engine puts the one of the request that a component handles into those that it makes meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth(pub u32);

/// Calls that a component makes to its own application, without the network.
#[async_trait]
pub trait Internal: Send + Sync {
    /// Calls the component of that id (`http://<id>.spin.internal/…`), whatever its routes.
    async fn component(&self, id: &str, request: Request<Body>) -> Result<Response<Body>, InternalError>;

    /// Calls whatever answers the request's path (`http://self/…`); where nothing does, the answer has the status 404.
    async fn own_route(&self, request: Request<Body>) -> Result<Response<Body>, InternalError>;
}

/// Why a call within an application failed before it reached a component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InternalError {
    /// There is no such component.
    #[error("nothing in this application answers {0}")]
    NotFound(String),
    /// Components call each other without end.
    #[error("the application calls itself more than {0} levels deep")]
    TooDeep(u32),
    /// The called component failed.
    #[error(transparent)]
    Failed(HandleError),
}

/// A component and all that it needs to run.
#[derive(Clone)]
pub struct Workload {
    /// The component's id.
    pub component: String,
    /// How it is run.
    pub executor: Executor,
    /// Its Wasm.
    pub wasm: PathBuf,
    /// A directory that the guest sees, read-only, as its root.
    pub files: Option<PathBuf>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// Whom it may call.
    pub allowed_hosts: AllowedHosts,
    /// The labels of its key-value stores.
    pub key_value_stores: BTreeSet<String>,
    /// The file that holds the application's key-value stores; made when first used.
    pub database: PathBuf,
    /// Where its standard output and error go.
    pub log: ComponentLog,
    /// Its way to the rest of its application.
    pub internal: Arc<dyn Internal>,
    /// What it may use up.
    pub limits: Limits,
}

/// Why a component cannot be run at all.
#[derive(Debug, thiserror::Error)]
#[error("component `{component}` cannot be run: {why}")]
pub struct PrepareError {
    /// Its id.
    pub component: String,
    /// A fragment.
    pub why: String,
}

/// Why a request got no answer from its component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// The component trapped; `0` says how, for the log.
    #[error("the component trapped: {0}")]
    Trapped(String),
    /// It wanted more memory than it may have.
    #[error("the component needs more than {limit} bytes of memory")]
    OutOfMemory {
        /// How much it may have.
        limit: u64,
    },
    /// It took too long.
    #[error("the component took longer than {}", humantime::format_duration(*.limit))]
    TimedOut {
        /// How long it may take.
        limit: Duration,
    },
    /// The request's body is too long.
    #[error("the request is longer than {limit} bytes")]
    RequestTooLarge {
        /// How long it may be.
        limit: u64,
    },
    /// The answer's body is too long, and that was known before its head was sent.
    #[error("the answer is longer than {limit} bytes")]
    ResponseTooLarge {
        /// How long it may be.
        limit: u64,
    },
    /// It returned without an answer, or with one that is none.
    #[error("the component gave no valid answer: {0}")]
    NoAnswer(String),
    /// No further instance can be made at the moment.
    #[error("too many instances at the same time")]
    Busy,
}
