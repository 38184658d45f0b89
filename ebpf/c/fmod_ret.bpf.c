/* Programs that run in front of a function that may be modified (Linux 5.7): an error that they return is returned instead, and
 * the function is not called. */
#define QUELL_FAMILY fmod_ret
#define QUELL_KIND "fmod_ret"
#define QUELL_CONTEXT_WORDS
#define QUELL_CLAIMED
#define QUELL_REFUSES

#include "programs.h"
