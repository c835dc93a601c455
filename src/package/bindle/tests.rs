//! Tests of whole bindles. `strict` holds what Spin 0.10.1 reads.

use std::collections::BTreeMap;
use std::path::Path;

use bindle::Invoice;
use proptest::prelude::*;

use super::invoice::Parcels;
use super::*;
use crate::app::{Executor, ManifestFormat, Source};
use crate::package::fixture::{MODULE, application, component, files, http, variable, with_components};
use crate::package::{BuildInfo, Format, Refusal, Route, assemble, check};

/// The manifest inside a bindle as Spin 0.10.1 reads it (bindle form of its loader's configuration).
mod strict {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct Manifest {
        pub trigger: AppTrigger,
        #[serde(default)]
        pub variables: BTreeMap<String, Variable>,
        pub component: Vec<Component>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase", tag = "type")]
    pub enum AppTrigger {
        Http { base: String },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct Variable {
        #[serde(default)]
        pub required: bool,
        pub default: Option<String>,
        #[serde(default)]
        pub secret: bool,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct Component {
        pub source: String,
        pub id: String,
        pub description: Option<String>,
        pub files: Option<String>,
        #[serde(default)]
        pub allowed_http_hosts: Vec<String>,
        #[serde(default)]
        pub key_value_stores: Vec<String>,
        #[serde(default)]
        pub environment: BTreeMap<String, String>,
        pub trigger: Trigger,
        #[serde(default)]
        pub config: BTreeMap<String, String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct Trigger {
        pub route: String,
        pub executor: Option<Executor>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase", tag = "type")]
    pub enum Executor {
        Spin,
        Wagi { argv: Option<String>, entrypoint: Option<String> },
    }
}

fn package(app: &Application) -> Package {
    assemble(app, &Format::Bindle, &Options::default(), &Downloads::new()).unwrap()
}

fn findings(app: &Application, options: &Options) -> Findings {
    check(app, &Format::Bindle, options, &Downloads::new()).unwrap()
}

fn invoice(package: &Package) -> &Invoice {
    let Description::Bindle(invoice) = &package.description else { panic!("it is a bindle") };
    invoice
}

fn invoice_text(package: &Package) -> String {
    toml::to_string(invoice(package)).unwrap()
}

fn manifest_text(package: &Package) -> &str {
    let Content::Bytes(bytes) = &package.blobs[0].content else { panic!("the manifest is in memory") };
    std::str::from_utf8(bytes).unwrap()
}

fn manifest(package: &Package) -> strict::Manifest {
    toml_05::from_str(manifest_text(package)).unwrap()
}

fn set_base(app: &mut Application, base: &str) {
    app.trigger_settings.insert("http".into(), toml::from_str(&format!("base = {base:?}")).unwrap());
}

// ---- a known example, which real servers have taken ----

const MANIFEST_SHA: &str = "f5bb04d0763561bf1858fde4f253baadd8ee8f281149eadfdbe980f8bfa8311b";
const API_SHA: &str = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476";
const WEB_SHA: &str = "c50e86a2eac362a08107aabb3dfcba703070886e64810653a07b57c6da6a1307";

/// The application of the example, as it was written for Spin 0.10: its routes overlap, and its order is its own.
fn example() -> Application {
    let mut app = application();
    app.format = ManifestFormat::V1;
    app.description = Some("Two component demo".into());
    app.authors = vec!["Dana Dev <dana@example.com>".into()];
    app.variables = [variable("greeting", Some("hello"), false)].into();
    let mut api = component("api", Path::new("."));
    api.description = Some("JSON API".into());
    api.has_files = true;
    api.allowed_http_hosts = vec!["https://example.com".into()];
    api.key_value_stores = vec!["default".into()];
    api.environment = [("LOG".into(), "info".into())].into();
    api.variables = [("message".into(), "{{ greeting }}".into())].into();
    let mut web = component("web", Path::new("."));
    web.has_files = true;
    app.components = vec![api, web];
    app.triggers = vec![http("api", "api", "route = '/api/...'"), http("web", "web", "route = '/...'")];
    app
}

fn example_layout(app: &Application) -> Layout<'_> {
    layout::lay_out(app, &Options::default()).0.unwrap()
}

#[test]
fn the_example_manifest_byte_for_byte() {
    let app = example();
    let text = manifest::render(&example_layout(&app), &[API_SHA.into(), WEB_SHA.into()]);
    assert_eq!(
        text,
        r#"[trigger]
type = "http"
base = "/"

[variables.greeting]
required = false
default = "hello"
secret = false

[[component]]
source = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476"
id = "api"
description = "JSON API"
files = "files-api"
allowedHttpHosts = ["https://example.com"]
keyValueStores = ["default"]

[component.environment]
LOG = "info"

[component.trigger]
route = "/api/..."

[component.config]
message = "{{ greeting }}"

[[component]]
source = "c50e86a2eac362a08107aabb3dfcba703070886e64810653a07b57c6da6a1307"
id = "web"
files = "files-web"

[component.trigger]
route = "/..."
"#
    );
    assert_eq!(Digest::of(text.as_bytes()), Digest { sha256: MANIFEST_SHA.into(), size: 609 });
}

#[test]
fn the_example_invoice() {
    let app = example();
    let layout = example_layout(&app);
    let digest = |sha256: &str, size| Digest { sha256: sha256.into(), size };
    let logo = digest("a7c61c19b8c2b9710773dfa04a479384e44541f5bf1250022c4ca3db5280bf5f", 6);
    let mut parcels = Parcels::default();
    parcels.add_wasm("target/api.wasm", &digest(API_SHA, 8));
    parcels.add_wasm("target/web.wasm", &digest(WEB_SHA, 12));
    parcels.add_asset("static/logo.png", &logo, "files-api");
    parcels.add_asset("static/logo.png", &logo, "files-web");
    let index = digest("737e6daf77521604fc482aa91e8bed8c47f4815c624e61e49c45ecbb5832f708", 12);
    parcels.add_asset("static/index.html", &index, "files-web");
    let style = digest("2708d73bf31c36cdfa1aa466551ed101017280fa546caba4473cfef6e92a93b5", 7);
    parcels.add_asset("assets/site.css", &style, "files-web");
    parcels.set_manifest(&digest(MANIFEST_SHA, 609));
    let groups = layout.components.iter().map(layout::Placed::group).collect();
    let (id, invoice) = invoice::write(&app, &layout.identity, groups, parcels);

    insta::assert_snapshot!(id, @"shop/1.4.0+s6f6ae87278beed41e521");
    insta::assert_snapshot!(toml::to_string(&invoice).unwrap(), @r#"
    bindleVersion = "1.0.0"

    [bindle]
    name = "shop"
    version = "1.4.0+s6f6ae87278beed41e521"
    description = "Two component demo"
    authors = ["Dana Dev <dana@example.com>"]

    [[parcel]]

    [parcel.label]
    sha256 = "f5bb04d0763561bf1858fde4f253baadd8ee8f281149eadfdbe980f8bfa8311b"
    mediaType = "application/vnd.fermyon.spin+toml"
    name = "spin.f5bb04d0763561bf1858fde4f253baadd8ee8f281149eadfdbe980f8bfa8311b.toml"
    size = 609

    [[parcel]]

    [parcel.label]
    sha256 = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476"
    mediaType = "application/wasm"
    name = "target/api.wasm"
    size = 8

    [parcel.conditions]

    [[parcel]]

    [parcel.label]
    sha256 = "c50e86a2eac362a08107aabb3dfcba703070886e64810653a07b57c6da6a1307"
    mediaType = "application/wasm"
    name = "target/web.wasm"
    size = 12

    [parcel.conditions]

    [[parcel]]

    [parcel.label]
    sha256 = "a7c61c19b8c2b9710773dfa04a479384e44541f5bf1250022c4ca3db5280bf5f"
    mediaType = "image/png"
    name = "static/logo.png"
    size = 6

    [parcel.conditions]
    memberOf = ["files-api", "files-web"]

    [[parcel]]

    [parcel.label]
    sha256 = "737e6daf77521604fc482aa91e8bed8c47f4815c624e61e49c45ecbb5832f708"
    mediaType = "text/html"
    name = "static/index.html"
    size = 12

    [parcel.conditions]
    memberOf = ["files-web"]

    [[parcel]]

    [parcel.label]
    sha256 = "2708d73bf31c36cdfa1aa466551ed101017280fa546caba4473cfef6e92a93b5"
    mediaType = "text/css"
    name = "assets/site.css"
    size = 7

    [parcel.conditions]
    memberOf = ["files-web"]

    [[group]]
    name = "files-api"

    [[group]]
    name = "files-web"
    "#);
}

// ---- refusals and warnings ----

fn said(findings: &Findings) -> String {
    let refusals = findings.refusals.iter().map(|Refusal { code, at, message, remedy }| {
        let at = at.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} {at}: {message}\n   {remedy}\n", code.unwrap_or("--"))
    });
    refusals.chain(findings.warnings.iter().map(|text| format!("warning: {text}\n"))).collect()
}

#[test]
fn all_refusals_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api", "web", "old", "cut", "gone"]);
    app.name = "my shop".into();
    app.version = Some("1.0".into());
    app.variables =
        [variable("must", None, false), variable("token", None, true), variable("plain", None, false)].into();
    app.triggers.push(crate::app::Trigger {
        kind: "redis".into(),
        http: None,
        ..http("queue", "api", "channel = 'c'")
    });
    app.triggers
        .push(crate::app::Trigger { component: None, ..http("robots", "", "route = '/r'\nstatic_response = {}") });
    app.triggers.push(crate::app::Trigger { component: None, ..http("nobody", "", "route = '/n'") });
    app.triggers.push(http("stranger", "who", "route = '/s'"));
    app.triggers.push(http("inner", "web", "route = { private = true }"));
    app.triggers.push(http("user", "web", "route = '/user/:id'"));
    app.triggers.push(http("again", "web", "route = 'api/'"));
    let [api, web, old, cut, gone] = app.components.as_mut_slice() else { panic!("five components") };
    api.dependencies = vec!["auth".into()];
    api.sqlite_databases = vec!["default".into()];
    api.ai_models = vec!["llama".into()];
    web.source = Source::Registry { registry: None, package: "ns:web".into(), version: "1.2.3".into() };
    web.allowed_outbound_hosts = Some(vec!["https://*.example.com".into(), "http://api.spin.internal".into()]);
    old.source = Source::File { written: "target/old.wasm".into(), path: dir.path().join("old.wasm") };
    std::fs::write(dir.path().join("old.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    cut.source = Source::File { written: "cut.wasm".into(), path: dir.path().join("cut.wasm") };
    std::fs::write(dir.path().join("cut.wasm"), b"\0asm\x01\0\0\0\x0a\x05").unwrap();
    gone.source = Source::File { written: "gone.wasm".into(), path: dir.path().join("nowhere.wasm") };
    let values = [("token", "S3CRET"), ("plain", "S3CRET"), ("misspelt", "S3CRET")];
    let options = Options {
        build_info: BuildInfo::Derived,
        variables: values.map(|(name, value)| (name.into(), value.into())).into(),
    };

    let said = said(&findings(&app, &options));
    assert!(!said.contains("S3CRET"));
    insta::assert_snapshot!(said, @r#"
    E12 spin.toml: application.name: `my shop` cannot be the name of a bindle
       choose a `name` of ASCII letters, digits, `-` and `_`, with a letter or digit first
    E12 spin.toml: application.version: `1.0` is no semantic version (unexpected end of input while parsing minor version number), and a bindle needs one
       set `version` in the manifest to a semantic version such as "1.0.0"
    E1 spin.toml: trigger.http.queue: a bindle is run for its http triggers only; this application has triggers of type http, redis
       keep the http triggers in this application and move the others to one of their own, for another target
    -- spin.toml: variables: the application has no variable `misspelt`
       declare `misspelt` under `variables` in the manifest, or leave out `--variable misspelt=…`
    E9 spin.toml: variables.must: variable `must` is required, and bindles run with the values that they carry
       pass `--variable must=…`, or give it a `default`
    -- spin.toml: variables.token: variable `token` is secret, and its value would stand in clear text in the bindle
       choose a target that keeps secrets, or remove `secret = true` from `token` if everybody may read it
    E2 spin.toml: trigger.http.robots: trigger `robots` answers with static_response, which needs Spin 3.5; bindles run on Spin 0.10
       let a component answer, or choose a target with a newer Spin
    -- spin.toml: trigger.http.nobody: trigger `nobody` runs no component
       name a `component` in the trigger
    -- spin.toml: trigger.http.stranger: trigger `stranger` runs component `who`, which the manifest does not define
       define component `who`, or correct its name in the trigger
    E3 spin.toml: trigger.http.inner: trigger `inner` has a private route, which needs Spin 2.5; bindles run on Spin 0.10
       give it a public route, or choose a target with a newer Spin
    E4 spin.toml: trigger.http.user.route: route `/user/:id` has `:name` or `*` parts, which need Spin 2.5; bindles run on Spin 0.10
       write an exact route, or one that ends in `/...`, or choose a target with a newer Spin
    E6 spin.toml: component.api.dependencies: component `api` depends on other components (`auth`), which needs Spin 3.0; bindles run on Spin 0.10
       build everything into one core module, or choose a target with a newer Spin
    E11 spin.toml: component.api.sqlite_databases: component `api` uses SQLite, which needs Spin 1.3; bindles run on Spin 0.10
       remove `sqlite_databases`, or choose a target with a newer Spin
    E11 spin.toml: component.api.ai_models: component `api` uses AI models, which need Spin 1.5; bindles run on Spin 0.10
       remove `ai_models`, or choose a target with a newer Spin
    E7 spin.toml: component.web.source: component `web` comes from a component registry (ns:web@1.2.3), which needs Spin 2.6; bindles run on Spin 0.10
       download a core module and name it as `source`, by its path or by `url` and `digest`
    E10 spin.toml: component.web.allowed_outbound_hosts: component `web`: host `https://*.example.com` cannot be expressed in the host list of Spin 0.10: it has a wildcard
       list each host with its port, or allow all with `http://*:*` and `https://*:*`
    E3 spin.toml: component.web.allowed_outbound_hosts: component `web`: `http://api.spin.internal` calls another component, which needs Spin 2.4; bindles run on Spin 0.10
       give the other component a public route and call that, or choose a target with a newer Spin
    E5 spin.toml: trigger.http.again.route: route `/api` leads to components `api` and `web`
       give each trigger a route of its own
    E8 spin.toml: component.old.source: component `old`: target/old.wasm is a WebAssembly component; bindles run on Spin 0.10, which loads core modules only
       rebuild it as a core module for wasm32-wasip1 (an SDK of that era, or the wagi executor), or choose a target that runs components
    -- spin.toml: component.cut.source: component `cut`: cut.wasm is cut off
       build the component again, and make sure that `source` names its WebAssembly module
    -- spin.toml: component.gone.source: component `gone`: there is no file gone.wasm
       build the application first: `spin build`
    warning: the value of variable `plain` stands in clear text in the bindle, for everybody who can read that
    warning: component `web` has 4 triggers and is packaged once for each, as `web`, `web--2`, `web--3`, `web--4`: a component of Spin 0.10 has one
    "#);
}

#[test]
fn refusals_of_names_versions_and_triggers_that_are_missing() {
    let mut app = application();
    app.version = None;
    insta::assert_snapshot!(said(&findings(&app, &Options::default())), @r#"
    E12 spin.toml: application.version: the application has no version, and a bindle needs one
       set `version` in the manifest to a semantic version such as "1.0.0"
    E1 spin.toml: trigger: a bindle is run for its http triggers only; this application has no trigger
       add an http trigger
    "#);
    let dir = tempfile::tempdir().unwrap();
    let app = with_components(dir.path(), &["api"]);
    let options = Options { build_info: BuildInfo::Given("a_b".into()), ..Options::default() };
    insta::assert_snapshot!(said(&findings(&app, &options)), @r#"
    -- spin.toml: application.version: `a_b` is no build metadata of a semantic version
       give `--buildinfo` letters, digits and `-`, in parts joined by `.`
    "#);
    let options = Options { build_info: BuildInfo::Given("a".repeat(200)), ..Options::default() };
    insta::assert_snapshot!(said(&findings(&app, &options)), @r#"
    -- spin.toml: application.version: the version is 206 bytes long with its build metadata; 128 are possible
       shorten `version` in the manifest, or the build metadata
    "#);
}

#[test]
fn all_warnings() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api", "web", "unused"]);
    app.triggers.retain(|trigger| trigger.component.as_deref() != Some("unused"));
    app.triggers.push(http("second", "api", "route = '/second'"));
    app.variables = [variable("plain", Some("x"), false), variable("token", Some("S3CRET"), true)].into();
    let api = &mut app.components[0];
    api.allowed_outbound_hosts = Some(vec!["https://example.com".into(), "redis://cache:6379".into()]);
    api.key_value_stores = vec!["default".into(), "users".into()];
    app.components[1].allowed_outbound_hosts = Some(vec!["https://*:*".into()]);
    let module = wat::parse_str(r#"(module (import "sqlite" "open" (func)) (import "env" "f" (func)))"#).unwrap();
    std::fs::write(dir.path().join("web.wasm"), module).unwrap();
    let options = Options { build_info: BuildInfo::Derived, variables: [("plain".into(), "S3CRET".into())].into() };

    let said = said(&findings(&app, &options));
    assert!(!said.contains("S3CRET"));
    insta::assert_snapshot!(said, @r#"
    warning: the value of variable `plain` stands in clear text in the bindle, for everybody who can read that
    warning: variable `token` is secret, and its default stands in clear text in the bindle, for everybody who can read that
    warning: component `api`: the key-value store of a bindle lives in memory; it is empty after every restart, and each instance of the application has its own
    warning: component `api`: a bindle has no key-value store but `default`; opening `users` will fail
    warning: component `api`: `redis://cache:6379` cannot be passed on; Spin 0.10 lets every component reach any Redis, MySQL and PostgreSQL server
    warning: component `api`: `example.com` can be reached over http as well, because the host list of Spin 0.10 has no schemes
    warning: component `api` has 2 triggers and is packaged once for each, as `api`, `api--2`: a component of Spin 0.10 has one
    warning: component `web`: any host can be reached over http as well, because the host list of Spin 0.10 has no schemes
    warning: component `unused` is left out: no trigger runs it
    warning: component `web`: web.wasm imports from `env`, `sqlite`, which Spin 0.10 does not offer; it will not start there
    "#);

    insta::assert_snapshot!(findings(&example_with_files(dir.path()), &Options::default()).warnings.join("\n"), @r#"
    component `api`: the key-value store of a bindle lives in memory; it is empty after every restart, and each instance of the application has its own
    component `api` will not answer on `/api/...`: Spin 0.10 asks the last component whose route matches, which is `web` with `/...`; move that one up in the manifest
    "#);
}

fn example_with_files(dir: &Path) -> Application {
    let mut app = example();
    for component in &mut app.components {
        let written = format!("{}.wasm", component.id);
        std::fs::write(dir.join(&written), MODULE).unwrap();
        component.source = Source::File { path: dir.join(&written), written };
    }
    app
}

#[test]
fn nothing_to_say_of_an_application_that_fits() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api", "web"]);
    let module = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) (import "key-value" "open" (func)))"#,
    );
    std::fs::write(dir.path().join("web.wasm"), module.unwrap()).unwrap();
    app.variables = [variable("greeting", Some("hi"), false)].into();
    app.components[0].allowed_outbound_hosts = Some(vec!["http://h".into(), "https://h".into()]);
    assert_eq!(findings(&app, &Options::default()), Findings::default());
}

#[test]
fn a_component_that_no_trigger_runs_is_not_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api", "lib"]);
    app.triggers.pop();
    app.components[1].dependencies = vec!["other".into()];
    std::fs::remove_file(dir.path().join("lib.wasm")).unwrap();
    let findings = findings(&app, &Options::default());
    assert_eq!(findings.refusals, []);
    assert_eq!(findings.warnings, ["component `lib` is left out: no trigger runs it"]);
    assert_eq!(package(&app).blobs.len(), 2);
}

#[test]
fn what_is_refused_cannot_be_assembled() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api"]);
    app.version = None;
    let error = assemble(&app, &Format::Bindle, &Options::default(), &Downloads::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the application cannot be packaged: the application has no version, and a bindle needs one"
    );
}

// ---- what is in a package ----

#[test]
fn parcels_groups_and_blobs() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api", "web", "bare"]);
    // The modules of `api` and `bare` have the same bytes under other names.
    std::fs::write(dir.path().join("web.wasm"), wat::parse_str("(module (memory 1))").unwrap()).unwrap();
    app.components[0].has_files = true;
    app.components[0].files = files(dir.path(), &[("logo.png", "pixels"), ("copy.unknown", "pixels")]);
    app.components[1].has_files = true;
    app.components[1].files = files(dir.path(), &[("index.html", "hello"), ("logo.png", "pixels")]);
    let package = package(&app);

    let parcels: Vec<_> = invoice(&package).parcel.iter().flatten().collect();
    let described: Vec<String> = parcels
        .iter()
        .map(|parcel| {
            let groups = parcel.conditions.as_ref().map(|conditions| conditions.member_of.clone().unwrap_or_default());
            format!("{} {} {} {groups:?}", parcel.label.media_type, parcel.label.name, parcel.label.size)
        })
        .collect();
    let manifest = package.blobs[0].clone();
    assert_eq!(
        described,
        [
            &format!("application/vnd.fermyon.spin+toml spin.{}.toml {} None", manifest.sha256, manifest.size),
            "application/wasm api.wasm 8 Some([])",
            "application/wasm web.wasm 13 Some([])",
            "application/wasm bare.wasm 8 Some([])",
            r#"image/png logo.png 6 Some(["files-api", "files-web"])"#,
            r#"application/octet-stream copy.unknown 6 Some(["files-api"])"#,
            r#"text/html index.html 5 Some(["files-web"])"#,
        ]
    );
    let groups: Vec<_> = invoice(&package).group.iter().flatten().map(|group| group.name.as_str()).collect();
    // Of the exact routes the shorter one comes first.
    assert_eq!(groups, ["files-api", "files-web", "files-bare"]);
    // One blob for each digest.
    let names: Vec<_> = package.blobs[1..].iter().map(|blob| blob.name.as_str()).collect();
    assert_eq!(names, ["api.wasm", "web.wasm", "logo.png", "index.html"]);
    assert_eq!(package.size(), manifest.size + 8 + 13 + 6 + 5);
    for blob in &package.blobs {
        blob.snapshot().unwrap();
    }
    let files: Vec<_> = self::manifest(&package).component.into_iter().map(|component| component.files).collect();
    assert_eq!(files, [Some("files-api".into()), Some("files-web".into()), None]);
}

#[test]
fn a_module_that_several_components_share_is_one_parcel() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["a", "b", "c"]);
    app.components[2].source = app.components[0].source.clone();
    let names: Vec<_> =
        invoice(&package(&app)).parcel.iter().flatten().map(|parcel| parcel.label.name.clone()).collect();
    assert_eq!(names[1..], ["a.wasm", "b.wasm"]);
}

#[test]
fn a_component_with_several_triggers_is_copied() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api", "api--2"]);
    app.triggers.push(http("second", "api", "route = '/second'"));
    app.triggers.push(http("third", "api", "route = '/third'\nexecutor = { type = 'wagi' }"));
    app.components[0].has_files = true;
    app.components[0].files = files(dir.path(), &[("a.txt", "a")]);
    let package = package(&app);
    let components: Vec<_> = manifest(&package)
        .component
        .into_iter()
        .map(|component| (component.id, component.trigger.route, component.files.unwrap_or_default()))
        .collect();
    let expected = [
        ("api", "/api", "files-api"),
        ("api--4", "/third", "files-api--4"),
        ("api--3", "/second", "files-api--3"),
        ("api--2", "/api--2", ""),
    ];
    assert_eq!(components, expected.map(|(id, route, files)| (id.into(), route.into(), files.into())));
    let asset = invoice(&package).parcel.as_ref().unwrap().last().unwrap();
    let groups = asset.conditions.as_ref().unwrap().member_of.as_ref().unwrap();
    assert_eq!(groups[..], ["files-api", "files-api--4", "files-api--3"]);
}

#[test]
fn executors() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = application();
    for (id, config) in [
        ("a", "route = '/1'"),
        ("b", "route = '/2'\nexecutor = { type = 'http' }"),
        ("c", "route = '/3'\nexecutor = { type = 'spin' }"),
        ("d", "route = '/4'\nexecutor = { type = 'wagi' }"),
        ("e", "route = '/5'\nexecutor = { type = 'wagi', argv = '${ARGS}', entrypoint = 'main' }"),
    ] {
        std::fs::write(dir.path().join(format!("{id}.wasm")), MODULE).unwrap();
        app.components.push(component(id, dir.path()));
        app.triggers.push(http(id, id, config));
    }
    let package = package(&app);
    let executors: Vec<_> = manifest(&package).component.into_iter().map(|one| one.trigger.executor).collect();
    let wagi = |argv: Option<&str>, entrypoint: &str| {
        Some(strict::Executor::Wagi { argv: argv.map(Into::into), entrypoint: Some(entrypoint.into()) })
    };
    assert_eq!(executors, [None, None, None, wagi(None, "_start"), wagi(Some("${ARGS}"), "main")]);
}

