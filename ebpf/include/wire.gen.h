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
/* Selectors per hook: one round of the filter stage each, within the kernel's 33 tail calls. */
#define QUELL_MAX_SELECTORS 16
/* Arguments and data entries per hook together. */
#define QUELL_MAX_ARGS 5
/* matchPIDs entries per selector, all of which must hold. */
#define QUELL_MAX_PID_ENTRIES 4
/* Process ids per matchPIDs entry. */
#define QUELL_MAX_PIDS 16
/* Entries of one section (matchArgs with matchData, matchBinaries, matchNamespaces, ...) per selector, all of which
 * must hold. */
#define QUELL_MAX_FILTERS 16
/* Values of one entry that stand in the filter bytes; more of them are a set in a map. */
#define QUELL_MAX_VALUES 64
/* matchActions entries per selector. */
#define QUELL_MAX_ACTIONS 8
/* Bytes of one string value in the filter bytes or in a set of whole strings; a multiple of 8, because strings are
 * compared in words. */
#define QUELL_MAX_STRING_VALUE_BYTES 256
/* Bytes of one string value in a set of prefixes or postfixes: an LPM trie compares 256 bytes, 8 of which name the set. */
#define QUELL_MAX_AFFIX_SET_BYTES 248
/* String comparisons that the verifier has to walk at most (entries * values * words of the largest ones); what
 * exceeds it moves to sets. */
#define QUELL_MAX_INLINE_WORDS 4096
/* Sets per hook. */
#define QUELL_MAX_SETS 64
/* Members of all sets of one kind per hook. */
#define QUELL_MAX_SET_MEMBERS 131072
/* SubString entries per hook: one round of the search stage each. */
#define QUELL_MAX_SEARCHES 8
/* Words of 64 pattern bytes per search; a value never crosses a word. */
#define QUELL_SEARCH_WORDS 4
/* Bytes of one SubString value. */
#define QUELL_MAX_PATTERN_BYTES 64
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
/* Pages of the perf buffer of each CPU, where the kernel has no ring buffer; a power of two. */
#define QUELL_PERF_PAGES 64
/* Functions that one load of a hook serves by comparing addresses: the entries of one system call in every ABI. */
#define QUELL_MAX_TARGETS 4
/* Steps of one `resolve`. */
#define QUELL_MAX_STEPS 10
/* Values of all selectors together that the early look compares one by one; more of them are told by a table. */
#define QUELL_MAX_QUICK 8
/* Directory entries that the early look goes up at most; deeper paths go the whole way. So few never make a path too long. */
#define QUELL_MAX_QUICK_STEPS 16
/* Sets of followChildren per hook. */
#define QUELL_MAX_FOLLOWED 8
/* Words of arguments that are kept of a call. */
#define QUELL_MAX_WORDS 6
/* Calls that may be under way on one CPU at a time, where the kernel lets programs interrupt or preempt each other. */
#define QUELL_MAX_CALLS 8
/* Calls that are kept until their function returns, per hook; the one that has waited longest is forgotten first. */
#define QUELL_MAX_KEPT 1024
/* Bytes of the event of a kept call; what does not fit is cut, and the event says so. */
#define QUELL_KEPT_BYTES 8192
/* Processes in the table of processes; more of them are looked up otherwise, and counted. */
#define QUELL_MAX_PROCESSES 32768
/* Notes for enforcers that may be open at a time. */
#define QUELL_MAX_NOTES 8192
/* Events whose last posting a rate limit remembers, per hook; the one not seen for longest is forgotten first. */
#define QUELL_MAX_RATE_KEYS 4096
/* Bytes of each argument that tell two events apart for a rate limit, beside its length: of a path the last ones, of
 * everything else the first. A multiple of 8; both ends of a connection fit. */
#define QUELL_RATE_KEY_BYTES 64
/* Buffers of a char_iovec argument that are read. */
#define QUELL_MAX_IOVECS 32
/* errno slots per fault site; larger numbers are counted in the last one. */
#define QUELL_FAULT_ERRNOS 136

/* Operators */
/* Greater than the value. */
#define QUELL_OP_GT 1
/* Less than the value. */
#define QUELL_OP_LT 2
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
/* In one of the ranges. */
#define QUELL_OP_IN_MAP 10
/* In none of the ranges. */
#define QUELL_OP_NOT_IN_MAP 11
/* Has a bit of a value. */
#define QUELL_OP_MASK 12
/* The source address is in a network. */
#define QUELL_OP_SADDR 13
/* The destination address is in a network. */
#define QUELL_OP_DADDR 14
/* The source port is in a range. */
#define QUELL_OP_SPORT 15
/* The destination port is in a range. */
#define QUELL_OP_DPORT 16
/* The transport protocol is one of these. */
#define QUELL_OP_PROTOCOL 17
/* The source port is in none of the ranges. */
#define QUELL_OP_NOT_SPORT 18
/* The destination port is in none of the ranges. */
#define QUELL_OP_NOT_DPORT 19
/* The source port is below 1024. */
#define QUELL_OP_SPORT_PRIV 20
/* The source port is not below 1024. */
#define QUELL_OP_NOT_SPORT_PRIV 21
/* The destination port is below 1024. */
#define QUELL_OP_DPORT_PRIV 22
/* The destination port is not below 1024. */
#define QUELL_OP_NOT_DPORT_PRIV 23
/* The source address is in no network. */
#define QUELL_OP_NOT_SADDR 24
/* The destination address is in no network. */
#define QUELL_OP_NOT_DADDR 25
/* Starts with no value. */
#define QUELL_OP_NOT_PREFIX 26
/* Ends with no value. */
#define QUELL_OP_NOT_POSTFIX 27
/* The address family is one of these. */
#define QUELL_OP_FAMILY 28
/* The state of the connection is one of these. */
#define QUELL_OP_STATE 29
/* The second argument has a capability that this one lacks. */
#define QUELL_OP_CAPABILITIES_GAINED 30
/* Between a pair of bounds, both included. */
#define QUELL_OP_IN_RANGE 31
/* Between no pair of bounds. */
#define QUELL_OP_NOT_IN_RANGE 32
/* Contains a value. */
#define QUELL_OP_SUB_STRING 33
/* Contains a value, ASCII letters of either case. */
#define QUELL_OP_SUB_STRING_IGN_CASE 34
/* The file is of one of these types. */
#define QUELL_OP_FILE_TYPE 36
/* The file is of none of these types. */
#define QUELL_OP_NOT_FILE_TYPE 37
/* Has no bit of a value. No name of the language: NotIn of capabilities and namespaces that changed. */
#define QUELL_OP_NOT_MASK 64

/* Subjects */
/* The first argument that the policy names; data entries follow the arguments. */
#define QUELL_SUBJECT_ARG_0 0
/* The second one. */
#define QUELL_SUBJECT_ARG_1 1
/* The third one. */
#define QUELL_SUBJECT_ARG_2 2
/* The fourth one. */
#define QUELL_SUBJECT_ARG_3 3
/* The fifth one. */
#define QUELL_SUBJECT_ARG_4 4
/* Path of the process's executable. */
#define QUELL_SUBJECT_EXECUTABLE 5
/* Path of the parent's executable. */
#define QUELL_SUBJECT_PARENT_EXECUTABLE 6
/* What the function returned. */
#define QUELL_SUBJECT_RETURNED 7
/* Inode number of the UTS namespace; of the following likewise. */
#define QUELL_SUBJECT_NS_UTS 8
/* IPC namespace. */
#define QUELL_SUBJECT_NS_IPC 9
/* Mount namespace. */
#define QUELL_SUBJECT_NS_MNT 10
/* PID namespace of the process. */
#define QUELL_SUBJECT_NS_PID 11
/* PID namespace that its children will have. */
#define QUELL_SUBJECT_NS_PID_FOR_CHILDREN 12
/* Network namespace. */
#define QUELL_SUBJECT_NS_NET 13
/* Time namespace. */
#define QUELL_SUBJECT_NS_TIME 14
/* Time namespace that its children will have. */
#define QUELL_SUBJECT_NS_TIME_FOR_CHILDREN 15
/* Cgroup namespace. */
#define QUELL_SUBJECT_NS_CGROUP 16
/* User namespace. */
#define QUELL_SUBJECT_NS_USER 17
/* Permitted capabilities, a bit each. */
#define QUELL_SUBJECT_CAP_PERMITTED 18
/* Effective capabilities. */
#define QUELL_SUBJECT_CAP_EFFECTIVE 19
/* Inheritable capabilities. */
#define QUELL_SUBJECT_CAP_INHERITABLE 20
/* Namespaces that differ from those at exec: bit N is the namespace with subject NsUts + N. */
#define QUELL_SUBJECT_CHANGED_NAMESPACES 21
/* Permitted capabilities that differ from those at exec. */
#define QUELL_SUBJECT_CHANGED_PERMITTED 22
/* Effective ones. */
#define QUELL_SUBJECT_CHANGED_EFFECTIVE 23
/* Inheritable ones. */
#define QUELL_SUBJECT_CHANGED_INHERITABLE 24
/* Sets of matchBinaries entries with followChildren to which the process or an ancestor belongs: bit N is the
 * entry with that number in the hook. */
