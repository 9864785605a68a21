/* State commitments: written, and compared with those of others. See p2p/state.h. */
#include "engine_parts.h"

#include <string.h>

enum { VIEW_BYTES_MAX = 1 + 5 + 5 + 2 + P2P_HASH_BYTES };

/* ---- what is told ---- */

/* Whether our digest of a view in this circle is one that others can compare. */
static bool tells(const struct p2p_engine *engine, uint32_t circle)
{
    const struct p2p_circle *info = p2p_charter_circle(engine->ledger.charter, circle);
    return engine->complete &&
           (circle == 0 || (info != NULL && p2p_circle_has(info, engine->member) &&
                            p2p_lack_complete(engine, circle)));
}

static enum p2p_err pack_view(struct p2p_engine *engine, struct p2p_pack *pack,
                              enum p2p_view_number view, uint32_t circle)
{
    struct p2p_hash digest;
    enum p2p_err err = p2p_view_digest(&engine->ledger, engine->kv, view, circle, &digest);
    if (err == P2P_OK) {
        p2p_pack_array(pack, 3);
        p2p_pack_uint(pack, (uint64_t)view);
        p2p_pack_uint(pack, circle);
        p2p_pack_bin(pack, digest.bytes, P2P_HASH_BYTES);
    }
    return err;
}

/* [[view, circle, digest], ...]: the views of each circle, then forks. */
static enum p2p_err pack_views(struct p2p_engine *engine, struct p2p_pack *pack)
{
    size_t view_count = 0;
    const enum p2p_view_number *views = p2p_views_in_circles(&view_count);
    uint32_t circles = p2p_charter_circle_count(engine->ledger.charter);
    uint32_t count = 1;
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; i <= circles; i++) {
        count += tells(engine, i) ? (uint32_t)view_count : 0;
    }
    p2p_pack_array(pack, count);
    for (uint32_t i = 0; i <= circles; i++) {
        for (size_t v = 0; v < view_count && err == P2P_OK && tells(engine, i); v++) {
            err = pack_view(engine, pack, views[v], i);
        }
    }
    return err == P2P_OK ? pack_view(engine, pack, P2P_VIEW_FORKS, 0) : err;
}