#[test]
fn values_become_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api"]);
    app.variables =
        [variable("a", None, false), variable("b", Some("old"), false), variable("c", Some("c"), true)].into();
    let options = Options {
        build_info: BuildInfo::Omitted,
        variables: [("a".into(), "1".into()), ("b".into(), "new".into())].into(),
    };
    let package = assemble(&app, &Format::Bindle, &options, &Downloads::new()).unwrap();
    assert_eq!(package.id.to_string(), "shop/1.4.0");
    let variable = |default: &str, secret| strict::Variable { required: false, default: Some(default.into()), secret };
    let expected = [("a", variable("1", false)), ("b", variable("new", false)), ("c", variable("c", true))];
    assert_eq!(manifest(&package).variables, expected.map(|(name, variable)| (name.into(), variable)).into());
}

#[test]
fn routes_and_their_base() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = application();
    for (id, route) in [("api", "api/..."), ("root", "/"), ("deep", "/api/v1/x/"), ("rest", "/...")] {
        std::fs::write(dir.path().join(format!("{id}.wasm")), MODULE).unwrap();
        app.components.push(component(id, dir.path()));
        app.triggers.push(http(id, id, &format!("route = {route:?}")));
    }
    app.components[0].description = Some("The API".into());
    set_base(&mut app, "base/");
    let package = package(&app);
    let route = |component: &str, path: &str, wildcard, description: Option<&str>| Route {
        component: component.into(),
        path: path.into(),
        wildcard,
        description: description.map(Into::into),
    };
    assert_eq!(
        package.routes,
        [
            route("api", "/base/api", true, Some("The API")),
            route("root", "/base", false, None),
            route("deep", "/base/api/v1/x", false, None),
            route("rest", "/base", true, None),
        ]
    );
    let manifest = manifest(&package);
    assert_eq!(manifest.trigger, strict::AppTrigger::Http { base: "/base/".into() });
    // The last component that matches answers, so the most specific one comes last.
    let routes: Vec<_> = manifest.component.into_iter().map(|component| component.trigger.route).collect();
    assert_eq!(routes, ["/...", "/api/...", "/", "/api/v1/x/"]);
}

