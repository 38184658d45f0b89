//! The page: one file without anything from a network, tables beside every chart.

use std::fmt::Write as _;

use super::{
    ceiling,
    cost::{Costs, KernelCosts, per_call},
    svg::{Group, bars, escape},
    table,
};

/// Light and dark, wide and narrow.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2024;--faint:#60646c;--page:#fff;--line:#d9d9e0;--ceiling:#ce2c31;\
--c0:#3e63dd;--c1:#30a46c;--c2:#f76b15;--c3:#8e4ec6;--c4:#00a2c7;--c5:#ad7f58}\
@media (prefers-color-scheme:dark){:root{--ink:#edeef0;--faint:#b0b4ba;--page:#111113;--line:#43484e;--ceiling:#ff9592}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:60rem;margin:0 auto;padding:1rem}\
svg{width:100%;height:auto;font:12px system-ui,sans-serif}svg text{fill:var(--ink)}svg .faint{fill:var(--faint)}\
.s0{fill:var(--c0)}.s1{fill:var(--c1)}.s2{fill:var(--c2)}.s3{fill:var(--c3)}.s4{fill:var(--c4)}.s5{fill:var(--c5)}\
polyline{fill:none;stroke-width:2}.l0{stroke:var(--c0)}.l1{stroke:var(--c1)}.l2{stroke:var(--c2)}.l3{stroke:var(--c3)}\
.l4{stroke:var(--c4)}.l5{stroke:var(--c5)}.grid{stroke:var(--line)}.ceiling{stroke:var(--ceiling);stroke-width:2}\
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.2rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}\
th:first-child,td:first-child{text-align:left}.key span{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem 0 1rem}\
p.note,.over{color:var(--faint)}td.over{color:var(--ceiling);font-weight:600}";

/// A finding that belongs to the page and is drawn elsewhere: a heading and markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// Ready markup.
    pub body: String,
}

/// The whole page.
#[must_use]
pub fn render(costs: &Costs, more: &[Section]) -> String {
    let kernels = &costs.kernels;
    let names: Vec<&str> = kernels.iter().map(|kernel| kernel.kernel.as_str()).collect();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>What policies cost</title>\
         <style>{STYLE}</style></head><body>\n<h1>What policies cost</h1>\n\
         <p>Guest instructions that a call takes more than without an agent. {}, <code>-icount shift={}</code>, quell \
         <code>{}</code>, {:.1} MiB.</p>\n",
        escape(&costs.qemu),
        costs.icount_shift,
        costs.quell.digest.get(..12).unwrap_or_default(),
        costs.quell.bytes as f64 / f64::from(1 << 20)
    );
    page.push_str("<p class=\"key\">");
    for (number, kernel) in kernels.iter().enumerate() {
        _ = write!(
            page,
            "<span class=\"k{number}\" style=\"background:var(--c{})\"></span>{}",
            number % 6,
            escape(&kernel.kernel)
        );
    }
    page.push_str("<span style=\"background:var(--ceiling);width:2px\"></span>agreed ceiling</p>\n");
    let groups: Vec<Group> =
        table::cells(kernels).iter().map(|(policy, call)| group(kernels, policy, *call)).collect();
    let hooked = |group: &&Group| {
        group.values.iter().flatten().any(|value| value.abs() > 4.0)
            || group.ceilings.iter().any(Option::is_some)
    };
    let shown: Vec<Group> = groups.iter().filter(hooked).cloned().collect();
    // Curves show the same better, and their passes have names that are too long for bars.
    if kernels.iter().all(|kernel| kernel.charts.is_empty()) {
        page.push_str("<h2>Added per call</h2>\n");
        page.push_str(&bars("instructions added per call", &names, &shown));
    }
    for Section { title, body } in more {
        _ = write!(page, "<h2>{}</h2>\n{body}", escape(title));
    }
    page.push_str("<h2>Every cell</h2>\n");
    page.push_str(&cells(kernels, &names));
    page.push_str("<h2>The agent</h2>\n");
    page.push_str(&agent(kernels));
    page.push_str("<h2>Programs</h2>\n");
    page.push_str(&programs(kernels));
    page + "</body></html>\n"
}

fn group(kernels: &[KernelCosts], policy: &str, call: vmtest_proto::BenchCall) -> Group {
    let added = |kernel: &KernelCosts| {
        let policy = kernel.policies.iter().find(|own| own.policy == policy)?;
        policy.added.get(&call).map(|count| *count as f64)
    };
    Group {
        name: format!("{policy}: {}", call.name()),
        values: kernels.iter().map(added).collect(),
        ceilings: kernels
            .iter()
            .map(|kernel| Some(ceiling::of(policy, call, &kernel.kernel)? as f64))
            .collect(),
    }
}

fn head(first: &str, names: &[&str]) -> String {
    let mut text = format!("<div class=\"scroll\"><table><tr><th>{first}</th>");
    names.iter().for_each(|name| _ = write!(text, "<th>{}</th>", escape(name)));
    text + "</tr>\n"
}

