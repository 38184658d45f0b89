/* Subjects that only the table of processes knows: programs that were run before, and what changed since exec. */
#ifndef QUELL_TRACKED_H
#define QUELL_TRACKED_H

#include "process.h"

#define QUELL_NAMESPACES 10

#define QUELL_CHANGED_CAPABILITIES                                                                         \
	(1U << QUELL_SUBJECT_CHANGED_PERMITTED | 1U << QUELL_SUBJECT_CHANGED_EFFECTIVE |                   \
	 1U << QUELL_SUBJECT_CHANGED_INHERITABLE)
#define QUELL_CHANGE_SUBJECTS (1U << QUELL_SUBJECT_CHANGED_NAMESPACES | QUELL_CHANGED_CAPABILITIES)

/* What has to be read besides `wanted`, because a change is told by what it is now. */
static __always_inline __u32 quell_also_wanted(__u32 wanted)
{
	if (wanted & (1U << QUELL_SUBJECT_CHANGED_NAMESPACES))
		wanted |= ((1U << QUELL_NAMESPACES) - 1) << QUELL_SUBJECT_NS_UTS;
	if (wanted & (1U << QUELL_SUBJECT_CHANGED_PERMITTED))
		wanted |= 1U << QUELL_SUBJECT_CAP_PERMITTED;
	if (wanted & (1U << QUELL_SUBJECT_CHANGED_EFFECTIVE))
		wanted |= 1U << QUELL_SUBJECT_CAP_EFFECTIVE;
	if (wanted & (1U << QUELL_SUBJECT_CHANGED_INHERITABLE))
		wanted |= 1U << QUELL_SUBJECT_CAP_INHERITABLE;
	return wanted;
}

/* The followed sets of this hook, out of those of the table. With some path unknown, only a set that is there is certain. */
static __always_inline void quell_set_followed(struct quell_arg *arg, __u64 bits, __u32 flags)
{
	__u64 sets = 0, all = 0;

#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_FOLLOWED; i++) {
		if (i < config.followed) {
			sets |= ((bits >> (config.followed_bit[i] & 63)) & 1) << ((config.followed_set[i] - 1) & 63);
			all |= 1ULL << ((config.followed_set[i] - 1) & 63);
		}
	}
	arg->number = sets;
	if (!(flags & QUELL_PROCESS_FOLLOWED_UNKNOWN) || sets == all)
		arg->status = QUELL_ARG_OK;
}

/* Counts a call by a process that is not in the table, once: followForks has counted it already, and so have followed sets. */
static __always_inline void quell_count_untracked(bool counted)
{
	if (!counted && !(config.flags & QUELL_HOOK_FOLLOW_FORKS))
		quell_count(untracked);
}

/* Without an entry, what lives is asked instead. The memory of the parent's executable is used for that, which is read later. */
static __always_inline void quell_read_followed(struct quell_call *call)
{
	struct task_struct *leader = 0;
	const struct quell_process_entry *entry = quell_process_of_current(&leader);
	struct quell_arg *arg = &call->arg[QUELL_SUBJECT_FOLLOWED_BINARIES];
	const struct quell_path_memory memory = {
		.arg = &call->arg[QUELL_SUBJECT_PARENT_EXECUTABLE],
		.slot = &call->slot[QUELL_SUBJECT_PARENT_EXECUTABLE * QUELL_SLOT_BYTES],
		.key = &call->key,
	};

	quell_begin_subject(arg);
	if (entry) {
		quell_set_followed(arg, entry->followed, entry->flags);
		return;
	}
	quell_count_untracked(false);
	if (leader) {
		const struct quell_live_walk *walk = quell_follow_live(leader, &memory);

		quell_set_followed(arg, walk->bits, walk->flags);
	}
}

/* `before` is null where the process was not seen before this call: then it changed nothing. */
static __always_inline void quell_set_change(struct quell_call *call, __u32 wanted, __u32 subject, __u32 now,
					     const __u64 *before)
{
	struct quell_arg *arg = &call->arg[subject];

	if (!(wanted & (1U << subject)))
		return;
	quell_begin_subject(arg);
	if (call->arg[now].status != QUELL_ARG_OK)
		return;
	if (before)
		arg->number = call->arg[now].number ^ *before;
	arg->status = QUELL_ARG_OK;
}

static __always_inline void quell_set_changed_namespaces(struct quell_call *call, const __u32 *before)
{
	struct quell_arg *arg = &call->arg[QUELL_SUBJECT_CHANGED_NAMESPACES];
	__u64 changed = 0;
	bool known = true;

	quell_begin_subject(arg);
#pragma unroll
	for (__u32 i = 0; i < QUELL_NAMESPACES; i++) {
		const struct quell_arg *now = &call->arg[QUELL_SUBJECT_NS_UTS + i];

		if (now->status != QUELL_ARG_OK)
			known = false;
		if (before)
			changed |= (__u64)(now->number != before[i]) << i;
	}
	arg->number = changed;
	if (known)
		arg->status = QUELL_ARG_OK;
}

/* Where nobody knows what it was, nothing is concluded. */
static __always_inline void quell_leave_changes(struct quell_call *call, __u32 wanted)
{
#pragma unroll
	for (__u32 subject = 0; subject < QUELL_SUBJECTS; subject++) {
		if (wanted & QUELL_CHANGE_SUBJECTS & (1U << subject))
			quell_begin_subject(&call->arg[subject]);
	}
}

/* Subjects that the table decides, of which `wanted` (a constant) has the bits; namespaces and capabilities of now are there. */
static __always_inline void quell_read_changes(struct quell_call *call, __u32 wanted)
{
	struct task_struct *leader = 0;
	const struct quell_process_entry *then = quell_process_of_current(&leader);

	if (!then) {
		quell_count_untracked(wanted & (1U << QUELL_SUBJECT_FOLLOWED_BINARIES));
	} else if (then->flags & QUELL_PROCESS_AT_EXEC_UNKNOWN) {
		quell_leave_changes(call, wanted);
		return;
	}
	if (wanted & (1U << QUELL_SUBJECT_CHANGED_NAMESPACES))
		quell_set_changed_namespaces(call, then ? then->namespaces : 0);
	quell_set_change(call, wanted, QUELL_SUBJECT_CHANGED_PERMITTED, QUELL_SUBJECT_CAP_PERMITTED,
			 then ? &then->cap_permitted : 0);
	quell_set_change(call, wanted, QUELL_SUBJECT_CHANGED_EFFECTIVE, QUELL_SUBJECT_CAP_EFFECTIVE,
			 then ? &then->cap_effective : 0);
	quell_set_change(call, wanted, QUELL_SUBJECT_CHANGED_INHERITABLE, QUELL_SUBJECT_CAP_INHERITABLE,
			 then ? &then->cap_inheritable : 0);
}

#endif
