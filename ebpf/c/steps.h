/* The steps of a decision, each of which is one stage of the gateway: which selectors the process leaves, one search, one
 * selector. Pure, as the evaluator is: the gateway joins them by tail calls, the host by a loop. */
#ifndef QUELL_STEPS_H
#define QUELL_STEPS_H

#include "search.h"
#include "selector.h"

/* How a step went. */
#define QUELL_STEP_NEXT 0
#define QUELL_STEP_MATCHED 1
#define QUELL_STEP_NO_MATCH 2
/* The bytes are not selectors that the hook's constants describe; the selector is passed over. */
#define QUELL_STEP_MALFORMED 4

/* The number of the first candidate; 0 when there is none. */
static __always_inline __u64 quell_first(__u32 candidates)
{
	__u64 selector = 0;

#pragma unroll
	for (__u32 s = QUELL_MAX_SELECTORS; s > 0; s--)
		selector = quell_choose((candidates >> (s - 1)) & 1, s - 1, selector);
	return selector;
}

/* matchPIDs of every selector: which ones this process leaves; their offsets are kept for the steps behind. The answer is
 * a QUELL_PROCESS_* number; for ACCEPT the selector is set. */
static __always_inline __u32 quell_filter_process(struct quell_call *call, const __u8 *filter,
						  const volatile struct quell_hook_config *config)
{
	struct quell_scratch *scratch = &call->scratch;

	call->candidates = 0;
	call->malformed = 0;
	call->searched = 0;
	call->found = 0;
	call->selector = QUELL_NO_SELECTOR;
	scratch->value_at = sizeof(struct quell_filter_head);
#pragma clang loop unroll(disable)
	for (__u32 s = 0; s < QUELL_MAX_SELECTORS; s++) {
		if (s >= config->selectors)
			break;
		__u32 at = scratch->value_at;

		call->selector_at[s] = at;
		scratch->value_at = quell_skip(filter, at);
		quell_match_pids(filter, at, &call->process, scratch, config);
		call->malformed += quell_equal(scratch->all, QUELL_MATCH_MALFORMED);
		call->candidates |= quell_equal(scratch->all, QUELL_MATCH_YES) << s;
	}
	__u32 candidates = quell_fresh(call->candidates);
	__u64 selector = quell_first(candidates);

	if (!candidates)
		return QUELL_PROCESS_REJECT;
	if (!quell_is_open(filter, call->selector_at[selector & (QUELL_MAX_SELECTORS - 1)]))
		return QUELL_PROCESS_CONTINUE;
	call->selector = selector;
	return QUELL_PROCESS_ACCEPT;
}

/* One search: whether its subject has a value of its entry. What could not be read has none. */
static __always_inline void quell_step_search(struct quell_call *call, const struct quell_search_table *table,
					      const volatile struct quell_hook_config *config)
{
	__u32 search = call->searched;
	__u32 subject = table->subject;

	call->searched = search + 1;
	if (subject >= QUELL_SUBJECTS)
		return;
	const struct quell_arg *arg = &call->arg[subject];

	if (quell_available(arg) != QUELL_MATCH_YES)
		return;
	const __u8 *slot = quell_slot_of(call, subject);

	if (!slot)
		return;
	__u32 found = quell_search(table, slot, arg, config);

	call->found |= found << (search & 31);
}

/* The first selector that is left. An enforcing one takes what is undecided for a match; of the others, the event says that
 * something could not be read. */
static __always_inline __u32 quell_step_filter(struct quell_call *call, const __u8 *filter,
					       const volatile struct quell_hook_config *config)
{
	__u32 candidates = call->candidates, step = 0;
	__u64 selector = quell_first(candidates);

	if (!candidates)
		return QUELL_STEP_NO_MATCH;
	candidates &= candidates - 1;
	call->candidates = candidates;
	__u32 at = call->selector_at[selector & (QUELL_MAX_SELECTORS - 1)];
	__u32 result = quell_match_selector(filter, at, call, config);
	__u32 enforces = quell_filter_u32(filter, at + 4) & QUELL_SELECTOR_ENFORCES;

	if (result == QUELL_MATCH_MALFORMED)
		step = QUELL_STEP_MALFORMED;
	if (result == QUELL_MATCH_UNDECIDED && enforces) {
		call->flags |= QUELL_EVENT_FAILED_CLOSED;
		result = QUELL_MATCH_YES;
	}
	if (result == QUELL_MATCH_YES) {
		call->selector = selector;
		call->flags &= ~QUELL_EVENT_UNREADABLE;
		return QUELL_STEP_MATCHED;
	}
	if (result == QUELL_MATCH_UNDECIDED || result == QUELL_MATCH_UNREADABLE)
		call->flags |= QUELL_EVENT_UNREADABLE;
	if (!call->candidates)
		return step | QUELL_STEP_NO_MATCH;
	return step;
}

/* matchReturnArgs of the selector at `at`, which matched when the function was entered. What is undecided goes as it goes there. */
static __always_inline __u32 quell_step_return(struct quell_call *call, const __u8 *filter, __u32 at,
					       const volatile struct quell_hook_config *config)
{
	__u32 result = quell_match_returned(filter, at, call, config);
	__u32 enforces = quell_filter_u32(filter, at + 4) & QUELL_SELECTOR_ENFORCES;

	if (result == QUELL_MATCH_MALFORMED)
		return QUELL_STEP_MALFORMED | QUELL_STEP_NO_MATCH;
	if (result == QUELL_MATCH_UNDECIDED && enforces) {
		call->flags |= QUELL_EVENT_FAILED_CLOSED;
		return QUELL_STEP_MATCHED;
	}
	if (result == QUELL_MATCH_UNDECIDED || result == QUELL_MATCH_UNREADABLE)
		call->flags |= QUELL_EVENT_UNREADABLE;
	return result == QUELL_MATCH_YES ? QUELL_STEP_MATCHED : QUELL_STEP_NO_MATCH;
}

#endif
