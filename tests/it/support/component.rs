//! Makes components out of core modules in WebAssembly's text format, without any toolchain.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The interfaces that components may import and export: a text for each group of packages.
const WIT: &[&str] = &[include_str!("../../fixtures/wit/wasi.wit")];

/// The component that a core module is: `world` is what it imports and exports, in WIT
/// (`import wasi:http/types@0.2.0;`). The module's imports and exports bear the names of the canonical ABI.
pub fn component(core_wat: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = format!("package test:guest;\nworld guest {{ {world} }}\n{}", WIT.concat());
    let package = resolve.push_source("guest.wit", &wit).expect("the world is valid WIT");
    let world = resolve.select_world(&[package], None).expect("there is one world");
    let mut module = wat::parse_str(core_wat).expect("the module is valid");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).expect("the world is complete");
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).expect("the module fits the world");
    encoder.encode().expect("the module fits the world")
}
