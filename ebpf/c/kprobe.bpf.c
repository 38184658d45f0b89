/* The generic kprobe program and its stages: thin wrappers, one section each. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "gateway.h"

/* bpf_send_signal and the probe_read family are for GPL-compatible programs only. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define STAGE(name, body)                  \
	SEC("kprobe")                      \
	int name(struct pt_regs *context)  \
	{                                  \
		return body;               \
	}

STAGE(generic_kprobe_event, quell_hook(context))
STAGE(generic_kprobe_process_filter, quell_stage_process_filter(context))
STAGE(generic_kprobe_arguments, quell_stage_arguments(context))
STAGE(generic_kprobe_search, quell_stage_search(context))
STAGE(generic_kprobe_filter, quell_stage_filter(context))
STAGE(generic_kprobe_actions, quell_stage_actions(context))
STAGE(generic_kprobe_post, quell_stage_post(context))
