//! How many files the agent may have open: every hook has some twenty programs, maps and links, which are files to the kernel, and
//! the usual limit of 1,024 is one of fifty hooks.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Lets this process have as many open as it may allow itself. Where that is not enough, loading says so.
///
/// # Errors
/// The kernel's, which knows no reason for one.
pub(crate) fn allow_most() -> nix::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_have_as_many_files_open_as_it_may_allow_itself() {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 512.min(most), most).unwrap();
        allow_most().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (most, most));
    }
}
