//! Compares what was recorded with what happened. Names in double braces stand for values that differ from run to run.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::hippo::Guid;

/// What the names in braces are known to stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    ids: BTreeMap<String, Guid>,
    /// Every row of a revision that ever was: app, number, how many with both came before it, id.
    revisions: Vec<(Guid, String, usize, Guid)>,
}

impl Names {
    /// Takes note of a row that may be new.
    pub fn note_revision(&mut self, app: Guid, number: &str, id: Guid) {
        if self.revisions.iter().any(|(.., known)| *known == id) {
            return;
        }
        let before = self.revisions.iter().filter(|(other, text, ..)| *other == app && text == number).count();
        self.revisions.push((app, number.to_owned(), before, id));
    }

    /// What a name stands for, for a request; one that stands for nothing yet gets `fresh`.
    fn resolve(&mut self, name: &str, fresh: Guid) -> Guid {
        match RevisionName::parse(name) {
            Some(revision) => {
                let app = self.ids.get(revision.app).copied();
                let row = self.revisions.iter().find(|(other, number, before, _)| {
                    Some(*other) == app && *number == revision.number && *before == revision.before
                });
                row.map_or(fresh, |(.., id)| *id)
            }
            None => *self.ids.entry(name.to_owned()).or_insert(fresh),
        }
    }

    /// Puts values in place of the names in a text that is sent.
    pub fn fill(&mut self, text: &str, mut fresh: impl FnMut() -> Guid) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = split_name(rest) {
            filled.push_str(before);
            filled.push_str(&self.resolve(name, fresh()).to_string());
            rest = after;
        }
        filled + rest
    }

    /// Whether a name can stand for an id; if so it does from now on.
    fn accepts(&mut self, name: &str, id: Guid) -> bool {
        let Some(revision) = RevisionName::parse(name) else {
            return name == "guid" || *self.ids.entry(name.to_owned()).or_insert(id) == id;
        };
        let row = self.revisions.iter().find(|(.., known)| *known == id).cloned();
        row.is_some_and(|(app, number, before, _)| {
            number == revision.number && before == revision.before && self.accepts(revision.app, app)
        })
    }

    /// Whether a text is what was recorded.
    fn accepts_text(&mut self, expected: &str, actual: &str) -> bool {
        let Some((before, name, after)) = split_name(expected) else { return expected == actual };
        let Some(actual) = actual.strip_prefix(before) else { return false };
        if let Some(holds) = open_value(name) {
            return after.is_empty() && holds(actual);
        }
        let Some((id, rest)) = actual.split_at_checked(36) else { return false };
        Guid::parse(id).is_some_and(|id| self.accepts(name, id)) && self.accepts_text(after, rest)
    }

    /// Compares two values; every difference is added with its path.
    pub fn compare(&mut self, path: &str, expected: &Value, actual: &Value, differences: &mut Vec<String>) {
        match (expected, actual) {
            (Value::Object(wanted), Value::Object(got)) => {
                for name in wanted.keys().chain(got.keys().filter(|name| !wanted.contains_key(*name))) {
                    let inner = format!("{path}.{name}");
                    match (wanted.get(name), got.get(name)) {
                        (Some(wanted), Some(got)) => self.compare(&inner, wanted, got, differences),
                        (Some(wanted), None) => differences.push(format!("- {inner}: {wanted}")),
                        (None, Some(got)) => differences.push(format!("+ {inner}: {got}")),
                        (None, None) => {}
                    }
                }
            }
            (Value::Array(wanted), Value::Array(got)) => {
                for index in 0..wanted.len().max(got.len()) {
                    let inner = format!("{path}[{index}]");
                    match (wanted.get(index), got.get(index)) {
                        (Some(wanted), Some(got)) => self.compare(&inner, wanted, got, differences),
                        (Some(wanted), None) => differences.push(format!("- {inner}: {wanted}")),
                        (None, Some(got)) => differences.push(format!("+ {inner}: {got}")),
                        (None, None) => {}
                    }
                }
            }
            (Value::String(wanted), Value::String(got)) if self.accepts_text(wanted, got) => {}
            (wanted, got) if !wanted.is_string() && wanted == got => {}
            (wanted, got) => {
                differences.push(format!("- {path}: {wanted}"));
                differences.push(format!("+ {path}: {got}"));
            }
        }
    }

    /// All ways in which two lists of equal length can be the same but for their order.
    pub fn match_unordered(&self, expected: &[Value], actual: &[Value]) -> Vec<Self> {
        let Some((first, others)) = expected.split_first() else {
            return if actual.is_empty() { vec![self.clone()] } else { Vec::new() };
        };
        let mut ways = Vec::new();
        for (index, candidate) in actual.iter().enumerate() {
            let (mut names, mut differences) = (self.clone(), Vec::new());
            names.compare("", first, candidate, &mut differences);
            if differences.is_empty() {
                let mut rest = actual.to_vec();
                rest.remove(index);
                ways.extend(names.match_unordered(others, &rest));
            }
        }
        ways
    }
}

/// `rev:1.0.0`, `rev:app2/1.0.0`, `rev:1.0.0 #2`.
struct RevisionName<'a> {
    app: &'a str,
    number: &'a str,
    before: usize,
}

impl<'a> RevisionName<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let name = name.strip_prefix("rev:")?;
        let (name, count) = name.split_once(" #").unwrap_or((name, "1"));
        let (app, number) = name.rsplit_once('/').unwrap_or(("app", name));
        Some(Self { app, number, before: count.parse::<usize>().ok()?.checked_sub(1)? })
    }
}

fn split_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name, after))
}

/// Names that stand for a kind of value and not for one value.
fn open_value(name: &str) -> Option<fn(&str) -> bool> {
    Some(match name {
        "token" => |text| text.split('.').count() == 3,
        "time" => |text| is_time(text) && !text.ends_with('Z'),
        "timeZ" => |text| text.strip_suffix('Z').is_some_and(|text| text.len() == 19 && is_time(text)),
        "trace" => |text| {
            let lengths: Vec<usize> = text.split('-').map(str::len).collect();
            lengths == [2, 32, 16, 2] && text.chars().all(|char| char == '-' || char.is_ascii_hexdigit())
        },
        _ => return None,
    })
}

/// `2022-08-08T12:15:51`, with or without a fraction.
fn is_time(text: &str) -> bool {
    text.trim_end_matches('Z').parse::<jiff::civil::DateTime>().is_ok() && text.as_bytes().get(10) == Some(&b'T')
}
