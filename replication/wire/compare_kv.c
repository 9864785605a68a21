#include "compare_kv.h"

#include <p2p/bytes.h>

#include <string.h>

static void differs(struct p2p_compare_kv *compare, enum p2p_table table, struct p2p_slice key)
{
    compare->differing++;
    compare->table = table;
    compare->key_len = key.len;
    memcpy(compare->key, key.data, key.len);
}

static enum p2p_err get(void *context, enum p2p_table table, struct p2p_slice key,
                        struct p2p_slice *value)
{
    const struct p2p_compare_kv *compare = context;
    return p2p_kv_get(compare->under, table, key, value);
}

static enum p2p_err put(void *context, enum p2p_table table, struct p2p_slice key,
                        struct p2p_slice value)
{
    struct p2p_compare_kv *compare = context;
    struct p2p_slice held;
    if (table == P2P_TABLE_META) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_kv_get(compare->under, table, key, &held);
    if (err == P2P_OK && p2p_slice_equal(held, value)) {
        return P2P_OK;
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    differs(compare, table, key);
    return p2p_kv_put(compare->under, table, key, value);
}

static enum p2p_err del(void *context, enum p2p_table table, struct p2p_slice key)
{
    struct p2p_compare_kv *compare = context;
    if (table == P2P_TABLE_META) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_kv_del(compare->under, table, key);
    if (err == P2P_OK) {
        differs(compare, table, key);
    }
    return err;
}

static enum p2p_err seek(void *context, enum p2p_table table, struct p2p_slice key,
                         struct p2p_slice *found, struct p2p_slice *value)
{
    const struct p2p_compare_kv *compare = context;
    return p2p_kv_seek(compare->under, table, key, found, value);
}

static enum p2p_err next(void *context, enum p2p_table table, struct p2p_slice *found,
                         struct p2p_slice *value)
{
    const struct p2p_compare_kv *compare = context;
    return p2p_kv_next(compare->under, table, found, value);
}

void p2p_compare_kv_init(struct p2p_compare_kv *compare, const struct p2p_kv *under)
{
    *compare = (struct p2p_compare_kv){.kv = {.get = get,
                                              .put = put,
                                              .del = del,
                                              .seek = seek,
                                              .next = next,
                                              .context = compare},
                                       .under = under};
}
