/* Signed notes: the newest head, heads that ended a run, heads that were cosigned. */
#include "export_parts.h"

#include <p2p/witness.h>

#include <string.h>

struct notes {
    struct p2p_export *export;
    const struct p2p_export_feed *feed;
    char *note; /* P2P_NOTE_BYTES_MAX bytes */
};

static enum p2p_err put(struct notes *notes, const struct p2p_archive_place *place, size_t len)
{
    return p2p_archive_writer_put(notes->export->writer, place, p2p_slice_of(notes->note, len));
}

/* A head with the log's line, and the cosignatures of the quorum if it is of that size. */
static enum p2p_err write_head(struct notes *notes, const struct p2p_tree_head *head,
                               const struct p2p_cosigned *quorum, size_t *len)
{
    struct p2p_cosigned alone = {
        .size = head->size, .root = head->root, .log = head->signature, .has_log = true};
    bool cosigned = quorum->size == head->size && p2p_hash_equal(&quorum->root, &head->root);
    return p2p_cosigned_note(notes->export->options->ledger->charter, notes->feed->feed->number,
                             cosigned ? quorum : &alone, notes->note, P2P_NOTE_BYTES_MAX, len);
}

static enum p2p_err export_feed(struct notes *notes)
{
    const struct p2p_feed *feed = notes->feed->feed;
    const struct p2p_kv *kv = notes->export->options->kv;
    struct p2p_archive_place place = p2p_export_place(notes->feed, P2P_PLACE_NOTE);
    struct p2p_cosigned quorum = {.size = 0};
    struct p2p_tree_head head = {.size = 0};
    size_t len = 0;
    enum p2p_err err = p2p_quorum_load(&quorum, kv, feed->number);
    bool put_quorum = err == P2P_OK && quorum.size < feed->head.size;
    err = err == P2P_NOTFOUND ? P2P_OK : err;
    while (err == P2P_OK && head.size < feed->head.size) {
        err = p2p_feed_head_from(feed, kv, head.size + 1, &head);
        if (err == P2P_OK) {
            err = write_head(notes, &head, &quorum, &len);
        }
        put_quorum = put_quorum && head.size != quorum.size;
        if (err == P2P_OK && head.size < feed->head.size) {
            place.size = head.size;
            err = put(notes, &place, len);
        }
    }
    if (err == P2P_OK) {
        struct p2p_archive_place newest = p2p_export_place(notes->feed, P2P_PLACE_CHECKPOINT);
        err = put(notes, &newest, len);
    }
    if (err == P2P_OK && put_quorum) {
        err = p2p_cosigned_note(notes->export->options->ledger->charter, feed->number, &quorum,
                                notes->note, P2P_NOTE_BYTES_MAX, &len);
        place.size = quorum.size;
        err = err == P2P_OK ? put(notes, &place, len) : err;
    }
    return err;
}

/* The charter's notes are as its roots signed them, one for each version. */
static enum p2p_err export_charter(struct notes *notes)
{
    const struct p2p_charter *charter = notes->export->options->ledger->charter;
    uint64_t size = p2p_charter_size(charter);
    enum p2p_err err = P2P_OK;
    for (uint64_t i = 0; i < size && err == P2P_OK; i++) {
        struct p2p_archive_place place = p2p_export_place(
            notes->feed, i + 1 == size ? P2P_PLACE_CHECKPOINT : P2P_PLACE_NOTE);
        struct p2p_slice leaf;
        struct p2p_slice note;
        place.size = i + 1;
        err = p2p_charter_entry(charter, i, &leaf, &note);
        if (err == P2P_OK) {
            err = p2p_archive_writer_put(notes->export->writer, &place, note);
        }
    }
    return err;
}

enum p2p_err p2p_export_notes(struct p2p_export *export, const struct p2p_export_feed *feed)
{
    struct notes notes = {.export = export,
                          .feed = feed,
                          .note = p2p_arena_take(&export->arena, P2P_NOTE_BYTES_MAX)};
    if (notes.note == NULL) {
        return P2P_NOMEM;
    }
    return feed->feed->number == P2P_CHARTER_FEED ? export_charter(&notes)
                                                  : export_feed(&notes);
}
