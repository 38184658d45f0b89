/* Arguments: from a register to a number, bytes or a connection in a slot, each with a status. */
#ifndef QUELL_ARGUMENTS_H
#define QUELL_ARGUMENTS_H

#include "buffer.h"
#include "connection.h"
#include "file.h"
#include "resolve.h"

static __always_inline void quell_set_number(struct quell_arg *arg, __u64 number)
{
	arg->status = QUELL_ARG_OK;
	arg->number = number;
}

/* 64 capability bits behind a pointer. */
static __always_inline void quell_read_capabilities(__u64 pointer, struct quell_arg *arg)
{
	struct quell_kernel_cap capabilities = {};

	if (!quell_read_given(&capabilities, sizeof(capabilities), pointer, QUELL_IS_KERNEL(pointer), arg))
		return;
	quell_set_number(arg, capabilities.bits);
}

#define QUELL_COMPATIBLE_SYSCALL (1ULL << 31)

/* Whatever the parameter is declared as: what stands above 32 bits is not part of the number. */
static __always_inline void quell_read_syscall(__u64 value, struct quell_arg *arg)
{
	__u64 number = (__u32)value;
	__u32 status = 0;

	if (!quell_task_status(&status)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	quell_set_number(arg, status & QUELL_TS_COMPAT ? number | QUELL_COMPATIBLE_SYSCALL : number);
}

static __always_inline void quell_read_filename(struct filename *filename, struct quell_arg *arg, __u8 *slot)
{
	const char *name = 0;

	if (!quell_read(&name, &filename->name, QUELL_FAULT_KERNEL_STRING)) {
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	quell_read_string((__u64)name, arg, slot);
}

static __always_inline void quell_read_net_device(struct net_device *device, struct quell_arg *arg, __u8 *slot)
{
	if (!device) {
		/* No device, hence no name. */
		arg->status = QUELL_ARG_NO_PATH;
		return;
	}
	long length = bpf_core_read_str(slot, sizeof(device->name), &device->name);

	if (length < 0) {
		quell_fault(QUELL_FAULT_KERNEL_STRING, length);
		arg->status = QUELL_ARG_KERNEL_FAULT;
		return;
	}
	arg->status = QUELL_ARG_OK;
	arg->length = length ? length - 1 : 0;
}

/* Reads one argument. `type` is a constant of the hook: one branch is left of the switch. */
static __always_inline void quell_read_argument(__u32 type, __u64 value, __u64 size,
						struct quell_arg *arg, __u8 *slot)
{
	arg->status = QUELL_ARG_ABSENT;
	arg->mode = 0;
	arg->start = 0;
	arg->length = 0;
	arg->number = 0;
	switch (type) {
	case QUELL_TYPE_S8:
		quell_set_number(arg, (__s64)(signed char)value);
		break;
	case QUELL_TYPE_U8:
		quell_set_number(arg, (__u8)value);
		break;
	case QUELL_TYPE_S16:
		quell_set_number(arg, (__s64)(short)value);
		break;
	case QUELL_TYPE_U16:
		quell_set_number(arg, (unsigned short)value);
		break;
	case QUELL_TYPE_INT:
	case QUELL_TYPE_S32:
	case QUELL_TYPE_CAPABILITY:
		quell_set_number(arg, (__s64)(__s32)value);
		break;
	case QUELL_TYPE_U32:
		quell_set_number(arg, (__u32)value);
		break;
	case QUELL_TYPE_S64:
	case QUELL_TYPE_U64:
	case QUELL_TYPE_SIZE_T:
		quell_set_number(arg, value);
		break;
	case QUELL_TYPE_SYSCALL64:
		quell_read_syscall(value, arg);
		break;
	case QUELL_TYPE_KERNEL_CAP:
	case QUELL_TYPE_CAP_INHERITABLE:
	case QUELL_TYPE_CAP_PERMITTED:
	case QUELL_TYPE_CAP_EFFECTIVE:
		quell_read_capabilities(value, arg);
		break;
	case QUELL_TYPE_FD:
	case QUELL_TYPE_FILE:
	case QUELL_TYPE_LINUX_BINPRM:
	case QUELL_TYPE_KIOCB: {
		struct file *file = quell_file_of(type, value, arg);

		if (file)
			quell_read_file(file, arg, slot);
		break;
	}
	case QUELL_TYPE_PATH:
		quell_read_path((struct path *)value, arg, slot);
		break;
	case QUELL_TYPE_DENTRY:
		quell_read_dentry((struct dentry *)value, arg, slot);
		break;
	case QUELL_TYPE_FILENAME:
		quell_read_filename((struct filename *)value, arg, slot);
		break;
	case QUELL_TYPE_STRING:
		quell_read_string(value, arg, slot);
		break;
	case QUELL_TYPE_CHAR_BUF:
		quell_read_buffer(value, size, arg, slot);
		break;
	case QUELL_TYPE_CHAR_IOVEC:
		quell_read_buffers(value, size, arg, slot);
		break;
	case QUELL_TYPE_NET_DEVICE:
		quell_read_net_device((struct net_device *)value, arg, slot);
		break;
	case QUELL_TYPE_SOCK:
		quell_read_sock((struct sock *)value, arg, slot);
		break;
	case QUELL_TYPE_SOCKET:
		quell_read_socket((struct socket *)value, arg, slot);
		break;
	case QUELL_TYPE_SKB:
		quell_read_skb((struct sk_buff *)value, arg, slot);
		break;
	case QUELL_TYPE_SOCKADDR:
		quell_read_sockaddr(value, QUELL_IS_KERNEL(value), arg, slot);
		break;
	case QUELL_TYPE_SOCKADDR_UN:
		quell_read_sockaddr_un(value, size, arg, slot);
		break;
	}
}

/* An argument of which nothing is known, though it is there; `status` says why. */
static __always_inline void quell_lose_argument(struct quell_arg *arg, __u32 status)
{
	arg->status = status;
	arg->mode = 0;
	arg->start = 0;
	arg->length = 0;
	arg->number = 0;
}

/* Argument `i`, a constant, when its bit is set in `wanted`. */
static __always_inline void quell_read_argument_number(struct quell_call *call, __u32 wanted, const __u32 i)
{
	if (i >= config.args || !(wanted & (1U << i)))
		return;
	struct quell_arg *arg = &call->arg[i];
	__u64 value = 0;
	__u64 size = quell_size_word(call, i);

	/* What the function says that it has filled; an error is no size. */
	if (((config.return_copies >> i) & 1) && config.arg_size[i] == QUELL_NO_SIZE_ARG)
		size = (__s64)call->returned < 0 ? 0 : call->returned;

	if (config.arg_size_bits[i] == 32)
		size = (__u32)size;
	else if (config.arg_size_bits[i] == 16)
		size = (unsigned short)size;
	else if (config.arg_size_bits[i] == 8)
		size = (__u8)size;
	arg->kernel = (config.kernel_args >> i) & 1;
	if (quell_is_unreadable(call, i))
		quell_lose_argument(arg, QUELL_ARG_USER_FAULT);
	else if (quell_find_argument(call, i, &value))
		quell_read_argument(config.arg_type[i], value, size, arg, &call->slot[i * QUELL_SLOT_BYTES]);
	else
		quell_lose_argument(arg, QUELL_ARG_KERNEL_FAULT);
}

/* Reads the arguments whose bit is set in `wanted`, which is a constant of the hook. Written out, because the compiler unrolls no
 * loop of this size, and what is a constant of the hook for one argument is none for a loop. */
static __always_inline void quell_read_arguments(struct quell_call *call, __u32 wanted)
{
	_Static_assert(QUELL_MAX_ARGS == 5, "a line for each argument");
	quell_read_argument_number(call, wanted, 0);
	quell_read_argument_number(call, wanted, 1);
	quell_read_argument_number(call, wanted, 2);
	quell_read_argument_number(call, wanted, 3);
	quell_read_argument_number(call, wanted, 4);
}

#endif
