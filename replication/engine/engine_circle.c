/* Circle keys: how they come here, and how this member passes them on.
 *
 * An epoch's key is held when a key was drawn here (an event), or when a box for this member
 * opens to it; what makes it the key is the charter's hash, so nobody is trusted. Boxes stand
 * in records, which are durable with the transaction that uses them; at a start they are opened
 * again.
 *
 *     missing --drawn here, or a box opens to the hash--> held
 *       |
 *       +--a box that does not--> `circle-key-bad`: that author's boxes count no longer, for us
 *
 * Every member of a circle should have a box of every epoch, sealed to its present sealing key,
 * its own holders included: so whoever sees the records sees who holds what. Where one has
 * none, the holder with the lowest feed number gives it one at once, the next one 15 s later,
 * and so on; no holder waits for more than 8 before it. Who is found out gives that member
 * nothing more, so a lying holder is passed over at once and a dead one in its time, and there
 * is never more than one box of one author for one member and epoch that is still believed. */
#include "engine_parts.h"

#include <p2p/circle_key.h>

#include <string.h>

/* ---- the epochs of our circles ---- */

static const struct p2p_epoch_key *find_epoch(const struct p2p_epoch_key *epochs, size_t count,
                                              const struct p2p_epoch_key *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (epochs[i].circle == wanted->circle && epochs[i].epoch == wanted->epoch &&
            p2p_hash_equal(&epochs[i].hash, &wanted->hash)) {
            return &epochs[i];
        }
    }
    return NULL;
}

/* What the gate works with. */
static void fill_place(struct p2p_engine *engine)
{
    struct p2p_gate_place *place = &engine->place;
    p2p_wipe(place->keys, sizeof(place->keys));
    place->key_count = 0;
    place->keys_missing = engine->epochs_left_out;
    for (size_t i = 0; i < engine->epoch_count; i++) {
        const struct p2p_epoch_key *key = &engine->epochs[i];
        if (key->held) {
            place->keys[place->key_count++] = (struct p2p_circle_secret){
                .circle = key->circle, .epoch = key->epoch, .key = key->key};
        } else {
            place->keys_missing++;
        }
    }
}

static void hold(struct p2p_engine *engine, struct p2p_epoch_key *epoch,
                 const struct p2p_circle_key *key)
{
    epoch->held = true;
    epoch->key = *key;
    epoch->looked_ms = 0;
    engine->boxes_changed = true;
    fill_place(engine);
}

enum p2p_err p2p_circle_take(struct p2p_engine *engine, const struct p2p_circle_key *key)
{
    struct p2p_hash hash = p2p_circle_key_hash(key);
    for (size_t i = 0; i < engine->epoch_count; i++) {
        struct p2p_epoch_key *epoch = &engine->epochs[i];
        if (!epoch->held && p2p_hash_equal(&epoch->hash, &hash)) {
            hold(engine, epoch, key);
            p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_CIRCLE_KEY,
                                                        .member = engine->member,
                                                        .at = epoch->circle,
                                                        .value = epoch->epoch});
        }
    }
    return P2P_OK;
}

/* ---- taking: boxes for this member ---- */

/* A box that gave nothing. */
struct bad_box {
    const struct p2p_epoch_key *epoch;
    struct p2p_record_id id;
};
struct bad_boxes {
    struct bad_box items[P2P_CIRCLE_BAD_MAX];
    size_t count;
};

static bool find_box(struct p2p_slice content, uint32_t epoch, uint32_t member,
                     struct p2p_circle_box *box)
{
    struct p2p_circle_box_walk walk;
    p2p_circle_box_begin(&walk, content);
    while (p2p_circle_box_next(&walk, box)) {
        if (box->epoch == epoch && box->member == member) {
            return true;
        }
    }
    return false;
}

/* What stands there may be with few: nobody else has to fetch it. */
static bool is_past_end(const struct p2p_engine *engine, const struct p2p_record_id *id)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, id->feed);
    return feed == NULL || id->index >= feed->closed_at;
}

