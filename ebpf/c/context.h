/* The one seam to what the kernel gives a program: registers, the words of a trampoline or raw tracepoint, the record of a
 * tracepoint, the arguments of a static probe. Behind it there are only words.
 *
 * Which of them a program has is its family: QUELL_CONTEXT_REGISTERS, _WORDS, _RECORD or _STATIC_PROBE, which the program's
 * file defines. Offsets into a context must be constants of an instruction, so that every word has a line of its own behind
 * a condition on the hook's constants, which leaves only those that are needed. */
#ifndef QUELL_CONTEXT_H
#define QUELL_CONTEXT_H

#include "heap.h"
#include "kernel_types.h"

#ifdef QUELL_CONTEXT_STATIC_PROBE
#include "static_probe.h"
#endif

/* Words of a trampoline's context that are looked at: what a function returns is behind its arguments. */
#define QUELL_CONTEXT_WORDS_MOST 12

/* Whether an argument of the hook, or its size, is word `index`. All of it is constant. */
static __always_inline bool quell_uses_word(__u32 index)
{
	bool uses = false;

#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_ARGS; i++) {
		if (i < config.args && (config.arg_index[i] == index || config.arg_size[i] == index))
			uses = true;
	}
	return uses;
}

#if defined(QUELL_CONTEXT_REGISTERS) || defined(QUELL_CONTEXT_STATIC_PROBE)

typedef struct pt_regs quell_context;

/* Which target was called; QUELL_MAX_TARGETS when it is none of the hook's. `*convention` is that of the target. */
static __always_inline __u32 quell_target(quell_context *context, __u32 *convention)
{
	*convention = config.target_convention[0];
#ifdef QUELL_COOKIES
	if (config.flags & QUELL_HOOK_COOKIES)
		return bpf_get_attach_cookie(context);
#endif
	if (config.targets <= 1)
		return 0;
	__u32 target = QUELL_MAX_TARGETS;

#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_TARGETS; i++) {
		if (i < config.targets && context->ip - config.target_address[i] < config.target_bytes[i]) {
			target = i;
			*convention = config.target_convention[i];
		}
	}
	return target;
}

/* What the function returned, where it returns. */
static __always_inline __u64 quell_read_returned(quell_context *context)
{
	return context->ax;
}

/* Where a call is on its stack: the place of its return address, at its entry and at its return. */
static __always_inline __u64 quell_frame(quell_context *context)
{
	return context->sp;
}

static __always_inline __u64 quell_return_frame(quell_context *context)
{
	return context->sp - sizeof(__u64);
}

#else

typedef __u64 quell_context;

static __always_inline __u32 quell_target(quell_context *context, __u32 *convention)
{
	*convention = config.target_convention[0];
	return 0;
}

/* Where a call is on its stack: entry and exit are called by one trampoline, which keeps their context there. */
static __always_inline __u64 quell_frame(quell_context *context)
{
	return (__u64)context;
}

static __always_inline __u64 quell_return_frame(quell_context *context)
{
	return (__u64)context;
}

#endif

#ifdef QUELL_CONTEXT_REGISTERS

static __always_inline bool quell_read_given_words(quell_context *context, struct quell_call *call)
{
	call->word[0] = context->di;
	call->word[1] = context->si;
	call->word[2] = context->dx;
	call->word[3] = context->cx;
	call->word[4] = context->r8;
	call->word[5] = context->r9;
	return true;
}

#endif
#ifdef QUELL_CONTEXT_WORDS

/* A function's words are as many as it has parameters; a raw tracepoint's are not known, and those behind its own are never
 * named by a policy that was checked. A system call's first word is where its registers are. */
#define QUELL_HAS_WORD(i)                                                                                  \
	((config.parameters == 0 || (i) < config.parameters) &&                                            \
	 (quell_uses_word(i) || ((i) == 0 && config.target_convention[0] != QUELL_CONVENTION_FUNCTION)))

/* Written as an instruction, because the compiler would make one load of several, from an address that it has computed. */
#define QUELL_CONTEXT_WORD(context, i)                                                                     \
	({                                                                                                 \
		__u64 __word;                                                                              \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(__word) : "r"(context), "i"((i) * 8));        \
		__word;                                                                                    \
	})

static __always_inline bool quell_read_given_words(quell_context *context, struct quell_call *call)
{
	if (QUELL_HAS_WORD(0))
		call->word[0] = QUELL_CONTEXT_WORD(context, 0);
	if (QUELL_HAS_WORD(1))
		call->word[1] = QUELL_CONTEXT_WORD(context, 1);
	if (QUELL_HAS_WORD(2))
		call->word[2] = QUELL_CONTEXT_WORD(context, 2);
	if (QUELL_HAS_WORD(3))
		call->word[3] = QUELL_CONTEXT_WORD(context, 3);
	if (QUELL_HAS_WORD(4))
		call->word[4] = QUELL_CONTEXT_WORD(context, 4);
	if (QUELL_HAS_WORD(5))
		call->word[5] = QUELL_CONTEXT_WORD(context, 5);
	return true;
}

/* The word behind the arguments: what the function returned. The kernel loads no program that asks a function for it which
 * returns nothing. */
