#include <p2p/renewal.h>

#include "json_field.h"

#include <p2p/bytes.h>
#include <p2p/hash.h>
#include <p2p/text.h>
#include <p2p/wire.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENEWAL_FILE_BYTES_MAX   ((size_t)64 << 10)
#define RENEWAL_SIGNED_BYTES_MAX (P2P_PREFIX_BYTES_MAX + 256u)

/* prefix "join" and the origin of the feed to be, federation id, then the keys. */
static size_t signed_bytes(const struct p2p_renewal *renewal,
                           uint8_t out[RENEWAL_SIGNED_BYTES_MAX])
{
    char origin[P2P_ORIGIN_BYTES_MAX + 1];
    struct p2p_pack pack;
    snprintf(origin, sizeof(origin), "%s/%s/%u", renewal->federation, renewal->member,
             (unsigned)renewal->generation);
    size_t len = p2p_use_prefix(out, "join", p2p_slice_text(origin));
    memcpy(out + len, renewal->federation_id.bytes, P2P_HASH_BYTES);
    len += P2P_HASH_BYTES;
    p2p_pack_init(&pack, out + len, RENEWAL_SIGNED_BYTES_MAX - len);
    p2p_pack_map(&pack, 2);
    p2p_pack_text(&pack, "feed");
    p2p_pack_bin(&pack, renewal->feed_key.bytes, P2P_PUBLIC_BYTES);
    p2p_pack_text(&pack, "witness");
    p2p_pack_bin(&pack, renewal->witness_key.bytes, P2P_PUBLIC_BYTES);
    return len + p2p_pack_slice(&pack).len;
}

/* ---- the member's side ---- */

/* The key of that file, made if it is not there. */
static enum p2p_err key_of(struct p2p_keydir *keydir, enum p2p_key_purpose purpose,
                           const struct p2p_renewal *renewal, struct p2p_keydir_key *key,
                           char *message, size_t message_cap)
{
    char file[P2P_PATH_BYTES_MAX];
    p2p_keydir_generation_file(file, purpose, renewal->generation);
    enum p2p_err err = p2p_keydir_load(keydir, file, purpose, NULL, key, message, message_cap);
    return err == P2P_NOTFOUND ? p2p_keydir_make(keydir, file, purpose, renewal->member, key,
                                                 message, message_cap)
                               : err;
}

static void sign(const struct p2p_keydir_key *key, const struct p2p_renewal *renewal,
                 struct p2p_signature *out)
{
    uint8_t bytes[RENEWAL_SIGNED_BYTES_MAX];
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    sigs->sign(sigs->context, key->seed, key->public_key,
               p2p_slice_of(bytes, signed_bytes(renewal, bytes)), out);
}

enum p2p_err p2p_renewal_make(struct p2p_renewal *renewal, struct p2p_keydir *keydir,
                              char *message, size_t message_cap)
{
    struct p2p_keydir_key feed, witness, transport;
    enum p2p_err err = key_of(keydir, P2P_KEY_FEED, renewal, &feed, message, message_cap);
    if (err != P2P_OK) {
        return err;
    }
    err = key_of(keydir, P2P_KEY_WITNESS, renewal, &witness, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_keydir_load(keydir, "transport.key", P2P_KEY_TRANSPORT, NULL, &transport,
                              message, message_cap);
    }
    if (err == P2P_OK) {
        memcpy(renewal->feed_key.bytes, feed.public_key, P2P_PUBLIC_BYTES);
        memcpy(renewal->witness_key.bytes, witness.public_key, P2P_PUBLIC_BYTES);
        sign(&feed, renewal, &renewal->feed_proof);
        sign(&witness, renewal, &renewal->witness_proof);
        sign(&transport, renewal, &renewal->transport_proof);
        p2p_wipe(&transport, sizeof(transport));
    }
    p2p_wipe(&witness, sizeof(witness));
    p2p_wipe(&feed, sizeof(feed));
    return err;
}

