/* The ban view: one value per imposition, folded from the records that name it. */
#include <p2p/ban.h>
#include <p2p/rescued.h>

#include "ledger/views.h"

#include <p2p/assert.h>
#include <p2p/planted.h>

#include <string.h>

enum { NAMED_MAX = 64, NAMED_BYTES_MAX = 1 + 5 + 9 };

/* The records that have a hold on one imposition, in order of id. */
struct named {
    struct p2p_record_id ids[NAMED_MAX];
    uint32_t count;
};

/* Whether a record that cites the one at `cited` has effect on this ban. Nobody takes away what
 * he did not know, and a claim about more than is held proves nothing yet. A resume, which
 * forbids again, may rest on one. */
static enum p2p_err acts_on(struct p2p_ledger *ledger, const struct p2p_entry *by,
                            const struct p2p_record_id *cited, const struct p2p_ban *ban,
                            bool *acts)
{
    enum p2p_why why;
    uint64_t known = 0;
    *acts = false;
    if (by->record.circle != ban->circle) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_judge_once(ledger, by, NULL, &why);
    if (err != P2P_OK || why != P2P_WHY_NONE) {
        return err;
    }
    if (by->record.kind != P2P_KIND_BAN_RESUME) {
        err = p2p_known_surely(ledger, by->id.feed, by->id.index, cited->feed, &known);
        if (err != P2P_OK || cited->index >= known) {
            return err;
        }
    }
    err = p2p_ban_known_charter(ledger, by, &known);
    if (err == P2P_OK) {
        *acts = p2p_ban_may_lift(ledger->charter, by->record.issuer, ban, &by->id, known);
    }
    return err;
}

/* Keeps the list in order and without repeats; of more than fit, the first by id, which prove
 * as much as all. */
static void name(struct named *list, const struct p2p_record_id *id)
{
    uint32_t at = list->count;
    while (at > 0 && p2p_record_id_compare(&list->ids[at - 1], id) > 0) {
        at--;
    }
    if (at == NAMED_MAX || (at > 0 && p2p_record_id_compare(&list->ids[at - 1], id) == 0)) {
        return;
    }
    list->count += list->count < NAMED_MAX;
    for (uint32_t i = list->count - 1; i > at; i--) {
        list->ids[i] = list->ids[i - 1];
    }
    list->ids[at] = *id;
}

/* Whether the record at id is an effective resume, as far as this ban is concerned. */
static enum p2p_err resumes(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                            const struct p2p_record_id *suspend, const struct p2p_ban *ban,
                            bool *resumed)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    if (err == P2P_OK && entry.record.kind == P2P_KIND_BAN_RESUME) {
        err = acts_on(ledger, &entry, suspend, ban, resumed);
    }
    p2p_scratch_end(&scratch, ledger);
    return err;
}

