#include <p2p/circle_keys.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static enum p2p_err key_get(const struct p2p_circle_change *circle, uint32_t epoch,
                            struct p2p_ceremony *ceremony, struct p2p_circle_key *key,
                            char *message, size_t message_cap)
{
    /* A key drawn for a draft that came to nothing serves the next one. */
    if (epoch == circle->fresh && !p2p_ceremony_circle_has(ceremony, circle->circle, epoch)) {
        return p2p_ceremony_circle_make(ceremony, circle->circle, epoch, key, message,
                                        message_cap);
    }
    return p2p_ceremony_circle_key(ceremony, circle->circle, epoch, key, message, message_cap);
}

static enum p2p_err box_for(uint8_t out[P2P_BOX_BYTES], const struct p2p_circle_key *key,
                            const struct p2p_sealing_public *to)
{
    uint8_t seed[P2P_SEED_BYTES];
    if (getentropy(seed, sizeof(seed)) != 0) {
        return P2P_IO;
    }
    enum p2p_err err =
        p2p_box_seal(out, p2p_slice_of(key->bytes, sizeof(key->bytes)), to, seed);
    p2p_wipe(seed, sizeof(seed));
    return err;
}

static enum p2p_err epoch_fill(const struct p2p_circle_change *circle, uint32_t epoch,
                               struct p2p_ceremony *ceremony, struct p2p_circle_epoch *out,
                               uint8_t *boxes, char *message, size_t message_cap)
{
    struct p2p_circle_key key;
    enum p2p_err err = key_get(circle, epoch, ceremony, &key, message, message_cap);
    if (err != P2P_OK) {
        return err;
    }
    out->epoch = epoch;
    out->key_hash = p2p_circle_key_hash(&key);
    for (size_t i = 0; err == P2P_OK && i < circle->to.count; i++) {
        err = box_for(boxes + i * P2P_BOX_BYTES, &key, &circle->to.keys[i]);
    }
    p2p_wipe(&key, sizeof(key));
    return err;
}

enum p2p_err p2p_circle_change_pack(const struct p2p_circle_change *circle,
                                    struct p2p_ceremony *ceremony, struct p2p_change *change,
                                    char *message, size_t message_cap)
{
    size_t epochs_count = circle->last - circle->first + 1;
    size_t each = circle->to.count * P2P_BOX_BYTES;
    if (epochs_count * each > P2P_CHANGE_BYTES_MAX) {
        snprintf(message, message_cap,
                 "the boxes of circle %s do not fit into one entry; name "
                 "fewer members at a time",
                 circle->circle);
        return P2P_TOOLARGE;
    }
    struct p2p_circle_epoch *epochs = calloc(epochs_count, sizeof(*epochs));
    uint8_t *boxes = calloc(epochs_count, each + 1);
    enum p2p_err err = epochs && boxes ? P2P_OK : P2P_NOMEM;
    for (uint32_t i = 0; err == P2P_OK && i < epochs_count; i++) {
        err = epoch_fill(circle, circle->first + i, ceremony, &epochs[i], boxes + i * each,
                         message, message_cap);
    }
    if (err == P2P_OK) {
        struct p2p_op_circle op = {.circle = circle->circle,
                                   .members = circle->to.names,
                                   .member_count = circle->to.count,
                                   .epochs = epochs,
                                   .boxes = boxes,
                                   .epoch_count = epochs_count,
                                   .remove = circle->remove,
                                   .remove_count = circle->remove_count};
        p2p_op_circle_pack(&change->ops, &op);
        err = p2p_change_count(change);
    }
    if (err == P2P_TOOLARGE) {
        snprintf(message, message_cap, "the change does not fit into one charter entry");
    }
    free(boxes);
    free(epochs);
    return err;
}

enum p2p_err p2p_circle_key_open(const struct p2p_charter *charter, uint32_t circle,
                                 uint32_t epoch, uint32_t member,
                                 const struct p2p_sealing_secret *key,
                                 struct p2p_circle_key *out)
{
    struct p2p_slice box;
    struct p2p_circle_key opened;
    const struct p2p_circle *info = p2p_charter_circle(charter, circle);
    enum p2p_err err = p2p_charter_circle_box(charter, circle, epoch, member, &box);
    if (err == P2P_OK) {
        err = p2p_box_open(opened.bytes, box, key);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_hash hash = p2p_circle_key_hash(&opened);
    if (p2p_hash_equal(&hash, &info->epochs[epoch - 1].key_hash)) {
        *out = opened;
    } else {
        err = P2P_MISMATCH;
    }
    p2p_wipe(&opened, sizeof(opened));
    return err;
}