#define QUELL_SUBJECT_FOLLOWED_BINARIES 25

/* Argument types */
/* `int`. */
#define QUELL_TYPE_INT 1
/* Buffer with its size in another argument. */
#define QUELL_TYPE_CHAR_BUF 2
/* Several buffers: `struct iovec *` with their number in another argument. */
#define QUELL_TYPE_CHAR_IOVEC 3
/* `size_t`. */
#define QUELL_TYPE_SIZE_T 4
/* `struct sk_buff *`. */
#define QUELL_TYPE_SKB 5
/* NUL-terminated string. */
#define QUELL_TYPE_STRING 6
/* `struct sock *`. */
#define QUELL_TYPE_SOCK 7
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
/* A capability number. */
#define QUELL_TYPE_CAPABILITY 23
/* `struct kiocb *`: the path of its file. */
#define QUELL_TYPE_KIOCB 24
/* A system call number of the 64-bit ABI; bit 31 set for the 32-bit one. */
#define QUELL_TYPE_SYSCALL64 28
/* Signed 16 bits. */
#define QUELL_TYPE_S16 29
/* Unsigned 16 bits. */
#define QUELL_TYPE_U16 30
/* Signed 8 bits. */
#define QUELL_TYPE_S8 31
/* Unsigned 8 bits. */
#define QUELL_TYPE_U8 32
/* `kernel_cap_t *`: 64 capability bits. */
#define QUELL_TYPE_KERNEL_CAP 33
/* `kernel_cap_t *` of inheritable capabilities. */
#define QUELL_TYPE_CAP_INHERITABLE 34
/* `kernel_cap_t *` of permitted capabilities. */
#define QUELL_TYPE_CAP_PERMITTED 35
/* `kernel_cap_t *` of effective capabilities. */
#define QUELL_TYPE_CAP_EFFECTIVE 36
/* `struct linux_binprm *`: the path of the file that is executed. */
#define QUELL_TYPE_LINUX_BINPRM 37
/* `struct net_device *`: its name. */
#define QUELL_TYPE_NET_DEVICE 39
/* `struct sockaddr *`: family, address and port, as the source. */
#define QUELL_TYPE_SOCKADDR 40
/* `struct socket *`: the tuple of its sock. */
#define QUELL_TYPE_SOCKET 41
/* `struct dentry *`: its path, without the mounts above it. */
#define QUELL_TYPE_DENTRY 42
/* `struct sockaddr_un *`: its path. */
#define QUELL_TYPE_SOCKADDR_UN 44
/* Nothing is read: a placeholder that keeps a position. */
#define QUELL_TYPE_NOP 63

/* Actions */
/* Posts an event. Parameters: rate limit in milliseconds (0: none), its [`RateScope`], kernel stack (0 or 1), user
 * stack (0 or 1). */
#define QUELL_ACTION_POST 0
/* Keeps the path of a descriptor. Parameters: positions of the descriptor and of the name among the arguments. */
#define QUELL_ACTION_FOLLOW_FD 1
/* Sends SIGKILL to the calling process (`bpf_send_signal`, Linux 5.3). */
#define QUELL_ACTION_SIGKILL 2
/* Forgets the path of a descriptor. Parameters as for FollowFd. */
#define QUELL_ACTION_UNFOLLOW_FD 3
/* Makes the call return an error. Parameter: the value, two's complement. */
#define QUELL_ACTION_OVERRIDE 4
/* Gives the path of one descriptor to another. Parameters: positions of the old and the new one. */
#define QUELL_ACTION_COPY_FD 5
/* Posts no event. */
#define QUELL_ACTION_NO_POST 8
/* Sends a signal to the calling process. Parameter: its number. */
#define QUELL_ACTION_SIGNAL 9
/* Remembers the process that owns a socket. Parameter: position of the socket. */
#define QUELL_ACTION_TRACK_SOCK 10
/* Forgets it. */
#define QUELL_ACTION_UNTRACK_SOCK 11
/* Lets an enforcer at another hook act. Parameters: error (two's complement), signal, position of the argument
 * with the system call number or NO_SIZE_ARG. */
#define QUELL_ACTION_NOTIFY_ENFORCER 12
/* Writes an argument. Parameters: its position, the value. */
#define QUELL_ACTION_SET 14

/* Scopes of a rate limit */
/* Those of one thread. */
#define QUELL_RATE_THREAD 0
/* Those of one process. */
#define QUELL_RATE_PROCESS 1
/* All. */
#define QUELL_RATE_GLOBAL 2

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
/* matchPIDs: [`PidEntry`]. */
#define QUELL_SECTION_PIDS 0
/* matchBinaries. */
#define QUELL_SECTION_BINARIES 1
/* matchArgs and matchData. */
#define QUELL_SECTION_ARGS 2
/* matchNamespaces. */
#define QUELL_SECTION_NAMESPACES 3
/* matchCapabilities. */
#define QUELL_SECTION_CAPABILITIES 4
/* matchNamespaceChanges. */
#define QUELL_SECTION_NAMESPACE_CHANGES 5
/* matchCapabilityChanges. */
#define QUELL_SECTION_CAPABILITY_CHANGES 6
/* matchActions: [`ActionEntry`]. */
#define QUELL_SECTION_ACTIONS 7
/* matchParentBinaries. */
#define QUELL_SECTION_PARENT_BINARIES 8
/* matchReturnArgs; looked at when the function returns. */
#define QUELL_SECTION_RETURN_ARGS 9
/* matchReturnActions: [`ActionEntry`]. */
#define QUELL_SECTION_RETURN_ACTIONS 10

/* Selector flags */
/* Slots for section offsets in a selector's head. */
#define QUELL_SECTIONS 12
/* Selector flag: an action of this selector stops the process or the call, so that what cannot be decided counts as a
 * match. */
#define QUELL_SELECTOR_ENFORCES 1
/* matchPIDs flag: ids are those of the process's own PID namespace; 0 in the initial one. */
#define QUELL_PID_NAMESPACE 1
/* matchPIDs flag: the ids of ancestors count too. */
#define QUELL_PID_FOLLOW_FORKS 2
/* Value of a namespace that stands for the host's, until the agent puts the number of this machine in its place. */
#define QUELL_HOST_NAMESPACE 0
/* Inode number of the initial user namespace (PROC_USER_INIT_INO, include/linux/proc_ns.h). */
#define QUELL_INITIAL_USER_NAMESPACE 4026531837
/* Family tag of an IPv4 address in a network, also of one that an IPv6 socket sees as ::ffff:a.b.c.d. */
#define QUELL_FAMILY_4 4
/* Family tag of an IPv6 address. */
#define QUELL_FAMILY_6 6
/* In place of a port where an end of a connection has none: of a protocol without ports, of a later fragment, of a socket
 * that is not bound or not connected. No range of ports holds it. */
#define QUELL_NO_PORT 65536
/* Bits of an affix key before the string: the set and the zero behind it. */
#define QUELL_AFFIX_PREFIX_BITS 64
/* Bits of a network key before the address: set and family. */
#define QUELL_NETWORK_PREFIX_BITS 64

