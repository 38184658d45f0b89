/* Where an argument starts from, and `resolve`: the way from there through the kernel's structures, whose offsets the agent knows. */
#ifndef QUELL_RESOLVE_H
#define QUELL_RESOLVE_H

#include "context.h"

/* Whether an argument of the hook starts from the registers. All of it is constant. */
static __always_inline bool quell_uses_registers(void)
{
	bool uses = false;

#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_ARGS; i++) {
		if (i < config.args && config.arg_source[i] == QUELL_SOURCE_REGISTERS)
			uses = true;
	}
	return uses;
}

/* When a call begins: stages read arguments without its context at hand. */
static __always_inline void quell_note_registers(quell_context *context, struct quell_call *call)
{
	if (quell_uses_registers())
		call->registers = (__u64)context;
}

static __always_inline __u64 quell_start_word(const struct quell_call *call, __u32 i)
{
	if (config.arg_source[i] == QUELL_SOURCE_CURRENT_TASK)
		return bpf_get_current_task();
	if (config.arg_source[i] == QUELL_SOURCE_REGISTERS)
		return call->registers;
	return quell_argument_word(call, i);
}

/* The word of argument `i`. A pointer on the way that cannot be followed is counted, and nothing is known of the argument. */
static __always_inline bool quell_find_argument(const struct quell_call *call, __u32 i, __u64 *word)
{
	__u32 steps = config.arg_steps[i];
	__u64 at = quell_start_word(call, i);

#pragma unroll
	for (__u32 s = 0; s < QUELL_MAX_STEPS; s++) {
		if (s >= steps)
			continue;
		__u32 bytes = s + 1 < steps ? sizeof(__u64) : config.arg_width[i];
		__u64 next = 0;

		at += config.arg_step[i * QUELL_MAX_STEPS + s];
		if (!bytes)
			continue;
		long error = bpf_probe_read_kernel(&next, bytes & 15, (const void *)at);

		if (error) {
			quell_fault(QUELL_FAULT_RESOLVE, error);
			return false;
		}
		at = next;
	}
	*word = at;
	return true;
}

#endif
