//! Curves: what a call costs against the number of values, selectors, policies, components of a path, and processes.
//!
//! All policies are generated, and none of them matches; the file that is written to is not in any set.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use vmtest_proto::{BenchAgent, BenchCall, BenchPass, BenchWork};

use super::{
    cost::PolicyCosts,
    page::Section,
    svg::{Curve, curves},
};

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// What is counted along the axis.
    pub axis: String,
    /// The call.
    pub call: BenchCall,
    /// By name: number, instructions added.
    pub series: Vec<(String, Vec<(u32, i64)>)>,
}

/// A policy that does not exist as a file yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Name of its file.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// A point of a curve: one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Point {
    axis: &'static str,
    series: &'static str,
    number: u32,
    processes: u32,
    policies: Vec<Generated>,
}

const VALUES: &str = "values in a set";
const SELECTORS: &str = "selectors";
const POLICIES: &str = "policies on one hook";
const PROCESSES: &str = "processes tracked";
const DEPTH: &str = "components of the path";

/// Components of the paths of the files that are written to.
const DEPTHS: [(BenchCall, u32); 3] =
    [(BenchCall::Write, 2), (BenchCall::WriteDeep, 7), (BenchCall::WriteDeepest, 20)];

/// What is measured in every pass.
pub const CALLS: [BenchCall; 3] = [BenchCall::Write, BenchCall::WriteDeep, BenchCall::WriteDeepest];

fn points() -> Vec<Point> {
    let mut points = Vec::new();
    let mut add = |axis, series, number, processes, policies| {
        points.push(Point { axis, series, number, processes, policies });
    };
    for number in [1, 100, 10_000] {
        let paths = values(number, |value| format!("\"/etc/forbidden-{value}\""));
        let numbers = values(number, |value| (1_000_000 + value).to_string());
        for (series, operator, list) in [
            ("fd Equal", "Equal", &paths),
            ("fd Prefix", "Prefix", &paths),
            ("fd Postfix", "Postfix", &values(number, |value| format!("\"-{value}.forbidden\""))),
        ] {
            let selector = selector(0, operator, list);
            add(VALUES, series, number, 0, vec![policy("values", series, number, &[selector], "")]);
        }
        let selector = selector(2, "Equal", &numbers);
        add(VALUES, "size_t Equal", number, 0, vec![policy("values", "size", number, &[selector], "")]);
    }
    for number in [1, 4, 16] {
        let selectors: Vec<String> =
            (0..number).map(|at| selector(0, "Equal", &[format!("\"/etc/forbidden-{at}\"")])).collect();
        add(SELECTORS, "fd Equal", number, 0, vec![policy("selectors", "equal", number, &selectors, "")]);
    }
    for number in [1, 10, 50] {
        let one = |at| {
            let selector = selector(0, "Equal", &[format!("\"/etc/forbidden-{at}\"")]);
            policy("policies", &format!("{number}-of"), at, &[selector], "")
        };
        add(POLICIES, "fd Equal", number, 0, (1..=number).map(one).collect());
    }
    for number in [1, 100, 1_000] {
        let binaries = "      matchBinaries:\n      - operator: In\n        followChildren: true\n        values:\n        \
                        - \"/lab/caller\"\n";
        let selector = selector(0, "Equal", &["\"/etc/forbidden\"".to_owned()]);
        add(
            PROCESSES,
            "followed programs",
            number,
            number,
            vec![policy("processes", "followed", number, &[selector], binaries)],
        );
    }
    points
}

fn values(number: u32, value: impl Fn(u32) -> String) -> Vec<String> {
    (1..=number).map(value).collect()
}

fn selector(index: u8, operator: &str, values: &[String]) -> String {
    format!(
        "      matchArgs:\n      - index: {index}\n        operator: {operator}\n        values: [{}]\n      \
         matchActions:\n      - action: Sigkill\n",
        values.join(", ")
    )
}

/// A policy at `sys_write` with these selectors, each with `more` of its own.
fn policy(kind: &str, series: &str, number: u32, selectors: &[String], more: &str) -> Generated {
    let series = series.replace(' ', "-").to_lowercase();
    let name = format!("scale-{kind}-{series}-{number}");
    let mut text = format!(
        "# Generated to measure a curve.\napiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: {name}\nspec:\n  \
         kprobes:\n  - call: sys_write\n    syscall: true\n    args:\n    - index: 0\n      type: fd\n    - index: 2\n      \
         type: size_t\n    selectors:\n"
    );
    for selector in selectors {
        let item = format!("{more}{selector}");
        _ = writeln!(text, "    - {}", item.trim_start().trim_end());
    }
    Generated { file: format!("{name}.yaml"), text }
}

