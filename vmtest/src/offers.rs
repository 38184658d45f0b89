//! Which file systems a kernel has, built in or as modules: read from its own configuration, pure.

use std::collections::{BTreeMap, BTreeSet};

use quell_scenarios::scenario::FileSystem;

/// An option, and the module that it makes when it is not built in.
type Need = (&'static str, &'static str);

/// What disks in a guest's own memory take. Built in, they would have the size that the kernel was built with.
const RAM_DISK: Need = ("CONFIG_BLK_DEV_RAM", "brd");

const NVME: Need = ("CONFIG_BLK_DEV_NVME", "nvme");

/// What each file system takes. Those that are not here take nothing.
const NEEDS: &[(FileSystem, &[Need])] = &[
    (FileSystem::Tmpfs, &[("CONFIG_TMPFS", "")]),
    (FileSystem::Procfs, &[("CONFIG_PROC_FS", "")]),
    (FileSystem::Ext4, &[NVME, ("CONFIG_EXT4_FS", "ext4")]),
    (FileSystem::Xfs, &[NVME, ("CONFIG_XFS_FS", "xfs")]),
    (FileSystem::Btrfs, &[NVME, ("CONFIG_BTRFS_FS", "btrfs")]),
    // A guest has nobody whom the kernel could ask for the tables of characters that a mount takes.
    (
        FileSystem::Vfat,
        &[
            NVME,
            ("CONFIG_VFAT_FS", "vfat"),
            ("CONFIG_NLS_CODEPAGE_437", "nls_cp437"),
            ("CONFIG_NLS_ASCII", "nls_ascii"),
        ],
    ),
    (FileSystem::Overlay, &[("CONFIG_OVERLAY_FS", "overlay")]),
];

/// The file systems of one kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    lacks: BTreeMap<FileSystem, String>,
    modules: BTreeMap<FileSystem, Vec<&'static str>>,
    ram_disk: bool,
}

impl Offers {
    /// From the text of its configuration file, and whether its modules can be had.
    #[must_use]
    pub fn of_config(config: &str, has_modules: bool) -> Self {
        let value = |option: &str| {
            let of = |line: &str| line.trim_end().strip_prefix(option)?.strip_prefix('=').map(str::to_owned);
            config.lines().find_map(of)
        };
        let ram_disk = has_modules && value(RAM_DISK.0).as_deref() == Some("m");
        let mut offers = Self { ram_disk, ..Self::default() };
        for (file_system, needs) in NEEDS {
            for (option, module) in *needs {
                match value(option).as_deref() {
                    Some("y") => {}
                    Some("m") if has_modules => {
                        offers.modules.entry(*file_system).or_default().push(module);
                    }
                    Some("m") => offers
                        .lack(*file_system, format!("{option} is a module, and its modules can't be had")),
                    _ => offers.lack(*file_system, format!("{option} is not set")),
                }
            }
        }
        offers
    }

    /// Of a kernel whose configuration is not known: what the lab boots without modules is taken for built in, as in every cloud
    /// flavour, and a guest that can't mount it says so. The others can't be had.
    #[must_use]
    pub fn unknown() -> Self {
        let mut offers = Self::default();
        for file_system in [FileSystem::Xfs, FileSystem::Btrfs, FileSystem::Vfat, FileSystem::Overlay] {
            offers.lack(file_system, "neither its configuration nor its modules can be had".to_owned());
        }
        offers
    }

    fn lack(&mut self, file_system: FileSystem, why: String) {
        self.lacks.entry(file_system).or_insert(why);
    }

    /// File systems that can't be had, each with its reason.
    #[must_use]
    pub fn lacks(&self) -> &BTreeMap<FileSystem, String> {
        &self.lacks
    }

    /// Whether it is there without any module.
    #[must_use]
    pub fn has_built_in(&self, file_system: FileSystem) -> bool {
        !self.lacks.contains_key(&file_system) && !self.modules.contains_key(&file_system)
    }

    /// The module that makes disks of a guest's own memory, if it can be had.
    #[must_use]
    pub fn ram_disk(&self) -> Option<&'static str> {
        self.ram_disk.then_some(RAM_DISK.1)
    }

    /// The modules that these file systems take, each once, in an order that does not depend on who asks.
    #[must_use]
    pub fn modules(&self, file_systems: &BTreeSet<FileSystem>) -> Vec<&'static str> {
        let mut names = Vec::new();
        for file_system in file_systems {
            for name in self.modules.get(file_system).into_iter().flatten() {
                if !names.contains(name) {
                    names.push(*name);
                }
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERIC: &str = "CONFIG_TMPFS=y\nCONFIG_PROC_FS=y\nCONFIG_BLK_DEV_NVME=m\nCONFIG_EXT4_FS=m\n\
                           CONFIG_XFS_FS=m\n# CONFIG_BTRFS_FS is not set\nCONFIG_OVERLAY_FS=y\nCONFIG_OVERLAY_FS_X=m\n";

    #[test]
    fn modules_are_named_once_for_all_file_systems_that_take_them() {
        let offers = Offers::of_config(GENERIC, true);
        let asked =
            BTreeSet::from([FileSystem::Xfs, FileSystem::Ext4, FileSystem::Tmpfs, FileSystem::Overlay]);
        assert_eq!(offers.modules(&asked), ["nvme", "ext4", "xfs"]);
        assert!(offers.has_built_in(FileSystem::Overlay) && !offers.has_built_in(FileSystem::Ext4));
    }

    #[test]
    fn what_is_not_set_is_lacking_whatever_modules_there_are() {
        let offers = Offers::of_config(GENERIC, true);
        assert_eq!(offers.lacks()[&FileSystem::Btrfs], "CONFIG_BTRFS_FS is not set");
        assert_eq!(offers.lacks()[&FileSystem::Vfat], "CONFIG_VFAT_FS is not set");
        assert!(!offers.lacks().contains_key(&FileSystem::Xfs));
    }

    #[test]
    fn a_module_that_cannot_be_had_is_lacking() {
        let offers = Offers::of_config(GENERIC, false);
        assert!(offers.lacks()[&FileSystem::Xfs].contains("CONFIG_BLK_DEV_NVME is a module"), "{offers:?}");
        assert_eq!(offers.modules(&BTreeSet::from([FileSystem::Tmpfs])), Vec::<&str>::new());
    }

    #[test]
    fn disks_in_memory_take_a_module() {
        let of = |config, modules| Offers::of_config(config, modules).ram_disk();
        assert_eq!(of("CONFIG_BLK_DEV_RAM=m\n", true), Some("brd"));
        assert_eq!(of("CONFIG_BLK_DEV_RAM=m\n", false), None);
        assert_eq!(of("CONFIG_BLK_DEV_RAM=y\n", true), None);
        assert_eq!(of(GENERIC, true), None);
    }

    #[test]
    fn a_kernel_of_unknown_configuration_is_tried_with_what_needs_no_module() {
        let offers = Offers::unknown();
        assert!(offers.has_built_in(FileSystem::Ext4) && offers.has_built_in(FileSystem::Tmpfs));
        assert!(offers.lacks().contains_key(&FileSystem::Btrfs));
    }
}
