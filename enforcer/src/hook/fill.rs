//! Sizes the maps of a hook before it is loaded, and fills them afterwards.

use std::os::fd::AsFd;

use libbpf_rs::{MapCore, MapFlags, Object, OpenObject};
use quell_bpf::{
    EARLY_MAP, FILTER_MAP, FOLLOWED_MAP, KEPT_MAP, NOTE_MAP, PROCESS_MAP, RATE_MAP, SEARCH_MAP, set_map,
};
use quell_wire::WireRecord;
use quell_wire::hook::{HOOK_ENFORCER, HOOK_NOTIFIES, HOOK_RETURNS, SetKind};
use quell_wire::limits::MAX_RATE_KEYS;
use quell_wire::sets::Sets;

use super::family::Programs;
use super::plan::PlannedHook;
use crate::selector::compile::CompiledHook;

/// Gives every map of the hook's own as many entries as the hook needs: maps are allocated when they are created.
///
/// # Errors
/// When the object lacks a map, or the loader refuses the size.
pub(super) fn size(open: &mut OpenObject, hook: &PlannedHook) -> libbpf_rs::Result<()> {
    own_sizes(hook).into_iter().try_for_each(|(name, size)| size_map(open, name, size))?;
    unused(hook).try_for_each(|name| shrink(open, name))
}

/// Entries of every map that a hook alone has, by name; another object may lack some of them.
#[must_use]
pub fn sizes(hook: &PlannedHook) -> Vec<(&'static str, u32)> {
    let unused = unused(hook).map(|name| (name, 1));
    own_sizes(hook).into_iter().chain(unused).collect()
}

fn own_sizes(hook: &PlannedHook) -> Vec<(&'static str, u32)> {
    let mut sizes = value_sizes(&hook.compiled);
    sizes.push((RATE_MAP, if hook.rate_limits { MAX_RATE_KEYS } else { 1 }));
    sizes
}

/// The maps that a hook does not use, which are as small as can be.
fn unused(hook: &PlannedHook) -> impl Iterator<Item = &'static str> {
    let flags = hook.compiled.config.flags;
    let maps = [
        (KEPT_MAP, flags & HOOK_RETURNS != 0),
        (NOTE_MAP, flags & (HOOK_NOTIFIES | HOOK_ENFORCER) != 0),
        // Where there is no tracker; where there is one, its maps take their place.
        (PROCESS_MAP, false),
        (FOLLOWED_MAP, false),
    ];
    maps.into_iter().filter(|(_, used)| !used).map(|(name, _)| name)
}

fn shrink(open: &mut OpenObject, name: &str) -> libbpf_rs::Result<()> {
    let found = open.maps_mut().find(|map| map.name() == name);
    found.map_or(Ok(()), |mut map| map.set_max_entries(1))
}

fn value_sizes(compiled: &CompiledHook) -> Vec<(&'static str, u32)> {
    let CompiledHook { sets, early, .. } = compiled;
    let members = SetKind::ALL.iter().map(|kind| (set_map(*kind), entries(members(sets, *kind).len())));
    let tables = [(SEARCH_MAP, entries(sets.searches.len())), (EARLY_MAP, entries(early.len()))];
    members.chain(tables).collect()
}

/// The same for the maps of a hook's values alone: sets, searches, the table of the early look.
///
/// # Errors
/// As for a whole hook.
pub fn size_values(open: &mut OpenObject, compiled: &CompiledHook) -> libbpf_rs::Result<()> {
    value_sizes(compiled).into_iter().try_for_each(|(name, size)| size_map(open, name, size))
}

fn size_map(open: &mut OpenObject, name: &str, size: u32) -> libbpf_rs::Result<()> {
    let mut map = open.maps_mut().find(|map| map.name() == name).ok_or_else(|| missing(name))?;
    map.set_max_entries(size)
}

/// A map has at least one entry.
fn entries(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).max(1)
}

/// Fills the program array, the selector bytes, the sets and the search tables. `compiled` is the hook with this machine's
/// namespaces.
///
/// # Errors
/// When the object lacks something, or the kernel refuses an entry.
pub(super) fn fill(object: &Object, programs: &Programs, compiled: &CompiledHook) -> libbpf_rs::Result<()> {
    let map = |name: &str| object.maps().find(|map| map.name() == name).ok_or_else(|| missing(name));
    for (array, stage, name) in &programs.stages {
        let program = object.progs().find(|program| program.name() == *name).ok_or_else(|| missing(name))?;
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&program.as_fd()).to_le_bytes();
        map(array)?.update(&stage.number().to_le_bytes(), &descriptor, MapFlags::ANY)?;
    }
    fill_selectors(object, compiled)
}

/// The same without the program array: what the evaluator reads.
///
/// # Errors
/// As for a whole hook.
pub fn fill_selectors(object: &Object, compiled: &CompiledHook) -> libbpf_rs::Result<()> {
    let map = |name: &str| object.maps().find(|map| map.name() == name).ok_or_else(|| missing(name));
    map(FILTER_MAP)?.update(&0_u32.to_le_bytes(), &*compiled.filter, MapFlags::ANY)?;
    for kind in SetKind::ALL {
        let set = map(set_map(*kind))?;
        // Being there is all that a member says.
        let value = vec![1; set.value_size() as usize];
        for key in members(&compiled.sets, *kind) {
            set.update(&key, &value, MapFlags::ANY)?;
        }
    }
    let table = map(EARLY_MAP)?;
    for (word, at) in compiled.early.iter().zip(0_u32..).filter(|(word, _)| **word != 0) {
        table.update(&at.to_le_bytes(), &word.to_le_bytes(), MapFlags::ANY)?;
    }
    let searches = map(SEARCH_MAP)?;
    for (table, index) in compiled.sets.searches.iter().zip(0_u32..) {
        searches.update(&index.to_le_bytes(), &bytes(table), MapFlags::ANY)?;
    }
    Ok(())
}

fn missing(what: &str) -> libbpf_rs::Error {
    libbpf_rs::Error::from(std::io::Error::other(format!("the object has no {what}")))
}

/// The keys of one kind, as the kernel reads them.
fn members(sets: &Sets, kind: SetKind) -> Vec<Vec<u8>> {
    match kind {
        SetKind::Numbers => sets.numbers.iter().map(bytes).collect(),
        SetKind::Strings => sets.strings.iter().map(bytes).collect(),
        SetKind::Prefixes => sets.prefixes.iter().map(bytes).collect(),
        SetKind::Postfixes => sets.postfixes.iter().map(bytes).collect(),
        SetKind::Networks => sets.networks.iter().map(bytes).collect(),
    }
}

fn bytes<Record: WireRecord>(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(Record::SIZE);
    record.write(&mut bytes);
    bytes
}
