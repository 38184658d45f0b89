/* The few kernel structures that we read, and of each only the fields that we read. preserve_access_index makes the
 * compiler record every access, and the loader fill in the running kernel's offsets (CO-RE). */
#ifndef QUELL_KERNEL_TYPES_H
#define QUELL_KERNEL_TYPES_H

#include <linux/types.h>
#include <stdbool.h>

/* Saved registers, as kprobe programs get them: part of the x86-64 ABI, hence not relocated. */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

/* 64 bits; before Linux 6.3 (commit f122a08b197d) two words of 32, in the same order. The kernel's type has another name in
 * every version, which does not matter: only structs that hold it are relocated. */
struct quell_kernel_cap {
	__u64 bits;
};

/* atomic64_t of the kernel. */
struct quell_atomic64 {
	__s64 counter;
};

/* atomic_t of the kernel. */
struct quell_atomic {
	__s32 counter;
};

/* kuid_t and kgid_t of the kernel. */
struct quell_kernel_id {
	__u32 number;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct super_block {
	struct dentry *s_root;
	unsigned long s_flags;
};

struct inode {
	unsigned short i_mode;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct ns_common {
	unsigned int inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	/* An error pointer for mounts that only the kernel uses (pipes, sockets, anonymous inodes); NULL once unmounted. */
	struct mnt_namespace *mnt_ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
};

struct filename {
	const char *name;
};

struct linux_binprm {
	struct file *file;
};

struct kiocb {
	struct file *ki_filp;
};

struct net_device {
	char name[16];
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
	struct fdtable fdtab;
	struct file *fd_array[64];
};

struct mm_struct {
	struct file *exe_file;
	unsigned long arg_start;
	unsigned long arg_end;
};

struct pid_namespace {
	struct ns_common ns;
};

struct uts_namespace {
	struct ns_common ns;
};

struct ipc_namespace {
	struct ns_common ns;
};

struct time_namespace {
	struct ns_common ns;
};

struct cgroup_namespace {
	struct ns_common ns;
};

struct user_namespace {
	struct ns_common ns;
};

struct net {
	struct ns_common ns;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	/* Linux 5.6 (commit 769071ac9f20). */
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};

struct cred {
	struct quell_kernel_id uid;
	struct quell_kernel_id gid;
	struct quell_kernel_id euid;
	struct quell_kernel_id egid;
	struct quell_kernel_cap cap_inheritable;
	struct quell_kernel_cap cap_permitted;
	struct quell_kernel_cap cap_effective;
	struct user_namespace *user_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct thread_info {
	__u32 status;
};

struct signal_struct {
	/* Threads that have not begun to exit. */
	struct quell_atomic live;
	/* Of an exit of the whole group. */
	int group_exit_code;
};

struct task_struct {
	struct thread_info thread_info;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	char comm[16];
	struct mm_struct *mm;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct cred *cred;
	struct signal_struct *signal;
};

/* Before Linux 5.5 (commit cf25e24db61c) start_boottime was called real_start_time. */
struct task_struct___before_5_5 {
	__u64 real_start_time;
};

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	/* Of the destination in network byte order, of the source in host byte order. */
	__u16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	/* Only with CONFIG_IPV6. */
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	struct quell_atomic64 skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	/* Bit fields before Linux 5.6 (commit bf9765145b85). */
	__u16 sk_type;
	__u16 sk_protocol;
};

struct socket {
	short type;
	struct sock *sk;
};

struct sk_buff {
	struct sock *sk;
	__u16 protocol;
	__u16 transport_header;
	__u16 network_header;
	/* An offset from head, on 64-bit machines. */
	unsigned int tail;
	unsigned char *head;
};

#pragma clang attribute pop

#endif
