//! Applications for tests, made by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::app::{
    Application, Component, Executor, HttpRoute, HttpTrigger, ManifestFormat, MountedFile, Place, Source,
    StaticResponse, Trigger, Variable,
};

/// The smallest core module.
pub(super) const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// An application with a name and a version, and nothing else.
pub(super) fn application() -> Application {
    Application {
        manifest: PathBuf::from("spin.toml"),
        root: PathBuf::from("."),
        format: ManifestFormat::V2,
        name: "shop".into(),
        version: Some("1.4.0".into()),
        description: None,
        authors: Vec::new(),
        variables: BTreeMap::new(),
        trigger_settings: BTreeMap::new(),
        triggers: Vec::new(),
        components: Vec::new(),
        warnings: Vec::new(),
    }
}

pub(super) fn place(key: &str) -> Place {
    Place { file: PathBuf::from("spin.toml"), line: 0, key: key.into() }
}

/// A component whose Wasm is the file `<id>.wasm` of a directory.
pub(super) fn component(id: &str, dir: &Path) -> Component {
    let written = format!("{id}.wasm");
    Component {
        id: id.into(),
        description: None,
        source: Source::File { path: dir.join(&written), written },
        variables: BTreeMap::new(),
        environment: BTreeMap::new(),
        has_files: false,
        files: Vec::new(),
        allowed_http_hosts: Vec::new(),
        allowed_outbound_hosts: None,
        key_value_stores: Vec::new(),
        sqlite_databases: Vec::new(),
        ai_models: Vec::new(),
        build: None,
        dependencies: Vec::new(),
        at: place(&format!("component.{id}")),
    }
}

/// An HTTP trigger; `config` is the rest of its table.
pub(super) fn http(id: &str, component: &str, config: &str) -> Trigger {
    let config: toml::Table = toml::from_str(config).unwrap();
    Trigger {
        id: id.into(),
        kind: "http".into(),
        component: Some(component.into()),
        http: Some(http_trigger(&config)),
        config,
        at: place(&format!("trigger.http.{id}")),
    }
}

/// What the loader makes of a valid table.
fn http_trigger(config: &toml::Table) -> HttpTrigger {
    let text = |table: &toml::Table, key: &str| table.get(key).and_then(toml::Value::as_str).map(String::from);
    let executor = match config.get("executor").and_then(toml::Value::as_table) {
        Some(table) if text(table, "type").as_deref() == Some("wagi") => {
            Executor::Wagi { argv: text(table, "argv"), entrypoint: text(table, "entrypoint") }
        }
        _ => Executor::Http,
    };
    HttpTrigger {
        route: text(config, "route").map_or(HttpRoute::Private, HttpRoute::Path),
        executor,
        static_response: config.get("static_response").map(|_| StaticResponse {
            status: 200,
            headers: BTreeMap::new(),
            body: "static".into(),
        }),
    }
}

pub(super) fn variable(name: &str, default: Option<&str>, secret: bool) -> (String, Variable) {
    let at = place(&format!("variables.{name}"));
    let default = default.map(String::from);
    (name.into(), Variable { required: default.is_none(), default, secret, description: Some("what for".into()), at })
}

/// Files of a directory, written there.
pub(super) fn files(dir: &Path, files: &[(&str, &str)]) -> Vec<MountedFile> {
    files
        .iter()
        .map(|(guest, content)| {
            let path = dir.join(guest);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
            MountedFile { guest: (*guest).into(), path }
        })
        .collect()
}

/// An application whose components each have a trigger for `/<id>` and a module in `dir`.
pub(super) fn with_components(dir: &Path, ids: &[&str]) -> Application {
    let mut app = application();
    for id in ids {
        std::fs::write(dir.join(format!("{id}.wasm")), MODULE).unwrap();
        app.components.push(component(id, dir));
        app.triggers.push(http(&format!("{id}-trigger"), id, &format!("route = \"/{id}\"")));
    }
    app
}
