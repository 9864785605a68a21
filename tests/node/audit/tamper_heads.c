/* Cosignatures, and heads that a feed signs with its own key. */
#include "tamper.h"

/* A witness that cosigned both checkpoints: a quorum of each feed did, so two share one. */
static const char *witness_of(struct forger *forger, const char *first, const char *second)
{
    static const char *const names[] = {"/begne/w1 ", "/beost/w1 ", "/belgg/w1 ", "/bebru/w1 ",
                                        "/commission/w1 "};
    const char *found = NULL;
    size_t len = 0;
    char *a = (char *)forger_read(forger, first, &len);
    char *b = (char *)forger_read(forger, second, &len);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names) && found == NULL; i++) {
        found = strstr(a, names[i]) != NULL && strstr(b, names[i]) != NULL ? names[i] : NULL;
    }
    CHECK(found != NULL);
    free(a);
    free(b);
    return found;
}

static void cosignature_moved(struct forger *forger)
{
    char from[1024];
    char to[1024];
    const char *name = witness_of(forger, "bezee-1/checkpoint", "beanr-1/checkpoint");
    line_of(forger, "bezee-1/checkpoint", name, from);
    line_of(forger, "beanr-1/checkpoint", name, to);
    forger_replace(forger, "beanr-1/checkpoint", to, from);
}

static void cosignature_twice(struct forger *forger)
{
    char line[1024];
    char twice[2048];
    line_of(forger, "beanr-1/checkpoint",
            witness_of(forger, "beanr-1/checkpoint", "beanr-1/checkpoint"), line);
    snprintf(twice, sizeof twice, "%s%s", line, line);
    forger_replace(forger, "beanr-1/checkpoint", line, twice);
}

static void cosignature_renamed(struct forger *forger)
{
    char other[32];
    const char *name = witness_of(forger, "beanr-1/checkpoint", "beanr-1/checkpoint");
    snprintf(other, sizeof other, "/x%s", name + 2);
    forger_replace(forger, "beanr-1/checkpoint", name, other);
}

static void cosignatures_removed(struct forger *forger)
{
    static const char *const names[] = {"/bezee/w1 ", "/begne/w1 ", "/beost/w1 ", "/belgg/w1 "};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char line[1024];
        size_t len = 0;
        char *text = (char *)forger_read(forger, "beanr-1/checkpoint", &len);
        bool there = strstr(text, names[i]) != NULL;
        free(text);
        if (there) {
            line_of(forger, "beanr-1/checkpoint", names[i], line);
            forger_replace(forger, "beanr-1/checkpoint", line, "");
        }
    }
}

static void root_cosigns_feed(struct forger *forger)
{
    char line[1024];
    char last[1024];
    char both[2048];
    line_of(forger, "charter-1/checkpoint", "/root/", line);
    line_of(forger, "beanr-1/checkpoint",
            witness_of(forger, "beanr-1/checkpoint", "beanr-1/checkpoint"), last);
    snprintf(both, sizeof both, "%s%s", last, line);
    forger_replace(forger, "beanr-1/checkpoint", last, both);
}

static void log_line_of_other(struct forger *forger)
{
    char from[1024];
    char to[1024];
    line_of(forger, "bezee-1/checkpoint", "/bezee/1 ", from);
    line_of(forger, "beanr-1/checkpoint", "/beanr/1 ", to);
    forger_replace(forger, "beanr-1/checkpoint", to, from);
}

/* A smaller head, cosigned later than the larger one. */
static void cosigned_backwards(struct forger *forger)
{
    static const char *const names[] = {"begne", NULL};
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    forged_feed_sign(forger, &feed, 3, "beanr-1/checkpoints/003", names, now_s(&feed) + 3600);
    forged_feed_free(&feed);
}

/* ---- heartbeats ---- */

/* One by `member` over all records, under the name of one at time_s. */
static void add_beat(struct forger *forger, const struct forged_feed *feed, const char *member,
                     uint64_t time_s, const char *sort, uint64_t named_s)
{
    char path[128];
    const char *const names[] = {member, NULL};
    snprintf(path, sizeof path, "%s/checkpoints/%03zu.%s/%llu", feed->dir, feed->count, sort,
             (unsigned long long)named_s);
    forged_feed_sign(forger, feed, feed->count, path, names, time_s);
}

/* A minute of heartbeats, an hour of nothing, and one more. */
static void silent_hour(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    uint64_t time_s = now_s(&feed);
    add_beat(forger, &feed, "beanr", time_s, "h", time_s);
    add_beat(forger, &feed, "beanr", time_s + 60, "e", time_s + 60);
    add_beat(forger, &feed, "beanr", time_s + 3660, "h", time_s + 3660);
    forged_feed_free(&feed);
}

static void beat_renamed(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    add_beat(forger, &feed, "beanr", now_s(&feed), "h", now_s(&feed) + 1);
    forged_feed_free(&feed);
}

static void beat_of_other(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    add_beat(forger, &feed, "bezee", now_s(&feed), "e", now_s(&feed));
    forged_feed_free(&feed);
}

/* ---- with the feed's own key ---- */

static void truncated(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "bezee-1");
    uint64_t time_s = now_s(&feed);
    while (feed.count > 4) {
        forged_feed_remove(&feed, feed.count - 1);
    }
    forged_feed_store(forger, &feed);
    forged_feed_sign(forger, &feed, feed.count, NULL, NULL, time_s);
    forged_feed_free(&feed);
}

