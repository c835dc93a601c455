use super::Fixture;

/// A manifest of format 2 whose component says `more`.
fn with(more: &str) -> String {
    format!(
        "spin_manifest_version = 2\n[application]\nname = \"x\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\n\
         [component.a]\nsource = \"../a.wasm\"\n{more}\n"
    )
}

/// An application whose wasm lies beside it.
fn fixture() -> Fixture {
    Fixture::new().file("../a.wasm")
}

/// `guest = file` for each selected file, the file relative to the root.
#[track_caller]
fn select(fixture: &Fixture, more: &str) -> Vec<String> {
    let app = fixture.app(&with(more));
    let root = std::fs::canonicalize(fixture.root()).unwrap();
    let line = |file: &super::super::MountedFile| {
        let path = file.path.strip_prefix(&root).unwrap().to_str().unwrap();
        if path == file.guest { file.guest.clone() } else { format!("{} = {path}", file.guest) }
    };
    app.components[0].files.iter().map(line).collect()
}

fn tree() -> Fixture {
    fixture()
        .file("a/.dot")
        .file("a/c.txt")
        .file("a/deep/.hidden/d.txt")
        .file("a/deep/e.txt")
        .file("b.txt")
        .file("odd[1].txt")
}

#[test]
fn patterns() {
    let fixture = tree();
    let all_of_a = ["a/.dot", "a/c.txt", "a/deep/.hidden/d.txt", "a/deep/e.txt"];
    let table: [(&str, &[&str]); 14] = [
        (r#"["a/c.txt"]"#, &["a/c.txt"]),
        (r#"["./a//./c.txt"]"#, &["a/c.txt"]),
        (r#"["a/*"]"#, &["a/.dot", "a/c.txt"]),
        (r#"["a/**/*"]"#, &all_of_a),
        (r#"["./a/**/**/*"]"#, &all_of_a),
        (r#"["**/*.txt"]"#, &["a/c.txt", "a/deep/.hidden/d.txt", "a/deep/e.txt", "b.txt", "odd[1].txt"]),
        (r#"["a/**/.*"]"#, &["a/.dot"]),
        (r#"["a/**/e.txt"]"#, &["a/deep/e.txt"]),
        (r#"["*/[ab-d].tx?"]"#, &["a/c.txt"]),
        (r#"["a/[!c]*"]"#, &["a/.dot"]),
        (r#"["odd[1].txt"]"#, &["odd[1].txt"]),
        (r#"["odd[[]1].txt"]"#, &["odd[1].txt"]),
        (r#"["b.txt", "*.txt", "a/c.txt"]"#, &["a/c.txt", "b.txt", "odd[1].txt"]),
        (r#"[]"#, &[]),
    ];
    for (files, expected) in table {
        assert_eq!(select(&fixture, &format!("files = {files}")), expected, "{files}");
    }
}

#[test]
fn a_root_with_odd_characters_is_no_pattern() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("[odd] {root}*");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("x.txt"), "").unwrap();
    std::fs::write(outer.path().join("a.wasm"), "").unwrap();
    std::fs::write(root.join("spin.toml"), with("files = [\"*.txt\"]")).unwrap();
    let app = super::load(&root.join("spin.toml")).unwrap();
    assert_eq!(app.components[0].files[0].guest, "x.txt");
}

#[test]
fn placements() {
    let fixture = tree();
    let table: [(&str, &str, &[&str]); 8] = [
        ("a/deep", "/x", &["x/.hidden/d.txt = a/deep/.hidden/d.txt", "x/e.txt = a/deep/e.txt"]),
        ("./a/deep/", "x//./y/", &["x/y/.hidden/d.txt = a/deep/.hidden/d.txt", "x/y/e.txt = a/deep/e.txt"]),
        ("a/deep", "/", &[".hidden/d.txt = a/deep/.hidden/d.txt", "e.txt = a/deep/e.txt"]),
        ("a/deep", "", &[".hidden/d.txt = a/deep/.hidden/d.txt", "e.txt = a/deep/e.txt"]),
        ("a/c.txt", "/x/y.txt", &["x/y.txt = a/c.txt"]),
        ("a/c.txt", "y.txt", &["y.txt = a/c.txt"]),
        ("odd[1].txt", "//a..b", &["a..b = odd[1].txt"]),
        ("a/deep/.hidden", "a/deep/.hidden", &["a/deep/.hidden/d.txt"]),
    ];
    for (source, destination, expected) in table {
        let files = format!("files = [{{ source = {source:?}, destination = {destination:?} }}]");
        assert_eq!(select(&fixture, &files), expected, "{files}");
    }
    std::fs::create_dir(fixture.root().join("empty")).unwrap();
    assert!(select(&fixture, "files = [{ source = \"empty\", destination = \"/\" }]").is_empty());
}

#[test]
fn a_whole_application_can_be_placed() {
    let fixture = tree();
    let files = select(&fixture, "files = [{ source = \".\", destination = \"/app\" }]\nexclude_files = [\"a/*\"]");
    assert_eq!(files, ["app/b.txt = b.txt", "app/odd[1].txt = odd[1].txt", "app/spin.toml = spin.toml"]);
}

#[test]
fn excludes() {
    let fixture = tree();
    let all = ["a/.dot", "a/c.txt", "a/deep/.hidden/d.txt", "a/deep/e.txt", "b.txt"];
    let but = |without: &[&str]| all.iter().copied().filter(|path| !without.contains(path)).collect::<Vec<_>>();
    let table: [(&str, &[&str]); 10] = [
        ("*.txt", &["a/c.txt", "a/deep/.hidden/d.txt", "a/deep/e.txt"]),
        ("a/*", &["a/.dot", "a/c.txt", "a/deep/.hidden/d.txt", "a/deep/e.txt"]),
        ("a/deep/**", &["a/deep/.hidden/d.txt", "a/deep/e.txt"]),
        ("a/deep/**/*", &["a/deep/.hidden/d.txt", "a/deep/e.txt"]),
        ("**/.hidden/*", &["a/deep/.hidden/d.txt"]),
        ("a/deep", &[]),
        ("./a/c.txt", &[]),
        ("a/c.txt", &["a/c.txt"]),
        ("b.txt", &[]),
        ("**", &["a/.dot", "a/c.txt", "a/deep/.hidden/d.txt", "a/deep/e.txt"]),
    ];
    for (exclude, without) in table {
        // `b.txt` is listed by its name and thus always stays.
        let files = format!("files = [\"a/**/*\", \"b.txt\"]\nexclude_files = [{exclude:?}]");
        assert_eq!(select(&fixture, &files), but(without), "{exclude}");
    }
    let sources = "files = [{ source = \"a\", destination = \"/z\" }]\nexclude_files = [\"z/**\", \"a/deep/**\"]";
    assert_eq!(select(&fixture, sources), ["z/.dot = a/.dot", "z/c.txt = a/c.txt"], "sources, not destinations");
}

#[test]
fn what_cannot_be_selected() {
    let fixture = tree().file("only/dirs/x");
    let files = r#"files = [
        "nope.txt",
        "a/{b,c}.txt",
        "a/*.css",
        "nope/**/*",
        "a",
        "./a/deep/",
        "",
        "a/.",
        "only/*",
        "a/**",
        "a/*/",
        "b.txt/",
        "/etc/passwd",
        "../x",
        "a/../b.txt",
        "a/**b/x",
        { source = "nope", destination = "/" },
        { source = "../outside", destination = "/" },
        { source = "/etc", destination = "/" },
        { source = "a", destination = "../../evil" },
        { source = "b.txt", destination = "/x/" },
        { source = "b.txt", destination = "" },
        { source = "b.txt" },
        { source = "b.txt", destination = "x", mode = 1 },
    ]"#;
    insta::assert_snapshot!(fixture.problems(&with(files)), @r#"
    spin.toml:10: component.a.files[0]: `nope.txt` does not exist
      hint: if the build makes it, run `spin build` first
    spin.toml:11: component.a.files[1]: `a/{b,c}.txt` does not exist
      hint: patterns have no `{a,b}`: list each one on its own
    spin.toml:12: component.a.files[2]: `a/*.css` matches no file
    spin.toml:13: component.a.files[3]: `nope/**/*` matches no file
    spin.toml:14: component.a.files[4]: `a` is a directory, which Spin would mount as one inside of itself
      hint: write `a/**/*`, or `{ source = "a", destination = "/a" }`
    spin.toml:15: component.a.files[5]: `./a/deep/` is a directory, which Spin would mount as one inside of itself
      hint: write `a/deep/**/*`, or `{ source = "a/deep", destination = "/a/deep" }`
    spin.toml:16: component.a.files[6]: `` is a directory, which Spin would mount as one inside of itself
      hint: write `**/*`, or `{ source = ".", destination = "/" }`
    spin.toml:17: component.a.files[7]: `a/.` is a directory, which Spin would mount as one inside of itself
      hint: write `a/**/*`, or `{ source = "a", destination = "/a" }`
    spin.toml:18: component.a.files[8]: `only/*` matches directories only, which select no files
      hint: write `only/*/**/*` for the files in them
    spin.toml:19: component.a.files[9]: `a/**` matches directories only, which select no files
      hint: write `a/**/*` for the files in them
    spin.toml:20: component.a.files[10]: `a/*/` matches directories only, which select no files
      hint: write `a/*/**/*` for the files in them
    spin.toml:21: component.a.files[11]: `b.txt/` does not exist
      hint: if the build makes it, run `spin build` first
    spin.toml:22: component.a.files[12]: `/etc/passwd` is absolute, but files are named relative to the manifest's directory
    spin.toml:23: component.a.files[13]: `../x` contains `..`, but files must lie inside the manifest's directory
    spin.toml:24: component.a.files[14]: `a/../b.txt` contains `..`, but files must lie inside the manifest's directory
    spin.toml:25: component.a.files[15]: `a/**b/x` is not a valid pattern: recursive wildcards must form a single path component
    spin.toml:26: component.a.files[16]: `nope` does not exist
      hint: if the build makes it, run `spin build` first
    spin.toml:27: component.a.files[17]: `../outside` contains `..`, but files must lie inside the manifest's directory
    spin.toml:28: component.a.files[18]: `/etc` is absolute, but files are named relative to the manifest's directory
    spin.toml:29: component.a.files[19]: `../../evil` contains `..`, but files must lie inside the guest's root
    spin.toml:30: component.a.files[20]: `/x/` is not a file name
      hint: `b.txt` is a file: write the name that it gets, or a directory as `source`
    spin.toml:31: component.a.files[21]: `` is not a file name
      hint: `b.txt` is a file: write the name that it gets, or a directory as `source`
    spin.toml:32: component.a.files[22]: `destination` is missing
    spin.toml:33: component.a.files[23].mode: `mode` is unknown, or newer than this version of spin-deploy understands
    "#);
}

#[test]
fn collisions() {
    let fixture = fixture().text("one/x", "1").text("two/x", "2").text("three/x", "1").text("file", "");
    let alike = r#"files = [
        { source = "one", destination = "/" },
        { source = "three", destination = "/" },
        { source = "one/x", destination = "/x" },
    ]"#;
    assert_eq!(select(&fixture, alike), ["x = one/x"]);
    let different = r#"files = [
        { source = "one", destination = "/" },
        { source = "two", destination = "/" },
        { source = "file", destination = "/sub" },
        { source = "one", destination = "/sub/deeper" },
    ]"#;
    insta::assert_snapshot!(fixture.problems(&with(different)), @r#"
    spin.toml:11: component.a.files[1]: `/x` would be both `one/x` and `two/x`, which differ
    spin.toml:13: component.a.files[3]: `/sub` would be both a file and the directory of `/sub/deeper/x`
    "#);
}

#[test]
fn warnings() {
    let fixture = Fixture::new()
        .file("../a.wasm")
        .file(".git/HEAD")
        .file(".git/refs/x")
        .file("site/.env")
        .file("site/index.html")
        .file("tls/server.pem");
    let manifest = with("files = [\"**/*\"]").replace("../a.wasm", "site/index.html");
    let warnings = fixture.app(&manifest).warnings;
    insta::assert_snapshot!(warnings.join("\n"), @"the files of component `a` include .git (2 files), site/.env, site/index.html, spin.toml, tls/server.pem; leave out with `exclude_files` what should not be deployed");
    assert!(fixture.app(&with("files = [\"site/*\"]\nexclude_files = [\"*.env\"]")).warnings.is_empty());
}

#[cfg(unix)]
mod unix {
    use super::*;

    #[test]
    fn links_inside_are_followed() {
        let fixture = fixture()
            .file("real/x.txt")
            .file("real/deep/y.txt")
            .link("files/x.txt", "../real/x.txt")
            .link("files/dir", "../real");
        let found =
            ["files/dir/deep/y.txt = real/deep/y.txt", "files/dir/x.txt = real/x.txt", "files/x.txt = real/x.txt"];
        assert_eq!(select(&fixture, "files = [\"files/**/*\"]"), found);
        assert_eq!(select(&fixture, "files = [\"files/dir/x.txt\"]"), [found[1]]);
        assert_eq!(select(&fixture, "files = [\"files/dir/*\"]"), [found[1]]);
        let placed = select(&fixture, "files = [{ source = \"files/dir\", destination = \"d\" }]");
        assert_eq!(placed, ["d/deep/y.txt = real/deep/y.txt", "d/x.txt = real/x.txt"]);
    }

    #[test]
    fn a_root_behind_a_link_is_the_root() {
        let fixture = fixture().file("x.txt");
        let link = fixture.outer.path().join("link");
        std::os::unix::fs::symlink(fixture.root(), &link).unwrap();
        std::fs::write(link.join("spin.toml"), with("files = [\"*.txt\"]")).unwrap();
        assert_eq!(super::super::load(&link.join("spin.toml")).unwrap().components[0].files.len(), 1);
    }

    #[test]
    fn no_escape_over_links() {
        let fixture = fixture()
            .file("../outside/secret.txt")
            .file("d/plain.txt")
            .link("d/file", "../../outside/secret.txt")
            .link("d/dir", "../../outside")
            .link("d/gone", "nowhere")
            .link("d/self", "self");
        let files = r#"files = [
            "d/file",
            "d/dir/secret.txt",
            "d/*",
            "d/**/*.txt",
            "d/dir/*",
            "d/gone",
            { source = "d", destination = "/" },
            { source = "d/dir", destination = "/" },
            { source = "d/file", destination = "/x" },
        ]"#;
        insta::assert_snapshot!(fixture.problems(&with(files)), @r#"
        spin.toml:10: component.a.files[0]: `d/file` leads to OUTER/outside/secret.txt, outside of the manifest's directory
          hint: put a copy of it in its place
        spin.toml:11: component.a.files[1]: `d/dir/secret.txt` leads to OUTER/outside/secret.txt, outside of the manifest's directory
          hint: put a copy of it in its place
        spin.toml:12: component.a.files[2]: `d/file` leads to OUTER/outside/secret.txt, outside of the manifest's directory
          hint: leave it out with `exclude_files = ["d/file"]`
        spin.toml:12: component.a.files[2]: `d/gone` cannot be followed: No such file or directory (os error 2)
          hint: leave it out with `exclude_files = ["d/gone"]`
        spin.toml:12: component.a.files[2]: `d/self` cannot be followed: Too many levels of symbolic links (os error 40)
          hint: leave it out with `exclude_files = ["d/self"]`
        spin.toml:13: component.a.files[3]: `d/dir` leads to OUTER/outside, outside of the manifest's directory
          hint: leave it out with `exclude_files = ["d/dir/**"]`
        spin.toml:14: component.a.files[4]: `d/dir` leads to OUTER/outside, outside of the manifest's directory
          hint: leave it out with `exclude_files = ["d/dir/**"]`
        spin.toml:15: component.a.files[5]: `d/gone` cannot be followed: No such file or directory (os error 2)
        spin.toml:16: component.a.files[6]: `d/dir` leads to OUTER/outside, outside of the manifest's directory
          hint: leave it out with `exclude_files = ["d/dir/**"]`
        spin.toml:16: component.a.files[6]: `d/file` leads to OUTER/outside/secret.txt, outside of the manifest's directory
          hint: leave it out with `exclude_files = ["d/file"]`
        spin.toml:16: component.a.files[6]: `d/gone` cannot be followed: No such file or directory (os error 2)
          hint: leave it out with `exclude_files = ["d/gone"]`
        spin.toml:16: component.a.files[6]: `d/self` cannot be followed: Too many levels of symbolic links (os error 40)
          hint: leave it out with `exclude_files = ["d/self"]`
        spin.toml:17: component.a.files[7]: `d/dir` leads to OUTER/outside, outside of the manifest's directory
          hint: put a copy of it in its place
        spin.toml:18: component.a.files[8]: `d/file` leads to OUTER/outside/secret.txt, outside of the manifest's directory
          hint: put a copy of it in its place
        "#);
        // What is not selected does no harm.
        let harmless =
            "files = [\"d/*.txt\", \"d/**/*\"]\nexclude_files = [\"d/file\", \"d/dir/**\", \"d/gone\", \"d/self\"]";
        assert_eq!(select(&fixture, harmless), ["d/plain.txt"]);
    }

    #[test]
    fn loops_end() {
        let fixture = fixture()
            .file("d/x.txt")
            .link("d/up", "..")
            .link("d/here", ".")
            .link("e/to-f", "../f")
            .link("f/to-e", "../e");
        insta::assert_snapshot!(fixture.problems(&with("files = [\"**/*.html\"]")), @r#"
        spin.toml:9: component.a.files[0]: `d/here` leads back to d: a loop
          hint: leave it out with `exclude_files = ["d/here/**"]`
        spin.toml:9: component.a.files[0]: `d/up` leads back to OUTER/app: a loop
          hint: leave it out with `exclude_files = ["d/up/**"]`
        spin.toml:9: component.a.files[0]: `e/to-f/to-e` leads back to e: a loop
          hint: leave it out with `exclude_files = ["e/to-f/to-e/**"]`
        spin.toml:9: component.a.files[0]: `f/to-e/to-f` leads back to f: a loop
          hint: leave it out with `exclude_files = ["f/to-e/to-f/**"]`
        "#);
        let harmless = "files = [\"**/*.txt\"]\nexclude_files = [\"d/up/**\", \"d/here/*\", \"[ef]/**\"]";
        assert_eq!(select(&fixture, harmless), ["d/x.txt"]);
    }

    #[test]
    fn only_files_are_files() {
        let fixture = fixture().file("d/x.txt");
        nix::unistd::mkfifo(&fixture.root().join("d/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(fixture.root().join("d/socket")).unwrap();
        insta::assert_snapshot!(fixture.problems(&with("files = [\"d/*\", \"d/pipe\"]")), @r#"
        spin.toml:9: component.a.files[0]: `d/pipe` is a named pipe, not a file
          hint: leave it out with `exclude_files = ["d/pipe"]`
        spin.toml:9: component.a.files[0]: `d/socket` is a socket, not a file
          hint: leave it out with `exclude_files = ["d/socket"]`
        spin.toml:9: component.a.files[1]: `d/pipe` is a named pipe, not a file
        "#);
        assert_eq!(select(&fixture, "files = [\"d/*.txt\"]"), ["d/x.txt"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_are_utf8() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let fixture = fixture().file("d/x.txt");
        std::fs::write(fixture.root().join("d").join(OsStr::from_bytes(b"\xff.bin")), "").unwrap();
        std::fs::create_dir(fixture.root().join("d").join(OsStr::from_bytes(b"dir\xff"))).unwrap();
        insta::assert_snapshot!(fixture.problems(&with("files = [\"d/**/*\"]")), @r#"
        spin.toml:9: component.a.files[0]: the name of `d/dir�` is not UTF-8
          hint: leave it out with `exclude_files = ["d/dir�/**"]`
        spin.toml:9: component.a.files[0]: the name of `d/�.bin` is not UTF-8
          hint: leave it out with `exclude_files = ["d/�.bin"]`
        "#);
        assert_eq!(select(&fixture, "files = [\"d/*.txt\"]"), ["d/x.txt"]);
    }

    #[test]
    fn directories_that_cannot_be_read() {
        use std::os::unix::fs::PermissionsExt;
        let fixture = fixture().file("d/closed/x.txt");
        let closed = fixture.root().join("d/closed");
        std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
        if std::fs::read_dir(&closed).is_ok() {
            return; // Nothing is closed to root.
        }
        let problems = fixture.problems(&with("files = [\"d/**/*\"]"));
        std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
        assert!(problems.contains("could not read the directory `d/closed`"), "{problems}");
    }
}