static enum p2p_err append_state(struct p2p_engine *engine)
{
    const struct p2p_ledger *ledger = &engine->ledger;
    struct p2p_hash frontier;
    struct p2p_hash leaves;
    struct p2p_pack pack;
    struct p2p_record_id id;
    size_t views = 0;
    p2p_views_in_circles(&views);
    size_t cap = 256 + (((size_t)p2p_charter_circle_count(ledger->charter) + 1) * views + 1) *
                           VIEW_BYTES_MAX;
    enum p2p_err err = p2p_engine_pack(engine, cap, &pack);
    if (err == P2P_OK) {
        err = p2p_frontier_digest(ledger, &frontier);
    }
    if (err == P2P_OK) {
        err = p2p_leaves_digest(ledger, &leaves);
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_pack_map(&pack, 3);
    p2p_pack_text(&pack, "frontier");
    p2p_pack_bin(&pack, frontier.bytes, P2P_HASH_BYTES);
    p2p_pack_text(&pack, "leaves");
    p2p_pack_bin(&pack, leaves.bytes, P2P_HASH_BYTES);
    p2p_pack_text(&pack, "views");
    err = pack_views(engine, &pack);
    if (err != P2P_OK || p2p_pack_slice(&pack).len > P2P_BODY_BYTES_MAX) {
        return err; /* of a thousand circles nothing is told */
    }
    const struct p2p_append state = {.kind = P2P_KIND_STATE, .content = p2p_pack_slice(&pack)};
    return p2p_append_own(engine, &state, &id);
}

/* Each member tells in seconds of its own: what two tell at one time stands in neither's
 * frontier, and nobody could compare it. Whose clock stands still tells all the same. */
static bool turn_has_come(const struct p2p_engine *engine)
{
    uint64_t since_ms = engine->now.mono_ms - engine->states.told_ms;
    uint64_t turns = P2P_STATE_EVERY_MS / P2P_STATE_TURN_MS;
    return since_ms >= 2 * P2P_STATE_EVERY_MS ||
           (since_ms >= P2P_STATE_EVERY_MS &&
            engine->now.wall_ms / P2P_STATE_TURN_MS % turns == engine->member % turns);
}

enum p2p_err p2p_state_due(struct p2p_engine *engine)
{
    struct p2p_states *states = &engine->states;
    if (!states->begun) { /* what was told before a start is not known here */
        states->begun = true;
        states->records = 0;
        states->told_ms = engine->now.mono_ms;
    }
    bool many = states->records >= P2P_STATE_RECORDS;
    if (engine->read_only != P2P_READ_ONLY_NONE || engine->feed == 0 || !engine->complete ||
        !states->noteworthy || !(many || turn_has_come(engine))) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_append_seen(engine);
    if (err == P2P_OK) {
        err = p2p_ledger_finish(&engine->ledger); /* the digests are of all that is held */
    }
    if (err == P2P_OK) {
        err = append_state(engine);
    }
    states->noteworthy = many; /* one that can be compared when all is quiet follows */
    states->records = 0;
    states->told_ms = engine->now.mono_ms;
    return err;
}

/* ---- what others tell ---- */

void p2p_state_note(struct p2p_engine *engine, const struct p2p_arrival *arrival,
                    uint64_t index, bool last)
{
    struct p2p_feed_extra *extra = &engine->extras[arrival->feed];
    engine->states.records++;
    if (arrival->record.kind != P2P_KIND_SEEN && arrival->record.kind != P2P_KIND_STATE) {
        engine->states.noteworthy = true;
    }
    p2p_feed_set_remove(&engine->due.states, arrival->feed);
    if (last && arrival->record.kind == P2P_KIND_STATE && arrival->record.issuer == 0 &&
        arrival->feed != engine->feed) {
        extra->state_at = index;
        extra->state_tries = P2P_STATE_TRIES_MAX;
        p2p_feed_set_add(&engine->due.states, arrival->feed);
    }
}

static bool was_found(const struct p2p_states *states, const struct p2p_differing *differing)
{
    for (size_t i = 0; i < states->found_count; i++) {
        const struct p2p_differing *found = &states->found[i];
        if (found->member == differing->member && found->view == differing->view &&
            found->circle == differing->circle) {
            return true;
        }
    }
    return false;
}

static void remember(struct p2p_states *states, const struct p2p_differing *differing)
{
    if (states->found_count == P2P_STATE_FOUND_MAX) {
        states->found_count--;
        memmove(&states->found[0], &states->found[1],
                states->found_count * sizeof(states->found[0]));
    }
    states->found[states->found_count++] = *differing;
}

/* That member tells the same as we do now. */
static void forget_member(struct p2p_states *states, uint32_t member)
{
    size_t kept = 0;
    for (size_t i = 0; i < states->found_count; i++) {
        if (states->found[i].member != member) {
            states->found[kept++] = states->found[i];
        }
    }
    states->found_count = kept;
}

/* Another digest than ours: everything is computed anew and compared with what is stored,
 * unless that was done for the same difference. */
static void diverged(struct p2p_engine *engine, const struct p2p_record_id *id,
                     enum p2p_view_number view, uint32_t circle)
{
    struct p2p_divergence *found = &engine->states.divergence;
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, id->feed);
    const struct p2p_differing differing = {info->member, circle, view};
    struct p2p_states *states = &engine->states;
    bool known = was_found(states, &differing);
    bool begun_now = found->is_checking && states->checking_ms == engine->now.mono_ms;
    if (!known && (begun_now || !found->is_checking)) {
        remember(states, &differing);
    }
    if (found->is_checking || (known && found->is_known)) {
        return; /* one at a time; the others are told again */
    }
    found->is_known = known;
    found->is_checking = !known;
    found->member = info->member;
    found->record = *id;
    found->view = view;
    found->circle = circle;
    if (known) {
        return;
    }
    states->checking_ms = engine->now.mono_ms;
    p2p_scrub_anew(engine, view == 0);
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_DIVERGED,
                                                .feed = id->feed,
                                                .member = info->member,
                                                .at = id->index,
                                                .value = (uint64_t)view << 32 | circle});
}

void p2p_state_checked(struct p2p_engine *engine, bool mended)
{
    struct p2p_divergence *found = &engine->states.divergence;
    if (!found->is_checking) {
        return;
    }
    found->is_checking = false;
    found->is_known = !mended;
    if (mended) {
        engine->states.found_count = 0; /* others were compared with what was damaged */
    }
    if (found->is_known) { /* what follows from the records stands here */
        p2p_engine_trace(
            engine, (struct p2p_trace){.type = P2P_TRACE_DIVERGED,
                                       .err = P2P_MISMATCH,
                                       .feed = found->record.feed,
                                       .member = found->member,
                                       .at = found->record.index,
                                       .value = (uint64_t)found->view << 32 | found->circle});
    }
}

