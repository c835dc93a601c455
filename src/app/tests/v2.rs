use super::super::{Executor, HttpRoute, HttpTrigger, Source, StaticResponse};
use super::Fixture;

const FULL: &str = r#"spin_manifest_version = 2

[application]
name = "shop"
version = ""
description = "Sells things"
authors = ["A", "B"]
targets = ["spin-up:3.3", { path = "x" }]
[application.trigger.http]
base = "/shop"
[application.trigger.redis]
address = "redis://x"
[application.tool.spin-deploy]
anything = { goes = true }

[variables]
token = { required = true, secret = true, description = "a token" }
host = { default = "example.com" }

[[trigger.http]]
route = "/..."
component = "web"

[[trigger.redis]]
channel = "c"
component = "api-v2"

[[trigger.http]]
id = "my http"
route = { private = true }
executor = { type = "wagi" }
component = "api-v2"

[[trigger.http]]
route = "/static"
static_response = { status_code = 404, headers = { a = "b" }, body = "no" }

[component.web]
source = { package = "a:b", version = "1.2.3", registry = "r.example" }

[component.api-v2]
source = "/absolute/../a.wasm"
description = ""
variables = { url = "https://{{ host }}/" }
environment = { A = "{{ not a template }}" }
files = []
allowed_outbound_hosts = ["https://{{host}}"]
key_value_stores = ["default", "a-b"]
sqlite_databases = ["a_b"]
ai_models = ["Any model"]
targets = ["x"]
tool.x.y = 1
dependencies_inherit_configuration = true
build = { command = ["a", "b"], workdir = "x", watch = [] }
[component.api-v2.dependencies]
"a:b/c@1.0.0" = ">= 1"
"a:d" = { version = "1", registry = "r" }
plain = { version = "1", package = "x:y" }
"e:f" = { path = "x.wasm" }
"e:g/h" = { url = "https://x", digest = "sha256:00", export = "x" }
"e:h" = { component = "web" }
[component.api-v2.profile.debug]
source = "debug.wasm"
environment = { A = "debug" }
dependencies = { "only:debug" = "1" }
build = { command = "make debug" }
"#;

/// The full manifest with a source that exists.
fn full(fixture: &Fixture) -> String {
    let path = fixture.root().join("a.wasm");
    FULL.replace("/absolute/../a.wasm", path.to_str().unwrap())
}

#[test]
fn everything() {
    let fixture = Fixture::new().file("a.wasm");
    let app = fixture.app(&full(&fixture));
    assert_eq!((app.name.as_str(), app.version.as_deref()), ("shop", None));
    assert_eq!(app.description.as_deref(), Some("Sells things"));
    assert_eq!(app.authors, ["A", "B"]);
    assert_eq!(app.trigger_settings["http"]["base"].as_str(), Some("/shop"));
    assert_eq!(app.trigger_settings["redis"]["address"].as_str(), Some("redis://x"));
    assert_eq!(app.variables["token"].description.as_deref(), Some("a token"));

    let ids: Vec<_> = app.components.iter().map(|component| component.id.as_str()).collect();
    assert_eq!(ids, ["web", "api-v2"], "the manifest's order");
    let package = Source::Registry {
        registry: Some("r.example".to_owned()),
        package: "a:b".to_owned(),
        version: "1.2.3".to_owned(),
    };
    assert_eq!(app.components[0].source, package);
    let api = &app.components[1];
    assert_eq!(api.description, None);
    assert_eq!(api.variables["url"], "https://{{ host }}/");
    assert!(api.has_files && api.files.is_empty());
    assert_eq!(api.allowed_outbound_hosts, Some(vec!["https://{{host}}".to_owned()]));
    assert_eq!(api.dependencies, ["a:b/c@1.0.0", "a:d", "e:f", "e:g/h", "e:h", "only:debug", "plain"]);
    assert_eq!((api.at.line, api.at.key.as_str()), (41, "component.api-v2"));

    let triggers: Vec<_> = app
        .triggers
        .iter()
        .map(|trigger| (trigger.at.line, trigger.id.as_str(), trigger.kind.as_str(), trigger.component.as_deref()))
        .collect();
    assert_eq!(
        triggers,
        [
            (20, "web-http-trigger", "http", Some("web")),
            (24, "api-v2-redis-trigger", "redis", Some("api-v2")),
            (28, "my http", "http", Some("api-v2")),
            (34, "http-trigger1", "http", None),
        ]
    );
    let http: Vec<_> = app.triggers.iter().map(|trigger| trigger.http.clone()).collect();
    let path = |path: &str| HttpRoute::Path(path.to_owned());
    let wagi = Executor::Wagi { argv: None, entrypoint: None };
    let headers = [("a".to_owned(), "b".to_owned())].into();
    let not_there = StaticResponse { status: 404, headers, body: "no".to_owned() };
    assert_eq!(
        http,
        [
            Some(HttpTrigger { route: path("/..."), executor: Executor::Http, static_response: None }),
            None,
            Some(HttpTrigger { route: HttpRoute::Private, executor: wagi, static_response: None }),
            Some(HttpTrigger { route: path("/static"), executor: Executor::Http, static_response: Some(not_there) }),
        ]
    );
    assert_eq!(app.triggers[1].config["channel"].as_str(), Some("c"));
    assert!(app.triggers[1].config.get("component").is_none());
}

