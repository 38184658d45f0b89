/* Every map and global, keys and values from wire.gen.h only. */
#ifndef QUELL_MAPS_H
#define QUELL_MAPS_H

#include "sets.h"

/* Constants of this hook; frozen before load, so that the verifier deletes what the hook does not use (Linux 5.5,
 * commit a23740ec43ba). */
const volatile struct quell_hook_config config = {};

/* Counters and failed helpers of this hook. */
struct quell_hook_counters counters = {};
struct quell_fault_row faults[QUELL_FAULT_SITES] = {};

/* Where the initial mount namespace is, once the early look has seen it. */
__u64 initial_mounts = 0;

/* Never read: a pointer to every record that no map or global names, so that the compiler describes it in BTF, where
 * the agent compares the layout with its own before it attaches. */
union quell_described {
	struct quell_filter_head filter_head;
	struct quell_selector_head selector_head;
	struct quell_section_head section_head;
	struct quell_pid_entry pid_entry;
	struct quell_entry entry;
	struct quell_string_head string_head;
	struct quell_network network;
	struct quell_action_entry action_entry;
	struct quell_number_key number_key;
	struct quell_string_key string_key;
	struct quell_affix_key affix_key;
	struct quell_network_key network_key;
	struct quell_search_table search_table;
	struct quell_connection connection;
	struct quell_event_head event_head;
	struct quell_event_arg event_arg;
	struct quell_process_details process_details;
	struct quell_process_entry process_entry;
	struct quell_enforcer_note enforcer_note;
	struct quell_kept_key kept_key;
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

/* Members of the sets of this hook, one map per kind; a key begins with the number of its set. The agent gives each as
 * many entries as it has members before it loads the object. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct quell_number_key);
	__type(value, __u8);
} number_sets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct quell_string_key);
	__type(value, __u8);
} string_sets SEC(".maps");

/* A trie finds the longest member that is a prefix of the key. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct quell_affix_key);
	__type(value, __u8);
} prefix_sets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct quell_affix_key);
	__type(value, __u8);
} postfix_sets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct quell_network_key);
	__type(value, __u8);
} network_sets SEC(".maps");

/* What SubString entries search for; the agent gives it as many entries as the hook has searches. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct quell_search_table);
} search_tables SEC(".maps");

/* The table of the early look; the agent gives it as many words as the hook's constants say. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} early_words SEC(".maps");

/* Stages behind the gateway. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, QUELL_STAGE_RETURN_POST + 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} kprobe_calls SEC(".maps");

/* Stages behind the return of a function. Where entry and exit are programs of different kinds, they cannot be called from
 * one array. */
#ifdef QUELL_OWN_RETURN_CALLS
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, QUELL_STAGE_RETURN_POST + 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} return_calls SEC(".maps");
#else
#define return_calls kprobe_calls
#endif

/* One whole string may start at the last byte before the fill mark. */
struct quell_event_buffer {
	__u8 bytes[QUELL_EVENT_BYTES + sizeof(struct quell_event_arg)];
};

#ifdef QUELL_CLAIMED
/* The calls under way on a CPU; shared by all hooks whose programs may interrupt each other, as the two below are. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct quell_claims);
} claims SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, QUELL_MAX_CALLS);
	__type(key, __u32);
	__type(value, struct quell_call);
} claimed_call_heap SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, QUELL_MAX_CALLS);
	__type(key, __u32);
	__type(value, struct quell_event_buffer);
} claimed_event_heap SEC(".maps");
#else
/* The call on its way through the stages; shared by all hooks. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct quell_call);
} process_call_heap SEC(".maps");

/* The event under construction; shared by all hooks. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct quell_event_buffer);
} event_heap SEC(".maps");
#endif

#ifdef QUELL_OVERRIDES
/* The error that a call shall return, from the program that decides to the one that says so. */
struct quell_refusal {
	/* Whose call it is: the thread, and its stack. */
	__u64 thread;
	__u64 stack;
	/* Negative; 0: none. */
	__s32 error;
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct quell_refusal);
} refusals SEC(".maps");
#endif

/* Events to the agent; shared by all hooks. */
#ifdef QUELL_PERF_BUFFER
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");
#else
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, QUELL_RING_BYTES);
} events SEC(".maps");
#endif

/* The lookup of sets.h. */
static __always_inline __u32 quell_set_has(__u32 kind, const union quell_set_key *key)
{
	switch (kind) {
	case QUELL_SET_NUMBERS:
		return bpf_map_lookup_elem(&number_sets, key) != 0;
	case QUELL_SET_STRINGS:
		return bpf_map_lookup_elem(&string_sets, key) != 0;
	case QUELL_SET_PREFIXES:
		return bpf_map_lookup_elem(&prefix_sets, key) != 0;
	case QUELL_SET_POSTFIXES:
		return bpf_map_lookup_elem(&postfix_sets, key) != 0;
	default:
		return bpf_map_lookup_elem(&network_sets, key) != 0;
	}
}

#endif
