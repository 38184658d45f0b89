/* Subjects: everything that entries of a selector compare, arguments included. */
#ifndef QUELL_SUBJECTS_H
#define QUELL_SUBJECTS_H

#include "arguments.h"
#include "tracked.h"

static __always_inline void quell_read_executables(struct quell_call *call, __u32 wanted)
{
	if (wanted & (1U << QUELL_SUBJECT_EXECUTABLE))
		quell_read_executable((struct task_struct *)bpf_get_current_task(),
				      &call->arg[QUELL_SUBJECT_EXECUTABLE],
				      &call->slot[QUELL_SUBJECT_EXECUTABLE * QUELL_SLOT_BYTES]);
	if (wanted & (1U << QUELL_SUBJECT_PARENT_EXECUTABLE)) {
		struct quell_arg *arg = &call->arg[QUELL_SUBJECT_PARENT_EXECUTABLE];
		struct task_struct *leader = 0, *parent = 0;

		quell_begin_subject(arg);
		if (quell_leader(&leader) && quell_parent(leader, &parent))
			quell_read_executable(parent, arg,
					      &call->slot[QUELL_SUBJECT_PARENT_EXECUTABLE * QUELL_SLOT_BYTES]);
	}
}

/* Notes the number of the namespace that `field` of the task's nsproxy points to; 0 where the kernel is built without such ones. */
#define quell_read_namespace(call, nsproxy, subject, field)                                                \
	({                                                                                                 \
		struct quell_arg *__arg = &(call)->arg[subject];                                           \
		__typeof__((nsproxy)->field) __ns = 0;                                                     \
		__u32 __inum = 0;                                                                          \
		quell_begin_subject(__arg);                                                                \
		if (quell_read(&__ns, &(nsproxy)->field, QUELL_FAULT_TASK) &&                              \
		    (!__ns || quell_read(&__inum, &__ns->ns.inum, QUELL_FAULT_TASK)))                      \
			quell_set_number(__arg, __inum);                                                   \
	})

/* The namespaces behind the task's nsproxy: of a task that exits, there are none any more, and nothing is concluded. */
static __always_inline void quell_read_nsproxy(struct quell_call *call, __u32 wanted)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct nsproxy *nsproxy = 0;

	if (quell_read(&nsproxy, &task->nsproxy, QUELL_FAULT_TASK) && !nsproxy)
		quell_fault(QUELL_FAULT_TASK, -QUELL_ESRCH);
	if (wanted & (1U << QUELL_SUBJECT_NS_UTS))
		quell_read_namespace(call, nsproxy, QUELL_SUBJECT_NS_UTS, uts_ns);
	if (wanted & (1U << QUELL_SUBJECT_NS_IPC))
		quell_read_namespace(call, nsproxy, QUELL_SUBJECT_NS_IPC, ipc_ns);
	if (wanted & (1U << QUELL_SUBJECT_NS_MNT))
		quell_read_namespace(call, nsproxy, QUELL_SUBJECT_NS_MNT, mnt_ns);
	if (wanted & (1U << QUELL_SUBJECT_NS_PID_FOR_CHILDREN))
		quell_read_namespace(call, nsproxy, QUELL_SUBJECT_NS_PID_FOR_CHILDREN, pid_ns_for_children);
	if (wanted & (1U << QUELL_SUBJECT_NS_NET))
		quell_read_namespace(call, nsproxy, QUELL_SUBJECT_NS_NET, net_ns);
	if (wanted & (1U << QUELL_SUBJECT_NS_CGROUP))
		quell_read_namespace(call, nsproxy, QUELL_SUBJECT_NS_CGROUP, cgroup_ns);
	/* Where the kernel has no time namespaces, every process is in the host's, whose number is 0 there. */
	if (!bpf_core_field_exists(nsproxy->time_ns)) {
		quell_set_number(&call->arg[QUELL_SUBJECT_NS_TIME], 0);
		quell_set_number(&call->arg[QUELL_SUBJECT_NS_TIME_FOR_CHILDREN], 0);
		return;
	}
	if (wanted & (1U << QUELL_SUBJECT_NS_TIME))
		quell_read_namespace(call, nsproxy, QUELL_SUBJECT_NS_TIME, time_ns);
	if (wanted & (1U << QUELL_SUBJECT_NS_TIME_FOR_CHILDREN))
		quell_read_namespace(call, nsproxy, QUELL_SUBJECT_NS_TIME_FOR_CHILDREN, time_ns_for_children);
}

