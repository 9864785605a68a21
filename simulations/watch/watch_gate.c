/* Never allowed: a decision against the bans that surely were in force in what the gate knew.
 *
 * Naive and one-sided. A ban counts only when nothing could have taken its effect: its issuer
 * was never revoked and held the grant when it signed, as its own feed shows; nobody who might
 * lift or suspend it did. Whatever is doubtful is passed over, since this is to find wrong
 * answers, not to give them. */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

#define ANY_CIRCLE UINT32_MAX

struct asked_key {
    uint32_t circle;
    struct p2p_subject_key key;
};

struct question {
    struct watch_machine *machine;
    uint32_t feed; /* the gate's */
    uint64_t at;
    const struct p2p_gate_check *check;
    struct asked_key *keys;
    size_t key_count, key_cap;
};

/* A decision that could only be spooled rests on all that the machine holds. */
static bool knows(struct sim_watcher *watcher, const struct question *question,
                  const struct p2p_record_id *id)
{
    if (question->at == WATCH_SPOOLED) {
        struct p2p_feed held;
        p2p_feed_init(&held, id->feed);
        return p2p_feed_load(&held, question->machine->kv) == P2P_OK &&
               held.edge.size > id->index;
    }
    return watch_known(watcher, question->feed, question->at, id->feed) > id->index;
}

/* Packed texts, one of which is the word. */
static bool names(struct p2p_slice texts, const char *word)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, texts);
    for (uint32_t left = p2p_unpack_array(&in); left > 0; left--) {
        if (p2p_slice_equal(p2p_unpack_str(&in), p2p_slice_text(word))) {
            return true;
        }
    }
    return false;
}

static bool applies(const struct p2p_ban *ban, const struct question *question,
                    const char *locode)
{
    const char *purpose = question->check->purpose;
    bool effect = names(ban->effects, purpose) ||
                  (strcmp(purpose, "work") == 0 && names(ban->effects, "enter"));
    return effect && (names(ban->scope, "*") || names(ban->scope, locode));
}

static bool in_window(const struct p2p_ban *ban, uint64_t now_ms)
{
    return now_ms >= ban->from_ms && (ban->until_ms == 0 || now_ms < ban->until_ms);
}

/* By either clock. */
static bool in_time(const struct p2p_ban *ban, const struct p2p_gate_check *check)
{
    return in_window(ban, check->own_ms) ||
           (check->quorum_ms != 0 && in_window(ban, check->quorum_ms));
}

static bool same_key(const struct p2p_subject_key *a, const struct p2p_subject_key *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static void add_key(struct question *question, uint32_t circle,
                    const struct p2p_subject_key *key)
{
    question->keys = watch_room(question->keys, question->key_count, &question->key_cap,
                                sizeof(*question->keys));
    question->keys[question->key_count++] = (struct asked_key){circle, *key};
}

/* The subjects as bans would name them: in clear, or by the token of any epoch of any circle.
 */
static void add_subject(struct sim_watcher *watcher, struct question *question,
                        const struct p2p_subject *subject)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    struct p2p_subject_key key;
    if (subject->type->clear) {
        p2p_subject_key_clear(&key, subject->type->word, p2p_slice_text(subject->value));
        add_key(question, ANY_CIRCLE, &key);
        return;
    }
    for (uint32_t i = 1; i <= p2p_charter_circle_count(charter); i++) {
        const struct p2p_circle *circle = p2p_charter_circle(charter, i);
        for (size_t n = 0; circle != NULL && n < circle->epoch_count; n++) {
            uint32_t epoch = circle->epochs[n].epoch;
            struct p2p_circle_key secret =
                sim_federation_circle_key(&watcher->sim->federation, circle->name, epoch);
            struct p2p_token token = p2p_subject_token(subject, &secret, epoch);
            p2p_subject_key_token(&key, subject->type->word, epoch, &token);
            add_key(question, i, &key);
        }
    }
}

static bool about(const struct watch_ban_record *ban, const struct question *question)
{
    for (size_t i = 0; i < question->key_count; i++) {
        const struct asked_key *asked = &question->keys[i];
        for (size_t n = 0; n < ban->subject_count; n++) {
            if ((asked->circle == ANY_CIRCLE || asked->circle == ban->circle) &&
                same_key(&asked->key, &ban->subjects[n])) {
                return true;
            }
        }
    }
    return false;
}

/* Nor by an entry that a settle ended: who holds that branch goes by it. */
bool watch_never_revoked(const struct sim_watcher *watcher, uint32_t issuer)
{
    const struct sim_federation *federation = &watcher->sim->federation;
    const struct p2p_issuer *named = p2p_charter_issuer(watch_charter(watcher), issuer);
    struct p2p_charter_cut_point cut;
    bool revoked = p2p_charter_cuts(watch_charter(watcher), issuer, &cut, 1) > 0;
    for (uint32_t m = 1; m <= federation->member_count && named != NULL && !revoked; m++) {
        const struct sim_member *member = &federation->members[m];
        for (size_t i = 0; i < member->officer_count && !revoked; i++) {
            revoked = member->officers[i].revoked &&
                      strcmp(member->officers[i].name, named->name) == 0;
        }
    }
    return !revoked;
}

