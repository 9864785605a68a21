/* The kind `fork` and the view `forks`. */
#include <p2p/forked.h>

#include <p2p/assert.h>
#include <p2p/planted.h>
#include <p2p/text.h>

#include "feed/proof_text.h"
#include "kinds.h"
#include "ledger/views.h"

#include <string.h>

/* ---- a record's content ---- */

/* A checkpoint of nothing is no checkpoint here: who holds none leaves the note out. */
static enum p2p_err read_note(struct p2p_slice bytes, struct p2p_checkpoint *checkpoint)
{
    struct p2p_note note;
    enum p2p_err err = p2p_note_parse(&note, bytes);
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(checkpoint, note.text, false);
    }
    return err == P2P_OK && checkpoint->size == 0 ? P2P_MALFORMED : err;
}

enum p2p_err p2p_fork_told_read(struct p2p_fork_told *out, struct p2p_slice content)
{
    enum { COMMON, OTHER, PROOF, WITNESSED, COUNT };
    static const char *const keys[COUNT] = {"common", "other", "proof", "witnessed"};
    struct p2p_slice values[COUNT];
    struct p2p_unpack in;
    struct p2p_fork_told told = {.witnessed = {0}};
    if (!p2p_unpack_fields(content, keys, values, COUNT) || values[PROOF].len == 0 ||
        (values[OTHER].len > 0) != (values[COMMON].len > 0) ||
        (values[OTHER].len > 0 && values[WITNESSED].len == 0)) {
        return P2P_MALFORMED;
    }
    p2p_unpack_init(&in, values[PROOF]);
    enum p2p_err err = p2p_fork_decode(&told.proof, p2p_unpack_bin(&in));
    if (err == P2P_OK && values[WITNESSED].len > 0) {
        p2p_unpack_init(&in, values[WITNESSED]);
        told.witnessed = p2p_unpack_bin(&in);
        err = read_note(told.witnessed, &told.checkpoint);
    }
    if (err == P2P_OK && values[OTHER].len > 0) {
        p2p_unpack_init(&in, values[OTHER]);
        told.other = p2p_unpack_bin(&in);
        err = read_note(told.other, &told.other_checkpoint);
    }
    if (err == P2P_OK && values[COMMON].len > 0) {
        p2p_unpack_init(&in, values[COMMON]);
        err = p2p_fork_common_decode(&told.common, p2p_unpack_bin(&in));
    }
    if (err == P2P_OK) {
        *out = told;
    }
    return err;
}

/* Like `beanr/1`: what some charter could name a feed. Anybody may write any origin into a
 * `fork` record, and names are keys: one that is no name could stand among the rows of others,
 * or of rescued.c, which begin with a byte that no name has. */
