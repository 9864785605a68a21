/* Bundles that were read lately, so that a fold that goes back finds its records at hand.
 *
 * A slot holds one bundle, records or payloads, taken apart: where each of its 256 begins. The
 * slot used longest ago goes first. At most SLOTS, and at most BYTES_MAX in all as long as more
 * than SHELF_KEPT are held: what was given out stays for that many others.
 *
 * With an index that was kept nothing of the archive was looked at in this run: each bundle is
 * then compared with what the manifest says of it, by which the index was known for its. */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/hash.h>

#include <stdio.h>
#include <string.h>

enum { SLOTS = 96, RECORD_FORMAT = 1 };
#define NOTHING   UINT32_MAX
#define BYTES_MAX ((size_t)24 << 20)

struct slot {
    const struct audit_log *log; /* NULL: free */
    bool payloads;
    uint64_t number;
    uint64_t used; /* when */
    uint8_t *bytes;
    size_t cap;
    uint32_t begins[P2P_TILE_HASHES];
    uint32_t lengths[P2P_TILE_HASHES];
};

struct audit_shelf {
    struct p2p_audit *audit;
    struct slot slots[SLOTS];
    uint64_t now;
    size_t bytes;
    size_t taken;
    struct p2p_archive_map map;
};

enum p2p_err audit_shelf_new(struct audit_shelf **out, struct p2p_audit *audit)
{
    struct audit_shelf *shelf = p2p_alloc_zeroed(audit->alloc, 1, sizeof(*shelf));
    if (shelf == NULL) {
        return P2P_NOMEM;
    }
    shelf->audit = audit;
    *out = shelf;
    return P2P_OK;
}

static void clear(struct audit_shelf *shelf, struct slot *slot)
{
    p2p_alloc_free(shelf->audit->alloc, slot->bytes);
    shelf->bytes -= slot->cap;
    shelf->taken -= slot->log != NULL;
    slot->log = NULL;
    slot->bytes = NULL;
    slot->cap = 0;
}

void audit_shelf_free(struct audit_shelf *shelf)
{
    if (shelf == NULL) {
        return;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        clear(shelf, &shelf->slots[i]);
    }
    p2p_archive_unload(&shelf->map);
    p2p_alloc_free(shelf->audit->alloc, shelf);
}

/* The slot used longest ago; NULL: none is taken. */
static struct slot *oldest(struct audit_shelf *shelf)
{
    struct slot *found = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &shelf->slots[i];
        if (slot->log != NULL && (found == NULL || slot->used < found->used)) {
            found = slot;
        }
    }
    return found;
}

static struct slot *make_room(struct audit_shelf *shelf)
{
    while (shelf->taken > SHELF_KEPT && shelf->bytes > BYTES_MAX) {
        clear(shelf, oldest(shelf));
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (shelf->slots[i].log == NULL) {
            return &shelf->slots[i];
        }
    }
    struct slot *slot = oldest(shelf);
    clear(shelf, slot);
    return slot;
}

/* ---- taking bundles apart ---- */

/* Each record becomes a pack of its own. */
static enum p2p_err lay_records(struct slot *slot, struct p2p_slice bundle)
{
    struct p2p_reader in;
    struct p2p_writer out;
    p2p_reader_init(&in, bundle);
    p2p_writer_init(&out, slot->bytes, slot->cap);
    for (size_t i = 0; p2p_reader_left(&in) > 0; i++) {
        struct p2p_slice leaf = p2p_reader_bytes(&in, p2p_reader_u16(&in));
        if (in.failed || i == P2P_TILE_HASHES) {
            return P2P_MALFORMED;
        }
        slot->begins[i] = (uint32_t)out.len;
        p2p_writer_u8(&out, RECORD_FORMAT);
        p2p_writer_u16(&out, 1);
        p2p_writer_u16(&out, (uint16_t)leaf.len);
        p2p_writer_bytes(&out, leaf.data, leaf.len);
        slot->lengths[i] = (uint32_t)out.len - slot->begins[i];
    }
    return out.failed ? P2P_MALFORMED : P2P_OK;
}

/* Place u8, length u16, bytes. */
static enum p2p_err lay_payloads(struct slot *slot, struct p2p_slice bundle)
{
    struct p2p_reader in;
    memcpy(slot->bytes, bundle.data, bundle.len);
    p2p_reader_init(&in, p2p_slice_of(slot->bytes, bundle.len));
    while (p2p_reader_left(&in) > 0) {
        uint8_t place = p2p_reader_u8(&in);
        struct p2p_slice salted = p2p_reader_bytes(&in, p2p_reader_u16(&in));
        if (in.failed) {
            return P2P_MALFORMED;
        }
        slot->begins[place] = (uint32_t)(salted.data - slot->bytes);
        slot->lengths[place] = (uint32_t)salted.len;
    }
    return P2P_OK;
}