static bool read_digest(struct p2p_slice value, struct p2p_hash *out)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, value);
    p2p_unpack_fixed(&in, out->bytes, P2P_HASH_BYTES);
    return p2p_unpack_done(&in);
}

/* One entry of `views`; what this node does not hold itself says nothing to it. */
static enum p2p_err compare_view(struct p2p_engine *engine, const struct p2p_record_id *id,
                                 struct p2p_unpack *in, bool *same)
{
    struct p2p_hash theirs;
    struct p2p_hash ours;
    bool shape = p2p_unpack_array(in) == 3;
    uint32_t number = p2p_unpack_u32(in);
    uint32_t circle = p2p_unpack_u32(in);
    p2p_unpack_fixed(in, theirs.bytes, P2P_HASH_BYTES);
    enum p2p_view_number view = P2P_VIEW_BANS;
    if (p2p_unpack_failed(in) || !shape || !p2p_view_numbered(number, &view) ||
        !tells(engine, circle)) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_view_digest(&engine->ledger, engine->kv, view, circle, &ours);
    if (err == P2P_OK && !p2p_hash_equal(&ours, &theirs)) {
        *same = false;
        diverged(engine, id, view, circle);
    }
    return err;
}

/* The record's content, at its frontier. */
static enum p2p_err compare_at(struct p2p_engine *engine, const struct p2p_record_id *id,
                               struct p2p_slice content, bool *reached)
{
    enum { FRONTIER, LEAVES, VIEWS, COUNT };
    static const char *const keys[COUNT] = {"frontier", "leaves", "views"};
    struct p2p_slice values[COUNT];
    struct p2p_hash frontier, leaves, root, ours;
    struct p2p_unpack in;
    bool same = true;
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, id->feed);
    struct p2p_divergence *found = &engine->states.divergence;
    *reached = true; /* what is not of the form is not looked at again */
    if (!p2p_unpack_fields(content, keys, values, COUNT) || values[VIEWS].len == 0 ||
        !read_digest(values[FRONTIER], &frontier) || !read_digest(values[LEAVES], &leaves)) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_root_at(feed, engine->kv, id->index, &root);
    if (err == P2P_OK) {
        err = p2p_frontier_digest_at(&engine->ledger, id->feed, id->index, &root, &ours);
    }
    *reached = err == P2P_OK && p2p_hash_equal(&ours, &frontier);
    if (!*reached) {
        return err;
    }
    ours = p2p_leaves_digest_of(&engine->ledger, &frontier);
    if (!p2p_hash_equal(&ours, &leaves)) {
        same = false;
        diverged(engine, id, (enum p2p_view_number)0, 0);
    }
    p2p_unpack_init(&in, values[VIEWS]);
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && err == P2P_OK && !p2p_unpack_failed(&in); i++) {
        err = compare_view(engine, id, &in, &same);
    }
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, id->feed);
    found->compared++;
    found->equal += same;
    if (same) {
        forget_member(&engine->states, info->member);
    }
    if (same && found->is_known && found->member == info->member) {
        found->is_known = false; /* they agree with us now */
    }
    return err;
}

enum p2p_err p2p_state_compare(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    if (p2p_engine_damaged(engine) || !engine->complete || engine->member == 0) {
        return P2P_OK;
    }
    for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&engine->due.states, &i); i++) {
        struct p2p_feed_extra *extra = &engine->extras[i];
        const struct p2p_record_id id = {i, extra->state_at};
        const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, i);
        struct p2p_scratch scratch;
        struct p2p_entry entry;
        bool reached = true;
        extra->state_tries--;
        if (feed->edge.size != id.index + 1 ||
            p2p_charter_feed(engine->ledger.charter, i) == NULL) {
            p2p_feed_set_remove(&engine->due.states,
                                i); /* what its author did next is folded already */
            continue;
        }
        p2p_scratch_begin(&scratch, &engine->ledger);
        err = p2p_ledger_entry(&engine->ledger, &id, &entry);
        if (err == P2P_OK && entry.record.body_type == P2P_BODY_PUBLIC) {
            err = compare_at(engine, &id, entry.record.content, &reached);
        }
        p2p_scratch_end(&scratch, &engine->ledger);
        if (reached || extra->state_tries == 0) {
            p2p_feed_set_remove(&engine->due.states, i);
        }
    }
    return err;
}

const struct p2p_divergence *p2p_engine_divergence(const struct p2p_engine *engine)
{
    return &engine->states.divergence;
}
