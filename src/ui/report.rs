//! What the commands after the first day print for people: a plan, a status, releases, log lines.

use jiff::Timestamp;

use super::answers::columns;
use super::text;
use crate::event::{
    AppStatus, Destroyed, LoggedLine, Packaged, Planned, PlannedChange, PlannedUpload, Releases, RememberedRelease,
};

/// What would be done: where, from what to what, each change, and how much would be sent.
pub fn planned(planned: &Planned) -> Vec<String> {
    let Planned { target, app, version, current, changes, upload, unchanged, .. } = planned;
    let from = match current {
        Some(current) if current.version == *version && *unchanged => " (live already)".to_owned(),
        Some(current) if current.version == *version => " (recorded already)".to_owned(),
        Some(current) if current.release == current.version => format!(", in place of {}", current.version),
        Some(current) => format!(", in place of {} (release {})", current.version, current.release),
        None => ", a first release".to_owned(),
    };
    let mut lines = vec![format!("{app} {version} to {target}{from}")];
    lines.extend(changes.iter().map(|change| format!("  {}", describe(change))));
    lines.push(format!("  {}", sent(*upload)));
    if *unchanged {
        lines.push("nothing to do".to_owned());
    }
    lines
}

/// `update channel spin-deploy (1.0.0 -> 1.1.0)`.
pub fn describe(change: &PlannedChange) -> String {
    let PlannedChange { action, subject, detail } = change;
    let detail = detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    format!("{action} {subject}{detail}")
}

fn sent(upload: PlannedUpload) -> String {
    let PlannedUpload { missing, all, certain } = upload;
    let most = if certain { "" } else { "at most " };
    match missing.files {
        0 => format!("upload nothing: all {} are there", files(all.files)),
        count => format!("upload {most}{count} of {} ({})", files(all.files), text::bytes(missing.bytes)),
    }
}

fn files(count: u64) -> String {
    match count {
        1 => "1 file".to_owned(),
        _ => format!("{count} files"),
    }
}

/// How an application is, a line for each thing that is known.
pub fn app_status(status: &AppStatus) -> Vec<String> {
    let release = status.release.as_ref().map(|live| match live.release == live.version {
        true => live.version.clone(),
        false => format!("{} ({})", live.release, live.version),
    });
    let recorded = status.release.as_ref().map(|live| &live.version);
    let answering = status.answering.as_ref().filter(|version| Some(*version) != recorded);
    let difference = status.difference.as_ref().map(|difference| match difference.same {
        true => format!("{} is what is live", difference.version),
        false => format!("{} is not what is live: see `spin-deploy plan`, with the same options", difference.version),
    });
    let rows = [
        ("app", Some(format!("{} at {}", status.app, status.target))),
        ("status", Some(status.phase.name().to_owned())),
        ("release", release),
        ("since", status.since.map(moment)),
        ("answers", answering.cloned()),
        ("url", status.url.clone()),
        ("layer", status.layer.map(|layer| format!("{}: {}", layer.name, layer.meaning))),
        ("reason", status.reason.clone()),
        ("directory", difference),
    ];
    let rows = rows.into_iter().filter_map(|(name, value)| Some(vec![name.to_owned(), value?]));
    let routes = status.routes.iter().map(|route| {
        let wildcard = if route.wildcard { "..." } else { "" };
        vec!["route".to_owned(), format!("{}{wildcard} ({})", route.url, route.component)]
    });
    let hints = status.hints.iter().map(|hint| vec!["try".to_owned(), hint.clone()]);
    columns(rows.chain(routes).chain(hints))
}

/// A log line with what is known of it.
pub fn logged(line: &LoggedLine) -> String {
    let LoggedLine { time, component, stream, text } = line;
    let time = time.map(|time| format!("{time:.3}"));
    let known = [time.as_deref(), component.as_deref(), *stream].into_iter().flatten();
    known.chain([text.as_str()]).collect::<Vec<_>>().join(" ")
}

/// The releases in columns, the active one marked.
pub fn releases(releases: &Releases) -> Vec<String> {
    let titles = ["", "RELEASE", "VERSION", "CREATED", "CHANNELS"].map(str::to_owned).to_vec();
    columns(std::iter::once(titles).chain(releases.releases.iter().map(row)))
}

fn row(release: &RememberedRelease) -> Vec<String> {
    let RememberedRelease { release, version, created, active, channels, gone } = release;
    let version = if *gone { format!("{version} (its package is gone)") } else { version.clone() };
    vec![
        if *active { "*" } else { "" }.to_owned(),
        release.clone(),
        version,
        created.map(moment).unwrap_or_else(|| "-".to_owned()),
        channels.join(", "),
    ]
}

/// The headline, and what was removed.
pub fn destroyed(destroyed: &Destroyed) -> (String, Vec<String>) {
    let Destroyed { target, app, changes, elapsed } = destroyed;
    match changes.is_empty() {
        true => (format!("{app} was not at {target}: there was nothing to remove"), Vec::new()),
        false => {
            let headline = format!("{app} at {target}, {} in all", text::duration(*elapsed));
            (headline, changes.iter().map(describe).collect())
        }
    }
}

/// Where the package is.
pub fn packaged(packaged: &Packaged) -> Vec<String> {
    vec![packaged.path.clone()]
}

/// In UTC, in whole seconds.
fn moment(time: Timestamp) -> String {
    format!("{time:.0}")
}
