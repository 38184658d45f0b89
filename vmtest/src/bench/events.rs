//! The way of events: how many may come at once before one is lost, what they cost the agent, and that a kill waits for nobody.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use vmtest_proto::{BenchAgent, BenchPass, BenchSeen, BenchWork, Burst, Kills};

use super::page::Section;

/// The policy of these passes: it tells of writes to one file and kills for writes to another.
pub const POLICY: &str = "benches/events.yaml";
const FILE: &str = "events.yaml";
const BURSTS: &str = "bursts of events";
const STOPPED: &str = "kills beside an agent that stands still";
/// By how much a kill may cost more when nobody reads: nothing but where a child's memory happens to lie.
const SLACK_PER_CENT: u64 = 3;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFigures {
    /// The longest burst of calls of which every one became an event that the agent printed.
    pub longest_burst: u64,
    /// The shortest that lost one; none if none did.
    pub shortest_with_a_loss: Option<u64>,
    /// Calls per second of guest time in the longest good burst, an instruction being a nanosecond.
    pub per_second: u64,
    /// Instructions of the agent per million events, in that burst; none where the kernel does not count processor time.
    pub agent_per_million: Option<u64>,
    /// Kills.
    pub kills: Kills,
    /// Events that found no room while nobody read.
    pub lost: u64,
}

/// The passes.
#[must_use]
pub fn passes() -> Vec<BenchPass> {
    let pass = |name: &str, work| BenchPass {
        name: name.to_owned(),
        agent: BenchAgent::Quell { policies: vec![FILE.to_owned()] },
        processes: 0,
        work,
    };
    vec![pass(BURSTS, BenchWork::Events), pass(STOPPED, BenchWork::Stopped)]
}

/// Whether a pass is one of them.
#[must_use]
pub fn is_one(pass: &BenchSeen) -> bool {
    [BURSTS, STOPPED].contains(&pass.name.as_str())
}

