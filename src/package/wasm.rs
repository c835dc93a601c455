//! A look into a Wasm binary, in bounded memory: of a binary of any size only the section headers, the imports and,
//! of components, the exports are read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use wasmparser::{
    BinaryReader, ComponentExportSectionReader, ComponentImportSectionReader, ComponentTypeRef, ImportSectionReader,
    Parser,
};

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binary {
    /// A core module, and the modules that it imports from.
    Module { imports: BTreeSet<String> },
    /// A component of the component model, and what it imports and exports by name: interfaces with their version.
    /// Types of its world are not among the imports.
    Component { imports: BTreeSet<String>, exports: BTreeSet<String> },
    /// Nothing that a WebAssembly host could load, and why: reads after "the file …".
    Invalid(String),
}

/// Magic number, version and layer.
const PREAMBLE: usize = 8;
/// No toolchain comes anywhere near so many bytes of imports or exports.
const MAX_NAMES: u64 = 16 * 1024 * 1024;
const IMPORT_SECTION: u8 = 2;
/// The tag section of exception handling.
const LAST_SECTION: u8 = 13;
const COMPONENT_IMPORT_SECTION: u8 = 10;
const COMPONENT_EXPORT_SECTION: u8 = 11;
/// The section of values.
const LAST_COMPONENT_SECTION: u8 = 12;

/// Looks into a file. The bodies of other sections, nested modules and components among them, are passed over, but they
/// must be there.
pub(super) fn inspect(path: &Path) -> std::io::Result<Binary> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let mut preamble = Vec::with_capacity(PREAMBLE);
    reader.by_ref().take(PREAMBLE as u64).read_to_end(&mut preamble)?;
    let invalid = |why: &str| Ok(Binary::Invalid(why.to_owned()));
    match preamble.as_slice() {
        [] => invalid("is empty"),
        start if Parser::is_component(start) => {
            let wanted = [COMPONENT_IMPORT_SECTION, COMPONENT_EXPORT_SECTION];
            Ok(walk(&mut reader, size, &wanted, LAST_COMPONENT_SECTION)?
                .and_then(component)
                .unwrap_or_else(Binary::Invalid))
        }
        start if Parser::is_core_wasm(start) => {
            let sections = walk(&mut reader, size, &[IMPORT_SECTION], LAST_SECTION)?;
            Ok(sections.and_then(module).unwrap_or_else(Binary::Invalid))
        }
        start if start.len() < PREAMBLE && b"\0asm".starts_with(&start[..start.len().min(4)]) => {
            invalid("ends within its first 8 bytes")
        }
        _ => invalid("is no WebAssembly module"),
    }
}

/// A section that was read.
struct Section {
    id: u8,
    /// Where it starts in the file.
    start: u64,
    bytes: Vec<u8>,
}

/// Goes from section to section behind the preamble and returns the wanted ones, or what is wrong with the file.
fn walk(
    reader: &mut BufReader<File>,
    size: u64,
    wanted: &[u8],
    last: u8,
) -> std::io::Result<Result<Vec<Section>, String>> {
    let mut position = PREAMBLE as u64;
    let mut sections = Vec::new();
    let mut read = 0;
    while position < size {
        let Some((id, length, header)) = section_header(reader)? else {
            return Ok(Err(truncated()));
        };
        let start = position + header;
        position = start + u64::from(length);
        if id > last {
            return Ok(Err(format!("is damaged: it has a section of the unknown kind {id}")));
        }
        if position > size {
            return Ok(Err(truncated()));
        }
        if !wanted.contains(&id) {
            reader.seek_relative(i64::from(length))?;
            continue;
        }
        read += u64::from(length);
        if read > MAX_NAMES {
            return Ok(Err(format!("is damaged: its imports and exports take {read} bytes")));
        }
        let mut bytes = vec![0; length as usize];
        match reader.read_exact(&mut bytes) {
            Ok(()) => sections.push(Section { id, start, bytes }),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Err(truncated())),
            Err(error) => return Err(error),
        }
    }
    Ok(Ok(sections))
}

