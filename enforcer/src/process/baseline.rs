//! What a process that is older than the agent is when it is found: its changes are told from there, as those of others are from
//! what they were when they executed their programs.

use std::path::Path;

use crate::kernel::namespaces;

/// Namespaces and capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// Inode numbers, in the order of [`Namespace::ALL`](crate::policy::ast::Namespace::ALL); 0 for kinds that the kernel does not
    /// have.
    pub namespaces: [u32; 10],
    /// Permitted capabilities; bit N is capability N.
    pub permitted: u64,
    /// Effective ones.
    pub effective: u64,
    /// Inheritable ones.
    pub inheritable: u64,
}

/// Of the process with this folder and this `status`. `None` when something of it cannot be told.
#[must_use]
pub fn of(folder: &Path, status: &[u8]) -> Option<Baseline> {
    Some(Baseline {
        namespaces: namespaces::of_any(&folder.join("ns"))?,
        permitted: capabilities(status, b"CapPrm:")?,
        effective: capabilities(status, b"CapEff:")?,
        inheritable: capabilities(status, b"CapInh:")?,
    })
}

/// A set as proc_pid_status(5) has it: 16 hexadecimal digits.
fn capabilities(status: &[u8], key: &[u8]) -> Option<u64> {
    let digits = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key))?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all("Name:\ta\nCapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\n", Some(0x01FF_FFFF_FFFF))]
    #[case::none("CapPrm:\t0000000000000000\n", Some(0))]
    #[case::absent("Name:\ta\nCapEff:\t0000000000000001\n", None)]
    #[case::no_number("CapPrm:\tall\n", None)]
    fn permitted_capabilities_are_those_behind_their_key(
        #[case] status: &str,
        #[case] expected: Option<u64>,
    ) {
        assert_eq!(capabilities(status.as_bytes(), b"CapPrm:"), expected);
    }

    #[test]
    fn of_this_process_everything_is_told() {
        let status = std::fs::read("/proc/self/status").unwrap();
        let own = of(Path::new("/proc/self"), &status).unwrap();
        assert!(own.namespaces.iter().filter(|number| **number > 0).count() >= 8, "{own:?}");
        assert_eq!(own.effective & !own.permitted, 0);
    }

    #[test]
    fn of_a_process_that_has_ended_nothing_is_told() {
        assert_eq!(of(Path::new("/proc/4194305"), b"CapPrm:\t0\nCapEff:\t0\nCapInh:\t0\n"), None);
    }
}
