//! Finds what a component's `files` and `exclude_files` select.
//!
//! The rules are Spin's (`crates/loader/src/local.rs@v4.0.2`), but for what `app/mod.rs` lists. The walk over
//! directories is our own, part by part of the pattern, because it must notice links that lead out of the root or
//! back to where they came from before it follows them; single names are matched by the `glob` crate.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File, FileType};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::problem::Problems;
use super::{MountedFile, Place};

/// What selects a component's files.
#[derive(Debug)]
pub(super) struct Selection {
    /// `files`.
    pub entries: Vec<Entry>,
    /// `exclude_files`.
    pub excludes: Excludes,
    /// Whether `exclude_files` also holds for files that are listed one by one.
    pub excludes_listed: bool,
}

/// An element of `files`.
#[derive(Debug)]
pub(super) enum Entry {
    /// A file's path or a pattern; the guest path is the path in the application.
    Pattern { pattern: String, at: Place },
    /// A file or a whole directory, put elsewhere.
    Placement { source: String, destination: String, at: Place },
}

/// `exclude_files`: patterns for whole paths, in which `*` crosses `/`.
#[derive(Debug)]
pub(super) struct Excludes(Vec<Exclude>);

#[derive(Debug)]
struct Exclude {
    pattern: Pattern,
    /// Where everything below a directory is excluded: the pattern for that directory.
    below: Option<Pattern>,
}

impl Excludes {
    pub fn new(patterns: Vec<Pattern>) -> Self {
        let below = |pattern: &Pattern| {
            let text = pattern.as_str();
            let directory = ["/**/*", "/**", "/*"].iter().find_map(|suffix| text.strip_suffix(suffix));
            Pattern::new(directory?).ok()
        };
        Excludes(patterns.into_iter().map(|pattern| Exclude { below: below(&pattern), pattern }).collect())
    }

    /// Whether the file is excluded.
    fn matches(&self, path: &str) -> bool {
        self.0.iter().any(|exclude| exclude.pattern.matches(path))
    }

    /// Whether everything below the directory is excluded for sure, so that nobody needs to look.
    fn matches_all_below(&self, directory: &str) -> bool {
        let ancestors = || Path::new(directory).ancestors().filter_map(Path::to_str).filter(|path| !path.is_empty());
        self.0
            .iter()
            .filter_map(|exclude| exclude.below.as_ref())
            .any(|below| ancestors().any(|path| below.matches(path)))
    }
}

/// The directory that all files lie in.
#[derive(Debug)]
pub(super) struct Root {
    /// As the manifest's path names it.
    pub path: PathBuf,
    /// With symlinks resolved.
    pub real: PathBuf,
}

/// Finds the files, sorted by guest path, no two alike. Everything that is wrong goes to `problems`.
pub(super) fn select(root: &Root, selection: &Selection, problems: &Problems) -> Vec<MountedFile> {
    let mut mounts = Mounts { problems, files: BTreeMap::new() };
    for entry in &selection.entries {
        match entry {
            Entry::Pattern { pattern, at } => {
                let mut search = Search::new(root, selection, at, problems);
                search.pattern(pattern);
                for found in search.found {
                    mounts.add(found.source.clone(), found, at);
                }
            }
            Entry::Placement { source, destination, at } => {
                let mut search = Search::new(root, selection, at, problems);
                for (guest, found) in search.placement(source, destination).unwrap_or_default() {
                    mounts.add(guest, found, at);
                }
            }
        }
    }
    mounts.finish()
}

/// Splits a path of the manifest into its parts; says why it cannot be one.
fn parts(path: &str) -> Result<Vec<&str>, &'static str> {
    if path.starts_with('/') || Path::new(path).is_absolute() {
        return Err("is absolute, but files are named relative to the manifest's directory");
    }
    let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    match parts.contains(&"..") {
        true => Err("contains `..`, but files must lie inside the manifest's directory"),
        false => Ok(parts),
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// A selected file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// Its path in the application, as it was reached, parts joined by `/`.
    source: String,
    /// The file itself, symlinks resolved.
    path: PathBuf,
}

/// A directory on the way.
struct Directory {
    /// Its path in the application, as it was reached; empty for the root.
    source: String,
    /// The directory itself, symlinks resolved.
    real: PathBuf,
}

impl Directory {
    fn child(&self, name: &str) -> String {
        if self.source.is_empty() { name.to_owned() } else { format!("{}/{name}", self.source) }
    }
}