/* Stages of the gateway */
/* matchPIDs of every selector: ACCEPT, CONTINUE or REJECT. */
#define QUELL_STAGE_PROCESS_FILTER 0
/* Reads what filters look at. */
#define QUELL_STAGE_ARGUMENTS 1
/* Searches one subject for the values of one SubString entry. */
#define QUELL_STAGE_SEARCH 2
/* The match sections of one selector. */
#define QUELL_STAGE_FILTER 3
/* Performs the actions of the selector that matched. */
#define QUELL_STAGE_ACTIONS 4
/* Builds and posts the event. */
#define QUELL_STAGE_POST 5
/* Searches what the function returned for the values of one SubString entry. */
#define QUELL_STAGE_RETURN_SEARCH 6
/* matchReturnArgs of the selector that matched at the entry, and its matchReturnActions. */
#define QUELL_STAGE_RETURN 7
/* Completes the event of a kept call and posts it. */
#define QUELL_STAGE_RETURN_POST 8

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
/* `bpf_ringbuf_output`, or `bpf_perf_event_output`. */
#define QUELL_FAULT_RING_OUTPUT 11
/* Copying an argument into the event. */
#define QUELL_FAULT_EVENT_COPY 12
/* A tail call that came back; the errno slot is the stage. */
#define QUELL_FAULT_TAIL_CALL 13
/* A map lookup that cannot fail (index 0 of an array) and did; errno is ENOENT. */
#define QUELL_FAULT_MAP_LOOKUP 14
/* Selector bytes that the evaluator cannot read; errno is EINVAL. */
#define QUELL_FAULT_SELECTOR 15
/* Fields of sockets and packets. */
#define QUELL_FAULT_SOCKET 16
/* `bpf_get_stack`. */
#define QUELL_FAULT_STACK 17
/* Noting when an event was last posted, for its rate limit. */
#define QUELL_FAULT_RATE_LIMIT 18
/* `bpf_override_return`. */
#define QUELL_FAULT_OVERRIDE 19
/* Following `resolve` from a structure to the next. */
#define QUELL_FAULT_RESOLVE 20
/* Keeping a call until its function returns, or a note for an enforcer. */
#define QUELL_FAULT_KEEP 21
/* The table of processes. */
#define QUELL_FAULT_PROCESS 22
/* Finding scratch memory of its own for a call; errno is EBUSY. */
#define QUELL_FAULT_CLAIM 23
/* What the kernel gives to a program: the record of a tracepoint, the arguments of a static probe, and at which of the
 * hook's targets it is (ENOENT: at none). */
#define QUELL_FAULT_CONTEXT 24

/* Kinds of sets */
/* Numbers: a hash table of NumberKey. */
#define QUELL_SET_NUMBERS 0
/* Whole strings: a hash table of StringKey. */
#define QUELL_SET_STRINGS 1
/* Prefixes: an LPM trie of AffixKey. */
#define QUELL_SET_PREFIXES 2
/* Postfixes, reversed: an LPM trie of AffixKey. */
#define QUELL_SET_POSTFIXES 3
/* Networks: an LPM trie of NetworkKey. */
#define QUELL_SET_NETWORKS 4

/* Conventions of targets */
/* Arguments of a function, in the order of its prototype. */
#define QUELL_CONVENTION_FUNCTION 0
/* The entry of a 64-bit system call: the first argument points to the saved registers (di, si, dx, r10, r8, r9). */
#define QUELL_CONVENTION_SYSCALL64 1
/* The entry of a 32-bit one: the same with bx, cx, dx, si, di, bp, of which 32 bits count. */
#define QUELL_CONVENTION_SYSCALL32 2
/* The record of a tracepoint: `arg_index` is the offset of the field, `arg_width` its bytes. */
#define QUELL_CONVENTION_RECORD 3
/* A static probe of a program (USDT): arguments as its note describes them. */
#define QUELL_CONVENTION_STATIC_PROBE 4

/* Early looks */
/* Nothing: every call goes through the stages. */
#define QUELL_QUICK_NOTHING 0
/* The last name of a path. */
#define QUELL_QUICK_LAST 1
/* The first two names of a path. */
#define QUELL_QUICK_FIRST 2
/* The first bytes of a text of the caller. */
#define QUELL_QUICK_TEXT 3
/* A number, which has to be one of the values. */
#define QUELL_QUICK_NUMBER 4
/* A number, which has to have one of the bits of the first mask. */
#define QUELL_QUICK_BITS 5

/* Sources of arguments */
/* An argument of the target. */
#define QUELL_SOURCE_ARGUMENT 0
/* What the function returned. */
#define QUELL_SOURCE_RETURNED 1
/* The calling task's `struct task_struct`. */
#define QUELL_SOURCE_CURRENT_TASK 2
/* The registers at the hook, `struct pt_regs`. */
#define QUELL_SOURCE_REGISTERS 3

/* Hook flags */
/* The helper that programs call for a cast: none that a kernel has. The agent makes calls of HookConfig's `cast` of it. */
#define QUELL_CAST_CALL 20974
/* What the hash of the early look's table is made with. */
#define QUELL_QUICK_MULTIPLIER 2654435761
/* Number of fault sites. */
#define QUELL_FAULT_SITES 25
/* Hook flag: pointers among the arguments are the caller's: a system call, or a probe of a program. */
#define QUELL_HOOK_USER_MEMORY 1
/* Hook flag: some matchPIDs entry looks at ancestors. */
#define QUELL_HOOK_FOLLOW_FORKS 2
/* Hook flag: some matchPIDs entry looks at ids of a PID namespace. */
#define QUELL_HOOK_NAMESPACE_PIDS 4
/* Hook flag: monitor mode; matches are posted, and no signal is sent. */
#define QUELL_HOOK_MONITOR 8
/* Hook flag: some selector's events have a rate limit. */
#define QUELL_HOOK_RATE_LIMITS 16
/* Hook flag: some selector's events carry stacks. */
#define QUELL_HOOK_STACKS 32
/* Hook flag: the return is looked at too; a matching call is kept until its function returns. */
#define QUELL_HOOK_RETURNS 64
/* Hook flag: a filter needs what the table of processes knows (followChildren, changes since exec, followForks). */
#define QUELL_HOOK_TRACKED 128
/* Hook flag: some selector refuses the call. */
#define QUELL_HOOK_OVERRIDES 256
/* Hook flag: some selector leaves a note for an enforcer. */
#define QUELL_HOOK_NOTIFIES 512
/* Hook flag: this hook is an enforcer: it acts on notes and has no selectors. */
#define QUELL_HOOK_ENFORCER 1024
/* Hook flag: which target it is stands in the attach cookie, not in `target_address`. */
#define QUELL_HOOK_COOKIES 2048
/* Hook flag, of the programs that keep the table of processes: they tell of every execution and every end. */
#define QUELL_HOOK_PROCESS_EVENTS 4096
/* Bytes behind the start of a function in which its probe is: behind the landing pad of indirect branches, and one more,
 * because the instruction pointer is behind the breakpoint. */
#define QUELL_TARGET_BYTES 32
/* `arg_size` of an argument without a size argument. */
#define QUELL_NO_SIZE_ARG 255

/* Kinds of events */
/* A call that a hook saw. */
#define QUELL_EVENT_CALL 0
/* A process executed a program. */
#define QUELL_EVENT_EXEC 1
/* A process ended. */
#define QUELL_EVENT_EXIT 2

/* Event flags */
/* Version of the record; the agent refuses another one. */
#define QUELL_EVENT_VERSION 3
/* Event flag: an argument did not decide the selector, which enforces, and so counted as a match. */
#define QUELL_EVENT_FAILED_CLOSED 1
/* Event flag: no selector matched, but an argument of one could not be read. */
#define QUELL_EVENT_UNREADABLE 2
/* Event flag: an argument was cut to fit the event; filters saw it whole. */
#define QUELL_EVENT_CUT 4
/* Event flag: the hook is in monitor mode, so that an enforcing action was not performed. */
#define QUELL_EVENT_MONITORED 8
/* Event flag: `time_ns` is of CLOCK_MONOTONIC, on kernels that have no other clock for programs (before Linux 5.8). */
#define QUELL_EVENT_MONOTONIC 16
/* Event flag: the function has returned; what it returned is one more argument, the last one. */
#define QUELL_EVENT_RETURNED 32
/* Event flag: the call was refused with `error`. */
#define QUELL_EVENT_REFUSED 64
/* Frames of one stack that an event carries at most. */
#define QUELL_MAX_FRAMES 32
/* `signal_result` when no signal was sent. */
#define QUELL_SIGNAL_NOT_SENT 1
/* `selector` when none matched. */
#define QUELL_NO_SELECTOR 255