fn truncated() -> String {
    "is cut off".into()
}

/// The next section's id and length, and how many bytes they took themselves; `None` where the file ends within.
fn section_header(reader: &mut impl Read) -> std::io::Result<Option<(u8, u32, u64)>> {
    // An id, and a LEB128 number of at most five bytes.
    let mut header = Vec::with_capacity(6);
    loop {
        let mut byte = [0];
        match reader.read_exact(&mut byte) {
            Ok(()) => header.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let continues = byte[0] & 0x80 != 0;
        if header.len() > 1 && (!continues || header.len() == 6) {
            break;
        }
    }
    let length = BinaryReader::new(&header[1..], 0).read_var_u32();
    // A length that is no number has no section behind it.
    Ok(length.ok().map(|length| (header[0], length, header.len() as u64)))
}

fn module(sections: Vec<Section>) -> Result<Binary, String> {
    let mut imports = BTreeSet::new();
    for section in &sections {
        module_imports(section, &mut imports).map_err(|error| unreadable("imports", &error))?;
    }
    Ok(Binary::Module { imports })
}

fn module_imports(section: &Section, names: &mut BTreeSet<String>) -> wasmparser::Result<()> {
    for import in ImportSectionReader::new(BinaryReader::new(&section.bytes, section.start))?.into_imports() {
        names.insert(import?.module.to_owned());
    }
    Ok(())
}

fn component(sections: Vec<Section>) -> Result<Binary, String> {
    let (mut imports, mut exports) = (BTreeSet::new(), BTreeSet::new());
    for section in &sections {
        match section.id {
            COMPONENT_IMPORT_SECTION => component_imports(section, &mut imports),
            _ => component_exports(section, &mut exports),
        }
        .map_err(|error| unreadable("imports or exports", &error))?;
    }
    Ok(Binary::Component { imports, exports })
}

fn component_imports(section: &Section, names: &mut BTreeSet<String>) -> wasmparser::Result<()> {
    for import in ComponentImportSectionReader::new(BinaryReader::new(&section.bytes, section.start))? {
        let import = import?;
        if !matches!(import.ty, ComponentTypeRef::Type(_)) {
            names.insert(import.name.full_name().into_owned());
        }
    }
    Ok(())
}

fn component_exports(section: &Section, names: &mut BTreeSet<String>) -> wasmparser::Result<()> {
    for export in ComponentExportSectionReader::new(BinaryReader::new(&section.bytes, section.start))? {
        names.insert(export?.name.full_name().into_owned());
    }
    Ok(())
}

fn unreadable(what: &str, error: &wasmparser::BinaryReaderError) -> String {
    format!("is damaged: its {what} cannot be read ({error})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8]) -> Binary {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        inspect(file.path()).unwrap()
    }

    fn module() -> Vec<u8> {
        wat::parse_str(
            r#"(module
                (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
                (import "wasi-outbound-http" "request" (func (param i32)))
                (import "wasi_snapshot_preview1" "fd_read" (func (param i32 i32 i32 i32) (result i32)))
                (memory (export "memory") 1)
                (data (i32.const 0) "some data that comes last")
                (func (export "_start")))"#,
        )
        .unwrap()
    }

    #[test]
    fn kinds_of_files() {
        let invalid = |why: &str| Binary::Invalid(why.into());
        for (bytes, expected) in [
            (&b""[..], invalid("is empty")),
            (b"\0as", invalid("ends within its first 8 bytes")),
            (b"\0asm\x01\0\0", invalid("ends within its first 8 bytes")),
            (b"#!/bin/sh", invalid("is no WebAssembly module")),
            (b"hi", invalid("is no WebAssembly module")),
            (b"(module)", invalid("is no WebAssembly module")),
            (b"\0asm\x02\0\0\0", invalid("is no WebAssembly module")),
            (b"\0asm\x0d\0\x01\0", Binary::Component { imports: BTreeSet::new(), exports: BTreeSet::new() }),
            (b"\0asm\x0d\0\x01\0\x0a", invalid("is cut off")),
            (b"\0asm\x0d\0\x01\0\x0a\x05\x01", invalid("is cut off")),
            (b"\0asm\x0d\0\x01\0\x0d\0", invalid("is damaged: it has a section of the unknown kind 13")),
            (b"\0asm\x01\0\0\0", Binary::Module { imports: BTreeSet::new() }),
            (b"\0asm\x01\0\0\0\x0a", invalid("is cut off")),
            (b"\0asm\x01\0\0\0\x0a\xff\xff\xff\xff\xff", invalid("is cut off")),
            (b"\0asm\x01\0\0\0\x63\0", invalid("is damaged: it has a section of the unknown kind 99")),
        ] {
            assert_eq!(look(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_modules_that_are_imported_from() {
        let imports = ["wasi-outbound-http", "wasi_snapshot_preview1"].map(String::from).into();
        assert_eq!(look(&module()), Binary::Module { imports });
    }

    #[test]
    fn wherever_a_module_is_cut_off_within_a_section_it_shows() {
        let module = module();
        let ends = section_ends(&module);
        for length in PREAMBLE..module.len() {
            let whole = ends.contains(&length);
            assert_eq!(matches!(look(&module[..length]), Binary::Module { .. }), whole, "{length}");
        }
    }

    /// Where the sections end: a file that ends there is a module of its own.
    fn section_ends(module: &[u8]) -> BTreeSet<usize> {
        let sections = Parser::new(0).parse_all(module).filter_map(|payload| payload.unwrap().as_section());
        std::iter::once(PREAMBLE).chain(sections.map(|(_, range)| range.end as usize)).collect()
    }

    #[test]
    fn large_sections_are_passed_over() {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        // A custom section of 64 MiB that is a hole in the file.
        let length = 64 * 1024 * 1024_u32;
        bytes.extend([0, 0x80, 0x80, 0x80, 0x20]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let size = bytes.len() as u64 + u64::from(length);
        let handle = File::options().write(true).open(file.path()).unwrap();
        handle.set_len(size).unwrap();
        assert_eq!(inspect(file.path()).unwrap(), Binary::Module { imports: BTreeSet::new() });
        handle.set_len(size - 1).unwrap();
        assert_eq!(inspect(file.path()).unwrap(), Binary::Invalid("is cut off".into()));
    }

    #[test]
    fn damaged_imports() {
        // One import that is announced, none that is there.
        let Binary::Invalid(why) = look(b"\0asm\x01\0\0\0\x02\x01\x01") else { panic!("it is damaged") };
        assert!(why.starts_with("is damaged: its imports cannot be read"), "{why}");
    }

    #[test]
    fn what_a_component_imports_and_exports_at_its_top() {
        let component = wat::parse_str(
            r#"(component
                (import "wasi:http/types@0.2.0" (instance $types))
                (import "t" (type (sub resource)))
                (component $inner (import "inner:only/nested@1.0.0" (instance)))
                (core module $module (import "env" "f" (func)))
                (import "wasi:cli/environment@0.2.3" (instance))
                (export "wasi:http/incoming-handler@0.2.0" (instance $types))
                (component $other (export "x" (component $inner)))
                (export "plain" (instance $types)))"#,
        );
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        assert_eq!(
            look(&component.unwrap()),
            Binary::Component {
                imports: names(&["wasi:cli/environment@0.2.3", "wasi:http/types@0.2.0"]),
                exports: names(&["plain", "wasi:http/incoming-handler@0.2.0"]),
            }
        );
        let Binary::Invalid(why) = look(b"\0asm\x0d\0\x01\0\x0a\x01\x01") else { panic!("it is damaged") };
        assert!(why.starts_with("is damaged: its imports or exports cannot be read"), "{why}");
    }
}
