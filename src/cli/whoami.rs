//! `whoami`: who we are at a target, and why.

use std::sync::Arc;

use jiff::Timestamp;

use crate::auth::{Record, ServerOrigin};
use crate::event::{Event, Identity, Reporter, Standing};
use crate::settings::env::Environment;

use super::args::{AskingArgs, WhoamiArgs};
use super::asking::Inquiry;
use super::credentials::{self, Ask, Logins, Questions};
use super::decide;
use super::deploy::refuse_flags_of_others;
use super::first_contact::{self, Purpose};
use super::login::accounts;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Says who we are.
pub fn run(args: &WhoamiArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    tell(&args.asking, args.all, environment, watch)
}

/// Says who we are at the target, or lists `all` logins that are kept.
pub fn tell(asking: &AskingArgs, all: bool, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    // Every login there is has nothing to do with a project.
    let from = (!all).then_some(asking.project.from.as_path());
    let settings = decide::settings(asking.layer(), &asking.hippo, from, environment, watch)?;
    let logins = Logins::new(&settings);
    if all {
        return list(&logins, watch);
    }
    first_contact::refuse(&settings, Purpose::WhoAmI)?;
    let driver = settings.driver.value;
    refuse_flags_of_others(&asking.layer(), driver)?;
    let accounts = accounts(driver, &settings)?;
    let questions = Questions::new(Ask::Never, &asking.login, environment);
    let found = credentials::at_target(accounts.server(), &settings, &logins, &questions)?;
    for message in found.notes {
        watch.report(Event::Note { message });
    }
    let checked = Inquiry::new()?.ask(watch, async |cx| accounts.check(cx, &found.credential).await)?;
    checked.map_err(|error| whose(error.into(), &found.origin))?;
    Ok(Event::Identities(vec![Identity {
        server: ServerOrigin::from(accounts.server()).to_string(),
        username: found.username,
        expires: found.expires,
        origin: found.origin,
        standing: Standing::Accepted,
    }]))
}

/// Where a credential comes from that is not taken: there it has to be mended.
fn whose(mut failure: Failure, origin: &str) -> Failure {
    if failure.code == ExitCode::Unauthenticated {
        failure.causes.push(format!("who you are was taken from {origin}"));
    }
    failure
}

fn list(logins: &Logins, watch: &Watch) -> Result<Event, Failure> {
    let (store, now) = (logins.store()?, Timestamp::now());
    let (place, kept) = (store.place(), store.all()?);
    if kept.is_empty() {
        watch.report(Event::Note { message: format!("no login is kept in {place}") });
    }
    let identities = kept.iter().flat_map(|(server, record)| identities(server, record, &place, now));
    Ok(Event::Identities(identities.collect()))
}

/// Who we are at a server: with a token, and where it knows none, with a password.
fn identities(server: &ServerOrigin, record: &Record, place: &str, now: Timestamp) -> Vec<Identity> {
    let identity = |username, expires, standing| Identity {
        server: server.to_string(),
        username,
        expires,
        origin: place.to_owned(),
        standing,
    };
    let token = record.token.as_ref().map(|token| {
        let standing = if token.lasts(now) { Standing::Stored } else { Standing::Expired };
        identity(token.username.clone(), token.expires, standing)
    });
    let login = record.login.as_ref().map(|login| identity(Some(login.username.clone()), None, Standing::Stored));
    token.into_iter().chain(login).collect()
}
