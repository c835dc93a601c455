//! Notices Wasm that is older than what it is built from.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use glob::{MatchOptions, Pattern};

use super::{Application, Build, Component, Source};

/// How many files and directories are looked at for one component: a warning must not cost more than the deployment.
const LOOKS: usize = 10_000;

/// What is hidden is no source unless it is named.
const MATCH: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A warning for each component whose module is older than a file that its `build.watch` selects, naming the newest of
/// them. What is not there or cannot be read says nothing.
pub fn stale(application: &Application) -> Vec<String> {
    application.components.iter().filter_map(|component| warning(component, &application.root)).collect()
}

fn warning(component: &Component, root: &Path) -> Option<String> {
    let (Some(build), Source::File { written, path }) = (&component.build, &component.source) else { return None };
    let module = fs::canonicalize(path).ok()?;
    let built = modified(&module)?;
    let mut search = Search { root, module: &module, looks: LOOKS, newest: None };
    for pattern in patterns(build) {
        search.run(&pattern);
    }
    let (_, newest) = search.newest.filter(|(time, _)| *time > built)?;
    let id = &component.id;
    Some(format!("component `{id}`: {newest} is newer than {written}: the build may be stale (--build builds first)"))
}

/// The patterns as `spin watch` reads them: below `workdir`, which is below the manifest's directory
/// (`src/commands/watch/filters.rs@v2.0.0`).
fn patterns(build: &Build) -> impl Iterator<Item = String> {
    let workdir = build.workdir.as_deref().map(|workdir| workdir.trim_end_matches('/'));
    let workdir = workdir.map(|workdir| workdir.strip_prefix("./").unwrap_or(workdir));
    let workdir = workdir.filter(|workdir| !workdir.is_empty() && *workdir != ".");
    build.watch.iter().map(move |watch| match workdir {
        Some(workdir) if !Path::new(watch).is_absolute() => format!("{workdir}/{watch}"),
        _ => watch.clone(),
    })
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

/// A search for the newest file.
struct Search<'a> {
    root: &'a Path,
    /// The module, symlinks resolved.
    module: &'a Path,
    /// How many more looks it may take.
    looks: usize,
    /// The newest so far, and what it is called.
    newest: Option<(SystemTime, String)>,
}

impl Search<'_> {
    /// Looks at all files that a pattern selects. Symlinks are not followed.
    fn run(&mut self, pattern: &str) {
        let (base, rest) = split(pattern);
        let directory = self.root.join(base);
        if rest.is_empty() {
            return self.look(&directory, base);
        }
        let Ok(rest) = Pattern::new(rest) else { return };
        let output = self.output(&directory);
        let mut folders = vec![(directory, String::new())];
        while let Some((folder, below)) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if self.looks == 0 {
                    return;
                }
                self.looks -= 1;
                let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else { continue };
                let inner = format!("{below}{name}");
                if kind.is_dir() && !name.starts_with('.') && output.as_ref() != Some(&inner) {
                    folders.push((entry.path(), format!("{inner}/")));
                } else if kind.is_file() && rest.matches_with(&inner, MATCH) {
                    let called =
                        if base.is_empty() { inner } else { format!("{}/{inner}", base.trim_end_matches('/')) };
                    self.look(&entry.path(), &called);
                }
            }
        }
    }

    /// The folder of a directory in which the module lies: what else is in there was built as well.
    fn output(&self, directory: &Path) -> Option<String> {
        let directory = fs::canonicalize(directory).ok()?;
        let mut below = self.module.strip_prefix(directory).ok()?.components();
        let first = below.next()?;
        below.next()?;
        first.as_os_str().to_str().map(str::to_owned)
    }

    fn look(&mut self, file: &Path, called: &str) {
        let is_file = fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_file());
        if !is_file || fs::canonicalize(file).is_ok_and(|file| file == self.module) {
            return;
        }
        let Some(found) = modified(file).map(|time| (time, called.to_owned())) else { return };
        if self.newest.as_ref().is_none_or(|newest| found > *newest) {
            self.newest = Some(found);
        }
    }
}