/// What a path leads to, symlinks followed.
enum Node {
    File(PathBuf),
    Directory(PathBuf),
    /// A file or directory outside of the root.
    Outside {
        target: PathBuf,
        is_directory: bool,
    },
    /// Something that cannot be read like a file.
    Special(&'static str),
    /// Its name is not UTF-8.
    Unnamed {
        is_directory: bool,
    },
    /// It is there, but cannot be followed.
    Broken(io::Error),
    Missing,
}

/// A part of a pattern between two slashes.
enum Part {
    /// `**`: any number of directories.
    Deep,
    /// A plain name.
    Name(String),
    /// A name with `*`, `?` or `[…]`.
    Glob(Pattern),
}

/// The search for what one entry of `files` selects.
struct Search<'a> {
    root: &'a Root,
    selection: &'a Selection,
    at: &'a Place,
    problems: &'a Problems,
    found: Vec<Found>,
    /// Whether something matched, but was excluded.
    excluded: bool,
    /// Whether a directory matched.
    directories: bool,
    /// Whether a problem was reported already.
    refused: Cell<bool>,
    /// The directories that the walk is in, symlinks resolved.
    trail: Vec<PathBuf>,
}

impl<'a> Search<'a> {
    fn new(root: &'a Root, selection: &'a Selection, at: &'a Place, problems: &'a Problems) -> Self {
        Search {
            root,
            selection,
            at,
            problems,
            found: Vec::new(),
            excluded: false,
            directories: false,
            refused: Cell::new(false),
            trail: Vec::new(),
        }
    }

    fn problem(&self, message: String, hint: Option<String>) {
        self.refused.set(true);
        self.problems.add(self.at.clone(), message, hint);
    }

    /// A path or a pattern. That a path exists is tested first, so names may hold `[` and the like.
    fn pattern(&mut self, text: &str) {
        let parts = match parts(text) {
            Ok(parts) => parts,
            Err(fault) => return self.problem(format!("`{text}` {fault}"), None),
        };
        let source = parts.join("/");
        match self.look(&self.root.path.join(text)) {
            Node::File(path) => self.listed(source, path),
            Node::Directory(_) => self.refuse_directory(text, &source),
            Node::Missing if is_glob(text) => self.glob(text, &parts),
            Node::Missing => {
                let hint = match text.contains('{') {
                    true => "patterns have no `{a,b}`: list each one on its own",
                    false => "if the build makes it, run `spin build` first",
                };
                self.problem(format!("`{text}` does not exist"), Some(hint.to_owned()));
            }
            node => self.refuse_listed(text, &node),
        }
    }

    /// A file that was listed by name.
    fn listed(&mut self, source: String, path: PathBuf) {
        if !(self.selection.excludes_listed && self.selection.excludes.matches(&source)) {
            self.found.push(Found { source, path });
        }
    }

    fn refuse_directory(&self, text: &str, source: &str) {
        let hint = match source {
            "" => "write `**/*`, or `{ source = \".\", destination = \"/\" }`".to_owned(),
            _ => format!("write `{source}/**/*`, or `{{ source = \"{source}\", destination = \"/{source}\" }}`"),
        };
        self.problem(format!("`{text}` is a directory, which Spin would mount as one inside of itself"), Some(hint));
    }

    fn glob(&mut self, text: &str, parts: &[&str]) {
        let parts: Vec<Part> = match parts.iter().map(|part| Part::new(part)).collect() {
            Ok(parts) => parts,
            Err(error) => return self.problem(format!("`{text}` is not a valid pattern: {}", error.msg), None),
        };
        if text.ends_with('/') {
            self.directories = true;
        } else {
            self.descend(Directory { source: String::new(), real: self.root.real.clone() }, &parts);
        }
        if !self.found.is_empty() || self.excluded || self.refused.get() {
            return;
        }
        if self.directories {
            let stem = text.trim_end_matches("/**").trim_end_matches('/');
            let hint = format!("write `{stem}/**/*` for the files in them");
            self.problem(format!("`{text}` matches directories only, which select no files"), Some(hint));
        } else {
            self.problem(format!("`{text}` matches no file"), None);
        }
    }