/* Flags of processes */
/* Process flag: it was there before the table; its entry is from /proc, its ancestors are its parents of then. */
#define QUELL_PROCESS_SCANNED 1
/* Process flag: its ancestors are more than the entry has room for. */
#define QUELL_PROCESS_ANCESTORS_CUT 2
/* Process flag: what its namespaces and capabilities were when it executed its program, or when the table first saw it, could
 * not be read. */
#define QUELL_PROCESS_AT_EXEC_UNKNOWN 4
/* Process flag: the path of some program that it, or a process that it descends from, ran could not be read whole, so that
 * a bit missing in `followed` says nothing. */
#define QUELL_PROCESS_FOLLOWED_UNKNOWN 8
/* Nanoseconds of a clock tick (USER_HZ is 100 on x86-64), to which starts of processes in /proc are rounded down; so is
 * `start_ns` of a process with PROCESS_SCANNED. */
#define QUELL_PROCESS_TICK_NS 10000000
/* Nanoseconds for which a note for an enforcer holds: the call that it is about is under way. */
#define QUELL_NOTE_AGE_NS 1000000000
/* Bytes of a program's arguments in the event of its execution. */
#define QUELL_PROCESS_ARGUMENT_BYTES 256

/* Groups: bit N is the member with number N */
/* Hold when no value makes another operator hold; of Mask, NotMask does. */
#define QUELL_NEGATIVE_OPERATORS 0x210fac0850ULL
/* Have ranges for values. */
#define QUELL_RANGE_OPERATORS 0x180fd8c00ULL
/* Have networks for values. */
#define QUELL_NETWORK_OPERATORS 0x3006000ULL
/* Have strings for values, at least of types of bytes. */
#define QUELL_STRING_OPERATORS 0x60c000378ULL
/* Strings of bytes. */
#define QUELL_BYTES_TYPES 0x14a00103c04cULL
/* Paths, whose end is known when they were cut. */
#define QUELL_PATH_TYPES 0x42001038000ULL
/* Read as a struct quell_connection. */
#define QUELL_CONNECTION_TYPES 0x300000000a0ULL
/* Compared as signed numbers. */
#define QUELL_SIGNED_TYPES 0xa0801402ULL
/* Entries that are looked at when the function is entered. */
#define QUELL_ENTERED_SECTIONS 0x17eULL

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
	/* Per section: bytes from the start of the selector to it; 0 when it is absent. */
	__u32 section[12];
};
_Static_assert(sizeof(struct quell_selector_head) == 56, "size of quell_selector_head");
_Static_assert(__builtin_offsetof(struct quell_selector_head, length) == 0, "offset of quell_selector_head.length");
_Static_assert(__builtin_offsetof(struct quell_selector_head, flags) == 4, "offset of quell_selector_head.flags");
_Static_assert(__builtin_offsetof(struct quell_selector_head, section) == 8, "offset of quell_selector_head.section");

