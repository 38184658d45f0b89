//! Processes that are older than the agent: out of `/proc` into entries of the table.
//!
//! What they were when they executed their programs is known to nobody any more. Of that, of what they and their ancestors run,
//! and of who descends from whom, `/proc` shows the present: what they change is told from here on.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use quell_wire::limits::MAX_ANCESTORS;
use quell_wire::process::{
    PROCESS_ANCESTORS_CUT, PROCESS_AT_EXEC_UNKNOWN, PROCESS_SCANNED, PROCESS_TICK_NS, ProcessEntry,
};

use super::followed::FollowedPaths;
use super::stat::{self, Executable, Process};

/// The processes could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {path}")]
pub struct ScanError {
    /// What could not be read.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// Every process under `proc`, by id.
///
/// # Errors
/// When the folder, or what every process has in it, cannot be read. A process that ends meanwhile is no error.
pub fn processes(proc: &Path) -> Result<HashMap<u32, Process>, ScanError> {
    let unreadable = |path: &Path, source| ScanError { path: path.to_owned(), source };
    let mut found = HashMap::new();
    for entry in std::fs::read_dir(proc).map_err(|error| unreadable(proc, error))? {
        let folder = entry.map_err(|error| unreadable(proc, error))?;
        let Some(tgid) = folder.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let path = folder.path();
        if let Some(process) = stat::read(&path).map_err(|error| unreadable(&path, error))? {
            found.insert(tgid, process);
        }
    }
    Ok(found)
}

/// The entry of each process. Where it cannot be told whether a followed program is among its ancestors, there is none: the
/// kernel side sees more, and looks it up when it has to.
#[must_use]
pub fn entries(processes: &HashMap<u32, Process>, followed: &FollowedPaths) -> Vec<(u32, ProcessEntry)> {
    let entry = |(tgid, process): (&u32, _)| Some((*tgid, entry(*tgid, process, processes, followed)?));
    processes.iter().filter_map(entry).collect()
}

fn entry(
    tgid: u32,
    process: &Process,
    processes: &HashMap<u32, Process>,
    followed: &FollowedPaths,
) -> Option<ProcessEntry> {
    let mut entry = ProcessEntry {
        start_ns: start_ns(process),
        parent_start_ns: processes.get(&process.parent).map_or(0, start_ns),
        flags: PROCESS_SCANNED,
        ids: [tgid; 1 + MAX_ANCESTORS as usize],
        ns_ids: [process.namespace_id; 1 + MAX_ANCESTORS as usize],
        ..ProcessEntry::default()
    };
    match process.baseline {
        Some(baseline) => {
            entry.namespaces = baseline.namespaces;
            entry.cap_permitted = baseline.permitted;
            entry.cap_effective = baseline.effective;
            entry.cap_inheritable = baseline.inheritable;
        }
        None => entry.flags |= PROCESS_AT_EXEC_UNKNOWN,
    }
    let lineage = lineage(tgid, processes);
    if !lineage.whole && followed.count() > 0 {
        return None;
    }
    let mut inside = true;
    for (distance, (id, ancestor)) in lineage.processes.into_iter().enumerate() {
        match &ancestor.executable {
            Executable::Path(path) => entry.followed |= followed.bits_of(path),
            Executable::None => {}
            Executable::Unknown if followed.count() > 0 => return None,
            Executable::Unknown => {}
        }
        // A namespace that cannot be told is not taken for the same.
        inside = inside && ancestor.namespace == process.namespace && process.namespace.is_some();
        match (entry.ids.get_mut(distance), entry.ns_ids.get_mut(distance)) {
            (Some(slot), Some(ns_slot)) => {
                *slot = id;
                entry.ancestors = u32::try_from(distance).unwrap_or(u32::MAX);
                if inside {
                    *ns_slot = ancestor.namespace_id;
                }
            }
            _ => entry.flags |= PROCESS_ANCESTORS_CUT,
        }
    }
    Some(entry)
}

/// Start of a process as the table has it.
#[must_use]
pub fn start_ns(process: &Process) -> u64 {
    process.start_ticks.saturating_mul(PROCESS_TICK_NS.into())
}

/// A process and what it descends from, nearest first.
struct Lineage<'a> {
    processes: Vec<(u32, &'a Process)>,
    /// Up to a process that has no parent.
    whole: bool,
}

/// The process, its parent, and so on, as far as they are there: a parent may have ended, or started, after it was looked for.
/// Parents change while they are read: nobody comes twice.
fn lineage(tgid: u32, processes: &HashMap<u32, Process>) -> Lineage<'_> {
    let mut found: Vec<(u32, &Process)> = Vec::new();
    let mut next = tgid;
    while let Some(process) = processes.get(&next) {
        if found.iter().any(|(id, _)| *id == next) {
            break;
        }
        found.push((next, process));
        next = process.parent;
    }
    Lineage { processes: found, whole: next == 0 }
}

#[cfg(test)]
mod tests {
    use quell_wire::hook::HookConfig;
    use quell_wire::selector::StringKey;
    use quell_wire::sets::Sets;

    use super::super::baseline::Baseline;
    use super::*;

