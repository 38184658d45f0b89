//! The name of a snapshot: a digest of everything that decides what is in it and whether it can be restored.

use std::{
    collections::HashMap,
    env, fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use super::{SnapshotError, content::hex};
use crate::{
    boot::{self, BootPlan},
    qemu::PROGRAM,
};

/// Changes when snapshots of an earlier lab must not be used any more.
const GENERATION: u32 = 1;

/// Name of a snapshot's directory: 32 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Key {
    /// Of the guest that goes on from this snapshot until the policy of a cell is in force; `request` is what it is sent.
    #[must_use]
    pub fn attached(&self, request: &str) -> Self {
        Self(short(&format!("generation {GENERATION}\nfrom {self}\n{request}")))
    }

    /// For tests of the store, which asks nothing of a key.
    #[cfg(test)]
    pub(super) fn of_text(text: &str) -> Self {
        Self(short(text))
    }
}

/// Digests of files, each read once per run.
#[derive(Debug, Default)]
pub struct Keys {
    digests: Mutex<HashMap<PathBuf, String>>,
}

impl Keys {
    /// The key for this kernel as `plan` starts it.
    ///
    /// # Errors
    /// QEMU is not on PATH, or a file can't be read.
    pub fn key(&self, plan: &BootPlan, kernel: &Path) -> Result<Key, SnapshotError> {
        let qemu = program().ok_or_else(|| SnapshotError::Io {
            verb: "find",
            path: PROGRAM.into(),
            source: io::Error::from(io::ErrorKind::NotFound),
        })?;
        self.key_with(&qemu, plan, kernel)
    }

    fn key_with(&self, qemu: &Path, plan: &BootPlan, kernel: &Path) -> Result<Key, SnapshotError> {
        let text = format!(
            "generation {GENERATION}\nkernel {}\ninitramfs {}\nqemu {} {}\n{}",
            self.digest(kernel)?,
            self.digest(&plan.initramfs)?,
            qemu.display(),
            self.digest(qemu)?,
            boot::identity(plan)
        );
        Ok(Key(short(&text)))
    }

    fn digest(&self, path: &Path) -> Result<String, SnapshotError> {
        let known = self.digests.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(digest) = known {
            return Ok(digest);
        }
        let read = || {
            let mut hasher = Sha256::new();
            io::copy(&mut File::open(path)?, &mut hasher)?;
            Ok(hex(&hasher.finalize()))
        };
        let failed = |source| SnapshotError::Io { verb: "read", path: path.to_owned(), source };
        let digest: String = read().map_err(failed)?;
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), digest.clone());
        Ok(digest)
    }
}

fn short(text: &str) -> String {
    let mut digits = hex(&Sha256::digest(text));
    digits.truncate(32);
    digits
}

/// The QEMU that is started by its name.
fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(PROGRAM)).find_map(|file| file.canonicalize().ok())
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use super::*;
    use crate::qemu::{Accel, Clock, Version};

    #[test]
    fn a_key_of_a_policy_in_force_changes_with_snapshot_and_request() {
        let (one, other) = (Key::of_text("one"), Key::of_text("other"));
        let keys = [one.attached("a"), one.attached("b"), other.attached("a"), one.clone(), other];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(key), "{index}");
        }
        assert_eq!(one.attached("a"), keys[0]);
    }

    #[test]
    fn a_key_changes_with_kernel_initramfs_and_command_line_and_not_with_their_places() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let plan = |initramfs: PathBuf, parameters: &[&str]| BootPlan {
            accel: Accel::Tcg,
            clock: Clock::Host,
            version: Version { major: 7, minor: 2 },
            initramfs,
            kernel_parameters: parameters.iter().map(|word| (*word).to_owned()).collect(),
            interrupted: Arc::default(),
        };
        let keys = Keys::default();
        let key = |qemu: &str, plan: &BootPlan, kernel: &str| {
            keys.key_with(&file(qemu, qemu), plan, &file(&format!("in-{kernel}"), kernel)).unwrap()
        };
        let base = key("qemu", &plan(file("i", "i"), &["a"]), "k");
        assert_eq!(key("qemu", &plan(file("j", "i"), &["a"]), "k"), base);
        assert_ne!(key("qemu", &plan(file("i", "i"), &["a"]), "other"), base);
        assert_ne!(key("qemu", &plan(file("n", "other"), &["a"]), "k"), base);
        assert_ne!(key("qemu", &plan(file("i", "i"), &["b"]), "k"), base);
        assert_ne!(key("qemu-10", &plan(file("i", "i"), &["a"]), "k"), base);
        assert_eq!(base.to_string().len(), 32);
    }
}
