/* The early look at a file: its last name, or the first two of its path, read without building the path.
 *
 * It says no only where the whole walk (path.h) would end well and give a path that no value fits, or where there is no path and
 * hence no match. Whatever it did not see - a mount that is mounted nowhere, a folder that was moved out of its mount, memory that
 * can't be read, more steps than it goes - it leaves to that walk. */
#ifndef QUELL_EARLY_PATH_H
#define QUELL_EARLY_PATH_H

#include "cast.h"
#include "path.h"
#include "quick.h"

/* What is read of a directory entry, as it lies there. */
struct quell_early_entry {
	struct dentry *parent;
	__u32 hash;
	__u32 length;
	const unsigned char *name;
};

/* Whether the table of the early look may have a value with this hash. */
static __always_inline bool quell_early_listed(__u64 hash)
{
	__u32 at = quell_quick_word_of(&config, hash);
	__u64 bits = quell_quick_bits_of(hash);
	const __u64 *word = bpf_map_lookup_elem(&early_words, &at);

	return !word || (*word & bits) == bits;
}

/* Whether the three members lie together, as in every kernel so far; all of it is a constant of the kernel. Else there is no
 * early look. */
static __always_inline bool quell_early_layout(void)
{
	return bpf_core_field_offset(struct dentry, d_name.len) == bpf_core_field_offset(struct dentry, d_parent) + 12 &&
	       bpf_core_field_offset(struct dentry, d_name.name) == bpf_core_field_offset(struct dentry, d_parent) + 16 &&
	       bpf_core_field_offset(struct path, dentry) == bpf_core_field_offset(struct path, mnt) + 8 &&
	       bpf_core_field_offset(struct mount, mnt_mountpoint) == bpf_core_field_offset(struct mount, mnt_parent) + 8 &&
	       bpf_core_field_offset(struct fdtable, fd) == bpf_core_field_offset(struct fdtable, max_fds) + 8;
}

static __always_inline bool quell_early_entry(const bool typed, struct dentry *dentry, struct quell_early_entry *entry)
{
	struct quell_early_entry read = {};

	if (typed) {
		read.parent = dentry->d_parent;
		read.length = dentry->d_name.len;
		read.name = dentry->d_name.name;
		quell_opaque(read.parent);
		quell_opaque(read.length);
		quell_opaque(read.name);
		*entry = read;
		return true;
	}
	if (bpf_probe_read_kernel(&read, sizeof(read), &dentry->d_parent))
		return false;
	*entry = read;
	return true;
}

/* What the namespace of a mount says: that there is no path at all, because only the kernel mounts it (pipes, sockets, memory); that
 * the tree is mounted; or nothing, where it is anonymous, gone or unreadable. */
#define QUELL_EARLY_NOTHING 0
#define QUELL_EARLY_MOUNTED 1
#define QUELL_EARLY_NO_PATH 2

/* The initial namespace lives as long as the kernel, so that its address is remembered. */
static __always_inline __u32 quell_early_mounts(struct mount *mount)
{
	struct mnt_namespace *ns = quell_peek(QUELL_CASTS, &mount->mnt_ns);
	__u32 number = QUELL_ANONYMOUS;

	if (!ns)
		return QUELL_EARLY_NOTHING;
	if (QUELL_IS_ERROR(ns))
		return QUELL_EARLY_NO_PATH;
	if ((__u64)ns == initial_mounts)
		return QUELL_EARLY_MOUNTED;
	/* The address may be that of an error, which is no pointer to the verifier. */
	if (bpf_core_read(&number, sizeof(number), &ns->ns.inum))
		return QUELL_EARLY_NOTHING;
	if (config.quick_mounts && number == config.quick_mounts)
		initial_mounts = (__u64)ns;
	return number == QUELL_ANONYMOUS || number == QUELL_ANONYMOUS_INODE ? QUELL_EARLY_NOTHING : QUELL_EARLY_MOUNTED;
}

/* Whether the way up from `dentry` comes to `root`: at once, or because the mount shows a whole file system, or by going it. */
static __always_inline bool quell_early_below(const bool typed, struct dentry *dentry, struct dentry *root)
{
	if (!root)
		return false;
	if (dentry == root || quell_peek(typed, &root->d_parent) == root)
		return true;
	for (__u32 step = 0; step < QUELL_MAX_QUICK_STEPS; step++) {
		struct dentry *above = quell_peek(QUELL_CASTS, &dentry->d_parent);

		if (!above || above == dentry)
			return false;
		if (above == root)
			return true;
		dentry = above;
	}
	return false;
}

