/* Frauds with everybody's key: integrity holds, what is said does not. */
#include "tamper.h"

/* Bytes of the first decision's payload, changed; the record commits to them. */
static void change_decision(struct forger *forger, const char *old, size_t old_len,
                            const char *new, size_t new_len)
{
    struct forged_feed feed;
    struct p2p_record_id cites[4];
    struct p2p_draft draft;
    uint8_t payload[4096];
    forged_feed_load(forger, &feed, "beanr-1");
    size_t at = forged_feed_find(&feed, P2P_KIND_DECISIONS);
    forged_feed_draft(&feed, at, &draft, cites, 4);
    CHECK(draft.payload.len + new_len < sizeof payload);
    const uint8_t *place = memmem(draft.payload.data, draft.payload.len, old, old_len);
    CHECK(place != NULL);
    size_t before = (size_t)(place - draft.payload.data);
    memcpy(payload, draft.payload.data, before);
    memcpy(payload + before, new, new_len);
    memcpy(payload + before + new_len, place + old_len, draft.payload.len - before - old_len);
    draft.payload = p2p_slice_of(payload, draft.payload.len - old_len + new_len);
    forged_feed_write(forger, &feed, at, &draft, NULL);
    uint64_t time_s = now_s(&feed);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, time_s);
    forged_feed_free(&feed);
}

static void decision_contradicts(struct forger *forger)
{
    change_decision(forger, "\xa6refuse", 7,
                    "\xa5"
                    "allow",
                    6);
}

static void decision_without_reasons(struct forger *forger)
{
    change_decision(forger, "banned", 6, "bunned", 6);
}

static void decision_malformed(struct forger *forger)
{
    change_decision(forger, "refuse", 6, "rebuse", 6);
}

static void decision_at_other_purpose(struct forger *forger)
{
    change_decision(forger,
                    "\xa4"
                    "call",
                    5,
                    "\xa4"
                    "work",
                    5);
}

static struct p2p_hash root_of(struct forger *forger, const char *dir, size_t size)
{
    struct forged_feed feed;
    struct p2p_edge edge;
    forged_feed_load(forger, &feed, dir);
    p2p_edge_init(&edge);
    for (size_t i = 0; i < size; i++) {
        struct p2p_hash hash = p2p_leaf_hash(feed.leaves[i]);
        p2p_edge_append(&edge, &hash, NULL);
    }
    forged_feed_free(&feed);
    return p2p_edge_root(&edge);
}

static void see_falsely(struct forger *forger, struct forged_feed *feed)
{
    const struct p2p_hash root = {{1}};
    append_seen(forger, feed, "begne/1", 3, &root);
}

static void false_seen(struct forger *forger)
{
    forge(forger, "beanr-1", see_falsely, true);
}

static void see_less(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_hash root = root_of(forger, "begne-1", 1);
    append_seen(forger, feed, "begne/1", 1, &root);
}

static void shrinking_seen(struct forger *forger)
{
    forge(forger, "beanr-1", see_less, true);
}

static void see_more(struct forger *forger, struct forged_feed *feed)
{
    const struct p2p_hash root = {{1}};
    append_seen(forger, feed, "begne/1", 1000, &root);
}

static void seen_beyond(struct forger *forger)
{
    forge(forger, "beanr-1", see_more, true);
}

/* begne cosigns a record of beanr's, then its own head, then decides as if it had not. */
static void understated(struct forger *forger)
{
    struct forged_feed feed;
    forge(forger, "beanr-1", append_copy, true);
    forger_seal(forger, NULL); /* it is read again */
    forged_feed_load(forger, &feed, "beanr-1");
    uint64_t time_s = now_s(&feed);
    forged_feed_free(&feed);
    forged_feed_load(forger, &feed, "begne-1");
    time_s = now_s(&feed) > time_s ? now_s(&feed) : time_s;
    char path[64];
    snprintf(path, sizeof path, "begne-1/checkpoints/%03zu", feed.count);
    static const char *const own[] = {"begne", NULL};
    forged_feed_sign(forger, &feed, feed.count, path, own, time_s + 60);
    size_t at = forged_feed_find(&feed, P2P_KIND_DECISIONS);
    forged_feed_put(&feed, feed.count, feed.leaves[at], feed.salted[at]);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, time_s + 61);
    forged_feed_free(&feed);
}

static void no_address(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    uint64_t time_s = now_s(&feed);
    forged_feed_remove(&feed, 0);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, time_s);
    forged_feed_free(&feed);
}

