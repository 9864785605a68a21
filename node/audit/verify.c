#include "parts.h"

#include <p2p/assert.h>
#include <p2p/file.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the trust file ---- */

static enum p2p_err read_trust(struct p2p_audit *audit, char *message, size_t cap)
{
    size_t line = 0;
    enum p2p_err err = audit_places(audit, message, cap);
    if (err == P2P_OK) {
        err = p2p_file_read(audit->options.trust_path, P2P_TRUST_FILE_BYTES_MAX,
                            &audit->trust_text, &audit->trust_len, message, cap);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_slice text = p2p_slice_of(audit->trust_text, audit->trust_len);
    audit->trust_hash = p2p_sha256(text);
    err = p2p_trust_parse(&audit->trust, text, &line);
    if (err != P2P_OK) {
        char place[32] = "";
        if (line > 0) {
            snprintf(place, sizeof place, " line %zu:", line);
        }
        snprintf(message, cap, "trust file %s:%s %s", audit->options.trust_path, place,
                 err == P2P_REFUSED ? "a quorum of nobody trusts nobody"
                 : err == P2P_MALFORMED
                     ? "not in the form that a trust file has; federation new "
                       "writes one"
                     : p2p_err_text(err));
        return P2P_USAGE;
    }
    return P2P_OK;
}

/* ---- opening ---- */

static enum p2p_err open_archives(struct p2p_audit *audit, char *message, size_t cap)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < audit->options.dir_count && err == P2P_OK; i++) {
        err = p2p_archive_open(&audit->archives[i], audit->options.dirs[i], audit->alloc,
                               message, cap);
        if (err == P2P_OK) {
            err = p2p_archive_stamp(audit->archives[i], &audit->stamps[i]);
        }
    }
    return err;
}

static unsigned threads_of(const struct p2p_audit_options *options)
{
    long processors =
        options->threads != 0 ? (long)options->threads : sysconf(_SC_NPROCESSORS_ONLN);
    if (processors < 1) {
        return 1;
    }
    return processors > (long)P2P_AUDIT_THREADS_MAX ? P2P_AUDIT_THREADS_MAX
                                                    : (unsigned)processors;
}

static void forget_replay(struct p2p_audit *audit)
{
    if (audit->has_ledger) {
        p2p_ledger_close(&audit->ledger);
    }
    audit->has_ledger = false;
    audit_index_close(audit->index);
    audit->index = NULL;
    audit_states_forget(audit);
    p2p_settled_free(audit->settled);
    audit->settled = NULL;
}

/* One replay, with findings of its own, which are told only when it is known to stand. */
static enum p2p_err replay_aside(struct p2p_audit *audit, struct p2p_findings **out)
{
    struct p2p_findings *told = audit->findings;
    enum p2p_err err = p2p_findings_new(out, audit->alloc);
    if (err == P2P_OK) {
        audit->findings = *out;
        err = audit_replay(audit);
        audit->findings = told;
    }
    return err;
}

/* The replay takes issuers' signatures for good while other threads verify them. Hardly ever
 * one is not: then there is another replay, which knows. */
static enum p2p_err replay_beside_signatures(struct p2p_audit *audit)
{
    struct audit_signatures *signatures = NULL;
    struct p2p_findings *told = NULL;
    size_t bad = 0;
    enum p2p_err err = audit_signatures_begin(&signatures, audit);
    if (err == P2P_OK && audit->options.depth == P2P_AUDIT_REPLAY) {
        err = replay_aside(audit, &told);
    }
    enum p2p_err verified = audit_signatures_end(signatures, &bad);
    if (verified == P2P_OK && bad > 0 && told != NULL) {
        p2p_findings_free(told);
        told = NULL;
        forget_replay(audit);
        err = replay_aside(audit, &told);
    }
    if (told != NULL) {
        p2p_findings_join(audit->findings, told);
        p2p_findings_free(told);
    }
    return verified == P2P_OK ? err : verified;
}

/* What can be said without a charter is said; the rest needs one. */
static enum p2p_err run_all(struct p2p_audit *audit)
{
    enum p2p_err err = audit_scan(audit);
    if (err != P2P_OK || audit->charter == NULL) {
        return err;
    }
    err = audit_roots_want(audit);
    if (err == P2P_OK) {
        err = audit_blocks(audit);
    }
    if (err == P2P_OK) {
        err = audit_roots(audit);
    }
    if (err == P2P_OK) {
        err = audit_notes(audit);
    }
    if (err == P2P_OK) {
        err = audit_compare_logs(audit);
    }
    if (err == P2P_OK) {
        err = audit_witnesses(audit);
    }
    if (err == P2P_OK) {
        err = audit_proofs(audit);
    }
    return err == P2P_OK ? replay_beside_signatures(audit) : err;
}

static enum p2p_err run_parts(struct p2p_audit *audit)
{
    enum p2p_err err = audit_charter(audit);
    if (err == P2P_OK) {
        err = audit_logs_make(audit);
    }
    if (err == P2P_OK && audit->options.keep_index && audit->charter != NULL &&
        audit_take(audit)) {
        audit->was_kept = true;
        return audit_reopen(audit);
    }
    return err == P2P_OK ? run_all(audit) : err;
}

