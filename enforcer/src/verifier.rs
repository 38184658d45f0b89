//! What the verifier of the running kernel has to do for policies: every hook is loaded as `run` would load it, and not attached.

use std::path::PathBuf;

use serde::Serialize;

use crate::hook::asked;
use crate::hook::load::{self, Given, LoadError, Settings};
use crate::hook::open::Opening;
use crate::hook::plan::{self, Plan, PlannedHook};
use crate::hook::shared::SharedMaps;
use crate::hook::types::KernelTypes;
use crate::kernel::facts::KernelFacts;
use crate::kernel::probe;
use crate::kernel::view::View;
use crate::policy::ast::Policy;
use crate::policy::{self, Diagnostics, Source};
use crate::process::followed::FollowedPaths;
use crate::process::tracker::TrackerSettings;
use crate::run::{self, RunError};

/// One program in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// The policy.
    pub policy: String,
    /// The hook.
    pub call: String,
    /// How it is served.
    pub mechanism: &'static str,
    /// The program.
    pub program: String,
    /// Instructions that the verifier walked, each time it walked them; the kernel's limit is a million.
    pub verified_instructions: u64,
    /// Bytes of the program as the kernel rewrote it.
    pub bytes: usize,
    /// Bytes of its machine code.
    pub jited_bytes: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// The policies can't be planned.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The kernel refuses a hook.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The kernel does not show what it has loaded.
    #[error("failed to read the programs of {call}")]
    Read {
        /// The hook.
        call: String,
        /// Why.
        source: libbpf_rs::Error,
    },
    /// The verifier's log has no statistics.
    #[error("the verifier did not say how many instructions it walked for {program} of {call}")]
    Silent {
        /// The hook.
        call: String,
        /// The program.
        program: String,
    },
}

/// Policies planned for the running kernel, and what loading their hooks needs.
#[derive(Debug)]
pub struct Prepared {
    /// Those that can be enforced, in order.
    pub plans: Vec<Plan>,
    /// Why the others can't.
    pub refused: Vec<Diagnostics>,
    /// Programs whose descendants the policies follow.
    pub followed: FollowedPaths,
    settings: Settings,
    types: KernelTypes,
    shared: SharedMaps,
}

impl Prepared {
    fn new(
        mut plans: Vec<Plan>,
        refused: Vec<Diagnostics>,
        view: &View,
        facts: &KernelFacts,
    ) -> Result<Self, RunError> {
        let followed = run::follow(&mut plans)?;
        let opening = run::opening(view, facts);
        let types = KernelTypes::new(opening.btf.clone());
        // The numbers of the host's namespaces change no instruction; zeros stand for them.
        let settings = Settings { opening, measured: true, ..Settings::default() };
        Ok(Self { plans, refused, followed, settings, types, shared: SharedMaps::default() })
    }

    /// How the loader opens objects on this kernel.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.settings.opening
    }

    /// The table of processes, as a run would keep it whose hooks ask it and which tells of executions.
    #[must_use]
    pub fn table(&self) -> TrackerSettings {
        let mut hooks = self.plans.iter().flat_map(|plan| &plan.hooks);
        TrackerSettings {
            event_buffer: hooks.next().map(|hook| hook.event_buffer).unwrap_or_default(),
            events: true,
            opening: self.settings.opening.clone(),
            ..TrackerSettings::default()
        }
    }

    /// What the loader is given for a hook.
    ///
    /// # Errors
    /// As for [`load::given`].
    pub fn given(&self, hook: &PlannedHook) -> Result<Given, LoadError> {
        load::given(hook, &self.settings, &self.types)
    }

    /// Loads a hook of the plan at this position, and says what each of its programs took.
    ///
    /// # Errors
    /// The kernel does not take it, or does not say what it did.
    pub fn measure(&mut self, number: usize, hook: &PlannedHook) -> Result<Vec<Measured>, VerifierError> {
        let policy = self.plans.get(number).map_or_else(String::new, |plan| plan.policy.clone());
        let loaded = load::load(hook, number, &self.settings, &self.types, &mut self.shared)?;
        let call = || hook.call.clone();
        let sizes = loaded.sizes().map_err(|source| VerifierError::Read { call: call(), source })?;
        let measured = sizes.into_iter().map(|(program, size)| {
            let silent = || VerifierError::Silent { call: call(), program: program.clone() };
            Ok(Measured {
                policy: policy.clone(),
                call: call(),
                mechanism: hook.mechanism.name(),
                verified_instructions: loaded.walked.get(&program).copied().ok_or_else(silent)?,
                program,
                bytes: size.bytes,
                jited_bytes: size.jited_bytes,
            })
        });
        measured.collect()
    }
}

/// Plans policies for the running kernel, each by itself: one that the kernel can't enforce keeps no other one from it.
///
/// # Errors
/// A file can't be read or has errors, or the kernel's facts can't be read.
pub fn prepare(policies: &[PathBuf], view: &View) -> Result<Prepared, RunError> {
    let mut parsed: Vec<(Policy, Source)> = Vec::new();
    let mut wrong = Vec::new();
    for path in policies {
        match run::source(path)?.and_then(|source| Ok((policy::parse(&source)?, source))) {
            Ok((documents, source)) => {
                parsed.extend(documents.into_iter().map(|policy| (policy, source.clone())));
            }
            Err(diagnostics) => wrong.push(diagnostics),
        }
    }
    if !wrong.is_empty() {
        return Err(RunError::Policies(wrong));
    }
    let mut facts = probe::running_kernel_to_plan(view)?;
    let policies: Vec<_> = parsed.iter().map(|(policy, _)| policy).collect();
    asked::add(&mut facts, &policies, view)?;
    let planned = parsed.iter().map(|(policy, source)| plan::plan(policy, source, &facts, 0));
    let (mut plans, mut refused) = (Vec::new(), Vec::new());
    planned.for_each(|planned| match planned {
        Ok(plan) => plans.push(plan),
        Err(diagnostics) => refused.push(diagnostics),
    });
    Prepared::new(plans, refused, view, &facts)
}

/// Loads every hook of these policies, one after the other, and says what each program took.
///
/// # Errors
/// The first hook that the kernel does not take.
pub fn measure(policies: &[PathBuf], view: &View) -> Result<Vec<Measured>, VerifierError> {
    let (plans, facts) = run::plan_all(policies, view)?;
    let mut prepared = Prepared::new(plans, Vec::new(), view, &facts)?;
    let mut measured = Vec::new();
    for (number, plan) in prepared.plans.clone().iter().enumerate() {
        for hook in &plan.hooks {
            measured.extend(prepared.measure(number, hook)?);
        }
    }
    Ok(measured)
}