#[test]
fn sources_given_by_url() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api"]);
    let sha256 = Digest::of(MODULE).sha256;
    let url = "https://dana:hunter2@example.com/releases/v1/api.wasm?signature=SECRET";
    app.components[0].source = Source::Url { url: url.into(), sha256: sha256.clone() };

    assert_eq!(findings(&app, &Options::default()), Findings::default());
    let error = assemble(&app, &Format::Bindle, &Options::default(), &Downloads::new()).unwrap_err();
    assert_eq!(error.to_string(), "the source releases/v1/api.wasm has not been downloaded");

    let path = dir.path().join("download");
    std::fs::write(&path, MODULE).unwrap();
    let downloads: Downloads = [(sha256.clone(), path.clone())].into();
    let package = assemble(&app, &Format::Bindle, &Options::default(), &downloads).unwrap();
    assert_eq!(invoice(&package).parcel.as_ref().unwrap()[1].label.name, "releases/v1/api.wasm");
    assert_eq!(manifest(&package).component[0].source, sha256);

    std::fs::write(&path, b"\0asm\x0d\0\x01\0").unwrap();
    let said = said(&check(&app, &Format::Bindle, &Options::default(), &downloads).unwrap());
    assert!(said.starts_with("E8 spin.toml: component.api.source: component `api`: releases/v1/api.wasm is"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("SECRET"), "{said}");
    let error = assemble(&app, &Format::Bindle, &Options::default(), &downloads).unwrap_err();
    assert!(matches!(error, PackageError::Changed { .. }), "{error:?}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api"]);
    app.components[0].has_files = true;
    app.components[0].files = files(dir.path(), &[("a.txt", "a")]);
    std::fs::remove_file(dir.path().join("a.txt")).unwrap();
    let error = assemble(&app, &Format::Bindle, &Options::default(), &Downloads::new()).unwrap_err();
    assert_eq!(error.to_string(), format!("could not read {}", dir.path().join("a.txt").display()));
}

