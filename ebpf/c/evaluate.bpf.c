/* The evaluator and the path walk, asked directly: raw tracepoint programs that are never attached, only run with
 * BPF_PROG_TEST_RUN (Linux 5.10, commit 1b4d60ec162f). Everything that decides is that of the gateway; what was seen is put
 * into the scratch memory by whoever asks. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define QUELL_CONTEXT_WORDS

#include "arguments.h"
#include "early.h"
#include "steps.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The answer: one of these, the number of the selector from bit 8 on, and whether it failed closed in bit 16. 0 is what an
 * aborted way through the stages gives. */
#define QUELL_ANSWER_NO 1
#define QUELL_ANSWER_MATCHED 2
#define QUELL_ANSWER_UNREADABLE 3
#define QUELL_ANSWER_MALFORMED 4

static __always_inline int quell_answer_of(struct quell_call *call)
{
	__u32 closed = (call->flags & QUELL_EVENT_FAILED_CLOSED) ? 1 : 0;

	return QUELL_ANSWER_MATCHED | (call->selector & 255) << 8 | closed << 16;
}

/* The process filter, without reading a process. */
SEC("raw_tp")
int evaluate(void *context)
{
	struct quell_call *call = quell_heap(context);
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter)
		return 0;
	call->flags = 0;
	__u32 verdict = quell_filter_process(call, filter, &config);

	if (call->malformed)
		return QUELL_ANSWER_MALFORMED;
	if (verdict == QUELL_PROCESS_REJECT)
		return QUELL_ANSWER_NO;
	if (call->selector != QUELL_NO_SELECTOR)
		return quell_answer_of(call);
	quell_go(context, config.searches ? QUELL_STAGE_SEARCH : QUELL_STAGE_FILTER);
	return 0;
}

SEC("raw_tp")
int evaluate_search(void *context)
{
	struct quell_call *call = quell_heap(context);

	if (!call)
		return 0;
	__u32 search = call->searched;
	const struct quell_search_table *table = bpf_map_lookup_elem(&search_tables, &search);

	if (!table)
		return 0;
	quell_step_search(call, table, &config);
	quell_go(context, call->searched < config.searches ? QUELL_STAGE_SEARCH : QUELL_STAGE_FILTER);
	return 0;
}

SEC("raw_tp")
int evaluate_filter(void *context)
{
	struct quell_call *call = quell_heap(context);
	const __u8 *filter = quell_filter_bytes();

	if (!call || !filter)
		return 0;
	__u32 step = quell_step_filter(call, filter, &config);

	if (step & QUELL_STEP_MALFORMED)
		return QUELL_ANSWER_MALFORMED;
	if (step & QUELL_STEP_MATCHED)
		return quell_answer_of(call);
	if (step & QUELL_STEP_NO_MATCH)
		return call->flags & QUELL_EVENT_UNREADABLE ? QUELL_ANSWER_UNREADABLE : QUELL_ANSWER_NO;
	quell_go(context, QUELL_STAGE_FILTER);
	return 0;
}

/* The path of a descriptor of the calling task, which is the first argument; it ends the first slot. The answer is its
 * status, from bit 8 on its length, and from bit 24 on the type of its file. */
SEC("raw_tp")
int walk_descriptor(__u64 *context)
{
	struct quell_call *call = quell_heap(context);

	if (!call)
		return 0;
	struct quell_arg *arg = &call->arg[0];

	arg->status = QUELL_ARG_ABSENT;
	arg->start = 0;
	arg->length = 0;
	arg->mode = 0;
	quell_read_argument(QUELL_TYPE_FD, context[0], 0, arg, call->slot);
	return arg->status | (arg->length & 0xffff) << 8 | (arg->mode >> 12) << 24;
}

/* An argument of the type that the hook has first, read from what the caller gives: its value, and what holds its size. It
 * starts the first slot. The answer is its status, and from bit 8 on its length; its number stands in its record. */
SEC("raw_tp")
int read_given(__u64 *context)
{
	struct quell_call *call = quell_heap(context);

	if (!call)
		return 0;
	struct quell_arg *arg = &call->arg[0];

	quell_read_argument(config.arg_type[0], context[0], context[1], arg, call->slot);
	return arg->status | (arg->length & 0xffff) << 8;
}

/* The early look at the first argument that the caller gives. The answer is 1 for a call that is seen to match nothing, and 2 for
 * one that has to go the whole way. */
SEC("raw_tp")
int look_early(__u64 *context)
{
	return quell_early_no(context) ? 1 : 2;
}
