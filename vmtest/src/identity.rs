//! What a run is made of, as digests: two runs with the same ones asked the same question of the same programs, so that their
//! answers can be put together.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use quell_scenarios::scenario::Scenario;
use sha2::{Digest as _, Sha256};

use crate::image::{self, Programs};

/// SHA-256 of everything that decides what a cell does, by name. The root file system is taken without the type information of
/// kernels, which differs with the kernels of a share.
///
/// # Errors
/// A program can't be read, or a scenario has no JSON form.
pub fn digests(programs: &Programs, scenarios: &[Scenario]) -> anyhow::Result<BTreeMap<String, String>> {
    let own = std::env::current_exe().context("failed to find this executable")?;
    let files = [
        ("vmtest", own.as_path()),
        ("vmtest-guest", &programs.guest),
        ("quell", &programs.quell),
        ("subject", &programs.subject),
    ];
    let mut digests = BTreeMap::new();
    for (name, path) in files {
        digests.insert(name.to_owned(), of_file(path)?);
    }
    digests.insert("initramfs".to_owned(), of(&image::build(programs)?));
    let scenarios = serde_json::to_vec(scenarios).context("failed to write the scenarios as JSON")?;
    digests.insert("scenarios".to_owned(), of(&scenarios));
    Ok(digests)
}

fn of_file(path: &Path) -> anyhow::Result<String> {
    Ok(of(&fs::read(path).with_context(|| format!("failed to read {}", path.display()))?))
}

fn of(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use quell_scenarios::scenario::FileSystem;

    use super::*;
    use crate::testing::scenario;

    #[test]
    fn the_digest_of_nothing_is_the_published_one() {
        assert_eq!(of(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn what_changes_a_run_changes_its_digest_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = directory.path().join(name);
            fs::write(&path, name).unwrap();
            path
        };
        let programs = Programs { guest: file("guest"), quell: file("quell"), subject: file("subject") };
        let scenarios = [scenario("file/a", &[FileSystem::Tmpfs])];
        let before = digests(&programs, &scenarios).unwrap();
        assert_eq!(digests(&programs, &scenarios).unwrap(), before);

        let differing = |after: &BTreeMap<String, String>| -> Vec<String> {
            before
                .iter()
                .filter(|(name, digest)| after[*name] != **digest)
                .map(|(name, _)| name.clone())
                .collect()
        };
        let mut others = scenarios.clone();
        others[0].policy.text.push('x');
        assert_eq!(differing(&digests(&programs, &others).unwrap()), ["scenarios"]);
        fs::write(&programs.quell, "another").unwrap();
        assert_eq!(differing(&digests(&programs, &scenarios).unwrap()), ["initramfs", "quell"]);
    }
}
