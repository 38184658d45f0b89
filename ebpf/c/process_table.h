/* What the table of processes learns at fork, exec and exit. */
#ifndef QUELL_PROCESS_TABLE_H
#define QUELL_PROCESS_TABLE_H

#include "process_event.h"
#include "tracked.h"

/* Notes the namespaces and capabilities that `task` has now as those at exec: what changes is told from here on. */
static __always_inline void quell_note_at_exec(struct task_struct *task, struct quell_process_entry *entry)
{
	struct nsproxy *nsproxy = 0;
	struct cred *cred = 0;
	bool known = quell_read(&nsproxy, &task->nsproxy, QUELL_FAULT_TASK) && quell_read(&cred, &task->cred, QUELL_FAULT_TASK);

#define QUELL_NOTE_NAMESPACE(subject, holder, field)                                                       \
	({                                                                                                 \
		__typeof__((holder)->field) __ns = 0;                                                      \
		__u32 __number = 0;                                                                        \
		known = known && quell_read(&__ns, &(holder)->field, QUELL_FAULT_TASK) &&                  \
			(!__ns || quell_read(&__number, &__ns->ns.inum, QUELL_FAULT_TASK));                \
		entry->namespaces[(subject) - QUELL_SUBJECT_NS_UTS] = __number;                            \
	})
	QUELL_NOTE_NAMESPACE(QUELL_SUBJECT_NS_UTS, nsproxy, uts_ns);
	QUELL_NOTE_NAMESPACE(QUELL_SUBJECT_NS_IPC, nsproxy, ipc_ns);
	QUELL_NOTE_NAMESPACE(QUELL_SUBJECT_NS_MNT, nsproxy, mnt_ns);
	QUELL_NOTE_NAMESPACE(QUELL_SUBJECT_NS_PID_FOR_CHILDREN, nsproxy, pid_ns_for_children);
	QUELL_NOTE_NAMESPACE(QUELL_SUBJECT_NS_NET, nsproxy, net_ns);
	QUELL_NOTE_NAMESPACE(QUELL_SUBJECT_NS_CGROUP, nsproxy, cgroup_ns);
	/* Where the kernel has no such namespaces their number is 0, as subjects have it. */
	entry->namespaces[QUELL_SUBJECT_NS_TIME - QUELL_SUBJECT_NS_UTS] = 0;
	entry->namespaces[QUELL_SUBJECT_NS_TIME_FOR_CHILDREN - QUELL_SUBJECT_NS_UTS] = 0;
	if (bpf_core_field_exists(nsproxy->time_ns)) {
		QUELL_NOTE_NAMESPACE(QUELL_SUBJECT_NS_TIME, nsproxy, time_ns);
		QUELL_NOTE_NAMESPACE(QUELL_SUBJECT_NS_TIME_FOR_CHILDREN, nsproxy, time_ns_for_children);
	}
	QUELL_NOTE_NAMESPACE(QUELL_SUBJECT_NS_USER, cred, user_ns);
	struct pid_namespace *own = 0;
	__u32 id = 0, number = 0;

	known = known && quell_namespace_id(task, &id, &own) && quell_read(&number, &own->ns.inum, QUELL_FAULT_PID);
	entry->namespaces[QUELL_SUBJECT_NS_PID - QUELL_SUBJECT_NS_UTS] = number;
	struct quell_kernel_cap permitted = {}, effective = {}, inheritable = {};

	known = known && quell_read(&permitted, &cred->cap_permitted, QUELL_FAULT_TASK) &&
		quell_read(&effective, &cred->cap_effective, QUELL_FAULT_TASK) &&
		quell_read(&inheritable, &cred->cap_inheritable, QUELL_FAULT_TASK);
	entry->cap_permitted = permitted.bits;
	entry->cap_effective = effective.bits;
	entry->cap_inheritable = inheritable.bits;
	entry->flags &= ~QUELL_PROCESS_AT_EXEC_UNKNOWN;
	if (!known)
		entry->flags |= QUELL_PROCESS_AT_EXEC_UNKNOWN;
}

