/* What is done with the bytes of one delivery: a file, or standard input.
 *
 * For each interchange in it, in order: it is parsed whole, its envelope and addresses are
 * judged, and whether it came before; then each message is read by its map and its tasks are
 * carried out; then the journal is synced, the answers are written, and the interchange is
 * marked as done. A crash anywhere in between is made good by taking the same delivery again:
 * what was done is found in the journal, the rest is done, the answers get the same names.
 *
 *     one effect   an interchange is known by sender, recipient and control reference; from
 *                  another delivery it is a duplicate, answered as such and nothing else. Only
 *                  what was acknowledged counts: after a rejected one the reference is free
 *     the next     a refused message or container never stops the next
 *     undecided    the node is out of reach: nothing is answered, the delivery is to be kept
 * and taken again
 *
 * Tasks that wait for something (task.h) outlive their interchange (late.h). Main thread. */
#ifndef P2P_TRADE_INTAKE_H
#define P2P_TRADE_INTAKE_H

#include "agreement.h"
#include "carrier.h"
#include "journal.h"
#include "report.h"

struct p2p_trade {
    const struct p2p_agreement *agreement;
    struct p2p_journal *journal;
    struct p2p_trade_carrier carrier;
    struct p2p_trade_report report;
    const char *answers; /* a directory; NULL: answers are not written */
    uint64_t now_ms;
    bool tests;     /* interchanges that say that they are tests are taken too */
    size_t retried; /* p2p_trade_retry's own: where it goes on */
};

/* What came of deliveries, added up. */
struct p2p_trade_tally {
    uint32_t interchanges;
    uint32_t messages;
    uint32_t refused; /* interchanges, messages or containers */
    uint32_t duplicates;
    uint32_t unreadable; /* deliveries of which something cannot be answered */
    bool undecided;
};

/* name: for people. delivery: which it is, the same when it is taken again. Errors are those of
 * journal and answers: nothing more may be taken (P2P_IO, P2P_FULL, P2P_NOMEM). */
P2P_MUST_CHECK enum p2p_err p2p_trade_take(struct p2p_trade *trade, struct p2p_slice bytes,
                                           const char *name, const char *delivery,
                                           struct p2p_trade_tally *tally);

#endif
