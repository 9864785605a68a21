/* Every record, in blocks of 256 that any thread may take: leaf hashes against the stored tile,
 * the block's place in the tree, form, citations, payloads. */
#include "parts.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/kind.h>

#include <stdlib.h>

struct blocks {
    struct p2p_audit *audit;
    size_t *first; /* of each log the number of its first block; one more: how many there are */
};

/* One block while it is worked on. */
struct block {
    struct p2p_audit *audit;
    struct audit_log *log;
    uint64_t number;
    uint64_t index; /* of the record that is looked at */
    struct p2p_payload_walk payloads;
    struct p2p_edge edge; /* of the leaves in it so far */
    size_t next_root;     /* of log->roots */
    uint64_t commitments, cites, privates;
};

/* ---- what each record is ---- */

static void tell(const struct block *block, enum p2p_finding_code code, const char *text)
{
    p2p_findings_tell(block->audit->findings, code, block->log->name, block->index, "%s", text);
}

static void check_author(const struct block *block, const struct p2p_record *record,
                         const struct p2p_kind *kind)
{
    unsigned author = block->log->number == P2P_CHARTER_FEED ? P2P_BY_CHARTER
                      : record->issuer == 0                  ? P2P_BY_NODE
                                                             : P2P_BY_ISSUER;
    if ((kind->authors & author) == 0) {
        p2p_findings_tell(block->audit->findings, P2P_FINDING_WRONG_AUTHOR, block->log->name,
                          block->index, "a %s may not be written by %s", kind->word,
                          author == P2P_BY_ISSUER ? "an issuer"
                          : author == P2P_BY_NODE ? "the node itself"
                                                  : "the charter");
    }
}

/* payload: empty when it is not held. */
static void check_form(const struct block *block, const struct p2p_record *record,
                       struct p2p_slice payload)
{
    const struct p2p_kind *kind = p2p_kind_find(record->kind);
    if (kind == NULL) {
        p2p_findings_tell(block->audit->findings, P2P_FINDING_KIND_UNKNOWN, block->log->name,
                          block->index, "kind %u", record->kind);
        return;
    }
    check_author(block, record, kind);
    struct p2p_slice content = record->body_type == P2P_BODY_PUBLIC ? record->content : payload;
    bool fits = kind->body == record->body_type &&
                (content.len == 0 || p2p_kind_validate(kind, content) == P2P_OK);
    if (!fits) {
        p2p_findings_tell(block->audit->findings, P2P_FINDING_BAD_CONTENT, block->log->name,
                          block->index, "its content is not that of a %s", kind->word);
    }
    if (block->index == 0 && block->log->number != P2P_CHARTER_FEED &&
        record->kind != P2P_KIND_ADDRESS) {
        tell(block, P2P_FINDING_NO_ADDRESS, "the first record is no address");
    }
}

static void check_cites(struct block *block, const struct p2p_record *record)
{
    const struct p2p_audit *audit = block->audit;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    p2p_cites_begin(&walk, record);
    while (p2p_cites_next(&walk, &cite)) {
        uint64_t size = 0;
        bool held = false;
        block->cites++;
        for (size_t i = 0; i < audit->log_count; i++) {
            held = held || audit->logs[i].number == cite.feed;
            if (audit->logs[i].number == cite.feed && audit->logs[i].size > size) {
                size = audit->logs[i].size;
            }
        }
        if (!held || cite.index >= size) {
            const struct p2p_feed_info *info = p2p_charter_feed(audit->charter, cite.feed);
            p2p_findings_tell(
                audit->findings, P2P_FINDING_CITES_NOTHING, block->log->name, block->index,
                "it cites record %llu of %s, which is not here", (unsigned long long)cite.index,
                info == NULL ? "a feed that the charter does not name" : info->origin);
        }
    }
}

