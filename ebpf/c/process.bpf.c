/* The table of processes: an entry from the fork of a process to its end, and what changes in it at exec. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "process_table.h"

/* The probe_read family is for GPL-compatible programs only. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Without memory of its own the program does nothing: the process is looked up otherwise. */
static __always_inline int quell_unkept(void)
{
	quell_count(aborted);
	return 0;
}

/* Called by the forking thread before the child runs. */
SEC("raw_tp/sched_process_fork")
int process_fork(struct bpf_raw_tracepoint_args *context)
{
	struct quell_process_scratch *scratch = quell_take_scratch();

	quell_count(calls);
	if (!scratch)
		return quell_unkept();
	quell_forked((struct task_struct *)context->args[0], (struct task_struct *)context->args[1], scratch);
	quell_yield_scratch(scratch);
	return 0;
}

/* Called when the new program is in place; of a thread that was not the leader, when it has become it. */
SEC("raw_tp/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args *context)
{
	struct quell_process_scratch *scratch = quell_take_scratch();

	quell_count(calls);
	if (!scratch) {
		quell_forget(bpf_get_current_pid_tgid() >> 32);
		return quell_unkept();
	}
	quell_executed(context, (struct task_struct *)context->args[0], scratch);
	quell_yield_scratch(scratch);
	return 0;
}

/* Called for every thread that ends. */
SEC("raw_tp/sched_process_exit")
int process_exit(struct bpf_raw_tracepoint_args *context)
{
	struct quell_process_scratch *scratch = quell_take_scratch();

	quell_count(calls);
	if (!scratch)
		return quell_unkept();
	quell_exited(context, (struct task_struct *)context->args[0], scratch);
	quell_yield_scratch(scratch);
	return 0;
}
