/* Reading filter bytes, and comparing without a branch.
 *
 * A verifier walks both ways of every branch, in every iteration of every loop. So numbers are compared by arithmetic, and
 * the answer is a 0 or a 1 that is joined with others. quell_opaque keeps the compiler from finding the comparison again
 * and branching on it.
 *
 * Every load from the 4096 filter bytes is masked to an aligned word inside them, so that no bytes, however wrong, can
 * make the program read elsewhere. */
#ifndef QUELL_BRANCHLESS_H
#define QUELL_BRANCHLESS_H

#include "call.h"

/* Reads memory anew, so that the verifier forgets what an earlier test of the same value told it. */
#define quell_fresh(x) (*(const volatile __typeof__(x) *)&(x))

/* Makes the compiler forget what it knows of a variable. */
#define quell_opaque(x) asm volatile("" : "+r"(x))

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

/* Behind the record that starts at `at`. */
static __always_inline __u32 quell_skip(const __u8 *filter, __u32 at)
{
	return at + quell_filter_u32(filter, at);
}

/* Start of a section of the selector at `at`; 0 when the selector has no such section. */
static __always_inline __u32 quell_section(const __u8 *filter, __u32 at, __u32 section)
{
	__u32 offset = quell_filter_u32(filter, at + __builtin_offsetof(struct quell_selector_head, section) + section * 4);

	return offset ? at + offset : 0;
}

/* The highest bit, which the compiler shall not test. */
static __always_inline __u64 quell_sign(__u64 number)
{
	quell_opaque(number);
	number >>= 63;
	quell_opaque(number);
	return number;
}

/* 1 when a number is 0, else 0. */
static __always_inline __u64 quell_is_zero(__u64 number)
{
	return quell_sign(number | (0 - number)) ^ 1;
}

/* 1 when left is less than right, else 0. */
static __always_inline __u64 quell_less(__u64 left, __u64 right)
{
	__u64 difference = left - right;

	/* The borrow of the subtraction. */
	return quell_sign((~left & right) | (~(left ^ right) & difference));
}

/* The same for numbers below 2^63. */
static __always_inline __u64 quell_below(__u64 left, __u64 right)
{
	return quell_sign(left - right);
}

/* 1 when both are equal, else 0. */
static __always_inline __u64 quell_equal(__u64 left, __u64 right)
{
	return quell_is_zero(left ^ right);
}

/* Shifts right by 0 to 64 bits: a shift by 64 at once would shift by none. */
static __always_inline __u64 quell_shift_right(__u64 number, __u64 bits)
{
	__u64 half = bits >> 1;

	return number >> half >> (bits - half);
}

/* The lowest bits of a word: 0 to 64 of them. */
static __always_inline __u64 quell_low_bits(__u64 bits)
{
	return quell_shift_right(~0ULL, 64 - bits);
}

/* One of two, by a 0 or a 1. By multiplication: newer verifiers walk both ways of a mask of all bits or none. */
static __always_inline __u64 quell_choose(__u64 first, __u64 one, __u64 other)
{
	return one * first | other * (first ^ 1);
}

/* The smaller one; both below 2^63. */
static __always_inline __u64 quell_least(__u64 left, __u64 right)
{
	__u64 left_is = quell_below(left, right);

	return quell_choose(left_is, left, right);
}

/* left - right, or 0 when right is greater; both below 2^63. */
static __always_inline __u64 quell_without(__u64 left, __u64 right)
{
	return left - quell_least(left, right);
}

#endif