static enum p2p_err check_payload(struct block *block, const struct p2p_record *record,
                                  struct p2p_slice *payload)
{
    enum p2p_payload_state state;
    struct p2p_slice salted;
    enum p2p_err err =
        p2p_payload_walk_get(&block->payloads, block->index, record->circle, &state, &salted);
    block->privates++;
    if (err != P2P_OK) {
        if (err == P2P_MALFORMED) {
            tell(block, P2P_FINDING_BAD_COMMITMENT,
                 "the bundle of its payload is not what its name says");
        }
        return err == P2P_NOMEM ? err : P2P_OK; /* or scan.c has said so */
    }
    if (state == P2P_PAYLOAD_UNANNOUNCED) {
        tell(block, P2P_FINDING_PAYLOAD_MISSING,
             "its payload is not here, and the manifest does not say why");
    }
    if (state != P2P_PAYLOAD_HELD) {
        return P2P_OK;
    }
    block->commitments++;
    if (p2p_archive_announced(block->payloads.archive, block->log->place, block->index,
                              record->circle) != P2P_PAYLOAD_UNANNOUNCED) {
        tell(block, P2P_FINDING_FALSE_RANGE,
             "its payload is here, and the manifest says that it is not");
    }
    err = p2p_record_open(record, p2p_slice_text(block->log->info->origin), salted, payload);
    if (err != P2P_OK) {
        *payload = (struct p2p_slice){0};
        if (err == P2P_COMMITMENT) {
            tell(block, P2P_FINDING_BAD_COMMITMENT,
                 "the payload here is not the one it committed to");
        } else { /* that is the one, and its author may not have written it */
            tell(block, P2P_FINDING_BAD_CONTENT, "its payload is not in the one form it has");
        }
        return P2P_OK;
    }
    block->log->flags[block->index] |= AUDIT_HELD;
    return P2P_OK;
}

/* One leaf; what is no record was told by scan.c. */
static enum p2p_err look_at(struct block *block, struct p2p_slice leaf)
{
    struct p2p_record record;
    struct p2p_slice payload = {0};
    enum p2p_err err = P2P_OK;
    struct audit_log *log = block->log;
    if (log->info == NULL || (log->flags[block->index] & AUDIT_MALFORMED) != 0 ||
        p2p_record_decode(&record, leaf) != P2P_OK) {
        return P2P_OK;
    }
    if (record.body_type == P2P_BODY_COMMITMENT) {
        err = check_payload(block, &record, &payload);
    }
    if (err == P2P_OK) {
        check_form(block, &record, payload);
        check_cites(block, &record);
    }
    return err;
}

/* Every payload in the bundle has a record that committed to one. Of a bundle that cannot be
 * read its private records tell. */
static enum p2p_err check_unasked(struct block *block, uint64_t first)
{
    uint32_t count = 0;
    enum p2p_err err = p2p_payload_walk_count(&block->payloads, first, &count);
    if (err == P2P_MALFORMED && block->privates == 0) {
        p2p_findings_tell(block->audit->findings, P2P_FINDING_BAD_COMMITMENT, block->log->name,
                          first, "a bundle of payloads is not what its name says");
    } else if (err == P2P_OK && count > block->commitments) {
        p2p_findings_tell(block->audit->findings, P2P_FINDING_BAD_COMMITMENT, block->log->name,
                          first,
                          "of %u payloads of the records from here on %llu are of records that "
                          "committed to none",
                          count, (unsigned long long)(count - block->commitments));
    }
    return err == P2P_NOMEM ? err : P2P_OK; /* or scan.c has said so */
}

/* ---- its place in the tree ---- */

/* The next leaf's hash; where somebody names the size it makes, what stands right of the whole
 * blocks is put down. */
static void extend(struct block *block, const struct p2p_hash *hash)
{
    struct audit_log *log = block->log;
    uint64_t size = block->index + 1;
    p2p_edge_append(&block->edge, hash, NULL);
    while (block->next_root < log->root_count && log->roots[block->next_root].size < size) {
        block->next_root++;
    }
    if (block->next_root < log->root_count && log->roots[block->next_root].size == size) {
        log->roots[block->next_root].root = p2p_edge_root(&block->edge);
    }
    if (block->edge.size == P2P_TILE_HASHES) {
        log->blocks[block->number] = block->edge.peaks[8];
    }
}

