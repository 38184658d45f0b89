//! Every way in which a kernel can't be had, with what the reader can do about it.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::apt::AptError;
use crate::build::BuildError;
use crate::closure::ClosureError;
use crate::digest::DigestError;
use crate::mirrors::NoMirror;
use crate::record::RecordError;
use crate::unpack::UnpackError;
use crate::vmlinux::VmlinuxError;

/// A suite of one mirror that was tried in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The suite.
    pub suite: String,
    /// Why it didn't serve.
    pub reason: String,
    /// True when no answer came at all.
    pub unreachable: bool,
}

/// Why a kernel could not be obtained.
#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    /// Not in the cache, and no network.
    #[error(
        "kernel {id} isn't cached and the mirror can't be reached: {}; check the network and apt's proxy settings, \
         or copy the kernel cache of a machine that has it", reasons(.attempts)
    )]
    Offline {
        /// The kernel.
        id: String,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// No suite of the catalogue offers it.
    #[error("no suite offers kernel {id}: {}; kernels/README.md tells how to move a kernel of the catalogue", reasons(.attempts))]
    NotOffered {
        /// The kernel.
        id: String,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// The packages that kernels.lock names can't be had, and no others are allowed.
    #[error(
        "kernel {id} is pinned to {version}, which can't be had any more ({why}), and --locked allows no other; `vmtest kernels update` pins what is offered now"
    )]
    Locked {
        /// The kernel.
        id: String,
        /// The pinned version.
        version: String,
        /// Why it can't be had, or what there is in its place.
        why: String,
    },
    /// kernels.lock says nothing of it, and nothing unpinned is allowed.
    #[error(
        "kernels.lock does not pin kernel {id}, and --locked allows only what is pinned; `vmtest kernels update --kernel {id}` pins it"
    )]
    NotPinned {
        /// The kernel.
        id: String,
    },
    /// The machine's apt knows no mirror.
    #[error("failed to find a mirror for kernel {id}: {source}")]
    NoMirror {
        /// The kernel.
        id: String,
        /// Which archive, and what to do.
        source: NoMirror,
    },
    /// apt failed in a way that another suite can't mend.
    #[error("failed to obtain kernel {id}: {source}")]
    Apt {
        /// The kernel.
        id: String,
        /// apt's complaint.
        source: AptError,
    },
    /// The packages don't belong together.
    #[error("failed to resolve the packages of kernel {id}: {source}")]
    Closure {
        /// The kernel.
        id: String,
        /// What is missing.
        source: ClosureError,
    },
    /// What was downloaded isn't what the index promised.
    #[error(
        "none of the files downloaded for kernel {id} is {package} by its digest: the signed index says {expected}, \
         arrived: {}", .arrived.join(", ")
    )]
    Digest {
        /// The kernel.
        id: String,
        /// The package.
        package: String,
        /// Digests of the files that came.
        arrived: Vec<String>,
        /// Digest in the index.
        expected: String,
    },
    /// The packages could not be unpacked.
    #[error("failed to unpack kernel {id}: {source}")]
    Unpack {
        /// The kernel.
        id: String,
        /// What failed.
        source: UnpackError,
    },
    /// The image could not be turned into a vmlinux.
    #[error("failed to extract vmlinux of kernel {id} from {}: {source}", .vmlinuz.display())]
    Vmlinux {
        /// The kernel.
        id: String,
        /// The image.
        vmlinuz: PathBuf,
        /// What failed.
        source: VmlinuxError,
    },
    /// It could not be built.
    #[error("failed to build kernel {id}: {source}")]
    Build {
        /// The kernel.
        id: String,
        /// What failed.
        source: BuildError,
    },
    /// A file of the cache could not be handled.
    #[error("failed to {action} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file could not be read back.
    #[error("failed to measure a file of kernel {id}: {source}")]
    Measure {
        /// The kernel.
        id: String,
        /// What failed.
        source: DigestError,
    },
    /// The cache's record could not be written.
    #[error("failed to record kernel {id} in the cache: {source}")]
    Record {
        /// The kernel.
        id: String,
        /// What failed.
        source: RecordError,
    },
    /// The cached files are damaged and could not be fetched again.
    #[error("the cached kernel {id} can't be used ({damage}), and it could not be replaced: {source}")]
    NotRepaired {
        /// The kernel.
        id: String,
        /// What is wrong with the cache.
        damage: RecordError,
        /// Why it could not be replaced.
        source: Box<ObtainError>,
    },
}

impl ObtainError {
    /// For `map_err` after an operation on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn reasons(attempts: &[Attempt]) -> String {
    let mut text = String::new();
    for (n, attempt) in attempts.iter().enumerate() {
        let separator = if n == 0 { "" } else { "; " };
        // Writing to a string can't fail.
        let _ = write!(text, "{separator}{}: {}", attempt.suite, attempt.reason);
    }
    text
}
