//! Small real applications: a manifest, a Wasm module, files.

use std::path::Path;

use tempfile::TempDir;

/// A Wagi module that greets: `wat` makes real Wasm of it.
const MODULE: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "content-type: text/plain\n\nhello\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 32))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;

/// A directory with an application in it. It goes away with the value.
pub struct App {
    dir: TempDir,
    name: String,
}

impl App {
    /// An application at version 1.0.0 with one Wagi component `web` at `/...` and one file.
    pub fn new(name: &str) -> Self {
        let dir = TempDir::new().expect("a temporary directory can be made");
        let app = App { dir, name: name.to_owned() };
        app.write("web.wasm", wat::parse_str(MODULE).expect("the module's text is right"));
        app.write("static/index.html", "first");
        app.version("1.0.0");
        app
    }

    /// Raises (or lowers) the version.
    pub fn version(&self, version: &str) {
        self.write(
            "spin.toml",
            format!(
                r#"spin_manifest_version = 2

[application]
name = "{}"
version = "{version}"

[[trigger.http]]
route = "/..."
component = "web"
executor = {{ type = "wagi" }}

[component.web]
source = "web.wasm"
files = ["static/**/*"]
"#,
                self.name
            ),
        );
    }

    /// Writes a file, its directories too.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.dir.path().join(path);
        let parent = path.parent().expect("the path lies below the directory");
        std::fs::create_dir_all(parent).expect("directories can be made");
        std::fs::write(&path, content).expect("the file can be written");
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}
