//! Which layer keeps an application from answering: decided here, from what was seen, without I/O.

use super::api::JobStatus;
use crate::target::FailingLayer;

/// What was met under the application's URL in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no URL.
    NoUrl,
    /// Its name could not be looked up.
    Name,
    /// Nobody listens at its address, or whoever does keeps silent.
    Address,
    /// There is no secure connection.
    Tls,
    /// This status, which no host of Spin gives to the looks.
    Status(u16),
    /// Something that is no host of Spin.
    Stranger,
    /// Another application.
    OtherApp,
}

/// What there is to know of an application's job besides its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// What Nomad says. Hippo calls every job dead while it cannot ask Nomad.
    pub job: JobStatus,
    /// Whether Nomad is well.
    pub nomad_is_well: bool,
    /// Whether the Bindle server is not well, as Hippo sees it, whose address of it the hosts use, too.
    pub bindle_is_down: bool,
    /// Whether the bindle is not on the Bindle server any more.
    pub package_is_gone: bool,
    /// The log of the newest allocation, which is the previous build's while the new one has none: no line at all, not even
    /// an empty one, where there never was one. `None`: it could not be read.
    pub log: Option<Vec<String>>,
}

/// How many of a log's last lines are about its end.
const LAST_LINES: usize = 20;

/// The words of a Spin that cannot read its bindle (`fermyon/spin crates/loader/src/bindle@v0.10.1`).
const UNREADABLE: &[&str] = &[
    "Failed to load invoice '",
    "Error fetching remote invoice ",
    "Error fetching remote parcel ",
    "Invoice does not contain a Spin manifest",
    "Invoice contains multiple Spin manifests",
    "Cannot get module source from bindle",
];

/// The first layer on the way from the bindle to an answer that is known not to do its part. `obstacle` is what was met
/// in the application's place, `None`: another version of it; `platform` is `None` where nobody asked.
pub fn failing(obstacle: Option<Obstacle>, platform: Option<&Platform>) -> Option<FailingLayer> {
    platform.and_then(Platform::failing).or_else(|| obstacle.and_then(under_url))
}

impl Platform {
    /// Whether Nomad says that nothing of the job runs.
    pub fn is_down(&self) -> bool {
        match self.job {
            JobStatus::Pending => true,
            JobStatus::Dead => self.nomad_is_well,
            JobStatus::Running | JobStatus::Unknown => false,
        }
    }

    /// What is known without a look at the application. A job that is said to run may be between two crashes.
    fn failing(&self) -> Option<FailingLayer> {
        if !self.is_down() {
            return None;
        }
        if self.package_is_gone {
            return Some(FailingLayer::Package);
        }
        match self.log.as_deref()? {
            [] => Some(FailingLayer::Placement),
            lines if self.bindle_is_down || ends_unreadable(lines) => Some(FailingLayer::Package),
            // Whether a host had this build, or only the one before, cannot be told.
            _ if self.job == JobStatus::Pending => None,
            _ => Some(FailingLayer::Application),
        }
    }
}

/// Whether a log ends with a complaint about the bindle.
fn ends_unreadable(lines: &[String]) -> bool {
    lines.iter().rev().take(LAST_LINES).any(|line| is_unreadable(line))
}

fn is_unreadable(line: &str) -> bool {
    UNREADABLE.iter().any(|words| line.contains(words))
}

