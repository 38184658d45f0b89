/* Scratch memory of a call, which every stage finds again: the call itself, and the event that it becomes.
 *
 * Kprobe, kprobe.multi and tracepoint programs exclude each other on a CPU: while one runs, bpf_prog_active makes the kernel
 * skip the next. So they share one element per CPU. Programs of every other family may be interrupted or preempted by
 * another on the same CPU (QUELL_CLAIMED): each call claims one of QUELL_MAX_CALLS elements, is known by the address of its
 * context, which no other call under way has and which every stage is given, and gives it back on every way out. */
#ifndef QUELL_HEAP_H
#define QUELL_HEAP_H

#include "fault.h"

#ifdef QUELL_CLAIMED

/* The element of this call; QUELL_MAX_CALLS when it has none. */
static __always_inline __u32 quell_claimed_by(const struct quell_claims *claims, const void *context)
{
	__u32 found = QUELL_MAX_CALLS;

#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_CALLS; i++) {
		if (quell_fresh(claims->owner[i]) == (__u64)context)
			found = i;
	}
	return found;
}

static __always_inline struct quell_claims *quell_claims_here(void)
{
	__u32 zero = 0;
	struct quell_claims *here = bpf_map_lookup_elem(&claims, &zero);

	if (!here)
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
	return here;
}

static __always_inline struct quell_call *quell_claimed_call(__u32 index)
{
	struct quell_call *call = bpf_map_lookup_elem(&claimed_call_heap, &index);

	if (call)
		call->claim = index;
	else
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
	return call;
}

/* Claims an element. Adding and reading are two instructions (one that does both is Linux 5.12), so that a call that comes
 * between them makes both pass this element over; there are others. */
static __always_inline struct quell_call *quell_begin(const void *context)
{
	struct quell_claims *here = quell_claims_here();

	if (!here)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_CALLS; i++) {
		__sync_fetch_and_add(&here->taken[i], 1);
		if (quell_fresh(here->taken[i]) == 1) {
			here->owner[i] = (__u64)context;
			return quell_claimed_call(i);
		}
		__sync_fetch_and_add(&here->taken[i], -1);
	}
	quell_fault(QUELL_FAULT_CLAIM, -QUELL_EBUSY);
	return 0;
}

/* The call that an earlier stage of this run began. */
static __always_inline struct quell_call *quell_heap(const void *context)
{
	struct quell_claims *here = quell_claims_here();

	if (!here)
		return 0;
	__u32 index = quell_claimed_by(here, context);

	if (index >= QUELL_MAX_CALLS) {
		quell_fault(QUELL_FAULT_CLAIM, -QUELL_ENOENT);
		return 0;
	}
	return quell_claimed_call(index);
}

static __always_inline void quell_give_back(struct quell_call *call)
{
	struct quell_claims *here = quell_claims_here();
	__u32 index = call->claim;

	if (!here)
		return;
#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_CALLS; i++) {
		if (i != index)
			continue;
		*(volatile __u64 *)&here->owner[i] = 0;
		__sync_fetch_and_add(&here->taken[i], -1);
	}
}

#else

static __always_inline struct quell_call *quell_heap(const void *context)
{
	__u32 zero = 0;
	struct quell_call *call = bpf_map_lookup_elem(&process_call_heap, &zero);

	if (!call)
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
	return call;
}

static __always_inline struct quell_call *quell_begin(const void *context)
{
	return quell_heap(context);
}

static __always_inline void quell_give_back(struct quell_call *call)
{
}

#endif

/* The event under construction of this call. */
static __always_inline struct quell_event_buffer *quell_event_heap(const struct quell_call *call)
{
#ifdef QUELL_CLAIMED
	__u32 index = call->claim;
	struct quell_event_buffer *event = bpf_map_lookup_elem(&claimed_event_heap, &index);
#else
	__u32 zero = 0;
	struct quell_event_buffer *event = bpf_map_lookup_elem(&event_heap, &zero);
#endif

	if (!event)
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
	return event;
}

static __always_inline const __u8 *quell_filter_bytes(void)
{
	__u32 zero = 0;
	struct quell_filter *filter = bpf_map_lookup_elem(&filter_map, &zero);

	if (!filter) {
		quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
		return 0;
	}
	return filter->bytes;
}

/* Goes on to a stage. Comes back only when the tail call failed, which is counted. */
static __always_inline void quell_go(void *context, __u32 stage)
{
	bpf_tail_call(context, &kprobe_calls, stage);
	quell_fault(QUELL_FAULT_TAIL_CALL, -(long)stage);
}

/* What the program gives to the kernel: where that decides (LSM, fmod_ret), the error of the call. A program runs only while
 * those in front of it returned 0, so that there is no error of theirs to hand on. The mask is for the
 * verifier, which asks for -4095 to 0; the subtraction is hidden from the compiler, because older verifiers know no bounds
 * of a negation. */
static __always_inline long quell_result(const struct quell_call *call)
{
#ifdef QUELL_REFUSES
	__u64 error = -(__s64)call->error;
	long result = 0;

	error &= 4095;
	quell_opaque(error);
	quell_opaque(result);
	error &= 4095;
	return result - (long)error;
#else
	return 0;
#endif
}

/* The one way out of a call that has scratch memory. */
static __always_inline long quell_end(struct quell_call *call)
{
	long result = quell_result(call);

	quell_give_back(call);
	return result;
}

/* Ends a call that no stage has decided. */
static __always_inline long quell_abort(struct quell_call *call)
{
	quell_count(aborted);
	return call ? quell_end(call) : 0;
}

/* Ends a call whose selector matched and whose event never comes to be. */
static __always_inline long quell_lost(struct quell_call *call)
{
	quell_count(lost);
	return call ? quell_end(call) : 0;
}

#endif