/* Drops the entry of a process whose execution cannot be noted: it would go on to tell of the program before. The process is
 * looked up otherwise. */
static __always_inline void quell_forget(__u32 tgid)
{
	long error = bpf_map_delete_elem(&processes, &tgid);

	if (error && error != -QUELL_ENOENT)
		quell_fault(QUELL_FAULT_PROCESS, error);
}

/* Puts the entry of the scratch memory into the table. A table that is full is a counted fault: the process is looked up
 * otherwise. */
static __always_inline void quell_remember(struct quell_process_scratch *scratch, __u32 tgid, __u64 flags)
{
	long error = bpf_map_update_elem(&processes, &tgid, &scratch->entry, flags);

	/* Somebody else has put it there meanwhile. */
	if (error == -QUELL_EEXIST)
		return;
	if (error) {
		quell_fault(QUELL_FAULT_PROCESS, error);
		quell_forget(tgid);
	}
}

/* Makes the entry of a process that the table does not have, out of what lives. What it was at exec is for the caller to note. */
static __always_inline void quell_reconstruct(struct task_struct *leader, __u32 tgid, struct quell_process_scratch *scratch)
{
	struct quell_process_entry *entry = &scratch->entry;
	const struct quell_path_memory memory = { .arg = &scratch->arg, .slot = scratch->slot, .key = &scratch->key };
	struct task_struct *parent = 0;
	struct pid_namespace *own = 0;
	__u32 ns_tgid = 0;

	__builtin_memset(entry, 0, sizeof(*entry));
	entry->start_ns = quell_start_ns(leader);
	if (quell_parent(leader, &parent))
		entry->parent_start_ns = quell_start_ns(parent);
	quell_namespace_id(leader, &ns_tgid, &own);
#pragma unroll
	for (__u32 i = 0; i < QUELL_IDS; i++) {
		entry->ids[i] = tgid;
		entry->ns_ids[i] = ns_tgid;
	}
	entry->ancestors = quell_read_ancestors(leader, entry->ids, entry->ns_ids, own, true);
	entry->flags = QUELL_PROCESS_AT_EXEC_UNKNOWN;
	if (config.followed) {
		const struct quell_live_walk *walk = quell_follow_live(leader, &memory);

		entry->followed = walk->bits;
		entry->flags |= walk->flags;
	}
}

/* Copies the entry of a process into the scratch memory; without one, makes one there, which is counted. */
static __always_inline bool quell_recall(struct task_struct *leader, __u32 tgid, struct quell_process_scratch *scratch)
{
	const struct quell_process_entry *entry = quell_entry_of(leader, tgid);

	if (entry) {
		scratch->entry = *entry;
		return true;
	}
	quell_count(untracked);
	quell_reconstruct(leader, tgid, scratch);
	return false;
}

/* Turns the entry of a process in the scratch memory into that of its child. Capabilities, namespaces and programs that were
 * run stay what they were. */
static __always_inline void quell_descend(struct task_struct *parent, struct task_struct *child, __u32 tgid,
					  struct quell_process_entry *entry)
{
	struct pid_namespace *ns = 0, *parent_ns = 0;
	__u32 ns_tgid = 0, parent_ns_tgid = 0;
	bool known = quell_namespace_id(child, &ns_tgid, &ns) && quell_namespace_id(parent, &parent_ns_tgid, &parent_ns);
	bool inside = known && ns == parent_ns;
	__u32 ancestors = entry->ancestors + 1;

	if (ancestors > QUELL_MAX_ANCESTORS) {
		ancestors = QUELL_MAX_ANCESTORS;
		entry->flags |= QUELL_PROCESS_ANCESTORS_CUT;
	}
#pragma unroll
	for (__u32 i = QUELL_MAX_ANCESTORS; i > 0; i--) {
		entry->ids[i] = i <= ancestors ? entry->ids[i - 1] : tgid;
		entry->ns_ids[i] = inside && i <= ancestors ? entry->ns_ids[i - 1] : ns_tgid;
	}
	entry->ids[0] = tgid;
	entry->ns_ids[0] = ns_tgid;
	entry->ancestors = ancestors;
	entry->parent_start_ns = quell_start_ns(parent);
	entry->start_ns = quell_start_ns(child);
	entry->flags &= ~QUELL_PROCESS_SCANNED;
}