/// What is known from the look alone. The looks ask for what Spin itself answers, never the application's code: a 404 is
/// a proxy's that has no route, any other status one's that has, and gets nothing from behind it or lets nobody in.
fn under_url(obstacle: Obstacle) -> Option<FailingLayer> {
    match obstacle {
        Obstacle::NoUrl => None,
        Obstacle::Name => Some(FailingLayer::Dns),
        Obstacle::Address => Some(FailingLayer::Connection),
        Obstacle::Tls => Some(FailingLayer::Tls),
        Obstacle::Status(404) | Obstacle::OtherApp => Some(FailingLayer::Route),
        Obstacle::Status(_) | Obstacle::Stranger => Some(FailingLayer::Proxy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Option<Obstacle>; 10] = [
        None,
        Some(Obstacle::NoUrl),
        Some(Obstacle::Name),
        Some(Obstacle::Address),
        Some(Obstacle::Tls),
        Some(Obstacle::Status(404)),
        Some(Obstacle::Status(502)),
        Some(Obstacle::Status(401)),
        Some(Obstacle::Stranger),
        Some(Obstacle::OtherApp),
    ];

    const UNREADABLE_LINE: &str = "Error: Failed to load invoice 'shop/1.0.0' from 'http://bindle/v1'";

    /// A job of which everything around is well.
    fn job(job: JobStatus, log: Option<&[&str]>) -> Platform {
        let log = log.map(|lines| lines.iter().map(ToString::to_string).collect());
        Platform { job, nomad_is_well: true, bindle_is_down: false, package_is_gone: false, log }
    }

    #[test]
    fn the_url_alone_tells_what_lies_before_the_host() {
        use FailingLayer::*;
        let layers = [None, None, Some(Dns), Some(Connection), Some(Tls)];
        let layers = layers.into_iter().chain([Some(Route), Some(Proxy), Some(Proxy), Some(Proxy), Some(Route)]);
        let long_ago = [&[UNREADABLE_LINE][..], &["served"; LAST_LINES]].concat();
        for (obstacle, layer) in ALL.into_iter().zip(layers) {
            assert_eq!(failing(obstacle, None), layer, "{obstacle:?}");
            // A job that runs, or of which too little is known, changes nothing of that.
            for job in [
                job(JobStatus::Running, Some(&["Serving http://127.0.0.1:1234"])),
                job(JobStatus::Running, Some(&[""])),
                job(JobStatus::Unknown, None),
                job(JobStatus::Running, Some(&[UNREADABLE_LINE, ""])),
                Platform { nomad_is_well: false, ..job(JobStatus::Dead, Some(&[UNREADABLE_LINE])) },
                // Its log could not be read.
                job(JobStatus::Pending, None),
                job(JobStatus::Dead, None),
                Platform { bindle_is_down: true, ..job(JobStatus::Dead, None) },
                // The log may be that of the build before, which had a host.
                job(JobStatus::Pending, Some(&[""])),
                job(JobStatus::Pending, Some(&["Serving http://127.0.0.1:1234", ""])),
                job(JobStatus::Pending, Some(&long_ago)),
                Platform { nomad_is_well: false, ..job(JobStatus::Dead, Some(&["panicked"])) },
                Platform { package_is_gone: true, bindle_is_down: true, ..job(JobStatus::Running, None) },
            ] {
                assert_eq!(failing(obstacle, Some(&job)), layer, "{obstacle:?} {job:?}");
            }
        }
    }

    #[test]
    fn a_job_that_is_down_is_the_reason_whatever_the_url_shows() {
        use FailingLayer::*;
        use JobStatus::{Dead, Pending};
        let late = [&["served"; LAST_LINES][..], &[UNREADABLE_LINE, ""]].concat();
        let long_ago = [&[UNREADABLE_LINE][..], &["served"; LAST_LINES]].concat();
        let gone = |platform| Platform { package_is_gone: true, ..platform };
        let bindle_down = |platform| Platform { bindle_is_down: true, ..platform };
        let table = [
            // Never placed: there is no allocation, and so not even an empty log.
            (job(Pending, Some(&[])), Placement),
            (job(Dead, Some(&[])), Placement),
            (bindle_down(job(Pending, Some(&[]))), Placement),
            // Placed, and it ended, with words or without.
            (job(Dead, Some(&[""])), Application),
            (job(Dead, Some(&["panicked at 'no database'", ""])), Application),
            (job(Dead, Some(&long_ago)), Application),
            // It ended because of its bindle.
            (job(Dead, Some(&["starting", UNREADABLE_LINE, ""])), Package),
            (job(Dead, Some(&late)), Package),
            (job(Pending, Some(&["  Error fetching remote parcel shop/1.0.0@ab12", ""])), Package),
            (gone(job(Pending, Some(&[""]))), Package),
            (gone(job(Pending, Some(&[]))), Package),
            (gone(job(Dead, None)), Package),
            (bindle_down(job(Pending, Some(&[""]))), Package),
        ];
        for (platform, layer) in table {
            for obstacle in ALL {
                assert_eq!(failing(obstacle, Some(&platform)), Some(layer), "{obstacle:?} {platform:?}");
            }
        }
    }
}