static void append_unknown(struct forger *forger, struct forged_feed *feed)
{
    const uint8_t empty_map = 0x80;
    append_own(forger, feed, 4000, p2p_slice_of(&empty_map, 1));
}

static void unknown_kind(struct forger *forger)
{
    forge(forger, "beanr-1", append_unknown, true);
}

static void append_bad_address(struct forger *forger, struct forged_feed *feed)
{
    const uint8_t empty_map = 0x80;
    append_own(forger, feed, P2P_KIND_ADDRESS, p2p_slice_of(&empty_map, 1));
}

static void bad_content(struct forger *forger)
{
    forge(forger, "beanr-1", append_bad_address, true);
}

static void append_node_ban(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, 0, 0, NULL);
}

static void ban_by_node(struct forger *forger)
{
    forge(forger, "beanr-1", append_node_ban, true);
}

/* The address once more, its version in two bytes: the same record to who is not strict. */
static void append_loose(struct forger *forger, struct forged_feed *feed)
{
    uint8_t bytes[1024];
    const struct p2p_slice leaf = feed->leaves[0];
    (void)forger;
    CHECK(leaf.len + 1 < sizeof bytes && leaf.data[1] < 0x80);
    bytes[0] = leaf.data[0];
    bytes[1] = 0xcc;
    memcpy(bytes + 2, leaf.data + 1, leaf.len - 1);
    forged_feed_put(feed, feed->count, p2p_slice_of(bytes, leaf.len + 1),
                    (struct p2p_slice){0});
}

static void not_canonical(struct forger *forger)
{
    forge(forger, "beanr-1", append_loose, true);
}

/* ---- state commitments ---- */

/* Digest of a frontier in which every feed of the archive stands whole. */
static struct p2p_hash whole_frontier(struct forger *forger, struct forged_feed *but)
{
    static const char *const dirs[] = {"beanr-1", "bebru-1", "begne-1",   "belgg-1",
                                       "beost-1", "bezee-1", "charter-1", "commission-1"};
    const struct forged_feed before = *but; /* what is appended here is not in it */
    char text[4096];
    size_t len = 0;
    for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
        char root_text[P2P_BASE64_BYTES(P2P_HASH_BYTES)];
        struct forged_feed feed = before;
        bool own = strcmp(dirs[i], but->dir) == 0;
        struct p2p_edge edge;
        if (!own) {
            forged_feed_load(forger, &feed, dirs[i]);
        }
        p2p_edge_init(&edge);
        for (size_t j = 0; j < feed.count; j++) {
            struct p2p_hash hash = p2p_leaf_hash(feed.leaves[j]);
            p2p_edge_append(&edge, &hash, NULL);
        }
        struct p2p_hash root = p2p_edge_root(&edge);
        p2p_base64_encode(root_text, root.bytes, P2P_HASH_BYTES);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s/1 %zu %s\n", feed.member,
                                feed.count, root_text);
        if (!own) {
            append_seen(forger, but,
                        feed.dir[0] == 'c' && feed.dir[1] == 'h'
                            ? "charter/1"
                            : feed.info->origin + strlen("sandbox.example/"),
                        feed.count, &root);
            forged_feed_free(&feed);
        }
    }
    return p2p_sha256(p2p_slice_of(text, len));
}

static void append_state(struct forger *forger, struct forged_feed *feed, bool right_frontier,
                         bool right_leaves, bool some_view)
{
    static const char use[] = "port2port/v1/leaves";
    uint8_t bytes[256];
    struct p2p_pack pack;
    struct p2p_lthash none;
    p2p_lthash_init(&none);
    (void)whole_frontier(forger, feed); /* appends what it has seen, */
    size_t count = feed->count;
    struct p2p_hash frontier = whole_frontier(forger, feed); /* of a feed with that in it */
    while (feed->count > count) {
        forged_feed_remove(feed, feed->count - 1);
    }
    struct p2p_hash verdicts = p2p_lthash_digest(&none);
    const struct p2p_slice parts[] = {p2p_slice_of(use, sizeof use),
                                      p2p_slice_of(frontier.bytes, P2P_HASH_BYTES),
                                      p2p_slice_of(verdicts.bytes, P2P_HASH_BYTES)};
    struct p2p_hash leaves = p2p_sha256_many(parts, 3);
    frontier.bytes[0] ^= right_frontier ? 0 : 1;
    leaves.bytes[0] ^= right_leaves ? 0 : 1;
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 3);
    p2p_pack_text(&pack, "frontier");
    p2p_pack_bin(&pack, frontier.bytes, P2P_HASH_BYTES);
    p2p_pack_text(&pack, "leaves");
    p2p_pack_bin(&pack, leaves.bytes, P2P_HASH_BYTES);
    p2p_pack_text(&pack, "views");
    p2p_pack_array(&pack, some_view ? 1 : 0);
    if (some_view) { /* one of no bans, where there are some */
        p2p_pack_array(&pack, 3);
        p2p_pack_uint(&pack, P2P_VIEW_BANS);
        p2p_pack_uint(&pack, circle_of(forger, "national"));
        p2p_pack_bin(&pack, verdicts.bytes, P2P_HASH_BYTES);
    }
    append_own(forger, feed, P2P_KIND_STATE, p2p_writer_slice(&pack.out));
}

