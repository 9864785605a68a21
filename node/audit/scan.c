/* Every file of every archive once: whether it is as the manifest lists it, and of entry
 * bundles what the passes after this one must know beforehand: which sizes `seen` records name,
 * where state commitments stand, which records decide. */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/kind.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the logs there are ---- */

struct audit_log *audit_log_find(const struct p2p_audit *audit, size_t archive,
                                 struct p2p_slice dir)
{
    for (size_t i = 0; i < audit->log_count; i++) {
        if (audit->logs[i].archive == archive &&
            p2p_slice_equal(p2p_slice_text(audit->logs[i].dir), dir)) {
            return &audit->logs[i];
        }
    }
    return NULL;
}

/* `beanr-1` is `beanr/1`. */
static void name_of(struct audit_log *log)
{
    char *dash;
    snprintf(log->name, sizeof log->name, "%s", log->dir);
    dash = strrchr(log->name, '-');
    if (dash != NULL) {
        *dash = '/';
    }
}

static enum p2p_err make_log(struct p2p_audit *audit, size_t archive, size_t place)
{
    struct audit_log *log = &audit->logs[audit->log_count];
    *log = (struct audit_log){.archive = archive, .place = place, .number = AUDIT_NO_NUMBER};
    log->dir = p2p_archive_feed_name(audit->archives[archive], place);
    log->size = p2p_archive_feed_size(audit->archives[archive], place);
    name_of(log);
    if (pthread_mutex_init(&log->lock, NULL) != 0) {
        return P2P_NOMEM;
    }
    log->has_lock = true;
    audit->log_count++;
    if (audit->charter != NULL) {
        log->info = p2p_charter_feed_named(audit->charter, p2p_slice_text(log->name));
        log->number = log->info == NULL ? AUDIT_NO_NUMBER : log->info->number;
    }
    if (audit->charter != NULL && log->info == NULL) {
        p2p_findings_tell(audit->findings, P2P_FINDING_FEED_UNKNOWN, log->name,
                          P2P_FINDING_NOWHERE, "the charter names no feed %s", log->name);
    }
    log->flags = p2p_alloc_zeroed(audit->alloc, (size_t)log->size + 1, 1);
    log->blocks = p2p_alloc_zeroed(audit->alloc, (size_t)(log->size / P2P_TILE_HASHES) + 1,
                                   sizeof(*log->blocks));
    log->times_s = p2p_alloc_zeroed(audit->alloc, (size_t)log->size + 1, sizeof(*log->times_s));
    return log->flags == NULL || log->blocks == NULL || log->times_s == NULL ? P2P_NOMEM
                                                                             : P2P_OK;
}

enum p2p_err audit_logs_make(struct p2p_audit *audit)
{
    size_t count = 0;
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < audit->options.dir_count; i++) {
        count += p2p_archive_feed_count(audit->archives[i]);
    }
    audit->logs = p2p_alloc_zeroed(audit->alloc, count + 1, sizeof(*audit->logs));
    if (audit->logs == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < audit->options.dir_count; i++) {
        for (size_t j = 0; j < p2p_archive_feed_count(audit->archives[i]) && err == P2P_OK;
             j++) {
            err = make_log(audit, i, j);
        }
    }
    return err;
}

/* ---- one file ---- */

struct scan {
    struct p2p_audit *audit;
    size_t archive;
};

static void collect_claims(struct audit_log *log, const struct p2p_alloc *alloc, uint64_t index,
                           struct p2p_slice content)
{
    struct p2p_unpack in;
    if (!p2p_unpack_find(content, "feeds", &in)) {
        return;
    }
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && !p2p_unpack_failed(&in); i++) {
        struct audit_claim claim = {.index = index};
        struct p2p_hash root;
        bool shape = p2p_unpack_array(&in) == 3;
        claim.of = p2p_unpack_u32(&in);
        claim.size = p2p_unpack_uint(&in);
        p2p_unpack_fixed(&in, root.bytes, P2P_HASH_BYTES);
        if (!shape || p2p_unpack_failed(&in)) {
            return;
        }
        if (audit_grow(alloc, (void **)&log->claims, log->claim_count, &log->claim_cap,
                       sizeof(claim)) != P2P_OK) {
            log->out_of_memory = true;
            return;
        }
        log->claims[log->claim_count++] = claim;
    }
}

