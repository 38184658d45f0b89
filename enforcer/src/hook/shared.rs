//! Maps that several hooks share: scratch memory, the events, the table of processes; the notes for enforcers within a policy.

use std::os::fd::AsFd;

use libbpf_rs::{MapCore, MapHandle, MapType, Object, OpenObject};
use quell_bpf::{EVENT_MAP, Family, NOTE_MAP};
use quell_wire::limits::RING_BYTES;

use super::buffer::EventBuffer;

/// The maps that hooks share, each created by the first object that has it.
#[derive(Debug, Default)]
pub struct SharedMaps {
    maps: Vec<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    /// The policy whose hooks share it; `None`: all do.
    policy: Option<usize>,
    map: MapHandle,
}

impl SharedMaps {
    /// With a buffer of events, which is there before any program, so that it can be read before any is attached.
    ///
    /// # Errors
    /// When the kernel does not create it.
    pub fn with_events(kind: EventBuffer) -> libbpf_rs::Result<Self> {
        let (ty, key, value, entries) = match kind {
            EventBuffer::Ring => (MapType::RingBuf, 0, 0, RING_BYTES),
            EventBuffer::Perf => {
                let processors = u32::try_from(libbpf_rs::num_possible_cpus()?).unwrap_or(u32::MAX);
                (MapType::PerfEventArray, 4, 4, processors)
            }
        };
        let options = libbpf_sys::bpf_map_create_opts {
            sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
            ..Default::default()
        };
        let events = MapHandle::create(ty, Some(EVENT_MAP), key, value, entries, &options)?;
        let mut shared = Self::default();
        shared.add(EVENT_MAP, events);
        Ok(shared)
    }

    /// The buffer of events.
    #[must_use]
    pub fn events(&self) -> Option<&MapHandle> {
        self.find(EVENT_MAP, None)
    }

    /// Shares a map that was created elsewhere with all hooks.
    pub fn add(&mut self, name: &str, map: MapHandle) {
        if self.find(name, None).is_none() {
            self.maps.push(Shared { name: name.to_owned(), policy: None, map });
        }
    }

    /// Gives an object of a policy, which is known by its position, the maps that are there already.
    ///
    /// # Errors
    /// When the kernel no longer has one.
    pub(crate) fn give(&self, open: &mut OpenObject, policy: usize) -> libbpf_rs::Result<()> {
        for mut map in open.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            let scope = (name == NOTE_MAP).then_some(policy);
            if let Some(handle) = self.find(&name, scope) {
                map.reuse_fd(handle.as_fd())?;
            }
        }
        Ok(())
    }

    /// Keeps those that a loaded object was the first to have.
    ///
    /// # Errors
    /// When the kernel does not give a map a second descriptor.
    pub(super) fn take(&mut self, object: &Object, family: Family, policy: usize) -> libbpf_rs::Result<()> {
        let names = family.shared_maps().iter().copied().chain([NOTE_MAP]);
        for name in names {
            let scope = (name == NOTE_MAP).then_some(policy);
            if self.find(name, scope).is_some() {
                continue;
            }
            if let Some(map) = object.maps().find(|map| map.name() == name) {
                let map = MapHandle::try_from(&map)?;
                self.maps.push(Shared { name: name.to_owned(), policy: scope, map });
            }
        }
        Ok(())
    }

    fn find(&self, name: &str, policy: Option<usize>) -> Option<&MapHandle> {
        self.maps
            .iter()
            .find(|shared| shared.name == name && shared.policy == policy)
            .map(|shared| &shared.map)
    }
}
