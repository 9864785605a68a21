/* The seam behind which a step of a task is carried out: the node's API, or nothing at all.
 *
 * A step is as message.h has it. What comes back is one of four:
 *
 *     DONE         it is done, and `id` is the record it made (or the right it was done to)
 *     REFUSED      the node says no, for good: `code` and `text` say why
 *     ABSENT       what it is done to, or needs, is not there (yet)
 *     UNREACHABLE  it is not known whether it was done: the same step again, with the same key,
 *                  later; never answered
 *
 * A carrier is asked for one step at a time and may take seconds. `key` is the same whenever
 * the same step is carried out again: it makes two attempts one effect. */
#ifndef P2P_TRADE_CARRIER_H
#define P2P_TRADE_CARRIER_H

#include <p2p/base.h>

#include <jansson.h>
#include <stdio.h>

#define P2P_TRADE_KEY_BYTES    33u /* of an idempotency key: 32 hex digits */
#define P2P_TRADE_CODE_BYTES   64u
#define P2P_TRADE_REASON_BYTES 400u
#define P2P_TRADE_ID_BYTES     96u

enum p2p_trade_outcome {
    P2P_TRADE_DONE,
    P2P_TRADE_REFUSED,
    P2P_TRADE_ABSENT,
    P2P_TRADE_UNREACHABLE,
};

struct p2p_trade_result {
    enum p2p_trade_outcome outcome;
    char code[P2P_TRADE_CODE_BYTES];
    char text[P2P_TRADE_REASON_BYTES];
    char id[P2P_TRADE_ID_BYTES];
};

struct p2p_trade_carrier {
    /* issued: the id of the right that an earlier step of the task issued, or "". */
    void (*carry)(void *context, const json_t *step, const char *issued, const char *key,
                  struct p2p_trade_result *out);
    /* That the step is DONE stands in the journal: it is not asked for again under this key,
     * and what was kept for that may go. May come more than once. P2P_IO and the like: of the
     * journal. NULL: nothing is kept. */
    enum p2p_err (*settle)(void *context, const char *key);
    void *context;
};

/* Prints each step as a line of JSON, {"key","verb","issued","where","states","body"}, and says
 * that it is done. out: borrowed. */
struct p2p_trade_carrier p2p_trade_dry(FILE *out);

#endif
