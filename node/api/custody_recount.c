/* What recounts of a container are made of: who looked before, and, where the charter gave it
 * to this member, the seals of those who may have let its last holder go on. */
#include "custody_verbs.h"

#include <p2p/words.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- in words ---- */

struct text {
    char *out;
    size_t len;
};

static void say(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len =
        vsnprintf(text->out + text->len, P2P_SEALING_TEXT_BYTES - text->len, format, args);
    va_end(args);
    size_t room = P2P_SEALING_TEXT_BYTES - 1 - text->len;
    text->len += len < 0 ? 0 : (size_t)len < room ? (size_t)len : room;
}

static void say_set(struct text *text, const struct p2p_ledger *ledger, const char *feed,
                    const struct p2p_seals_lacking *set)
{
    if (set->needed == 0) {
        say(text, "up to version %llu nobody witnessed %s", (unsigned long long)set->until,
            feed);
        return;
    }
    say(text, "the entry has to be seen by %u more of", (unsigned)set->needed);
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t member = p2p_witness_member(set->witnesses[i]);
        bool gone = p2p_charter_witness_of(ledger->charter, member) != set->witnesses[i];
        say(text, "%s %s%s", i > 0 ? "," : "", p2p_member_name(ledger, member),
            gone ? " (whose key was replaced)" : "");
    }
    if (set->until == UINT64_MAX) {
        say(text, ", who witness %s", feed);
    } else {
        say(text, ", who witnessed %s up to version %llu", feed,
            (unsigned long long)set->until);
    }
}

static void sealing_text(const struct p2p_ledger *ledger, const struct p2p_sealing *sealing,
                         char out[P2P_SEALING_TEXT_BYTES], bool *never)
{
    struct text text = {.out = out};
    char feed[P2P_NAME_BYTES_MAX + 16];
    struct p2p_slice name =
        p2p_feed_name(ledger, sealing->unended != 0 ? sealing->unended : sealing->feed);
    snprintf(feed, sizeof(feed), "%.*s", (int)name.len, (const char *)name.data);
    out[0] = '\0';
    *never = false;
    if (sealing->unended != 0) {
        say(&text, "%s was closed and has no end yet: its witnesses have to seal it first",
            feed);
        return;
    }
    for (size_t i = 0; i < sealing->lacking_count && i < P2P_SEALS_LACKING_MAX; i++) {
        say(&text, "%s", i > 0 ? "; " : "");
        say_set(&text, ledger, feed, &sealing->lacking[i]);
        *never = *never || sealing->lacking[i].never;
    }
    if (sealing->lacking_count > P2P_SEALS_LACKING_MAX) {
        say(&text, "; and of %zu sets of witnesses more",
            sealing->lacking_count - P2P_SEALS_LACKING_MAX);
    }
}

/* ---- recounts ---- */