// ---- properties ----

/// What a generated application consists of.
#[derive(Debug, Clone)]
struct Seed {
    description: Option<String>,
    authors: Vec<String>,
    variables: BTreeMap<String, String>,
    components: BTreeMap<String, ComponentSeed>,
}

#[derive(Debug, Clone)]
struct ComponentSeed {
    files: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    config: BTreeMap<String, String>,
    description: Option<String>,
    wagi: Option<String>,
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[A-Za-z][A-Za-z0-9_]{0,5}", any::<String>(), 0..3)
}

fn component_seeds() -> impl Strategy<Value = ComponentSeed> {
    let files = proptest::collection::btree_map("[a-d](/[a-d])?\\.(txt|png|zzz)", "[xy]{0,3}", 0..5);
    (files, texts(), texts(), any::<Option<String>>(), any::<Option<String>>()).prop_map(
        |(files, environment, config, description, wagi)| ComponentSeed {
            files,
            environment,
            config,
            description,
            wagi,
        },
    )
}

fn seeds() -> impl Strategy<Value = Seed> {
    let components = proptest::collection::btree_map("[a-e]{1,2}", component_seeds(), 1..4);
    let authors = proptest::collection::vec(any::<String>(), 0..3);
    (any::<Option<String>>(), authors, texts(), components)
        .prop_map(|(description, authors, variables, components)| Seed { description, authors, variables, components })
}

