//! A look into a Wasm binary, in bounded memory: of a module of any size only the section headers and the imports are
//! read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use wasmparser::{BinaryReader, ImportSectionReader, Parser};

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binary {
    /// A core module, and the modules that it imports from.
    Module { imports: BTreeSet<String> },
    /// A component of the component model.
    Component,
    /// Nothing that a WebAssembly host could load, and why: reads after "the file …".
    Invalid(String),
}

/// Magic number, version and layer.
const PREAMBLE: usize = 8;
/// No toolchain comes anywhere near so many bytes of imports.
const MAX_IMPORTS: u32 = 16 * 1024 * 1024;
const IMPORT_SECTION: u8 = 2;
/// The tag section of exception handling.
const LAST_SECTION: u8 = 13;

/// Looks into a file. The bodies of sections other than the imports are passed over, but they must be there.
pub(super) fn inspect(path: &Path) -> std::io::Result<Binary> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let mut preamble = Vec::with_capacity(PREAMBLE);
    reader.by_ref().take(PREAMBLE as u64).read_to_end(&mut preamble)?;
    match preamble.as_slice() {
        [] => Ok(Binary::Invalid("is empty".into())),
        start if Parser::is_component(start) => Ok(Binary::Component),
        start if Parser::is_core_wasm(start) => walk(&mut reader, size),
        start if start.len() < PREAMBLE && b"\0asm".starts_with(&start[..start.len().min(4)]) => {
            Ok(Binary::Invalid("ends within its first 8 bytes".into()))
        }
        _ => Ok(Binary::Invalid("is no WebAssembly module".into())),
    }
}

/// Goes from section to section behind the preamble.
fn walk(reader: &mut BufReader<File>, size: u64) -> std::io::Result<Binary> {
    let mut position = PREAMBLE as u64;
    let mut imports = BTreeSet::new();
    while position < size {
        let Some((id, length, header)) = section_header(reader)? else {
            return Ok(truncated());
        };
        let start = position + header;
        position = start + u64::from(length);
        if id > LAST_SECTION {
            return Ok(Binary::Invalid(format!("is damaged: it has a section of the unknown kind {id}")));
        }
        if position > size {
            return Ok(truncated());
        }
        if id != IMPORT_SECTION {
            reader.seek_relative(i64::from(length))?;
            continue;
        }
        if length > MAX_IMPORTS {
            return Ok(Binary::Invalid(format!("is damaged: its imports take {length} bytes")));
        }
        let mut section = vec![0; length as usize];
        match reader.read_exact(&mut section) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(truncated()),
            Err(error) => return Err(error),
        }
        if let Err(error) = read_imports(&section, start, &mut imports) {
            return Ok(Binary::Invalid(format!("is damaged: its imports cannot be read ({error})")));
        }
    }
    Ok(Binary::Module { imports })
}

fn truncated() -> Binary {
    Binary::Invalid("is cut off".into())
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

fn read_imports(section: &[u8], start: u64, imports: &mut BTreeSet<String>) -> wasmparser::Result<()> {
    let section = ImportSectionReader::new(BinaryReader::new(section, start))?;
    for import in section.into_imports() {
        imports.insert(import?.module.to_owned());
    }
    Ok(())
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
            (b"\0asm\x0d\0\x01\0", Binary::Component),
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
}
