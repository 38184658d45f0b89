//! What `/proc/PID` says of one process, read as bytes: a process may give itself any name, also one that is no UTF-8, and must
//! not get out of sight by that.

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::baseline::{self, Baseline};

/// Behind the path of an executable that has no name in its folder any more.
const DELETED: &[u8] = b" (deleted)";

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its parent's id; 0 when it has none.
    pub parent: u32,
    /// When it started, clock ticks since the boot.
    pub start_ticks: u64,
    /// Its id in its own PID namespace; 0 in the initial one.
    pub namespace_id: u32,
    /// Inode number of that namespace; `None` when it cannot be told.
    pub namespace: Option<u64>,
    /// What it runs.
    pub executable: Executable,
    /// Its namespaces and capabilities; `None` when they cannot be told.
    pub baseline: Option<Baseline>,
}

/// What a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Executable {
    /// The program at this path.
    Path(Vec<u8>),
    /// Nothing: a thread of the kernel.
    None,
    /// It could not be read.
    Unknown,
}

/// Reads the folder of one process. `None`: it has ended, or waits for its parent to take notice.
///
/// # Errors
/// When something that every process has cannot be read.
pub fn read(folder: &Path) -> io::Result<Option<Process>> {
    match (std::fs::read(folder.join("stat")), std::fs::read(folder.join("status"))) {
        (Ok(stat), Ok(status)) => {
            let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
            let fields = fields(&stat).ok_or_else(|| invalid("stat has other fields than expected"))?;
            let namespace_id = namespace_id(&status)
                .ok_or_else(|| invalid("status does not name the process in its namespace"))?;
            if fields.ended {
                return Ok(None);
            }
            Ok(Some(Process {
                parent: fields.parent,
                start_ticks: fields.start_ticks,
                namespace_id,
                namespace: std::fs::metadata(folder.join("ns/pid")).ok().map(|metadata| metadata.ino()),
                executable: executable(folder),
                baseline: baseline::of(folder, &status),
            }))
        }
        (Err(error), _) | (_, Err(error)) if is_gone(&error) => Ok(None),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// The process ended while its folder was read.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH)
}

/// What is looked at of `stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    ended: bool,
    parent: u32,
    start_ticks: u64,
}

/// The name, in parentheses, may hold anything: the fields are counted from behind its last one.
fn fields(stat: &[u8]) -> Option<Fields> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    // The state is field 3 of proc(5), the parent 4, the start 22.
    let mut fields = rest.split_ascii_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X" | "x");
    let parent = fields.next()?.parse().ok()?;
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(Fields { ended, parent, start_ticks })
}

/// The last of the ids in `NSpid`, one per PID namespace from the outermost to the process's own; 0 when there is but one.
fn namespace_id(status: &[u8]) -> Option<u32> {
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"NSpid:"))?;
    let ids: Vec<u32> = std::str::from_utf8(line)
        .ok()?
        .split_ascii_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    match ids.as_slice() {
        [] => None,
        [_] => Some(0),
        [.., own] => Some(*own),
    }
}

fn executable(folder: &Path) -> Executable {
    let link = folder.join("exe");
    match std::fs::read_link(&link) {
        Ok(path) => {
            let path = path.into_os_string().into_vec();
            // A file may as well be called so.
            let deleted = || std::fs::metadata(&link).is_ok_and(|metadata| metadata.nlink() == 0);
            match path.strip_suffix(DELETED) {
                Some(name) if deleted() => Executable::Path(name.to_vec()),
                _ => Executable::Path(path),
            }
        }
        Err(error) if is_gone(&error) => Executable::None,
        Err(_) => Executable::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TAIL: &str = "4 5 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 8765 0 0";

    #[rstest]
    #[case::plain("12 (sh) S 7 ", false)]
    #[case::parentheses_in_the_name("12 (a) R 9 9) S 7 ", false)]
    #[case::ended("12 (sh) Z 7 ", true)]
    fn parent_and_start_are_found_behind_any_name(#[case] start: &str, #[case] ended: bool) {
        let stat = format!("{start}{TAIL}");
        assert_eq!(fields(stat.as_bytes()), Some(Fields { ended, parent: 7, start_ticks: 8765 }));
    }

    #[test]
    fn a_name_that_is_no_text_hides_nothing() {
        let mut stat = b"12 (\xff\xfe\n) S 7 ".to_vec();
        stat.extend_from_slice(TAIL.as_bytes());
        assert_eq!(fields(&stat), Some(Fields { ended: false, parent: 7, start_ticks: 8765 }));
    }

    #[rstest]
    #[case::initial("Name:\ta\nNSpid:\t12\nNSpgid:\t3\n", Some(0))]
    #[case::nested("NSpid:\t12\t5\t1\n", Some(1))]
    #[case::absent("Name:\ta\n", None)]
    fn the_id_in_the_own_namespace_is_the_last_one(#[case] status: &str, #[case] expected: Option<u32>) {
        assert_eq!(namespace_id(status.as_bytes()), expected);
    }

    #[test]
    fn this_process_is_read_as_it_is() {
        let process = read(Path::new("/proc/self")).unwrap().unwrap();
        assert_eq!(process.parent, u32::try_from(nix::unistd::getppid().as_raw()).unwrap());
        let own = std::env::current_exe().unwrap().into_os_string().into_vec();
        assert_eq!(process.executable, Executable::Path(own));
        assert!(process.start_ticks > 0 && process.namespace.is_some() && process.baseline.is_some());
    }

    #[test]
    fn a_process_that_is_not_there_is_none() {
        assert_eq!(read(Path::new("/proc/4194305")).unwrap(), None);
    }
}
