/* The evaluator: selector bytes and what a hook saw in, verdict out.
 *
 * Pure: no helper, no map, no clock, so that the same text is compiled into every kernel program and into a host library
 * that tests drive. Loops have a fixed bound for the verifier and leave at the hook's own bound, which is a load-time
 * constant: the verifier walks only what this hook's policy uses.
 *
 * What one iteration hands to the next lives in memory (struct quell_scratch) and is read anew: a verifier that knew
 * where each iteration came from would take no two of them for the same state, and walk every combination. */
#ifndef QUELL_SELECTOR_H
#define QUELL_SELECTOR_H

#include "compare.h"

/* Per status, in four bits each, what an entry says of a subject with this status, whatever its operator; QUELL_MATCH_YES:
 * compare it. */
#define QUELL_AVAILABLE                                                                              \
	(QUELL_MATCH_NO << (QUELL_ARG_ABSENT * 4) | QUELL_MATCH_YES << (QUELL_ARG_OK * 4) |          \
	 QUELL_MATCH_YES << (QUELL_ARG_TRUNCATED * 4) |                                              \
	 QUELL_MATCH_UNREADABLE << (QUELL_ARG_USER_FAULT * 4) |                                      \
	 QUELL_MATCH_UNDECIDED << (QUELL_ARG_KERNEL_FAULT * 4) |                                     \
	 QUELL_MATCH_UNDECIDED << (QUELL_ARG_DISCONNECTED * 4) | QUELL_MATCH_NO << (QUELL_ARG_NO_PATH * 4) | \
	 QUELL_MATCH_NO << (QUELL_ARG_BAD_FD * 4))

static __always_inline __u32 quell_available(const struct quell_arg *arg)
{
	return (QUELL_AVAILABLE >> ((quell_fresh(arg->status) & 7) * 4)) & 15;
}

/* Both must be readable: a no settles it, otherwise unreadable outweighs undecided outweighs yes, as their numbers do. */
static __always_inline __u32 quell_both(__u32 one, __u32 other)
{
	__u64 no = quell_is_zero(one) | quell_is_zero(other);

	return (other + quell_without(one, other)) * (no ^ 1);
}

/* 1 when `id` is that of the process or, when the entry says so, of an ancestor. */
static __always_inline __u64 quell_has_id(const __u32 *ids, __u64 follow, __u32 id,
					  const volatile struct quell_hook_config *config)
{
	/* One less than nothing has the highest bit. */
	__u64 own = (__u64)(ids[0] ^ id) - 1, ancestors = 0;

	if (config->flags & QUELL_HOOK_FOLLOW_FORKS) {
#pragma unroll
		for (__u32 i = 1; i < QUELL_IDS; i++)
			ancestors |= (__u64)(ids[i] ^ id) - 1;
	}
	return quell_sign(own) | (quell_sign(ancestors) & follow);
}

/* One matchPIDs entry; the answer goes into `scratch->any`. */
static __always_inline void quell_match_pid_entry(const __u8 *filter, __u32 entry, const struct quell_process *process,
						  struct quell_scratch *scratch,
						  const volatile struct quell_hook_config *config)
{
	__u32 op = quell_filter_u32(filter, entry + 4);
	__u32 flags = quell_filter_u32(filter, entry + 8);
	__u32 values = quell_filter_u32(filter, entry + 12);
	__u64 follow = (flags / QUELL_PID_FOLLOW_FORKS) & 1;
	const __u32 *ids = process->id[flags & QUELL_PID_NAMESPACE];

	scratch->any = QUELL_MATCH_MALFORMED;
	if (values > config->pids)
		return;
	scratch->any = 0;
#pragma clang loop unroll(disable)
	for (__u32 v = 0; v < QUELL_MAX_PIDS; v += 4) {
		/* One branch for four ids. */
		if (v >= config->pids || v >= values)
			break;
#pragma unroll
		for (__u32 i = 0; i < 4; i++) {
			__u32 id = quell_filter_u32(filter, entry + sizeof(struct quell_pid_entry) + (v + i) * 4);

			scratch->any |= quell_has_id(ids, follow, id, config) & quell_below(v + i, values);
		}
	}
	scratch->any ^= quell_equal(op, QUELL_OP_NOT_IN);
}

/* matchPIDs of the selector at `at`: all entries must hold. Into `scratch->all`. */
static __always_inline void quell_match_pids(const __u8 *filter, __u32 at, const struct quell_process *process,
					     struct quell_scratch *scratch,
					     const volatile struct quell_hook_config *config)
{
	at = quell_section(filter, at, QUELL_SECTION_PIDS);
	scratch->all = QUELL_MATCH_YES;
	if (!at)
		return;
	__u32 entries = quell_filter_u32(filter, at + 4);

	scratch->entry_at = at + sizeof(struct quell_section_head);
	if (entries > config->pid_entries) {
		scratch->all = QUELL_MATCH_MALFORMED;
		return;
	}
#pragma clang loop unroll(disable)
	for (__u32 e = 0; e < QUELL_MAX_PID_ENTRIES; e++) {
		if (e >= config->pid_entries || e >= entries)
			break;
		__u32 entry = scratch->entry_at;

		quell_match_pid_entry(filter, entry, process, scratch, config);
		scratch->all = scratch->any;
		if (scratch->any != QUELL_MATCH_YES)
			return;
		scratch->entry_at = quell_skip(filter, entry);
	}
}

