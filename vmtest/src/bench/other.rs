//! Agents of others, taken along with all that they need: what the same calls cost beside them, in the same guests.

use std::{env, path::Path, path::PathBuf};

use anyhow::Context as _;
use vmtest_proto::OTHER_AGENTS;

use crate::exec::payload::{self, Copied, Wanted};

/// What starts an agent in its folder.
const START: &str = "start";

/// What the agents are called in results and in guests: their folders' names.
///
/// # Errors
/// A folder has no name, or two have the same.
pub(super) fn names(folders: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for folder in folders {
        let whole = folder.canonicalize().with_context(|| format!("failed to find {}", folder.display()))?;
        let name = whole.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let name = name.with_context(|| format!("{} has no name that is text", folder.display()))?;
        anyhow::ensure!(!names.contains(&name), "two agents are called {name}");
        names.push(name);
    }
    Ok(names)
}

/// An archive with the agents, to be put behind that of the lab's own programs.
///
/// # Errors
/// A folder has no program that starts its agent, or something that this needs is not there.
pub(super) fn archive(folders: &[PathBuf]) -> anyhow::Result<Vec<u8>> {
    let here = env::current_dir().context("failed to find the current folder")?;
    let search = env::var("PATH").unwrap_or_default();
    let mut bytes = Vec::new();
    for (folder, name) in folders.iter().zip(names(folders)?) {
        let start = folder.join(START);
        let program = payload::find_program(&start.to_string_lossy(), &here, &search)
            .with_context(|| format!("{} has no program {START}", folder.display()))?;
        let to = Path::new(OTHER_AGENTS).join(&name);
        let wanted = Wanted {
            program,
            copies: vec![Copied { from: folder.to_string_lossy().into_owned(), to: Some(to) }],
            directory: "/root".into(),
            ..Wanted::default()
        };
        let payload = payload::collect(&wanted, &here, &search)
            .with_context(|| format!("failed to collect what {name} needs"))?;
        for remark in &payload.remarks {
            eprintln!("vmtest: {name}: will not run in the guest: {remark}");
        }
        bytes.extend(payload.layout.archive()?);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_without_a_program_that_starts_it_is_no_agent() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("theirs");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(START), "not executable").unwrap();
        let error = archive(&[folder]).unwrap_err();
        assert!(error.to_string().ends_with("theirs has no program start"), "{error}");
    }

    #[test]
    fn agents_are_called_by_their_folders_and_no_two_alike() {
        let directory = tempfile::tempdir().unwrap();
        let folders = ["a/theirs", "b/theirs", "b/other"].map(|path| directory.path().join(path));
        folders.iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
        assert_eq!(names(&folders[1..]).unwrap(), ["theirs", "other"]);
        assert_eq!(names(&folders).unwrap_err().to_string(), "two agents are called theirs");
    }
}
