/* One program at many functions of the kernel (Linux 5.18): a cookie says at which. */
#define QUELL_FAMILY multi
#define QUELL_KIND "kprobe.multi"
#define QUELL_RETURN_KIND "kprobe.multi"
#define QUELL_CONTEXT_REGISTERS
#define QUELL_COOKIES

#include "programs.h"
