//! Which files are policies: the one answer for `quell check` and `quell run`.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// Something that is a policy file by its name and place, or that hides whether there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Why it cannot be read: a link to nothing, a loop of links, a folder that may not be listed.
    pub problem: Option<String>,
}

/// A folder without a policy in it.
#[derive(Debug, thiserror::Error)]
#[error("no *.yaml or *.yml file in {}", .0.display())]
pub struct NoPolicy(PathBuf);

/// A file as it is; of a folder its *.yaml and *.yml files and those of the folders in it, by name.
///
/// What begins with a dot is left out: version control, and the copies that mounted configuration keeps. What cannot be looked
/// at does not hide the rest: it is listed with its problem.
///
/// # Errors
/// For a folder in which there is nothing: whoever names one means something in it.
pub fn policies(path: &Path) -> Result<Vec<Found>, NoPolicy> {
    if !path.is_dir() {
        return Ok(vec![Found { path: path.to_owned(), problem: None }]);
    }
    let mut files = Vec::new();
    let walk = WalkDir::new(path).follow_links(true).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.path())) {
        match entry {
            Ok(entry) if is_policy(&entry) => files.push(Found { path: entry.into_path(), problem: None }),
            Ok(_) => {}
            Err(error) => {
                let place = error.path().unwrap_or(path);
                // The filter does not see what could not be looked at.
                if error.depth() == 0 || !is_hidden(place) {
                    files.push(Found { path: place.to_owned(), problem: Some(problem(&error)) });
                }
            }
        }
    }
    if files.is_empty() { Err(NoPolicy(path.to_owned())) } else { Ok(files) }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_policy(entry: &DirEntry) -> bool {
    entry.file_type().is_file()
        && entry.path().extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The reason alone: who prints it has the path.
fn problem(error: &walkdir::Error) -> String {
    match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => {
            format!("a loop of links: it leads back to {}", ancestor.display())
        }
        (None, Some(error)) => error.to_string(),
        (None, None) => "it cannot be looked at".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_is_all_policies_below_it_by_name_and_nothing_hidden() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("b/.git")).unwrap();
        for name in ["c.yml", "b/a.yaml", "a.yaml", ".a.yaml", "b/.git/x.yaml", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.yaml")).unwrap();
        let found = policies(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|file| file.path.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, [Path::new("a.yaml"), Path::new("b/a.yaml"), Path::new("c.yml")]);
        assert!(found.iter().all(|file| file.problem.is_none()), "{found:?}");
    }

    #[test]
    fn a_folder_that_is_named_is_looked_at_though_it_begins_with_a_dot() {
        let folder = tempfile::Builder::new().prefix(".hidden").tempdir().unwrap();
        assert!(policies(folder.path()).is_err());
        std::fs::write(folder.path().join("a.yaml"), "").unwrap();
        assert_eq!(policies(folder.path()).unwrap().len(), 1);
    }

    #[test]
    fn links_to_nothing_and_loops_are_listed_among_the_others() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yaml"), "").unwrap();
        symlink("nowhere", folder.path().join("b.yaml")).unwrap();
        symlink(".", folder.path().join("c")).unwrap();
        symlink("d.yaml", folder.path().join("d.yaml")).unwrap();
        symlink("nowhere", folder.path().join(".e.yaml")).unwrap();
        symlink("a.yaml", folder.path().join("f.yml")).unwrap();
        let found = policies(folder.path()).unwrap();
        let brief: Vec<_> = found
            .iter()
            .map(|file| {
                (file.path.file_name().unwrap().to_str().unwrap(), file.problem.as_deref().unwrap_or(""))
            })
            .collect();
        assert_eq!(
            brief.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["a.yaml", "b.yaml", "c", "d.yaml", "f.yml"]
        );
        assert!(brief[0].1.is_empty() && brief[4].1.is_empty(), "{brief:?}");
        assert_eq!(brief[1].1, "No such file or directory (os error 2)");
        assert!(brief[2].1.starts_with("a loop of links: it leads back to "), "{brief:?}");
        assert!(brief[3].1.contains("symbolic links"), "{brief:?}");
    }
}
