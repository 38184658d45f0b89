/* Programs at static probes of user programs (USDT). */
#define QUELL_FAMILY usdt
#define QUELL_KIND "usdt"
#define QUELL_CONTEXT_STATIC_PROBE
#define QUELL_CLAIMED

#include "programs.h"
