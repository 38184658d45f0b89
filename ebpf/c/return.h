/* The return of a function: a program of its own, which completes the calls that keep.h has.
 *
 *   return → search, once per search → return stage (matchReturnArgs, matchReturnActions) → post */
#ifndef QUELL_RETURN_H
#define QUELL_RETURN_H

#include "keep.h"
#include "steps.h"
#include "subjects.h"

/* The stack of a call at its return is that at its entry less the return address. Kernels differ by a word or so in what they say;
 * another call of the same function is further away. */
#define QUELL_FRAME_SLACK 16

/* Goes on to a stage behind the return. Comes back only when the tail call failed, which is counted. */
static __always_inline void quell_go_back(quell_context *context, __u32 stage)
{
	bpf_tail_call(context, &return_calls, stage);
	quell_fault(QUELL_FAULT_TAIL_CALL, -(long)stage);
}

/* Which target returns, as far as it tells records apart. */
static __always_inline __u32 quell_returning_target(quell_context *context)
{
	__u32 convention = 0;

	return config.flags & QUELL_HOOK_COOKIES ? quell_target(context, &convention) : 0;
}

/* Ends a kept call that has returned. */
static __always_inline long quell_end_kept(struct quell_call *call, struct quell_kept_key *key)
{
	quell_count(returned);
	quell_drop_kept(key);
	return quell_end(call);
}

/* Ends one whose event never comes to be. */
static __always_inline long quell_lose_kept(struct quell_call *call, struct quell_kept_key *key)
{
	quell_count(lost);
	return quell_end_kept(call, key);
}

/* Whether anything looks at what the function returned; the plan lets nothing do so where it returns nothing. All of it is
 * constant. */
static __always_inline bool quell_wants_returned(void)
{
	bool wants = config.return_type != QUELL_TYPE_NOP;

#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_ARGS; i++) {
		if (((config.return_copies >> i) & 1) && config.arg_size[i] == QUELL_NO_SIZE_ARG)
			wants = true;
	}
	return wants;
}

/* Return: when this call is a kept one, what it returned. */
static __always_inline long quell_return(quell_context *context)
{
	struct quell_kept_key key = {};

	if (!(config.flags & QUELL_HOOK_RETURNS))
		return 0;
	quell_kept_key_of(&key, quell_returning_target(context));
	struct quell_kept *kept = bpf_map_lookup_elem(&kept_calls, &key);

	if (!kept)
		return 0;
	__u64 frame = quell_return_frame(context);

	/* A call inside of the kept one. */
	if (frame < kept->frame)
		return 0;
	/* A call around it, which has returned without our seeing it. */
	if (frame > kept->frame + QUELL_FRAME_SLACK) {
		quell_miss(context, kept);
		quell_drop_kept(&key);
		return 0;
	}
	struct quell_call *call = quell_begin(context);

	if (!call) {
		quell_count(lost);
		quell_count(returned);
		quell_drop_kept(&key);
		return 0;
	}
	call->flags = 0;
	call->target = key.target;
	call->selector = kept->selector;
	call->searched = 0;
	call->found = 0;
	quell_reset_actions(call);
#pragma unroll
	for (__u32 i = 0; i < QUELL_WORDS; i++)
		call->word[i] = kept->word[i];
	/* What the entry read is not here any more: its memory has served other calls since. */
#pragma unroll
	for (__u32 i = 0; i < QUELL_SUBJECT_RETURNED; i++)
		call->arg[i].status = QUELL_ARG_ABSENT;
	call->returned = 0;
	if (quell_wants_returned())
		call->returned = quell_read_returned(context);
	quell_read_argument(config.return_type, call->returned, 0, &call->arg[QUELL_SUBJECT_RETURNED],
			    &call->slot[(QUELL_SLOTS - 1) * QUELL_SLOT_BYTES]);
	quell_go_back(context, config.searches ? QUELL_STAGE_RETURN_SEARCH : QUELL_STAGE_RETURN);
	return quell_lose_kept(call, &key);
}

