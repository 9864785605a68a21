/* The view of rights: one value per issue, folded from the custody of its token and the records
 * that name it.
 *
 *   1. the issue         why it has no effect; who it is given to
 *   2. every record      that names it, once: what allows is put into the order of its rulings,
 *                        a revoke or cancel by the first issuer ends the right
 *   3. the rulings       act in that order, each as the table lets it
 *   4. the release       by custody's own fold: it goes before whatever ended the right
 *   5. what is left      is looked at again, now that it is known what was ruled: blocks
 * without a ruled unblock, lights without a ruled green, overrides, what is asked and not
 * ruled, the gate-out
 *
 * Most rights need no fifth step. */
#include "ledger/once.h"
#include "right_parts.h"

#include <p2p/assert.h>
#include <p2p/rescued.h>

#include <string.h>

enum p2p_err p2p_right_knew(const struct p2p_ledger *ledger, const struct p2p_record_id *author,
                            const struct p2p_record_id *of, bool *knew)
{
    uint64_t size = 0;
    enum p2p_err err = p2p_known_surely(ledger, author->feed, author->index, of->feed, &size);
    if (err == P2P_OK) {
        *knew = of->index < size;
    }
    return err;
}

/* ---- one record ---- */

void p2p_right_unsure(struct p2p_right_fold *fold, const struct p2p_record_id *id)
{
    struct p2p_right *right = &fold->right;
    for (size_t i = 0; i < right->unsure_count; i++) {
        if (right->unsure[i].feed == id->feed) {
            return;
        }
    }
    if (right->unsure_count == P2P_RIGHT_UNSURE_MAX) {
        right->too_long = true;
        return;
    }
    right->unsure[right->unsure_count++] = *id;
}

static bool is_noted(const struct p2p_right *right, uint32_t feed)
{
    for (size_t i = 0; i < right->unsure_count; i++) {
        if (right->unsure[i].feed == feed) {
            return true;
        }
    }
    return false;
}

/* Anybody may name a right; whose signature is bad, or who is nobody and was noted, costs no
 * more than this. */
static enum p2p_err is_passed(const struct p2p_right_fold *fold, const struct p2p_record_id *id,
                              bool *passed)
{
    const struct p2p_ledger *ledger = fold->ledger;
    struct p2p_slice leaf;
    struct p2p_record record;
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, id->feed);
    *passed = feed == NULL || is_noted(&fold->right, id->feed);
    if (*passed) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_leaf(feed, ledger->kv, id->index, &leaf);
    if (err == P2P_OK && p2p_record_peek(&record, leaf) != P2P_OK) {
        err = P2P_CORRUPT; /* only canonical records were let in */
    }
    *passed = err == P2P_OK && p2p_charter_issuer(ledger->charter, record.issuer) != NULL;
    return err;
}

/* Puts the block that a record carries in its place, as if it stood at the end of its feed.
 * False: it carries none. */
static bool open_carrier(struct p2p_right_fold *fold)
{
    struct p2p_rescued rescued;
    if (!p2p_rescued_carries(fold->ledger, &fold->entry, &rescued) ||
        rescued.record.kind != P2P_KIND_RIGHT_BLOCK) {
        return false;
    }
    const struct p2p_feed *feed = p2p_ledger_feed(fold->ledger, rescued.feed);
    fold->entry = (struct p2p_entry){
        .id = {rescued.feed, feed == NULL ? 0 : feed->ends_at},
        .record = rescued.record,
        .payload = rescued.payload,
    };
    fold->carried = true;
    fold->carried_hash = rescued.hash;
    return true;
}

