//! The evaluator in the running kernel: loaded once per policy, asked with `BPF_PROG_TEST_RUN`.

mod evaluator;
mod paths;
mod probe;
mod reads;
mod run;

pub use evaluator::{Evaluator, KernelError};
pub use paths::{PathReport, walk_paths};
pub use probe::unavailable;
pub use reads::{ReadReport, read_arguments};
pub use run::{Case, ENOUGH, Report, run};