/* Whether the last name contradicts every value; in a table or not are two ways, so that the one costs nothing of the other. */
static __always_inline bool quell_early_last(const bool typed, const bool table, struct dentry *dentry, struct vfsmount *vfsmount)
{
	struct quell_early_entry entry = {};
	struct dentry *root;
	__u32 left;

	if (!quell_early_entry(typed, dentry, &entry) || (__u64)entry.length - 1 >= QUELL_MAX_NAME_BYTES)
		return false;
	if (table) {
		__u64 word = quell_peek_bytes(entry.name + quell_quick_tail_from(entry.length));

		if (!word ||
		    quell_early_listed(quell_quick_hash(&config, entry.length, quell_quick_tail(word, entry.length), 0, 0)))
			return false;
	} else if ((left = quell_quick_fitting(&config, 0, entry.length))) {
		__u64 word = quell_peek_bytes(entry.name + quell_quick_tail_from(entry.length));

		if (!word || left & quell_quick_equal(&config, 0, quell_quick_tail(word, entry.length)))
			return false;
	}
	/* The root of a mount has the name of where it is mounted. */
	root = quell_peek(typed, &vfsmount->mnt_root);
	if (dentry == root || entry.parent == dentry)
		return false;
	return quell_early_below(typed, entry.parent, root);
}

/* Whether a name contradicts the values from `begin` on, of those in `left`; the answer is what is left. */
static __always_inline __u32 quell_early_name(const __u32 begin, __u32 left, const struct quell_early_entry *entry)
{
	__u64 word;

	left &= quell_quick_fitting(&config, begin, entry->length);
	if (!left || !entry->length)
		return left;
	word = quell_peek_bytes(entry->name);
	return word ? left & quell_quick_equal(&config, begin, word) : ~0U;
}

/* Whether the first two names are not in the table. The second may be missing. */
static __always_inline bool quell_early_unlisted(const struct quell_early_entry *first, const struct quell_early_entry *second)
{
	__u64 word = quell_peek_bytes(first->name), next = 0;

	if (!word)
		return false;
	if (config.quick_mask[QUELL_MAX_QUICK] && second->length) {
		next = quell_peek_bytes(second->name);
		if (!next)
			return false;
	}
	return !quell_early_listed(quell_quick_hash(&config, first->length, quell_quick_head(word, first->length),
						    second->length, quell_quick_head(next, second->length)));
}

/* A walk of so few steps is never too long for the whole one. */
_Static_assert(QUELL_MAX_QUICK_STEPS * (QUELL_MAX_NAME_BYTES + 1) <= QUELL_MAX_STRING_BYTES, "no path of the early look is cut");

/* Where a mount is mounted. */
static __always_inline bool quell_early_above(struct mount *mount, struct mount **parent, struct dentry **mountpoint)
{
	struct {
		struct mount *parent;
		struct dentry *mountpoint;
	} above = {};

	if (QUELL_CASTS) {
		*parent = mount->mnt_parent;
		*mountpoint = mount->mnt_mountpoint;
		return *parent && *mountpoint;
	}
	if (bpf_probe_read_kernel(&above, sizeof(above), __builtin_preserve_access_index(&mount->mnt_parent)))
		return false;
	*parent = above.parent;
	*mountpoint = above.mountpoint;
	return true;
}

/* Whether the first two names contradict every value. The walk is that of path.h, without the names. `typed` holds up to the root of the
 * mount; above it, only casts give types. */
static __always_inline bool quell_early_first(bool typed, const bool table, struct dentry *dentry, struct vfsmount *vfsmount, struct mount *mount)
{
	struct quell_early_entry first = {}, second = {};
	struct dentry *root = quell_peek(typed, &vfsmount->mnt_root);

	if (!root)
		return false;
	for (__u32 step = 0; step < QUELL_MAX_QUICK_STEPS; step++) {
		if (dentry == root) {
			struct mount *parent = 0;
			struct dentry *mountpoint = 0;

			if (!quell_early_above(mount, &parent, &mountpoint))
				return false;
			if (parent == mount) {
				__u32 left;

				/* The root has no name. */
				if (!first.length)
					return false;
				if (table)
					return quell_early_unlisted(&first, &second);
				left = quell_early_name(0, ~0U, &first);
				if (left)
					left = quell_early_name(QUELL_MAX_QUICK, left, &second);
				return !left;
			}
			mount = parent;
			dentry = mountpoint;
			typed = QUELL_CASTS;
			root = quell_peek(QUELL_CASTS, &mount->mnt.mnt_root);
			if (!root)
				return false;
			continue;
		}
		second = first;
		if (!quell_early_entry(typed, dentry, &first) || first.parent == dentry)
			return false;
		if ((__u64)first.length - 1 >= QUELL_MAX_NAME_BYTES)
			return false;
		dentry = first.parent;
	}
	return false;
}