enum p2p_err p2p_right_look(struct p2p_right_fold *fold, const struct p2p_record_id *id,
                            bool *acts)
{
    struct p2p_ledger *ledger = fold->ledger;
    struct p2p_entry *entry = &fold->entry;
    enum p2p_why arrived = P2P_WHY_NONE;
    enum p2p_why why = P2P_WHY_NONE;
    *acts = false;
    bool passed = false;
    enum p2p_err err = p2p_judge_arrived(ledger, id, &arrived);
    if (err == P2P_OK && arrived != P2P_WHY_NONE) {
        err = is_passed(fold, id, &passed);
    }
    if (err != P2P_OK || passed) {
        return err;
    }
    fold->id = *id;
    fold->said = (struct p2p_right_said){0};
    fold->carried = false;
    err = p2p_once_entry(ledger, id, entry);
    if (err != P2P_OK || entry->record.circle != fold->right.circle ||
        (p2p_right_actions(entry->record.kind) == 0 &&
         entry->record.kind != P2P_KIND_RESCUED)) {
        return err;
    }
    err = p2p_judge_once(ledger, entry, &arrived, &why);
    if (err != P2P_OK || (entry->record.kind == P2P_KIND_RESCUED && !open_carrier(fold))) {
        return err;
    }
    bool reads =
        entry->payload.len > 0 && p2p_right_read_request(&fold->said, entry->payload) == P2P_OK;
    if ((why == P2P_WHY_UNKNOWN_ISSUER || why == P2P_WHY_NO_GRANT) &&
        p2p_right_forbids(entry->record.kind, &fold->said)) {
        p2p_right_unsure(fold, id);
    }
    *acts = why == P2P_WHY_NONE && reads;
    return P2P_OK;
}

static bool holds_word(const struct p2p_right_fold *fold, enum p2p_right_action action)
{
    const struct p2p_custody *custody = fold->has_custody ? &fold->custody : NULL;
    static const struct p2p_custody nowhere;
    const char *word = p2p_right_rule(action)->grant;
    custody = custody == NULL ? &nowhere : custody;
    if (action == P2P_RIGHT_DO_LIGHT) {
        word = p2p_light_grant(fold->said.light);
    }
    return p2p_right_granted(fold->ledger, &fold->entry, word, custody) ||
           (action == P2P_RIGHT_DO_GATE_OUT &&
            p2p_right_granted(fold->ledger, &fold->entry, p2p_grant_name(P2P_GRANT_CUSTODY),
                              custody));
}

struct p2p_right_ask p2p_right_ask_of(const struct p2p_right_fold *fold)
{
    unsigned actions = p2p_right_actions(fold->entry.record.kind);
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        if ((actions & 1u << i) != 0 && !holds_word(fold, (enum p2p_right_action)i)) {
            actions &= ~(1u << i);
        }
    }
    return (struct p2p_right_ask){.id = fold->id,
                                  .actions = actions,
                                  .issuer = fold->entry.record.issuer,
                                  .to = fold->said.to,
                                  .lights = fold->said.lights,
                                  .light = fold->said.light,
                                  .value = fold->said.value};
}

