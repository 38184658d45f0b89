/* The programs of one family: a thin wrapper around every function of the gateway, all in one section, so that they are of one
 * kind and can call each other through one program array. The file of a family defines what tells it from the others:
 *
 *   QUELL_FAMILY            its name, as in generic_FAMILY_filter
 *   QUELL_KIND              the section of its programs
 *   QUELL_CONTEXT_*         what the kernel gives them (context.h)
 *   QUELL_CLAIMED           its programs may interrupt each other (heap.h)
 *   QUELL_REFUSES           what they return is what the call returns
 *   QUELL_OVERRIDES         they may override what the call returns (refuse.h)
 *   QUELL_RETURN_KIND       the section of its programs at the return; QUELL_OWN_RETURN_CALLS where that is another kind
 *   QUELL_COOKIES           a cookie says at which target a program is
 *   QUELL_PERF_BUFFER       events go through perf buffers: for kernels without ring buffers (before Linux 5.8) */
#ifndef QUELL_PROGRAMS_H
#define QUELL_PROGRAMS_H

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "gateway.h"
#ifdef QUELL_RETURN_KIND
#include "return.h"
#endif

/* bpf_send_signal and the probe_read family are for GPL-compatible programs only. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define QUELL_JOIN(family, stage) generic_##family##_##stage
#define QUELL_NAME(family, stage) QUELL_JOIN(family, stage)

/* A result of 64 bits: newer kernels look at all of them. */
#define QUELL_PROGRAM(kind, stage, body)                      \
	SEC(kind)                                             \
	long QUELL_NAME(QUELL_FAMILY, stage)(quell_context *context) \
	{                                                     \
		return body;                                  \
	}

QUELL_PROGRAM(QUELL_KIND, event, quell_hook(context))
QUELL_PROGRAM(QUELL_KIND, process_filter, quell_stage_process_filter(context))
QUELL_PROGRAM(QUELL_KIND, arguments, quell_stage_arguments(context))
QUELL_PROGRAM(QUELL_KIND, search, quell_stage_search(context))
QUELL_PROGRAM(QUELL_KIND, filter, quell_stage_filter(context))
QUELL_PROGRAM(QUELL_KIND, actions, quell_stage_actions(context))
QUELL_PROGRAM(QUELL_KIND, post, quell_stage_post(context))
#ifdef QUELL_OVERRIDES
QUELL_PROGRAM(QUELL_KIND, override_event, quell_override(context))
#endif
#ifdef QUELL_RETURN_KIND
QUELL_PROGRAM(QUELL_RETURN_KIND, return_event, quell_return(context))
QUELL_PROGRAM(QUELL_RETURN_KIND, return_search, quell_stage_return_search(context))
QUELL_PROGRAM(QUELL_RETURN_KIND, return, quell_stage_return(context))
QUELL_PROGRAM(QUELL_RETURN_KIND, return_post, quell_stage_return_post(context))
#endif

#endif
