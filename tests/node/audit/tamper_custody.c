/* Custody: releases by who did not hold the container, a second time, on no right, and on a
 * history that its feed lost; containers that came in elsewhere. */
#include "tamper.h"

#include <p2p/custody.h>
#include <p2p/fork.h>
#include <p2p/rescued.h>

#include <string.h>

enum { FIRST_EPOCH = 1, ISSUER_SEQ = 90000 };

#define BOX "CSQU3054383"

/* A terminal's word at the end of a port's feed. */
static struct p2p_record_id say(struct forger *forger, struct forged_feed *feed,
                                const char *terminal, struct p2p_draft *draft)
{
    const struct p2p_record_id id = {feed->info->number, feed->count};
    draft->time_ms = now_s(feed) * 1000;
    draft->circle = circle_of(forger, "national");
    draft->issuer = issuer_of(forger, terminal);
    draft->issuer_seq = ISSUER_SEQ + feed->count;
    forged_feed_write(forger, feed, feed->count, draft, terminal);
    return id;
}

/* A container's custody, opened by a terminal. */
static struct p2p_record_id open_at(struct forger *forger, struct forged_feed *feed,
                                    const char *terminal, const char *facility)
{
    uint8_t bytes[256];
    struct p2p_pack pack;
    p2p_pack_init(&pack, bytes, sizeof bytes);
    CHECK_OK(p2p_custody_open_pack(&pack, p2p_slice_text(BOX), p2p_slice_text("call"),
                                   p2p_slice_text(facility)));
    struct p2p_draft draft = {.kind = P2P_KIND_CUSTODY_OPEN, .payload = p2p_pack_slice(&pack)};
    return say(forger, feed, terminal, &draft);
}

static struct p2p_record_id open_custody(struct forger *forger, struct forged_feed *feed)
{
    return open_at(forger, feed, "beanr-terminal", "beanr-f1");
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

/* The perfect subtree (level, index) of a feed. */
static enum p2p_err subtree(void *context, unsigned level, uint64_t index, struct p2p_hash *out)
{
    const struct forged_feed *feed = context;
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    for (uint64_t i = index << level; i < (index + 1) << level; i++) {
        struct p2p_hash hash = p2p_leaf_hash(feed->leaves[i]);
        p2p_edge_append(&edge, &hash, NULL);
    }
    *out = p2p_edge_root(&edge);
    return P2P_OK;
}

/* All that a feed holds as a head that it signed, which stands in no archive. */
static struct p2p_tree_head sign_head(struct forger *forger, const struct forged_feed *feed)
{
    struct p2p_note note;
    struct p2p_checkpoint checkpoint;
    struct p2p_tree_head head;
    size_t len = 0;
    forged_feed_sign(forger, feed, feed->count, "lost", NULL, 0);
    uint8_t *bytes = forger_read(forger, "lost", &len);
    CHECK_OK(p2p_note_parse(&note, p2p_slice_of(bytes, len)));
    CHECK_OK(p2p_checkpoint_parse(&checkpoint, note.text, false));
    head.size = checkpoint.size;
    head.root = checkpoint.root;
    uint8_t line[P2P_KEY_ID_BYTES + P2P_SIGNATURE_BYTES];
    size_t line_len = 0;
    CHECK_OK(p2p_base64_decode(line, sizeof line, &line_len, note.signatures[0].base64));
    CHECK(line_len == sizeof line);
    memcpy(head.signature.bytes, line + P2P_KEY_ID_BYTES, P2P_SIGNATURE_BYTES);
    forger_remove(forger, "lost");
    free(bytes);
    return head;
}

/* Zeebrugge tells of the fork, with what a quorum had cosigned, and carries the release. */
static void tell_fork(struct forger *forger, struct forged_feed *by,
                      const struct p2p_fork_proof *proof, struct p2p_slice witnessed)
{
    static uint8_t room[3 * 8192];
    uint8_t bytes[P2P_FORK_BYTES_MAX];
    struct p2p_pack pack;
    size_t len = p2p_fork_encode(proof, bytes);
    p2p_pack_init(&pack, room, sizeof room);
    p2p_pack_map(&pack, 2);
    p2p_pack_text(&pack, "proof");
    p2p_pack_bin(&pack, bytes, len);
    p2p_pack_text(&pack, "witnessed");
    p2p_pack_bin(&pack, witnessed.data, witnessed.len);
    append_own(forger, by, P2P_KIND_FORK, p2p_pack_slice(&pack));
}

static void carry(struct forger *forger, struct forged_feed *by, struct forged_feed *lost,
                  const struct p2p_tree_head *head)
{
    static uint8_t room[P2P_PAYLOAD_BYTES_MAX];
    uint8_t proof[P2P_RESCUED_PROOF_BYTES_MAX];
    struct p2p_pack pack;
    const struct p2p_tree_reader reader = {.hash = subtree, .context = lost};
    struct p2p_rescued_proof stands = {.head = *head};
    CHECK_OK(p2p_tree_inclusion(&reader, lost->count - 1, lost->count, &stands.path));
    const struct p2p_rescued rescued = {.feed = lost->info->number,
                                        .index = lost->count - 1,
                                        .leaf = lost->leaves[lost->count - 1],
                                        .proof = p2p_rescued_prove(&stands, proof)};
    p2p_pack_init(&pack, room, sizeof room);
    CHECK_OK(p2p_rescued_pack(&pack, &rescued));
    struct p2p_draft draft = {.kind = P2P_KIND_RESCUED,
                              .time_ms = now_s(by) * 1000,
                              .circle = circle_of(forger, "national"),
                              .payload = p2p_pack_slice(&pack)};
    forged_feed_write(forger, by, by->count, &draft, NULL);
}

static void on_a_lost_history(struct forger *forger)
{
    struct forged_feed feed;
    struct forged_feed by;
    struct p2p_fork_proof proof = {.proof = {.count = 0}};
    size_t len = 0;
    forged_feed_load(forger, &feed, "beanr-1");
    struct p2p_record_id token = open_custody(forger, &feed);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, now_s(&feed));
    uint8_t *witnessed = forger_read(forger, "beanr-1/checkpoint", &len);
    release(forger, &feed, &token, FIRST_EPOCH + 1); /* what stood there instead */
    proof.origin = p2p_slice_text(feed.info->origin);
    proof.heads[0] = sign_head(forger, &feed);
    forged_feed_remove(&feed, feed.count - 1);
    release(forger, &feed, &token, FIRST_EPOCH);
    proof.heads[1] = sign_head(forger, &feed);
    proof.other_root = proof.heads[1].root;
    forged_feed_load(forger, &by, "bezee-1");
    uint64_t time_s = now_s(&by);
    tell_fork(forger, &by, &proof, p2p_slice_of(witnessed, len));
    carry(forger, &by, &feed, &proof.heads[1]);
    forged_feed_store(forger, &by);
    forged_feed_sign_all(forger, &by, time_s);
    forged_feed_free(&by);
    forged_feed_free(&feed);
    free(witnessed);
}

