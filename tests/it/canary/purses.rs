//! Where credentials come from, each with secrets of its own.

use serde_json::json;

use super::cage::{Cage, Secret};
use crate::program::Program;

/// A way to say who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purse {
    LoginVariables,
    TokenVariable,
    LoginFlags,
    TokenFlag,
    PasswordStdin,
    TokenStdin,
    Kept,
    HippoJson,
    SpinLogin,
}

pub const PURSES: [Purse; 9] = [
    Purse::LoginVariables,
    Purse::TokenVariable,
    Purse::LoginFlags,
    Purse::TokenFlag,
    Purse::PasswordStdin,
    Purse::TokenStdin,
    Purse::Kept,
    Purse::HippoJson,
    Purse::SpinLogin,
];

impl Purse {
    /// The secret that Hippo has to get.
    pub fn secret(self) -> Secret {
        match self {
            Purse::LoginVariables => Secret::PasswordVariable,
            Purse::TokenVariable => Secret::TokenVariable,
            Purse::LoginFlags => Secret::PasswordFlag,
            Purse::TokenFlag => Secret::TokenFlag,
            Purse::PasswordStdin => Secret::PasswordStdin,
            Purse::TokenStdin => Secret::TokenStdin,
            Purse::Kept => Secret::KeptToken,
            Purse::HippoJson => Secret::HippoJson,
            Purse::SpinLogin => Secret::SpinToken,
        }
    }

    /// Gives a program the credentials for a Hippo and a Bindle server.
    pub fn equip(self, cage: &Cage, program: Program, hippo: &str, bindle: &str) -> Program {
        let value = self.secret().value();
        let program = program.env("HIPPO_URL", hippo).env("BINDLE_SERVER_URL", &format!("{bindle}/v1"));
        match self {
            Purse::LoginVariables => program
                .env("HIPPO_USERNAME", "dana")
                .env("HIPPO_PASSWORD", &value)
                .env("BINDLE_USERNAME", "dana")
                .env("BINDLE_PASSWORD", &Secret::BindlePasswordVariable.value()),
            Purse::TokenVariable => program.env("HIPPO_TOKEN", &value),
            Purse::LoginFlags => program.args(&[
                "--hippo-username",
                "dana",
                "--hippo-password",
                &value,
                "--bindle-username",
                "dana",
                "--bindle-password",
                &Secret::BindlePasswordFlag.value(),
            ]),
            Purse::TokenFlag => program.args(&["--hippo-token", &value]),
            Purse::PasswordStdin => {
                let program = program.args(&["--hippo-username", "dana", "--hippo-password-stdin"]);
                let program = program.env("BINDLE_USERNAME", "dana");
                let program = program.env("BINDLE_PASSWORD", &Secret::BindlePasswordVariable.value());
                program.stdin_from(&input(cage, &value))
            }
            Purse::TokenStdin => program.args(&["--hippo-token-stdin"]).stdin_from(&input(cage, &value)),
            Purse::Kept => {
                // Both servers may be one.
                let mut servers = json!({});
                servers[hippo]["token"] =
                    json!({ "token": value, "username": "dana", "expires": "2099-01-01T00:00:00Z" });
                servers[bindle]["login"] =
                    json!({ "username": "dana", "password": Secret::KeptBindlePassword.value() });
                let kept = json!({ "version": 1, "servers": servers });
                cage.write(".local/share/spin-deploy/credentials/logins.json", kept.to_string());
                program
            }
            Purse::HippoJson => {
                let left = json!({
                    "danger_accept_invalid_certs": false, "username": "dana", "url": hippo,
                    "token_info": { "token": value, "expiration": "2099-01-01T00:00:00Z" },
                });
                cage.write(".config/hippo/hippo.json", left.to_string());
                program
            }
            Purse::SpinLogin => {
                let left = json!({
                    "url": hippo, "bindle_url": format!("{bindle}/v1"), "bindle_username": "dana",
                    "bindle_password": Secret::SpinBindlePassword.value(), "danger_accept_invalid_certs": false,
                    "token": value, "expiration": "2099-01-01T00:00:00Z",
                });
                cage.write(".config/fermyon/config.json", left.to_string());
                program
            }
        }
    }
}

fn input(cage: &Cage, secret: &str) -> std::path::PathBuf {
    cage.write("input", format!("{secret}\n"));
    cage.at_home("input")
}

/// Gives the application variables, secret or not, and a deploy their values, which are nobody's business either way.
pub fn with_variables(cage: &Cage, program: Program, secret: bool) -> Program {
    let manifest = std::fs::read_to_string(cage.app.path().join("spin.toml")).unwrap();
    let declared =
        ["typed", "filed", "from_env"].map(|name| format!("{name} = {{ required = true, secret = {secret} }}\n"));
    if !manifest.contains("[variables]") {
        cage.app.write("spin.toml", format!("{manifest}\n[variables]\n{}", declared.concat()));
    }
    cage.write("value.txt", Secret::AppVariableFile.value());
    program
        .args(&["--variable", &format!("typed={}", Secret::AppVariable.value())])
        .args(&["--variable", &format!("filed=@{}", cage.at_home("value.txt").display())])
        .args(&["--variable-from-env", "from_env"])
        .env("from_env", &Secret::AppVariableEnvironment.value())
}