/* The size at which somebody first names a root within the block. */
static size_t first_root(const struct audit_log *log, uint64_t after)
{
    size_t low = 0;
    size_t high = log->root_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->roots[middle].size > after) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static enum p2p_err walk_block(struct block *block)
{
    struct p2p_hash hashes[P2P_TILE_HASHES];
    struct p2p_archive_walk walk;
    const struct p2p_archive *archive = block->audit->archives[block->log->archive];
    uint64_t first = block->number * P2P_TILE_HASHES;
    uint64_t end = first + P2P_TILE_HASHES;
    end = end < block->log->size ? end : block->log->size;
    enum p2p_err err = P2P_OK;
    p2p_archive_walk_begin(&walk, archive, block->log->place, first);
    for (block->index = first; block->index < end && err == P2P_OK; block->index++) {
        struct p2p_slice leaf;
        err = p2p_archive_walk_next(&walk, &leaf);
        if (err == P2P_OK) {
            hashes[block->index - first] = p2p_leaf_hash(leaf);
            extend(block, &hashes[block->index - first]);
            err = look_at(block, leaf);
        }
    }
    if (err == P2P_MALFORMED || err == P2P_GAP || err == P2P_IO || err == P2P_TOOLARGE) {
        for (uint64_t i = first; i < end; i++) {
            block->log->flags[i] = AUDIT_MALFORMED;
        }
        p2p_findings_tell(
            block->audit->findings, P2P_FINDING_BUNDLE_MALFORMED, block->log->name, first,
            "the records %llu to %llu cannot be read: %s", (unsigned long long)first,
            (unsigned long long)end - 1, p2p_err_text(err));
        err = P2P_OK;
    } else if (err == P2P_OK) {
        err = audit_compare_tile(block->audit, block->log, 0, block->number, hashes,
                                 (uint32_t)(end - first));
    }
    p2p_archive_walk_end(&walk);
    return err;
}

static struct audit_log *log_of(const struct blocks *blocks, size_t i)
{
    size_t low = 0;
    size_t high = blocks->audit->log_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (blocks->first[middle] <= i) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &blocks->audit->logs[low];
}

static enum p2p_err do_block(void *context, size_t i)
{
    const struct blocks *blocks = context;
    struct p2p_audit *audit = blocks->audit;
    struct audit_log *log = log_of(blocks, i);
    struct block block = {.audit = audit, .log = log};
    block.number = i - blocks->first[log - audit->logs];
    block.next_root = first_root(log, block.number * P2P_TILE_HASHES);
    p2p_edge_init(&block.edge);
    p2p_payload_walk_begin(&block.payloads, audit->archives[log->archive], log->place);
    enum p2p_err err = walk_block(&block);
    if (err == P2P_OK && log->info != NULL) {
        err = check_unasked(&block, block.number * P2P_TILE_HASHES);
    }
    p2p_payload_walk_end(&block.payloads);
    p2p_findings_count(audit->findings, P2P_CHECK_ENCODING, block.edge.size);
    p2p_findings_count(audit->findings, P2P_CHECK_TILES, 1);
    p2p_findings_count(audit->findings, P2P_CHECK_SCHEMA, block.edge.size);
    p2p_findings_count(audit->findings, P2P_CHECK_COMMITMENTS, block.commitments);
    p2p_findings_count(audit->findings, P2P_CHECK_CITATIONS, block.cites);
    p2p_findings_count(audit->findings, P2P_CHECK_PAYLOADS, block.privates);
    return err;
}

/* ---- what the manifest announces ---- */