static void collect(struct p2p_audit *audit, struct audit_log *log, uint64_t index,
                    const struct p2p_record *record)
{
    bool plain = record->issuer == 0 && record->body_type == P2P_BODY_PUBLIC;
    uint64_t time_s = record->time_ms / 1000;
    unsigned flags = 0;
    if (record->issuer != 0) {
        flags |= AUDIT_DECIDES | AUDIT_JUDGED | AUDIT_LATE;
    }
    if (record->kind == P2P_KIND_DECISIONS) {
        flags |= AUDIT_DECIDES | AUDIT_DECISIONS;
    }
    if (record->kind == P2P_KIND_FORK || record->kind == P2P_KIND_RESCUED) {
        flags |= AUDIT_JUDGED;
    }
    if (record->body_type == P2P_BODY_COMMITMENT) {
        flags |= AUDIT_PRIVATE;
    }
    log->flags[index] = (uint8_t)flags;
    log->times_s[index] = time_s > UINT32_MAX ? UINT32_MAX : (uint32_t)time_s;
    if (!plain || (record->kind != P2P_KIND_SEEN && record->kind != P2P_KIND_STATE)) {
        return;
    }
    pthread_mutex_lock(&log->lock);
    if (record->kind == P2P_KIND_SEEN) {
        collect_claims(log, audit->alloc, index, record->content);
    } else if (audit_grow(audit->alloc, (void **)&log->states, log->state_count,
                          &log->state_cap, sizeof(*log->states)) != P2P_OK) {
        log->out_of_memory = true;
    } else {
        log->states[log->state_count++] = index;
    }
    pthread_mutex_unlock(&log->lock);
}

/* The records of a bundle. Whether there are as many as its name says is found by who walks
 * them: blocks.c. */
static void scan_bundle(struct p2p_audit *audit, struct audit_log *log, uint64_t number,
                        struct p2p_slice bytes)
{
    struct p2p_reader in;
    p2p_reader_init(&in, bytes);
    for (uint64_t index = number * P2P_TILE_HASHES;
         p2p_reader_left(&in) > 0 && index < log->size; index++) {
        struct p2p_record record;
        struct p2p_slice leaf = p2p_reader_bytes(&in, p2p_reader_u16(&in));
        if (in.failed) {
            return;
        }
        enum p2p_err err = p2p_record_decode(&record, leaf);
        if (err == P2P_OK) {
            collect(audit, log, index, &record);
            continue;
        }
        log->flags[index] = AUDIT_MALFORMED;
        p2p_findings_tell(audit->findings, P2P_FINDING_RECORD_MALFORMED, log->name, index,
                          "the leaf is no record: %s", p2p_err_text(err));
    }
}

/* Whether a tree of so many records has a tile there, and of that width. */
static bool has_tile(uint64_t size, const struct p2p_archive_place *place)
{
    int level = place->type == P2P_PLACE_TILE ? place->level : 0;
    uint64_t hashes = level < (int)P2P_TILE_LEVELS_MAX ? size >> (8 * level) : 0;
    uint64_t full = hashes / P2P_TILE_HASHES;
    return place->number < full
               ? place->width == P2P_TILE_HASHES
               : place->number == full && place->width == hashes % P2P_TILE_HASHES;
}

/* Whether it is a file of this archive's feeds, as large as they are: any other one is looked
 * at by nobody, and might hold another history. */
static bool has_place(const struct audit_log *log, const struct p2p_archive_place *place)
{
    switch (place->type) {
    case P2P_PLACE_PROOF:
        return true;
    case P2P_PLACE_CHECKPOINT:
    case P2P_PLACE_NOTE:
    case P2P_PLACE_HEARTBEAT:
        return log != NULL;
    case P2P_PLACE_TILE:
    case P2P_PLACE_ENTRIES:
    case P2P_PLACE_PAYLOADS:
        return log != NULL && has_tile(log->size, place);
    }
    return false;
}

