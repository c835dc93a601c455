//! Tests of whole packages.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::app::{ManifestFormat, MountedFile, Source, Trigger};
use crate::package::fixture::{MODULE, application, component, files, http, place, variable};
use crate::package::{BuildInfo, Content, Description, Format, Refusal, Route};

/// A host as good as a real one, for its size.
fn support() -> Support {
    let list = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect();
    Support {
        triggers: list(&["http"]),
        interfaces: list(&["wasi:http/types@0.2", "wasi:cli/environment@0.2", "fermyon:spin/variables@2.0.0"]),
        handlers: list(&["wasi:http/incoming-handler@0.2"]),
        modules: list(&["wasi_snapshot_preview1"]),
        ..Support::default()
    }
}

fn findings(app: &Application, options: &Options) -> Findings {
    crate::package::check(app, &Format::Directory(support().into()), options, &Downloads::new()).unwrap()
}

fn package_with(app: &Application, options: &Options) -> Package {
    crate::package::assemble(app, &Format::Directory(support().into()), options, &Downloads::new()).unwrap()
}

fn package(app: &Application) -> Package {
    package_with(app, &Options::default())
}

fn text(package: &Package) -> &str {
    let Content::Bytes(bytes) = &package.blobs[0].content else { panic!("the document is in memory") };
    std::str::from_utf8(bytes).unwrap()
}

fn document(package: &Package) -> Document {
    Document::parse(text(package).as_bytes()).unwrap()
}

fn given(values: &[(&str, &str)]) -> Options {
    let variables = values.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Options { variables, ..Options::default() }
}

/// A component that exports interfaces by these names.
fn exporting(names: &[&str]) -> Vec<u8> {
    let exports: String = names.iter().map(|name| format!("(export \"{name}\" (instance $i))")).collect();
    wat::parse_str(format!("(component (instance $i) {exports})")).unwrap()
}

/// An application whose components each have a trigger for `/<id>` and can answer it.
fn with_components(dir: &Path, ids: &[&str]) -> Application {
    let app = crate::package::fixture::with_components(dir, ids);
    for id in ids {
        std::fs::write(dir.join(format!("{id}.wasm")), exporting(&["wasi:http/incoming-handler@0.2.0"])).unwrap();
    }
    app
}

fn static_trigger(id: &str, route: &str) -> Trigger {
    Trigger { component: None, ..http(id, "", &format!("route = {route:?}\nstatic_response = {{}}")) }
}

fn said(findings: &Findings) -> String {
    let refusals = findings.refusals.iter().map(|Refusal { code, at, message, remedy }| {
        let at = at.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} {at}: {message}\n   {remedy}\n", code.unwrap_or("--"))
    });
    refusals.chain(findings.warnings.iter().map(|text| format!("warning: {text}\n"))).collect()
}

