/* Fixed-width types for building selector.h on the host, where <linux/types.h> would bring the kernel's own view. */
#ifndef QUELL_HOST_TYPES_H
#define QUELL_HOST_TYPES_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;
typedef int32_t __s32;
typedef int64_t __s64;

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#endif
