/* Programs at tracepoints: the record that the kernel would trace. */
#define QUELL_FAMILY tracepoint
#define QUELL_KIND "tracepoint"
#define QUELL_CONTEXT_RECORD

#include "programs.h"
