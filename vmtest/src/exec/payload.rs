//! Everything that a program takes along into a guest: itself, what the user names, and what these need to run.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Component, Path, PathBuf},
};

use globset::GlobBuilder;
use thiserror::Error;
use walkdir::WalkDir;

use super::{
    elf::{self, Needs, NeedsError},
    layout::{Layout, LayoutError},
    libraries::{self, LibrariesError},
};

/// Who loads a library that no program of the payload has a loader for.
const USUAL_LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
/// Where loaders of glibc look libraries up.
const LOADER_CACHE: &str = "/etc/ld.so.cache";
/// Folders of a package that are large and belong to its tools.
const LEFT_OUT: &[&str] = &["target", ".git"];

/// Files of the lab's own, where the user has none: what the C library reads about users and names.
const TEXTS: &[(&str, &str)] = &[
    ("/etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1 localhost guest\n::1 localhost\n"),
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
];

/// Why a payload can't be put together. All of it is found before anything boots.
#[derive(Debug, Error)]
pub enum PayloadError {
    /// There is no such program.
    #[error("there is no program {0}: it is neither a path of an executable file nor in PATH")]
    NoProgram(String),
    /// A pattern of files can't be read.
    #[error("`{pattern}` is no pattern of files: {source}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The reason.
        source: globset::Error,
    },
    /// A pattern names nothing, which is never meant.
    #[error("`{0}` names no file")]
    NoMatch(String),
    /// A pattern and one place.
    #[error("`{0}` is a pattern, and several files can't go to one place")]
    PatternWithPlace(String),
    /// A folder can't be walked.
    #[error("failed to walk a folder: {0}")]
    Walk(#[from] walkdir::Error),
    /// The folder to work in can't be told.
    #[error("failed to find the current folder: {0}")]
    Here(io::Error),
    /// Something can't be placed.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A file's needs can't be told.
    #[error(transparent)]
    Needs(#[from] NeedsError),
    /// A library can't be had.
    #[error(transparent)]
    Libraries(#[from] LibrariesError),
    /// The interpreter of a script is not there.
    #[error("the script {script} wants {interpreter}, which is not there")]
    NoInterpreter {
        /// The script.
        script: PathBuf,
        /// What its first line names.
        interpreter: String,
    },
}

/// Something to take along: `FILE`, a pattern of files, or `FILE:GUEST_PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// As the user wrote it.
    pub from: String,
    /// Where it goes; by default where it is.
    pub to: Option<PathBuf>,
}

impl Copied {
    /// Reads what follows `--copy`. A place begins with a slash, so that other colons belong to the file's name.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text.rsplit_once(':') {
            Some((from, to)) if to.starts_with('/') && !from.is_empty() => {
                Self { from: from.to_owned(), to: Some(to.into()) }
            }
            _ => Self { from: text.to_owned(), to: None },
        }
    }
}

/// What is to be run, and with what.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The program, as [`find_program`] finds it.
    pub program: PathBuf,
    /// More programs that the user may call by name; one that can't go along is remarked.
    pub tools: Vec<PathBuf>,
    /// What else goes along.
    pub copies: Vec<Copied>,
    /// Where the program starts, as an absolute path.
    pub directory: PathBuf,
    /// Whether that goes along with all that is in it.
    pub with_directory: bool,
    /// `LD_LIBRARY_PATH` of the program.
    pub library_path: Option<String>,
}

/// What goes along, and what was left out of it.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    /// Where everything lies.
    pub layout: Layout,
    /// Tools, and files of copied folders, that will not run in the guest, each with the reason.
    pub remarks: Vec<String>,
}

/// Finds a program as a shell does: by its path, or by name in the folders of `search`.
///
/// # Errors
/// There is none.
pub fn find_program(name: &str, here: &Path, search: &str) -> Result<PathBuf, PayloadError> {
    let found = if name.contains('/') {
        Some(absolute(here, Path::new(name))).filter(|path| is_executable(path))
    } else {
        let folders = search.split(':').filter(|folder| !folder.is_empty());
        folders.map(|folder| absolute(here, &Path::new(folder).join(name))).find(|path| is_executable(path))
    };
    found.ok_or_else(|| PayloadError::NoProgram(name.to_owned()))
}

/// Puts a payload together.
///
/// # Errors
/// Something that the user named is not there, or something that it needs.
pub fn collect(wanted: &Wanted, here: &Path, search: &str) -> Result<Payload, PayloadError> {
    let mut collector = Collector {
        payload: Payload::default(),
        seen: BTreeSet::new(),
        loader: None,
        library_path: wanted.library_path.as_deref(),
        here,
        search,
    };
    collector.add(&wanted.program)?;
    for tool in &wanted.tools {
        if let Err(error) = collector.add(tool) {
            collector.payload.remarks.push(error.to_string());
        }
    }
    if wanted.directory.is_dir() {
        collector.payload.layout.place(&wanted.directory)?;
    }
    if wanted.with_directory {
        collector.folder(&wanted.directory, LEFT_OUT)?;
    }
    for copied in wanted.copies.iter().filter(|copied| copied.to.is_none()) {
        collector.copy(&copied.from)?;
    }
    // Last, when all links are known.
    for copied in &wanted.copies {
        if let Some(to) = &copied.to {
            collector.copy_to(&copied.from, to)?;
        }
    }
    if collector.loader.is_some() && Path::new(LOADER_CACHE).exists() {
        collector.payload.layout.place(Path::new(LOADER_CACHE))?;
    }
    for (path, text) in TEXTS {
        collector.payload.layout.place_text(Path::new(path), text)?;
    }
    Ok(collector.payload)
}

