/* Many live rights, written by a stopped node's own writer: what a terminal, a carrier and a
 * haulier sign for one container is a record each; what is said of a ship's containers alike
 * (accepted, four lights) is one record with one signature for SHIP of them. */
#include "loader.h"
#include "right_load.h"

#include <p2p/custody.h>
#include <p2p/right.h>
#include <p2p/subject.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A record may name P2P_RIGHT_CITES_MAX rights; each of them is folded with all that such a
 * record says, so that more rights for one signature cost time. */
enum { SHIP = 64, SAID_OF_SHIP = 5, PAYLOAD_BYTES = 512, DAYS = 60, TOLD_S = 10 };
_Static_assert(SHIP <= P2P_RIGHT_CITES_MAX, "what one record may name");

/* Rights of one batch: whole ships, each with what is said of it and a driver for each right.
 */
enum { PASSED = BENCH_BATCH / (SHIP + SAID_OF_SHIP) * SHIP };

static const char facility[] = "beanr-f1";

/* Who signs; named like this in every sandbox. */
enum party { TERMINAL, CARRIER, HAULIER, CUSTOMS, PARTY_COUNT };

struct makers {
    struct bench_batch *batch;
    struct p2p_node *node;
    struct p2p_append as[PARTY_COUNT]; /* issuer, key and circle of each */
    struct p2p_circle_secret secret;
    uint64_t now_ms;
};

static bool find_parties(struct makers *makers)
{
    static const char *const words[PARTY_COUNT] = {"terminal", "carrier", "haulier", "customs"};
    const struct p2p_charter *charter = p2p_engine_ledger(makers->node->engine)->charter;
    const struct p2p_circle *circle =
        p2p_charter_circle_named(charter, p2p_slice_text("national"));
    struct timespec now;
    for (unsigned i = 0; i < PARTY_COUNT; i++) {
        struct p2p_append *as = &makers->as[i];
        char name[P2P_NAME_BYTES_MAX + 16];
        snprintf(name, sizeof(name), "%s-%s", makers->node->config.member, words[i]);
        const struct p2p_issuer *issuer =
            p2p_charter_issuer_named(charter, p2p_slice_text(name));
        *as = (struct p2p_append){0};
        if (issuer == NULL || circle == NULL ||
            p2p_node_issuer_key(makers->node, name, &as->key) != P2P_OK) {
            return bench_fail("%s cannot sign here", name);
        }
        as->issuer = issuer->number;
        as->circle = circle->number;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    makers->now_ms = (uint64_t)now.tv_sec * 1000;
    return true;
}

static void *take(struct makers *makers, size_t len)
{
    void *bytes = p2p_arena_take(&makers->batch->arena, len);
    if (bytes == NULL) {
        bench_fail("no memory for a batch");
        exit(1);
    }
    return bytes;
}

/* A record of the batch about what it cites; its payload is still to be packed. */
static struct p2p_append *record(struct makers *makers, size_t at, enum party party,
                                 uint32_t kind, const struct p2p_record_id *cites, size_t count,
                                 struct p2p_pack *pack)
{
    struct p2p_append *out = &makers->batch->records[at];
    *out = makers->as[party];
    out->kind = kind;
    out->cites = cites;
    out->cite_count = count;
    p2p_pack_init(pack, take(makers, PAYLOAD_BYTES), PAYLOAD_BYTES);
    return out;
}

static bool packed(struct p2p_append *out, const struct p2p_pack *pack, enum p2p_err err)
{
    out->payload = p2p_pack_slice(pack);
    return err == P2P_OK || bench_fail("a record about a right cannot be packed");
}

/* ---- custody and issue ---- */

static bool open_one(struct makers *makers, size_t at, uint64_t n)
{
    struct p2p_pack pack;
    char container[RIGHT_CONTAINER_BYTES];
    struct p2p_append *out =
        record(makers, at, TERMINAL, P2P_KIND_CUSTODY_OPEN, NULL, 0, &pack);
    right_container(container, n);
    return packed(out, &pack,
                  p2p_custody_open_pack(&pack, p2p_slice_text(container),
                                        p2p_slice_text("PTP EXPRESS 41"),
                                        p2p_slice_text(facility)));
}

static bool issue_one(struct makers *makers, size_t at, uint64_t n,
                      const struct p2p_record_id *token)
{
    struct p2p_pack pack;
    char container[RIGHT_CONTAINER_BYTES];
    char bl[32];
    struct p2p_append *out = record(makers, at, CARRIER, P2P_KIND_RIGHT_ISSUE, token, 1, &pack);
    right_container(container, n);
    snprintf(bl, sizeof(bl), "PTP41%06llu", (unsigned long long)n);
    const struct p2p_right_draft draft = {.container = container,
                                          .bl = bl,
                                          .to = makers->as[HAULIER].issuer,
                                          .expires_ms =
                                              makers->now_ms + (uint64_t)DAYS * 86400000};
    return packed(out, &pack, p2p_right_issue_pack(&pack, &draft));
}

/* Ids of what the last batch appended, one behind the other. */
static struct p2p_record_id *ids_of(struct makers *makers, size_t count)
{
    struct p2p_record_id *ids = take(makers, count * sizeof(*ids));
    for (size_t i = 0; i < count; i++) {
        ids[i] = makers->batch->job.result.first;
        ids[i].index += i;
    }
    return ids;
}

static bool issue_some(struct makers *makers, uint64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!open_one(makers, i, first + i)) {
            return false;
        }
    }
    if (!bench_batch_append(makers->batch, makers->node, count)) {
        return false;
    }
    const struct p2p_record_id *tokens = ids_of(makers, count);
    for (size_t i = 0; i < count; i++) {
        if (!issue_one(makers, i, first + i, &tokens[i])) {
            return false;
        }
    }
    return bench_batch_append(makers->batch, makers->node, count);
}

