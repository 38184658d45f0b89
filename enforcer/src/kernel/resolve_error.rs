//! Why a path of `resolve` cannot be followed, and what could be written instead.

use std::fmt;

use quell_wire::limits::MAX_STEPS;

use crate::policy::source::Span;

/// Members that a message names at most.
const NAMED_MEMBERS: usize = 8;

/// One argument whose path cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument {arg} of the hook: {cause}")]
pub struct ResolveError {
    /// Its position among the hook's arguments, from 0.
    pub arg: usize,
    /// Its place in the file.
    pub span: Span,
    /// Why.
    pub cause: Cause,
}

/// Why a path cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The type information has no such struct.
    #[error("the kernel does not describe struct {name}")]
    NoType {
        /// The struct.
        name: String,
    },
    /// The type information has no such function.
    #[error("the kernel does not describe the arguments of `{target}`")]
    NotDescribed {
        /// The function.
        target: String,
    },
    /// The function has fewer arguments.
    #[error("`{target}` has no argument {index}: it takes {taken}")]
    NoArgument {
        /// The function.
        target: String,
        /// The argument.
        index: u8,
        /// How many it has.
        taken: usize,
    },
    /// Fields of records and arguments of many functions have no type of their own.
    #[error("the kernel tells no types of what `{target}` is given")]
    Untyped {
        /// The hook's target.
        target: String,
    },
    /// What programs and their calls are given is of types that the kernel does not know.
    #[error("pointers of a process have no types that the kernel knows")]
    UserMemory,
    /// The value that a function returns is not followed.
    #[error("what a function returns is not followed")]
    Returned,
    /// Something is no pointer, or one to an unknown type, so that nothing is behind it.
    #[error("{what} is {is}, behind which there are no members")]
    NoPointer {
        /// The part of the path.
        what: String,
        /// What it is.
        is: String,
    },
    /// A struct has no such member.
    #[error("{of} has no member `{name}`{}", behind(walked))]
    NoMember {
        /// The member.
        name: String,
        /// The struct.
        of: String,
        /// The members that it has; none when it is no struct.
        members: Vec<String>,
        /// The path up to there.
        walked: String,
    },
    /// An index into what is no array.
    #[error("`{what}` is {is}, not an array")]
    NoArray {
        /// The part of the path.
        what: String,
        /// What it is.
        is: String,
    },
    /// An index behind the end of an array.
    #[error("`{what}` has {count} elements, none with index {index}")]
    Beyond {
        /// The part of the path.
        what: String,
        /// The index.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// A member that does not begin at a byte.
    #[error("`{name}` is a field of {bits} bits, which cannot be read alone")]
    BitField {
        /// The member.
        name: String,
        /// Its width.
        bits: u8,
    },
    /// The path ends at something that the policy cannot read as it says.
    #[error("`{what}` is {is}, not of type {wanted}")]
    OtherType {
        /// The path.
        what: String,
        /// What it is.
        is: String,
        /// The policy's type.
        wanted: &'static str,
    },
    /// An offset that no struct of a kernel has.
    #[error("`{what}` is further away than any struct is long")]
    TooFar {
        /// The path.
        what: String,
    },
    /// The path follows too many pointers.
    #[error("the path reads {steps} times, at most {MAX_STEPS} are followed")]
    TooManySteps {
        /// How many it needs.
        steps: usize,
    },
}

impl ResolveError {
    /// What the author can do.
    #[must_use]
    pub fn advice(&self) -> String {
        match &self.cause {
            Cause::NoMember { name, members, .. } if !members.is_empty() => {
                format!("there are {}", nearest(name, members))
            }
            Cause::NoMember { .. } | Cause::NoPointer { .. } | Cause::NoArray { .. } => {
                "end the path before it, or go another way".to_owned()
            }
            Cause::NoType { .. } | Cause::NotDescribed { .. } => {
                "hook a function that is in the kernel's type information; `--btf` names a file of it"
                    .to_owned()
            }
            Cause::NoArgument { .. } => "indexes count from 0".to_owned(),
            Cause::Untyped { .. } => "hook one function, or a raw tracepoint (`raw: true`)".to_owned(),
            Cause::UserMemory => "leave `resolve` out, or start from `source: current_task`".to_owned(),
            Cause::Returned => "read it as it is, or list the argument that holds it".to_owned(),
            Cause::Beyond { count, .. } => format!("indexes go from 0 to {}", count.saturating_sub(1)),
            Cause::BitField { .. } => "read the member that holds it, and compare with Mask".to_owned(),
            Cause::OtherType { .. } => "write the type that it has".to_owned(),
            Cause::TooFar { .. } | Cause::TooManySteps { .. } => "start from a nearer object".to_owned(),
        }
    }
}

fn behind(walked: &str) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| if walked.is_empty() { Ok(()) } else { write!(f, ", behind `{walked}`") })
}

/// The members nearest to a name, in their order by likeness.
fn nearest(name: &str, members: &[String]) -> String {
    let mut by_likeness: Vec<_> =
        members.iter().map(|member| (strsim::osa_distance(member, name), member)).collect();
    by_likeness.sort();
    let named: Vec<_> =
        by_likeness.iter().take(NAMED_MEMBERS).map(|(_, member)| format!("`{member}`")).collect();
    let rest = members.len().saturating_sub(named.len());
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}
