/* Decisions that waited in the spool are appended once the node may append again, marked late.
 *
 * Each is packed as it was answered. One `decisions` record takes as many as fit; the id of the
 * last one taken stands in META in the same commit, so that a crash before the spool is cleared
 * repeats nothing. Whether an entry was taken follows from its place in the file, not from its
 * number: boots are numbered by a clock that may go back. */
#include "writer_parts.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

enum { TAKEN_BYTES = 16, PAYLOAD_CAP = P2P_DECISIONS_BYTES_MAX + 64 };

static const char taken_name[] = "spool";

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

/* What cannot be read stays in the file, for people to look at; new work goes on. */
static void spool_damaged(struct p2p_node *node, enum p2p_err err)
{
    node->spool_damaged = true;
    snprintf(node->alarm, sizeof(node->alarm),
             "%.300s/spool: decisions that wait there cannot be read (%s)", node->dir,
             p2p_err_text(err));
    p2p_log_write(node->log, P2P_LOG_ERROR, "spool.damaged", P2P_LOG_FIELDS(p2p_log_err(err)));
}

/* Where the first entry begins that was not taken: behind the one that META names, if that is
 * still in the file. Only the store's errors are errors. */
static enum p2p_err find_begin(struct p2p_node *node, uint64_t *begin)
{
    struct p2p_spool_id taken = {0, 0};
    struct p2p_spool_id id;
    struct p2p_slice payload;
    uint64_t at = 0;
    bool any = false;
    enum p2p_err err = read_taken(node->kv, &taken, &any);
    *begin = node->spool_at;
    if (err != P2P_OK || !any || node->spool_at != 0) {
        return err;
    }
    while ((err = p2p_spool_next(node->spool, &at, &id, &payload)) == P2P_OK) {
        if (id.boot == taken.boot && id.n == taken.n) {
            *begin = at;
        }
    }
    if (err != P2P_NOTFOUND) {
        spool_damaged(node, err);
    }
    return P2P_OK;
}

struct gathered {
    uint8_t *list;
    size_t len;
    uint32_t count;
};

/* Gathers what fits into the packed array, from late_at on. */
static void gather(struct p2p_node *node, struct gathered *out)
{
    for (;;) {
        struct p2p_spool_id id;
        struct p2p_slice payload;
        uint64_t at = node->late_at;
        enum p2p_err err = p2p_spool_next(node->spool, &at, &id, &payload);
        if (err != P2P_OK && err != P2P_NOTFOUND) {
            spool_damaged(node, err);
        }
        if (err != P2P_OK || out->len + payload.len > P2P_DECISIONS_BYTES_MAX) {
            return;
        }
        memcpy(out->list + out->len, payload.data, payload.len);
        out->len += payload.len;
        out->count++;
        node->late_at = at;
        node->late_last = id;
    }
}

/* The circle of this member alone: without one its decisions wait, rather than be told to all.
 */
static const struct p2p_circle *own_circle(const struct p2p_node *node)
{
    const struct p2p_circle *own = p2p_charter_circle_named(
        p2p_engine_ledger(node->engine)->charter, p2p_slice_text(node->config.member));
    return own == NULL || own->member_count != 1 ||
                   !p2p_circle_has(own, p2p_engine_member(node->engine))
               ? NULL
               : own;
}

static struct p2p_job *make_job(struct p2p_arena *arena, const struct gathered *gathered,
                                uint32_t circle)
{
    uint8_t *payload = p2p_arena_take(arena, PAYLOAD_CAP);
    struct p2p_job *job = p2p_arena_take(arena, sizeof(*job));
    struct p2p_append *append = p2p_arena_take(arena, sizeof(*append));
    struct p2p_pack pack;
    if (payload == NULL || job == NULL || append == NULL) {
        return NULL;
    }
    p2p_pack_init(&pack, payload, PAYLOAD_CAP);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "decisions");
    p2p_pack_array(&pack, gathered->count);
    p2p_pack_raw(&pack, p2p_slice_of(gathered->list, gathered->len));
    p2p_assert(!p2p_pack_failed(&pack));
    *append = (struct p2p_append){
        .kind = P2P_KIND_DECISIONS, .circle = circle, .payload = p2p_pack_slice(&pack)};
    memset(job, 0, sizeof(*job));
    job->type = P2P_JOB_APPEND;
    job->append.records = append;
    job->append.count = 1;
    return job;
}

enum p2p_err p2p_late_start(struct p2p_node *node, struct p2p_arena *arena)
{
    struct gathered gathered = {0};
    node->late_job = NULL;
    if (p2p_spool_count(node->spool) == 0 || node->spool_damaged ||
        p2p_engine_own_feed(node->engine) == 0 ||
        p2p_engine_read_only(node->engine) != P2P_READ_ONLY_NONE || own_circle(node) == NULL) {
        return P2P_OK;
    }
    enum p2p_err err = find_begin(node, &node->spool_at);
    if (err != P2P_OK || node->spool_damaged) {
        return err;
    }
    gathered.list = p2p_arena_take(arena, P2P_DECISIONS_BYTES_MAX);
    if (gathered.list == NULL) {
        return P2P_NOMEM;
    }
    node->late_at = node->spool_at;
    gather(node, &gathered);
    if (gathered.count == 0) {
        return P2P_OK;
    }
    node->late_job = make_job(arena, &gathered, own_circle(node)->number);
    if (node->late_job == NULL) {
        return P2P_NOMEM;
    }
    p2p_work_job(node, node->late_job);
    return P2P_OK;
}

enum p2p_err p2p_late_appended(struct p2p_node *node)
{
    const struct p2p_job *job = node->late_job;
    if (job == NULL) {
        return P2P_OK;
    }
    if (job->result.err != P2P_OK) { /* it became read-only in this very batch: they wait on */
        node->late_job = NULL;
        p2p_log_write(node->log, P2P_LOG_WARN, "spool.waits",
                      P2P_LOG_FIELDS(p2p_log_err(job->result.err)));
        return P2P_OK;
    }
    return write_taken(node->kv, node->late_last);
}

void p2p_late_finish(struct p2p_node *node)
{
    if (node->late_job != NULL) {
        node->late_job = NULL;
        node->spool_at = node->late_at;
    }
    if (node->spool_at == 0 || node->spool_at < p2p_spool_bytes(node->spool)) {
        return;
    }
    node->spool_at = 0;
    enum p2p_err err = p2p_spool_clear(node->spool);
    if (err != P2P_OK) { /* the next start finds them taken already */
        snprintf(node->alarm, sizeof(node->alarm),
                 "%.300s/spool cannot be cleared (%s); restart the node", node->dir,
                 p2p_err_text(err));
    }
}

void p2p_late_undo(struct p2p_node *node)
{
    node->late_job = NULL;
    node->spool_at = 0; /* what stands in META tells what was taken */
}