/* Head of a section. */
struct quell_section_head {
	/* Bytes of the section, this head included. */
	__u32 length;
	/* Entries that follow, at least one. */
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

/* One entry of a match section; `values` values follow. */
struct quell_entry {
	/* Bytes of the entry, this head included. */
	__u32 length;
	/* Operator. */
	__u32 op;
	/* What is compared: a Subject. */
	__u32 subject;
	/* Its type. */
	__u32 arg_type;
	/* Values that follow; 0 when they are a set. */
	__u32 values;
	/* Number of the set that holds the values, from 1; 0: they follow. */
	__u32 set;
	/* Number of the search table, from 1; 0 for all but SubString and SubStringIgnCase. */
	__u32 search;
	/* Of a set of strings: bytes of the longest one, because a cut path that shows no more than that decides nothing; else
	 * 0. */
	__u32 longest;
};
_Static_assert(sizeof(struct quell_entry) == 32, "size of quell_entry");
_Static_assert(__builtin_offsetof(struct quell_entry, length) == 0, "offset of quell_entry.length");
_Static_assert(__builtin_offsetof(struct quell_entry, op) == 4, "offset of quell_entry.op");
_Static_assert(__builtin_offsetof(struct quell_entry, subject) == 8, "offset of quell_entry.subject");
_Static_assert(__builtin_offsetof(struct quell_entry, arg_type) == 12, "offset of quell_entry.arg_type");
_Static_assert(__builtin_offsetof(struct quell_entry, values) == 16, "offset of quell_entry.values");
_Static_assert(__builtin_offsetof(struct quell_entry, set) == 20, "offset of quell_entry.set");
_Static_assert(__builtin_offsetof(struct quell_entry, search) == 24, "offset of quell_entry.search");
_Static_assert(__builtin_offsetof(struct quell_entry, longest) == 28, "offset of quell_entry.longest");

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

/* One network. */
struct quell_network {
	/* FAMILY_4 or FAMILY_6. */
	__u32 family;
	/* Leading bits of the address that count: 0 to 32, or 0 to 128. */
	__u32 bits;
	/* The address, network byte order, an IPv4 one in the first four bytes; bits behind the prefix are zero. */
	__u8 address[16];
};
_Static_assert(sizeof(struct quell_network) == 24, "size of quell_network");
_Static_assert(__builtin_offsetof(struct quell_network, family) == 0, "offset of quell_network.family");
_Static_assert(__builtin_offsetof(struct quell_network, bits) == 4, "offset of quell_network.bits");
_Static_assert(__builtin_offsetof(struct quell_network, address) == 8, "offset of quell_network.address");

/* One action. */
struct quell_action_entry {
	/* Bytes of the entry. */
	__u32 length;
	/* Action. */
	__u32 action;
	/* Parameters of the action; zero where it has none. */
	__u32 param[6];
};
_Static_assert(sizeof(struct quell_action_entry) == 32, "size of quell_action_entry");
_Static_assert(__builtin_offsetof(struct quell_action_entry, length) == 0, "offset of quell_action_entry.length");
_Static_assert(__builtin_offsetof(struct quell_action_entry, action) == 4, "offset of quell_action_entry.action");
_Static_assert(__builtin_offsetof(struct quell_action_entry, param) == 8, "offset of quell_action_entry.param");

/* Key of a member of a set of numbers (a hash table). */
struct quell_number_key {
	/* The set. */
	__u32 set;
	/* Zero. */
	__u32 reserved;
	/* The number. */
	__u64 number;
};
_Static_assert(sizeof(struct quell_number_key) == 16, "size of quell_number_key");
_Static_assert(__builtin_offsetof(struct quell_number_key, set) == 0, "offset of quell_number_key.set");
_Static_assert(__builtin_offsetof(struct quell_number_key, reserved) == 4, "offset of quell_number_key.reserved");
_Static_assert(__builtin_offsetof(struct quell_number_key, number) == 8, "offset of quell_number_key.number");

/* Key of a member of a set of whole strings (a hash table). */
struct quell_string_key {
	/* The set. */
	__u32 set;
	/* Bytes of the string. */
	__u32 length;
	/* The string, padded with zeros. */
	__u8 bytes[256];
};
_Static_assert(sizeof(struct quell_string_key) == 264, "size of quell_string_key");
_Static_assert(__builtin_offsetof(struct quell_string_key, set) == 0, "offset of quell_string_key.set");
_Static_assert(__builtin_offsetof(struct quell_string_key, length) == 4, "offset of quell_string_key.length");
_Static_assert(__builtin_offsetof(struct quell_string_key, bytes) == 8, "offset of quell_string_key.bytes");

/* Key of a member of a set of prefixes, or of postfixes, which stand reversed (an LPM trie). */
struct quell_affix_key {
	/* AFFIX_PREFIX_BITS and 8 per byte of the string. */
	__u32 bits;
	/* The set. */
	__u32 set;
	/* Zero. */
	__u32 reserved;
	/* The string, padded with zeros. */
	__u8 bytes[248];
};
_Static_assert(sizeof(struct quell_affix_key) == 260, "size of quell_affix_key");
_Static_assert(__builtin_offsetof(struct quell_affix_key, bits) == 0, "offset of quell_affix_key.bits");
_Static_assert(__builtin_offsetof(struct quell_affix_key, set) == 4, "offset of quell_affix_key.set");
_Static_assert(__builtin_offsetof(struct quell_affix_key, reserved) == 8, "offset of quell_affix_key.reserved");
_Static_assert(__builtin_offsetof(struct quell_affix_key, bytes) == 12, "offset of quell_affix_key.bytes");

/* Key of a member of a set of networks (an LPM trie). */
struct quell_network_key {
	/* NETWORK_PREFIX_BITS and the bits of the network. */
	__u32 bits;
	/* The set. */
	__u32 set;
	/* FAMILY_4 or FAMILY_6. */
	__u32 family;
	/* As in a Network. */
	__u8 address[16];
};
_Static_assert(sizeof(struct quell_network_key) == 28, "size of quell_network_key");
_Static_assert(__builtin_offsetof(struct quell_network_key, bits) == 0, "offset of quell_network_key.bits");
_Static_assert(__builtin_offsetof(struct quell_network_key, set) == 4, "offset of quell_network_key.set");
_Static_assert(__builtin_offsetof(struct quell_network_key, family) == 8, "offset of quell_network_key.family");
_Static_assert(__builtin_offsetof(struct quell_network_key, address) == 12, "offset of quell_network_key.address");

/* What a SubString entry searches for: a bit per pattern byte, in SEARCH_WORDS words that are searched side by side
 * (shift-and). Word w of byte b is `mask[b * SEARCH_WORDS + w]`. */
struct quell_search_table {
	/* The subject whose bytes are searched. */
	__u32 subject;
	/* Words in use. */
	__u32 words;
	/* Per word: the bits of the first bytes of its patterns. */
	__u64 first[4];
	/* Per word: the bits of the last bytes of its patterns. */
	__u64 last[4];
	/* Per byte and word: the pattern bytes that it equals. */
	__u64 mask[1024];
};
_Static_assert(sizeof(struct quell_search_table) == 8264, "size of quell_search_table");
_Static_assert(__builtin_offsetof(struct quell_search_table, subject) == 0, "offset of quell_search_table.subject");
_Static_assert(__builtin_offsetof(struct quell_search_table, words) == 4, "offset of quell_search_table.words");
_Static_assert(__builtin_offsetof(struct quell_search_table, first) == 8, "offset of quell_search_table.first");
_Static_assert(__builtin_offsetof(struct quell_search_table, last) == 40, "offset of quell_search_table.last");
_Static_assert(__builtin_offsetof(struct quell_search_table, mask) == 72, "offset of quell_search_table.mask");

/* What is read of a socket: of `sock`, `socket`, `skb` and `sockaddr` arguments. It stands in the argument's slot. */
struct quell_connection {
	/* AF_* number; of an IPv6 socket AF_INET6, also when its addresses are IPv4 ones. */
	__u32 family;
	/* SOCK_* number; 0 where it is not known. */
	__u32 socket_type;
	/* IPPROTO_* number; 0 for a sockaddr. */
	__u32 protocol;
	/* TCP_* state; 0 where there is none. */
	__u32 state;
	/* Source port, host byte order, or NO_PORT. */
	__u32 source_port;
	/* Destination port, host byte order, or NO_PORT. */
	__u32 destination_port;
	/* FAMILY_4 or FAMILY_6; 0 when there is no address. */
	__u32 source_family;
	/* Of the destination. */
	__u32 destination_family;
	/* As in a Network. */
	__u8 source_address[16];
	/* As in a Network. */
	__u8 destination_address[16];
	/* The kernel's cookie for the socket, to tell two apart; 0 when it has none yet. */
	__u64 cookie;
};
_Static_assert(sizeof(struct quell_connection) == 72, "size of quell_connection");
_Static_assert(__builtin_offsetof(struct quell_connection, family) == 0, "offset of quell_connection.family");
_Static_assert(__builtin_offsetof(struct quell_connection, socket_type) == 4, "offset of quell_connection.socket_type");
_Static_assert(__builtin_offsetof(struct quell_connection, protocol) == 8, "offset of quell_connection.protocol");
_Static_assert(__builtin_offsetof(struct quell_connection, state) == 12, "offset of quell_connection.state");
_Static_assert(__builtin_offsetof(struct quell_connection, source_port) == 16, "offset of quell_connection.source_port");
_Static_assert(__builtin_offsetof(struct quell_connection, destination_port) == 20, "offset of quell_connection.destination_port");
_Static_assert(__builtin_offsetof(struct quell_connection, source_family) == 24, "offset of quell_connection.source_family");
_Static_assert(__builtin_offsetof(struct quell_connection, destination_family) == 28, "offset of quell_connection.destination_family");
_Static_assert(__builtin_offsetof(struct quell_connection, source_address) == 32, "offset of quell_connection.source_address");
_Static_assert(__builtin_offsetof(struct quell_connection, destination_address) == 48, "offset of quell_connection.destination_address");
_Static_assert(__builtin_offsetof(struct quell_connection, cookie) == 64, "offset of quell_connection.cookie");

/* Constants of one hook, set before load: the verifier deletes what this hook does not use. */
struct quell_hook_config {
	/* Operators that occur: bit N is the operator with number N; NotMask counts as Mask. */
	__u64 operators;
	/* Types that occur in entries: bit N is the type with number N. */
	__u64 types;
	/* Number under which events name the hook. */
	__u32 hook;
	/* HOOK_* bits. */
	__u32 flags;
	/* Arguments that the policy names. */
	__u32 args;
	/* Selectors in the filter bytes. */
	__u32 selectors;
	/* Sections that occur: bit N is the section with number N. */
	__u32 sections;
	/* Largest number of matchPIDs entries in a selector. */
	__u32 pid_entries;
	/* Largest number of ids in a matchPIDs entry. */
	__u32 pids;
	/* Largest number of entries in any other match section. */
	__u32 filters;
	/* Largest number of values in an entry, sets not counted. */
	__u32 values;
	/* Largest number of string values in an entry, sets and searches not counted. */
	__u32 string_values;
	/* Largest number of 8-byte words in a string value, sets and searches not counted. */
	__u32 string_words;
	/* Searches. */
	__u32 searches;
	/* Largest number of words in a search. */
	__u32 search_words;
	/* Largest number of actions in a selector. */
	__u32 actions;
	/* Bit N: an entry looks at subject N, so that it is read before the filters; arguments without such a bit are read
	 * for the event only. */
	__u32 filtered;
	/* Bit N: an entry has a set of kind N. */
	__u32 set_kinds;
	/* Process id of the agent in the initial PID namespace, whose own calls are let through; 0 when it has none. */
	__u32 agent_tgid;
	/* Targets that one load of this hook serves, at least 1. */
	__u32 targets;
	/* Per target: its address, by which a program with several knows where it is; 0 where there is only one. */
	__u64 target_address[4];
	/* Per target: bytes behind that in which its probe is, TARGET_BYTES, or fewer where the next target begins before. */
	__u32 target_bytes[4];
	/* Per target: where its arguments are (CONVENTION_*); with HOOK_COOKIES, the first one holds for all. */
	__u32 target_convention[4];
	/* Parameters of the function by the kernel's type information: how many words a trampoline's context has. 0 elsewhere. */
	__u32 parameters;
	/* Type of what the function returns, as the policy names it; the type Nop when it does not. */
	__u32 return_type;
	/* Bit N: argument N is read again when the function returns, because the function fills it (`returnCopy`). One without a
	 * size argument has as many bytes as the function says that it returned. */
	__u32 return_copies;
	/* Bit N: argument N comes from the kernel's own structures, so that its pointers may be the kernel's in spite of
	 * HOOK_USER_MEMORY. */
	__u32 kernel_args;
	/* Sets of followChildren that this hook has: how many of the next two rows are used. */
	__u32 followed;
	/* Per followed set: its number in this hook, from 1. */
	__u32 followed_set[8];
	/* Per followed set: its bit in the table of processes. */
	__u32 followed_bit[8];
	/* Per argument: its type. */
	__u32 arg_type[5];
	/* Per argument: where it starts from (SOURCE_*). */
	__u32 arg_source[5];
	/* Per argument: bytes to read where that is not a word: a field of a tracepoint's record, the last step of `resolve`; else 0. */
	__u32 arg_width[5];
	/* Per argument: steps of `resolve`, 0 for the argument itself. */
	__u32 arg_steps[5];
	/* MAX_STEPS per argument: byte offsets. A word is read at each but the last; at the last, `arg_width` bytes are, or with 0
	 * the address itself is the argument. */
	__u32 arg_step[50];
	/* Per argument: which argument of the target it is, from 0; at a tracepoint the offset of the field in bytes. */
	__u32 arg_index[5];
	/* Per argument: which argument of the target holds its size or its count, from 0 (at a tracepoint the field's offset), or
	 * NO_SIZE_ARG. */
	__u32 arg_size[5];
	/* Per argument: bits of the size in that argument; what is above them is not part of the size. */
	__u32 arg_size_bits[5];
	/* What the early look is at (QUICK_*). */
	__u32 quick;
	/* Which argument of the target it looks at, from 0. */
	__u32 quick_index;
	/* The type of that argument. */
	__u32 quick_type;
	/* 1: the argument's type is the kernel's own, and what it points to is read by plain loads. */
	__u32 quick_typed;
	/* The kernel's function by which pointers are cast (`bpf_rdonly_cast`), by its number among the kernel's types; 0: none is
	 * cast, and the next six are not used. */
	__u32 cast;
	/* The structure of saved registers, by the same numbers, as are the next five. */
	__u32 cast_registers;
	/* That of a task. */
	__u32 cast_task;
	/* That of a mount. */
	__u32 cast_mount;
	/* That which the looked-at argument points to. */
	__u32 cast_argument;
	/* One that begins with a pointer to a file. */
	__u32 cast_pointer;
	/* One that begins with a number of eight bytes. */
	__u32 cast_bytes;
	/* 1: no pointer is cast, and the kernel gives the calling task with its type. */
	__u32 typed_task;
	/* Words of the table that tells more than MAX_QUICK values, a power of two; 0: there are not so many. Of the next rows, the
	 * first places of first and second names then say what of a call is told: whether its length is, and which bits. */
	__u32 quick_words;
	/* Values that the argument is compared with, at most MAX_QUICK: when none of them may hold, no selector does. */
	__u32 quick_values;
	/* Bit N: name N has just `quick_length` bytes, and not at least as many. */
	__u32 quick_exact;
	/* Inode number of the initial mount namespace, which lives as long as the kernel; 0 when it is not known. */
	__u32 quick_mounts;
	/* Per name (first or only names of all values, then second ones): its bytes. */
	__u32 quick_length[16];
	/* Per name: eight bytes of it, the last ones of a last name, else the first ones. Of a text: its first eight, and from
	 * MAX_QUICK on the next eight. A number is a word. */
	__u64 quick_word[16];
	/* Per name: the bits of the word that count. */
	__u64 quick_mask[16];
};
_Static_assert(sizeof(struct quell_hook_config) == 960, "size of quell_hook_config");
_Static_assert(__builtin_offsetof(struct quell_hook_config, operators) == 0, "offset of quell_hook_config.operators");
_Static_assert(__builtin_offsetof(struct quell_hook_config, types) == 8, "offset of quell_hook_config.types");
_Static_assert(__builtin_offsetof(struct quell_hook_config, hook) == 16, "offset of quell_hook_config.hook");
_Static_assert(__builtin_offsetof(struct quell_hook_config, flags) == 20, "offset of quell_hook_config.flags");
_Static_assert(__builtin_offsetof(struct quell_hook_config, args) == 24, "offset of quell_hook_config.args");
_Static_assert(__builtin_offsetof(struct quell_hook_config, selectors) == 28, "offset of quell_hook_config.selectors");
_Static_assert(__builtin_offsetof(struct quell_hook_config, sections) == 32, "offset of quell_hook_config.sections");
_Static_assert(__builtin_offsetof(struct quell_hook_config, pid_entries) == 36, "offset of quell_hook_config.pid_entries");
_Static_assert(__builtin_offsetof(struct quell_hook_config, pids) == 40, "offset of quell_hook_config.pids");
_Static_assert(__builtin_offsetof(struct quell_hook_config, filters) == 44, "offset of quell_hook_config.filters");
_Static_assert(__builtin_offsetof(struct quell_hook_config, values) == 48, "offset of quell_hook_config.values");
_Static_assert(__builtin_offsetof(struct quell_hook_config, string_values) == 52, "offset of quell_hook_config.string_values");
_Static_assert(__builtin_offsetof(struct quell_hook_config, string_words) == 56, "offset of quell_hook_config.string_words");
_Static_assert(__builtin_offsetof(struct quell_hook_config, searches) == 60, "offset of quell_hook_config.searches");
_Static_assert(__builtin_offsetof(struct quell_hook_config, search_words) == 64, "offset of quell_hook_config.search_words");
_Static_assert(__builtin_offsetof(struct quell_hook_config, actions) == 68, "offset of quell_hook_config.actions");
_Static_assert(__builtin_offsetof(struct quell_hook_config, filtered) == 72, "offset of quell_hook_config.filtered");
_Static_assert(__builtin_offsetof(struct quell_hook_config, set_kinds) == 76, "offset of quell_hook_config.set_kinds");
_Static_assert(__builtin_offsetof(struct quell_hook_config, agent_tgid) == 80, "offset of quell_hook_config.agent_tgid");
_Static_assert(__builtin_offsetof(struct quell_hook_config, targets) == 84, "offset of quell_hook_config.targets");
_Static_assert(__builtin_offsetof(struct quell_hook_config, target_address) == 88, "offset of quell_hook_config.target_address");
_Static_assert(__builtin_offsetof(struct quell_hook_config, target_bytes) == 120, "offset of quell_hook_config.target_bytes");
_Static_assert(__builtin_offsetof(struct quell_hook_config, target_convention) == 136, "offset of quell_hook_config.target_convention");
_Static_assert(__builtin_offsetof(struct quell_hook_config, parameters) == 152, "offset of quell_hook_config.parameters");
_Static_assert(__builtin_offsetof(struct quell_hook_config, return_type) == 156, "offset of quell_hook_config.return_type");
_Static_assert(__builtin_offsetof(struct quell_hook_config, return_copies) == 160, "offset of quell_hook_config.return_copies");
_Static_assert(__builtin_offsetof(struct quell_hook_config, kernel_args) == 164, "offset of quell_hook_config.kernel_args");
_Static_assert(__builtin_offsetof(struct quell_hook_config, followed) == 168, "offset of quell_hook_config.followed");
_Static_assert(__builtin_offsetof(struct quell_hook_config, followed_set) == 172, "offset of quell_hook_config.followed_set");
_Static_assert(__builtin_offsetof(struct quell_hook_config, followed_bit) == 204, "offset of quell_hook_config.followed_bit");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_type) == 236, "offset of quell_hook_config.arg_type");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_source) == 256, "offset of quell_hook_config.arg_source");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_width) == 276, "offset of quell_hook_config.arg_width");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_steps) == 296, "offset of quell_hook_config.arg_steps");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_step) == 316, "offset of quell_hook_config.arg_step");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_index) == 516, "offset of quell_hook_config.arg_index");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_size) == 536, "offset of quell_hook_config.arg_size");
_Static_assert(__builtin_offsetof(struct quell_hook_config, arg_size_bits) == 556, "offset of quell_hook_config.arg_size_bits");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick) == 576, "offset of quell_hook_config.quick");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_index) == 580, "offset of quell_hook_config.quick_index");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_type) == 584, "offset of quell_hook_config.quick_type");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_typed) == 588, "offset of quell_hook_config.quick_typed");
_Static_assert(__builtin_offsetof(struct quell_hook_config, cast) == 592, "offset of quell_hook_config.cast");
_Static_assert(__builtin_offsetof(struct quell_hook_config, cast_registers) == 596, "offset of quell_hook_config.cast_registers");
_Static_assert(__builtin_offsetof(struct quell_hook_config, cast_task) == 600, "offset of quell_hook_config.cast_task");
_Static_assert(__builtin_offsetof(struct quell_hook_config, cast_mount) == 604, "offset of quell_hook_config.cast_mount");
_Static_assert(__builtin_offsetof(struct quell_hook_config, cast_argument) == 608, "offset of quell_hook_config.cast_argument");
_Static_assert(__builtin_offsetof(struct quell_hook_config, cast_pointer) == 612, "offset of quell_hook_config.cast_pointer");
_Static_assert(__builtin_offsetof(struct quell_hook_config, cast_bytes) == 616, "offset of quell_hook_config.cast_bytes");
_Static_assert(__builtin_offsetof(struct quell_hook_config, typed_task) == 620, "offset of quell_hook_config.typed_task");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_words) == 624, "offset of quell_hook_config.quick_words");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_values) == 628, "offset of quell_hook_config.quick_values");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_exact) == 632, "offset of quell_hook_config.quick_exact");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_mounts) == 636, "offset of quell_hook_config.quick_mounts");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_length) == 640, "offset of quell_hook_config.quick_length");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_word) == 704, "offset of quell_hook_config.quick_word");
_Static_assert(__builtin_offsetof(struct quell_hook_config, quick_mask) == 832, "offset of quell_hook_config.quick_mask");

