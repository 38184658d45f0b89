//! What a witness is made of.

use quell::policy::ast::{ArgType, Operator};
use quell_scenarios::scenario::{FileSystem, PreparedFile};
use quell_scenarios::step::Step;
use serde_json::{Value, json};

/// Every witness of one argument type: one hook, one selector for each operator, and calls.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) ty: ArgType,
    pub(crate) hook: Hook,
    pub(crate) filesystem: FileSystem,
    pub(crate) files: Vec<PreparedFile>,
    /// Done first, by act and bystander.
    pub(crate) before: Vec<Step>,
    pub(crate) cases: Vec<Case>,
}

/// Where the type is read.
#[derive(Debug)]
pub(crate) struct Hook {
    pub(crate) call: &'static str,
    /// Types by position, as in the policy: the preferred name, or an entry of its own.
    pub(crate) args: Vec<Value>,
}

/// One operator: a filter, a call for which it holds, and one for which it does not.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) operator: Operator,
    /// The filter, and what keeps the calls of other cases away from it.
    pub(crate) filters: Vec<Value>,
    /// The same with values that the call of `hit` does not have: what cannot be another call has to be another value.
    pub(crate) other_filters: Option<Vec<Value>>,
    /// Done by the act; the last step is the call.
    pub(crate) hit: Vec<Step>,
    /// Done by the bystander.
    pub(crate) miss: Vec<Step>,
    /// What the event of the hit holds of every argument.
    pub(crate) args: Vec<Value>,
}

impl Hook {
    /// A hook whose arguments are of these types.
    pub(crate) fn new(call: &'static str, types: &[ArgType]) -> Self {
        let args = types.iter().zip(0..).map(|(ty, index): (_, u32)| match ty {
            ArgType::CharBuf | ArgType::CharIovec => {
                json!({"index": index, "type": ty.name(), "sizeArgIndex": 3})
            }
            _ => json!({"index": index, "type": ty.name()}),
        });
        Self { call, args: args.collect() }
    }
}

/// A filter on one argument.
pub(crate) fn filter(index: usize, operator: Operator, values: &[String]) -> Value {
    if values.is_empty() {
        return json!({"index": index, "operator": operator.name()});
    }
    json!({"index": index, "operator": operator.name(), "values": values})
}

/// A filter with one value.
pub(crate) fn only(index: usize, operator: Operator, value: &(impl ToString + ?Sized)) -> Value {
    filter(index, operator, &[value.to_string()])
}
