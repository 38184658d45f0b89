/* The table of processes: what is remembered of each from its fork to its end, and what is done where it is not there.
 *
 * process.bpf.c keeps it, hooks read it. An entry counts only when its start is that of the live process: ids come again. */
#ifndef QUELL_PROCESSES_H
#define QUELL_PROCESSES_H

#include "file.h"
#include "lineage.h"
#include "sets.h"

/* Shared by all hooks and the programs that keep it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, QUELL_MAX_PROCESSES);
	__type(key, __u32);
	__type(value, struct quell_process_entry);
} processes SEC(".maps");

/* Path of a program (its set is 0) to the bits of the followed sets that it is in; the agent sizes and fills it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct quell_string_key);
	__type(value, __u64);
} followed_paths SEC(".maps");

/* Memory for reading the path of an executable. */
struct quell_path_memory {
	struct quell_arg *arg;
	__u8 *slot;
	union quell_set_key *key;
};

/* The entry of the process with this leader; null when there is none, or it is of an earlier process with the same id. */
static __always_inline struct quell_process_entry *quell_entry_of(struct task_struct *leader, __u32 tgid)
{
	struct quell_process_entry *entry = bpf_map_lookup_elem(&processes, &tgid);

	if (!entry)
		return 0;
	__u64 start_ns = quell_start_ns(leader);

	if (entry->flags & QUELL_PROCESS_SCANNED)
		start_ns -= start_ns % QUELL_PROCESS_TICK_NS;
	return entry->start_ns == start_ns ? entry : 0;
}

/* A program that runs from memory is called what /proc/PID/exe calls it, "/memfd:NAME": no file of the machine, so that it is
 * in no list of paths and outside of every one. */
static __always_inline void quell_read_memory_name(struct file *file, struct quell_arg *arg, __u8 *slot)
{
	volatile __u32 *start = &arg->start;
	struct dentry *dentry = 0;

	if (!quell_read(&dentry, &file->f_path.dentry, QUELL_FAULT_FILE)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	*start = QUELL_MAX_STRING_BYTES;
	quell_walked(quell_prepend(dentry, start, slot), arg, slot);
}

static __always_inline void quell_begin_subject(struct quell_arg *arg)
{
	arg->status = QUELL_ARG_KERNEL_FAULT;
	arg->mode = 0;
	arg->start = 0;
	arg->length = 0;
	arg->number = 0;
}

/* The path of a process's executable; kernel threads have none. */
static __always_inline void quell_read_executable(struct task_struct *task, struct quell_arg *arg, __u8 *slot)
{
	struct mm_struct *mm = 0;
	struct file *file = 0;

	quell_begin_subject(arg);
	if (!quell_read(&mm, &task->mm, QUELL_FAULT_TASK))
		return;
	if (!mm) {
		arg->status = QUELL_ARG_NO_PATH;
		return;
	}
	if (!quell_read(&file, &mm->exe_file, QUELL_FAULT_TASK))
		return;
	quell_read_file(file, arg, slot);
	if (arg->status == QUELL_ARG_NO_PATH && file)
		quell_read_memory_name(file, arg, slot);
}

/* Adds the followed sets that have the path in `memory` to `*bits`; QUELL_PROCESS_FOLLOWED_UNKNOWN to `*flags` when the path is
 * not known well enough. No member is longer than QUELL_MAX_STRING_VALUE_BYTES, so that a longer path is none. Nor is one the path
 * of what is mounted nowhere, from which container runtimes start themselves: members begin at the root. */
static __always_inline void quell_add_followed(const struct quell_path_memory *memory, volatile __u64 *bits,
					       volatile __u32 *flags)
{
	const struct quell_arg *arg = memory->arg;
	union quell_set_key *key = memory->key;
	__u32 status = quell_fresh(arg->status), length = quell_fresh(arg->length);

	if (status == QUELL_ARG_NO_PATH || status == QUELL_ARG_DISCONNECTED || length > QUELL_MAX_STRING_VALUE_BYTES)
		return;
	if (status != QUELL_ARG_OK) {
		*flags |= QUELL_PROCESS_FOLLOWED_UNKNOWN;
		return;
	}
	key->string.set = 0;
	key->string.length = length;
	quell_copy(key->string.bytes, QUELL_MAX_STRING_VALUE_BYTES, memory->slot, quell_fresh(arg->start), length);
	const __u64 *found = bpf_map_lookup_elem(&followed_paths, key);

	if (found)
		*bits |= *found;
}

/* The walk through live ancestors. It lies in the slack of the path's slot, not on the stack: the verifier keeps apart what is on
 * the stack, and would not take its rounds for the same. */
struct quell_live_walk {
	volatile __u64 leader;
	volatile __u64 bits;
	volatile __u32 flags;
	volatile __u32 done;
};

static __always_inline struct quell_live_walk *quell_live_walk(const struct quell_path_memory *memory)
{
	return (struct quell_live_walk *)(memory->slot + QUELL_MAX_STRING_BYTES + sizeof(__u64));
}

/* The next one: an ancestor that the table has remembers the rest, and ends the walk. */
static __always_inline void quell_walk_on(struct quell_live_walk *walk)
{
	struct task_struct *parent = 0;
	int tgid = 0;

	if (!quell_parent((struct task_struct *)walk->leader, &parent) ||
	    !quell_read(&tgid, &parent->tgid, QUELL_FAULT_TASK)) {
		walk->flags |= QUELL_PROCESS_FOLLOWED_UNKNOWN;
		walk->done = 1;
		return;
	}
	/* The idle task is everybody's last ancestor and its own parent. */
	if (tgid == 0 || (__u64)parent == walk->leader) {
		walk->done = 1;
		return;
	}
	walk->leader = (__u64)parent;
	const struct quell_process_entry *entry = quell_entry_of(parent, tgid);

	if (!entry)
		return;
	walk->bits |= entry->followed;
	walk->flags |= entry->flags & QUELL_PROCESS_FOLLOWED_UNKNOWN;
	walk->done = 1;
}

/* Where the table does not have a process: the executables that it and its living ancestors run now. The answer is in the walk. */
static __always_inline const struct quell_live_walk *quell_follow_live(struct task_struct *of,
								       const struct quell_path_memory *memory)
{
	struct quell_live_walk *walk = quell_live_walk(memory);

	walk->leader = (__u64)of;
	walk->bits = 0;
	walk->flags = 0;
	walk->done = 0;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < QUELL_IDS; i++) {
		if (walk->done)
			break;
		quell_read_executable((struct task_struct *)walk->leader, memory->arg, memory->slot);
		quell_add_followed(memory, &walk->bits, &walk->flags);
		quell_walk_on(walk);
	}
	/* Further ancestors than were looked at. */
	if (!walk->done)
		walk->flags |= QUELL_PROCESS_FOLLOWED_UNKNOWN;
	return walk;
}

#endif
