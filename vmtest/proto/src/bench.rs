//! What is asked of a guest that measures, and what it answers.
//!
//! Costs are counts of guest instructions: a counted clock (`-icount shift=0`) makes one instruction one nanosecond.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A loop of system calls. A call is timed in batches and the cheapest batch counts, so that a batch has to be shorter than the
/// distance of two timer ticks (4 ms, four million instructions), and there have to be enough of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BenchCall {
    /// `getpid`: nothing but the way into the kernel and back; no policy hooks it.
    Getpid,
    /// `read` of one byte of a file whose path has two components.
    Read,
    /// `write` of one byte to a file whose path has two components.
    Write,
    /// The same with seven components.
    WriteDeep,
    /// The same with twenty.
    WriteDeepest,
    /// `openat` of an existing file, and `close`.
    OpenClose,
    /// `stat` of an existing file.
    Stat,
    /// `rename` within a folder.
    Rename,
    /// `connect` of a datagram socket to a loopback address.
    Connect,
    /// A new process that executes a program, which ends at once.
    Execve,
    /// A new process that ends at once.
    Fork,
    /// A byte to another process and one back, by pipes: two writes, two reads, two changes of process.
    PingPong,
}

impl BenchCall {
    /// All of them, in the order in which they are made.
    pub const ALL: [Self; 12] = [
        Self::Getpid,
        Self::Read,
        Self::Write,
        Self::WriteDeep,
        Self::WriteDeepest,
        Self::OpenClose,
        Self::Stat,
        Self::Rename,
        Self::Connect,
        Self::Execve,
        Self::Fork,
        Self::PingPong,
    ];

    /// As on command lines and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Getpid => "getpid",
            Self::Read => "read",
            Self::Write => "write",
            Self::WriteDeep => "write-deep",
            Self::WriteDeepest => "write-deepest",
            Self::OpenClose => "open-close",
            Self::Stat => "stat",
            Self::Rename => "rename",
            Self::Connect => "connect",
            Self::Execve => "execve",
            Self::Fork => "fork",
            Self::PingPong => "ping-pong",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == name)
    }

    /// By what part of itself it varies, in thousandths, because of what earlier calls left behind; `None`: it takes the same every time.
    ///
    /// What makes processes runs through memory that others freed. A connection walks tables that earlier ones fill. The scheduler wakes
    /// the other process in one of two ways, of which one costs a quarter more.
    #[must_use]
    pub const fn varies_per_mille(self) -> Option<u32> {
        match self {
            Self::Execve | Self::Fork => Some(15),
            Self::Connect => Some(30),
            Self::PingPong => Some(300),
            _ => None,
        }
    }

    /// Calls in a batch.
    #[must_use]
    pub const fn batch(self) -> u32 {
        match self {
            Self::Execve | Self::Fork => 1,
            Self::PingPong => 16,
            _ => 64,
        }
    }

    /// Batches.
    #[must_use]
    pub const fn repeats(self) -> u32 {
        match self {
            Self::Execve | Self::Fork => 24,
            _ => 40,
        }
    }
}

/// What a guest has to measure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchRequest {
    /// The calls.
    pub calls: Vec<BenchCall>,
    /// Under what, one after the other.
    pub passes: Vec<BenchPass>,
}

/// Calls made once each under the same agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchPass {
    /// What results are called by.
    pub name: String,
    /// The agent.
    pub agent: BenchAgent,
    /// Processes that do nothing meanwhile.
    #[serde(default)]
    pub processes: u32,
    /// What is done.
    #[serde(default)]
    pub work: BenchWork,
}

/// What is done in a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BenchWork {
    /// The calls of the request are made in loops.
    #[default]
    Calls,
    /// Calls that are told of are made in ever longer bursts, until an event is lost.
    Events,
    /// Processes are killed while the agent reads, and while it stands still and nothing is read.
    Stopped,
}

