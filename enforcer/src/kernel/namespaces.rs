//! The namespaces of the machine: what `host_ns` in a policy stands for.

use std::io::{Error, ErrorKind};

use crate::policy::ast::Namespace;

/// Where the kernel shows the namespaces of process 1.
pub const DIRECTORY: &str = "/proc/1/ns";

/// Inode numbers of the namespaces of process 1, in the order of [`Namespace::ALL`]. A kind that the kernel does not have (time
/// namespaces came with Linux 5.6) is 0, as the programs read it for every process there.
///
/// # Errors
/// When they may not be read, or are not written as this kernel's documentation says.
pub fn of_host() -> std::io::Result<[u32; 10]> {
    let mut numbers = [0; 10];
    for (number, namespace) in numbers.iter_mut().zip(Namespace::ALL) {
        match std::fs::read_link(format!("{DIRECTORY}/{}", file(namespace))) {
            Ok(target) => *number = parse(&target.to_string_lossy())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(numbers)
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
}