#[test]
fn inline_components_and_trigger_ids_get_the_names_that_spin_gives() {
    let manifest = r#"spin_manifest_version = 2
        application = { name = "x" }
        [[trigger.http]]
        route = "/1"
        component = { source = "a.wasm" }
        [[trigger.http]]
        id = "http-trigger2"
        route = "/2"
        component = { source = "a.wasm", description = "two" }
        [[trigger.http]]
        id = "not a kebab id"
        route = "/3"
        component = { source = "a.wasm" }
        [[trigger.http]]
        route = "/4"
        component = "plain"
        [[trigger.http]]
        route = "/5"
        component = "plain"
        [[trigger.http]]
        route = "/6"
        component = { source = "a.wasm" }
        [[trigger.timer]]
        component = { source = "a.wasm" }
        components = { one = "plain", many = ["plain", { source = "a.wasm" }] }
        [component.plain]
        source = "a.wasm"
        [component.http-trigger2-component]
        source = "a.wasm"
    "#;
    let app = Fixture::new().file("a.wasm").app(manifest);
    let triggers: Vec<_> =
        app.triggers.iter().map(|trigger| (trigger.id.as_str(), trigger.component.as_deref().unwrap())).collect();
    assert_eq!(
        triggers,
        [
            ("http-trigger1", "http-trigger1-component"),
            ("http-trigger2", "inline-component1"),
            ("not a kebab id", "inline-component2"),
            ("plain-http-trigger", "plain"),
            ("http-trigger3", "plain"),
            ("http-trigger4", "http-trigger4-component"),
            ("timer-trigger1", "inline-component3"),
        ]
    );
    let components: Vec<_> = app.components.iter().map(|component| component.id.as_str()).collect();
    assert_eq!(
        components,
        [
            "plain",
            "http-trigger2-component",
            "http-trigger1-component",
            "inline-component1",
            "inline-component2",
            "http-trigger4-component",
            "inline-component3",
            "inline-component4",
        ]
    );
    assert_eq!(app.components[3].description.as_deref(), Some("two"));
    let others = app.triggers[6].config["components"].as_table().unwrap();
    assert_eq!(others["one"].as_array().unwrap()[0].as_str(), Some("plain"));
    assert_eq!(others["many"].as_array().unwrap()[1].as_str(), Some("inline-component4"));
}

/// A manifest with one component and one trigger, followed by `more`.
fn with(more: &str) -> String {
    format!(
        "spin_manifest_version = 2\n[application]\nname = \"x\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\n\
         [component.a]\nsource = \"a.wasm\"\n{more}\n"
    )
}

#[track_caller]
fn problems(more: &str) -> String {
    Fixture::new().file("a.wasm").problems(&with(more))
}