impl Seed {
    /// Writes the files of the application into the directory.
    fn build(&self, dir: &Path) -> Application {
        let mut app = application();
        app.description = self.description.clone();
        app.authors = self.authors.clone();
        app.variables = self.variables.iter().map(|(name, text)| variable(name, Some(text), false)).collect();
        for (id, seed) in &self.components {
            let home = dir.join(id);
            std::fs::create_dir_all(&home).unwrap();
            std::fs::write(home.join(format!("{id}.wasm")), MODULE).unwrap();
            let mut component = component(id, &home);
            component.has_files = true;
            let listed: Vec<_> = seed.files.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
            component.files = files(&home, &listed);
            component.environment = seed.environment.clone();
            component.variables = seed.config.clone();
            component.description = seed.description.clone();
            app.components.push(component);
            let mut trigger = http(id, id, &format!("route = '/{id}'"));
            if let Some(argv) = &seed.wagi {
                let executor = Executor::Wagi { argv: Some(argv.clone()), entrypoint: None };
                trigger.http.as_mut().unwrap().executor = executor;
            }
            app.triggers.push(trigger);
        }
        app
    }

    fn first(&mut self) -> &mut ComponentSeed {
        self.components.values_mut().next().unwrap()
    }

    fn package(&self) -> Package {
        let dir = tempfile::tempdir().unwrap();
        package(&self.build(dir.path()))
    }
}

