/* The evaluator, built for the host: functions with external linkage around the inline ones of steps.h, and the loop that
 * tail calls are in the kernel. Nothing is decided here. */
#include "host_types.h"
#include "quick.h"
#include "steps.h"

/* ebpf/src/host.rs has the same struct and asserts the same numbers. */
_Static_assert(sizeof(struct quell_process) == 80, "size of quell_process");
_Static_assert(QUELL_GLOBAL_IDS == 0 && QUELL_NAMESPACE_IDS == 1 && QUELL_IDS == 10, "views of process ids");
_Static_assert(QUELL_SLOTS == 7 && QUELL_SLOT_BYTES == 4352, "slots");

/* Whether a set has a key: `context` is what the caller gave. */
typedef __u32 quell_host_has(const void *context, __u32 kind, const union quell_set_key *key);

static _Thread_local quell_host_has *has;
static _Thread_local const void *has_context;

static __always_inline __u32 quell_set_has(__u32 kind, const union quell_set_key *key)
{
	return has(has_context, kind, key);
}

/* ebpf/src/host.rs has the same struct. */
struct quell_host_outcome {
	/* QUELL_STEP_MATCHED or QUELL_STEP_NO_MATCH. */
	__u32 step;
	__u32 selector;
	/* QUELL_EVENT_* bits. */
	__u32 flags;
	/* Selectors that the evaluator could not read. */
	__u32 malformed;
};

__u32 quell_host_call_bytes(void)
{
	return sizeof(struct quell_call);
}

struct quell_process *quell_host_process(struct quell_call *call)
{
	return &call->process;
}

/* The slot of a subject; none for a subject that is a number. */
__u8 *quell_host_slot(struct quell_call *call, __u32 subject)
{
	if (subject > QUELL_SUBJECT_RETURNED)
		return 0;
	return &call->slot[(subject < QUELL_SLOTS ? subject : QUELL_SLOTS - 1) * QUELL_SLOT_BYTES];
}

void quell_host_put(struct quell_call *call, __u32 subject, __u32 status, __u32 start, __u32 length, __u32 mode,
		    __u64 number)
{
	if (subject >= QUELL_SUBJECTS)
		return;
	struct quell_arg *arg = &call->arg[subject];

	arg->status = status;
	arg->start = start;
	arg->length = length;
	arg->mode = mode;
	arg->number = number;
}

/* In the kernel the working memory keeps what the call before left in it. */
static void quell_host_begin(struct quell_call *call, quell_host_has *lookup, const void *context)
{
	has = lookup;
	has_context = context;
	__builtin_memset(&call->scratch, 0x5a, sizeof(call->scratch));
	__builtin_memset(&call->key, 0x5a, sizeof(call->key));
	call->flags = 0;
}

void quell_host_evaluate(struct quell_call *call, const __u8 *filter, const struct quell_hook_config *config,
			 const struct quell_search_table *tables, quell_host_has *lookup, const void *context,
			 struct quell_host_outcome *outcome)
{
	quell_host_begin(call, lookup, context);
	outcome->step = QUELL_STEP_NO_MATCH;
	__u32 verdict = quell_filter_process(call, filter, config);

	outcome->malformed = call->malformed;

	if (verdict == QUELL_PROCESS_ACCEPT)
		outcome->step = QUELL_STEP_MATCHED;
	if (verdict == QUELL_PROCESS_CONTINUE) {
		for (__u32 i = 0; i < config->searches; i++)
			quell_step_search(call, &tables[i], config);
		do {
			outcome->step = quell_step_filter(call, filter, config);
			outcome->malformed += (outcome->step & QUELL_STEP_MALFORMED) != 0;
		} while (!(outcome->step & (QUELL_STEP_MATCHED | QUELL_STEP_NO_MATCH)));
		outcome->step &= QUELL_STEP_MATCHED | QUELL_STEP_NO_MATCH;
	}
	outcome->selector = call->selector;
	outcome->flags = call->flags;
}

/* matchReturnArgs of one selector. */
__u32 quell_host_returned(struct quell_call *call, const __u8 *filter, __u32 at, const struct quell_hook_config *config,
			  const struct quell_search_table *tables, quell_host_has *lookup, const void *context)
{
	quell_host_begin(call, lookup, context);
	call->searched = 0;
	call->found = 0;
	for (__u32 i = 0; i < config->searches; i++)
		quell_step_search(call, &tables[i], config);
	return quell_match_returned(filter, at, call, config);
}

__u32 quell_host_match_pids(const __u8 *filter, __u32 at, struct quell_call *call,
			    const struct quell_hook_config *config)
{
	__builtin_memset(&call->scratch, 0x5a, sizeof(call->scratch));
	quell_match_pids(filter, at, &call->process, &call->scratch, config);
	return call->scratch.all;
}

__u32 quell_host_search(const struct quell_search_table *table, const __u8 *slot, __u32 start, __u32 length,
			const struct quell_hook_config *config)
{
	struct quell_arg arg = { .status = QUELL_ARG_OK, .start = start, .length = length };

	return quell_search(table, slot, &arg, config);
}

__u32 quell_host_section(const __u8 *filter, __u32 at, __u32 section)
{
	return quell_section(filter, at, section);
}

__u32 quell_host_skip(const __u8 *filter, __u32 at)
{
	return quell_skip(filter, at);
}

__u32 quell_host_u32(const __u8 *filter, __u32 at)
{
	return quell_filter_u32(filter, at);
}

/* The early look at names as the kernel holds them: which values of a description are left. `word` is what is read of the name. */
__u32 quell_host_quick_name(const struct quell_hook_config *config, __u32 begin, __u32 length, __u64 word)
{
	return quell_quick_fitting(config, begin, length) & quell_quick_equal(config, begin, word);
}

/* The same of eight bytes of a text. */
__u32 quell_host_quick_text(const struct quell_hook_config *config, __u32 begin, __u64 word)
{
	return quell_quick_equal(config, begin, word);
}

/* Where its table tells of what is looked at: a word, and bits of it. */
struct quell_host_told {
	__u64 bits;
	__u32 word;
};

struct quell_host_told quell_host_quick_told(const struct quell_hook_config *config, __u32 length, __u64 word, __u32 second_length,
					     __u64 second)
{
	__u64 hash = quell_quick_hash(config, length, word, second_length, second);
	struct quell_host_told told = { quell_quick_bits_of(hash), quell_quick_word_of(config, hash) };

	return told;
}

__u64 quell_host_quick_head(__u64 word, __u32 length)
{
	return quell_quick_head(word, length);
}

__u32 quell_host_quick_tail_from(__u32 length)
{
	return quell_quick_tail_from(length);
}

__u64 quell_host_quick_tail(__u64 word, __u32 length)
{
	return quell_quick_tail(word, length);
}
