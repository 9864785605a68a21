/* Checkpoints: the newest quorum-cosigned one of a feed, as a signed note for those who rest on
 * it. */
#include "call.h"

#include <stdlib.h>
#include <string.h>

static void start_checkpoint(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_charter *charter = ledger->charter;
    const struct p2p_witnessing *witnessing;
    const struct p2p_feed_info *feed =
        p2p_charter_feed_named(charter, p2p_slice_text(call->rest));
    char *note = p2p_call_take(call, P2P_NOTE_BYTES_MAX);
    size_t len = 0;
    if (feed == NULL || feed->number == P2P_CHARTER_FEED) {
        p2p_call_error(call, 404, "not-found", "see port2port status",
                       "there is no feed %s here", call->rest);
        return;
    }
    /* A quorum is written a second late; what is told as witnessed is to be had at once. */
    witnessing = p2p_engine_witnessing(node->engine, feed->number);
    enum p2p_err err =
        witnessing == NULL
            ? P2P_NOTFOUND
            : p2p_witnessing_note(witnessing, charter, p2p_ledger_feed(ledger, feed->number),
                                  node->kv, note, P2P_NOTE_BYTES_MAX, &len);
    if (err == P2P_NOTFOUND) {
        p2p_call_error(call, 404, "not-witnessed", "wait until a quorum of its witnesses is up",
                       "no checkpoint of %s is cosigned by a quorum yet", call->rest);
        return;
    }
    if (err != P2P_OK) {
        p2p_call_err(call, err, "the stored checkpoint cannot be read");
        return;
    }
    p2p_call_reply(call, json_pack("{s:s, s:s%}", "feed", call->rest, "checkpoint", note, len));
}

const struct p2p_route p2p_checkpoint_routes[] = {
    {.method = "GET",
     .path = "/v1/checkpoints/{feed}",
     .start = start_checkpoint,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "FeedCheckpoint",
     .errors = "404"},
    {0},
};
