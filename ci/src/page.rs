//! What is asked of the page of a lab run.

pub(crate) mod checks;
pub(crate) mod many;
