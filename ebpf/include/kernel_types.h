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

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mnt_namespace;

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

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct mm_struct {
	struct file *exe_file;
};

struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	char comm[16];
	struct mm_struct *mm;
	struct files_struct *files;
};

/* Before Linux 5.5 (commit cf25e24db61c) start_boottime was called real_start_time. */
struct task_struct___before_5_5 {
	__u64 real_start_time;
};

#pragma clang attribute pop

#endif