static bool could_be_name(struct p2p_slice name)
{
    size_t slash = 0;
    while (slash < name.len && name.data[slash] != '/') {
        uint8_t c = name.data[slash++];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    uint64_t generation = 0;
    return slash > 0 && slash <= P2P_NAME_BYTES_MAX && slash < name.len &&
           p2p_decimal_decode(&generation, p2p_slice_of(name.data + slash + 1,
                                                        name.len - slash - 1)) == P2P_OK;
}

struct p2p_slice p2p_fork_name(const struct p2p_charter *charter, struct p2p_slice origin)
{
    const char *federation = p2p_charter_federation(charter);
    size_t prefix = strlen(federation) + 1;
    if (origin.len <= prefix || origin.data[prefix - 1] != '/' ||
        memcmp(origin.data, federation, prefix - 1) != 0) {
        return (struct p2p_slice){0};
    }
    struct p2p_slice name = p2p_slice_of(origin.data + prefix, origin.len - prefix);
    return could_be_name(name) ? name : (struct p2p_slice){0};
}

const struct p2p_feed_info *p2p_fork_told_feed(const struct p2p_charter *charter,
                                               const struct p2p_fork_told *told)
{
    const struct p2p_feed_info *info =
        p2p_charter_feed_named(charter, p2p_fork_name(charter, told->proof.origin));
    return info != NULL && info->member != 0 ? info : NULL;
}

static bool is_head(const struct p2p_checkpoint *checkpoint, const struct p2p_tree_head *head)
{
    return checkpoint->size == head->size && p2p_hash_equal(&checkpoint->root, &head->root);
}

/* Two notes of the heads of the proof, which contradict each other, and what both have. */
static enum p2p_err verify_both(const struct p2p_charter *charter, const struct p2p_sigs *sigs,
                                const struct p2p_feed_info *info,
                                const struct p2p_fork_told *told)
{
    const struct p2p_tree_head *heads = told->proof.heads;
    const struct p2p_checkpoint *one = &told->checkpoint;
    const struct p2p_checkpoint *other = &told->other_checkpoint;
    struct p2p_checkpoint checkpoint;
    if (!(is_head(one, &heads[0]) && is_head(other, &heads[1])) &&
        !(is_head(one, &heads[1]) && is_head(other, &heads[0]))) {
        return P2P_MISMATCH;
    }
    enum p2p_err err =
        p2p_charter_quorum_note(charter, sigs, info->number, told->other, &checkpoint);
    return err == P2P_OK ? p2p_fork_common_verify(&told->common, &told->proof, sigs, &info->key)
                         : err;
}

enum p2p_err p2p_fork_told_verify(const struct p2p_charter *charter,
                                  const struct p2p_sigs *sigs, const struct p2p_fork_told *told)
{
    const struct p2p_feed_info *info = p2p_fork_told_feed(charter, told);
    struct p2p_checkpoint checkpoint;
    if (info == NULL) {
        return P2P_UNKNOWN;
    }
    enum p2p_err err = p2p_fork_verify(&told->proof, sigs, &info->key);
    if (err != P2P_OK || told->witnessed.len == 0) {
        return err;
    }
    if (info->witness_count == 0) {
        return P2P_QUORUM; /* such a feed is never witnessed */
    }
    err = p2p_charter_quorum_note(charter, sigs, info->number, told->witnessed, &checkpoint);
    return err == P2P_OK && told->other.len > 0 ? verify_both(charter, sigs, info, told) : err;
}

/* ---- the kind ---- */

static enum p2p_err judge(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                          enum p2p_why *why)
{
    struct p2p_fork_told told;
    if (p2p_fork_told_read(&told, entry->record.content) != P2P_OK ||
        p2p_fork_told_verify(ledger->charter, ledger->sigs, &told) != P2P_OK) {
        *why = P2P_WHY_BAD_PAYLOAD;
    }
    return P2P_OK;
}

static enum p2p_err keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_fork_told told;
    if (entry->record.body_type != P2P_BODY_PUBLIC ||
        p2p_fork_told_read(&told, entry->record.content) != P2P_OK) {
        return P2P_OK; /* it can have no effect under any charter */
    }
    struct p2p_slice name = p2p_fork_name(ledger->charter, told.proof.origin);
    if (name.len == 0 || name.len > P2P_VIEW_KEY_BYTES_MAX) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_touch_add(ledger, P2P_VIEW_FORKS, name, &entry->id);
    return err == P2P_OK ? p2p_view_mark(ledger, P2P_VIEW_FORKS, name) : err;
}

static const struct p2p_field fields[] = {
    {"common", P2P_FIELD_BYTES, P2P_FORK_COMMON_BYTES_MAX, false, P2P_TLP_CLEAR},
    {"other", P2P_FIELD_BYTES, P2P_FORK_WITNESSED_BYTES_MAX, false, P2P_TLP_CLEAR},
    {"proof", P2P_FIELD_BYTES, 4096, true, P2P_TLP_CLEAR},
    {"witnessed", P2P_FIELD_BYTES, P2P_FORK_WITNESSED_BYTES_MAX, false, P2P_TLP_CLEAR},
};
const struct p2p_kind p2p_kind_fork = {
    .number = P2P_KIND_FORK,
    .word = "fork",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(fields),
    .judge = judge,
    .keys = keys,
};

/* ---- the view ---- */

