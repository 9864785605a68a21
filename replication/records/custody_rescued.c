/* Releases that a forked feed lost: a `use` at or above W, or on the branch that W is not on,
 * which other records carry (rescued.h).
 *
 *     its feed held the token at W, at that epoch     RELEASED, by the first carrier
 *     the token had passed on                         frozen, until two who knew of the release
 *                                                     counted it where it stands since
 *     its feed never held it at that epoch            nothing
 *
 * So it is released once, whichever branch is the feed, or somebody looks. The carriers of one
 * token stand in TOUCH rows of their own, once more by the feed and epoch of what they carry:
 * as many as anybody likes, of which the first few of each author, feed and epoch count. So
 * what a feed wrote at other epochs, or another feed did, stands in nobody's way. */
#include "custody_step.h"

#include <p2p/rescued.h>

#include <string.h>

enum { KEY_BYTES = 1 + P2P_ID_KEY_BYTES, USE_KEY_BYTES = KEY_BYTES + 4 + 8 };

/* No feed has such numbers, so these rows are met by nobody else; nor are those of one length
 * by who walks the others. */
enum { OF_TOKEN = 0xff, OF_USE = 0xfe };

static struct p2p_slice rescued_key(uint8_t out[KEY_BYTES], const struct p2p_record_id *token)
{
    out[0] = OF_TOKEN;
    p2p_id_key(out + 1, token);
    return p2p_slice_of(out, KEY_BYTES);
}

/* Of releases by that feed at that epoch alone. */
static struct p2p_slice use_key(uint8_t out[USE_KEY_BYTES], const struct p2p_record_id *token,
                                uint32_t feed, uint64_t epoch)
{
    struct p2p_writer key;
    uint8_t id[P2P_ID_KEY_BYTES];
    p2p_id_key(id, token);
    p2p_writer_init(&key, out, USE_KEY_BYTES);
    p2p_writer_u8(&key, OF_USE);
    p2p_writer_bytes(&key, id, sizeof(id));
    p2p_writer_u32(&key, feed);
    p2p_writer_u64(&key, epoch);
    return p2p_writer_slice(&key);
}

enum p2p_err p2p_custody_touch_rescued(struct p2p_ledger *ledger, uint32_t circle,
                                       const struct p2p_record_id *token, uint32_t feed,
                                       struct p2p_slice content,
                                       const struct p2p_record_id *carrier)
{
    uint8_t key[USE_KEY_BYTES];
    struct custody_content use;
    enum p2p_err err =
        p2p_touch_add(ledger, P2P_VIEW_CUSTODY, rescued_key(key, token), carrier);
    if (err == P2P_OK && p2p_custody_read_content(&use, content)) {
        err = p2p_touch_add(ledger, P2P_VIEW_CUSTODY, use_key(key, token, feed, use.epoch),
                            carrier);
    }
    return err == P2P_OK ? p2p_custody_mark_by(ledger, circle, token, carrier) : err;
}

void p2p_custody_rescuers(struct p2p_touch_walk *walk, const struct p2p_record_id *token)
{
    uint8_t key[KEY_BYTES];
    p2p_touch_begin(walk, P2P_VIEW_CUSTODY, rescued_key(key, token));
}

/* ---- carriers of what one feed wrote at one epoch ---- */

struct carriers {
    struct p2p_touch_walk walk;
    uint32_t author;
    unsigned count; /* of that author */
};

static void begin(struct carriers *carriers, const struct custody_trace *trace, uint32_t feed,
                  uint64_t epoch)
{
    uint8_t key[USE_KEY_BYTES];
    *carriers = (struct carriers){.author = 0};
    p2p_touch_begin(&carriers->walk, P2P_VIEW_CUSTODY,
                    use_key(key, &trace->token->id, feed, epoch));
}

/* The next one that was known where the trace looks from. P2P_NOTFOUND. */
static enum p2p_err next(struct carriers *carriers, const struct custody_trace *trace,
                         struct p2p_record_id *id)
{
    const struct p2p_ledger *ledger = trace->ledger;
    uint64_t known = UINT64_MAX;
    enum p2p_err err = P2P_OK;
    do {
        err = p2p_touch_next(&carriers->walk, ledger->kv, id);
        if (err != P2P_OK) {
            return err;
        }
        carriers->count = id->feed == carriers->author ? carriers->count + 1 : 1;
        carriers->author = id->feed;
        if (carriers->count == P2P_CUSTODY_RESCUED_MAX) {
            carriers->walk.last.index = UINT64_MAX - 1; /* on to the next author */
        }
        if (trace->known_at != NULL) {
            err = p2p_known_surely(ledger, trace->known_at->feed, trace->known_at->index,
                                   id->feed, &known);
        }
    } while (err == P2P_OK && id->index >= known);
    return err;
}

