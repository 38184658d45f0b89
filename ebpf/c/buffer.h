/* Text: strings and buffers of the caller, each from its start. */
#ifndef QUELL_BUFFER_H
#define QUELL_BUFFER_H

#include "fault.h"
#include "kernel_types.h"

/* What a system call is given is user memory, whatever the caller claims; a kernel function may be given either, and so may be
 * what the kernel's own structures point to. On x86-64 kernel addresses have the highest bit set. `arg` is the argument that is
 * read. */
#define QUELL_IS_KERNEL(pointer)                                  \
	((__s64)(pointer) < 0 && (!(config.flags & QUELL_HOOK_USER_MEMORY) || (config.kernel_args && arg->kernel)))

/* Bytes that a string read asks for: one more than is kept, and the NUL, so that a string of exactly the limit is whole. */
#define QUELL_STRING_READ_BYTES (QUELL_MAX_STRING_BYTES + 2)

static __always_inline void quell_read_string(__u64 pointer, struct quell_arg *arg, __u8 *slot)
{
	bool kernel = QUELL_IS_KERNEL(pointer);
	long length = kernel ? bpf_probe_read_kernel_str(slot, QUELL_STRING_READ_BYTES, (const void *)pointer) :
			       bpf_probe_read_user_str(slot, QUELL_STRING_READ_BYTES, (const void *)pointer);

	if (length < 0) {
		if (kernel) {
			quell_fault(QUELL_FAULT_KERNEL_STRING, length);
			arg->status = QUELL_ARG_KERNEL_FAULT;
		} else {
			quell_fault(QUELL_FAULT_USER_STRING, length);
			arg->status = QUELL_ARG_USER_FAULT;
		}
		return;
	}
	/* The length counts the NUL. */
	if (length > QUELL_MAX_STRING_BYTES + 1) {
		quell_count(truncated);
		arg->status = QUELL_ARG_TRUNCATED;
		arg->length = QUELL_MAX_STRING_BYTES;
		return;
	}
	arg->status = QUELL_ARG_OK;
	arg->length = length ? length - 1 : 0;
}

static __always_inline void quell_read_buffer(__u64 pointer, __u64 size, struct quell_arg *arg, __u8 *slot)
{
	bool kernel = QUELL_IS_KERNEL(pointer);
	__u64 length = size;
	long error;

	arg->number = size;
	arg->status = QUELL_ARG_OK;
	if (length > QUELL_MAX_STRING_BYTES) {
		length = QUELL_MAX_STRING_BYTES;
		arg->status = QUELL_ARG_TRUNCATED;
		quell_count(truncated);
	}
	if (length == 0)
		return;
	/* Keeps the bound that the verifier saw on the register that the helper gets. */
	asm volatile("" : "+r"(length));
	if (length > QUELL_MAX_STRING_BYTES)
		return;
	error = kernel ? bpf_probe_read_kernel(slot, length, (const void *)pointer) :
			 bpf_probe_read_user(slot, length, (const void *)pointer);
	if (error) {
		if (kernel) {
			quell_fault(QUELL_FAULT_KERNEL_BUFFER, error);
			arg->status = QUELL_ARG_KERNEL_FAULT;
		} else {
			quell_fault(QUELL_FAULT_USER_BUFFER, error);
			arg->status = QUELL_ARG_USER_FAULT;
		}
		return;
	}
	arg->length = length;
}

/* TS_COMPAT of the kernel: the task is in a system call of the 32-bit ABI. */
#define QUELL_TS_COMPAT 2

/* The flags of the calling task's thread. */
static __always_inline bool quell_task_status(__u32 *status)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return quell_read(status, &task->thread_info.status, QUELL_FAULT_TASK);
}

/* struct iovec (uapi), and what a 32-bit caller gives instead. */
union quell_iovec {
	struct {
		__u64 base;
		__u64 length;
	};
	struct {
		__u32 short_base;
		__u32 short_length;
	};
	/* Room for whatever the verifier takes for the greatest number of bytes that are read. */
	__u64 room[3];
};

/* Bytes of one entry of a vector. The kernel's own copy is always of the wide form. */
static __always_inline bool quell_iovec_bytes(bool kernel, __u32 *bytes)
{
	__u32 status = 0;

	*bytes = 16;
	if (kernel)
		return true;
	if (!quell_task_status(&status))
		return false;
	*bytes = status & QUELL_TS_COMPAT ? 8 : 16;
	return true;
}

/* Notes that a buffer could not be read. */
static __always_inline void quell_unreadable_buffer(struct quell_arg *arg, long error, bool kernel)
{
	arg->length = 0;
	if (kernel) {
		quell_fault(QUELL_FAULT_KERNEL_BUFFER, error);
		arg->status = QUELL_ARG_KERNEL_FAULT;
	} else {
		quell_fault(QUELL_FAULT_USER_BUFFER, error);
		arg->status = QUELL_ARG_USER_FAULT;
	}
}