/* Says every TOLD_S how far it has come; the child's own time. */
static void tell(const char *what, size_t done, size_t count, double *told_s)
{
    if (bench_now_s() - *told_s >= TOLD_S) {
        bench_say("rights: %s, %zu of %zu", what, done, count);
        *told_s = bench_now_s();
    }
}

static bool issue(struct makers *makers, size_t count)
{
    double told_s = bench_now_s();
    bool good = true;
    for (size_t done = 0; done < count && good; done += BENCH_BATCH) {
        tell("issued", done, count, &told_s);
        good =
            issue_some(makers, done, count - done < BENCH_BATCH ? count - done : BENCH_BATCH);
    }
    return good;
}

/* ---- accepted, lights, driver and truck ---- */

static bool say_of_ship(struct makers *makers, size_t *at, const struct p2p_record_id *rights,
                        size_t count)
{
    static const struct {
        enum party by;
        uint32_t kind;
        const char *light, *value;
    } said[] = {
        {HAULIER, P2P_KIND_RIGHT_ACCEPT, NULL, NULL},
        {CARRIER, P2P_KIND_RIGHT_LIGHT, "commercial", "ok"},
        {CUSTOMS, P2P_KIND_RIGHT_LIGHT, "customs", "released"},
        {TERMINAL, P2P_KIND_RIGHT_LIGHT, "discharge", "discharged"},
        {TERMINAL, P2P_KIND_RIGHT_LIGHT, "terminal", "released"},
    };
    bool good = true;
    _Static_assert(sizeof(said) / sizeof(said[0]) == SAID_OF_SHIP, "as batches are reckoned");
    for (size_t i = 0; i < SAID_OF_SHIP && good; i++) {
        struct p2p_pack pack;
        const struct p2p_right_request request = {.light = said[i].light,
                                                  .value = said[i].value};
        struct p2p_append *out =
            record(makers, (*at)++, said[i].by, said[i].kind, rights, count, &pack);
        good = packed(out, &pack, p2p_right_request_pack(&pack, &request, NULL, 0));
    }
    return good;
}

