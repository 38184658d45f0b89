/* The gateway: one generic way through every hook, in stages joined by tail calls.
 *
 *   hook → process filter (ACCEPT / CONTINUE / REJECT) → arguments → argument filter 1…5 → actions → post
 *
 * The functions are generic over the program kind; kprobe.bpf.c wraps each into a program. */
#ifndef QUELL_GATEWAY_H
#define QUELL_GATEWAY_H

#include "arguments.h"
#include "emit.h"

#define QUELL_SIGKILL 9

/* The registers that hold the function's arguments: of a system call, those that its entry was given. */
static __always_inline bool quell_read_registers(struct pt_regs *context, __u64 *reg)
{
	if (config.flags & QUELL_HOOK_SYSCALL) {
		struct pt_regs *inner = (struct pt_regs *)context->di;
		struct pt_regs regs = {};
		long error = bpf_probe_read_kernel(&regs, sizeof(regs), inner);

		if (error) {
			quell_fault(QUELL_FAULT_SYSCALL_REGISTERS, error);
			return false;
		}
		reg[0] = regs.di;
		reg[1] = regs.si;
		reg[2] = regs.dx;
		reg[3] = regs.r10;
		reg[4] = regs.r8;
		return true;
	}
	reg[0] = context->di;
	reg[1] = context->si;
	reg[2] = context->dx;
	reg[3] = context->cx;
	reg[4] = context->r8;
	return true;
}

/* Hook: counts the call and keeps its registers. */
static __always_inline int quell_hook(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();

	quell_count(calls);
	if (!call)
		return quell_abort();
	if (config.agent_tgid && config.agent_tgid == bpf_get_current_pid_tgid() >> 32) {
		quell_count(own);
		return 0;
	}
	call->flags = 0;
	call->actions = 0;
	call->selector = QUELL_NO_SELECTOR;
	call->signal_result = QUELL_SIGNAL_NOT_SENT;
	if (!quell_read_registers(context, call->reg))
		return quell_abort();
	quell_go(context, QUELL_STAGE_PROCESS_FILTER);
	return quell_abort();
}

/* Which selectors this process leaves; their offsets are kept for the stages behind. */
static __always_inline __u32 quell_filter_process(struct quell_call *call, const __u8 *filter)
{
	__u32 at = sizeof(struct quell_filter_head);
	__u32 verdict = QUELL_PROCESS_REJECT;

	call->candidates = 0;
	for (__u32 s = 0; s < QUELL_MAX_SELECTORS; s++) {
		if (s >= config.selectors)
			break;
		call->selector_at[s] = at;
		__u32 result = quell_match_pids(filter, at, &call->process, &call->scratch, &config);

		if (result == QUELL_MATCH_MALFORMED)
			quell_fault(QUELL_FAULT_SELECTOR, -QUELL_EINVAL);
		if (result == QUELL_MATCH_YES) {
			if (verdict == QUELL_PROCESS_REJECT) {
				__u32 args = quell_section(filter, at, QUELL_SECTION_ARGS);

				verdict = quell_filter_u32(filter, args + 4) ? QUELL_PROCESS_CONTINUE : QUELL_PROCESS_ACCEPT;
				/* Meaningful only for ACCEPT; a filter stage overwrites it. */
				call->selector = s;
			}
			call->candidates |= 1U << s;
		}
		at = quell_skip(filter, at);
	}
	return verdict;
}

static __always_inline int quell_stage_process_filter(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter)
		return quell_abort();
	quell_read_process(&call->process);
	__u32 verdict = quell_filter_process(call, filter);

	if (verdict == QUELL_PROCESS_REJECT) {
		quell_count(process_rejected);
		return 0;
	}
	if (verdict == QUELL_PROCESS_CONTINUE)
		call->selector = QUELL_NO_SELECTOR;
	quell_go(context, QUELL_STAGE_ARGUMENTS);
	return quell_abort();
}

/* Reads the arguments that filters look at, then goes to the filters, or past them when the process filter accepted. */
static __always_inline int quell_stage_arguments(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();

	if (!call)
		return quell_abort();
	quell_read_arguments(call, config.filtered);
	if (call->selector == QUELL_NO_SELECTOR) {
		quell_go(context, QUELL_STAGE_FILTER_1);
		return quell_abort();
	}
	quell_count(matched);
	quell_go(context, QUELL_STAGE_ACTIONS);
	quell_count(lost);
	return 0;
}

