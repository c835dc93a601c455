//! Looks at everything that a deployment to Hippo needs, in the order in which a deployment needs it.
//!
//! `server.rs` looks at what is below HTTP, `platform.rs` at Hippo, `registry.rs` at the Bindle server; `notes.rs` says
//! how it is.

mod notes;
mod platform;
mod registry;
mod server;
#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::anyhow;

use self::notes::Notes;
use super::{check_names, check_readability, check_scheme, fault, http_client, missing_address};
use crate::http::inspect::{Inspector, PATIENCE};
use crate::http::{Client, HttpError};
use crate::target::{Context, ErrorKind, Examine, Finding, TargetError};
use crate::targets;

const SETTINGS: &str = "the settings are complete";

/// The longest that a look may take which needs several requests, or whose answer drips.
const LID: Duration = PATIENCE.saturating_mul(3);

/// What looks at a configured Hippo; no request is sent yet.
pub fn examine(config: &targets::Config) -> Box<dyn Examine> {
    Box::new(Examination { config: config.clone() })
}

struct Examination {
    config: targets::Config,
}

/// What the looks at servers have in common.
struct Tools {
    http: Client,
    inspector: Inspector,
    insecure: bool,
}

#[async_trait::async_trait]
impl Examine for Examination {
    async fn examine(&self, cx: &Context, tell: &mut (dyn FnMut(Finding) + Send)) {
        let mut notes = Notes::new(tell);
        let stopped = cx.cancel.run_until_cancelled(self.look(cx, &mut notes)).await.is_none();
        if stopped {
            notes.failed("everything was looked at", ErrorKind::Cancelled, "cancelled", Vec::new());
        }
    }
}

impl Examination {
    async fn look(&self, cx: &Context, notes: &mut Notes<'_>) {
        let tools = match self.tools() {
            Ok(tools) => tools,
            Err(error) => {
                notes.refused(SETTINGS, error);
                return notes
                    .skipped("Hippo and the Bindle server can be reached", "there is no HTTP client to ask with");
            }
        };
        match self.check_settings() {
            Ok(()) => notes.passed(SETTINGS, format!("channel {}", self.config.hippo.channel)),
            Err(error) => notes.refused(SETTINGS, error),
        }
        let hippo = platform::look(cx, &tools, &self.config, notes).await;
        let registry = registry::look(cx, &tools, &self.config.hippo, notes).await;
        registry::compare(cx, hippo.as_ref(), registry.as_ref(), notes).await;
    }

    fn tools(&self) -> Result<Tools, TargetError> {
        let config = &self.config.http;
        let unusable =
            |error: HttpError| TargetError::new(fault::kind(error.kind), "set up the HTTP client").because(error);
        let inspector = Inspector::new(config).map_err(unusable)?;
        Ok(Tools { http: http_client(config)?, inspector, insecure: config.insecure })
    }

    /// The checks of `connect`, of which none looks outside.
    fn check_settings(&self) -> Result<(), TargetError> {
        let settings = &self.config.hippo;
        for (url, flag) in [(&settings.url, "--hippo-url"), (&settings.bindle_url, "--bindle-server")] {
            url.as_ref().map_or(Ok(()), |url| check_scheme(url, flag))?;
        }
        check_names(settings)?;
        settings.url.as_ref().map_or(Ok(()), |url| check_readability(url, &self.config.http))?;
        match (&settings.url, &settings.bindle_url) {
            (Some(_), Some(_)) => Ok(()),
            _ => Err(missing_address(settings)),
        }
    }
}

/// What comes of a look that may take no longer than this, whatever the server does.
async fn in_time<T>(operation: String, look: impl Future<Output = Result<T, TargetError>>) -> Result<T, TargetError> {
    tokio::time::timeout(LID, look).await.unwrap_or_else(|_| {
        let reason = anyhow!("it was not done within {} s", LID.as_secs());
        Err(TargetError::new(ErrorKind::Unreachable, operation).because(reason))
    })
}
