/* Signed notes: the newest head, heads that ended a run, heads that were cosigned. */
#include "export_parts.h"

#include <p2p/witness.h>

#include <string.h>

struct notes {
    struct p2p_export *export;
    const struct p2p_export_feed *feed;
    char *note; /* P2P_NOTE_BYTES_MAX bytes */
};

/* Whether the records held lead there: a forked feed may have been cut back since, and what was
 * signed on the other branch is told by the proof. */
static enum p2p_err is_held(struct notes *notes, uint64_t size, const struct p2p_hash *root,
                            bool *held)
{
    struct p2p_hash found;
    enum p2p_err err =
        p2p_feed_root_at(notes->feed->feed, notes->export->options->kv, size, &found);
    *held = err == P2P_OK && p2p_hash_equal(&found, root);
    return err == P2P_GAP ? P2P_OK : err;
}

static enum p2p_err put_cosigned(struct notes *notes, const struct p2p_archive_place *place,
                                 const struct p2p_cosigned *cosigned)
{
    size_t len = 0;
    enum p2p_err err =
        p2p_cosigned_note(notes->export->options->ledger->charter, notes->feed->feed->number,
                          cosigned, notes->note, P2P_NOTE_BYTES_MAX, &len);
    return err == P2P_OK ? p2p_archive_writer_put(notes->export->writer, place,
                                                  p2p_slice_of(notes->note, len))
                         : err;
}

/* ---- heads ---- */

/* The heads of a feed by rising size: those that ended a run, and those that a quorum cosigned,
 * of history and the newest one. */
struct heads {
    struct p2p_tree_head kept; /* size UINT64_MAX: no more */
    struct p2p_cosigned past;
    struct p2p_cosigned newest;
};

static enum p2p_err next_kept(struct notes *notes, struct heads *heads, uint64_t from)
{
    enum p2p_err err =
        p2p_feed_head_from(notes->feed->feed, notes->export->options->kv, from, &heads->kept);
    if (err == P2P_NOTFOUND) {
        heads->kept = (struct p2p_tree_head){.size = UINT64_MAX};
        return P2P_OK;
    }
    return err;
}

/* The next quorum of history that the records held lead to. */
static enum p2p_err next_past(struct notes *notes, struct heads *heads, uint64_t from)
{
    bool held = false;
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK && !held) {
        err = p2p_history_quorum_from(notes->export->options->kv, notes->feed->feed->number,
                                      from, &heads->past);
        if (err == P2P_OK) {
            err = is_held(notes, heads->past.size, &heads->past.root, &held);
            from = heads->past.size + 1;
        }
    }
    if (err == P2P_NOTFOUND) {
        heads->past = (struct p2p_cosigned){.size = UINT64_MAX};
        return P2P_OK;
    }
    return err;
}

static enum p2p_err first_heads(struct notes *notes, struct heads *heads)
{
    bool held = false;
    enum p2p_err err =
        p2p_quorum_load(&heads->newest, notes->export->options->kv, notes->feed->feed->number);
    if (err == P2P_OK) {
        err = is_held(notes, heads->newest.size, &heads->newest.root, &held);
    }
    if (!held) {
        heads->newest = (struct p2p_cosigned){.size = UINT64_MAX};
    }
    err = err == P2P_NOTFOUND ? P2P_OK : err;
    if (err == P2P_OK) {
        err = next_kept(notes, heads, 1);
    }
    return err == P2P_OK ? next_past(notes, heads, 1) : err;
}

/* Of the heads of the smallest size the one with most cosignatures; moves on behind it. size
 * UINT64_MAX: no more. */
static enum p2p_err take_head(struct notes *notes, struct heads *heads,
                              struct p2p_cosigned *out)
{
    struct p2p_cosigned best = {.size = heads->kept.size,
                                .root = heads->kept.root,
                                .log = heads->kept.signature,
                                .has_log = true};
    const struct p2p_cosigned *cosigned[] = {&heads->past, &heads->newest};
    for (size_t i = 0; i < 2; i++) {
        if (cosigned[i]->size < best.size ||
            (cosigned[i]->size == best.size && cosigned[i]->count > best.count)) {
            best = *cosigned[i];
        }
    }
    *out = best;
    enum p2p_err err = P2P_OK;
    if (best.size == UINT64_MAX) {
        return err;
    }
    if (heads->kept.size == best.size) {
        err = next_kept(notes, heads, best.size + 1);
    }
    if (err == P2P_OK && heads->past.size == best.size) {
        err = next_past(notes, heads, best.size + 1);
    }
    if (heads->newest.size == best.size) {
        heads->newest = (struct p2p_cosigned){.size = UINT64_MAX};
    }
    return err;
}

static enum p2p_err export_heads(struct notes *notes)
{
    const uint64_t size = notes->feed->feed->head.size;
    struct heads heads;
    struct p2p_cosigned head;
    enum p2p_err err = first_heads(notes, &heads);
    while (err == P2P_OK && (err = take_head(notes, &heads, &head)) == P2P_OK &&
           head.size != UINT64_MAX) {
        struct p2p_archive_place place = p2p_export_place(
            notes->feed, head.size == size ? P2P_PLACE_CHECKPOINT : P2P_PLACE_NOTE);
        place.size = head.size;
        err = put_cosigned(notes, &place, &head);
    }
    return err;
}

/* ---- heartbeats ---- */

static enum p2p_err put_beat(struct notes *notes, const struct p2p_beat *beat, bool ends)
{
    struct p2p_archive_place place = p2p_export_place(notes->feed, P2P_PLACE_HEARTBEAT);
    const struct p2p_cosigned cosigned = {.size = beat->head.size,
                                          .root = beat->head.root,
                                          .log = beat->head.signature,
                                          .has_log = true,
                                          .count = 1,
                                          .witnesses = {beat->witness},
                                          .cosignatures = {beat->cosignature}};
    bool held = false;
    enum p2p_err err = is_held(notes, beat->head.size, &beat->head.root, &held);
    if (err != P2P_OK || !held || beat->cosignature.time_s > INT64_MAX) {
        return err; /* a time that no clock has makes no name of a file */
    }
    place.size = beat->head.size;
    place.time_s = beat->cosignature.time_s;
    place.ends = ends;
    return put_cosigned(notes, &place, &cosigned);
}

/* From the latest stretch back. */
static enum p2p_err export_beats(struct notes *notes)
{
    uint64_t before_s = UINT64_MAX;
    struct p2p_stretch stretch;
    enum p2p_err err;
    while ((err = p2p_history_stretch_to(notes->export->options->kv, notes->feed->feed->number,
                                         before_s, &stretch)) == P2P_OK) {
        before_s = stretch.first.cosignature.time_s;
        err = put_beat(notes, &stretch.first, false);
        if (err == P2P_OK && stretch.latest.cosignature.time_s != before_s) {
            err = put_beat(notes, &stretch.latest, true);
        }
        if (err != P2P_OK || before_s == 0) {
            return err;
        }
        before_s--;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- the charter ---- */

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
    if (feed->feed->number == P2P_CHARTER_FEED) {
        return export_charter(&notes);
    }
    enum p2p_err err = export_heads(&notes);
    return err == P2P_OK ? export_beats(&notes) : err;
}
