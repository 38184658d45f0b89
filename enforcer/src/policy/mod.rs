//! The policy front end: text → spanned tree → validated AST, with every mistake of a file reported at once.
//!
//! Nothing here looks at the running kernel, does I/O or knows a wire number. The passes are separate on purpose: `raw` knows
//! YAML and nothing of policies, `validate` knows the language and nothing of bytes.

pub mod ast;
pub mod code;
pub mod diag;
pub mod entry;
pub mod escape;
mod futile;
pub mod names;
pub mod pattern;
mod raw;
pub mod reference;
pub mod render;
pub mod schema;
pub mod source;
mod spans;
pub mod typing;
mod unreadable;
mod validate;
pub mod yaml;

pub use ast::{
    Action, ActionKind, Arg, ArgFilter, ArgSource, ArgType, Hook, HookPoint, Operator, PidFilter, Policy,
    Selector, TypeClass, Values,
};
pub use code::Code;
pub use diag::{Diagnostic, Diagnostics, Severity};
pub use futile::futile;
pub use render::Style;
pub use source::{Position, Source, Span, Spanned};
pub use validate::{parse, parse_one};
