/* Checks decided in process: the question as text, one read transaction, nothing recorded. Its
 * seconds are those of its one thread's CPU. */
#include "loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXTS = 65536 };

/* Every other ship is listed; the rest lie beyond the list. */
static void make_texts(char (*texts)[16], uint64_t listed)
{
    uint64_t at = 1;
    for (size_t i = 0; i < TEXTS; i++) {
        at = at * 6364136223846793005u + 1442695040888963407u;
        uint64_t n = (at >> 33) % listed;
        bench_subject(texts[i], i % 2 == 0 ? n : listed + n);
    }
}

static enum p2p_err decide_all(struct p2p_node *node, const struct p2p_kv *kv,
                               char (*texts)[16], size_t count, size_t answers[4])
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    const struct p2p_gate_place *place = p2p_engine_place(node->engine);
    struct p2p_gate_check check = {.gate = "main", .purpose = "call", .subject_count = 1};
    struct p2p_gate_answer answer;
    enum p2p_err err = P2P_OK;
    p2p_engine_fill_check(node->engine, &node->now, &check);
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        err = p2p_subject_parse(&check.subjects[0], p2p_slice_text(texts[i % TEXTS]));
        if (err == P2P_OK) {
            err = p2p_gate_decide(ledger, kv, place, &check, &answer);
        }
        if (err == P2P_OK) {
            answers[answer.answer]++;
        }
    }
    return err;
}

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int bench_child_decide(struct p2p_node *node, size_t count)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_feed *own = p2p_ledger_feed(ledger, p2p_engine_own_feed(node->engine));
    char(*texts)[16] = malloc(TEXTS * sizeof(*texts));
    struct p2p_txn *txn = NULL;
    size_t answers[4] = {0};
    enum p2p_err err = texts == NULL || own->edge.size < 2000 ? P2P_NOTFOUND : P2P_OK;
    if (err == P2P_OK) {
        make_texts(texts, own->edge.size - 1000); /* its few other records left out */
        err = p2p_store_begin(node->store, P2P_TXN_READ, &txn);
    }
    double begin = cpu_s();
    if (err == P2P_OK) {
        err = decide_all(node, p2p_txn_kv(txn), texts, count, answers);
    }
    double seconds = cpu_s() - begin;
    p2p_txn_abort(txn);
    free(texts);
    if (err != P2P_OK) {
        bench_fail("checks could not be decided: %s", p2p_err_text(err));
        return 1;
    }
    printf("{\"records\": %zu, \"seconds\": %.6f, \"refused\": %zu, \"other\": %zu}\n", count,
           seconds, answers[P2P_ANSWER_REFUSE], count - answers[P2P_ANSWER_REFUSE]);
    return 0;
}
