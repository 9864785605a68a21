/* Decisions that waited in the spool are appended once the node may append again, marked late.
 *
 * Each is packed as it was answered. One `decisions` record takes as many as fit; the id of the
 * last one taken stands in META in the same commit, so that a crash before the spool is cleared
 * repeats nothing. */
#include "late.h"

#include <p2p/assert.h>

#include <string.h>

enum { TAKEN_BYTES = 16, PAYLOAD_CAP = P2P_DECISIONS_BYTES_MAX + 64 };

static const char taken_name[] = "spool";

static bool after(struct p2p_spool_id a, struct p2p_spool_id b)
{
    return a.boot != b.boot ? a.boot > b.boot : a.n > b.n;
}

static enum p2p_err read_taken(const struct p2p_kv *kv, struct p2p_spool_id *taken, bool *any)
{
    struct p2p_slice value;
    struct p2p_reader in;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_META, p2p_slice_text(taken_name), &value);
    *any = err == P2P_OK;
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_reader_init(&in, value);
    taken->boot = p2p_reader_u64(&in);
    taken->n = p2p_reader_u64(&in);
    return p2p_reader_done(&in) ? P2P_OK : P2P_CORRUPT;
}

static enum p2p_err write_taken(const struct p2p_kv *kv, struct p2p_spool_id taken)
{
    uint8_t value[TAKEN_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u64(&out, taken.boot);
    p2p_writer_u64(&out, taken.n);
    return p2p_kv_put(kv, P2P_TABLE_META, p2p_slice_text(taken_name), p2p_writer_slice(&out));
}

/* Gathers what fits into the packed array; sets *last to the id of the newest one gathered. */
static enum p2p_err gather(struct p2p_node *node, uint8_t *list, size_t *len, uint32_t *count,
                           struct p2p_spool_id *last)
{
    struct p2p_spool_id id;
    struct p2p_slice payload;
    bool any = false;
    struct p2p_spool_id taken = {0, 0};
    enum p2p_err err = read_taken(node->kv, &taken, &any);
    if (err != P2P_OK) {
        return err;
    }
    for (;;) {
        uint64_t at = node->spool_at;
        err = p2p_spool_next(node->spool, &at, &id, &payload);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        bool known = any && !after(id, taken);
        if (!known && *len + payload.len > P2P_DECISIONS_BYTES_MAX) {
            return P2P_OK;
        }
        if (!known) {
            memcpy(list + *len, payload.data, payload.len);
            *len += payload.len;
            (*count)++;
            *last = id;
        }
        node->spool_at = at;
    }
}

enum p2p_err p2p_late_start(struct p2p_node *node, struct p2p_arena *arena)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    uint32_t count = 0;
    size_t len = 0;
    struct p2p_spool_id last = {0, 0};
    if (p2p_spool_count(node->spool) == 0 || p2p_engine_own_feed(node->engine) == 0 ||
        p2p_engine_read_only(node->engine) != P2P_READ_ONLY_NONE) {
        return P2P_OK;
    }
    uint8_t *list = p2p_arena_take(arena, PAYLOAD_CAP);
    uint8_t *payload = p2p_arena_take(arena, PAYLOAD_CAP);
    struct p2p_job *job = p2p_arena_take(arena, sizeof(*job));
    struct p2p_append *append = p2p_arena_take(arena, sizeof(*append));
    if (list == NULL || payload == NULL || job == NULL || append == NULL) {
        return P2P_NOMEM;
    }
    enum p2p_err err = gather(node, list, &len, &count, &last);
    if (err != P2P_OK || count == 0) {
        return err;
    }
    const struct p2p_circle *own =
        p2p_charter_circle_named(charter, p2p_slice_text(node->config.member));
    struct p2p_pack pack;
    p2p_pack_init(&pack, payload, PAYLOAD_CAP);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "decisions");
    p2p_pack_array(&pack, count);
    p2p_pack_raw(&pack, p2p_slice_of(list, len));
    p2p_assert(!p2p_pack_failed(&pack));
    *append = (struct p2p_append){.kind = P2P_KIND_DECISIONS,
                                  .circle = own != NULL ? own->number : 0,
                                  .payload = p2p_pack_slice(&pack)};
    memset(job, 0, sizeof(*job));
    job->type = P2P_JOB_APPEND;
    job->append.records = append;
    job->append.count = 1;
    p2p_work_job(node, job);
    return write_taken(node->kv, last);
}

enum p2p_err p2p_late_finish(struct p2p_node *node)
{
    if (p2p_spool_count(node->spool) == 0 || node->spool_at < p2p_spool_bytes(node->spool) ||
        p2p_engine_read_only(node->engine) != P2P_READ_ONLY_NONE) {
        return P2P_OK;
    }
    node->spool_at = 0;
    return p2p_spool_clear(node->spool);
}