/* A file that is not as listed any more: the index is of no use, and the next run looks at all
 * of the archive. */
static enum p2p_err say_damaged(struct p2p_audit *audit, const char *path)
{
    snprintf(audit->damaged, sizeof(audit->damaged), "%s", path);
    audit_forget(audit);
    return P2P_CORRUPT;
}

/* The bytes of a listed file. */
static enum p2p_err load_file(struct audit_shelf *shelf, size_t archive, const char *path,
                              struct p2p_slice *bytes)
{
    struct p2p_audit *audit = shelf->audit;
    const struct p2p_archive *from = audit->archives[archive];
    enum p2p_err err = p2p_archive_load(from, path, &shelf->map, bytes);
    if (!audit->was_kept || err == P2P_NOMEM) {
        return err;
    }
    const struct p2p_archive_file *listed = p2p_archive_file_at(from, path);
    struct p2p_hash hash = p2p_sha256(err == P2P_OK ? *bytes : (struct p2p_slice){0});
    bool good = err == P2P_OK && listed != NULL && p2p_hash_equal(&hash, &listed->hash);
    return good ? P2P_OK : say_damaged(audit, path);
}

static enum p2p_err load(struct audit_shelf *shelf, struct slot *slot)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    const struct audit_log *log = slot->log;
    uint64_t left = log->size - slot->number * P2P_TILE_HASHES;
    struct p2p_slice bundle;
    const struct p2p_archive_place place = {
        .type = slot->payloads ? P2P_PLACE_PAYLOADS : P2P_PLACE_ENTRIES,
        .feed = p2p_slice_text(log->dir),
        .number = slot->number,
        .width = left < P2P_TILE_HASHES ? (uint32_t)left : P2P_TILE_HASHES};
    p2p_archive_path(path, &place);
    enum p2p_err err = load_file(shelf, log->archive, path, &bundle);
    if (err != P2P_OK) {
        return err;
    }
    size_t cap = bundle.len + 3 * P2P_TILE_HASHES;
    slot->bytes = p2p_alloc_resize(shelf->audit->alloc, NULL, cap, 1);
    if (slot->bytes == NULL) {
        return P2P_NOMEM;
    }
    slot->cap = cap;
    shelf->bytes += cap;
    memset(slot->begins, 0xff, sizeof(slot->begins));
    return slot->payloads ? lay_payloads(slot, bundle) : lay_records(slot, bundle);
}

static enum p2p_err find(struct audit_shelf *shelf, const struct audit_log *log, bool payloads,
                         uint64_t number, const struct slot **out)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &shelf->slots[i];
        if (slot->log == log && slot->number == number && slot->payloads == payloads) {
            slot->used = ++shelf->now;
            *out = slot;
            return P2P_OK;
        }
    }
    struct slot *slot = make_room(shelf);
    slot->log = log;
    slot->payloads = payloads;
    slot->number = number;
    slot->used = ++shelf->now;
    shelf->taken++;
    enum p2p_err err = load(shelf, slot);
    if (err != P2P_OK) {
        clear(shelf, slot);
        return err;
    }
    *out = slot;
    return P2P_OK;
}

static enum p2p_err get(struct audit_shelf *shelf, const struct audit_log *log, bool payloads,
                        uint64_t index, struct p2p_slice *out)
{
    const struct slot *slot = NULL;
    if (index >= log->size) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = find(shelf, log, payloads, index / P2P_TILE_HASHES, &slot);
    if (err != P2P_OK) {
        return err;
    }
    size_t at = (size_t)(index % P2P_TILE_HASHES);
    if (slot->begins[at] == NOTHING) {
        return P2P_NOTFOUND;
    }
    *out = p2p_slice_of(slot->bytes + slot->begins[at], slot->lengths[at]);
    return P2P_OK;
}

enum p2p_err audit_shelf_record(struct audit_shelf *shelf, const struct audit_log *log,
                                uint64_t index, struct p2p_slice *pack)
{
    return get(shelf, log, false, index, pack);
}

enum p2p_err audit_shelf_payload(struct audit_shelf *shelf, const struct audit_log *log,
                                 uint64_t index, struct p2p_slice *salted)
{
    return get(shelf, log, true, index, salted);
}
