/* Paths: from directory entries and mounts up to the root of the mount namespace.
 *
 * The walk ignores chroot on purpose: a process must not rename a protected file by changing its own root. It takes no
 * lock; a rename during the walk can give a name that never was, as it can for every reader without rename_lock. */
#ifndef QUELL_PATH_H
#define QUELL_PATH_H

#include "fault.h"
#include "kernel_types.h"

/* Error pointers are the last 4095 addresses. */
#define QUELL_IS_ERROR(pointer) ((unsigned long)(pointer) >= -4095UL)

/* The type of a file among its mode (include/uapi/linux/stat.h). */
#define QUELL_S_IFMT 0170000
/* A file system that is mounted nowhere: of pipes, sockets, anonymous inodes (SB_NOUSER of include/linux/fs.h). */
#define QUELL_SB_NOUSER (1UL << 31)

/* Numbers of mount namespaces that are anonymous, which hold a tree of mounts until it is mounted somewhere: none before
 * Linux 6.18, MNT_NS_ANON_INO of include/uapi/linux/nsfs.h since. */
#define QUELL_ANONYMOUS 0
#define QUELL_ANONYMOUS_INODE 0xeffffff7U

/* Nothing to walk from: the function was given no file, as for an anonymous mapping. No path, hence no match. */
static __always_inline void quell_no_path(struct quell_arg *arg)
{
	arg->status = QUELL_ARG_NO_PATH;
}

/* The type of the file behind a directory entry; 0 when there is none yet, or it cannot be read. */
static __always_inline void quell_read_mode(struct dentry *dentry, struct quell_arg *arg)
{
	struct inode *inode = 0;
	unsigned short mode = 0;

	if (quell_read(&inode, &dentry->d_inode, QUELL_FAULT_FILE) && inode)
		quell_read(&mode, &inode->i_mode, QUELL_FAULT_FILE);
	arg->mode = mode & QUELL_S_IFMT;
}

/* Writes "/" and the name of `dentry` in front of what is in the slot. Gives QUELL_ARG_OK, or how the walk ends. */
static __always_inline __u32 quell_prepend(struct dentry *dentry, volatile __u32 *start, __u8 *slot)
{
	const unsigned char *name = 0;
	__u32 length = 0;
	__u32 at = *start;

	if (!quell_read(&length, &dentry->d_name.len, QUELL_FAULT_PATH_WALK) ||
	    !quell_read(&name, &dentry->d_name.name, QUELL_FAULT_PATH_WALK))
		return QUELL_ARG_KERNEL_FAULT;
	if (length > QUELL_MAX_NAME_BYTES || length + 1 > at)
		return QUELL_ARG_TRUNCATED;
	at -= length + 1;
	*start = at;
	/* Masks for the verifier only: at + 1 + length <= QUELL_MAX_STRING_BYTES. */
	slot[at & (QUELL_MAX_STRING_BYTES - 1)] = '/';
	long error = bpf_probe_read_kernel(&slot[(at + 1) & (QUELL_MAX_STRING_BYTES - 1)],
					   length & QUELL_MAX_NAME_BYTES, name);
	if (error) {
		quell_fault(QUELL_FAULT_PATH_WALK, error);
		return QUELL_ARG_KERNEL_FAULT;
	}
	return QUELL_ARG_OK;
}

/* Notes how a walk ended. The root itself has no name. */
static __always_inline void quell_walked(__u32 status, struct quell_arg *arg, __u8 *slot)
{
	volatile __u32 *start = &arg->start;
	__u32 at = *start;

	if (at == QUELL_MAX_STRING_BYTES && status == QUELL_ARG_OK) {
		at -= 1;
		*start = at;
		slot[QUELL_MAX_STRING_BYTES - 1] = '/';
	}
	if (status == QUELL_ARG_TRUNCATED)
		quell_count(truncated);
	arg->status = status;
	arg->length = QUELL_MAX_STRING_BYTES - at;
}

/* How a walk ends that came to the top of a tree of mounts in `ns`. What is mounted nowhere has no path: neither a tree that
 * was unmounted, nor one that nobody has mounted yet, as open_tree and fsmount make them. */
static __always_inline __u32 quell_top_of_mounts(struct mnt_namespace *ns)
{
	__u32 number = QUELL_ANONYMOUS;

	if (!ns)
		return QUELL_ARG_DISCONNECTED;
	if (!quell_read(&number, &ns->ns.inum, QUELL_FAULT_PATH_WALK))
		return QUELL_ARG_KERNEL_FAULT;
	return number == QUELL_ANONYMOUS || number == QUELL_ANONYMOUS_INODE ? QUELL_ARG_DISCONNECTED : QUELL_ARG_OK;
}

