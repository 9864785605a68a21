/* Proofs against others, as files that anybody with the charter can check: a feed with two
 * histories, an issuer with two records under one number. */
#include "record_json.h"

#include <p2p/forked.h>
#include <p2p/reuse.h>

#include <string.h>

/* ---- two histories ---- */

static enum p2p_err fork_text(struct p2p_call *call, struct p2p_node *node,
                              const struct p2p_feed_info *info, struct p2p_forked *forked,
                              char **text)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_fork_told *told = p2p_call_take(call, sizeof(*told));
    struct p2p_entry entry;
    enum p2p_err err = p2p_forked_get(ledger, node->kv, info->number, forked);
    if (err == P2P_OK) {
        err = p2p_ledger_entry(ledger, &forked->proof, &entry);
    }
    if (err == P2P_OK && p2p_fork_told_read(told, entry.record.content) != P2P_OK) {
        err = P2P_CORRUPT; /* without effect it would not stand in the view */
    }
    if (err == P2P_OK) {
        *text = p2p_call_take(call, P2P_FORK_TEXT_BYTES_MAX);
        p2p_fork_text(&told->proof, &info->key, *text);
    }
    return err;
}

static void start_fork(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_feed_info *info =
        p2p_charter_feed_named(charter, p2p_slice_text(call->rest));
    struct p2p_forked forked;
    char *text = NULL;
    if (info == NULL || info->number == P2P_CHARTER_FEED) {
        p2p_call_error(call, 404, "not-found", "see port2port status",
                       "there is no feed %s here", call->rest);
        return;
    }
    enum p2p_err err = fork_text(call, node, info, &forked, &text);
    if (err == P2P_NOTFOUND) {
        p2p_call_error(call, 404, "not-forked", NULL,
                       "no record here proves that %s has two histories", call->rest);
    } else if (err != P2P_OK) {
        p2p_call_err(call, err, "the proof in the store cannot be read");
    } else {
        p2p_call_reply(call, json_pack("{s:s, s:I, s:s}", "feed", call->rest, "witnessed",
                                       (json_int_t)forked.size, "proof", text));
    }
}

/* ---- one number, two records ---- */

/* The first reuse of an issuer, in whatever feed of its member. */
static bool find_reuse(const struct p2p_node *node, uint32_t issuer, struct p2p_reused *at)
{
    *at = (struct p2p_reused){.feed = 0};
    while (p2p_reused_next(node->kv, at) == P2P_OK) {
        if (at->issuer == issuer) {
            return true;
        }
    }
    return false;
}

static void start_reuse(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(ledger->charter, p2p_slice_text(call->rest));
    struct p2p_reused at;
    struct p2p_reuse *reuse = p2p_call_take(call, sizeof(*reuse));
    if (issuer == NULL) {
        p2p_call_error(call, 404, "not-found", "see port2port charter show",
                       "there is no issuer %s here", call->rest);
        return;
    }
    if (!find_reuse(node, issuer->number, &at)) {
        p2p_call_error(call, 404, "not-reused", NULL,
                       "nothing here proves that %s used a number twice", call->rest);
        return;
    }
    enum p2p_err err = p2p_feed_flush(p2p_ledger_feed(ledger, at.feed), node->kv);
    if (err == P2P_OK) {
        err = p2p_reuse_of(ledger, at.feed, at.issuer, reuse);
    }
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, at.feed);
    if (err != P2P_OK || info == NULL) {
        p2p_call_err(call, err, "the records in the store cannot be read");
        return;
    }
    char *text = p2p_call_take(call, P2P_REUSE_BYTES_MAX);
    p2p_reuse_encode(reuse, &info->key, text);
    p2p_call_reply(call,
                   json_pack("{s:s, s:o, s:I, s:[o,o], s:s}", "issuer", issuer->name, "feed",
                             p2p_slice_json(p2p_feed_name(ledger, at.feed)), "number",
                             (json_int_t)at.number, "records",
                             p2p_id_json(ledger, &(struct p2p_record_id){at.feed, at.index[0]}),
                             p2p_id_json(ledger, &(struct p2p_record_id){at.feed, at.index[1]}),
                             "proof", text));
}

const struct p2p_route p2p_proof_routes[] = {
    {.method = "GET",
     .path = "/v1/proofs/fork/{feed}",
     .start = start_fork,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "ForkProof",
     .errors = "404"},
    {.method = "GET",
     .path = "/v1/proofs/reuse/{issuer}",
     .start = start_reuse,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "ReuseProof",
     .errors = "404"},
    {0},
};
