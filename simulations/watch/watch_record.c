/* What records say, read naively and once each: `seen` claims, impositions, and what acts on
 * them. Nothing is folded; whoever asks looks through all of it.
 *
 * Formats are those of replication/; what a record is worth is not asked there. */
#include "watch.h"

#include <p2p/assert.h>
#include <p2p/kind.h>

#include <stdlib.h>
#include <string.h>

/* ---- seen ---- */

static void read_seen(struct watch_feed *feed, const struct p2p_record *record, uint64_t index)
{
    struct p2p_unpack in;
    if (!p2p_unpack_find(record->content, "feeds", &in)) {
        return;
    }
    for (uint32_t left = p2p_unpack_array(&in); left > 0; left--) {
        struct watch_claim claim = {.index = index};
        bool shape = p2p_unpack_array(&in) == 3;
        uint32_t of = p2p_unpack_u32(&in);
        claim.point.size = p2p_unpack_uint(&in);
        p2p_unpack_fixed(&in, claim.point.root.bytes, P2P_HASH_BYTES);
        if (!shape || p2p_unpack_failed(&in) || of >= P2P_FEEDS_MAX) {
            return;
        }
        if (of >= feed->claims_count) {
            feed->claims = realloc(feed->claims, (of + 1) * sizeof(*feed->claims));
            p2p_assert(feed->claims != NULL);
            memset(feed->claims + feed->claims_count, 0,
                   (of + 1 - feed->claims_count) * sizeof(*feed->claims));
            feed->claims_count = of + 1;
        }
        struct watch_claims *claims = &feed->claims[of];
        claims->all = watch_room(claims->all, claims->count, &claims->cap, sizeof(claim));
        claims->all[claims->count++] = claim;
    }
}

uint64_t watch_known(struct sim_watcher *watcher, uint32_t by, uint64_t at, uint32_t of)
{
    const struct watch_feed *feed = watch_feed_of(watcher, by);
    const struct watch_feed *about = watch_feed_of(watcher, of);
    if (by == of) {
        return at;
    }
    if (of >= feed->claims_count || about->branch_count == 0) {
        return 0;
    }
    const struct watch_claims *claims = &feed->claims[of];
    for (size_t i = claims->count; i > 0; i--) {
        const struct watch_claim *claim = &claims->all[i - 1];
        if (claim->index < at &&
            watch_log_has(&about->branches[0], claim->point.size, &claim->point.root)) {
            return claim->point.size; /* an honest author never shrinks it */
        }
    }
    return 0;
}

/* ---- bans ---- */

static bool acts_on_bans(uint32_t kind)
{
    return kind >= P2P_KIND_BAN_IMPOSE && kind <= P2P_KIND_BAN_LIFT;
}

static bool imposes(uint32_t kind)
{
    return kind == P2P_KIND_BAN_IMPOSE || kind == P2P_KIND_BAN_AMEND;
}

static bool signature_holds(const struct sim_watcher *watcher, const struct p2p_record *record,
                            uint32_t feed)
{
    static uint8_t message[P2P_SIGNED_BYTES_MAX];
    const struct p2p_charter *charter = watch_charter(watcher);
    const struct p2p_issuer *issuer = p2p_charter_issuer(charter, record->issuer);
    const struct p2p_feed_info *info = p2p_charter_feed(charter, feed);
    const struct p2p_sigs *sigs = watcher->sim->federation.sigs;
    if (issuer == NULL || info == NULL || issuer->member != info->member ||
        record->signature == NULL) {
        return false;
    }
    size_t len =
        p2p_record_signed_bytes(message, p2p_record_head(record), p2p_slice_text(info->origin));
    return sigs->verify(sigs->context, issuer->key.bytes, record->signature,
                        p2p_slice_of(message, len));
}

/* Whether the number rises; if so it is the last one from here on. */
static bool take_number(struct watch_feed *feed, const struct p2p_record *record)
{
    for (size_t i = 0; i < feed->number_count; i++) {
        struct watch_number *number = &feed->numbers[i];
        if (number->issuer == record->issuer) {
            bool rises = record->issuer_seq > number->last;
            number->last = rises ? record->issuer_seq : number->last;
            return rises;
        }
    }
    feed->numbers = watch_room(feed->numbers, feed->number_count, &feed->number_cap,
                               sizeof(*feed->numbers));
    feed->numbers[feed->number_count++] =
        (struct watch_number){record->issuer, record->issuer_seq};
    return record->issuer_seq > 0;
}

