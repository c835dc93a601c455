//! Reads TOML tables key by key, keeping the place of everything, so that each problem names its line and key and one
//! problem does not hide the next.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::app::Place;
use crate::app::problem::Problems;

/// A value, and where it stands.
///
/// Every method that returns `None` has reported why.
#[derive(Clone)]
pub(super) struct Item<'d> {
    problems: &'d Problems,
    value: &'d DeValue<'d>,
    /// Where the key stands; for an array's element, where the element stands.
    pub offset: usize,
    /// The dotted path of keys.
    pub key: String,
}

impl<'d> Item<'d> {
    /// The bare value.
    pub fn value(&self) -> &'d DeValue<'d> {
        self.value
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        self.problems.place(self.offset, &self.key)
    }

    /// Reports that something is wrong with it.
    pub fn problem(&self, message: impl Into<String>) {
        self.problems.add(self.place(), message, None);
    }

    /// Reports that something is wrong with it, and what to do.
    pub fn problem_with_hint(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.add(self.place(), message, Some(hint.into()));
    }

    /// Reports that it should have been something else.
    pub fn unexpected<T>(&self, expected: &str) -> Option<T> {
        let found = self.value.type_str();
        let article = if found.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        self.problem(format!("expected {expected}, found {article} {found}"));
        None
    }

    /// A text.
    pub fn string(&self) -> Option<String> {
        self.value.as_str().map(str::to_owned).or_else(|| self.unexpected("a string"))
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.unexpected("`true` or `false`"))
    }

    /// A whole number.
    pub fn integer(&self) -> Option<i64> {
        let number = self.value.as_integer().or_else(|| self.unexpected("a whole number"))?;
        i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| self.problem("the number is too large")).ok()
    }

    /// The elements of an array.
    pub fn array(&self) -> Option<Vec<Item<'d>>> {
        let Some(array) = self.value.as_array() else { return self.unexpected("an array") };
        let element = |(index, value): (usize, &'d Spanned<DeValue<'d>>)| Item {
            problems: self.problems,
            value: value.get_ref(),
            offset: value.span().start,
            key: format!("{}[{index}]", self.key),
        };
        Some(array.iter().enumerate().map(element).collect())
    }

    /// An array's elements, each one read; those that could not be read are left out.
    pub fn list<T>(&self, read: impl FnMut(Item<'d>) -> Option<T>) -> Option<Vec<T>> {
        Some(self.array()?.into_iter().filter_map(read).collect())
    }

    /// An array of texts.
    pub fn strings(&self) -> Option<Vec<String>> {
        self.list(|item| item.string())
    }

    /// A text or an array of texts.
    pub fn string_or_strings(&self) -> Option<Vec<String>> {
        if self.value.is_array() { self.strings() } else { Some(vec![self.string()?]) }
    }

    /// A table.
    pub fn table(&self) -> Option<Table<'d>> {
        let Some(table) = self.value.as_table() else { return self.unexpected("a table") };
        Some(Table::new(self.problems, table, self.offset, &self.key))
    }

    /// A table of names that are free to choose; values that could not be read are left out.
    pub fn map<T>(&self, mut read: impl FnMut(&'d str, &Item<'d>) -> Option<T>) -> Option<BTreeMap<String, T>> {
        let entries = self.table()?.into_entries();
        Some(entries.into_iter().filter_map(|(name, item)| Some((name.to_owned(), read(name, &item)?))).collect())
    }

    /// A table of texts by names that are free to choose.
    pub fn string_map(&self) -> Option<BTreeMap<String, String>> {
        self.map(|_, item| item.string())
    }

    /// The value as it is, for those who will look into it later.
    fn free(&self) -> Option<toml::Value> {
        let spanned = Spanned::new(self.offset..self.offset, self.value.clone());
        match toml::Value::deserialize(ValueDeserializer::from(spanned)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(error.message());
                None
            }
        }
    }
}

/// A table that is being read. Keys are taken out one by one; [`Table::finish`] reports those that nobody took.
pub(super) struct Table<'d> {
    problems: &'d Problems,
    offset: usize,
    key: String,
    /// In the manifest's order.
    left: Vec<(&'d str, Item<'d>)>,
    /// The keys that were asked for, for advice on misspelt ones.
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// The table that stands at `offset` under `key`.
    pub fn new(problems: &'d Problems, table: &'d DeTable<'d>, offset: usize, key: &str) -> Self {
        let entry = |(name, value): (&'d Spanned<_>, &'d Spanned<DeValue<'d>>)| {
            let name_text: &'d std::borrow::Cow<'d, str> = name.get_ref();
            let item = Item { problems, value: value.get_ref(), offset: name.span().start, key: join(key, name_text) };
            (name_text.as_ref(), item)
        };
        let mut left: Vec<_> = table.iter().map(entry).collect();
        left.sort_by_key(|(_, item)| item.offset);
        Table { problems, offset, key: key.to_owned(), left, known: Vec::new() }
    }

    /// Where it stands; the table of everything stands nowhere in particular.
    pub fn place(&self) -> Place {
        if self.key.is_empty() { self.problems.whole() } else { self.problems.place(self.offset, &self.key) }
    }

    /// Reports that something is wrong with it as a whole.
    pub fn problem(&self, message: impl Into<String>, hint: Option<String>) {
        self.problems.add(self.place(), message, hint);
    }

    /// Takes out a key, if it is there.
    pub fn take(&mut self, key: &'static str) -> Option<Item<'d>> {
        self.known.push(key);
        let index = self.left.iter().position(|(name, _)| *name == key)?;
        Some(self.left.remove(index).1)
    }

    /// Takes out and reads a key, if it is there.
    pub fn optional<T>(&mut self, key: &'static str, read: impl FnOnce(&Item<'d>) -> Option<T>) -> Option<T> {
        read(&self.take(key)?)
    }

    /// Takes out and reads a key; reports when it is missing.
    pub fn required<T>(&mut self, key: &'static str, read: impl FnOnce(&Item<'d>) -> Option<T>) -> Option<T> {
        let Some(item) = self.take(key) else {
            self.problem(format!("`{key}` is missing"), None);
            return None;
        };
        read(&item)
    }

    /// A text where an empty one means the same as none.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.optional(key, Item::string).filter(|text| !text.is_empty())
    }

    /// A list of texts; none means an empty one.
    pub fn strings(&mut self, key: &'static str) -> Vec<String> {
        self.optional(key, Item::strings).unwrap_or_default()
    }

    /// All keys that were not taken, with their values.
    pub fn into_entries(self) -> Vec<(&'d str, Item<'d>)> {
        self.left
    }

    /// All keys that were not taken, as they are.
    pub fn free(&self) -> toml::Table {
        self.left.iter().filter_map(|(name, item)| Some(((*name).to_owned(), item.free()?))).collect()
    }

    /// Reports the keys that nobody took.
    pub fn finish(self) {
        for (name, item) in &self.left {
            let message = format!("`{name}` is unknown, or newer than this version of spin-deploy understands");
            let hint = nearest(name, self.known.iter().copied()).map(|known| format!("did you mean `{known}`?"));
            self.problems.add(item.place(), message, hint);
        }
    }
}

/// The name that was probably meant, where one is near.
pub(super) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    /// Below this similarity (0 to 1) advice confuses more than it helps.
    const NEAR: f64 = 0.85;
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// A key's dotted path; quoted where TOML wants it quoted.
fn join(parent: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if parent.is_empty() { key } else { format!("{parent}.{key}") }
}
