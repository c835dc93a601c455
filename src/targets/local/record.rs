//! What is recorded of an application, and how a release changes it. Pure: `store.rs` reads and writes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::package::is_sha256;

/// How many releases of an application are remembered.
pub const KEPT_RELEASES: usize = 10;

/// What is recorded of an application. One that was read, from a file or from the socket, is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Record {
    /// Its name.
    pub app: String,
    /// The port that it is served on, for as long as it lives.
    pub port: u16,
    /// The id of the release that is, or should be, live.
    pub current: u64,
    /// The last [`KEPT_RELEASES`], oldest first, the current one among them; ids grow and are never used twice.
    pub releases: Vec<ReleaseRecord>,
    /// When somebody went back to the current release; `None`: it is the one that was made last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub went_back: Option<Timestamp>,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRecord {
    /// Counts from 1.
    pub id: u64,
    /// The package's version, build metadata included.
    pub version: String,
    /// The SHA-256 of the package's document, which names all other blobs.
    pub document: String,
    /// When it was made live for the first time.
    pub created: Timestamp,
}

/// A [`Record`] as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    app: String,
    port: u16,
    current: u64,
    releases: Vec<ReleaseRecord>,
    #[serde(default)]
    went_back: Option<Timestamp>,
}

/// What is wrong with a record. Shows nothing of what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// No JSON, or not of this shape.
    #[error("it is no record at line {line}, column {column}")]
    Shape {
        /// Counts from 1.
        line: usize,
        /// Counts from 1.
        column: usize,
    },
    /// It lies where another application's should be.
    #[error("it is of another application")]
    App,
    /// The current release is not remembered.
    #[error("the current release is not among its releases")]
    NoCurrent,
    /// Two releases of one id, or a younger one with a smaller id.
    #[error("the ids of its releases do not grow from 1")]
    Ids,
    /// A document is named by something else than a digest.
    #[error("the document of release {0} is named by no SHA-256 in lower-case hex")]
    Document(u64),
}

impl TryFrom<Unchecked> for Record {
    type Error = RecordError;

    fn try_from(unchecked: Unchecked) -> Result<Record, RecordError> {
        let Unchecked { app, port, current, releases, went_back } = unchecked;
        if !releases.iter().any(|release| release.id == current) {
            return Err(RecordError::NoCurrent);
        }
        if releases.first().is_some_and(|first| first.id == 0) || !releases.is_sorted_by(|a, b| a.id < b.id) {
            return Err(RecordError::Ids);
        }
        if let Some(release) = releases.iter().find(|release| !is_sha256(&release.document)) {
            return Err(RecordError::Document(release.id));
        }
        Ok(Record { app, port, current, releases, went_back })
    }
}

impl Record {
    /// An application with its first release.
    pub fn first(app: &str, port: u16, version: &str, document: &str, now: Timestamp) -> Record {
        let release = ReleaseRecord { id: 1, version: version.into(), document: document.into(), created: now };
        Record { app: app.into(), port, current: 1, releases: vec![release], went_back: None }
    }

    /// Reads the JSON of that application's record.
    pub fn parse(app: &str, json: &[u8]) -> Result<Record, RecordError> {
        // serde's own messages quote what they stumble over.
        let unchecked: Unchecked = serde_json::from_slice(json)
            .map_err(|error| RecordError::Shape { line: error.line(), column: error.column() })?;
        let record = Record::try_from(unchecked)?;
        if record.app == app { Ok(record) } else { Err(RecordError::App) }
    }

    /// The record once that document is live. The current one again changes nothing; an older one again is a new
    /// release, so that the newest release is always what was deployed last.
    pub fn with_release(mut self, version: &str, document: &str, now: Timestamp) -> Record {
        if self.current().document == document {
            return self;
        }
        let id = self.next_id();
        self.current = id;
        self.went_back = None;
        self.releases.push(ReleaseRecord { id, version: version.into(), document: document.into(), created: now });
        // Never the current one: that is the last.
        self.releases.drain(..self.releases.len().saturating_sub(KEPT_RELEASES));
        self
    }

    /// The record once that release is live again; `None` where it is not remembered. It keeps its id, and none is
    /// forgotten. The current one again changes nothing.
    pub fn rolled_back(mut self, id: u64, now: Timestamp) -> Option<Record> {
        self.releases.iter().any(|release| release.id == id).then(|| {
            if self.current != id {
                self.current = id;
                self.went_back = Some(now);
            }
            self
        })
    }

    /// Since when the current release is the current one.
    pub fn since(&self) -> Timestamp {
        self.went_back.unwrap_or(self.current().created)
    }

    /// The release that is, or should be, live.
    pub fn current(&self) -> &ReleaseRecord {
        let current = self.releases.iter().find(|release| release.id == self.current);
        current.expect("the current release is never forgotten, and what was read has been checked")
    }