static void open_content(struct watch_ban_record *record)
{
    const struct p2p_slice payload = p2p_slice_of(record->payload, record->payload_len);
    struct p2p_unpack in;
    record->ban = (struct p2p_ban){.id = record->id, .circle = record->circle};
    if (!imposes(record->kind) ||
        p2p_kind_validate(p2p_kind_find(record->kind), payload) != P2P_OK ||
        p2p_ban_read_content(&record->ban, payload) != P2P_OK) {
        return;
    }
    p2p_unpack_init(&in, record->ban.subjects);
    for (uint32_t left = p2p_unpack_array(&in); left > 0; left--) {
        if (record->subject_count == P2P_SUBJECTS_MAX ||
            !p2p_subject_unpack(&in, &record->subjects[record->subject_count])) {
            return;
        }
        record->subject_count++;
    }
    record->imposes = true;
}

static bool open_payload(struct watch_ban_record *record, const struct p2p_kv *kv)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice salted;
    if (p2p_kv_get(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &record->id), &salted) != P2P_OK ||
        salted.len <= P2P_SALT_BYTES) {
        return false;
    }
    record->payload_len = salted.len - P2P_SALT_BYTES;
    record->payload = malloc(record->payload_len);
    p2p_assert(record->payload != NULL);
    memcpy(record->payload, salted.data + P2P_SALT_BYTES, record->payload_len);
    open_content(record);
    return true;
}

void watch_open_payloads(struct sim_watcher *watcher, const struct watch_machine *machine)
{
    for (size_t i = watcher->bans_unopened; i < watcher->ban_count; i++) {
        struct watch_ban_record *record = &watcher->bans[i];
        if (record->payload == NULL) {
            open_payload(record, machine->kv);
        }
    }
    while (watcher->bans_unopened < watcher->ban_count &&
           watcher->bans[watcher->bans_unopened].payload != NULL) {
        watcher->bans_unopened++;
    }
}

static struct watch_ban_record read_leaf(const struct p2p_record *record,
                                         const struct p2p_record_id *id, bool signed_well)
{
    struct watch_ban_record read = {.id = *id,
                                    .kind = record->kind,
                                    .circle = record->circle,
                                    .issuer = record->issuer,
                                    .signed_well = signed_well};
    struct p2p_cites walk;
    size_t cap = 0;
    p2p_cites_begin(&walk, record);
    read.cites = watch_room(NULL, 0, &cap, sizeof(*read.cites));
    while (p2p_cites_next(&walk, &read.cites[read.cite_count])) {
        read.cite_count++;
        read.cites = watch_room(read.cites, read.cite_count, &cap, sizeof(*read.cites));
    }
    return read;
}

static void read_ban(struct sim_watcher *watcher, const struct watch_machine *machine,
                     const struct p2p_record *record, const struct p2p_record_id *id,
                     bool signed_well)
{
    watcher->bans = watch_room(watcher->bans, watcher->ban_count, &watcher->ban_cap,
                               sizeof(*watcher->bans));
    watcher->bans[watcher->ban_count] = read_leaf(record, id, signed_well);
    open_payload(&watcher->bans[watcher->ban_count++], machine->kv);
}

static bool is_of_containers(uint32_t kind)
{
    switch (kind) {
    case P2P_KIND_CUSTODY_OPEN:
    case P2P_KIND_CUSTODY_OFFER:
    case P2P_KIND_CUSTODY_ACCEPT:
    case P2P_KIND_CUSTODY_WITHDRAW:
    case P2P_KIND_CUSTODY_GATE_IN:
    case P2P_KIND_RECOUNT:
    case P2P_KIND_RIGHT_ISSUE:
    case P2P_KIND_RIGHT_REVOKE:
    case P2P_KIND_RIGHT_CANCEL:
    case P2P_KIND_RIGHT_BLOCK:
    case P2P_KIND_RIGHT_UNBLOCK:
    case P2P_KIND_RIGHT_LIGHT:
        return true;
    default:
        return false;
    }
}

