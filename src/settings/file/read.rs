//! Reads a configuration file, and tells everything that is wrong with it at once.

use std::ffi::OsString;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::key::{DEFAULT_TARGET, Kept, Kind};
use super::super::{Key, Layer, Setting, SettingsError, env, near, url};
use super::{File, FileProblem, Places, Table, Whose};
use crate::targets::{self, DRIVERS, Driver};

/// The table of all targets.
const TARGETS: &str = "target";
/// The key of a target's driver.
pub(super) const DRIVER: &str = "driver";

/// Reads the text of a file. `own` is the user's file, for advice.
pub(super) fn parse(path: &Path, whose: Whose, own: Option<&Path>, text: &str) -> Result<File, SettingsError> {
    let mut reader = Reader { places: Places::new(path, text), whose, own, problems: Vec::new() };
    let file = match DeTable::parse(text) {
        Ok(document) => reader.file(document.get_ref()),
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            // Of the parser's error only the message: the rest quotes the file, which may hold a secret.
            let message = format!("not valid TOML: {}", error.message().trim().replace('\n', "; "));
            reader.problem(offset, "", message, None);
            None
        }
    };
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| problem.place.line);
    match file {
        Some(file) if problems.is_empty() => Ok(file),
        _ => Err(SettingsError::UnusableFile { file: path.to_owned(), problems }),
    }
}

/// A key and its value, with where the key stands.
struct Entry<'d> {
    name: &'d str,
    value: &'d DeValue<'d>,
    offset: usize,
    /// The dotted path.
    path: String,
}

/// The entries of a table, in the file's order.
fn entries<'d>(table: &'d DeTable<'d>, path: &str) -> Vec<Entry<'d>> {
    let entry = |(name, value): (&'d Spanned<_>, &'d Spanned<DeValue<'d>>)| {
        let text: &'d std::borrow::Cow<'d, str> = name.get_ref();
        Entry { name: text.as_ref(), value: value.get_ref(), offset: name.span().start, path: join(path, text) }
    };
    let mut entries: Vec<_> = table.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.offset);
    entries
}

/// A key's dotted path; quoted where TOML wants it quoted.
fn join(parent: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if parent.is_empty() { key } else { format!("{parent}.{key}") }
}

/// Whoever reports a problem goes on: the next one is to be told as well.
struct Reader<'a> {
    places: Places,
    whose: Whose,
    own: Option<&'a Path>,
    problems: Vec<FileProblem>,
}

