//! Makes components from text.

use std::path::Path;

use anyhow::Context;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{PackageId, Resolve};

/// The component whose core module is the WebAssembly text in the file `text`, with the only world of the WIT package
/// in the directory `wit`.
pub fn encode(text: &Path, wit: &Path) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).with_context(|| format!("could not read {}", wit.display()))?;
    encode_module(wat::parse_file(text)?, &resolve, package)
}

/// The interfaces that guests of unit tests may import and export: a text for each group of packages.
#[allow(dead_code, reason = "an example includes this file for `encode` alone")]
const WIT: &[&str] = &[include_str!("../../fixtures/wit/wasi.wit")];

/// The component that a core module is, both as text: `world` is what it imports and exports, in WIT
/// (`import wasi:http/types@0.2.0;`). The module's imports and exports bear the names of the canonical ABI.
#[allow(dead_code, reason = "an example includes this file for `encode` alone")]
pub fn component(core_wat: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = format!("package test:guest;\nworld guest {{ {world} }}\n{}", WIT.concat());
    let package = resolve.push_source("guest.wit", &wit).expect("the world is valid WIT");
    encode_module(wat::parse_str(core_wat).expect("the module is valid"), &resolve, package)
        .expect("the module fits the world")
}

/// The component that a core module is, with the only world of a package.
fn encode_module(mut module: Vec<u8>, resolve: &Resolve, package: PackageId) -> anyhow::Result<Vec<u8>> {
    let world = resolve.select_world(&[package], None)?;
    wit_component::embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}
