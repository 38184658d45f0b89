/* The evaluator: selector bytes and what a hook saw in, verdict out.
 *
 * Pure: no helper, no map, no clock, so that the same text is compiled into every kernel program and into a host library
 * that tests drive. Loops have a fixed bound for the verifier and leave at the hook's own bound, which is a load-time
 * constant: the verifier walks only what this hook's policy uses.
 *
 * What one iteration hands to the next lives in memory (struct quell_scratch) and is read anew: a verifier that knew
 * where each iteration came from would take no two of them for the same state, and walk every combination.
 *
 * Every load from the 4096 filter bytes is masked to an aligned word inside them, so that no bytes, however wrong, can
 * make the program read elsewhere.
 */
#ifndef QUELL_SELECTOR_H
#define QUELL_SELECTOR_H

#include <stdbool.h>

#include "wire.gen.h"

#define QUELL_SLOT_BYTES (QUELL_MAX_STRING_BYTES + QUELL_STRING_SLACK_BYTES)

/* The two views of process ids. */
#define QUELL_GLOBAL_IDS 0
#define QUELL_NAMESPACE_IDS 1
/* The process itself, then its ancestors, nearest first. */
#define QUELL_IDS (1 + QUELL_MAX_ANCESTORS)

/* The calling process, as matchPIDs sees it: ids in the initial PID namespace, and in the process's own one (0 when that
 * is the initial one). Where an ancestor is missing, or outside of the process's own namespace, the process's own id is
 * repeated, so that every list is whole and is compared without a branch. */
struct quell_process {
	__u32 id[2][QUELL_IDS];
};

/* One argument, as matchArgs sees it. Its bytes are in a slot of QUELL_SLOT_BYTES. */
struct quell_arg {
	__u32 status;
	/* Where in the slot the bytes start, and how many they are: start + length <= QUELL_MAX_STRING_BYTES. */
	__u32 start;
	__u32 length;
	__u32 reserved;
	__u64 number;
};

/* Working memory of the evaluator. Volatile, so that the compiler keeps nothing of it in a register. */
struct quell_scratch {
	/* The entry being read, and the value in it. */
	volatile __u32 entry_at;
	volatile __u32 value_at;
	/* matchPIDs: whether an id of the entry was found. */
	volatile __u32 listed;
	/* matchArgs: how the entry compares (its operator, whether bytes, whether a path). */
	volatile __u32 op;
	volatile __u32 is_bytes;
	volatile __u32 is_path;
	/* matchArgs: where in the slot a value is compared, and how many of its bytes are. */
	volatile __u32 from;
	volatile __u32 done;
	/* matchArgs: the answer of the words of a value, of the values of an entry, of the entries. */
	volatile __u32 same;
	volatile __u32 any;
	volatile __u32 all;
};

/* Reads memory anew, so that the verifier forgets what an earlier test of the same value told it. */
#define quell_fresh(x) (*(const volatile __typeof__(x) *)&(x))

static __always_inline __u32 quell_filter_u32(const __u8 *filter, __u32 at)
{
	return *(const __u32 *)(filter + (at & (QUELL_FILTER_BYTES - 4)));
}

static __always_inline __u64 quell_filter_u64(const __u8 *filter, __u32 at)
{
	return *(const __u64 *)(filter + (at & (QUELL_FILTER_BYTES - 8)));
}

static __always_inline __u32 quell_round_up_8(__u32 length)
{
	return (length + 7) & ~7U;
}

/* Behind the section that starts at `at`. */
static __always_inline __u32 quell_skip(const __u8 *filter, __u32 at)
{
	return at + quell_filter_u32(filter, at);
}

/* Start of a section of the selector at `at`. */
static __always_inline __u32 quell_section(const __u8 *filter, __u32 at, __u32 section)
{
	at += sizeof(struct quell_selector_head);
#pragma unroll
	for (__u32 i = 0; i < QUELL_SECTION_ACTIONS; i++) {
		if (i >= section)
			break;
		at = quell_skip(filter, at);
	}
	return at;
}

/* 1 when both are equal, else 0, without a branch. */
static __always_inline __u32 quell_equal(__u32 left, __u32 right)
{
	return ((__u64)(left ^ right) - 1) >> 63;
}

/* Notes in the scratch whether `id` is that of the process or, when the entry says so, of an ancestor. */
static __always_inline void quell_look_for_id(const struct quell_process *process, __u32 flags, __u32 id,
					      struct quell_scratch *scratch,
					      const volatile struct quell_hook_config *config)
{
	const __u32 *ids = process->id[flags & QUELL_PID_NAMESPACE];

	scratch->listed |= quell_equal(ids[0], id);
	if (!(config->flags & QUELL_HOOK_FOLLOW_FORKS) || !(flags & QUELL_PID_FOLLOW_FORKS))
		return;
	__u32 found = 0;

#pragma unroll
	for (__u32 i = 1; i < QUELL_IDS; i++)
		found |= quell_equal(ids[i], id);
	scratch->listed |= found;
}

