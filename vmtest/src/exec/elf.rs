//! What a file needs before it can run: a loader and libraries, an interpreter, or nothing.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use object::{
    Endianness, ReadCache,
    elf::{DT_NEEDED, FileHeader64},
    read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _},
};
use thiserror::Error;

/// The longest first line of a script that the kernel reads.
const SHEBANG_BYTES: u64 = 256;

/// Why a file's needs can't be told.
#[derive(Debug, Error)]
pub enum NeedsError {
    /// It can't be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It begins like an ELF file and is none that this machine runs.
    #[error("failed to read {path} as a 64-bit ELF file: {source}")]
    Elf {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: object::Error,
    },
}

/// What a file needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: a static program, or a file that is no program.
    Nothing,
    /// This loader, and what that finds.
    Loader(PathBuf),
    /// Libraries, found by the loader of whoever loads it: a plugin.
    Libraries,
    /// These words of its first line: an interpreter, and what that is told.
    Interpreter(Vec<String>),
}

/// Reads what `path` needs.
///
/// # Errors
/// It can't be read, or is a broken ELF file.
pub fn needs(path: &Path) -> Result<Needs, NeedsError> {
    let read = |source| NeedsError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(read)?;
    let mut start = Vec::new();
    file.by_ref().take(SHEBANG_BYTES).read_to_end(&mut start).map_err(read)?;
    if let Some(words) = shebang(&start) {
        return Ok(Needs::Interpreter(words));
    }
    // Of another width or byte order: nothing that a guest runs, so it is only carried.
    if !start.starts_with(b"\x7fELF\x02\x01") {
        return Ok(Needs::Nothing);
    }
    file.seek(SeekFrom::Start(0)).map_err(read)?;
    of_elf(file).map_err(|source| NeedsError::Elf { path: path.to_owned(), source })
}

fn of_elf(file: File) -> object::Result<Needs> {
    let data = ReadCache::new(file);
    let header = FileHeader64::<Endianness>::parse(&data)?;
    let endian = header.endian()?;
    let mut has_libraries = false;
    for segment in header.program_headers(endian, &data)? {
        if let Some(interpreter) = segment.interpreter(endian, &data)? {
            return Ok(Needs::Loader(PathBuf::from(String::from_utf8_lossy(interpreter).into_owned())));
        }
        if let Some(entries) = segment.dynamic(endian, &data)? {
            has_libraries |= entries.iter().any(|entry| entry.tag(endian) == DT_NEEDED);
        }
    }
    Ok(if has_libraries { Needs::Libraries } else { Needs::Nothing })
}

/// The interpreter of a script and its one argument, as the kernel splits them.
fn shebang(start: &[u8]) -> Option<Vec<String>> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let mut words = line.trim().splitn(2, [' ', '\t']);
    let interpreter = words.next().filter(|word| !word.is_empty())?.to_owned();
    let argument = words.next().map(|word| word.trim().to_owned());
    Some([interpreter].into_iter().chain(argument).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("#!/bin/sh\necho", Some(vec!["/bin/sh"]))]
    #[case("#! /usr/bin/env  python3 -u\n", Some(vec!["/usr/bin/env", "python3 -u"]))]
    #[case("#!/bin/sh", Some(vec!["/bin/sh"]))]
    #[case("#!\n", None)]
    #[case("echo", None)]
    fn the_first_line_of_a_script_is_split_as_the_kernel_does(
        #[case] text: &str,
        #[case] words: Option<Vec<&str>>,
    ) {
        let words = words.map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(shebang(text.as_bytes()), words);
    }

    #[test]
    fn a_dynamic_program_of_this_machine_names_its_loader() {
        let Needs::Loader(loader) = needs(Path::new("/bin/sh")).unwrap() else {
            panic!("/bin/sh has no loader");
        };
        assert!(loader.is_file(), "{}", loader.display());
    }

    #[test]
    fn data_needs_nothing_and_a_cut_elf_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "data").unwrap();
        assert_eq!(needs(&file).unwrap(), Needs::Nothing);
        fs::write(&file, b"\x7fELF\x02\x01cut").unwrap();
        let error = needs(&file).unwrap_err().to_string();
        assert!(error.contains(&file.display().to_string()), "{error}");
    }
}
