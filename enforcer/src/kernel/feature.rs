//! What a policy, a planner or a loader may need of a kernel, by name.

use serde::{Deserialize, Serialize};

/// Something that a policy may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Type information: `/sys/kernel/btf/vmlinux` (Linux 5.4, `CONFIG_DEBUG_INFO_BTF`) or a file that the user gives.
    Btf,
    /// Kprobe programs (`CONFIG_BPF_EVENTS`, `CONFIG_KPROBE_EVENTS`).
    KprobePrograms,
    /// `bpf_send_signal` in kprobe programs (Linux 5.3, commit 8b401f9ed244).
    SendSignal,
    /// Ring buffer maps (Linux 5.8, commit 457f44363a88).
    RingBuffer,
    /// `bpf_probe_read_user_str` and its family (Linux 5.5, commit 6ae08ae3dea2).
    ProbeReadUser,
    /// `bpf_probe_read_kernel` and its family (Linux 5.5, commit 6ae08ae3dea2).
    ProbeReadKernel,
    /// Programs at entry and exit of functions through trampolines (Linux 5.5, commit fec56f5890d9).
    Trampolines,
    /// Trampoline programs that replace what a function returns (Linux 5.7, commit ae24082331d9).
    ModifyReturn,
    /// Programs at the hooks of security modules can be loaded (Linux 5.7, commit fc611f47f218, `CONFIG_BPF_LSM`).
    BpfLsm,
    /// `bpf` is among the active security modules; where it is not, such programs attach and never run.
    ActiveBpfLsm,
    /// `bpf_override_return` in kprobe programs (`CONFIG_BPF_KPROBE_OVERRIDE`, which needs
    /// `CONFIG_FUNCTION_ERROR_INJECTION`).
    KprobeOverride,
    /// One kprobe program at many functions (Linux 5.18, commit 0dcac2725406, `CONFIG_FPROBE`).
    KprobeMulti,
    /// Tracepoint programs (`CONFIG_BPF_EVENTS`).
    Tracepoints,
    /// Raw tracepoint programs (Linux 4.17, commit c4f6699dfcb8).
    RawTracepoints,
    /// Probes in user programs (`CONFIG_UPROBE_EVENTS`).
    Uprobes,
    /// `bpf_get_attach_cookie` in kprobe programs (Linux 5.15, commit 7adfc6c9b315).
    AttachCookies,
    /// `bpf_ktime_get_boot_ns` (Linux 5.8, commit 71d19214776e).
    BootClock,
    /// The verifier knows the values of frozen maps and deletes branches that they rule out (Linux 5.5, commit a23740ec43ba).
    FrozenConstants,
    /// Memory of programs and maps is charged to cgroups (Linux 5.11) and no longer to the limit of locked memory.
    MemcgAccounting,
    /// Nothing preempts what runs in the kernel (`CONFIG_PREEMPT_NONE`, `CONFIG_PREEMPT_VOLUNTARY`, or a kernel that can choose and has
    /// chosen so), so that no two tasks are in the same program on one CPU.
    Unpreempted,
}

impl Feature {
    /// Every feature.
    pub const ALL: &[Self] = &[
        Self::Btf,
        Self::KprobePrograms,
        Self::SendSignal,
        Self::RingBuffer,
        Self::ProbeReadUser,
        Self::ProbeReadKernel,
        Self::Trampolines,
        Self::ModifyReturn,
        Self::BpfLsm,
        Self::ActiveBpfLsm,
        Self::KprobeOverride,
        Self::KprobeMulti,
        Self::Tracepoints,
        Self::RawTracepoints,
        Self::Uprobes,
        Self::AttachCookies,
        Self::BootClock,
        Self::FrozenConstants,
        Self::MemcgAccounting,
        Self::Unpreempted,
    ];

    /// What a user would call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Btf => "kernel type information (BTF)",
            Self::KprobePrograms => "kprobe programs",
            Self::SendSignal => "bpf_send_signal in kprobe programs",
            Self::RingBuffer => "ring buffer maps",
            Self::ProbeReadUser => "bpf_probe_read_user",
            Self::ProbeReadKernel => "bpf_probe_read_kernel",
            Self::Trampolines => "fentry and fexit programs",
            Self::ModifyReturn => "fmod_ret programs",
            Self::BpfLsm => "LSM programs",
            Self::ActiveBpfLsm => "bpf as active security module",
            Self::KprobeOverride => "bpf_override_return in kprobe programs",
            Self::KprobeMulti => "kprobe.multi programs",
            Self::Tracepoints => "tracepoint programs",
            Self::RawTracepoints => "raw tracepoint programs",
            Self::Uprobes => "uprobes",
            Self::AttachCookies => "attach cookies of kprobes",
            Self::BootClock => "bpf_ktime_get_boot_ns",
            Self::FrozenConstants => "constants known to the verifier",
            Self::MemcgAccounting => "BPF memory charged to cgroups",
            Self::Unpreempted => "kernel code that nothing preempts",
        }
    }

    /// What gives it to a kernel.
    #[must_use]
    pub const fn origin(self) -> &'static str {
        match self {
            Self::Btf => {
                "Linux 5.4 with CONFIG_DEBUG_INFO_BTF=y, or type information from a file (--btf FILE)"
            }
            Self::KprobePrograms => "CONFIG_KPROBE_EVENTS=y and CONFIG_BPF_EVENTS=y",
            Self::SendSignal => "Linux 5.3",
            Self::RingBuffer | Self::BootClock => "Linux 5.8",
            Self::ProbeReadUser | Self::ProbeReadKernel | Self::FrozenConstants => "Linux 5.5",
            Self::Trampolines => "Linux 5.5 with CONFIG_DEBUG_INFO_BTF=y and CONFIG_DYNAMIC_FTRACE=y",
            Self::ModifyReturn => "Linux 5.7 with CONFIG_DEBUG_INFO_BTF=y and CONFIG_DYNAMIC_FTRACE=y",
            Self::BpfLsm => "Linux 5.7 with CONFIG_BPF_LSM=y and CONFIG_DEBUG_INFO_BTF=y",
            Self::ActiveBpfLsm => "`bpf` in the boot parameter lsm= or in CONFIG_LSM",
            Self::KprobeOverride => {
                "CONFIG_BPF_KPROBE_OVERRIDE=y, which needs CONFIG_FUNCTION_ERROR_INJECTION=y"
            }
            Self::KprobeMulti => "Linux 5.18 with CONFIG_FPROBE=y",
            Self::Tracepoints => "CONFIG_BPF_EVENTS=y",
            Self::RawTracepoints => "Linux 4.17 with CONFIG_BPF_EVENTS=y",
            Self::Uprobes => "CONFIG_UPROBE_EVENTS=y",
            Self::AttachCookies => "Linux 5.15",
            Self::MemcgAccounting => "Linux 5.11 with CONFIG_MEMCG=y",
            Self::Unpreempted => {
                "CONFIG_PREEMPT_NONE=y or CONFIG_PREEMPT_VOLUNTARY=y, or the boot parameter preempt=none or preempt=voluntary"
            }
        }
    }
}