    fn process(parent: u32, namespace_id: u32, namespace: u64, path: &str) -> Process {
        Process {
            parent,
            start_ticks: 7,
            namespace_id,
            namespace: Some(namespace),
            executable: Executable::Path(path.into()),
            baseline: None,
        }
    }

    fn following(path: &str) -> FollowedPaths {
        let mut key =
            StringKey { set: 1, length: u32::try_from(path.len()).unwrap(), ..StringKey::default() };
        key.bytes[..path.len()].copy_from_slice(path.as_bytes());
        let mut config = HookConfig { followed: 1, ..HookConfig::default() };
        config.followed_set[0] = 1;
        let sets = Sets { strings: vec![key], ..Sets::default() };
        FollowedPaths::allocate([(&mut config, &sets)]).unwrap()
    }

    fn one(processes: &HashMap<u32, Process>, tgid: u32, followed: &FollowedPaths) -> ProcessEntry {
        entries(processes, followed).into_iter().find(|(id, _)| *id == tgid).unwrap().1
    }

    #[test]
    fn a_process_descends_from_its_parents_of_now() {
        let processes = HashMap::from([
            (1, process(0, 0, 1, "/init")),
            (20, process(1, 0, 1, "/bin/a")),
            (30, process(20, 0, 1, "/bin/b")),
        ]);
        let entry = one(&processes, 30, &following("/bin/a"));
        assert_eq!(entry.ids[..4], [30, 20, 1, 30]);
        assert_eq!(entry.ancestors, 2);
        assert_eq!(entry.followed, 1);
        assert_eq!(entry.start_ns, 70_000_000);
        assert_eq!(entry.flags, PROCESS_SCANNED | PROCESS_AT_EXEC_UNKNOWN);
        assert_eq!(one(&processes, 1, &following("/bin/a")).followed, 0);
    }

    #[test]
    fn what_changes_is_told_from_what_a_process_is_when_it_is_found() {
        let baseline = Baseline {
            namespaces: [9, 8, 7, 6, 5, 4, 3, 2, 1, 10],
            permitted: 3,
            effective: 1,
            inheritable: 2,
        };
        let found = Process { baseline: Some(baseline), ..process(0, 0, 1, "/init") };
        let entry = one(&HashMap::from([(1, found)]), 1, &FollowedPaths::default());
        assert_eq!(entry.flags, PROCESS_SCANNED);
        assert_eq!(entry.namespaces, baseline.namespaces);
        assert_eq!((entry.cap_permitted, entry.cap_effective, entry.cap_inheritable), (3, 1, 2));
    }

    #[test]
    fn from_inside_a_namespace_nothing_outside_is_an_ancestor() {
        let processes = HashMap::from([
            (1, process(0, 0, 1, "/init")),
            (20, process(1, 1, 2, "/bin/a")),
            (30, process(20, 5, 2, "/bin/b")),
        ]);
        let entry = one(&processes, 30, &FollowedPaths::default());
        assert_eq!(entry.ids[..4], [30, 20, 1, 30]);
        assert_eq!(entry.ns_ids[..4], [5, 1, 5, 5]);
    }

    #[test]
    fn ancestors_beyond_those_that_are_kept_are_said_to_be_cut_and_still_followed() {
        let mut processes = HashMap::from([(1, process(0, 0, 1, "/bin/far"))]);
        processes.extend((2..=12).map(|id| (id, process(id - 1, 0, 1, "/bin/near"))));
        let entry = one(&processes, 12, &following("/bin/far"));
        assert_eq!(entry.ancestors, 9);
        assert_eq!(entry.ids, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
        assert_ne!(entry.flags & PROCESS_ANCESTORS_CUT, 0);
        assert_eq!(entry.followed, 1);
    }

    #[test]
    fn what_may_descend_from_a_followed_program_is_left_to_the_kernel_side() {
        let hidden = Process { executable: Executable::Unknown, ..process(0, 0, 1, "") };
        let processes = HashMap::from([(1, hidden), (2, process(1, 0, 1, "/bin/b"))]);
        assert_eq!(entries(&processes, &following("/bin/a")), []);
        assert_eq!(entries(&processes, &FollowedPaths::default()).len(), 2);
    }

    #[test]
    fn who_descends_from_a_process_that_was_not_found_is_left_to_the_kernel_side() {
        let processes = HashMap::from([(1, process(0, 0, 1, "/init")), (30, process(20, 0, 1, "/bin/b"))]);
        let ids: Vec<u32> = entries(&processes, &following("/bin/a")).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, [1]);
        assert_eq!(entries(&processes, &FollowedPaths::default()).len(), 2);
    }

    #[test]
    fn parents_that_go_round_in_a_circle_end() {
        let processes = HashMap::from([(2, process(3, 0, 1, "/a")), (3, process(2, 0, 1, "/b"))]);
        assert_eq!(one(&processes, 2, &FollowedPaths::default()).ancestors, 1);
    }

    #[test]
    fn this_process_and_its_parent_are_found() {
        let found = processes(Path::new("/proc")).unwrap();
        let own = found.get(&std::process::id()).unwrap();
        assert!(found.contains_key(&own.parent));
    }
}
