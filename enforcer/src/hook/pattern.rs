//! A pattern of function names to the functions of a kernel: one program at all of them where the kernel can, else one each.

use quell_wire::hook::Convention;

use super::choose::{Need, Reason, Served, offered};
use super::mechanism::{Mechanism, Target};
use crate::kernel::facts::{Feature, KernelFacts};
use crate::policy::entry;
use crate::policy::pattern::Pattern;

/// Functions that one program serves at most: each call of any of them runs it.
const MOST_TOGETHER: usize = 4096;
/// Functions that have a program each at most: every one of them is a copy of all programs.
const MOST_ALONE: usize = 64;

/// The functions that a pattern means on this kernel.
///
/// # Errors
/// When there are none or too many, or the pattern cannot be read.
pub(super) fn functions(pattern: &str, need: Need, facts: &KernelFacts) -> Result<Vec<Served>, Vec<Reason>> {
    let no = |text: String| vec![Reason::no(text)];
    let pattern_of = Pattern::new(pattern).map_err(|error| no(error.to_string()))?;
    let functions = &facts.functions;
    let may = |name: &&str| pattern_of.matches(name) && !functions.blacklisted.contains(*name);
    let mut named: Vec<&str> = functions.names.iter().filter(may).collect();
    named.sort_unstable();
    let release = &facts.release;
    if named.is_empty() {
        let everything = functions.families.iter().any(String::is_empty);
        return Err(if everything {
            no(format!("no function of {release} matches `{pattern}`"))
        } else {
            vec![Reason {
                text: format!(
                    "whether a function of {release} matches `{pattern}` is unknown: not all were recorded"
                ),
                unknown: true,
            }]
        });
    }
    let target = |name: &str| Target {
        symbol: name.to_owned(),
        convention: entry::convention(name).unwrap_or(Convention::Function),
    };
    let together = if need.multi && !need.returns {
        offered("kprobe.multi", Feature::KprobeMulti, facts)
    } else {
        Err(Reason::no("one program at many functions: not where the policy forbids it or looks at returns"))
    };
    match together {
        Ok(()) => {
            // Such programs rest on the function tracer.
            let traced: Vec<Target> = named
                .iter()
                .filter(|name| !functions.untraceable.contains(name))
                .map(|name| target(name))
                .collect();
            if traced.is_empty() {
                return Err(no(format!(
                    "the function tracer of {release} can take none of the {} functions that match `{pattern}`",
                    named.len()
                )));
            }
            if traced.len() > MOST_TOGETHER {
                return Err(no(format!(
                    "{} functions of {release} match `{pattern}`; one hook has at most {MOST_TOGETHER}",
                    traced.len()
                )));
            }
            Ok(by_convention(traced))
        }
        Err(reason) if named.len() > MOST_ALONE => Err(vec![
            Reason::no(format!(
                "{} functions of {release} match `{pattern}`; at most {MOST_ALONE} are hooked one by one",
                named.len()
            )),
            reason,
        ]),
        Err(_) => Ok(named
            .iter()
            .map(|name| Served {
                mechanism: Mechanism::Kprobe,
                targets: vec![target(name)],
                arguments: None,
                call: Some((*name).to_owned()),
            })
            .collect()),
    }
}

/// One load per convention: a program with attach cookies reads the arguments of all its functions alike.
fn by_convention(targets: Vec<Target>) -> Vec<Served> {
    let mut served: Vec<Served> = Vec::new();
    for target in targets {
        let alike = |load: &&mut Served| {
            load.targets.first().is_some_and(|first| first.convention == target.convention)
        };
        match served.iter_mut().find(alike) {
            Some(load) => load.targets.push(target),
            None => served.push(Served {
                mechanism: Mechanism::KprobeMulti,
                targets: vec![target],
                arguments: None,
                call: None,
            }),
        }
    }
    served
}