struct Collector<'a> {
    payload: Payload,
    /// Files whose needs were looked at.
    seen: BTreeSet<PathBuf>,
    /// Of the first program that has one.
    loader: Option<PathBuf>,
    library_path: Option<&'a str>,
    here: &'a Path,
    search: &'a str,
}

impl Collector<'_> {
    /// One file with what it needs, at the place where it is.
    fn add(&mut self, path: &Path) -> Result<(), PayloadError> {
        let real = self.payload.layout.place(path)?;
        if real.is_file() { self.needs(&real) } else { Ok(()) }
    }

    fn needs(&mut self, file: &Path) -> Result<(), PayloadError> {
        if !self.seen.insert(file.to_owned()) {
            return Ok(());
        }
        match elf::needs(file)? {
            Needs::Nothing => Ok(()),
            Needs::Loader(loader) => {
                let libraries = libraries::of(&loader, file, self.library_path)?;
                self.payload.layout.place(&loader)?;
                self.loader.get_or_insert(loader);
                self.libraries(libraries)
            }
            Needs::Libraries => {
                let loader = self.loader.clone().unwrap_or_else(|| USUAL_LOADER.into());
                let libraries = libraries::of(&loader, file, self.library_path)?;
                self.libraries(libraries)
            }
            // Without the permission it is only a text.
            Needs::Interpreter(words) if is_executable(file) => self.interpreter(file, &words),
            Needs::Interpreter(_) => Ok(()),
        }
    }

    /// The loader has listed what these need as well.
    fn libraries(&mut self, paths: Vec<PathBuf>) -> Result<(), PayloadError> {
        for path in paths {
            let real = self.payload.layout.place(&path)?;
            self.seen.insert(real);
        }
        Ok(())
    }

    fn interpreter(&mut self, script: &Path, words: &[String]) -> Result<(), PayloadError> {
        let missing = |interpreter: &str| PayloadError::NoInterpreter {
            script: script.to_owned(),
            interpreter: interpreter.to_owned(),
        };
        let Some(interpreter) = words.first() else { return Ok(()) };
        if !is_executable(Path::new(interpreter)) {
            return Err(missing(interpreter));
        }
        self.add(Path::new(interpreter))?;
        // `env NAME` looks for the real one, past options and assignments.
        if interpreter.ends_with("/env") {
            let told = words.iter().skip(1).flat_map(|word| word.split_whitespace());
            let name = told.into_iter().find(|word| !word.starts_with('-') && !word.contains('='));
            if let Some(name) = name {
                let path = find_program(name, self.here, self.search).map_err(|_| missing(name))?;
                self.add(&path)?;
            }
        }
        Ok(())
    }

    /// A file, a folder with all that is in it, or a pattern.
    fn copy(&mut self, from: &str) -> Result<(), PayloadError> {
        if is_pattern(from) && !absolute(self.here, Path::new(from)).exists() {
            return self.pattern(from);
        }
        let path = absolute(self.here, Path::new(from));
        if path.is_dir() { self.folder(&path, &[]) } else { self.add(&path) }
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), PayloadError> {
        let whole = absolute(self.here, Path::new(pattern));
        let read = |source| PayloadError::Pattern { pattern: pattern.to_owned(), source };
        let glob = GlobBuilder::new(&whole.to_string_lossy()).literal_separator(true).build();
        let matcher = glob.map_err(read)?.compile_matcher();
        let plain = |part: &Component<'_>| !is_pattern(&part.as_os_str().to_string_lossy());
        let base: PathBuf = whole.components().take_while(plain).collect();
        if !base.is_dir() {
            return Err(PayloadError::NoMatch(pattern.to_owned()));
        }
        let mut found = false;
        for entry in WalkDir::new(&base).sort_by_file_name() {
            let entry = entry?;
            if matcher.is_match(entry.path()) {
                found = true;
                self.add(entry.path())?;
            }
        }
        if found { Ok(()) } else { Err(PayloadError::NoMatch(pattern.to_owned())) }
    }

    /// A folder is copied as it is: a file of it that can't run in the guest may be data, so that is only remarked.
    fn folder(&mut self, folder: &Path, left_out: &[&str]) -> Result<(), PayloadError> {
        self.payload.layout.place(folder)?;
        let walk = WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(|entry| {
            entry.depth() != 1 || !left_out.iter().any(|name| entry.file_name() == *name)
        });
        for entry in walk {
            let entry = entry?;
            if let Err(error) = self.add(entry.path()) {
                self.payload.remarks.push(error.to_string());
            }
        }
        Ok(())
    }

    fn copy_to(&mut self, from: &str, to: &Path) -> Result<(), PayloadError> {
        let path = absolute(self.here, Path::new(from));
        if is_pattern(from) && !path.exists() {
            return Err(PayloadError::PatternWithPlace(from.to_owned()));
        }
        if !path.is_dir() {
            self.payload.layout.place_at(&path, to)?;
            return self.needs(&path);
        }
        for entry in WalkDir::new(&path).follow_links(true).sort_by_file_name() {
            let entry = entry?;
            let place = entry.path().strip_prefix(&path).map_or_else(|_| to.to_owned(), |rest| to.join(rest));
            self.payload.layout.place_at(entry.path(), &place)?;
            if entry.file_type().is_file()
                && let Err(error) = self.needs(entry.path())
            {
                self.payload.remarks.push(error.to_string());
            }
        }
        Ok(())
    }
}

/// An absolute path, without `.` in it.
#[must_use]
pub fn absolute(here: &Path, path: &Path) -> PathBuf {
    here.join(path).components().filter(|part| *part != Component::CurDir).collect()
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests;
