/* What every filling of p2p/kv.h must do: one conformance suite for LMDB, memory and the
 * simulator.
 *
 * The maker opens an empty store, gives transactions and takes them back. The suite draws from
 * a seed and prints it on failure; it keeps a model of its own to compare with. */
#ifndef KV_SUITE_H
#define KV_SUITE_H

#include <p2p/kv.h>

struct kv_suite_maker {
    const char *name;
    void *(*open)(void *context); /* an empty store */
    void (*close)(void *store);
    const struct p2p_kv *(*begin)(void *store);
    enum p2p_err (*commit)(void *store);
    void (*abort)(void *store);
    void *context;
};

void kv_suite_run(const struct kv_suite_maker *maker, uint64_t seed);

#endif
