/* Generated from the Rust crate in ebpf/wire by `cargo xtask bless`; never edited. */
#ifndef QUELL_WIRE_GEN_H
#define QUELL_WIRE_GEN_H

#ifdef __bpf__
#include <linux/types.h>
#else
#include "host_types.h"
#endif

/* Limits */
/* Bytes of selector encoding per hook: the value of `filter_map`. */
#define QUELL_FILTER_BYTES 4096
/* Selectors per hook: one argument-filter stage each. */
#define QUELL_MAX_SELECTORS 5
/* Arguments per hook: those that the calling convention passes in registers and a kprobe can read. */
#define QUELL_MAX_ARGS 5
/* matchPIDs entries per selector, all of which must hold. */
#define QUELL_MAX_PID_ENTRIES 4
/* Process ids per matchPIDs entry. */
#define QUELL_MAX_PIDS 16
/* matchArgs entries per selector, all of which must hold. */
#define QUELL_MAX_ARG_FILTERS 5
/* Values per matchArgs entry. */
#define QUELL_MAX_VALUES 16
/* matchActions entries per selector. */
#define QUELL_MAX_ACTIONS 4
/* Bytes of one string value of a filter; a multiple of 8, because strings are compared in words. */
#define QUELL_MAX_STRING_VALUE_BYTES 256
/* Bytes kept of one string argument (a path, a user string, a buffer): PATH_MAX. */
#define QUELL_MAX_STRING_BYTES 4096
/* Bytes behind the string of a slot, so that a whole path component or word may be read at its last byte. */
#define QUELL_STRING_SLACK_BYTES 256
/* Steps of one path walk: components and mount crossings together. */
#define QUELL_MAX_PATH_STEPS 64
/* Bytes of one path component (NAME_MAX). */
#define QUELL_MAX_NAME_BYTES 255
/* Ancestors that followForks looks at, nearest first. */
#define QUELL_MAX_ANCESTORS 9
/* Bytes of the event buffer that may be filled before an argument is cut. */
#define QUELL_EVENT_FILL_BYTES 16384
/* Bytes of the event buffer: one whole string fits behind the fill mark. */
#define QUELL_EVENT_BYTES 24576
/* Bytes of a task's command name (TASK_COMM_LEN). */
#define QUELL_COMM_BYTES 16
/* Bytes of the ring buffer that all hooks share; a power of two and a multiple of the page size. */
#define QUELL_RING_BYTES 1048576
/* errno slots per fault site; larger numbers are counted in the last one. */
#define QUELL_FAULT_ERRNOS 136

/* Operators */
/* The same number, or the same bytes. */
#define QUELL_OP_EQUAL 3
/* Not `Equal` to any value. */
#define QUELL_OP_NOT_EQUAL 4
/* Member of the set. */
#define QUELL_OP_IN 5
/* Not a member of the set. */
#define QUELL_OP_NOT_IN 6
/* Starts with a value. */
#define QUELL_OP_PREFIX 8
/* Ends with a value. */
#define QUELL_OP_POSTFIX 9

/* Argument types */
/* `int`. */
#define QUELL_TYPE_INT 1
/* Buffer with its size in another argument. */
#define QUELL_TYPE_CHAR_BUF 2
/* `size_t`. */
#define QUELL_TYPE_SIZE_T 4
/* NUL-terminated string. */
#define QUELL_TYPE_STRING 6
/* Signed 64 bits. */
#define QUELL_TYPE_S64 10
/* Unsigned 64 bits. */
#define QUELL_TYPE_U64 11
/* Signed 32 bits. */
#define QUELL_TYPE_S32 12
/* Unsigned 32 bits. */
#define QUELL_TYPE_U32 13
/* `struct filename *`. */
#define QUELL_TYPE_FILENAME 14
/* `struct path *`. */
#define QUELL_TYPE_PATH 15
/* `struct file *`. */
#define QUELL_TYPE_FILE 16
/* File descriptor, resolved in the calling task's own table. */
#define QUELL_TYPE_FD 17
/* Signed 16 bits. */
#define QUELL_TYPE_S16 29
/* Unsigned 16 bits. */
#define QUELL_TYPE_U16 30
/* Signed 8 bits. */
#define QUELL_TYPE_S8 31
/* Unsigned 8 bits. */
#define QUELL_TYPE_U8 32

