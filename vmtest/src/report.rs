//! Reports: pure functions of the recorded events, so that `vmtest replay` renders what the run rendered.

pub mod deny;
pub mod diff;
pub mod figures;
pub mod junit;
pub mod live;
pub mod markdown;
pub mod oracle;
pub mod pace;
pub mod page;
pub mod place;
pub mod seen;
pub mod summary;
pub mod table;
pub mod tap;
pub mod view;
