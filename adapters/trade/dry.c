#include "carrier.h"

#include <string.h>

static void carry(void *context, const json_t *step, const char *issued, const char *key,
                  struct p2p_trade_result *out)
{
    FILE *file = context;
    json_t *line = json_pack("{s:s}", "key", key);
    *out = (struct p2p_trade_result){.outcome = P2P_TRADE_DONE};
    if (line == NULL || json_object_update(line, (json_t *)step) != 0) {
        *out = (struct p2p_trade_result){.outcome = P2P_TRADE_UNREACHABLE,
                                         .text = "out of memory"};
    } else {
        (void)issued; /* nothing is issued here: the step says whether it would be asked for */
        json_dumpf(line, file, JSON_COMPACT | JSON_SORT_KEYS);
        fputc('\n', file);
    }
    json_decref(line);
}

struct p2p_trade_carrier p2p_trade_dry(FILE *out)
{
    return (struct p2p_trade_carrier){.carry = carry, .context = out};
}
