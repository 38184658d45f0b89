/* Programs at functions of user programs. They are kprobe programs to the kernel, but may be preempted (from Linux 6.0 on). */
#define QUELL_FAMILY uprobe
#define QUELL_KIND "uprobe"
#define QUELL_RETURN_KIND "uprobe"
#define QUELL_CONTEXT_REGISTERS
#define QUELL_CLAIMED

#include "programs.h"
