/* The evaluator: selector bytes and what a hook saw in, verdict out.
 *
 * Pure: no helper, no map, no clock, so that the same text is compiled into every kernel program and into a host library
 * that tests drive. Loops have a fixed bound for the verifier and leave at the hook's own bound, which is a load-time
 * constant: the verifier walks only what this hook's policy uses.
 *
 * Every load from the 4096 filter bytes is masked to an aligned word inside them, so that no bytes, however wrong, can
 * make the program read elsewhere.
 */
#ifndef QUELL_SELECTOR_H
#define QUELL_SELECTOR_H

#include <stdbool.h>

#include "wire.gen.h"

#define QUELL_SLOT_BYTES (QUELL_MAX_STRING_BYTES + QUELL_STRING_SLACK_BYTES)

/* The calling process, as matchPIDs sees it. */
struct quell_process {
	__u32 tgid;
	/* In the process's own PID namespace; 0 when that is the initial one. */
	__u32 ns_tgid;
	/* How many of the following are filled, nearest ancestor first. */
	__u32 ancestors;
	/* The same, up to the first ancestor that is not in the process's own PID namespace. */
	__u32 ns_ancestors;
	__u32 ancestor[QUELL_MAX_ANCESTORS];
	__u32 ns_ancestor[QUELL_MAX_ANCESTORS];
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

static __always_inline bool quell_has_id(const struct quell_process *process, __u32 flags, __u32 id)
{
	bool ns = flags & QUELL_PID_NAMESPACE;
	bool found = (ns ? process->ns_tgid : process->tgid) == id;
	__u32 known = ns ? process->ns_ancestors : process->ancestors;

	if (!(flags & QUELL_PID_FOLLOW_FORKS))
		return found;
	for (__u32 i = 0; i < QUELL_MAX_ANCESTORS; i++) {
		if (i >= known)
			break;
		found |= (ns ? process->ns_ancestor[i] : process->ancestor[i]) == id;
	}
	return found;
}

/* matchPIDs of the selector at `at`: all entries must hold. */
static __always_inline __u32 quell_match_pids(const __u8 *filter, __u32 at, const struct quell_process *process,
					      const volatile struct quell_hook_config *config)
{
	at = quell_section(filter, at, QUELL_SECTION_PIDS);
	__u32 entries = quell_filter_u32(filter, at + 4);

	if (entries > config->pid_entries)
		return QUELL_MATCH_MALFORMED;
	at += sizeof(struct quell_section_head);
	for (__u32 e = 0; e < QUELL_MAX_PID_ENTRIES; e++) {
		if (e >= config->pid_entries || e >= entries)
			break;
		__u32 op = quell_filter_u32(filter, at + 4);
		__u32 flags = quell_filter_u32(filter, at + 8);
		__u32 values = quell_filter_u32(filter, at + 12);
		bool listed = false;

		if (values > config->pids)
			return QUELL_MATCH_MALFORMED;
		for (__u32 v = 0; v < QUELL_MAX_PIDS; v++) {
			if (v >= config->pids || v >= values)
				break;
			__u32 id = quell_filter_u32(filter, at + sizeof(struct quell_pid_entry) + v * 4);

			listed |= quell_has_id(process, flags, id);
		}
		if (listed == (op == QUELL_OP_NOT_IN))
			return QUELL_MATCH_NO;
		at = quell_skip(filter, at);
	}
	return QUELL_MATCH_YES;
}

/* Whether `length` bytes of the filter at `at` (8-aligned) equal those of the slot from `from`. */
static __always_inline bool quell_same_bytes(const __u8 *filter, __u32 at, const __u8 *slot, __u32 from, __u32 length,
					     const volatile struct quell_hook_config *config)
{
	for (__u32 i = 0; i < QUELL_MAX_STRING_VALUE_BYTES / 8; i++) {
		if (i >= config->string_words || i * 8 >= length)
			break;
		__u64 want = quell_filter_u64(filter, at + i * 8);
		/* from + i * 8 < QUELL_MAX_STRING_BYTES by the caller's length check: the mask is for the verifier. */
		__u64 have = *(const __u64 *)(slot + ((from + i * 8) & (QUELL_MAX_STRING_BYTES - 1)));
		__u32 left = length - i * 8;

		/* The last word: bytes behind the string are somebody else's. */
		if (left < 8) {
			__u64 mask = (1ULL << (left * 8)) - 1;

			return (want & mask) == (have & mask);
		}
		if (want != have)
			return false;
	}
	return true;
}

/* One string value, whose head is at `at`, against one argument. */
static __always_inline __u32 quell_match_string(const __u8 *filter, __u32 at, __u32 op, bool is_path,
						const struct quell_arg *arg, const __u8 *slot,
						const volatile struct quell_hook_config *config)
{
	__u32 length = quell_filter_u32(filter, at);
	__u32 seen = arg->length;
	__u32 from = arg->start;
	bool cut = arg->status == QUELL_ARG_TRUNCATED;

	if (length > config->string_words * 8)
		return QUELL_MATCH_MALFORMED;
	if (length > seen)
		/* A cut path may have the rest in the part that was not seen. Other strings are cut beyond every value. */
		return cut && is_path ? QUELL_MATCH_UNDECIDED : QUELL_MATCH_NO;
	switch (op) {
	case QUELL_OP_PREFIX:
		if (cut && is_path)
			return QUELL_MATCH_UNDECIDED;
		break;
	case QUELL_OP_POSTFIX:
		if (cut && !is_path)
			return QUELL_MATCH_UNDECIDED;
		from += seen - length;
		break;
	default:
		/* A cut string is longer than what was seen of it, hence longer than the value. */
		if (cut || length != seen)
			return QUELL_MATCH_NO;
	}
	if (quell_same_bytes(filter, at + sizeof(struct quell_string_head), slot, from, length, config))
		return QUELL_MATCH_YES;
	return QUELL_MATCH_NO;
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

/* The matchArgs entry at `at`. `slots` holds QUELL_MAX_ARGS slots. */
static __always_inline __u32 quell_match_arg(const __u8 *filter, __u32 at, const struct quell_arg *args,
					     const __u8 *slots, const volatile struct quell_hook_config *config)
{
	__u32 op = quell_filter_u32(filter, at + 4);
	__u32 index = quell_filter_u32(filter, at + 8);
	__u32 type = quell_filter_u32(filter, at + 12);
	__u32 values = quell_filter_u32(filter, at + 16);
	bool negative = op == QUELL_OP_NOT_EQUAL || op == QUELL_OP_NOT_IN;
	__u32 result = QUELL_MATCH_NO;

	if (index >= QUELL_MAX_ARGS || values > config->values)
		return QUELL_MATCH_MALFORMED;
	const struct quell_arg *arg = &args[index];

	switch (arg->status) {
	case QUELL_ARG_OK:
	case QUELL_ARG_TRUNCATED:
		break;
	case QUELL_ARG_USER_FAULT:
		return QUELL_MATCH_UNREADABLE;
	case QUELL_ARG_KERNEL_FAULT:
	case QUELL_ARG_DISCONNECTED:
		return QUELL_MATCH_UNDECIDED;
	default:
		return QUELL_MATCH_NO;
	}
	at += sizeof(struct quell_arg_entry);
	for (__u32 v = 0; v < QUELL_MAX_VALUES; v++) {
		__u32 one;

		if (v >= config->values || v >= values)
			break;
		if (quell_is_bytes(type)) {
			one = quell_match_string(filter, at, op, quell_is_path(type), arg,
						 slots + index * QUELL_SLOT_BYTES, config);
			at += sizeof(struct quell_string_head) + quell_round_up_8(quell_filter_u32(filter, at));
		} else {
			one = arg->number == quell_filter_u64(filter, at) ? QUELL_MATCH_YES : QUELL_MATCH_NO;
			at += 8;
		}
		if (one == QUELL_MATCH_MALFORMED)
			return one;
		if (one == QUELL_MATCH_YES) {
			result = one;
			break;
		}
		if (one == QUELL_MATCH_UNDECIDED)
			result = one;
	}
	if (negative && result != QUELL_MATCH_UNDECIDED)
		result = result == QUELL_MATCH_YES ? QUELL_MATCH_NO : QUELL_MATCH_YES;
	return result;
}

/* matchArgs of the selector at `at`: all entries must hold. One that does not settles it; otherwise an unreadable
 * argument outweighs an undecided one. */
static __always_inline __u32 quell_match_args(const __u8 *filter, __u32 at, const struct quell_arg *args,
					      const __u8 *slots, const volatile struct quell_hook_config *config)
{
	at = quell_section(filter, at, QUELL_SECTION_ARGS);
	__u32 entries = quell_filter_u32(filter, at + 4);
	__u32 result = QUELL_MATCH_YES;

	if (entries > config->arg_filters)
		return QUELL_MATCH_MALFORMED;
	at += sizeof(struct quell_section_head);
	for (__u32 e = 0; e < QUELL_MAX_ARG_FILTERS; e++) {
		if (e >= config->arg_filters || e >= entries)
			break;
		__u32 one = quell_match_arg(filter, at, args, slots, config);

		if (one == QUELL_MATCH_NO || one == QUELL_MATCH_MALFORMED)
			return one;
		if (one == QUELL_MATCH_UNREADABLE || (one == QUELL_MATCH_UNDECIDED && result == QUELL_MATCH_YES))
			result = one;
		at = quell_skip(filter, at);
	}
	return result;
}

#endif
