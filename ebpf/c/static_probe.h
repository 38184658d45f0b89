/* Arguments of static probes, as the library that attaches to them describes them in maps of its own. */
#ifndef QUELL_STATIC_PROBE_H
#define QUELL_STATIC_PROBE_H

#include "fault.h"
#include "kernel_types.h"

/* The names of registers in pt_regs are those of the kernel. */
#define __TARGET_ARCH_x86
#define __VMLINUX_H__

/* The library's functions are inlined: programs that go on to others by tail calls call no functions (before Linux 5.10). The
 * same word stands at its maps, where it means nothing. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wignored-attributes"
#pragma clang diagnostic ignored "-Wsign-compare"
#undef __weak
#define __weak __attribute__((always_inline))
#include <bpf/usdt.bpf.h>
#pragma clang diagnostic pop

/* Argument `index`, a constant, of the probe at hand. */
static __always_inline bool quell_read_probe_argument(struct pt_regs *context, __u32 index, __u64 *word)
{
	long value = 0;
	long error = bpf_usdt_arg(context, index, &value);

	if (error) {
		quell_fault(QUELL_FAULT_CONTEXT, error);
		return false;
	}
	*word = value;
	return true;
}

#endif