/* Whether a record is a private one of this circle whose payload is not here. */
static enum p2p_err is_absent(const struct p2p_archive *archive, const struct audit_log *log,
                              uint64_t index, uint32_t circle, bool *absent)
{
    const unsigned wanted = AUDIT_PRIVATE | AUDIT_HELD | AUDIT_MALFORMED;
    struct p2p_archive_walk walk;
    struct p2p_slice leaf;
    struct p2p_record record;
    *absent = false;
    if (index >= log->size || (log->flags[index] & wanted) != AUDIT_PRIVATE) {
        return P2P_OK;
    }
    p2p_archive_walk_begin(&walk, archive, log->place, index);
    enum p2p_err err = p2p_archive_walk_next(&walk, &leaf);
    if (err == P2P_OK) {
        *absent = p2p_record_peek(&record, leaf) == P2P_OK && record.circle == circle;
    }
    p2p_archive_walk_end(&walk);
    return err == P2P_NOMEM ? err : P2P_OK; /* or blocks.c has said so */
}

/* A range begins and ends with what is not here: one of nothing would make a circle seem
 * incomplete, whose decisions nobody could check then. */
static enum p2p_err check_range(struct p2p_audit *audit, size_t at,
                                const struct p2p_payload_range *range,
                                const struct audit_log *log)
{
    bool begins = false;
    bool ends = false;
    enum p2p_err err = P2P_OK;
    if (log != NULL) {
        err = is_absent(audit->archives[at], log, range->first, range->circle, &begins);
    }
    if (err == P2P_OK && log != NULL) {
        err = is_absent(audit->archives[at], log, range->last, range->circle, &ends);
    }
    if (err == P2P_OK && (!begins || !ends)) {
        p2p_findings_tell(audit->findings, P2P_FINDING_FALSE_RANGE,
                          log == NULL ? range->feed : log->name,
                          begins ? range->last : range->first,
                          "no payload of this record in circle %u is absent", range->circle);
    }
    return err;
}

static enum p2p_err announce(struct p2p_audit *audit, size_t at)
{
    const struct p2p_archive *archive = audit->archives[at];
    const struct p2p_member *exporter =
        p2p_charter_member_named(audit->charter, p2p_slice_text(p2p_archive_exporter(archive)));
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < p2p_archive_range_count(archive) && err == P2P_OK; i++) {
        const struct p2p_payload_range *range = p2p_archive_range(archive, i);
        const struct p2p_circle *circle = p2p_charter_circle(audit->charter, range->circle);
        bool own = circle != NULL && exporter != NULL &&
                   p2p_circle_has(circle, exporter->number) &&
                   range->state == P2P_PAYLOAD_WITHHELD;
        enum p2p_finding_code code = own ? P2P_FINDING_WITHHELD_OWN
                                     : range->state == P2P_PAYLOAD_WITHHELD
                                         ? P2P_FINDING_WITHHELD
                                     : range->state == P2P_PAYLOAD_ERASED ? P2P_FINDING_ERASED
                                                                          : P2P_FINDING_LOST;
        const struct audit_log *log = audit_log_find(audit, at, p2p_slice_text(range->feed));
        p2p_findings_tell(
            audit->findings, code, log == NULL ? range->feed : log->name, range->first,
            "payloads of circle %s in the archive of %s: %s, of records %llu to %llu",
            circle == NULL ? "without a name" : circle->name, p2p_archive_exporter(archive),
            p2p_payload_state_word(range->state), (unsigned long long)range->first,
            (unsigned long long)range->last);
        err = check_range(audit, at, range, log);
    }
    return err;
}

enum p2p_err audit_blocks(struct p2p_audit *audit)
{
    struct blocks blocks = {.audit = audit};
    blocks.first = p2p_alloc_zeroed(audit->alloc, audit->log_count + 1, sizeof(size_t));
    if (blocks.first == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        uint64_t count = (audit->logs[i].size + P2P_TILE_HASHES - 1) / P2P_TILE_HASHES;
        blocks.first[i + 1] = blocks.first[i] + (size_t)count;
    }
    enum p2p_err err = audit_parallel(audit, "checking records", blocks.first[audit->log_count],
                                      do_block, &blocks);
    p2p_alloc_free(audit->alloc, blocks.first);
    for (size_t i = 0; i < audit->options.dir_count && err == P2P_OK; i++) {
        err = announce(audit, i);
    }
    return err;
}
