//! Finds a manifest, reads it, and finds all that it names.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::files::{self, Root, special};
use super::manifest::{self, Draft, DraftComponent};
use super::problem::Problems;
use super::{Application, Component, LoadError, Source, unwanted};

/// What a manifest is called.
const MANIFEST_NAME: &str = "spin.toml";

/// The longest manifest that is read, in bytes. Real ones have a few kilobytes.
const MANIFEST_LIMIT: u64 = 1 << 20;

/// Finds the manifest for what `--from` names: a manifest file, or a directory that holds `spin.toml`.
///
/// Looks nowhere else: not in the directories above.
pub fn find_manifest(from: &Path) -> Result<PathBuf, LoadError> {
    let metadata = fs::metadata(from).map_err(|error| {
        let hint = "name a manifest, or a directory that holds one: `--from path/to/spin.toml`";
        LoadError::about(from, cannot_open(&error), Some(hint.to_owned()))
    })?;
    if !metadata.is_dir() {
        return only_file(from, &metadata);
    }
    // `spin.toml` reads better in messages than `./spin.toml`.
    let manifest = if from == Path::new(".") { PathBuf::from(MANIFEST_NAME) } else { from.join(MANIFEST_NAME) };
    match fs::metadata(&manifest) {
        Ok(metadata) => only_file(&manifest, &metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let hint = "change to the application's directory, or name it: `--from path/to/app`";
            let message = format!("the directory does not hold a `{MANIFEST_NAME}`");
            Err(LoadError::about(from, message, Some(hint.to_owned())))
        }
        Err(error) => Err(LoadError::about(&manifest, cannot_open(&error), None)),
    }
}

fn only_file(path: &Path, metadata: &fs::Metadata) -> Result<PathBuf, LoadError> {
    match metadata.is_file() {
        true => Ok(path.to_owned()),
        false => Err(LoadError::about(path, format!("is {}, not a file", kind(metadata)), None)),
    }
}

/// What is there in place of a file.
fn kind(metadata: &fs::Metadata) -> &'static str {
    if metadata.is_dir() { "a directory" } else { special(metadata.file_type()) }
}

fn cannot_open(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("could not be read: {error}"),
    }
}

/// The application's name. Nothing that the manifest names has to be there.
pub fn name(manifest: &Path) -> Result<String, LoadError> {
    let text = read_text(manifest).map_err(|message| LoadError::about(manifest, message, None))?;
    let problems = Problems::new(manifest, &text);
    let draft = manifest::read(&problems, manifest, Path::new("."), &text);
    problems.finish(draft).map(|draft| draft.application.name)
}

/// Reads a manifest and finds every file that it selects.
pub fn load(manifest: &Path) -> Result<Application, LoadError> {
    let text = read_text(manifest).map_err(|message| LoadError::about(manifest, message, None))?;
    let root = match manifest.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let problems = Problems::new(manifest, &text);
    let application = manifest::read(&problems, manifest, root, &text).and_then(|draft| resolve(draft, &problems));
    problems.finish(application)
}

fn read_text(manifest: &Path) -> Result<String, String> {
    let metadata = fs::metadata(manifest).map_err(|error| cannot_open(&error))?;
    if !metadata.is_file() {
        return Err(format!("is {}, not a file", kind(&metadata)));
    }
    let mut bytes = Vec::new();
    File::open(manifest)
        .and_then(|file| file.take(MANIFEST_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|error| cannot_open(&error))?;
    if bytes.len() as u64 > MANIFEST_LIMIT {
        return Err("is longer than 1 MiB, which no manifest is".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("is not UTF-8: the first invalid byte is on line {line}")
    })
}

/// Finds the files of a draft.
fn resolve(draft: Draft, problems: &Problems) -> Option<Application> {
    let Draft { mut application, components } = draft;
    let root = match fs::canonicalize(&application.root) {
        Ok(real) => Root { path: application.root.clone(), real },
        Err(error) => {
            problems.add(problems.whole(), format!("could not follow the path of its directory: {error}"), None);
            return None;
        }
    };
    for DraftComponent { mut component, selection, source_at } in components {
        if let Err((message, hint)) = check_source(&component) {
            problems.add(source_at, message, hint);
        }
        component.files = files::select(&root, &selection, problems);
        application.components.push(component);
    }
    let own = own_files(&application);
    let warnings = application.components.iter().filter_map(|component| unwanted::warning(component, &own));
    application.warnings.extend(warnings.collect::<Vec<_>>());
    Some(application)
}

/// A component's Wasm must be there, if it is a file; says what is wrong and what to do.
fn check_source(component: &Component) -> Result<(), (String, Option<String>)> {
    let Source::File { written, path } = &component.source else { return Ok(()) };
    let id = &component.id;
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(metadata) => Err((format!("component `{id}`: {written} is {}, not a file", kind(&metadata)), None)),
        Err(error) => {
            let hint = (error.kind() == io::ErrorKind::NotFound).then(|| "run `spin build` first".to_owned());
            Err((format!("component `{id}`: {written} {}", cannot_open(&error)), hint))
        }
    }
}

/// The files that make the application anyway, symlinks resolved.
fn own_files(application: &Application) -> BTreeSet<PathBuf> {
    let sources = application.components.iter().filter_map(|component| match &component.source {
        Source::File { path, .. } => Some(path),
        Source::Url { .. } | Source::Registry { .. } => None,
    });
    std::iter::once(&application.manifest).chain(sources).filter_map(|path| fs::canonicalize(path).ok()).collect()
}