impl Reader<'_> {
    fn file(&mut self, document: &DeTable<'_>) -> Option<File> {
        let mut file = File { default_target: None, top: Layer::default(), tables: Vec::new() };
        for entry in entries(document, "") {
            match entry.name {
                DEFAULT_TARGET => {
                    let origin = self.places.origin(entry.offset, DEFAULT_TARGET);
                    file.default_target = self.text(&entry).map(|value| Setting { value: value.to_owned(), origin });
                }
                TARGETS => file.tables = self.tables(&entry),
                name if key_of(name).is_some_and(|key| key.kept() == Kept::AtUsersTop) => {
                    self.set(&mut file.top, &entry, Key::CredentialStore);
                }
                _ => self.misplaced(&entry),
            }
        }
        Some(file)
    }

    fn tables(&mut self, targets: &Entry<'_>) -> Vec<Table> {
        let DeValue::Table(tables) = targets.value else {
            self.unexpected::<()>(targets, "tables, one for each target: `[target.NAME]`");
            return Vec::new();
        };
        entries(tables, &targets.path).iter().filter_map(|entry| self.target(entry)).collect()
    }

    fn target(&mut self, target: &Entry<'_>) -> Option<Table> {
        let DeValue::Table(table) = target.value else { return self.unexpected(target, "a table") };
        let entries = entries(table, &target.path);
        let driver = self.driver(target, entries.iter().find(|entry| entry.name == DRIVER));
        let mut layer = Layer::default();
        for entry in entries.iter().filter(|entry| entry.name != DRIVER) {
            self.key_of_target(&mut layer, entry, driver.as_ref().map(|driver| driver.value));
        }
        let place = self.places.at(target.offset, &target.path);
        Some(Table { name: target.name.to_owned(), place, driver: driver?, whose: self.whose, layer })
    }

    fn driver(&mut self, target: &Entry<'_>, said: Option<&Entry<'_>>) -> Option<Setting<&'static Driver>> {
        let by_name = targets::find(target.name);
        let Some(entry) = said else {
            let origin = self.places.origin(target.offset, &target.path);
            if by_name.is_none() {
                self.problem(target.offset, &target.path, "`driver` is missing", Some(one_of_the_drivers()));
            }
            return by_name.map(|value| Setting { value, origin });
        };
        let kind = self.text(entry)?;
        let Some(driver) = targets::find(kind) else {
            let hint = near(kind, DRIVERS.iter().map(|driver| driver.kind))
                .map_or_else(one_of_the_drivers, |kind| format!("did you mean `driver = {kind:?}`?"));
            self.problem(entry.offset, &entry.path, "there is no such driver", Some(hint));
            return None;
        };
        if by_name.is_some_and(|named| named.kind != driver.kind) {
            let message = format!("a target that is called {} cannot have the driver {kind}", target.name);
            self.problem(entry.offset, &entry.path, message, Some("give the target another name".to_owned()));
            return None;
        }
        Some(Setting { value: driver, origin: self.places.origin(entry.offset, DRIVER) })
    }

    fn key_of_target(&mut self, layer: &mut Layer, entry: &Entry<'_>, driver: Option<&Driver>) {
        let Some(key) = key_of(entry.name) else { return self.misplaced(entry) };
        match (key.kept(), self.whose) {
            (Kept::InTables, _) | (Kept::InUsersTables, Whose::User) => {}
            (Kept::InUsersTables, Whose::Project) => return self.not_a_projects(entry, key),
            (Kept::AtTop | Kept::AtUsersTop | Kept::Never, _) => return self.misplaced(entry),
        }
        if let (Some(meant), Some(driver)) = (key.target(), driver)
            && meant != driver.kind
        {
            let message = format!("means something to the driver {meant}, and this target's is {}", driver.kind);
            return self.problem(entry.offset, &entry.path, message, Some("leave it out".to_owned()));
        }
        self.set(layer, entry, key);
    }

    /// Sets a value that stands where it belongs.
    fn set(&mut self, layer: &mut Layer, entry: &Entry<'_>, key: Key) {
        if key.kept() == Kept::AtUsersTop && self.whose == Whose::Project {
            return self.not_a_projects(entry, key);
        }
        if let Some(value) = self.value(entry, key) {
            layer.set(key, value, self.places.origin(entry.offset, key.name()));
        }
    }

    fn value(&mut self, entry: &Entry<'_>, key: Key) -> Option<OsString> {
        match (key.kind(), entry.value) {
            (Kind::Switch, DeValue::Boolean(on)) => Some(on.to_string().into()),
            (Kind::Switch, _) => self.unexpected(entry, "`true` or `false`"),
            (Kind::Number, DeValue::Integer(number)) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Some(number.to_string().into()),
                Err(_) => self.unexpected(entry, "a smaller number"),
            },
            (Kind::Number, DeValue::String(_)) | (Kind::Text, _) => self.text(entry).map(OsString::from),
            (Kind::Number, _) => self.unexpected(entry, "a whole number or a string"),
            (Kind::Path, _) => self.text(entry).map(|path| self.beside_the_file(path)),
            (Kind::Url, _) => self.address(entry).map(OsString::from),
        }
    }

    /// A text that says something.
    fn text<'d>(&mut self, entry: &Entry<'d>) -> Option<&'d str> {
        match entry.value {
            DeValue::String(text) if text.is_empty() => {
                self.problem(entry.offset, &entry.path, "is empty", Some("leave it out".to_owned()));
                None
            }
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.unexpected(entry, "a string"),
        }
    }

    fn address<'d>(&mut self, entry: &Entry<'d>) -> Option<&'d str> {
        let text = self.text(entry)?;
        let Err(problem) = url::parse(text) else { return Some(text) };
        let hint = problem.example().map(|meant| format!("{} = {meant:?}", entry.name));
        self.problem(entry.offset, &entry.path, format!("could not use the URL: {problem}"), hint);
        None
    }

    /// A path relative to the file's directory.
    fn beside_the_file(&self, path: &str) -> OsString {
        self.places.file.parent().unwrap_or(Path::new("")).join(path).into_os_string()
    }

    /// A key that may not stand where it stands, or nowhere.
    fn misplaced(&mut self, entry: &Entry<'_>) {
        if is_secret(entry.name) {
            let variable =
                key_of(&entry.name.replace('_', "-")).and_then(env::variable_for).map(|variable| variable.name);
            let hint = match variable {
                Some(variable) => format!("log in with `spin-deploy login`, or set {variable}"),
                None => "log in with `spin-deploy login`".to_owned(),
            };
            return self.problem(
                entry.offset,
                &entry.path,
                "a secret must not lie in a configuration file",
                Some(hint),
            );
        }
        let (message, hint) = match key_of(entry.name).map(|key| (key, key.kept())) {
            None if entry.name == DEFAULT_TARGET => {
                ("does not belong to a target", Some("write it before all tables".to_owned()))
            }
            Some((key, Kept::InTables | Kept::InUsersTables)) => {
                let table = key.target().unwrap_or("NAME");
                ("belongs to a target", Some(format!("write it below `[target.{table}]`")))
            }
            Some((_, Kept::AtUsersTop)) => {
                ("does not belong to a target", Some("write it before all tables".to_owned()))
            }
            Some((_, Kept::AtTop | Kept::Never)) | None => ("there is no such key", self.meant(entry)),
        };
        self.problem(entry.offset, &entry.path, message, hint);
    }

    /// Which key was probably meant.
    fn meant(&self, entry: &Entry<'_>) -> Option<String> {
        let top = entry.path == entry.name;
        let here = |key: &Key| match key.kept() {
            Kept::InTables => !top,
            Kept::InUsersTables => !top && self.whose == Whose::User,
            Kept::AtTop => top,
            Kept::AtUsersTop => top && self.whose == Whose::User,
            Kept::Never => false,
        };
        let keys = Key::ALL.iter().filter(|key| here(key)).filter_map(|key| key.in_files());
        let known = keys.chain([if top { TARGETS } else { DRIVER }]);
        near(&entry.name.replace('_', "-"), known).map(|key| format!("did you mean `{key}`?"))
    }

    /// A key that a project's file must not hold.
    fn not_a_projects(&mut self, entry: &Entry<'_>, key: Key) {
        let message = match key.kept() {
            Kept::InUsersTables if key.target().is_some() => {
                "counts in the user's own file only: how this machine serves is no matter of the project"
            }
            Kept::InUsersTables => {
                "counts in the user's own file only: a project must not lower the safety of its users"
            }
            Kept::InTables | Kept::AtTop | Kept::AtUsersTop | Kept::Never => {
                "counts in the user's own file only: it is no matter of the project"
            }
        };
        let own = self.own.map(|own| format!(", or write it into {}", own.display())).unwrap_or_default();
        // Most of what is for a server has no flag but that server's own.
        let way = match env::variable_for(key).filter(|_| key.target().is_some()) {
            Some(variable) => format!("set {}", variable.name),
            None => format!("pass {}", key.flag()),
        };
        self.problem(entry.offset, &entry.path, message, Some(format!("{way}{own}")));
    }

    fn unexpected<T>(&mut self, entry: &Entry<'_>, expected: &str) -> Option<T> {
        let found = entry.value.type_str();
        let article = if found.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        self.problem(entry.offset, &entry.path, format!("expected {expected}, found {article} {found}"), None);
        None
    }

    fn problem(&mut self, offset: usize, path: &str, message: impl Into<String>, hint: Option<String>) {
        self.problems.push(FileProblem { place: self.places.at(offset, path), message: message.into(), hint });
    }
}

/// The key of that name.
fn key_of(name: &str) -> Option<Key> {
    Key::ALL.iter().copied().find(|key| key.name() == name)
}

/// Whether a key of this name holds a secret, known to us or not.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let last = name.rsplit('-').next().unwrap_or_default();
    matches!(last, "token" | "password" | "secret")
}

fn one_of_the_drivers() -> String {
    let drivers: Vec<String> = DRIVERS.iter().map(|driver| format!("`driver = {:?}`", driver.kind)).collect();
    drivers.join(" or ")
}
