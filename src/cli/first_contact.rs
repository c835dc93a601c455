//! What somebody is told who has said nothing yet: the choices there are, at once.

use crate::settings::{Configured, Settings};

use super::{ExitCode, Failure};

/// What was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `deploy`, with or without the word, and `plan`.
    Deploy,
    /// A command about an application that was deployed before.
    App(&'static str),
    /// `doctor`.
    Examine,
    /// `login`.
    LogIn,
    /// `whoami`.
    WhoAmI,
}

/// Refuses to guess where nothing was chosen.
pub fn refuse(settings: &Settings, purpose: Purpose) -> Result<(), Failure> {
    match (settings.is_first_contact(), settings.configured.as_slice()) {
        (false, _) => Ok(()),
        (true, []) => Err(welcome(purpose)),
        (true, configured) => Err(not_chosen(configured)),
    }
}

/// Targets are configured, and none of them is meant.
fn not_chosen(configured: &[Configured]) -> Failure {
    let names: Vec<&str> = configured.iter().map(|target| target.name.as_str()).collect();
    let message = format!("nothing says which of the configured targets is meant: {}", names.join(", "));
    Failure::new(ExitCode::Usage, message)
        .hint(format!("choose one: --target {}", names[0]))
        .hint(format!(
            "to say it once and for all, write `default-target = \"{}\"` into spin-deploy.toml beside spin.toml",
            names[0]
        ))
        .hint("see what there is: `spin-deploy targets`")
}

/// What is said of an application that nobody knows where to look for.
fn nowhere(command: &str) -> Failure {
    let message = "nothing says where the application is: no target is configured, and none was given";
    Failure::new(ExitCode::Usage, message)
        .hint(format!("if it is on this machine: `spin-deploy {} --target local`", command))
        .hint(format!("if it is at Hippo: `spin-deploy {} --hippo-url URL --bindle-server URL`", command))
        .hint(ONCE_AND_FOR_ALL)
        .hint(SEE)
}

/// How to say it in a file.
const ONCE_AND_FOR_ALL: &str =
    "to say it once and for all, write `default-target = \"local\"` into spin-deploy.toml beside spin.toml";
/// How to see what can be chosen.
const SEE: &str = "see what there is: `spin-deploy targets`";

fn welcome(purpose: Purpose) -> Failure {
    let (message, choices) = match purpose {
        Purpose::App(command) => return nowhere(command),
        Purpose::Deploy => (
            "nothing says where to deploy to: no target is configured, and none was given",
            &[
                "serve it on this machine, which needs nothing else: `spin-deploy --target local`",
                "or log in to Hippo: `spin-deploy login --hippo-url URL`",
                "then deploy to it: `spin-deploy --hippo-url URL --bindle-server URL`",
            ][..],
        ),
        Purpose::Examine => (
            "nothing says what to look at: no target is configured, and none was given",
            &[
                "look at this machine: `spin-deploy doctor --target local`",
                "or at Hippo: `spin-deploy doctor --hippo-url URL --bindle-server URL`",
            ][..],
        ),
        Purpose::LogIn => (
            "nothing says where to log in to: no target is configured, and none was given",
            &[
                "log in to Hippo: `spin-deploy login --hippo-url URL`",
                "or serve applications on this machine, which needs no login: `spin-deploy --target local`",
            ][..],
        ),
        Purpose::WhoAmI => (
            "nothing says where to ask who you are: no target is configured, and none was given",
            &[
                "ask Hippo: `spin-deploy whoami --hippo-url URL`",
                "or list the logins that are kept: `spin-deploy whoami --all`",
            ][..],
        ),
    };
    let failure = Failure::new(ExitCode::Usage, message);
    let failure = choices.iter().fold(failure, |failure, choice| failure.hint(*choice));
    failure.hint(ONCE_AND_FOR_ALL).hint(SEE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{self, Key, Layer, Origin};

    fn settings(given: &[(Key, &str)]) -> Settings {
        let mut layer = Layer::default();
        for (key, value) in given {
            layer.set(*key, *value, Origin::Flag(key.flag()));
        }
        settings::resolve(&[layer]).unwrap()
    }

    #[test]
    fn nothing_but_nothing_is_refused() {
        let url = "https://example.com";
        for given in [(Key::Target, "hippo"), (Key::HippoUrl, url), (Key::BindleServer, url)] {
            assert_eq!(refuse(&settings(&[given]), Purpose::Deploy), Ok(()), "{given:?}");
        }
        for purpose in [Purpose::Deploy, Purpose::App("status"), Purpose::Examine, Purpose::LogIn, Purpose::WhoAmI] {
            for given in [&[][..], &[(Key::Channel, "x")], &[(Key::HippoUsername, "ada")]] {
                assert_eq!(refuse(&settings(given), purpose), Err(welcome(purpose)), "{purpose:?} {given:?}");
            }
            assert_eq!(welcome(purpose).code, ExitCode::Usage);
        }
    }
}
