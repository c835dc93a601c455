//! `targets`: what there is to deploy to, and each setting with its origin.

use std::sync::Arc;

use crate::auth::Credentials;
use crate::event::{ConfiguredTarget, DriverSummary, Event, ShownSetting, ShownTarget, Targets};
use crate::settings::env::Environment;
use crate::settings::{Configured, Files, Key, Layer, Layers, Origin, Settings, Shown};
use crate::targets::DRIVERS;

use super::args::{HippoArgs, TargetsArgs};
use super::decide::{self, PASSWORD_STDIN, TOKEN_STDIN};
use super::deploy::refuse_flags_of_others;
use super::machine::machine;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Lists targets, or shows one.
pub fn run(args: &TargetsArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let flags = args.layer();
    let from = Some(args.asking.project.from.as_path());
    if !args.show {
        refuse_flags(&flags, &args.asking.hippo)?;
        return Ok(Event::Targets(list(&decide::files(from)?, &environment.layer())?));
    }
    let settings = decide::settings(args.layer(), &args.asking.hippo, from, environment, watch)?;
    refuse_flags_of_others(&flags, settings.driver.value)?;
    Ok(Event::ShownTarget(Box::new(show(&settings, environment)?)))
}

/// Refuses flags that would change nothing: a list has no settings.
fn refuse_flags(flags: &Layer, hippo: &HippoArgs) -> Result<(), Failure> {
    let piped = [(hippo.hippo_token_stdin, TOKEN_STDIN), (hippo.hippo_password_stdin, PASSWORD_STDIN)];
    let piped = piped.into_iter().filter_map(|(wanted, flag)| wanted.then_some(flag));
    let mut flags = Key::ALL.iter().filter(|key| flags.has(**key)).map(|key| key.flag()).chain(piped);
    let Some(flag) = flags.next() else { return Ok(()) };
    let message = format!("{flag} means something together with --show only");
    Err(Failure::new(ExitCode::Usage, message).hint("to see one target's settings: `spin-deploy targets --show`"))
}

fn list(files: &Files, variables: &Layer) -> Result<Targets, Failure> {
    let named = Layers(std::slice::from_ref(variables)).text(Key::Target)?;
    let default = named.or_else(|| files.default_target()).map(|default| default.value);
    let default = default.or(Key::Target.default().map(str::to_owned));
    let line = |Configured { name, driver, places }: Configured| ConfiguredTarget {
        default: default.as_ref() == Some(&name),
        name,
        driver: driver.kind.to_owned(),
        origin: places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let drivers = DRIVERS.iter().map(|driver| DriverSummary {
        kind: driver.kind,
        summary: driver.summary,
        powers: driver.powers.to_vec(),
    });
    Ok(Targets { configured: files.configured().into_iter().map(line).collect(), drivers: drivers.collect() })
}

fn show(settings: &Settings, environment: &Environment) -> Result<ShownTarget, Failure> {
    let mut shown: Vec<ShownSetting> = settings.shown.iter().map(shown_setting).collect();
    if settings.local.is_some() {
        // Only the machine knows where data lies when nothing is said.
        let config = settings.config(Some(&machine(environment)?), &Credentials::default()).local;
        let unset = |setting: &&mut ShownSetting| setting.key == Key::DataDir.name() && setting.value.is_none();
        if let (Some(data_dir), Some(config)) = (shown.iter_mut().find(unset), config) {
            data_dir.value = Some(config.data_dir.display().to_string());
            data_dir.origin = Origin::Default.to_string();
        }
    }
    let (name, driver) = (settings.target.value.clone(), settings.driver.value.kind.to_owned());
    Ok(ShownTarget { name, driver, settings: shown })
}

fn shown_setting(Shown { key, value, origin }: &Shown) -> ShownSetting {
    let origin = match (origin, value) {
        (Origin::File(place), _) => place.to_string(),
        (Origin::Default, None) => "not set".to_owned(),
        (Origin::Flag(_) | Origin::Variable(_) | Origin::Default, _) => origin.to_string(),
    };
    ShownSetting { key: key.name(), value: value.clone(), origin }
}
