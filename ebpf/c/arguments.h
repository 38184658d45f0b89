/* Arguments: from a register to a number or to bytes in a slot, each with a status. */
#ifndef QUELL_ARGUMENTS_H
#define QUELL_ARGUMENTS_H

#include "path.h"

/* What a system call is given is user memory, whatever the caller claims; a kernel function may be given either, and on
 * x86-64 kernel addresses have the highest bit set. */
#define QUELL_IS_KERNEL(pointer) (!(config.flags & QUELL_HOOK_SYSCALL) && (__s64)(pointer) < 0)

/* Bytes that a string read asks for: one more than is kept, and the NUL, so that a string of exactly the limit is whole. */
#define QUELL_STRING_READ_BYTES (QUELL_MAX_STRING_BYTES + 2)

static __always_inline void quell_read_string(__u64 pointer, struct quell_arg *arg, __u8 *slot)
{
	bool kernel = QUELL_IS_KERNEL(pointer);
	long length = kernel ? bpf_probe_read_kernel_str(slot, QUELL_STRING_READ_BYTES, (const void *)pointer) :
			       bpf_probe_read_user_str(slot, QUELL_STRING_READ_BYTES, (const void *)pointer);

	arg->start = 0;
	arg->length = 0;
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
	arg->start = 0;
	arg->length = 0;
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

static __always_inline void quell_set_number(struct quell_arg *arg, __u64 number)
{
	arg->status = QUELL_ARG_OK;
	arg->number = number;
}

/* Reads one argument. `type` and `size_index` are constants of the hook: one branch is left of the switch. */
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
	case QUELL_TYPE_FD:
		quell_read_fd(value, arg, slot);
		break;
	case QUELL_TYPE_FILE:
		quell_read_file((struct file *)value, arg, slot);
		break;
	case QUELL_TYPE_PATH:
		quell_read_path((struct path *)value, arg, slot);
		break;
	case QUELL_TYPE_FILENAME: {
		const char *name = 0;

		if (!quell_read(&name, &((struct filename *)value)->name, QUELL_FAULT_KERNEL_STRING)) {
			arg->status = QUELL_ARG_KERNEL_FAULT;
			break;
		}
		quell_read_string((__u64)name, arg, slot);
		break;
	}
	case QUELL_TYPE_STRING:
		quell_read_string(value, arg, slot);
		break;
	case QUELL_TYPE_CHAR_BUF:
		quell_read_buffer(value, size, arg, slot);
		break;
	}
}

/* Reads the arguments whose bit is set in `wanted`, which is a constant of the hook. */
static __always_inline void quell_read_arguments(struct quell_call *call, __u32 wanted)
{
#pragma unroll
	for (__u32 i = 0; i < QUELL_MAX_ARGS; i++) {
		if (i >= config.args || !(wanted & (1U << i)))
			continue;
		__u32 index = config.arg_index[i];
		__u32 size_index = config.arg_size[i];
		__u64 value = index < QUELL_MAX_ARGS ? call->reg[index] : 0;
		__u64 size = size_index < QUELL_MAX_ARGS ? call->reg[size_index] : 0;

		if (config.arg_size_bits[i] == 32)
			size = (__u32)size;
		else if (config.arg_size_bits[i] == 16)
			size = (unsigned short)size;
		else if (config.arg_size_bits[i] == 8)
			size = (__u8)size;
		quell_read_argument(config.arg_type[i], value, size, &call->arg[i], &call->slot[i * QUELL_SLOT_BYTES]);
	}
}

/* The path of the calling process's executable; kernel threads have none. */
static __always_inline void quell_read_executable(struct quell_arg *arg, __u8 *slot)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct mm_struct *mm = 0;
	struct file *file = 0;

	arg->status = QUELL_ARG_ABSENT;
	arg->mode = 0;
	arg->start = 0;
	arg->length = 0;
	arg->number = 0;
	if (!quell_read(&mm, &task->mm, QUELL_FAULT_TASK) || !mm)
		return;
	if (!quell_read(&file, &mm->exe_file, QUELL_FAULT_TASK) || !file)
		return;
	quell_read_file(file, arg, slot);
}

/* Reads the subjects whose bit is set in `wanted`, which is a constant of the hook. */
static __always_inline void quell_read_subjects(struct quell_call *call, __u32 wanted)
{
	quell_read_arguments(call, wanted);
	if (wanted & (1U << QUELL_SUBJECT_EXECUTABLE))
		quell_read_executable(&call->arg[QUELL_SUBJECT_EXECUTABLE],
				      &call->slot[QUELL_SUBJECT_EXECUTABLE * QUELL_SLOT_BYTES]);
}

#endif