/* Walks the records about one feed that are looked at: of each author the first few. */
struct told_walk {
    struct p2p_touch_walk touches;
    uint32_t author;
    uint32_t count; /* of that author */
};

static enum p2p_err next_told(struct told_walk *walk, const struct p2p_kv *kv,
                              struct p2p_record_id *id)
{
    enum p2p_err err;
    do {
        err = p2p_touch_next(&walk->touches, kv, id);
        if (err == P2P_OK && id->feed != walk->author) {
            walk->author = id->feed;
            walk->count = 0;
        }
        if (err == P2P_OK && walk->count == P2P_FORKS_TOLD_MAX) {
            walk->touches.last.index = UINT64_MAX - 1; /* on to the next author */
        }
    } while (err == P2P_OK && walk->count == P2P_FORKS_TOLD_MAX);
    walk->count++;
    return err;
}

static bool larger(const struct p2p_checkpoint *checkpoint, const struct p2p_forked *than)
{
    return checkpoint->size > than->size ||
           (checkpoint->size == than->size && checkpoint->size > 0 &&
            memcmp(checkpoint->root.bytes, than->root.bytes, P2P_HASH_BYTES) < 0);
}

/* Where this record says that the feed ends; size 0: nowhere. */
static struct p2p_checkpoint end_of(const struct p2p_fork_told *told)
{
    struct p2p_checkpoint end = told->checkpoint;
    if (told->other.len > 0) {
        end.size = told->common.head.size;
        end.root = told->common.head.root;
    }
    if (P2P_PLANT(TINY_FORK)) {
        end.size = told->proof.heads[0].size;
        end.root = told->proof.heads[0].root;
    }
    return end;
}

static enum p2p_err add_told(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                             struct p2p_forked *forked, bool *found)
{
    struct p2p_entry entry;
    struct p2p_fork_told told;
    enum p2p_why why = P2P_WHY_NONE;
    if (p2p_ledger_feed(ledger, id->feed) == NULL) {
        return P2P_OK; /* two heads of the charter hide it since before this start */
    }
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    if (err == P2P_OK) {
        err = p2p_judge_once(ledger, &entry, NULL, &why);
    }
    if (err != P2P_OK || why != P2P_WHY_NONE) {
        return err;
    }
    err = p2p_fork_told_read(&told, entry.record.content);
    p2p_assert(err == P2P_OK); /* else it had no effect */
    if (!*found) {
        forked->proof = *id;
        *found = true;
    }
    const struct p2p_checkpoint end = end_of(&told);
    bool split = told.other.len > 0;
    if (split ? !forked->split || larger(&end, forked)
              : !forked->split && larger(&end, forked)) {
        forked->split = split;
        forked->size = end.size;
        forked->root = end.root;
        forked->by = *id;
    }
    return P2P_OK;
}

static void pack_id(struct p2p_pack *pack, const char *key, const struct p2p_record_id *id)
{
    p2p_pack_text(pack, key);
    p2p_pack_array(pack, 2);
    p2p_pack_uint(pack, id->feed);
    p2p_pack_uint(pack, id->index);
}

/* Feeds know where they end; what others said about one that ends elsewhere now is looked at
 * again after this fold. */
static void set_end(struct p2p_ledger *ledger, struct p2p_slice name,
                    const struct p2p_forked *forked)
{
    const struct p2p_feed_info *info = p2p_charter_feed_named(ledger->charter, name);
    struct p2p_feed *feed = info == NULL ? NULL : p2p_ledger_feed(ledger, info->number);
    uint64_t ends_at = forked->size > 0 ? forked->size : P2P_FEED_GOES_ON;
    if (feed != NULL && feed->ends_at != ends_at) {
        feed->ends_at = ends_at;
        feed->ends_anew = true;
        p2p_feed_set_add(&ledger->touched, feed->number);
        ledger->closings_stale = true;
    }
}

enum p2p_err p2p_forked_load(struct p2p_ledger *ledger, const struct p2p_kv *kv)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i < ledger->feed_count && err == P2P_OK; i++) {
        struct p2p_forked forked;
        err = p2p_forked_get(ledger, kv, i, &forked);
        if (err == P2P_OK && forked.size > 0) {
            ledger->feeds[i]->ends_at = forked.size;
        }
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    return err;
}

