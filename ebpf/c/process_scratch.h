/* Memory of the programs that keep the table of processes. Newer kernels let other tasks' programs run on the CPU in between, so
 * that each takes a piece of its own. */
#ifndef QUELL_PROCESS_SCRATCH_H
#define QUELL_PROCESS_SCRATCH_H

#include "tracked.h"

#ifndef QUELL_EBUSY
#define QUELL_EBUSY 16
#endif
#ifndef QUELL_EEXIST
#define QUELL_EEXIST 17
#endif

struct quell_process_scratch {
	/* Who holds it; more than one: who came last gives back. */
	__u64 claims;
	struct quell_process_entry entry;
	struct quell_process_details details;
	struct quell_arg arg;
	union quell_set_key key;
	__u8 slot[QUELL_SLOT_BYTES];
	struct quell_event_buffer event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, QUELL_MAX_CALLS);
	__type(key, __u32);
	__type(value, struct quell_process_scratch);
} process_scratch SEC(".maps");

/* Memory that nobody else on this CPU has; null, counted, when all is taken. */
static __always_inline struct quell_process_scratch *quell_take_scratch(void)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < QUELL_MAX_CALLS; i++) {
		__u32 index = i;
		struct quell_process_scratch *scratch = bpf_map_lookup_elem(&process_scratch, &index);

		if (!scratch) {
			quell_fault(QUELL_FAULT_MAP_LOOKUP, -QUELL_ENOENT);
			return 0;
		}
		__sync_fetch_and_add(&scratch->claims, 1);
		if (*(volatile __u64 *)&scratch->claims == 1)
			return scratch;
		__sync_fetch_and_add(&scratch->claims, -1);
	}
	quell_fault(QUELL_FAULT_CLAIM, -QUELL_EBUSY);
	return 0;
}

static __always_inline void quell_yield_scratch(struct quell_process_scratch *scratch)
{
	__sync_fetch_and_add(&scratch->claims, -1);
}

#endif
