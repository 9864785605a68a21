#include "passphrase.h"

#include <time.h>

uint64_t p2p_cli_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

enum p2p_err p2p_cli_passphrase(const struct p2p_cli_call *call,
                                char out[P2P_PASSPHRASE_BYTES_MAX], size_t *len, char *message,
                                size_t message_cap)
{
    *len = 0;
    return call->passphrase_file == NULL
               ? P2P_OK
               : p2p_passphrase_read(call->passphrase_file, out, len, message, message_cap);
}
