/* What forbade a release: a block, a light that is not green, the end of the right, or that the
 * token is frozen.
 *
 * Read naively, and only where nothing else that is written could make it otherwise: by who was
 * never cut, in feeds of who never lied and that were not closed, and known to the gate by its
 * own `seen`. */
#include "watch.h"

#include "workload/yard.h"

#include <p2p/custody.h>
#include <p2p/grant.h>
#include <p2p/right.h>

struct forbidding {
    struct sim_watcher *watcher;
    struct watch_machine *machine;
    const struct watch_release *release;
    const struct p2p_custody *custody;
};

static bool same(const struct p2p_record_id *a, const struct p2p_record_id *b)
{
    return p2p_record_id_compare(a, b) == 0;
}

static bool cites(const struct watch_ban_record *record, const struct p2p_record_id *id)
{
    for (size_t i = 0; i < record->cite_count; i++) {
        if (same(&record->cites[i], id)) {
            return true;
        }
    }
    return false;
}

/* The first of two records was written by who had `seen` the second. */
static bool knew(struct sim_watcher *watcher, const struct p2p_record_id *by,
                 const struct p2p_record_id *of)
{
    return watch_known(watcher, by->feed, by->index, of->feed) > of->index;
}

static void tell(const struct forbidding *f, const struct p2p_record_id *by, const char *what)
{
    sim_violate(f->watcher->sim, SIM_INVARIANT_FORBIDDEN,
                "%s let a container out by %s record %llu, and knew that %s record %llu %s",
                f->machine->name, watch_feed_name(f->watcher, f->release->use.feed),
                (unsigned long long)f->release->use.index,
                watch_feed_name(f->watcher, by->feed), (unsigned long long)by->index, what);
}

/* It has effect, whatever else there is; and the gate knew it. */
static bool surely_stands(const struct forbidding *f, const struct watch_ban_record *record,
                          enum p2p_grant_word word)
{
    struct sim_watcher *watcher = f->watcher;
    const struct p2p_feed_info *info =
        p2p_charter_feed(watch_charter(watcher), record->id.feed);
    return record->signed_well && info != NULL && info->closed == 0 &&
           watch_is_honest_feed(watcher, record->id.feed) &&
           watch_never_revoked(watcher, record->issuer) &&
           watch_granted_word(watcher, record->issuer, p2p_grant_name(word),
                              watch_charter_known(watcher, &record->id)) &&
           knew(watcher, &f->release->use, &record->id);
}

/* The same of one that is about the right, and nothing else, by who knew it. */
static bool is_of_right(const struct forbidding *f, const struct watch_ban_record *record)
{
    return record->circle == f->release->circle && record->cite_count == 1 &&
           cites(record, &f->release->right) &&
           knew(f->watcher, &record->id, &f->release->right);
}

/* ---- blocks ---- */

static void look_at_block(const struct forbidding *f, const struct watch_ban_record *block)
{
    const struct sim_watcher *watcher = f->watcher;
    bool ended = false;
    for (size_t n = 0; n < watcher->said_count; n++) {
        ended = ended || (watcher->said[n].kind == P2P_KIND_RIGHT_UNBLOCK &&
                          cites(&watcher->said[n], &block->id));
    }
    if (!ended && is_of_right(f, block) && surely_stands(f, block, P2P_GRANT_BLOCK)) {
        tell(f, &block->id, "blocks it");
    }
}

/* ---- the end of a right ---- */

static void look_at_end(const struct forbidding *f, const struct watch_ban_record *end)
{
    const struct sim_watcher *watcher = f->watcher;
    bool first = false; /* by who issued it */
    for (size_t n = 0; n < watcher->said_count; n++) {
        first = first || (same(&watcher->said[n].id, &f->release->right) &&
                          watcher->said[n].kind == P2P_KIND_RIGHT_ISSUE &&
                          watcher->said[n].issuer == end->issuer);
    }
    if (first && is_of_right(f, end) && surely_stands(f, end, P2P_GRANT_ISSUE)) {
        tell(f, &end->id, "ended its right");
    }
}

/* ---- lights ---- */

struct said_light {
    bool opens; /* else its payload is not here, and it may say anything */
    bool green;
    enum p2p_light light;
};

static struct said_light open_light(const struct forbidding *f, const struct p2p_record_id *id)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice salted;
    struct p2p_unpack in;
    struct said_light said = {.opens = false};
    if (p2p_kv_get(f->machine->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, id), &salted) != P2P_OK ||
        salted.len <= P2P_SALT_BYTES) {
        return said;
    }
    const struct p2p_slice payload =
        p2p_slice_of(salted.data + P2P_SALT_BYTES, salted.len - P2P_SALT_BYTES);
    if (p2p_unpack_find(payload, "light", &in) &&
        p2p_light_named(p2p_unpack_str(&in), &said.light) &&
        p2p_unpack_find(payload, "value", &in)) {
        const char *green = p2p_light_value(said.light, 0);
        said.green = p2p_slice_equal(p2p_unpack_str(&in), p2p_slice_text(green));
        said.opens = true;
    }
    return said;
}

