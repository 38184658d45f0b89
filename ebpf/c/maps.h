/* Every map and global, keys and values from wire.gen.h only. */
#ifndef QUELL_MAPS_H
#define QUELL_MAPS_H

#include "call.h"

/* Constants of this hook; frozen before load, so that the verifier deletes what the hook does not use (Linux 5.5,
 * commit a23740ec43ba). */
const volatile struct quell_hook_config config = {};

/* Counters and failed helpers of this hook. */
struct quell_hook_counters counters = {};
struct quell_fault_row faults[QUELL_FAULT_SITES] = {};

/* Never read: a pointer to every record that no map or global names, so that the compiler describes it in BTF, where
 * the agent compares the layout with its own before it attaches. */
union quell_described {
	struct quell_filter_head filter_head;
	struct quell_selector_head selector_head;
	struct quell_section_head section_head;
	struct quell_pid_entry pid_entry;
	struct quell_arg_entry arg_entry;
	struct quell_string_head string_head;
	struct quell_action_entry action_entry;
	struct quell_event_head event_head;
	struct quell_event_arg event_arg;
};
const union quell_described *quell_described __attribute__((unused));

struct quell_filter {
	__u8 bytes[QUELL_FILTER_BYTES];
};

/* Selector bytes of this hook. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct quell_filter);
} filter_map SEC(".maps");

/* Stages behind the gateway. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, QUELL_STAGE_POST + 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} kprobe_calls SEC(".maps");

/* The call on its way through the stages; shared by all hooks. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct quell_call);
} process_call_heap SEC(".maps");

/* One whole string may start at the last byte before the fill mark. */
struct quell_event_buffer {
	__u8 bytes[QUELL_EVENT_BYTES + sizeof(struct quell_event_arg)];
};

/* The event under construction; shared by all hooks. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct quell_event_buffer);
} event_heap SEC(".maps");

/* Events to the agent; shared by all hooks. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, QUELL_RING_BYTES);
} events SEC(".maps");

#endif
