//! Expectation and record to verdict: pure, so that `vmtest replay` decides the same again.
