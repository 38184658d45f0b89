//! Finds every package of one kernel build. From 6.19 on Debian splits the image into several
//! packages; following exact-version dependencies needs no list of their names.

use std::collections::{BTreeSet, VecDeque};

use crate::stanza::Package;

/// More packages than any kernel build has; a loop in the index must not become a loop here.
const LIMIT: usize = 32;

/// Why the packages of a kernel could not be listed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ClosureError {
    /// The index names a dependency that it doesn't hold.
    #[error("{wanted} is a dependency of {by}, but the suite doesn't offer it")]
    Missing {
        /// `name=version`.
        wanted: String,
        /// The package that asks for it.
        by: String,
    },
    /// Far more packages than a kernel is made of.
    #[error("{from} leads to more than {LIMIT} packages by exact dependencies; that isn't one kernel")]
    TooMany {
        /// The package at the start.
        from: String,
    },
}

/// The start package and everything it reaches through `(= version)` dependencies, breadth first.
/// `lookup` asks the index and may fail in its own way.
pub(crate) fn of<E: From<ClosureError>>(
    start: Package,
    lookup: impl FnMut(&str, &str) -> Result<Option<Package>, E>,
) -> Result<Vec<Package>, E> {
    let (found, mut missing) = what_is_there(start, lookup)?;
    match missing.is_empty() {
        true => Ok(found),
        false => Err(missing.swap_remove(0).into()),
    }
}

/// The same, with what the index does not hold beside what it does. Of a kernel whose suite has moved on, the signed packages
/// stay longer than those with the modules.
pub(crate) fn what_is_there<E: From<ClosureError>>(
    start: Package,
    mut lookup: impl FnMut(&str, &str) -> Result<Option<Package>, E>,
) -> Result<(Vec<Package>, Vec<ClosureError>), E> {
    let mut missing = Vec::new();
    let from = start.name.clone();
    let mut seen = BTreeSet::from([start.name.clone()]);
    let mut found = Vec::new();
    let mut queue = VecDeque::from([start]);
    while let Some(package) = queue.pop_front() {
        for (name, version) in &package.exact_depends {
            if !seen.insert(name.clone()) {
                continue;
            }
            if seen.len() > LIMIT {
                return Err(ClosureError::TooMany { from }.into());
            }
            match lookup(name, version)? {
                Some(next) => queue.push_back(next),
                None => missing.push(ClosureError::Missing {
                    wanted: format!("{name}={version}"),
                    by: package.name.clone(),
                }),
            }
        }
        found.push(package);
    }
    Ok((found, missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, depends: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            version: "1".to_owned(),
            sha256: "0".repeat(64),
            size_bytes: 1,
            installed_kib: 1,
            exact_depends: depends.iter().map(|d| ((*d).to_owned(), "1".to_owned())).collect(),
        }
    }

    fn names_from(index: &[Package], start: &str) -> Result<Vec<String>, ClosureError> {
        let find = |name: &str| index.iter().find(|p| p.name == name).cloned();
        let all = of(find(start).unwrap(), |name, _| Ok::<_, ClosureError>(find(name)))?;
        Ok(all.into_iter().map(|p| p.name).collect())
    }

    #[test]
    fn split_image_leads_to_every_part_once() {
        let index = [
            package("meta", &["base-meta", "image"]),
            package("base-meta", &["base"]),
            package("image", &["base", "binary", "modules"]),
            package("binary", &["base"]),
            package("base", &[]),
            package("modules", &["base"]),
            package("stranger", &[]),
        ];
        let names = names_from(&index, "meta").unwrap();
        assert_eq!(names, ["meta", "base-meta", "image", "base", "binary", "modules"]);
    }

    #[test]
    fn packages_that_depend_on_each_other_end() {
        let index = [package("a", &["b"]), package("b", &["a"])];
        assert_eq!(names_from(&index, "a").unwrap(), ["a", "b"]);
    }

    #[test]
    fn missing_part_is_named_with_the_one_who_asks() {
        let index = [package("meta", &["image"])];
        let error = names_from(&index, "meta").unwrap_err();
        assert_eq!(error, ClosureError::Missing { wanted: "image=1".to_owned(), by: "meta".to_owned() });
    }

    #[test]
    fn what_has_left_the_suite_is_listed_beside_what_is_there() {
        let index = [package("image", &["base", "binary", "modules"]), package("binary", &["base"])];
        let find =
            |name: &str, _: &str| Ok::<_, ClosureError>(index.iter().find(|p| p.name == name).cloned());
        let (found, missing) = what_is_there(index[0].clone(), find).unwrap();
        let names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
        assert_eq!((names, missing.len()), (vec!["image", "binary"], 2));
    }

    #[test]
    fn endless_chain_is_cut() {
        let start = package("p0", &["p1"]);
        let mut n = 1;
        let result = of(start, |name, _| {
            n += 1;
            Ok::<_, ClosureError>(Some(package(name, &[&format!("p{n}")])))
        });
        assert_eq!(result.unwrap_err(), ClosureError::TooMany { from: "p0".to_owned() });
    }
}
