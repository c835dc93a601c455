//! What serving on this machine needs: directories, an address, limits.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

use super::{Key, Layers, Setting, SettingsError, duration};
use crate::targets::local::{Config, Launch, Limits, Serving};

/// The address when nothing else is said: this machine alone can reach it.
const LISTEN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The port of the first application when nothing else is said: Spin's own. Further ones get the next free ones.
const FIRST_PORT: u16 = 3000;

/// From a page of WebAssembly's memory to all that 32 bits can address.
const MEMORY: RangeInclusive<u64> = 64 * 1024..=4 * 1024 * 1024 * 1024;
/// Bodies from a byte to 1 TiB.
const BODY: RangeInclusive<u64> = 1..=1024 * 1024 * 1024 * 1024;
const TIME: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);
const REQUESTS: RangeInclusive<u32> = 1..=100_000;

/// What a started server is told besides its directories: the keys that are given on to it where somebody set them.
const GIVEN_ON: [Key; 7] = [
    Key::Listen,
    Key::FirstPort,
    Key::MaxMemory,
    Key::MaxTime,
    Key::MaxRequests,
    Key::MaxRequestBody,
    Key::MaxResponseBody,
];

/// The decided settings of serving on this machine.
#[derive(Debug, Clone)]
pub struct Local {
    /// Where applications are stored; `None`: in the user's own directory for data.
    pub data_dir: Option<Setting<PathBuf>>,
    /// The address that applications are served on.
    pub listen: Setting<IpAddr>,
    /// The port of the first application.
    pub first_port: u16,
    /// What one request may use up.
    pub limits: Limits,
    /// The flags that say the same to a server.
    given_on: Vec<OsString>,
}

/// What of this machine and process the target `local` is made from.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The user's directories; `None`: not even a home is known.
    pub directories: Option<directories::ProjectDirs>,
    /// The user's runtime directory (`$XDG_RUNTIME_DIR`), where it is there.
    pub runtime: Option<PathBuf>,
    /// This program.
    pub program: PathBuf,
    /// The variables that a server inherits.
    pub environment: Vec<(OsString, OsString)>,
}

impl Local {
    /// Decides.
    pub(super) fn resolve(layers: &Layers<'_>) -> Result<Local, SettingsError> {
        let default = Limits::default();
        let limits = Limits {
            memory: size(layers, Key::MaxMemory, &MEMORY, "is no size from 64KiB to 4GiB", "256MiB")?
                .unwrap_or(default.memory),
            time: time(layers)?.unwrap_or(default.time),
            concurrent: requests(layers)?.unwrap_or(default.concurrent),
            request_body: size(layers, Key::MaxRequestBody, &BODY, "is no size from 1B to 1TiB", "16MiB")?
                .unwrap_or(default.request_body),
            response_body: size(layers, Key::MaxResponseBody, &BODY, "is no size from 1B to 1TiB", "64MiB")?
                .unwrap_or(default.response_body),
        };
        let mut given_on = Vec::new();
        for key in GIVEN_ON {
            if let Some(setting) = layers.path(key) {
                given_on.extend([key.flag().into(), setting.value.into_os_string()]);
            }
        }
        Ok(Local {
            data_dir: layers.path(Key::DataDir),
            listen: listen(layers)?,
            first_port: first_port(layers)?,
            limits,
            given_on,
        })
    }

    /// The warning where other machines can reach what is served.
    pub fn open_to_others(&self) -> Option<String> {
        let Setting { value, origin } = &self.listen;
        let warning = || format!("{origin} is {value}: the applications can be reached from other machines");
        (!value.is_loopback()).then(warning)
    }

    /// How to serve.
    pub fn serving(&self) -> Serving {
        Serving { listen: self.listen.value, first_port: self.first_port, limits: self.limits }
    }

