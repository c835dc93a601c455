//! The Bindle server, the key for its invoices, and whether Hippo reads the same server.

use std::collections::BTreeSet;
use std::path::Path;

use super::notes::Notes;
use super::server::{self, Labels};
use super::{Tools, in_time};
use crate::http::SafeUrl;
use crate::registry::bindle::{Examiner, RegistryError, signing_key_label};
use crate::target::{Admission, Context, ErrorKind, TargetError};
use crate::targets::hippo::accounts::admission;
use crate::targets::hippo::client::Hippo;
use crate::targets::hippo::{Config, check_scheme, fault};

const LABELS: Labels = Labels {
    resolves: "the Bindle server's name resolves",
    connects: "the Bindle server takes connections",
    trusted: "the Bindle server's certificate is trusted",
    flag: "--bindle-server",
};
const ANSWERS: &str = "the Bindle server answers";
const TAKES: &str = "the Bindle server takes us";
const GENERATION: &str = "the Bindle server's generation";
const KEY: &str = "the signing key can be used";
const SAME: &str = "Hippo reads this Bindle server";

/// How many names are told of those that one server has and the other one has not.
const FEW: usize = 3;

/// What is known of how a Bindle server treats signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generation {
    /// 0.8: takes unsigned invoices, and none that are signed with a key that it does not know.
    Unsigned,
    /// 0.9 and newer: takes, by default, none that are not signed.
    Signed,
    Unknown,
}

/// Looks at the Bindle server; returns it where it can be read.
pub async fn look(cx: &Context, tools: &Tools, settings: &Config, notes: &mut Notes<'_>) -> Option<Examiner> {
    let url = settings.bindle_url.as_ref().filter(|url| check_scheme(url, LABELS.flag).is_ok());
    let reached = server::look(tools, url, &LABELS, notes).await;
    let (Some(url), Ok(())) = (url, &reached) else {
        notes.skipped_all(&[ANSWERS, TAKES, GENERATION], reached.err().unwrap_or(server::NO_ADDRESS));
        note_key(settings.signing_key.as_deref(), Generation::Unknown, notes).await;
        return None;
    };
    let login = settings.bindle_login.as_ref();
    let examiner = Examiner::new(url.clone(), tools.http.clone(), login).brisk();
    let operation = || format!("ask the Bindle server at {} who we are", SafeUrl::from(url));
    let taken = in_time(operation(), admission(cx, &examiner, login.is_some(), url)).await;
    let can_be_read = note_admission(taken, &SafeUrl::from(url).to_string(), notes);
    let generation = match can_be_read {
        true => look_at_generation(cx, &examiner, notes).await,
        false => {
            notes.skipped(GENERATION, "it cannot be asked");
            Generation::Unknown
        }
    };
    note_key(settings.signing_key.as_deref(), generation, notes).await;
    can_be_read.then_some(examiner)
}

/// Tells whether the server answers and whether it takes us; returns whether it can be read.
fn note_admission(taken: Result<Admission, TargetError>, url: &str, notes: &mut Notes<'_>) -> bool {
    let login = || {
        vec![
            "give the Bindle server's user: `--bindle-username NAME` (or BINDLE_USERNAME) and BINDLE_PASSWORD"
                .to_owned(),
        ]
    };
    match taken {
        Ok(Admission::Admitted) => {
            notes.passed(ANSWERS, url);
            notes.passed(TAKES, "");
            true
        }
        Ok(Admission::Asked) => {
            notes.passed(ANSWERS, url);
            notes.failed(TAKES, ErrorKind::Unauthenticated, "it wants a login for uploads", login());
            true
        }
        Ok(Admission::Refused) => {
            notes.passed(ANSWERS, url);
            notes.failed(TAKES, ErrorKind::Unauthenticated, "it refuses the login", login());
            false
        }
        Err(error) => {
            notes.refused(ANSWERS, error);
            notes.skipped(TAKES, "it does not answer as it should");
            false
        }
    }
}