/* Counters of one hook. `calls` is the sum of `own`, `process_rejected`, `filter_rejected`, `unreadable`,
 * `matched` and `aborted`. `matched` and `unreadable` together are the sum of `posted`, `lost`, `rate_limited`,
 * `not_posted`, `return_rejected` and what is still kept or was forgotten (`kept` less `returned` less `returns_missed`): what
 * matched, or could not be decided, ends in one of them. A call is forgotten, uncounted, when more than MAX_KEPT wait: mostly
 * of a thread that has ended in the function. */
struct quell_hook_counters {
	/* Calls of the function that the program saw. */
	__u64 calls;
	/* Ended at the process filter. */
	__u64 process_rejected;
	/* Ended at the argument filters. */
	__u64 filter_rejected;
	/* A selector matched. */
	__u64 matched;
	/* Events handed to the buffer for the agent. */
	__u64 posted;
	/* Events lost because the buffer was full, or because a helper failed before the event was built. */
	__u64 lost;
	/* `bpf_send_signal` returned 0 for SIGKILL. */
	__u64 killed;
	/* `bpf_send_signal` returned an error for SIGKILL. */
	__u64 kill_failed;
	/* `bpf_send_signal` returned 0 for the signal of a Signal action. */
	__u64 signalled;
	/* `bpf_send_signal` returned an error for it. */
	__u64 signal_failed;
	/* Matches whose event was held back by a rate limit. */
	__u64 rate_limited;
	/* Matches of selectors with NoPost. */
	__u64 not_posted;
	/* No selector matched, but one could not be decided because an argument could not be read. */
	__u64 unreadable;
	/* Matches that an enforcing selector took because what was read did not decide it. */
	__u64 failed_closed;
	/* Strings that were longer than is kept. */
	__u64 truncated;
	/* Ended without a decision because a helper failed; the fault table says which. */
	__u64 aborted;
	/* The agent's own calls, which no policy is applied to: it would report and kill itself. Those that the early look sees to match
	 * nothing are not told from others. */
	__u64 own;
	/* Calls refused: the program gave the kernel an error to return instead. */
	__u64 refused;
	/* Calls that should have been refused, and the kernel took no error from the program. */
	__u64 refuse_failed;
	/* Notes left for an enforcer; at an enforcer: notes acted on. */
	__u64 notified;
	/* Notes that could not be left, or that replaced one nobody had acted on; at an enforcer: notes of an earlier process with
	 * the same ids, and those older than NOTE_AGE_NS, which are for a call that is over. */
	__u64 notify_failed;
	/* Matches kept until their function returns. */
	__u64 kept;
	/* Of these, seen to return. */
	__u64 returned;
	/* Of these, never seen to return: another call of the thread took their place, or there was no room. */
	__u64 returns_missed;
	/* Returned, and not what matchReturnArgs asks for. */
	__u64 return_rejected;
	/* Calls by processes that the table of processes did not have; they were looked up otherwise. */
	__u64 untracked;
};
_Static_assert(sizeof(struct quell_hook_counters) == 208, "size of quell_hook_counters");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, calls) == 0, "offset of quell_hook_counters.calls");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, process_rejected) == 8, "offset of quell_hook_counters.process_rejected");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, filter_rejected) == 16, "offset of quell_hook_counters.filter_rejected");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, matched) == 24, "offset of quell_hook_counters.matched");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, posted) == 32, "offset of quell_hook_counters.posted");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, lost) == 40, "offset of quell_hook_counters.lost");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, killed) == 48, "offset of quell_hook_counters.killed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, kill_failed) == 56, "offset of quell_hook_counters.kill_failed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, signalled) == 64, "offset of quell_hook_counters.signalled");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, signal_failed) == 72, "offset of quell_hook_counters.signal_failed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, rate_limited) == 80, "offset of quell_hook_counters.rate_limited");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, not_posted) == 88, "offset of quell_hook_counters.not_posted");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, unreadable) == 96, "offset of quell_hook_counters.unreadable");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, failed_closed) == 104, "offset of quell_hook_counters.failed_closed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, truncated) == 112, "offset of quell_hook_counters.truncated");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, aborted) == 120, "offset of quell_hook_counters.aborted");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, own) == 128, "offset of quell_hook_counters.own");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, refused) == 136, "offset of quell_hook_counters.refused");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, refuse_failed) == 144, "offset of quell_hook_counters.refuse_failed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, notified) == 152, "offset of quell_hook_counters.notified");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, notify_failed) == 160, "offset of quell_hook_counters.notify_failed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, kept) == 168, "offset of quell_hook_counters.kept");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, returned) == 176, "offset of quell_hook_counters.returned");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, returns_missed) == 184, "offset of quell_hook_counters.returns_missed");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, return_rejected) == 192, "offset of quell_hook_counters.return_rejected");
_Static_assert(__builtin_offsetof(struct quell_hook_counters, untracked) == 200, "offset of quell_hook_counters.untracked");

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
	/* When the event was built, CLOCK_BOOTTIME unless EVENT_MONOTONIC is set, nanoseconds. */
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
	/* What `bpf_send_signal` returned, or SIGNAL_NOT_SENT. With several signals: for SIGKILL, else for the last one. */
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
	/* The signal that `signal_result` is about; 0 when none was sent. */
	__u32 signal;
	/* Frames of the kernel's stack behind this head. */
	__u32 kernel_frames;
	/* Frames of the process's stack behind those. */
	__u32 user_frames;
	/* What the event tells of (EVENT_CALL, EVENT_EXEC, EVENT_EXIT). */
	__u32 kind;
	/* Which target of the hook was called, from 0. */
	__u32 target;
	/* With EVENT_REFUSED: the error that the call returns, negative. */
	__s32 error;
	/* Bit N: argument N was left out at the entry of the function, because the function fills it. With EVENT_RETURNED these
	 * follow the other arguments, in front of what it returned. */
	__u32 copied;
	/* Command name, NUL-padded. */
	__u8 comm[16];
	/* Parent's command name, NUL-padded. */
	__u8 parent_comm[16];
};
_Static_assert(sizeof(struct quell_event_head) == 136, "size of quell_event_head");
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
_Static_assert(__builtin_offsetof(struct quell_event_head, signal) == 76, "offset of quell_event_head.signal");
_Static_assert(__builtin_offsetof(struct quell_event_head, kernel_frames) == 80, "offset of quell_event_head.kernel_frames");
_Static_assert(__builtin_offsetof(struct quell_event_head, user_frames) == 84, "offset of quell_event_head.user_frames");
_Static_assert(__builtin_offsetof(struct quell_event_head, kind) == 88, "offset of quell_event_head.kind");
_Static_assert(__builtin_offsetof(struct quell_event_head, target) == 92, "offset of quell_event_head.target");
_Static_assert(__builtin_offsetof(struct quell_event_head, error) == 96, "offset of quell_event_head.error");
_Static_assert(__builtin_offsetof(struct quell_event_head, copied) == 100, "offset of quell_event_head.copied");
_Static_assert(__builtin_offsetof(struct quell_event_head, comm) == 104, "offset of quell_event_head.comm");
_Static_assert(__builtin_offsetof(struct quell_event_head, parent_comm) == 120, "offset of quell_event_head.parent_comm");