/* `count` buffers, one behind the other. The vector may be the kernel's copy; what it points to is the caller's. */
static __always_inline void quell_read_buffers(__u64 vector, __u64 count, struct quell_arg *arg, __u8 *slot)
{
	bool kernel = QUELL_IS_KERNEL(vector);
	/* In memory and read anew in every step, as in a path walk. */
	volatile __u32 *at = &arg->length;
	volatile __u64 *asked = &arg->number;
	__u32 bytes = 0;

	if (!quell_iovec_bytes(kernel, &bytes)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	quell_opaque(bytes);
	arg->status = QUELL_ARG_OK;
	for (__u32 i = 0; i < QUELL_MAX_IOVECS; i++) {
		union quell_iovec one = {};
		const void *from = (const void *)(vector + i * bytes);
		/* For the verifier, at every use; it is 8 or 16. */
		__u64 length_of_one = bytes & 24;

		if (i >= count)
			break;
		long error = kernel ? bpf_probe_read_kernel(&one, length_of_one, from) :
				      bpf_probe_read_user(&one, length_of_one, from);

		if (error) {
			quell_unreadable_buffer(arg, error, kernel);
			return;
		}
		__u32 used = *at;
		/* All bits of one that was read in the short form. */
		__u64 narrow = -(__u64)((bytes >> 3) & 1);
		__u64 base = (one.short_base & narrow) | (one.base & ~narrow);
		__u64 length = (one.short_length & narrow) | (one.length & ~narrow);

		*asked += length;
		if (used > QUELL_MAX_STRING_BYTES)
			break;
		if (length > QUELL_MAX_STRING_BYTES - used) {
			length = QUELL_MAX_STRING_BYTES - used;
			arg->status = QUELL_ARG_TRUNCATED;
		}
		if (length == 0)
			continue;
		/* Keeps the bound that the verifier saw on the register that the helper gets. */
		asm volatile("" : "+r"(length));
		if (length > QUELL_MAX_STRING_BYTES)
			break;
		/* The mask is for the verifier: used < QUELL_MAX_STRING_BYTES, because something is left. */
		error = bpf_probe_read_user(slot + (used & (QUELL_MAX_STRING_BYTES - 1)), length, (const void *)base);
		if (error) {
			quell_unreadable_buffer(arg, error, false);
			return;
		}
		*at = used + length;
	}
	if (count > QUELL_MAX_IOVECS) {
		/* Of a text that is cut, always more is known than a value can be long. Where the caller cuts its text into so
		 * small pieces that it is not, nothing is concluded from it. */
		if (*at <= QUELL_MAX_STRING_VALUE_BYTES) {
			quell_unreadable_buffer(arg, -QUELL_E2BIG, true);
			return;
		}
		arg->status = QUELL_ARG_TRUNCATED;
	}
	if (arg->status == QUELL_ARG_TRUNCATED)
		quell_count(truncated);
}

#define QUELL_AF_UNIX 1
/* Bytes of the path in struct sockaddr_un (uapi). */
#define QUELL_UNIX_PATH_BYTES 108

/* At most QUELL_UNIX_PATH_BYTES, as the caller says. A mask right at its use, which the compiler must not leave out: older
 * verifiers forget the bounds of a number that was kept in memory meanwhile. */
static __always_inline __u64 quell_unix_bound(__u64 most)
{
	quell_opaque(most);
	return most & 127;
}

/* The path of a socket of the file system: it ends at a NUL, or where the address ends. */
static __always_inline void quell_read_unix_path(__u64 path, __u64 most, bool kernel, struct quell_arg *arg, __u8 *slot)
{
	long length = kernel ? bpf_probe_read_kernel_str(slot, quell_unix_bound(most) + 1, (const void *)path) :
			       bpf_probe_read_user_str(slot, quell_unix_bound(most) + 1, (const void *)path);

	if (length < 0) {
		quell_unreadable_buffer(arg, length, kernel);
		return;
	}
	arg->status = QUELL_ARG_OK;
	/* The length counts the NUL. */
	arg->length = length ? length - 1 : 0;
}

/* The path of a socket address. An abstract one is a NUL and then its name, all bytes of the address; where the length of the
 * address is not known, up to a NUL. `size` is the length of the address, which another argument has, or 0. */
static __always_inline void quell_read_sockaddr_un(__u64 pointer, __u64 size, struct quell_arg *arg, __u8 *slot)
{
	bool kernel = QUELL_IS_KERNEL(pointer);
	__u64 most = size - sizeof(__u16);
	__u8 begin[3] = {};
	long error;

	if (!pointer) {
		arg->status = QUELL_ARG_NO_PATH;
		return;
	}
	if (!size || most > QUELL_UNIX_PATH_BYTES)
		most = QUELL_UNIX_PATH_BYTES;
	error = kernel ? bpf_probe_read_kernel(begin, sizeof(begin), (const void *)pointer) :
			 bpf_probe_read_user(begin, sizeof(begin), (const void *)pointer);
	if (error) {
		quell_unreadable_buffer(arg, error, kernel);
		return;
	}
	if ((begin[0] | begin[1] << 8) != QUELL_AF_UNIX) {
		arg->status = QUELL_ARG_NO_PATH;
		return;
	}
	pointer += sizeof(__u16);
	if (begin[2]) {
		quell_read_unix_path(pointer, most, kernel, arg, slot);
		return;
	}
	if (!size) {
		quell_read_unix_path(pointer + 1, QUELL_UNIX_PATH_BYTES - 1, kernel, arg, slot + 1);
		slot[0] = 0;
		/* A name of no bytes is no name. */
		if (arg->length)
			arg->length += 1;
		return;
	}
	arg->status = QUELL_ARG_OK;
	if (!most)
		return;
	error = kernel ? bpf_probe_read_kernel(slot, quell_unix_bound(most), (const void *)pointer) :
			 bpf_probe_read_user(slot, quell_unix_bound(most), (const void *)pointer);
	if (error)
		quell_unreadable_buffer(arg, error, kernel);
	else
		arg->length = most;
}

#endif
