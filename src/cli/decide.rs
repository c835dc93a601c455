//! What every command has to know first: the settings.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::event::{Event, Reporter};
use crate::settings::env::{Environment, VARIABLES};
use crate::settings::{self, Files, Key, Layer, Origin, Settings, file};

use super::args::HippoArgs;
use super::machine::own_directories;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// The flag that reads Hippo's token from standard input.
pub const TOKEN_STDIN: &str = "--hippo-token-stdin";
/// The flag that reads the password at Hippo from standard input.
pub const PASSWORD_STDIN: &str = "--hippo-password-stdin";
/// The most that is read of standard input, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;

/// Decides the settings: from flags, standard input where a flag says so, the environment, and the configuration files
/// beside `from` and of the user. Without `from` the project's file does not count, and no target is meant. Warns of secrets on the command line, and tells what is worth knowing of the decision.
pub fn settings(
    mut flags: Layer,
    hippo: &HippoArgs,
    from: Option<&Path>,
    environment: &Environment,
    watch: &Watch,
) -> Result<Settings, Failure> {
    for message in exposed_secrets(&flags) {
        watch.report(Event::Warning { message });
    }
    let piped = [
        (hippo.hippo_token_stdin, TOKEN_STDIN, Key::HippoToken),
        (hippo.hippo_password_stdin, PASSWORD_STDIN, Key::HippoPassword),
    ];
    for (_, flag, key) in piped.into_iter().filter(|(wanted, ..)| *wanted) {
        flags.set(key, secret_line(flag, &mut std::io::stdin().lock())?, Origin::Flag(flag));
    }
    if let (None, Some(any)) = (from, Key::Target.default()) {
        // What is said of targets may be about the project's, which are not known here.
        flags.set(Key::Target, any, Origin::Default);
    }
    let settings = resolve(&[flags, environment.layer()], from, watch)?;
    if from.is_some() {
        watch.is_about_target(&settings.target.value);
    }
    Ok(settings)
}

/// Decides the settings from these layers and the configuration files beside `from` and of the user.
pub fn settings_of(given: &[Layer], from: &Path, watch: &Watch) -> Result<Settings, Failure> {
    resolve(given, Some(from), watch)
}

fn resolve(given: &[Layer], from: Option<&Path>, watch: &Watch) -> Result<Settings, Failure> {
    let settings = settings::resolve_with(given, &files(from)?)?;
    for message in &settings.notes {
        watch.report(Event::Note { message: message.clone() });
    }
    Ok(settings)
}

/// A warning for each secret on the command line.
fn exposed_secrets(flags: &Layer) -> Vec<String> {
    let secrets = VARIABLES.iter().filter(|variable| variable.secret);
    let exposed = secrets.filter_map(|variable| Some((flags.origin(variable.key?)?, variable.name)));
    exposed
        .map(|(flag, variable)| format!("{flag} can be seen in the list of processes: set {variable} instead"))
        .collect()
}

/// A secret that is written to standard input, with or without a line's end.
fn secret_line(flag: &str, input: &mut dyn Read) -> Result<String, Failure> {
    let unusable = |why: &str| {
        let failure = Failure::new(ExitCode::Usage, format!("could not use standard input, which {flag} reads: {why}"));
        failure.hint(format!("write it there: `printf %s \"$SECRET\" | spin-deploy login {flag}`"))
    };
    let mut text = String::new();
    let read = input.take(LONGEST_SECRET + 1).read_to_string(&mut text);
    read.map_err(|error| {
        unusable(match error.kind() {
            std::io::ErrorKind::InvalidData => "it is not UTF-8",
            _ => "it cannot be read",
        })
    })?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    match line {
        "" => Err(unusable("it is empty")),
        _ if text.len() as u64 > LONGEST_SECRET => Err(unusable("it is longer than 64 KiB")),
        _ if line.contains(['\n', '\r']) => Err(unusable("it has more than one line")),
        line => Ok(line.to_owned()),
    }
}

/// Reads the user's configuration file, and the one that counts for the manifest, or its directory, at `from`.
pub fn files(from: Option<&Path>) -> Result<Files, Failure> {
    let user = own_directories().map(|own| own.config_dir().join(file::USER_FILE));
    Ok(Files::read(from.map(beside).as_deref(), user.as_deref())?)
}

/// Where a project's file would be.
fn beside(from: &Path) -> PathBuf {
    let directory = if from.is_dir() { from } else { from.parent().unwrap_or(from) };
    // What lies here is called by its bare name.
    if directory == Path::new(".") { file::PROJECT_FILE.into() } else { directory.join(file::PROJECT_FILE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_on_the_command_line_earn_a_warning() {
        let mut flags = Layer::default();
        for key in [Key::HippoToken, Key::HippoUrl, Key::BindlePassword] {
            flags.set(key, "x", Origin::Flag(key.flag()));
        }
        assert_eq!(
            exposed_secrets(&flags),
            [
                "--hippo-token can be seen in the list of processes: set HIPPO_TOKEN instead",
                "--bindle-password can be seen in the list of processes: set BINDLE_PASSWORD instead",
            ]
        );
    }

    #[test]
    fn a_secret_is_one_line_of_standard_input() {
        let read = |text: &[u8]| secret_line("--hippo-token-stdin", &mut &*text).map_err(|failure| failure.message);
        for good in ["hunter2", "hunter2\n", "hunter2\r\n"] {
            assert_eq!(read(good.as_bytes()).as_deref(), Ok("hunter2"));
        }
        assert_eq!(read(b" a b ").as_deref(), Ok(" a b "));
        let long = vec![b'x'; 64 * 1024 + 1];
        for (bad, why) in [
            (&b""[..], "it is empty"),
            (b"\n", "it is empty"),
            (b"hunter2\nhunter3\n", "it has more than one line"),
            (b"hunter2\xff", "it is not UTF-8"),
            (&long, "it is longer than 64 KiB"),
        ] {
            let message = read(bad).unwrap_err();
            assert_eq!(message, format!("could not use standard input, which --hippo-token-stdin reads: {why}"));
        }
    }

    #[test]
    fn a_projects_file_lies_beside_the_manifest() {
        let directory = tempfile::tempdir().unwrap();
        let manifest = directory.path().join("spin.toml");
        let expected = directory.path().join("spin-deploy.toml");
        for from in [directory.path(), &manifest] {
            assert_eq!(beside(from), expected, "{}", from.display());
        }
        for from in [".", "spin.toml", "./spin.toml"] {
            assert_eq!(beside(Path::new(from)), Path::new("spin-deploy.toml"), "{from}");
        }
    }
}
