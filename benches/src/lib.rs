//! Costs: userspace benches, and guest-instruction benches with their gate.