    /// The id of the next release. The newest one is never forgotten, so no id comes twice.
    pub fn next_id(&self) -> u64 {
        self.releases.last().map_or(0, |release| release.id).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn document(n: u8) -> String {
        format!("{n:064x}")
    }

    fn ids(record: &Record) -> Vec<u64> {
        record.releases.iter().map(|release| release.id).collect()
    }

    fn first() -> Record {
        Record::first("shop", 3001, "1.0.0+a", &document(1), NOW)
    }

    #[test]
    fn the_first_release_is_current() {
        let record = first();
        assert_eq!((ids(&record), record.current().version.as_str(), record.port), (vec![1], "1.0.0+a", 3001));
    }

    #[test]
    fn the_current_document_again_changes_nothing() {
        let later = NOW + std::time::Duration::from_secs(1);
        assert_eq!(first().with_release("1.0.0+a", &document(1), later), first());
    }

    #[test]
    fn an_older_document_again_is_a_new_release() {
        let record = first().with_release("2", &document(2), NOW).with_release("1.0.0+a", &document(1), NOW);
        assert_eq!((ids(&record), record.current), (vec![1, 2, 3], 3));
        assert_eq!(record.current().document, document(1));
    }

    #[test]
    fn a_rollback_makes_no_new_id_and_the_next_release_does_not_reuse_one() {
        let record = first().with_release("2", &document(2), NOW).rolled_back(1, NOW).unwrap();
        assert_eq!((ids(&record), record.current().id), (vec![1, 2], 1));
        assert_eq!(record.clone().rolled_back(1, NOW), Some(record.clone()));
        assert_eq!(record.clone().rolled_back(7, NOW), None);
        assert_eq!(record.with_release("3", &document(3), NOW).current, 3);
    }

    #[test]
    fn what_was_written_can_be_read() {
        let record = first().with_release("2", &document(2), NOW).rolled_back(1, NOW).unwrap();
        let json = serde_json::to_vec(&record).unwrap();
        assert_eq!(Record::parse("shop", &json), Ok(record.clone()));
        assert_eq!(serde_json::from_slice::<Record>(&json).unwrap(), record);
    }

    #[test]
    fn records_that_contradict_themselves_are_refused() {
        let good = first().with_release("2", &document(2), NOW);
        let parse = |record: &Record| Record::parse("shop", &serde_json::to_vec(record).unwrap()).unwrap_err();
        let with = |change: fn(&mut Record)| {
            let mut record = good.clone();
            change(&mut record);
            let from_socket = serde_json::from_slice::<Record>(&serde_json::to_vec(&record).unwrap());
            assert_eq!(from_socket.is_ok(), record.app != "shop");
            parse(&record)
        };
        assert_eq!(with(|record| record.app = "other".into()), RecordError::App);
        assert_eq!(with(|record| record.current = 3), RecordError::NoCurrent);
        assert_eq!(with(|record| record.releases.clear()), RecordError::NoCurrent);
        assert_eq!(with(|record| record.releases.reverse()), RecordError::Ids);
        assert_eq!(with(|record| record.releases[1].id = 1), RecordError::NoCurrent);
        assert_eq!(with(|record| record.releases.push(record.releases[1].clone())), RecordError::Ids);
        assert_eq!(with(|record| record.releases[0].id = 0), RecordError::Ids);
        assert_eq!(with(|record| record.releases[0].document = "../x".into()), RecordError::Document(1));
        assert_eq!(
            with(|record| record.releases[1].document = document(0xab).to_uppercase()),
            RecordError::Document(2)
        );
    }

    #[test]
    fn what_is_no_record_is_placed_and_not_quoted() {
        let error = Record::parse("shop", b"{\n \"app\": 5, \"x\": \"secret\"}").unwrap_err();
        assert_eq!(error.to_string(), "it is no record at line 2, column 9");
        assert!(matches!(Record::parse("shop", b""), Err(RecordError::Shape { .. })));
        let text = serde_json::to_string(&first()).unwrap().replacen('{', "{\"newer\":1,", 1);
        assert!(matches!(Record::parse("shop", text.as_bytes()), Err(RecordError::Shape { .. })));
    }

    proptest! {
        #[test]
        fn releases_are_pruned_but_never_the_current_one_and_no_id_comes_twice(
            steps in prop::collection::vec((any::<bool>(), 0u8..14), 0..60)
        ) {
            let mut record = first();
            let mut used = 1;
            for (deploy, n) in steps {
                let before = record.clone();
                if deploy {
                    record = record.with_release("v", &document(n), NOW);
                    prop_assert_eq!(&record.current().document, &document(n));
                    if record != before {
                        prop_assert!(record.current > used);
                        used = record.current;
                    }
                } else if let Some(back) = record.clone().rolled_back(u64::from(n), NOW) {
                    prop_assert_eq!(ids(&back), ids(&before));
                    record = back;
                }
                prop_assert!(record.releases.len() <= KEPT_RELEASES);
                prop_assert_eq!(record.releases.len(), KEPT_RELEASES.min(used as usize));
                prop_assert_eq!(Record::parse("shop", &serde_json::to_vec(&record).unwrap()), Ok(record.clone()));
            }
        }
    }
}
