/* Who calls, as matchPIDs sees it: process ids in both views, and those of the processes that it descends from. */
#ifndef QUELL_PROCESS_H
#define QUELL_PROCESS_H

#include "processes.h"

/* The entry of the calling process, or null; `*leader` is its leader, also where there is no entry. */
static __always_inline struct quell_process_entry *quell_process_of_current(struct task_struct **leader)
{
	return quell_leader(leader) ? quell_entry_of(*leader, bpf_get_current_pid_tgid() >> 32) : 0;
}

/* Ids from the table: of the processes that forked, whether they live or not. */
static __always_inline bool quell_read_tracked(struct quell_process *process)
{
	struct task_struct *leader = 0;
	const struct quell_process_entry *entry = quell_process_of_current(&leader);

	if (!entry) {
		quell_count(untracked);
		return false;
	}
#pragma unroll
	for (__u32 i = 0; i < QUELL_IDS; i++) {
		process->id[QUELL_GLOBAL_IDS][i] = entry->ids[i];
		process->id[QUELL_NAMESPACE_IDS][i] = entry->ns_ids[i];
	}
	return true;
}

/* Fills what the hook's matchPIDs need; a failed read leaves the process's own id, or 0 for that, and is counted. */
static __always_inline void quell_read_process(struct quell_process *process)
{
	struct task_struct *leader = 0;
	struct pid_namespace *own = 0;
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 ns_tgid = 0;

	if ((config.flags & QUELL_HOOK_TRACKED) && (config.flags & QUELL_HOOK_FOLLOW_FORKS) && quell_read_tracked(process))
		return;
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
		quell_read_ancestors(leader, process->id[QUELL_GLOBAL_IDS], process->id[QUELL_NAMESPACE_IDS], own,
				     config.flags & QUELL_HOOK_NAMESPACE_PIDS);
}

#endif
