//! Which shared libraries a program loads, asked of its own loader: that is who decides at the start, by rules (run paths, cache,
//! environment) that nobody else applies in full. The loader only lists; no code of the program runs.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use thiserror::Error;

/// Why the libraries of a file can't be had.
#[derive(Debug, Error)]
pub enum LibrariesError {
    /// The loader can't be asked.
    #[error("failed to ask {loader}, the loader of {file}: {source}; is the program made for this system?")]
    Ask {
        /// The loader.
        loader: PathBuf,
        /// The program or library.
        file: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It does not find one.
    #[error(
        "{file} needs the shared library {library}, which its loader does not find on this system; install it, or \
         say where it is in LD_LIBRARY_PATH"
    )]
    Missing {
        /// The program or library.
        file: PathBuf,
        /// The name of what is missing.
        library: String,
    },
    /// The loader takes the file for none of its own.
    #[error("{loader} does not load {file}: {said}")]
    Refused {
        /// The loader.
        loader: PathBuf,
        /// The program or library.
        file: PathBuf,
        /// What the loader said.
        said: String,
    },
}

/// Asks `loader` for the libraries of `file`, the libraries of these among them.
///
/// # Errors
/// One is missing, or the loader can't be asked.
pub fn of(loader: &Path, file: &Path, library_path: Option<&str>) -> Result<Vec<PathBuf>, LibrariesError> {
    let mut command = Command::new(loader);
    command.arg("--list").arg(file).env_clear();
    if let Some(folders) = library_path {
        command.env("LD_LIBRARY_PATH", folders);
    }
    let output = command.output().map_err(|source| LibrariesError::Ask {
        loader: loader.to_owned(),
        file: file.to_owned(),
        source,
    })?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    match read(&said, &errors) {
        Listed::Missing(library) => Err(LibrariesError::Missing { file: file.to_owned(), library }),
        Listed::Libraries(paths) if output.status.success() => Ok(with_plain(paths)),
        Listed::Libraries(_) => {
            let said = errors.lines().chain(said.lines()).next().unwrap_or("it gives no reason").to_owned();
            Err(LibrariesError::Refused { loader: loader.to_owned(), file: file.to_owned(), said })
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Listed {
    Libraries(Vec<PathBuf>),
    Missing(String),
}

/// Reads what a loader lists: `NAME => PATH (ADDRESS)` or `PATH (ADDRESS)`, one per line; what the kernel itself provides has no path.
fn read(said: &str, errors: &str) -> Listed {
    let mut paths = Vec::new();
    for line in said.lines().map(str::trim) {
        let (name, path) = line.split_once(" => ").unwrap_or(("", line));
        if path == "not found" {
            return Listed::Missing(name.to_owned());
        }
        let path = path.rsplit_once(" (0x").map_or(path, |(path, _)| path);
        if path.starts_with('/') {
            paths.push(PathBuf::from(path));
        }
    }
    // As musl's loader says it.
    let missing = errors.lines().find_map(|line| line.strip_prefix("Error loading shared library "));
    match missing.and_then(|rest| rest.split_once(':')) {
        Some((name, _)) => Listed::Missing(name.to_owned()),
        None => Listed::Libraries(paths),
    }
}

/// A library for newer processors only has a plain one beside it, which an emulated processor takes.
fn with_plain(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let plain = |path: &PathBuf| {
        let text = path.to_str()?;
        let (folder, rest) = text.split_once("/glibc-hwcaps/")?;
        Some(Path::new(folder).join(rest.split_once('/')?.1)).filter(|path| path.exists())
    };
    let plain: Vec<PathBuf> = paths.iter().filter_map(plain).collect();
    paths.into_iter().chain(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::elf::{Needs, needs};

    #[test]
    fn what_glibc_lists_is_read() {
        let said = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let paths = ["/lib/x86_64-linux-gnu/libelf.so.1", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(read(said, ""), Listed::Libraries(paths.map(PathBuf::from).to_vec()));
    }

    #[test]
    fn a_path_with_spaces_and_brackets_is_read() {
        let said = "\tliba.so => /opt/a (b)/liba.so (0x00007f)\n";
        assert_eq!(read(said, ""), Listed::Libraries(vec!["/opt/a (b)/liba.so".into()]));
    }

    #[test]
    fn a_missing_library_is_named_whoever_says_so() {
        let missing = Listed::Missing("libfoo.so.1".to_owned());
        assert_eq!(read("\tlibfoo.so.1 => not found\n", ""), missing);
        let musl = "Error loading shared library libfoo.so.1: No such file or directory (needed by ./a)\n";
        assert_eq!(read("\t/lib/ld-musl-x86_64.so.1 (0x7f)\n", musl), missing);
    }

    #[test]
    fn the_libraries_of_a_shell_are_files_of_this_machine() {
        let shell = Path::new("/bin/sh");
        let Needs::Loader(loader) = needs(shell).unwrap() else { panic!("/bin/sh is static") };
        let paths = of(&loader, shell, None).unwrap();
        assert!(paths.iter().any(|path| path.to_string_lossy().contains("libc.")), "{paths:?}");
        assert!(paths.iter().all(|path| path.is_file()), "{paths:?}");
    }

    #[test]
    fn a_loader_that_is_not_there_is_named() {
        let error = of(Path::new("/lib/ld-none.so.1"), Path::new("/bin/sh"), None).unwrap_err().to_string();
        assert!(error.contains("/lib/ld-none.so.1") && error.contains("/bin/sh"), "{error}");
    }
}
