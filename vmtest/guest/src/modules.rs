//! Modules that the host put beside the common root file system: loaded before anything is mounted, in the order of their names.

use std::{ffi::CStr, fs, fs::File, path::Path};

use anyhow::Context as _;
use nix::{
    errno::Errno,
    kmod::{ModuleInitFlags, finit_module},
};

const FOLDER: &str = "/lab/modules";
const NO_PARAMETERS: &CStr = c"";
/// One disk, as large as the largest file system that the lab puts on one, in KiB; what is not written takes no memory.
const RAM_DISK: (&str, &CStr) = ("brd.ko", c"rd_nr=1 rd_size=65536");

/// Loads them all and removes their files, whose memory a guest has better uses for.
pub(crate) fn load() -> anyhow::Result<()> {
    let folder = Path::new(FOLDER);
    if !folder.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("failed to list {FOLDER}"))?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(|| format!("failed to list {FOLDER}"))?;
    files.sort();
    for path in files {
        let file = File::open(&path).with_context(|| format!("failed to open {}", path.display()))?;
        match finit_module(&file, parameters(&path), ModuleInitFlags::empty()) {
            // Built in, though its configuration calls it a module: it is there.
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("failed to load the module {}", path.display()));
            }
        }
        drop(file);
        fs::remove_file(&path).with_context(|| format!("failed to remove {}", path.display()))?;
    }
    Ok(())
}

/// Files are called by their order and their module: `003-brd.ko`.
fn parameters(path: &Path) -> &'static CStr {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let module = name.split_once('-').map_or(&*name, |(_, module)| module);
    if module == RAM_DISK.0 { RAM_DISK.1 } else { NO_PARAMETERS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_module_of_ram_disks_has_parameters() {
        assert_eq!(parameters(Path::new("/lab/modules/003-brd.ko")), RAM_DISK.1);
        for other in ["/lab/modules/000-nvme.ko", "/lab/modules/001-brd-not.ko", "/lab/modules/brd"] {
            assert_eq!(parameters(Path::new(other)), NO_PARAMETERS, "{other}");
        }
    }
}
