//! Modules out of a kernel's own package: decompressed, in the order in which they have to be loaded, kept in the cache.
//!
//! Debian's packages hold no `modules.dep`, which is made when they are installed, so that the order comes from what each module
//! says of itself: `depends` names modules, `softdep` names what it will look for while it starts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use duct::cmd;
use object::{Object, ObjectSection};
use serde::{Deserialize, Serialize};

use crate::digest::{self, DigestError};

/// The list of a set of modules in the cache, beside their files.
const LIST: &str = "list.toml";
/// Where modules lie whose services others look for by another name than theirs, such as `crc32c`. Those for one processor only
/// are left out: they refuse to start on any other.
const SERVICES: [&str; 2] = ["/kernel/crypto/", "/kernel/lib/"];

/// A module, ready to be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// As the kernel calls it, with underscores.
    pub name: String,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The decompressed file.
    #[serde(skip)]
    pub file: PathBuf,
}

/// Why modules can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
    /// The kernel has none to give.
    #[error("no package with the modules of kernel {id} is in the cache")]
    NoPackage {
        /// The kernel.
        id: String,
    },
    /// A program is missing.
    #[error("failed to run {program}: {source}; `ci/install.sh` installs it")]
    Run {
        /// The program.
        program: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The package or a module can't be unpacked.
    #[error("failed to unpack {}: {message}", .path.display())]
    Unpack {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A module that is needed is not in the package.
    #[error("kernel {id} has no module {name}, which {by} needs")]
    Missing {
        /// The kernel.
        id: String,
        /// The module.
        name: String,
        /// Who asked for it.
        by: String,
    },
    /// The file is no module.
    #[error("{} is no module: {message}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file could not be handled.
    #[error("failed to {action} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file could not be read for its digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The list can't be put into its format; a mistake of this crate.
    #[error("failed to encode the list of modules: {0}")]
    Encode(#[from] toml::ser::Error),
}

/// What is kept of a set.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    module: Vec<Module>,
}

/// The set in `dir`, if it is there and whole.
pub(crate) fn cached(dir: &Path) -> Option<Vec<Module>> {
    let list: List = toml::from_str(&std::fs::read_to_string(dir.join(LIST)).ok()?).ok()?;
    let whole = |(at, module): (usize, Module)| {
        let file = dir.join(file_name(at, &module.name));
        let (sha256, _) = digest::of_file(&file).ok()?;
        (sha256 == module.sha256).then_some(Module { file, ..module })
    };
    list.module.into_iter().enumerate().map(whole).collect()
}

/// The name of a set of a kernel's modules in the cache.
pub(crate) fn set_name(kernel_sha256: &str, wanted: &[&str]) -> String {
    digest::of_text(&format!("{kernel_sha256} {}", wanted.join(" ")))
}

/// Takes the wanted modules and all that they need out of `deb` into `into`, working in `scratch`.
pub(crate) fn extract(
    id: &str,
    deb: &Path,
    wanted: &[&str],
    scratch: &Path,
    into: &Path,
) -> Result<Vec<Module>, ModulesError> {
    let tree = scratch.join("tree");
    for dir in [&tree, into] {
        std::fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    }
    let unpacked = cmd!("dpkg-deb", "--extract", deb, &tree).stderr_capture().unchecked().run();
    let unpacked = unpacked.map_err(|source| ModulesError::Run { program: "dpkg-deb", source })?;
    if !unpacked.status.success() {
        let message = String::from_utf8_lossy(&unpacked.stderr).trim().to_owned();
        return Err(ModulesError::Unpack { path: deb.to_owned(), message });
    }
    let mut packed = BTreeMap::new();
    find(&tree, &mut packed)?;
    let mut order = Order { id, packed: &packed, scratch, done: Vec::new(), services: None };
    for name in wanted {
        order.add(name, "the lab")?;
    }
    let mut modules = Vec::new();
    for (at, (name, unpacked)) in order.done.into_iter().enumerate() {
        let file = into.join(file_name(at, &name));
        std::fs::rename(&unpacked, &file).map_err(io_error("move", &unpacked))?;
        let (sha256, size_bytes) = digest::of_file(&file)?;
        modules.push(Module { name, size_bytes, sha256, file });
    }
    std::fs::remove_dir_all(&tree).map_err(io_error("remove", &tree))?;
    let path = into.join(LIST);
    std::fs::write(&path, toml::to_string(&List { module: modules.clone() })?)
        .map_err(io_error("write", &path))?;
    Ok(modules)
}

fn file_name(at: usize, name: &str) -> String {
    format!("{at:03}-{name}.ko")
}

/// A module's name in the kernel, from the name of its file; none of a file that is no module.
fn module_name(file: &str) -> Option<String> {
    let (stem, rest) = file.split_once(".ko")?;
    matches!(rest, "" | ".xz" | ".zst").then(|| stem.replace('-', "_"))
}

fn find(dir: &Path, packed: &mut BTreeMap<String, PathBuf>) -> Result<(), ModulesError> {
    for entry in std::fs::read_dir(dir).map_err(io_error("list", dir))? {
        let entry = entry.map_err(io_error("list", dir))?;
        let kind = entry.file_type().map_err(io_error("look at", dir))?;
        if kind.is_dir() {
            find(&entry.path(), packed)?;
        } else if let Some(name) = module_name(&entry.file_name().to_string_lossy()) {
            packed.insert(name, entry.path());
        }
    }
    Ok(())
}

/// Modules in the order of loading, each behind those that it needs.
struct Order<'a> {
    id: &'a str,
    packed: &'a BTreeMap<String, PathBuf>,
    scratch: &'a Path,
    done: Vec<(String, PathBuf)>,
    /// What the modules of [`SERVICES`] call themselves besides.
    services: Option<Vec<(String, String)>>,
}

