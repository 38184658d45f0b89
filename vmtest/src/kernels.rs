//! The kernels of the catalogue and of the user, as a run needs them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use quell_kernels::{Catalogue, Kernel, Progress, Store, Tier, Variant, bootable, default_cache_dir};

use crate::{
    disk,
    event::PlannedCell,
    image,
    initramfs::InitramfsError,
    matrix::{Decision, MatrixKernel},
    offers::Offers,
    run::{BootImage, RunKernel},
};
use quell_scenarios::scenario::FileSystem;

/// A column of the table: a kernel of the catalogue, or a variant of one.
#[derive(Clone, Debug)]
pub struct Column<'a> {
    /// As it is called in cells, reports and on command lines.
    pub id: String,
    /// What is booted.
    pub kernel: &'a Kernel,
    /// How it differs from the kernel itself.
    pub variant: Option<&'a Variant>,
}

/// Kernels whose id is wanted, in catalogue order. Those of the full tier only if `full`.
#[must_use]
pub fn wanted(catalogue: &Catalogue, full: bool, wants: impl Fn(&str) -> bool) -> Vec<Column<'_>> {
    let of_tier = |kernel: &&Kernel| full || kernel.tier == Tier::Gate;
    let kernels = catalogue.kernels().iter().filter(of_tier).filter(|kernel| wants(&kernel.id));
    kernels.map(|kernel| Column { id: kernel.id.clone(), kernel, variant: None }).collect()
}

/// The same, each followed by its variants that are wanted.
#[must_use]
pub fn wanted_with_variants(
    catalogue: &Catalogue,
    full: bool,
    wants: impl Fn(&str) -> bool,
) -> Vec<Column<'_>> {
    let mut columns = Vec::new();
    for kernel in catalogue.kernels() {
        let own = (full || kernel.tier == Tier::Gate).then(|| Column {
            id: kernel.id.clone(),
            kernel,
            variant: None,
        });
        let variants = catalogue.variants().iter().filter(|variant| variant.of == kernel.id);
        let variants = variants.filter(|variant| full || variant.tier == Tier::Gate).map(|variant| Column {
            id: variant.id.clone(),
            kernel,
            variant: Some(variant),
        });
        columns.extend(own.into_iter().chain(variants).filter(|column| wants(&column.id)));
    }
    columns
}

impl Column<'_> {
    /// What the matrix knows of it before anything is fetched.
    #[must_use]
    pub fn planned(&self) -> MatrixKernel {
        let scenarios = self.variant.map_or(&self.kernel.scenarios, |variant| &variant.scenarios).clone();
        MatrixKernel { id: self.id.clone(), scenarios, lacks: BTreeMap::new() }
    }
}

/// A kernel, or why it can't be had.
type Had = Result<BootImage, String>;

