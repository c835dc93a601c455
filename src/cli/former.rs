//! What Spin's own deploy command took, up to 1.2, and what has no meaning any more
//! (`spinframework/spin src/commands/deploy.rs@v1.2.0`).

use crate::event::{Event, Reporter};

use super::args::FormerArgs;
use super::{ExitCode, Failure};

/// Says what is not needed any more, and refuses what would be lost.
pub fn heed(args: &FormerArgs, reporter: &dyn Reporter) -> Result<(), Failure> {
    // The pairs themselves may be secret, and are not shown.
    if !args.key_value.is_empty() {
        return Err(Failure::new(
            ExitCode::Usage,
            "could not use --key-value: no target takes key-value pairs at deploy time",
        )
        .hint(
            "let the application write them itself, or give it what it needs as a variable: `--variable NAME=VALUE`",
        ));
    }
    let needless = [
        (args.deploy_existing_bindle, "--deploy-existing-bindle is not needed: what the registry has already is used"),
        (args.staging_dir.is_some(), "--staging-dir is not needed: nothing is staged"),
    ];
    for (_, message) in needless.into_iter().filter(|(given, _)| *given) {
        reporter.report(Event::Note { message: message.to_owned() });
    }
    Ok(())
}
