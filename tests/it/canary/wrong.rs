//! Secrets in files that are broken, in addresses, and where no secret is expected.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::cage::{Cage, Secret};
use super::{ASKING, LATER, LOUD, PROMOTE, QUIET, none_leaks, told};

/// Every command.
fn every() -> Vec<&'static [&'static str]> {
    ASKING.into_iter().chain(QUIET).chain(LATER).collect()
}

/// Files, relative to the home or to the application (`./`), and what stands in them in place of a good content.
fn broken_files() -> Vec<(&'static str, String)> {
    let (secret, stem) = (Secret::BrokenFile.value(), Secret::BrokenFile.stem());
    let store = ".local/share/spin-deploy/credentials/logins.json";
    let mut files = Vec::new();
    for file in [store, ".config/hippo/hippo.json", ".config/fermyon/config.json"] {
        for content in [
            secret.clone(),
            format!("{{\"{secret}\""),
            format!("{{\"version\": \"{secret}\"}}"),
            format!("{{\"version\": 1, \"servers\": {{\"http://127.0.0.1:1\": {{\"token\": \"{secret}\"}}}}}}"),
            format!(
                "{{\"version\": 1, \"servers\": \"{secret}\", \"token_info\": \"{secret}\", \"url\": \"{secret}\"}}"
            ),
            format!("{{\"version\": 1, \"token_info\": {{\"token\": \"{secret}\"}}, \"url\": \"http://{stem}@x:y\"}}"),
            format!(
                "{{\"token\": \"{secret}\", \"expiration\": \"{secret}\", \"url\": \"{secret}\", \"username\": \"\"}}"
            ),
        ] {
            files.push((file, content));
        }
    }
    for (file, secret) in
        [("./spin-deploy.toml", Secret::ProjectFile), (".config/spin-deploy/config.toml", Secret::UserFile)]
    {
        let (secret, stem) = (secret.value(), secret.stem());
        for content in [
            format!("hippo-token = \"{secret}"),
            format!("{secret} = = 1"),
            format!("token = \"{secret}\"\n"),
            format!("[target.hippo]\nhippo-token = \"{secret}\"\n"),
            format!("[target.hippo]\nhippo-password = [\"{secret}\"]\n"),
            format!("[target.hippo]\nbindle-password = \"{secret}\"\nbindle-password = \"{secret}\"\n"),
            format!("[target.hippo]\npassword = {{ {secret}"),
            format!("[target.hippo]\nhippo-pasword = \"{secret}\"\n"),
            format!("[target.hippo]\nhippo-url = \"http://dana:{stem}@127.0.0.1:1\"\n"),
            format!("[target.hippo]\nhippo-url = \"http://127.0.0.1:1/?token={stem}\"\n"),
            format!("[target.hippo]\nbindle-server = \"http://{stem}@127.0.0.1:1/v1\"\n"),
            format!("[target.hippo]\ntimeout = \"\"\"\n{secret}"),
            format!("default-target = \"hippo\"\nsecret = {{ a = \"{secret}\" }}\n"),
        ] {
            files.push((file, content));
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_broken_files() {
    let cases = broken_files().into_iter().enumerate().flat_map(|(number, (file, content))| {
        // Each content meets a third of the commands, and each command every file.
        let commands = every().into_iter().enumerate().filter(move |(command, _)| (command + number) % 3 == 0);
        commands.map(move |(_, command)| (file, content.clone(), command))
    });
    none_leaks(cases.enumerate().map(async |(number, (file, content, command))| {
        let cage = Cage::new();
        match file.strip_prefix("./") {
            Some(file) => cage.app.write(file, &content),
            None => cage.write(file, &content),
        }
        let program = cage.program(command).args(LOUD[number % 2]);
        let program = if content.contains("-server =") || content.contains("-url =") {
            program
        } else {
            program.env("HIPPO_URL", "http://127.0.0.1:1").env("BINDLE_SERVER_URL", "http://127.0.0.1:1/v1")
        };
        told(format!("{:?} with {file}: {content}", command), &cage, program).await
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_a_broken_signing_key_or_manifest() {
    let secret = Secret::SigningKey.value();
    let keys = [
        secret.clone(),
        format!("version = \"1.0\"\n[[key]]\nlabel = \"dana\"\nroles = [\"creator\"]\nkeypair = \"{secret}\"\n"),
        format!("version = \"1.0\"\n[[key]]\nkeypair = \"{secret}\n"),
        format!("version = \"1.0\"\n[[key]]\nlabel = \"dana\"\nroles = [\"{secret}\"]\nkeypair = 7\n"),
    ];
    let commands = ["deploy", "doctor", "targets", "plan", "destroy"];
    let cases = keys.iter().flat_map(|key| commands.map(|command| (command, key)));
    none_leaks(cases.enumerate().map(async |(number, (command, key))| {
        let cage = Cage::new();
        cage.write("key.toml", key);
        let path = cage.at_home("key.toml").display().to_string();
        let program = cage.program(&[command, "--signing-key", &path]).args(LOUD[number % 2]);
        let program = program.env("HIPPO_URL", "http://127.0.0.1:1").env("BINDLE_SERVER_URL", "http://127.0.0.1:1/v1");
        told(format!("{command} with the key {key}"), &cage, program.env("HIPPO_TOKEN", "x")).await
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_addresses() {
    let forms = |secret: &str| {
        [
            format!("http://dana:{secret}@127.0.0.1:1/"),
            format!("http://{secret}@127.0.0.1:1/"),
            format!("dana:{secret}@127.0.0.1:1"),
            format!("http://127.0.0.1:1/?token={secret}"),
            format!("http://127.0.0.1:1/#{secret}"),
            format!("http://dana:{secret}@"),
            format!("http://dana:{secret}@127.0.0.1:port/"),
            format!("http//dana:{secret}@127.0.0.1"),
            format!("ftp://dana:{secret}@127.0.0.1/"),
        ]
    };
    let places = [
        ("HIPPO_URL", Secret::HippoUserinfo),
        ("--hippo-url", Secret::HippoQuery),
        ("BINDLE_SERVER_URL", Secret::BindleUserinfo),
        ("BINDLE_URL", Secret::BindleQuery),
        ("--bindle-server", Secret::BindleQuery),
    ];
    // A `/` ends what stands before the host.
    let cases = places.into_iter().flat_map(|(place, secret)| forms(&secret.stem()).map(|url| (place, url)));
    let cases = cases.enumerate().flat_map(|(number, (place, url))| {
        let commands = every().into_iter().enumerate().filter(move |(command, _)| (command + number) % 3 == 0);
        commands.map(move |(_, command)| (place, url.clone(), command))
    });
    none_leaks(cases.enumerate().map(async |(number, (place, url, command))| {
        let cage = Cage::new();
        let program = cage.program(command).args(LOUD[number % 2]);
        let program = match place {
            "--hippo-url" => program.env("BINDLE_SERVER_URL", "http://127.0.0.1:1/v1").args(&[place, &url]),
            "--bindle-server" => program.env("HIPPO_URL", "http://127.0.0.1:1").args(&[place, &url]),
            "BINDLE_URL" => program.env("HIPPO_URL", "http://127.0.0.1:1").env(place, &url),
            _ => program
                .env("HIPPO_URL", "http://127.0.0.1:1")
                .env("BINDLE_SERVER_URL", "http://127.0.0.1:1/v1")
                .env(place, &url),
        };
        told(format!("{:?} with {place} {url}", command), &cage, program).await
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_wrong_usage() {
    let secret = Secret::Misused.value();
    let joined = |option: &str| format!("{option}={secret}");
    let usages: Vec<Vec<String>> = [
        vec!["--hippo-token", &secret, "--hippo-token", &secret],
        vec!["--hippo-token", &secret, "--hippo-username", "dana"],
        vec!["--hippo-token", &secret, "--hippo-token-stdin"],
        vec!["--hippo-password", &secret, "--hippo-password-stdin"],
        vec!["--hippo-password", &secret],
        vec!["--bindle-password", &secret],
        vec!["--hippo-token", &secret, "--bogus"],
        vec!["--hippo-token", &secret, "--target", "bogus"],
        vec!["--hippo-token", &secret, "--target", "local"],
        vec!["--hippo-token", &secret, "--format", "bogus"],
        vec![&joined("--hippo-tokn")],
        vec![&joined("--hippo-pasword")],
        vec!["--hippo-tokn", &secret],
        vec![&joined("--hippo-token-stdin")],
        vec![&joined("--hippo-password-stdin")],
        vec!["--hippo-token-stdin", &secret],
        vec!["--hippo-password-stdin", &secret],
        vec!["--variable", &secret],
        vec!["--variable", &format!("={secret}")],
        vec!["--variable", &format!("undeclared={secret}")],
        vec!["--variable", &format!("a={secret}"), "--variable", &format!("a={secret}")],
        vec!["--variable", &format!("a b={secret}")],
        vec!["--key-value", &format!("a={secret}")],
        vec![&format!("--variables=a={secret}")],
    ]
    .into_iter()
    .map(|usage| usage.into_iter().map(str::to_owned).collect())
    .collect();
    let commands: [&[&str]; 11] = [
        &[],
        &["deploy"],
        &["login"],
        &["whoami"],
        &["doctor"],
        &["targets", "--show"],
        &["logout"],
        &["plan"],
        &["rollback"],
        &["package"],
        PROMOTE,
    ];
    let cases = usages.iter().flat_map(|usage| commands.map(|command| (usage, command)));
    none_leaks(cases.enumerate().map(async |(number, (usage, command))| {
        let cage = Cage::new();
        let args: Vec<&str> = usage.iter().map(String::as_str).collect();
        let program = cage.program(command).args(&args).args(LOUD[number % 2]);
        let program = program.env("HIPPO_URL", "http://127.0.0.1:1").env("BINDLE_SERVER_URL", "http://127.0.0.1:1/v1");
        told(format!("{command:?} {args:?}"), &cage, program).await
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_secrets_that_no_header_can_hold() {
    let variables = [
        ("HIPPO_TOKEN", Secret::TokenVariable),
        ("HIPPO_PASSWORD", Secret::PasswordVariable),
        ("BINDLE_PASSWORD", Secret::BindlePasswordVariable),
    ];
    let ends: [&[u8]; 4] = [b"\xff", b"\nsecond: line", b"\x1b[31m", "ü".as_bytes()];
    let cases = variables.into_iter().flat_map(|variable| ends.map(|end| (variable, end)));
    let cases = cases.flat_map(|case| ASKING.into_iter().chain(LATER).map(move |command| (case, command)));
    none_leaks(cases.enumerate().map(async |(number, (((name, secret), end), command))| {
        let cage = Cage::new();
        let value = [secret.value().as_bytes(), end].concat();
        let program = cage.program(command).args(LOUD[number % 2]);
        let program = program.env("HIPPO_URL", "http://127.0.0.1:1").env("BINDLE_SERVER_URL", "http://127.0.0.1:1/v1");
        let program = match name {
            "HIPPO_PASSWORD" => program.env("HIPPO_USERNAME", "dana"),
            "BINDLE_PASSWORD" => program.env("HIPPO_TOKEN", "x").env("BINDLE_USERNAME", "dana"),
            _ => program,
        };
        told(format!("{command:?} with {name} and {end:?}"), &cage, program.env_os(name, OsStr::from_bytes(&value)))
            .await
    }))
    .await;
}
