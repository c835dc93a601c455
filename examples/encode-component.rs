//! Makes a component from the text of a core module and a directory of WIT, as `examples/hello-component` needs it.
//!
//! ```text
//! cargo run --example encode-component -- MODULE.wat WIT-DIRECTORY COMPONENT.wasm
//! ```

#[path = "../tests/it/support/component.rs"]
mod component;

use std::path::PathBuf;

use anyhow::{Context, bail};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [text, wit, output] = arguments.as_slice() else {
        bail!("needs three arguments: MODULE.wat WIT-DIRECTORY COMPONENT.wasm");
    };
    let bytes = component::encode(text, wit)?;
    std::fs::write(output, bytes).with_context(|| format!("could not write {}", output.display()))
}
