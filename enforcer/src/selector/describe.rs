//! What the bytes of a hook do not say: names, labels and texts, and where the hook and its arguments are. Written beside the
//! bytes, so that they can be decoded to the policy they came from.

use serde::{Deserialize, Serialize};

use crate::policy::ast::{Arg, ArgSource, ArgType, Hook, HookPoint, Step, UserPlace};
use crate::policy::{Span, Spanned};

/// A hook without its selectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookDescription {
    /// The name as written.
    pub name: String,
    /// Where the hook is.
    pub point: Point,
    /// What it reads.
    pub args: Vec<ArgDescription>,
    /// What it reads of the returned value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<ArgDescription>,
    /// Labels of its selectors; empty when the policy has none, although the bytes have one that always posts.
    pub selectors: Vec<Option<String>>,
    /// `required`: positions of the selectors that are, ascending. No byte says it: it changes what a plan is worth, not what matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<usize>,
    /// `message`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `tags`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `ignore.callNotFound`
    #[serde(default, skip_serializing_if = "is_false")]
    pub may_be_missing: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Where a hook is: a [`HookPoint`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of HookPoint, which has the words")]
pub enum Point {
    Kprobe { function: String, syscall: bool, returns: bool, every_abi: bool },
    Tracepoint { subsystem: String, event: String, raw: bool },
    Lsm { hook: String },
    Fentry { function: String, syscall: bool, returns: bool },
    Functions { pattern: String, returns: bool },
    Uprobe { path: String, place: Place, returns: bool },
    Usdt { path: String, provider: String, name: String },
}

/// Where in a file a uprobe is: a [`UserPlace`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants of UserPlace, which has the words")]
pub enum Place {
    Symbol(String),
    Offset(u64),
    Address(u64),
}

/// Where something to read comes from: an [`ArgSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants of ArgSource, which has the words")]
pub enum Source {
    Argument(u8),
    Returned,
    CurrentTask,
    Registers,
}

/// One step of `resolve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants of Step, which has the words")]
pub enum ResolveStep {
    Member(String),
    Index(u32),
}

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgDescription {
    /// Name of its type in a policy.
    #[serde(rename = "type")]
    pub ty: String,
    /// Where it comes from.
    pub source: Source,
    /// Position of the argument with the size, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_arg: Option<u8>,
    /// `resolve`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolve: Vec<ResolveStep>,
    /// `returnCopy`
    #[serde(default, skip_serializing_if = "is_false")]
    pub return_copy: bool,
    /// `maxData`
    #[serde(default, skip_serializing_if = "is_false")]
    pub max_data: bool,
    /// `label`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A type that the language does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the language has no type `{0}`")]
pub struct UnknownType(pub String);

impl HookDescription {
    /// What the bytes of the hook do not say.
    #[must_use]
    pub fn new(hook: &Hook) -> Self {
        Self {
            name: hook.name.value.clone(),
            point: point(&hook.point),
            args: hook.args.iter().map(ArgDescription::new).collect(),
            returned: hook.returned.as_ref().map(ArgDescription::new),
            selectors: hook.selectors.iter().map(|selector| selector.label.clone()).collect(),
            required: (0..hook.selectors.len()).filter(|at| hook.selectors[*at].required).collect(),
            message: hook.message.clone(),
            tags: hook.tags.clone(),
            may_be_missing: hook.may_be_missing,
        }
    }

    /// The hook without selectors.
    ///
    /// # Errors
    /// When a type is unknown.
    pub fn hook(&self) -> Result<Hook, UnknownType> {
        Ok(Hook {
            point: self.point.point(),
            name: Spanned::new(self.name.clone(), Span::default()),
            args: self.args.iter().map(ArgDescription::arg).collect::<Result<_, _>>()?,
            returned: self.returned.as_ref().map(ArgDescription::arg).transpose()?,
            selectors: vec![],
            message: self.message.clone(),
            tags: self.tags.clone(),
            may_be_missing: self.may_be_missing,
            span: Span::default(),
        })
    }
}

fn point(point: &HookPoint) -> Point {
    match point.clone() {
        HookPoint::Kprobe { function, syscall, returns, every_abi } => {
            Point::Kprobe { function, syscall, returns, every_abi }
        }
        HookPoint::Tracepoint { subsystem, event, raw } => Point::Tracepoint { subsystem, event, raw },
        HookPoint::Lsm { hook } => Point::Lsm { hook },
        HookPoint::Fentry { function, syscall, returns } => Point::Fentry { function, syscall, returns },
        HookPoint::Functions { pattern, returns } => Point::Functions { pattern, returns },
        HookPoint::Uprobe { path, place, returns } => {
            let place = match place {
                UserPlace::Symbol(symbol) => Place::Symbol(symbol),
                UserPlace::Offset(offset) => Place::Offset(offset),
                UserPlace::Address(address) => Place::Address(address),
            };
            Point::Uprobe { path, place, returns }
        }
        HookPoint::Usdt { path, provider, name } => Point::Usdt { path, provider, name },
    }
}

impl Point {
    pub(super) fn point(&self) -> HookPoint {
        match self.clone() {
            Self::Kprobe { function, syscall, returns, every_abi } => {
                HookPoint::Kprobe { function, syscall, returns, every_abi }
            }
            Self::Tracepoint { subsystem, event, raw } => HookPoint::Tracepoint { subsystem, event, raw },
            Self::Lsm { hook } => HookPoint::Lsm { hook },
            Self::Fentry { function, syscall, returns } => HookPoint::Fentry { function, syscall, returns },
            Self::Functions { pattern, returns } => HookPoint::Functions { pattern, returns },
            Self::Uprobe { path, place, returns } => {
                let place = match place {
                    Place::Symbol(symbol) => UserPlace::Symbol(symbol),
                    Place::Offset(offset) => UserPlace::Offset(offset),
                    Place::Address(address) => UserPlace::Address(address),
                };
                HookPoint::Uprobe { path, place, returns }
            }
            Self::Usdt { path, provider, name } => HookPoint::Usdt { path, provider, name },
        }
    }
}

impl ArgDescription {
    fn new(arg: &Arg) -> Self {
        let step = |step: &Step| match step {
            Step::Member(name) => ResolveStep::Member(name.clone()),
            Step::Index(index) => ResolveStep::Index(*index),
        };
        Self {
            ty: arg.ty.name().to_owned(),
            source: match arg.source {
                ArgSource::Argument(index) => Source::Argument(index),
                ArgSource::Returned => Source::Returned,
                ArgSource::CurrentTask => Source::CurrentTask,
                ArgSource::Registers => Source::Registers,
            },
            size_arg: arg.size_arg,
            resolve: arg.resolve.iter().map(step).collect(),
            return_copy: arg.return_copy,
            max_data: arg.max_data,
            label: arg.label.clone(),
        }
    }

    fn arg(&self) -> Result<Arg, UnknownType> {
        let ty = ArgType::ALL.into_iter().find(|ty| ty.name() == self.ty);
        let step = |step: &ResolveStep| match step {
            ResolveStep::Member(name) => Step::Member(name.clone()),
            ResolveStep::Index(index) => Step::Index(*index),
        };
        Ok(Arg {
            source: match self.source {
                Source::Argument(index) => ArgSource::Argument(index),
                Source::Returned => ArgSource::Returned,
                Source::CurrentTask => ArgSource::CurrentTask,
                Source::Registers => ArgSource::Registers,
            },
            ty: ty.ok_or_else(|| UnknownType(self.ty.clone()))?,
            size_arg: self.size_arg,
            resolve: self.resolve.iter().map(step).collect(),
            return_copy: self.return_copy,
            max_data: self.max_data,
            label: self.label.clone(),
            span: Span::default(),
        })
    }
}
