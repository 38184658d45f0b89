//! Places in programs and libraries, for probes of them: which symbols there are, and where in the file an address is.

use std::path::{Path, PathBuf};

use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind};

/// Names of symbols that an error proposes at most.
const PROPOSED: usize = 3;

/// Why a place in a file is none.
#[derive(Debug, thiserror::Error)]
pub enum UserProgramError {
    /// The file cannot be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no ELF file.
    #[error("failed to understand {path}: a probe needs an ELF program or library")]
    Elf {
        /// The file.
        path: PathBuf,
        /// Why.
        source: object::Error,
    },
    /// It has no function of that name.
    #[error("{path} has no function `{symbol}`{instead}")]
    NoSymbol {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        symbol: String,
        /// What there is.
        instead: String,
    },
    /// No part of the file is loaded there.
    #[error("{path} has no code at address {address:#x}; addresses are as `readelf --segments` shows them")]
    NoAddress {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        address: u64,
    },
}

/// Whether a file has a function of this name.
///
/// # Errors
/// When it has not, with the nearest names that it has.
pub(super) fn check_symbol(path: &Path, symbol: &str) -> Result<(), UserProgramError> {
    let bytes = read(path)?;
    let file = parse(path, &bytes)?;
    // `name@VERSION` is one of several of a library; the loader knows which.
    let wanted = symbol.split('@').next().unwrap_or(symbol);
    let mut near = Vec::new();
    for known in file.symbols().chain(file.dynamic_symbols()) {
        if !known.is_definition() || !matches!(known.kind(), SymbolKind::Text | SymbolKind::Unknown) {
            continue;
        }
        let Ok(name) = known.name() else { continue };
        let name = name.split('@').next().unwrap_or(name);
        if name == wanted {
            return Ok(());
        }
        near.push((strsim::osa_distance(name, wanted), name.to_owned()));
    }
    near.retain(|(distance, _)| *distance <= (wanted.len() / 3).max(1));
    near.sort_unstable();
    near.dedup();
    let near: Vec<String> = near.into_iter().take(PROPOSED).map(|(_, name)| name).collect();
    let instead = if near.is_empty() {
        " (it may be stripped)".to_owned()
    } else {
        format!("; there is {}", near.join(", "))
    };
    Err(UserProgramError::NoSymbol { path: path.to_owned(), symbol: symbol.to_owned(), instead })
}

/// Where in the file an address of its program headers is.
///
/// # Errors
/// When nothing is loaded there.
pub(super) fn file_offset(path: &Path, address: u64) -> Result<u64, UserProgramError> {
    let bytes = read(path)?;
    let file = parse(path, &bytes)?;
    let found = file.segments().find_map(|segment| {
        let (offset, size) = segment.file_range();
        let into = address.checked_sub(segment.address()).filter(|into| *into < size)?;
        Some(offset + into)
    });
    found.ok_or_else(|| UserProgramError::NoAddress { path: path.to_owned(), address })
}

fn read(path: &Path) -> Result<Vec<u8>, UserProgramError> {
    std::fs::read(path).map_err(|source| UserProgramError::Read { path: path.to_owned(), source })
}

fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<object::File<'a>, UserProgramError> {
    object::File::parse(bytes).map_err(|source| UserProgramError::Elf { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> PathBuf {
        std::env::current_exe().unwrap()
    }

    #[test]
    fn a_function_of_this_program_is_found_and_a_mistyped_one_gets_a_proposal() {
        check_symbol(&own(), "main").unwrap();
        let error = check_symbol(&own(), "mian").unwrap_err().to_string();
        assert!(error.contains("no function `mian`") && error.contains("main"), "{error}");
    }

    #[test]
    fn an_address_becomes_the_place_in_the_file_where_its_bytes_are() {
        let bytes = std::fs::read(own()).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let main = file.symbols().find(|symbol| symbol.name() == Ok("main")).unwrap();
        let offset = file_offset(&own(), main.address()).unwrap();
        let section = file.section_by_index(main.section_index().unwrap()).unwrap();
        use object::ObjectSection;
        let (start, _) = section.file_range().unwrap();
        assert_eq!(offset, start + (main.address() - section.address()));
    }

    #[test]
    fn an_address_outside_of_the_file_and_a_file_that_is_no_program_are_errors() {
        assert!(matches!(file_offset(&own(), u64::MAX), Err(UserProgramError::NoAddress { .. })));
        let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(matches!(check_symbol(&text, "main"), Err(UserProgramError::Elf { .. })));
        assert!(matches!(check_symbol(Path::new("/nowhere"), "main"), Err(UserProgramError::Read { .. })));
    }
}
