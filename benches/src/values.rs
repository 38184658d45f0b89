//! Policies with few and with many values: where a set grows, text, memory and maps grow with it.

use crate::policies::PolicyText;

/// How many values the benches try.
pub const NUMBERS: [u32; 5] = [1, 10, 100, 1_000, 10_000];

/// A policy with so many paths under one operator.
#[must_use]
pub fn policy(operator: &str, number: u32) -> PolicyText {
    let values: Vec<String> = (1..=number).map(|value| format!("\"/etc/forbidden-{value}\"")).collect();
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: values-{number}\nspec:\n  kprobes:\n  \
         - call: sys_write\n    syscall: true\n    args:\n    - index: 0\n      type: fd\n    selectors:\n    - matchArgs:\n      \
         - index: 0\n        operator: {operator}\n        values: [{}]\n      matchActions:\n      - action: Sigkill\n",
        values.join(", ")
    );
    PolicyText { name: format!("{operator}-{number}.yaml"), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::compile;

    #[test]
    fn every_number_of_values_compiles() {
        for operator in ["Equal", "Prefix", "Postfix"] {
            for number in NUMBERS {
                assert_eq!(compile(&policy(operator, number)).unwrap().len(), 1, "{operator} {number}");
            }
        }
    }

    #[test]
    fn the_generated_policies_of_the_curves_compile() {
        let generated = vmtest::bench::scale::policies();
        assert!(!generated.is_empty());
        for vmtest::bench::scale::Generated { file, text } in generated {
            let policy = PolicyText { name: file, text };
            assert!(compile(&policy).is_ok(), "{}: {:?}", policy.name, compile(&policy).err());
        }
    }
}
