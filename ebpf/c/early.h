/* The early look of an entry program: whether a call can match at all, before any stage begins.
 *
 * Most calls of a hook match nothing, and most selectors say why by one name or by the first bytes of a text. So that is looked at
 * first, without scratch memory, and a call that every selector's values contradict ends here. Everything else goes the whole
 * way (docs/decisions/0019-an-early-look.md). */
#ifndef QUELL_EARLY_H
#define QUELL_EARLY_H

#include "context.h"
#include "early_path.h"

#if defined(QUELL_CONTEXT_REGISTERS) || defined(QUELL_CONTEXT_WORDS)

/* Where argument `index`, a constant of the hook, is among the registers behind a system call's entry. */
static __always_inline __u32 quell_early_register(bool narrow, __u32 index)
{
	switch (index) {
	case 0:
		return narrow ? __builtin_offsetof(struct pt_regs, bx) : __builtin_offsetof(struct pt_regs, di);
	case 1:
		return narrow ? __builtin_offsetof(struct pt_regs, cx) : __builtin_offsetof(struct pt_regs, si);
	case 2:
		return __builtin_offsetof(struct pt_regs, dx);
	case 3:
		return narrow ? __builtin_offsetof(struct pt_regs, si) : __builtin_offsetof(struct pt_regs, r10);
	case 4:
		return narrow ? __builtin_offsetof(struct pt_regs, di) : __builtin_offsetof(struct pt_regs, r8);
	default:
		return narrow ? __builtin_offsetof(struct pt_regs, bp) : __builtin_offsetof(struct pt_regs, r9);
	}
}

/* The verifier knows what a trampoline is given. */
#ifdef QUELL_CONTEXT_WORDS
#define QUELL_EARLY_REGISTERS_TYPED true
#else
#define QUELL_EARLY_REGISTERS_TYPED QUELL_CASTS
#endif

/* That argument. `registers` is what the program was given. */
static __always_inline bool quell_early_syscall_word(__u64 registers, bool narrow, __u32 index, __u64 *word)
{
	__u32 at = quell_early_register(narrow, index);

	if (QUELL_EARLY_REGISTERS_TYPED) {
#ifndef QUELL_CONTEXT_WORDS
		registers = (__u64)quell_cast(registers, config.cast_registers);
#endif
		*word = *(const volatile __u64 *)(registers + at);
	} else if (bpf_probe_read_kernel(word, sizeof(*word), (const void *)registers + at)) {
		return false;
	}
	if (narrow)
		*word = (__u32)*word;
	return true;
}

/* Where word `i` is in what the program is given. */
#ifdef QUELL_CONTEXT_REGISTERS
#define QUELL_EARLY_AT(i)                                                                                  \
	((i) == 0 ? __builtin_offsetof(struct pt_regs, di) :                                               \
	 (i) == 1 ? __builtin_offsetof(struct pt_regs, si) :                                               \
	 (i) == 2 ? __builtin_offsetof(struct pt_regs, dx) :                                               \
	 (i) == 3 ? __builtin_offsetof(struct pt_regs, cx) :                                               \
	 (i) == 4 ? __builtin_offsetof(struct pt_regs, r8) :                                               \
		    __builtin_offsetof(struct pt_regs, r9))
#else
#define QUELL_EARLY_AT(i) ((i) * 8)
#endif

/* Word `i` of what the program is given, if it is argument `index`. Written as an instruction, because the compiler would make
 * one load of several, from an address that it has computed. */
#define QUELL_EARLY_WORD(context, i, index, word)                                                          \
	({                                                                                                 \
		if ((index) == (i))                                                                        \
			asm volatile("%0 = *(u64 *)(%1 + %2)"                                              \
				     : "=r"(*(word))                                                       \
				     : "r"(context), "i"(QUELL_EARLY_AT(i)));                              \
	})

