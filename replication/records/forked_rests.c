/* W by what steps of custody and rulings carry: the notes in their `rests` are quorum-cosigned
 * checkpoints too, so a step that somebody rests on is not taken back by a fork of its feed,
 * though no `fork` record names so much of it.
 *
 * TOUCH rows of the view `forks` under 0x01 and a feed's name say which records carry a note of
 * it. They are looked at where a fork is proven: of each author the few largest sizes. */
#include <p2p/custody.h>
#include <p2p/forked.h>

#include "feed/proof_text.h"
#include "ledger/views.h"

#include <string.h>

enum { CARRIED_MAX = 8 };

/* One record that carries a note of so many records. */
struct carried {
    struct p2p_record_id id;
    uint64_t size;
};
/* Those of one author with the largest sizes, largest first. */
struct carrying {
    struct carried at[CARRIED_MAX];
    size_t count;
};

static struct p2p_slice carried_key(uint8_t out[P2P_VIEW_KEY_BYTES_MAX], struct p2p_slice name)
{
    out[0] = 1;
    memcpy(out + 1, name.data, name.len);
    return p2p_slice_of(out, 1 + name.len);
}

/* The next of the notes in a content's `rests`: the head it is over, and the name of the feed,
 * empty for one that is none of this federation. False at the end. */
struct notes {
    struct p2p_unpack in;
    uint32_t left;
};

static void notes_begin(struct notes *notes, struct p2p_slice content)
{
    notes->left = 0;
    if (p2p_unpack_find(content, "rests", &notes->in) &&
        p2p_unpack_type(&notes->in) == P2P_WIRE_ARRAY) {
        notes->left = p2p_unpack_array(&notes->in);
        notes->left = notes->left > P2P_CUSTODY_RESTS_MAX ? 0 : notes->left;
    }
}

static bool notes_next(struct notes *notes, const struct p2p_charter *charter,
                       struct p2p_slice *note, struct p2p_tree_head *head,
                       struct p2p_slice *name)
{
    struct p2p_slice origin;
    if (notes->left == 0) {
        return false;
    }
    notes->left--;
    *note = p2p_unpack_bin(&notes->in);
    bool read =
        !p2p_unpack_failed(&notes->in) && p2p_proof_head(*note, &origin, head) == P2P_OK;
    *name = read ? p2p_fork_name(charter, origin) : (struct p2p_slice){0};
    if (name->len >= P2P_VIEW_KEY_BYTES_MAX) {
        *name = (struct p2p_slice){0};
    }
    return true;
}

enum p2p_err p2p_forked_carried(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct notes notes;
    struct p2p_slice note, name;
    struct p2p_tree_head head;
    enum p2p_err err = P2P_OK;
    notes_begin(&notes, entry->record.content);
    while (err == P2P_OK && notes_next(&notes, ledger->charter, &note, &head, &name)) {
        uint8_t key[P2P_VIEW_KEY_BYTES_MAX];
        struct p2p_touch_walk walk;
        struct p2p_record_id told;
        if (name.len == 0) {
            continue;
        }
        err = p2p_touch_add(ledger, P2P_VIEW_FORKS, carried_key(key, name), &entry->id);
        if (err == P2P_OK) {
            p2p_touch_begin(&walk, P2P_VIEW_FORKS, name);
            err = p2p_touch_next(&walk, ledger->kv, &told);
        }
        if (err == P2P_OK) { /* it is told to be forked */
            err = p2p_view_mark(ledger, P2P_VIEW_FORKS, name);
        }
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    return err;
}

/* ---- the largest that is one ---- */

static void keep(struct carrying *carrying, const struct p2p_record_id *id, uint64_t size)
{
    size_t at = carrying->count;
    while (at > 0 && carrying->at[at - 1].size < size) {
        at--;
    }
    if (at == CARRIED_MAX) {
        return;
    }
    carrying->count += carrying->count < CARRIED_MAX;
    for (size_t i = carrying->count - 1; i > at; i--) {
        carrying->at[i] = carrying->at[i - 1];
    }
    carrying->at[at] = (struct carried){*id, size};
}

/* The largest size that a note of that feed in the record at id says. P2P_NOTFOUND. */
static enum p2p_err largest_of(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                               struct p2p_slice of, uint64_t *size)
{
    struct p2p_entry entry;
    struct notes notes;
    struct p2p_slice note, name;
    struct p2p_tree_head head;
    bool found = false;
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    if (err != P2P_OK || entry.record.body_type != P2P_BODY_PUBLIC) {
        return err == P2P_OK ? P2P_NOTFOUND : err;
    }
    notes_begin(&notes, entry.record.content);
    *size = 0;
    while (notes_next(&notes, ledger->charter, &note, &head, &name)) {
        if (p2p_slice_equal(name, of)) {
            *size = head.size > *size ? head.size : *size;
            found = true;
        }
    }
    return found ? P2P_OK : P2P_NOTFOUND;
}

/* Takes the largest note of the record at id that is quorum-cosigned, if it is larger than what
 * is known. Each is looked at: what stands beside a good one hides nothing. */
static enum p2p_err weigh_notes(struct p2p_ledger *ledger, const struct p2p_feed_info *info,
                                struct p2p_slice of, const struct p2p_record_id *id,
                                struct p2p_forked *forked)
{
    struct p2p_entry entry;
    struct notes notes;
    struct p2p_slice note, name;
    struct p2p_tree_head head;
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    notes_begin(&notes, entry.record.content);
    while (notes_next(&notes, ledger->charter, &note, &head, &name)) {
        uint64_t size = 0;
        if (!p2p_slice_equal(name, of) || head.size < forked->size) {
            continue;
        }
        err = p2p_charter_cosigned(ledger->charter, ledger->sigs, info->number, note, &size);
        if (err == P2P_NOMEM) {
            return err;
        }
        bool larger = err == P2P_OK &&
                      (size > forked->size ||
                       (size == forked->size &&
                        memcmp(head.root.bytes, forked->root.bytes, P2P_HASH_BYTES) < 0));
        if (larger) {
            forked->size = size;
            forked->root = head.root;
            forked->by = *id;
        }
    }
    return P2P_OK;
}

/* The same of the records of one author that say most. */
static enum p2p_err weigh(struct p2p_ledger *ledger, const struct p2p_feed_info *info,
                          struct p2p_slice name, const struct carrying *carrying,
                          struct p2p_forked *forked)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < carrying->count && err == P2P_OK; i++) {
        struct p2p_scratch scratch;
        if (carrying->at[i].size < forked->size) {
            return P2P_OK;
        }
        p2p_scratch_begin(&scratch, ledger);
        err = weigh_notes(ledger, info, name, &carrying->at[i].id, forked);
        p2p_scratch_end(&scratch, ledger);
    }
    return err;
}

