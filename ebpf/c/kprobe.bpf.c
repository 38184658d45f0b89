/* Programs at functions of the kernel. */
#define QUELL_FAMILY kprobe
#define QUELL_KIND "kprobe"
#define QUELL_CONTEXT_REGISTERS
#define QUELL_OVERRIDES
#define QUELL_RETURN_KIND "kprobe"

#include "programs.h"
