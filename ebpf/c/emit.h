/* The event: built after the match, and after the kill, which never waits for room in the ring. */
#ifndef QUELL_EMIT_H
#define QUELL_EMIT_H

#include "actions.h"
#include "append.h"
#include "process.h"
#include "rate.h"

static __always_inline void quell_fill_head(struct quell_event_head *head, const struct quell_call *call)
{
	__u64 ids = bpf_get_current_pid_tgid();
	struct task_struct *leader = 0, *parent = 0;
	struct pid_namespace *ns = 0;

	head->version = QUELL_EVENT_VERSION;
	head->kind = QUELL_EVENT_CALL;
	head->target = call->target;
	head->error = call->error;
	head->copied = config.return_copies;
	head->time_ns = quell_now();
	head->hook = config.hook;
	head->selector = call->selector;
	head->flags = call->flags | QUELL_CLOCK_FLAG;
	head->actions = call->actions;
	head->signal_result = call->signal_result;
	head->tgid = ids >> 32;
	head->tid = ids;
	head->uid = bpf_get_current_uid_gid();
	head->args = config.args;
	head->signal = call->signal;
	head->kernel_frames = 0;
	head->user_frames = 0;
	head->start_ns = 0;
	head->parent_start_ns = 0;
	head->parent_tgid = 0;
	head->ns_tgid = 0;
	__builtin_memset(head->comm, 0, sizeof(head->comm));
	__builtin_memset(head->parent_comm, 0, sizeof(head->parent_comm));
	long error = bpf_get_current_comm(head->comm, sizeof(head->comm));

	if (error)
		quell_fault(QUELL_FAULT_TASK, error);
	if (!quell_leader(&leader))
		return;
	head->start_ns = quell_start_ns(leader);
	quell_namespace_id(leader, &head->ns_tgid, &ns);
	if (!quell_parent(leader, &parent))
		return;
	head->parent_start_ns = quell_start_ns(parent);
	quell_read(&head->parent_tgid, (const __u32 *)&parent->tgid, QUELL_FAULT_TASK);
	quell_read(&head->parent_comm, &parent->comm, QUELL_FAULT_TASK);
}

/* Puts a stack behind the head, where `at` says. Gives its frames. */
static __always_inline __u32 quell_append_stack(void *context, struct quell_event_buffer *event, __u32 at, __u64 flags)
{
	/* The mask is for the verifier: at most one other stack is in front of this one. */
	long length = bpf_get_stack(context, &event->bytes[at & 1023], QUELL_MAX_FRAMES * sizeof(__u64), flags);

	if (length < 0) {
		quell_fault(QUELL_FAULT_STACK, length);
		return 0;
	}
	return (length / sizeof(__u64)) & (2 * QUELL_MAX_FRAMES - 1);
}

/* Hands an event of at most `most` bytes, a constant, to the buffer for the agent. */
static __always_inline void quell_output(void *context, void *event, __u64 length, __u64 most)
{
	/* Here, and hidden from the compiler, so that the verifier sees it on the register that the helper gets. */
	quell_opaque(length);
	if (length > most)
		length = most;
#ifdef QUELL_PERF_BUFFER
	long error = bpf_perf_event_output(context, &events, BPF_F_CURRENT_CPU, event, length);
#else
	long error = bpf_ringbuf_output(&events, event, length, 0);
#endif

	if (error) {
		quell_fault(QUELL_FAULT_RING_OUTPUT, error);
		quell_count(lost);
	} else {
		quell_count(posted);
	}
}

/* Ends the event at `at`. Gives its length, which is no more than its memory. */
static __always_inline __u32 quell_end_event(struct quell_event_head *head, __u32 at, __u32 flags)
{
	head->flags |= flags;
	if (at > QUELL_EVENT_BYTES)
		at = QUELL_EVENT_BYTES;
	head->length = at;
	return at;
}

/* Appends an argument, or as much of it as what is kept of a call has room for. */
static __always_inline __u32 quell_append_argument(struct quell_event_buffer *event, __u32 at, __u32 type,
						   struct quell_arg *arg, const __u8 *slot, __u32 *flags)
{
	if (config.flags & QUELL_HOOK_RETURNS) {
		__u64 room = quell_without(QUELL_KEPT_BYTES - sizeof(struct quell_event_arg), at);
		__u64 length = arg->length, fits = quell_least(length, room);

		*flags |= quell_below(fits, length) * QUELL_EVENT_CUT;
		arg->length = fits;
		if (!room) {
			*flags |= QUELL_EVENT_CUT;
			return at;
		}
	}
	return quell_append(event, at, type, arg, slot, flags);
}

/* The whole event, as far as it is known when the function is entered. Gives its length. */
static __always_inline __u32 quell_compose(void *context, struct quell_call *call, struct quell_event_buffer *event)
{
	struct quell_event_head *head = (struct quell_event_head *)event->bytes;
	__u32 at = sizeof(*head);
	__u32 flags = 0;

	quell_fill_head(head, call);
	if (config.flags & QUELL_HOOK_STACKS) {
		if (call->stacks & QUELL_STACK_KERNEL) {
			head->kernel_frames = quell_append_stack(context, event, at, 0);
			at += head->kernel_frames * sizeof(__u64);
		}
		if (call->stacks & QUELL_STACK_USER) {
			head->user_frames = quell_append_stack(context, event, at, BPF_F_USER_STACK);
			at += head->user_frames * sizeof(__u64);
		}
	}
	at = quell_append_argument(event, at, QUELL_TYPE_PATH, &call->arg[QUELL_SUBJECT_EXECUTABLE],
				   &call->slot[QUELL_SUBJECT_EXECUTABLE * QUELL_SLOT_BYTES], &flags);
#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_ARGS; i++) {
		if (i < config.args && !((config.return_copies >> i) & 1))
			at = quell_append_argument(event, at, config.arg_type[i], &call->arg[i],
						   &call->slot[i * QUELL_SLOT_BYTES], &flags);
	}
	return quell_end_event(head, at, flags);
}

#endif
