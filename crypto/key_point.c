/* Apart from key.c, which asks it: a call within one file could not be bent by the linker, and
 * the simulator, where a thousand nodes share a process, asks once for each key. */
#include <p2p/key.h>

#include <sodium.h>

enum p2p_err p2p_ed25519_check(const uint8_t public_key[P2P_PUBLIC_BYTES])
{
    return crypto_core_ed25519_is_valid_point(public_key) ? P2P_OK : P2P_BADKEY;
}
