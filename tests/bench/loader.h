/* What is measured, or loaded, in the library: children of the benchmark that open a stopped
 * node's directory themselves.
 *
 *     bench --child notes DIR N    appends N notes of 300 B in batches
 *     bench --child one DIR N      appends N notes, each its own synced commit, in turn with as
 *                                  many of LMDB alone on the same disk; ratio: of their rates
 *     bench --child bans DIR N     appends N bans signed by DIR's -pso, in batches
 *     bench --child mix DIR N      appends N records in batches: of ten six decisions, two
 * bans, a lift and a note bench --child issue DIR N    opens custody of N containers and issues
 * a right to each bench --child pass DIR N     those rights accepted, all lights green, driver
 * and truck; last: where in the own feed the last right stands bench --child decide DIR N
 * decides N checks on one read transaction, records none bench --child space DIR 0    what the
 * store's pages hold bench --child export DIR 0   exports what DIR holds to DIR/archive
 *
 * Each prints one JSON object on one line: records, bytes (of leaves), seconds, and what is
 * said below. */
#ifndef BENCH_LOADER_H
#define BENCH_LOADER_H

#include "bench.h"

#include "../../node/core/node_state.h"

#define BENCH_LEAF_BYTES     300u
#define BENCH_BATCH          4096u /* records of one batch */
#define BENCH_SUBJECT_BASE   1000000u
#define BENCH_DECISION_BYTES 1024u

/* One batch of `count` records made by fill; false with a sentence when it was undone. */
struct bench_batch {
    struct p2p_batch batch;
    struct p2p_work work; /* the one piece of work of each batch */
    struct p2p_job job;
    struct p2p_append *records;
    struct p2p_arena arena; /* of the records' contents; reset by append */
    enum p2p_err err;
};
bool bench_batch_init(struct bench_batch *batch);
void bench_batch_deinit(struct bench_batch *batch);
bool bench_batch_append(struct bench_batch *batch, struct p2p_node *node, size_t count);

/* Record i of a batch: a note with so many bytes of text; ban n, otherwise like `like`, which
 * bench_ban_like makes: of DIR's -pso. */
bool bench_pack_note(struct bench_batch *batch, size_t i, uint64_t n, size_t text_bytes);
bool bench_pack_ban(struct bench_batch *batch, size_t i, uint64_t n,
                    const struct p2p_append *like);
bool bench_ban_like(struct p2p_node *node, struct p2p_append *like);

/* mix.c */
bool bench_append_mix(struct bench_batch *batch, struct p2p_node *node, size_t count,
                      double *seconds);
/* A `decisions` record's payload: one call by a ship was allowed. */
struct p2p_slice bench_pack_decision(uint8_t out[BENCH_DECISION_BYTES],
                                     const struct p2p_subject *ship, uint64_t now_ms);
/* space.c */
bool bench_leaf_bytes(struct p2p_node *node, uint64_t from, double *bytes);
int bench_child_space(struct p2p_node *node);
/* export.c */
int bench_child_export(struct p2p_node *node);
/* right_bulk.c; what: issue or pass */
int bench_child_rights(struct p2p_node *node, const char *what, size_t count);
/* decide.c */
int bench_child_decide(struct p2p_node *node, size_t count);

/* The n-th ship of this benchmark: imo:NNNNNNC with the right check digit, from 0. */
void bench_subject(char out[16], uint64_t n);

#endif