#[test]
fn all_problems_at_once() {
    let manifest = r#"spin_manifest_version = 2
extra = 1
[application]
nmae = "x"
authors = "me"
[application.trigger.http]
base = 1
[variables]
Api-Key = { required = true }
none = {}
both = { required = true, default = "x" }
number = { default = 1 }
[trigger]
[[trigger.http]]
rout = "/"
component = "appi"
[[trigger.http]]
route = { private = false }
executor = { type = "wasi" }
[[trigger.http]]
route = "/x"
component = "api"
static_response = {}
components = {}
[component.api]
source = "target/api.wasm"
variables = { url = "{{ hots }}", b = "{{" }
files = ["nope.txt", 1]
exclude_files = ["a[", "***"]
key_value_stores = ["b@d"]
[component.bad_id]
sauce = "x"
[component."very bad"]
source = { url = "ftp://x", digest = "md5:00" }
dependencies_inherit_configuration = false
dependencies = { "api" = "1", "a:b" = { path = "x", export = "y", inherit_configuration = true }, "Bad!" = {}, "c:d" = { component = "gone" } }
profile.p = { files = [] }
build = { comand = "x" }
"#;
    insta::assert_snapshot!(Fixture::new().problems(manifest), @r#"
    spin.toml:2: extra: `extra` is unknown, or newer than this version of spin-deploy understands
    spin.toml:3: application: `name` is missing
    spin.toml:4: application.nmae: `nmae` is unknown, or newer than this version of spin-deploy understands
      hint: did you mean `name`?
    spin.toml:5: application.authors: expected an array, found a string
    spin.toml:7: application.trigger.http.base: expected a string, found an integer
    spin.toml:9: variables.Api-Key: `Api-Key` is not a valid variable name
      hint: use lower-case words joined by `_`; each begins with a letter and goes on with letters and digits
    spin.toml:10: variables.none: a variable is either `required` or has a `default`; this one has neither
      hint: add `required = true`, or a `default`
    spin.toml:11: variables.both.default: a variable that is `required` has no `default`
    spin.toml:12: variables.number.default: expected a string, found an integer
    spin.toml:14: trigger.http[0]: `route` is missing
    spin.toml:15: trigger.http[0].rout: `rout` is unknown, or newer than this version of spin-deploy understands
      hint: did you mean `route`?
    spin.toml:16: trigger.http[0].component: the application has no component `appi`
      hint: did you mean `api`?
    spin.toml:17: trigger.http[1]: an http trigger needs a `component` (or a `static_response`)
    spin.toml:18: trigger.http[1].route: a route that is not private is a path
      hint: write `route = "/..."`
    spin.toml:19: trigger.http[1].executor.type: executor `wasi` is unknown, or newer than this version of spin-deploy understands
      hint: known are `http` (of old `spin`) and `wagi`
    spin.toml:23: trigger.http[2].static_response: an http trigger has a `component` or a `static_response`, not both
    spin.toml:24: trigger.http[2].components: an http trigger runs one `component`; it takes no `components`
    spin.toml:26: component.api.source: component `api`: target/api.wasm does not exist
      hint: run `spin build` first
    spin.toml:27: component.api.variables.b: a `{{` has no `}}`
      hint: templates take application variables only: `{{ name }}`
    spin.toml:27: component.api.variables.url: the application has no variable `hots`
      hint: templates take application variables only: `{{ name }}`
    spin.toml:28: component.api.files[0]: `nope.txt` does not exist
      hint: if the build makes it, run `spin build` first
    spin.toml:28: component.api.files[1]: expected a pattern, or `{ source = …, destination = … }`, found an integer
    spin.toml:29: component.api.exclude_files[0]: not a valid pattern: invalid range pattern (at character 2)
    spin.toml:29: component.api.exclude_files[1]: not a valid pattern: wildcards are either regular `*` or recursive `**` (at character 3)
    spin.toml:30: component.api.key_value_stores[0]: `b@d` is not a valid label
      hint: use words joined by `-` or by `_`; each begins with a letter
    spin.toml:31: component.bad_id: `bad_id` is not a valid component id
      hint: write `bad-id`
    spin.toml:31: component.bad_id: component `bad_id` has no `source`
    spin.toml:32: component.bad_id.sauce: `sauce` is unknown, or newer than this version of spin-deploy understands
    spin.toml:33: component."very bad": `very bad` is not a valid component id
      hint: use words joined by `-`; each begins with a letter and is all lower case
    spin.toml:34: component."very bad".source.digest: expected `sha256:` followed by 64 hexadecimal digits
    spin.toml:34: component."very bad".source.url: not a URL that begins with `https://` or `http://`
    spin.toml:36: component."very bad".dependencies."Bad!": `Bad!` is not a valid dependency name
      hint: it is a kebab-case name, or `namespace:package`, with `/interface` and `@version` where needed
    spin.toml:36: component."very bad".dependencies."Bad!": dependency `Bad!` does not say what provides it
      hint: give a `version`, a `path`, a `url` with its `digest`, or a `component`
    spin.toml:36: component."very bad".dependencies."a:b".export: `a:b` is a whole package, which takes no `export`
    spin.toml:36: component."very bad".dependencies."a:b".inherit_configuration: `inherit_configuration` cannot stand beside `dependencies_inherit_configuration`
    spin.toml:36: component."very bad".dependencies.api: dependency `api` must name its `package`
    spin.toml:37: component."very bad".profile.p.files: `files` is unknown, or newer than this version of spin-deploy understands
    spin.toml:38: component."very bad".build: `command` is missing
    spin.toml:38: component."very bad".build.comand: `comand` is unknown, or newer than this version of spin-deploy understands
      hint: did you mean `command`?
    "#);
}

#[test]
fn shapes() {
    insta::assert_snapshot!(problems("[trigger.redis]\nx = 1"), @r#"
    spin.toml:9: trigger.redis: expected an array of tables, found a table
      hint: write `[[trigger.redis]]`
    "#);
    insta::assert_snapshot!(problems("[[trigger.http]]\nroute = \"/b\""), @"spin.toml:9: trigger.http[1]: an http trigger needs a `component` (or a `static_response`)");
    insta::assert_snapshot!(problems("[[trigger.http]]\nroute = \"/b\"\ncomponent = 1"), @"spin.toml:11: trigger.http[1].component: expected a component's id, or a component as a table, found an integer");
    insta::assert_snapshot!(problems("[[trigger.http]]\nroute = \"/b\"\ncomponent = \"a\"\n[[trigger.http.dependencies.middleware]]\ncomponent = \"a\""), @"spin.toml:12: trigger.http[1].dependencies: `dependencies` is unknown, or newer than this version of spin-deploy understands");
    insta::assert_snapshot!(problems("[component.b]\nsource = \"b.wasm\"\ntool = 1"), @r#"
    spin.toml:10: component.b.source: component `b`: b.wasm does not exist
      hint: run `spin build` first
    spin.toml:11: component.b.tool: expected a table, found an integer
    "#);
    insta::assert_snapshot!(problems("[component.b]\nsource = { package = \"b\", version = \"1\" }"), @r#"
    spin.toml:10: component.b.source.package: `b` is not a package name of the form `namespace:name`
    spin.toml:10: component.b.source.version: `1` is not an exact version
      hint: write it like `1.2.3`
    "#);
    insta::assert_snapshot!(problems("[component.b]\nsource = {}"), @r#"
    spin.toml:10: component.b.source: a source is a path, `{ url, digest }`, or `{ package, version }`
      hint: write `source = "target/app.wasm"`
    "#);
    insta::assert_snapshot!(problems("[component.b]\nsource = \".\""), @"spin.toml:10: component.b.source: component `b`: . is a directory, not a file");
    insta::assert_snapshot!(problems("[component.b]\nsource = \"\""), @"spin.toml:10: component.b.source: the path is empty");
}

#[test]
fn nothing_to_run() {
    let fixture = Fixture::new();
    let manifest = "spin_manifest_version = 2\napplication = { name = \"x\" }\n";
    insta::assert_snapshot!(fixture.problems(manifest), @"spin.toml: `trigger` is missing");
    insta::assert_snapshot!(fixture.problems(&format!("{manifest}trigger = {{}}")), @r#"
    spin.toml: the application has no trigger, so nothing in it would ever run
      hint: add a `[[trigger.http]]` with its `route` and `component`
    "#);
}

#[test]
fn what_static_responses_cannot_be() {
    let manifest = |response: &str| {
        format!(
            "spin_manifest_version = 2\napplication = {{ name = \"x\" }}\n\
             [[trigger.http]]\nroute = \"/\"\n[trigger.http.static_response]\n{response}"
        )
    };
    let app = Fixture::new().app(&manifest(""));
    let empty = StaticResponse { status: 200, headers: Default::default(), body: String::new() };
    assert_eq!(app.triggers[0].http.as_ref().unwrap().static_response, Some(empty));
    let wrong = r#"
        status_code = 99
        body = 1
        status = 200
        [trigger.http.static_response.headers]
        "a b" = "x"
        c = "\u0000"
        D = "1"
        d = "2"
        e = 3
    "#;
    insta::assert_snapshot!(Fixture::new().problems(&manifest(wrong.trim_start())), @r#"
    spin.toml:6: trigger.http[0].static_response.status_code: the status of an answer is a number from 200 to 599
    spin.toml:7: trigger.http[0].static_response.body: expected a string, found an integer
    spin.toml:8: trigger.http[0].static_response.status: `status` is unknown, or newer than this version of spin-deploy understands
      hint: did you mean `status_code`?
    spin.toml:10: trigger.http[0].static_response.headers."a b": "a b" is not the name of a header
    spin.toml:11: trigger.http[0].static_response.headers.c: the value holds characters that no header may hold
    spin.toml:13: trigger.http[0].static_response.headers.d: this header is there already: upper and lower case mean the same
    spin.toml:14: trigger.http[0].static_response.headers.e: expected a string, found an integer
    "#);
}
