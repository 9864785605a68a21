/* join.json, and the proofs in it. */
#include <p2p/member_init.h>

#include "join.h"
#include "json_field.h"

#include <p2p/bytes.h>
#include <p2p/hash.h>
#include <p2p/text.h>
#include <p2p/wire.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_FILE_BYTES_MAX   ((size_t)64 << 10)
#define JOIN_SIGNED_BYTES_MAX (P2P_PREFIX_BYTES_MAX + 1024u)

static void pack_key(struct p2p_pack *pack, const char *name, const uint8_t *key)
{
    p2p_pack_text(pack, name);
    p2p_pack_bin(pack, key, P2P_PUBLIC_BYTES);
}

/* prefix "join" and origin, federation id, then what is asked for. */
static size_t signed_bytes(const struct p2p_join *join, uint8_t out[JOIN_SIGNED_BYTES_MAX])
{
    char origin[P2P_ORIGIN_BYTES_MAX + 1];
    struct p2p_pack pack;
    snprintf(origin, sizeof(origin), "%s/%s/1", join->federation, join->member);
    size_t len = p2p_use_prefix(out, "join", p2p_slice_text(origin));
    memcpy(out + len, join->federation_id.bytes, P2P_HASH_BYTES);
    len += P2P_HASH_BYTES;
    p2p_pack_init(&pack, out + len, JOIN_SIGNED_BYTES_MAX - len);
    p2p_pack_map(&pack, 8);
    pack_key(&pack, "circle", join->circle.bytes);
    pack_key(&pack, "feed", join->feed_key.bytes);
    p2p_pack_text(&pack, "locode");
    p2p_pack_text(&pack, join->locode);
    p2p_pack_text(&pack, "member");
    p2p_pack_text(&pack, join->member);
    p2p_pack_text(&pack, "role");
    p2p_pack_text(&pack, p2p_role_word(join->role));
    pack_key(&pack, "sealing", join->sealing_key.bytes);
    pack_key(&pack, "transport", join->transport_key.bytes);
    pack_key(&pack, "witness", join->witness_key.bytes);
    return len + p2p_pack_slice(&pack).len;
}

static enum p2p_err prove(struct p2p_keydir *keydir, enum p2p_key_purpose purpose,
                          struct p2p_slice bytes, struct p2p_signature *out, char *message,
                          size_t message_cap)
{
    char file[P2P_PATH_BYTES_MAX];
    struct p2p_keydir_key key;
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    enum p2p_err err = p2p_keydir_file(file, purpose, NULL);
    if (err == P2P_OK) {
        err = p2p_keydir_load(keydir, file, purpose, NULL, &key, message, message_cap);
    }
    if (err == P2P_OK) {
        sigs->sign(sigs->context, key.seed, key.public_key, bytes, out);
        p2p_wipe(&key, sizeof(key));
    }
    return err;
}

enum p2p_err p2p_join_prove(struct p2p_join *join, struct p2p_keydir *keydir, char *message,
                            size_t message_cap)
{
    uint8_t bytes[JOIN_SIGNED_BYTES_MAX];
    struct p2p_slice said = p2p_slice_of(bytes, signed_bytes(join, bytes));
    enum p2p_err err =
        prove(keydir, P2P_KEY_FEED, said, &join->feed_proof, message, message_cap);
    if (err == P2P_OK) {
        err = prove(keydir, P2P_KEY_WITNESS, said, &join->witness_proof, message, message_cap);
    }
    if (err == P2P_OK) {
        err = prove(keydir, P2P_KEY_TRANSPORT, said, &join->transport_proof, message,
                    message_cap);
    }
    return err;
}

static bool proven(const uint8_t *key, const struct p2p_signature *proof, struct p2p_slice said)
{
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    return sigs->verify(sigs->context, key, proof->bytes, said);
}

static enum p2p_err join_verify(const struct p2p_join *join, const char *path, char *message,
                                size_t message_cap)
{
    uint8_t bytes[JOIN_SIGNED_BYTES_MAX];
    struct p2p_slice said = p2p_slice_of(bytes, signed_bytes(join, bytes));
    if (p2p_feed_public_check(&join->feed_key) != P2P_OK ||
        p2p_witness_public_check(&join->witness_key) != P2P_OK ||
        p2p_transport_public_check(&join->transport_key) != P2P_OK ||
        p2p_sealing_public_check(&join->sealing_key) != P2P_OK) {
        snprintf(message, message_cap,
                 "%s names a key that is not admissible; have it made anew", path);
        return P2P_BADKEY;
    }
    if (!proven(join->feed_key.bytes, &join->feed_proof, said) ||
        !proven(join->witness_key.bytes, &join->witness_proof, said) ||
        !proven(join->transport_key.bytes, &join->transport_proof, said)) {
        snprintf(message, message_cap,
                 "%s does not prove that its sender holds the keys; have it made anew", path);
        return P2P_BADSIG;
    }
    return P2P_OK;
}