/* Actions */
/* Posts an event. */
#define QUELL_ACTION_POST 0
/* Sends SIGKILL to the calling process (`bpf_send_signal`, Linux 5.3), and posts an event. */
#define QUELL_ACTION_SIGKILL 2

/* Argument statuses */
/* Not read: the hook has no such argument, or a cheaper filter had already decided. */
#define QUELL_ARG_ABSENT 0
/* Read whole. */
#define QUELL_ARG_OK 1
/* Longer than is kept: of a path the end is known, of everything else the beginning. */
#define QUELL_ARG_TRUNCATED 2
/* User memory that is not there yet; an ordinary program may pass it, so nothing is concluded. */
#define QUELL_ARG_USER_FAULT 3
/* Kernel memory that could not be read; an enforcing selector takes it for a match. */
#define QUELL_ARG_KERNEL_FAULT 4
/* A path whose walk does not end at the root of a mount namespace; an enforcing selector takes it for a match. */
#define QUELL_ARG_DISCONNECTED 5
/* A pipe, socket or anonymous inode: no path, hence no match, whatever the operator. */
#define QUELL_ARG_NO_PATH 6
/* Not an open descriptor: no match, whatever the operator. */
#define QUELL_ARG_BAD_FD 7

/* Match results */
/* It does not match. */
#define QUELL_MATCH_NO 0
/* It matches. */
#define QUELL_MATCH_YES 1
/* What was read does not decide it (truncated, disconnected, kernel fault). */
#define QUELL_MATCH_UNDECIDED 2
/* User memory could not be read. */
#define QUELL_MATCH_UNREADABLE 3
/* The bytes are not selectors that this hook's constants describe. */
#define QUELL_MATCH_MALFORMED 4

/* Sections of a selector */
/* matchPIDs. */
#define QUELL_SECTION_PIDS 0
/* matchBinaries. */
#define QUELL_SECTION_BINARIES 1
/* matchArgs. */
#define QUELL_SECTION_ARGS 2
/* matchNamespaces. */
#define QUELL_SECTION_NAMESPACES 3
/* matchCapabilities. */
#define QUELL_SECTION_CAPABILITIES 4
/* matchNamespaceChanges. */
#define QUELL_SECTION_NAMESPACE_CHANGES 5
/* matchCapabilityChanges. */
#define QUELL_SECTION_CAPABILITY_CHANGES 6
/* matchActions. */
#define QUELL_SECTION_ACTIONS 7

/* Selector flags */
/* Selector flag: an action of this selector stops the process, so that what cannot be decided counts as a match. */
#define QUELL_SELECTOR_ENFORCES 1
/* matchPIDs flag: ids are those of the process's own PID namespace; 0 in the initial one. */
#define QUELL_PID_NAMESPACE 1
/* matchPIDs flag: the ids of ancestors count too. */
#define QUELL_PID_FOLLOW_FORKS 2

/* Stages of the gateway */
/* matchPIDs of every selector: ACCEPT, CONTINUE or REJECT. */
#define QUELL_STAGE_PROCESS_FILTER 0
/* Reads the arguments that the policy names. */
#define QUELL_STAGE_ARGUMENTS 1
/* matchArgs of the first selector. */
#define QUELL_STAGE_FILTER_1 2
/* matchArgs of the second selector. */
#define QUELL_STAGE_FILTER_2 3
/* matchArgs of the third selector. */
#define QUELL_STAGE_FILTER_3 4
/* matchArgs of the fourth selector. */
#define QUELL_STAGE_FILTER_4 5
/* matchArgs of the fifth selector. */
#define QUELL_STAGE_FILTER_5 6
/* Performs the actions of the selector that matched. */
#define QUELL_STAGE_ACTIONS 7
/* Builds and posts the event. */
#define QUELL_STAGE_POST 8

