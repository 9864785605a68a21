#include "faulty_kv.h"

#include <p2p/assert.h>

static bool fails(struct faulty_kv *faulty, bool write)
{
    if (faulty->tripped) {
        return true;
    }
    if (faulty->writes_only && !write) {
        return false;
    }
    faulty->steps++;
    if (faulty->countdown >= 0 && faulty->countdown-- == 0) {
        faulty->tripped = true;
    }
    return faulty->tripped;
}

static enum p2p_err faulty_get(void *context, enum p2p_table table, struct p2p_slice key,
                               struct p2p_slice *value)
{
    struct faulty_kv *faulty = context;
    return fails(faulty, false) ? faulty->error
                                : faulty->inner->get(faulty->inner->context, table, key, value);
}

static enum p2p_err faulty_put(void *context, enum p2p_table table, struct p2p_slice key,
                               struct p2p_slice value)
{
    struct faulty_kv *faulty = context;
    return fails(faulty, true) ? faulty->error
                               : faulty->inner->put(faulty->inner->context, table, key, value);
}

static enum p2p_err faulty_del(void *context, enum p2p_table table, struct p2p_slice key)
{
    struct faulty_kv *faulty = context;
    return fails(faulty, true) ? faulty->error
                               : faulty->inner->del(faulty->inner->context, table, key);
}

static enum p2p_err faulty_seek(void *context, enum p2p_table table, struct p2p_slice key,
                                struct p2p_slice *found, struct p2p_slice *value)
{
    struct faulty_kv *faulty = context;
    return fails(faulty, false)
               ? faulty->error
               : faulty->inner->seek(faulty->inner->context, table, key, found, value);
}

static enum p2p_err faulty_next(void *context, enum p2p_table table, struct p2p_slice *found,
                                struct p2p_slice *value)
{
    struct faulty_kv *faulty = context;
    return fails(faulty, false)
               ? faulty->error
               : faulty->inner->next(faulty->inner->context, table, found, value);
}

void faulty_kv_init(struct faulty_kv *faulty, long countdown, enum p2p_err error)
{
    p2p_assert(error != P2P_OK);
    p2p_assert(error != P2P_NOTFOUND);
    *faulty = (struct faulty_kv){.countdown = countdown, .error = error};
    faulty->kv = (struct p2p_kv){faulty_get,  faulty_put, faulty_del, faulty_seek,
                                 faulty_next, NULL,       NULL,       faulty};
}

const struct p2p_kv *faulty_kv_begin(struct faulty_kv *faulty, const struct p2p_kv *inner)
{
    faulty->inner = inner;
    faulty->tripped = faulty->tripped && faulty->persistent;
    return &faulty->kv;
}