async fn look_at_generation(cx: &Context, examiner: &Examiner, notes: &mut Notes<'_>) -> Generation {
    let operation = "ask the Bindle server for its keys";
    let keys = async { examiner.host_keys(cx.reporter.as_ref()).await.map_err(|error| failure(error, operation)) };
    match in_time(operation.to_owned(), keys).await {
        Ok(Some(labels)) => {
            notes.passed(GENERATION, format!("0.9 or newer, it signs as {}", labels.join(", ")));
            Generation::Signed
        }
        Ok(None) => {
            notes.passed(GENERATION, "0.8, it tells of no keys");
            Generation::Unsigned
        }
        Err(error) => {
            notes.refused(GENERATION, error);
            Generation::Unknown
        }
    }
}

async fn note_key(file: Option<&Path>, generation: Generation, notes: &mut Notes<'_>) {
    let label = match file {
        Some(file) => signing_key_label(file).await,
        None if generation == Generation::Signed => {
            let detail = "there is none, and servers from 0.9 on want signed invoices by default";
            return notes.warned(KEY, detail, vec!["--signing-key FILE".to_owned()]);
        }
        None => return notes.skipped(KEY, "there is none"),
    };
    match (label, generation) {
        (Ok(label), Generation::Unsigned) => {
            let detail = format!("{label}; servers of 0.8 refuse it where they do not know it");
            notes.warned(KEY, detail, Vec::new());
        }
        (Ok(label), Generation::Signed | Generation::Unknown) => notes.passed(KEY, label),
        (Err(error), _) => notes.refused(KEY, failure(error, "read the signing key")),
    }
}

/// Tells whether Hippo reads the server that a deployment would write to.
///
/// Hippo shows the names among the first fifty versions on its server; the same question to the same server has the same
/// answer, unless somebody uploads in between, so that a difference is looked at twice.
pub async fn compare(cx: &Context, hippo: Option<&Hippo>, registry: Option<&Examiner>, notes: &mut Notes<'_>) {
    let (Some(hippo), Some(registry)) = (hippo, registry) else {
        let missing = if hippo.is_none() { "Hippo" } else { "the Bindle server" };
        return notes.skipped(SAME, &format!("{missing} cannot be asked"));
    };
    let mut names = both(cx, hippo, registry).await;
    if names.as_ref().is_ok_and(|(ours, theirs)| ours != theirs) {
        names = both(cx, hippo, registry).await;
    }
    match names {
        Ok((ours, theirs)) if ours.is_empty() && theirs.is_empty() => notes.skipped(SAME, "there are no bindles yet"),
        Ok((ours, theirs)) if ours == theirs => notes.passed(SAME, format!("both have {}", few(ours.iter()))),
        Ok((ours, theirs)) => note_difference(&ours, &theirs, notes),
        Err(error) => notes.refused(SAME, error),
    }
}

/// The names on the Bindle server, and those that Hippo sees.
async fn both(
    cx: &Context,
    hippo: &Hippo,
    registry: &Examiner,
) -> Result<(BTreeSet<String>, BTreeSet<String>), TargetError> {
    let operation = "list what is on the Bindle server";
    let ours = async { registry.names(cx.reporter.as_ref()).await.map_err(|error| failure(error, operation)) };
    let ours = in_time(operation.to_owned(), ours).await?;
    let operation = "list what Hippo sees on its Bindle server";
    let theirs = async { hippo.storages(cx).await.map_err(|error| hippo.fail(operation, error)) };
    Ok((ours, in_time(operation.to_owned(), theirs).await?))
}

fn note_difference(ours: &BTreeSet<String>, theirs: &BTreeSet<String>, notes: &mut Notes<'_>) {
    let (unseen, foreign) = (ours - theirs, theirs - ours);
    let detail = match unseen.is_empty() {
        false => format!("it does not see {}", few(unseen.iter())),
        true => format!("it sees {}, which the Bindle server does not have", few(foreign.iter())),
    };
    let hint = "give the Bindle server that Hippo reads: `--bindle-server URL` (Hippo has it in its setting ConnectionStrings:Bindle)";
    notes.failed(SAME, ErrorKind::InvalidConfig, detail, vec![hint.to_owned()]);
}

/// The first names of a list.
fn few<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let count = names.len();
    let shown: Vec<&str> = names.take(FEW).map(String::as_str).collect();
    match count.saturating_sub(FEW) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn failure(error: RegistryError, operation: &str) -> TargetError {
    fault::of_registry(error, operation)
}
