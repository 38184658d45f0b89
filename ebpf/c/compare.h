/* How one subject is compared with the values of one entry, per kind of value. */
#ifndef QUELL_COMPARE_H
#define QUELL_COMPARE_H

#include "sets.h"

/* Groups of operators, besides those of wire.gen.h. */
#define QUELL_OP(name) (1ULL << QUELL_OP_##name)
#define QUELL_PREFIX_OPERATORS (QUELL_OP(PREFIX) | QUELL_OP(NOT_PREFIX))
#define QUELL_POSTFIX_OPERATORS (QUELL_OP(POSTFIX) | QUELL_OP(NOT_POSTFIX))
#define QUELL_FILE_TYPE_OPERATORS (QUELL_OP(FILE_TYPE) | QUELL_OP(NOT_FILE_TYPE))
#define QUELL_SOURCE_PORT_OPERATORS \
	(QUELL_OP(SPORT) | QUELL_OP(NOT_SPORT) | QUELL_OP(SPORT_PRIV) | QUELL_OP(NOT_SPORT_PRIV))
#define QUELL_DESTINATION_PORT_OPERATORS \
	(QUELL_OP(DPORT) | QUELL_OP(NOT_DPORT) | QUELL_OP(DPORT_PRIV) | QUELL_OP(NOT_DPORT_PRIV))
#define QUELL_FIELD_OPERATORS (QUELL_OP(FAMILY) | QUELL_OP(PROTOCOL) | QUELL_OP(STATE))
#define QUELL_CONNECTION_OPERATORS \
	(QUELL_SOURCE_PORT_OPERATORS | QUELL_DESTINATION_PORT_OPERATORS | QUELL_FIELD_OPERATORS)

/* Bytes of a string that are compared between two branches. */
#define QUELL_STRIDE 32

/* The head of an entry, as it was read. */
struct quell_entry_view {
	__u32 at;
	__u32 op;
	__u32 subject;
	__u32 type;
	__u32 values;
	__u32 set;
	const struct quell_arg *arg;
	const __u8 *slot;
};

/* Whether `op` is one of the group; where the hook has none of them, the verifier deletes what follows from a yes. */
static __always_inline bool quell_one_of(__u64 operators, __u32 op, const volatile struct quell_hook_config *config)
{
	return (config->operators & operators) && ((operators >> (op & 63)) & 1);
}

/* 1 when the operator is one of the group, without a branch. */
static __always_inline __u64 quell_is_of(__u64 operators, __u32 op)
{
	return (operators >> (op & 63)) & 1;
}

/* 1 when the subject was longer than what is known of it. */
static __always_inline __u64 quell_is_cut(const struct quell_arg *arg)
{
	return quell_equal(quell_fresh(arg->status), QUELL_ARG_TRUNCATED);
}

/* Yes when some value holds, else undecided when some value may. */
static __always_inline void quell_answer(struct quell_scratch *scratch, __u64 yes, __u64 unsure)
{
	scratch->any = yes * QUELL_MATCH_YES | (unsure & ~yes & 1) * QUELL_MATCH_UNDECIDED;
}

/* The slot of a subject whose bytes are compared. What the function returned has that of the parent's executable. There is
 * always one: the other answer is for the verifier, which would walk everything behind a branch twice. */
static __always_inline const __u8 *quell_slot_of(const struct quell_call *call, __u64 subject)
{
	__u64 at = quell_least(subject, QUELL_SLOTS - 1) * QUELL_SLOT_BYTES;

	quell_opaque(at);
	if (at > (QUELL_SLOTS - 1) * QUELL_SLOT_BYTES)
		return 0;
	return &call->slot[at];
}

