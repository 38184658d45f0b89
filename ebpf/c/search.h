/* Substrings: every value of an entry at once, one pass over the bytes (shift-and).
 *
 * A bit per pattern byte says that the pattern up to that byte ends here. The next byte moves all bits on by one, begins
 * every pattern anew, and keeps the bits whose pattern byte it is. So a byte costs the same whatever the patterns are, and
 * no byte is a branch; there is one branch per eight bytes, because a verifier counts them. */
#ifndef QUELL_SEARCH_H
#define QUELL_SEARCH_H

#include "branchless.h"

struct quell_search_state {
	__u64 word[QUELL_SEARCH_WORDS];
	__u64 found;
};

/* One byte of the string; `counts` is all ones, or 0 for a byte behind its end. */
static __always_inline void quell_search_byte(const struct quell_search_table *table, __u64 byte, __u64 counts,
					      struct quell_search_state *state,
					      const volatile struct quell_hook_config *config)
{
	const __u64 *mask = &table->mask[(byte & 255) * QUELL_SEARCH_WORDS];

#pragma unroll
	for (__u32 w = 0; w < QUELL_SEARCH_WORDS; w++) {
		if (w >= config->search_words)
			break;
		state->word[w] = ((state->word[w] << 1) | table->first[w]) & mask[w];
		state->found |= state->word[w] & table->last[w] & counts;
	}
}

/* Whether the `length` bytes of the slot from `start` contain a pattern of the table. */
static __always_inline __u32 quell_search(const struct quell_search_table *table, const __u8 *slot, __u32 start,
					  __u32 length, const volatile struct quell_hook_config *config)
{
	struct quell_search_state state = {};
	__u32 whole = length & ~7U;
	__u64 word;
	__u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < QUELL_MAX_STRING_BYTES; i += 8) {
		if (i >= whole)
			break;
		word = *(const __u64 *)(slot + ((start + i) & (QUELL_MAX_STRING_BYTES - 1)));
#pragma unroll
		for (__u32 b = 0; b < 8; b++) {
			quell_search_byte(table, word, ~0ULL, &state, config);
			word >>= 8;
		}
	}
	/* The last bytes, without those behind the string, which are somebody else's. */
	word = *(const __u64 *)(slot + ((start + whole) & (QUELL_MAX_STRING_BYTES - 1)));
#pragma unroll
	for (__u32 b = 0; b < 8; b++) {
		quell_search_byte(table, word, 0 - quell_less(whole + b, length), &state, config);
		word >>= 8;
	}
	return quell_is_zero(state.found) ^ 1;
}

#endif
