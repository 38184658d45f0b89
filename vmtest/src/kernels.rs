//! The kernels of the catalogue, as a run needs them.

use std::fs;

use quell_kernels::{Catalogue, Kernel, Store, default_cache_dir};

use crate::{
    matrix::{MatrixKernel, lacking},
    run::{BootImage, RunKernel},
};
use quell_scenarios::scenario::FileSystem;

/// Catalogue entries whose id is wanted, in catalogue order.
#[must_use]
pub fn wanted(catalogue: &Catalogue, wants: impl Fn(&str) -> bool) -> Vec<&Kernel> {
    catalogue.kernels().iter().filter(|kernel| wants(&kernel.id)).collect()
}

/// Obtains kernels, from the cache or from the machine's mirror. One that can't be had does not keep the others from
/// being booted: its cells will be broken with this reason.
///
/// # Errors
/// There is no cache directory at all.
pub fn obtain(kernels: &[&Kernel]) -> anyhow::Result<Vec<(MatrixKernel, RunKernel)>> {
    let store = Store::open(default_cache_dir()?)?;
    let progress = quell_kernels::for_stderr();
    let obtained = kernels.iter().map(|kernel| {
        let image = store.ensure(kernel, progress.as_ref()).map_err(|error| chain(&error));
        let image = image.and_then(|image| {
            let config = fs::read_to_string(&image.config)
                .map_err(|error| format!("failed to read {}: {error}", image.config.display()))?;
            Ok((image, lacking(&config)))
        });
        let id = kernel.id.clone();
        match image {
            Ok((image, lacks)) => {
                let boot = BootImage {
                    release: image.release,
                    package: image.package_version,
                    vmlinux: image.vmlinux,
                    has_disk: !lacks.contains_key(&FileSystem::Ext4),
                };
                (MatrixKernel { id: id.clone(), lacks }, RunKernel { id, image: Ok(boot) })
            }
            Err(reason) => (
                MatrixKernel { id: id.clone(), ..MatrixKernel::default() },
                RunKernel { id, image: Err(reason) },
            ),
        }
    });
    Ok(obtained.collect())
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