/* Verdicts of the process filter */
/* No selector can match: nothing more is read. */
#define QUELL_PROCESS_REJECT 0
/* Argument filters decide. */
#define QUELL_PROCESS_CONTINUE 1
/* The first selector left has no argument filter: it matches already. */
#define QUELL_PROCESS_ACCEPT 2

/* Fault sites */
/* The registers of the system call behind its entry wrapper. */
#define QUELL_FAULT_SYSCALL_REGISTERS 0
/* Fields of the calling task. */
#define QUELL_FAULT_TASK 1
/* Process ids and ancestors. */
#define QUELL_FAULT_PID 2
/* The task's descriptor table. */
#define QUELL_FAULT_FD_TABLE 3
/* `struct file`, `struct path`. */
#define QUELL_FAULT_FILE 4
/* Directory entries and mounts of a path walk. */
#define QUELL_FAULT_PATH_WALK 5
/* A string in user memory. */
#define QUELL_FAULT_USER_STRING 6
/* A string in kernel memory. */
#define QUELL_FAULT_KERNEL_STRING 7
/* A buffer in user memory. */
#define QUELL_FAULT_USER_BUFFER 8
/* A buffer in kernel memory. */
#define QUELL_FAULT_KERNEL_BUFFER 9
/* `bpf_send_signal`. */
#define QUELL_FAULT_SEND_SIGNAL 10
/* `bpf_ringbuf_output`. */
#define QUELL_FAULT_RING_OUTPUT 11
/* Copying an argument into the event. */
#define QUELL_FAULT_EVENT_COPY 12
/* A tail call that came back; the errno slot is the stage. */
#define QUELL_FAULT_TAIL_CALL 13
/* A map lookup that cannot fail (index 0 of an array) and did; errno is ENOENT. */
#define QUELL_FAULT_MAP_LOOKUP 14
/* Selector bytes that the evaluator cannot read; errno is EINVAL. */
#define QUELL_FAULT_SELECTOR 15

/* Hook flags */
/* Number of fault sites. */
#define QUELL_FAULT_SITES 16
/* Hook flag: the function is a system-call entry, whose arguments are in the registers its argument points to. */
#define QUELL_HOOK_SYSCALL 1
/* Hook flag: some matchPIDs entry looks at ancestors. */
#define QUELL_HOOK_FOLLOW_FORKS 2
/* Hook flag: some matchPIDs entry looks at ids of a PID namespace. */
#define QUELL_HOOK_NAMESPACE_PIDS 4
/* Hook flag: monitor mode; matches are posted, and no signal is sent. */
#define QUELL_HOOK_MONITOR 8
/* `arg_size` of an argument without a size argument. */
#define QUELL_NO_SIZE_ARG 255

/* Event flags */
/* Version of the record; the agent refuses another one. */
#define QUELL_EVENT_VERSION 1
/* Event flag: an argument did not decide the selector, which enforces, and so counted as a match. */
#define QUELL_EVENT_FAILED_CLOSED 1
/* Event flag: no selector matched, but an argument of one could not be read. */
#define QUELL_EVENT_UNREADABLE 2
/* Event flag: an argument was cut to fit the event; filters saw it whole. */
#define QUELL_EVENT_CUT 4
/* Event flag: the hook is in monitor mode, so that an enforcing action was not performed. */
#define QUELL_EVENT_MONITORED 8
/* `signal_result` when no signal was sent. */
#define QUELL_SIGNAL_NOT_SENT 1
/* `selector` when none matched. */
#define QUELL_NO_SELECTOR 255

/* Head of the whole encoding. */
struct quell_filter_head {
	/* Bytes in use, this head included. */
	__u32 length;
	/* Selectors that follow. */
	__u32 selectors;
};
_Static_assert(sizeof(struct quell_filter_head) == 8, "size of quell_filter_head");
_Static_assert(__builtin_offsetof(struct quell_filter_head, length) == 0, "offset of quell_filter_head.length");
_Static_assert(__builtin_offsetof(struct quell_filter_head, selectors) == 4, "offset of quell_filter_head.selectors");

