//! Log records for developers, on stderr, off by default.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::env::Environment;

/// Starts to write records, where `SPIN_DEPLOY_LOG` asks for them.
///
/// Only our own: what the HTTP libraries write at their finest levels holds headers, and headers hold tokens.
pub fn start(environment: &Environment) {
    let Some(filter) = environment.log_filter() else { return };
    let ours = filter_fn(|metadata| metadata.target().starts_with(env!("CARGO_CRATE_NAME")));
    let records = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .with_filter(EnvFilter::builder().parse_lossy(filter).and(ours));
    // Fails only when it was started before, which does no harm.
    let _ = tracing_subscriber::registry().with(records).try_init();
}