/* Where a closed feed ends nobody computes here; a quorum never cosigned further. */
static bool perhaps_past_end(struct sim_watcher *watcher, const struct p2p_record_id *id)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), id->feed);
    return info != NULL && info->closed != 0 &&
           id->index >= watch_feed_of(watcher, id->feed)->quorums[0].size;
}

uint64_t watch_charter_known(struct sim_watcher *watcher, const struct p2p_record_id *id)
{
    const struct sim_federation *federation = &watcher->sim->federation;
    uint64_t known = watch_known(watcher, id->feed, id->index, P2P_CHARTER_FEED);
    for (size_t i = 0; i < federation->rival_count; i++) {
        known = federation->rivals[i].index < known ? federation->rivals[i].index : known;
    }
    return known;
}

/* Its issuer held what imposing it needs, and knew so. */
static bool surely_imposed(struct sim_watcher *watcher, const struct watch_ban_record *record)
{
    struct p2p_unpack in;
    uint64_t known = watch_charter_known(watcher, &record->id);
    if (!record->imposes || !record->signed_well ||
        !watch_never_revoked(watcher, record->issuer) ||
        !watch_is_honest_feed(watcher, record->id.feed)) {
        return false;
    }
    if (record->kind == P2P_KIND_BAN_AMEND && record->cite_count == 0) {
        return false;
    }
    for (size_t i = 0; i < record->cite_count; i++) {
        const struct watch_ban_record *cited = watch_ban_at(watcher, &record->cites[i]);
        if (record->kind != P2P_KIND_BAN_AMEND || cited == NULL ||
            cited->circle != record->circle ||
            (cited->kind != P2P_KIND_BAN_IMPOSE && cited->kind != P2P_KIND_BAN_AMEND) ||
            watch_known(watcher, record->id.feed, record->id.index, cited->id.feed) <=
                cited->id.index) {
            return false;
        }
    }
    p2p_unpack_init(&in, record->ban.scope);
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        if (!watch_ever_granted(watcher, record->issuer, record->ban.ground, false,
                                p2p_unpack_str(&in), known)) {
            return false;
        }
    }
    return count > 0;
}

static bool cites(const struct watch_ban_record *act, const struct p2p_record_id *id)
{
    for (size_t i = 0; i < act->cite_count; i++) {
        if (p2p_record_id_compare(&act->cites[i], id) == 0) {
            return true;
        }
    }
    return false;
}

/* Nobody lifts what he did not know, signed badly, or never held a grant for. After a second
 * charter entry the charter here no longer tells who held what, and with which key. */
static bool surely_void(struct sim_watcher *watcher, const struct watch_ban_record *act,
                        const struct watch_ban_record *on)
{
    const struct p2p_slice any = {0};
    bool told = watcher->sim->federation.rival_count == 0;
    return watch_is_honest_feed(watcher, act->id.feed) &&
           (act->circle != on->circle || (told && !act->signed_well) ||
            watch_known(watcher, act->id.feed, act->id.index, on->id.feed) <= on->id.index ||
            (told &&
             !watch_ever_granted(watcher, act->issuer, on->ban.ground, true, any, UINT64_MAX)));
}

static bool acts_on(struct p2p_slice leaf, const struct p2p_record_id *on)
{
    struct p2p_record record;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    if (p2p_record_decode(&record, leaf) != P2P_OK ||
        (record.kind != P2P_KIND_BAN_LIFT && record.kind != P2P_KIND_BAN_AMEND &&
         record.kind != P2P_KIND_BAN_SUSPEND)) {
        return false;
    }
    p2p_cites_begin(&walk, &record);
    while (p2p_cites_next(&walk, &cite)) {
        if (p2p_record_id_compare(&cite, on) == 0) {
            return true;
        }
    }
    return false;
}

/* The watcher reads one history of each feed. Of a feed that has two, the machine may hold the
 * other, and in it what acts on the ban. */
static bool perhaps_on_other_branch(struct sim_watcher *watcher,
                                    const struct question *question,
                                    const struct watch_ban_record *on)
{
    for (uint32_t i = 1; i < watcher->feed_count; i++) {
        const struct watch_feed *feed = watch_feed_of(watcher, i);
        struct p2p_feed held;
        struct p2p_slice leaf;
        p2p_feed_init(&held, i);
        if (feed->branch_count < 2 || p2p_feed_load(&held, question->machine->kv) != P2P_OK) {
            continue;
        }
        for (uint64_t n = 0; n < held.edge.size; n++) {
            if (p2p_feed_leaf(&held, question->machine->kv, n, &leaf) == P2P_OK &&
                acts_on(leaf, &on->id)) {
                return true;
            }
        }
    }
    return false;
}