/// Obtains kernels, from the cache or from the machine's mirror. One that can't be had does not keep the others from
/// being booted: its cells will be broken with this reason.
///
/// # Errors
/// There is no cache directory at all.
pub fn obtain(columns: &[Column<'_>]) -> anyhow::Result<Vec<(MatrixKernel, RunKernel)>> {
    obtain_with(columns, false, quell_kernels::for_stderr().as_ref())
}

/// The same, telling `progress` how it goes; with `locked`, a kernel that is not the one of `kernels.lock` can't be had.
///
/// # Errors
/// As [`obtain`].
pub fn obtain_with(
    columns: &[Column<'_>],
    locked: bool,
    progress: &dyn Progress,
) -> anyhow::Result<Vec<(MatrixKernel, RunKernel)>> {
    let store = Store::open(default_cache_dir()?)?.locked(locked);
    let mut had: BTreeMap<&str, Had> = BTreeMap::new();
    let obtained = columns.iter().map(|column| {
        let image = had.entry(&column.kernel.id).or_insert_with(|| {
            let image = store.ensure(column.kernel, progress).map_err(|error| chain(&error))?;
            let offers = match &image.config {
                Some(path) => {
                    let config = fs::read_to_string(path)
                        .map_err(|error| format!("failed to read {}: {error}", path.display()))?;
                    Offers::of_config(&config, image.modules_deb.is_some())
                }
                None => Offers::unknown(),
            };
            let boot = BootImage {
                release: Some(image.release.clone()),
                remark: image.instead_of.as_ref().map(|pinned| stands_in(pinned, &image.package_version)),
                package: image.package_version.clone(),
                vmlinux: image.vmlinux.clone(),
                offers,
                btf: image.btf.clone(),
                packaged: Some(image),
            };
            Ok(boot)
        });
        let variant = column.variant;
        let kernel = RunKernel {
            id: column.id.clone(),
            image: image.clone(),
            file_systems: BTreeSet::new(),
            initramfs: None,
            on_ram: false,
            parameters: variant.map(|variant| variant.parameters.clone()).unwrap_or_default(),
            without: variant.map(|variant| variant.without.clone()).unwrap_or_default(),
        };
        let lacks = image.as_ref().map(|boot| boot.offers.lacks().clone()).unwrap_or_default();
        (MatrixKernel { lacks, ..column.planned() }, kernel)
    });
    Ok(obtained.collect())
}

/// Settles what the kernel's boots have to offer to its cells: their file systems, and beside the common root file system the
/// modules that these take, and with `on_ram` what it takes to have them in a guest's own memory. A kernel whose modules can't be
/// had is one that can't be had.
///
/// # Errors
/// There is no cache directory.
pub fn equip(
    kernel: &mut RunKernel,
    cells: &[PlannedCell],
    common: &Path,
    out: &Path,
    on_ram: bool,
) -> anyhow::Result<()> {
    let mine = |cell: &&PlannedCell| cell.cell.kernel == kernel.id && cell.decision == Decision::Run;
    kernel.file_systems = cells.iter().filter(mine).map(|cell| cell.cell.file_system).collect();
    let Ok(boot) = &kernel.image else { return Ok(()) };
    // Whichever cells they are: so all runs share the kernel's snapshot.
    kernel.on_ram = on_ram && boot.offers.ram_disk().is_some();
    match own_initramfs(&kernel.id, boot, &kernel.file_systems, kernel.on_ram, common, out)? {
        Ok(path) => kernel.initramfs = path,
        Err(reason) => kernel.image = Err(reason),
    }
    Ok(())
}

/// Writes the root file system of one kernel into its directory below `out`: the common one, and behind it the modules that these
/// file systems take. None when they take none. The inner error is why the modules can't be had.
///
/// # Errors
/// There is no cache directory, or a file can't be read or written.
pub fn initramfs_of(
    id: &str,
    boot: &BootImage,
    file_systems: &BTreeSet<FileSystem>,
    common: &Path,
    out: &Path,
) -> anyhow::Result<Result<Option<PathBuf>, String>> {
    own_initramfs(id, boot, file_systems, false, common, out)
}

fn own_initramfs(
    id: &str,
    boot: &BootImage,
    file_systems: &BTreeSet<FileSystem>,
    on_ram: bool,
    common: &Path,
    out: &Path,
) -> anyhow::Result<Result<Option<PathBuf>, String>> {
    let mut wanted = boot.offers.modules(file_systems);
    let mut disks = Vec::new();
    if on_ram {
        wanted.extend(boot.offers.ram_disk());
        let scratch = out.join(format!("{}.img", disk::ON_RAM));
        disks.push((disk::ON_RAM.name(), disk::image(disk::ON_RAM, &scratch)?));
    }
    let extra = match archive(boot, &wanted, &disks)? {
        Ok(Some(extra)) => extra,
        Ok(None) => return Ok(Ok(None)),
        Err(reason) => return Ok(Err(reason)),
    };
    let mut bytes = fs::read(common).with_context(|| format!("failed to read {}", common.display()))?;
    bytes.extend(extra);
    let folder = out.join(id);
    fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
    let path = folder.join("initramfs.cpio");
    fs::write(&path, bytes).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(Ok(Some(path)))
}

/// What a kernel is asked with that has ext4: a system that runs has it loaded, so that its functions are there.
///
/// # Errors
/// As [`initramfs_of`], and the modules can't be had.
pub fn with_ext4(
    id: &str,
    boot: &BootImage,
    common: &Path,
    out: &Path,
) -> anyhow::Result<(BTreeSet<FileSystem>, PathBuf)> {
    let has_it = |kind: &FileSystem| !boot.offers.lacks().contains_key(kind);
    let file_systems = [FileSystem::Ext4].into_iter().filter(has_it).collect();
    let own = initramfs_of(id, boot, &file_systems, common, out)?;
    let own = own.map_err(|reason| anyhow::anyhow!("kernel {id}: {reason}"))?;
    Ok((file_systems, own.unwrap_or_else(|| common.to_owned())))
}

/// The archive with the modules that these file systems take on this kernel, to be put behind the common root file system; none
/// when they take none. The inner error is why the modules can't be had.
///
/// # Errors
/// There is no cache directory.
pub fn modules_archive(
    boot: &BootImage,
    file_systems: &BTreeSet<FileSystem>,
) -> anyhow::Result<Result<Option<Vec<u8>>, String>> {
    archive(boot, &boot.offers.modules(file_systems), &[])
}

fn archive(
    boot: &BootImage,
    wanted: &[&str],
    disks: &[(&str, Vec<u8>)],
) -> anyhow::Result<Result<Option<Vec<u8>>, String>> {
    let Some(packaged) = boot.packaged.as_ref().filter(|_| !wanted.is_empty()) else { return Ok(Ok(None)) };
    let store = Store::open(default_cache_dir()?)?;
    let progress = quell_kernels::for_stderr();
    let archive = store
        .modules(packaged, wanted, progress.as_ref())
        .map_err(|error| chain(&error))
        .and_then(|modules| image::extra(&modules, disks).map_err(|error: InitramfsError| chain(&error)));
    Ok(archive.map(Some))
}

/// A kernel of the user's own: `image` is a bzImage or a vmlinux, `config` its configuration, without which everything that
/// the lab needs is taken for built in, `btf` its type information where it has none in itself.
///
/// # Errors
/// A file can't be read or written, or the image is no kernel that QEMU starts.
pub fn of_file(
    image: &Path,
    config: Option<&Path>,
    btf: Option<&Path>,
    out: &Path,
) -> anyhow::Result<(MatrixKernel, RunKernel)> {
    let id = id_of_file(image);
    let bytes = fs::read(image).with_context(|| format!("failed to read {}", image.display()))?;
    let kernel = bootable(bytes).with_context(|| format!("failed to use {} as a kernel", image.display()))?;
    let vmlinux = out.join(format!("{id}.vmlinux"));
    fs::write(&vmlinux, kernel).with_context(|| format!("failed to write {}", vmlinux.display()))?;
    let offers = match config {
        None => Offers::unknown(),
        Some(path) => {
            let text =
                fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
            Offers::of_config(&text, false)
        }
    };
    let lacks = offers.lacks().clone();
    let boot = BootImage {
        release: None,
        package: image.display().to_string(),
        remark: None,
        vmlinux,
        offers,
        btf: btf.map(Path::to_owned),
        packaged: None,
    };
    let kernel = RunKernel {
        id: id.clone(),
        image: Ok(boot),
        file_systems: BTreeSet::new(),
        initramfs: None,
        on_ram: false,
        parameters: Vec::new(),
        without: Vec::new(),
    };
    Ok((MatrixKernel { id, lacks, scenarios: Vec::new() }, kernel))
}

/// What the matrix knows of a kernel of the user's own before its files are read.
#[must_use]
pub fn planned_of_file(image: &Path) -> MatrixKernel {
    MatrixKernel { id: id_of_file(image), ..MatrixKernel::default() }
}

fn stands_in(pinned: &str, version: &str) -> String {
    format!("kernels.lock pins {pinned}, which can't be had any more; {version} stands in for it")
}

/// Takes the disks away from a kernel whose run has to be the same every time.
pub fn without_disks(matrix: &mut MatrixKernel) {
    let reason = "a deterministic run has no disk, because a disk answers in the host's time";
    let on_disk = FileSystem::ALL.into_iter().filter(|kind| kind.is_on_disk());
    matrix.lacks.extend(on_disk.map(|kind| (kind, reason.to_owned())));
}

/// The name of the file, as far as a cell's name can hold it.
fn id_of_file(image: &Path) -> String {
    let name = image.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    format!("own-{}", name.chars().map(plain).collect::<String>())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_followed_by_its_variants_and_the_full_tier_is_asked_for() {
        let catalogue = Catalogue::builtin();
        let ids = |full| -> Vec<String> {
            wanted_with_variants(&catalogue, full, |_| true).into_iter().map(|column| column.id).collect()
        };
        let (gate, full) = (ids(false), ids(true));
        let at = |id: &str| full.iter().position(|one| one == id).unwrap();
        assert!(at("5.10") < at("5.10-lsm") && at("5.10-lsm") < at("6.1"), "{full:?}");
        assert!(full.len() > gate.len() && gate.iter().all(|id| full.contains(id)), "{full:?}");
    }

    #[test]
    fn a_kernel_of_the_user_is_called_by_its_file() {
        assert_eq!(id_of_file(Path::new("/boot/vmlinuz-5.4.0 Test")), "own-vmlinuz-5.4.0_test");
    }
}
