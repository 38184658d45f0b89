//! The namespaces of the machine, which is what `host_ns` in a policy stands for, and of any process.

use std::io::{Error, ErrorKind};
use std::path::Path;

use crate::policy::ast::Namespace;

/// Where the kernel shows the namespaces of process 1.
const DIRECTORY: &str = "/proc/1/ns";

/// Why it is not known what `host_ns` stands for.
#[derive(Debug, thiserror::Error)]
pub enum HostNamespaceError {
    /// Process 1 is not the machine's.
    #[error(
        "a policy says `host_ns`, and the agent is not in the initial PID namespace: process 1 as it sees it is not the host's; run the agent on the host, or in a container with the host's PID namespace"
    )]
    NotTheHost,
    /// Nothing would have a number to compare.
    #[error(
        "a policy says `host_ns` of namespace {}, and {DIRECTORY} has no `{}`: this kernel is built without such namespaces; remove that filter",
        .0.name(),
        file(*.0)
    )]
    NoSuchKind(Namespace),
    /// The kernel does not show them.
    #[error("failed to find out what host_ns is from {path}")]
    Read {
        /// The file or folder.
        path: String,
        /// Why.
        source: Error,
    },
}

/// Inode numbers of the namespaces of process 1, in the order of [`Namespace::ALL`]; 0 for kinds that are not `named`.
/// `on_host`: whether this process is in the initial PID namespace.
///
/// # Errors
/// When there are no such numbers, or they may not be read, or are not written as this kernel's documentation says.
pub fn of_host(named: &[Namespace], on_host: bool) -> Result<[u32; 10], HostNamespaceError> {
    if named.is_empty() {
        return Ok([0; 10]);
    }
    if !on_host {
        return Err(HostNamespaceError::NotTheHost);
    }
    of_process(Path::new(DIRECTORY), named)
}

/// Inode number of the initial mount namespace, which process 1 of the machine is in; 0 when it cannot be told, and then only an
/// early look takes longer. `on_host`: as above.
#[must_use]
pub fn initial_mounts(on_host: bool) -> u32 {
    let numbers = on_host.then(|| of_process(Path::new(DIRECTORY), &[Namespace::Mnt]).ok()).flatten();
    numbers.and_then(|numbers| numbers.into_iter().find(|number| *number != 0)).unwrap_or(0)
}

fn of_process(directory: &Path, named: &[Namespace]) -> Result<[u32; 10], HostNamespaceError> {
    let error = |path: &Path, source| HostNamespaceError::Read { path: path.display().to_string(), source };
    // A folder that is not there says nothing about the kernel.
    std::fs::metadata(directory).map_err(|source| error(directory, source))?;
    let mut numbers = [0; 10];
    for (number, namespace) in numbers.iter_mut().zip(Namespace::ALL) {
        if !named.contains(&namespace) {
            continue;
        }
        let path = directory.join(file(namespace));
        *number = match std::fs::read_link(&path) {
            Ok(target) => parse(&target.to_string_lossy()).map_err(|source| error(&path, source))?,
            Err(source) if source.kind() == ErrorKind::NotFound => {
                only_one(namespace).ok_or(HostNamespaceError::NoSuchKind(namespace))?
            }
            Err(source) => return Err(error(&path, source)),
        };
    }
    Ok(numbers)
}

/// Inode numbers of the namespaces whose links are in `directory` (`/proc/PID/ns`), in the order of [`Namespace::ALL`], as programs
/// in the kernel read them: 0 for kinds that the kernel does not have. `None` when one of them cannot be told: the process has
/// ended, or the namespace of its children has no process yet.
#[must_use]
pub fn of_any(directory: &Path) -> Option<[u32; 10]> {
    std::fs::metadata(directory).ok()?;
    let mut numbers = [0; 10];
    for (number, namespace) in numbers.iter_mut().zip(Namespace::ALL) {
        let path = directory.join(file(namespace));
        *number = match std::fs::read_link(&path) {
            Ok(target) => parse(&target.to_string_lossy()).ok()?,
            // A link that is there and leads nowhere is another thing than a kind that is not there.
            Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
                only_one(namespace).unwrap_or(0)
            }
            Err(_) => return None,
        };
    }
    Some(numbers)
}

