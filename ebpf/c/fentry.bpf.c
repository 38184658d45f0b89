/* Programs at the entry and at the exit of a function, through a trampoline (Linux 5.5). */
#define QUELL_FAMILY fentry
#define QUELL_KIND "fentry"
#define QUELL_RETURN_KIND "fexit"
#define QUELL_OWN_RETURN_CALLS
#define QUELL_CONTEXT_WORDS
#define QUELL_CLAIMED

#include "programs.h"
