//! What both formats say of a component.

use std::collections::BTreeSet;
use std::path::Path;

use super::reader::{Item, Table};
use super::{DraftComponent, check_variable_name};
use crate::app::files::{Entry, Excludes, Selection};
use crate::app::validate::{check_template, is_kebab_id, is_package, is_snake_id};
use crate::app::{Build, Component, ManifestFormat, Source};

/// What a component is read with.
pub(super) struct Surroundings<'a> {
    /// The manifest's format.
    pub format: ManifestFormat,
    /// The manifest's directory.
    pub root: &'a Path,
    /// The names of the application's variables, for templates.
    pub variables: BTreeSet<String>,
}

/// Takes the keys that both formats share. `None` without a source.
pub(super) fn read(table: &mut Table, id: String, around: &Surroundings) -> Option<DraftComponent> {
    let source_item = table.take("source");
    let source = match &source_item {
        Some(item) => source(item, around.root),
        None => {
            table.problem(format!("component `{id}` has no `source`"), None);
            None
        }
    };
    let files = table.take("files");
    let has_files = files.is_some();
    let variables = match around.format {
        ManifestFormat::V1 => "config",
        ManifestFormat::V2 => "variables",
    };
    let selection = Selection {
        entries: files.and_then(|item| item.list(|item| entry(&item))).unwrap_or_default(),
        excludes: Excludes::new(table.optional("exclude_files", |item| item.list(exclude)).unwrap_or_default()),
        // Spin 0.5 to 1.5 excluded files from what is listed one by one as well, later ones do not.
        excludes_listed: around.format == ManifestFormat::V1,
    };
    let build = table.optional("build", build);
    let component = Component {
        build,
        description: table.text("description"),
        variables: table
            .optional(variables, |item| {
                item.map(|name, item| {
                    check_variable_name(name, item, around.format);
                    template(item, &around.variables)
                })
            })
            .unwrap_or_default(),
        environment: table.optional("environment", Item::string_map).unwrap_or_default(),
        has_files,
        files: Vec::new(),
        allowed_http_hosts: table.strings("allowed_http_hosts"),
        allowed_outbound_hosts: table
            .optional("allowed_outbound_hosts", |item| item.list(|item| template(&item, &around.variables))),
        key_value_stores: labels(table, "key_value_stores", around.format),
        sqlite_databases: labels(table, "sqlite_databases", around.format),
        ai_models: table.strings("ai_models"),
        dependencies: Vec::new(),
        at: table.place(),
        id,
        // Last, so that all keys have been looked at.
        source: source?,
    };
    Some(DraftComponent { component, selection, source_at: source_item?.place() })
}

/// A text with `{{ variables }}`.
fn template(item: &Item, variables: &BTreeSet<String>) -> Option<String> {
    let text = item.string()?;
    if let Err(message) = check_template(&text, variables) {
        item.problem_with_hint(message, "templates take application variables only: `{{ name }}`");
    }
    Some(text)
}

/// Labels of stores and databases. Format 1 took any text in the days of bindles.
fn labels(table: &mut Table, key: &'static str, format: ManifestFormat) -> Vec<String> {
    let label = |item: Item| {
        let label = item.string()?;
        if format == ManifestFormat::V2 && !is_kebab_id(&label) && !is_snake_id(&label) {
            item.problem_with_hint(
                format!("`{label}` is not a valid label"),
                "use words joined by `-` or by `_`; each begins with a letter",
            );
        }
        Some(label)
    };
    table.optional(key, |item| item.list(label)).unwrap_or_default()
}

