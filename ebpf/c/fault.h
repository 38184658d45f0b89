/* Counts failed helpers by site and errno: nothing fails unseen. */
#ifndef QUELL_FAULT_H
#define QUELL_FAULT_H

#include "maps.h"

#define QUELL_ENOENT 2
#define QUELL_ESRCH 3
#define QUELL_E2BIG 7
#define QUELL_EBUSY 16
#define QUELL_EINVAL 22

/* Counts `error`, which is negative, at `site`, which is a constant. */
static __always_inline void quell_fault(__u32 site, long error)
{
	__u64 number = -error;

	if (number >= QUELL_FAULT_ERRNOS)
		number = QUELL_FAULT_ERRNOS - 1;
	__sync_fetch_and_add(&faults[site].errno[number], 1);
}

/* Adds one to a counter. */
#define quell_count(counter) __sync_fetch_and_add(&counters.counter, 1)

/* Reads `from` into `*to`; counts a failure at `site` and says whether it went well. */
#define quell_read(to, from, site)                                                                         \
	({                                                                                                 \
		long __error = bpf_core_read((to), sizeof(*(to)), (from));                                 \
		if (__error)                                                                               \
			quell_fault((site), __error);                                                      \
		__error == 0;                                                                              \
	})

/* The clock of events, and of their rate limits. Kernels without ring buffers do not have CLOCK_BOOTTIME for programs either:
 * both came with Linux 5.8. */
#ifdef QUELL_PERF_BUFFER
#define QUELL_CLOCK_FLAG QUELL_EVENT_MONOTONIC
#define quell_now() bpf_ktime_get_ns()
#else
#define QUELL_CLOCK_FLAG 0
#define quell_now() bpf_ktime_get_boot_ns()
#endif

#endif