/* 1 when the `length` bytes of the filter at `at` (8-aligned) equal those of the slot from `scratch->from`. */
static __always_inline __u64 quell_same_bytes(const __u8 *filter, __u32 at, const __u8 *slot, __u64 length,
					      struct quell_scratch *scratch,
					      const volatile struct quell_hook_config *config)
{
	__u32 from = scratch->from;
	__u64 difference = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < QUELL_MAX_STRING_VALUE_BYTES; i += QUELL_STRIDE) {
		/* One branch for four words and for both ways to leave: behind the end, and at a difference. */
		if (i >= config->string_words * 8 || ((quell_below(i, length) ^ 1) | difference))
			break;
#pragma unroll
		for (__u32 w = i; w < i + QUELL_STRIDE; w += 8)
			/* Only words that are whole. */
			difference |= (quell_filter_u64(filter, at + w) ^ quell_slot_u64(slot, from + w)) &
				      (0 - quell_below(w + 7, length));
	}
	/* The last bytes, without those behind the string, which are somebody else's. */
	__u32 whole = length & ~7ULL;

	difference |= (quell_filter_u64(filter, at + whole) ^ quell_slot_u64(slot, from + whole)) &
		      quell_low_bits((length & 7) * 8);
	return quell_is_zero(difference);
}

/* Strings in the filter. Of a cut path the end is known, of other cut strings the beginning. */
static __always_inline void quell_compare_inline_strings(const __u8 *filter, const struct quell_entry_view *entry,
							 const __u8 *slot, struct quell_scratch *scratch,
							 const volatile struct quell_hook_config *config)
{
	scratch->any = quell_below(config->string_values, entry->values) << 2;
	scratch->value_at = entry->at + sizeof(struct quell_entry);
#pragma clang loop unroll(disable)
	for (__u32 v = 0; v < QUELL_MAX_VALUES; v++) {
		/* The first value that holds settles it. */
		if (v >= config->string_values || !(quell_below(v, entry->values) & ~scratch->any & 1))
			break;
		__u32 at = scratch->value_at;
		__u64 length = quell_filter_u32(filter, at);
		__u64 seen = quell_fresh(entry->arg->length);
		__u64 cut = quell_is_cut(entry->arg);
		__u64 path = (QUELL_PATH_TYPES >> entry->type) & 1;
		__u64 prefix = quell_is_of(QUELL_PREFIX_OPERATORS, entry->op);
		__u64 postfix = quell_is_of(QUELL_POSTFIX_OPERATORS, entry->op);
		__u64 whole = (prefix | postfix) ^ 1;
		__u64 longer = quell_less(seen, length);
		__u64 other_length = whole & (quell_equal(seen, length) ^ 1);
		/* The part that was not seen may have what is missing. A walk that ran out of steps may have run out at the root:
		 * then what was seen of a path is all. Of other cut strings there is always more. */
		__u64 unsure = cut & (longer | (path & (prefix | (whole & ~other_length))) | (postfix & ~path)) & 1;
		__u64 no = longer | other_length | (cut & whole & ~path);

		/* Bit 0: yes, bit 1: unsure, bit 2: malformed. */
		scratch->any |= unsure << 1 | quell_less(config->string_words * 8, length) << 2;
		scratch->from = quell_fresh(entry->arg->start) + (seen - length) * postfix;
		scratch->value_at = at + sizeof(struct quell_string_head) + quell_round_up_8(length);
		if (!((no | unsure) & 1))
			scratch->any |= quell_same_bytes(filter, at + sizeof(struct quell_string_head), slot, length,
							 scratch, config);
	}
	__u32 any = scratch->any;

	quell_answer(scratch, any & 1, (any >> 1) & 1);
	if (any & 4)
		scratch->any = QUELL_MATCH_MALFORMED;
}

