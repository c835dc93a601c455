//! The walls of ARCHITECTURE.md, enforced: which room may use which.
//!
//! A text test: it looks for `crate::<room>` in every source file, and for what nobody but the outer rooms may do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom. A room that is not named here may not exist.
const WALLS: &[(&str, &[&str])] = &[
    ("app", &[]),
    ("event", &[]),
    ("auth", &[]),
    ("http", &["auth"]),
    ("fetch", &["app", "http", "event"]),
    ("package", &["app"]),
    ("registry", &["package", "http", "auth", "event"]),
    ("target", &["app", "package", "auth", "event"]),
    ("targets", &["target", "registry", "package", "app", "auth", "http", "event"]),
    ("deploy", &["app", "package", "target", "event"]),
    ("settings", &["auth", "http", "targets"]),
    ("ui", &["event", "auth"]),
];

/// Rooms that may use everything.
const OUTER: &[&str] = &["cli", "lib", "main"];

/// What only some rooms may do: a text, the files or rooms that may hold it, and why.
const DEEDS: &[(&str, &[&str], &str)] = &[
    ("println!", &[], "stdout belongs to ui::Streams"),
    ("eprintln!", &[], "stderr belongs to ui::Streams"),
    ("process::exit", &["cli/signals.rs"], "only a second signal may end the process"),
    ("std::env::var", &["settings/env.rs"], "only settings/env.rs reads the environment"),
    ("env::var(", &["settings/env.rs"], "only settings/env.rs reads the environment"),
    ("clap::", &["cli"], "only cli knows clap"),
    ("todo!", &[], "nothing is left undone"),
    ("unimplemented!", &[], "nothing is left undone"),
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are text");
                let name = path.strip_prefix(&root).expect("the file lies below src");
                files.push((name.to_owned(), text));
            }
        }
    }
    files.sort();
    files
}

/// `src/app/files.rs` → `app`, `src/event.rs` → `event`.
fn room(file: &Path) -> String {
    let first = file.components().next().expect("the path has a first part");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The rooms that a text uses: `crate::app::…`, `crate::{app, event}`.
fn used_rooms(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => rooms.extend(members(group).iter().filter_map(|member| first_word(member))),
            None => rooms.extend(first_word(rest)),
        }
    }
    rooms
}

/// The members of a group in braces, of which the opening one is cut off; braces within belong to their member.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut members) = (0, vec![String::new()]);
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            _ if depth == 0 => members.last_mut().expect("there is one from the start").push(character),
            _ => {}
        }
    }
    members
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

#[test]
fn rooms_use_only_what_their_walls_let_through() {
    let walls: BTreeMap<_, _> = WALLS.iter().copied().collect();
    let mut breaches = Vec::new();
    for (file, text) in sources() {
        let room = room(&file);
        if OUTER.contains(&room.as_str()) {
            continue;
        }
        let Some(allowed) = walls.get(room.as_str()) else {
            breaches.push(format!("src/{}: no wall is drawn for {room}", file.display()));
            continue;
        };
        for used in used_rooms(&text) {
            if used != room && !allowed.contains(&used.as_str()) {
                breaches.push(format!("src/{}: {room} must not use {used}", file.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn targets_do_not_know_each_other() {
    let mut breaches = Vec::new();
    let drivers: BTreeSet<_> = spin_deploy::targets::DRIVERS.iter().map(|driver| driver.kind).collect();
    for (file, text) in sources() {
        let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if parts[0] != "targets" || parts.len() < 3 {
            continue;
        }
        for other in drivers.iter().filter(|driver| **driver != parts[1]) {
            if text.contains(&format!("targets::{other}")) {
                breaches.push(format!("src/{}: must not know {other}", file.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_pipeline_names_no_driver() {
    for (file, text) in sources().into_iter().filter(|(file, _)| ["deploy", "target"].contains(&room(file).as_str())) {
        for driver in spin_deploy::targets::DRIVERS {
            let named = text.to_lowercase().contains(driver.kind);
            assert!(!named, "src/{} names the driver {}", file.display(), driver.kind);
        }
    }
}

#[test]
fn only_the_outer_rooms_print_exit_and_read_the_environment() {
    let mut breaches = Vec::new();
    for (file, text) in sources() {
        let name = file.to_string_lossy().replace('\\', "/");
        // Tests at the end of a file may do what they like.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (deed, places, why) in DEEDS {
            let allowed = places.iter().any(|place| name == *place || name.starts_with(&format!("{place}/")));
            let done = code.lines().any(|line| line.contains(deed) && !line.trim_start().starts_with("//"));
            if done && !allowed {
                breaches.push(format!("src/{name}: `{deed}`: {why}"));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn uses_are_found_in_all_their_forms() {
    let text = "use crate::http::Client;\nuse crate::{app::{A, b::{C, D}}, event::Event};\n// crate::cli\ncrate::targets::find()";
    let found: Vec<_> = used_rooms(text).into_iter().collect();
    assert_eq!(found, ["app", "event", "http", "targets"]);
}
