//! `logout`: forgets what `login` kept.

use std::sync::Arc;

use jiff::Timestamp;

use crate::auth::ServerOrigin;
use crate::auth::chain::Keeper;
use crate::event::{Event, LoggedOut, Reporter};
use crate::settings::env::Environment;

use super::args::LogoutArgs;
use super::credentials::Logins;
use super::decide;
use super::deploy::refuse_flags_of_others;
use super::login::has_accounts;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Forgets.
pub fn run(args: &LogoutArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let asking = &args.asking;
    // Every login there is has nothing to do with a project.
    let from = (!args.all).then_some(asking.project.from.as_path());
    let settings = decide::settings(asking.layer(), &asking.hippo, from, environment, watch)?;
    let logins = Logins::new(&settings);
    if args.all {
        let mut servers = logins.store()?.forget_all()?;
        if let Some(file) = logins.file_beside_keyring() {
            servers.extend(file.forget_all()?);
        }
        warn_of_others(&logins, watch, |_| true);
        return Ok(logged_out(servers));
    }
    let driver = settings.driver.value;
    refuse_flags_of_others(&asking.layer(), driver)?;
    has_accounts(driver, &settings)?;
    let urls = [&settings.hippo_url, &settings.bindle_url].into_iter().flatten();
    let servers: Vec<ServerOrigin> = urls.map(|url| ServerOrigin::from(&url.value)).collect();
    if servers.is_empty() {
        return Err(Failure::new(ExitCode::Usage, "nothing says which login to forget")
            .hint("that of one server: `spin-deploy logout --hippo-url URL`")
            .hint("all of them: `spin-deploy logout --all`"));
    }
    let mut forgotten = Vec::new();
    for server in &servers {
        if logins.store()?.forget(server)? {
            forgotten.push(server.clone());
        }
    }
    warn_of_others(&logins, watch, |server| servers.contains(server));
    Ok(logged_out(forgotten))
}

fn logged_out(servers: Vec<ServerOrigin>) -> Event {
    Event::LoggedOut(LoggedOut { servers: servers.iter().map(ToString::to_string).collect() })
}

/// Tells of the logins that other programs left: they are not ours to forget, and still count.
fn warn_of_others(logins: &Logins, watch: &Watch, concerns: impl Fn(&ServerOrigin) -> bool) {
    for left in logins.foreign().into_iter().flatten() {
        let lasts = left.token.is_some_and(|token| token.lasts(Timestamp::now()));
        let servers = lasts.then_some(&left.server).into_iter().chain(left.registry.as_ref().map(|(url, _)| url));
        for server in servers.map(ServerOrigin::from).filter(&concerns) {
            let message = format!("the login for {server} in {} is of another program, and stays", left.file.display());
            watch.report(Event::Note { message });
        }
    }
}