static __always_inline __u64 quell_early_given_word(quell_context *context, __u32 index)
{
	__u64 word = 0;

	QUELL_EARLY_WORD(context, 0, index, &word);
	QUELL_EARLY_WORD(context, 1, index, &word);
	QUELL_EARLY_WORD(context, 2, index, &word);
	QUELL_EARLY_WORD(context, 3, index, &word);
	QUELL_EARLY_WORD(context, 4, index, &word);
	QUELL_EARLY_WORD(context, 5, index, &word);
	return word;
}

/* The word of the argument that is looked at. */
static __always_inline bool quell_early_word(quell_context *context, __u64 *word)
{
	__u32 convention = QUELL_CONVENTION_FUNCTION;
	__u32 index = config.quick_index;

	if (quell_target(context, &convention) == QUELL_MAX_TARGETS && !(config.flags & QUELL_HOOK_COOKIES))
		return false;
	if (convention == QUELL_CONVENTION_FUNCTION) {
		*word = quell_early_given_word(context, index);
		return true;
	}
	return quell_early_syscall_word(quell_early_given_word(context, 0), convention == QUELL_CONVENTION_SYSCALL32, index,
					word);
}

/* Whether the first sixteen bytes of a text of the caller contradict every value. */
static __always_inline bool quell_early_text(__u64 pointer)
{
	__u64 words[2] = {};

	if ((__s64)pointer < 0 || bpf_probe_read_user(words, sizeof(words), (const void *)pointer))
		return false;
	if (config.quick_words)
		return !quell_early_listed(quell_quick_hash(&config, 0, words[0], 0, words[1]));
	return !(quell_quick_equal(&config, 0, words[0]) & quell_quick_equal(&config, QUELL_MAX_QUICK, words[1]));
}

/* Whether a number contradicts every value. */
static __always_inline bool quell_early_number(__u64 number)
{
	if (config.quick == QUELL_QUICK_BITS)
		return !(number & config.quick_mask[0]);
	if (config.quick_words)
		return !quell_early_listed(quell_quick_hash(&config, 0, number, 0, 0));
	return !quell_quick_equal(&config, 0, number);
}

/* Whether a file, or whatever names one, contradicts every value. */
static __always_inline bool quell_early_file(const bool typed, __u32 type, __u64 word)
{
	struct file *file = 0;

	switch (type) {
	case QUELL_TYPE_PATH:
		return word && quell_early_path(typed, (struct path *)word);
	case QUELL_TYPE_FD:
		if (config.typed_task) {
			file = quell_early_typed_file_of_fd(word);
			if (file)
				return quell_early_path(true, &file->f_path);
		}
		file = quell_early_file_of_fd(word);
		return file && quell_early_path(QUELL_CASTS, &file->f_path);
	case QUELL_TYPE_LINUX_BINPRM:
		file = word ? quell_peek(typed, &((struct linux_binprm *)word)->file) : 0;
		break;
	case QUELL_TYPE_KIOCB:
		file = word ? quell_peek(typed, &((struct kiocb *)word)->ki_filp) : 0;
		break;
	default:
		file = (struct file *)word;
	}
	return file && quell_early_path(typed, &file->f_path);
}

/* Whether the call is seen to match nothing. */
static __always_inline bool quell_early_no(quell_context *context)
{
	__u32 type = config.quick_type;
	__u64 word = 0;

	if (config.quick == QUELL_QUICK_NOTHING)
		return false;
	/* What is read by plain loads is read member by member. */
	if (!QUELL_CASTS && !quell_early_layout())
		return false;
	if (!quell_early_word(context, &word))
		return false;
	if (config.quick == QUELL_QUICK_NUMBER || config.quick == QUELL_QUICK_BITS)
		return quell_early_number(word);
	if (config.quick == QUELL_QUICK_TEXT)
		return quell_early_text(word);
#ifdef QUELL_CONTEXT_WORDS
	if (config.quick_typed)
		return quell_early_file(true, type, word);
#endif
	if (QUELL_CASTS && type != QUELL_TYPE_FD)
		return quell_early_file(true, type, (__u64)quell_cast(word, config.cast_argument));
	return quell_early_file(false, type, word);
}

#else

/* Other programs are given arguments in ways of their own. */
static __always_inline bool quell_early_no(quell_context *context)
{
	return false;
}

#endif

#endif
