/* Wrapping keys: one random key per P2P_STORE_WRAP_SPAN payloads of a feed, in an environment
 * of their own.
 *
 * Promises: wrap_add returns P2P_OK after the keys are synced; wrap_destroy after the destroyed
 * ones are in no file any more. LMDB leaves bytes of deleted values in the gaps of its pages
 * and a compact copy takes whole pages along, so destroying builds a new file from the keys
 * that stay, renames it over the old one and overwrites that. A group has one key, or two
 * between wrap_add and wrap_destroy of an erasure; the mark written with wrap_add lets an open
 * after a crash finish it. Keys have random ids, never reused. A bounded cache holds recent
 * ones. Any thread: one mutex over all. */
#ifndef P2P_STORE_WRAP_H
#define P2P_STORE_WRAP_H

#include <p2p/seal.h>

#define WRAP_CACHE_KEYS     256u
#define WRAP_MAP_BYTES      ((size_t)1 << 30)
#define WRAP_GROUP_KEYS_MAX 8u

struct wrap;

struct wrap_group {
    uint32_t feed;
    uint64_t group; /* payload index / P2P_STORE_WRAP_SPAN */
};

struct wrap_entry {
    struct wrap_group group;
    uint32_t id;
    struct p2p_wrap_key key;
};

/* Functions that touch the file return LMDB's or errno's code; 0 is success. */
P2P_MUST_CHECK int wrap_open(struct wrap **out, const char *path, bool read_only);
void wrap_close(struct wrap *wrap); /* wipes; accepts NULL */

/* The key with this id, or with id 0 the one to seal under now. MDB_NOTFOUND. */
P2P_MUST_CHECK int wrap_find(struct wrap *wrap, struct wrap_group group, uint32_t id,
                             struct wrap_entry *out);
/* A new key with a random id, known to nobody yet. errno. */
P2P_MUST_CHECK int wrap_draw(struct wrap_group group, struct wrap_entry *out);
/* Adds keys, and marks groups as being erased, in one synced transaction. */
P2P_MUST_CHECK int wrap_add(struct wrap *wrap, const struct wrap_entry *entries, size_t count,
                            const struct wrap_group *erased, size_t erased_count);

/* Calls seen for each marked group. */
P2P_MUST_CHECK int wrap_marked(struct wrap *wrap, struct wrap_group **out, size_t *count);
/* Of each group in erased keeps the one key with the id in keep (0: none), takes its mark off
 * and destroys the rest. */
P2P_MUST_CHECK int wrap_destroy(struct wrap *wrap, const struct wrap_group *erased,
                                const uint32_t *keep, size_t count);
/* How often keys were destroyed in this open: a reader from before may miss one. */
unsigned wrap_destroyed(struct wrap *wrap);
/* A synced copy into a new file. */
P2P_MUST_CHECK int wrap_copy(struct wrap *wrap, const char *path);

#endif
