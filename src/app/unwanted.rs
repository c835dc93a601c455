//! Notices files that hardly anybody means to deploy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Component;

/// Warns of what a component's files hold by oversight: one warning for all of it.
///
/// `own` are the files that the application is made of anyway: its manifest and its Wasm, symlinks resolved.
pub(super) fn warning(component: &Component, own: &BTreeSet<PathBuf>) -> Option<String> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &component.files {
        if let Some(name) = unwanted(&file.guest, own.contains(&file.path)) {
            *found.entry(name).or_default() += 1;
        }
    }
    if found.is_empty() {
        return None;
    }
    let names: Vec<_> = found
        .iter()
        .map(|(name, count)| match count {
            1 => (*name).to_owned(),
            count => format!("{name} ({count} files)"),
        })
        .collect();
    Some(format!(
        "the files of component `{}` include {}; leave out with `exclude_files` what should not be deployed",
        component.id,
        names.join(", ")
    ))
}

/// The file, or the directory that it should not have been taken from.
fn unwanted(guest: &str, is_own: bool) -> Option<&str> {
    if let Some(end) = git_directory(guest) {
        return Some(&guest[..end]);
    }
    let name = guest.rsplit('/').next().unwrap_or(guest);
    (is_own || is_environment(name) || is_private_key(name)).then_some(guest)
}

/// Where the path of `.git` ends, if the file lies in one.
fn git_directory(guest: &str) -> Option<usize> {
    guest.match_indices('/').map(|(end, _)| end).find(|end| guest[..*end].rsplit('/').next() == Some(".git"))
}

/// Files of environment variables; examples of them are meant to be seen.
fn is_environment(name: &str) -> bool {
    match name.strip_prefix(".env.") {
        Some(kind) => !["example", "sample", "template", "dist"].contains(&kind),
        None => name == ".env",
    }
}

fn is_private_key(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["pem", "key", "p12", "pfx"].contains(&extension) || ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::unwanted;

    #[test]
    fn what_is_unwanted() {
        let table = [
            ("index.html", None),
            ("a/.git/HEAD", Some("a/.git")),
            (".git/refs/.git/x", Some(".git")),
            (".gitignore", None),
            ("x.git/HEAD", None),
            (".env", Some(".env")),
            ("a/.env.production", Some("a/.env.production")),
            (".env.example", None),
            (".environment", None),
            ("tls/server.pem", Some("tls/server.pem")),
            (".ssh/id_ed25519", Some(".ssh/id_ed25519")),
            (".ssh/id_ed25519.pub", None),
            ("key", None),
        ];
        for (guest, expected) in table {
            assert_eq!(unwanted(guest, false), expected, "{guest}");
        }
        assert_eq!(unwanted("spin.toml", true), Some("spin.toml"));
    }
}
