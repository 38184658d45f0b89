/* Programs at hooks of the security modules (Linux 5.7): the kernel asks them, and what they return is its answer. */
#define QUELL_FAMILY lsm
#define QUELL_KIND "lsm"
#define QUELL_CONTEXT_WORDS
#define QUELL_CLAIMED
#define QUELL_REFUSES

#include "programs.h"
