//! The environment of a program in a guest: the lab's own, what the user adds, and nothing of this machine that was not asked for.

use thiserror::Error;

/// Where programs are looked up in a guest.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What every program has.
const OWN: &[(&str, &str)] = &[
    ("PATH", PATH),
    ("HOME", "/root"),
    ("USER", "root"),
    ("LOGNAME", "root"),
    ("SHELL", "/bin/sh"),
    // Without files of a locale the C library knows this one.
    ("LANG", "C.UTF-8"),
    ("TERM", "dumb"),
];

/// What cargo and nextest tell a test beside its arguments, and what a test reads of its surroundings, by how the names begin. Only
/// these: among cargo's other variables are passwords of registries.
const OF_CARGO: &[&str] = &[
    "CARGO_BIN_EXE_",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "LD_LIBRARY_PATH",
    "NEXTEST",
    "OUT_DIR",
    "RUST_",
];

/// A variable that can't be given.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VariableError {
    /// It has no name.
    #[error("`{0}` is no variable: expected NAME=VALUE, or NAME for its value here")]
    NoName(String),
    /// It is to be taken over and is not there.
    #[error("`{0}` has no value here that could be taken over, or one that is not UTF-8")]
    NotSet(String),
}

/// The environment with `added` (`NAME=VALUE` or `NAME`) in it; later ones win. `here` looks variables up.
///
/// # Errors
/// One of `added` can't be read.
pub fn with(
    added: &[String],
    here: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, VariableError> {
    let mut variables: Vec<(String, String)> =
        OWN.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for text in added {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (text.as_str(), here(text).ok_or_else(|| VariableError::NotSet(text.clone()))?),
        };
        if name.is_empty() {
            return Err(VariableError::NoName(text.clone()));
        }
        set(&mut variables, name, value);
    }
    Ok(variables)
}

/// Sets one variable.
pub fn set(variables: &mut Vec<(String, String)>, name: &str, value: String) {
    variables.retain(|(known, _)| known != name);
    variables.push((name.to_owned(), value));
}

/// The value of one variable.
#[must_use]
pub fn get<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
    variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Whether a variable comes from cargo or nextest and is meant for the test.
#[must_use]
pub fn is_of_cargo(name: &str) -> bool {
    OF_CARGO.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn here(name: &str) -> Option<String> {
        (name == "TAKEN").then(|| "over".to_owned())
    }

    #[test]
    fn the_users_word_wins_and_comes_with_its_value_from_here() {
        let added = ["PATH=/opt".to_owned(), "TAKEN".to_owned(), "EMPTY=".to_owned(), "A=b=c".to_owned()];
        let variables = with(&added, here).unwrap();
        for (name, value) in
            [("PATH", "/opt"), ("TAKEN", "over"), ("EMPTY", ""), ("A", "b=c"), ("USER", "root")]
        {
            assert_eq!(get(&variables, name), Some(value), "{name}");
        }
        assert_eq!(variables.iter().filter(|(name, _)| name == "PATH").count(), 1);
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        assert_eq!(with(&["=x".to_owned()], here), Err(VariableError::NoName("=x".to_owned())));
        assert_eq!(with(&["GONE".to_owned()], here), Err(VariableError::NotSet("GONE".to_owned())));
    }

    #[rstest]
    #[case("CARGO_MANIFEST_DIR", true)]
    #[case("CARGO_BIN_EXE_tool", true)]
    #[case("NEXTEST_RUN_ID", true)]
    #[case("RUST_BACKTRACE", true)]
    #[case("LD_LIBRARY_PATH", true)]
    #[case("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", false)]
    #[case("CARGO_REGISTRY_TOKEN", false)]
    #[case("RUSTUP_HOME", false)]
    #[case("HOME", false)]
    fn of_cargos_variables_those_for_a_test_go_along(#[case] name: &str, #[case] goes: bool) {
        assert_eq!(is_of_cargo(name), goes);
    }
}