/// What they come to.
///
/// # Errors
/// Something is not as it has to be; every reason is given.
pub fn judge(passes: &[BenchSeen]) -> Result<EventFigures, Vec<String>> {
    let named = |name: &str| passes.iter().find(|pass| pass.name == name);
    let (Some(bursts), Some(stopped)) = (named(BURSTS), named(STOPPED)) else {
        return Err(vec!["a pass of events is missing".to_owned()]);
    };
    let mut wrong: Vec<String> = [bursts, stopped]
        .iter()
        .filter(|pass| {
            !pass.agent.as_ref().is_some_and(|agent| agent.alive && agent.status.ends_with("exit status: 0"))
        })
        .map(|pass| format!("{}: the agent did not live through it", pass.name))
        .collect();
    let good = bursts.bursts.iter().rfind(|burst| burst.events == burst.calls);
    let bad = bursts.bursts.iter().find(|burst| burst.events != burst.calls);
    let Some(good) = good else {
        return Err(vec!["not even the shortest burst was told of in full".to_owned()]);
    };
    if let Some(bad) = bad.filter(|bad| bad.events > bad.calls) {
        wrong.push(format!("{} calls became {} events", bad.calls, bad.events));
    }
    let kills = stopped.kills.unwrap_or_default();
    wrong.extend(of_kills(&kills));
    let counter = |name: &str| counter(stopped, name);
    let (lost, killed) = (counter("lost"), counter("killed"));
    if lost == 0 {
        wrong.push(
            "nothing was lost although nobody read: the buffer was never full, and nothing is proven"
                .to_owned(),
        );
    }
    if killed != kills.reading.processes + kills.full.processes {
        wrong.push(format!("{killed} calls were killed for"));
    }
    let (matched, posted) = (counter("matched"), counter("posted"));
    if posted + lost != matched {
        wrong.push(format!("{matched} calls matched, {posted} events were posted and {lost} lost"));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(EventFigures {
        longest_burst: good.calls,
        shortest_with_a_loss: bad.map(|burst| burst.calls),
        per_second: per_second(good),
        agent_per_million: good.agent_ns.map(|ns| ns.saturating_mul(1_000_000) / good.events.max(1)),
        kills,
        lost,
    })
}

fn of_kills(kills: &Kills) -> Vec<String> {
    let mut wrong = Vec::new();
    for (when, deaths) in [("while the agent read", kills.reading), ("while nobody read", kills.full)] {
        if deaths.processes == 0 || deaths.killed != deaths.processes {
            wrong.push(format!("{when}, {} of {} processes were killed", deaths.killed, deaths.processes));
        }
        if deaths.effects > 0 {
            wrong.push(format!("{when}, {} writes happened", deaths.effects));
        }
    }
    let allowed = kills.reading.fewest + kills.reading.fewest * SLACK_PER_CENT / 100;
    if kills.full.fewest > allowed {
        wrong.push(format!(
            "a kill took {} instructions while nobody read and {} while the agent read",
            kills.full.fewest, kills.reading.fewest
        ));
    }
    wrong
}

fn per_second(burst: &Burst) -> u64 {
    burst.calls.saturating_mul(1_000_000_000) / burst.ns.max(1)
}

/// A counter of the report, over all hooks.
fn counter(pass: &BenchSeen, name: &str) -> u64 {
    let Some(agent) = &pass.agent else { return 0 };
    let policies = agent.report["policies"].as_array().into_iter().flatten();
    let hooks = policies.flat_map(|policy| policy["hooks"].as_array().into_iter().flatten());
    hooks.filter_map(|hook| hook["counters"][name].as_u64()).sum()
}

/// The lines of a kernel.
#[must_use]
pub fn text(kernel: &str, figures: &EventFigures) -> String {
    let EventFigures { longest_burst, shortest_with_a_loss, per_second, agent_per_million, kills, lost } =
        figures;
    let loss = shortest_with_a_loss
        .map_or("no burst lost one".to_owned(), |calls| format!("{calls} at once lose some"));
    let mut text =
        format!("\n{kernel}: events: {longest_burst} at once arrive, at {per_second} per second; {loss}\n");
    if let Some(cost) = agent_per_million {
        _ = writeln!(text, "{kernel}: events: a million takes the agent {} M instructions", cost / 1_000_000);
    }
    _ = writeln!(
        text,
        "{kernel}: kills: {} of {} while the agent read, {} instructions each; {} of {} while nobody read and {lost} events were \
         lost, {} instructions each",
        kills.reading.killed,
        kills.reading.processes,
        kills.reading.fewest,
        kills.full.killed,
        kills.full.processes,
        kills.full.fewest
    );
    text
}

/// The part of the page.
#[must_use]
pub fn section(kernel: &str, figures: &EventFigures) -> Section {
    let lines = text(kernel, figures);
    let lines: Vec<_> =
        lines.trim().lines().map(|line| format!("<li>{}</li>", super::svg::escape(line))).collect();
    Section { title: format!("The way of events, {kernel}"), body: format!("<ul>{}</ul>\n", lines.join("")) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use vmtest_proto::{AgentSeen, Calls, Deaths};

    use super::*;

    fn deaths(killed: u64, effects: u64, fewest: u64) -> Deaths {
        Deaths { processes: 64, killed, effects, fewest, most: fewest }
    }

    fn seen(name: &str) -> BenchSeen {
        let counters = json!({"lost": 5, "killed": 128, "matched": 1128, "posted": 1123});
        let report = json!({"policies": [{"hooks": [{"counters": counters}]}]});
        let agent =
            AgentSeen { alive: true, status: "exit status: 0".into(), report, ..AgentSeen::default() };
        BenchSeen {
            name: name.into(),
            calls: Calls::default(),
            agent: Some(agent),
            bursts: vec![],
            kills: None,
        }
    }

    fn passes(full: Deaths) -> Vec<BenchSeen> {
        let burst =
            |calls, events| Burst { calls, ns: calls * 2_000, events, agent_ns: Some(events * 10_000) };
        let kills = Kills { reading: deaths(64, 0, 200_000), filling: 1_000, full };
        vec![
            BenchSeen {
                bursts: vec![burst(1000, 1000), burst(2000, 2000), burst(4000, 3900)],
                ..seen(BURSTS)
            },
            BenchSeen { kills: Some(kills), ..seen(STOPPED) },
        ]
    }

    #[test]
    fn the_longest_burst_without_a_loss_counts() {
        let figures = judge(&passes(deaths(64, 0, 190_000))).unwrap();
        assert_eq!((figures.longest_burst, figures.shortest_with_a_loss), (2000, Some(4000)));
        assert_eq!((figures.per_second, figures.agent_per_million), (500_000, Some(10_000_000_000)));
        assert!(text("6.12", &figures).contains("a million takes the agent 10000 M"));
    }

    #[rstest]
    #[case::one_lives(deaths(63, 0, 190_000), "63 of 64")]
    #[case::one_wrote(deaths(64, 1, 190_000), "1 writes happened")]
    #[case::a_kill_that_waits(deaths(64, 0, 300_000), "300000 instructions while nobody read")]
    fn a_kill_that_depends_on_the_reader_is_found(#[case] full: Deaths, #[case] reason: &str) {
        let reasons = judge(&passes(full)).unwrap_err().join("; ");
        assert!(reasons.contains(reason), "{reasons}");
    }

    #[test]
    fn a_buffer_that_was_never_full_proves_nothing() {
        let mut passes = passes(deaths(64, 0, 190_000));
        let counters = json!({"lost": 0, "killed": 128, "matched": 1128, "posted": 1128});
        passes[1].agent.as_mut().unwrap().report["policies"][0]["hooks"][0]["counters"] = counters;
        assert!(judge(&passes).unwrap_err()[0].contains("never full"));
    }
}