/* Head of an argument in an event. */
struct quell_event_arg {
	/* Argument type. */
	__u32 arg_type;
	/* How reading went. */
	__u32 status;
	/* Bytes that follow, without the padding to 8. */
	__u32 length;
	/* Of a path: the type of its file (S_IF* bits), known also where it has no path; else 0. */
	__u32 mode;
	/* The number, for numbers, capabilities and descriptors; the size that was asked for, for buffers. */
	__u64 number;
};
_Static_assert(sizeof(struct quell_event_arg) == 24, "size of quell_event_arg");
_Static_assert(__builtin_offsetof(struct quell_event_arg, arg_type) == 0, "offset of quell_event_arg.arg_type");
_Static_assert(__builtin_offsetof(struct quell_event_arg, status) == 4, "offset of quell_event_arg.status");
_Static_assert(__builtin_offsetof(struct quell_event_arg, length) == 8, "offset of quell_event_arg.length");
_Static_assert(__builtin_offsetof(struct quell_event_arg, mode) == 12, "offset of quell_event_arg.mode");
_Static_assert(__builtin_offsetof(struct quell_event_arg, number) == 16, "offset of quell_event_arg.number");

/* What an event of an execution or an end says beside its head: the bytes of its last argument. */
struct quell_process_details {
	/* Permitted capabilities. */
	__u64 cap_permitted;
	/* Effective ones. */
	__u64 cap_effective;
	/* Inheritable ones. */
	__u64 cap_inheritable;
	/* Its id and those of the processes that it descends from by fork, nearest first, in the initial PID namespace. */
	__u32 ids[10];
	/* Inode numbers of its namespaces, in the order of the subjects; zeros in the event of an end. */
	__u32 namespaces[10];
	/* PROCESS_* bits. */
	__u32 flags;
	/* Ancestors in `ids` that are real. */
	__u32 ancestors;
	/* Real user id. */
	__u32 uid;
	/* Real group id. */
	__u32 gid;
	/* Effective user id. */
	__u32 euid;
	/* Effective group id. */
	__u32 egid;
	/* Of an end: what wait(2) reports; else 0. */
	__u32 exit_status;
	/* Zero. */
	__u32 reserved;
};
_Static_assert(sizeof(struct quell_process_details) == 136, "size of quell_process_details");
_Static_assert(__builtin_offsetof(struct quell_process_details, cap_permitted) == 0, "offset of quell_process_details.cap_permitted");
_Static_assert(__builtin_offsetof(struct quell_process_details, cap_effective) == 8, "offset of quell_process_details.cap_effective");
_Static_assert(__builtin_offsetof(struct quell_process_details, cap_inheritable) == 16, "offset of quell_process_details.cap_inheritable");
_Static_assert(__builtin_offsetof(struct quell_process_details, ids) == 24, "offset of quell_process_details.ids");
_Static_assert(__builtin_offsetof(struct quell_process_details, namespaces) == 64, "offset of quell_process_details.namespaces");
_Static_assert(__builtin_offsetof(struct quell_process_details, flags) == 104, "offset of quell_process_details.flags");
_Static_assert(__builtin_offsetof(struct quell_process_details, ancestors) == 108, "offset of quell_process_details.ancestors");
_Static_assert(__builtin_offsetof(struct quell_process_details, uid) == 112, "offset of quell_process_details.uid");
_Static_assert(__builtin_offsetof(struct quell_process_details, gid) == 116, "offset of quell_process_details.gid");
_Static_assert(__builtin_offsetof(struct quell_process_details, euid) == 120, "offset of quell_process_details.euid");
_Static_assert(__builtin_offsetof(struct quell_process_details, egid) == 124, "offset of quell_process_details.egid");
_Static_assert(__builtin_offsetof(struct quell_process_details, exit_status) == 128, "offset of quell_process_details.exit_status");
_Static_assert(__builtin_offsetof(struct quell_process_details, reserved) == 132, "offset of quell_process_details.reserved");

