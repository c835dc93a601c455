//! Stands in for the target `local` where it is not compiled in: the same names, and errors that say so.

mod config;

use tokio_util::sync::CancellationToken;

pub use config::{Config, Launch, Limits, Serving};

use crate::event::{Check, Verdict};
use crate::package::Format;
use crate::target::{Context, ErrorKind, Examine, Finding, Target, TargetError};
use crate::targets;

/// Why nothing can be packaged for it.
pub fn format() -> Result<Format, TargetError> {
    Err(absent(ErrorKind::Unsupported))
}

/// Why there is no such target.
pub fn connect(_config: &targets::Config) -> Result<Box<dyn Target>, TargetError> {
    Err(absent(ErrorKind::Unsupported))
}

/// Why nothing can be served.
pub async fn serve(_config: &Config, _serving: Serving, _cx: &Context) -> Result<(), TargetError> {
    Err(absent(ErrorKind::InvalidConfig))
}

/// Why no server can be stopped.
pub async fn stop(_config: &Config, _cancel: &CancellationToken) -> Result<Option<u32>, TargetError> {
    Err(absent(ErrorKind::InvalidConfig))
}

/// Why there is nothing to detach.
pub fn detach() -> Result<(), TargetError> {
    Err(absent(ErrorKind::InvalidConfig))
}

/// Finds that there is no such target.
pub fn examine(_config: &targets::Config) -> Box<dyn Examine> {
    Box::new(Examination)
}

struct Examination;

#[async_trait::async_trait]
impl Examine for Examination {
    async fn examine(&self, _cx: &Context, tell: &mut (dyn FnMut(Finding) + Send)) {
        let error = absent(ErrorKind::Unsupported);
        let detail = error.source.map(|source| source.to_string()).unwrap_or_default();
        let check =
            Check { name: "this program can serve".to_owned(), verdict: Verdict::Failed, detail, hints: error.hints };
        tell(Finding { check, kind: Some(error.kind) });
    }
}

fn absent(kind: ErrorKind) -> TargetError {
    let error = TargetError::new(kind, "serve applications on this machine");
    match cfg!(unix) {
        true => error
            .because(anyhow::anyhow!("this build of spin-deploy lacks the feature `local`"))
            .hint("build it with the feature: cargo install --features local"),
        false => error
            .because(anyhow::anyhow!("the target `local` needs Linux or macOS"))
            .hint("run spin-deploy on Linux or macOS, or choose another --target"),
    }
}
