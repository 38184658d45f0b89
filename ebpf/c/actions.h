/* What a matching selector does. The signal is sent, and the error is set, before the event is built, so that a full buffer
 * delays neither. */
#ifndef QUELL_ACTIONS_H
#define QUELL_ACTIONS_H

#include "notify.h"
#include "selector.h"

#define QUELL_SIGKILL 9

/* Which stacks an event carries. */
#define QUELL_STACK_KERNEL 1
#define QUELL_STACK_USER 2

/* Before anything has matched. */
static __always_inline void quell_reset_actions(struct quell_call *call)
{
	call->actions = 0;
	call->signal_result = QUELL_SIGNAL_NOT_SENT;
	call->signal = 0;
	call->rate_ms = 0;
	call->rate_scope = 0;
	call->stacks = 0;
	call->no_post = 0;
	call->error = 0;
}

static __always_inline void quell_kill(struct quell_call *call)
{
	long error = bpf_send_signal(QUELL_SIGKILL);

	call->signal = QUELL_SIGKILL;
	call->signal_result = error;
	call->actions |= 1U << QUELL_ACTION_SIGKILL;
	if (error) {
		quell_fault(QUELL_FAULT_SEND_SIGNAL, error);
		quell_count(kill_failed);
	} else {
		quell_count(killed);
	}
}

static __always_inline void quell_signal(struct quell_call *call, __u32 signal)
{
	long error = bpf_send_signal(signal);

	/* Beside a SIGKILL, whose result is what matters, this one is only counted. */
	if (!(call->actions & (1U << QUELL_ACTION_SIGKILL))) {
		call->signal = signal;
		call->signal_result = error;
	}
	call->actions |= 1U << QUELL_ACTION_SIGNAL;
	if (error) {
		quell_fault(QUELL_FAULT_SEND_SIGNAL, error);
		quell_count(signal_failed);
	} else {
		quell_count(signalled);
	}
}

/* What monitor mode holds back: whatever does something to a process or to its call. */
#define QUELL_ENFORCING_ACTIONS                                                          \
	(1U << QUELL_ACTION_SIGKILL | 1U << QUELL_ACTION_SIGNAL | 1U << QUELL_ACTION_OVERRIDE | \
	 1U << QUELL_ACTION_NOTIFY_ENFORCER)

/* Performs the actions of the selector at `at`; in monitor mode only those that do nothing to the process. Every action of a selector is there once,
 * so that their order decides nothing but which signal comes first: SIGKILL does, because with interrupts off the kernel
 * takes only one signal from a program and refuses the next (EBUSY). Descriptors are looked up in the caller's own table
 * whenever they are read, so that FollowFD, UnfollowFD and CopyFD have nothing left to do. */
static __always_inline void quell_perform(quell_context *context, struct quell_call *call, const __u8 *filter, __u32 at,
					  __u32 section)
{
	__u32 present = 0, signal = 0;
	__s32 refusal = 0;
	struct quell_enforcer_note note = {};

	at = quell_section(filter, at, section);
	if (!at)
		return;
	__u32 entries = quell_filter_u32(filter, at + 4);

	at += sizeof(struct quell_section_head);
	for (__u32 i = 0; i < QUELL_MAX_ACTIONS; i++) {
		if (i >= config.actions || i >= entries)
			break;
		__u32 action = quell_filter_u32(filter, at + 4);
		__u32 param = at + __builtin_offsetof(struct quell_action_entry, param);

		present |= 1U << (action & 31);
		if (action == QUELL_ACTION_SIGNAL)
			signal = quell_filter_u32(filter, param);
		if (action == QUELL_ACTION_OVERRIDE)
			refusal = quell_filter_u32(filter, param);
		if (action == QUELL_ACTION_NOTIFY_ENFORCER) {
			note.error = quell_filter_u32(filter, param);
			note.signal = quell_filter_u32(filter, param + 4);
		}
		if (action == QUELL_ACTION_POST) {
			call->rate_ms = quell_filter_u32(filter, param);
			call->rate_scope = quell_filter_u32(filter, param + 4);
			call->stacks = (quell_filter_u32(filter, param + 8) ? QUELL_STACK_KERNEL : 0) |
				       (quell_filter_u32(filter, param + 12) ? QUELL_STACK_USER : 0);
		}
		at = quell_skip(filter, at);
	}
	call->no_post = present & (1U << QUELL_ACTION_NO_POST);
	call->actions = present & ~QUELL_ENFORCING_ACTIONS;
	if (present & QUELL_ENFORCING_ACTIONS) {
		if (config.flags & QUELL_HOOK_MONITOR) {
			call->flags |= QUELL_EVENT_MONITORED;
			return;
		}
		if (present & (1U << QUELL_ACTION_SIGKILL))
			quell_kill(call);
		if (present & (1U << QUELL_ACTION_SIGNAL))
			quell_signal(call, signal);
		if ((config.flags & QUELL_HOOK_OVERRIDES) && (present & (1U << QUELL_ACTION_OVERRIDE)))
			quell_refuse(context, call, refusal);
		if ((config.flags & QUELL_HOOK_NOTIFIES) && (present & (1U << QUELL_ACTION_NOTIFY_ENFORCER)))
			quell_notify(call, &note);
	}
}

#endif