/// A component's `source`, in all its forms.
pub(super) fn source(item: &Item, root: &Path) -> Option<Source> {
    if let Some(written) = item.value().as_str() {
        if written.is_empty() {
            item.problem("the path is empty");
            return None;
        }
        let written = written.replace(std::path::MAIN_SEPARATOR, "/");
        let path = root.join(&written);
        return Some(Source::File { written, path });
    }
    if !item.value().is_table() {
        return item.unexpected("a path or a table");
    }
    let mut table = item.table()?;
    let (url, digest) = (table.take("url"), table.take("digest"));
    if url.is_some() || digest.is_some() {
        let url = required(&table, "url", url).and_then(|item| http_url(&item));
        let digest = required(&table, "digest", digest).and_then(|item| sha256(&item));
        table.finish();
        return Some(Source::Url { url: url?, sha256: digest? });
    }
    if table.take("reference").is_some() || table.take("parcel").is_some() {
        item.problem_with_hint(
            "the source is a parcel of a bindle, which cannot be packaged again",
            "download the Wasm file and name its path, or give `url` and `digest`",
        );
        return None;
    }
    let source = registry_source(&mut table);
    table.finish();
    source
}

fn required<'d>(table: &Table, key: &str, item: Option<Item<'d>>) -> Option<Item<'d>> {
    if item.is_none() {
        table.problem(format!("`{key}` is missing"), None);
    }
    item
}

fn registry_source(table: &mut Table) -> Option<Source> {
    let (package, version, registry) = (table.take("package"), table.take("version"), table.take("registry"));
    if package.is_none() && version.is_none() {
        table.problem(
            "a source is a path, `{ url, digest }`, or `{ package, version }`",
            Some("write `source = \"target/app.wasm\"`".to_owned()),
        );
        return None;
    }
    let registry = match registry {
        Some(item) => Some(item.string()?),
        None => None,
    };
    let package = required(table, "package", package).and_then(|item| {
        let name = item.string()?;
        if !is_package(&name) {
            item.problem(format!("`{name}` is not a package name of the form `namespace:name`"));
        }
        Some(name)
    });
    let version = required(table, "version", version).and_then(|item| {
        let text = item.string()?;
        if semver::Version::parse(&text).is_err() {
            item.problem_with_hint(format!("`{text}` is not an exact version"), "write it like `1.2.3`");
        }
        Some(text)
    });
    Some(Source::Registry { registry, package: package?, version: version? })
}

/// A URL that can be downloaded from.
fn http_url(item: &Item) -> Option<String> {
    let text = item.string()?;
    match url::Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Some(text),
        _ => {
            item.problem("not a URL that begins with `https://` or `http://`");
            None
        }
    }
}

/// `sha256:` and 64 hex digits; returns the digits in lower case.
fn sha256(item: &Item) -> Option<String> {
    let text = item.string()?;
    let digits = text
        .strip_prefix("sha256:")
        .filter(|digits| digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit()));
    if digits.is_none() {
        item.problem("expected `sha256:` followed by 64 hexadecimal digits");
    }
    digits.map(str::to_ascii_lowercase)
}

/// An element of `files`.
fn entry(item: &Item) -> Option<Entry> {
    if let Some(pattern) = item.value().as_str() {
        return Some(Entry::Pattern { pattern: pattern.to_owned(), at: item.place() });
    }
    if !item.value().is_table() {
        return item.unexpected("a pattern, or `{ source = …, destination = … }`");
    }
    let mut table = item.table()?;
    let source = table.required("source", Item::string);
    let destination = table.required("destination", Item::string);
    table.finish();
    Some(Entry::Placement { source: source?, destination: destination?, at: item.place() })
}

/// An element of `exclude_files`.
fn exclude(item: Item) -> Option<glob::Pattern> {
    glob::Pattern::new(&item.string()?).map_err(|error| item.problem(invalid_pattern(&error))).ok()
}

/// Says what is wrong with a pattern.
fn invalid_pattern(error: &glob::PatternError) -> String {
    format!("not a valid pattern: {} (at character {})", error.msg, error.pos + 1)
}

/// `build` is for `spin build`; of its command only the shape is looked at.
fn build(item: &Item) -> Option<Build> {
    let mut table = item.table()?;
    table.required("command", Item::string_or_strings);
    let build = Build { workdir: table.optional("workdir", Item::string), watch: table.strings("watch") };
    table.finish();
    Some(build)
}
