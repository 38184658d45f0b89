/* Programs at raw tracepoints: what the kernel hands to the tracepoint itself. They may run while another of them does. */
#define QUELL_FAMILY raw_tracepoint
#define QUELL_KIND "raw_tp"
#define QUELL_CONTEXT_WORDS
#define QUELL_CLAIMED

#include "programs.h"