/// What runs beside the calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BenchAgent {
    /// Nothing.
    Off,
    /// The enforcer of the image with these policies of the image, by the names of their files.
    Quell {
        /// Files under `/lab/policies`.
        policies: Vec<String>,
    },
    /// Somebody else's, which the image has with all that it needs.
    Other {
        /// Its folder under [`OTHER_AGENTS`], in which `start` starts it.
        name: String,
    },
}

/// Where the image has other agents, each in a folder of its own.
pub const OTHER_AGENTS: &str = "/agents";

/// What a call cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallCost {
    /// Instructions of the cheapest batch.
    pub fewest: u64,
    /// Of the one in the middle: how much disturbed the others were.
    pub median: u64,
    /// Calls in a batch.
    pub batch: u32,
    /// Calls made, all batches together.
    pub made: u64,
}

/// What the program that makes the calls prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// What the counter said of a loop whose instructions are known.
    pub known_loop: KnownLoop,
    /// By call.
    pub calls: BTreeMap<BenchCall, CallCost>,
}

/// Two loops of known length: what the counter said of the longer one less what it said of the shorter one has to be the
/// difference of their instructions, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownLoop {
    /// Instructions by which the loops differ.
    pub instructions: u64,
    /// What was counted.
    pub counted: u64,
    /// What the kernel's monotonic clock said of the longer loop, in nanoseconds, and how many instructions it has.
    pub clock_ns: u64,
    /// Instructions of the longer loop.
    pub longer: u64,
}

/// What was seen in a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchSeen {
    /// Of the pass.
    pub name: String,
    /// What was made.
    pub calls: Calls,
    /// Of the agent, unless there was none.
    pub agent: Option<AgentSeen>,
    /// Of bursts, in a pass of [`BenchWork::Events`].
    #[serde(default)]
    pub bursts: Vec<Burst>,
    /// Of kills, in a pass of [`BenchWork::Stopped`].
    #[serde(default)]
    pub kills: Option<Kills>,
}

/// A burst of calls of which each has to become an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// Calls made.
    pub calls: u64,
    /// Guest nanoseconds that they took, with whatever ran meanwhile.
    pub ns: u64,
    /// Events that the agent printed until nothing more came.
    pub events: u64,
    /// The agent's processor time from the beginning of the burst until then; none where the kernel does not count it.
    pub agent_ns: Option<u64>,
}

/// Processes that each made a call that kills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kills {
    /// While the agent reads.
    pub reading: Deaths,
    /// Calls made to fill the buffer of events when nobody reads.
    pub filling: u64,
    /// While nobody reads and the buffer is full.
    pub full: Deaths,
}

/// What became of processes that made a call that kills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deaths {
    /// Processes.
    pub processes: u64,
    /// Of them, killed by SIGKILL.
    pub killed: u64,
    /// Of them, those whose write happened.
    pub effects: u64,
    /// Instructions from making the process to having waited for it, of the cheapest.
    pub fewest: u64,
    /// Of the dearest.
    pub most: u64,
}

/// What was seen of an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSeen {
    /// From its start to its saying that it is ready, in guest nanoseconds, waits included.
    pub ready_ns: u64,
    /// Its own processor time until then, in guest nanoseconds; none where the kernel does not count it.
    pub ready_cpu_ns: Option<u64>,
    /// Resident memory when it was ready, in KiB.
    pub resident_kib: u64,
    /// The most that it ever had, at the end, in KiB.
    pub most_resident_kib: u64,
    /// Whether it still ran when the calls were over.
    pub alive: bool,
    /// How it ended when it was told to.
    pub status: String,
    /// The report that it left.
    pub report: serde_json::Value,
    /// Events that it printed.
    pub events: u64,
    /// What it said on standard error.
    pub errors: String,
    /// Whether it is somebody else's: then nothing is known of its hooks, and it left no report.
    #[serde(default)]
    pub other: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_one_name_everywhere() {
        for call in BenchCall::ALL {
            assert_eq!(BenchCall::named(call.name()), Some(call));
            assert_eq!(serde_json::to_value(call).unwrap(), call.name());
        }
        assert_eq!(BenchCall::named("sleep"), None);
    }
}
