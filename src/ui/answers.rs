//! What commands that answer a question print for people: on stdout, for it is what was asked for.

use jiff::Timestamp;

use super::text;
use crate::event::{
    Check, ConfiguredTarget, DriverSummary, Identity, LoggedIn, LoggedOut, ShownTarget, Standing, Targets, Verdict,
};

/// `logged in: dana at https://hippo.example.com until 10:31:00Z`.
pub fn logged_in(login: &LoggedIn) -> String {
    let LoggedIn { server, username, registered, expires, registry, stored, .. } = login;
    let who = username.as_deref().unwrap_or("a token's user");
    let made = if *registered { " (a new account)" } else { "" };
    let until = expires.map(|time| format!(" until {time:.0}")).unwrap_or_default();
    let registry = registry.as_ref().map(|registry| format!(", and at {registry}")).unwrap_or_default();
    format!("{who}{made} at {server}{until}{registry}, kept in {stored}")
}

/// What was forgotten.
pub fn logged_out(logout: &LoggedOut) -> String {
    match logout.servers.as_slice() {
        [] => "nothing was stored".to_owned(),
        servers => servers.join(", "),
    }
}

/// A line for each server.
pub fn identities(identities: &[Identity]) -> Vec<String> {
    identities.iter().map(identity).collect()
}

fn identity(identity: &Identity) -> String {
    let Identity { server, username, expires, origin, standing } = identity;
    let who = username.as_deref().unwrap_or("unknown user");
    let until = expires.map(|time| until(time, *standing)).unwrap_or_default();
    let standing = match standing {
        Standing::Accepted => "accepted",
        Standing::Stored => "stored",
        Standing::Expired => "expired",
    };
    format!("{who} at {server}: {standing}{until}, from {origin}")
}

fn until(time: Timestamp, standing: Standing) -> String {
    match standing {
        Standing::Expired => format!(" since {time:.0}"),
        Standing::Accepted | Standing::Stored => format!(" until {time:.0}"),
    }
}

/// The configured targets, then the drivers, in columns.
pub fn targets(targets: &Targets) -> Vec<String> {
    let configured = targets.configured.iter().map(|ConfiguredTarget { name, driver, origin, default }| {
        let default = if *default { " (default)" } else { "" };
        vec![format!("{name}{default}"), driver.clone(), origin.clone()]
    });
    let drivers = targets.drivers.iter().map(|DriverSummary { kind, summary, powers }| {
        vec![(*kind).to_owned(), (*summary).to_owned(), powers.join(", ")]
    });
    let mut lines = Vec::new();
    if !targets.configured.is_empty() {
        lines.extend(columns(std::iter::once(titles(["TARGET", "DRIVER", "CONFIGURED IN"])).chain(configured)));
        lines.push(String::new());
    }
    lines.extend(columns(std::iter::once(titles(["DRIVER", "WHAT IT IS", "HAS"])).chain(drivers)));
    lines
}

/// Each setting of a target, its value, and where that comes from.
pub fn shown_target(target: &ShownTarget) -> Vec<String> {
    let head = [
        vec!["target".to_owned(), target.name.clone(), String::new()],
        vec!["driver".to_owned(), target.driver.clone(), String::new()],
    ];
    let settings = target.settings.iter().map(|setting| {
        vec![setting.key.to_owned(), setting.value.clone().unwrap_or_else(|| "-".to_owned()), setting.origin.clone()]
    });
    columns(head.into_iter().chain(settings))
}

/// `✓ Hippo answers: v0.20 at https://…`: the mark, and the rest.
pub fn check(check: &Check) -> (&'static str, String) {
    let mark = match check.verdict {
        Verdict::Passed => "✓ ",
        Verdict::Warned => "! ",
        Verdict::Failed => "✗ ",
        Verdict::Skipped => "- ",
    };
    let detail = if check.detail.is_empty() { String::new() } else { format!(": {}", check.detail) };
    (mark, format!("{}{detail}", check.name))
}

fn titles(titles: [&str; 3]) -> Vec<String> {
    titles.iter().map(|title| (*title).to_owned()).collect()
}

/// Rows whose cells stand below each other.
pub fn columns(rows: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let rows: Vec<Vec<String>> =
        rows.map(|row| row.iter().map(|cell| text::harmless(cell).into_owned()).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..count)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
