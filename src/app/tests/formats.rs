use super::super::ManifestFormat::{self, V1, V2};
use super::Fixture;

/// What is left of a manifest when its version has been taken.
const V1_REST: &str = "name = \"x\"\ntrigger = { type = \"http\" }\n\
    [[component]]\nid = \"a\"\nsource = \"a.wasm\"\ntrigger = { route = \"/\" }\n";
const V2_REST: &str = "[application]\nname = \"x\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\n\
    [component.a]\nsource = \"a.wasm\"\n";

#[test]
fn told_apart_by_one_key() {
    let fixture = Fixture::new().file("a.wasm");
    let good: [(&str, &str, ManifestFormat); 4] = [
        ("spin_version = \"1\"", V1_REST, V1),
        ("spin_manifest_version = \"1\"", V1_REST, V1),
        ("spin_manifest_version = 2", V2_REST, V2),
        ("spin_manifest_version = 0x2", V2_REST, V2),
    ];
    for (version, rest, format) in good {
        assert_eq!(fixture.app(&format!("{version}\n{rest}")).format, format, "{version}");
    }

    let both = "spin_manifest_version: invalid manifest version";
    let bad = [
        ("spin_manifest_version = \"2\"", format!("{both}: \"2\"")),
        ("spin_manifest_version = 1", format!("{both}: 1")),
        ("spin_manifest_version = \"0\"", format!("{both}: \"0\"")),
        ("spin_manifest_version = \"77.301.12\"", format!("{both}: \"77.301.12\"")),
        ("spin_manifest_version = 2.0", format!("{both}: 2.0")),
        ("spin_manifest_version = true", format!("{both}: true")),
        ("spin_manifest_version = []", format!("{both}: an array")),
        ("spin_version = 1", "spin_version: invalid manifest version: 1".to_owned()),
        ("spin_version = 2", "spin_version: format 2 does not know `spin_version`".to_owned()),
    ];
    for (version, message) in bad {
        let problems = fixture.problems(&format!("{version}\n{V2_REST}"));
        assert_eq!(problems.lines().next(), Some(format!("spin.toml:1: {message}").as_str()));
        assert!(problems.contains("hint: "), "{problems}");
        assert_eq!(problems.lines().count(), 2, "nothing but the version is looked at: {problems}");
    }
}

#[test]
fn no_version_or_two() {
    let fixture = Fixture::new();
    insta::assert_snapshot!(fixture.problems("name = \"x\""), @r"
    spin.toml: `spin_manifest_version` is missing
      hint: is this the manifest of a Spin application? It begins with `spin_manifest_version = 2`
    ");
    let both = "spin_manifest_version = \"1\"\nspin_version = \"1\"\n";
    insta::assert_snapshot!(fixture.problems(both), @"spin.toml:2: spin_version: `spin_version` and `spin_manifest_version` are two spellings of one key: keep one");
}

#[test]
fn toml_errors_name_the_line() {
    let fixture = Fixture::new();
    insta::assert_snapshot!(fixture.problems("a = 1\nb = \"x\nc = 2\n"), @r#"spin.toml:2: not valid TOML: invalid basic string, expected `"`"#);
    insta::assert_snapshot!(fixture.problems("a = 1\n\na = 2\n"), @"spin.toml:3: not valid TOML: duplicate key");
    insta::assert_snapshot!(fixture.problems("\n[a\n"), @"spin.toml:2: not valid TOML: unclosed table, expected `]`");
    insta::assert_snapshot!(fixture.problems(&"[".repeat(100_000)), @"spin.toml:1: not valid TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`");
}
