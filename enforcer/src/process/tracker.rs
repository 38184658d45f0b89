//! Keeps the table of processes: loads its programs, attaches them before any hook, and fills in the processes that are there
//! already.

use std::collections::BTreeMap;
use std::path::Path;

use libbpf_rs::{ErrorKind, Link, MapCore, MapFlags, MapHandle, Object, OpenObject};
use quell_bpf::{
    EVENT_MAP, FOLLOWED_MAP, PROCESS_MAP, PROCESS_MAPS, PROCESS_OBJECT, PROCESS_PERF_OBJECT, PROCESS_PROGRAMS,
};
use quell_wire::WireRecord;
use quell_wire::emit_c::RECORDS;
use quell_wire::hook::{HOOK_PROCESS_EVENTS, HookConfig};
use quell_wire::process::ProcessEntry;

use super::followed::FollowedPaths;
use super::scan::{self, ScanError};
use super::stat;
use crate::hook::buffer::EventBuffer;
use crate::hook::layout::{self, LayoutError};
use crate::hook::open::{OpenError, Opening};
use crate::hook::shared::SharedMaps;
use crate::hook::statistics::{self, HookStatistics};
use crate::hook::verifier_log;

/// Lines of a verifier log that an error shows.
const LOG_LINES: usize = 12;

/// Maps that hooks share with the table's programs.
const SHARED: &[&str] = &[PROCESS_MAP, FOLLOWED_MAP, EVENT_MAP];

