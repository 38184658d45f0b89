/* What a look at a few bytes says of a hook's selectors: whether each of them is contradicted by it, whatever the rest is.
 *
 * A description of that is among the hook's constants (`quick_*`), where the selectors have a suitable shape: every one of them asks
 * for values of one path or text. It only ever says no; what may hold goes the whole way through the stages. Pure, as the
 * evaluator is, so that the host compares both. */
#ifndef QUELL_QUICK_H
#define QUELL_QUICK_H

#include "branchless.h"

/* 1 when value `i` may be of a name of `length` bytes. */
static __always_inline __u64 quell_quick_fits(const volatile struct quell_hook_config *config, __u32 i, __u64 length)
{
	if ((config->quick_exact >> i) & 1)
		return quell_equal(length, config->quick_length[i]);
	return quell_less(length, config->quick_length[i]) ^ 1;
}

/* The values, a bit each, that a name of `length` bytes leaves. Those of second names are behind those of first ones. One value alone
 * is compared by a branch, which is cheaper and leaves the verifier two ways, where several would leave it two for each. */
static __always_inline __u32 quell_quick_fitting(const volatile struct quell_hook_config *config, const __u32 begin,
						 __u64 length)
{
	__u64 fitting = 0;

	if (config->quick_values == 1 && (config->quick_exact >> begin) & 1)
		return length == config->quick_length[begin];
#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_QUICK; i++) {
		if (i >= config->quick_values)
			break;
		fitting |= quell_quick_fits(config, begin + i, length) << i;
	}
	return fitting;
}

/* Of all values, those that eight bytes leave. */
static __always_inline __u32 quell_quick_equal(const volatile struct quell_hook_config *config, const __u32 begin, __u64 word)
{
	__u64 equal = 0;

#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_QUICK; i++) {
		if (i >= config->quick_values)
			break;
		equal |= quell_is_zero((word ^ config->quick_word[begin + i]) & config->quick_mask[begin + i]) << i;
	}
	return equal;
}

/* The first of so many bytes. */
static __always_inline __u64 quell_quick_head(__u64 word, __u64 length)
{
	return length < 8 ? word & ((1ULL << (length * 8 & 63)) - 1) : word;
}

static __always_inline __u64 quell_quick_mix(__u64 hash, __u64 word)
{
	hash = (hash + word) * QUELL_QUICK_MULTIPLIER;
	return hash ^ hash >> 32;
}

/* What a table says of more values than are compared one by one: a Bloom filter, whose bits for a value are all in one word. Here is the
 * hash of what is looked at: a name, and of a second one as much as every value has. */
static __always_inline __u64 quell_quick_hash(const volatile struct quell_hook_config *config, __u64 length, __u64 word,
					      __u64 second_length, __u64 second)
{
	__u64 hash = quell_quick_mix(0, word & config->quick_mask[0]);

	if (config->quick_exact & 1)
		hash += length;
	if (config->quick_mask[QUELL_MAX_QUICK])
		hash = quell_quick_mix(hash, second & config->quick_mask[QUELL_MAX_QUICK]);
	if ((config->quick_exact >> QUELL_MAX_QUICK) & 1)
		hash += second_length;
	return quell_quick_mix(hash, 0);
}

/* Which word of the table a hash is told by, and which bits of it. */
static __always_inline __u32 quell_quick_word_of(const volatile struct quell_hook_config *config, __u64 hash)
{
	return hash >> 32 & (config->quick_words - 1);
}

static __always_inline __u64 quell_quick_bits_of(__u64 hash)
{
	return 1ULL << (hash & 63) | 1ULL << (hash >> 6 & 63) | 1ULL << (hash >> 12 & 63);
}

/* Where the eight bytes of a name begin that are compared as its last ones, and how far they are shifted: a short name has
 * fewer, which then are the highest. */
static __always_inline __u32 quell_quick_tail_from(__u32 length)
{
	return length > 8 ? length - 8 : 0;
}

static __always_inline __u64 quell_quick_tail(__u64 word, __u32 length)
{
	return length < 8 ? word << ((8 - length) * 8 & 63) : word;
}

#endif
