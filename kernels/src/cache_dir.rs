//! Where kernels are cached unless a caller says otherwise.

use std::ffi::OsString;
use std::path::PathBuf;

/// No variable names a place for a cache.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "no place for the kernel cache: set QUELL_CACHE to a directory (XDG_CACHE_HOME and HOME aren't set to absolute paths either)"
)]
pub struct NoCacheDir;

/// `$QUELL_CACHE`, else `$XDG_CACHE_HOME/quell`, else `~/.cache/quell`.
///
/// # Errors
/// [`NoCacheDir`] if none of the three variables holds a path.
pub fn default_cache_dir() -> Result<PathBuf, NoCacheDir> {
    choose(|name| std::env::var_os(name))
}

fn choose(var: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, NoCacheDir> {
    let set = |name| var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(dir) = set("QUELL_CACHE") {
        return Ok(dir);
    }
    // The base directory specification tells to ignore relative paths.
    let xdg = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    xdg.or_else(|| set("HOME").filter(|path| path.is_absolute()).map(|home| home.join(".cache")))
        .map(|base| base.join("quell"))
        .ok_or(NoCacheDir)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[("QUELL_CACHE", "/q"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], "/q")]
    #[case(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], "/x/quell")]
    #[case(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")], "/h/.cache/quell")]
    #[case(&[("QUELL_CACHE", ""), ("HOME", "/h")], "/h/.cache/quell")]
    fn first_variable_that_holds_a_path_wins(#[case] vars: &[(&str, &str)], #[case] expected: &str) {
        let chosen = choose(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into()));
        assert_eq!(chosen.unwrap(), PathBuf::from(expected));
    }

    #[test]
    fn without_any_variable_the_error_names_the_one_to_set() {
        assert!(choose(|_| None).unwrap_err().to_string().contains("QUELL_CACHE"));
    }
}
