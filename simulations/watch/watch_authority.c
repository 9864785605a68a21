/* Authority: the charter is the one that the roots signed, and what bans are worth follows from
 * it and from what their authors knew. */
#include "watch.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

void watch_entry(struct sim_watcher *watcher, const struct watch_machine *machine,
                 const struct p2p_entry_body *entry)
{
    const struct sim_federation *federation = &watcher->sim->federation;
    const struct sim_entry *sealed =
        entry->index < federation->entry_count ? &federation->entries[entry->index] : NULL;
    struct p2p_hash leaf = p2p_leaf_hash(entry->leaf);
    bool ours = sealed != NULL &&
                p2p_slice_equal(entry->leaf, p2p_slice_of(sealed->leaf, sealed->leaf_len));
    for (size_t i = 0; i < federation->rival_count; i++) { /* who was away may hold it yet */
        ours = ours || (federation->rivals[i].index == entry->index &&
                        p2p_hash_equal(&federation->rivals[i].leaf, &leaf));
    }
    if (!ours) {
        sim_violate(watcher->sim, SIM_INVARIANT_CHARTER_ORDER,
                    "%s passed on an entry %llu of the charter that the roots never sealed",
                    machine->name, (unsigned long long)entry->index);
    }
}

/* ---- who is in which circle ---- */

static struct watch_membership *membership_of(struct sim_watcher *watcher, uint32_t circle,
                                              uint32_t member)
{
    for (size_t i = 0; i < watcher->membership_count; i++) {
        if (watcher->memberships[i].circle == circle &&
            watcher->memberships[i].member == member) {
            return &watcher->memberships[i];
        }
    }
    watcher->memberships = watch_room(watcher->memberships, watcher->membership_count,
                                      &watcher->membership_cap, sizeof(*watcher->memberships));
    watcher->memberships[watcher->membership_count] =
        (struct watch_membership){.circle = circle, .member = member};
    return &watcher->memberships[watcher->membership_count++];
}

void watch_follow_charter(struct sim_watcher *watcher)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    uint64_t size = p2p_charter_size(charter);
    if (size == watcher->membership_size) {
        return;
    }
    for (uint32_t c = 1; c <= p2p_charter_circle_count(charter); c++) {
        const struct p2p_circle *circle = p2p_charter_circle(charter, c);
        for (uint32_t m = 1; circle != NULL && m <= p2p_charter_member_count(charter); m++) {
            struct watch_membership *membership = membership_of(watcher, c, m);
            if (!p2p_circle_has(circle, m)) {
                membership->since = 0;
            } else if (membership->since == 0) {
                membership->since = size;
            }
        }
    }
    watcher->membership_size = size;
}

uint64_t watch_member_since(const struct sim_watcher *watcher, uint32_t circle, uint32_t member)
{
    if (circle == 0) {
        return 1;
    }
    for (size_t i = 0; i < watcher->membership_count; i++) {
        if (watcher->memberships[i].circle == circle &&
            watcher->memberships[i].member == member) {
            return watcher->memberships[i].since;
        }
    }
    return 0;
}

/* ---- revocations, read from the entries themselves ---- */

struct cut {
    char issuer[P2P_NAME_BYTES_MAX + 1];
    uint32_t feed;
    uint64_t index;
    uint64_t entry;
    uint64_t *keep;
    size_t keep_count;
};
struct cuts {
    struct cut *all;
    size_t count, cap;
};

static void read_cut(struct sim_watcher *watcher, struct cuts *cuts, uint64_t entry,
                     const struct p2p_op_revoke *op)
{
    const struct p2p_feed_info *info =
        p2p_charter_feed_named(watch_charter(watcher), p2p_slice_text(op->feed));
    if (info == NULL) {
        return;
    }
    struct cut cut = {
        .feed = info->number, .index = op->index, .entry = entry, .keep_count = op->keep_count};
    strncpy(cut.issuer, op->issuer, sizeof(cut.issuer) - 1);
    cut.keep = calloc(op->keep_count + 1, sizeof(*cut.keep));
    p2p_assert(cut.keep != NULL);
    if (op->keep_count > 0) {
        memcpy(cut.keep, op->keep, op->keep_count * sizeof(*cut.keep));
    }
    cuts->all = watch_room(cuts->all, cuts->count, &cuts->cap, sizeof(cut));
    cuts->all[cuts->count++] = cut;
}

