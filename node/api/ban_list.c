/* Listing bans, page by page, all or those on one subject.
 *
 * A list is a row of walks: a circle each, or for one subject a key each under which it may
 * stand. `next` is that of list.h. */
#include "list.h"

#include <stdlib.h>

enum {
    LIST_DEFAULT = 100,
    LIST_MAX = 1000,
    LIST_LOOK_MAX = 200000,   /* bans looked at by one call */
    LIST_BYTES_MAX = 4 << 20, /* of bans in one answer, as they are stored */
    WALKS_MAX = P2P_GATE_KEYS_MAX,
};

_Static_assert(P2P_GATE_CIRCLES_MAX <= P2P_GATE_KEYS_MAX, "a list holds every walk");

struct listing {
    struct p2p_node *node;
    struct p2p_list_walk *walks;  /* WALKS_MAX of them */
    struct p2p_subject_key *keys; /* one for each walk of a list on one subject */
    size_t walk_count;
    bool on_subject;
    json_t *bans;
    size_t limit;
    size_t looked;
    size_t bytes;
    bool all;
    bool full;
    size_t at; /* the walk, and */
    struct p2p_record_id last;
};

static void list_one(struct listing *listing, const struct p2p_ban *ban)
{
    enum p2p_ban_state state = p2p_ban_state_at(ban, listing->node->now.wall_ms);
    bool live =
        state == P2P_BAN_IN_FORCE || state == P2P_BAN_FUTURE || state == P2P_BAN_SUSPENDED;
    listing->last = ban->id;
    listing->looked++;
    if (live || listing->all) {
        json_array_append_new(listing->bans, p2p_ban_json(listing->node, ban));
        listing->bytes += 512 + ban->subjects.len + ban->scope.len + ban->reference.len +
                          ban->reason.len + ban->lifted.len + ban->suspended.len;
    }
    listing->full = json_array_size(listing->bans) >= listing->limit ||
                    listing->looked >= LIST_LOOK_MAX || listing->bytes >= LIST_BYTES_MAX;
}

static enum p2p_err next_ban(const struct listing *listing, const struct p2p_record_id *after,
                             bool begin, struct p2p_ban *ban)
{
    const struct p2p_kv *kv = listing->node->kv;
    uint32_t circle = listing->walks[listing->at].circle;
    struct p2p_record_id id;
    if (!listing->on_subject) {
        return p2p_ban_next(kv, circle, after, begin, ban);
    }
    enum p2p_err err =
        p2p_ban_next_on(kv, circle, &listing->keys[listing->at], after, begin, &id);
    return err == P2P_OK ? p2p_ban_get(kv, circle, &id, ban) : err;
}

/* From `at` and `last` on, or from the first ban of all. */
static enum p2p_err list_on(struct listing *listing, bool begin)
{
    for (; listing->at < listing->walk_count; listing->at++) {
        enum p2p_err err = P2P_OK;
        while (!listing->full && err == P2P_OK) {
            struct p2p_ban ban;
            err = next_ban(listing, &listing->last, begin, &ban);
            begin = false;
            if (err == P2P_OK) {
                list_one(listing, &ban);
            }
        }
        if (err != P2P_NOTFOUND) { /* full, or broken */
            return err;
        }
        begin = true;
    }
    return P2P_OK;
}

/* Where it may stand: in clear in each circle, as a token under each key. */
static void walks_on(struct listing *listing, const struct p2p_subject *subject)
{
    const struct p2p_gate_place *place = p2p_engine_place(listing->node->engine);
    const char *type = subject->type->word;
    listing->on_subject = true;
    for (size_t i = 0; subject->type->clear && i < place->circle_count; i++) {
        size_t at = listing->walk_count++;
        listing->walks[at].circle = place->circles[i];
        p2p_subject_key_clear(&listing->keys[at], type, p2p_slice_text(subject->value));
    }
    for (size_t i = 0; !subject->type->clear && i < place->key_count; i++) {
        const struct p2p_circle_secret *secret = &place->keys[i];
        size_t at = listing->walk_count++;
        struct p2p_token token = p2p_subject_token(subject, &secret->key, secret->epoch);
        listing->walks[at] = (struct p2p_list_walk){secret->circle, secret->epoch};
        p2p_subject_key_token(&listing->keys[at], type, secret->epoch, &token);
    }
}

static bool read_walks(struct p2p_call *call, struct listing *listing)
{
    const struct p2p_gate_place *place = p2p_engine_place(listing->node->engine);
    const char *text = p2p_call_param(call, "subject");
    struct p2p_subject subject;
    listing->walks = p2p_call_take(call, WALKS_MAX * sizeof(*listing->walks));
    listing->keys = p2p_call_take(call, WALKS_MAX * sizeof(*listing->keys));
    if (text != NULL && p2p_subject_parse(&subject, p2p_slice_text(text)) != P2P_OK) {
        p2p_call_error(call, 400, "bad-subject",
                       "write type:value, e.g. imo:9179842 or card:alfapass:1234567",
                       "%s is no subject", text);
        return false;
    }
    if (text != NULL && !subject.type->clear && !p2p_call_at_gate(call, listing->node)) {
        return false;
    }
    if (text != NULL) {
        walks_on(listing, &subject);
        return true;
    }
    for (size_t i = 0; i < place->circle_count; i++) {
        listing->walks[listing->walk_count++].circle = place->circles[i];
    }
    return true;
}

void p2p_ban_list_start(struct p2p_call *call, struct p2p_node *node)
{
    struct listing listing = {.node = node};
    bool begin;
    listing.all = p2p_call_param(call, "all") != NULL;
    if (!p2p_call_limit(call, LIST_DEFAULT, LIST_MAX, &listing.limit) ||
        !read_walks(call, &listing) ||
        !p2p_list_after(call, node, listing.walks, listing.walk_count, &listing.at,
                        &listing.last, &begin)) {
        return;
    }
    listing.bans = json_array();
    enum p2p_err err = list_on(&listing, begin);
    call->looked = listing.looked;
    if (err != P2P_OK) {
        json_decref(listing.bans);
        p2p_call_err(call, err, "the bans in the store cannot be read");
        return;
    }
    p2p_call_reply(
        call,
        json_pack("{s:o, s:o}", "bans", listing.bans, "next",
                  listing.full ? p2p_list_next(node, &listing.walks[listing.at], &listing.last)
                               : json_null()));
}
