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

	arg->length = 0;
	*start = QUELL_MAX_STRING_BYTES;
	if (!quell_read(&ns, &mount->mnt_ns, QUELL_FAULT_PATH_WALK)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	if (QUELL_IS_ERROR(ns)) {
		arg->status = QUELL_ARG_NO_PATH;
		return;
	}
	for (__u32 step = 0; step < QUELL_MAX_PATH_STEPS; step++) {
		struct dentry *root = 0, *parent = 0;
		const unsigned char *name = 0;
		__u32 length = 0;

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
				/* The top; of a tree that is mounted nowhere, when it has no namespace. */
				status = ns ? QUELL_ARG_OK : QUELL_ARG_DISCONNECTED;
				break;
			}
			mount = above;
			continue;
		}
		if (!quell_read(&parent, &dentry->d_parent, QUELL_FAULT_PATH_WALK) ||
		    !quell_read(&length, &dentry->d_name.len, QUELL_FAULT_PATH_WALK) ||
		    !quell_read(&name, &dentry->d_name.name, QUELL_FAULT_PATH_WALK)) {
			status = QUELL_ARG_KERNEL_FAULT;
			break;
		}
		if (parent == dentry) {
			status = QUELL_ARG_DISCONNECTED;
			break;
		}
		__u32 at = *start;

		if (length > QUELL_MAX_NAME_BYTES || length + 1 > at)
			break;
		at -= length + 1;
		*start = at;
		/* Masks for the verifier only: at + 1 + length <= QUELL_MAX_STRING_BYTES. */
		slot[at & (QUELL_MAX_STRING_BYTES - 1)] = '/';
		long error = bpf_probe_read_kernel(&slot[(at + 1) & (QUELL_MAX_STRING_BYTES - 1)],
						   length & QUELL_MAX_NAME_BYTES, name);
		if (error) {
			quell_fault(QUELL_FAULT_PATH_WALK, error);
			status = QUELL_ARG_KERNEL_FAULT;
			break;
		}
		dentry = parent;
	}
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

static __always_inline void quell_read_path(struct path *path, struct quell_arg *arg, __u8 *slot)
{
	struct dentry *dentry = 0;
	struct vfsmount *vfsmount = 0;

	if (!quell_read(&dentry, &path->dentry, QUELL_FAULT_FILE) || !quell_read(&vfsmount, &path->mnt, QUELL_FAULT_FILE)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	quell_walk(dentry, vfsmount, arg, slot);
}

static __always_inline void quell_read_file(struct file *file, struct quell_arg *arg, __u8 *slot)
{
	struct dentry *dentry = 0;
	struct vfsmount *vfsmount = 0;

	if (!quell_read(&dentry, &file->f_path.dentry, QUELL_FAULT_FILE) ||
	    !quell_read(&vfsmount, &file->f_path.mnt, QUELL_FAULT_FILE)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	quell_walk(dentry, vfsmount, arg, slot);
}

/* The file behind a descriptor of the calling task. */
static __always_inline void quell_read_fd(__u32 fd, struct quell_arg *arg, __u8 *slot)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct files_struct *files = 0;
	struct fdtable *table = 0;
	struct file **array = 0, *file = 0;
	unsigned int max = 0;

	arg->number = (__s64)(__s32)fd;
	if (!quell_read(&files, &task->files, QUELL_FAULT_FD_TABLE) || !quell_read(&table, &files->fdt, QUELL_FAULT_FD_TABLE) ||
	    !quell_read(&max, &table->max_fds, QUELL_FAULT_FD_TABLE) ||
	    !quell_read(&array, &table->fd, QUELL_FAULT_FD_TABLE)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	if (fd >= max) {
		arg->status = QUELL_ARG_BAD_FD;
		return;
	}
	long error = bpf_probe_read_kernel(&file, sizeof(file), array + fd);

	if (error) {
		quell_fault(QUELL_FAULT_FD_TABLE, error);
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	if (!file) {
		arg->status = QUELL_ARG_BAD_FD;
		return;
	}
	quell_read_file(file, arg, slot);
}

#endif