/* Whether some effective resume names this suspend. */
static enum p2p_err is_resumed(struct p2p_ledger *ledger, const struct p2p_record_id *suspend,
                               const struct p2p_ban *ban, bool *resumed)
{
    uint8_t bytes[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err = P2P_OK;
    *resumed = false;
    p2p_touch_begin(&walk, P2P_VIEW_BANS, p2p_id_key(bytes, suspend));
    while (err == P2P_OK && !*resumed) {
        err = p2p_touch_next(&walk, ledger->kv, &by);
        if (err == P2P_OK) {
            err = resumes(ledger, &by, suspend, ban, resumed);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Adds the record at id to what it does to this ban, if it does anything. */
static enum p2p_err gather_one(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                               const struct p2p_record_id *cited, const struct p2p_ban *ban,
                               struct named *lifted, struct named *suspended)
{
    struct p2p_entry entry;
    enum p2p_why why = P2P_WHY_NONE;
    bool acts = false;
    bool resumed = false;
    enum p2p_err err = p2p_judge_arrived(ledger, id, &why);
    if (err != P2P_OK || why != P2P_WHY_NONE) {
        return err; /* anybody may cite a ban; who is nobody costs no more than this */
    }
    err = p2p_ledger_entry(ledger, id, &entry);
    if (err == P2P_OK) {
        err = acts_on(ledger, &entry, cited, ban, &acts);
    }
    if (err != P2P_OK || !acts) {
        return err;
    }
    if (entry.record.kind == P2P_KIND_BAN_SUSPEND) {
        err = is_resumed(ledger, id, ban, &resumed);
        if (err == P2P_OK && !resumed) {
            name(suspended, id);
        }
    } else if (entry.record.kind == P2P_KIND_BAN_LIFT ||
               entry.record.kind == P2P_KIND_BAN_AMEND) {
        name(lifted, id);
    }
    return err;
}

/* What acts on a ban by citing the record at `cited`. */
static enum p2p_err gather(struct p2p_ledger *ledger, const struct p2p_ban *ban,
                           const struct p2p_record_id *cited, struct named *lifted,
                           struct named *suspended)
{
    uint8_t bytes[P2P_ID_KEY_BYTES];
    struct p2p_scratch scratch;
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err = P2P_OK;
    p2p_scratch_begin(&scratch, ledger);
    p2p_touch_begin(&walk, P2P_VIEW_BANS, p2p_id_key(bytes, cited));
    while (err == P2P_OK) {
        err = p2p_touch_next(&walk, ledger->kv, &by);
        if (err == P2P_OK) {
            err = gather_one(ledger, &by, cited, ban, lifted, suspended);
        }
        p2p_scratch_reset(&scratch);
    }
    p2p_scratch_end(&scratch, ledger);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static void pack_named(struct p2p_pack *pack, const char *key, const struct named *list)
{
    if (list->count == 0) {
        return;
    }
    p2p_pack_text(pack, key);
    p2p_pack_array(pack, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        p2p_pack_array(pack, 2);
        p2p_pack_uint(pack, list->ids[i].feed);
        p2p_pack_uint(pack, list->ids[i].index);
    }
}

/* content is the payload, or empty when it is not that of an imposition: a value is one map and
 * must stay canonical whatever an author committed to. */
static enum p2p_err write_value(struct p2p_ledger *ledger, const struct p2p_ban *ban,
                                struct p2p_slice content, enum p2p_why why,
                                const struct named *lifted, const struct named *suspended)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    size_t cap =
        content.len + 128 + (size_t)(lifted->count + suspended->count) * NAMED_BYTES_MAX;
    uint8_t *bytes = p2p_arena_take(ledger->arena, cap);
    struct p2p_pack pack;
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    p2p_pack_init(&pack, bytes, cap);
    p2p_pack_map(&pack, 1u + (content.len > 0) + (lifted->count > 0) + (suspended->count > 0) +
                            (why != P2P_WHY_NONE));
    if (content.len > 0) {
        p2p_pack_text(&pack, "content");
        p2p_pack_raw(&pack, content);
    }
    p2p_pack_text(&pack, "issuer");
    p2p_pack_uint(&pack, ban->issuer);
    pack_named(&pack, "lifted", lifted);
    pack_named(&pack, "suspended", suspended);
    if (why != P2P_WHY_NONE) {
        p2p_pack_text(&pack, "why");
        p2p_pack_text(&pack, p2p_why_word(why));
    }
    p2p_assert(!p2p_pack_failed(&pack));
    return p2p_view_put(ledger, P2P_VIEW_BANS, ban->circle, p2p_id_key(key, &ban->id),
                        p2p_pack_slice(&pack));
}

#ifdef P2P_PLANTED
static bool is_new(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_ban ban;
    return p2p_ban_get(ledger->kv, entry->record.circle, &entry->id, &ban) == P2P_NOTFOUND;
}
#else
#define is_new(ledger, entry) false
#endif

/* ---- bans of forked feeds, carried by other records ---- */

/* One carrier: whether it is the first that carries the ban well, which then has its value.
 * content is copied into the ledger's arena. */
static enum p2p_err weigh_carrier(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                  struct p2p_ban *ban, struct p2p_slice *content,
                                  enum p2p_why *why)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_rescued rescued;
    enum p2p_why verdict = P2P_WHY_NONE;
    bool well = false;
    struct p2p_slice copy = {0};
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    if (err == P2P_OK) {
        err = p2p_judge(ledger, &entry, &verdict);
    }
    if (err == P2P_OK && p2p_rescued_carries(ledger, &entry, &rescued)) {
        well = content->len == 0 && verdict != P2P_WHY_BAD_PAYLOAD &&
               verdict != P2P_WHY_REPEATED_SEQ;
        err = p2p_ban_row(ledger, ban->circle, rescued.payload, id, well);
        copy = well ? p2p_arena_copy(scratch.outer, rescued.payload) : copy;
    }
    p2p_scratch_end(&scratch, ledger);
    if (err == P2P_OK && well) {
        err = copy.data == NULL ? P2P_NOMEM : P2P_OK;
        *content = copy;
        *why = verdict;
        ban->id = *id;
        ban->issuer = rescued.record.issuer;
    }
    return err;
}

/* All carriers of one ban: the first that carries it well has its value, the others none. */
static enum p2p_err fold_rescued(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_rescued rescued;
    struct p2p_touch_walk walk;
    struct p2p_record_id id;
    struct p2p_ban ban = {.circle = entry->record.circle};
    enum p2p_why why = P2P_WHY_NONE;
    struct named lifted = {.count = 0};
    struct named suspended = {.count = 0};
    struct p2p_slice content = {0};
    if (!p2p_rescued_carries(ledger, entry, &rescued) ||
        !p2p_rescued_is_ban(rescued.record.kind)) {
        return P2P_OK; /* it carries nothing, or no ban */
    }
    enum p2p_err err = P2P_OK;
    p2p_rescued_carriers(&walk, &rescued.hash);
    while (err == P2P_OK && (err = p2p_rescued_next(&walk, ledger->kv, &id)) == P2P_OK) {
        err = weigh_carrier(ledger, &id, &ban, &content, &why);
    }
    if (err != P2P_NOTFOUND || content.len == 0) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    if (p2p_ban_read_content(&ban, content) != P2P_OK) {
        return P2P_OK; /* a payload of another form is bad, and carries nothing */
    }
    err = P2P_OK;
    p2p_rescued_carriers(&walk, &rescued.hash);
    while (err == P2P_OK && (err = p2p_rescued_next(&walk, ledger->kv, &id)) == P2P_OK) {
        err = gather(ledger, &ban, &id, &lifted, &suspended);
    }
    return err == P2P_NOTFOUND ? write_value(ledger, &ban, content, why, &lifted, &suspended)
                               : err;
}

/* ---- the fold ---- */

static enum p2p_err fold(struct p2p_ledger *ledger, struct p2p_slice key)
{
    struct p2p_record_id id;
    struct p2p_entry entry;
    struct p2p_ban ban;
    enum p2p_why why;
    struct named lifted = {.count = 0};
    struct named suspended = {.count = 0};
    if (!p2p_id_from_key(key, &id)) {
        return P2P_CORRUPT;
    }
    enum p2p_err err = p2p_ledger_entry(ledger, &id, &entry);
    if (err == P2P_NOTFOUND) {
        return P2P_OK; /* named before it came */
    }
    if (err == P2P_OK && entry.record.kind == P2P_KIND_RESCUED) {
        return entry.payload.len == 0 ? P2P_OK : fold_rescued(ledger, &entry);
    }
    if (err != P2P_OK || entry.payload.len == 0 ||
        p2p_ledger_kind(ledger, entry.record.kind) == NULL ||
        (entry.record.kind != P2P_KIND_BAN_IMPOSE && entry.record.kind != P2P_KIND_BAN_AMEND)) {
        return err;
    }
    err = p2p_judge(ledger, &entry, &why);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_slice content = {0};
    ban = (struct p2p_ban){
        .id = id, .circle = entry.record.circle, .issuer = entry.record.issuer};
    if (p2p_kind_validate(p2p_kind_find(entry.record.kind), entry.payload) == P2P_OK &&
        p2p_ban_read_content(&ban, entry.payload) == P2P_OK) {
        content = entry.payload;
        if (P2P_PLANT(ARRIVAL_FOLD) && is_new(ledger, &entry)) {
            return write_value(ledger, &ban, content, why, &lifted, &suspended);
        }
        err = gather(ledger, &ban, &id, &lifted, &suspended);
    }
    p2p_assert(err != P2P_OK || content.len > 0 || why != P2P_WHY_NONE);
    return err == P2P_OK ? write_value(ledger, &ban, content, why, &lifted, &suspended) : err;
}

const struct p2p_view p2p_view_bans = {.fold = fold};
