/* Leaves whose payload this node may hold and does not: which, and how many in each circle.
 *
 * A record is taken with its payload, so this is about what came before: the member joined the
 * circle later, its disk damaged the payload, or it took back its own feed without what only it
 * ever had. A payload is
 *
 *     held --(damaged)--> missing --(it comes, and opens its leaf)--> held
 *                            |
 *     only this member may hold it, and wrote it --> lost (nobody can be asked)
 *
 * Promises: a circle's counts are the numbers of its rows, also after a restart; a circle is
 * complete here when this member is in it, every leaf held was looked at since it is, and no
 * payload is missing. Joining a circle, and leaving it, begins a walk over all leaves, some in
 * each batch, that goes on after a restart; walking over a leaf twice changes nothing. What
 * came into being with the charter version that is followed has no leaf yet: no walk is needed.
 *
 * INDEX: 6, feed u32, index u64 -> format 1, circle u32, state u8 (0 missing, 1 lost).
 * META: `lack` -> format 1, circles followed u32, the walk's feed u32 (0: none) and index u64;
 * `lack/<circle>` -> format 1, flags u8 (1 member, 2 to be walked for), missing u64, lost u64.
 */
#include "engine_parts.h"
#include "ledger/once.h"

#include <p2p/assert.h>
#include <p2p/planted.h>

#include <stdio.h>
#include <string.h>

enum {
    FORMAT = 1,
    FLAG_MEMBER = 1,
    FLAG_UNSCANNED = 2,
    KEY_BYTES = 1 + P2P_ID_KEY_BYTES,
    NAME_BYTES_MAX = 24,
};

static const char walk_name[] = "lack";

static struct p2p_slice circle_name(char out[NAME_BYTES_MAX], uint32_t circle)
{
    int len = snprintf(out, NAME_BYTES_MAX, "lack/%u", (unsigned)circle);
    return p2p_slice_of(out, (size_t)len);
}

static struct p2p_slice row_key(uint8_t out[KEY_BYTES], const struct p2p_record_id *id)
{
    out[0] = P2P_INDEX_LACK;
    p2p_id_key(out + 1, id);
    return p2p_slice_of(out, KEY_BYTES);
}

/* ---- rows ---- */

static enum p2p_err read_row(struct p2p_slice key, struct p2p_slice value, struct p2p_lack *out)
{
    struct p2p_reader in;
    struct p2p_lack lack;
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    lack.circle = p2p_reader_u32(&in);
    uint8_t state = p2p_reader_u8(&in);
    if (!p2p_reader_done(&in) || format != FORMAT || state > P2P_LACK_UNGIVEN ||
        !p2p_id_from_key(p2p_slice_of(key.data + 1, key.len - 1), &lack.id)) {
        return P2P_CORRUPT;
    }
    lack.state = (enum p2p_lack_state)state;
    *out = lack;
    return P2P_OK;
}

enum p2p_err p2p_lack_get(const struct p2p_engine *engine, const struct p2p_record_id *id,
                          struct p2p_lack *out)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(engine->kv, P2P_TABLE_INDEX, row_key(key, id), &value);
    return err == P2P_OK ? read_row(p2p_slice_of(key, sizeof(key)), value, out) : err;
}

enum p2p_err p2p_lack_walk(const struct p2p_engine *engine, const struct p2p_record_id *from,
                           bool begin, struct p2p_lack *out)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    enum p2p_err err =
        begin ? p2p_kv_seek(engine->kv, P2P_TABLE_INDEX, row_key(key, from), &found, &value)
              : p2p_kv_next(engine->kv, P2P_TABLE_INDEX, &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != KEY_BYTES || found.data[0] != P2P_INDEX_LACK) {
        return P2P_NOTFOUND;
    }
    err = read_row(found, value, out);
    return err == P2P_OK && out->id.feed != from->feed ? P2P_NOTFOUND : err;
}

static struct p2p_lack_circle *circle_of(struct p2p_engine *engine, uint32_t circle)
{
    struct p2p_lacks *lacks = &engine->lacks;
    return circle < lacks->circle_count ? &lacks->circles[circle] : NULL;
}

static void count(struct p2p_engine *engine, const struct p2p_lack *lack, int by)
{
    struct p2p_lack_circle *circle = circle_of(engine, lack->circle);
    if (circle == NULL) {
        return; /* checked where rows are read and written */
    }
    uint64_t *number = lack->state == P2P_LACK_LOST ? &circle->lost : &circle->missing;
    *number = by > 0 ? *number + 1 : *number - (*number > 0);
    circle->dirty = true;
    engine->lacks.changed = true;
}

