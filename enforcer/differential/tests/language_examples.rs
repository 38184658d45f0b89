//! The examples of the language reference, asked of the kernel's evaluator as well.

use quell::model::{Verdict, context_file};
use quell::policy::reference::EXAMPLES;
use quell_differential::host::{Loaded, Processor};
use quell_differential::prepare::prepare;

#[test]
fn the_evaluator_agrees_with_every_example_of_the_reference() {
    let mut processor = Processor::default();
    for example in EXAMPLES {
        let text = example.policy();
        for (context, matches) in example.contexts() {
            let context = context_file::read(&context).unwrap();
            let prepared = prepare(&text, &context.host_namespaces).unwrap();
            let verdict = processor.compare(&Loaded::new(&prepared), &context);
            let verdict = verdict.unwrap_or_else(|difference| panic!("{difference:?}\n{text}{context:?}"));
            assert_eq!(matches!(verdict, Verdict::Matched { .. }), matches, "{verdict:?}\n{text}");
        }
    }
}
