/* A store that compares: what is written through it is compared with what stands there, and
 * written only where it differs. Private to replication/.
 *
 * Whoever derives rows from records once more, through this, finds the rows that a disk spoiled
 * and mends them in the same step. Writes to META are left out: what stands there follows the
 * newest record alone. */
#ifndef P2P_COMPARE_KV_H
#define P2P_COMPARE_KV_H

#include <p2p/kv.h>

struct p2p_compare_kv {
    struct p2p_kv kv; /* to be used */
    const struct p2p_kv *under;
    uint64_t differing; /* rows so far */
    /* The last of them. */
    enum p2p_table table;
    uint8_t key[P2P_KV_KEY_BYTES_MAX];
    size_t key_len;
};

/* under: borrowed, as long as this is used. */
void p2p_compare_kv_init(struct p2p_compare_kv *compare, const struct p2p_kv *under);

#endif
