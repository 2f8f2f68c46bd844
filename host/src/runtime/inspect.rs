//! What a file is, found out without compiling it.

use wasmparser::{Encoding, Parser, Payload, Validator};

use super::component::{ComponentError, is_offered, refuse_foreign};

/// What every block exports.
const BLOCK: &str = "blockyard:block/block@0.1.0";
/// First bytes of WebAssembly of any kind.
const MAGIC: &[u8] = b"\0asm";

/// What a component imports and exports, by the names that it gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// In the order of the file.
    pub imports: Vec<String>,
    /// In the order of the file.
    pub exports: Vec<String>,
}

impl Inspection {
    /// The imports that this host does not offer.
    pub fn foreign(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(String::as_str).filter(|import| !is_offered(import))
    }

    /// Whether it can ask for the text of secrets.
    pub fn reveals(&self) -> bool {
        self.imports.iter().any(|import| import.starts_with("blockyard:block/secrets-reveal@"))
    }

    /// Whether it fits the world of a block.
    ///
    /// # Errors
    /// For imports that are not offered, and if it exports no block.
    pub fn check(&self) -> Result<(), ComponentError> {
        refuse_foreign(self.imports.iter().map(String::as_str))?;
        if self.exports.iter().any(|export| export == BLOCK) {
            return Ok(());
        }
        let exports = match self.exports.as_slice() {
            [] => "nothing".to_owned(),
            names => names.join(", "),
        };
        Err(ComponentError::WrongWorld(format!("it does not export `{BLOCK}`; it exports {exports}")))
    }
}

/// Read a component from its first byte to its last.
///
/// # Errors
/// If it is none, with what it is instead as far as that can be told, or not a valid one.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, ComponentError> {
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(ComponentError::Precompiled);
    }
    let malformed = |what: String| ComponentError::Malformed(what);
    if bytes.is_empty() {
        return Err(malformed("it is empty".to_owned()));
    }
    if !bytes.starts_with(MAGIC) {
        return Err(malformed(format!("it begins with {}, not with `\\0asm`", shown(bytes))));
    }
    if Parser::is_core_wasm(bytes) {
        return Err(ComponentError::CoreModule);
    }
    let odd =
        |error: wasmparser::BinaryReaderError| malformed(format!("{} at byte {}", error.message(), error.offset()));
    let mut found = Inspection::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(odd)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(ComponentError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    found.imports.push(import.map_err(odd)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    found.exports.push(export.map_err(odd)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Validator::new().validate_all(bytes).map_err(odd)?;
    Ok(found)
}

/// The first bytes, for a person.
fn shown(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(8)];
    let text: String = first.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect();
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        inspect(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_component_is_told_from_what_is() {
        assert!(refused(b"").ends_with("it is empty"));
        assert!(refused(b"#!/bin/sh\n").contains("begins with `#!/bin/s`"));
        assert!(refused(b"\x7fELF\x02\x01\x01\0 and so on").contains(r"`\x7fELF\x02\x01\x01\x00`"));
        assert!(refused(b"\0asm\x01\0\0\0").contains("core module"));
        assert!(refused(b"\0asm").starts_with("not a WebAssembly component"));
    }

    #[test]
    fn imports_and_the_export_decide_whether_it_is_a_block() {
        let of = |imports: &[&str], exports: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            Inspection { imports: owned(imports), exports: owned(exports) }.check().map_err(|error| error.to_string())
        };
        assert_eq!(of(&["wasi:io/streams@0.2.6"], &[BLOCK]), Ok(()));
        let foreign = of(&["wasi:sockets/tcp@0.2.6"], &[BLOCK]).unwrap_err();
        assert!(foreign.contains("wasi:sockets/tcp@0.2.6") && foreign.contains("blockyard:block/http"), "{foreign}");
        assert!(of(&[], &[]).unwrap_err().contains("it exports nothing"));
        assert!(of(&[], &["wasi:cli/run@0.2.0"]).unwrap_err().contains("it exports wasi:cli/run@0.2.0"));
    }
}
