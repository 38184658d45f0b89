/* Sets: the members are in maps, and a subject is looked up among them by one key.
 *
 * A key begins with the number of the set; strings are padded with zeros, so that equal keys are equal bytes. Whoever
 * includes this says how a key is looked up. */
#ifndef QUELL_SETS_H
#define QUELL_SETS_H

#include "branchless.h"

/* 1 when the set of this kind (a constant) has the key, else 0. In the kernel a map lookup, on the host the same on
 * tables of the test. */
static __always_inline __u32 quell_set_has(__u32 kind, const union quell_set_key *key);

static __always_inline __u32 quell_in_number_set(__u32 set, __u64 number, union quell_set_key *key)
{
	key->number.set = set;
	key->number.reserved = 0;
	key->number.number = number;
	return quell_set_has(QUELL_SET_NUMBERS, key);
}

/* Eight bytes of a slot. The mask is for the verifier: strings end at QUELL_MAX_STRING_BYTES, and what a load reads
 * behind that is slack. */
static __always_inline __u64 quell_slot_u64(const __u8 *slot, __u64 at)
{
	return *(const __u64 *)(slot + (at & (QUELL_MAX_STRING_BYTES - 1)));
}

/* Copies `length` bytes of the slot from `from` into `bytes`, of which there are `room` (a constant), and pads with
 * zeros. */
static __always_inline void quell_copy(__u8 *bytes, __u32 room, const __u8 *slot, __u64 from, __u64 length)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < room; i += 8) {
		__u64 bits = quell_least(quell_without(length, i), 8) * 8;

		*(__u64 *)(bytes + i) = quell_slot_u64(slot, from + i) & quell_low_bits(bits);
	}
}

/* The same, the last byte first. */
static __always_inline void quell_copy_reversed(__u8 *bytes, __u32 room, const __u8 *slot, __u64 from, __u64 length)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < room; i += 8) {
		/* So many bytes are left; they are loaded from where the first of them is. */
		__u64 left = quell_without(length, i);
		__u64 some = quell_least(left, 8);
		__u64 word = __builtin_bswap64(quell_slot_u64(slot, from + left - some));

		*(__u64 *)(bytes + i) = quell_shift_right(word, 64 - some * 8);
	}
}

static __always_inline __u32 quell_in_string_set(__u32 set, const __u8 *slot, __u32 from, __u32 length,
						 union quell_set_key *key)
{
	key->string.set = set;
	key->string.length = length;
	quell_copy(key->string.bytes, QUELL_MAX_STRING_VALUE_BYTES, slot, from, length);
	return quell_set_has(QUELL_SET_STRINGS, key);
}

static __always_inline __u32 quell_in_prefix_set(__u32 set, const __u8 *slot, __u32 from, __u32 length,
						 union quell_set_key *key)
{
	length = quell_least(length, QUELL_MAX_AFFIX_SET_BYTES);
	key->affix.bits = QUELL_AFFIX_PREFIX_BITS + length * 8;
	key->affix.set = set;
	key->affix.reserved = 0;
	quell_copy(key->affix.bytes, QUELL_MAX_AFFIX_SET_BYTES, slot, from, length);
	return quell_set_has(QUELL_SET_PREFIXES, key);
}

static __always_inline __u32 quell_in_postfix_set(__u32 set, const __u8 *slot, __u32 from, __u32 length,
						  union quell_set_key *key)
{
	__u32 kept = quell_least(length, QUELL_MAX_AFFIX_SET_BYTES);

	key->affix.bits = QUELL_AFFIX_PREFIX_BITS + kept * 8;
	key->affix.set = set;
	key->affix.reserved = 0;
	quell_copy_reversed(key->affix.bytes, QUELL_MAX_AFFIX_SET_BYTES, slot, from + length - kept, kept);
	return quell_set_has(QUELL_SET_POSTFIXES, key);
}

/* `family` and the address at `at` of the slot, as in a struct quell_connection. */
static __always_inline __u32 quell_in_network_set(__u32 set, __u32 family, const __u8 *slot, __u32 at,
						  union quell_set_key *key)
{
	key->network.bits = QUELL_NETWORK_PREFIX_BITS + (family == QUELL_FAMILY_4 ? 32 : 128);
	key->network.set = set;
	key->network.family = family;
	__builtin_memset(key->network.address, 0, sizeof(key->network.address));
	__u64 first = quell_slot_u64(slot, at), second = quell_slot_u64(slot, at + 8);

	/* Of an IPv4 address the first four bytes count. 12 bytes in, a word is only half aligned. */
	__u32 *word = (__u32 *)key->network.address;

	word[0] = first;
	word[1] = first >> 32;
	word[2] = second;
	word[3] = second >> 32;
	return quell_set_has(QUELL_SET_NETWORKS, key);
}

#endif
