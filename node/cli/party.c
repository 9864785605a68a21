#include "party.h"

#include <p2p/bytes.h>
#include <p2p/charter.h>
#include <p2p/party.h>

#include <stdio.h>
#include <string.h>

#define BACKDATED_S 600

struct vouching {
    const struct p2p_issuer_secret *secret;
    const char *origin;
    struct p2p_party_binding binding;
};

static void vouch(void *user, const struct p2p_hash *spki,
                  uint8_t voucher[P2P_TLS_VOUCHER_BYTES_MAX], size_t *len)
{
    struct vouching *vouching = user;
    p2p_party_sign(&vouching->binding, p2p_sigs_ed25519(), vouching->secret,
                   p2p_slice_text(vouching->origin), spki);
    *len = p2p_party_encode(&vouching->binding, voucher);
}

enum p2p_err p2p_cli_party_pem(const struct p2p_keydir_key *key, const char *federation,
                               uint64_t now_ms, uint64_t valid_s, struct p2p_people_pem *pem,
                               char *message, size_t message_cap)
{
    char origin[P2P_ORIGIN_BYTES_MAX + 1];
    char text[P2P_NET_MESSAGE_BYTES] = "";
    struct p2p_issuer_secret secret;
    struct vouching vouching = {.secret = &secret, .origin = origin};
    int len = snprintf(origin, sizeof origin, "%s/charter/1", federation);
    if (!p2p_name_valid(p2p_slice_text(key->name)) || len < 0 || (size_t)len >= sizeof origin) {
        snprintf(message, message_cap, "%.80s in the key file is no issuer's name", key->name);
        return P2P_USAGE;
    }
    memcpy(secret.seed, key->seed, sizeof secret.seed);
    memcpy(secret.public_key.bytes, key->public_key, sizeof secret.public_key.bytes);
    strcpy(vouching.binding.issuer, key->name);
    vouching.binding.until_s = now_ms / 1000 + valid_s;
    const struct p2p_tls_party_request request = {
        .common_name = key->name,
        .not_before_unix_s = (int64_t)(now_ms / 1000) - BACKDATED_S,
        .valid_s = (int64_t)valid_s + BACKDATED_S,
        .vouch = vouch,
        .user = &vouching,
    };
    enum p2p_err err = p2p_tls_make_party(&request, pem, text);
    snprintf(message, message_cap, "%s", text);
    p2p_wipe(&secret, sizeof secret);
    return err;
}
