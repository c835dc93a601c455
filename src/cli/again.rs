//! Commands that people can run next, with the options of the one that they typed.

use std::ffi::OsStr;
use std::path::Path;

use crate::settings::{Key, Kind, Layer};

use super::NAME;
use super::slips::quoted;

/// A command about the same application at the same target. Secrets are left out, and settings that are `not` of that
/// command.
pub fn command(words: &[&str], from: Option<&Path>, typed: &Layer, not: &[Key]) -> String {
    let mut line = vec![NAME.to_owned()];
    line.extend(words.iter().map(|word| quoted(word)));
    if let Some(from) = from {
        line.extend(["--from".to_owned(), quoted(&from.to_string_lossy())]);
    }
    for (key, value) in typed.flags().filter(|(key, _)| !not.contains(key)) {
        line.push(key.flag().to_owned());
        line.extend(argument(key, value));
    }
    line.join(" ")
}

fn argument(key: Key, value: &OsStr) -> Option<String> {
    (key.kind() != Kind::Switch).then(|| quoted(&value.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;

    #[test]
    fn a_command_repeats_what_was_typed_but_secrets() {
        let mut typed = Layer::default();
        for (key, value) in [
            (Key::Target, "staging"),
            (Key::HippoToken, "canary"),
            (Key::Insecure, "true"),
            (Key::AppUrl, "http://{domain}:8088"),
            (Key::Timeout, "5s"),
        ] {
            typed.set(key, value, Origin::Flag(key.flag()));
        }
        typed.set(Key::Channel, "x", Origin::Variable("SPIN_DEPLOY_CHANNEL"));
        assert_eq!(
            command(&["rollback", "1.0.0+s1"], Some(Path::new("my app")), &typed, &[Key::Timeout]),
            "spin-deploy rollback 1.0.0+s1 --from 'my app' --target staging --app-url 'http://{domain}:8088' --insecure"
        );
        assert_eq!(command(&["status"], None, &Layer::default(), &[]), "spin-deploy status");
    }
}