/* Whether some record may have set that light to green at the gate; away: by who knew that one.
 */
static bool may_be_green(const struct forbidding *f, enum p2p_light light,
                         const struct p2p_record_id *away)
{
    struct sim_watcher *watcher = f->watcher;
    for (size_t i = 0; i < watcher->said_count; i++) {
        const struct watch_ban_record *record = &watcher->said[i];
        if (record->kind != P2P_KIND_RIGHT_LIGHT || !cites(record, &f->release->right) ||
            !knew(watcher, &f->release->use, &record->id) ||
            (away != NULL && !knew(watcher, &record->id, away))) {
            continue;
        }
        const struct said_light said = open_light(f, &record->id);
        if (!said.opens || (said.green && said.light == light)) {
            return true;
        }
    }
    return false;
}

static void look_at_away(const struct forbidding *f, const struct watch_ban_record *record)
{
    static const enum p2p_grant_word grants[P2P_LIGHT_COUNT] = {
        [P2P_LIGHT_COMMERCIAL] = P2P_GRANT_COMMERCIAL_LIGHT,
        [P2P_LIGHT_CUSTOMS] = P2P_GRANT_CUSTOMS_LIGHT,
        [P2P_LIGHT_DISCHARGE] = P2P_GRANT_DISCHARGE_LIGHT,
        [P2P_LIGHT_TERMINAL] = P2P_GRANT_TERMINAL_LIGHT};
    if (!is_of_right(f, record)) {
        return;
    }
    const struct said_light said = open_light(f, &record->id);
    if (said.opens && !said.green && surely_stands(f, record, grants[said.light]) &&
        !may_be_green(f, said.light, &record->id)) {
        tell(f, &record->id, "turned a light away");
    }
}

/* Every light begins as another than green. */
static void look_at_dark(const struct forbidding *f)
{
    for (unsigned light = 0; light < P2P_LIGHT_COUNT; light++) {
        if (!may_be_green(f, (enum p2p_light)light, NULL)) {
            tell(f, &f->release->right, "never got a green light");
        }
    }
}

/* ---- what is frozen ---- */

/* Both stand, and nothing that is written ended one of them: each froze the other. */
static void look_at_rival(const struct forbidding *f, const struct watch_ban_record *own,
                          const struct watch_ban_record *other)
{
    struct sim_watcher *watcher = f->watcher;
    if (own->circle != other->circle || !surely_stands(f, own, P2P_GRANT_CUSTODY) ||
        !surely_stands(f, other, P2P_GRANT_CUSTODY) || knew(watcher, &own->id, &other->id) ||
        knew(watcher, &other->id, &own->id)) {
        return;
    }
    for (size_t i = 0; i < watcher->said_count; i++) {
        if (cites(&watcher->said[i], &own->id) || cites(&watcher->said[i], &other->id)) {
            switch (watcher->said[i].kind) {
            case P2P_KIND_CUSTODY_WITHDRAW:
            case P2P_KIND_CUSTODY_GATE_IN:
            case P2P_KIND_RECOUNT:
                return;
            default: /* it ends none */
                break;
            }
        }
    }
    tell(f, &other->id, "opened it, too");
}

static const struct watch_ban_record *open_of(const struct sim_watcher *watcher,
                                              const struct p2p_record_id *token)
{
    for (size_t i = 0; i < watcher->said_count; i++) {
        if (same(&watcher->said[i].id, token)) {
            return watcher->said[i].kind == P2P_KIND_CUSTODY_OPEN ? &watcher->said[i] : NULL;
        }
    }
    return NULL;
}

/* The only two tokens that the container ever had. */
static void look_at_rivals(const struct forbidding *f)
{
    const struct sim_yard *yard = sim_workload_yard(f->watcher->sim->workload);
    const struct sim_opening *own = sim_yard_opening(yard, &f->release->token);
    const struct sim_opening *other = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; own != NULL && i < yard->opening_count; i++) {
        const struct sim_opening *one = &yard->openings[i];
        bool rival = one->box == own->box && !same(&one->token, &own->token);
        other = rival ? one : other;
        count += rival;
    }
    if (count == 1) {
        const struct watch_ban_record *a = open_of(f->watcher, &own->token);
        const struct watch_ban_record *b = open_of(f->watcher, &other->token);
        if (a != NULL && b != NULL) {
            look_at_rival(f, a, b);
        }
    }
}

/* The charter gave it to another, as the gate knew. */
static void look_at_reassigned(const struct forbidding *f)
{
    size_t count = 0;
    const struct p2p_reassign *rows =
        p2p_charter_all_reassigns(watch_charter(f->watcher), &count);
    uint64_t known = watch_charter_known(f->watcher, &f->release->use);
    for (size_t i = 0; i < count && f->custody->tenure_count > 0; i++) {
        const struct p2p_tenure *now = &f->custody->tenures[f->custody->tenure_count - 1];
        if (same(&rows[i].token, &f->release->token) && rows[i].entry < known &&
            rows[i].epoch == now->epoch + 1 && now->feed == f->release->use.feed) {
            const struct p2p_record_id entry = {P2P_CHARTER_FEED, rows[i].entry};
            tell(f, &entry, "gave it to another");
        }
    }
}