/// Every policy of every point.
#[must_use]
pub fn policies() -> Vec<Generated> {
    points().into_iter().flat_map(|point| point.policies).collect()
}

/// A pass per point.
#[must_use]
pub fn passes() -> Vec<BenchPass> {
    let pass = |point: Point| BenchPass {
        name: name(&point),
        agent: BenchAgent::Quell { policies: point.policies.into_iter().map(|policy| policy.file).collect() },
        processes: point.processes,
        work: BenchWork::Calls,
    };
    points().into_iter().map(pass).collect()
}

fn name(point: &Point) -> String {
    format!("{}: {}: {}", point.axis, point.series, point.number)
}

/// The curves, from what was measured in the passes.
#[must_use]
pub fn charts(measured: &[PolicyCosts]) -> Vec<Chart> {
    let mut charts: Vec<Chart> = Vec::new();
    let mut add = |axis: &str, call, series: &str, at: (u32, i64)| {
        let known = charts.iter().position(|chart| chart.axis == axis);
        let chart = known.unwrap_or_else(|| {
            charts.push(Chart { axis: axis.to_owned(), call, series: Vec::new() });
            charts.len() - 1
        });
        let Some(chart) = charts.get_mut(chart) else { return };
        match chart.series.iter_mut().find(|(name, _)| name == series) {
            Some((_, points)) => points.push(at),
            None => chart.series.push((series.to_owned(), vec![at])),
        }
    };
    for point in points() {
        let own = name(&point);
        let Some(costs) = measured.iter().find(|costs| costs.policy == own) else { continue };
        if let Some(added) = costs.added.get(&BenchCall::Write) {
            add(point.axis, BenchCall::Write, point.series, (point.number, *added));
        }
        if point.axis == VALUES && point.number == 1 {
            for (call, depth) in DEPTHS {
                if let Some(added) = costs.added.get(&call) {
                    add(DEPTH, call, point.series, (depth, *added));
                }
            }
        }
    }
    charts
}

/// The charts of a kernel as a part of the page.
#[must_use]
pub fn section(kernel: &str, charts: &[Chart]) -> Section {
    let mut body = String::new();
    for chart in charts {
        let lines: Vec<Curve> = chart
            .series
            .iter()
            .map(|(name, points)| Curve {
                name: name.clone(),
                points: points.iter().map(|(number, added)| (f64::from(*number), *added as f64)).collect(),
            })
            .collect();
        _ = write!(
            body,
            "<h3>{}</h3>\n{}",
            chart.axis,
            curves(&format!("cost against {}", chart.axis), &chart.axis, &lines)
        );
    }
    Section { title: format!("Curves: instructions added to a write, {kernel}"), body }
}

/// The same as text.
#[must_use]
pub fn text(kernel: &str, charts: &[Chart]) -> String {
    let mut text = String::new();
    for chart in charts {
        _ = writeln!(text, "\n{kernel}: added to a write, by {}", chart.axis);
        for (name, points) in &chart.series {
            let points: Vec<_> =
                points.iter().map(|(number, added)| format!("{number}: {added:+}")).collect();
            _ = writeln!(text, "  {name:<20} {}", points.join("   "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn every_point_has_a_name_and_every_policy_a_file_of_its_own() {
        let names: BTreeSet<_> = points().iter().map(name).collect();
        assert_eq!(names.len(), points().len());
        let files: BTreeSet<_> = policies().into_iter().map(|policy| policy.file).collect();
        assert_eq!(files.len(), policies().len());
    }

    #[test]
    fn a_chart_has_the_points_that_were_measured_in_order() {
        let measured: Vec<PolicyCosts> = points()
            .iter()
            .map(|point| PolicyCosts {
                policy: name(point),
                added: BTreeMap::from([
                    (BenchCall::Write, i64::from(point.number)),
                    (BenchCall::WriteDeep, 7),
                ]),
                ..PolicyCosts::default()
            })
            .collect();
        let charts = charts(&measured);
        let of = |axis: &str| charts.iter().find(|chart| chart.axis == axis).unwrap();
        assert_eq!(of(SELECTORS).series, [("fd Equal".to_owned(), vec![(1, 1), (4, 4), (16, 16)])]);
        assert_eq!(of(VALUES).series.len(), 4);
        assert_eq!(of(DEPTH).series[0].1, [(2, 1), (7, 7)]);
        assert!(text("6.12", &charts).contains("10000: +10000"));
        assert!(section("6.12", &charts).body.contains("10000: +10000"));
    }
}
