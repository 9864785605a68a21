/* State commitments: each node tells, in a `state` record of its own, the digests of what it
 * folded, and every node compares them with its own at the same frontier.
 *
 * Equal frontiers give equal digests, so a difference is damage or a fault in somebody's
 * program. Who finds one computes everything anew from the records and compares it row by row
 * with what is stored. If a row differs, the damage was here, is named and mended (damage.h);
 * if none does, the alarm names the member and the view, and that member's word about that view
 * and circle makes nobody compute anything anew until they agree again: members with other
 * versions differ for good. Of more than P2P_STATE_FOUND_MAX such differences the oldest is
 * looked at once more.
 *
 * A record is written when P2P_STATE_RECORDS came since the last one, or P2P_STATE_EVERY_MS
 * after it in the member's own P2P_STATE_TURN_MS by its clock, and never for `seen` and `state`
 * alone. It stands last in its commit, so that its frontier is what the author's `seen` records
 * name, and its own feed below it. It is compared as long as its feed ends with it and our
 * frontier is or becomes the same; a busy federation skips some. */
#ifndef P2P_STATE_H
#define P2P_STATE_H

#include <p2p/ledger.h>

#define P2P_STATE_RECORDS   4096u
#define P2P_STATE_EVERY_MS  600000u
#define P2P_STATE_TURN_MS   2000u /* of each P2P_STATE_EVERY_MS are a member's */
#define P2P_STATE_TRIES_MAX 32u   /* batches in which one record is looked at */
#define P2P_STATE_FOUND_MAX 64u   /* differences remembered of which the cause is not here */

struct p2p_divergence {
    bool is_known;               /* and it is not ours: see above */
    bool is_checking;            /* everything here is being computed anew */
    uint32_t member;             /* who told another digest, */
    struct p2p_record_id record; /* where, */
    enum p2p_view_number view;   /* of which view; 0: of the leaves and their verdicts, */
    uint32_t circle;             /* in which circle */
    uint64_t compared, equal;    /* records since the engine was opened */
};

#endif