#[test]
fn a_whole_document() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api", "web"]);
    app.description = Some("Sells things".into());
    app.variables = [variable("host", Some("db.example"), false), variable("token", None, true)].into();
    app.trigger_settings.insert("http".into(), toml::from_str("base = '/shop'").unwrap());
    app.triggers.push(http("cgi", "api", "route = '/cgi/:name/*'\nexecutor = { type = 'wagi' }"));
    app.triggers.push(http("inner", "web", "route = { private = true }"));
    app.triggers.push(static_trigger("robots", "robots.txt"));
    let [api, web] = app.components.as_mut_slice() else { panic!("two components") };
    api.description = Some("JSON".into());
    api.variables = [("key".into(), "Bearer {{ token }}".into())].into();
    api.environment = [("LOG".into(), "{{ kept }}".into())].into();
    api.allowed_outbound_hosts = Some(vec!["https://{{ host }}".into(), "http://web.spin.internal".into()]);
    api.allowed_http_hosts = vec!["db.example".into()];
    api.key_value_stores = vec!["default".into()];
    web.files = files(dir.path(), &[("a/index.html", "<p>"), ("b.html", "<p>")]);
    let package = package_with(&app, &given(&[("token", "S3CRET")]));

    insta::assert_snapshot!(text(&package), @r#"
    {
      "format": 1,
      "name": "shop",
      "version": "1.4.0+s679524773389c1ee5dac",
      "description": "Sells things",
      "base": "/shop",
      "triggers": [
        {
          "id": "api-trigger",
          "route": {
            "path": "/api"
          },
          "component": "api",
          "executor": "http"
        },
        {
          "id": "web-trigger",
          "route": {
            "path": "/web"
          },
          "component": "web",
          "executor": "http"
        },
        {
          "id": "cgi",
          "route": {
            "path": "/cgi/:name/*"
          },
          "component": "api",
          "executor": {
            "wagi": {
              "argv": "${SCRIPT_NAME} ${ARGS}",
              "entrypoint": "_start"
            }
          }
        },
        {
          "id": "inner",
          "route": "private",
          "component": "web",
          "executor": "http"
        },
        {
          "id": "robots",
          "route": {
            "path": "robots.txt"
          },
          "executor": "http",
          "static_response": {
            "status": 200,
            "headers": {},
            "body": "static"
          }
        }
      ],
      "components": [
        {
          "id": "api",
          "description": "JSON",
          "wasm": {
            "path": "api.wasm",
            "sha256": "abec00873354abd7ede061e8d09dd8d7f39443f3f94d42d9f4f27feaa630b6b4",
            "size": 77
          },
          "files": [],
          "environment": {
            "LOG": "{{ kept }}"
          },
          "variables": {
            "key": "Bearer S3CRET"
          },
          "allowed_outbound_hosts": [
            "https://db.example",
            "http://web.spin.internal",
            "http://db.example"
          ],
          "key_value_stores": [
            "default"
          ]
        },
        {
          "id": "web",
          "wasm": {
            "path": "web.wasm",
            "sha256": "abec00873354abd7ede061e8d09dd8d7f39443f3f94d42d9f4f27feaa630b6b4",
            "size": 77
          },
          "files": [
            {
              "path": "a/index.html",
              "sha256": "33f2799467177287a29260780a107ac98ea63dd6165f67fcc0d74767d0a82090",
              "size": 3
            },
            {
              "path": "b.html",
              "sha256": "33f2799467177287a29260780a107ac98ea63dd6165f67fcc0d74767d0a82090",
              "size": 3
            }
          ],
          "environment": {},
          "variables": {},
          "allowed_outbound_hosts": [],
          "key_value_stores": []
        }
      ]
    }
    "#);
    assert!(text(&package).ends_with("}\n"));
    let names: Vec<_> = package.blobs.iter().map(|blob| blob.name.as_str()).collect();
    assert_eq!(names, ["application.json", "api.wasm", "a/index.html"], "one blob for each digest");
    let Description::Directory { document: digest } = &package.description else { panic!("it is a directory") };
    assert_eq!(*digest, package.blobs[0].sha256);
    let route = |component: &str, path: &str, wildcard, description: Option<&str>| {
        let description = description.map(String::from);
        Route { component: component.into(), path: path.into(), wildcard, description }
    };
    assert_eq!(
        package.routes,
        [
            route("api", "/shop/api", false, Some("JSON")),
            route("web", "/shop/web", false, None),
            route("api", "/shop/cgi/:name", true, Some("JSON")),
            route("robots", "/shop/robots.txt", false, None),
        ]
    );
    assert!(!format!("{:?}", document(&package)).contains("S3CRET"));
}

