//! What a row of the table is made of.

use quell_scenarios::effect::Effect;
use quell_scenarios::scenario::{FileSystem, PreparedFile};
use quell_scenarios::step::Step;
use serde_json::{Value, json};

/// One operation, and where it can be met.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// First part of the names of its scenarios.
    pub(crate) name: &'static str,
    /// As a sentence begins: "An unlink".
    pub(crate) noun: &'static str,
    pub(crate) files: Vec<PreparedFile>,
    pub(crate) target: (&'static str, &'static str),
    pub(crate) steps: Vec<Step>,
    pub(crate) bystander_steps: Vec<Step>,
    pub(crate) effect: Vec<Effect>,
    pub(crate) filesystems: Vec<FileSystem>,
    pub(crate) forms: Vec<Form>,
}

/// One policy on the operation, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) way: Way,
    pub(crate) hook: Hook,
    /// Where it runs, if not wherever the row does.
    pub(crate) filesystems: Option<Vec<FileSystem>>,
    pub(crate) outcome: Outcome,
    pub(crate) except: Vec<Except>,
}

/// What is done at the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// SIGKILL at the entry of the system call.
    Kill,
    /// SIGKILL where the kernel asks its security modules, or at another function inside.
    KillInside,
    /// An error instead of the call.
    Refuse,
    /// Both.
    RefuseAndKill,
    /// An error, as an entry of `lsmhooks`.
    Lsm,
    /// An error, with `override-method: fmod-ret`.
    Modify,
    /// An error, where it comes too late or too early.
    RefuseElsewhere,
}

impl Way {
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillInside => "kill-inside",
            Self::Refuse => "refuse",
            Self::RefuseAndKill => "refuse-and-kill",
            Self::Lsm => "lsm",
            Self::Modify => "modify",
            Self::RefuseElsewhere => "elsewhere-refuse",
        }
    }

    pub(crate) fn kills(self) -> bool {
        matches!(self, Self::Kill | Self::KillInside | Self::RefuseAndKill)
    }

    pub(crate) fn refuses(self) -> bool {
        !matches!(self, Self::Kill | Self::KillInside)
    }

    pub(crate) fn actions(self) -> Vec<Value> {
        let refuse = self.refuses().then(|| json!({"action": "Override", "argError": -1}));
        let kill = self.kills().then(|| json!({"action": "Sigkill"}));
        refuse.into_iter().chain(kill).collect()
    }
}

/// Where a policy meets the operation.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) call: String,
    pub(crate) syscall: bool,
    /// Position, type, and more keys of the arguments that are looked at.
    pub(crate) args: Vec<Value>,
    pub(crate) filters: Vec<Value>,
    /// Only calls by the subject: for hooks that the runner's own reading reaches.
    pub(crate) subject_only: bool,
}

/// What becomes of the operation under a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) fate: Fate,
    pub(crate) happens: bool,
    /// How often the hook is passed.
    pub(crate) matched: u64,
}

/// What becomes of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Killed,
    /// It sees this errno.
    Refused(i32),
    /// Nothing: the hook is not passed.
    Unseen,
}

/// What differs on some kernels.
#[derive(Clone, Debug)]
pub(crate) struct Except {
    pub(crate) kernels: Vec<&'static str>,
    pub(crate) filesystems: Vec<FileSystem>,
    pub(crate) why: &'static str,
    /// Another hook that means the same there.
    pub(crate) hook: Option<Hook>,
    pub(crate) then: Then,
}

/// What is seen there.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// Another outcome, or the same by another hook.
    Outcome(Outcome),
    /// The policy is refused, and the refusal says this.
    Unsupported(&'static str),
}

/// Killed, and the effect is there all the same.
pub(crate) const LATE: Outcome = Outcome { fate: Fate::Killed, happens: true, matched: 1 };
/// Killed in time.
pub(crate) const IN_TIME: Outcome = Outcome { fate: Fate::Killed, happens: false, matched: 1 };
/// Refused with EPERM, and alive.
pub(crate) const REFUSED: Outcome = Outcome { fate: Fate::Refused(1), happens: false, matched: 1 };
/// Never met.
pub(crate) const UNSEEN: Outcome = Outcome { fate: Fate::Unseen, happens: true, matched: 0 };

impl Hook {
    /// A function of the kernel.
    pub(crate) fn at(call: &str, args: Vec<Value>, filters: Vec<Value>) -> Self {
        Self { call: call.to_owned(), syscall: false, args, filters, subject_only: false }
    }

    /// A system call in every ABI.
    pub(crate) fn sys(call: &str, args: Vec<Value>, filters: Vec<Value>) -> Self {
        Self { call: format!("sys_{call}"), syscall: true, ..Self::at("", args, filters) }
    }

    pub(crate) fn by_subject(mut self) -> Self {
        self.subject_only = true;
        self
    }
}

/// An argument.
pub(crate) fn arg(index: u32, ty: &str) -> Value {
    json!({"index": index, "type": ty})
}

/// A filter.
pub(crate) fn filter(index: u32, operator: &str, values: &[&str]) -> Value {
    json!({"index": index, "operator": operator, "values": values})
}

/// The target in the work directories that the row runs in.
pub(crate) const TARGETS: &[&str] = &["/lab/tmpfs/target", "/lab/ext4/target"];

/// A hook on one path.
pub(crate) fn on_path(index: u32, ty: &str) -> (Vec<Value>, Vec<Value>) {
    (vec![arg(index, ty)], vec![filter(index, "Equal", TARGETS)])
}

/// A hook on a name alone, which is what a dentry has of a path.
pub(crate) fn on_name(index: u32) -> (Vec<Value>, Vec<Value>) {
    (vec![arg(index, "dentry")], vec![filter(index, "Equal", &["/target"])])
}
