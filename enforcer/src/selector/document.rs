//! An encoded policy as a file: what `quell encode` writes and `quell decode` reads.
//!
//! One JSON document holds all that the kernel gets of each hook (constants, selector bytes, sets, search tables) and beside
//! it what the bytes do not say. It is versioned, and every unknown key is an error.

use quell_wire::limits::FILTER_BYTES;
use quell_wire::write::FilterBytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::compile::{self, CompiledHook};
use super::decode::{self, DecodeError};
use super::describe::HookDescription;
use super::error::CompileError;
use super::explain;
use super::set_document::{self, PartError, SetsDocument};
use crate::bytes::Base64;
use crate::policy::ast::{Options, OverrideMethod, Policy};
use crate::policy::{Span, Spanned};

/// The only format of this version.
const FORMAT: &str = "quell-selectors/1";

/// Bytes of the largest document that is read: every set full of the longest members.
pub const MAX_BYTES: usize = 256 << 20;

/// An encoded policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    format: String,
    policy: PolicyDescription,
    hooks: Vec<HookDocument>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyDescription {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    enforcers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    monitor: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    override_method: Option<Method>,
    #[serde(default)]
    disable_kprobe_multi: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Method {
    FmodRet,
    OverrideReturn,
    Lsm,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HookDocument {
    hook: HookDescription,
    constants: Map<String, Value>,
    /// Selector bytes without the zeros behind them.
    filter: Base64,
    #[serde(default)]
    sets: SetsDocument,
    /// Words of the early look's table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    early: Vec<u64>,
}

/// A hook of the policy cannot be encoded.
#[derive(Debug, thiserror::Error)]
#[error("the selectors of {hook} cannot be encoded; {}", .source.advice())]
pub struct EncodeError {
    /// Name of the hook.
    pub hook: String,
    /// What is too large.
    pub source: CompileError,
}

/// Why a document is not that of a policy.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is too large to be one.
    #[error("the document has {0} bytes, at most {MAX_BYTES} are read")]
    TooLarge(usize),
    /// It is not JSON, or has other keys.
    #[error("the document is not one that `quell encode` writes")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("the document's format is `{0}`, this version reads `{FORMAT}`")]
    Format(String),
    /// It has no hook.
    #[error("the document has no hook")]
    Empty,
    /// A hook has more bytes than the map's value holds.
    #[error("the selectors of {hook} have {found} bytes, at most {FILTER_BYTES} are possible")]
    Filter {
        /// Name of the hook.
        hook: String,
        /// Its bytes.
        found: usize,
    },
    /// The sets or constants of a hook.
    #[error("the document of hook {hook} is wrong")]
    Part {
        /// Name of the hook.
        hook: String,
        /// What is wrong.
        source: PartError,
    },
    /// The bytes of a hook.
    #[error("the bytes of hook {hook} cannot be decoded")]
    Decode {
        /// Name of the hook.
        hook: String,
        /// What is wrong.
        source: DecodeError,
    },
}

/// Encodes a policy; hooks are numbered from 0.
///
/// # Errors
/// The first hook that does not fit.
pub fn encode(policy: &Policy) -> Result<Document, EncodeError> {
    let method = |method| match method {
        OverrideMethod::FmodRet => Method::FmodRet,
        OverrideMethod::OverrideReturn => Method::OverrideReturn,
        OverrideMethod::Lsm => Method::Lsm,
    };
    let hooks = (0..).zip(&policy.hooks).map(|(number, hook)| {
        let compiled = compile::hook(hook, number);
        let compiled = compiled.map_err(|source| EncodeError { hook: hook.name.value.clone(), source })?;
        Ok(HookDocument::new(HookDescription::new(hook), &compiled))
    });
    Ok(Document {
        format: FORMAT.to_owned(),
        policy: PolicyDescription {
            name: policy.name.value.clone(),
            namespace: policy.namespace.clone(),
            enforcers: policy.enforcers.iter().map(|name| name.value.clone()).collect(),
            monitor: policy.options.monitor,
            override_method: policy.options.override_method.map(method),
            disable_kprobe_multi: policy.options.disable_kprobe_multi,
        },
        hooks: hooks.collect::<Result<_, _>>()?,
    })
}

impl HookDocument {
    fn new(hook: HookDescription, compiled: &CompiledHook) -> Self {
        let used = compiled.filter.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Self {
            hook,
            constants: set_document::constants(&compiled.config),
            filter: Base64(compiled.filter.iter().take(used).copied().collect()),
            sets: SetsDocument::new(&compiled.sets),
            early: compiled.early.clone(),
        }
    }

    fn compiled(&self) -> Result<CompiledHook, DocumentError> {
        let hook = || self.hook.name.clone();
        let part = |source| DocumentError::Part { hook: hook(), source };
        let mut filter: Box<FilterBytes> = Box::new([0; FILTER_BYTES as usize]);
        let (slots, found) = (filter.get_mut(..self.filter.0.len()), self.filter.0.len());
        slots.ok_or_else(|| DocumentError::Filter { hook: hook(), found })?.copy_from_slice(&self.filter.0);
        Ok(CompiledHook {
            config: set_document::config(&self.constants).map_err(part)?,
            filter,
            sets: self.sets.sets().map_err(part)?,
            early: self.early.clone(),
        })
    }
}

impl Document {
    /// The text of the file.
    ///
    /// # Errors
    /// Never, as far as is known: every key is a string.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is not a document of this version.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > MAX_BYTES {
            return Err(DocumentError::TooLarge(bytes.len()));
        }
        let document: Self = serde_json::from_slice(bytes)?;
        if document.format != FORMAT {
            return Err(DocumentError::Format(document.format));
        }
        Ok(document)
    }

    /// What each hook gives to its program.
    ///
    /// # Errors
    /// The first hook that could not be given to one.
    pub fn compiled(&self) -> Result<Vec<(HookDescription, CompiledHook)>, DocumentError> {
        self.hooks.iter().map(|hook| Ok((hook.hook.clone(), hook.compiled()?))).collect()
    }

    /// The policy, without places in a text.
    ///
    /// # Errors
    /// When no policy compiles to this.
    pub fn policy(&self) -> Result<Policy, DocumentError> {
        if self.hooks.is_empty() {
            return Err(DocumentError::Empty);
        }
        let decoded = self.compiled()?.into_iter().map(|(description, compiled)| {
            let decoded = decode::hook(&description, &compiled);
            decoded.map_err(|source| DocumentError::Decode { hook: description.name, source })
        });
        let placeless = |text: &String| Spanned::new(text.clone(), Span::default());
        let method = |method| match method {
            Method::FmodRet => OverrideMethod::FmodRet,
            Method::OverrideReturn => OverrideMethod::OverrideReturn,
            Method::Lsm => OverrideMethod::Lsm,
        };
        Ok(Policy {
            name: placeless(&self.policy.name),
            namespace: self.policy.namespace.clone(),
            hooks: decoded.collect::<Result<_, _>>()?,
            enforcers: self.policy.enforcers.iter().map(placeless).collect(),
            options: Options {
                monitor: self.policy.monitor,
                override_method: self.policy.override_method.map(method),
                disable_kprobe_multi: self.policy.disable_kprobe_multi,
            },
        })
    }

    /// The listing of every hook: what the kernel would read, also where no policy would compile to it.
    ///
    /// # Errors
    /// When a hook's bytes are not selectors.
    pub fn listing(&self) -> Result<String, DocumentError> {
        let monitored = self.policy.monitor == Some(true);
        let mut out = explain::heading(&self.policy.name, false, monitored);
        for (description, compiled) in self.compiled()? {
            let listed = explain::listing(&description.point.point(), &compiled, monitored);
            let listed = listed.map_err(|source| DocumentError::Decode {
                hook: description.name,
                source: DecodeError::Read(source),
            })?;
            out.push_str(&listed);
        }
        Ok(out)
    }
}