#[test]
fn all_refusals_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ["api", "web", "old", "cut", "gone", "spin", "nothing", "cgi", "far"];
    let mut app = with_components(dir.path(), &ids);
    app.name = "my shop".into();
    app.version = Some("1.0".into());
    app.variables = [variable("must", None, false), variable("token", None, true)].into();
    app.triggers.push(Trigger { kind: "redis".into(), http: None, ..http("queue", "api", "channel = 'c'") });
    app.triggers.push(http("again", "web", "route = 'api/'"));
    app.triggers.push(static_trigger("health", "/.well-known/spin/health"));
    app.triggers.push(http("twice", "web", "route = '/:a/:a'"));
    app.triggers.push(http("stranger", "who", "route = '/s'"));
    let cgi = app.triggers.iter_mut().find(|trigger| trigger.id == "cgi-trigger").unwrap();
    *cgi = http("cgi-trigger", "cgi", "route = '/cgi'\nexecutor = { type = 'wagi' }");
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("old.wasm", MODULE);
    write("cut.wasm", b"\0asm\x01\0\0\0\x0a\x05");
    std::fs::remove_file(dir.path().join("gone.wasm")).unwrap();
    write("spin.wasm", &exporting(&["fermyon:spin/inbound-http", "wasi:http/handler@0.3.0", "a:b/c"]));
    write("nothing.wasm", &exporting(&[]));
    let [api, web, .., far] = app.components.as_mut_slice() else { panic!("many components") };
    api.dependencies = vec!["auth".into()];
    api.sqlite_databases = vec!["default".into()];
    api.ai_models = vec!["llama".into()];
    web.allowed_outbound_hosts =
        Some(["https://h/path", "redis://{{ token }}", "https://{{ must }}", "http://h"].map(String::from).into());
    web.allowed_http_hosts = vec!["ftp://h".into()];
    web.variables = [("a".into(), "{{ must }}".into())].into();
    far.source = Source::Registry { registry: None, package: "ns:far".into(), version: "1.2.3".into() };

    let said = said(&findings(&app, &given(&[("token", "S3CRET:x"), ("misspelt", "S3CRET")])));
    assert!(!said.contains("S3CRET"));
    insta::assert_snapshot!(said, @r#"
    L15 spin.toml: application.name: `my shop` cannot be the name of a package
       choose a `name` of ASCII letters, digits, `-` and `_`, with a letter or digit first
    L15 spin.toml: application.version: `1.0` is no semantic version (unexpected end of input while parsing minor version number), and a package needs one
       set `version` in the manifest to a semantic version such as "1.0.0"
    L13 spin.toml: variables: the application has no variable `misspelt`
       declare `misspelt` under `variables` in the manifest, or leave out `--variable misspelt=…`
    L12 spin.toml: variables.must: variable `must` is required and has no value
       pass `--variable must=VALUE`, or give it a `default`
    L3 spin.toml: trigger.http.again.route: route `/api` is that of trigger `api-trigger` already
       give each trigger a route of its own
    L4 spin.toml: trigger.http.health.route: route `/.well-known/spin/health` lies below `/.well-known/spin/`, where Spin itself answers
       choose another path
    L2 spin.toml: trigger.http.twice.route: route `/:a/:a` has the name `:a` twice
       write a path, with parts like `/:name` or `/...` at its end if need be
    -- spin.toml: trigger.http.stranger: trigger `stranger` runs component `who`, which the manifest does not define
       define component `who`, or correct its name in the trigger
    L14 spin.toml: component.web.allowed_outbound_hosts: component `web`: `https://h/path` is no host to allow: it has a path, or its range of addresses is none
       write it like `https://example.com:8443`; `*` stands for any scheme, host or port
    L14 spin.toml: component.web.allowed_outbound_hosts: component `web`: `redis://{{ token }}` is no host to allow: its port is neither `*`, a number nor a range
       write it like `https://example.com:8443`; `*` stands for any scheme, host or port
    L14 spin.toml: component.web.allowed_http_hosts: component `web`: `ftp://h` is no host to allow: it speaks neither HTTP nor HTTPS
       write it like `https://example.com:8443`; `*` stands for any scheme, host or port
    L1 spin.toml: trigger.http.queue: trigger `queue` is of type redis, which this target does not run
       move it to an application of its own, for another target
    L10 spin.toml: component.api.dependencies: component `api` depends on other components (`auth`), which this target does not offer
       compose them into one component before deploying, or choose another target
    L11 spin.toml: component.api.sqlite_databases: component `api` uses SQLite databases (`default`), which this target does not offer
       remove `sqlite_databases`, or choose another target
    L11 spin.toml: component.api.ai_models: component `api` uses AI models (`llama`), which this target does not offer
       remove `ai_models`, or choose another target
    L6 spin.toml: component.old.source: component `old`: old.wasm is a core module, and the http executor runs components
       rebuild it as a component with an SDK of Spin 2 or newer, or use the wagi executor: `executor = { type = "wagi" }`
    L5 spin.toml: component.cut.source: component `cut`: cut.wasm is cut off
       build the component again, and make sure that `source` names its WebAssembly module
    L5 spin.toml: component.gone.source: component `gone`: there is no file gone.wasm
       build the application first: `spin build`
    L7 spin.toml: component.spin.source: component `spin`: spin.wasm exports none of `wasi:http/incoming-handler@0.2`, so it cannot answer requests; it exports `fermyon:spin/inbound-http`, `wasi:http/handler@0.3.0`
       build it with an SDK that exports one of `wasi:http/incoming-handler@0.2`
    L7 spin.toml: component.nothing.source: component `nothing`: nothing.wasm exports none of `wasi:http/incoming-handler@0.2`, so it cannot answer requests
       build it with an SDK that exports one of `wasi:http/incoming-handler@0.2`
    L8 spin.toml: component.cgi.source: component `cgi`: cgi.wasm exports no `wasi:cli/run@0.2`, which the wagi executor calls
       build it as a command (a program with `main`), or leave out the wagi executor
    L9 spin.toml: component.far.source: component `far` comes from a component registry (ns:far@1.2.3), which is not asked
       download it and name it as `source`, by its path or by `url` and `digest`
    "#);
}

