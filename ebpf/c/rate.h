/* Rate limits: an event like one that was posted a short time ago is counted instead. */
#ifndef QUELL_RATE_H
#define QUELL_RATE_H

#include "fault.h"

#define QUELL_NS_PER_MS 1000000ULL

/* Of one argument, what tells two events apart. */
struct quell_rate_arg {
	__u64 number;
	__u32 status;
	__u32 length;
	__u8 bytes[QUELL_RATE_KEY_BYTES];
};

struct quell_rate_key {
	__u32 selector;
	__u32 scope;
	/* Thread, process or nobody, by the scope. */
	__u64 whose;
	struct quell_rate_arg arg[QUELL_MAX_ARGS];
};

/* When an event was last posted, by the clock of events. The event that was not seen for longest is forgotten first, which posts one
 * too many, and never one too few. The agent gives it as many entries as it needs before it loads the object. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct quell_rate_key);
	__type(value, __u64);
} rate_limits SEC(".maps");

static __always_inline bool quell_is_walked(__u32 type)
{
	return type == QUELL_TYPE_FD || type == QUELL_TYPE_FILE || type == QUELL_TYPE_PATH || type == QUELL_TYPE_DENTRY ||
	       type == QUELL_TYPE_LINUX_BINPRM || type == QUELL_TYPE_KIOCB;
}

static __always_inline void quell_rate_argument(struct quell_rate_arg *key, __u32 type, const struct quell_arg *arg,
						const __u8 *slot)
{
	__u32 length = arg->length;
	__u32 from = arg->start;

	key->number = arg->number;
	key->status = arg->status;
	key->length = length;
	/* Of a path the end, where the file is named. */
	if (quell_is_walked(type))
		from += quell_without(length, QUELL_RATE_KEY_BYTES);
#pragma unroll
	for (__u32 i = 0; i < QUELL_RATE_KEY_BYTES; i += 8) {
		__u64 bits = quell_least(quell_without(length, i), 8) * 8;

		*(__u64 *)(key->bytes + i) = quell_slot_u64(slot, from + i) & quell_low_bits(bits);
	}
}

static __always_inline __u64 quell_whose(__u32 scope)
{
	__u64 ids = bpf_get_current_pid_tgid();

	if (scope == QUELL_RATE_GLOBAL)
		return 0;
	return scope == QUELL_RATE_PROCESS ? ids >> 32 : ids;
}

/* What tells this event from others. `key` is memory of a map; it is as good as any that is written anew for every event. */
static __always_inline void quell_rate_key_of(struct quell_call *call, struct quell_rate_key *key)
{
	key->selector = call->selector;
	key->scope = call->rate_scope;
	key->whose = quell_whose(call->rate_scope);
#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_ARGS; i++) {
		if (i < config.args && !((config.return_copies >> i) & 1))
			quell_rate_argument(&key->arg[i], config.arg_type[i], &call->arg[i],
					    &call->slot[i * QUELL_SLOT_BYTES]);
		else
			__builtin_memset(&key->arg[i], 0, sizeof(key->arg[i]));
	}
}

/* Whether an event like this one was posted within the last `rate_ms` milliseconds; if not, it is now. */
static __always_inline bool quell_is_held_back(const struct quell_rate_key *key, __u32 rate_ms)
{
	__u64 now = quell_now();
	const __u64 *last = bpf_map_lookup_elem(&rate_limits, key);

	if (last && now - *last < rate_ms * QUELL_NS_PER_MS)
		return true;
	long error = bpf_map_update_elem(&rate_limits, key, &now, BPF_ANY);

	if (error)
		quell_fault(QUELL_FAULT_RATE_LIMIT, error);
	return false;
}

#endif
