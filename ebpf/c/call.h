/* The state of one call on its way through the stages, in a per-CPU map.
 *
 * One call per CPU at a time: kprobe programs run with preemption off, and the kernel skips a second one on the same CPU
 * while the first runs (bpf_prog_active). Plain memory without kernel types, so that it also builds for the host. */
#ifndef QUELL_CALL_H
#define QUELL_CALL_H

#include <stdbool.h>

#include "wire.gen.h"

#define QUELL_SLOT_BYTES (QUELL_MAX_STRING_BYTES + QUELL_STRING_SLACK_BYTES)

/* Subjects, and the slots of those whose bytes are compared: the arguments, both executables, and what the function
 * returned, which takes the slot of the parent's executable, because no filter looks at that any more by then. */
#define QUELL_SUBJECTS (QUELL_SUBJECT_FOLLOWED_BINARIES + 1)
#define QUELL_SLOTS (QUELL_SUBJECT_PARENT_EXECUTABLE + 1)

/* Words of a call: those of its registers, or one per argument and behind them one per size of an argument. */
#define QUELL_WORDS (2 * QUELL_MAX_ARGS)
_Static_assert(QUELL_WORDS >= QUELL_MAX_WORDS, "there is room for every register");

/* The two views of process ids. */
#define QUELL_GLOBAL_IDS 0
#define QUELL_NAMESPACE_IDS 1
/* The process itself, then its ancestors, nearest first. */
#define QUELL_IDS (1 + QUELL_MAX_ANCESTORS)

/* The calling process, as matchPIDs sees it: ids in the initial PID namespace, and in the process's own one (0 when that
 * is the initial one). Where an ancestor is missing, or outside of the process's own namespace, the process's own id is
 * repeated, so that every list is whole and is compared without a branch. */
struct quell_process {
	__u32 id[2][QUELL_IDS];
};

/* One subject, as entries see it. Bytes, and a struct quell_connection, are in its slot. */
struct quell_arg {
	/* QUELL_ARG_* */
	__u32 status;
	/* Where in the slot the bytes start, and how many they are: start + length <= QUELL_MAX_STRING_BYTES. A connection
	 * starts at 0. */
	__u32 start;
	__u32 length;
	/* Of a path: the S_IF* bits of its file, known also where it has no path; 0 when they are not known. */
	__u16 mode;
	/* Its pointers may be the kernel's, whatever the hook's other arguments are. */
	__u16 kernel;
	__u64 number;
};

/* The key of a member of a set, as it is built for a lookup. */
union quell_set_key {
	struct quell_number_key number;
	struct quell_string_key string;
	struct quell_affix_key affix;
	struct quell_network_key network;
	__u64 words[33];
};

/* Working memory of the evaluator. Volatile, so that the compiler keeps nothing of it in a register. */
struct quell_scratch {
	/* The entry being read, and the value in it. */
	volatile __u32 entry_at;
	volatile __u32 value_at;
	/* Where in the slot a string value is compared. */
	volatile __u32 from;
	/* The answer of the values of an entry, and of the entries of a selector. */
	volatile __u32 any;
	volatile __u32 all;
	/* The number that the entry compares. */
	volatile __u64 number;
};

/* Which elements of the heaps are in use on a CPU, and by the call with which context. */
struct quell_claims {
	__u32 taken[QUELL_MAX_CALLS];
	__u64 owner[QUELL_MAX_CALLS];
};

struct quell_call {
	/* Words of the call, as context.h finds them. */
	__u64 word[QUELL_WORDS];
	struct quell_process process;
	/* Where in the filter each selector starts. */
	__u32 selector_at[QUELL_MAX_SELECTORS];
	/* Bit N: selector N passed the process filter, and was not looked at yet. */
	__u32 candidates;
	/* Searches that were done, and bit N: search N found a value. */
	__u32 searched;
	__u32 found;
	/* Selectors that the process filter could not read. */
	__u32 malformed;
	/* The selector that matched, or QUELL_NO_SELECTOR. */
	__u32 selector;
	/* QUELL_EVENT_* bits. */
	__u32 flags;
	/* Bit N: action N was performed. */
	__u32 actions;
	__s32 signal_result;
	/* The signal that signal_result is about; 0: none was sent. */
	__u32 signal;
	/* What the matching selector says about its event: milliseconds of its rate limit (0: none), whose events count together
	 * (QUELL_RATE_*), QUELL_STACK_* bits, and whether there shall be none at all. */
	__u32 rate_ms;
	__u32 rate_scope;
	__u32 stacks;
	__u32 no_post;
	/* Which target of the hook was called. */
	__u32 target;
	/* The error that the call shall return, negative; 0: it goes on. */
	__s32 error;
	/* Bit N: word N could not be read. */
	__u32 unreadable;
	/* The registers at the hook, where an argument starts from them. */
	__u64 registers;
	/* What the function returned, when it has. */
	__u64 returned;
	/* Which element of the heaps this call has claimed. */
	__u32 claim;
	struct quell_scratch scratch;
	union quell_set_key key;
	struct quell_arg arg[QUELL_SUBJECTS];
	__u8 slot[QUELL_SLOTS * QUELL_SLOT_BYTES];
};

#endif
