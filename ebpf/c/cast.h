/* Pointers whose type the verifier knows, so that plain loads read what they point to: a load takes about ten instructions, the helper
 * that reads memory ninety. A load that faults gives 0.
 *
 * Some are given as such (arguments of trampolines). Any other becomes one by a cast, where the kernel has bpf_rdonly_cast (Linux
 * 6.2, commit a35b9af4ec2c), of which the verifier makes one move. Its number, and those of the types, are constants of the hook: the agent
 * finds them, so that the loader need not read all types of the kernel for them, and it makes a call of that function of each
 * call of this helper, which is none (enforcer/src/hook/constants/cast.rs). */
#ifndef QUELL_CAST_H
#define QUELL_CAST_H

#include "branchless.h"
#include "fault.h"
#include "kernel_types.h"

static void *(*const quell_rdonly_cast)(const void *pointer, __u32 type) = (void *)QUELL_CAST_CALL;

/* Whether pointers are cast: a constant of the hook. */
#define QUELL_CASTS (config.cast != 0)

/* The same pointer, to the type of the kernel with this number, where pointers are cast. */
static __always_inline void *quell_cast(__u64 pointer, __u32 type)
{
	return QUELL_CASTS ? quell_rdonly_cast((const void *)pointer, type) : (void *)pointer;
}

/* What is at `from`; 0 when it can't be read, which is not counted: the walk that follows will fail, too, and counts it. `typed`, a
 * constant: the verifier knows the type of what is pointed to. Both values are opaque, or the compiler would make one load of
 * both, from either address, which no verifier takes. */
#define quell_peek(typed, from)                                                                            \
	({                                                                                                 \
		__typeof__(*(from)) __value;                                                               \
		if (typed) {                                                                               \
			__value = *(from);                                                                 \
			quell_opaque(__value);                                                             \
		} else {                                                                                   \
			__typeof__(*(from)) __read = 0;                                                    \
			__value = bpf_core_read(&__read, sizeof(__read), (from)) ? 0 : __read;             \
			quell_opaque(__value);                                                             \
		}                                                                                          \
		__value;                                                                                   \
	})

/* Eight bytes of a name, or 0 when they can't be read: no name begins or ends with a 0. The type that stands for them begins with a
 * number of eight bytes (struct timespec64). */
static __always_inline __u64 quell_peek_bytes(const void *from)
{
	__u64 word = 0;

	if (QUELL_CASTS)
		return *(const volatile __u64 *)quell_cast((__u64)from, config.cast_bytes);
	return bpf_probe_read_kernel(&word, sizeof(word), from) ? 0 : word;
}

#endif
