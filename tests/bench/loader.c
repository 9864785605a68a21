#include "loader.h"

#include "history.h"
#include "limit_commit.h"

#include <p2p/ban.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS_ARENA_BYTES = 64 * 1024 * 1024 };

/* ---- a batch ---- */

static void work_start(struct p2p_work *work, struct p2p_node *node)
{
    struct bench_batch *batch = work->context;
    p2p_work_job(node, &batch->job);
}

static void work_finish(struct p2p_work *work, struct p2p_node *node)
{
    struct bench_batch *batch = work->context;
    (void)node;
    batch->err = batch->job.result.err;
}

static void work_fail(struct p2p_work *work, struct p2p_node *node, enum p2p_err err)
{
    struct bench_batch *batch = work->context;
    (void)node;
    batch->err = err;
}

bool bench_batch_init(struct bench_batch *batch)
{
    memset(batch, 0, sizeof(*batch));
    p2p_batch_init(&batch->batch);
    p2p_arena_init(&batch->arena, p2p_alloc_default(), RECORDS_ARENA_BYTES);
    batch->records = calloc(BENCH_BATCH, sizeof(*batch->records));
    return batch->records != NULL;
}

void bench_batch_deinit(struct bench_batch *batch)
{
    free(batch->records);
    p2p_arena_deinit(&batch->arena);
    p2p_batch_deinit(&batch->batch);
}

bool bench_batch_append(struct bench_batch *batch, struct p2p_node *node, size_t count)
{
    batch->work = (struct p2p_work){
        .start = work_start, .finish = work_finish, .fail = work_fail, .context = batch};
    batch->job = (struct p2p_job){.type = P2P_JOB_APPEND,
                                  .append = {.records = batch->records, .count = count}};
    batch->batch.works = &batch->work;
    p2p_writer_run(node, &batch->batch);
    p2p_batch_clear(&batch->batch);
    p2p_arena_reset(&batch->arena);
    return batch->err == P2P_OK ||
           bench_fail("a batch was not appended: %s (%s)", p2p_err_text(batch->err),
                      batch->job.result.reason);
}

/* ---- notes ---- */

bool bench_pack_note(struct bench_batch *batch, size_t i, uint64_t n, size_t text_bytes)
{
    struct p2p_pack pack;
    char text[BENCH_LEAF_BYTES];
    uint8_t *bytes = p2p_arena_take(&batch->arena, BENCH_LEAF_BYTES + 32);
    if (bytes == NULL) {
        return false;
    }
    memset(text, '.', sizeof(text));
    int len = snprintf(text, sizeof(text), "note %llu ", (unsigned long long)n);
    text[len] = '.';
    p2p_pack_init(&pack, bytes, BENCH_LEAF_BYTES + 32);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "text");
    p2p_pack_str(&pack, p2p_slice_of(text, text_bytes));
    batch->records[i] =
        (struct p2p_append){.kind = P2P_KIND_NOTE, .content = p2p_pack_slice(&pack)};
    return true;
}

/* The text that makes a leaf of BENCH_LEAF_BYTES: the rest of a note's leaf is always as long.
 */
static bool fit_text(struct bench_batch *batch, struct p2p_node *node, size_t *text_bytes)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_feed *own = p2p_ledger_feed(ledger, p2p_engine_own_feed(node->engine));
    uint64_t before;
    double bytes = 0;
    *text_bytes = 200;
    if (own == NULL) {
        return bench_fail("the charter does not name this node");
    }
    /* The first batch also writes the `address` record. */
    for (unsigned i = 0; i < 2; i++) {
        before = own->edge.size;
        if (!bench_pack_note(batch, 0, 0, *text_bytes) || !bench_batch_append(batch, node, 1)) {
            return false;
        }
    }
    if (!bench_leaf_bytes(node, before, &bytes)) {
        return false;
    }
    *text_bytes += BENCH_LEAF_BYTES - (size_t)bytes;
    return true;
}