/// Why processes are not tracked. Nothing stays attached.
#[derive(Debug, thiserror::Error)]
pub enum TrackerError {
    /// The loader or the kernel refused.
    #[error("failed to {step} of the table of processes: {source}\n{log}")]
    Refused {
        /// What was tried.
        step: String,
        /// The loader's error.
        source: libbpf_rs::Error,
        /// The end of the loader's and the verifier's log.
        log: String,
    },
    /// The object could not be opened.
    #[error("failed to open the object of the table of processes")]
    Open(#[from] OpenError),
    /// The object lacks something that this agent needs.
    #[error("the object of the table of processes has no {0}")]
    Incomplete(&'static str),
    /// The object was built from another header.
    #[error("the object of the table of processes doesn't fit this agent")]
    Layout(#[from] LayoutError),
    /// The processes that are there already are not known.
    #[error("failed to look for the processes that are older than the agent")]
    Scan(#[from] ScanError),
}

/// How processes are tracked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackerSettings {
    /// What carries events.
    pub event_buffer: EventBuffer,
    /// Tell of every execution and every end.
    pub events: bool,
    /// Fill in the processes that are there already. Only an agent in the initial PID namespace can: no other one sees the
    /// ids that the kernel side knows.
    pub scan: bool,
    /// Entries of the table; `None`: [`MAX_PROCESSES`](quell_wire::limits::MAX_PROCESSES).
    pub capacity: Option<u32>,
    /// How objects are opened on the running kernel.
    pub opening: Opening,
}

/// What the scan at the start did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Processes that were put into the table.
    pub added: u64,
    /// Processes for which it had no room; they are looked up otherwise.
    pub no_room: u64,
    /// Processes of which `/proc` does not show what they, or what they descend from, run; they are looked up otherwise.
    pub hidden: u64,
}

/// The table of processes, in force. Dropping it detaches its programs.
#[derive(Debug)]
pub struct Tracker {
    object: Object,
    /// In the order of attaching.
    links: Vec<Link>,
    scanned: Scanned,
}

impl Tracker {
    /// Loads and attaches the programs, then fills the table. What is forked, executed or ended during the scan is in the table
    /// by then: the scan replaces no entry. `shared` may have the buffer of events already.
    ///
    /// # Errors
    /// When the kernel refuses, or `/proc` cannot be read.
    pub fn start(
        settings: &TrackerSettings,
        followed: &FollowedPaths,
        shared: &SharedMaps,
    ) -> Result<Self, TrackerError> {
        let object = load(settings, followed, shared)?;
        let mut tracker = Self { object, links: Vec::new(), scanned: Scanned::default() };
        tracker.fill_followed(followed)?;
        for (tracepoint, name) in PROCESS_PROGRAMS {
            let program = tracker.object.progs_mut().find(|program| program.name() == *name);
            let program = program.ok_or(TrackerError::Incomplete("program for a tracepoint"))?;
            let (link, log) = verifier_log::with_log(|| program.attach_raw_tracepoint(tracepoint));
            let link = link.map_err(|error| refused(format!("attach {tracepoint}"), error, &log))?;
            tracker.links.push(link);
        }
        if settings.scan {
            tracker.scanned = tracker.scan(Path::new("/proc"), followed)?;
        }
        Ok(tracker)
    }

    /// The maps that hooks share, by name.
    ///
    /// # Errors
    /// When the loader does not give them.
    pub fn shared_maps(&self) -> Result<Vec<(String, MapHandle)>, TrackerError> {
        let share = |name: &&'static str| Ok(((*name).to_owned(), self.handle(name)?));
        SHARED.iter().map(share).collect()
    }

    /// What the scan at the start did.
    #[must_use]
    pub const fn scanned(&self) -> Scanned {
        self.scanned
    }

    /// The entry of a process.
    ///
    /// # Errors
    /// When the kernel does not give it.
    pub fn entry(&self, tgid: u32) -> Result<Option<ProcessEntry>, TrackerError> {
        let bytes = self.handle(PROCESS_MAP)?.lookup(&tgid.to_le_bytes(), MapFlags::ANY);
        let bytes = bytes.map_err(|error| refused("read an entry".into(), error, &[]))?;
        Ok(bytes.and_then(|bytes| ProcessEntry::read(&bytes)))
    }

    /// Ids of all processes in the table.
    ///
    /// # Errors
    /// When the loader does not give the table.
    pub fn ids(&self) -> Result<Vec<u32>, TrackerError> {
        let keys = self.handle(PROCESS_MAP)?;
        let ids = keys.keys().filter_map(|key| Some(u32::from_le_bytes(key.first_chunk().copied()?)));
        Ok(ids.collect())
    }

    /// Detaches the programs, in reverse order. The table stays as it is.
    pub fn detach(&mut self) {
        while let Some(link) = self.links.pop() {
            drop(link);
        }
    }

    /// What the programs counted. `calls` are forks of threads and processes, executions, and ends of threads; `untracked` are
    /// processes that had to be made up from what lives, because the table had no entry of them.
    ///
    /// # Errors
    /// When the kernel does not give it.
    pub fn statistics(&self) -> libbpf_rs::Result<HookStatistics> {
        statistics::read(&self.object)
    }

    fn fill_followed(&self, followed: &FollowedPaths) -> Result<(), TrackerError> {
        let paths = self.handle(FOLLOWED_MAP)?;
        for (path, bits) in followed.keys() {
            let mut key = Vec::new();
            path.write(&mut key);
            paths
                .update(&key, &bits.to_le_bytes(), MapFlags::ANY)
                .map_err(|error| refused("note the followed programs".into(), error, &[]))?;
        }
        Ok(())
    }

    fn scan(&self, proc: &Path, followed: &FollowedPaths) -> Result<Scanned, TrackerError> {
        let table = self.handle(PROCESS_MAP)?;
        let failed = |error| refused("fill in a process".into(), error, &[]);
        let mut scanned = Scanned::default();
        let processes = scan::processes(proc)?;
        let entries = scan::entries(&processes, followed);
        scanned.hidden = u64::try_from(processes.len().saturating_sub(entries.len())).unwrap_or(u64::MAX);
        for (tgid, entry) in entries {
            let (key, mut value) = (tgid.to_le_bytes(), Vec::new());
            entry.write(&mut value);
            match table.update(&key, &value, MapFlags::NO_EXIST) {
                Ok(()) => scanned.added += 1,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) if error.kind() == ErrorKind::TooBig => {
                    scanned.no_room += 1;
                    continue;
                }
                Err(error) => return Err(failed(error)),
            }
            // Whose end came before its entry would stay in the table for ever.
            let path = proc.join(tgid.to_string());
            let now = stat::read(&path).map_err(|source| ScanError { path, source })?;
            if now.is_none_or(|process| scan::start_ns(&process) != entry.start_ns) {
                scanned.added -= 1;
                // Unless a process with the same id has started since, whose entry it is.
                let found = table.lookup(&key, MapFlags::ANY).map_err(failed)?;
                if found
                    .as_deref()
                    .and_then(ProcessEntry::read)
                    .is_none_or(|found| found.start_ns != entry.start_ns)
                {
                    continue;
                }
                match table.delete(&key) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
                    _ => {}
                }
            }
        }
        Ok(scanned)
    }

