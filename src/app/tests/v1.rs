use super::super::{Executor, HttpRoute, HttpTrigger, Source};
use super::Fixture;

const FULL: &str = r#"
spin_version = "1"
name = "old shop"
version = "1.0.0"
description = "Sells old things"
authors = ["A <a@example.com>"]
namespace = "means nothing"
trigger = { type = "http", base = "/shop" }

[config]
token = { required = true, secret = true }
p4_x = { default = "d" }

[[component]]
id = "redirect-sip-001"
source = "target/../a.wasm"
description = "first"
files = ["one.txt", { source = "dir", destination = "/there" }]
exclude_files = ["dir/no.txt"]
allowed_http_hosts = ["insecure:allow-all"]
key_value_stores = ["default"]
environment = { A = "b" }
[component.trigger]
route = "/..."
executor = { type = "wagi", argv = "x ${ARGS}", entrypoint = "main" }
[component.config]
url = "https://{{ token }}"
[component.build]
command = "make"
workdir = "x"
watch = ["src/**/*"]

[[component]]
id = "with space"
source = { url = "https://example.com/b.wasm", digest = "sha256:ABCDEF0000000000000000000000000000000000000000000000000000000000" }
allowed_outbound_hosts = []
trigger = { route = "/b", executor = { type = "spin" } }
"#;

#[test]
fn everything() {
    let fixture = Fixture::new().file("a.wasm").file("target/x").file("one.txt").file("dir/yes.txt").file("dir/no.txt");
    let app = fixture.app(FULL);
    assert_eq!((app.name.as_str(), app.version.as_deref()), ("old shop", Some("1.0.0")));
    assert_eq!(app.description.as_deref(), Some("Sells old things"));
    assert_eq!(app.authors, ["A <a@example.com>"]);
    assert_eq!(app.trigger_settings["http"]["base"].as_str(), Some("/shop"));
    assert!(app.trigger_settings["http"].get("type").is_none());
    assert!(app.variables["token"].required && app.variables["token"].secret);
    assert_eq!(app.variables["p4_x"].default.as_deref(), Some("d"));
    assert_eq!((app.variables["p4_x"].at.line, app.variables["p4_x"].at.key.as_str()), (12, "config.p4_x"));

    let [first, second] = &app.components[..] else { panic!("{:?}", app.components) };
    assert_eq!(first.id, "redirect-sip-001");
    assert_eq!(first.description.as_deref(), Some("first"));
    let path = fixture.root().join("target/../a.wasm");
    assert_eq!(first.source, Source::File { written: "target/../a.wasm".to_owned(), path });
    assert_eq!(first.variables["url"], "https://{{ token }}");
    assert_eq!(first.environment["A"], "b");
    assert!(first.has_files);
    let guests: Vec<_> = first.files.iter().map(|file| file.guest.as_str()).collect();
    assert_eq!(guests, ["one.txt", "there/yes.txt"]);
    assert_eq!(first.allowed_http_hosts, ["insecure:allow-all"]);
    assert_eq!(first.allowed_outbound_hosts, None);
    assert_eq!(first.key_value_stores, ["default"]);
    assert_eq!((first.at.line, first.at.key.as_str()), (14, "component[0]"));

    assert_eq!(second.id, "with space");
    assert!(!second.has_files);
    assert_eq!(second.allowed_outbound_hosts, Some(vec![]));
    let Source::Url { url, sha256 } = &second.source else { panic!("{:?}", second.source) };
    assert_eq!(url, "https://example.com/b.wasm");
    assert_eq!(sha256, &format!("abcdef{}", "0".repeat(58)));

    let [first, second] = &app.triggers[..] else { panic!("{:?}", app.triggers) };
    assert_eq!(first.id, "trigger-redirect-sip-001");
    assert_eq!((first.kind.as_str(), first.component.as_deref()), ("http", Some("redirect-sip-001")));
    let executor = Executor::Wagi { argv: Some("x ${ARGS}".to_owned()), entrypoint: Some("main".to_owned()) };
    let route = HttpRoute::Path("/...".to_owned());
    assert_eq!(first.http, Some(HttpTrigger { route, executor, static_response: None }));
    assert_eq!((first.at.line, first.at.key.as_str()), (23, "component[0].trigger"));
    assert_eq!(second.http.as_ref().unwrap().executor, Executor::Http);
    assert_eq!(app.warnings, Vec::<String>::new());
}

