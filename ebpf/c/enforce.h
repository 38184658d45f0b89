/* Enforcers: programs at functions where calls can be refused. They have no selectors; they act on the notes that the hooks of
 * their policy leave. */
#ifndef QUELL_ENFORCE_H
#define QUELL_ENFORCE_H

#include "actions.h"

/* Acts on the note of the calling thread, if there is one. Its event was posted by the hook that left it. */
static __always_inline long quell_enforce(quell_context *context, struct quell_call *call)
{
	struct quell_enforcer_note note = {};

	if (!quell_take_note(&note)) {
		quell_count(process_rejected);
		return quell_end(call);
	}
	quell_count(matched);
	quell_count(not_posted);
	if (note.signal == QUELL_SIGKILL)
		quell_kill(call);
	else if (note.signal)
		quell_signal(call, note.signal);
	if (note.error) {
		if (config.flags & QUELL_HOOK_OVERRIDES)
			quell_refuse(context, call, note.error);
		else
			quell_count(refuse_failed);
	}
	return quell_end(call);
}

#endif