/* Strings in a set. */
static __always_inline void quell_compare_string_set(const __u8 *filter, const struct quell_entry_view *entry,
						     const __u8 *slot, struct quell_call *call,
						     const volatile struct quell_hook_config *config)
{
	struct quell_scratch *scratch = &call->scratch;
	__u32 longest = quell_filter_u32(filter, entry->at + __builtin_offsetof(struct quell_entry, longest));
	__u32 start = quell_fresh(entry->arg->start), seen = quell_fresh(entry->arg->length);
	__u64 cut = quell_is_cut(entry->arg);
	__u64 path = (QUELL_PATH_TYPES >> entry->type) & 1;
	/* Some member is longer than what was seen. */
	__u64 longer = quell_less(seen, longest);

	scratch->any = QUELL_MATCH_MALFORMED;
	if (quell_one_of(QUELL_PREFIX_OPERATORS, entry->op, config)) {
		if (!(config->set_kinds & (1U << QUELL_SET_PREFIXES)))
			return;
		if (cut & path) {
			scratch->any = QUELL_MATCH_UNDECIDED;
			return;
		}
		quell_answer(scratch, quell_in_prefix_set(entry->set, slot, start, seen, &call->key), cut & longer);
	} else if (quell_one_of(QUELL_POSTFIX_OPERATORS, entry->op, config)) {
		if (!(config->set_kinds & (1U << QUELL_SET_POSTFIXES)))
			return;
		if (cut & ~path) {
			scratch->any = QUELL_MATCH_UNDECIDED;
			return;
		}
		quell_answer(scratch, quell_in_postfix_set(entry->set, slot, start, seen, &call->key), cut & longer);
	} else {
		if (!(config->set_kinds & (1U << QUELL_SET_STRINGS)))
			return;
		/* What is longer than every member is none; so is a cut string that is as long, but not a cut path, as above. */
		quell_answer(scratch, 0, cut & (path | longer));
		if (longest < seen)
			scratch->any = QUELL_MATCH_NO;
		else if (!cut)
			quell_answer(scratch, quell_in_string_set(entry->set, slot, start, seen, &call->key), 0);
	}
}

static __always_inline void quell_compare_strings(const __u8 *filter, const struct quell_entry_view *entry,
						  struct quell_call *call,
						  const volatile struct quell_hook_config *config)
{
	if (entry->set)
		quell_compare_string_set(filter, entry, entry->slot, call, config);
	else
		quell_compare_inline_strings(filter, entry, entry->slot, &call->scratch, config);
}

/* A number of a connection, into `scratch->number`. False: it has no such end, and no port to compare. */
static __always_inline bool quell_read_connection(const struct quell_entry_view *entry, struct quell_call *call,
						  const volatile struct quell_hook_config *config)
{
	const struct quell_connection *connection = (const struct quell_connection *)entry->slot;
	__u32 op = entry->op;

	if (quell_one_of(QUELL_SOURCE_PORT_OPERATORS, op, config)) {
		call->scratch.number = connection->source_port;
		return connection->source_family && connection->source_port != QUELL_NO_PORT;
	}
	if (quell_one_of(QUELL_DESTINATION_PORT_OPERATORS, op, config)) {
		call->scratch.number = connection->destination_port;
		return connection->destination_family && connection->destination_port != QUELL_NO_PORT;
	}
	if (op == QUELL_OP_FAMILY)
		call->scratch.number = connection->family;
	else if (op == QUELL_OP_PROTOCOL)
		call->scratch.number = connection->protocol;
	else
		call->scratch.number = connection->state;
	return true;
}

