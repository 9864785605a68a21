/* One disk, from end to end: every leaf is that of the watcher's tree, every payload opens its
 * leaf, every head is signed, the digests that are kept are those of the rows that stand there.
 */
#include "watch.h"

#include <p2p/assert.h>

#include <stdlib.h>

/* How long damage may stay on a disk that is looked through in the background. */
#define REPAIRED_WITHIN_US (2 * SIM_HOUR)

static void tell_damage(struct sim_watcher *watcher, const struct watch_machine *machine,
                        uint32_t feed, uint64_t index, const char *what)
{
    if (!machine->may_be_hurt) {
        sim_violate(watcher->sim, SIM_INVARIANT_ROOT_RECOMPUTED,
                    "%s stores a %s of %s at %llu that is not what was signed", machine->name,
                    what, watch_feed_name(watcher, feed), (unsigned long long)index);
    } else if (watcher->sim->schedule.now_us - machine->hurt_us > REPAIRED_WITHIN_US) {
        sim_violate(watcher->sim, SIM_INVARIANT_DAMAGE_FOUND,
                    "%s still stores a damaged %s of %s at %llu", machine->name, what,
                    watch_feed_name(watcher, feed), (unsigned long long)index);
    }
}

void watch_walk_anew(struct watch_machine *machine)
{
    for (size_t i = 0; i < machine->left_count; i++) {
        machine->left[i].walked = 0;
    }
    machine->missing_count = 0;
}

/* Returns whether it is as it should be. */
static bool check_record(struct sim_watcher *watcher, struct watch_machine *machine,
                         const struct p2p_ledger *ledger, const struct p2p_record_id *id,
                         struct p2p_slice leaf)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, id->feed);
    struct p2p_record record;
    struct p2p_slice salted;
    struct p2p_slice payload;
    if (p2p_record_peek(&record, leaf) != P2P_OK || info == NULL ||
        record.body_type != P2P_BODY_COMMITMENT) {
        return true;
    }
    enum p2p_err err = p2p_ledger_salted(ledger, id, &salted);
    if (err == P2P_NOTFOUND) {
        machine->missing = watch_room(machine->missing, machine->missing_count,
                                      &machine->missing_cap, sizeof(*machine->missing));
        machine->missing[machine->missing_count++] = (struct watch_missing){*id, record.circle};
        return true;
    }
    if (err != P2P_OK ||
        p2p_record_open(&record, p2p_slice_text(info->origin), salted, &payload) != P2P_OK) {
        tell_damage(watcher, machine, id->feed, id->index, "payload");
        return false;
    }
    return true;
}

/* Who lacks a payload in its own circle is not complete there. */
static void check_missing(struct watch_machine *machine, struct watch_summary *summary,
                          const struct p2p_ledger *ledger)
{
    size_t kept = 0;
    for (size_t i = 0; i < machine->missing_count; i++) {
        const struct watch_missing missing = machine->missing[i];
        const struct p2p_circle *circle = p2p_charter_circle(ledger->charter, missing.circle);
        struct p2p_slice salted;
        bool inside =
            missing.circle == 0 || (circle != NULL && p2p_circle_has(circle, machine->member));
        if (p2p_ledger_salted(ledger, &missing.id, &salted) != P2P_NOTFOUND) {
            continue;
        }
        if (inside && missing.circle < summary->circle_count) {
            summary->complete[missing.circle] = false;
        }
        machine->missing[kept++] = missing;
    }
    machine->missing_count = kept;
}

static void check_feed(struct sim_watcher *watcher, struct watch_machine *machine,
                       const struct p2p_ledger *ledger, uint32_t number)
{
    const struct p2p_feed *held = p2p_ledger_feed(ledger, number);
    struct watch_left *left = watch_left_of(machine, number);
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    uint32_t at = watch_follow(watcher, machine, number);
    if (at == WATCH_NO_BRANCH) {
        return;
    }
    const struct watch_log *branch = &watch_feed_of(watcher, number)->branches[at];
    p2p_feed_walk_begin(&walk, held, machine->kv, left->walked);
    while (walk.index < held->edge.size) {
        const struct p2p_record_id id = {number, walk.index};
        bool read = p2p_feed_walk_next(&walk, &leaf) == P2P_OK;
        struct p2p_hash hash = read ? p2p_leaf_hash(leaf) : (struct p2p_hash){{0}};
        if (!read || !p2p_hash_equal(&hash, &branch->levels[0][id.index])) {
            tell_damage(watcher, machine, number, id.index, "record");
            return;
        }
        if (!check_record(watcher, machine, ledger, &id, leaf)) {
            return;
        }
        left->walked = id.index + 1;
    }
}

static void check_head(struct sim_watcher *watcher, const struct watch_machine *machine,
                       const struct p2p_ledger *ledger, const struct p2p_feed *held)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, held->number);
    if (info == NULL || held->edge.size == 0 || machine->may_be_hurt) {
        return;
    }
    const struct p2p_checkpoint checkpoint = {.origin = p2p_slice_text(info->origin),
                                              .size = held->head.size,
                                              .root = held->head.root};
    if (p2p_checkpoint_verify_feed(&checkpoint, watcher->sim->federation.sigs, &info->key,
                                   &held->head.signature) != P2P_OK) {
        sim_violate(watcher->sim, SIM_INVARIANT_VERIFIED_ONLY,
                    "%s holds %s at size %llu under a head that its owner did not sign",
                    machine->name, watch_feed_name(watcher, held->number),
                    (unsigned long long)held->head.size);
    }
}

