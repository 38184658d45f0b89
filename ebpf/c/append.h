/* Arguments of an event, appended one by one. */
#ifndef QUELL_APPEND_H
#define QUELL_APPEND_H

#include "fault.h"

/* Appends one argument with its bytes; what does not fit is cut, and the event says so. */
static __always_inline __u32 quell_append(struct quell_event_buffer *event, __u32 at, __u32 type,
					  const struct quell_arg *arg, const __u8 *slot, __u32 *flags)
{
	__u32 length = quell_fresh(arg->length);

	if (at >= QUELL_EVENT_FILL_BYTES) {
		*flags |= QUELL_EVENT_CUT;
		return at;
	}
	/* The check above, again as a mask, which the verifier remembers across the stores, and the compiler must not leave out. */
	quell_opaque(at);
	at &= QUELL_EVENT_FILL_BYTES - 1;
	struct quell_event_arg *head = (struct quell_event_arg *)&event->bytes[at];

	head->arg_type = type;
	head->status = arg->status;
	head->length = 0;
	head->mode = arg->mode;
	head->number = arg->number;
	at += sizeof(*head);
	if (length > QUELL_MAX_STRING_BYTES)
		length = QUELL_MAX_STRING_BYTES;
	/* Else the compiler takes the masks below for superfluous, which are for the verifier. */
	quell_opaque(length);
	if (length) {
		/* The padding behind the string shall not be what an earlier event left there. */
		*(__u64 *)&event->bytes[at + ((length - 1) & (2 * QUELL_MAX_STRING_BYTES - 8))] = 0;
		long error = bpf_probe_read_kernel(&event->bytes[at], length & (2 * QUELL_MAX_STRING_BYTES - 1),
						   slot + (arg->start & (QUELL_MAX_STRING_BYTES - 1)));

		if (error) {
			quell_fault(QUELL_FAULT_EVENT_COPY, error);
			*flags |= QUELL_EVENT_CUT;
			length = 0;
		}
		head->length = length;
	}
	return at + quell_round_up_8(length);
}

#endif