/* No selector is left. An argument that could not be read is posted all the same: nobody shall take silence for a no. */
static __always_inline int quell_no_match(struct pt_regs *context, struct quell_call *call)
{
	if (!(call->flags & QUELL_EVENT_UNREADABLE)) {
		quell_count(filter_rejected);
		return 0;
	}
	quell_count(unreadable);
	quell_go(context, QUELL_STAGE_POST);
	quell_count(lost);
	return 0;
}

/* Argument filters of one selector; the number is a constant of the stage. */
static __always_inline int quell_stage_filter(struct pt_regs *context, __u32 selector)
{
	struct quell_call *call = quell_heap();
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter)
		return quell_abort();
	if (selector < config.selectors && (call->candidates & (1U << selector))) {
		__u32 at = call->selector_at[selector];
		__u32 result = quell_match_args(filter, at, call->arg, call->slot, &call->scratch, &config);
		__u32 enforces = quell_filter_u32(filter, at + 4) & QUELL_SELECTOR_ENFORCES;

		if (result == QUELL_MATCH_MALFORMED)
			quell_fault(QUELL_FAULT_SELECTOR, -QUELL_EINVAL);
		if (result == QUELL_MATCH_UNDECIDED && enforces) {
			call->flags |= QUELL_EVENT_FAILED_CLOSED;
			quell_count(failed_closed);
			result = QUELL_MATCH_YES;
		}
		if (result == QUELL_MATCH_YES) {
			call->selector = selector;
			call->flags &= ~QUELL_EVENT_UNREADABLE;
			quell_count(matched);
			quell_go(context, QUELL_STAGE_ACTIONS);
			quell_count(lost);
			return 0;
		}
		if (result == QUELL_MATCH_UNDECIDED || result == QUELL_MATCH_UNREADABLE)
			call->flags |= QUELL_EVENT_UNREADABLE;
	}
	if (selector + 1 < QUELL_MAX_SELECTORS && selector + 1 < config.selectors) {
		quell_go(context, QUELL_STAGE_FILTER_1 + selector + 1);
		return quell_abort();
	}
	return quell_no_match(context, call);
}

/* Performs the actions in their order. The signal comes first in time because the event is posted by the next stage. */
static __always_inline int quell_stage_actions(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();
	const __u8 *filter = quell_filter_bytes();

	__u32 selector = call ? call->selector : QUELL_NO_SELECTOR;

	if (!call || !filter || selector >= QUELL_MAX_SELECTORS) {
		quell_count(lost);
		return 0;
	}
	__u32 at = quell_section(filter, call->selector_at[selector], QUELL_SECTION_ACTIONS);
	__u32 entries = quell_filter_u32(filter, at + 4);

	at += sizeof(struct quell_section_head);
	for (__u32 i = 0; i < QUELL_MAX_ACTIONS; i++) {
		if (i >= config.actions || i >= entries)
			break;
		__u32 action = quell_filter_u32(filter, at + 4);

		at = quell_skip(filter, at);
		if (action != QUELL_ACTION_POST && (config.flags & QUELL_HOOK_MONITOR)) {
			call->flags |= QUELL_EVENT_MONITORED;
			continue;
		}
		if (action == QUELL_ACTION_SIGKILL) {
			long error = bpf_send_signal(QUELL_SIGKILL);

			call->signal_result = error;
			if (error) {
				quell_fault(QUELL_FAULT_SEND_SIGNAL, error);
				quell_count(kill_failed);
			} else {
				quell_count(killed);
			}
		}
		call->actions |= 1U << (action & 31);
	}
	quell_go(context, QUELL_STAGE_POST);
	quell_count(lost);
	return 0;
}

static __always_inline int quell_stage_post(void)
{
	struct quell_call *call = quell_heap();

	if (call) {
		quell_read_arguments(call, ~config.filtered);
		quell_post(call);
	} else {
		quell_count(lost);
	}
	return 0;
}

#endif
