/* Clocks: of gates, of members, and of witnesses who lie about the time. */
#include "tamper.h"

#define MONTH_S UINT64_C(2592000)

/* A record of the node's own at the end, of that time. */
static void append_note(struct forger *forger, struct forged_feed *feed, uint64_t time_s)
{
    struct p2p_draft draft = {.kind = P2P_KIND_NOTE, .time_ms = time_s * 1000};
    uint8_t bytes[64];
    struct p2p_pack pack;
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "text");
    p2p_pack_text(&pack, "x");
    draft.content = p2p_writer_slice(&pack.out);
    forged_feed_write(forger, feed, feed->count, &draft, NULL);
}

/* The newest head as an older one that a quorum cosigned. */
static void keep_head(struct forger *forger, const struct forged_feed *feed)
{
    char name[64];
    size_t len = 0;
    uint8_t *note = forger_read(forger, "beanr-1/checkpoint", &len);
    snprintf(name, sizeof name, "beanr-1/checkpoints/%03zu", feed->count);
    forger_write(forger, name, note, len);
    free(note);
}

/* One more record, of that time; everybody else's clock goes right. */
static void write_at(struct forger *forger, struct forged_feed *feed, uint64_t time_s)
{
    uint64_t right_s = now_s(feed);
    keep_head(forger, feed);
    append_note(forger, feed, time_s);
    forged_feed_store(forger, feed);
    forged_feed_sign_all(forger, feed, right_s);
}

static void clock_2050(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    write_at(forger, &feed, SECOND_2050);
    forged_feed_free(&feed);
}

static void backdated(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    write_at(forger, &feed, now_s(&feed) - MONTH_S);
    forged_feed_free(&feed);
}

/* Its heartbeats say the same: only the others' cosignatures tell. */
static void clock_behind(struct forger *forger)
{
    static const char *const own[] = {"beanr", NULL};
    struct forged_feed feed;
    char path[FORGER_PATH_BYTES * 2];
    char name[64];
    forged_feed_load(forger, &feed, "beanr-1");
    uint64_t time_s = now_s(&feed) - MONTH_S;
    snprintf(path, sizeof path, "rm -r '%s'/beanr-1/checkpoints/*.?", forger->dir);
    CHECK(system(path) == 0);
    snprintf(name, sizeof name, "beanr-1/checkpoints/%03zu.h/%llu", feed.count,
             (unsigned long long)time_s);
    forged_feed_sign(forger, &feed, feed.count, name, own, time_s);
    write_at(forger, &feed, time_s);
    forged_feed_free(&feed);
}

/* ---- one witness lies ---- */

static void cosigned_at(struct forger *forger, const char *witness, uint64_t time_s)
{
    const char *const names[] = {witness, NULL};
    struct forged_feed feed;
    char name[64];
    forged_feed_load(forger, &feed, "beanr-1");
    snprintf(name, sizeof name, "beanr-1/checkpoints/%03zu", feed.count - 2);
    forged_feed_sign(forger, &feed, feed.count - 2, name, names, time_s);
    forged_feed_free(&feed);
}

static void cosigned_1970(struct forger *forger)
{
    cosigned_at(forger, "commission", 1000);
}

static void cosigned_2050(struct forger *forger)
{
    cosigned_at(forger, "commission", SECOND_2050);
    forger_cosign(forger, "beanr-1/checkpoint", "bebru", SECOND_2050);
}

/* ---- decisions ---- */

static void redate_decision(struct forger *forger, uint64_t time_s)
{
    static const char key[] = "\xa4time\xcf";
    struct forged_feed feed;
    struct p2p_record_id cites[4];
    struct p2p_draft draft;
    uint8_t payload[4096];
    forged_feed_load(forger, &feed, "beanr-1");
    uint64_t right_s = now_s(&feed);
    size_t at = forged_feed_find(&feed, P2P_KIND_DECISIONS);
    forged_feed_draft(&feed, at, &draft, cites, 4);
    CHECK(draft.payload.len <= sizeof payload);
    memcpy(payload, draft.payload.data, draft.payload.len);
    uint8_t *place = memmem(payload, draft.payload.len, key, sizeof key - 1);
    CHECK(place != NULL);
    for (unsigned i = 0; i < 8; i++) {
        place[sizeof key - 1 + i] = (uint8_t)(time_s * 1000 >> (8 * (7 - i)));
    }
    draft.payload = p2p_slice_of(payload, draft.payload.len);
    forged_feed_write(forger, &feed, at, &draft, NULL);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, right_s);
    /* the only heads are those over what was changed, and one before it */
    forger_remove(forger, "beanr-1/checkpoints");
    static const char *const own[] = {"beanr", NULL};
    char name[64];
    snprintf(name, sizeof name, "beanr-1/checkpoints/%03zu.h/%llu", at,
             (unsigned long long)(right_s - 30));
    forged_feed_sign(forger, &feed, at, name, own, right_s - 30);
    forged_feed_free(&feed);
}

static void decision_2050(struct forger *forger)
{
    redate_decision(forger, SECOND_2050);
}

static void decision_backdated(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    uint64_t time_s = now_s(&feed) - MONTH_S;
    forged_feed_free(&feed);
    redate_decision(forger, time_s);
}

static const struct fraud FRAUDS[] = {
    {"a clock set to 2050", clock_2050, DUE(RECORD_TIME)},
    {"a record dated a month back by its own member", backdated, DUE(RECORD_TIME)},
    {"a clock a month behind, heartbeats and all", clock_behind, DUE(RECORD_TIME)},
    {"a decision dated 2050", decision_2050, DUE(DECISION_TIME)},
    {"a decision dated a month back", decision_backdated, DUE(DECISION_TIME)},
    {"one witness that cosigned in 1970, alone", cosigned_1970, DUE(TIME_FALLS),
     NEVER(RECORD_TIME)},
    {"one witness that cosigned in 2050", cosigned_2050, DUE(TIME_FALLS), NEVER(RECORD_TIME)},
};

const struct frauds tamper_times = FRAUDS_OF(FRAUDS);
