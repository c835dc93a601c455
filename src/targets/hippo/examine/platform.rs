//! Hippo and what it stands on.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::DATE;

use super::notes::Notes;
use super::server::{self, Labels};
use super::{Tools, in_time};
use crate::auth::Credential;
use crate::http::Response;
use crate::http::inspect::PATIENCE;
use crate::target::{Context, ErrorKind, TargetError};
use crate::targets;
use crate::targets::hippo::accounts::credential_refused;
use crate::targets::hippo::api::Health;
use crate::targets::hippo::client::Hippo;
use crate::targets::hippo::{check_readability, check_scheme};

const LABELS: Labels = Labels {
    resolves: "Hippo's name resolves",
    connects: "Hippo takes connections",
    trusted: "Hippo's certificate is trusted",
    flag: "--hippo-url",
};
const ANSWERS: &str = "Hippo answers";
const PARTS: [&str; 3] = ["Hippo's database is well", "Hippo's Bindle server is well", "Hippo's Nomad is well"];
const CLOCK: &str = "Hippo's clock agrees";
const KNOWS: &str = "Hippo knows us";

/// Clocks that differ by more make stored tokens run out at odd times. `Date` has whole seconds and travels a while.
const ODD: SignedDuration = SignedDuration::from_secs(30);

/// Looks at Hippo; returns it where it knows us.
pub async fn look(cx: &Context, tools: &Tools, config: &targets::Config, notes: &mut Notes<'_>) -> Option<Hippo> {
    let url = config.hippo.url.as_ref().filter(|url| check_scheme(url, LABELS.flag).is_ok());
    let reached = server::look(tools, url, &LABELS, notes).await;
    let (Some(url), Ok(())) = (url, &reached) else {
        let reason = reached.err().unwrap_or(server::NO_ADDRESS);
        notes.skipped(ANSWERS, reason);
        notes.skipped_all(&PARTS, reason);
        notes.skipped_all(&[CLOCK, KNOWS], reason);
        return None;
    };
    let credential = config.hippo.credential.clone();
    let hippo = Hippo::new(tools.http.clone(), url.clone(), credential.clone()).single(Some(PATIENCE));
    look_at_health(cx, &hippo, notes).await;
    if check_readability(url, &config.http).is_err() {
        notes.skipped(KNOWS, "a password or token would go over plain http");
        return None;
    }
    look_at_us(cx, &hippo, credential.as_ref(), notes).await.then_some(hippo)
}

async fn look_at_health(cx: &Context, hippo: &Hippo, notes: &mut Notes<'_>) {
    let operation = || format!("ask Hippo at {} for its health", hippo.endpoint());
    let answer =
        in_time(operation(), async { hippo.healthz(cx).await.map_err(|error| hippo.fail(operation(), error)) });
    let answer = answer.await.and_then(|answer| read_health(hippo, &answer).map(|health| (answer, health)));
    match answer {
        Ok((answer, health)) => {
            notes.passed(ANSWERS, hippo.endpoint());
            note_parts(&health, notes);
            note_clock(&answer, Timestamp::now(), notes);
        }
        Err(error) => {
            notes.refused(ANSWERS, error);
            notes.skipped_all(&PARTS, "there is no report of Hippo's health");
            notes.skipped(CLOCK, "there is no report of Hippo's health");
        }
    }
}

/// The report, which comes with a 503 where a part is not well.
fn read_health(hippo: &Hippo, answer: &Response) -> Result<Health, TargetError> {
    let operation = format!("ask Hippo at {} for its health", hippo.endpoint());
    if let Some(health) = Health::read(&answer.body).filter(|health| !health.status.is_empty()) {
        return Ok(health);
    }
    // What v0.10 to v0.17 said, in this one word.
    let word = String::from_utf8_lossy(&answer.body);
    if ["Healthy", "Degraded", "Unhealthy"].contains(&word.trim()) {
        return Err(TargetError::new(ErrorKind::Unreachable, operation)
            .because(anyhow::anyhow!("it reports its health as Hippo before v0.18 did"))
            .hint("Hippo older than v0.19 is not supported"));
    }
    let error = match answer.clone().success() {
        Ok(answer) => answer.unexpected("what it answered is no report of Hippo's health"),
        Err(error) => error,
    };
    Err(hippo.fail_as(ErrorKind::Unreachable, operation, error.into()))
}

