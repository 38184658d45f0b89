/* Tasks: ids in both views, parents, starts. */
#ifndef QUELL_LINEAGE_H
#define QUELL_LINEAGE_H

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

/* Writes up to QUELL_MAX_ANCESTORS living ancestors behind the process itself, nearest first, and gives how many they are. With
 * `namespaced` also their ids in the process's own PID namespace: that walk ends at the first ancestor that is in another one:
 * from inside, nothing is there. */
static __always_inline __u32 quell_read_ancestors(struct task_struct *leader, __u32 *ids, __u32 *ns_ids,
						  struct pid_namespace *own, bool namespaced)
{
	bool inside = true;
	__u32 ancestors = 0;

	for (__u32 i = 1; i < QUELL_IDS; i++) {
		struct task_struct *parent = 0;
		int tgid = 0;

		if (!quell_parent(leader, &parent) || !quell_read(&tgid, &parent->tgid, QUELL_FAULT_TASK))
			break;
		/* The idle task is everybody's last ancestor and its own parent. */
		if (tgid == 0 || parent == leader)
			break;
		ids[i] = tgid;
		ancestors = i;
		if (inside && namespaced) {
			struct pid_namespace *ns = 0;
			__u32 id = 0;

			if (!quell_namespace_id(parent, &id, &ns) || ns != own)
				inside = false;
			else
				ns_ids[i] = id;
		}
		leader = parent;
	}
	return ancestors;
}

#endif