/* matchPIDs of the selector at `at`: all entries must hold. */
static __always_inline __u32 quell_match_pids(const __u8 *filter, __u32 at, const struct quell_process *process,
					      struct quell_scratch *scratch,
					      const volatile struct quell_hook_config *config)
{
	at = quell_section(filter, at, QUELL_SECTION_PIDS);
	__u32 entries = quell_filter_u32(filter, at + 4);

	if (entries > config->pid_entries)
		return QUELL_MATCH_MALFORMED;
	scratch->entry_at = at + sizeof(struct quell_section_head);
	for (__u32 e = 0; e < QUELL_MAX_PID_ENTRIES; e++) {
		if (e >= config->pid_entries || e >= entries)
			break;
		__u32 entry = scratch->entry_at;
		__u32 op = quell_filter_u32(filter, entry + 4);
		__u32 flags = quell_filter_u32(filter, entry + 8);
		__u32 values = quell_filter_u32(filter, entry + 12);

		if (values > config->pids)
			return QUELL_MATCH_MALFORMED;
		scratch->listed = 0;
		for (__u32 v = 0; v < QUELL_MAX_PIDS; v++) {
			if (v >= config->pids || v >= values)
				break;
			__u32 id = quell_filter_u32(filter, entry + sizeof(struct quell_pid_entry) + v * 4);

			quell_look_for_id(process, flags, id, scratch, config);
		}
		if ((scratch->listed != 0) == (op == QUELL_OP_NOT_IN))
			return QUELL_MATCH_NO;
		scratch->entry_at = quell_skip(filter, entry);
	}
	return QUELL_MATCH_YES;
}

/* Notes in the scratch whether `length` bytes of the filter at `at` (8-aligned) equal those of the slot from
 * `scratch->from`. */
static __always_inline void quell_compare_bytes(const __u8 *filter, __u32 at, const __u8 *slot, __u32 length,
						struct quell_scratch *scratch,
						const volatile struct quell_hook_config *config)
{
	__u32 from = scratch->from;

	scratch->same = 0;
	scratch->done = 0;
	for (__u32 i = 0; i < QUELL_MAX_STRING_VALUE_BYTES / 8; i++) {
		if (i >= config->string_words || i * 8 + 8 > length)
			break;
		/* from + length <= QUELL_MAX_STRING_BYTES by the caller's check: the mask is for the verifier. */
		if (quell_filter_u64(filter, at + i * 8) !=
		    *(const __u64 *)(slot + ((from + i * 8) & (QUELL_MAX_STRING_BYTES - 1))))
			return;
		scratch->done = i * 8 + 8;
	}
	/* The last bytes as a word, without those behind the string, which are somebody else's. */
	__u32 done = scratch->done;
	__u64 difference = quell_filter_u64(filter, at + done) ^
			   *(const __u64 *)(slot + ((from + done) & (QUELL_MAX_STRING_BYTES - 1)));
	__u64 mask = (1ULL << (((length - done) & 7) * 8)) - 1;

	if (!(difference & mask))
		scratch->same = 1;
}

/* One string value, whose head is at `at`, against one argument. */
static __always_inline __u32 quell_match_string(const __u8 *filter, __u32 at, const struct quell_arg *arg,
						const __u8 *slot,
						struct quell_scratch *scratch,
						const volatile struct quell_hook_config *config)
{
	__u32 length = quell_filter_u32(filter, at);
	__u32 seen = quell_fresh(arg->length);
	bool cut = quell_fresh(arg->status) == QUELL_ARG_TRUNCATED;
	bool is_path = scratch->is_path;

	if (length > config->string_words * 8)
		return QUELL_MATCH_MALFORMED;
	if (length > seen)
		/* A cut path may have the rest in the part that was not seen. Other strings are cut beyond every value. */
		return cut && is_path ? QUELL_MATCH_UNDECIDED : QUELL_MATCH_NO;
	scratch->from = quell_fresh(arg->start);
	switch (scratch->op) {
	case QUELL_OP_PREFIX:
		if (cut && is_path)
			return QUELL_MATCH_UNDECIDED;
		break;
	case QUELL_OP_POSTFIX:
		if (cut && !is_path)
			return QUELL_MATCH_UNDECIDED;
		scratch->from += seen - length;
		break;
	default:
		/* Longer than the value, at least by what was seen of it. */
		if (length != seen)
			return QUELL_MATCH_NO;
		/* A walk that ran out of steps may have run out at the root: then what was seen is all. */
		if (cut)
			return QUELL_MATCH_UNDECIDED;
	}
	quell_compare_bytes(filter, at + sizeof(struct quell_string_head), slot, length, scratch, config);
	return scratch->same ? QUELL_MATCH_YES : QUELL_MATCH_NO;
}

