//! The JSON schema of configuration files, made from the table of keys.

use serde_json::{Map, Value, json};

use super::read::DRIVER;
use crate::settings::env::Environment;
use crate::settings::key::{Kept, Kind};
use crate::settings::{Key, SettingsError};
use crate::targets::DRIVERS;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/spin-deploy.schema.json");

fn schema() -> Value {
    let mut top = properties(&[Kept::AtTop, Kept::AtUsersTop]);
    let mut target = properties(&[Kept::InTables, Kept::InUsersTables]);
    let kinds: Vec<&str> = DRIVERS.iter().map(|driver| driver.kind).collect();
    let about = "the target's driver; may be left out where the table's name is a driver's";
    target.insert(DRIVER.to_owned(), json!({ "description": about, "enum": kinds }));
    top.insert(
        "target".to_owned(),
        json!({
            "description": "the targets, a table each",
            "type": "object",
            "additionalProperties": { "type": "object", "properties": target, "additionalProperties": false },
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "spin-deploy.toml and the user's config.toml",
        "type": "object",
        "properties": top,
        "additionalProperties": false,
    })
}

/// The keys that stand in such places.
fn properties(places: &[Kept]) -> Map<String, Value> {
    let here = Key::ALL.iter().filter(|key| places.contains(&key.kept()));
    here.filter_map(|key| Some((key.in_files()?.to_owned(), property(*key)))).collect()
}

fn property(key: Key) -> Value {
    let mut property = match key.kind() {
        Kind::Text | Kind::Path => json!({ "type": "string", "minLength": 1 }),
        Kind::Url => json!({ "type": "string", "pattern": "^https?://" }),
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Number => json!({ "type": ["integer", "string"], "minLength": 1 }),
    };
    let driver = key.target().map(|driver| format!(" (driver {driver})")).unwrap_or_default();
    let user = match key.kept() {
        Kept::AtUsersTop | Kept::InUsersTables => "; in the user's own file only",
        Kept::InTables | Kept::AtTop | Kept::Never => "",
    };
    property["description"] = json!(format!("{}{driver}{user}", key.purpose()));
    if let Some(default) = key.default() {
        property["default"] = if key.kind() == Kind::Switch { json!(default == "true") } else { json!(default) };
    }
    property
}

/// `UPDATE_SCHEMA=1 cargo test schema` writes it anew.
#[test]
fn the_schema_that_is_checked_in_is_that_of_the_keys() {
    let text = format!("{:#}\n", schema());
    if Environment::of_process().named("UPDATE_SCHEMA").is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    let checked_in = std::fs::read_to_string(FILE).unwrap();
    assert!(checked_in == text, "docs/spin-deploy.schema.json is old: run `UPDATE_SCHEMA=1 cargo test schema`");
    assert!(!text.contains("password\"") && !text.contains("token\""), "secrets must not lie in files");
}

/// What the schema lets through, the reader does, and the reverse.
#[test]
fn the_reader_takes_what_the_schema_has() {
    let schema = schema();
    let keys = schema["properties"]["target"]["additionalProperties"]["properties"].as_object().unwrap();
    for driver in DRIVERS {
        for (name, property) in keys.iter().filter(|(name, _)| *name != DRIVER) {
            let value = match (&property["type"], property.get("pattern")) {
                (Value::String(kind), _) if kind == "boolean" => "true",
                (_, Some(_)) => "\"https://example.com\"",
                _ => "\"x\"",
            };
            let text = format!("[target.{}]\n{name} = {value}\n", driver.kind);
            let key = Key::ALL.iter().find(|key| key.name() == name).unwrap();
            let fits = key.target().is_none_or(|target| target == driver.kind);
            let read = super::read::parse("x".as_ref(), super::Whose::User, None, &text);
            assert_eq!(read.is_ok(), fits, "{text}");
            assert!(fits || matches!(read, Err(SettingsError::UnusableFile { .. })));
        }
    }
}
