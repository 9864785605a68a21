#include "nouns.h"

#include <p2p/key.h>

int main(int argc, char **argv)
{
    if (p2p_crypto_init() != P2P_OK) {
        fputs("port2port: libsodium cannot start; is /dev/urandom there?\n", stderr);
        return P2P_CLI_UNDECIDED;
    }
    return p2p_cli_main(argc, argv, stdout, stderr);
}