static __always_inline bool quell_is_path(__u32 type)
{
	return type == QUELL_TYPE_PATH || type == QUELL_TYPE_FILE || type == QUELL_TYPE_FD;
}

static __always_inline bool quell_is_bytes(__u32 type)
{
	return quell_is_path(type) || type == QUELL_TYPE_STRING || type == QUELL_TYPE_FILENAME ||
	       type == QUELL_TYPE_CHAR_BUF;
}

/* The matchArgs entry at `at`; the answer goes into `scratch->any`. `slots` holds QUELL_MAX_ARGS slots. */
static __always_inline void quell_match_arg(const __u8 *filter, __u32 at, const struct quell_arg *args,
					    const __u8 *slots, struct quell_scratch *scratch,
					    const volatile struct quell_hook_config *config)
{
	__u32 op = quell_filter_u32(filter, at + 4);
	__u32 index = quell_filter_u32(filter, at + 8);
	__u32 type = quell_filter_u32(filter, at + 12);
	__u32 values = quell_filter_u32(filter, at + 16);

	scratch->op = op;
	scratch->is_path = quell_is_path(type);
	scratch->is_bytes = quell_is_bytes(type);
	scratch->any = QUELL_MATCH_MALFORMED;
	if (index >= QUELL_MAX_ARGS || values > config->values)
		return;
	const struct quell_arg *arg = &args[index];

	switch (arg->status) {
	case QUELL_ARG_OK:
	case QUELL_ARG_TRUNCATED:
		scratch->any = QUELL_MATCH_NO;
		break;
	case QUELL_ARG_USER_FAULT:
		scratch->any = QUELL_MATCH_UNREADABLE;
		return;
	case QUELL_ARG_KERNEL_FAULT:
	case QUELL_ARG_DISCONNECTED:
		scratch->any = QUELL_MATCH_UNDECIDED;
		return;
	default:
		scratch->any = QUELL_MATCH_NO;
		return;
	}
	scratch->value_at = at + sizeof(struct quell_arg_entry);
	for (__u32 v = 0; v < QUELL_MAX_VALUES; v++) {
		__u32 value_at = scratch->value_at;
		__u32 one;

		if (v >= config->values || v >= values)
			break;
		if (scratch->is_bytes) {
			one = quell_match_string(filter, value_at, arg, slots + index * QUELL_SLOT_BYTES, scratch,
						 config);
			scratch->value_at = value_at + sizeof(struct quell_string_head) +
					    quell_round_up_8(quell_filter_u32(filter, value_at));
		} else {
			one = arg->number == quell_filter_u64(filter, value_at) ? QUELL_MATCH_YES : QUELL_MATCH_NO;
			scratch->value_at = value_at + 8;
		}
		if (one != QUELL_MATCH_NO)
			scratch->any = one;
		if (one == QUELL_MATCH_YES || one == QUELL_MATCH_MALFORMED)
			break;
	}
	op = scratch->op;
	if (op == QUELL_OP_NOT_EQUAL || op == QUELL_OP_NOT_IN) {
		__u32 any = scratch->any;

		if (any == QUELL_MATCH_YES)
			scratch->any = QUELL_MATCH_NO;
		else if (any == QUELL_MATCH_NO)
			scratch->any = QUELL_MATCH_YES;
	}
}

/* matchArgs of the selector at `at`: all entries must hold. One that does not settles it; otherwise an unreadable
 * argument outweighs an undecided one. */
static __always_inline __u32 quell_match_args(const __u8 *filter, __u32 at, const struct quell_arg *args,
					      const __u8 *slots, struct quell_scratch *scratch,
					      const volatile struct quell_hook_config *config)
{
	at = quell_section(filter, at, QUELL_SECTION_ARGS);
	__u32 entries = quell_filter_u32(filter, at + 4);

	if (entries > config->arg_filters)
		return QUELL_MATCH_MALFORMED;
	scratch->all = QUELL_MATCH_YES;
	scratch->entry_at = at + sizeof(struct quell_section_head);
	for (__u32 e = 0; e < QUELL_MAX_ARG_FILTERS; e++) {
		if (e >= config->arg_filters || e >= entries)
			break;
		__u32 entry = scratch->entry_at;

		quell_match_arg(filter, entry, args, slots, scratch, config);
		__u32 one = scratch->any;

		if (one == QUELL_MATCH_NO || one == QUELL_MATCH_MALFORMED)
			return one;
		if (one == QUELL_MATCH_UNREADABLE || (one == QUELL_MATCH_UNDECIDED && scratch->all == QUELL_MATCH_YES))
			scratch->all = one;
		scratch->entry_at = quell_skip(filter, entry);
	}
	return scratch->all;
}

#endif
