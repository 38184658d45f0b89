//! The comparison itself: the reference model reads the policy, the evaluator reads the bytes, and both must say the same.

use quell::model::{Context, Verdict, evaluate};
use quell::policy::{Kprobe, Policy, Source, parse};
use quell::selector::compile::CompiledHook;

use super::kernel::{Cpu, Malformed};

/// What each said of a call, when it was not the same: the model, and the evaluator.
pub(crate) type Difference = (Verdict, Result<Verdict, Malformed>);

/// Asks both about one call; the model's answer when they agree.
pub(crate) fn compare(
    cpu: &mut Cpu,
    hook: &Kprobe,
    compiled: &CompiledHook,
    call: &Context,
) -> Result<Verdict, Difference> {
    let mut model = evaluate(hook, call);
    // A hook without selectors is compiled to one that matches every call.
    if let Verdict::Matched { selector: selector @ None, .. } = &mut model {
        *selector = Some(0);
    }
    match cpu.run(hook, compiled, call) {
        Ok(kernel) if kernel == model => Ok(model),
        kernel => Err((model, kernel)),
    }
}

/// The policy that a generated text is.
pub(crate) fn policy(text: &str) -> Policy {
    parse(&Source::new("generated", text))
        .unwrap_or_else(|found| panic!("{found}\nin the generated policy\n{text}"))
}
