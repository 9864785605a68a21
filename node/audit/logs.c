/* Several archives of one log, and the proofs that archives bring along. */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/fork.h>
#include <p2p/reuse.h>

#include <string.h>

#define PROOF_ARENA_BYTES ((size_t)4 << 20)

/* ---- one history ---- */

uint64_t audit_parted(const struct audit_log *a, const struct audit_log *b)
{
    size_t i = 0;
    size_t j = 0;
    while (i < a->root_count && j < b->root_count) {
        if (a->roots[i].size < b->roots[j].size) {
            i++;
        } else if (a->roots[i].size > b->roots[j].size) {
            j++;
        } else if (!p2p_hash_equal(&a->roots[i].root, &b->roots[j].root)) {
            return a->roots[i].size;
        } else {
            i++;
            j++;
        }
    }
    return 0;
}

static enum p2p_err compare(struct p2p_audit *audit, struct audit_log *a, struct audit_log *b)
{
    uint64_t size = audit_parted(a, b);
    const char *first = p2p_archive_exporter(audit->archives[a->archive]);
    const char *second = p2p_archive_exporter(audit->archives[b->archive]);
    p2p_findings_count(audit->findings, P2P_CHECK_ARCHIVES, 1);
    a->differs = a->differs || size != 0;
    b->differs = b->differs || size != 0;
    if (size != 0) {
        p2p_findings_tell(audit->findings, P2P_FINDING_ARCHIVES_DIFFER, a->name, size,
                          "the first %llu records are others at %s than at %s",
                          (unsigned long long)size, first, second);
    }
    if (size != 0 && a->head.size >= size && b->head.size >= size) {
        p2p_findings_tell(audit->findings, P2P_FINDING_FORKED, a->name, size,
                          "the log signed one history for %s and another for %s", first,
                          second);
        a->forked = true;
        b->forked = true;
        return a->head.size < b->head.size ? audit_prove_fork(audit, b, &a->head)
                                           : audit_prove_fork(audit, a, &b->head);
    }
    if (size == 0 && a->size != b->size) {
        p2p_findings_tell(audit->findings, P2P_FINDING_ARCHIVE_BEHIND, a->name,
                          a->size < b->size ? a->size : b->size,
                          "%llu records at %s, %llu at %s", (unsigned long long)a->size, first,
                          (unsigned long long)b->size, second);
    }
    return P2P_OK;
}

/* The largest good history of each feed is what is replayed. */
enum p2p_err audit_choose(struct p2p_audit *audit)
{
    audit->chosen_count = p2p_charter_feed_count(audit->charter);
    audit->chosen =
        p2p_alloc_zeroed(audit->alloc, audit->chosen_count, sizeof(struct audit_log *));
    if (audit->chosen == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        struct audit_log *log = &audit->logs[i];
        if (log->number < audit->chosen_count && log->head.size > 0 &&
            (audit->chosen[log->number] == NULL ||
             audit->chosen[log->number]->head.size < log->head.size)) {
            audit->chosen[log->number] = log;
        }
    }
    return P2P_OK;
}

enum p2p_err audit_compare_logs(struct p2p_audit *audit)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < audit->log_count; i++) {
        for (size_t j = i + 1; j < audit->log_count && err == P2P_OK; j++) {
            if (audit->logs[i].archive != audit->logs[j].archive &&
                strcmp(audit->logs[i].name, audit->logs[j].name) == 0) {
                err = compare(audit, &audit->logs[i], &audit->logs[j]);
            }
        }
    }
    return err == P2P_OK ? audit_choose(audit) : err;
}

/* ---- proofs ---- */

static bool proves_fork(struct p2p_audit *audit, const char *path, struct p2p_slice text)
{
    struct p2p_fork_proof proof;
    if (p2p_fork_text_read(&proof, text) != P2P_OK) {
        return false;
    }
    for (uint32_t i = 1; i < p2p_charter_feed_count(audit->charter); i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(audit->charter, i);
        if (info != NULL && p2p_slice_equal(p2p_slice_text(info->origin), proof.origin)) {
            bool good = p2p_fork_verify(&proof, p2p_sigs_ed25519(), &info->key) == P2P_OK;
            struct audit_log *log = audit->chosen[i];
            if (good && log != NULL) {
                log->forked = true;
            }
            if (good) {
                p2p_findings_tell(audit->findings, P2P_FINDING_FORKED,
                                  log != NULL ? log->name : info->origin, proof.heads[0].size,
                                  "%s proves it: sizes %llu and %llu contradict each other",
                                  path, (unsigned long long)proof.heads[0].size,
                                  (unsigned long long)proof.heads[1].size);
            }
            return good;
        }
    }
    return false;
}

static bool proves_reuse(struct p2p_audit *audit, const char *path, struct p2p_arena *arena,
                         struct p2p_slice text)
{
    uint32_t issuer = 0;
    struct p2p_reuse *reuse = p2p_arena_take(arena, sizeof(*reuse));
    if (reuse == NULL || p2p_reuse_decode(reuse, arena, text) != P2P_OK ||
        p2p_reuse_verify(reuse, audit->charter, p2p_sigs_ed25519(), arena, &issuer, NULL) !=
            P2P_OK) {
        return false;
    }
    p2p_findings_tell(audit->findings, P2P_FINDING_NUMBER_REUSED, NULL, P2P_FINDING_NOWHERE,
                      "%s proves that %s signed two records under one number", path,
                      p2p_charter_issuer(audit->charter, issuer)->name);
    return true;
}

static enum p2p_err look_at_proof(struct p2p_audit *audit, const struct p2p_archive *archive,
                                  const char *path)
{
    struct p2p_archive_map map = {0};
    struct p2p_slice text;
    struct p2p_arena arena;
    enum p2p_err err = p2p_archive_load(archive, path, &map, &text);
    p2p_arena_init(&arena, audit->alloc, PROOF_ARENA_BYTES);
    p2p_findings_count(audit->findings, P2P_CHECK_FORKS, 1);
    if (err == P2P_OK && !proves_fork(audit, path, text) &&
        !proves_reuse(audit, path, &arena, text)) {
        p2p_findings_tell(audit->findings, P2P_FINDING_BAD_PROOF, path, P2P_FINDING_NOWHERE,
                          "it proves nothing by this charter");
    }
    p2p_arena_deinit(&arena);
    p2p_archive_unload(&map);
    return err == P2P_NOMEM ? err : P2P_OK; /* scan.c said what is not there */
}

enum p2p_err audit_proofs(struct p2p_audit *audit)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < audit->options.dir_count; i++) {
        const struct p2p_archive *archive = audit->archives[i];
        for (size_t j = 0; j < p2p_archive_file_count(archive) && err == P2P_OK; j++) {
            struct p2p_archive_place place;
            const char *path = p2p_archive_file(archive, j)->path;
            if (p2p_archive_path_parse(p2p_slice_text(path), &place) == P2P_OK &&
                place.type == P2P_PLACE_PROOF) {
                err = look_at_proof(audit, archive, path);
            }
        }
    }
    return err;
}
