//! Costs: userspace benches. Here is what they measure on; `benches/` holds one file per bench.

pub mod policies;
pub mod records;
pub mod values;
