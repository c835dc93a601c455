//! What the commands after the first day are about: an application at a target.

use std::path::Path;
use std::sync::Arc;

use crate::app;
use crate::auth::Credentials;
use crate::deploy::DeployError;
use crate::http::Client;
use crate::settings::env::Environment;
use crate::settings::{Key, Layer, Settings};
use crate::target::{AppName, ErrorKind, History, Target};
use crate::targets::{self, Driver};

use super::again;
use super::args::{AppArgs, LoginStoreArgs};
use super::credentials::{self, Ask};
use super::decide;
use super::deploy::refuse_flags_of_others;
use super::first_contact::{self, Purpose};
use super::machine::machine;
use super::visit::Visitor;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// An application at a target.
pub struct Subject {
    /// What was decided.
    pub settings: Settings,
    /// The target.
    pub target: Box<dyn Target>,
    /// What the application is called there.
    pub app: AppName,
    /// Looks at the application's own URLs.
    pub visit: Visitor,
    /// What was typed, for commands to run next.
    typed: Layer,
    from: Option<std::path::PathBuf>,
}

impl Subject {
    /// Decides which application at which target is meant. `typed` holds the flags, `purpose` what it is for.
    pub fn find(
        args: &AppArgs,
        typed: Layer,
        purpose: Purpose,
        environment: &Environment,
        watch: &Arc<Watch>,
    ) -> Result<Subject, Failure> {
        let directory = args.from.as_deref().unwrap_or(Path::new("."));
        let place = &args.place;
        let settings = decide::settings(typed.clone(), &place.hippo, Some(directory), environment, watch)?;
        first_contact::refuse(&settings, purpose)?;
        let driver = settings.driver.value;
        refuse_flags_of_others(&typed, driver)?;
        tracing::debug!(?settings, "decided");
        let app = app_name(&settings, directory)?;
        watch.is_about_app(&app.0);
        let (target, config) = connect(driver, &settings, &place.login, environment, watch)?;
        let visit = Visitor(Client::new(&config.http)?);
        Ok(Subject { settings, target, app, visit, typed, from: args.from.clone() })
    }

    /// The target's name.
    pub fn place(&self) -> &str {
        &self.target.info().name
    }

    /// The target's memory of earlier releases.
    pub fn history(&self) -> Result<&dyn History, Failure> {
        self.target.history().ok_or_else(|| self.unsupported("remembers no releases"))
    }

    /// A failure: the target cannot do what is asked for.
    pub fn unsupported(&self, what: &str) -> Failure {
        Failure::new(ExitCode::InvalidApplication, format!("the target {} {what}", self.place()))
            .hint("see what targets can do: `spin-deploy targets`")
    }

    /// A command about the same application at the same target, to be run next.
    pub fn command(&self, words: &[&str]) -> String {
        again::command(words, self.from.as_deref(), &self.typed, &[Key::Timeout, Key::Check])
    }
}

/// Makes the target, knowing who we are. Nobody is asked for a password that would be of no use: whatever else is wrong
/// is told first.
pub fn connect(
    driver: &Driver,
    settings: &Settings,
    login: &LoginStoreArgs,
    environment: &Environment,
    watch: &Watch,
) -> Result<(Box<dyn Target>, targets::Config), Failure> {
    let machine = settings.local.is_some().then(|| machine(environment)).transpose()?;
    match (driver.connect)(&settings.config(machine.as_ref(), &Credentials::default())) {
        Err(error) if error.kind != ErrorKind::Unauthenticated => return Err(error.into()),
        _ => {}
    }
    let credentials = credentials::find(driver, settings, login, Ask::AtTerminal, environment, watch)?;
    let config = settings.config(machine.as_ref(), &credentials);
    Ok(((driver.connect)(&config)?, config))
}

/// What the application is called: what was said, or what the manifest says.
pub fn app_name(settings: &Settings, directory: &Path) -> Result<AppName, Failure> {
    if let Some(name) = &settings.app {
        return Ok(AppName(name.value.clone()));
    }
    let named = app::find_manifest(directory).and_then(|manifest| app::name(&manifest));
    named.map(AppName).map_err(|error| {
        Failure::from(DeployError::Load(error)).hint("or say which application is meant: `--name NAME`")
    })
}
