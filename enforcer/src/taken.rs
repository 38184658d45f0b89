//! Names of policies that stand for themselves across files: the one answer for `quell check` and `quell run`.

use std::collections::HashMap;

use crate::policy::{Code, Diagnostic, Policy, Source};

/// The policies seen so far: events and counters go by the policy's name, so that each may be there once.
#[derive(Debug, Default)]
pub struct Names(HashMap<String, String>);

impl Names {
    /// Notes a policy of this file; a finding when its name is taken.
    pub fn claim(&mut self, policy: &Policy, source: &Source) -> Option<Diagnostic> {
        let name = &policy.name;
        let place = format!("{}:{}", source.name(), source.position(name.span.offset));
        let Some(first) = self.0.get(&name.value) else {
            self.0.insert(name.value.clone(), place);
            return None;
        };
        let message = format!("another policy is called `{}`: the one at {first}", name.value);
        let found = Diagnostic::new(Code::DuplicateName, name.span, message)
            .label("second policy of this name")
            .help("give every policy a name of its own, and every file once");
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::parse;

    #[test]
    fn the_second_policy_of_a_name_is_told_where_the_first_is() {
        let text = |name: &str| {
            format!(
                "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: {name}\nspec:\n  kprobes:\n  \
                 - call: __x64_sys_write\n"
            )
        };
        let mut names = Names::default();
        let mut claim = |file: &str, name: &str| {
            let source = Source::new(file, text(name));
            names.claim(&parse(&source).unwrap()[0], &source)
        };
        assert_eq!(claim("a.yaml", "one"), None);
        assert_eq!(claim("b.yaml", "two"), None);
        let found = claim("c.yaml", "one").unwrap();
        assert_eq!(found.code.as_str(), "P057");
        assert_eq!(found.message, "another policy is called `one`: the one at a.yaml:4:9");
        assert!(claim("d.yaml", "one").unwrap().message.ends_with("a.yaml:4:9"));
    }
}