#[test]
fn all_warnings() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api", "cgi", "unused"]);
    app.triggers.pop();
    app.triggers[1] = http("cgi-trigger", "cgi", "route = '/cgi'\nexecutor = { type = 'wagi' }");
    let module = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "f" (func)) (import "sqlite" "f" (func)) (import "env" "f" (func)))"#,
    );
    std::fs::write(dir.path().join("cgi.wasm"), module.unwrap()).unwrap();
    let component = wat::parse_str(
        r#"(component
            (import "wasi:http/types@0.2.3" (instance $i))
            (import "wasi:http/types@0.2.0-rc-2023-11-10" (instance))
            (import "fermyon:spin/llm@2.0.0" (instance))
            (export "wasi:http/incoming-handler@0.2.9" (instance $i)))"#,
    );
    std::fs::write(dir.path().join("api.wasm"), component.unwrap()).unwrap();
    insta::assert_snapshot!(said(&findings(&app, &Options::default())), @r#"
    warning: component `unused` is left out: nothing runs it
    warning: component `api`: api.wasm imports `fermyon:spin/llm@2.0.0`, `wasi:http/types@0.2.0-rc-2023-11-10`, which this target does not offer; a call to them will trap
    warning: component `cgi`: cgi.wasm imports from `env`, `sqlite`, which this target does not offer; it will not start
    "#);
}

#[test]
fn an_application_without_http_triggers_is_refused() {
    insta::assert_snapshot!(said(&findings(&application(), &Options::default())), @r#"
    L1 spin.toml: trigger: the application has no http trigger, so nothing of it would ever answer
       add an http trigger
    "#);
}

#[test]
fn nothing_to_say_of_an_application_that_fits() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api", "cgi", "command"]);
    for (index, id) in [(1, "cgi"), (2, "command")] {
        app.triggers[index] =
            http(&format!("{id}-trigger"), id, &format!("route = '/{id}'\nexecutor = {{ type = 'wagi' }}"));
    }
    std::fs::write(dir.path().join("cgi.wasm"), MODULE).unwrap();
    std::fs::write(dir.path().join("command.wasm"), exporting(&["wasi:cli/run@0.2.3"])).unwrap();
    app.version = None;
    assert_eq!(findings(&app, &Options::default()), Findings::default());
    let package = package(&app);
    assert!(package.id.to_string().starts_with("shop/0.0.0+s"), "{}", package.id);
    assert!(package.derived);
}

#[test]
fn what_is_refused_cannot_be_assembled() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api"]);
    app.variables = [variable("must", None, false)].into();
    let error = assemble(&app, &Options::default(), &Downloads::new()).unwrap_err();
    assert_eq!(error.to_string(), "the application cannot be packaged: variable `must` is required and has no value");
}

#[test]
fn versions_of_interfaces() {
    for (entry, name, expected) in [
        ("wasi:http/types@0.2", "wasi:http/types@0.2.0", true),
        ("wasi:http/types@0.2", "wasi:http/types@0.2.12", true),
        ("wasi:http/types@0.2", "wasi:http/types@0.3.0", false),
        ("wasi:http/types@0.2", "wasi:http/types@0.2.0-rc-2023-11-10", false),
        ("wasi:http/types@0.2", "wasi:http/types", false),
        ("wasi:http/types@0.2", "wasi:http/outgoing-handler@0.2.0", false),
        ("wasi:http/types@0.2.0-rc-2023-11-10", "wasi:http/types@0.2.0-rc-2023-11-10", true),
        ("wasi:http/types@0.2.0-rc-2023-11-10", "wasi:http/types@0.2.0-rc-2023-12-05", false),
        ("wasi:http/types@0.2.0-rc-2023-11-10", "wasi:http/types@0.2.0", false),
        ("fermyon:spin/llm@2.0.0", "fermyon:spin/llm@2.1.0", true),
        ("fermyon:spin/llm@2.0.0", "fermyon:spin/llm@3.0.0", false),
        ("fermyon:spin/config", "fermyon:spin/config", true),
        ("fermyon:spin/config", "fermyon:spin/config@1.0.0", false),
    ] {
        let support = Support { interfaces: vec![entry.into()], ..Support::default() };
        assert_eq!(support.supports(name), expected, "{entry} {name}");
    }
}

