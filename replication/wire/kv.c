#include <p2p/kv.h>

#include <p2p/assert.h>

const char *p2p_table_word(enum p2p_table table)
{
    static const char *const words[P2P_TABLE_COUNT] = {
#define TABLE_WORD(name, word, text) [P2P_TABLE_##name] = word,
        P2P_TABLE_MAP(TABLE_WORD)
#undef TABLE_WORD
    };
    return words[table];
}

static void check_key(struct p2p_slice key)
{
    p2p_assert(key.len <= P2P_KV_KEY_BYTES_MAX);
}

enum p2p_err p2p_kv_get(const struct p2p_kv *kv, enum p2p_table table, struct p2p_slice key,
                        struct p2p_slice *value)
{
    check_key(key);
    return kv->get(kv->context, table, key, value);
}

enum p2p_err p2p_kv_put(const struct p2p_kv *kv, enum p2p_table table, struct p2p_slice key,
                        struct p2p_slice value)
{
    check_key(key);
    p2p_assert(key.len > 0);
    return kv->put(kv->context, table, key, value);
}

enum p2p_err p2p_kv_del(const struct p2p_kv *kv, enum p2p_table table, struct p2p_slice key)
{
    check_key(key);
    return kv->del(kv->context, table, key);
}

enum p2p_err p2p_kv_seek(const struct p2p_kv *kv, enum p2p_table table, struct p2p_slice key,
                         struct p2p_slice *found, struct p2p_slice *value)
{
    check_key(key);
    return kv->seek(kv->context, table, key, found, value);
}

enum p2p_err p2p_kv_next(const struct p2p_kv *kv, enum p2p_table table, struct p2p_slice *found,
                         struct p2p_slice *value)
{
    return kv->next(kv->context, table, found, value);
}

enum p2p_err p2p_kv_sweep(const struct p2p_kv *kv, enum p2p_table table, size_t bytes,
                          struct p2p_kv_place *at)
{
    if (kv->sweep == NULL) {
        at->ended = true;
        return P2P_OK;
    }
    return kv->sweep(kv->context, table, bytes, at);
}

enum p2p_err p2p_kv_mend(const struct p2p_kv *kv, struct p2p_kv_mended *out)
{
    return kv->mend == NULL ? P2P_OK : kv->mend(kv->context, out);
}