/* The PID namespace that the process itself is in. */
static __always_inline void quell_read_pid_namespace(struct quell_arg *arg)
{
	struct task_struct *leader = 0;
	struct pid_namespace *ns = 0;
	__u32 id = 0, inum = 0;

	quell_begin_subject(arg);
	if (quell_leader(&leader) && quell_namespace_id(leader, &id, &ns) &&
	    quell_read(&inum, &ns->ns.inum, QUELL_FAULT_TASK))
		quell_set_number(arg, inum);
}

#define quell_read_capability_set(call, cred, subject, field)                                              \
	({                                                                                                 \
		struct quell_arg *__arg = &(call)->arg[subject];                                           \
		struct quell_kernel_cap __set = {};                                                        \
		quell_begin_subject(__arg);                                                                \
		if (quell_read(&__set, &(cred)->field, QUELL_FAULT_TASK))                                  \
			quell_set_number(__arg, __set.bits);                                               \
	})

/* What the task may do, by the credentials that the kernel asks: they can be overridden for a while. */
static __always_inline void quell_read_credentials(struct quell_call *call, __u32 wanted)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct cred *cred = 0;

	quell_read(&cred, &task->cred, QUELL_FAULT_TASK);
	if (wanted & (1U << QUELL_SUBJECT_NS_USER))
		quell_read_namespace(call, cred, QUELL_SUBJECT_NS_USER, user_ns);
	if (wanted & (1U << QUELL_SUBJECT_CAP_PERMITTED))
		quell_read_capability_set(call, cred, QUELL_SUBJECT_CAP_PERMITTED, cap_permitted);
	if (wanted & (1U << QUELL_SUBJECT_CAP_EFFECTIVE))
		quell_read_capability_set(call, cred, QUELL_SUBJECT_CAP_EFFECTIVE, cap_effective);
	if (wanted & (1U << QUELL_SUBJECT_CAP_INHERITABLE))
		quell_read_capability_set(call, cred, QUELL_SUBJECT_CAP_INHERITABLE, cap_inheritable);
}

/* Subjects that are read through the task's nsproxy, and through its credentials. */
#define QUELL_NSPROXY_SUBJECTS                                                                             \
	(1U << QUELL_SUBJECT_NS_UTS | 1U << QUELL_SUBJECT_NS_IPC | 1U << QUELL_SUBJECT_NS_MNT |           \
	 1U << QUELL_SUBJECT_NS_PID_FOR_CHILDREN | 1U << QUELL_SUBJECT_NS_NET | 1U << QUELL_SUBJECT_NS_TIME | \
	 1U << QUELL_SUBJECT_NS_TIME_FOR_CHILDREN | 1U << QUELL_SUBJECT_NS_CGROUP)
#define QUELL_CREDENTIAL_SUBJECTS                                                                          \
	(1U << QUELL_SUBJECT_NS_USER | 1U << QUELL_SUBJECT_CAP_PERMITTED | 1U << QUELL_SUBJECT_CAP_EFFECTIVE | \
	 1U << QUELL_SUBJECT_CAP_INHERITABLE)

/* Reads the subjects whose bit is set in `wanted`, which is a constant of the hook. */
static __always_inline void quell_read_subjects(struct quell_call *call, __u32 wanted)
{
	wanted = quell_also_wanted(wanted);
	if ((config.flags & QUELL_HOOK_TRACKED) && (wanted & (1U << QUELL_SUBJECT_FOLLOWED_BINARIES)))
		quell_read_followed(call);
	quell_read_arguments(call, wanted);
	quell_read_executables(call, wanted);
	if (wanted & QUELL_NSPROXY_SUBJECTS)
		quell_read_nsproxy(call, wanted);
	if (wanted & (1U << QUELL_SUBJECT_NS_PID))
		quell_read_pid_namespace(&call->arg[QUELL_SUBJECT_NS_PID]);
	if (wanted & QUELL_CREDENTIAL_SUBJECTS)
		quell_read_credentials(call, wanted);
	if ((config.flags & QUELL_HOOK_TRACKED) && (wanted & QUELL_CHANGE_SUBJECTS))
		quell_read_changes(call, wanted);
}

#endif