static void read_cuts(struct sim_watcher *watcher, struct cuts *cuts)
{
    const struct sim_federation *federation = &watcher->sim->federation;
    for (uint64_t i = 0; i < federation->entry_count; i++) {
        const struct sim_entry *entry = &federation->entries[i];
        struct p2p_version version;
        p2p_arena_reset(&watcher->arena);
        if (p2p_version_decode(&version, p2p_slice_of(entry->leaf, entry->leaf_len),
                               &watcher->arena) != P2P_OK) {
            continue;
        }
        for (size_t n = 0; n < version.op_count; n++) {
            if (version.ops[n].type == P2P_OP_REVOKE) {
                read_cut(watcher, cuts, i, &version.ops[n].revoke);
            }
        }
    }
}

static void free_cuts(struct cuts *cuts)
{
    for (size_t i = 0; i < cuts->count; i++) {
        free(cuts->all[i].keep);
    }
    free(cuts->all);
}

static bool keeps(const struct cut *cut, uint64_t index)
{
    for (size_t i = 0; i < cut->keep_count; i++) {
        if (cut->keep[i] == index) {
            return true;
        }
    }
    return false;
}

/* Whether the issuer was granted anything anew after a cut, as that place knew it. */
static bool granted_anew(struct sim_watcher *watcher, const struct p2p_issuer *issuer,
                         const struct cut *cut, const struct p2p_record_id *at)
{
    uint64_t known = watch_known(watcher, at->feed, at->index, P2P_CHARTER_FEED);
    for (size_t i = 0; i < issuer->grant_count; i++) {
        if (issuer->grants[i].entry >= cut->entry && issuer->grants[i].entry < known) {
            return true;
        }
    }
    return false;
}

/* The cut that a place is past; anew: one that a later grant may have ended counts too. */
static const struct cut *past_cut(struct sim_watcher *watcher, const struct cuts *cuts,
                                  const struct p2p_ban *ban, bool anew)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    const struct p2p_issuer *issuer = p2p_charter_issuer(charter, ban->issuer);
    const struct p2p_feed_info *here = p2p_charter_feed(charter, ban->id.feed);
    for (size_t i = 0; issuer != NULL && here != NULL && i < cuts->count; i++) {
        const struct cut *cut = &cuts->all[i];
        const struct p2p_feed_info *there = p2p_charter_feed(charter, cut->feed);
        bool same = cut->feed == ban->id.feed;
        bool earlier = there != NULL && there->member == here->member &&
                       there->generation < here->generation;
        if (strcmp(cut->issuer, issuer->name) == 0 &&
            ((same && cut->index <= ban->id.index && !keeps(cut, ban->id.index)) || earlier) &&
            (anew || !granted_anew(watcher, issuer, cut, &ban->id))) {
            return cut;
        }
    }
    return NULL;
}

/* A ban that a `rescued` record carries is judged as if it stood at W of the feed it is from,
 * as this machine shows W; whether that is right is asked elsewhere. False: not readable. */