static enum p2p_err put_row(struct p2p_engine *engine, const struct p2p_lack *lack)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[6];
    struct p2p_writer out;
    struct p2p_lack before;
    enum p2p_err err = p2p_lack_get(engine, &lack->id, &before);
    if (err == P2P_OK && (before.state == lack->state || (before.state == P2P_LACK_UNGIVEN &&
                                                          lack->state == P2P_LACK_MISSING))) {
        return P2P_OK;
    }
    if (err == P2P_OK) {
        count(engine, &before, -1);
    } else if (err != P2P_NOTFOUND) {
        return err;
    }
    count(engine, lack, 1);
    p2p_fetch_anew(&engine->extras[lack->id.feed].fetch);
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u32(&out, lack->circle);
    p2p_writer_u8(&out, (uint8_t)lack->state);
    return p2p_kv_put(engine->kv, P2P_TABLE_INDEX, row_key(key, &lack->id),
                      p2p_writer_slice(&out));
}

enum p2p_err p2p_lack_end(struct p2p_engine *engine, const struct p2p_lack *lack)
{
    uint8_t key[KEY_BYTES];
    count(engine, lack, -1);
    return p2p_kv_del(engine->kv, P2P_TABLE_INDEX, row_key(key, &lack->id));
}

enum p2p_err p2p_lack_told(const struct p2p_engine *engine, const struct p2p_record_id *id,
                           uint32_t circle)
{
    const struct p2p_lacks *lacks = &engine->lacks;
    struct p2p_lack lack;
    if (circle >= lacks->circle_count || !lacks->circles[circle].member ||
        lacks->circles[circle].unscanned) {
        return P2P_OK;
    }
    return p2p_lack_get(engine, id, &lack);
}

/* ---- becoming missing ---- */

/* Notes that a payload is not here, of a circle this member is in. */
static enum p2p_err note(struct p2p_engine *engine, const struct p2p_record_id *id,
                         uint32_t circle, enum p2p_lack_state state)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, id->feed);
    struct p2p_lack lack = {.id = *id, .circle = circle, .state = state};
    if (info != NULL && info->member == engine->member &&
        p2p_engine_alone(engine, circle, engine->member)) {
        lack.state = P2P_LACK_LOST;
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_LOST,
                                                    .feed = id->feed,
                                                    .member = engine->member,
                                                    .at = id->index});
    }
    return put_row(engine, &lack);
}

enum p2p_err p2p_lack_arrived(struct p2p_engine *engine, const struct p2p_record_id *id,
                              const struct p2p_arrival *arrival)
{
    const struct p2p_lack_circle *circle = circle_of(engine, arrival->record.circle);
    if (arrival->record.body_type != P2P_BODY_COMMITMENT || arrival->salted.len > 0 ||
        circle == NULL || !circle->member || P2P_PLANT(PAYLOAD_LESS)) {
        return P2P_OK;
    }
    return note(engine, id, arrival->record.circle, P2P_LACK_UNGIVEN);
}

enum p2p_err p2p_lack_again(struct p2p_engine *engine, const struct p2p_record_id *id)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice leaf;
    struct p2p_record record;
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, id->feed);
    if (feed == NULL) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = p2p_feed_leaf(feed, engine->kv, id->index, &leaf);
    if (err == P2P_OK && p2p_record_peek(&record, leaf) != P2P_OK) {
        err = P2P_CORRUPT;
    }
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_lack_circle *circle = circle_of(engine, record.circle);
    if (record.body_type != P2P_BODY_COMMITMENT || circle == NULL || !circle->member) {
        return P2P_NOTFOUND;
    }
    p2p_once_forget(&engine->ledger);
    err = p2p_kv_del(engine->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, id));
    return err == P2P_OK || err == P2P_NOTFOUND
               ? note(engine, id, record.circle, P2P_LACK_MISSING)
               : err;
}

/* ---- following the charter ---- */

static enum p2p_err grow(struct p2p_engine *engine, size_t count)
{
    struct p2p_lacks *lacks = &engine->lacks;
    if (count <= lacks->circle_count) {
        return P2P_OK;
    }
    struct p2p_lack_circle *grown =
        p2p_alloc_resize(engine->options.alloc, lacks->circles, count, sizeof(*grown));
    if (grown == NULL) {
        return P2P_NOMEM;
    }
    memset(grown + lacks->circle_count, 0, (count - lacks->circle_count) * sizeof(*grown));
    lacks->circles = grown;
    lacks->circle_count = count;
    return P2P_OK;
}