/* Writes the path of `dentry` on `vfsmount` into `slot`, ending at QUELL_MAX_STRING_BYTES, and describes it in `arg`. */
static __always_inline void quell_walk(struct dentry *dentry, struct vfsmount *vfsmount, struct quell_arg *arg,
				       __u8 *slot)
{
	struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
	struct mnt_namespace *ns = 0;
	/* In memory and read anew in every step: with a bound of its own for each step, the verifier would take no two steps
	 * for the same and give up. */
	volatile __u32 *start = &arg->start;
	__u32 status = QUELL_ARG_TRUNCATED;

	quell_read_mode(dentry, arg);
	*start = QUELL_MAX_STRING_BYTES;
	if (!quell_read(&ns, &mount->mnt_ns, QUELL_FAULT_PATH_WALK)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	if (QUELL_IS_ERROR(ns)) {
		quell_no_path(arg);
		return;
	}
	for (__u32 step = 0; step < QUELL_MAX_PATH_STEPS; step++) {
		struct dentry *root = 0, *parent = 0;

		if (!quell_read(&root, &mount->mnt.mnt_root, QUELL_FAULT_PATH_WALK)) {
			status = QUELL_ARG_KERNEL_FAULT;
			break;
		}
		if (dentry == root) {
			struct mount *above = 0;

			if (!quell_read(&above, &mount->mnt_parent, QUELL_FAULT_PATH_WALK) ||
			    !quell_read(&dentry, &mount->mnt_mountpoint, QUELL_FAULT_PATH_WALK)) {
				status = QUELL_ARG_KERNEL_FAULT;
				break;
			}
			if (above == mount) {
				status = quell_top_of_mounts(ns);
				break;
			}
			mount = above;
			continue;
		}
		if (!quell_read(&parent, &dentry->d_parent, QUELL_FAULT_PATH_WALK)) {
			status = QUELL_ARG_KERNEL_FAULT;
			break;
		}
		if (parent == dentry) {
			status = QUELL_ARG_DISCONNECTED;
			break;
		}
		status = quell_prepend(dentry, start, slot);
		if (status != QUELL_ARG_OK)
			break;
		status = QUELL_ARG_TRUNCATED;
		dentry = parent;
	}
	quell_walked(status, arg, slot);
}

/* What stands at the top of a walk without mounts: the root of its file system, or not. */
static __always_inline __u32 quell_top_of_tree(struct dentry *top)
{
	struct super_block *super = 0;
	struct dentry *root = 0;
	unsigned long flags = 0;

	if (!quell_read(&super, &top->d_sb, QUELL_FAULT_PATH_WALK) ||
	    !quell_read(&flags, &super->s_flags, QUELL_FAULT_PATH_WALK) ||
	    !quell_read(&root, &super->s_root, QUELL_FAULT_PATH_WALK))
		return QUELL_ARG_KERNEL_FAULT;
	if (flags & QUELL_SB_NOUSER)
		return QUELL_ARG_NO_PATH;
	return top == root ? QUELL_ARG_OK : QUELL_ARG_DISCONNECTED;
}

/* The path of `dentry` from the root of its file system: without a mount, nobody knows where that is mounted. */
static __always_inline void quell_read_dentry(struct dentry *dentry, struct quell_arg *arg, __u8 *slot)
{
	volatile __u32 *start = &arg->start;
	__u32 status = QUELL_ARG_TRUNCATED;

	if (!dentry) {
		quell_no_path(arg);
		return;
	}
	quell_read_mode(dentry, arg);
	*start = QUELL_MAX_STRING_BYTES;
	for (__u32 step = 0; step < QUELL_MAX_PATH_STEPS; step++) {
		struct dentry *parent = 0;

		if (!quell_read(&parent, &dentry->d_parent, QUELL_FAULT_PATH_WALK)) {
			status = QUELL_ARG_KERNEL_FAULT;
			break;
		}
		if (parent == dentry) {
			status = quell_top_of_tree(dentry);
			break;
		}
		status = quell_prepend(dentry, start, slot);
		if (status != QUELL_ARG_OK)
			break;
		status = QUELL_ARG_TRUNCATED;
		dentry = parent;
	}
	quell_walked(status, arg, slot);
	if (status == QUELL_ARG_NO_PATH)
		arg->length = 0;
}

#endif