/// A manifest with one component, which says `more`.
fn with(more: &str) -> String {
    format!(
        "spin_version = \"1\"\nname = \"x\"\ntrigger = {{ type = \"http\" }}\n\
         [[component]]\nid = \"a\"\nsource = \"a.wasm\"\ntrigger = {{ route = \"/\" }}\n{more}\n"
    )
}

#[test]
fn little_is_needed() {
    let app = Fixture::new().file("a.wasm").app(&with(""));
    assert_eq!(app.version, None);
    assert!(app.trigger_settings["http"].is_empty());
}

#[test]
fn other_triggers_are_free() {
    let manifest = "spin_manifest_version = \"1\"\nname = \"x\"\ntrigger = { type = \"redis\", address = \"r\" }\n\
        [[component]]\nid = \"a\"\nsource = \"a.wasm\"\ntrigger = { channel = \"c\", anything = { goes = [1] } }\n";
    let app = Fixture::new().file("a.wasm").app(manifest);
    assert_eq!(app.trigger_settings["redis"]["address"].as_str(), Some("r"));
    let trigger = &app.triggers[0];
    assert_eq!((trigger.kind.as_str(), &trigger.http), ("redis", &None));
    assert_eq!(trigger.config["anything"]["goes"][0].as_integer(), Some(1));
}

#[test]
fn excludes_hold_for_listed_files_too() {
    let fixture = Fixture::new().file("a.wasm").file("one.txt").file("two.txt");
    let app = fixture.app(&with("files = [\"one.txt\", \"two.txt\"]\nexclude_files = [\"two*\"]"));
    assert_eq!(app.components[0].files.len(), 1);
}

#[test]
fn problems() {
    let fixture = Fixture::new().file("a.wasm");
    insta::assert_snapshot!(fixture.problems("spin_version = \"1\"\nname = \"x\"\ntrigger = { type = \"http\" }"), @r#"
    spin.toml: the application has no component
      hint: add a `[[component]]` with its `trigger`
    "#);
    insta::assert_snapshot!(fixture.problems(&with("[[component]]\nid = \"a\"\nsource = \"a.wasm\"\ntrigger = { route = \"/b\" }")), @"spin.toml:9: component[1].id: component id `a` is taken: it is used on line 5 already");
    insta::assert_snapshot!(fixture.problems(&with("[[component]]\nid = \"b\"\nsource = { reference = \"a/1\", parcel = \"00\" }\ntrigger = { route = \"/b\" }")), @r#"
    spin.toml:10: component[1].source: the source is a parcel of a bindle, which cannot be packaged again
      hint: download the Wasm file and name its path, or give `url` and `digest`
    "#);
    insta::assert_snapshot!(fixture.problems(&with("[[component]]")), @"spin.toml:8: component[1]: `id` is missing");
    insta::assert_snapshot!(fixture.problems(&with("[[component]]\nid = \"b\"\n[variables]\nx = {default = \"\"}\n[config]")), @r#"
    spin.toml:8: component[1]: component `b` has no `source`
    spin.toml:8: component[1]: component `b` has no `trigger`
    spin.toml:12: config: `config` is an older spelling of `variables`: keep one
    "#);
    insta::assert_snapshot!(fixture.problems(&with("variables = {}\nenvironment = { A = 1 }")), @r#"
    spin.toml:8: component[0].variables: `variables` is unknown, or newer than this version of spin-deploy understands
    spin.toml:9: component[0].environment.A: expected a string, found an integer
    "#);
}
