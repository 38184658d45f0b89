/* Calls that wait for their return: the event of a match is kept until the function returns, and completed then.
 *
 * A record belongs to a call by its thread and by its place on the stack: of two calls of one thread under way at once, the inner
 * one's place is lower. So a record whose place is not above the stack's end is of a call that has returned unseen. */
#ifndef QUELL_KEEP_H
#define QUELL_KEEP_H

#include "emit.h"

/* A call that waits: its event as far as it is known, and what completes it. */
struct quell_kept {
	__u8 event[QUELL_KEPT_BYTES];
	/* Where the call is on its stack. */
	__u64 frame;
	/* The words of its arguments, for those that are read again. */
	__u64 word[QUELL_WORDS];
	/* Bytes of the event. */
	__u32 length;
	/* The selector that matched, and where it starts. */
	__u32 selector;
	__u32 selector_at;
	/* What the selector says about the event, as in struct quell_call. */
	__u32 rate_ms;
	__u32 no_post;
	__u32 reserved;
	struct quell_rate_key rate;
};
_Static_assert(sizeof(struct quell_kept) <= QUELL_EVENT_BYTES, "a record is built in the memory of an event");

/* The agent gives it QUELL_MAX_KEPT entries where a hook looks at returns. A full one forgets the oldest call: those of threads
 * that ended in the function would fill it for ever. What was forgotten is kept, and neither returned nor missed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct quell_kept_key);
	__type(value, struct quell_kept);
} kept_calls SEC(".maps");

/* The calling thread's key. Of several targets, a return program knows which one it is at by its cookie, or not at all. */
static __always_inline void quell_kept_key_of(struct quell_kept_key *key, __u32 target)
{
	key->thread = bpf_get_current_pid_tgid();
	key->hook = config.hook;
	key->target = config.flags & QUELL_HOOK_COOKIES ? target : 0;
}

/* The event of a kept call, unless its selector or a rate limit holds it back. It may be elsewhere than in the record. */
static __always_inline void quell_output_kept(quell_context *context, struct quell_kept *kept, __u32 no_post, void *event,
					      __u64 length, __u64 most)
{
	if (no_post) {
		quell_count(not_posted);
		return;
	}
	if ((config.flags & QUELL_HOOK_RATE_LIMITS) && kept->rate_ms && quell_is_held_back(&kept->rate, kept->rate_ms)) {
		quell_count(rate_limited);
		return;
	}
	quell_output(context, event, length, most);
}

/* A kept call whose return will not be seen: what is known of it is posted. */
static __always_inline void quell_miss(quell_context *context, struct quell_kept *kept)
{
	quell_count(returns_missed);
	quell_output_kept(context, kept, kept->no_post, kept->event, quell_fresh(kept->length), QUELL_KEPT_BYTES);
}

static __always_inline void quell_drop_kept(struct quell_kept_key *key)
{
	long error = bpf_map_delete_elem(&kept_calls, key);

	if (error)
		quell_fault(QUELL_FAULT_KEEP, error);
}

/* When a function is entered: what this thread keeps of a call whose stack is gone has returned unseen. */
static __always_inline void quell_forget_kept(quell_context *context, struct quell_call *call)
{
	struct quell_kept_key key = {};

	if (!(config.flags & QUELL_HOOK_RETURNS))
		return;
	quell_kept_key_of(&key, call->target);
	struct quell_kept *kept = bpf_map_lookup_elem(&kept_calls, &key);

	if (!kept || kept->frame > quell_frame(context))
		return;
	quell_miss(context, kept);
	quell_drop_kept(&key);
}

/* Keeps a match until its function returns. */
static __always_inline void quell_keep(quell_context *context, struct quell_call *call, struct quell_event_buffer *event)
{
	struct quell_kept *kept = (struct quell_kept *)event->bytes;
	struct quell_kept_key key = {};

	quell_count(kept);
	if ((config.flags & QUELL_HOOK_RATE_LIMITS) && call->rate_ms)
		quell_rate_key_of(call, &kept->rate);
	kept->length = quell_compose(context, call, event);
	kept->frame = quell_frame(context);
#pragma unroll
	for (__u32 i = 0; i < QUELL_WORDS; i++)
		kept->word[i] = call->word[i];
	kept->selector = call->selector;
	kept->selector_at = call->selector_at[call->selector & (QUELL_MAX_SELECTORS - 1)];
	kept->rate_ms = call->rate_ms;
	kept->no_post = call->no_post;
	quell_kept_key_of(&key, call->target);
	struct quell_kept *earlier = bpf_map_lookup_elem(&kept_calls, &key);

	if (earlier)
		quell_miss(context, earlier);
	long error = bpf_map_update_elem(&kept_calls, &key, kept, BPF_ANY);

	if (error) {
		quell_fault(QUELL_FAULT_KEEP, error);
		quell_miss(context, kept);
	}
}

/* The event of a match, or of a call that could not be decided. */
static __always_inline void quell_post(quell_context *context, struct quell_call *call)
{
	struct quell_event_buffer *event = quell_event_heap(call);

	if (!event) {
		quell_count(lost);
		return;
	}
	if ((config.flags & QUELL_HOOK_RETURNS) && call->selector != QUELL_NO_SELECTOR) {
		quell_keep(context, call, event);
		return;
	}
	if ((config.flags & QUELL_HOOK_RATE_LIMITS) && call->rate_ms) {
		struct quell_rate_key *key = (struct quell_rate_key *)event->bytes;

		quell_rate_key_of(call, key);
		if (quell_is_held_back(key, call->rate_ms)) {
			quell_count(rate_limited);
			return;
		}
	}
	quell_output(context, event, quell_compose(context, call, event), QUELL_EVENT_BYTES);
}

/* Whether a match without an event has to be kept all the same, because its selector goes on at the return. */
static __always_inline bool quell_goes_on(const __u8 *filter, __u32 at)
{
	if (!(config.flags & QUELL_HOOK_RETURNS))
		return false;
	return quell_section(filter, at, QUELL_SECTION_RETURN_ACTIONS) ||
	       quell_section(filter, at, QUELL_SECTION_RETURN_ARGS);
}

#endif