/* Sections whose subjects are numbers, whatever else the hook's other sections have. */
#define QUELL_NUMBER_SECTIONS                                                          \
	(1U << QUELL_SECTION_NAMESPACES | 1U << QUELL_SECTION_CAPABILITIES |           \
	 1U << QUELL_SECTION_NAMESPACE_CHANGES | 1U << QUELL_SECTION_CAPABILITY_CHANGES)

/* What is compared otherwise than a number with numbers: into `scratch->any`. Otherwise false, and `scratch->number` is the
 * number; or `*nothing`: there is nothing to compare, hence no match, also for a negative operator. */
static __always_inline bool quell_compare_special(const __u8 *filter, const struct quell_entry_view *entry,
						  struct quell_call *call, bool *nothing,
						  const volatile struct quell_hook_config *config)
{
	struct quell_scratch *scratch = &call->scratch;
	__u32 op = entry->op;

	if (quell_one_of(QUELL_OP(SUB_STRING) | QUELL_OP(SUB_STRING_IGN_CASE), op, config)) {
		__u32 search = quell_filter_u32(filter, entry->at + __builtin_offsetof(struct quell_entry, search));

		quell_answer(scratch, (quell_fresh(call->found) >> ((search - 1) & 31)) & 1, quell_is_cut(entry->arg));
		if (search - 1 >= QUELL_MAX_SEARCHES)
			scratch->any = QUELL_MATCH_MALFORMED;
		return true;
	}
	if ((config->filtered & (1U << QUELL_SUBJECT_FOLLOWED_BINARIES)) &&
	    entry->subject == QUELL_SUBJECT_FOLLOWED_BINARIES) {
		quell_answer(scratch, (entry->arg->number >> ((entry->set - 1) & 63)) & 1, 0);
		return true;
	}
	if (quell_one_of(QUELL_NETWORK_OPERATORS, op, config)) {
		*nothing = !quell_compare_networks(filter, entry, call, config);
		return true;
	}
	if (quell_one_of(QUELL_STRING_OPERATORS, op, config) && (config->types & QUELL_BYTES_TYPES) &&
	    ((QUELL_BYTES_TYPES >> entry->type) & 1)) {
		quell_compare_strings(filter, entry, call, config);
		return true;
	}
	if (quell_one_of(QUELL_OP(CAPABILITIES_GAINED), op, config)) {
		/* The value is the position of the other one. */
		__u32 other = quell_filter_u64(filter, entry->at + sizeof(struct quell_entry));

		scratch->any = QUELL_MATCH_MALFORMED;
		if (entry->values != 1 || other >= QUELL_MAX_ARGS)
			return true;
		quell_answer(scratch, quell_is_zero(call->arg[other].number & ~scratch->number) ^ 1, 0);
		return true;
	}
	if (quell_one_of(QUELL_FILE_TYPE_OPERATORS, op, config))
		scratch->number = entry->arg->mode;
	if (quell_one_of(QUELL_CONNECTION_OPERATORS, op, config) && !quell_read_connection(entry, call, config)) {
		*nothing = true;
		return true;
	}
	return false;
}

/* Compares the subject of an entry, which is available, with its values: into `scratch->any`. */
static __always_inline void quell_compare(const __u8 *filter, const struct quell_entry_view *entry, __u32 section,
					  __u32 negative, struct quell_call *call,
					  const volatile struct quell_hook_config *config)
{
	struct quell_scratch *scratch = &call->scratch;
	bool nothing = false;

	scratch->number = entry->arg->number;
	if (((QUELL_NUMBER_SECTIONS >> section) & 1) || !quell_compare_special(filter, entry, call, &nothing, config)) {
		if (entry->set) {
			if (config->set_kinds & (1U << QUELL_SET_NUMBERS))
				quell_answer(scratch, quell_in_number_set(entry->set, scratch->number, &call->key), 0);
			else
				scratch->any = QUELL_MATCH_MALFORMED;
		} else if (quell_one_of(QUELL_RANGE_OPERATORS, entry->op, config)) {
			quell_compare_ranges(filter, entry, scratch, config);
		} else {
			quell_compare_numbers(filter, entry, scratch, config);
		}
	}
	if (nothing) {
		scratch->any = QUELL_MATCH_NO;
		return;
	}
	/* Swaps yes and no. */
	__u32 any = scratch->any;

	scratch->any = any ^ (negative & ~((any >> 1) | (any >> 2)) & 1);
}