/* Looks at every record that names the right. */
static enum p2p_err look_at_all(struct p2p_right_fold *fold,
                                enum p2p_err (*take)(struct p2p_right_fold *fold))
{
    uint8_t bytes[P2P_ID_KEY_BYTES];
    struct p2p_scratch scratch;
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err = P2P_OK;
    p2p_touch_begin_still(&walk, P2P_VIEW_RIGHTS, p2p_id_key(bytes, &fold->right.id));
    p2p_scratch_begin(&scratch, fold->ledger);
    while (err == P2P_OK) {
        bool acts = false;
        err = p2p_touch_next(&walk, fold->ledger->kv, &by);
        if (err == P2P_OK) {
            err = p2p_right_look(fold, &by, &acts);
        }
        if (err == P2P_OK && acts) {
            err = take(fold);
        }
        p2p_scratch_reset(&scratch);
    }
    p2p_scratch_end(&scratch, fold->ledger);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- the token ---- */

/* An issue has no effect on a token of another container than it names, which those who look at
 * it would take for the one that leaves, or in a place for which its issuer is not granted. */
static void judge_token(struct p2p_right_fold *fold, const struct p2p_entry *issue)
{
    struct p2p_right *right = &fold->right;
    const struct p2p_custody *custody = &fold->custody;
    if (!p2p_slice_equal(custody->container, right->container)) {
        right->why = P2P_WHY_BAD_CITATION;
    } else if (!p2p_right_granted(fold->ledger, issue, p2p_grant_name(P2P_GRANT_ISSUE),
                                  custody)) {
        right->why = P2P_WHY_NO_GRANT;
    }
}

/* The token's custody, copied: its slices are borrowed until something else is read. */
static enum p2p_err read_custody(struct p2p_right_fold *fold, const struct p2p_entry *issue)
{
    struct p2p_ledger *ledger = fold->ledger;
    struct p2p_right *right = &fold->right;
    enum p2p_err err =
        p2p_custody_get(ledger->kv, right->circle, &right->token, &fold->custody);
    if (err == P2P_NOTFOUND) {
        return P2P_OK;
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_slice facility = fold->custody.facility;
    if (facility.len > 0) {
        facility = p2p_arena_copy(ledger->arena, facility);
        if (facility.data == NULL) {
            return P2P_NOMEM;
        }
    }
    fold->has_custody = true;
    fold->custody.facility = facility;
    judge_token(fold, issue);
    if (right->why != P2P_WHY_NONE) {
        return P2P_OK;
    }
    fold->custody.container = (struct p2p_slice){0};
    fold->custody.call = (struct p2p_slice){0};
    right->facility = facility;
    right->custodian = fold->custody.holder;
    return P2P_OK;
}

/* Whether the `use` that released the token is one of this right. */
static enum p2p_err is_used(struct p2p_right_fold *fold, bool *used, bool *carried)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_rescued rescued;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    *used = false;
    *carried = false;
    if (!fold->has_custody || fold->custody.state != P2P_CUSTODY_RELEASED) {
        return P2P_OK;
    }
    p2p_scratch_begin(&scratch, fold->ledger);
    enum p2p_err err = p2p_ledger_entry(fold->ledger, &fold->custody.step, &entry);
    if (err == P2P_OK && p2p_rescued_carries(fold->ledger, &entry, &rescued)) {
        entry.record = rescued.record;
        *carried = true;
    }
    if (err == P2P_OK && entry.record.kind == P2P_KIND_USE) {
        p2p_cites_begin(&walk, &entry.record);
        while (p2p_cites_next(&walk, &cite)) {
            *used = *used || p2p_record_id_compare(&cite, &fold->right.id) == 0;
        }
    }
    p2p_scratch_end(&scratch, fold->ledger);
    return err;
}

/* The release goes before whatever ended the right, which is told. */
static enum p2p_err end_right(struct p2p_right_fold *fold)
{
    struct p2p_right *right = &fold->right;
    bool used = false;
    bool carried = false;
    bool knew = false;
    enum p2p_err err = is_used(fold, &used, &carried);
    if (err != P2P_OK) {
        return err;
    }
    if (!used) {
        if (right->ended_by.feed != 0) {
            right->below = fold->cancelled ? P2P_RIGHT_CANCELLED : P2P_RIGHT_REVOKED;
        }
        return P2P_OK;
    }
    right->used_by = fold->custody.step;
    if (right->ended_by.feed != 0 && !carried) { /* who carries it may know more */
        err = p2p_right_knew(fold->ledger, &right->used_by, &right->ended_by, &knew);
    }
    right->unfit = right->below != P2P_RIGHT_ACTIVE || knew;
    right->below = P2P_RIGHT_USED;
    return err;
}

/* ---- the value ---- */

/* Who was named last, while somebody is. */
static void take_assigned(struct p2p_right_fold *fold)
{
    struct p2p_right *right = &fold->right;
    for (size_t i = 0; right->assigned_by.feed != 0 && i < fold->ruled_count; i++) {
        const struct p2p_right_ask *ask = &fold->ruled[i];
        if (ask->names != NULL && p2p_record_id_compare(&ask->id, &right->assigned_by) == 0) {
            right->driver = ask->names->driver;
            right->truck = ask->names->truck;
            right->company = ask->names->company;
            right->slot_from_ms = ask->names->slot_from_ms;
            right->slot_until_ms = ask->names->slot_until_ms;
        }
    }
}

static enum p2p_err write_value(struct p2p_right_fold *fold, struct p2p_slice content)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    const struct p2p_right *right = &fold->right;
    struct p2p_pack pack;
    size_t cap = P2P_RIGHT_VALUE_BYTES + content.len + right->driver.len + right->truck.len +
                 right->company.len + right->facility.len;
    uint8_t *bytes = p2p_arena_take(fold->ledger->arena, cap);
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    p2p_pack_init(&pack, bytes, cap);
    enum p2p_err err = p2p_right_encode(&pack, right, content);
    p2p_assert(err == P2P_OK);
    return p2p_view_put(fold->ledger, P2P_VIEW_RIGHTS, right->circle,
                        p2p_id_key(key, &right->id), p2p_pack_slice(&pack));
}

