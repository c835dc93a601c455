//! Whole applications in temporary directories.

mod files;
mod find;
mod formats;
mod properties;
mod v1;
mod v2;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Application, LoadError, load};

/// An application's directory, inside of one that is only ours.
struct Fixture {
    outer: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Fixture { outer: tempfile::tempdir().unwrap() };
        fs::create_dir(fixture.root()).unwrap();
        fixture
    }

    fn root(&self) -> PathBuf {
        self.outer.path().join("app")
    }

    /// Writes a file, its directories included; the text is its path.
    fn file(self, path: &str) -> Self {
        self.text(path, path)
    }

    fn text(self, path: &str, text: &str) -> Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    #[cfg(unix)]
    fn link(self, path: &str, target: impl AsRef<Path>) -> Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
        self
    }

    fn load(&self, manifest: &str) -> Result<Application, LoadError> {
        let path = self.root().join("spin.toml");
        fs::write(&path, manifest).unwrap();
        load(&path)
    }

    /// The application, which must be valid.
    #[track_caller]
    fn app(&self, manifest: &str) -> Application {
        self.load(manifest).unwrap_or_else(|error| panic!("{}", self.render(&error)))
    }

    /// The problems, of which there must be some.
    #[track_caller]
    fn problems(&self, manifest: &str) -> String {
        self.render(&self.load(manifest).expect_err("the manifest is invalid"))
    }

    /// Problems and hints as text, with paths inside of the application relative.
    fn render(&self, error: &LoadError) -> String {
        let lines = error.problems.iter().flat_map(|problem| {
            let hint = problem.hint.iter().map(|hint| format!("  hint: {hint}"));
            std::iter::once(problem.to_string()).chain(hint)
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let outer = self.outer.path();
        let real = fs::canonicalize(outer).unwrap();
        text.replace(&format!("{}/app/", outer.display()), "").replace(real.to_str().unwrap(), "OUTER")
    }
}