    /// A file or directory that gets a place of its own; returns guest paths with their files.
    fn placement(&mut self, source: &str, destination: &str) -> Option<Vec<(String, Found)>> {
        let source_parts = match parts(source) {
            Ok(parts) => parts,
            Err(fault) => {
                self.problem(format!("`{source}` {fault}"), None);
                return None;
            }
        };
        let Ok(destination_parts) = parts(destination.trim_start_matches('/')) else {
            self.problem(format!("`{destination}` contains `..`, but files must lie inside the guest's root"), None);
            return None;
        };
        let (from, to) = (source_parts.join("/"), destination_parts.join("/"));
        match self.look(&self.root.path.join(source)) {
            Node::File(_) if to.is_empty() || destination.ends_with('/') => {
                let hint = format!("`{source}` is a file: write the name that it gets, or a directory as `source`");
                self.problem(format!("`{destination}` is not a file name"), Some(hint));
            }
            Node::File(path) => self.listed(from.clone(), path),
            Node::Directory(real) => {
                let all = [Part::Deep, Part::Glob(Pattern::new("*").expect("a star is a pattern"))];
                self.descend(Directory { source: from.clone(), real }, &all);
                let guest = |found: &Found| {
                    let inner = found.source.strip_prefix(&from).expect("files lie below their directory");
                    format!("{to}/{}", inner.trim_start_matches('/')).trim_start_matches('/').to_owned()
                };
                return Some(self.found.drain(..).map(|found| (guest(&found), found)).collect());
            }
            Node::Missing => {
                let hint = "if the build makes it, run `spin build` first";
                self.problem(format!("`{source}` does not exist"), Some(hint.to_owned()));
            }
            node => self.refuse_listed(source, &node),
        }
        Some(self.found.drain(..).map(|found| (to.clone(), found)).collect())
    }

    /// Follows a path.
    fn look(&self, path: &Path) -> Node {
        let target = match fs::canonicalize(path) {
            Ok(target) => target,
            Err(error) if is_absent(&error) && fs::symlink_metadata(path).is_err() => return Node::Missing,
            Err(error) => return Node::Broken(error),
        };
        let file_type = match fs::metadata(&target) {
            Ok(metadata) => metadata.file_type(),
            Err(error) => return Node::Broken(error),
        };
        if !target.starts_with(&self.root.real) {
            return Node::Outside { target, is_directory: file_type.is_dir() };
        }
        Node::new(target, file_type)
    }

    /// Reports something that was listed by name and cannot be packaged.
    fn refuse_listed(&self, path: &str, node: &Node) {
        let hint = matches!(node, Node::Outside { .. }).then(|| "put a copy of it in its place".to_owned());
        if let Some(message) = node.fault(path) {
            self.problem(message, hint);
        }
    }

    /// Reports something that the walk came upon and that cannot be packaged.
    fn refuse_met(&self, path: &str, node: &Node) {
        let below = if node.is_directory() { "/**" } else { "" };
        let exclude = format!("{}{below}", Pattern::escape(path));
        let hint = format!("leave it out with `exclude_files = [\"{exclude}\"]`");
        if let Some(message) = node.fault(path) {
            self.problem(message, Some(hint));
        }
    }

    /// Walks a directory, with the parts of a pattern that are still to be matched.
    fn descend(&mut self, directory: Directory, parts: &[Part]) {
        self.trail.push(directory.real.clone());
        self.expand(&directory, parts);
        self.trail.pop();
    }

    fn expand(&mut self, directory: &Directory, parts: &[Part]) {
        let Some((part, rest)) = parts.split_first() else { return };
        match part {
            Part::Deep => {
                self.directories |= rest.is_empty();
                self.expand(directory, rest);
                for (name, node) in self.children(directory) {
                    self.enter(directory, &name, node, parts);
                }
            }
            Part::Name(name) => {
                let node = self.look(&directory.real.join(name));
                self.step(directory, name, node, rest);
            }
            Part::Glob(pattern) => {
                for (name, node) in self.children(directory) {
                    if pattern.matches_with(&name, MatchOptions::new()) {
                        self.step(directory, &name, node, rest);
                    }
                }
            }
        }
    }

    /// Goes on with a child whose name has matched.
    fn step(&mut self, directory: &Directory, name: &str, node: Node, rest: &[Part]) {
        if !rest.is_empty() {
            return self.enter(directory, name, node, rest);
        }
        let source = directory.child(name);
        match node {
            Node::Missing => {}
            node if node.is_directory() => self.directories = true,
            _ if self.selection.excludes.matches(&source) => self.excluded = true,
            Node::File(path) => self.found.push(Found { source, path }),
            node => self.refuse_met(&source, &node),
        }
    }

    /// Goes into a child, if it is a directory that holds anything of interest.
    fn enter(&mut self, directory: &Directory, name: &str, node: Node, parts: &[Part]) {
        let source = directory.child(name);
        if !node.is_directory() {
            return;
        }
        if self.selection.excludes.matches_all_below(&source) {
            self.excluded = true;
            return;
        }
        match node {
            Node::Directory(real) if self.trail.iter().any(|above| above.starts_with(&real)) => {
                let exclude = Pattern::escape(&source);
                let hint = format!("leave it out with `exclude_files = [\"{exclude}/**\"]`");
                self.problem(format!("`{source}` leads back to {}: a loop", real.display()), Some(hint));
            }
            Node::Directory(real) => self.descend(Directory { source, real }, parts),
            node => self.refuse_met(&source, &node),
        }
    }

