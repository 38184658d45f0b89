//! What the programs of a hook counted.

use libbpf_rs::{MapCore, MapFlags, Object};
use quell_wire::WireRecord;
use quell_wire::hook::{FAULT_SITES, FaultRow, FaultSite, HookCounters};

/// Counters and failed helpers of a hook, read after detach.
#[derive(Clone, Debug)]
pub struct HookStatistics {
    /// The counters.
    pub counters: HookCounters,
    /// Counts by site and errno, zero counts left out.
    pub faults: Vec<(FaultSite, usize, u64)>,
}

/// Reads the counters and the fault table of an object.
///
/// # Errors
/// When the kernel does not give them.
pub fn read(object: &Object) -> libbpf_rs::Result<HookStatistics> {
    let missing = || libbpf_rs::Error::from(std::io::Error::other("the object has no counters"));
    let bss = object.maps().find(|map| map.name().to_string_lossy().ends_with(".bss")).ok_or_else(missing)?;
    let bytes = bss.lookup(&0_u32.to_le_bytes(), MapFlags::ANY)?.ok_or_else(missing)?;
    let btf = object.btf()?.ok_or_else(missing)?;
    let at = |name: &str| section_offset(&btf, ".bss", name).ok_or_else(missing);
    let counters =
        HookCounters::read(bytes.get(at("counters")?..).unwrap_or_default()).ok_or_else(missing)?;
    let rows = at("faults")?;
    let mut faults = Vec::new();
    for site in FaultSite::ALL.iter().take(FAULT_SITES as usize) {
        let start = rows + site.number() as usize * FaultRow::SIZE;
        let row = FaultRow::read(bytes.get(start..).unwrap_or_default()).ok_or_else(missing)?;
        let counted = row.errno.iter().enumerate().filter(|(_, count)| **count > 0);
        faults.extend(counted.map(|(errno, count)| (*site, errno, *count)));
    }
    Ok(HookStatistics { counters, faults })
}

/// Where a global lies in its section, from the object's type information.
fn section_offset(btf: &libbpf_rs::btf::Btf<'_>, section: &str, name: &str) -> Option<usize> {
    let data: libbpf_rs::btf::types::DataSec<'_> = btf.type_by_name(section)?;
    data.iter().find_map(|entry| {
        let variable: libbpf_rs::btf::types::Var<'_> = btf.type_by_id(entry.ty)?;
        (variable.name()? == name).then_some(entry.offset as usize)
    })
}