static bool holds_leaves(const struct p2p_engine *engine)
{
    for (size_t i = 1; i < engine->ledger.feed_count; i++) {
        if (engine->ledger.feeds[i]->edge.size > 0) {
            return true;
        }
    }
    return false;
}

enum p2p_err p2p_lack_follow(struct p2p_engine *engine)
{
    const struct p2p_charter *charter = engine->ledger.charter;
    struct p2p_lacks *lacks = &engine->lacks;
    size_t followed = lacks->followed;
    bool leaves = holds_leaves(engine);
    enum p2p_err err = grow(engine, (size_t)p2p_charter_circle_count(charter) + 1);
    for (uint32_t i = 0; i < lacks->circle_count && err == P2P_OK; i++) {
        struct p2p_lack_circle *circle = &lacks->circles[i];
        const struct p2p_circle *info = i == 0 ? NULL : p2p_charter_circle(charter, i);
        bool member = i == 0 || (info != NULL && p2p_circle_has(info, engine->member));
        if (member == circle->member) {
            continue;
        }
        circle->member = member;
        circle->dirty = true;
        lacks->changed = true;
        /* A store of before these counts has leaves of circles that were never followed. */
        bool had = i > 0 && leaves && (i < followed || followed == 0);
        if (member ? had : circle->missing + circle->lost > 0) {
            circle->unscanned = true;
            lacks->next = (struct p2p_record_id){1, 0};
            lacks->dirty = true;
        }
    }
    if (err == P2P_OK && lacks->circle_count > followed) {
        lacks->followed = lacks->circle_count;
        lacks->dirty = true;
    }
    return err;
}

/* ---- the walk ---- */

struct leaf_found {
    uint64_t index;
    uint32_t circle;
};