enum p2p_err p2p_forked_by_rests(struct p2p_ledger *ledger, struct p2p_slice name,
                                 struct p2p_forked *forked)
{
    uint8_t key[P2P_VIEW_KEY_BYTES_MAX];
    const struct p2p_feed_info *info = p2p_charter_feed_named(ledger->charter, name);
    struct p2p_touch_walk walk;
    struct p2p_record_id id;
    struct carrying carrying = {.count = 0};
    uint32_t author = 0;
    enum p2p_err err = P2P_OK;
    if (info == NULL || info->witness_count == 0 || name.len >= P2P_VIEW_KEY_BYTES_MAX) {
        return P2P_OK; /* such a feed is never witnessed */
    }
    p2p_touch_begin(&walk, P2P_VIEW_FORKS, carried_key(key, name));
    while (err == P2P_OK && (err = p2p_touch_next(&walk, ledger->kv, &id)) == P2P_OK) {
        struct p2p_scratch scratch;
        uint64_t size = 0;
        if (id.feed != author) {
            err = weigh(ledger, info, name, &carrying, forked);
            carrying.count = 0;
            author = id.feed;
        }
        p2p_scratch_begin(&scratch, ledger);
        enum p2p_err found = err == P2P_OK ? largest_of(ledger, &id, name, &size) : err;
        p2p_scratch_end(&scratch, ledger);
        if (found == P2P_OK) {
            keep(&carrying, &id, size);
        }
        err = found == P2P_NOTFOUND ? P2P_OK : found;
    }
    return err == P2P_NOTFOUND ? weigh(ledger, info, name, &carrying, forked) : err;
}

enum p2p_err p2p_forked_carried_note(struct p2p_ledger *ledger, struct p2p_slice of,
                                     const struct p2p_forked *forked, struct p2p_slice *out)
{
    struct p2p_entry entry;
    struct notes notes;
    struct p2p_slice note, name;
    struct p2p_slice fits[P2P_CUSTODY_RESTS_MAX];
    struct p2p_tree_head head;
    size_t count = 0;
    const struct p2p_feed_info *info = p2p_charter_feed_named(ledger->charter, of);
    enum p2p_err err = p2p_ledger_entry(ledger, &forked->by, &entry);
    if (err != P2P_OK || info == NULL) {
        return err == P2P_OK ? P2P_NOTFOUND : err;
    }
    notes_begin(&notes, entry.record.content);
    while (notes_next(&notes, ledger->charter, &note, &head, &name)) {
        if (p2p_slice_equal(name, of) && head.size == forked->size &&
            p2p_hash_equal(&head.root, &forked->root)) {
            fits[count++] = note;
        }
    }
    for (size_t i = 0; i < count;
         i++) { /* one of them was found good: only here that is dear */
        uint64_t size = 0;
        if (count == 1 || p2p_charter_cosigned(ledger->charter, ledger->sigs, info->number,
                                               fits[i], &size) == P2P_OK) {
            *out = fits[i];
            return P2P_OK;
        }
    }
    return P2P_NOTFOUND;
}
