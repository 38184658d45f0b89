//! Reports: pure functions of the recorded events, so that `vmtest replay` renders what the run rendered.

pub mod junit;
pub mod live;
pub mod summary;
pub mod table;
pub mod view;
