//! A package that was stored and is opened again is the same package.

use std::path::Path;

use super::fixture::{MODULE, application, component, files, http};
use super::*;

/// An application with two components that share a file, described.
fn app(dir: &Path) -> Application {
    let mut app = application();
    app.version = Some("1.4.0".into());
    app.description = Some("A shop".into());
    app.authors = vec!["Dana".into()];
    for (id, content) in [("api", "one"), ("web", "two")] {
        std::fs::write(dir.join(format!("{id}.wasm")), MODULE).unwrap();
        let mut component = component(id, dir);
        component.description = Some(format!("The {id}"));
        component.files = files(dir, &[("shared.txt", "same"), (&format!("{id}.txt"), content)]);
        component.has_files = true;
        app.components.push(component);
        app.triggers.push(http(id, id, &format!("route = \"/{id}/...\"\nexecutor = {{ type = \"wagi\" }}")));
    }
    app
}

/// Stores each file under its digest.
fn store(package: &Package, dir: &Path) {
    for blob in &package.blobs {
        let path = dir.join(&blob.sha256);
        match &blob.content {
            Content::File(from) => drop(std::fs::copy(from, path).unwrap()),
            Content::Bytes(bytes) => std::fs::write(path, bytes).unwrap(),
        }
    }
}

fn reopen(package: &Package, dir: &Path) -> Result<Package, ReopenError> {
    let file = |sha256: &str| dir.join(sha256);
    match &package.description {
        Description::Bindle(invoice) => reopen_bindle(invoice.clone(), &file),
        Description::Directory { document } => reopen_directory(document, &file),
    }
}

fn formats() -> [Format; 2] {
    let support = directory::Support {
        triggers: vec!["http".to_owned()],
        modules: vec!["wasi_snapshot_preview1".to_owned()],
        ..directory::Support::default()
    };
    [Format::Bindle, Format::Directory(support.into())]
}

fn files_of(package: &Package) -> Vec<(&str, u64, &str)> {
    package.blobs.iter().map(|blob| (blob.sha256.as_str(), blob.size, blob.name.as_str())).collect()
}

#[test]
fn what_was_stored_is_the_same_package() {
    let (dir, stored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for version in ["1.4.0", "1.4.0-rc.1+ci.7"] {
        let app = Application { version: Some(version.to_owned()), ..app(dir.path()) };
        for format in formats() {
            for build_info in [BuildInfo::Derived, BuildInfo::Given("s0123456789abcdef0123".into()), BuildInfo::Omitted]
            {
                let options = Options { build_info, ..Options::default() };
                let package = assemble(&app, &format, &options, &Downloads::new()).unwrap();
                store(&package, stored.path());
                let again = reopen(&package, stored.path()).unwrap();
                assert_eq!(again.id, package.id);
                assert_eq!(again.derived, package.derived, "{:?} {}", options.build_info, package.id);
                assert_eq!(files_of(&again), files_of(&package));
                assert_eq!(format!("{:?}", again.description), format!("{:?}", package.description));
                assert_eq!(again.routes, package.routes);
            }
        }
    }
}

#[test]
fn what_lacks_its_description_is_none() {
    let (dir, stored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for format in formats() {
        let package = assemble(&app(dir.path()), &format, &Options::default(), &Downloads::new()).unwrap();
        assert!(matches!(reopen(&package, stored.path()), Err(ReopenError::Read { .. })), "{format:?}");
        store(&package, stored.path());
        let described = &package.blobs[0].sha256;
        std::fs::write(stored.path().join(described), "nonsense").unwrap();
        assert!(reopen(&package, stored.path()).is_err(), "{format:?}");
    }
}

#[test]
fn an_invoice_of_odd_digests_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let package = assemble(&app(dir.path()), &Format::Bindle, &Options::default(), &Downloads::new()).unwrap();
    let Description::Bindle(invoice) = package.description else { panic!("it is a bindle") };
    for (sha256, size, why) in
        [("../../etc/passwd", 1, "no SHA-256"), (package.blobs[1].sha256.as_str(), 1, "two lengths")]
    {
        let mut odd = invoice.clone();
        let parcels = odd.parcel.as_mut().unwrap();
        let last = parcels.last_mut().unwrap();
        last.label.sha256 = sha256.to_owned();
        last.label.size = size;
        let error = bindle_files(&odd).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
