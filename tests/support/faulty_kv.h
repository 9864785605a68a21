/* A wrapper around any p2p_kv that counts steps and fails the n-th.
 *
 * Run a scenario once with countdown -1 and read `steps`; then run it for every countdown from
 * 0 to steps - 1: that step returns `error` and is not carried out. With `persistent` all later
 * ones fail too, as they do on a broken disk. After one failure the transaction is doomed in
 * any case: later steps return the error, which finds callers that swallow one. The caller owns
 * it. */
#ifndef FAULTY_KV_H
#define FAULTY_KV_H

#include <p2p/kv.h>

struct faulty_kv {
    struct p2p_kv kv; /* hand this to the code under test */
    const struct p2p_kv *inner;
    long countdown; /* steps until the failure; negative: never */
    long steps;     /* calls made so far */
    enum p2p_err error;
    bool persistent;  /* stays broken across faulty_kv_begin */
    bool writes_only; /* count and fail put and del only */
    bool tripped;
};

void faulty_kv_init(struct faulty_kv *faulty, long countdown, enum p2p_err error);
/* Points the wrapper at the kv of a new transaction and returns its own. */
const struct p2p_kv *faulty_kv_begin(struct faulty_kv *faulty, const struct p2p_kv *inner);

#endif