/// The number of the one namespace of a kind on kernels that are built without more of them, where every process still has
/// a pointer to it (include/linux/proc_ns.h, `PROC_*_INIT_INO`). The other kinds are not there at all then.
const fn only_one(namespace: Namespace) -> Option<u32> {
    match namespace {
        Namespace::Uts => Some(0xEFFF_FFFE),
        Namespace::User => Some(0xEFFF_FFFD),
        Namespace::Pid | Namespace::PidForChildren => Some(0xEFFF_FFFC),
        _ => None,
    }
}

/// `net:[4026531840]`.
fn parse(target: &str) -> std::io::Result<u32> {
    let number = target.split_once(":[").and_then(|(_, rest)| rest.strip_suffix(']')?.parse().ok());
    number.ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("not a namespace: {target}")))
}

const fn file(namespace: Namespace) -> &'static str {
    match namespace {
        Namespace::Uts => "uts",
        Namespace::Ipc => "ipc",
        Namespace::Mnt => "mnt",
        Namespace::Pid => "pid",
        Namespace::PidForChildren => "pid_for_children",
        Namespace::Net => "net",
        Namespace::Time => "time",
        Namespace::TimeForChildren => "time_for_children",
        Namespace::Cgroup => "cgroup",
        Namespace::User => "user",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_in_brackets() {
        assert_eq!(parse("net:[4026531840]").unwrap(), 4_026_531_840);
        assert!(parse("net:4026531840").is_err() && parse("net:[x]").is_err());
    }

    #[test]
    fn every_kind_is_a_file_of_the_kernel() {
        for namespace in Namespace::ALL {
            let path = format!("/proc/self/ns/{}", file(namespace));
            let target = std::fs::read_link(&path).unwrap();
            assert!(parse(&target.to_string_lossy()).unwrap() > 0, "{path}");
        }
    }

    #[test]
    fn in_another_pid_namespace_host_ns_is_refused_unless_nothing_names_it() {
        let refused = of_host(&[Namespace::Net], false).unwrap_err();
        assert!(matches!(refused, HostNamespaceError::NotTheHost));
        assert!(refused.to_string().contains("not in the initial PID namespace"), "{refused}");
        assert_eq!(of_host(&[], false).unwrap(), [0; 10]);
    }

    /// Process 1 of a kernel with namespaces of mounts and networks alone.
    fn few_kinds() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (file, target) in [("mnt", "mnt:[4026531841]"), ("net", "net:[4026531840]")] {
            std::os::unix::fs::symlink(target, folder.path().join(file)).unwrap();
        }
        folder
    }

    #[test]
    fn a_kind_of_which_the_kernel_has_one_alone_has_its_constant_number() {
        let folder = few_kinds();
        let named = [Namespace::Uts, Namespace::Pid, Namespace::Net, Namespace::User];
        let numbers = of_process(folder.path(), &named).unwrap();
        assert_eq!(numbers, [0xEFFF_FFFE, 0, 0, 0xEFFF_FFFC, 0, 4_026_531_840, 0, 0, 0, 0xEFFF_FFFD]);
    }

    #[test]
    fn of_any_process_every_kind_has_the_number_that_the_kernel_side_reads() {
        let numbers = of_any(few_kinds().path()).unwrap();
        let (pid, ipc) = (0xEFFF_FFFC, 0);
        assert_eq!(numbers, [0xEFFF_FFFE, ipc, 4_026_531_841, pid, pid, 4_026_531_840, 0, 0, 0, 0xEFFF_FFFD]);
        let own = of_any(Path::new("/proc/self/ns")).unwrap();
        assert_eq!(own.to_vec(), of_process(Path::new("/proc/self/ns"), &Namespace::ALL).unwrap());
        assert_eq!(of_any(Path::new("/proc/4194305/ns")), None);
    }

    #[test]
    fn a_kind_that_the_kernel_does_not_have_is_refused_by_name() {
        for kind in [Namespace::Time, Namespace::TimeForChildren, Namespace::Cgroup, Namespace::Ipc] {
            let refused = of_process(few_kinds().path(), &[kind]).unwrap_err().to_string();
            assert!(refused.contains(&format!("namespace {}", kind.name())), "{refused}");
        }
        let absent = of_process(Path::new("/lab/none"), &[Namespace::Time]).unwrap_err();
        assert!(matches!(absent, HostNamespaceError::Read { .. }), "{absent}");
    }
}
