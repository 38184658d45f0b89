//! Three readings of the policy language, asked the same questions: the reference model reads the AST, the evaluator reads
//! the bytes, and a kernel runs the evaluator.
//!
//! Policies are generated as text and pass the front end like any user's; calls are generated close to what their policy
//! names. Wherever two answers differ, one of the three is wrong. A differing case is made small and written as a policy
//! and a context that `quell eval` takes.

pub mod actions;
pub mod answer;
pub mod calls;
pub mod coverage;
pub mod dice;
pub mod fuzz;
pub mod host;
pub mod kernel;
pub mod minimise;
pub mod observe;
pub mod prepare;
pub mod replay;
pub mod report;
pub mod roundtrip;
pub mod sketch;
