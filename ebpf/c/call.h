/* The state of one call on its way through the stages, in a per-CPU map.
 *
 * One call per CPU at a time: kprobe programs run with preemption off, and the kernel skips a second one on the same CPU
 * while the first runs (bpf_prog_active). */
#ifndef QUELL_CALL_H
#define QUELL_CALL_H

#include "selector.h"

/* Slots: one per argument, and one for the path of the executable. */
#define QUELL_SLOTS (QUELL_MAX_ARGS + 1)
#define QUELL_EXECUTABLE_SLOT QUELL_MAX_ARGS

struct quell_call {
	/* The function's arguments, as found in registers. */
	__u64 reg[QUELL_MAX_ARGS];
	struct quell_process process;
	/* Where in the filter each selector starts. */
	__u32 selector_at[QUELL_MAX_SELECTORS];
	/* Bit N: selector N passed the process filter. */
	__u32 candidates;
	/* The selector that matched, or QUELL_NO_SELECTOR. */
	__u32 selector;
	/* QUELL_EVENT_* bits. */
	__u32 flags;
	/* Bit N: action N was performed. */
	__u32 actions;
	__s32 signal_result;
	struct quell_scratch scratch;
	struct quell_arg arg[QUELL_SLOTS];
	__u8 slot[QUELL_SLOTS * QUELL_SLOT_BYTES];
};

#endif
