//! The functions of a kernel that a kprobe may name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Function names of one kernel, whole or by families.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Functions {
    /// Beginnings of names that are listed whole; a name that begins otherwise is unknown. One empty family: everything.
    pub families: Vec<String>,
    /// Names that exist once.
    pub names: BTreeSet<String>,
    /// Names that several functions share, with their number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ambiguous: BTreeMap<String, u32>,
    /// Names on the kernel's list of functions that must not be probed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub blacklisted: BTreeSet<String>,
}

/// What is known about one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionAnswer {
    /// One function, and it may be probed.
    Present,
    /// Several functions of that name.
    Ambiguous(u32),
    /// The kernel forbids probes on it.
    Blacklisted,
    /// No function of that name.
    Absent,
    /// The name is of a family that was not recorded.
    Unknown,
}

impl Functions {
    /// Reads `/proc/kallsyms`: `address type name [module]` per line; text symbols only.
    #[must_use]
    pub fn from_kallsyms(text: &str) -> Self {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            if let (Some(_), Some("t" | "T" | "w" | "W"), Some(name)) =
                (words.next(), words.next(), words.next())
            {
                *counts.entry(name).or_default() += 1;
            }
        }
        let mut functions = Self { families: vec![String::new()], ..Self::default() };
        for (name, count) in counts {
            if count == 1 {
                functions.names.insert(name.to_owned());
            } else {
                functions.ambiguous.insert(name.to_owned(), count);
            }
        }
        functions
    }

    /// Adds `/sys/kernel/debug/kprobes/blacklist`: `start-end<tab>name` per line.
    pub fn add_blacklist(&mut self, text: &str) {
        let names = text.lines().filter_map(|line| line.split_once('\t')).map(|(_, name)| name.trim());
        self.blacklisted.extend(names.filter(|name| self.names.contains(*name)).map(str::to_owned));
    }

    /// Only the names of these families, for recording.
    #[must_use]
    pub fn recorded(&self, families: &[&str]) -> Self {
        // Names with a dot are pieces that one build of the compiler cut off (`.cold`, `.part.0`): the next has others.
        let keep =
            |name: &String| !name.contains('.') && families.iter().any(|family| name.starts_with(family));
        Self {
            families: families.iter().map(|family| (*family).to_owned()).collect(),
            names: self.names.iter().filter(|name| keep(name)).cloned().collect(),
            ambiguous: self
                .ambiguous
                .iter()
                .filter(|(name, _)| keep(name))
                .map(|(n, c)| (n.clone(), *c))
                .collect(),
            blacklisted: self.blacklisted.iter().filter(|name| keep(name)).cloned().collect(),
        }
    }

    /// What is known about `name`.
    #[must_use]
    pub fn answer(&self, name: &str) -> FunctionAnswer {
        if let Some(count) = self.ambiguous.get(name) {
            return FunctionAnswer::Ambiguous(*count);
        }
        if self.blacklisted.contains(name) {
            return FunctionAnswer::Blacklisted;
        }
        if self.names.contains(name) {
            return FunctionAnswer::Present;
        }
        if self.families.iter().any(|family| name.starts_with(family.as_str())) {
            FunctionAnswer::Absent
        } else {
            FunctionAnswer::Unknown
        }
    }

    /// Up to three names that a mistyped one may have meant, nearest first: few letters wrong, missing, too many or
    /// swapped.
    #[must_use]
    pub fn similar(&self, name: &str) -> Vec<&str> {
        let most = (name.len() / 5).max(1);
        let near = self.names.iter().filter(|known| known.len().abs_diff(name.len()) <= most);
        let mut near: Vec<(usize, &str)> =
            near.map(|known| (strsim::osa_distance(known, name), known.as_str())).collect();
        near.retain(|(distance, _)| *distance <= most);
        near.sort_unstable();
        near.into_iter().take(3).map(|(_, known)| known).collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const KALLSYMS: &str = "0000000000000000 T __x64_sys_write\n0000000000000000 t helper\n\
        0000000000000000 t helper\n0000000000000000 D some_data\n0000000000000000 T notify_die\n\
        0000000000000000 t in_module\t[ext4]\n";

    fn functions() -> Functions {
        let mut functions = Functions::from_kallsyms(KALLSYMS);
        functions.add_blacklist("0xffffffff81000000-0xffffffff81000010\tnotify_die\n");
        functions
    }

    #[rstest]
    #[case("__x64_sys_write", FunctionAnswer::Present)]
    #[case("in_module", FunctionAnswer::Present)]
    #[case("helper", FunctionAnswer::Ambiguous(2))]
    #[case("notify_die", FunctionAnswer::Blacklisted)]
    #[case("some_data", FunctionAnswer::Absent)]
    #[case("__x64_sys_wriet", FunctionAnswer::Absent)]
    fn kallsyms_answers_for_every_name(#[case] name: &str, #[case] answer: FunctionAnswer) {
        assert_eq!(functions().answer(name), answer);
    }

    #[test]
    fn a_name_outside_the_recorded_families_is_unknown_and_not_absent() {
        let recorded = functions().recorded(&["__x64_sys_"]);
        assert_eq!(recorded.answer("__x64_sys_write"), FunctionAnswer::Present);
        assert_eq!(recorded.answer("__x64_sys_nothing"), FunctionAnswer::Absent);
        assert_eq!(recorded.answer("tcp_connect"), FunctionAnswer::Unknown);
    }

    #[test]
    fn a_mistyped_function_gets_a_suggestion() {
        assert_eq!(functions().similar("__x64_sys_wriet"), ["__x64_sys_write"]);
    }
}