/* Head of a selector. */
struct quell_selector_head {
	/* Bytes of the selector, this head included. */
	__u32 length;
	/* SELECTOR_* bits. */
	__u32 flags;
};
_Static_assert(sizeof(struct quell_selector_head) == 8, "size of quell_selector_head");
_Static_assert(__builtin_offsetof(struct quell_selector_head, length) == 0, "offset of quell_selector_head.length");
_Static_assert(__builtin_offsetof(struct quell_selector_head, flags) == 4, "offset of quell_selector_head.flags");

/* Head of a section. */
struct quell_section_head {
	/* Bytes of the section, this head included. */
	__u32 length;
	/* Entries that follow. */
	__u32 entries;
};
_Static_assert(sizeof(struct quell_section_head) == 8, "size of quell_section_head");
_Static_assert(__builtin_offsetof(struct quell_section_head, length) == 0, "offset of quell_section_head.length");
_Static_assert(__builtin_offsetof(struct quell_section_head, entries) == 4, "offset of quell_section_head.entries");

/* One entry of matchPIDs; `values` u32 process ids follow. */
struct quell_pid_entry {
	/* Bytes of the entry, this head and the padding included. */
	__u32 length;
	/* In or NotIn. */
	__u32 op;
	/* PID_* bits. */
	__u32 flags;
	/* Process ids that follow. */
	__u32 values;
};
_Static_assert(sizeof(struct quell_pid_entry) == 16, "size of quell_pid_entry");
_Static_assert(__builtin_offsetof(struct quell_pid_entry, length) == 0, "offset of quell_pid_entry.length");
_Static_assert(__builtin_offsetof(struct quell_pid_entry, op) == 4, "offset of quell_pid_entry.op");
_Static_assert(__builtin_offsetof(struct quell_pid_entry, flags) == 8, "offset of quell_pid_entry.flags");
_Static_assert(__builtin_offsetof(struct quell_pid_entry, values) == 12, "offset of quell_pid_entry.values");

/* One entry of matchArgs; `values` values follow. */
struct quell_arg_entry {
	/* Bytes of the entry, this head included. */
	__u32 length;
	/* Operator. */
	__u32 op;
	/* Position of the argument among the hook's arguments, from 0. */
	__u32 arg;
	/* Argument type. */
	__u32 arg_type;
	/* Values that follow. */
	__u32 values;
	/* Zero. */
	__u32 reserved;
};
_Static_assert(sizeof(struct quell_arg_entry) == 24, "size of quell_arg_entry");
_Static_assert(__builtin_offsetof(struct quell_arg_entry, length) == 0, "offset of quell_arg_entry.length");
_Static_assert(__builtin_offsetof(struct quell_arg_entry, op) == 4, "offset of quell_arg_entry.op");
_Static_assert(__builtin_offsetof(struct quell_arg_entry, arg) == 8, "offset of quell_arg_entry.arg");
_Static_assert(__builtin_offsetof(struct quell_arg_entry, arg_type) == 12, "offset of quell_arg_entry.arg_type");
_Static_assert(__builtin_offsetof(struct quell_arg_entry, values) == 16, "offset of quell_arg_entry.values");
_Static_assert(__builtin_offsetof(struct quell_arg_entry, reserved) == 20, "offset of quell_arg_entry.reserved");

/* Head of a string value; the bytes follow, padded with zeros to a multiple of 8. */
struct quell_string_head {
	/* Bytes of the string. */
	__u32 length;
	/* Zero. */
	__u32 reserved;
};
_Static_assert(sizeof(struct quell_string_head) == 8, "size of quell_string_head");
_Static_assert(__builtin_offsetof(struct quell_string_head, length) == 0, "offset of quell_string_head.length");
_Static_assert(__builtin_offsetof(struct quell_string_head, reserved) == 4, "offset of quell_string_head.reserved");