    /// What the target is made from; `None`: there is no directory for data.
    pub fn config(&self, machine: &Machine) -> Option<Config> {
        let own = machine.directories.as_ref();
        let data = match &self.data_dir {
            // Only an empty path, which counts as unset, or a working directory that is gone has no absolute form.
            Some(setting) => std::path::absolute(&setting.value).unwrap_or_else(|_| setting.value.clone()),
            None => own?.data_local_dir().join("local"),
        };
        let cache_dir = own.map_or_else(|| data.join("cache"), |own| own.cache_dir().to_owned());
        let mut args: Vec<OsString> = vec!["serve".into(), "--detached".into()];
        args.extend([Key::DataDir.flag().into(), data.clone().into_os_string()]);
        args.extend(self.given_on.iter().cloned());
        Some(Config {
            data_dir: data,
            runtime_dir: machine.runtime.clone(),
            cache_dir,
            first_address: SocketAddr::new(self.listen.value, self.first_port),
            launch: Launch { program: machine.program.clone(), args, environment: machine.environment.clone() },
        })
    }
}

fn listen(layers: &Layers<'_>) -> Result<Setting<IpAddr>, SettingsError> {
    let parsed = parsed(layers, Key::Listen, "is no IP address", "127.0.0.1", |text| text.parse().ok())?;
    Ok(parsed.unwrap_or(Setting::default_of(LISTEN)))
}

fn first_port(layers: &Layers<'_>) -> Result<u16, SettingsError> {
    let port = |text: &str| text.parse().ok().filter(|port| *port > 0);
    let parsed = parsed(layers, Key::FirstPort, "is no port from 1 to 65535", "3000", port)?;
    Ok(parsed.map_or(FIRST_PORT, |setting| setting.value))
}

fn size(
    layers: &Layers<'_>,
    key: Key,
    sensible: &RangeInclusive<u64>,
    why: &'static str,
    example: &'static str,
) -> Result<Option<u64>, SettingsError> {
    let parse =
        |text: &str| text.parse::<ByteSize>().ok().map(|size| size.as_u64()).filter(|size| sensible.contains(size));
    Ok(parsed(layers, key, why, example, parse)?.map(|setting| setting.value))
}

fn time(layers: &Layers<'_>) -> Result<Option<Duration>, SettingsError> {
    let parse = |text: &str| duration::parse(text).filter(|time| TIME.contains(time));
    let parsed = parsed(layers, Key::MaxTime, "is no duration from 1ms to 24h", "30s", parse)?;
    Ok(parsed.map(|setting| setting.value))
}

fn requests(layers: &Layers<'_>) -> Result<Option<u32>, SettingsError> {
    let parse = |text: &str| text.parse().ok().filter(|count| REQUESTS.contains(count));
    let parsed = parsed(layers, Key::MaxRequests, "is no number from 1 to 100000", "100", parse)?;
    Ok(parsed.map(|setting| setting.value))
}