static void state_of_lies(struct forger *forger, struct forged_feed *feed)
{
    append_state(forger, feed, true, false, false);
}

static void state_differs(struct forger *forger)
{
    forge(forger, "beanr-1", state_of_lies, true);
}

static void state_of_no_bans(struct forger *forger, struct forged_feed *feed)
{
    append_state(forger, feed, true, true, true);
}

static void state_view_differs(struct forger *forger)
{
    forge(forger, "beanr-1", state_of_no_bans, true);
}

static void state_of_more(struct forger *forger, struct forged_feed *feed)
{
    append_state(forger, feed, true, true, false);
    see_more(forger, feed);
    append_state(forger, feed, true, true, false);
}

static void state_beyond(struct forger *forger)
{
    forge(forger, "beanr-1", state_of_more, true);
}

static void state_elsewhere(struct forger *forger, struct forged_feed *feed)
{
    append_state(forger, feed, false, true, false);
}

static void state_frontier(struct forger *forger)
{
    forge(forger, "beanr-1", state_elsewhere, true);
}

static void state_of_truth(struct forger *forger, struct forged_feed *feed)
{
    append_state(forger, feed, true, true, false);
}

static void state_right(struct forger *forger)
{
    forge(forger, "beanr-1", state_of_truth, true);
}

/* Two members commit to what they hold, each before he has the other's newest records. */
static void two_states(struct forger *forger, bool right)
{
    struct forged_feed one, other;
    forged_feed_load(forger, &one, "beanr-1");
    forged_feed_load(forger, &other, "begne-1");
    append_state(forger, &one, true, true, false);
    append_state(forger, &other, true, right, false);
    forged_feed_store(forger, &one);
    forged_feed_store(forger, &other);
    forged_feed_sign_all(forger, &one, now_s(&one));
    forged_feed_sign_all(forger, &other, now_s(&other));
    forged_feed_free(&one);
    forged_feed_free(&other);
}

static void states_apart(struct forger *forger)
{
    two_states(forger, true);
}

static void states_apart_differ(struct forger *forger)
{
    two_states(forger, false);
}

static const struct fraud FRAUDS[] = {
    {"a decision that contradicts what was known", decision_contradicts, DUE(DECISION_DIFFERS)},
    {"a decision for another purpose", decision_at_other_purpose, DUE(DECISION_DIFFERS)},
    {"a decision with an unknown reason", decision_without_reasons, DUE(DECISION_MALFORMED)},
    {"a decision with an unknown answer", decision_malformed, DUE(DECISION_MALFORMED)},
    {"a `seen` of a root there never was", false_seen, DUE(FALSE_SEEN)},
    {"a `seen` of less than before", shrinking_seen, DUE(SEEN_SHRINKS)},
    {"a `seen` of more than there is", seen_beyond, DUE(OMITTED)},
    {"an understated `seen`", understated, DUE(UNDERSTATED)},
    {"a feed without its address", no_address, DUE(NO_ADDRESS)},
    {"a record of an unknown kind", unknown_kind, DUE(KIND_UNKNOWN)},
    {"a record in another encoding than the one", not_canonical, DUE(RECORD_MALFORMED)},
    {"an address that is none", bad_content, DUE(BAD_CONTENT)},
    {"a ban by the node itself", ban_by_node, DUE(WRONG_AUTHOR)},
    {"a state commitment to other leaves", state_differs, DUE(STATE_DIFFERS)},
    {"a state commitment at another frontier", state_frontier, DUE(STATE_FRONTIER)},
    {"a state commitment to other bans", state_view_differs, DUE(STATE_DIFFERS)},
    {"a state commitment to more than is here", state_beyond, DUE(STATE_APART)},
    {"a state commitment that is right", state_right, SOUND},
    {"two state commitments beside each other", states_apart, SOUND},
    {"two of them, one to other leaves", states_apart_differ, DUE(STATE_DIFFERS)},
};

const struct frauds tamper_history = FRAUDS_OF(FRAUDS);