/* One action. */
struct quell_action_entry {
	/* Bytes of the entry. */
	__u32 length;
	/* Action. */
	__u32 action;
	/* Parameters of the action; zero when it has none. */
	__u32 param[2];
};
_Static_assert(sizeof(struct quell_action_entry) == 16, "size of quell_action_entry");
_Static_assert(__builtin_offsetof(struct quell_action_entry, length) == 0, "offset of quell_action_entry.length");
_Static_assert(__builtin_offsetof(struct quell_action_entry, action) == 4, "offset of quell_action_entry.action");
_Static_assert(__builtin_offsetof(struct quell_action_entry, param) == 8, "offset of quell_action_entry.param");

/* Constants of one hook, set before load: the verifier deletes what this hook does not use. */
struct quell_hook_config {
	/* Number under which events name the hook. */
	__u32 hook;
	/* HOOK_* bits. */
	__u32 flags;
	/* Arguments that the policy names. */
	__u32 args;
	/* Selectors in the filter bytes. */
	__u32 selectors;
	/* Largest number of matchPIDs entries in a selector. */
	__u32 pid_entries;
	/* Largest number of ids in a matchPIDs entry. */
	__u32 pids;
	/* Largest number of matchArgs entries in a selector. */
	__u32 arg_filters;
	/* Largest number of values in a matchArgs entry. */
	__u32 values;
	/* Largest number of 8-byte words in a string value. */
	__u32 string_words;
	/* Largest number of actions in a selector. */
	__u32 actions;
	/* Per argument: its type. */
	__u32 arg_type[5];
	/* Per argument: which argument of the function it is, from 0. */
	__u32 arg_index[5];
	/* Per argument: which argument of the function holds its size, from 0, or NO_SIZE_ARG. */
	__u32 arg_size[5];
	/* Per argument: bits of the size in that argument; what is above them is not part of the size. */
	__u32 arg_size_bits[5];
	/* Bit N: a filter looks at argument N, so that it is read before the filters; others only for the event. */
	__u32 filtered;
	/* Process id of the agent in the initial PID namespace, whose own calls are let through; 0 when it has none. */
	__u32 agent_tgid;
	/* Zero. */
	__u32 reserved;
};
_Static_assert(sizeof(struct quell_hook_config) == 132, "size of quell_hook_config");
_Static_assert(__builtin_offsetof(struct quell_hook_config, hook) == 0, "offset of quell_hook_config.hook");
_Static_assert(__builtin_offsetof(struct quell_hook_config, flags) == 4, "offset of quell_hook_config.flags");
_Static_assert(__builtin_offsetof(struct quell_hook_config, args) == 8, "offset of quell_hook_config.args");
_Static_assert(__builtin_offsetof(struct quell_hook_config, selectors) == 12, "offset of quell_hook_config.selectors");
_Static_assert(__builtin_offsetof(struct quell_hook_config, pid_entries) == 16, "offset of quell_hook_config.pid_entries");
_Static_assert(__builtin_offsetof(struct quell_hook_config, pids) == 20, "offset of quell_hook_config.pids");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_filters) == 24, "offset of quell_hook_config.arg_filters");
_Static_assert(__builtin_offsetof(struct quell_hook_config, values) == 28, "offset of quell_hook_config.values");
_Static_assert(__builtin_offsetof(struct quell_hook_config, string_words) == 32, "offset of quell_hook_config.string_words");
_Static_assert(__builtin_offsetof(struct quell_hook_config, actions) == 36, "offset of quell_hook_config.actions");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_type) == 40, "offset of quell_hook_config.arg_type");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_index) == 60, "offset of quell_hook_config.arg_index");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_size) == 80, "offset of quell_hook_config.arg_size");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_size_bits) == 100, "offset of quell_hook_config.arg_size_bits");
_Static_assert(__builtin_offsetof(struct quell_hook_config, filtered) == 120, "offset of quell_hook_config.filtered");
_Static_assert(__builtin_offsetof(struct quell_hook_config, agent_tgid) == 124, "offset of quell_hook_config.agent_tgid");
_Static_assert(__builtin_offsetof(struct quell_hook_config, reserved) == 128, "offset of quell_hook_config.reserved");

