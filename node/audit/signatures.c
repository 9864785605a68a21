/* Issuers' signatures, in bundles of 256 records that any thread may take: most of an audit's
 * time, so they are verified while the replay goes on. What is found is kept aside until the
 * end, since the replay reads the flags meanwhile. */
#include "parts.h"

struct bad {
    struct audit_log *log;
    uint64_t index;
};

struct audit_signatures {
    struct audit_job job;
    struct p2p_audit *audit;
    struct p2p_findings *findings; /* the audit's own may be others meanwhile */
    size_t
        *first; /* of each log the number of its first bundle; one more: how many there are */
    struct bad *bad;
    size_t bad_count, bad_cap;
    pthread_mutex_t lock; /* of bad */
};

static enum p2p_err tell_bad(struct audit_signatures *signatures, struct audit_log *log,
                             uint64_t index, const struct p2p_issuer *issuer)
{
    pthread_mutex_lock(&signatures->lock);
    enum p2p_err err =
        audit_grow(signatures->audit->alloc, (void **)&signatures->bad, signatures->bad_count,
                   &signatures->bad_cap, sizeof(*signatures->bad));
    if (err == P2P_OK) {
        signatures->bad[signatures->bad_count++] = (struct bad){log, index};
    }
    pthread_mutex_unlock(&signatures->lock);
    p2p_findings_tell(signatures->findings, P2P_FINDING_ISSUER_SIGNATURE, log->name, index,
                      "%s did not sign it", issuer->name);
    return err;
}

/* message: P2P_SIGNED_BYTES_MAX of room. */
static enum p2p_err verify_one(struct audit_signatures *signatures, struct audit_log *log,
                               uint64_t index, struct p2p_slice leaf, uint8_t *message,
                               uint64_t *count)
{
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    struct p2p_record record;
    enum p2p_err err = p2p_record_peek(&record, leaf); /* scan.c saw that it is canonical */
    if (err != P2P_OK || record.issuer == 0) {
        return P2P_OK;
    }
    const struct p2p_issuer *issuer =
        p2p_charter_issuer(signatures->audit->charter, record.issuer);
    if (issuer == NULL || issuer->member != log->info->member) {
        return P2P_OK; /* the replay says what is wrong with the issuer */
    }
    ++*count;
    size_t len = p2p_record_signed_bytes(message, p2p_record_head(&record),
                                         p2p_slice_text(log->info->origin));
    bool good = sigs->verify(sigs->context, issuer->key.bytes, record.signature,
                             p2p_slice_of(message, len));
    return good ? P2P_OK : tell_bad(signatures, log, index, issuer);
}

static enum p2p_err verify_bundle(struct audit_signatures *signatures, struct audit_log *log,
                                  uint64_t from, uint64_t to, uint8_t *message)
{
    const unsigned wanted = AUDIT_JUDGED | AUDIT_MALFORMED;
    struct p2p_archive_walk walk;
    uint64_t count = 0;
    enum p2p_err err = P2P_OK;
    while (from < to && (log->flags[from] & wanted) != AUDIT_JUDGED) {
        from++;
    }
    p2p_archive_walk_begin(&walk, signatures->audit->archives[log->archive], log->place, from);
    for (uint64_t i = from; i < to && err == P2P_OK; i++) {
        struct p2p_slice leaf;
        err = p2p_archive_walk_next(&walk, &leaf);
        if (err == P2P_OK && (log->flags[i] & wanted) == AUDIT_JUDGED) {
            err = verify_one(signatures, log, i, leaf, message, &count);
        }
    }
    p2p_archive_walk_end(&walk);
    p2p_findings_count(signatures->findings, P2P_CHECK_ISSUERS, count);
    return err == P2P_NOMEM ? err : P2P_OK; /* or blocks.c has said so */
}

static enum p2p_err do_bundle(void *context, size_t i)
{
    struct audit_signatures *signatures = context;
    struct p2p_audit *audit = signatures->audit;
    size_t at = 0;
    while (signatures->first[at + 1] <= i) {
        at++;
    }
    struct audit_log *log = &audit->logs[at];
    uint64_t from = (uint64_t)(i - signatures->first[at]) * P2P_TILE_HASHES;
    uint64_t to = from + P2P_TILE_HASHES < log->size ? from + P2P_TILE_HASHES : log->size;
    if (log->info == NULL || audit->options.skip_issuer_signatures) {
        return P2P_OK;
    }
    uint8_t *message = p2p_alloc_zeroed(audit->alloc, 1, P2P_SIGNED_BYTES_MAX);
    if (message == NULL) {
        return P2P_NOMEM;
    }
    enum p2p_err err = verify_bundle(signatures, log, from, to, message);
    p2p_alloc_free(audit->alloc, message);
    return err;
}

static void free_all(struct audit_signatures *signatures)
{
    const struct p2p_alloc *alloc = signatures->audit->alloc;
    pthread_mutex_destroy(&signatures->lock);
    p2p_alloc_free(alloc, signatures->bad);
    p2p_alloc_free(alloc, signatures->first);
    p2p_alloc_free(alloc, signatures);
}

enum p2p_err audit_signatures_begin(struct audit_signatures **out, struct p2p_audit *audit)
{
    struct audit_signatures *signatures =
        p2p_alloc_zeroed(audit->alloc, 1, sizeof(*signatures));
    if (signatures == NULL || pthread_mutex_init(&signatures->lock, NULL) != 0) {
        p2p_alloc_free(audit->alloc, signatures);
        return P2P_NOMEM;
    }
    signatures->audit = audit;
    signatures->findings = audit->findings;
    signatures->first = p2p_alloc_zeroed(audit->alloc, audit->log_count + 1, sizeof(size_t));
    if (signatures->first == NULL) {
        free_all(signatures);
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        uint64_t count = (audit->logs[i].size + P2P_TILE_HASHES - 1) / P2P_TILE_HASHES;
        signatures->first[i + 1] = signatures->first[i] + (size_t)count;
    }
    signatures->job = (struct audit_job){.audit = audit,
                                         .stage = "verifying issuers",
                                         .count = signatures->first[audit->log_count],
                                         .work = do_bundle,
                                         .context = signatures};
    audit_job_begin(&signatures->job);
    *out = signatures;
    return P2P_OK;
}

enum p2p_err audit_signatures_end(struct audit_signatures *signatures, size_t *bad)
{
    *bad = 0;
    if (signatures == NULL) {
        return P2P_OK;
    }
    enum p2p_err err = audit_job_end(&signatures->job);
    for (size_t i = 0; i < signatures->bad_count; i++) {
        struct audit_log *log = signatures->bad[i].log;
        const struct p2p_audit *audit = signatures->audit;
        log->flags[signatures->bad[i].index] |= AUDIT_BAD_SIGNATURE;
        *bad += log->number < audit->chosen_count && audit->chosen[log->number] == log;
    }
    free_all(signatures);
    return err;
}
