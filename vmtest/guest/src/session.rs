//! The conversation with the host: one cell after the other, exactly one verdict each.

use std::{
    io::{Read, Write},
    os::fd::AsFd,
};

use serde_json::Value;
use vmtest_proto::{CellReport, ToGuest, ToHost};

use crate::{bad::Bad, begin, bench, compare, exec, facts, perform::ACT, plans, port::Port};

/// What is performed: file system, scenario, and where to say which phase was reached.
pub(crate) struct Task<'a> {
    /// In the scenario crate's own serialisation.
    pub(crate) file_system: &'a Value,
    /// In the scenario crate's own serialisation.
    pub(crate) scenario: &'a Value,
}

/// Performs one cell. Progress that can't be sent is returned as the cell's error by [`serve`].
pub(crate) type Perform<'a> = dyn FnMut(&Task<'_>, &mut dyn FnMut(&str)) -> CellReport + 'a;

/// Answers the host until it says power-off.
pub(crate) fn serve<S: Read + Write + AsFd>(
    port: &mut Port<S>,
    bad: Bad,
    perform: &mut Perform<'_>,
) -> anyhow::Result<()> {
    loop {
        match port.receive()? {
            ToGuest::Run { cell, file_system, scenario, mut hold } => {
                bad.before_cell(port)?;
                let mut unsent = None;
                let report =
                    perform(&Task { file_system: &file_system, scenario: &scenario }, &mut |phase: &str| {
                        let mut said = Ok(());
                        if hold && phase == ACT {
                            hold = false;
                            said = begin::wait_for_go(port, &cell);
                        }
                        let progress = ToHost::Progress { cell: cell.clone(), phase: phase.to_owned() };
                        if let Err(error) = said.and_then(|()| port.send(&progress)) {
                            unsent.get_or_insert(error);
                        }
                    });
                if let Some(error) = unsent {
                    return Err(error.context(format!("lost the host during {cell}")));
                }
                let verdict = ToHost::Verdict { cell, report };
                port.send(&verdict)?;
                bad.after_verdict(port, &verdict)?;
            }
            ToGuest::KernelFacts => port.send(&ToHost::KernelFacts { toml: facts::of_enforcer()? })?,
            ToGuest::Compare { cases, seed } => {
                let (agree, errors) =
                    compare::run(cases, seed, &mut |line| port.send(&ToHost::Difference { line }))?;
                port.send(&ToHost::Compared { agree, errors })?;
            }
            ToGuest::Load => {
                let (agree, errors) = compare::load(&mut |line| port.send(&ToHost::Difference { line }))?;
                port.send(&ToHost::Compared { agree, errors })?;
            }
            ToGuest::Plans { policies, without } => {
                plans::ask(&policies, &without, &mut |answer| port.send(&answer))?;
            }
            ToGuest::Exec(request) => {
                bad.before_cell(port)?;
                exec::run(port, &request)?;
            }
            // What the host had sent before it heard that the program is over.
            ToGuest::Input(_) | ToGuest::InputEnd | ToGuest::SlotTaken { .. } | ToGuest::Resize(_) => {}
            ToGuest::Bench(request) => bench::measure(&request, &mut |answer| port.send(&answer))?,
            ToGuest::Begin { .. } => anyhow::bail!("the host said begin twice"),
            ToGuest::GoOn { .. } => anyhow::bail!("the host said go on, and no cell is held"),
            ToGuest::PowerOff => return port.send(&ToHost::Bye),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, thread};

    use serde_json::json;
    use vmtest_proto::{Decoder, encode};

    use super::*;

    fn converse(bad: Bad, requests: &[ToGuest]) -> Vec<ToHost> {
        let (host, guest) = UnixStream::pair().unwrap();
        let bytes: Vec<u8> = requests.iter().flat_map(|request| encode(request).unwrap()).collect();
        (&host).write_all(&bytes).unwrap();
        let answers = thread::spawn(move || {
            let mut bytes = Vec::new();
            (&host).read_to_end(&mut bytes).unwrap();
            let mut decoder = Decoder::new();
            decoder.push(&bytes);
            std::iter::from_fn(|| decoder.next_message()).collect()
        });
        serve(&mut Port::new(guest), bad, &mut |task, progress| {
            progress("act");
            CellReport::Record(json!({ "did": task.scenario, "on": task.file_system }))
        })
        .unwrap();
        answers.join().unwrap()
    }

    fn run(cell: &str) -> ToGuest {
        held(cell, false)
    }

    fn held(cell: &str, hold: bool) -> ToGuest {
        ToGuest::Run { cell: cell.to_owned(), file_system: json!("tmpfs"), scenario: json!("a"), hold }
    }

    fn progress(cell: &str) -> ToHost {
        ToHost::Progress { cell: cell.to_owned(), phase: "act".to_owned() }
    }

    fn verdict(cell: &str) -> ToHost {
        let report = CellReport::Record(json!({ "did": "a", "on": "tmpfs" }));
        ToHost::Verdict { cell: cell.to_owned(), report }
    }

    #[test]
    fn every_cell_gets_its_progress_and_one_verdict_in_order() {
        let answers = converse(Bad::No, &[run("a"), run("b"), ToGuest::PowerOff]);
        assert_eq!(answers, [progress("a"), verdict("a"), progress("b"), verdict("b"), ToHost::Bye]);
    }

    #[test]
    fn a_double_reporter_says_everything_twice() {
        let answers = converse(Bad::Double, &[run("a"), ToGuest::PowerOff]);
        assert_eq!(answers, [progress("a"), verdict("a"), verdict("a"), ToHost::Bye]);
    }
}
