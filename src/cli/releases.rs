//! `releases`: which there are, newest first.

use std::sync::Arc;

use crate::event::{Event, Releases, RememberedRelease};
use crate::settings::env::Environment;
use crate::target::Released;

use super::Failure;
use super::args::ReleasesArgs;
use super::asking::Inquiry;
use super::first_contact::Purpose;
use super::subject::Subject;
use super::watch::Watch;

/// Lists them.
pub fn run(args: &ReleasesArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let subject = Subject::find(&args.app, args.app.layer(), Purpose::App("releases"), environment, watch)?;
    let history = subject.history()?;
    let releases = Inquiry::new()?.ask(watch, async |cx| history.releases(cx, &subject.app).await)?;
    let releases = releases.map_err(Failure::asking)?;
    Ok(Event::Releases(Releases {
        target: subject.place().to_owned(),
        app: subject.app.to_string(),
        releases: releases.into_iter().map(remembered).collect(),
    }))
}

fn remembered(released: Released) -> RememberedRelease {
    let Released { id, version, created, active, channels, gone } = released;
    RememberedRelease { release: id.0, version, created, active, channels, gone }
}