/* P2P_NOTFOUND when the box at that row gives nothing, P2P_UNKNOWN when there is none. */
static enum p2p_err open_box(struct p2p_engine *engine, const struct p2p_epoch_key *epoch,
                             const struct p2p_feed_info *info, const struct p2p_record_id *id,
                             struct p2p_circle_key *out)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, id->feed);
    uint8_t bound[P2P_CIRCLE_BOX_BOUND_BYTES];
    struct p2p_record record;
    struct p2p_circle_box box;
    struct p2p_circle_key key = {.bytes = {0}};
    struct p2p_slice leaf;
    if (feed == NULL || id->index >= feed->edge.size) {
        return P2P_UNKNOWN;
    }
    enum p2p_err err = p2p_feed_leaf(feed, engine->kv, id->index, &leaf);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    if (p2p_record_peek(&record, leaf) != P2P_OK || record.kind != P2P_KIND_CIRCLE_KEY ||
        record.circle != epoch->circle || record.body_type != P2P_BODY_PUBLIC ||
        !find_box(record.content, epoch->epoch, engine->member, &box)) {
        return P2P_UNKNOWN;
    }
    size_t len = p2p_circle_box_bound(bound, p2p_slice_text(info->origin), epoch->circle,
                                      epoch->epoch, engine->member);
    err = p2p_box_open(key.bytes, p2p_slice_of(box.box, sizeof(box.box)),
                       p2p_slice_of(bound, len), engine->options.sealing_key);
    struct p2p_hash hash = p2p_circle_key_hash(&key);
    bool good = err == P2P_OK && p2p_hash_equal(&hash, &epoch->hash);
    if (good) {
        *out = key;
    }
    p2p_wipe(&key, sizeof(key));
    return good ? P2P_OK : P2P_NOTFOUND;
}

/* Tries what others have boxed for us. bad (may be NULL) gains those that gave nothing, one of
 * each author, unless one opened. */