static void read_said(struct sim_watcher *watcher, const struct p2p_record *record,
                      const struct p2p_record_id *id, bool signed_well)
{
    watcher->said = watch_room(watcher->said, watcher->said_count, &watcher->said_cap,
                               sizeof(*watcher->said));
    watcher->said[watcher->said_count++] = read_leaf(record, id, signed_well);
}

const struct watch_ban_record *watch_ban_at(const struct sim_watcher *watcher,
                                            const struct p2p_record_id *id)
{
    for (size_t i = 0; i < watcher->ban_count; i++) {
        if (p2p_record_id_compare(&watcher->bans[i].id, id) == 0) {
            return &watcher->bans[i];
        }
    }
    return NULL;
}

bool watch_ever_granted(const struct sim_watcher *watcher, uint32_t number,
                        enum p2p_ground ground, bool or_higher, struct p2p_slice scope,
                        uint64_t known)
{
    static const struct {
        const char *grant;
        unsigned rank;
    } grounds[P2P_GROUND_COUNT] = {
#define GROUND_ROW(name, word, rank) [P2P_GROUND_##name] = {"ban-" word, rank},
        P2P_GROUND_MAP(GROUND_ROW)
#undef GROUND_ROW
    };
    const struct p2p_issuer *issuer = p2p_charter_issuer(watch_charter(watcher), number);
    for (size_t i = 0; issuer != NULL && i < issuer->grant_count; i++) {
        const struct p2p_grant *grant = &issuer->grants[i];
        bool covers = scope.data == NULL || strcmp(grant->scope, "*") == 0 ||
                      p2p_slice_equal(p2p_slice_text(grant->scope), scope);
        for (unsigned g = 0; covers && grant->entry < known && g < P2P_GROUND_COUNT; g++) {
            bool outranks =
                or_higher && grounds[ground].rank > 0 && grounds[g].rank > grounds[ground].rank;
            if ((g == (unsigned)ground || outranks) &&
                strcmp(grant->name, grounds[g].grant) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool watch_granted_word(const struct sim_watcher *watcher, uint32_t number, const char *word,
                        uint64_t known)
{
    const struct p2p_issuer *issuer = p2p_charter_issuer(watch_charter(watcher), number);
    for (size_t i = 0; issuer != NULL && i < issuer->grant_count; i++) {
        const struct p2p_grant *grant = &issuer->grants[i];
        if (grant->entry < known && strcmp(grant->name, word) == 0 &&
            strcmp(grant->scope, "*") == 0) {
            return true;
        }
    }
    return false;
}

/* ---- reading ---- */

void watch_read_records(struct sim_watcher *watcher, struct watch_machine *machine,
                        struct watch_feed *feed)
{
    struct p2p_feed held;
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    p2p_feed_init(&held, feed->number);
    if (feed->number == P2P_CHARTER_FEED || p2p_feed_load(&held, machine->kv) != P2P_OK) {
        return;
    }
    p2p_feed_walk_begin(&walk, &held, machine->kv, feed->read);
    while (feed->read < held.edge.size && p2p_feed_walk_next(&walk, &leaf) == P2P_OK) {
        const struct p2p_record_id id = {feed->number, feed->read};
        struct p2p_record record;
        bool signed_well = false;
        feed->read++;
        if (p2p_record_decode(&record, leaf) != P2P_OK) {
            sim_violate(watcher->sim, SIM_INVARIANT_VERIFIED_ONLY,
                        "%s stores %s record %llu, which is no canonical record", machine->name,
                        watch_feed_name(watcher, id.feed), (unsigned long long)id.index);
            continue;
        }
        if (record.issuer != 0 && signature_holds(watcher, &record, id.feed)) {
            signed_well = take_number(feed, &record);
        }
        if (record.kind == P2P_KIND_SEEN && record.body_type == P2P_BODY_PUBLIC) {
            read_seen(feed, &record, id.index);
        } else if (acts_on_bans(record.kind)) {
            read_ban(watcher, machine, &record, &id, signed_well);
        } else if (is_of_containers(record.kind)) {
            read_said(watcher, &record, &id, signed_well);
        }
    }
}