/* Looks at one leaf of a circle that is walked for. */
static enum p2p_err look(struct p2p_engine *engine, const struct p2p_record_id *id,
                         uint32_t circle)
{
    struct p2p_lack lack;
    struct p2p_slice salted;
    enum p2p_err err;
    if (engine->lacks.circles[circle].member) {
        err = p2p_ledger_salted(&engine->ledger, id, &salted);
        return err == P2P_NOTFOUND ? note(engine, id, circle, P2P_LACK_MISSING) : err;
    }
    err = p2p_lack_get(engine, id, &lack);
    if (err == P2P_OK) {
        err = p2p_lack_end(engine, &lack);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Walks over at most *budget leaves of one feed; reads first, because writing ends a walk. */
static enum p2p_err walk_feed(struct p2p_engine *engine, const struct p2p_feed *feed,
                              uint32_t *budget)
{
    struct p2p_lacks *lacks = &engine->lacks;
    struct p2p_feed_walk walk;
    struct p2p_record_id id = lacks->next;
    size_t found_count = 0;
    struct leaf_found *found = p2p_arena_take(engine->arena, *budget * sizeof(*found));
    enum p2p_err err = found == NULL ? P2P_NOMEM : P2P_OK;
    p2p_feed_walk_begin(&walk, feed, engine->kv, id.index);
    for (; id.index<feed->edge.size && * budget> 0 && err == P2P_OK; id.index++) {
        struct p2p_slice leaf;
        struct p2p_record record;
        err = p2p_feed_walk_next(&walk, &leaf);
        if (err == P2P_OK && p2p_record_peek(&record, leaf) != P2P_OK) {
            err = P2P_CORRUPT;
        }
        if (err == P2P_OK && record.body_type == P2P_BODY_COMMITMENT &&
            record.circle < lacks->circle_count && lacks->circles[record.circle].unscanned) {
            found[found_count++] = (struct leaf_found){id.index, record.circle};
        }
        (*budget)--;
    }
    for (size_t i = 0; i < found_count && err == P2P_OK; i++) {
        const struct p2p_record_id at = {id.feed, found[i].index};
        err = look(engine, &at, found[i].circle);
    }
    lacks->next = id;
    lacks->dirty = true;
    return err;
}

static enum p2p_err walk_on(struct p2p_engine *engine, uint64_t *wake_ms)
{
    struct p2p_lacks *lacks = &engine->lacks;
    uint32_t budget = P2P_LACK_WALK_LEAVES;
    enum p2p_err err = P2P_OK;
    while (lacks->next.feed < engine->ledger.feed_count && err == P2P_OK) {
        const struct p2p_feed *feed = engine->ledger.feeds[lacks->next.feed];
        if (lacks->next.index >= feed->edge.size) {
            lacks->next = (struct p2p_record_id){lacks->next.feed + 1, 0};
            continue;
        }
        if (budget == 0) {
            p2p_wake_at(wake_ms, engine->now.mono_ms + 1);
            return P2P_OK;
        }
        err = walk_feed(engine, feed, &budget);
    }
    for (size_t i = 0; i < lacks->circle_count && err == P2P_OK; i++) {
        lacks->circles[i].dirty = lacks->circles[i].dirty || lacks->circles[i].unscanned;
        lacks->changed = lacks->changed || lacks->circles[i].dirty;
        lacks->circles[i].unscanned = false;
    }
    lacks->next = (struct p2p_record_id){0, 0};
    lacks->dirty = true;
    return err;
}

/* ---- kept across restarts ---- */

static enum p2p_err load_circle(struct p2p_engine *engine, uint32_t number)
{
    char name[NAME_BYTES_MAX];
    struct p2p_slice value;
    struct p2p_reader in;
    struct p2p_lack_circle *circle = &engine->lacks.circles[number];
    enum p2p_err err =
        p2p_kv_get(engine->kv, P2P_TABLE_META, circle_name(name, number), &value);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    uint8_t flags = p2p_reader_u8(&in);
    circle->missing = p2p_reader_u64(&in);
    circle->lost = p2p_reader_u64(&in);
    circle->member = (flags & FLAG_MEMBER) != 0;
    circle->unscanned = (flags & FLAG_UNSCANNED) != 0;
    return p2p_reader_done(&in) && format == FORMAT ? P2P_OK : P2P_CORRUPT;
}

enum p2p_err p2p_lack_load(struct p2p_engine *engine)
{
    struct p2p_lacks *lacks = &engine->lacks;
    struct p2p_slice value;
    struct p2p_reader in;
    enum p2p_err err =
        p2p_kv_get(engine->kv, P2P_TABLE_META, p2p_slice_text(walk_name), &value);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    uint32_t followed = p2p_reader_u32(&in);
    lacks->next.feed = p2p_reader_u32(&in);
    lacks->next.index = p2p_reader_u64(&in);
    if (!p2p_reader_done(&in) || format != FORMAT || followed > P2P_CIRCLES_MAX + 1) {
        return P2P_CORRUPT;
    }
    lacks->followed = followed;
    lacks->changed = true;
    err = grow(engine, followed);
    for (uint32_t i = 0; i < followed && err == P2P_OK; i++) {
        err = load_circle(engine, i);
        lacks->circles[i].told_complete = p2p_lack_complete(engine, i);
    }
    return err;
}

static enum p2p_err store_circle(struct p2p_engine *engine, uint32_t number)
{
    char name[NAME_BYTES_MAX];
    uint8_t value[18];
    struct p2p_writer out;
    struct p2p_lack_circle *circle = &engine->lacks.circles[number];
    bool complete = p2p_lack_complete(engine, number);
    if (complete != circle->told_complete && circle->member) {
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_CIRCLE,
                                                    .at = circle->missing,
                                                    .value = number});
    }
    circle->told_complete = complete;
    circle->dirty = false;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u8(&out, (uint8_t)((circle->member ? FLAG_MEMBER : 0) |
                                  (circle->unscanned ? FLAG_UNSCANNED : 0)));
    p2p_writer_u64(&out, circle->missing);
    p2p_writer_u64(&out, circle->lost);
    return p2p_kv_put(engine->kv, P2P_TABLE_META, circle_name(name, number),
                      p2p_writer_slice(&out));
}

static enum p2p_err store_walk(struct p2p_engine *engine)
{
    uint8_t value[17];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u32(&out, (uint32_t)engine->lacks.followed);
    p2p_writer_u32(&out, engine->lacks.next.feed);
    p2p_writer_u64(&out, engine->lacks.next.index);
    engine->lacks.dirty = false;
    return p2p_kv_put(engine->kv, P2P_TABLE_META, p2p_slice_text(walk_name),
                      p2p_writer_slice(&out));
}