fn cells(kernels: &[KernelCosts], names: &[&str]) -> String {
    let mut text = head("no agent: instructions per call", names);
    for call in vmtest_proto::BenchCall::ALL {
        let of = |kernel: &KernelCosts| kernel.plain.get(&call).map(per_call);
        if kernels.iter().any(|kernel| of(kernel).is_some()) {
            _ = write!(text, "<tr><td>{}</td>", call.name());
            kernels.iter().for_each(|kernel| _ = write!(text, "<td>{}</td>", of(kernel).unwrap_or_default()));
            text.push_str("</tr>\n");
        }
    }
    text.push_str("</table></div>\n");
    text.push_str(&head("added", names));
    for (policy, call) in table::cells(kernels) {
        _ = write!(text, "<tr><td>{}: {}</td>", escape(policy), call.name());
        for (kernel, value) in kernels.iter().zip(group(kernels, policy, call).values) {
            let ceiling = ceiling::of(policy, call, &kernel.kernel);
            let over = value.zip(ceiling).is_some_and(|(value, ceiling)| value > ceiling as f64);
            let class = if over { " class=\"over\"" } else { "" };
            let value = value.map_or_else(|| "–".to_owned(), |value| format!("{value:+}"));
            let ceiling = ceiling.map(|most| format!(" / {most}")).unwrap_or_default();
            _ = write!(text, "<td{class}>{value}{ceiling}</td>");
        }
        text.push_str("</tr>\n");
    }
    text + "</table></div>\n"
}

fn agent(kernels: &[KernelCosts]) -> String {
    let columns = ["until it enforces, M instructions", "its own, M", "resident, KiB", "most resident, KiB"];
    let mut text = head("kernel, policy", &columns);
    for kernel in kernels {
        for policy in &kernel.policies {
            let agent = &policy.agent;
            let own = agent.ready_own.map_or_else(|| "–".to_owned(), |own| (own / 1_000_000).to_string());
            _ = writeln!(
                text,
                "<tr><td>{}, {}</td><td>{}</td><td>{own}</td><td>{}</td><td>{}</td></tr>",
                escape(&kernel.kernel),
                escape(&policy.policy),
                agent.ready / 1_000_000,
                agent.resident_kib,
                agent.most_resident_kib
            );
        }
    }
    text + "</table></div>\n"
}

fn programs(kernels: &[KernelCosts]) -> String {
    let mut text = head("kernel, policy, program", &["verifier walked", "bytes", "machine code, bytes"]);
    for kernel in kernels {
        for policy in &kernel.policies {
            for (name, size) in policy.hooks.iter().flat_map(|hook| &hook.programs) {
                let walked =
                    size.verified_instructions.map_or_else(|| "–".to_owned(), |walked| walked.to_string());
                _ = writeln!(
                    text,
                    "<tr><td>{}, {}, {}</td><td>{walked}</td><td>{}</td><td>{}</td></tr>",
                    escape(&kernel.kernel),
                    escape(&policy.policy),
                    escape(name),
                    size.bytes,
                    size.jited_bytes
                );
            }
        }
    }
    text + "</table></div>\n<p class=\"note\">Kernels before 5.16 do not keep what their verifier walked; `vmtest load` reads it from \
            the verifier's log.</p>\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use vmtest_proto::{BenchCall, CallCost};

    use super::*;
    use crate::bench::cost::{COSTS_VERSION, HookSeen, PolicyCosts, ProgramSize};
    use crate::bench::scale::Chart;

    fn costs() -> Costs {
        let size = ProgramSize { bytes: 800, jited_bytes: 500, verified_instructions: Some(1234) };
        let hook = HookSeen {
            call: "sys_write".into(),
            programs: BTreeMap::from([("generic".to_owned(), size)]),
            ..HookSeen::default()
        };
        let policy = PolicyCosts {
            policy: "write-fd-equal".into(),
            added: BTreeMap::from([(BenchCall::Getpid, 0), (BenchCall::Write, 4655)]),
            hooks: vec![hook],
            ..PolicyCosts::default()
        };
        let cost = |fewest| CallCost { fewest, median: fewest, batch: 64, made: 64 };
        let kernel = KernelCosts {
            kernel: "6.12".into(),
            plain: BTreeMap::from([(BenchCall::Getpid, cost(64 * 430)), (BenchCall::Write, cost(64 * 1878))]),
            policies: vec![policy],
            ..KernelCosts::default()
        };
        Costs {
            version: COSTS_VERSION,
            qemu: "QEMU <7.2>".into(),
            icount_shift: 0,
            quell: Default::default(),
            kernels: vec![kernel],
        }
    }

    #[test]
    fn a_cell_above_its_ceiling_is_marked_and_everything_is_on_the_page() {
        let section = Section { title: "More".into(), body: "<p>here</p>".into() };
        let page = render(&costs(), &[section]);
        for part in [
            "QEMU &lt;7.2&gt;",
            "<td class=\"over\">+4655 / 500</td>",
            "<td>430</td>",
            "<td>1234</td>",
            "<p>here</p>",
            "<svg",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("http"), "the page asks nothing of a network");
    }

    #[test]
    fn curves_take_the_place_of_bars() {
        let mut costs = costs();
        let series = vec![("Equal".to_owned(), vec![(1, 345), (100, 425)])];
        let chart = Chart { axis: "values".into(), call: BenchCall::Write, series };
        costs.kernels.first_mut().unwrap().charts.push(chart);
        assert!(!render(&costs, &[]).contains("Added per call"));
    }

    #[test]
    fn the_table_has_the_same_numbers() {
        let text = table::render(&costs());
        assert!(text.contains("+4655 / 500") && text.contains("430"), "{text}");
    }
}