/// A small change of an application.
#[derive(Debug, Clone, Copy)]
enum Mutation {
    ChangeContent,
    RenameFile,
    MoveBytes,
    SwapContents,
    AddEmptyFile,
    RemoveFile,
    ChangeEnvironment,
    ChangeConfig,
    ChangeVariable,
    ChangeDescription,
    AddAuthor,
    MoveToOtherComponent,
}

const MUTATIONS: [Mutation; 12] = [
    Mutation::ChangeContent,
    Mutation::RenameFile,
    Mutation::MoveBytes,
    Mutation::SwapContents,
    Mutation::AddEmptyFile,
    Mutation::RemoveFile,
    Mutation::ChangeEnvironment,
    Mutation::ChangeConfig,
    Mutation::ChangeVariable,
    Mutation::ChangeDescription,
    Mutation::AddAuthor,
    Mutation::MoveToOtherComponent,
];

impl Mutation {
    /// The changed application; `None` where there is nothing to change in this way.
    fn apply(self, seed: &Seed) -> Option<Seed> {
        let mut seed = seed.clone();
        let files = &mut seed.first().files;
        match self {
            Mutation::ChangeContent => files.values_mut().next()?.push('z'),
            Mutation::RenameFile => {
                let (name, content) = files.pop_first()?;
                files.insert(format!("new-{name}"), content);
            }
            Mutation::MoveBytes => {
                let mut contents = files.values_mut();
                let (one, other) = (contents.next()?, contents.next()?);
                other.insert(0, one.pop()?);
            }
            Mutation::SwapContents => {
                let mut contents = files.values_mut();
                let (one, other) = (contents.next()?, contents.next()?);
                if one == other {
                    return None;
                }
                std::mem::swap(one, other);
            }
            Mutation::AddEmptyFile => drop(files.insert("new.txt".into(), String::new())),
            Mutation::RemoveFile => drop(files.pop_first()?),
            Mutation::ChangeEnvironment => seed.first().environment.values_mut().next()?.push('z'),
            Mutation::ChangeConfig => drop(seed.first().config.insert("new".into(), String::new())),
            Mutation::ChangeVariable => seed.variables.values_mut().next()?.push('z'),
            Mutation::ChangeDescription => {
                seed.description = match seed.description {
                    Some(_) => None,
                    None => Some(String::new()),
                }
            }
            Mutation::AddAuthor => seed.authors.push(String::new()),
            Mutation::MoveToOtherComponent => {
                let (name, content) = files.pop_first()?;
                let other = seed.components.values_mut().nth(1)?;
                other.files.insert(format!("moved-{name}"), content);
            }
        }
        Some(seed)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn equal_input_gives_an_equal_package(seed in seeds()) {
        let (one, other) = (seed.package(), seed.package());
        prop_assert_eq!(&one.id, &other.id);
        prop_assert_eq!(invoice_text(&one), invoice_text(&other));
        prop_assert_eq!(manifest_text(&one), manifest_text(&other));
        let digests = |package: &Package| package.blobs.iter().map(|blob| blob.sha256.clone()).collect::<Vec<_>>();
        prop_assert_eq!(digests(&one), digests(&other));
    }

    #[test]
    fn the_order_of_files_does_not_matter(seed in seeds()) {
        let dir = tempfile::tempdir().unwrap();
        let mut app = seed.build(dir.path());
        let id = package(&app).id;
        for component in &mut app.components {
            component.files.reverse();
        }
        prop_assert_eq!(package(&app).id, id);
    }

    #[test]
    fn every_change_makes_another_build(seed in seeds()) {
        let id = seed.package().id;
        for mutation in MUTATIONS {
            if let Some(changed) = mutation.apply(&seed) {
                prop_assert_ne!(&changed.package().id, &id, "{:?}", mutation);
            }
        }
    }

    #[test]
    fn versions_are_semantic_versions(seed in seeds(), version in "[0-9]\\.[0-9]\\.[0-9](-[a-z]{1,5})?(\\+[0-9a-z]{1,5})?") {
        let dir = tempfile::tempdir().unwrap();
        let mut app = seed.build(dir.path());
        app.version = Some(version.clone());
        let id = package(&app).id;
        let text = id.version.to_string();
        prop_assert_eq!(semver::Version::parse(&text).unwrap(), id.version);
        let tag = text.strip_prefix(&version).unwrap();
        let expected = if version.contains('+') { ".s" } else { "+s" };
        prop_assert!(tag.starts_with(expected) && tag.len() == 22, "{}", text);
    }

    #[test]
    fn servers_and_spin_read_what_is_written(seed in seeds()) {
        let package = seed.package();
        let read: Invoice = toml_05::from_str(&invoice_text(&package)).unwrap();
        let written = invoice(&package);
        prop_assert_eq!(&read.bindle.id, &written.bindle.id);
        prop_assert_eq!(read.bindle.description, seed.description.clone());
        prop_assert_eq!(read.bindle.authors.unwrap_or_default(), seed.authors.clone());
        prop_assert_eq!(&read.parcel, &written.parcel);
        prop_assert_eq!(read.group.unwrap().len(), seed.components.len());

        let manifest = manifest(&package);
        let variables = manifest.variables.into_iter().map(|(name, one)| (name, one.default.unwrap())).collect();
        prop_assert_eq!(&seed.variables, &variables);
        for component in manifest.component {
            let expected = &seed.components[&component.id];
            prop_assert_eq!(&component.environment, &expected.environment);
            prop_assert_eq!(&component.config, &expected.config);
            prop_assert_eq!(&component.description, &expected.description);
            let argv = match component.trigger.executor {
                Some(strict::Executor::Wagi { argv, .. }) => argv,
                _ => None,
            };
            prop_assert_eq!(&argv, &expected.wagi);
        }
    }
}

#[test]
fn another_route_base_or_order_makes_another_build() {
    let dir = tempfile::tempdir().unwrap();
    let app = with_components(dir.path(), &["a", "b"]);
    let mut ids = vec![package(&app).id];
    let mut route = app.clone();
    route.triggers[0] = http("a", "a", "route = '/other'");
    let mut base = app.clone();
    set_base(&mut base, "/base");
    let mut swapped = app.clone();
    swapped.components.swap(0, 1);
    let mut name = app.clone();
    name.name = "shop2".into();
    for changed in [route, base, swapped, name] {
        let id = package(&changed).id;
        assert!(!ids.contains(&id), "{id}");
        ids.push(id);
    }
}
