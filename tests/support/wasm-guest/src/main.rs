//! Makes a component from a core module that the Rust compiler made for `wasm32-wasip1`.
//!
//! ```text
//! componentize MODULE.wasm COMPONENT.wasm
//! ```

use std::path::PathBuf;

use anyhow::{Context, bail};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [module, component] = arguments.as_slice() else {
        bail!("needs two arguments: MODULE.wasm COMPONENT.wasm");
    };
    let module = std::fs::read(module).with_context(|| format!("could not read {}", module.display()))?;
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(&module)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .encode()?;
    std::fs::write(component, bytes).with_context(|| format!("could not write {}", component.display()))
}
