//! The evaluator in the running kernel: loaded once per policy, asked with `BPF_PROG_TEST_RUN`. And every program of a policy, loaded
//! there by two loaders.

mod early;
mod evaluator;
mod excerpts;
pub mod loaders;
mod paths;
mod probe;
mod reads;
mod run;
mod second_loader;
mod second_opinion;

pub use evaluator::{Evaluator, KernelError};
pub use paths::{PathReport, walk_paths};
pub use probe::unavailable;
pub use reads::{ReadReport, read_arguments};
pub use run::{Case, ENOUGH, Report, run};