/* Whether two, or one, counted it anywhere: what froze it before may be over. */
static bool was_counted(const struct forbidding *f)
{
    for (size_t i = 0; i < f->watcher->said_count; i++) {
        if (f->watcher->said[i].kind == P2P_KIND_RECOUNT &&
            cites(&f->watcher->said[i], &f->release->token)) {
            return true;
        }
    }
    return false;
}

/* The newest record below the `use` by which a token comes to be held in that feed: its open,
 * an accept or a recount of it. count [out]: how many there are. */
static const struct watch_ban_record *came_by(const struct forbidding *f, uint32_t *count)
{
    const struct watch_ban_record *newest = NULL;
    *count = 0;
    for (size_t i = 0; i < f->watcher->said_count; i++) {
        const struct watch_ban_record *record = &f->watcher->said[i];
        bool comes =
            same(&record->id, &f->release->token) ||
            ((record->kind == P2P_KIND_CUSTODY_ACCEPT || record->kind == P2P_KIND_RECOUNT) &&
             cites(record, &f->release->token));
        if (comes && record->id.feed == f->release->use.feed &&
            record->id.index < f->release->use.index) {
            newest = newest == NULL || record->id.index > newest->id.index ? record : newest;
            (*count)++;
        }
    }
    return newest;
}

/* What the closing of a generation passed on to the next one stands there frozen, until two
 * counted it in that one. */
static void look_at_generation(const struct forbidding *f)
{
    uint32_t count;
    if (came_by(f, &count) == NULL) {
        tell(f, &f->release->token, "did not come to the generation that it writes in");
    }
}

/* A cut point of who did something is at or below it, and the gate knew the entry. */
static void look_at_cut(const struct forbidding *f, const struct watch_ban_record *step)
{
    struct p2p_charter_cut_point cuts[8];
    const struct p2p_charter *charter = watch_charter(f->watcher);
    uint64_t known = watch_charter_known(f->watcher, &f->release->use);
    size_t count = p2p_charter_cuts(charter, step->issuer, cuts, 8);
    /* Nothing that the same or a later entry says makes an exception of it. */
    bool holds = p2p_charter_cut(charter, step->issuer, step->id.feed, step->id.index,
                                 p2p_charter_size(charter)) == P2P_CUT_PAST;
    for (size_t i = 0; i < count && i < 8 && holds; i++) {
        if (cuts[i].feed == step->id.feed && cuts[i].index <= step->id.index &&
            cuts[i].entry < known) {
            tell(f, &step->id, "was signed past a cut point");
        }
    }
}

/* The open surely counts, since a token was let out; of accepts in the feed that let it out the
 * only one. */
static void look_at_cuts(const struct forbidding *f)
{
    uint32_t count;
    const struct watch_ban_record *open = open_of(f->watcher, &f->release->token);
    const struct watch_ban_record *last = came_by(f, &count);
    if (was_counted(f)) {
        return;
    }
    if (open != NULL) {
        look_at_cut(f, open);
    }
    if (last != NULL && count == 1 && last != open) {
        look_at_cut(f, last);
    }
}

/* ---- all ---- */

/* Where a feed has two histories, records of the second may have been read by nobody. */
static bool all_is_read(const struct sim_watcher *watcher)
{
    for (size_t i = 0; i < watcher->feed_count; i++) {
        if (watcher->feeds[i].branch_count > 1) {
            return false;
        }
    }
    return true;
}

void watch_forbidden(struct sim_watcher *watcher, struct watch_machine *machine,
                     const struct watch_release *release, const struct p2p_custody *custody)
{
    const struct forbidding f = {watcher, machine, release, custody};
    for (uint32_t i = 1; i < watcher->feed_count; i++) {
        watch_follow(watcher, machine, i);
    }
    bool read = all_is_read(watcher);
    for (size_t i = 0; i < watcher->said_count; i++) {
        const struct watch_ban_record *record = &watcher->said[i];
        if (record->kind == P2P_KIND_RIGHT_BLOCK && !release->overruled) {
            look_at_block(&f, record);
        } else if (record->kind == P2P_KIND_RIGHT_LIGHT && !release->overruled && read) {
            look_at_away(&f, record);
        } else if (record->kind == P2P_KIND_RIGHT_REVOKE ||
                   record->kind == P2P_KIND_RIGHT_CANCEL) {
            look_at_end(&f, record);
        }
    }
    if (read && !release->overruled) {
        look_at_dark(&f);
    }
    if (read) {
        look_at_rivals(&f);
        look_at_generation(&f);
    }
    if (watcher->sim->federation.rival_count == 0) {
        look_at_reassigned(&f);
        look_at_cuts(&f);
    }
}
