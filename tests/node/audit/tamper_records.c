/* Records and payloads moved about by who holds no key. */
#include "tamper.h"

static void remove_first_ban(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    forged_feed_remove(feed, forged_feed_find(feed, P2P_KIND_BAN_IMPOSE));
}

static void record_removed(struct forger *forger)
{
    forge(forger, "beanr-1", remove_first_ban, false);
}

static void remove_last(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    forged_feed_remove(feed, feed->count - 1);
}

static void last_removed(struct forger *forger)
{
    forge(forger, "beanr-1", remove_last, false);
}

static void insert_copy(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    forged_feed_insert(feed, 2, feed->leaves[1], feed->salted[1]);
}

static void record_inserted(struct forger *forger)
{
    forge(forger, "beanr-1", insert_copy, false);
}

static void record_appended(struct forger *forger)
{
    forge(forger, "beanr-1", append_copy, false);
}

static void swap_records(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    struct p2p_slice leaf = feed->leaves[1];
    feed->leaves[1] = feed->leaves[2];
    feed->leaves[2] = leaf;
}

static void records_swapped(struct forger *forger)
{
    forge(forger, "beanr-1", swap_records, false);
}

static void backdate_ban(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_record_id cites[4];
    struct p2p_draft draft;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    forged_feed_draft(feed, at, &draft, cites, 4);
    draft.time_ms -= UINT64_C(86400000) * 30;
    forged_feed_write(forger, feed, at, &draft, "beanr-pso");
}

static void record_backdated(struct forger *forger)
{
    forge(forger, "beanr-1", backdate_ban, false);
}

static void bundle_of_other(struct forger *forger)
{
    struct forged_feed from;
    struct forged_feed to;
    forged_feed_load(forger, &from, "bebru-1");
    forged_feed_load(forger, &to, "belgg-1");
    forged_feed_put(&to, 1, from.leaves[1], from.salted[1]);
    forged_feed_store(forger, &to);
    forged_feed_free(&from);
    forged_feed_free(&to);
}

/* ---- payloads ---- */

static size_t first_held(const struct forged_feed *feed, size_t from)
{
    for (size_t i = from; i < feed->count; i++) {
        if (feed->salted[i].len > 0) {
            return i;
        }
    }
    CHECK(false);
    return 0;
}

static void swap_payloads(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t a = first_held(feed, 0);
    size_t b = first_held(feed, a + 1);
    struct p2p_slice salted = feed->salted[a];
    feed->salted[a] = feed->salted[b];
    feed->salted[b] = salted;
}

static void payloads_swapped(struct forger *forger)
{
    forge(forger, "beanr-1", swap_payloads, false);
}

/* What stands in the national circle, under a decision of the member's own. */
static void copy_to_circle(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t ban = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    size_t decision = forged_feed_find(feed, P2P_KIND_DECISIONS);
    forged_feed_put(feed, decision, feed->leaves[decision], feed->salted[ban]);
}

static void payload_to_other_circle(struct forger *forger)
{
    forge(forger, "beanr-1", copy_to_circle, false);
}

static void drop_payload(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    forged_feed_put(feed, at, feed->leaves[at], (struct p2p_slice){0});
}

static void payload_removed(struct forger *forger)
{
    forge(forger, "beanr-1", drop_payload, false);
}

static void announce(struct forger *forger, const char *word)
{
    static char range[128];
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    size_t at = forged_feed_find(&feed, P2P_KIND_BAN_IMPOSE);
    snprintf(range, sizeof range, "%s beanr-1 %u %zu %zu", word, circle_of(forger, "national"),
             at, at);
    tampering.announced = range;
    forged_feed_free(&feed);
    forge(forger, "beanr-1", drop_payload, false);
}

static void payload_announced_withheld(struct forger *forger)
{
    announce(forger, "withheld");
}

static void payload_announced_erased(struct forger *forger)
{
    announce(forger, "erased");
}

static void payload_announced_missing(struct forger *forger)
{
    announce(forger, "missing");
}

static const struct fraud FRAUDS[] = {
    {"a record removed", record_removed, DUE(RECORDS_MISSING)},
    {"the last record removed", last_removed, DUE(RECORDS_MISSING)},
    {"a record inserted", record_inserted, DUE(BAD_ROOT)},
    {"a record appended", record_appended, DUE(RECORDS_UNSIGNED)},
    {"two records reordered", records_swapped, DUE(BAD_ROOT)},
    {"a record backdated", record_backdated, DUE(BAD_ROOT)},
    {"a record out of another feed", bundle_of_other, DUE(BAD_ROOT)},
    {"two payloads swapped", payloads_swapped, DUE(BAD_COMMITMENT)},
    {"a payload copied to another circle", payload_to_other_circle, DUE(BAD_COMMITMENT)},
    {"a payload gone in silence", payload_removed, DUE(PAYLOAD_MISSING)},
    {"a payload withheld by who may hold it", payload_announced_withheld, DUE(WITHHELD_OWN)},
    {"a payload said to be erased", payload_announced_erased, DUE(ERASED),
     NEVER(DECISION_DIFFERS)},
    {"a payload said to be lost", payload_announced_missing, DUE(LOST),
     NEVER(DECISION_DIFFERS)},
};

const struct frauds tamper_records = FRAUDS_OF(FRAUDS);
