/* Who calls: process ids in both views, and the ancestors that followForks looks at. */
#ifndef QUELL_PROCESS_H
#define QUELL_PROCESS_H

#include "fault.h"
#include "kernel_types.h"

/* Process id of a thread-group leader in its own PID namespace, 0 in the initial one; `*ns` is that namespace. */
static __always_inline bool quell_namespace_id(struct task_struct *leader, __u32 *id, struct pid_namespace **ns)
{
	struct pid *pid = 0;
	unsigned int level = 0;
	struct upid upid = {};

	if (!quell_read(&pid, &leader->thread_pid, QUELL_FAULT_PID) || !quell_read(&level, &pid->level, QUELL_FAULT_PID))
		return false;
	/* numbers[level], by the running kernel's offset and size. */
	const void *number = (const void *)pid + bpf_core_field_offset(struct pid, numbers) +
			     level * bpf_core_type_size(struct upid);

	if (!quell_read(&upid.nr, &((const struct upid *)number)->nr, QUELL_FAULT_PID) ||
	    !quell_read(&upid.ns, &((const struct upid *)number)->ns, QUELL_FAULT_PID))
		return false;
	*id = level ? upid.nr : 0;
	*ns = upid.ns;
	return true;
}

static __always_inline bool quell_leader(struct task_struct **leader)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return quell_read(leader, &task->group_leader, QUELL_FAULT_TASK);
}

/* The parent of a leader, itself a leader. */
static __always_inline bool quell_parent(struct task_struct *leader, struct task_struct **parent)
{
	struct task_struct *task = 0;

	return quell_read(&task, &leader->real_parent, QUELL_FAULT_TASK) &&
	       quell_read(parent, &task->group_leader, QUELL_FAULT_TASK);
}

/* Up to QUELL_MAX_ANCESTORS ancestors, nearest first. The walk through namespace ids ends at the first ancestor that is
 * in another PID namespace: from inside, nothing is there. */
static __always_inline void quell_read_ancestors(struct task_struct *leader, struct quell_process *process,
						 struct pid_namespace *own)
{
	bool inside = true;

	for (__u32 i = 1; i < QUELL_IDS; i++) {
		struct task_struct *parent = 0;
		int tgid = 0;

		if (!quell_parent(leader, &parent) || !quell_read(&tgid, &parent->tgid, QUELL_FAULT_TASK))
			return;
		/* The idle task is everybody's last ancestor and its own parent. */
		if (tgid == 0 || parent == leader)
			return;
		process->id[QUELL_GLOBAL_IDS][i] = tgid;
		if (inside && (config.flags & QUELL_HOOK_NAMESPACE_PIDS)) {
			struct pid_namespace *ns = 0;
			__u32 id = 0;

			if (!quell_namespace_id(parent, &id, &ns) || ns != own)
				inside = false;
			else
				process->id[QUELL_NAMESPACE_IDS][i] = id;
		}
		leader = parent;
	}
}

/* Fills what the hook's matchPIDs need; a failed read leaves the process's own id, or 0 for that, and is counted. */
static __always_inline void quell_read_process(struct quell_process *process)
{
	struct task_struct *leader = 0;
	struct pid_namespace *own = 0;
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 ns_tgid = 0;

	bool known = (config.flags & (QUELL_HOOK_NAMESPACE_PIDS | QUELL_HOOK_FOLLOW_FORKS)) && quell_leader(&leader);

	if (known && (config.flags & QUELL_HOOK_NAMESPACE_PIDS))
		quell_namespace_id(leader, &ns_tgid, &own);
#pragma unroll
	for (__u32 i = 0; i < QUELL_IDS; i++) {
		process->id[QUELL_GLOBAL_IDS][i] = tgid;
		process->id[QUELL_NAMESPACE_IDS][i] = ns_tgid;
	}
	if (!known)
		return;
	if (config.flags & QUELL_HOOK_FOLLOW_FORKS)
		quell_read_ancestors(leader, process, own);
}

#endif