static bool place_of(const struct sim_watcher *watcher, const struct watch_machine *machine,
                     struct p2p_ban *ban)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_feed held;
    struct p2p_slice bytes;
    struct p2p_record record;
    struct p2p_unpack in;
    p2p_feed_init(&held, ban->id.feed);
    if (p2p_feed_load(&held, machine->kv) != P2P_OK ||
        p2p_feed_leaf(&held, machine->kv, ban->id.index, &bytes) != P2P_OK ||
        p2p_record_decode(&record, bytes) != P2P_OK) {
        return false;
    }
    if (record.kind != P2P_KIND_RESCUED) {
        return true;
    }
    if (p2p_kv_get(machine->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &ban->id), &bytes) !=
            P2P_OK ||
        bytes.len <= P2P_SALT_BYTES ||
        !p2p_unpack_find(p2p_slice_of(bytes.data + P2P_SALT_BYTES, bytes.len - P2P_SALT_BYTES),
                         "feed", &in)) {
        return false;
    }
    ban->id.feed = p2p_unpack_u32(&in);
    struct watch_point w;
    if (!watch_w(watcher, machine, ban->id.feed, &w)) {
        return false;
    }
    ban->id.index = w.size;
    return true;
}

static bool is_closed(const struct sim_watcher *watcher, uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), feed);
    return info != NULL && info->closed != 0;
}

static void settle_cut(struct sim_watcher *watcher, const struct watch_machine *machine,
                       const struct cuts *cuts, const struct p2p_ban *ban)
{
    struct p2p_ban placed = *ban;
    if (!place_of(watcher, machine, &placed)) {
        return;
    }
    const struct cut *cut = past_cut(watcher, cuts, &placed, false);
    if (ban->why == P2P_WHY_NONE && cut != NULL) {
        sim_violate(watcher->sim, SIM_INVARIANT_CUT_POINT,
                    "at %s the ban %s record %llu has effect past the cut at %llu of charter "
                    "entry %llu",
                    machine->name, watch_feed_name(watcher, ban->id.feed),
                    (unsigned long long)ban->id.index, (unsigned long long)cut->index,
                    (unsigned long long)cut->entry);
    }
    /* May stand past the end by sealing, where it is or where it was rescued from. */
    bool closed = is_closed(watcher, placed.id.feed) || is_closed(watcher, ban->id.feed);
    if (ban->why == P2P_WHY_PAST_CUT && !closed &&
        past_cut(watcher, cuts, &placed, true) == NULL) {
        sim_violate(watcher->sim, SIM_INVARIANT_CUT_POINT,
                    "at %s the ban %s record %llu lost its effect to a cut that does not reach "
                    "it",
                    machine->name, watch_feed_name(watcher, ban->id.feed),
                    (unsigned long long)ban->id.index);
    }
}

/* ---- lifts ---- */

/* Each record that took it away knew it. */
static void settle_lifts(struct sim_watcher *watcher, const struct watch_machine *machine,
                         const struct p2p_ban *ban, struct p2p_slice list, const char *what)
{
    struct p2p_unpack in;
    if (list.len == 0) {
        return;
    }
    p2p_unpack_init(&in, list);
    for (uint32_t left = p2p_unpack_array(&in); left > 0; left--) {
        p2p_unpack_array(&in);
        struct p2p_record_id by = {.feed = p2p_unpack_u32(&in)};
        by.index = p2p_unpack_uint(&in);
        if (p2p_unpack_failed(&in)) {
            return;
        }
        if (watch_is_honest_feed(watcher, by.feed) &&
            watch_known(watcher, by.feed, by.index, ban->id.feed) <= ban->id.index) {
            sim_violate(watcher->sim, SIM_INVARIANT_DENY_WINS,
                        "at %s the ban %s record %llu is %s by %s record %llu, which did not "
                        "know it",
                        machine->name, watch_feed_name(watcher, ban->id.feed),
                        (unsigned long long)ban->id.index, what,
                        watch_feed_name(watcher, by.feed), (unsigned long long)by.index);
        }
    }
}

/* ---- verdicts that stand ---- */

static bool is_of_authority(enum p2p_why why)
{
    return why == P2P_WHY_NONE || why == P2P_WHY_UNKNOWN_ISSUER || why == P2P_WHY_NO_GRANT ||
           why == P2P_WHY_BAD_SIGNATURE || why == P2P_WHY_REPEATED_SEQ ||
           why == P2P_WHY_PAST_CUT;
}

