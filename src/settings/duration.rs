//! Durations as people write them, and how long to wait.

use std::time::Duration;

use super::{Key, Layers, Setting, SettingsError};

/// How long to wait when nothing else is said.
const DEFAULT: Duration = Duration::from_secs(5 * 60);
/// The longest time to wait that makes sense.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// `90s`, `5m`, `1h 30m`; a bare number is seconds.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let bare = text.parse().ok().map(Duration::from_secs);
    bare.or_else(|| humantime::parse_duration(text).ok())
}

/// Decides how long to wait for an answer; zero means not at all.
pub(super) fn timeout(layers: &Layers<'_>) -> Result<Setting<Duration>, SettingsError> {
    let Some(Setting { value, origin }) = layers.text(Key::Timeout)? else { return Ok(Setting::default_of(DEFAULT)) };
    match parse(&value).filter(|timeout| *timeout <= LONGEST) {
        Some(value) => Ok(Setting { value, origin }),
        None => Err(SettingsError::Unusable { origin, value, why: "is no duration up to 24h", example: "5m" }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layer, Origin};
    use super::*;

    fn decide(text: &str) -> Result<Setting<Duration>, SettingsError> {
        let mut layer = Layer::default();
        layer.set(Key::Timeout, text, Origin::Flag("--timeout"));
        timeout(&Layers(&[layer]))
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("0", 0), ("60", 60), ("90s", 90), ("5m", 300), ("1h 30m", 5400), ("24h", 86400)] {
            let expected = Setting { value: Duration::from_secs(seconds), origin: Origin::Flag("--timeout") };
            assert_eq!(decide(text), Ok(expected), "{text}");
        }
        assert_eq!(timeout(&Layers(&[])), Ok(Setting::default_of(DEFAULT)));
    }

    #[test]
    fn what_is_no_time_to_wait_is_refused() {
        for text in ["-1", "5 parsecs", "1.5", "25h", "18446744073709551615", "99999999999999999999"] {
            let error = decide(text).unwrap_err();
            assert_eq!(error.to_string(), format!("could not use --timeout: {text:?} is no duration up to 24h"));
            assert_eq!(error.hints(), ["--timeout 5m"]);
        }
    }
}
