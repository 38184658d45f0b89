/* The evaluator, built for the host: functions with external linkage around the inline ones of selector.h. Nothing is
 * decided here. */
#include "host_types.h"
#include "selector.h"

/* ebpf/src/host.rs has the same two structs and asserts the same numbers. */
_Static_assert(sizeof(struct quell_process) == 80, "size of quell_process");
_Static_assert(QUELL_GLOBAL_IDS == 0 && QUELL_NAMESPACE_IDS == 1 && QUELL_IDS == 10, "views of process ids");
_Static_assert(sizeof(struct quell_arg) == 24, "size of quell_arg");
_Static_assert(__builtin_offsetof(struct quell_arg, status) == 0, "offset of status");
_Static_assert(__builtin_offsetof(struct quell_arg, start) == 4, "offset of start");
_Static_assert(__builtin_offsetof(struct quell_arg, length) == 8, "offset of length");
_Static_assert(__builtin_offsetof(struct quell_arg, number) == 16, "offset of number");

/* In the kernel the scratch memory keeps what the call before left in it. */
#define QUELL_STALE_SCRATCH()                                           \
	struct quell_scratch scratch;                                   \
	__builtin_memset(&scratch, 0x5a, sizeof(scratch))

__u32 quell_host_match_pids(const __u8 *filter, __u32 at, const struct quell_process *process,
			    const struct quell_hook_config *config)
{
	QUELL_STALE_SCRATCH();
	return quell_match_pids(filter, at, process, &scratch, config);
}

__u32 quell_host_match_args(const __u8 *filter, __u32 at, const struct quell_arg *args, const __u8 *slots,
			    const struct quell_hook_config *config)
{
	QUELL_STALE_SCRATCH();
	return quell_match_args(filter, at, args, slots, &scratch, config);
}

__u32 quell_host_section(const __u8 *filter, __u32 at, __u32 section)
{
	return quell_section(filter, at, section);
}

__u32 quell_host_skip(const __u8 *filter, __u32 at)
{
	return quell_skip(filter, at);
}

__u32 quell_host_u32(const __u8 *filter, __u32 at)
{
	return quell_filter_u32(filter, at);
}
