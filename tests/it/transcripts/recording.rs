//! The recorded files as data. Request bodies keep the order of their members, because Hippo's messages count characters.

use std::{fmt, fs, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// JSON whose objects keep their order.
#[derive(Clone, Debug)]
pub enum Ordered {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Ordered>),
    Object(Vec<(String, Ordered)>),
}

impl Ordered {
    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(member, _)| member == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same as a plain value.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.clone(), value.to_value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// As the recording client wrote it: a space after each comma and colon.
    pub fn to_text(&self) -> String {
        match self {
            Self::List(items) => format!("[{}]", items.iter().map(Self::to_text).collect::<Vec<_>>().join(", ")),
            Self::Object(members) => {
                let members =
                    members.iter().map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), value.to_text()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            }
            plain => plain.to_value().to_string(),
        }
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrderedVisitor)
    }
}

struct OrderedVisitor;

impl<'de> Visitor<'de> for OrderedVisitor {
    type Value = Ordered;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Ordered, E> {
        Ok(Ordered::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Ordered, E> {
        Ok(Ordered::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Ordered, E> {
        Ok(Ordered::Number(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Ordered, E> {
        Ok(Ordered::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Ordered, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Ordered::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Ordered, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Ordered::Object(object))
    }
}

/// A recorded conversation.
#[derive(Clone, Debug)]
pub struct Recording {
    pub scenario: String,
    pub settings: Value,
    pub steps: Vec<Step>,
}

/// One step of it.
#[derive(Clone, Debug)]
pub enum Step {
    /// This bindle now is in the Bindle server.
    Bindle(Value),
    /// A neighbour fails from now on.
    Fault(Value),
    /// Words for the reader; some say which token the next request bears.
    Note(String),
    /// What was sent, answered and asked.
    Exchange(Exchange),
}

/// A request, its answer, and what Hippo asked of others meanwhile.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub method: String,
    pub path: String,
    pub headers: Value,
    pub body: Ordered,
    pub response: Value,
    pub asks: Vec<Value>,
}

/// Reads all recordings of a folder, by name.
pub fn read_all(folder: &Path) -> Vec<Recording> {
    let files = fs::read_dir(folder).expect("the recordings are in the repository");
    let mut paths: Vec<_> = files.map(|file| file.expect("a folder can be listed").path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Recording {
    let text = fs::read_to_string(path).expect("recordings are text");
    let file: Ordered = serde_json::from_str(&text).expect("recordings are JSON");
    let Some(Ordered::List(steps)) = file.get("steps") else { panic!("{} has no steps", path.display()) };
    let scenario = file.get("scenario").map(|name| name.to_value().as_str().unwrap_or_default().to_owned());
    Recording {
        scenario: scenario.unwrap_or_default(),
        settings: file.get("hippo").map(Ordered::to_value).unwrap_or_default(),
        steps: steps.iter().map(step).collect(),
    }
}

fn step(step: &Ordered) -> Step {
    let value = |name: &str| step.get(name).map(Ordered::to_value);
    if let Some(bindle) = value("bindle") {
        return Step::Bindle(bindle);
    }
    if let Some(fault) = value("fault") {
        return Step::Fault(fault);
    }
    if let Some(note) = value("note") {
        return Step::Note(note.as_str().unwrap_or_default().to_owned());
    }
    let request = step.get("request").expect("a step is a bindle, a fault, a note or a request");
    let text = |name: &str| request.get(name).map(Ordered::to_value).and_then(|text| text.as_str().map(str::to_owned));
    Step::Exchange(Exchange {
        method: text("method").expect("a request has a method"),
        path: text("path").expect("a request has a path"),
        headers: request.get("headers").map(Ordered::to_value).unwrap_or_default(),
        body: request.get("body").cloned().unwrap_or(Ordered::Null),
        response: value("response").expect("a request has a response"),
        asks: value("asks").and_then(|asks| asks.as_array().cloned()).expect("a request has asks"),
    })
}