/* A recount of the same token here by somebody else that waits for its second. */
static enum p2p_err first_recount(struct p2p_node *node, const struct p2p_custody *custody,
                                  struct p2p_record_id *first, bool *found)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err;
    *found = false;
    p2p_touch_begin(&walk, P2P_VIEW_CUSTODY, p2p_id_key(key, &custody->id));
    while ((err = p2p_touch_next(&walk, node->kv, &by)) == P2P_OK) {
        struct p2p_entry entry;
        uint64_t known = UINT64_MAX;
        if (custody->state == P2P_CUSTODY_RELEASED && /* who counts it anew knew why */
            p2p_known_surely(ledger, by.feed, by.index, custody->step.feed, &known) != P2P_OK) {
            continue;
        }
        if (by.feed == p2p_engine_own_feed(node->engine) && custody->step.index < known &&
            p2p_ledger_entry(ledger, &by, &entry) == P2P_OK &&
            entry.record.kind == P2P_KIND_RECOUNT && entry.record.cite_count == 1 &&
            (by.feed != custody->step.feed || by.index > custody->step.index)) {
            *first = by;
            *found = true;
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static bool frozen_here(const struct p2p_node *node, const struct p2p_custody *custody)
{
    return !p2p_custody_is_over(custody->state) && custody->frozen != 0 &&
           custody->holder == p2p_engine_own_feed(node->engine);
}

const struct p2p_reassign *p2p_custody_given(const struct p2p_node *node,
                                             const struct p2p_custody *custody)
{
    size_t count = 0;
    const struct p2p_reassign *found = NULL;
    const struct p2p_reassign *rows =
        p2p_charter_all_reassigns(p2p_engine_ledger(node->engine)->charter, &count);
    for (size_t i = 0; i < count; i++) {
        if (p2p_record_id_compare(&rows[i].token, &custody->id) == 0 &&
            rows[i].epoch == custody->epoch + 1) {
            found = &rows[i];
        }
    }
    return found;
}

/* The same, if it gives it to this member. */
static const struct p2p_reassign *given_here(const struct p2p_node *node,
                                             const struct p2p_custody *custody)
{
    const struct p2p_reassign *found = p2p_custody_given(node, custody);
    return found != NULL && found->member == p2p_engine_member(node->engine) ? found : NULL;
}

static bool recounted_here(const struct p2p_node *node, const struct p2p_custody *custody)
{
    return frozen_here(node, custody) ||
           (!p2p_custody_is_over(custody->state) && given_here(node, custody) != NULL);
}

static bool has_waited(void *context, const struct p2p_record_id *seal)
{
    const struct p2p_node *node = context;
    return p2p_engine_waited(node->engine, &node->now, seal);
}

enum p2p_err p2p_custody_seals(struct p2p_node *node, const struct p2p_custody *custody,
                               const struct p2p_reassign *given, struct p2p_sealing *sealing)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_waited waited = {.has = has_waited, .context = node};
    enum p2p_err err = p2p_custody_gather(ledger, custody, given, &waited, sealing);
    return err == P2P_OK && !sealing->sealed
               ? p2p_custody_gather(ledger, custody, given, NULL, sealing)
               : err;
}

/* The same where the charter keeps this one of several opens; nothing where it does not. */
static enum p2p_err gather_settled(struct p2p_node *node, const struct p2p_custody *custody,
                                   struct p2p_sealing *sealing)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_waited waited = {.has = has_waited, .context = node};
    enum p2p_err err = p2p_custody_gather_settled(ledger, custody, &waited, sealing);
    if (err == P2P_OK && !sealing->sealed) {
        err = p2p_custody_gather_settled(ledger, custody, NULL, sealing);
    }
    if (err == P2P_NOTFOUND) {
        *sealing = (struct p2p_sealing){.sealed = true};
        err = P2P_OK;
    }
    return err;
}

static const char *what_to_do(const struct p2p_sealing *sealing, bool never)
{
    if (sealing->unended != 0) {
        return "once they are up this takes a second; until then a recount counts for nothing, "
               "since the container will stand in the next generation";
    }
    return never ? "it stays frozen, unless the feed of who held it turns up with its newer "
                   "witnesses named in it: what nobody can ask may have let it go"
                 : "once they are up, and this node holds what they hold, this takes a second; "
                   "then the wait begins";
}

static bool is_sealed(struct p2p_call *call, struct p2p_node *node,
                      const struct p2p_custody *custody, const struct p2p_sealing *sealing)
{
    char who[P2P_SEALING_TEXT_BYTES];
    bool never = false;
    if (sealing->sealed) {
        return true;
    }
    sealing_text(p2p_engine_ledger(node->engine), sealing, who, &never);
    p2p_call_error(call, never ? 403 : 503, "not-sealed", what_to_do(sealing, never),
                   "%.*s is not sealed: %s", (int)custody->container.len,
                   (const char *)custody->container.data, who);
    return false;
}