enum p2p_err p2p_lack_finish(struct p2p_engine *engine, uint64_t *wake_ms)
{
    struct p2p_lacks *lacks = &engine->lacks;
    enum p2p_err err = P2P_OK;
    if (!p2p_engine_stores(engine)) {
        return P2P_OK;
    }
    if (lacks->next.feed != 0 && !p2p_engine_damaged(engine)) {
        err = walk_on(engine, wake_ms);
    }
    for (uint32_t i = 0; lacks->changed && i < lacks->circle_count && err == P2P_OK; i++) {
        if (lacks->circles[i].dirty) {
            err = store_circle(engine, i);
        }
    }
    if (err == P2P_OK && lacks->changed) {
        lacks->any = p2p_lack_any(engine);
        lacks->changed = false;
    }
    return err == P2P_OK && lacks->dirty ? store_walk(engine) : err;
}

/* ---- after rows were lost ---- */

/* Adds up the rows as they are. One that is none goes: its payload is missed again. */
static enum p2p_err count_rows(struct p2p_engine *engine, struct p2p_lack_circle *counts)
{
    uint8_t key[KEY_BYTES] = {P2P_INDEX_LACK};
    struct p2p_slice found;
    struct p2p_slice value;
    const struct p2p_slice first = p2p_slice_of(key, 1);
    enum p2p_err err = p2p_kv_seek(engine->kv, P2P_TABLE_INDEX, first, &found, &value);
    while (err == P2P_OK && found.len == KEY_BYTES && found.data[0] == P2P_INDEX_LACK) {
        struct p2p_lack lack;
        bool sound =
            read_row(found, value, &lack) == P2P_OK && lack.circle < engine->lacks.circle_count;
        if (sound) {
            struct p2p_lack_circle *circle = &counts[lack.circle];
            *(lack.state == P2P_LACK_LOST ? &circle->lost : &circle->missing) += 1;
            err = p2p_kv_next(engine->kv, P2P_TABLE_INDEX, &found, &value);
            continue;
        }
        memcpy(key, found.data, KEY_BYTES);
        err = p2p_kv_del(engine->kv, P2P_TABLE_INDEX, p2p_slice_of(key, KEY_BYTES));
        if (err == P2P_OK) {
            err = p2p_kv_seek(engine->kv, P2P_TABLE_INDEX, p2p_slice_of(key, KEY_BYTES), &found,
                              &value);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_lack_recount(struct p2p_engine *engine, bool *differs)
{
    struct p2p_lacks *lacks = &engine->lacks;
    size_t bytes = (lacks->circle_count + 1) * sizeof(struct p2p_lack_circle);
    struct p2p_lack_circle *counts = p2p_arena_take(engine->arena, bytes);
    *differs = false;
    if (counts == NULL) {
        return P2P_NOMEM;
    }
    memset(counts, 0, bytes);
    enum p2p_err err = count_rows(engine, counts);
    for (size_t i = 0; i < lacks->circle_count && err == P2P_OK; i++) {
        struct p2p_lack_circle *circle = &lacks->circles[i];
        if (circle->missing != counts[i].missing || circle->lost != counts[i].lost) {
            circle->missing = counts[i].missing;
            circle->lost = counts[i].lost;
            circle->dirty = true;
            lacks->changed = true;
            *differs = true;
        }
    }
    return err;
}

/* ---- looking ---- */

enum p2p_err p2p_lack_ungiven(const struct p2p_engine *engine, uint32_t feed, bool *ungiven)
{
    const struct p2p_record_id from = {feed, 0};
    struct p2p_lack lack;
    enum p2p_err err = P2P_NOTFOUND;
    *ungiven = false;
    if (p2p_lack_any(engine)) {
        err = p2p_lack_walk(engine, &from, true, &lack);
    }
    while (err == P2P_OK && lack.state != P2P_LACK_UNGIVEN) {
        err = p2p_lack_walk(engine, &from, false, &lack);
    }
    *ungiven = err == P2P_OK;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

bool p2p_lack_complete(const struct p2p_engine *engine, uint32_t circle)
{
    const struct p2p_lacks *lacks = &engine->lacks;
    return circle < lacks->circle_count && lacks->circles[circle].member &&
           !lacks->circles[circle].unscanned && lacks->circles[circle].missing == 0;
}

bool p2p_lack_any(const struct p2p_engine *engine)
{
    const struct p2p_lacks *lacks = &engine->lacks;
    bool any = !lacks->changed && lacks->any;
    for (size_t i = 0; lacks->changed && i < lacks->circle_count && !any; i++) {
        any = lacks->circles[i].member && lacks->circles[i].missing > 0;
    }
    return any;
}