/* Zeebrugge lets in what Antwerp holds, of which it knows nothing above what a head says. */
static void came_in(struct forger *forger, struct forged_feed *by,
                    const struct p2p_record_id *token, const struct p2p_tree_head *head)
{
    uint8_t bytes[128];
    struct p2p_pack pack;
    append_seen(forger, by, "beanr/1", head->size, &head->root);
    p2p_pack_init(&pack, bytes, sizeof bytes);
    CHECK_OK(p2p_custody_gate_in_pack(&pack, p2p_slice_text(BOX), p2p_slice_text("bezee-f1")));
    struct p2p_draft draft = {.kind = P2P_KIND_CUSTODY_GATE_IN,
                              .cites = token,
                              .cite_count = 1,
                              .payload = p2p_pack_slice(&pack)};
    say(forger, by, "bezee-terminal", &draft);
}

/* released: Antwerp, cut off, does not know it and releases the container; Zeebrugge too. */
static void at_two_ports(struct forger *forger, bool released)
{
    struct forged_feed feed;
    struct forged_feed by;
    forged_feed_load(forger, &feed, "beanr-1");
    struct p2p_record_id token = open_custody(forger, &feed);
    const struct p2p_tree_head head = sign_head(forger, &feed);
    if (released) {
        release(forger, &feed, &token, FIRST_EPOCH);
    }
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, now_s(&feed));
    forged_feed_load(forger, &by, "bezee-1");
    uint64_t time_s = now_s(&by);
    came_in(forger, &by, &token, &head);
    if (released) {
        token = open_at(forger, &by, "bezee-terminal", "bezee-f1");
        release(forger, &by, &token, FIRST_EPOCH);
    }
    forged_feed_store(forger, &by);
    forged_feed_sign_all(forger, &by, time_s);
    forged_feed_free(&by);
    forged_feed_free(&feed);
}

static void in_elsewhere(struct forger *forger)
{
    at_two_ports(forger, false);
}

static void out_at_both(struct forger *forger)
{
    at_two_ports(forger, true);
}

/* Both open one container, and neither knows of the other. */
static void opened_at_two(struct forger *forger, bool released)
{
    struct forged_feed one;
    struct forged_feed other;
    forged_feed_load(forger, &one, "beanr-1");
    forged_feed_load(forger, &other, "bezee-1");
    uint64_t times[] = {now_s(&one), now_s(&other)};
    struct p2p_record_id here = open_custody(forger, &one);
    struct p2p_record_id there = open_at(forger, &other, "bezee-terminal", "bezee-f1");
    if (released) {
        release(forger, &one, &here, FIRST_EPOCH);
        release(forger, &other, &there, FIRST_EPOCH);
    }
    forged_feed_store(forger, &one);
    forged_feed_store(forger, &other);
    forged_feed_sign_all(forger, &one, times[0]);
    forged_feed_sign_all(forger, &other, times[1]);
    forged_feed_free(&one);
    forged_feed_free(&other);
}

static void rivals(struct forger *forger)
{
    opened_at_two(forger, false);
}

static void rivals_released(struct forger *forger)
{
    opened_at_two(forger, true);
}

static const struct fraud FRAUDS[] = {
    {"a release on no right", without_right, DUE(NO_RIGHT)},
    {"a release by who does not hold custody there", without_custody, DUE(NOT_HELD)},
    {"a second release of one container", twice, DUE(NOT_HELD)},
    {"a release on a history that its feed lost", on_a_lost_history, DUE(LOST_RELEASE)},
    {"custody of one container at two ports", rivals, DUE(CUSTODY_RIVAL)},
    {"custody at two ports, and a release by each", rivals_released, DUE(RELEASED_TWICE)},
    {"custody that another port's gate-in ends", in_elsewhere, DUE(CLOSED_ELSEWHERE)},
    {"a container that left two ports", out_at_both, DUE(RELEASED_AGAIN)},
};

const struct frauds tamper_custody = FRAUDS_OF(FRAUDS);