/* One process in the table; the key is its id in the initial PID namespace (u32). */
struct quell_process_entry {
	/* Start of the process, CLOCK_BOOTTIME (before Linux 5.5: `real_start_time`), nanoseconds: another one is another process
	 * that was given the same id. */
	__u64 start_ns;
	/* Start of its parent, the same way. */
	__u64 parent_start_ns;
	/* Bit N: it, or a process that it descends from by fork, ran a program of the followed set with this bit. */
	__u64 followed;
	/* Permitted capabilities when it executed its program or when the table first saw it, whichever is later. */
	__u64 cap_permitted;
	/* Effective ones. */
	__u64 cap_effective;
	/* Inheritable ones. */
	__u64 cap_inheritable;
	/* Its id and those of the processes that it descends from by fork, nearest first; its own where there is none. */
	__u32 ids[10];
	/* The same in its own PID namespace, as `quell_process` has them. */
	__u32 ns_ids[10];
	/* Inode numbers of its namespaces at the same moment, in the order of the subjects; 0 for kinds that the kernel has none of. */
	__u32 namespaces[10];
	/* PROCESS_* bits. */
	__u32 flags;
	/* Ancestors in `ids` that are real. */
	__u32 ancestors;
};
_Static_assert(sizeof(struct quell_process_entry) == 176, "size of quell_process_entry");
_Static_assert(__builtin_offsetof(struct quell_process_entry, start_ns) == 0, "offset of quell_process_entry.start_ns");
_Static_assert(__builtin_offsetof(struct quell_process_entry, parent_start_ns) == 8, "offset of quell_process_entry.parent_start_ns");
_Static_assert(__builtin_offsetof(struct quell_process_entry, followed) == 16, "offset of quell_process_entry.followed");
_Static_assert(__builtin_offsetof(struct quell_process_entry, cap_permitted) == 24, "offset of quell_process_entry.cap_permitted");
_Static_assert(__builtin_offsetof(struct quell_process_entry, cap_effective) == 32, "offset of quell_process_entry.cap_effective");
_Static_assert(__builtin_offsetof(struct quell_process_entry, cap_inheritable) == 40, "offset of quell_process_entry.cap_inheritable");
_Static_assert(__builtin_offsetof(struct quell_process_entry, ids) == 48, "offset of quell_process_entry.ids");
_Static_assert(__builtin_offsetof(struct quell_process_entry, ns_ids) == 88, "offset of quell_process_entry.ns_ids");
_Static_assert(__builtin_offsetof(struct quell_process_entry, namespaces) == 128, "offset of quell_process_entry.namespaces");
_Static_assert(__builtin_offsetof(struct quell_process_entry, flags) == 168, "offset of quell_process_entry.flags");
_Static_assert(__builtin_offsetof(struct quell_process_entry, ancestors) == 172, "offset of quell_process_entry.ancestors");

/* What an enforcer shall do with the next call of a thread; the key is its thread and process id (u64). */
struct quell_enforcer_note {
	/* Start of the thread's process, as in ProcessEntry: ids come again. */
	__u64 start_ns;
	/* When it was left, CLOCK_MONOTONIC, nanoseconds. */
	__u64 time_ns;
	/* The error to return, negative; 0: the call goes on. */
	__s32 error;
	/* The signal to send; 0: none. */
	__u32 signal;
};
_Static_assert(sizeof(struct quell_enforcer_note) == 24, "size of quell_enforcer_note");
_Static_assert(__builtin_offsetof(struct quell_enforcer_note, start_ns) == 0, "offset of quell_enforcer_note.start_ns");
_Static_assert(__builtin_offsetof(struct quell_enforcer_note, time_ns) == 8, "offset of quell_enforcer_note.time_ns");
_Static_assert(__builtin_offsetof(struct quell_enforcer_note, error) == 16, "offset of quell_enforcer_note.error");
_Static_assert(__builtin_offsetof(struct quell_enforcer_note, signal) == 20, "offset of quell_enforcer_note.signal");

/* Key of a call that is kept until its function returns. */
struct quell_kept_key {
	/* Thread and process id. */
	__u64 thread;
	/* Number of the hook. */
	__u32 hook;
	/* Which target. */
	__u32 target;
};
_Static_assert(sizeof(struct quell_kept_key) == 16, "size of quell_kept_key");
_Static_assert(__builtin_offsetof(struct quell_kept_key, thread) == 0, "offset of quell_kept_key.thread");
_Static_assert(__builtin_offsetof(struct quell_kept_key, hook) == 8, "offset of quell_kept_key.hook");
_Static_assert(__builtin_offsetof(struct quell_kept_key, target) == 12, "offset of quell_kept_key.target");

#endif
