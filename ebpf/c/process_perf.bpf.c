/* The same for kernels without ring buffers. */
#define QUELL_PERF_BUFFER
#include "process.bpf.c"