/* A path, at which both are one behind the other. */
static __always_inline bool quell_early_path(const bool typed, struct path *path)
{
	struct vfsmount *mnt;
	struct dentry *dentry;

	if (typed) {
		mnt = path->mnt;
		dentry = path->dentry;
		quell_opaque(mnt);
		quell_opaque(dentry);
	} else {
		struct {
			struct vfsmount *mnt;
			struct dentry *dentry;
		} both = {};

		if (bpf_probe_read_kernel(&both, sizeof(both), __builtin_preserve_access_index(&path->mnt)))
			return false;
		mnt = both.mnt;
		dentry = both.dentry;
	}
	if (!mnt || !dentry)
		return false;
	struct mount *mount = quell_cast((__u64)mnt - bpf_core_field_offset(struct mount, mnt), config.cast_mount);
	__u32 mounts = quell_early_mounts(mount);

	if (mounts != QUELL_EARLY_MOUNTED)
		return mounts == QUELL_EARLY_NO_PATH;
	if (config.quick == QUELL_QUICK_LAST)
		return config.quick_words ? quell_early_last(typed, true, dentry, mnt) :
					    quell_early_last(typed, false, dentry, mnt);
	return config.quick_words ? quell_early_first(typed, true, dentry, mnt, mount) :
				    quell_early_first(typed, false, dentry, mnt, mount);
}

#define QUELL_EARLY_OPEN(n)                                                                                \
	case n:                                                                                            \
		return files->fd_array[n];
#define QUELL_EARLY_OPEN_4(n) QUELL_EARLY_OPEN(n) QUELL_EARLY_OPEN(n + 1) QUELL_EARLY_OPEN(n + 2) QUELL_EARLY_OPEN(n + 3)
#define QUELL_EARLY_OPEN_16(n) QUELL_EARLY_OPEN_4(n) QUELL_EARLY_OPEN_4(n + 4) QUELL_EARLY_OPEN_4(n + 8) QUELL_EARLY_OPEN_4(n + 12)

/* The same, where no pointer is cast and the kernel gives the calling task with its type (Linux 5.11, commit 3ca1032ab7ab): of the
 * first descriptors of a task that has never had more, whose files are members. A member is found by a constant alone. */
static __always_inline struct file *quell_early_typed_file_of_fd(__u32 fd)
{
	struct files_struct *files = bpf_get_current_task_btf()->files;

	if (files->fdt != &files->fdtab)
		return 0;
	switch (fd) {
		QUELL_EARLY_OPEN_16(0)
		QUELL_EARLY_OPEN_16(16)
		QUELL_EARLY_OPEN_16(32)
		QUELL_EARLY_OPEN_16(48)
	default:
		return 0;
	}
}

/* The file of a descriptor of the calling task; null where it is not found. */
static __always_inline struct file *quell_early_file_of_fd(__u32 fd)
{
	struct task_struct *task = quell_cast(bpf_get_current_task(), config.cast_task);
	struct files_struct *files = quell_peek(QUELL_CASTS, &task->files);
	struct fdtable *table = quell_peek(QUELL_CASTS, &files->fdt);

	if (QUELL_CASTS) {
		struct file **files = table->fd;

		/* A file's address and nothing else: the first member of a struct kiocb. */
		return fd < table->max_fds ?
			       ((struct kiocb *)quell_cast((__u64)(files + fd), config.cast_pointer))->ki_filp :
			       0;
	}
	struct {
		__u32 most;
		__u32 reserved;
		struct file **files;
	} open = {};
	struct file *file = 0;

	if (bpf_probe_read_kernel(&open, sizeof(open), __builtin_preserve_access_index(&table->max_fds)) || fd >= open.most ||
	    bpf_probe_read_kernel(&file, sizeof(file), open.files + fd))
		return 0;
	return file;
}

#endif