/* Counters of one hook. `calls` is the sum of `own`, `process_rejected`, `filter_rejected`, `unreadable`,
 * `matched` and `aborted`. */
struct quell_hook_counters {
	/* Calls of the function that the program saw. */
	__u64 calls;
	/* Ended at the process filter. */
	__u64 process_rejected;
	/* Ended at the argument filters. */
	__u64 filter_rejected;
	/* A selector matched. */
	__u64 matched;
	/* Events handed to the ring buffer. */
	__u64 posted;
	/* Events lost because the ring buffer was full. */
	__u64 lost;
	/* `bpf_send_signal` returned 0. */
	__u64 killed;
	/* `bpf_send_signal` returned an error. */
	__u64 kill_failed;
	/* No selector matched, but one could not be decided because an argument could not be read. */
	__u64 unreadable;
	/* Matches that an enforcing selector took because what was read did not decide it. */
	__u64 failed_closed;
	/* Strings that were longer than is kept. */
	__u64 truncated;
	/* Ended without a decision because a helper failed; the fault table says which. */
	__u64 aborted;
	/* The agent's own calls, which no policy is applied to: it would report and kill itself. */
	__u64 own;
};
_Static_assert(sizeof(struct quell_hook_counters) == 104, "size of quell_hook_counters");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, calls) == 0, "offset of quell_hook_counters.calls");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, process_rejected) == 8, "offset of quell_hook_counters.process_rejected");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, filter_rejected) == 16, "offset of quell_hook_counters.filter_rejected");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, matched) == 24, "offset of quell_hook_counters.matched");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, posted) == 32, "offset of quell_hook_counters.posted");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, lost) == 40, "offset of quell_hook_counters.lost");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, killed) == 48, "offset of quell_hook_counters.killed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, kill_failed) == 56, "offset of quell_hook_counters.kill_failed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, unreadable) == 64, "offset of quell_hook_counters.unreadable");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, failed_closed) == 72, "offset of quell_hook_counters.failed_closed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, truncated) == 80, "offset of quell_hook_counters.truncated");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, aborted) == 88, "offset of quell_hook_counters.aborted");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, own) == 96, "offset of quell_hook_counters.own");

/* Failed helpers of one fault site by errno. */
struct quell_fault_row {
	/* Counts; the index is the errno. */
	__u64 errno[136];
};
_Static_assert(sizeof(struct quell_fault_row) == 1088, "size of quell_fault_row");
_Static_assert(__builtin_offsetof(struct quell_fault_row, errno) == 0, "offset of quell_fault_row.errno");

