use std::fs;

use super::super::{Place, find_manifest, load};
use super::Fixture;

#[test]
fn a_file_or_a_directory_with_one() {
    let fixture = Fixture::new().file("spin.toml").file("other.toml");
    let root = fixture.root();
    assert_eq!(find_manifest(&root).unwrap(), root.join("spin.toml"));
    assert_eq!(find_manifest(&root.join("other.toml")).unwrap(), root.join("other.toml"));
}

#[test]
fn nothing_else() {
    let fixture = Fixture::new().file("spin.toml/x").file("inner/x");
    let root = fixture.root();
    let fails = |path: &str| fixture.render(&find_manifest(&root.join(path)).unwrap_err());
    insta::assert_snapshot!(fails("nope"), @r"
    nope: does not exist
      hint: name a manifest, or a directory that holds one: `--from path/to/spin.toml`
    ");
    insta::assert_snapshot!(fails("inner"), @r"
    inner: the directory does not hold a `spin.toml`
      hint: change to the application's directory, or name it: `--from path/to/app`
    ");
    insta::assert_snapshot!(fails("."), @"./spin.toml: is a directory, not a file");
    #[cfg(unix)]
    {
        nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        insta::assert_snapshot!(fails("pipe"), @"pipe: is a named pipe, not a file");
    }
}

#[test]
fn the_text_must_be_a_text() {
    let fixture = Fixture::new();
    let path = fixture.root().join("spin.toml");
    let fails = || fixture.render(&load(&path).unwrap_err());
    insta::assert_snapshot!(fails(), @"spin.toml: does not exist");
    fs::write(&path, b"# one\n# two \xff\n").unwrap();
    insta::assert_snapshot!(fails(), @"spin.toml: is not UTF-8: the first invalid byte is on line 2");
    fs::write(&path, vec![b'\n'; (1 << 20) + 1]).unwrap();
    insta::assert_snapshot!(fails(), @"spin.toml: is longer than 1 MiB, which no manifest is");
}

#[test]
fn the_error_names_the_manifest() {
    let error = load("nowhere/spin.toml".as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "nowhere/spin.toml is not a valid application");
    let at = Place { file: "nowhere/spin.toml".into(), line: 0, key: String::new() };
    assert_eq!(error.problems[0].at, at);
}