static void rewrite_ban(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_record_id cites[4];
    struct p2p_draft draft;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    forged_feed_draft(feed, at, &draft, cites, 4);
    draft.time_ms += 1;
    forged_feed_write(forger, feed, at, &draft, "beanr-pso");
}

void rewritten(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    rewrite_ban(forger, &feed);
    forged_feed_store(forger, &feed);
    forged_feed_sign(forger, &feed, feed.count, NULL, NULL, 0);
    forged_feed_free(&feed);
}

/* A head over another history, beside the true one. */
static void fork_with(struct forger *forger, const char *const *cosigners)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    rewrite_ban(forger, &feed);
    forged_feed_sign(forger, &feed, feed.count - 1, "beanr-1/checkpoints/fork", cosigners,
                     now_s(&feed));
    char name[64];
    snprintf(name, sizeof name, "beanr-1/checkpoints/%03zu", feed.count - 1);
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, "beanr-1/checkpoints/fork", &len);
    forger_write(forger, name, bytes, len);
    forger_remove(forger, "beanr-1/checkpoints/fork");
    free(bytes);
    forged_feed_free(&feed);
}

static void tiny_fork(struct forger *forger)
{
    fork_with(forger, NULL);
}

/* Somebody honest was shown the other history, and says what he saw. */
static void tiny_fork_seen(struct forger *forger)
{
    struct forged_feed feed;
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    forged_feed_load(forger, &feed, "beanr-1");
    rewrite_ban(forger, &feed);
    size_t size = feed.count - 1;
    for (size_t i = 0; i < size; i++) {
        struct p2p_hash hash = p2p_leaf_hash(feed.leaves[i]);
        p2p_edge_append(&edge, &hash, NULL);
    }
    forged_feed_free(&feed);
    struct p2p_hash root = p2p_edge_root(&edge);
    forged_feed_load(forger, &feed, "begne-1");
    append_seen(forger, &feed, "beanr/1", size, &root);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, now_s(&feed));
    forged_feed_free(&feed);
    tiny_fork(forger);
}

/* Those of its witnesses who cosigned the true one, too. */
static void tiny_fork_cosigned(struct forger *forger)
{
    static const char *const names[] = {"bezee", "begne", "beost", "belgg", NULL};
    fork_with(forger, names);
}

static void history_cosigned(struct forger *forger)
{
    struct forged_feed feed;
    rewritten(forger);
    forger_seal(forger, NULL); /* it is read again */
    forged_feed_load(forger, &feed, "beanr-1");
    forged_feed_sign_all(forger, &feed, now_s(&feed));
    forged_feed_free(&feed);
}

/* The other archive is the true one. */
static void other_history(struct forger *forger)
{
    rewritten(forger);
}

/* A quorum of six is four: its owner is none of them. */
static void owner_for_a_witness(struct forger *forger)
{
    static const char *const names[] = {"beanr", "bezee", "begne", "beost", NULL};
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    forged_feed_sign(forger, &feed, feed.count, NULL, names, now_s(&feed));
    forged_feed_free(&feed);
}

/* Everybody is heard of an hour later, but for one. */
static void fell_silent(struct forger *forger)
{
    static const char *const names[] = {"bezee", "begne", "beost", "belgg", "commission", NULL};
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    forged_feed_sign(forger, &feed, feed.count, NULL, names, now_s(&feed) + 3600);
    forged_feed_free(&feed);
}

static const struct fraud FRAUDS[] = {
    {"a cosignature moved to another tree", cosignature_moved, DUE(BAD_COSIGNATURE)},
    {"a cosignature twice", cosignature_twice, DUE(REPEATED_KEY)},
    {"a cosignature under another name", cosignature_renamed, DUE(UNKNOWN_KEY)},
    {"cosignatures gone, below the quorum", cosignatures_removed, DUE(UNWITNESSED)},
    {"a quorum that counts the feed's owner", owner_for_a_witness, DUE(UNWITNESSED)},
    {"a member that fell silent", fell_silent, DUE(LAST_HEARD)},
    {"a feed that another archive holds more of", truncated, DUE(ARCHIVE_BEHIND),
     .with_other = true},
    {"a root's line under a feed", root_cosigns_feed, DUE(UNKNOWN_KEY)},
    {"another log's line", log_line_of_other, DUE(BAD_SIGNATURE)},
    {"a smaller head cosigned later", cosigned_backwards, DUE(TIME_FALLS)},
    {"an hour between two heartbeats", silent_hour, DUE(SILENT)},
    {"a heartbeat under another time", beat_renamed, DUE(FOREIGN_CHECKPOINT)},
    {"a heartbeat by another member", beat_of_other, DUE(FOREIGN_CHECKPOINT)},
    {"truncated, and signed again with its own key", truncated, DUE(OMITTED)},
    /* Beside it `forked`, or `false-seen` where no older head contradicts it. */
    {"rewritten, and signed again with its own key", rewritten, DUE(UNWITNESSED)},
    {"two histories, one in each archive", other_history, DUE(ARCHIVES_DIFFER),
     .with_other = true},
    {"two histories, as a fork of the log", other_history, DUE(FORKED), .with_other = true},
    {"a tiny fork: one head more", tiny_fork, DUE(FORKED)},
    {"a `seen` by who was shown the other history", tiny_fork_seen, DUE(FORKED),
     NEVER(FALSE_SEEN)},
    {"a fork whose witnesses cosigned both heads", tiny_fork_cosigned, DUE(WITNESS_FORKED)},
    {"two histories, each cosigned by the same", history_cosigned, DUE(WITNESS_FORKED),
     .with_other = true},
};

const struct frauds tamper_heads = FRAUDS_OF(FRAUDS);