/* One search in what was returned; the stage calls itself until all are done. */
static __always_inline long quell_stage_return_search(quell_context *context)
{
	struct quell_call *call = quell_heap(context);

	if (!call)
		return 0;
	__u32 search = call->searched;
	const struct quell_search_table *table = bpf_map_lookup_elem(&search_tables, &search);
	struct quell_kept_key key = {};

	quell_kept_key_of(&key, call->target);
	if (!table) {
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
		return quell_lose_kept(call, &key);
	}
	quell_step_search(call, table, &config);
	quell_go_back(context, call->searched < config.searches ? QUELL_STAGE_RETURN_SEARCH : QUELL_STAGE_RETURN);
	return quell_lose_kept(call, &key);
}

/* matchReturnArgs of the selector that matched at the entry, and its matchReturnActions. */
static __always_inline long quell_stage_return(quell_context *context)
{
	struct quell_call *call = quell_heap(context);
	const __u8 *filter = quell_filter_bytes();
	struct quell_kept_key key = {};

	if (!call)
		return 0;
	quell_kept_key_of(&key, call->target);
	struct quell_kept *kept = bpf_map_lookup_elem(&kept_calls, &key);

	if (!kept || !filter) {
		quell_fault(QUELL_FAULT_KEEP, -QUELL_ENOENT);
		return quell_lose_kept(call, &key);
	}
	__u32 at = quell_fresh(kept->selector_at);
	__u32 step = quell_step_return(call, filter, at, &config);

	if (step & QUELL_STEP_MALFORMED)
		quell_fault(QUELL_FAULT_SELECTOR, -QUELL_EINVAL);
	if (step & QUELL_STEP_MATCHED) {
		if (call->flags & QUELL_EVENT_FAILED_CLOSED)
			quell_count(failed_closed);
		quell_perform(context, call, filter, at, QUELL_SECTION_RETURN_ACTIONS);
	} else if (!(call->flags & QUELL_EVENT_UNREADABLE)) {
		quell_count(return_rejected);
		return quell_end_kept(call, &key);
	}
	quell_go_back(context, QUELL_STAGE_RETURN_POST);
	return quell_lose_kept(call, &key);
}

/* What the entry did, and what the return did beside it. */
static __always_inline void quell_complete_head(struct quell_event_head *head, const struct quell_call *call)
{
	/* Beside a SIGKILL of the entry, whose result is what matters, another signal is only counted. */
	if (call->signal && !(head->actions & (1U << QUELL_ACTION_SIGKILL))) {
		head->signal = call->signal;
		head->signal_result = call->signal_result;
	}
	head->actions |= call->actions;
	head->flags |= call->flags | QUELL_EVENT_RETURNED;
}

/* Completes the event: arguments that the function has filled, and what it returned. */
static __always_inline long quell_stage_return_post(quell_context *context)
{
	struct quell_call *call = quell_heap(context);
	struct quell_kept_key key = {};

	if (!call)
		return 0;
	struct quell_event_buffer *event = quell_event_heap(call);

	quell_kept_key_of(&key, call->target);
	struct quell_kept *kept = bpf_map_lookup_elem(&kept_calls, &key);

	if (!kept || !event) {
		quell_fault(QUELL_FAULT_KEEP, -QUELL_ENOENT);
		return quell_lose_kept(call, &key);
	}
	quell_read_arguments(call, config.return_copies);
	long error = bpf_probe_read_kernel(event->bytes, QUELL_KEPT_BYTES, kept->event);

	if (error) {
		quell_fault(QUELL_FAULT_EVENT_COPY, error);
		return quell_lose_kept(call, &key);
	}
	struct quell_event_head *head = (struct quell_event_head *)event->bytes;
	__u32 at = quell_fresh(kept->length);
	__u32 flags = 0;

#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_ARGS; i++) {
		if (i < config.args && ((config.return_copies >> i) & 1))
			at = quell_append(event, at, config.arg_type[i], &call->arg[i],
					  &call->slot[i * QUELL_SLOT_BYTES], &flags);
	}
	at = quell_append(event, at, config.return_type, &call->arg[QUELL_SUBJECT_RETURNED],
			  &call->slot[(QUELL_SLOTS - 1) * QUELL_SLOT_BYTES], &flags);
	quell_complete_head(head, call);
	at = quell_end_event(head, at, flags);
	quell_output_kept(context, kept, kept->no_post | call->no_post, event->bytes, at, QUELL_EVENT_BYTES);
	return quell_end_kept(call, &key);
}

#endif