fn parsed<T>(
    layers: &Layers<'_>,
    key: Key,
    why: &'static str,
    example: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<Setting<T>>, SettingsError> {
    let Some(Setting { value, origin }) = layers.text(key)? else { return Ok(None) };
    match parse(&value) {
        Some(value) => Ok(Some(Setting { value, origin })),
        None => Err(SettingsError::Unusable { origin, value, why, example }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::env::Environment;
    use super::super::{Layer, Origin, resolve_local};
    use super::*;

    fn decide(values: &[(Key, &str)]) -> Result<Local, SettingsError> {
        let mut flags = Layer::default();
        for (key, value) in values {
            flags.set(*key, *value, Origin::Flag(key.flag()));
        }
        resolve_local(&[flags])
    }

    fn machine() -> Machine {
        Machine {
            directories: None,
            runtime: Some("/run/user/7".into()),
            program: "/bin/spin-deploy".into(),
            environment: vec![("HOME".into(), "/h".into())],
        }
    }

    #[test]
    fn nothing_said_means_this_machine_alone_and_the_documented_limits() {
        let local = decide(&[]).unwrap();
        assert_eq!(local.serving(), Serving { listen: LISTEN, first_port: FIRST_PORT, limits: Limits::default() });
        assert!(LISTEN.is_loopback());
        assert_eq!(local.config(&machine()), None);
    }

    #[test]
    fn limits_are_read_as_people_write_them() {
        let local = decide(&[
            (Key::Listen, "::"),
            (Key::MaxMemory, "1.5 GiB"),
            (Key::MaxTime, "1m 30s"),
            (Key::MaxRequests, "7"),
            (Key::MaxRequestBody, "1000"),
            (Key::MaxResponseBody, "2MB"),
        ])
        .unwrap();
        assert!(!local.listen.value.is_loopback());
        let limits = Limits {
            memory: 3 << 29,
            time: Duration::from_secs(90),
            concurrent: 7,
            request_body: 1000,
            response_body: 2_000_000,
        };
        assert_eq!(local.limits, limits);
        assert_eq!(decide(&[(Key::MaxTime, "5")]).unwrap().limits.time, Duration::from_secs(5));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let table = [
            (Key::Listen, ["localhost", "127.0.0.1:80", "x"]),
            (Key::MaxMemory, ["0", "1KiB", "5GiB"]),
            (Key::MaxTime, ["0", "soon", "25h"]),
            (Key::MaxRequests, ["0", "-1", "1000000"]),
            (Key::MaxRequestBody, ["0", "a lot", "2TiB"]),
            (Key::MaxResponseBody, ["0", "64 parsecs", "-1"]),
        ];
        for (key, values) in table {
            for value in values {
                let error = decide(&[(key, value)]).unwrap_err();
                assert!(matches!(error, SettingsError::Unusable { .. }), "{value}: {error}");
            }
        }
        let error = decide(&[(Key::MaxMemory, "0")]).unwrap_err();
        assert_eq!(error.to_string(), "could not use --max-memory: \"0\" is no size from 64KiB to 4GiB");
        assert_eq!(error.hints(), ["--max-memory 256MiB"]);
    }

    #[test]
    fn a_started_server_is_told_what_was_said_and_no_more() {
        let local = decide(&[(Key::DataDir, "/d"), (Key::MaxTime, "5s"), (Key::Channel, "x")]).unwrap();
        let config = local.config(&machine()).unwrap();
        assert_eq!(config.launch.args, ["serve", "--detached", "--data-dir", "/d", "--max-time", "5s"]);
        assert_eq!(config.launch.program, Path::new("/bin/spin-deploy"));
        assert_eq!(config.launch.environment, machine().environment);
        assert_eq!(config.runtime_dir, machine().runtime);
        assert_eq!((config.data_dir, config.cache_dir), ("/d".into(), "/d/cache".into()));
    }

    #[test]
    fn variables_say_the_same_as_flags() {
        let variables: Environment = [
            ("SPIN_DEPLOY_DATA_DIR", "/d"),
            ("SPIN_DEPLOY_LISTEN", "0.0.0.0"),
            ("SPIN_DEPLOY_FIRST_PORT", "8080"),
            ("SPIN_DEPLOY_MAX_MEMORY", "1MiB"),
            ("SPIN_DEPLOY_MAX_TIME", "1s"),
            ("SPIN_DEPLOY_MAX_REQUESTS", "1"),
            ("SPIN_DEPLOY_MAX_REQUEST_BODY", "1KiB"),
            ("SPIN_DEPLOY_MAX_RESPONSE_BODY", "2KiB"),
        ]
        .into_iter()
        .collect();
        let local = resolve_local(&[variables.layer()]).unwrap();
        let limits = Limits {
            memory: 1 << 20,
            time: Duration::from_secs(1),
            concurrent: 1,
            request_body: 1024,
            response_body: 2048,
        };
        assert_eq!(local.serving(), Serving { listen: "0.0.0.0".parse().unwrap(), first_port: 8080, limits });
        assert_eq!(local.config(&machine()).unwrap().launch.args.len(), 4 + 2 * GIVEN_ON.len());
    }

    #[test]
    fn a_relative_data_directory_becomes_absolute() {
        let local = decide(&[(Key::DataDir, "d")]).unwrap();
        let data_dir = local.config(&machine()).unwrap().data_dir;
        assert!(data_dir.is_absolute() && data_dir.ends_with("d"), "{}", data_dir.display());
    }
}