static int compare_verdicts(const struct watch_verdict *a, const struct watch_verdict *b)
{
    return a->circle != b->circle ? (a->circle < b->circle ? -1 : 1)
                                  : p2p_record_id_compare(&a->id, &b->id);
}

/* Under one charter, of an honest author, the verdict stays. */
static void settle_verdicts(struct sim_watcher *watcher, const struct watch_machine *machine,
                            const struct watch_verdict *now, size_t count)
{
    size_t before = 0;
    for (size_t i = 0; i < count; i++) {
        while (before < machine->verdict_count &&
               compare_verdicts(&machine->verdicts[before], &now[i]) < 0) {
            before++;
        }
        if (before == machine->verdict_count ||
            compare_verdicts(&machine->verdicts[before], &now[i]) != 0) {
            continue;
        }
        enum p2p_why was = machine->verdicts[before].why;
        if (was != now[i].why && is_of_authority(was) && is_of_authority(now[i].why) &&
            watch_is_honest_feed(watcher, now[i].id.feed)) {
            sim_violate(watcher->sim, SIM_INVARIANT_SETTLED,
                        "at %s the verdict on %s record %llu went from '%s' to '%s' under the "
                        "same charter",
                        machine->name, watch_feed_name(watcher, now[i].id.feed),
                        (unsigned long long)now[i].id.index, p2p_why_word(was),
                        p2p_why_word(now[i].why));
        }
    }
}

/* The charter a disk holds is the roots' own, up to its size. */
static bool charter_is_ours(const struct sim_watcher *watcher,
                            const struct watch_machine *machine, uint64_t *size)
{
    struct p2p_feed held;
    struct p2p_hash root;
    p2p_feed_init(&held, P2P_CHARTER_FEED);
    if (p2p_feed_load(&held, machine->kv) != P2P_OK) {
        return true; /* unreadable: others say so */
    }
    *size = held.edge.size;
    return held.edge.size == 0 ||
           (p2p_charter_root_at(watch_charter(watcher), held.edge.size, &root) == P2P_OK &&
            p2p_hash_equal(&root, &held.head.root));
}

void watch_settle_authority(struct sim_watcher *watcher, struct watch_machine *machine)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    struct cuts cuts = {0};
    struct watch_verdict *now = NULL;
    size_t count = 0, cap = 0;
    uint64_t size = 0;
    if (p2p_charter_rival_size(charter) > 0) {
        return; /* until they are settled either head is held, and neither grants anything */
    }
    if (!charter_is_ours(watcher, machine, &size)) {
        sim_violate(watcher->sim, SIM_INVARIANT_CHARTER_ORDER,
                    "%s holds a charter of size %llu that the roots never sealed",
                    machine->name, (unsigned long long)size);
    }
    if (size != p2p_charter_size(charter)) {
        return; /* it judges by an older one */
    }
    read_cuts(watcher, &cuts);
    for (uint32_t circle = 0; circle <= p2p_charter_circle_count(charter); circle++) {
        struct p2p_ban ban;
        struct p2p_record_id after = {0, 0};
        bool begin = true;
        while (p2p_ban_next(machine->kv, circle, &after, begin, &ban) == P2P_OK) {
            after = ban.id;
            begin = false;
            now = watch_room(now, count, &cap, sizeof(*now));
            now[count++] = (struct watch_verdict){circle, ban.id, ban.why};
            if (watch_is_honest_feed(watcher, ban.id.feed)) {
                settle_cut(watcher, machine, &cuts, &ban);
                settle_lifts(watcher, machine, &ban, ban.lifted, "lifted");
                settle_lifts(watcher, machine, &ban, ban.suspended, "suspended");
            }
        }
    }
    if (machine->verdict_charter == size) {
        settle_verdicts(watcher, machine, now, count);
    }
    free(machine->verdicts);
    machine->verdicts = now;
    machine->verdict_count = count;
    machine->verdict_charter = size;
    free_cuts(&cuts);
}
