//! A run of thousands of cells, made of a small one: every kernel several times under other names. One title is hostile.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A full matrix has about as many.
pub(crate) const LEAST_CELLS: usize = 2000;
/// What a careless page would execute; `window.hostile` says whether it did.
pub(crate) const HOSTILE: &str =
    "</script><script>window.hostile = 1</script><img src=x onerror='window.hostile = 1'>";

/// The events of at least `least` cells.
///
/// # Errors
/// The events are not those of a run.
pub(crate) fn times(events: &str, least: usize) -> Result<String> {
    let lines: Vec<Value> =
        events.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("an event is no JSON")?;
    let (first, rest) = lines.split_first().context("no event at all")?;
    let started = &first["event"]["run_started"];
    let kernels = list(started, "kernels")?;
    let cells = list(started, "cells")?;
    ensure!(!cells.is_empty() && !kernels.is_empty(), "a run without cells");
    let copies = least.div_ceil(cells.len());
    // Half of the copies are more scenarios, half more kernels: as a matrix grows.
    let columns = copies.isqrt().max(1);
    let names: Vec<[String; 2]> = (0..columns)
        .flat_map(|column| {
            (0..copies.div_ceil(columns)).map(move |row| [format!("{column}"), format!("{row}")])
        })
        .collect();
    let mut whole = first.clone();
    let all = &mut whole["event"]["run_started"];
    all["kernels"] =
        (0..columns).flat_map(|at| kernels.iter().map(move |id| renamed(id, &at.to_string()))).collect();
    all["cells"] = names.iter().flat_map(|name| cells.iter().map(move |cell| copy(cell, name))).collect();
    all["cells"][0]["title"] = HOSTILE.into();
    let mut text = format!("{whole}\n");
    for line in rest {
        let event = line["event"].as_object().and_then(|event| event.iter().next());
        let (kind, body) = event.context("a line without an event")?;
        let about_cell = body.get("cell").is_some_and(Value::is_string);
        let about_kernel = !about_cell && body.get("kernel").is_some();
        let copies = match (about_cell, about_kernel) {
            (true, _) => names.iter().map(|name| copy(body, name)).collect(),
            (_, true) => (0..columns).map(|at| on_kernel(body, &at.to_string())).collect(),
            _ => vec![body.clone()],
        };
        for body in copies {
            let mut line = line.clone();
            line["event"][kind] = body;
            text.push_str(&format!("{line}\n"));
        }
    }
    Ok(text)
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("the first event has no `{key}`"))
}

fn renamed(id: &Value, column: &str) -> Value {
    format!("{}-v{column}", id.as_str().unwrap_or_default()).into()
}

fn on_kernel(body: &Value, column: &str) -> Value {
    let mut body = body.clone();
    body["kernel"] = renamed(&body["kernel"], column);
    body
}

/// The same under the names of another kernel and scenario: `6.1/file/a@ext4` becomes `6.1-v2/file/a-v7@ext4`.
fn copy(body: &Value, [column, row]: &[String; 2]) -> Value {
    let mut body = body.clone();
    let cell = body["cell"].as_str().unwrap_or_default();
    let (kernel, rest) = cell.split_once('/').unwrap_or((cell, ""));
    let (scenario, place) = rest.rsplit_once('@').unwrap_or((rest, ""));
    body["cell"] = format!("{kernel}-v{column}/{scenario}-v{row}@{place}").into();
    if body.get("kernel").is_some() {
        body["kernel"] = renamed(&body["kernel"], column);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = r#"{"version":1,"at_ms":0,"event":{"run_started":{"kernels":["6.1"],"cells":[{"cell":"6.1/file/a@ext4","title":"t"}]}}}
{"version":1,"at_ms":1,"event":{"boot_started":{"kernel":"6.1","boot":1}}}
{"version":1,"at_ms":2,"event":{"cell_started":{"cell":"6.1/file/a@ext4"}}}
{"version":1,"at_ms":3,"event":{"run_finished":{"interrupted":false}}}
"#;

    #[test]
    fn every_cell_and_kernel_is_there_so_often_and_the_run_ends_once() {
        let text = times(RUN, 4).unwrap();
        let count = |word: &str| text.matches(word).count();
        assert_eq!((count("cell_started"), count("boot_started"), count("run_finished")), (4, 2, 1));
        assert!(text.contains(r#""cell":"6.1-v1/file/a-v1@ext4""#), "{text}");
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["event"]["run_started"]["cells"][0]["title"], HOSTILE);
    }

    #[test]
    fn what_is_no_run_is_refused() {
        assert!(times("", 4).is_err());
        assert!(times("{\"event\":{\"run_finished\":{}}}\n", 4).is_err());
    }
}