static enum p2p_err scan_file(void *context, size_t i)
{
    struct scan *scan = context;
    struct p2p_audit *audit = scan->audit;
    const struct p2p_archive *archive = audit->archives[scan->archive];
    const struct p2p_archive_file *file = p2p_archive_file(archive, i);
    struct p2p_archive_map map = {0};
    struct p2p_archive_place place;
    struct p2p_slice bytes;
    enum p2p_err err = p2p_archive_load(archive, file->path, &map, &bytes);
    if (err == P2P_NOMEM) {
        return err;
    }
    if (err != P2P_OK) {
        p2p_findings_tell(audit->findings, P2P_FINDING_FILE_MISSING, file->path,
                          P2P_FINDING_NOWHERE, "the manifest lists it: %s",
                          err == P2P_NOTFOUND ? "it is not there" : p2p_err_text(err));
        p2p_archive_unload(&map);
        return P2P_OK;
    }
    struct p2p_hash hash = p2p_sha256(bytes);
    if (bytes.len != file->size || !p2p_hash_equal(&hash, &file->hash)) {
        p2p_findings_tell(audit->findings, P2P_FINDING_FILE_DIFFERS, file->path,
                          P2P_FINDING_NOWHERE, "%zu bytes, not the %llu of the manifest%s",
                          bytes.len, (unsigned long long)file->size,
                          bytes.len == file->size ? ": their hash is another" : "");
    }
    bool parsed = p2p_archive_path_parse(p2p_slice_text(file->path), &place) == P2P_OK;
    struct audit_log *log = parsed ? audit_log_find(audit, scan->archive, place.feed) : NULL;
    if (!parsed || !has_place(log, &place)) {
        p2p_findings_tell(audit->findings, P2P_FINDING_FILE_EXTRA, file->path,
                          P2P_FINDING_NOWHERE,
                          "the manifest lists it, and no archive of these "
                          "feeds has it");
    } else if (place.type == P2P_PLACE_ENTRIES) {
        scan_bundle(audit, log, place.number, bytes);
    }
    p2p_archive_unload(&map);
    return P2P_OK;
}

static void stray(void *context, const char *path)
{
    struct p2p_audit *audit = context;
    p2p_findings_tell(audit->findings, P2P_FINDING_FILE_EXTRA, path, P2P_FINDING_NOWHERE,
                      "the manifest does not list it");
}

/* ---- in order ---- */

static int by_index(const void *left, const void *right)
{
    const struct audit_claim *a = left;
    const struct audit_claim *b = right;
    if (a->index != b->index) {
        return a->index < b->index ? -1 : 1;
    }
    return a->of < b->of ? -1 : a->of > b->of;
}

static int by_value(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return *a < *b ? -1 : *a > *b;
}

enum p2p_err audit_scan(struct p2p_audit *audit)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < audit->options.dir_count && err == P2P_OK; i++) {
        struct scan scan = {audit, i};
        size_t count = p2p_archive_file_count(audit->archives[i]);
        err = audit_parallel(audit, "reading files", count, scan_file, &scan);
        p2p_findings_count(audit->findings, P2P_CHECK_MANIFEST, count);
        if (err == P2P_OK) {
            err = p2p_archive_strays(audit->archives[i], stray, audit);
        }
    }
    for (size_t i = 0; i < audit->log_count && err == P2P_OK; i++) {
        struct audit_log *log = &audit->logs[i];
        if (log->out_of_memory) {
            err = P2P_NOMEM;
        }
        if (log->claim_count > 0) {
            qsort(log->claims, log->claim_count, sizeof(*log->claims), by_index);
        }
        if (log->state_count > 0) {
            qsort(log->states, log->state_count, sizeof(*log->states), by_value);
        }
    }
    return err;
}