static bool append_notes(struct bench_batch *batch, struct p2p_node *node, size_t count,
                         double *seconds)
{
    size_t text_bytes;
    if (!fit_text(batch, node, &text_bytes)) {
        return false;
    }
    double begin = bench_now_s();
    for (size_t done = 0; done < count;) {
        size_t n = count - done < BENCH_BATCH ? count - done : BENCH_BATCH;
        for (size_t i = 0; i < n; i++) {
            if (!bench_pack_note(batch, i, done + i, text_bytes)) {
                return false;
            }
        }
        if (!bench_batch_append(batch, node, n)) {
            return false;
        }
        done += n;
    }
    *seconds = bench_now_s() - begin;
    return true;
}

/* ---- notes, one at a time, beside LMDB alone ---- */

enum { SLICE = 20, SLICES_MAX = 1000 };

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static bool append_slice(struct bench_batch *batch, struct p2p_node *node, size_t from,
                         size_t text_bytes, double *seconds)
{
    double begin = bench_now_s();
    for (size_t i = 0; i < SLICE; i++) {
        if (!bench_pack_note(batch, 0, from + i, text_bytes) ||
            !bench_batch_append(batch, node, 1)) {
            return false;
        }
    }
    *seconds = bench_now_s() - begin;
    return true;
}

static bool commit_slice(struct commits *commits, double *seconds)
{
    double begin = bench_now_s();
    for (size_t i = 0; i < SLICE; i++) {
        if (!commits_once(commits, 1)) {
            return false;
        }
    }
    *seconds = bench_now_s() - begin;
    return true;
}

/* The disk's pace changes within seconds, so that slices of a few milliseconds of both are
 * taken in turn; ratio: the median of theirs. */
static bool append_alone(struct bench_batch *batch, struct p2p_node *node, size_t count,
                         double *seconds, double *ratio)
{
    static double ratios[SLICES_MAX];
    struct commits commits = {.env = NULL};
    char dir[BENCH_PATH_BYTES];
    size_t text_bytes;
    size_t slices = count / SLICE < SLICES_MAX ? count / SLICE : SLICES_MAX;
    snprintf(dir, sizeof(dir), "%.4000s/..", node->dir);
    bool good = fit_text(batch, node, &text_bytes) && commits_open(&commits, dir);
    for (size_t i = 0; i < slices && good; i++) {
        double own_s = 0;
        double bare_s = 0;
        good = append_slice(batch, node, i * SLICE, text_bytes, &own_s) &&
               commit_slice(&commits, &bare_s);
        *seconds += own_s;
        ratios[i] = bare_s / own_s;
    }
    commits_close(&commits);
    qsort(ratios, slices, sizeof(ratios[0]), ascending);
    *ratio = slices > 0 ? ratios[slices / 2] : 0;
    return good;
}

/* ---- bans ---- */

void bench_subject(char out[16], uint64_t n)
{
    unsigned digits = (unsigned)((BENCH_SUBJECT_BASE / 10 + n) % 1000000);
    unsigned sum = 0;
    char text[8];
    snprintf(text, sizeof(text), "%06u", digits);
    for (unsigned i = 0; i < 6; i++) {
        sum += (unsigned)(text[i] - '0') * (7 - i);
    }
    snprintf(out, 16, "imo:%s%u", text, sum % 10);
}

bool bench_pack_ban(struct bench_batch *batch, size_t i, uint64_t n,
                    const struct p2p_append *like)
{
    struct p2p_subject subject;
    struct p2p_pack pack;
    char text[16];
    static const struct p2p_circle_key none;
    uint8_t *bytes = p2p_arena_take(&batch->arena, 512);
    const struct p2p_ban_draft draft = {.subjects = &subject,
                                        .subject_count = 1,
                                        .ground = P2P_GROUND_LOCAL,
                                        .reference = "harbour master's decision 2026/17"};
    bench_subject(text, n);
    if (bytes == NULL || p2p_subject_parse(&subject, p2p_slice_text(text)) != P2P_OK) {
        return false;
    }
    p2p_pack_init(&pack, bytes, 512);
    if (p2p_ban_pack(&pack, &draft, &none, 0) != P2P_OK) {
        return false;
    }
    batch->records[i] = *like;
    batch->records[i].payload = p2p_pack_slice(&pack);
    return true;
}