/* Everything behind an issue that has effect. */
static enum p2p_err fold_asked(struct p2p_right_fold *fold)
{
    enum p2p_err err = look_at_all(fold, p2p_right_gather);
    if (err == P2P_OK) {
        err = p2p_right_rule_all(fold);
    }
    if (err == P2P_OK) {
        err = end_right(fold);
    }
    if (err == P2P_OK && fold->unruled) {
        err = look_at_all(fold, p2p_right_take);
    }
    take_assigned(fold);
    return err == P2P_OK ? p2p_right_settle(fold) : err;
}

static enum p2p_err fold_issue(struct p2p_right_fold *fold, const struct p2p_entry *entry)
{
    struct p2p_right *right = &fold->right;
    struct p2p_cites walk;
    enum p2p_why why = P2P_WHY_NONE;
    *right = (struct p2p_right){.id = entry->id,
                                .circle = entry->record.circle,
                                .first = entry->record.issuer,
                                .below = P2P_RIGHT_PENDING};
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        right->lights[i] = 1; /* how it begins */
    }
    enum p2p_err err = p2p_judge(fold->ledger, entry, &why);
    if (err != P2P_OK) {
        return err;
    }
    right->why = why;
    p2p_cites_begin(&walk, &entry->record);
    if (!p2p_cites_next(&walk, &right->token)) {
        right->token = (struct p2p_record_id){0, 0};
    }
    bool reads =
        p2p_kind_validate(p2p_kind_find(entry->record.kind), entry->payload) == P2P_OK &&
        p2p_right_read_content(right, entry->payload) == P2P_OK;
    p2p_assert(reads || why != P2P_WHY_NONE);
    if (why == P2P_WHY_NONE) {
        err = read_custody(fold, entry);
    }
    if (err == P2P_OK && right->why == P2P_WHY_NONE) {
        err = fold_asked(fold);
    } else {
        right->below = P2P_RIGHT_NO_EFFECT;
        right->chain_count = 0;
    }
    return err == P2P_OK ? write_value(fold, reads ? entry->payload : (struct p2p_slice){0})
                         : err;
}

static enum p2p_err fold(struct p2p_ledger *ledger, struct p2p_slice key)
{
    struct p2p_record_id id;
    struct p2p_entry entry;
    if (!p2p_id_from_key(key, &id)) {
        return P2P_CORRUPT;
    }
    enum p2p_err err = p2p_ledger_entry_of_kind(ledger, &id, P2P_KIND_RIGHT_ISSUE, &entry);
    if (err == P2P_NOTFOUND) {
        return P2P_OK; /* named before it came, or what cites rights is cited */
    }
    if (err != P2P_OK || entry.payload.len == 0 ||
        p2p_ledger_kind(ledger, entry.record.kind) == NULL) {
        return err;
    }
    struct p2p_right_fold *state = p2p_arena_take(ledger->arena, sizeof(*state));
    if (state == NULL) {
        return P2P_NOMEM;
    }
    memset(state, 0, sizeof(*state));
    state->ledger = ledger;
    state->arena = ledger->arena;
    return fold_issue(state, &entry);
}

const struct p2p_view p2p_view_rights = {.fold = fold};