/// A pattern's directories before the first part with a wildcard, and the rest; all of it where there is none.
fn split(pattern: &str) -> (&str, &str) {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    let Some(wildcard) = pattern.find(['*', '?', '[']) else { return (pattern, "") };
    match pattern[..wildcard].rfind('/') {
        // The root's own slash is its name.
        Some(0) => ("/", &pattern[1..]),
        Some(slash) => (&pattern[..slash], &pattern[slash + 1..]),
        None => ("", pattern),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    #[test]
    fn patterns_are_taken_apart_before_their_first_wildcard() {
        for (pattern, expected) in [
            ("src/**/*.rs", ("src", "**/*.rs")),
            ("./src/a?.rs", ("src", "a?.rs")),
            ("**/*.go", ("", "**/*.go")),
            ("Cargo.toml", ("Cargo.toml", "")),
            ("a/b/[cd]/e", ("a/b", "[cd]/e")),
            ("/x/*", ("/x", "*")),
            ("/*", ("/", "*")),
        ] {
            assert_eq!(split(pattern), expected, "{pattern}");
        }
    }

    /// An application whose module and files are so many seconds old, and what is said of it.
    fn warned(build: &str, module: &str, files: &[(&str, u64)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        for (path, age) in files.iter().chain([&(module, 100)]) {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap().set_modified(now - Duration::from_secs(*age)).unwrap();
        }
        let manifest = format!(
            "spin_manifest_version = 2\n[application]\nname = \"x\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = \"api\"\n\
             [component.api]\nsource = \"{module}\"\n{build}\n"
        );
        let path = directory.path().join("spin.toml");
        fs::write(&path, manifest).unwrap();
        stale(&crate::app::load(&path).unwrap())
    }

    fn build(rest: &str) -> String {
        format!("[component.api.build]\ncommand = \"make\"\n{rest}")
    }

    #[test]
    fn the_newest_source_is_named_where_it_is_newer_than_the_module() {
        let sources = [("src/lib.rs", 50), ("src/a/b.rs", 40), ("src/a/old.rs", 200), ("src/notes.md", 1)];
        let watch = build("watch = [\"src/**/*.rs\", \"Cargo.toml\"]");
        let warning = |file: &str| {
            let of = "is newer than target/release/x.wasm: the build may be stale (--build builds first)";
            vec![format!("component `api`: {file} {of}")]
        };
        assert_eq!(warned(&watch, "target/release/x.wasm", &sources), warning("src/a/b.rs"));
        let manifest = [sources.as_slice(), &[("Cargo.toml", 30)]].concat();
        assert_eq!(warned(&watch, "target/release/x.wasm", &manifest), warning("Cargo.toml"));
        assert_eq!(warned(&watch, "target/release/x.wasm", &[("src/lib.rs", 101)]), [""; 0]);
        assert_eq!(warned(&watch, "target/release/x.wasm", &[]), [""; 0], "nothing is there");
        assert_eq!(warned(&build(""), "target/release/x.wasm", &sources), [""; 0], "nothing is watched");
        assert_eq!(warned("", "target/release/x.wasm", &sources), [""; 0], "nothing is built");
    }

    #[test]
    fn patterns_stand_below_the_working_directory() {
        for workdir in ["api", "./api/", "api/"] {
            let watch = build(&format!("workdir = \"{workdir}\"\nwatch = [\"src/**\", \"*.toml\"]"));
            let said =
                warned(&watch, "api/x.wasm", &[("api/src/a/lib.rs", 50), ("src/lib.rs", 1), ("api/a/b.toml", 1)]);
            assert_eq!(said.len(), 1);
            assert!(said[0].starts_with("component `api`: api/src/a/lib.rs is newer than api/x.wasm"), "{said:?}");
        }
    }

    #[test]
    fn what_was_built_as_well_or_is_hidden_is_no_source() {
        let watch = build("watch = [\"**/*\"]");
        let built = [("target/release/x.d", 1), ("target/debug/y.o", 1), (".git/index", 1), (".env", 1), ("a.rs", 200)];
        let mut said = warned(&watch, "target/release/x.wasm", &built);
        // The manifest itself matches, and was written just now.
        assert!(said.remove(0).contains("spin.toml is newer"), "{said:?}");
        let watch = build("watch = [\"**/*.rs\", \"**/*.d\", \"**/*.o\", \"**/index\", \"**/*env\", \"**/*.wasm\"]");
        assert_eq!(warned(&watch, "target/release/x.wasm", &built), [""; 0]);
        let beside = [("src/a.rs", 50)];
        assert_eq!(warned(&watch, "x.wasm", &beside).len(), 1);
    }

    #[test]
    fn a_pattern_that_is_none_says_nothing() {
        assert_eq!(warned(&build("watch = [\"src/[\", \"../gone/*\"]"), "x.wasm", &[("src/[", 1)]), [""; 0]);
    }

    #[test]
    fn the_search_ends_when_it_has_looked_enough() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..20 {
            File::create(directory.path().join(format!("{number}.rs"))).unwrap();
        }
        let module = PathBuf::from("/nowhere/x.wasm");
        let mut search = Search { root: directory.path(), module: &module, looks: 5, newest: None };
        search.run("*.rs");
        assert_eq!(search.looks, 0);
        assert!(search.newest.is_some());
    }
}