static __always_inline void quell_forked(struct task_struct *thread, struct task_struct *child,
					 struct quell_process_scratch *scratch)
{
	struct task_struct *parent = 0;
	int pid = 0, tgid = 0, parent_tgid = 0;

	if (!quell_read(&pid, &child->pid, QUELL_FAULT_TASK) || !quell_read(&tgid, &child->tgid, QUELL_FAULT_TASK))
		return;
	/* A thread of a process that is there already. */
	if (pid != tgid)
		return;
	if (!quell_read(&parent, &thread->group_leader, QUELL_FAULT_TASK) ||
	    !quell_read(&parent_tgid, &thread->tgid, QUELL_FAULT_TASK))
		return;
	/* The idle task is nobody's process. */
	if (!quell_recall(parent, parent_tgid, scratch)) {
		/* Of the thread that forks: its leader may have ended. */
		quell_note_at_exec(thread, &scratch->entry);
		if (parent_tgid)
			quell_remember(scratch, parent_tgid, BPF_NOEXIST);
	}
	quell_descend(parent, child, tgid, &scratch->entry);
	quell_remember(scratch, tgid, BPF_ANY);
}

static __always_inline void quell_executed(void *context, struct task_struct *task, struct quell_process_scratch *scratch)
{
	const struct quell_path_memory memory = { .arg = &scratch->arg, .slot = scratch->slot, .key = &scratch->key };
	struct quell_process_entry *entry = &scratch->entry;
	int tgid = 0;

	if (!quell_read(&tgid, &task->tgid, QUELL_FAULT_TASK)) {
		quell_forget(bpf_get_current_pid_tgid() >> 32);
		return;
	}
	quell_recall(task, tgid, scratch);
	if (config.followed || (config.flags & QUELL_HOOK_PROCESS_EVENTS))
		quell_read_executable(task, &scratch->arg, scratch->slot);
	if (config.followed)
		quell_add_followed(&memory, &entry->followed, &entry->flags);
	quell_note_at_exec(task, entry);
	quell_remember(scratch, tgid, BPF_ANY);
	if (config.flags & QUELL_HOOK_PROCESS_EVENTS)
		quell_tell_exec(context, task, scratch);
}

/* The last thread takes the entry with it: from here to the release of the id, the process does nothing of its own any more.
 * Of threads that end at the same time each may be the last one; only one finds the entry. */
static __always_inline void quell_exited(void *context, struct task_struct *task, struct quell_process_scratch *scratch)
{
	struct signal_struct *signal = 0;
	struct quell_atomic live = {};
	struct task_struct *leader = 0;
	int tgid = 0;

	if (!quell_read(&signal, &task->signal, QUELL_FAULT_TASK) || !quell_read(&live, &signal->live, QUELL_FAULT_TASK) ||
	    !quell_read(&tgid, &task->tgid, QUELL_FAULT_TASK) || !quell_read(&leader, &task->group_leader, QUELL_FAULT_TASK))
		return;
	if (live.counter != 0)
		return;
	const struct quell_process_entry *entry = quell_entry_of(leader, tgid);

	if (!entry)
		return;
	if (config.flags & QUELL_HOOK_PROCESS_EVENTS)
		scratch->entry = *entry;
	long error = bpf_map_delete_elem(&processes, &tgid);

	if (error == -QUELL_ENOENT)
		return;
	if (error)
		quell_fault(QUELL_FAULT_PROCESS, error);
	if (config.flags & QUELL_HOOK_PROCESS_EVENTS)
		quell_tell_exit(context, task, leader, signal, scratch);
}

#endif