static enum p2p_err fold(struct p2p_ledger *ledger, struct p2p_slice key)
{
    struct told_walk walk = {.count = 0};
    struct p2p_scratch scratch;
    struct p2p_forked forked = {.size = 0};
    struct p2p_record_id id;
    bool found = false;
    enum p2p_err err = P2P_OK;
    p2p_touch_begin(&walk.touches, P2P_VIEW_FORKS, key);
    p2p_scratch_begin(&scratch, ledger);
    while (err == P2P_OK) {
        err = next_told(&walk, ledger->kv, &id);
        if (err == P2P_OK) {
            err = add_told(ledger, &id, &forked, &found);
        }
        p2p_scratch_reset(&scratch);
    }
    p2p_scratch_end(&scratch, ledger);
    if (err == P2P_NOTFOUND && found && !forked.split && !P2P_PLANT(TINY_FORK)) {
        err = p2p_forked_by_rests(ledger, key, &forked);
        err = err == P2P_OK ? P2P_NOTFOUND : err;
    }
    if (err != P2P_NOTFOUND) {
        return err;
    }
    uint8_t value[128];
    struct p2p_pack pack;
    p2p_pack_init(&pack, value, found ? sizeof(value) : 0);
    if (found) {
        p2p_pack_map(&pack, forked.size > 0 ? 4 + (uint32_t)forked.split : 1);
        if (forked.size > 0) {
            pack_id(&pack, "by", &forked.by);
        }
        pack_id(&pack, "proof", &forked.proof);
        if (forked.size > 0) {
            p2p_pack_text(&pack, "root");
            p2p_pack_bin(&pack, forked.root.bytes, P2P_HASH_BYTES);
            p2p_pack_text(&pack, "size");
            p2p_pack_uint(&pack, forked.size);
        }
        if (forked.split) {
            p2p_pack_text(&pack, "split");
            p2p_pack_bool(&pack, true);
        }
    }
    p2p_assert(!p2p_pack_failed(&pack));
    ledger->forks_changed = true;
    set_end(ledger, key, &forked);
    return p2p_view_put(ledger, P2P_VIEW_FORKS, 0, key, p2p_pack_slice(&pack));
}
const struct p2p_view p2p_view_forks = {.fold = fold};

static bool read_id(struct p2p_slice raw, struct p2p_record_id *id)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    bool pair = p2p_unpack_array(&in) == 2;
    id->feed = p2p_unpack_u32(&in);
    id->index = p2p_unpack_uint(&in);
    return pair && p2p_unpack_done(&in);
}

enum p2p_err p2p_forked_get(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                            uint32_t feed, struct p2p_forked *out)
{
    enum { BY, PROOF, ROOT, SIZE, SPLIT, COUNT };
    static const char *const names[COUNT] = {"by", "proof", "root", "size", "split"};
    struct p2p_slice values[COUNT];
    struct p2p_slice value;
    struct p2p_unpack in;
    struct p2p_forked forked = {.size = 0};
    enum p2p_err err = p2p_view_get(kv, P2P_VIEW_FORKS, 0, p2p_feed_name(ledger, feed), &value);
    if (err != P2P_OK) {
        return err;
    }
    if (p2p_wire_check(value) != P2P_OK || !p2p_unpack_fields(value, names, values, COUNT) ||
        !read_id(values[PROOF], &forked.proof)) {
        return P2P_CORRUPT;
    }
    if (values[SIZE].len > 0) {
        p2p_unpack_init(&in, values[SIZE]);
        forked.size = p2p_unpack_uint(&in);
        p2p_unpack_init(&in, values[ROOT]);
        struct p2p_slice root = p2p_unpack_bin(&in);
        if (root.len != P2P_HASH_BYTES || !read_id(values[BY], &forked.by)) {
            return P2P_CORRUPT;
        }
        memcpy(forked.root.bytes, root.data, P2P_HASH_BYTES);
        forked.split = values[SPLIT].len > 0;
    }
    *out = forked;
    return P2P_OK;
}