    fn handle(&self, name: &'static str) -> Result<MapHandle, TrackerError> {
        let map = self.object.maps().find(|map| map.name() == name).ok_or(TrackerError::Incomplete(name))?;
        MapHandle::try_from(&map).map_err(|error| refused(format!("find the map {name}"), error, &[]))
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.detach();
    }
}

/// Loads the programs, attaches nothing, and says how many instructions the verifier walked for each (Linux 5.2).
///
/// # Errors
/// When the kernel refuses.
pub fn measure(
    settings: &TrackerSettings,
    followed: &FollowedPaths,
) -> Result<BTreeMap<String, u64>, TrackerError> {
    let mut open = open(settings, followed)?;
    open.progs_mut().for_each(|mut program| program.set_log_level(verifier_log::STATISTICS));
    let (loaded, log) = verifier_log::with_whole_log(|| open.load());
    loaded.map_err(|error| refused("load the programs".into(), error, &log))?;
    Ok(verifier_log::instructions(&log))
}

/// The object of the table, and bytes of its global `config`.
#[must_use]
pub fn given(settings: &TrackerSettings, followed: &FollowedPaths) -> (&'static [u8], Vec<u8>) {
    let bytes: &[u8] = match settings.event_buffer {
        EventBuffer::Ring => &PROCESS_OBJECT,
        EventBuffer::Perf => &PROCESS_PERF_OBJECT,
    };
    let config = HookConfig {
        followed: followed.count(),
        flags: if settings.events { HOOK_PROCESS_EVENTS } else { 0 },
        ..HookConfig::default()
    };
    let mut constants = Vec::new();
    config.write(&mut constants);
    (bytes, constants)
}

fn open(settings: &TrackerSettings, followed: &FollowedPaths) -> Result<OpenObject, TrackerError> {
    let (bytes, constants) = given(settings, followed);
    let mut open = settings.opening.open(bytes, &constants, &|_| true)?;
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let sized = match (name.as_str(), settings.capacity) {
            (FOLLOWED_MAP, _) => {
                map.set_max_entries(u32::try_from(followed.keys().len()).unwrap_or(u32::MAX).max(1))
            }
            (PROCESS_MAP, Some(capacity)) => map.set_max_entries(capacity),
            // Sections of globals are maps whose names have dots.
            (name, _) if !PROCESS_MAPS.contains(&name) && !name.contains('.') => map.set_autocreate(false),
            _ => Ok(()),
        };
        sized.map_err(|error| refused(format!("size the map {name}"), error, &[]))?;
    }
    Ok(open)
}

fn load(
    settings: &TrackerSettings,
    followed: &FollowedPaths,
    shared: &SharedMaps,
) -> Result<Object, TrackerError> {
    let mut open = open(settings, followed)?;
    // Of no policy: none of its maps is a policy's own.
    shared.give(&mut open, usize::MAX).map_err(|error| refused("share the maps".into(), error, &[]))?;
    let (loaded, log) = verifier_log::with_log(|| open.load());
    let object = loaded.map_err(|error| refused("load the programs".into(), error, &log))?;
    check_layout(&object)?;
    Ok(object)
}

fn check_layout(object: &Object) -> Result<(), TrackerError> {
    let btf = object.btf().ok().flatten().ok_or(TrackerError::Incomplete("type information"))?;
    Ok(layout::check(&btf, RECORDS)?)
}

fn refused(step: String, source: libbpf_rs::Error, log: &[String]) -> TrackerError {
    TrackerError::Refused { step, source, log: verifier_log::summary(log, LOG_LINES) }
}
