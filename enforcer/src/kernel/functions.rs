//! The functions of a kernel that a kprobe may name.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::index::Index;
use super::names::Names;
use super::running::RunningFunctions;
use super::traced::Traced;

/// Function names of one kernel, whole or by families.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Functions {
    /// Beginnings of names that are listed whole; a name that begins otherwise is unknown. One empty family: everything.
    pub families: Vec<String>,
    /// Names that exist once.
    pub names: Names,
    /// Names that several functions share, with their number; of the running kernel, `names` knows them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ambiguous: BTreeMap<String, u32>,
    /// Names on the kernel's list of functions that must not be probed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub blacklisted: BTreeSet<String>,
    /// Names that the function tracer cannot take, and trampolines and kprobe.multi with it; a kprobe may.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub untraceable: Names,
    /// Names that allow an error to be injected, which `bpf_override_return` needs. `None`: the kernel was built without, or
    /// debugfs is not there to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injectable: Option<BTreeSet<String>>,
    /// Names at which these policies have more hooks than a trampoline has places for programs; of no recorded kernel.
    #[serde(skip)]
    pub crowded: BTreeSet<String>,
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
    /// The name is of a family that was not recorded, or the kernel's list could not be read.
    Unknown,
}

impl Functions {
    /// All functions of the running kernel.
    #[must_use]
    pub fn of_running_kernel(running: &Rc<RunningFunctions>) -> Self {
        let names = Names::Running(Rc::clone(running));
        Self { families: vec![String::new()], names, ..Self::default() }
    }

    /// Reads `/proc/kallsyms`: `address type name [module]` per line; text symbols only.
    #[must_use]
    pub fn from_kallsyms(text: &str) -> Self {
        Self::of_running_kernel(&Rc::new(RunningFunctions::of(Index::new(text))))
    }

    /// Adds `/sys/kernel/debug/kprobes/blacklist`: `start-end<tab>name` per line.
    pub fn add_blacklist(&mut self, text: &str) {
        let names = text.lines().filter_map(|line| line.split_once('\t')).map(|(_, name)| name.trim());
        self.blacklisted.extend(names.map(str::to_owned));
    }

    /// Adds what the function tracer can take: the rest cannot be traced.
    pub fn add_traceable(&mut self, traced: Traced, running: &Rc<RunningFunctions>) {
        self.untraceable = Names::Untraced(Rc::clone(running), Rc::new(traced));
    }

    /// Adds `/sys/kernel/debug/error_injection/list`: `name<tab>kind of error` per line.
    pub fn add_injectable(&mut self, text: &str) {
        let names = text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
        self.injectable.get_or_insert_default().extend(names);
    }

    /// Only the names of these families, for recording.
    #[must_use]
    pub fn recorded(&self, families: &[&str]) -> Self {
        // Names with a dot are pieces that one build of the compiler cut off (`.cold`, `.part.0`): the next has others.
        let keep = |name: &str| !name.contains('.') && families.iter().any(|family| name.starts_with(family));
        let kept = |names: &Names| names.iter().filter(|name| keep(name)).map(str::to_owned).collect();
        Self {
            families: families.iter().map(|family| (*family).to_owned()).collect(),
            names: kept(&self.names),
            ambiguous: [self.names.shared(), self.ambiguous.clone()]
                .into_iter()
                .flatten()
                .filter(|(name, _)| keep(name))
                .collect(),
            blacklisted: self
                .blacklisted
                .iter()
                .filter(|name| keep(name) && self.names.contains(name))
                .cloned()
                .collect(),
            untraceable: kept(&self.untraceable),
            injectable: self
                .injectable
                .as_ref()
                .map(|names| names.iter().filter(|name| keep(name)).cloned().collect()),
            crowded: BTreeSet::new(),
        }
    }

    /// What is known about `name`.
    #[must_use]
    pub fn answer(&self, name: &str) -> FunctionAnswer {
        if let Some(count) = self.ambiguous.get(name).copied().or_else(|| self.names.sharing(name)) {
            return FunctionAnswer::Ambiguous(count);
        }
        if self.names.contains(name) {
            let is_blacklisted = self.blacklisted.contains(name);
            return if is_blacklisted { FunctionAnswer::Blacklisted } else { FunctionAnswer::Present };
        }
        let is_recorded = self.families.iter().any(|family| name.starts_with(family.as_str()));
        if is_recorded && !self.names.are_unreadable() {
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
            near.map(|known| (strsim::osa_distance(known, name), known)).collect();
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
    fn what_the_tracer_does_not_list_is_recorded_as_what_cannot_be_traced() {
        const PLACES: &str =
            "f0 T __x64_sys_write\nf0 T __ia32_sys_write\nf1 t in_module\t[ext4]\nf2 T notify_die\n";
        let running = Rc::new(RunningFunctions::of(Index::new(PLACES)));
        let mut functions = Functions::of_running_kernel(&running);
        functions.add_traceable(Traced::of(String::new()), &running);
        assert!(functions.untraceable.is_empty());
        functions.add_traceable(Traced::of("__ia32_sys_write\nin_module [ext4]\n".to_owned()), &running);
        let recorded = functions.recorded(&["notify_", "__x64_sys_"]);
        assert_eq!(recorded.untraceable.iter().collect::<Vec<_>>(), ["notify_die"]);
    }

    #[test]
    fn injectable_functions_are_known_only_where_the_kernel_lists_them() {
        let mut functions = functions();
        assert_eq!(functions.injectable, None);
        functions.add_injectable("__x64_sys_write\tERRNO\n__x64_sys_read\tERRNO\n");
        let recorded = functions.recorded(&["__x64_sys_w"]).injectable.unwrap();
        assert_eq!(recorded.iter().collect::<Vec<_>>(), ["__x64_sys_write"]);
    }

    #[test]
    fn a_mistyped_function_gets_a_suggestion() {
        assert_eq!(functions().similar("__x64_sys_wriet"), ["__x64_sys_write"]);
    }
}
