//! What a process of the subject binary is told, as JSON on its command line.
//!
//! Only [`Order::Perform`] is ever judged. The others put a subject into its place among PID namespaces and relay
//! its fate: they exist because a namespace can't be entered, nor its pid 1 be a parent, without a process for it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::step::Step;

/// One order; strings in its steps are filled in and paths absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Wait at the gate, then perform the steps.
    Perform {
        /// The runner's socket; absent for an image that a subject has exec'ed.
        gate: Option<PathBuf>,
        /// What to do.
        steps: Vec<Step>,
    },
    /// Stay at the gate until the runner closes it: pid 1 of a namespace that others enter.
    Stay {
        /// The runner's socket.
        gate: PathBuf,
    },
    /// Run the inner order as pid 1 of a new PID namespace and relay its fate.
    AsNamespaceInit {
        /// What the namespace's pid 1 does.
        inner: Box<Order>,
    },
    /// Run the inner order as a child and relay its fate.
    AsChild {
        /// What the child does.
        inner: Box<Order>,
    },
    /// Enter the PID namespace of a process by `setns`, run the inner order in it, and relay its fate. The entering
    /// process itself stays outside, as the kernel has it.
    InNamespaceOf {
        /// Any process of that namespace.
        pid: i32,
        /// What the child in the namespace does.
        inner: Box<Order>,
    },
}