static enum p2p_err take_epoch(struct p2p_engine *engine, struct p2p_epoch_key *epoch,
                               struct bad_boxes *bad)
{
    struct p2p_circle_rows rows;
    struct p2p_record_id id;
    struct p2p_circle_key key;
    size_t bad_before = bad == NULL ? 0 : bad->count;
    enum p2p_err err = P2P_OK;
    p2p_circle_boxes_begin(&rows, epoch->circle, epoch->epoch, engine->member,
                           &engine->options.sealing_key->public_key);
    while ((err = p2p_circle_boxes_next(&rows, engine->kv, &id)) == P2P_OK) {
        bool known_bad = false;
        err = p2p_circle_box_bad(engine->kv, epoch->circle, epoch->epoch, engine->member,
                                 id.feed, &known_bad);
        if (err != P2P_OK) {
            return err;
        }
        if (known_bad) {
            continue;
        }
        const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, id.feed);
        if (info == NULL || is_past_end(engine, &id)) {
            continue; /* of a branch of the charter that does not count at present */
        }
        err = open_box(engine, epoch, info, &id, &key);
        if (err == P2P_UNKNOWN) {
            continue; /* another record stands there now: the row is only a hint */
        }
        if (err == P2P_OK) {
            hold(engine, epoch, &key);
            p2p_wipe(&key, sizeof(key));
            if (bad != NULL) {
                bad->count = bad_before;
                p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_CIRCLE_KEY,
                                                            .member = info->member,
                                                            .feed = id.feed,
                                                            .at = epoch->circle,
                                                            .value = epoch->epoch});
            }
            return P2P_OK;
        }
        if (err != P2P_NOTFOUND) {
            return err;
        }
        if (bad != NULL && bad->count < P2P_CIRCLE_BAD_MAX) {
            p2p_engine_refuse(engine, info->member, id.feed, id.index, P2P_MISMATCH);
            bad->items[bad->count++] = (struct bad_box){epoch, id};
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_circle_follow(struct p2p_engine *engine)
{
    const struct p2p_charter *charter = engine->ledger.charter;
    size_t before_count = engine->epoch_count;
    struct p2p_epoch_key *before =
        p2p_alloc_resize(engine->options.alloc, NULL, P2P_GATE_KEYS_MAX, sizeof(*before));
    enum p2p_err err = P2P_OK;
    if (before == NULL) {
        return P2P_NOMEM;
    }
    memcpy(before, engine->epochs, before_count * sizeof(*before));
    p2p_wipe(engine->epochs, sizeof(engine->epochs));
    engine->epoch_count = 0;
    engine->epochs_left_out = 0;
    engine->boxes_changed = true;
    for (size_t i = 0; i < engine->place.circle_count; i++) {
        const struct p2p_circle *circle = p2p_charter_circle(charter, engine->place.circles[i]);
        for (size_t e = 0; circle != NULL && e < circle->epoch_count; e++) {
            if (engine->epoch_count == P2P_GATE_KEYS_MAX) {
                engine->epochs_left_out++;
                continue;
            }
            struct p2p_epoch_key *epoch = &engine->epochs[engine->epoch_count++];
            *epoch = (struct p2p_epoch_key){.circle = circle->number,
                                            .epoch = circle->epochs[e].epoch,
                                            .hash = circle->epochs[e].key_hash};
            const struct p2p_epoch_key *known = find_epoch(before, before_count, epoch);
            if (known != NULL) {
                *epoch = *known;
                epoch->looked_ms = 0; /* members may have come */
            }
        }
    }
    p2p_wipe(before, P2P_GATE_KEYS_MAX * sizeof(*before));
    p2p_alloc_free(engine->options.alloc, before);
    for (size_t i = 0; i < engine->epoch_count && err == P2P_OK; i++) {
        if (!engine->epochs[i].held) {
            err = take_epoch(engine, &engine->epochs[i], NULL);
        }
    }
    fill_place(engine);
    return err;
}

/* Each `circle-key-bad` cites, so what it cites must be known by then. */
static enum p2p_err append_bad(struct p2p_engine *engine, const struct bad_boxes *bad)
{
    enum p2p_err err = bad->count > 0 ? p2p_append_seen(engine) : P2P_OK;
    for (size_t i = 0; i < bad->count && err == P2P_OK; i++) {
        const struct bad_box *box = &bad->items[i];
        uint8_t content[32];
        struct p2p_pack pack;
        struct p2p_record_id id;
        p2p_pack_init(&pack, content, sizeof(content));
        p2p_pack_map(&pack, 1);
        p2p_pack_text(&pack, "epoch");
        p2p_pack_uint(&pack, box->epoch->epoch);
        const struct p2p_append record = {.kind = P2P_KIND_CIRCLE_KEY_BAD,
                                          .circle = box->epoch->circle,
                                          .cites = &box->id,
                                          .cite_count = 1,
                                          .content = p2p_pack_slice(&pack)};
        err = p2p_append_own(engine, &record, &id);
    }
    return err;
}

/* ---- giving: members without a box ---- */

/* Who of a circle has a box that counts, in the order of its members. */
struct survey {
    const struct p2p_circle *circle;
    bool *has;
    bool *holds; /* has one, or made one that counts */
    bool *liar;  /* some member that has none found its boxes bad */
};

static size_t place_of(const struct p2p_circle *circle, uint32_t member)
{
    size_t low = 0;
    size_t high = circle->member_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (circle->members[middle] < member) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < circle->member_count && circle->members[low] == member ? low : SIZE_MAX;
}

static enum p2p_err look_box(struct p2p_engine *engine, const struct p2p_epoch_key *epoch,
                             struct survey *survey, size_t at)
{
    const struct p2p_charter *charter = engine->ledger.charter;
    const struct p2p_member *member = p2p_charter_member(charter, survey->circle->members[at]);
    struct p2p_circle_rows rows;
    struct p2p_record_id id;
    enum p2p_err err = P2P_OK;
    p2p_circle_boxes_begin(&rows, epoch->circle, epoch->epoch, member->number,
                           &member->sealing_key);
    while ((err = p2p_circle_boxes_next(&rows, engine->kv, &id)) == P2P_OK) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, id.feed);
        bool bad = false;
        if (is_past_end(engine, &id)) {
            continue;
        }
        err = p2p_circle_box_bad(engine->kv, epoch->circle, epoch->epoch, member->number,
                                 id.feed, &bad);
        if (err != P2P_OK) {
            return err;
        }
        size_t by = bad || info == NULL ? SIZE_MAX : place_of(survey->circle, info->member);
        if (by != SIZE_MAX) {
            survey->holds[by] = true;
        }
        if (!bad) {
            survey->has[at] = true;
            survey->holds[at] = true;
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Those whom a member without a box has found out do not count as holders. */
static enum p2p_err look_liars(struct p2p_engine *engine, const struct p2p_epoch_key *epoch,
                               struct survey *survey)
{
    const struct p2p_charter *charter = engine->ledger.charter;
    struct p2p_circle_rows rows;
    uint32_t member;
    uint32_t feed;
    enum p2p_err err;
    p2p_circle_bad_begin(&rows, epoch->circle, epoch->epoch);
    while ((err = p2p_circle_bad_next(&rows, engine->kv, &member, &feed)) == P2P_OK) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, feed);
        size_t by = place_of(survey->circle, member);
        size_t of = info == NULL ? SIZE_MAX : place_of(survey->circle, info->member);
        if (by != SIZE_MAX && of != SIZE_MAX && !survey->has[by]) {
            survey->liar[of] = true;
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Something is left to do that time decides. */
static void look_again(struct p2p_engine *engine, uint64_t at_ms)
{
    if (engine->boxes_at_ms == 0 || at_ms < engine->boxes_at_ms) {
        engine->boxes_at_ms = at_ms;
    }
}

static uint64_t turn_of(const struct p2p_engine *engine, const struct survey *survey)
{
    uint64_t before = 0;
    for (size_t i = 0; i < survey->circle->member_count; i++) {
        const struct p2p_member *member =
            p2p_charter_member(engine->ledger.charter, survey->circle->members[i]);
        before += survey->holds[i] && !survey->liar[i] && member->feed < engine->feed;
    }
    return before < P2P_CIRCLE_TURNS_MAX ? before : P2P_CIRCLE_TURNS_MAX;
}

/* The boxes of one record to be. */
struct giving {
    struct p2p_circle_box *boxes;
    size_t count;
};

static enum p2p_err seal_box(struct p2p_engine *engine, const struct p2p_epoch_key *epoch,
                             const struct p2p_member *to, struct p2p_circle_box *out)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    uint8_t bound[P2P_CIRCLE_BOX_BOUND_BYTES];
    uint8_t seed[P2P_SEED_BYTES];
    size_t len = p2p_circle_box_bound(bound, p2p_slice_text(info->origin), epoch->circle,
                                      epoch->epoch, to->number);
    p2p_engine_random(engine, seed);
    out->epoch = epoch->epoch;
    out->member = to->number;
    memcpy(out->to, to->sealing_key.bytes, sizeof(out->to));
    enum p2p_err err =
        p2p_box_seal(out->box, p2p_slice_of(epoch->key.bytes, sizeof(epoch->key.bytes)),
                     p2p_slice_of(bound, len), &to->sealing_key, seed);
    p2p_wipe(seed, sizeof(seed));
    return err;
}

/* Boxes for those without one, as far as the record has room. Whom we were found out by gets
 * nothing more from us. all [out]: nobody is left whom we could serve. */
static enum p2p_err give_epoch(struct p2p_engine *engine, const struct p2p_epoch_key *epoch,
                               const struct survey *survey, struct giving *giving, bool *all)
{
    *all = true;
    for (size_t i = 0; i < survey->circle->member_count; i++) {
        const struct p2p_member *member =
            p2p_charter_member(engine->ledger.charter, survey->circle->members[i]);
        bool bad = false;
        if (survey->has[i]) {
            continue;
        }
        enum p2p_err err = p2p_circle_box_bad(engine->kv, epoch->circle, epoch->epoch,
                                              member->number, engine->feed, &bad);
        if (err != P2P_OK) {
            return err;
        }
        if (bad) {
            continue;
        }
        if (giving->count == P2P_CIRCLE_BOXES_MAX) {
            *all = false;
            return P2P_OK;
        }
        err = seal_box(engine, epoch, member, &giving->boxes[giving->count]);
        if (err != P2P_OK) {
            return err; /* its key was admitted: it is no low-order point */
        }
        giving->count++;
    }
    return P2P_OK;
}

static bool anybody_lacks(const struct survey *survey)
{
    for (size_t i = 0; i < survey->circle->member_count; i++) {
        if (!survey->has[i]) {
            return true;
        }
    }
    return false;
}

/* Looks who has none of a key held here, and gives it when it is our turn. */
static enum p2p_err look_epoch(struct p2p_engine *engine, struct p2p_epoch_key *epoch,
                               struct giving *giving)
{
    const struct p2p_circle *circle = p2p_charter_circle(engine->ledger.charter, epoch->circle);
    size_t count = circle->member_count;
    bool *flags = p2p_arena_take(engine->arena, 3 * count * sizeof(*flags));
    bool all = true;
    enum p2p_err err = P2P_OK;
    if (flags == NULL) {
        return P2P_NOMEM;
    }
    memset(flags, 0, 3 * count * sizeof(*flags));
    struct survey survey = {
        .circle = circle, .has = flags, .holds = flags + count, .liar = flags + 2 * count};
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        err = look_box(engine, epoch, &survey, i);
    }
    if (err != P2P_OK) {
        return err;
    }
    epoch->looked_ms = engine->now.mono_ms;
    if (!anybody_lacks(&survey)) {
        epoch->lacking_since_ms = 0;
        return P2P_OK;
    }
    if (epoch->lacking_since_ms == 0) {
        epoch->lacking_since_ms = engine->now.mono_ms;
    }
    err = look_liars(engine, epoch, &survey);
    if (err != P2P_OK) {
        return err;
    }
    uint64_t due_ms = epoch->lacking_since_ms + turn_of(engine, &survey) * P2P_CIRCLE_TURN_MS;
    if (due_ms > engine->now.mono_ms) {
        look_again(engine, due_ms);
        return P2P_OK;
    }
    err = give_epoch(engine, epoch, &survey, giving, &all);
    if (err == P2P_OK && !all) {
        look_again(engine, engine->now.mono_ms + P2P_CIRCLE_LOOK_EVERY_MS);
    }
    return err;
}

static enum p2p_err append_boxes(struct p2p_engine *engine, uint32_t circle,
                                 struct giving *giving)
{
    struct p2p_pack pack;
    struct p2p_record_id id;
    if (giving->count == 0) {
        return P2P_OK;
    }
    enum p2p_err err =
        p2p_engine_pack(engine, 16 + giving->count * P2P_CIRCLE_BOX_PACKED_MAX, &pack);
    if (err != P2P_OK) {
        return err;
    }
    p2p_circle_boxes_pack(&pack, giving->boxes, giving->count);
    const struct p2p_append record = {
        .kind = P2P_KIND_CIRCLE_KEY, .circle = circle, .content = p2p_pack_slice(&pack)};
    giving->count = 0;
    return p2p_append_own(engine, &record, &id);
}

/* One record for each circle. */
static enum p2p_err give(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    struct giving giving = {
        .boxes = p2p_arena_take(engine->arena, P2P_CIRCLE_BOXES_MAX * sizeof(*giving.boxes))};
    if (giving.boxes == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < engine->epoch_count && err == P2P_OK; i++) {
        struct p2p_epoch_key *epoch = &engine->epochs[i];
        uint64_t again_ms = epoch->looked_ms + P2P_CIRCLE_LOOK_EVERY_MS;
        if (epoch->held && epoch->looked_ms != 0 && again_ms > engine->now.mono_ms) {
            look_again(engine, again_ms);
        } else if (epoch->held) {
            err = look_epoch(engine, epoch, &giving);
        }
        bool last_of_circle =
            i + 1 == engine->epoch_count || engine->epochs[i + 1].circle != epoch->circle;
        if (err == P2P_OK && last_of_circle) {
            err = append_boxes(engine, epoch->circle, &giving);
        }
    }
    return err;
}

enum p2p_err p2p_circle_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    bool appends = engine->read_only == P2P_READ_ONLY_NONE && engine->feed != 0;
    struct bad_boxes bad = {.count = 0};
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < engine->epoch_count; i++) {
        if (!engine->epochs[i].held && engine->epochs[i].missing_since_ms == 0) {
            engine->epochs[i].missing_since_ms = engine->now.wall_ms;
        }
    }
    if (!engine->boxes_changed &&
        (engine->boxes_at_ms == 0 || engine->boxes_at_ms > engine->now.mono_ms)) {
        if (engine->boxes_at_ms != 0) {
            p2p_wake_at(wake_ms, engine->boxes_at_ms);
        }
        return P2P_OK;
    }
    engine->boxes_at_ms = 0;
    for (size_t i = 0; i < engine->epoch_count && err == P2P_OK; i++) {
        if (!engine->epochs[i].held) {
            err = take_epoch(engine, &engine->epochs[i], appends ? &bad : NULL);
        }
    }
    engine->boxes_changed = !appends; /* what is to be said waits until it may be */
    if (err != P2P_OK || !appends) {
        return err;
    }
    if (bad.count == P2P_CIRCLE_BAD_MAX) {
        look_again(engine, engine->now.mono_ms + P2P_CIRCLE_LOOK_EVERY_MS);
    }
    err = append_bad(engine, &bad);
    if (err == P2P_OK) {
        err = give(engine);
    }
    if (engine->boxes_at_ms != 0) {
        p2p_wake_at(wake_ms, engine->boxes_at_ms);
    }
    return err;
}