static __always_inline __u64 quell_read_returned(quell_context *context)
{
	switch (config.parameters) {
	case 0:
		return QUELL_CONTEXT_WORD(context, 0);
	case 1:
		return QUELL_CONTEXT_WORD(context, 1);
	case 2:
		return QUELL_CONTEXT_WORD(context, 2);
	case 3:
		return QUELL_CONTEXT_WORD(context, 3);
	case 4:
		return QUELL_CONTEXT_WORD(context, 4);
	case 5:
		return QUELL_CONTEXT_WORD(context, 5);
	case 6:
		return QUELL_CONTEXT_WORD(context, 6);
	case 7:
		return QUELL_CONTEXT_WORD(context, 7);
	case 8:
		return QUELL_CONTEXT_WORD(context, 8);
	case 9:
		return QUELL_CONTEXT_WORD(context, 9);
	case 10:
		return QUELL_CONTEXT_WORD(context, 10);
	case 11:
		return QUELL_CONTEXT_WORD(context, 11);
	default:
		return QUELL_CONTEXT_WORD(context, QUELL_CONTEXT_WORDS_MOST);
	}
}

#endif
#ifdef QUELL_CONTEXT_RECORD

/* A field of the record as a word; of one that is longer (an array of characters), its address. The record is the kernel's
 * own memory, read by offset because instructions can't reach into it at an offset that is not theirs. */
static __always_inline bool quell_read_field(quell_context *context, __u32 offset, __u32 width, __u64 *word)
{
	const void *field = (const void *)context + (offset & 8191);
	/* Twice what is read, for verifiers that do not know the width. */
	__u64 value[2] = {};

	if (width > sizeof(value[0])) {
		*word = (__u64)field;
		return true;
	}
	if (width == 0)
		width = sizeof(value[0]);
	long error = bpf_probe_read_kernel(value, width & 15, field);

	if (error) {
		quell_fault(QUELL_FAULT_CONTEXT, error);
		return false;
	}
	*word = value[0];
	return true;
}

/* Word N is argument N, and behind those there are their sizes, in the same order. */
static __always_inline bool quell_read_given_words(quell_context *context, struct quell_call *call)
{
	bool read = true;

#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_ARGS; i++) {
		if (i >= config.args)
			continue;
		read &= quell_read_field(context, config.arg_index[i], config.arg_width[i], &call->word[i]);
		if (config.arg_size[i] != QUELL_NO_SIZE_ARG)
			read &= quell_read_field(context, config.arg_size[i], config.arg_size_bits[i] / 8,
						 &call->word[QUELL_MAX_ARGS + i]);
	}
	return read;
}

#endif
#ifdef QUELL_CONTEXT_STATIC_PROBE

static __always_inline bool quell_read_given_words(quell_context *context, struct quell_call *call)
{
#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_WORDS; i++) {
		if (!quell_uses_word(i) || quell_read_probe_argument(context, i, &call->word[i]))
			continue;
		/* The caller's memory may not be there. It costs this argument, and not what the others say. */
		call->word[i] = 0;
		call->unreadable |= 1U << i;
	}
	return true;
}

#endif

/* The registers behind the entry of a system call: those that its caller had. */
static __always_inline bool quell_read_syscall_words(struct quell_call *call, bool narrow)
{
	struct pt_regs regs = {};
	long error = bpf_probe_read_kernel(&regs, sizeof(regs), (const void *)call->word[0]);

	if (error) {
		quell_fault(QUELL_FAULT_SYSCALL_REGISTERS, error);
		return false;
	}
	if (narrow) {
		call->word[0] = (__u32)regs.bx;
		call->word[1] = (__u32)regs.cx;
		call->word[2] = (__u32)regs.dx;
		call->word[3] = (__u32)regs.si;
		call->word[4] = (__u32)regs.di;
		call->word[5] = (__u32)regs.bp;
	} else {
		call->word[0] = regs.di;
		call->word[1] = regs.si;
		call->word[2] = regs.dx;
		call->word[3] = regs.r10;
		call->word[4] = regs.r8;
		call->word[5] = regs.r9;
	}
	return true;
}

/* Fills the words of a call, and says which target it is of. */
static __always_inline bool quell_read_words(quell_context *context, struct quell_call *call)
{
	__u32 convention = QUELL_CONVENTION_FUNCTION;

	call->target = quell_target(context, &convention);
	if (call->target == QUELL_MAX_TARGETS && !(config.flags & QUELL_HOOK_COOKIES)) {
		quell_fault(QUELL_FAULT_CONTEXT, -QUELL_ENOENT);
		return false;
	}
	if (!quell_read_given_words(context, call))
		return false;
	if (convention == QUELL_CONVENTION_SYSCALL64)
		return quell_read_syscall_words(call, false);
	if (convention == QUELL_CONVENTION_SYSCALL32)
		return quell_read_syscall_words(call, true);
	return true;
}

/* Whether the word of argument `i`, or of its size, is one that could not be read. */
static __always_inline bool quell_is_unreadable(const struct quell_call *call, __u32 i)
{
#ifdef QUELL_CONTEXT_STATIC_PROBE
	__u32 words = 0;

	if (config.arg_source[i] == QUELL_SOURCE_ARGUMENT && config.arg_index[i] < QUELL_MAX_WORDS)
		words |= 1U << config.arg_index[i];
	if (config.arg_size[i] < QUELL_MAX_WORDS)
		words |= 1U << config.arg_size[i];
	return call->unreadable & words;
#else
	return false;
#endif
}

/* Where the word of argument `i` is, and of its size. */
static __always_inline __u64 quell_argument_word(const struct quell_call *call, __u32 i)
{
#ifdef QUELL_CONTEXT_RECORD
	return call->word[i];
#else
	__u32 index = config.arg_index[i];

	return index < QUELL_MAX_WORDS ? call->word[index] : 0;
#endif
}

static __always_inline __u64 quell_size_word(const struct quell_call *call, __u32 i)
{
	__u32 index = config.arg_size[i];

#ifdef QUELL_CONTEXT_RECORD
	return index != QUELL_NO_SIZE_ARG ? call->word[QUELL_MAX_ARGS + i] : 0;
#else
	return index < QUELL_MAX_WORDS ? call->word[index] : 0;
#endif
}

#endif