static bool assign_one(struct makers *makers, size_t at, uint64_t n,
                       const struct p2p_record_id *right)
{
    struct p2p_subject driver;
    struct p2p_subject truck;
    struct p2p_pack pack;
    char card[RIGHT_SUBJECT_BYTES];
    char plate[RIGHT_SUBJECT_BYTES];
    const struct p2p_right_request request = {.driver = &driver, .truck = &truck};
    struct p2p_append *out =
        record(makers, at, HAULIER, P2P_KIND_RIGHT_ASSIGN, right, 1, &pack);
    right_driver(card, plate, n);
    enum p2p_err err = p2p_subject_parse(&driver, p2p_slice_text(card));
    if (err == P2P_OK) {
        err = p2p_subject_parse(&truck, p2p_slice_text(plate));
    }
    if (err == P2P_OK) {
        err =
            p2p_right_request_pack(&pack, &request, &makers->secret.key, makers->secret.epoch);
    }
    return packed(out, &pack, err);
}

/* All that is said of these rights in one commit, which folds each of them once. */
static bool pass_some(struct makers *makers, uint64_t first, const struct p2p_record_id *rights,
                      size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i += SHIP) {
        if (!say_of_ship(makers, &at, rights + i, count - i < SHIP ? count - i : SHIP)) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!assign_one(makers, at++, first + i, &rights[i])) {
            return false;
        }
    }
    return bench_batch_append(makers->batch, makers->node, at);
}

/* The next rights behind *at, in the order of their ids, which is the one they were issued in.
 */
static bool next_rights(const struct makers *makers, struct p2p_record_id *at, bool begin,
                        struct p2p_record_id *rights, size_t count)
{
    struct p2p_txn *txn = NULL;
    enum p2p_err err = p2p_store_begin(makers->node->store, P2P_TXN_READ, &txn);
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        struct p2p_right right;
        err = p2p_right_next(p2p_txn_kv(txn), makers->as[CARRIER].circle, at, begin, &right);
        begin = false;
        if (err == P2P_OK) {
            *at = right.id;
            rights[i] = right.id;
        }
    }
    p2p_txn_abort(txn);
    return err == P2P_OK || bench_fail("there are not so many rights: %s", p2p_err_text(err));
}

static bool pass(struct makers *makers, size_t count, struct p2p_record_id *last)
{
    static struct p2p_record_id rights[PASSED];
    double told_s = bench_now_s();
    bool good = p2p_engine_circle_key(makers->node->engine, makers->as[HAULIER].circle,
                                      &makers->secret) == P2P_OK ||
                bench_fail("the circle has no key here");
    for (size_t done = 0; done < count && good; done += PASSED) {
        tell("passed on", done, count, &told_s);
        size_t n = count - done < PASSED ? count - done : PASSED;
        good = next_rights(makers, last, done == 0, rights, n) &&
               pass_some(makers, done, rights, n);
    }
    return good;
}

int bench_child_rights(struct p2p_node *node, const char *what, size_t count)
{
    struct bench_batch *batch = calloc(1, sizeof(*batch));
    struct makers makers = {.batch = batch, .node = node};
    struct p2p_record_id last = {0, 0};
    double begin = bench_now_s();
    bool good = batch != NULL && bench_batch_init(batch) && find_parties(&makers);
    if (good) {
        good = strcmp(what, "issue") == 0 ? issue(&makers, count) : pass(&makers, count, &last);
    }
    if (good) {
        printf("{\"records\": %zu, \"seconds\": %.6f, \"last\": %llu}\n", count,
               bench_now_s() - begin, (unsigned long long)last.index);
    }
    if (batch != NULL) {
        bench_batch_deinit(batch);
    }
    free(batch);
    return good ? 0 : 1;
}
