/* Files: from whatever names one to its path. */
#ifndef QUELL_FILE_H
#define QUELL_FILE_H

#include "path.h"

static __always_inline void quell_read_path(struct path *path, struct quell_arg *arg, __u8 *slot)
{
	struct dentry *dentry = 0;
	struct vfsmount *vfsmount = 0;

	if (!path) {
		quell_no_path(arg);
		return;
	}
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

	if (!file) {
		quell_no_path(arg);
		return;
	}
	if (!quell_read(&dentry, &file->f_path.dentry, QUELL_FAULT_FILE) ||
	    !quell_read(&vfsmount, &file->f_path.mnt, QUELL_FAULT_FILE)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	quell_walk(dentry, vfsmount, arg, slot);
}

/* The file that a descriptor of the calling task stands for; null with a status when there is none. */
static __always_inline struct file *quell_file_of_fd(__u32 fd, struct quell_arg *arg)
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
		return 0;
	}
	if (fd >= max) {
		arg->status = QUELL_ARG_BAD_FD;
		return 0;
	}
	long error = bpf_probe_read_kernel(&file, sizeof(file), array + fd);

	if (error) {
		quell_fault(QUELL_FAULT_FD_TABLE, error);
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return 0;
	}
	if (!file)
		arg->status = QUELL_ARG_BAD_FD;
	return file;
}

/* The file that an argument of this type (a constant) names; null with a status when there is none. */
static __always_inline struct file *quell_file_of(__u32 type, __u64 value, struct quell_arg *arg)
{
	struct file *file = 0;
	bool read = true;

	switch (type) {
	case QUELL_TYPE_FD:
		return quell_file_of_fd(value, arg);
	case QUELL_TYPE_LINUX_BINPRM:
		if (value)
			read = quell_read(&file, &((struct linux_binprm *)value)->file, QUELL_FAULT_FILE);
		break;
	case QUELL_TYPE_KIOCB:
		if (value)
			read = quell_read(&file, &((struct kiocb *)value)->ki_filp, QUELL_FAULT_FILE);
		break;
	default:
		file = (struct file *)value;
	}
	if (!file)
		arg->status = read ? QUELL_ARG_NO_PATH : QUELL_ARG_KERNEL_FAULT;
	return file;
}

#endif