/* Head of an event. */
struct quell_event_head {
	/* Bytes of the event, this head included. */
	__u32 length;
	/* EVENT_VERSION. */
	__u32 version;
	/* When the event was built, CLOCK_BOOTTIME, nanoseconds. */
	__u64 time_ns;
	/* Start of the process, CLOCK_BOOTTIME, nanoseconds. */
	__u64 start_ns;
	/* Start of the parent process, CLOCK_BOOTTIME, nanoseconds. */
	__u64 parent_start_ns;
	/* The hook, as in its constants. */
	__u32 hook;
	/* The selector that matched, from 0, or NO_SELECTOR. */
	__u32 selector;
	/* EVENT_* bits. */
	__u32 flags;
	/* Actions performed: bit N is the action with number N. */
	__u32 actions;
	/* What `bpf_send_signal` returned, or SIGNAL_NOT_SENT. */
	__s32 signal_result;
	/* Process id in the initial namespace. */
	__u32 tgid;
	/* Thread id in the initial namespace. */
	__u32 tid;
	/* Process id in its own PID namespace; 0 in the initial one. */
	__u32 ns_tgid;
	/* Parent's process id in the initial namespace. */
	__u32 parent_tgid;
	/* Real user id. */
	__u32 uid;
	/* Hook arguments behind the executable's path. */
	__u32 args;
	/* Zero. */
	__u32 reserved;
	/* Command name, NUL-padded. */
	__u8 comm[16];
	/* Parent's command name, NUL-padded. */
	__u8 parent_comm[16];
};
_Static_assert(sizeof(struct quell_event_head) == 112, "size of quell_event_head");
_Static_assert(__builtin_offsetof(struct quell_event_head, length) == 0, "offset of quell_event_head.length");
_Static_assert(__builtin_offsetof(struct quell_event_head, version) == 4, "offset of quell_event_head.version");
_Static_assert(__builtin_offsetof(struct quell_event_head, time_ns) == 8, "offset of quell_event_head.time_ns");
_Static_assert(__builtin_offsetof(struct quell_event_head, start_ns) == 16, "offset of quell_event_head.start_ns");
_Static_assert(__builtin_offsetof(struct quell_event_head, parent_start_ns) == 24, "offset of quell_event_head.parent_start_ns");
_Static_assert(__builtin_offsetof(struct quell_event_head, hook) == 32, "offset of quell_event_head.hook");
_Static_assert(__builtin_offsetof(struct quell_event_head, selector) == 36, "offset of quell_event_head.selector");
_Static_assert(__builtin_offsetof(struct quell_event_head, flags) == 40, "offset of quell_event_head.flags");
_Static_assert(__builtin_offsetof(struct quell_event_head, actions) == 44, "offset of quell_event_head.actions");
_Static_assert(__builtin_offsetof(struct quell_event_head, signal_result) == 48, "offset of quell_event_head.signal_result");
_Static_assert(__builtin_offsetof(struct quell_event_head, tgid) == 52, "offset of quell_event_head.tgid");
_Static_assert(__builtin_offsetof(struct quell_event_head, tid) == 56, "offset of quell_event_head.tid");
_Static_assert(__builtin_offsetof(struct quell_event_head, ns_tgid) == 60, "offset of quell_event_head.ns_tgid");
_Static_assert(__builtin_offsetof(struct quell_event_head, parent_tgid) == 64, "offset of quell_event_head.parent_tgid");
_Static_assert(__builtin_offsetof(struct quell_event_head, uid) == 68, "offset of quell_event_head.uid");
_Static_assert(__builtin_offsetof(struct quell_event_head, args) == 72, "offset of quell_event_head.args");
_Static_assert(__builtin_offsetof(struct quell_event_head, reserved) == 76, "offset of quell_event_head.reserved");
_Static_assert(__builtin_offsetof(struct quell_event_head, comm) == 80, "offset of quell_event_head.comm");
_Static_assert(__builtin_offsetof(struct quell_event_head, parent_comm) == 96, "offset of quell_event_head.parent_comm");

/* Head of an argument in an event. */
struct quell_event_arg {
	/* Argument type. */
	__u32 arg_type;
	/* How reading went. */
	__u32 status;
	/* Bytes that follow, without the padding to 8. */
	__u32 length;
	/* Zero. */
	__u32 reserved;
	/* The number, for numbers and descriptors; the size that was asked for, for buffers. */
	__u64 number;
};
_Static_assert(sizeof(struct quell_event_arg) == 24, "size of quell_event_arg");
_Static_assert(__builtin_offsetof(struct quell_event_arg, arg_type) == 0, "offset of quell_event_arg.arg_type");
_Static_assert(__builtin_offsetof(struct quell_event_arg, status) == 4, "offset of quell_event_arg.status");
_Static_assert(__builtin_offsetof(struct quell_event_arg, length) == 8, "offset of quell_event_arg.length");
_Static_assert(__builtin_offsetof(struct quell_event_arg, reserved) == 12, "offset of quell_event_arg.reserved");
_Static_assert(__builtin_offsetof(struct quell_event_arg, number) == 16, "offset of quell_event_arg.number");

#endif
