/* The gateway: one generic way through every hook, in stages joined by tail calls.
 *
 *   hook (with the early look) → process filter (ACCEPT / CONTINUE / REJECT) → arguments → search, once per search
 *        → filter, once per selector → actions → post
 *
 * The functions are generic over the family of programs: context.h has what differs when a call is read, refuse.h what differs
 * when it is refused, heap.h where its memory is. programs.h wraps each into a program. What they decide is decided in steps.h,
 * which the host builds too. */
#ifndef QUELL_GATEWAY_H
#define QUELL_GATEWAY_H

#include "actions.h"
#include "early.h"
#include "enforce.h"
#include "keep.h"
#include "steps.h"
#include "subjects.h"

/* What an event holds besides what filters looked at. */
#define QUELL_EVENT_SUBJECTS ((1U << QUELL_MAX_ARGS) - 1 | 1U << QUELL_SUBJECT_EXECUTABLE)

/* Hook: counts the call and keeps its words. */
static __always_inline long quell_hook(quell_context *context)
{
	quell_count(calls);
#ifdef QUELL_OVERRIDES
	quell_forget_refusal();
#endif
	/* Before it is asked whose call it is: whoever makes it, it matches nothing. */
	if (quell_early_no(context)) {
		quell_count(filter_rejected);
		return 0;
	}
	if (config.agent_tgid && config.agent_tgid == bpf_get_current_pid_tgid() >> 32) {
		quell_count(own);
		return 0;
	}
	struct quell_call *call = quell_begin(context);

	if (!call)
		return quell_abort(0);
	call->flags = 0;
	call->selector = QUELL_NO_SELECTOR;
	quell_reset_actions(call);
	call->unreadable = 0;
	if (config.flags & QUELL_HOOK_ENFORCER)
		return quell_enforce(context, call);
	if (!quell_read_words(context, call))
		return quell_abort(call);
	quell_note_registers(context, call);
	quell_forget_kept(context, call);
	quell_go(context, QUELL_STAGE_PROCESS_FILTER);
	return quell_abort(call);
}

static __always_inline long quell_matched(quell_context *context, struct quell_call *call)
{
	quell_count(matched);
	quell_go(context, QUELL_STAGE_ACTIONS);
	return quell_lost(call);
}

static __always_inline long quell_stage_process_filter(quell_context *context)
{
	struct quell_call *call = quell_heap(context);
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter)
		return quell_abort(call);
	if (config.sections & (1U << QUELL_SECTION_PIDS))
		quell_read_process(&call->process);
	__u32 verdict = quell_filter_process(call, filter, &config);

	if (call->malformed)
		quell_fault(QUELL_FAULT_SELECTOR, -QUELL_EINVAL);
	if (verdict == QUELL_PROCESS_REJECT) {
		quell_count(process_rejected);
		return quell_end(call);
	}
	quell_go(context, QUELL_STAGE_ARGUMENTS);
	return quell_abort(call);
}

/* Reads what filters look at, then goes to them, or past them when the process filter accepted. */
static __always_inline long quell_stage_arguments(quell_context *context)
{
	struct quell_call *call = quell_heap(context);

	if (!call)
		return quell_abort(0);
	quell_read_subjects(call, config.filtered);
	if (call->selector != QUELL_NO_SELECTOR)
		return quell_matched(context, call);
	quell_go(context, config.searches ? QUELL_STAGE_SEARCH : QUELL_STAGE_FILTER);
	return quell_abort(call);
}

/* One search; the stage calls itself until all are done. */
static __always_inline long quell_stage_search(quell_context *context)
{
	struct quell_call *call = quell_heap(context);

	if (!call)
		return quell_abort(0);
	__u32 search = call->searched;
	const struct quell_search_table *table = bpf_map_lookup_elem(&search_tables, &search);

	if (!table) {
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
		return quell_abort(call);
	}
	quell_step_search(call, table, &config);
	quell_go(context, call->searched < config.searches ? QUELL_STAGE_SEARCH : QUELL_STAGE_FILTER);
	return quell_abort(call);
}

/* No selector is left. What could not be read is posted all the same: nobody shall take silence for a no. */
static __always_inline long quell_no_match(quell_context *context, struct quell_call *call)
{
	if (!(call->flags & QUELL_EVENT_UNREADABLE)) {
		quell_count(filter_rejected);
		return quell_end(call);
	}
	quell_count(unreadable);
	quell_go(context, QUELL_STAGE_POST);
	return quell_lost(call);
}

/* One selector; the stage calls itself until one matches or none is left. */
static __always_inline long quell_stage_filter(quell_context *context)
{
	struct quell_call *call = quell_heap(context);
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter)
		return quell_abort(call);
	__u32 step = quell_step_filter(call, filter, &config);

	if (step & QUELL_STEP_MALFORMED)
		quell_fault(QUELL_FAULT_SELECTOR, -QUELL_EINVAL);
	if (step & QUELL_STEP_MATCHED) {
		if (call->flags & QUELL_EVENT_FAILED_CLOSED)
			quell_count(failed_closed);
		return quell_matched(context, call);
	}
	if (step & QUELL_STEP_NO_MATCH)
		return quell_no_match(context, call);
	quell_go(context, QUELL_STAGE_FILTER);
	return quell_abort(call);
}

/* Performs the actions in their order. The signal comes first in time because the event is posted by the next stage. */
static __always_inline long quell_stage_actions(quell_context *context)
{
	struct quell_call *call = quell_heap(context);
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter || call->selector >= QUELL_MAX_SELECTORS)
		return quell_lost(call);
	__u32 at = call->selector_at[call->selector & (QUELL_MAX_SELECTORS - 1)];

	quell_perform(context, call, filter, at, QUELL_SECTION_ACTIONS);
	if (call->no_post && !quell_goes_on(filter, at)) {
		quell_count(not_posted);
		return quell_end(call);
	}
	quell_go(context, QUELL_STAGE_POST);
	return quell_lost(call);
}

static __always_inline long quell_stage_post(quell_context *context)
{
	struct quell_call *call = quell_heap(context);

	if (!call)
		return quell_lost(0);
	quell_read_subjects(call, QUELL_EVENT_SUBJECTS & ~config.filtered & ~config.return_copies);
	quell_post(context, call);
	return quell_end(call);
}

#endif
