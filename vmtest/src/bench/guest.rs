//! One kernel, booted once, with all passes made in it.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use vmtest_proto::{BenchRequest, BenchSeen, ToGuest};

use super::{cost::KernelCosts, events, judge, scale};
use crate::{
    boot::{self, BootPlan},
    event::RunEvent,
    limits::Limits,
    link::Loss,
    run::BootImage,
    session::Session,
};

/// All passes of a kernel, in wall time on a busy host.
const WITHIN: Duration = Duration::from_secs(7200);
/// Counting makes a boot three times as slow.
const BOOT_WITHIN: Duration = Duration::from_secs(600);

/// Boots a kernel and makes all passes in it.
pub(super) fn measure(
    plan: &BootPlan,
    id: &str,
    image: &BootImage,
    request: &BenchRequest,
    traces: &Path,
) -> Result<KernelCosts, Vec<String>> {
    let begun = Instant::now();
    let requests = vec![ToGuest::Bench(request.clone()), ToGuest::PowerOff];
    let (guest, _directory) =
        boot::start_foretold(plan, &image.vmlinux, &BTreeSet::new(), traces, 1, requests)
            .map_err(|error| vec![error.to_string()])?;
    let mut remark = |event: RunEvent| {
        if let RunEvent::Remark { kernel, text } = event {
            eprintln!("{kernel}: {text}");
        }
    };
    let mut limits = Limits::of(plan.accel).with_boot(BOOT_WITHIN);
    limits.boot_silence.cpu = BOOT_WITHIN;
    let session = Session::new(guest, limits, id, 1, &mut remark);
    let mut passes: Vec<BenchSeen> = Vec::new();
    let mut heard = |seen: BenchSeen| {
        eprintln!("{id}: {}: measured after {} s", seen.name, begun.elapsed().as_secs());
        passes.push(seen);
    };
    let session = session.expecting(image.release.as_deref());
    let measured = session.bench(request.clone(), WITHIN, &mut heard).map_err(|loss| {
        vec![match loss {
            Loss::Silent { waited } => format!("the guest did not answer: {waited}"),
            Loss::Broken(cause) => cause.to_string(),
            Loss::Interrupted => "interrupted".to_owned(),
        }]
    })?;
    let complaints: Vec<String> =
        measured.complaints.iter().map(|text| format!("the kernel complained: {text}")).collect();
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let (of_events, of_calls): (Vec<BenchSeen>, Vec<BenchSeen>) =
        passes.into_iter().partition(events::is_one);
    let judged = judge::judge(&of_calls)?;
    let events = if of_events.is_empty() { None } else { Some(events::judge(&of_events)?) };
    Ok(KernelCosts {
        kernel: id.to_owned(),
        release: measured.facts.release,
        package: image.package.clone(),
        known_loop: judged.known_loop,
        plain: judged.plain,
        charts: scale::charts(&judged.policies),
        policies: judged.policies,
        events,
    })
}