/* Networks, in the filter or in a set. False: the connection has no such end. */
static __always_inline bool quell_compare_networks(const __u8 *filter, const struct quell_entry_view *entry,
						   struct quell_call *call,
						   const volatile struct quell_hook_config *config)
{
	struct quell_scratch *scratch = &call->scratch;
	const __u8 *slot = entry->slot;
	__u64 destination = quell_is_of(QUELL_OP(DADDR) | QUELL_OP(NOT_DADDR), entry->op);
	__u32 family_at = __builtin_offsetof(struct quell_connection, source_family) + destination * 4;
	__u32 address_at = __builtin_offsetof(struct quell_connection, source_address) + destination * 16;
	__u32 family = *(const __u32 *)(slot + family_at);
	__u64 first = __builtin_bswap64(quell_slot_u64(slot, address_at));
	__u64 second = __builtin_bswap64(quell_slot_u64(slot, address_at + 8));
	__u64 yes = 0;

	if (!family)
		return false;
	if (entry->set) {
		if (config->set_kinds & (1U << QUELL_SET_NETWORKS))
			quell_answer(scratch, quell_in_network_set(entry->set, family, slot, address_at, &call->key), 0);
		else
			scratch->any = QUELL_MATCH_MALFORMED;
		return true;
	}
#pragma clang loop unroll(disable)
	for (__u32 v = 0; v < QUELL_MAX_VALUES; v++) {
		if (v >= config->values || v >= entry->values)
			break;
		__u32 at = entry->at + sizeof(struct quell_entry) + v * sizeof(struct quell_network);
		__u64 bits = quell_filter_u32(filter, at + 4);
		__u64 high = quell_least(bits, 64), low = quell_least(bits - high, 64);
		__u64 difference = quell_shift_right(first ^ __builtin_bswap64(quell_filter_u64(filter, at + 8)), 64 - high) |
				   quell_shift_right(second ^ __builtin_bswap64(quell_filter_u64(filter, at + 16)),
						     64 - low);

		yes |= quell_equal(family, quell_filter_u32(filter, at)) & quell_is_zero(difference);
	}
	quell_answer(scratch, yes, 0);
	return true;
}

/* `scratch->number` against ranges, by the sign of the type. */
static __always_inline void quell_compare_ranges(const __u8 *filter, const struct quell_entry_view *entry,
						 struct quell_scratch *scratch,
						 const volatile struct quell_hook_config *config)
{
	/* Flipping the highest bit orders signed numbers as unsigned ones. */
	__u64 flip = ((QUELL_SIGNED_TYPES >> entry->type) & 1) << 63;
	__u64 number = scratch->number ^ flip, yes = 0;

#pragma clang loop unroll(disable)
	for (__u32 v = 0; v < QUELL_MAX_VALUES; v++) {
		if (v >= config->values || v >= entry->values)
			break;
		__u32 at = entry->at + sizeof(struct quell_entry) + v * 16;
		__u64 outside = quell_less(number, quell_filter_u64(filter, at) ^ flip) |
				quell_less(quell_filter_u64(filter, at + 8) ^ flip, number);

		yes |= outside ^ 1;
	}
	quell_answer(scratch, yes, 0);
}

/* `scratch->number` against numbers: equal, by bits, or greater or less than the only one. */
static __always_inline void quell_compare_numbers(const __u8 *filter, const struct quell_entry_view *entry,
						  struct quell_scratch *scratch,
						  const volatile struct quell_hook_config *config)
{
	__u64 number = scratch->number, yes = 0;
	__u32 at = entry->at + sizeof(struct quell_entry);

	if (quell_one_of(QUELL_OP(GT) | QUELL_OP(LT), entry->op, config)) {
		__u64 flip = ((QUELL_SIGNED_TYPES >> entry->type) & 1) << 63;
		__u64 value = quell_filter_u64(filter, at) ^ flip;

		number ^= flip;
		yes = (quell_less(value, number) & quell_is_of(QUELL_OP(GT), entry->op)) |
		      (quell_less(number, value) & quell_is_of(QUELL_OP(LT), entry->op));
		quell_answer(scratch, yes, 0);
		if (entry->values != 1)
			scratch->any = QUELL_MATCH_MALFORMED;
		return;
	}
	__u64 mask = quell_is_of(QUELL_OP(MASK), entry->op);

#pragma clang loop unroll(disable)
	for (__u32 v = 0; v < QUELL_MAX_VALUES; v += 8) {
		/* One branch for eight values. */
		if (v >= config->values || v >= entry->values)
			break;
#pragma unroll
		for (__u32 i = 0; i < 8; i++) {
			__u64 value = quell_filter_u64(filter, at + (v + i) * 8);
			__u64 holds = quell_is_zero(number ^ value) & ~mask;

			if (config->operators & QUELL_OP(MASK))
				holds |= (quell_is_zero(number & value) ^ 1) & mask;
			yes |= holds & quell_below(v + i, entry->values);
		}
	}
	quell_answer(scratch, yes, 0);
}

#endif