/* The set hash of the rows of one view in one circle. */
static struct p2p_hash walk_view(const struct p2p_kv *kv, uint32_t circle)
{
    static uint8_t element[P2P_PAYLOAD_BYTES_MAX + 4096];
    uint8_t prefix[5 + P2P_VIEW_KEY_BYTES_MAX];
    struct p2p_lthash set;
    struct p2p_slice key;
    struct p2p_slice value;
    p2p_lthash_init(&set);
    size_t len = p2p_view_row_key(prefix, P2P_VIEW_BANS, circle, p2p_slice_of(NULL, 0));
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_VIEW, p2p_slice_of(prefix, len), &key, &value);
    while (err == P2P_OK && key.len > len &&
           p2p_slice_equal(p2p_slice_of(key.data, len), p2p_slice_of(prefix, len))) {
        struct p2p_writer out;
        p2p_writer_init(&out, element, sizeof(element));
        p2p_writer_u16(&out, (uint16_t)(key.len - len));
        p2p_writer_bytes(&out, key.data + len, key.len - len);
        p2p_writer_bytes(&out, value.data, value.len);
        p2p_lthash_add(&set, p2p_writer_slice(&out));
        err = p2p_kv_next(kv, P2P_TABLE_VIEW, &key, &value);
    }
    return p2p_lthash_digest(&set);
}

static void check_views(struct sim_watcher *watcher, const struct watch_machine *machine,
                        struct watch_summary *summary, struct p2p_ledger *ledger)
{
    bool walks = machine->number % 4 == watcher->settles % 4; /* each now and then */
    for (uint32_t circle = 0; circle < summary->circle_count; circle++) {
        if (p2p_view_digest(ledger, machine->kv, P2P_VIEW_BANS, circle,
                            &summary->circles[circle]) != P2P_OK) {
            summary->complete[circle] = false;
            continue;
        }
        struct p2p_hash walked =
            walks ? walk_view(machine->kv, circle) : summary->circles[circle];
        if (!p2p_hash_equal(&walked, &summary->circles[circle]) && !machine->may_be_hurt) {
            sim_violate(watcher->sim, SIM_INVARIANT_REPLAY,
                        "the digest that %s keeps of the bans in circle %u is not that of its "
                        "rows",
                        machine->name, circle);
        }
    }
}

static void summary_init(struct watch_summary *summary, struct watch_machine *machine,
                         const struct p2p_ledger *ledger)
{
    *summary =
        (struct watch_summary){.machine = machine,
                               .feed_count = ledger->feed_count,
                               .circle_count = p2p_charter_circle_count(ledger->charter) + 1};
    summary->feeds = calloc(summary->feed_count + 1, sizeof(*summary->feeds));
    summary->forked = calloc(summary->feed_count + 1, sizeof(*summary->forked));
    summary->circles = calloc(summary->circle_count, sizeof(*summary->circles));
    summary->complete = calloc(summary->circle_count, sizeof(*summary->complete));
    p2p_assert(summary->feeds != NULL && summary->forked != NULL && summary->circles != NULL &&
               summary->complete != NULL);
    for (uint32_t i = 0; i < summary->circle_count; i++) {
        const struct p2p_circle *circle = p2p_charter_circle(ledger->charter, i);
        summary->complete[i] =
            i == 0 || (circle != NULL && p2p_circle_has(circle, machine->member));
    }
}

void watch_summary_deinit(struct watch_summary *summary)
{
    free(summary->feeds);
    free(summary->forked);
    free(summary->circles);
    free(summary->complete);
    *summary = (struct watch_summary){0};
}

bool watch_disk(struct sim_watcher *watcher, struct watch_machine *machine,
                struct watch_summary *summary)
{
    struct p2p_ledger ledger = {0};
    enum p2p_err err = p2p_ledger_open(&ledger, p2p_alloc_default(),
                                       watcher->sim->federation.sigs, machine->kv, NULL);
    if (err == P2P_OK) {
        p2p_arena_reset(&watcher->arena);
        p2p_ledger_begin(&ledger, machine->kv, &watcher->arena);
        summary_init(summary, machine, &ledger);
        for (uint32_t i = 0; i < ledger.feed_count; i++) {
            const struct p2p_feed *held = ledger.feeds[i];
            summary->feeds[i] = (struct watch_point){held->edge.size, held->head.root};
            summary->forked[i] = held->state == P2P_FEED_FORKED;
            summary->records += held->edge.size;
            if (i != P2P_CHARTER_FEED) {
                check_head(watcher, machine, &ledger, held);
                check_feed(watcher, machine, &ledger, i);
            }
        }
        check_missing(machine, summary, &ledger);
        check_views(watcher, machine, summary, &ledger);
        err = p2p_frontier_digest(&ledger, &summary->frontier);
    }
    if (err == P2P_OK) {
        err = p2p_leaves_digest(&ledger, &summary->leaves);
    }
    p2p_ledger_close(&ledger);
    if (err != P2P_OK && !machine->may_be_hurt) {
        sim_violate(watcher->sim, SIM_INVARIANT_ROOT_RECOMPUTED,
                    "the store of %s cannot be read: %s", machine->name, p2p_err_text(err));
    }
    return err == P2P_OK;
}
