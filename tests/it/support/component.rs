//! Makes components from text.

use std::path::Path;

use anyhow::Context;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// The component whose core module is the WebAssembly text in the file `text`, with the only world of the WIT package
/// in the directory `wit`.
pub fn encode(text: &Path, wit: &Path) -> anyhow::Result<Vec<u8>> {
    let mut module = wat::parse_file(text)?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).with_context(|| format!("could not read {}", wit.display()))?;
    let world = resolve.select_world(&[package], None)?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}