    /// What lies in a directory, by name. A name that is not UTF-8 comes as near to it as possible.
    fn children(&self, directory: &Directory) -> Vec<(String, Node)> {
        self.read_directory(&directory.real).unwrap_or_else(|error| {
            let path = if directory.source.is_empty() { "." } else { &directory.source };
            self.problem(format!("could not read the directory `{path}`: {error}"), None);
            Vec::new()
        })
    }

    fn read_directory(&self, directory: &Path) -> io::Result<Vec<(String, Node)>> {
        let mut children = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let (path, file_type) = (entry.path(), entry.file_type()?);
            let node = if file_type.is_symlink() { self.look(&path) } else { Node::new(path, file_type) };
            children.push(match entry.file_name().into_string() {
                Ok(name) => (name, node),
                Err(name) => (name.to_string_lossy().into_owned(), Node::Unnamed { is_directory: node.is_directory() }),
            });
        }
        children.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(children)
    }
}

impl Node {
    /// Something inside of the root that is no symlink.
    fn new(path: PathBuf, file_type: FileType) -> Self {
        if file_type.is_file() {
            Node::File(path)
        } else if file_type.is_dir() {
            Node::Directory(path)
        } else {
            Node::Special(special(file_type))
        }
    }

    /// Why it cannot be packaged, if it cannot. `path` is what leads to it.
    fn fault(&self, path: &str) -> Option<String> {
        match self {
            Node::Outside { target, .. } => {
                Some(format!("`{path}` leads to {}, outside of the manifest's directory", target.display()))
            }
            Node::Special(kind) => Some(format!("`{path}` is {kind}, not a file")),
            Node::Unnamed { .. } => Some(format!("the name of `{path}` is not UTF-8")),
            Node::Broken(error) => Some(format!("`{path}` cannot be followed: {error}")),
            Node::File(_) | Node::Directory(_) | Node::Missing => None,
        }
    }

    fn is_directory(&self) -> bool {
        match self {
            Node::Directory(_) => true,
            Node::Outside { is_directory, .. } | Node::Unnamed { is_directory } => *is_directory,
            Node::File(_) | Node::Special(_) | Node::Broken(_) | Node::Missing => false,
        }
    }
}

impl Part {
    fn new(text: &str) -> Result<Self, glob::PatternError> {
        Ok(match text {
            "**" => Part::Deep,
            _ if is_glob(text) => Part::Glob(Pattern::new(text)?),
            _ => Part::Name(text.to_owned()),
        })
    }
}

/// What kind of thing it is that is neither a file nor a directory.
pub(super) fn special(file_type: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if file_type.is_fifo() {
            return "a named pipe";
        }
        if file_type.is_socket() {
            return "a socket";
        }
        if file_type.is_block_device() || file_type.is_char_device() {
            return "a device";
        }
    }
    let _ = file_type;
    "a special file"
}

/// Whether the error means that nothing of this name is there.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

/// Files by guest path.
struct Mounts<'a> {
    problems: &'a Problems,
    files: BTreeMap<String, (Found, &'a Place)>,
}

impl<'a> Mounts<'a> {
    /// Adds a file. One that is there already must be the same, or of the same content.
    fn add(&mut self, guest: String, found: Found, at: &'a Place) {
        let Some((first, _)) = self.files.get(&guest) else {
            self.files.insert(guest, (found, at));
            return;
        };
        if first.path == found.path {
            return;
        }
        let message = match same_content(&first.path, &found.path) {
            Ok(true) => return,
            Ok(false) => {
                format!("`/{guest}` would be both `{}` and `{}`, which differ", first.source, found.source)
            }
            Err(error) => format!("could not compare `{}` with `{}`: {error}", first.source, found.source),
        };
        self.problems.add(at.clone(), message, None);
    }

    fn finish(self) -> Vec<MountedFile> {
        for (guest, (_, at)) in &self.files {
            let directories = guest.match_indices('/').map(|(end, _)| &guest[..end]);
            for directory in directories.filter(|directory| self.files.contains_key(*directory)) {
                let message = format!("`/{directory}` would be both a file and the directory of `/{guest}`");
                self.problems.add((*at).clone(), message, None);
            }
        }
        self.files.into_iter().map(|(guest, (found, _))| MountedFile { guest, path: found.path }).collect()
    }
}

/// Compares two files byte by byte.
fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
    let (a, b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (BufReader::with_capacity(1 << 16, a), BufReader::with_capacity(1 << 16, b));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] || left.is_empty() != right.is_empty() {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
        a.consume(length);
        b.consume(length);
    }
}