/// Every part, those that are not told of, and Hippo's own verdict where no part explains it.
fn note_parts(health: &Health, notes: &mut Notes<'_>) {
    health.subservices.iter().for_each(|part| note_part(part, notes));
    let told: Vec<String> = health.subservices.iter().map(|part| label(&part.service_name)).collect();
    for part in PARTS.iter().filter(|part| !told.iter().any(|label| label == *part)) {
        notes.skipped(part, "Hippo's report does not tell of it");
    }
    if health.status != "Healthy" && health.subservices.iter().all(|part| part.status == "Healthy") {
        let hint = vec!["ask Hippo's administrator for its log".to_owned()];
        notes.failed("Hippo is well", ErrorKind::Unreachable, format!("Hippo says: {}", health.status), hint);
    }
}

fn label(service: &str) -> String {
    match service {
        "Bindle" => PARTS[1].to_owned(),
        "Nomad" => PARTS[2].to_owned(),
        // It is called after the class, which goes with the kind of database.
        _ if service.contains("DbContext") || service.contains("Database") => PARTS[0].to_owned(),
        _ => format!("Hippo's {service} is well"),
    }
}

fn note_part(part: &Health, notes: &mut Notes<'_>) {
    let name = part.service_name.as_str();
    let label = label(name);
    let hint = || vec![format!("ask Hippo's administrator for its log, and whether {name} can be reached from there")];
    match part.status.as_str() {
        "Healthy" => notes.passed(&label, ""),
        "Degraded" => notes.warned(&label, "Hippo says: Degraded", hint()),
        status => notes.failed(&label, ErrorKind::Unreachable, format!("Hippo says: {status}"), hint()),
    }
}

fn note_clock(answer: &Response, now: Timestamp, notes: &mut Notes<'_>) {
    let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let Some(there) = date.and_then(|date: SystemTime| Timestamp::try_from(date).ok()) else {
        notes.skipped(CLOCK, "it does not say what time it is");
        return;
    };
    let ahead = there.duration_since(now);
    let skew = ahead.abs();
    let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
    let detail = format!("it is {} s {direction} the clock here", skew.as_secs());
    let hint = || vec!["set both clocks right: tokens run out by them".to_owned()];
    // Hippo makes and checks its tokens by its own clock, so that a deploy works all the same.
    match skew > ODD {
        true => notes.warned(CLOCK, detail, hint()),
        false => notes.passed(CLOCK, ""),
    }
}

/// Whether Hippo takes what we say of ourselves.
async fn look_at_us(cx: &Context, hippo: &Hippo, credential: Option<&Credential>, notes: &mut Notes<'_>) -> bool {
    // A server that takes everybody would take nobody, too, and Hippo does not.
    if credential.is_none() {
        notes.failed(KNOWS, ErrorKind::Unauthenticated, "there is no login for it", vec![hippo.login_command()]);
        return false;
    }
    let operation = format!("ask Hippo at {} who we are", hippo.endpoint());
    let ping = async { hippo.ping(cx).await.map_err(|error| credential_refused(hippo, error)) };
    match in_time(operation, ping).await {
        Ok(()) => {
            let who = hippo.username().map_or("by a token".to_owned(), |name| format!("as {name}"));
            notes.passed(KNOWS, who);
            true
        }
        Err(error) => {
            notes.refused(KNOWS, error);
            false
        }
    }
}

#[cfg(test)]
mod tests;