bool bench_ban_like(struct p2p_node *node, struct p2p_append *like)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    char name[P2P_NAME_BYTES_MAX + 8];
    *like = (struct p2p_append){.kind = P2P_KIND_BAN_IMPOSE};
    snprintf(name, sizeof(name), "%s-pso", node->config.member);
    const struct p2p_issuer *issuer = p2p_charter_issuer_named(charter, p2p_slice_text(name));
    const struct p2p_circle *circle =
        p2p_charter_circle_named(charter, p2p_slice_text("national"));
    if (issuer == NULL || circle == NULL ||
        p2p_node_issuer_key(node, name, &like->key) != P2P_OK) {
        return bench_fail("%s cannot sign here", name);
    }
    like->issuer = issuer->number;
    like->circle = circle->number;
    return true;
}

static bool append_bans(struct bench_batch *batch, struct p2p_node *node, size_t count,
                        double *seconds)
{
    struct p2p_append like;
    if (!bench_ban_like(node, &like)) {
        return false;
    }
    double begin = bench_now_s();
    for (size_t done = 0; done < count;) {
        size_t n = count - done < BENCH_BATCH ? count - done : BENCH_BATCH;
        for (size_t i = 0; i < n; i++) {
            if (!bench_pack_ban(batch, i, done + i, &like)) {
                return bench_fail("a ban could not be packed");
            }
        }
        if (!bench_batch_append(batch, node, n)) {
            return false;
        }
        done += n;
    }
    *seconds = bench_now_s() - begin;
    return true;
}

/* ---- the children ---- */

static int append(struct p2p_node *node, const char *what, size_t count)
{
    struct bench_batch *batch = calloc(1, sizeof(*batch));
    double seconds = 0;
    double ratio = 0;
    bool good = batch != NULL && bench_batch_init(batch);
    if (good && strcmp(what, "bans") == 0) {
        good = append_bans(batch, node, count, &seconds);
    } else if (good && strcmp(what, "mix") == 0) {
        good = bench_append_mix(batch, node, count, &seconds);
    } else if (good && strcmp(what, "one") == 0) {
        good = append_alone(batch, node, count, &seconds, &ratio);
    } else if (good) {
        good = append_notes(batch, node, count, &seconds);
    }
    if (good) {
        printf("{\"records\": %zu, \"seconds\": %.6f, \"ratio\": %.4f}\n", count, seconds,
               ratio);
    }
    if (batch != NULL) {
        bench_batch_deinit(batch);
    }
    free(batch);
    return good ? 0 : 1;
}

int bench_child(int argc, char **argv)
{
    char message[P2P_MESSAGE_BYTES] = "";
    struct p2p_node *node = NULL;
    int exit = 1;
    if (argc != 3) {
        return 2;
    }
    size_t count = strtoul(argv[2], NULL, 10);
    if (strcmp(argv[0], "history") == 0) {
        return bench_child_history(argv[1], count);
    }
    if (strcmp(argv[0], "verify") == 0) {
        return bench_child_verify(argv[1], count);
    }
    const struct p2p_node_options options = {.dir = argv[1], .lock_wait_ms = 10000};
    if (p2p_node_open(&node, &options, message) != P2P_OK) {
        bench_fail("%s", message);
        return 1;
    }
    if (strcmp(argv[0], "decide") == 0) {
        exit = bench_child_decide(node, count);
    } else if (strcmp(argv[0], "space") == 0) {
        exit = bench_child_space(node);
    } else if (strcmp(argv[0], "export") == 0) {
        exit = bench_child_export(node);
    } else if (strcmp(argv[0], "issue") == 0 || strcmp(argv[0], "pass") == 0) {
        exit = bench_child_rights(node, argv[0], count);
    } else {
        exit = append(node, argv[0], count);
    }
    p2p_node_close(node);
    return exit;
}