#[test]
fn components_that_others_may_call_are_packaged_with_what_these_call() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["last", "middle", "front", "idle", "inner"]);
    app.triggers.retain(|trigger| trigger.id == "front-trigger");
    app.triggers.push(http("inner-trigger", "inner", "route = { private = true }"));
    let hosts = |hosts: &str| Some(vec![hosts.to_owned()]);
    app.components[1].allowed_outbound_hosts = hosts("http://last.spin.internal");
    app.components[2].allowed_outbound_hosts = hosts("http://middle.spin.internal");
    app.components[3].allowed_outbound_hosts = hosts("http://*.spin.internal");
    let document = document(&package(&app));
    let ids: Vec<_> = document.components.iter().map(|component| component.id.as_str()).collect();
    assert_eq!(ids, ["last", "middle", "front", "inner"]);
    let findings = findings(&app, &Options::default());
    assert_eq!(findings.warnings, ["component `idle` is left out: nothing runs it"]);
}

#[test]
fn hosts_of_format_1() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["web"]);
    app.format = ManifestFormat::V1;
    app.components[0].allowed_http_hosts = vec!["h".into(), "h".into()];
    let hosts = |app: &Application| document(&package(app)).components[0].allowed_outbound_hosts.clone();
    assert_eq!(hosts(&app), ["redis://*:*", "mysql://*:*", "postgres://*:*", "http://h", "https://h"]);
    app.components[0].allowed_outbound_hosts = Some(Vec::new());
    assert_eq!(hosts(&app), ["http://h", "https://h"]);
}

#[test]
fn sources_given_by_url() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["api"]);
    let path = dir.path().join("api.wasm");
    let sha256 = crate::package::digest::Digest::of(&std::fs::read(&path).unwrap()).sha256;
    let url = "https://example.com/dir/api.wasm?key=S3CRET".into();
    app.components[0].source = Source::Url { url, sha256: sha256.clone() };
    let error = assemble(&app, &Options::default(), &Downloads::new()).unwrap_err();
    assert_eq!(error.to_string(), "the source dir/api.wasm has not been downloaded");
    let downloads: Downloads = [(sha256, path.clone())].into();
    let package = assemble(&app, &Options::default(), &downloads).unwrap();
    assert_eq!(document(&package).components[0].wasm.path, "api.wasm");
    std::fs::write(&path, "something else").unwrap();
    let error = assemble(&app, &Options::default(), &downloads).unwrap_err();
    assert!(error.to_string().ends_with("changed while it was being deployed"), "{error}");
}

#[test]
fn documents_that_cannot_be_followed() {
    let dir = tempfile::tempdir().unwrap();
    let mut app = with_components(dir.path(), &["web"]);
    app.components[0].files = files(dir.path(), &[("a.txt", "a")]);
    let package = package(&app);
    let good: serde_json::Value = serde_json::from_str(text(&package)).unwrap();
    type Change = fn(&mut serde_json::Value);
    let table: [(Change, &str); 9] = [
        (|it| it["format"] = 2.into(), "the package is of format 2, and this version of spin-deploy reads format 1"),
        (|it| it["new"] = 1.into(), "the package's document cannot be read: unknown field `new`"),
        (|it| it["components"][0]["new"] = 1.into(), "the package's document cannot be read: unknown field `new`"),
        (|it| it["name"] = 1.into(), "the package's document cannot be read: invalid type"),
        (
            |it| it["triggers"][0]["component"] = "who".into(),
            "the package's document contradicts itself: trigger `web-trigger` runs component `who`, which is not there",
        ),
        (
            |it| drop(it["triggers"][0].as_object_mut().unwrap().remove("component")),
            "the package's document contradicts itself: trigger `web-trigger` does not have exactly one of component \
             and response",
        ),
        (
            |it| it["components"][0]["files"][0]["path"] = "../x".into(),
            "the package's document contradicts itself: `../x` is no file of a package",
        ),
        (
            |it| it["components"][0]["files"][0]["path"] = "/etc/x".into(),
            "the package's document contradicts itself: `/etc/x` is no file of a package",
        ),
        (
            |it| it["components"][0]["wasm"]["sha256"] = "../x".into(),
            "the package's document contradicts itself: `web.wasm` is no file of a package",
        ),
    ];
    for (change, expected) in table {
        let mut changed = good.clone();
        change(&mut changed);
        let error = Document::parse(changed.to_string().as_bytes()).unwrap_err();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let whole = format!("{error}{cause}");
        assert!(whole.starts_with(expected), "{whole}");
    }
    assert!(Document::parse(b"").is_err());
    Document::parse(good.to_string().as_bytes()).unwrap();
}

