/* The event: built after the match, and after the kill, which never waits for room in the ring. */
#ifndef QUELL_EMIT_H
#define QUELL_EMIT_H

#include "actions.h"
#include "process.h"
#include "rate.h"

/* Appends one argument with its bytes; what does not fit is cut, and the event says so. */
static __always_inline __u32 quell_append(struct quell_event_buffer *event, __u32 at, __u32 type,
					  const struct quell_arg *arg, const __u8 *slot, __u32 *flags)
{
	__u32 length = arg->length;

	if (at >= QUELL_EVENT_FILL_BYTES) {
		*flags |= QUELL_EVENT_CUT;
		return at;
	}
	/* The check above, again as a mask, which the verifier remembers across the stores, and the compiler must not leave out. */
	quell_opaque(at);
	at &= QUELL_EVENT_FILL_BYTES - 1;
	struct quell_event_arg *head = (struct quell_event_arg *)&event->bytes[at];

	head->arg_type = type;
	head->status = arg->status;
	head->length = 0;
	head->mode = arg->mode;
	head->number = arg->number;
	at += sizeof(*head);
	if (length > QUELL_MAX_STRING_BYTES)
		length = QUELL_MAX_STRING_BYTES;
	if (length) {
		/* The padding behind the string shall not be what an earlier event left there. */
		*(__u64 *)&event->bytes[at + ((length - 1) & (2 * QUELL_MAX_STRING_BYTES - 8))] = 0;
		long error = bpf_probe_read_kernel(&event->bytes[at], length & (2 * QUELL_MAX_STRING_BYTES - 1),
						   slot + (arg->start & (QUELL_MAX_STRING_BYTES - 1)));

		if (error) {
			quell_fault(QUELL_FAULT_EVENT_COPY, error);
			*flags |= QUELL_EVENT_CUT;
			length = 0;
		}
		head->length = length;
	}
	return at + quell_round_up_8(length);
}

static __always_inline __u64 quell_start_ns(struct task_struct *leader)
{
	struct task_struct___before_5_5 *old = (void *)leader;
	__u64 start_ns = 0;

	if (bpf_core_field_exists(leader->start_boottime))
		quell_read(&start_ns, &leader->start_boottime, QUELL_FAULT_TASK);
	else
		quell_read(&start_ns, &old->real_start_time, QUELL_FAULT_TASK);
	return start_ns;
}

static __always_inline void quell_fill_head(struct quell_event_head *head, const struct quell_call *call)
{
	__u64 ids = bpf_get_current_pid_tgid();
	struct task_struct *leader = 0, *parent = 0;
	struct pid_namespace *ns = 0;

	head->version = QUELL_EVENT_VERSION;
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

static __always_inline void quell_post(void *context, struct quell_call *call)
{
	__u32 zero = 0;
	struct quell_event_buffer *event = bpf_map_lookup_elem(&event_heap, &zero);

	if (!event) {
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
		quell_count(lost);
		return;
	}
	if ((config.flags & QUELL_HOOK_RATE_LIMITS) && call->rate_ms &&
	    quell_is_held_back(call, (struct quell_rate_key *)event->bytes)) {
		quell_count(rate_limited);
		return;
	}
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
	at = quell_append(event, at, QUELL_TYPE_PATH, &call->arg[QUELL_SUBJECT_EXECUTABLE],
			  &call->slot[QUELL_SUBJECT_EXECUTABLE * QUELL_SLOT_BYTES], &flags);
#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_ARGS; i++) {
		if (i < config.args)
			at = quell_append(event, at, config.arg_type[i], &call->arg[i],
					  &call->slot[i * QUELL_SLOT_BYTES], &flags);
	}
	head->flags |= flags;
	if (at > QUELL_EVENT_BYTES)
		at = QUELL_EVENT_BYTES;
	head->length = at;
#ifdef QUELL_PERF_BUFFER
	long error = bpf_perf_event_output(context, &events, BPF_F_CURRENT_CPU, event->bytes, at);
#else
	long error = bpf_ringbuf_output(&events, event->bytes, at, 0);
#endif

	if (error) {
		quell_fault(QUELL_FAULT_RING_OUTPUT, error);
		quell_count(lost);
	} else {
		quell_count(posted);
	}
}

#endif
