/* Notes for enforcers: a hook decides, and another function, where the kernel lets a program refuse, acts on it.
 *
 * A note is for the next call of the same thread that an enforcer of the same policy sees, within QUELL_NOTE_AGE_NS: the call that
 * it is about may come to no enforcer, and later ones are not to pay for it. */
#ifndef QUELL_NOTIFY_H
#define QUELL_NOTIFY_H

#include "lineage.h"
#include "refuse.h"

/* One map for all hooks and enforcers of a policy; the agent gives it QUELL_MAX_NOTES entries where there are any. A full one
 * forgets the oldest note, which is one that nobody has acted on for longest: a thread that was to be stopped and never came to
 * an enforcer. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct quell_enforcer_note);
} enforcer_notes SEC(".maps");

/* When the calling process started; 0 when that cannot be read, which is counted. */
static __always_inline __u64 quell_start_of_current(void)
{
	struct task_struct *leader = 0;

	return quell_leader(&leader) ? quell_start_ns(leader) : 0;
}

/* Leaves a note. */
static __always_inline void quell_notify(struct quell_call *call, struct quell_enforcer_note *note)
{
	__u64 thread = bpf_get_current_pid_tgid();

	note->start_ns = quell_start_of_current();
	note->time_ns = bpf_ktime_get_ns();
	/* Nobody has acted on the one before: its call came to no enforcer. */
	if (bpf_map_lookup_elem(&enforcer_notes, &thread))
		quell_count(notify_failed);
	long failure = bpf_map_update_elem(&enforcer_notes, &thread, note, BPF_ANY);

	if (failure) {
		quell_fault(QUELL_FAULT_KEEP, failure);
		quell_count(notify_failed);
		return;
	}
	call->actions |= 1U << QUELL_ACTION_NOTIFY_ENFORCER;
	quell_count(notified);
}

/* Takes the note of the calling thread; false: there is none for this call. */
static __always_inline bool quell_take_note(struct quell_enforcer_note *note)
{
	__u64 thread = bpf_get_current_pid_tgid();
	const struct quell_enforcer_note *left = bpf_map_lookup_elem(&enforcer_notes, &thread);

	if (!left)
		return false;
	*note = *left;
	long failure = bpf_map_delete_elem(&enforcer_notes, &thread);

	if (failure)
		quell_fault(QUELL_FAULT_KEEP, failure);
	if (note->start_ns != quell_start_of_current() || bpf_ktime_get_ns() - note->time_ns > QUELL_NOTE_AGE_NS) {
		quell_count(notify_failed);
		return false;
	}
	quell_count(notified);
	return true;
}

#endif