static bool perhaps_taken_away(struct sim_watcher *watcher, const struct question *question,
                               const struct watch_ban_record *on)
{
    for (size_t i = 0; i < watcher->ban_count; i++) {
        const struct watch_ban_record *act = &watcher->bans[i];
        if (act->kind != P2P_KIND_BAN_IMPOSE && act->kind != P2P_KIND_BAN_RESUME &&
            cites(act, &on->id) &&
            (knows(watcher, question, &act->id) || /* of another branch nothing is read here */
             !watch_is_honest_feed(watcher, act->id.feed)) &&
            !surely_void(watcher, act, on)) {
            return true;
        }
    }
    return perhaps_on_other_branch(watcher, question, on);
}

/* Whether the gate's member was in the circle, and the gate knew, when it took the ban. */
static bool entitled(struct sim_watcher *watcher, const struct question *question,
                     const struct watch_ban_record *ban)
{
    uint64_t since = watch_member_since(watcher, ban->circle, question->machine->member);
    const struct watch_feed *feed = watch_feed_of(watcher, question->feed);
    uint64_t taken = ban->id.feed == question->feed ? ban->id.index : question->at;
    if (ban->id.feed != question->feed && ban->id.feed < feed->claims_count) {
        const struct watch_claims *claims = &feed->claims[ban->id.feed];
        size_t i = 0;
        while (i < claims->count && claims->all[i].point.size <= ban->id.index) {
            i++;
        }
        taken = i < claims->count ? claims->all[i].index : taken;
    }
    return since > 0 && watch_known(watcher, question->feed, taken, P2P_CHARTER_FEED) >= since;
}

/* What only a machine that lost its store ever held, nobody can give back to it. */
static bool lost(const struct question *question, const struct watch_ban_record *ban)
{
    uint8_t key[12];
    struct p2p_writer out;
    struct p2p_slice salted;
    if (!question->machine->lost_once || ban->id.feed != question->feed) {
        return false;
    }
    p2p_writer_init(&out, key, sizeof(key));
    p2p_writer_u32(&out, ban->id.feed);
    p2p_writer_u64(&out, ban->id.index);
    return p2p_kv_get(question->machine->kv, P2P_TABLE_PAYLOAD, p2p_writer_slice(&out),
                      &salted) == P2P_NOTFOUND;
}

/* A gate of an older version is asked about what it knows alone. */
static bool is_unknown(const struct watch_machine *machine, uint32_t kind)
{
    return (machine->kinds_unknown >> kind & 1) != 0;
}

static const struct watch_ban_record *
find_in_force(struct sim_watcher *watcher, const struct question *question, const char *locode)
{
    for (size_t i = 0; i < watcher->ban_count; i++) {
        const struct watch_ban_record *ban = &watcher->bans[i];
        if (ban->imposes && !is_unknown(question->machine, ban->kind) && about(ban, question) &&
            in_time(&ban->ban, question->check) && applies(&ban->ban, question, locode) &&
            knows(watcher, question, &ban->id) && surely_imposed(watcher, ban) &&
            !perhaps_past_end(watcher, &ban->id) && entitled(watcher, question, ban) &&
            !perhaps_taken_away(watcher, question, ban) && !lost(question, ban)) {
            return ban;
        }
    }
    return NULL;
}

void watch_decision(struct sim_watcher *watcher, struct watch_machine *machine, uint32_t feed,
                    uint64_t at, const struct p2p_gate_check *check, enum p2p_answer answer)
{
    struct question question = {.machine = machine, .feed = feed, .at = at, .check = check};
    const struct p2p_member *member =
        p2p_charter_member(watch_charter(watcher), machine->member);
    if (answer != P2P_ANSWER_ALLOW || member == NULL) {
        return;
    }
    watch_follow(watcher, machine, feed);
    size_t count = at == WATCH_SPOOLED ? watcher->feed_count /* it rests on all it holds */
                                       : watch_feed_of(watcher, feed)->claims_count;
    for (uint32_t i = 1; i < count && i < watcher->feed_count; i++) {
        watch_follow(watcher, machine, i);
    }
    watch_open_payloads(watcher, machine);
    for (size_t i = 0; i < check->subject_count; i++) {
        add_subject(watcher, &question, &check->subjects[i]);
    }
    const struct watch_ban_record *ban = find_in_force(watcher, &question, member->locode);
    if (ban != NULL) {
        sim_violate(watcher->sim, SIM_INVARIANT_NEVER_ALLOWED,
                    "a gate of %s allowed a subject of %s record %llu, which it knew%s%lld",
                    machine->name, watch_feed_name(watcher, ban->id.feed),
                    (unsigned long long)ban->id.index,
                    at == WATCH_SPOOLED ? ", in its spool: " : ", in its record ",
                    (long long)at);
    }
    free(question.keys);
}