bool p2p_custody_read_recount(struct p2p_call *call, struct p2p_node *node,
                              struct p2p_append *out)
{
    static const char *const keys[] = {"as", "container", "found", "level", NULL};
    const char *what = p2p_call_text(call, "found");
    struct p2p_custody custody;
    struct p2p_record_id first;
    const char *container;
    size_t count;
    bool second = false;
    if (!p2p_call_keys(call, keys) ||
        !p2p_call_container(call, p2p_call_text(call, "container"), &container)) {
        return false;
    }
    bool anew =
        p2p_custody_find(node, container, recounted_here, &custody, &count) == P2P_NOTFOUND;
    if (!p2p_custody_find_one(call, node, anew ? p2p_custody_waits_for_count : recounted_here,
                              "frozen here, or given to this port", &custody)) {
        return false;
    }
    const struct p2p_reassign *given = anew ? NULL : given_here(node, &custody);
    struct p2p_sealing sealing = {.sealed = true};
    if (what != NULL && strcmp(what, "held") != 0 && strcmp(what, "gone") != 0) {
        p2p_call_error(call, 400, "bad-request", "say --found held or --found gone",
                       "a look at the yard finds a container held or gone, not %.32s", what);
        return false;
    }
    enum p2p_err err = first_recount(node, &custody, &first, &second);
    if (err == P2P_OK && given != NULL) {
        err = p2p_custody_seals(node, &custody, given, &sealing);
    } else if (err == P2P_OK && !anew) {
        err = gather_settled(node, &custody, &sealing);
    }
    if (err != P2P_OK) {
        p2p_call_err(call, err, "the custody in the store cannot be read");
        return false;
    }
    if (!is_sealed(call, node, &custody, &sealing)) {
        return false;
    }
    struct p2p_entry looked;
    if (second &&
        p2p_ledger_entry(p2p_engine_ledger_mut(node->engine), &first, &looked) == P2P_OK &&
        !p2p_call_second(call, node, &looked.record,
                         "said already what was found; another officer has to look too")) {
        return false;
    }
    const struct p2p_custody_step step = {.epoch = given != NULL ? given->epoch : custody.epoch,
                                          .found = what != NULL ? what : "held",
                                          .seals = sealing.seals,
                                          .seal_count = sealing.seal_count};
    out->kind = P2P_KIND_RECOUNT;
    out->circle = custody.circle;
    p2p_custody_cite(call, out, &custody.id, second ? &first : NULL);
    return p2p_custody_pack_step(call, &step, out);
}

/* ---- what waits for seals ---- */

/* The token of an entry, where it is still to be taken over here. */
static bool waits_here(const struct p2p_node *node, const struct p2p_reassign *row,
                       struct p2p_custody *out)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_entry entry;
    const struct p2p_reassign *given = NULL;
    if (row->member != p2p_engine_member(node->engine) ||
        p2p_ledger_entry(ledger, &row->token, &entry) != P2P_OK ||
        p2p_custody_get(node->kv, entry.record.circle, &row->token, out) != P2P_OK ||
        p2p_custody_is_over(out->state)) {
        return false;
    }
    given = given_here(node, out);
    return given != NULL && given->entry == row->entry;
}

enum p2p_err p2p_custody_unsealed(const struct p2p_node *node, size_t *count,
                                  char first[P2P_SEALING_TEXT_BYTES])
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    size_t row_count = 0;
    size_t looked = 0;
    bool never = false;
    const struct p2p_reassign *rows = p2p_charter_all_reassigns(ledger->charter, &row_count);
    enum p2p_err err = P2P_OK;
    *count = 0;
    first[0] = '\0';
    for (size_t i = row_count; i > 0 && err == P2P_OK && looked < P2P_UNSEALED_LOOKED_AT; i--) {
        struct p2p_custody custody;
        struct p2p_sealing sealing;
        looked += rows[i - 1].member == p2p_engine_member(node->engine);
        if (!waits_here(node, &rows[i - 1], &custody)) {
            continue;
        }
        err = p2p_custody_gather(ledger, &custody, &rows[i - 1], NULL, &sealing);
        if (err == P2P_OK && !sealing.sealed) {
            if (*count == 0) {
                sealing_text(ledger, &sealing, first, &never);
            }
            (*count)++;
        }
    }
    return err;
}
