//! Makes system calls in loops and says how many instructions they took: what PID 1 of a measuring guest runs.
//!
//! A program of its own, so that it is the same whoever runs beside it, and as small as what it measures allows.

mod counter;
mod events;
mod loops;
mod place;
mod raw;

use std::{collections::BTreeMap, io::Write as _, path::Path};

use anyhow::Context as _;
use vmtest_proto::{BenchCall, Calls};

/// What `execve` executes: this program, with a word that makes it end at once.
const NOTHING: &str = "nothing";

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let text = match *words.as_slice() {
        [NOTHING] => return Ok(()),
        // One of many that are there and do nothing.
        ["wait"] => loop {
            nix::unistd::pause();
        },
        ["burst", path, calls] => serde_json::to_vec(&events::burst(Path::new(path), number(calls)?)?),
        ["kills", path, processes] => {
            serde_json::to_vec(&events::kills(Path::new(path), number(processes)?)?)
        }
        _ => serde_json::to_vec(&measure(&words)?),
    };
    // In one piece: what is written here is seen by the hooks that are measured.
    let text = text.context("failed to write down what was seen")?;
    std::io::stdout().write_all(&text).context("failed to print what was seen")
}

fn number(text: &str) -> anyhow::Result<u64> {
    text.parse().with_context(|| format!("`{text}` is no number"))
}

fn measure(names: &[&str]) -> anyhow::Result<Calls> {
    let calls = names
        .iter()
        .map(|name| BenchCall::named(name).with_context(|| format!("`{name}` is no call to measure")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let place = place::Place::prepare()?;
    let mut seen = Calls { known_loop: counter::known_loop()?, calls: BTreeMap::new() };
    for call in calls {
        let cost =
            loops::measure(call, &place).with_context(|| format!("failed to measure {}", call.name()))?;
        seen.calls.insert(call, cost);
    }
    Ok(seen)
}
