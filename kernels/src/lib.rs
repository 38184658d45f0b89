//! The kernels that the lab boots: a catalogue as data, and how to obtain them.
//!
//! A verdict about enforcement is worth as much as the kernel it was reached on, so the lab boots
//! the very packages that Debian ships. This crate turns a kernel id (`6.12`) into files on disk:
//! the package is fetched and checked by apt in a private state directory, unpacked, its image
//! decompressed once, and kept in a cache that answers every later run without the network.
//!
//! ```no_run
//! use quell_kernels::{Catalogue, Lines, Store};
//!
//! let catalogue = Catalogue::builtin();
//! let store = Store::open(quell_kernels::default_cache_dir()?)?;
//! for kernel in catalogue.select(&["6.12"])? {
//!     let image = store.ensure(kernel, &Lines)?;
//!     println!("{} is {}", image.id, image.vmlinux.display());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apt;
mod build;
mod bzimage;
mod cache_dir;
mod catalogue;
mod closure;
mod digest;
#[cfg(test)]
mod fixture;
mod lock;
mod mirrors;
mod modules;
mod obtain;
mod obtain_error;
mod offered;
mod pins;
mod progress;
mod record;
mod stanza;
mod store;
mod unpack;
mod variant;
mod vmlinux;

pub use apt::AptError;
pub use build::{Build, BuildError};
pub use cache_dir::{NoCacheDir, default_cache_dir};
pub use catalogue::{Archive, Catalogue, CatalogueError, Kernel, SelectError, Suite};
pub use closure::ClosureError;
pub use digest::DigestError;
pub use mirrors::NoMirror;
pub use modules::{Module, ModulesError};
pub use obtain_error::{Attempt, ObtainError};
pub use pins::{Part, Pin, Pins, PinsError};
pub use progress::{Bars, Lines, Progress, Silent, Step, for_stderr};
pub use record::RecordError;
pub use store::{KernelImage, Store, StoreError};
pub use unpack::UnpackError;
pub use variant::{Tier, Variant, VariantError};
pub use vmlinux::{VmlinuxError, bootable};
