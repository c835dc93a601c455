//! Configuration files: `spin-deploy.toml` beside a manifest, and the user's own.

mod read;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::{Layer, Origin, Place, Setting, SettingsError};
use crate::targets::Driver;

/// What the file beside a manifest is called.
pub const PROJECT_FILE: &str = "spin-deploy.toml";
/// What the user's own file is called, in the program's directory for configuration.
pub const USER_FILE: &str = "config.toml";

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The project's: it comes with a repository.
    Project,
    /// The user's own.
    User,
}

/// Something that is wrong with a file. Names keys and never shows values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// Where; the key is the dotted path, empty for the file as a whole.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What one file says.
#[derive(Clone)]
struct File {
    default_target: Option<Setting<String>>,
    /// What stands before all tables.
    top: Layer,
    /// In the file's order.
    tables: Vec<Table>,
}

/// `[target.<name>]`.
#[derive(Clone)]
pub(super) struct Table {
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// Its driver; where the table does not say it, its name does.
    pub driver: Setting<&'static Driver>,
    /// Whose file it stands in.
    pub whose: Whose,
    /// What it says.
    pub layer: Layer,
}

/// What the configuration files say that count for a command. Has no `Debug`, as layers have none.
#[derive(Default, Clone)]
pub struct Files {
    /// In order of precedence: the project's, the user's.
    files: Vec<File>,
}

/// A target that configuration files name.
#[derive(Debug, Clone)]
pub struct Configured {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: &'static Driver,
    /// Where its tables begin, the one that counts more first.
    pub places: Vec<Place>,
}

impl Files {
    /// Reads the project's file and the user's own; either may be absent.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, and a file that holds anything that means nothing.
    pub fn read(project: Option<&Path>, user: Option<&Path>) -> Result<Files, SettingsError> {
        let mut files = Vec::new();
        for (path, whose) in [(project, Whose::Project), (user, Whose::User)] {
            if let Some(path) = path
                && let Some(text) = text(path)?
            {
                files.push(read::parse(path, whose, user, &text)?);
            }
        }
        Ok(Files { files })
    }

    /// The targets that they name, by name.
    pub fn configured(&self) -> Vec<Configured> {
        let mut configured: Vec<Configured> = Vec::new();
        for table in self.files.iter().flat_map(|file| &file.tables) {
            let same =
                |known: &&mut Configured| known.name == table.name && known.driver.kind == table.driver.value.kind;
            match configured.iter_mut().find(same) {
                Some(known) => known.places.push(table.place.clone()),
                None => configured.push(Configured {
                    name: table.name.clone(),
                    driver: table.driver.value,
                    places: vec![table.place.clone()],
                }),
            }
        }
        configured.sort_by(|one, other| one.name.cmp(&other.name));
        configured
    }

    /// The target that is meant when none is named.
    pub fn default_target(&self) -> Option<Setting<String>> {
        self.files.iter().find_map(|file| file.default_target.clone())
    }

    /// The tables of that name, in order of precedence.
    pub(super) fn tables<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Table> {
        self.files.iter().flat_map(|file| &file.tables).filter(move |table| table.name == name)
    }

    /// What stands before all tables, in order of precedence.
    pub(super) fn tops(&self) -> impl Iterator<Item = &Layer> {
        self.files.iter().map(|file| &file.top)
    }
}

/// The text of a file; `None`: there is none.
fn text(path: &Path) -> Result<Option<String>, SettingsError> {
    match read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SettingsError::Unreadable { file: path.to_owned(), why: error.to_string() }),
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    // Looked at before it is opened: a pipe that nobody writes to would wait for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Turns offsets in a text into places of its file.
struct Places {
    file: Arc<Path>,
    /// The byte offset at which each line but the first begins.
    line_starts: Vec<usize>,
}

impl Places {
    fn new(file: &Path, text: &str) -> Places {
        Places { file: Arc::from(file), line_starts: text.match_indices('\n').map(|(at, _)| at + 1).collect() }
    }

    fn at(&self, offset: usize, key: impl Into<String>) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset) + 1;
        Place { file: Arc::clone(&self.file), line, key: key.into() }
    }

    fn origin(&self, offset: usize, key: &str) -> Origin {
        Origin::File(self.at(offset, key))
    }
}
