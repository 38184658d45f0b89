/* The same programs for kernels without ring buffers (before Linux 5.8): events go through perf buffers, one per CPU. */
#define QUELL_PERF_BUFFER

#include "uprobe.bpf.c"