enum p2p_err p2p_audit_run(struct p2p_audit **out, const struct p2p_audit_options *options,
                           struct p2p_findings *findings, char *message, size_t cap)
{
    p2p_assert(options->dir_count >= 1);
    p2p_assert(options->dir_count <= P2P_AUDIT_ARCHIVES_MAX);
    struct p2p_audit *audit = p2p_alloc_zeroed(options->alloc, 1, sizeof(*audit));
    snprintf(message, cap, "%s", p2p_err_text(P2P_NOMEM));
    if (audit == NULL || pthread_mutex_init(&audit->lock, NULL) != 0) {
        p2p_alloc_free(options->alloc, audit);
        return P2P_NOMEM;
    }
    audit->options = *options;
    audit->alloc = options->alloc;
    audit->findings = findings;
    audit->threads = threads_of(options);
    enum p2p_err err = read_trust(audit, message, cap);
    if (err == P2P_OK) {
        err = open_archives(audit, message, cap);
    }
    if (err == P2P_OK) {
        err = run_parts(audit);
        if (err != P2P_OK && audit->no_index[0] != '\0') {
            snprintf(message, cap,
                     "%s cannot be written, in which an audit keeps its index: name another "
                     "place with --index DIR",
                     audit->no_index);
        } else if (err != P2P_OK) {
            snprintf(message, cap, "the audit cannot go on: %s", p2p_err_text(err));
        }
    }
    if (err != P2P_OK) {
        p2p_audit_close(audit);
        return err;
    }
    p2p_findings_sort(findings);
    if (options->keep_index && audit->has_ledger && !audit->was_kept) {
        audit_keep(audit);
    }
    *out = audit;
    return P2P_OK;
}

static void close_log(struct p2p_audit *audit, struct audit_log *log)
{
    p2p_alloc_free(audit->alloc, log->flags);
    p2p_alloc_free(audit->alloc, log->times_s);
    p2p_alloc_free(audit->alloc, log->blocks);
    p2p_alloc_free(audit->alloc, log->roots);
    p2p_alloc_free(audit->alloc, log->claims);
    p2p_alloc_free(audit->alloc, log->states);
    if (log->has_lock) {
        pthread_mutex_destroy(&log->lock);
    }
}

void p2p_audit_close(struct p2p_audit *audit)
{
    if (audit == NULL) {
        return;
    }
    forget_replay(audit);
    for (size_t i = 0; i < audit->log_count; i++) {
        close_log(audit, &audit->logs[i]);
    }
    p2p_alloc_free(audit->alloc, audit->logs);
    p2p_alloc_free(audit->alloc, audit->chosen);
    p2p_alloc_free(audit->alloc, audit->signings);
    p2p_alloc_free(audit->alloc, audit->strays);
    p2p_alloc_free(audit->alloc, audit->keys);
    p2p_charter_free(audit->charter);
    for (size_t i = 0; i < audit->options.dir_count; i++) {
        p2p_archive_close(audit->archives[i]);
    }
    free(audit->trust_text);
    pthread_mutex_destroy(&audit->lock);
    p2p_alloc_free(audit->alloc, audit);
}

/* ---- looking at it ---- */

void p2p_audit_summary(const struct p2p_audit *audit, struct p2p_audit_summary *out)
{
    *out = (struct p2p_audit_summary){.federation = "",
                                      .trust_hash = audit->trust_hash,
                                      .archive_count = audit->options.dir_count,
                                      .frontier = audit->frontier,
                                      .leaves = audit->leaves};
    if (audit->charter == NULL) {
        return;
    }
    out->federation = p2p_charter_federation(audit->charter);
    out->federation_id = p2p_charter_federation_id(audit->charter);
    out->charter_size = p2p_charter_size(audit->charter);
    for (size_t i = 0; i < audit->chosen_count; i++) {
        if (audit->chosen[i] != NULL) {
            out->feed_count++;
            out->records += audit->chosen[i]->head.size;
        }
    }
}

struct p2p_hash p2p_audit_archive_hash(const struct p2p_audit *audit, size_t archive)
{
    p2p_assert(archive < audit->options.dir_count);
    return p2p_archive_hash(audit->archives[archive]);
}

struct p2p_ledger *p2p_audit_ledger(struct p2p_audit *audit)
{
    return audit->has_ledger ? &audit->ledger : NULL;
}

const struct p2p_kv *p2p_audit_kv(struct p2p_audit *audit)
{
    return audit->index == NULL ? NULL : audit_index_kv(audit->index);
}

const char *p2p_audit_damaged(const struct p2p_audit *audit)
{
    return audit->damaged[0] != '\0' ? audit->damaged : NULL;
}

const struct p2p_settled *p2p_audit_settled(const struct p2p_audit *audit)
{
    return audit->settled;
}
