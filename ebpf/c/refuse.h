/* Refusing a call: where the kernel lets a program decide what it returns, and how.
 *
 * LSM and fmod_ret programs return the error (quell_result). A kprobe program asks for it with bpf_override_return, and a
 * program that has this helper in it cannot be called from a program array (bpf_prog_array_compatible), so that no stage can
 * do it. Another program at the same function does, quell_override, which the kernel runs right behind this one: of several
 * kprobes at one address, the one registered last runs first. What it shall return stands in the element of `refusals` of
 * their CPU, where nothing comes between them: the kernel skips kprobes while it handles one. */
#ifndef QUELL_REFUSE_H
#define QUELL_REFUSE_H

#include "context.h"

#ifdef QUELL_OVERRIDES

static __always_inline struct quell_refusal *quell_refusal_here(void)
{
	__u32 zero = 0;
	struct quell_refusal *refusal = bpf_map_lookup_elem(&refusals, &zero);

	if (!refusal)
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
	return refusal;
}

/* At the begin of a call: what is still there was never taken, and shall not be taken by another call. */
static __always_inline void quell_forget_refusal(void)
{
	if (!(config.flags & QUELL_HOOK_OVERRIDES))
		return;
	struct quell_refusal *refusal = quell_refusal_here();

	if (refusal && refusal->error) {
		refusal->error = 0;
		quell_count(refuse_failed);
	}
}

/* Leaves the error for the program behind this one. It is told by the stack, and counted there. */
static __always_inline bool quell_leave_refusal(quell_context *context, __s32 error)
{
	struct quell_refusal *refusal = quell_refusal_here();

	if (!refusal)
		return false;
	refusal->thread = bpf_get_current_pid_tgid();
	refusal->stack = context->sp;
	refusal->error = error;
	return true;
}

/* The program behind: takes the error that was left for this very call. The helper is there only where the hook says so,
 * because not every kernel has it (CONFIG_BPF_KPROBE_OVERRIDE). */
static __always_inline long quell_override(quell_context *context)
{
	struct quell_refusal *refusal = quell_refusal_here();

	if (!(config.flags & QUELL_HOOK_OVERRIDES) || !refusal || !refusal->error)
		return 0;
	__s32 error = refusal->error;

	refusal->error = 0;
	if (refusal->thread != bpf_get_current_pid_tgid() || refusal->stack != context->sp) {
		quell_count(refuse_failed);
		return 0;
	}
	long failure = bpf_override_return(context, (__s64)error);

	if (failure) {
		quell_fault(QUELL_FAULT_OVERRIDE, failure);
		quell_count(refuse_failed);
	} else {
		quell_count(refused);
	}
	return 0;
}

#endif

/* Makes the call return `error`, which is negative, when the program and those behind it have returned. */
static __always_inline void quell_refuse(quell_context *context, struct quell_call *call, __s32 error)
{
#if defined(QUELL_REFUSES)
	bool taken = true;

	quell_count(refused);
#elif defined(QUELL_OVERRIDES)
	bool taken = quell_leave_refusal(context, error);
#else
	bool taken = false;
#endif

	if (!taken) {
		quell_count(refuse_failed);
		return;
	}
	call->error = error;
	call->flags |= QUELL_EVENT_REFUSED;
	call->actions |= 1U << QUELL_ACTION_OVERRIDE;
}

#endif