enum p2p_err p2p_custody_rescued(struct custody_trace *trace, const struct standing *at,
                                 struct step *use, struct p2p_hash *leaf)
{
    const struct wanted wanted = {
        .epoch = at->epoch, .rests_feed = at->rests_feed, .rests_index = at->rests_index};
    const struct p2p_feed *feed = p2p_ledger_feed(trace->ledger, at->feed);
    struct carriers carriers;
    struct p2p_record_id id;
    bool counts = false;
    enum p2p_err err =
        feed == NULL || feed->ends_at == P2P_FEED_GOES_ON ? P2P_NOTFOUND : P2P_OK;
    begin(&carriers, trace, at->feed, at->epoch);
    while (err == P2P_OK && !counts) {
        err = next(&carriers, trace, &id);
        if (err == P2P_OK) {
            err = p2p_step_look_carried(trace, &id, &wanted, at->feed, use, leaf, &counts);
        }
    }
    return err;
}

enum p2p_err p2p_custody_knew_rescued(struct custody_trace *trace,
                                      const struct p2p_record_id *author,
                                      const struct p2p_hash *leaf, bool *knew)
{
    struct p2p_touch_walk walk;
    struct p2p_record_id id;
    enum p2p_err err = P2P_OK;
    *knew = false;
    p2p_rescued_carriers(&walk, leaf); /* who knew of one carrier knew of the release */
    while (err == P2P_OK && !*knew) {
        uint64_t known = 0;
        err = p2p_rescued_next(&walk, trace->ledger->kv, &id);
        if (err == P2P_OK) {
            err = p2p_known_surely(trace->ledger, author->feed, author->index, id.feed, &known);
        }
        *knew = err == P2P_OK && id.index < known;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- who held it before ---- */

/* Whether two who counted the token after a tenure knew of a release then. */
static enum p2p_err was_counted(struct custody_trace *trace, size_t tenure,
                                const struct p2p_hash *leaf, bool *counted)
{
    enum p2p_err err = P2P_OK;
    *counted = false;
    for (size_t i = tenure + 1; i < P2P_CUSTODY_TENURES_MAX && err == P2P_OK && !*counted;
         i++) {
        if (trace->thaws[i].feed != 0) {
            err = p2p_custody_knew_rescued(trace, &trace->thaws[i], leaf, counted);
        }
    }
    return err;
}

/* Whether a carrier carries a release by who held the token in a tenure that is over, which
 * nobody counted it anew for since. */
static enum p2p_err was_used_in(struct custody_trace *trace, size_t n, bool *before)
{
    const struct p2p_tenure *tenure = &trace->token->tenures[n];
    const struct wanted wanted = {.epoch = tenure->epoch,
                                  .rests_feed = tenure->rests_feed,
                                  .rests_index = tenure->rests_index};
    struct carriers carriers;
    struct p2p_record_id id;
    enum p2p_err err = P2P_OK;
    begin(&carriers, trace, tenure->feed, tenure->epoch);
    while (err == P2P_OK && !*before) {
        struct p2p_hash leaf;
        struct step step;
        bool used = false;
        bool counted = false;
        err = next(&carriers, trace, &id);
        if (err == P2P_OK) {
            err = p2p_step_look_carried(trace, &id, &wanted, tenure->feed, &step, &leaf, &used);
        }
        if (err == P2P_OK && used) {
            err = was_counted(trace, n, &leaf, &counted);
        }
        *before = err == P2P_OK && used && !counted;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_custody_rescued_before(struct custody_trace *trace)
{
    const struct p2p_custody *token = trace->token;
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < token->tenure_count && err == P2P_OK && !trace->used_before; i++) {
        if (token->tenures[i].to != UINT64_MAX) { /* else it goes on: p2p_custody_rescued */
            err = was_used_in(trace, i, &trace->used_before);
        }
    }
    return err;
}

/* ---- opening anew ---- */

enum p2p_err p2p_custody_recounted(struct custody_trace *trace, uint32_t feed, uint64_t below,
                                   bool *counted)
{
    struct step_pairs pairs;
    struct step second;
    enum p2p_err err = P2P_OK;
    *counted = false;
    p2p_step_pairs(&pairs, &trace->token->id, feed, 0, trace->token->epoch);
    while (err == P2P_OK && !*counted) {
        err = p2p_step_next_pair(trace, &pairs, below, &second);
        if (err == P2P_OK) {
            err = p2p_custody_knew_rescued(trace, &second.first, &trace->released_by, counted);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_custody_counted_anew(struct p2p_ledger *ledger,
                                      const struct p2p_custody *custody, uint32_t feed,
                                      uint64_t below, bool *counted)
{
    struct p2p_custody token = *custody;
    struct custody_trace trace = {.ledger = ledger, .token = &token};
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_rescued rescued;
    *counted = true;
    if (custody->state != P2P_CUSTODY_RELEASED) {
        return P2P_OK;
    }
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = p2p_ledger_entry(ledger, &custody->step, &entry);
    bool carried = err == P2P_OK && p2p_rescued_carries(ledger, &entry, &rescued);
    trace.released_by = carried ? rescued.hash : trace.released_by;
    p2p_scratch_end(&scratch, ledger);
    return carried ? p2p_custody_recounted(&trace, feed, below, counted) : err;
}