/* The note that carries W; told [out]: what else its record tells, where it is a `fork`. */
static enum p2p_err find_note(struct p2p_ledger *ledger, uint32_t feed,
                              const struct p2p_forked *forked, struct p2p_fork_told *told,
                              struct p2p_slice *note)
{
    struct p2p_entry entry;
    *told = (struct p2p_fork_told){.witnessed = {0}};
    if (forked->size == 0) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = p2p_ledger_entry(ledger, &forked->by, &entry);
    if (err == P2P_OK && entry.record.kind == P2P_KIND_FORK) {
        err = p2p_fork_told_read(told, entry.record.content);
        *note = told->witnessed;
    } else if (err == P2P_OK) {
        err = p2p_forked_carried_note(ledger, p2p_feed_name(ledger, feed), forked, note);
    }
    if (err == P2P_NOTFOUND && p2p_charter_rival_size(ledger->charter) > 0) {
        return err; /* two heads hide the feed it stands in, or who cosigned the note */
    }
    return err == P2P_MALFORMED || err == P2P_NOTFOUND ? P2P_CORRUPT : err;
}

enum p2p_err p2p_forked_note(struct p2p_ledger *ledger, uint32_t feed,
                             const struct p2p_forked *forked, struct p2p_slice *note)
{
    struct p2p_fork_told told;
    return find_note(ledger, feed, forked, &told, note);
}

enum p2p_err p2p_forked_head(struct p2p_ledger *ledger, uint32_t feed,
                             const struct p2p_forked *forked, struct p2p_tree_head *head)
{
    struct p2p_scratch scratch;
    struct p2p_fork_told told;
    struct p2p_slice note;
    struct p2p_slice origin;
    if (forked->size == 0) {
        return P2P_NOTFOUND;
    }
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = find_note(ledger, feed, forked, &told, &note);
    if (err == P2P_OK && told.other.len > 0) {
        *head = told.common.head;
    } else if (err == P2P_OK) {
        err = p2p_proof_head(note, &origin, head);
        err = err == P2P_MALFORMED || err == P2P_TOOLARGE ? P2P_CORRUPT : err;
    }
    if (P2P_PLANT(TINY_FORK)) {
        *head = told.proof.heads[0];
        err = P2P_OK;
    }
    p2p_scratch_end(&scratch, ledger);
    return err;
}

enum p2p_err p2p_forks_told(const struct p2p_ledger *ledger, uint32_t by, uint32_t feed,
                            uint32_t *count)
{
    struct told_walk walk = {.count = 0};
    struct p2p_record_id id = {by, 0};
    uint32_t found = 0;
    p2p_touch_begin(&walk.touches, P2P_VIEW_FORKS, p2p_feed_name(ledger, feed));
    if (by > 0) {
        walk.touches.begun = true;
        walk.touches.last = (struct p2p_record_id){by - 1, UINT64_MAX - 1};
    }
    enum p2p_err err = next_told(&walk, ledger->kv, &id);
    while (err == P2P_OK && id.feed == by) {
        found++;
        err = next_told(&walk, ledger->kv, &id);
    }
    if (err == P2P_OK || err == P2P_NOTFOUND) {
        *count = found;
        return P2P_OK;
    }
    return err;
}

enum p2p_err p2p_forked_mark_all(struct p2p_ledger *ledger)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 1; i < ledger->feed_count && err == P2P_OK; i++) {
        struct p2p_touch_walk walk;
        struct p2p_record_id id;
        struct p2p_slice name = p2p_feed_name(ledger, (uint32_t)i);
        p2p_touch_begin(&walk, P2P_VIEW_FORKS, name);
        err = p2p_touch_next(&walk, ledger->kv, &id);
        if (err == P2P_OK) {
            err = p2p_view_mark(ledger, P2P_VIEW_FORKS, name);
        } else if (err == P2P_NOTFOUND) {
            err = P2P_OK;
        }
    }
    return err;
}
