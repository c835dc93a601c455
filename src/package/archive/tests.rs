//! What was written is what is read, byte for byte, and nothing else is read.

use std::fs;

use super::*;
use crate::package::fixture::{MODULE, application, component, files, http};
use crate::package::{Description, Downloads, Format, Options, assemble, directory};

fn packages(dir: &Path) -> [Package; 2] {
    let mut app = application();
    fs::write(dir.join("web.wasm"), MODULE).unwrap();
    let mut web = component("web", dir);
    web.files = files(dir, &[("index.html", "hello"), ("deep/er.txt", "hello"), ("other.txt", &"x".repeat(2 << 20))]);
    web.has_files = true;
    app.components.push(web);
    app.triggers.push(http("web", "web", "route = \"/...\"\nexecutor = { type = \"wagi\" }"));
    let support = directory::Support {
        triggers: vec!["http".to_owned()],
        modules: vec!["wasi_snapshot_preview1".to_owned()],
        ..directory::Support::default()
    };
    [Format::Bindle, Format::Directory(support.into())]
        .map(|format| assemble(&app, &format, &Options::default(), &Downloads::new()).unwrap())
}

/// The paths and bytes of all files below a directory.
fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut folders, mut files) = (vec![dir.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push((path.strip_prefix(dir).unwrap().display().to_string(), fs::read(&path).unwrap())),
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_was_written_is_read_again() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (number, package) in packages(dir.path()).into_iter().enumerate() {
        for name in ["package", "package.tar.gz"] {
            let to = out.path().join(format!("{number}-{name}"));
            assert!(write(&package, &to).unwrap());
            let opened = read(&to).unwrap();
            assert_eq!((&opened.package.id, opened.package.derived), (&package.id, package.derived));
            assert_eq!(layout::files(&opened.package), layout::files(&package));
            assert_eq!(opened.package.routes, package.routes);
            assert_eq!(opened.unpacked.is_some(), is_archive(&to));
            assert!(!write(&package, &to).unwrap(), "it is there already");
        }
    }
    assert!(fs::read_dir(out.path()).unwrap().count() == 4, "nothing else is left");
}

#[test]
fn equal_packages_are_equal_files() {
    let out = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for round in ["one", "two"] {
        let dir = tempfile::tempdir().unwrap();
        for (number, package) in packages(dir.path()).into_iter().enumerate() {
            let (folder, archive) =
                (out.path().join(format!("{round}{number}")), out.path().join(format!("{round}{number}.tgz")));
            write(&package, &folder).unwrap();
            write(&package, &archive).unwrap();
            seen.push((tree(&folder), fs::read(&archive).unwrap()));
        }
    }
    assert!(seen[0] == seen[2] && seen[1] == seen[3]);
}

#[test]
fn what_is_there_is_never_written_over() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let [bindle, other] = packages(dir.path());
    for name in ["x", "x.tar.gz"] {
        let to = out.path().join(name);
        write(&bindle, &to).unwrap();
        assert!(matches!(write(&other, &to), Err(ArchiveError::Exists { .. })));
        assert_eq!(read(&to).unwrap().package.id, bindle.id);
    }
    let file = out.path().join("y");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(write(&bindle, &file), Err(ArchiveError::Exists { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert!(matches!(write(&bindle, &out.path().join("nowhere/x")), Err(ArchiveError::Write { .. })));
}

/// What is wrong with a package whose directory was changed so.
fn damaged(package: &Package, damage: impl Fn(&Path)) -> String {
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("package");
    write(package, &to).unwrap();
    damage(&to);
    let error = read(&to).map(|opened| opened.package.id).unwrap_err().to_string();
    error.replace(&out.path().display().to_string(), "DIR")
}

#[test]
fn damage_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let [bindle, directory] = packages(dir.path());
    let Description::Directory { document } = &directory.description else { panic!("it is no bindle") };
    let parcel = format!("parcels/{}.dat", bindle.blobs[1].sha256);
    let blob = format!("blobs/{}", directory.blobs[1].sha256);
    let header = |dir: &Path, from: &str, to: &str| {
        let path = dir.join(layout::HEADER);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    type Damage<'a> = Box<dyn Fn(&Path) + 'a>;
    let table: Vec<(&Package, Damage<'_>, String)> = vec![
        (
            &bindle,
            Box::new(|dir| fs::remove_file(dir.join(layout::HEADER)).unwrap()),
            "it has no spin-deploy-package.json".into(),
        ),
        (&bindle, Box::new(|dir| fs::remove_file(dir.join("invoice.toml")).unwrap()), "it has no invoice.toml".into()),
        (&bindle, Box::new(|dir| fs::remove_file(dir.join(&parcel)).unwrap()), format!("it lacks {parcel}")),
        (&bindle, Box::new(|dir| fs::write(dir.join(&parcel), "x").unwrap()), format!("{parcel} is damaged")),
        (&directory, Box::new(|dir| fs::write(dir.join(&blob), "x").unwrap()), format!("{blob} is damaged")),
        (&directory, Box::new(|dir| fs::write(dir.join("more"), "x").unwrap()), "more does not belong there".into()),
        (
            &directory,
            Box::new(|dir| fs::write(dir.join("blobs/more"), "x").unwrap()),
            "blobs/more does not belong there".into(),
        ),
        (
            &bindle,
            Box::new(|dir| fs::create_dir(dir.join("parcels/more")).unwrap()),
            "parcels/more does not belong there".into(),
        ),
        (
            &bindle,
            Box::new(|dir| fs::write(dir.join("invoice.toml"), "x").unwrap()),
            "its invoice cannot be read: ".into(),
        ),
        (
            &bindle,
            Box::new(move |dir| header(dir, "\"spin_deploy_package\": 1", "\"spin_deploy_package\": 2")),
            "it is of layout 2, and this version of spin-deploy reads layout 1".into(),
        ),
        (
            &bindle,
            Box::new(move |dir| header(dir, "\"shop\"", "\"shap\"")),
            "spin-deploy-package.json says shap/".into(),
        ),
        (
            &bindle,
            Box::new(move |dir| header(dir, "\"name\"", "\"nome\"")),
            "spin-deploy-package.json cannot be read: ".into(),
        ),
        (
            &directory,
            Box::new(move |dir| header(dir, document, "../../../etc/passwd")),
            "names no SHA-256 for a document".into(),
        ),
    ];
    for (package, damage, why) in table {
        let told = damaged(package, damage);
        assert!(told.starts_with("DIR/package is no package: ") && told.contains(&why), "{told:?}, not {why:?}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let [bindle, _] = packages(dir.path());
    for name in ["invoice.toml", layout::HEADER] {
        let told = damaged(&bindle, |dir| {
            fs::rename(dir.join(name), dir.join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("elsewhere", dir.join(name)).unwrap();
        });
        assert_eq!(told, format!("DIR/package is no package: {name} is no file"));
    }
}

/// An archive of these entries: path, kind, bytes.
fn archive(path: &Path, entries: &[(&str, tar::EntryType, &[u8])]) {
    let zipped = flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(zipped);
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        // Such that the library does not look at it.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

#[test]
fn archives_hold_what_they_say_and_no_more() {
    use tar::EntryType::{Directory, Regular, Symlink};
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let [bindle, _] = packages(dir.path());
    let written = out.path().join("written");
    write(&bindle, &written).unwrap();
    let files = tree(&written);
    let file = |name: &str| files.iter().find(|(path, _)| path == name).unwrap().1.as_slice();
    let (header, invoice) =
        ((layout::HEADER, Regular, file(layout::HEADER)), ("invoice.toml", Regular, file("invoice.toml")));
    let parcel = format!("parcels/{}.dat", bindle.blobs[1].sha256);
    let long = vec![0; 65 * 1024];
    let path = out.path().join("odd.tar.gz");
    for (entries, why) in [
        (&[][..], "it is not whole"),
        (&[header], "it is not whole"),
        (&[header, invoice], "it is not whole"),
        (&[invoice, header], "invoice.toml does not belong there"),
        (&[header, header], "spin-deploy-package.json does not belong there"),
        (&[header, invoice, ("../../outside", Regular, b"x")], "../../outside does not belong there"),
        (&[header, invoice, ("/outside", Regular, b"x")], "/outside does not belong there"),
        (&[header, invoice, (&parcel, Symlink, b"")], "is no file"),
        (&[header, invoice, (&parcel, Directory, b"")], "is no file"),
        (&[header, invoice, (&parcel, Regular, &long)], "is longer than it may be"),
        (&[(layout::HEADER, Regular, &long)], "spin-deploy-package.json is longer than it may be"),
    ] {
        archive(&path, entries);
        let told = read(&path).map(|opened| opened.package.id).unwrap_err().to_string();
        assert!(told.contains("is no package: ") && told.contains(why), "{told}, not {why}");
        assert!(!out.path().join("../outside").exists());
    }
    for bytes in [&b"nonsense"[..], b""] {
        fs::write(&path, bytes).unwrap();
        let told = read(&path).map(|opened| opened.package.id).unwrap_err().to_string();
        assert!(told.contains("is no package: it cannot be unpacked"), "{told}");
    }
    // One that breaks off.
    let whole = out.path().join("whole.tar.gz");
    write(&bindle, &whole).unwrap();
    let bytes = fs::read(&whole).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(read(&path), Err(ArchiveError::Wrong { .. })));
    assert!(matches!(read(&out.path().join("nowhere")), Err(ArchiveError::Absent { .. })));
}
