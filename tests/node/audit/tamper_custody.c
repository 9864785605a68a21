/* Custody: releases by who did not hold the container, a second time, and on no right. */
#include "tamper.h"

#include <p2p/custody.h>

enum { FIRST_EPOCH = 1, ISSUER_SEQ = 90000 };

/* A container's custody, opened by Antwerp's terminal at the end. */
static struct p2p_record_id open_custody(struct forger *forger, struct forged_feed *feed)
{
    uint8_t bytes[256];
    struct p2p_pack pack;
    const struct p2p_record_id id = {feed->info->number, feed->count};
    p2p_pack_init(&pack, bytes, sizeof bytes);
    CHECK_OK(p2p_custody_open_pack(&pack, p2p_slice_text("CSQU3054383"), p2p_slice_text("call"),
                                   p2p_slice_text("beanr-f1")));
    struct p2p_draft draft = {.kind = P2P_KIND_CUSTODY_OPEN,
                              .time_ms = now_s(feed) * 1000,
                              .circle = circle_of(forger, "national"),
                              .issuer = issuer_of(forger, "beanr-terminal"),
                              .issuer_seq = ISSUER_SEQ,
                              .payload = p2p_writer_slice(&pack.out)};
    forged_feed_write(forger, feed, feed->count, &draft, "beanr-terminal");
    return id;
}

static void release(struct forger *forger, struct forged_feed *feed,
                    const struct p2p_record_id *token, uint64_t epoch)
{
    uint8_t bytes[64];
    struct p2p_pack pack;
    const struct p2p_custody_step step = {.epoch = epoch};
    p2p_pack_init(&pack, bytes, sizeof bytes);
    CHECK_OK(p2p_custody_step_pack(&pack, &step));
    struct p2p_draft draft = {.kind = P2P_KIND_USE,
                              .time_ms = now_s(feed) * 1000,
                              .circle = circle_of(forger, "national"),
                              .cites = token,
                              .cite_count = 1,
                              .content = p2p_writer_slice(&pack.out)};
    forged_feed_write(forger, feed, feed->count, &draft, NULL);
}

static void release_bare(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_record_id token = open_custody(forger, feed);
    release(forger, feed, &token, FIRST_EPOCH);
}

static void without_right(struct forger *forger)
{
    forge(forger, "beanr-1", release_bare, true);
}

static void release_at_other_epoch(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_record_id token = open_custody(forger, feed);
    release(forger, feed, &token, FIRST_EPOCH + 1);
}

static void without_custody(struct forger *forger)
{
    forge(forger, "beanr-1", release_at_other_epoch, true);
}

static void release_again(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_record_id token = open_custody(forger, feed);
    release(forger, feed, &token, FIRST_EPOCH);
    release(forger, feed, &token, FIRST_EPOCH);
}

static void twice(struct forger *forger)
{
    forge(forger, "beanr-1", release_again, true);
}

static const struct fraud FRAUDS[] = {
    {"a release on no right", without_right, DUE(NO_RIGHT)},
    {"a release by who does not hold custody there", without_custody, DUE(NOT_HELD)},
    {"a second release of one container", twice, DUE(NOT_HELD)},
};

const struct frauds tamper_custody = FRAUDS_OF(FRAUDS);