static bool words_parse(struct p2p_join *join, const json_t *root)
{
    const char *id = json_field_text(root, "federation_id");
    const char *role = json_field_text(root, "role");
    return json_field_copy(root, "federation", join->federation, sizeof(join->federation)) &&
           json_field_copy(root, "member", join->member, sizeof(join->member)) &&
           json_field_copy(root, "locode", join->locode, sizeof(join->locode)) && id && role &&
           p2p_hex_decode(join->federation_id.bytes, P2P_HASH_BYTES, p2p_slice_text(id)) ==
               P2P_OK &&
           p2p_role_of(&join->role, p2p_slice_text(role)) == P2P_OK &&
           p2p_federation_valid(p2p_slice_text(join->federation)) &&
           p2p_name_valid(p2p_slice_text(join->member)) &&
           p2p_locode_valid(p2p_slice_text(join->locode));
}

static bool keys_parse(struct p2p_join *join, const json_t *root)
{
    const json_t *proofs = json_object_get(root, "proofs");
    return json_field_fixed(root, "feed", join->feed_key.bytes, P2P_PUBLIC_BYTES) &&
           json_field_fixed(root, "witness", join->witness_key.bytes, P2P_PUBLIC_BYTES) &&
           json_field_fixed(root, "transport", join->transport_key.bytes, P2P_PUBLIC_BYTES) &&
           json_field_fixed(root, "sealing", join->sealing_key.bytes, P2P_PUBLIC_BYTES) &&
           json_field_fixed(root, "circle", join->circle.bytes, P2P_HASH_BYTES) &&
           json_field_fixed(proofs, "feed", join->feed_proof.bytes, P2P_SIGNATURE_BYTES) &&
           json_field_fixed(proofs, "witness", join->witness_proof.bytes,
                            P2P_SIGNATURE_BYTES) &&
           json_field_fixed(proofs, "transport", join->transport_proof.bytes,
                            P2P_SIGNATURE_BYTES);
}

enum p2p_err p2p_join_read(struct p2p_join *join, const char *path, char *message,
                           size_t message_cap)
{
    char *text = NULL;
    size_t len = 0;
    struct p2p_join parsed = {0};
    enum p2p_err err =
        p2p_file_read(path, JOIN_FILE_BYTES_MAX, &text, &len, message, message_cap);
    if (err != P2P_OK) {
        return err;
    }
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!root || !words_parse(&parsed, root) || !keys_parse(&parsed, root)) {
        snprintf(message, message_cap, "%s is not a join file; `init` writes one", path);
        err = P2P_MALFORMED;
    } else {
        err = join_verify(&parsed, path, message, message_cap);
    }
    json_decref(root);
    free(text);
    if (err == P2P_OK) {
        *join = parsed;
    }
    return err;
}

static bool join_fill(json_t *root, const struct p2p_join *join)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    json_t *proofs = json_object();
    p2p_hex_encode(hex, join->federation_id.bytes, P2P_HASH_BYTES);
    return json_field_set_text(root, "federation", join->federation) &&
           json_field_set_text(root, "federation_id", hex) &&
           json_field_set_text(root, "member", join->member) &&
           json_field_set_text(root, "locode", join->locode) &&
           json_field_set_text(root, "role", p2p_role_word(join->role)) &&
           json_field_set_bytes(root, "feed",
                                p2p_slice_of(join->feed_key.bytes, P2P_PUBLIC_BYTES)) &&
           json_field_set_bytes(root, "witness",
                                p2p_slice_of(join->witness_key.bytes, P2P_PUBLIC_BYTES)) &&
           json_field_set_bytes(root, "transport",
                                p2p_slice_of(join->transport_key.bytes, P2P_PUBLIC_BYTES)) &&
           json_field_set_bytes(root, "sealing",
                                p2p_slice_of(join->sealing_key.bytes, P2P_PUBLIC_BYTES)) &&
           json_field_set_bytes(root, "circle",
                                p2p_slice_of(join->circle.bytes, P2P_HASH_BYTES)) &&
           json_object_set_new(root, "proofs", proofs) == 0 &&
           json_field_set_bytes(proofs, "feed",
                                p2p_slice_of(join->feed_proof.bytes, P2P_SIGNATURE_BYTES)) &&
           json_field_set_bytes(proofs, "witness",
                                p2p_slice_of(join->witness_proof.bytes, P2P_SIGNATURE_BYTES)) &&
           json_field_set_bytes(proofs, "transport",
                                p2p_slice_of(join->transport_proof.bytes, P2P_SIGNATURE_BYTES));
}

enum p2p_err p2p_join_write(const struct p2p_join *join, const char *path, char *message,
                            size_t message_cap)
{
    json_t *root = json_object();
    return json_field_write(root, root && join_fill(root, join), path, message, message_cap);
}
