/* Circle keys on their way to members: boxes in charter entries. */
#ifndef P2P_CIRCLE_KEYS_H
#define P2P_CIRCLE_KEYS_H

#include <p2p/ceremony.h>

/* Who gets boxes: names and sealing keys, in the same order. */
struct p2p_circle_names {
    const char *const *names;
    const struct p2p_sealing_public *keys;
    size_t count;
};

/* Packs one circle op that gives epochs first to last to everyone in `to`, and lets `remove`
 * leave. An epoch whose key the ceremony does not have yet is drawn when it is `fresh` (0: none
 * is). One box per epoch and name. P2P_NOTFOUND: a key is not in the ceremony; P2P_TOOLARGE,
 * P2P_NOMEM, P2P_IO. */
struct p2p_circle_change {
    const char *circle;
    uint32_t first;
    uint32_t last;
    uint32_t fresh;
    struct p2p_circle_names to;
    const char *const *remove;
    size_t remove_count;
};
P2P_MUST_CHECK enum p2p_err p2p_circle_change_pack(const struct p2p_circle_change *circle,
                                                   struct p2p_ceremony *ceremony,
                                                   struct p2p_change *change, char *message,
                                                   size_t message_cap);
/* Opens the box for one member: what a node does with its sealing key. P2P_NOTFOUND (no box),
 * P2P_CORRUPT or another error of p2p_box_open, P2P_MISMATCH (not the key the charter hashed).
 */
P2P_MUST_CHECK enum p2p_err p2p_circle_key_open(const struct p2p_charter *charter,
                                                uint32_t circle, uint32_t epoch,
                                                uint32_t member,
                                                const struct p2p_sealing_secret *key,
                                                struct p2p_circle_key *out);

#endif