/* The entry at `at` of a section; the answer goes into `scratch->any`. */
static __always_inline void quell_match_entry(const __u8 *filter, __u32 at, __u32 section, struct quell_call *call,
					      const volatile struct quell_hook_config *config)
{
	struct quell_scratch *scratch = &call->scratch;
	struct quell_entry_view entry = {
		.at = at,
		.op = quell_filter_u32(filter, at + __builtin_offsetof(struct quell_entry, op)),
		.subject = quell_filter_u32(filter, at + __builtin_offsetof(struct quell_entry, subject)),
		.type = quell_filter_u32(filter, at + __builtin_offsetof(struct quell_entry, arg_type)),
		.values = quell_filter_u32(filter, at + __builtin_offsetof(struct quell_entry, values)),
		.set = quell_filter_u32(filter, at + __builtin_offsetof(struct quell_entry, set)),
	};

	scratch->any = QUELL_MATCH_MALFORMED;
	if (entry.subject >= QUELL_SUBJECTS || entry.op > QUELL_OP_NOT_MASK || entry.type > 63 ||
	    entry.values > config->values || entry.set > QUELL_MAX_SETS)
		return;
	entry.arg = &call->arg[entry.subject];
	entry.slot = quell_slot_of(call, entry.subject);
	if (!entry.slot)
		return;
	/* NotMask is the one operator that has no bit in a word. */
	__u32 not_mask = entry.op >> 6;
	__u32 negative = not_mask | ((QUELL_NEGATIVE_OPERATORS >> (entry.op & 63)) & 1);

	entry.op = (entry.op & 63) | not_mask * QUELL_OP_MASK;
	__u32 available = quell_available(entry.arg);

	if (quell_one_of(QUELL_FILE_TYPE_OPERATORS, entry.op, config)) {
		/* The type decides alone when it is known, also where there is no path. */
		if (quell_fresh(entry.arg->mode))
			available = QUELL_MATCH_YES;
		else if (available == QUELL_MATCH_YES)
			available = QUELL_MATCH_UNDECIDED;
	}
	if (quell_one_of(QUELL_OP(CAPABILITIES_GAINED), entry.op, config)) {
		__u32 other = quell_filter_u64(filter, at + sizeof(struct quell_entry));

		if (other < QUELL_MAX_ARGS)
			available = quell_both(available, quell_available(&call->arg[other]));
	}
	scratch->any = available;
	if (available != QUELL_MATCH_YES)
		return;
	quell_compare(filter, &entry, section, negative, call, config);
}

/* One section of the selector at `at`: all entries must hold. One that does not settles it; otherwise an unreadable
 * subject outweighs an undecided one, as their numbers do. Into `scratch->all`, which the caller has set. */
static __always_inline void quell_match_section(const __u8 *filter, __u32 at, __u32 section, struct quell_call *call,
						const volatile struct quell_hook_config *config)
{
	struct quell_scratch *scratch = &call->scratch;

	at = quell_section(filter, at, section);
	if (!at)
		return;
	__u32 entries = quell_filter_u32(filter, at + 4);

	if (entries > config->filters) {
		scratch->all = QUELL_MATCH_MALFORMED;
		return;
	}
	scratch->entry_at = at + sizeof(struct quell_section_head);
#pragma clang loop unroll(disable)
	for (__u32 e = 0; e < QUELL_MAX_FILTERS; e++) {
		if (e >= config->filters || e >= entries)
			break;
		__u32 entry = scratch->entry_at;

		quell_match_entry(filter, entry, section, call, config);
		__u32 one = scratch->any;

		if (one == QUELL_MATCH_NO || one == QUELL_MATCH_MALFORMED) {
			scratch->all = one;
			return;
		}
		scratch->all += quell_without(one, scratch->all);
		scratch->entry_at = quell_skip(filter, entry);
	}
}

/* The selector at `at`, when the function is entered; matchPIDs is not asked again. */
static __always_inline __u32 quell_match_selector(const __u8 *filter, __u32 at, struct quell_call *call,
						  const volatile struct quell_hook_config *config)
{
	struct quell_scratch *scratch = &call->scratch;

	scratch->all = QUELL_MATCH_YES;
#pragma clang loop unroll(disable)
	for (__u32 section = 0; section < QUELL_SECTIONS; section++) {
		if (!((QUELL_ENTERED_SECTIONS & config->sections) >> section & 1))
			continue;
		quell_match_section(filter, at, section, call, config);
		if (scratch->all == QUELL_MATCH_NO || scratch->all == QUELL_MATCH_MALFORMED)
			break;
	}
	return scratch->all;
}

/* The selector at `at`, when the function returns. */
static __always_inline __u32 quell_match_returned(const __u8 *filter, __u32 at, struct quell_call *call,
						  const volatile struct quell_hook_config *config)
{
	call->scratch.all = QUELL_MATCH_YES;
	quell_match_section(filter, at, QUELL_SECTION_RETURN_ARGS, call, config);
	return call->scratch.all;
}

/* Whether the selector at `at` asks nothing but matchPIDs when the function is entered. */
static __always_inline bool quell_is_open(const __u8 *filter, __u32 at)
{
	__u32 sections = 0;

#pragma unroll
	for (__u32 section = 0; section < QUELL_SECTIONS; section++) {
		if ((QUELL_ENTERED_SECTIONS >> section) & 1)
			sections |= quell_section(filter, at, section);
	}
	return !sections;
}

#endif
