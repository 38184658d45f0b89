/* What a matching selector does, in the order of the policy. */
#ifndef QUELL_ACTIONS_H
#define QUELL_ACTIONS_H

#include "fault.h"
#include "selector.h"

#define QUELL_SIGKILL 9

/* Performs the actions of the selector at `at`; in monitor mode only those that change nothing. */
static __always_inline void quell_perform(struct quell_call *call, const __u8 *filter, __u32 at)
{
	at = quell_section(filter, at, QUELL_SECTION_ACTIONS);
	if (!at)
		return;
	__u32 entries = quell_filter_u32(filter, at + 4);

	at += sizeof(struct quell_section_head);
	for (__u32 i = 0; i < QUELL_MAX_ACTIONS; i++) {
		if (i >= config.actions || i >= entries)
			break;
		__u32 action = quell_filter_u32(filter, at + 4);

		at = quell_skip(filter, at);
		if (action != QUELL_ACTION_POST && (config.flags & QUELL_HOOK_MONITOR)) {
			call->flags |= QUELL_EVENT_MONITORED;
			continue;
		}
		if (action == QUELL_ACTION_SIGKILL) {
			long error = bpf_send_signal(QUELL_SIGKILL);

			call->signal_result = error;
			if (error) {
				quell_fault(QUELL_FAULT_SEND_SIGNAL, error);
				quell_count(kill_failed);
			} else {
				quell_count(killed);
			}
		}
		call->actions |= 1U << (action & 31);
	}
}

#endif
