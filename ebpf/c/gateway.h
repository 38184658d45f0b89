/* The gateway: one generic way through every hook, in stages joined by tail calls.
 *
 *   hook → process filter (ACCEPT / CONTINUE / REJECT) → arguments → search, once per search → filter, once per selector
 *        → actions → post
 *
 * The functions are generic over the program kind; kprobe.bpf.c wraps each into a program. What they decide is decided in
 * steps.h, which the host builds too. */
#ifndef QUELL_GATEWAY_H
#define QUELL_GATEWAY_H

#include "actions.h"
#include "emit.h"
#include "steps.h"
#include "subjects.h"

/* What an event holds besides what filters looked at. */
#define QUELL_EVENT_SUBJECTS ((1U << QUELL_MAX_ARGS) - 1 | 1U << QUELL_SUBJECT_EXECUTABLE)

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
	call->selector = QUELL_NO_SELECTOR;
	quell_reset_actions(call);
	if (!quell_read_registers(context, call->reg))
		return quell_abort();
	quell_go(context, QUELL_STAGE_PROCESS_FILTER);
	return quell_abort();
}

/* A stage that could not go on after a selector matched: its event never comes to be. */
static __always_inline int quell_lost(void)
{
	quell_count(lost);
	return 0;
}

static __always_inline int quell_matched(struct pt_regs *context)
{
	quell_count(matched);
	quell_go(context, QUELL_STAGE_ACTIONS);
	return quell_lost();
}

static __always_inline int quell_stage_process_filter(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter)
		return quell_abort();
	if (config.sections & (1U << QUELL_SECTION_PIDS))
		quell_read_process(&call->process);
	__u32 verdict = quell_filter_process(call, filter, &config);

	if (call->malformed)
		quell_fault(QUELL_FAULT_SELECTOR, -QUELL_EINVAL);
	if (verdict == QUELL_PROCESS_REJECT) {
		quell_count(process_rejected);
		return 0;
	}
	quell_go(context, QUELL_STAGE_ARGUMENTS);
	return quell_abort();
}

/* Reads what filters look at, then goes to them, or past them when the process filter accepted. */
static __always_inline int quell_stage_arguments(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();

	if (!call)
		return quell_abort();
	quell_read_subjects(call, config.filtered);
	if (call->selector != QUELL_NO_SELECTOR)
		return quell_matched(context);
	quell_go(context, config.searches ? QUELL_STAGE_SEARCH : QUELL_STAGE_FILTER);
	return quell_abort();
}

/* One search; the stage calls itself until all are done. */
static __always_inline int quell_stage_search(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();

	if (!call)
		return quell_abort();
	__u32 search = call->searched;
	const struct quell_search_table *table = bpf_map_lookup_elem(&search_tables, &search);

	if (!table) {
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
		return quell_abort();
	}
	quell_step_search(call, table, &config);
	quell_go(context, call->searched < config.searches ? QUELL_STAGE_SEARCH : QUELL_STAGE_FILTER);
	return quell_abort();
}

/* No selector is left. What could not be read is posted all the same: nobody shall take silence for a no. */
static __always_inline int quell_no_match(struct pt_regs *context, struct quell_call *call)
{
	if (!(call->flags & QUELL_EVENT_UNREADABLE)) {
		quell_count(filter_rejected);
		return 0;
	}
	quell_count(unreadable);
	quell_go(context, QUELL_STAGE_POST);
	return quell_lost();
}

/* One selector; the stage calls itself until one matches or none is left. */
static __always_inline int quell_stage_filter(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter)
		return quell_abort();
	__u32 step = quell_step_filter(call, filter, &config);

	if (step & QUELL_STEP_MALFORMED)
		quell_fault(QUELL_FAULT_SELECTOR, -QUELL_EINVAL);
	if (step & QUELL_STEP_MATCHED) {
		if (call->flags & QUELL_EVENT_FAILED_CLOSED)
			quell_count(failed_closed);
		return quell_matched(context);
	}
	if (step & QUELL_STEP_NO_MATCH)
		return quell_no_match(context, call);
	quell_go(context, QUELL_STAGE_FILTER);
	return quell_abort();
}

/* Performs the actions in their order. The signal comes first in time because the event is posted by the next stage. */
static __always_inline int quell_stage_actions(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter || call->selector >= QUELL_MAX_SELECTORS)
		return quell_lost();
	quell_perform(call, filter, call->selector_at[call->selector & (QUELL_MAX_SELECTORS - 1)]);
	if (call->no_post) {
		quell_count(not_posted);
		return 0;
	}
	quell_go(context, QUELL_STAGE_POST);
	return quell_lost();
}

static __always_inline int quell_stage_post(struct pt_regs *context)
{
	struct quell_call *call = quell_heap();

	if (!call)
		return quell_lost();
	quell_read_subjects(call, QUELL_EVENT_SUBJECTS & ~config.filtered);
	quell_post(context, call);
	return 0;
}

#endif