impl Order<'_> {
    fn add(&mut self, name: &str, by: &str) -> Result<(), ModulesError> {
        let name = name.replace('-', "_");
        if self.done.iter().any(|(done, _)| *done == name) {
            return Ok(());
        }
        let Some(packed) = self.packed.get(&name) else {
            return Err(ModulesError::Missing { id: self.id.to_owned(), name, by: by.to_owned() });
        };
        let file = unpack(packed, &self.scratch.join(format!("{name}.ko")))?;
        let info = read_info(&file)?;
        for needed in &info.depends {
            self.add(needed, &name)?;
        }
        for service in &info.looks_for {
            for provider in self.providers(service)? {
                self.add(&provider, &name)?;
            }
        }
        self.done.push((name, file));
        Ok(())
    }

    /// The modules that offer a service; none when it is built in, or not offered at all.
    fn providers(&mut self, service: &str) -> Result<Vec<String>, ModulesError> {
        let name = service.replace('-', "_");
        if self.packed.contains_key(&name) {
            return Ok(vec![name]);
        }
        if self.services.is_none() {
            let mut services = Vec::new();
            for (name, packed) in self.packed {
                if SERVICES.iter().any(|folder| packed.to_string_lossy().contains(folder)) {
                    let file = unpack(packed, &self.scratch.join("service.ko"))?;
                    let aliases = read_info(&file)?.aliases;
                    services.extend(aliases.into_iter().map(|alias| (alias, name.clone())));
                }
            }
            self.services = Some(services);
        }
        let all = self.services.iter().flatten();
        Ok(all.filter(|(alias, _)| alias == service).map(|(_, name)| name.clone()).collect())
    }
}

/// Decompresses a module into `to`.
fn unpack(packed: &Path, to: &Path) -> Result<PathBuf, ModulesError> {
    let bytes = || std::fs::read(packed).map_err(io_error("read", packed));
    let bad = |message: String| ModulesError::Unpack { path: packed.to_owned(), message };
    match packed.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => {
            let out = File::create(to).map_err(io_error("create", to))?;
            let run = cmd!("xz", "--decompress", "--stdout", packed).stdout_file(out).stderr_capture();
            let run = run.unchecked().run().map_err(|source| ModulesError::Run { program: "xz", source })?;
            if !run.status.success() {
                return Err(bad(String::from_utf8_lossy(&run.stderr).trim().to_owned()));
            }
        }
        Some("zst") => {
            let bytes = bytes()?;
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(bytes.as_slice())
                .map_err(|error| bad(error.to_string()))?;
            let mut out = File::create(to).map_err(io_error("create", to))?;
            io::copy(&mut decoder, &mut out).map_err(|error| bad(error.to_string()))?;
        }
        _ => std::fs::write(to, bytes()?).map_err(io_error("write", to))?,
    }
    Ok(to.to_owned())
}

/// What a module says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Info {
    depends: Vec<String>,
    looks_for: Vec<String>,
    aliases: Vec<String>,
}

fn read_info(file: &Path) -> Result<Info, ModulesError> {
    let bytes = std::fs::read(file).map_err(io_error("read", file))?;
    let malformed = |message: String| ModulesError::Malformed { path: file.to_owned(), message };
    let elf = object::File::parse(bytes.as_slice()).map_err(|error| malformed(error.to_string()))?;
    let section =
        elf.section_by_name(".modinfo").ok_or_else(|| malformed("it has no .modinfo".to_owned()))?;
    Ok(info(section.data().map_err(|error| malformed(error.to_string()))?))
}

/// `key=value` texts, each ended by NUL bytes.
fn info(section: &[u8]) -> Info {
    let mut info = Info::default();
    for text in section.split(|byte| *byte == 0) {
        let text = String::from_utf8_lossy(text);
        match text.split_once('=') {
            Some(("depends", names)) => {
                info.depends.extend(names.split(',').filter(|name| !name.is_empty()).map(str::to_owned));
            }
            Some(("softdep", words)) => {
                let before = words.split_whitespace().skip_while(|word| *word != "pre:").skip(1);
                info.looks_for.extend(before.take_while(|word| *word != "post:").map(str::to_owned));
            }
            Some(("alias", alias)) => info.aliases.push(alias.to_owned()),
            _ => {}
        }
    }
    info
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ModulesError + use<> {
    let path = path.to_owned();
    move |source| ModulesError::Io { action, path, source }
}

#[cfg(test)]
#[path = "modules_tests.rs"]
mod tests;