// ---- properties ----

/// What an application is made from; every part of it is part of the package.
#[derive(Debug, Clone)]
struct Seed {
    route: String,
    base: String,
    description: Option<String>,
    files: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    hosts: Vec<String>,
    wagi: bool,
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-z]{1,4}", "[a-z ]{0,6}", 0..3)
}

fn seeds() -> impl Strategy<Value = Seed> {
    let hosts = proptest::collection::vec("https://[a-z]{1,3}", 0..3);
    let option = proptest::option::of("[a-z]{1,5}");
    ("/[a-z]{1,3}", "/[a-z]{0,3}", option, texts(), texts(), texts(), hosts, any::<bool>()).prop_map(
        |(route, base, description, files, environment, variables, hosts, wagi)| Seed {
            route,
            base,
            description,
            files,
            environment,
            variables,
            hosts,
            wagi,
        },
    )
}

impl Seed {
    fn package(&self) -> Package {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("web.wasm"), MODULE).unwrap();
        let mut web = component("web", dir.path());
        web.description.clone_from(&self.description);
        web.environment.clone_from(&self.environment);
        web.variables.clone_from(&self.variables);
        web.allowed_outbound_hosts = Some(self.hosts.clone());
        web.files = self.files.iter().map(|(guest, content)| self.file(dir.path(), guest, content)).collect();
        web.at = place("elsewhere");
        let mut app = application();
        app.components.push(web);
        let executor = if self.wagi { "executor = { type = 'wagi' }" } else { "" };
        app.triggers.push(http("web", "web", &format!("route = {:?}\n{executor}", self.route)));
        app.trigger_settings.insert("http".into(), toml::from_str(&format!("base = {:?}", self.base)).unwrap());
        package(&app)
    }

    fn file(&self, dir: &Path, guest: &str, content: &str) -> MountedFile {
        let path = dir.join(format!("{guest}.content"));
        std::fs::write(&path, content).unwrap();
        MountedFile { guest: guest.into(), path }
    }

    /// Another seed than this one, different in one part.
    fn changed(&self, part: usize) -> Seed {
        let mut seed = self.clone();
        let change = |map: &mut BTreeMap<String, String>| match map.first_entry() {
            Some(mut entry) => entry.get_mut().push('x'),
            None => drop(map.insert("x".into(), String::new())),
        };
        match part {
            0 => seed.route.push('x'),
            1 => seed.base.push('x'),
            2 => seed.description = Some(seed.description.unwrap_or_default() + "x"),
            3 => change(&mut seed.files),
            4 => match seed.files.pop_first() {
                Some((guest, content)) => drop(seed.files.insert(format!("x-{guest}"), content)),
                None => drop(seed.files.insert("x".into(), String::new())),
            },
            5 => change(&mut seed.environment),
            6 => change(&mut seed.variables),
            7 => seed.hosts.push("https://another.example".into()),
            _ => seed.wagi = !seed.wagi,
        }
        seed
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn equal_input_gives_an_equal_package_wherever_it_lies(seed in seeds()) {
        let (one, other) = (seed.package(), seed.package());
        prop_assert_eq!(&one.id, &other.id);
        prop_assert_eq!(text(&one), text(&other));
        prop_assert_eq!(&document(&one).version, &one.id.version.to_string());
    }

    #[test]
    fn every_change_makes_another_build(seed in seeds(), part in 0..9_usize) {
        let (one, other) = (seed.package(), seed.changed(part).package());
        prop_assert_ne!(&one.id, &other.id);
        prop_assert_ne!(&one.blobs[0].sha256, &other.blobs[0].sha256);
    }
}

#[test]
fn a_version_that_the_user_chose_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let app = with_components(dir.path(), &["web"]);
    let options = Options { build_info: BuildInfo::Given("ci.7".into()), ..Options::default() };
    let package = package_with(&app, &options);
    assert_eq!((package.id.to_string().as_str(), package.derived), ("shop/1.4.0+ci.7", false));
    assert_eq!(document(&package).version, "1.4.0+ci.7");
}
