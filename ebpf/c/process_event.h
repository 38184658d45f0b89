/* Events of executions and ends. */
#ifndef QUELL_PROCESS_EVENT_H
#define QUELL_PROCESS_EVENT_H

#include "append.h"
#include "process_scratch.h"

/* The part of the head that is the process. The task is the calling one. */
static __always_inline void quell_fill_process_head(struct quell_event_head *head, __u32 kind)
{
	__u64 ids = bpf_get_current_pid_tgid();
	struct task_struct *leader = 0, *parent = 0;
	struct pid_namespace *ns = 0;

	__builtin_memset(head, 0, sizeof(*head));
	head->version = QUELL_EVENT_VERSION;
	head->kind = kind;
	head->time_ns = quell_now();
	head->selector = QUELL_NO_SELECTOR;
	head->flags = QUELL_CLOCK_FLAG;
	head->signal_result = QUELL_SIGNAL_NOT_SENT;
	head->tgid = ids >> 32;
	head->tid = ids;
	head->uid = bpf_get_current_uid_gid();
	head->args = 2;
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

/* The program's arguments, one behind the other, each with its NUL. They are the process's own memory, which it may change
 * later; at exec they are what it was given. */
static __always_inline void quell_read_command_line(struct task_struct *task, struct quell_arg *arg, __u8 *slot)
{
	struct mm_struct *mm = 0;
	unsigned long start = 0, end = 0;

	quell_begin_subject(arg);
	if (!quell_read(&mm, &task->mm, QUELL_FAULT_TASK) || !mm || !quell_read(&start, &mm->arg_start, QUELL_FAULT_TASK) ||
	    !quell_read(&end, &mm->arg_end, QUELL_FAULT_TASK))
		return;
	__u64 length = end - start;

	arg->number = length;
	arg->status = QUELL_ARG_OK;
	if (length > QUELL_PROCESS_ARGUMENT_BYTES) {
		length = QUELL_PROCESS_ARGUMENT_BYTES;
		arg->status = QUELL_ARG_TRUNCATED;
	}
	quell_opaque(length);
	if (length > QUELL_PROCESS_ARGUMENT_BYTES)
		return;
	long error = bpf_probe_read_user(slot, length, (const void *)start);

	if (error) {
		quell_fault(QUELL_FAULT_USER_BUFFER, error);
		arg->status = QUELL_ARG_USER_FAULT;
		return;
	}
	arg->length = length;
}

/* The kernel's own types have other names, so that only the structure around them is relocated. */
#define QUELL_READ_DETAIL(kernel_type, field, part)                                                        \
	({                                                                                                 \
		kernel_type __whole = {};                                                                  \
		quell_read(&__whole, &cred->field, QUELL_FAULT_TASK);                                      \
		details->field = __whole.part;                                                             \
	})

static __always_inline void quell_fill_details(struct quell_process_details *details, struct task_struct *task,
					       const struct quell_process_entry *entry)
{
	struct cred *cred = 0;

	if (!quell_read(&cred, &task->cred, QUELL_FAULT_TASK))
		return;
	QUELL_READ_DETAIL(struct quell_kernel_cap, cap_permitted, bits);
	QUELL_READ_DETAIL(struct quell_kernel_cap, cap_effective, bits);
	QUELL_READ_DETAIL(struct quell_kernel_cap, cap_inheritable, bits);
	QUELL_READ_DETAIL(struct quell_kernel_id, uid, number);
	QUELL_READ_DETAIL(struct quell_kernel_id, gid, number);
	QUELL_READ_DETAIL(struct quell_kernel_id, euid, number);
	QUELL_READ_DETAIL(struct quell_kernel_id, egid, number);
#pragma unroll
	for (__u32 i = 0; i < QUELL_IDS; i++)
		details->ids[i] = entry->ids[i];
	details->flags = entry->flags;
	details->ancestors = entry->ancestors;
}

/* Puts the details behind `at` and hands the event to the agent. */
static __always_inline void quell_tell(void *context, struct quell_process_scratch *scratch, __u32 at, __u32 flags)
{
	struct quell_event_buffer *event = &scratch->event;
	struct quell_event_head *head = (struct quell_event_head *)event->bytes;
	struct quell_arg *arg = &scratch->arg;

	quell_begin_subject(arg);
	arg->status = QUELL_ARG_OK;
	arg->length = sizeof(scratch->details);
	arg->number = sizeof(scratch->details);
	at = quell_append(event, at, QUELL_TYPE_CHAR_BUF, arg, (const __u8 *)&scratch->details, &flags);
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

/* The executable's path is in the scratch memory. */
static __always_inline void quell_tell_exec(void *context, struct task_struct *task, struct quell_process_scratch *scratch)
{
	struct quell_event_buffer *event = &scratch->event;
	__u32 at = sizeof(struct quell_event_head), flags = 0;

	quell_fill_process_head((struct quell_event_head *)event->bytes, QUELL_EVENT_EXEC);
	at = quell_append(event, at, QUELL_TYPE_PATH, &scratch->arg, scratch->slot, &flags);
	quell_read_command_line(task, &scratch->arg, scratch->slot);
	at = quell_append(event, at, QUELL_TYPE_CHAR_BUF, &scratch->arg, scratch->slot, &flags);
	__builtin_memset(&scratch->details, 0, sizeof(scratch->details));
	quell_fill_details(&scratch->details, task, &scratch->entry);
#pragma unroll
	for (__u32 i = 0; i < QUELL_NAMESPACES; i++)
		scratch->details.namespaces[i] = scratch->entry.namespaces[i];
	quell_tell(context, scratch, at, flags);
}

/* What wait(2) reports: of an exit of the whole group its status, else that of the first thread. */
static __always_inline __u32 quell_exit_status(struct task_struct *leader, struct signal_struct *signal)
{
	int status = 0;

	quell_read(&status, &signal->group_exit_code, QUELL_FAULT_TASK);
	if (!status)
		quell_read(&status, &leader->exit_code, QUELL_FAULT_TASK);
	return status;
}

/* The memory of the process, and with it its executable, is gone. */
static __always_inline void quell_tell_exit(void *context, struct task_struct *task, struct task_struct *leader,
					    struct signal_struct *signal, struct quell_process_scratch *scratch)
{
	struct quell_event_buffer *event = &scratch->event;
	__u32 at = sizeof(struct quell_event_head), flags = 0;

	quell_fill_process_head((struct quell_event_head *)event->bytes, QUELL_EVENT_EXIT);
	quell_begin_subject(&scratch->arg);
	scratch->arg.status = QUELL_ARG_ABSENT;
	at = quell_append(event, at, QUELL_TYPE_PATH, &scratch->arg, scratch->slot, &flags);
	at = quell_append(event, at, QUELL_TYPE_CHAR_BUF, &scratch->arg, scratch->slot, &flags);
	__builtin_memset(&scratch->details, 0, sizeof(scratch->details));
	quell_fill_details(&scratch->details, task, &scratch->entry);
	scratch->details.exit_status = quell_exit_status(leader, signal);
	quell_tell(context, scratch, at, flags);
}

#endif