static bool fill(json_t *root, const struct p2p_renewal *renewal)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    json_t *proofs = json_object();
    p2p_hex_encode(hex, renewal->federation_id.bytes, P2P_HASH_BYTES);
    return json_field_set_text(root, "federation", renewal->federation) &&
           json_field_set_text(root, "federation_id", hex) &&
           json_field_set_text(root, "member", renewal->member) &&
           json_object_set_new(root, "generation",
                               json_integer((json_int_t)renewal->generation)) == 0 &&
           json_field_set_bytes(root, "feed",
                                p2p_slice_of(renewal->feed_key.bytes, P2P_PUBLIC_BYTES)) &&
           json_field_set_bytes(root, "witness",
                                p2p_slice_of(renewal->witness_key.bytes, P2P_PUBLIC_BYTES)) &&
           json_object_set_new(root, "proofs", proofs) == 0 &&
           json_field_set_bytes(proofs, "feed",
                                p2p_slice_of(renewal->feed_proof.bytes, P2P_SIGNATURE_BYTES)) &&
           json_field_set_bytes(
               proofs, "witness",
               p2p_slice_of(renewal->witness_proof.bytes, P2P_SIGNATURE_BYTES)) &&
           json_field_set_bytes(
               proofs, "transport",
               p2p_slice_of(renewal->transport_proof.bytes, P2P_SIGNATURE_BYTES));
}

enum p2p_err p2p_renewal_write(const struct p2p_renewal *renewal, const char *path,
                               char *message, size_t message_cap)
{
    json_t *root = json_object();
    return json_field_write(root, root && fill(root, renewal), path, message, message_cap);
}

/* ---- the roots' side ---- */

static bool parse(struct p2p_renewal *renewal, const json_t *root)
{
    const json_t *proofs = json_object_get(root, "proofs");
    const char *id = json_field_text(root, "federation_id");
    uint64_t generation = 0;
    bool words =
        json_field_copy(root, "federation", renewal->federation, sizeof(renewal->federation)) &&
        json_field_copy(root, "member", renewal->member, sizeof(renewal->member)) &&
        p2p_federation_valid(p2p_slice_text(renewal->federation)) &&
        p2p_name_valid(p2p_slice_text(renewal->member)) && id &&
        p2p_hex_decode(renewal->federation_id.bytes, P2P_HASH_BYTES, p2p_slice_text(id)) ==
            P2P_OK &&
        json_field_uint(root, "generation", &generation) && generation > 1 &&
        generation <= UINT32_MAX;
    renewal->generation = (uint32_t)generation;
    return words && json_field_fixed(root, "feed", renewal->feed_key.bytes, P2P_PUBLIC_BYTES) &&
           json_field_fixed(root, "witness", renewal->witness_key.bytes, P2P_PUBLIC_BYTES) &&
           json_field_fixed(proofs, "feed", renewal->feed_proof.bytes, P2P_SIGNATURE_BYTES) &&
           json_field_fixed(proofs, "witness", renewal->witness_proof.bytes,
                            P2P_SIGNATURE_BYTES) &&
           json_field_fixed(proofs, "transport", renewal->transport_proof.bytes,
                            P2P_SIGNATURE_BYTES);
}

enum p2p_err p2p_renewal_read(struct p2p_renewal *renewal, const char *path, char *message,
                              size_t message_cap)
{
    char *text = NULL;
    size_t len = 0;
    struct p2p_renewal parsed = {0};
    enum p2p_err err =
        p2p_file_read(path, RENEWAL_FILE_BYTES_MAX, &text, &len, message, message_cap);
    if (err != P2P_OK) {
        return err;
    }
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!root || !parse(&parsed, root)) {
        snprintf(message, message_cap,
                 "%s asks for no generation; `key generation` writes such a file", path);
        err = P2P_MALFORMED;
    }
    json_decref(root);
    free(text);
    if (err == P2P_OK) {
        *renewal = parsed;
    }
    return err;
}

static bool proven(const uint8_t *key, const struct p2p_signature *proof,
                   const struct p2p_renewal *renewal)
{
    uint8_t bytes[RENEWAL_SIGNED_BYTES_MAX];
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    return sigs->verify(sigs->context, key, proof->bytes,
                        p2p_slice_of(bytes, signed_bytes(renewal, bytes)));
}

enum p2p_err p2p_renewal_verify(const struct p2p_renewal *renewal,
                                const struct p2p_transport_public *transport, char *message,
                                size_t message_cap)
{
    if (p2p_feed_public_check(&renewal->feed_key) != P2P_OK ||
        p2p_witness_public_check(&renewal->witness_key) != P2P_OK) {
        snprintf(message, message_cap,
                 "what %s sent names a key that is not admissible; have it made anew",
                 renewal->member);
        return P2P_BADKEY;
    }
    if (!proven(renewal->feed_key.bytes, &renewal->feed_proof, renewal) ||
        !proven(renewal->witness_key.bytes, &renewal->witness_proof, renewal) ||
        !proven(transport->bytes, &renewal->transport_proof, renewal)) {
        snprintf(
            message, message_cap,
            "the file does not prove that %s sent it and holds the keys; have it made anew",
            renewal->member);
        return P2P_BADSIG;
    }
    return P2P_OK;
}
