/* Substrings: every value of an entry at once, one pass over the bytes (shift-and).
 *
 * A bit per pattern byte says that the pattern up to that byte ends here. The next byte moves all bits on by one, begins
 * every pattern anew, and keeps the bits whose pattern byte it is. So a byte costs the same whatever the patterns are, and
 * no byte is a branch; there is one branch per eight bytes, because a verifier counts them. */
#ifndef QUELL_SEARCH_H
#define QUELL_SEARCH_H

#include "branchless.h"

/* The masks of a word of patterns are so many bytes apart: 32, hence a shift by 5. */
#define QUELL_ROW_BYTES (QUELL_SEARCH_WORDS * sizeof(__u64))
_Static_assert(QUELL_ROW_BYTES == 32, "a row of masks is found by a shift");

/* The mask for byte `b` (a constant) of eight. */
static __always_inline __u64 quell_search_mask(const __u8 *rows, __u64 bytes, __u32 b)
{
	__u64 row = b ? bytes >> (b * 8 - 5) : bytes << 5;

	return *(const __u64 *)(rows + (row & (255 * QUELL_ROW_BYTES)));
}

/* One word of patterns. The length is read anew, so that the verifier does not learn it from the branches. */
static __always_inline __u64 quell_search_word(const struct quell_search_table *table, __u32 w, const __u8 *slot,
					       const struct quell_arg *arg)
{
	const __u8 *rows = (const __u8 *)&table->mask[w];
	__u64 first = table->first[w], last = table->last[w], state = 0, found = 0, bytes;
	__u32 start = quell_fresh(arg->start);

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < QUELL_MAX_STRING_BYTES; i += 8) {
		if (i >= (quell_fresh(arg->length) & ~7U))
			break;
		bytes = *(const __u64 *)(slot + ((start + i) & (QUELL_MAX_STRING_BYTES - 1)));
#pragma unroll
		for (__u32 b = 0; b < 8; b++) {
			state = ((state << 1) | first) & quell_search_mask(rows, bytes, b);
			found |= state & last;
		}
	}
	/* The last bytes, without those behind the string, which are somebody else's. */
	__u32 length = quell_fresh(arg->length);

	bytes = *(const __u64 *)(slot + ((start + (length & ~7U)) & (QUELL_MAX_STRING_BYTES - 1)));
#pragma unroll
	for (__u32 b = 0; b < 8; b++) {
		state = ((state << 1) | first) & quell_search_mask(rows, bytes, b);
		found |= state & last & (0 - quell_below(b, length & 7));
	}
	return found;
}

/* Whether the bytes of the slot that `arg` describes contain a pattern of the table. */
static __always_inline __u32 quell_search(const struct quell_search_table *table, const __u8 *slot,
					  const struct quell_arg *arg, const volatile struct quell_hook_config *config)
{
	__u64 found = 0;

#pragma clang loop unroll(disable)
	for (__u32 w = 0; w < QUELL_SEARCH_WORDS; w++) {
		if (w >= config->search_words)
			break;
		found |= quell_search_word(table, w, slot, arg);
	}
	return quell_is_zero(found) ^ 1;
}

#endif
