/* GET /v1/doctor: looks over this node; each check is one line, with what to do when it is bad.
 */
#include "status.h"

#include <p2p/forked.h>
#include <p2p/refusal.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DISK_FREE_BYTES_MIN ((uint64_t)512 << 20)
#define MAP_USED_PERCENT    90u
#define FEEDS_NAMED_MAX     16u

struct visit {
    struct p2p_call *call;
    struct p2p_node *node;
    const struct p2p_ledger *ledger;
    json_t *checks;
};

static void check(struct visit *visit, const char *name, bool ok, const char *hint,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

static void check(struct visit *visit, const char *name, bool ok, const char *hint,
                  const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_array_append_new(visit->checks,
                          json_pack("{s:s, s:b, s:s, s:o}", "name", name, "ok", ok, "text",
                                    text, "hint", ok ? json_null() : p2p_text_or_null(hint)));
}

/* ---- what lies on disk ---- */

static void check_store(struct visit *visit)
{
    struct p2p_store_stat stat;
    const char *reason = p2p_store_read_only_reason(visit->node->store);
    enum p2p_err err = p2p_store_stat(visit->node->store, &stat);
    if (err != P2P_OK) {
        check(visit, "store", false,
              "restart the node; if it stays, move its directory store away, run charter fetch "
              "and start it: it fetches the rest back from its peers",
              "the store cannot be read: %s", p2p_err_text(err));
        return;
    }
    check(visit, "store", reason == NULL, "make room or raise map_size, then restart the node",
          reason == NULL ? "%llu records in %llu KiB, readable and writable"
                         : "%llu records in %llu KiB, not writable: %s",
          (unsigned long long)p2p_records_held(visit->ledger),
          (unsigned long long)(stat.used_bytes >> 10), reason != NULL ? reason : "");
    bool full = stat.used_bytes > stat.map_bytes / 100 * MAP_USED_PERCENT;
    bool low = stat.disk_free_bytes < DISK_FREE_BYTES_MIN;
    check(visit, "disk", !full && !low,
          full ? "raise map_size in config.yaml and restart" : "make room on the disk",
          "%llu MiB free on the disk; %llu of at most %llu MiB used",
          (unsigned long long)(stat.disk_free_bytes >> 20),
          (unsigned long long)(stat.used_bytes >> 20),
          (unsigned long long)(stat.map_bytes >> 20));
}

/* What to do about a node that may not append. */
static const char *append_hint(const struct visit *visit, const char *reason, char *out,
                               size_t cap)
{
    const struct p2p_node *node = visit->node;
    uint32_t wanted = p2p_engine_wants_keys(node->engine);
    if (strcmp(reason, "restored") == 0 || strcmp(reason, "forked") == 0) {
        snprintf(out, cap,
                 "run port2port -C DIR key generation here, and have the roots run port2port "
                 "charter generation FILE with the generation.json it writes; it answers and "
                 "refuses meanwhile");
        return out;
    }
    if (strcmp(reason, "closed") == 0 && wanted != 0) {
        snprintf(out, cap,
                 "if another node of %.64s writes generation %u, stop this one; else put "
                 "feed-%u.key and witness-%u.key into keys/, or run port2port -C DIR key "
                 "generation and have the roots run port2port charter generation FILE%s%.200s",
                 node->config.member, (unsigned)wanted, (unsigned)wanted, (unsigned)wanted,
                 node->renewed_alarm[0] != '\0' ? "; " : "", node->renewed_alarm);
        return out;
    }
    if (strcmp(reason, "closed") == 0) {
        return "connect it with its witnesses: it begins its new generation once they are "
               "heard";
    }
    return strcmp(reason, "damaged") == 0 ? "see damage" : "see the reason in the store check";
}

static void check_appends(struct visit *visit)
{
    const char *reason = p2p_read_only_reason(visit->node);
    bool admitted = p2p_engine_own_feed(visit->node->engine) != 0;
    char hint[640];
    if (!admitted) {
        check(visit, "appends", false, "have the roots admit its join.json",
              "the charter held here does not name %s", visit->node->config.member);
        return;
    }
    check(visit, "appends", reason == NULL,
          reason != NULL ? append_hint(visit, reason, hint, sizeof(hint)) : "",
          reason == NULL ? "records of its own are taken%s" : "nothing is appended: %s",
          reason != NULL ? reason : "");
}

static void check_witness(struct visit *visit)
{
    bool lost = p2p_engine_witness_lost(visit->node->engine);
    check(visit, "witness", !lost,
          "run port2port -C DIR key generation, and have the roots run port2port charter "
          "generation FILE",
          lost ? "an old backup was put back, so its witness key cosigns nothing more"
               : "it cosigns what it is a witness of");
}

static void check_copy(struct visit *visit)
{
    const struct p2p_node *node = visit->node;
    const struct p2p_feed *own =
        p2p_ledger_feed(visit->ledger, p2p_engine_own_feed(node->engine));
    const struct p2p_copy_point *point = &node->copy_point;
    uint64_t size = own != NULL ? own->edge.size : 0;
    uint64_t commit = p2p_engine_commit_number(node->engine);
    if (node->copy_state != P2P_COPY_OK) {
        check(visit, "copy", false, "put the newest copy back, or see appends",
              "the checkpoint copy %s is %s", node->config.copy,
              node->copy_state == P2P_COPY_MISSING ? "missing" : "not readable");
        return;
    }
    const struct p2p_feed_info *info =
        p2p_charter_feed(visit->ledger->charter, p2p_engine_own_feed(node->engine));
    bool same = info == NULL || point->generation == info->generation;
    bool ahead = same && (point->size > size || point->commit > commit);
    check(visit, "copy", !ahead, "this store is older than the copy: was it restored?",
          ahead ? "the copy is ahead of the store: it names size %llu, commit %llu"
                : "the copy names size %llu, commit %llu, and the store is as far",
          (unsigned long long)point->size, (unsigned long long)point->commit);
}

static void check_spool(struct visit *visit)
{
    const struct p2p_spool *spool = visit->node->spool;
    size_t count = p2p_spool_count(spool);
    check(visit, "spool", count == 0,
          "they are appended once the node may append again; see appends",
          count == 0 ? "no decisions wait" : "%zu decisions wait to be appended", count);
    check(visit, "spool-room", p2p_spool_reserved(spool),
          "make room on its disk, then restart the node",
          p2p_spool_reserved(spool)
              ? "%llu bytes are reserved for decisions, %llu of them in use"
              : "the disk had no room for the %llu bytes of the spool, %llu of them in use",
          (unsigned long long)visit->node->config.spool_bytes,
          (unsigned long long)p2p_spool_bytes(spool));
}

/* What the scrubber found, now and since the start. */
static void check_damage(struct visit *visit)
{
    const struct p2p_damage *damage = p2p_engine_damage(visit->node->engine);
    char text[P2P_MESSAGE_BYTES];
    if (p2p_damage_text(visit->node, text)) {
        check(
            visit, "damage", false,
            "let it reach its peers; if it stays, stop it, move its directory store away, run "
            "charter fetch and start it: it fetches the rest back. Look at the disk",
            "%s", text);
        return;
    }
    check(visit, "damage", damage->count_found == 0,
          "all of it is repaired; look at the disk before there is more",
          "%llu damaged places were found since the start, %llu are repaired; %llu KiB read "
          "again, %llu times from end to end",
          (unsigned long long)damage->count_found, (unsigned long long)damage->count_repaired,
          (unsigned long long)(damage->scrubbed_bytes >> 10),
          (unsigned long long)damage->passes);
}

/* ---- who it is ---- */

static void check_keys(struct visit *visit)
{
    const struct p2p_node *node = visit->node;
    const struct p2p_charter *charter = visit->ledger->charter;
    const struct p2p_generation_keys *held = p2p_engine_keys(node->engine);
    const struct p2p_member *own = p2p_charter_member(charter, p2p_engine_member(node->engine));
    const struct p2p_feed_info *feed =
        p2p_charter_feed(charter, p2p_engine_own_feed(node->engine));
    if (own == NULL || feed == NULL) {
        return; /* check_appends says so */
    }
    const struct {
        const char *word;
        const uint8_t *here;
        const uint8_t *charter;
    } keys[] = {
        {"feed", held->feed.public_key.bytes, feed->key.bytes},
        {"witness", held->witness.public_key.bytes, own->witness_key.bytes},
        {"transport", node->transport_key.public_key.bytes, own->transport_key.bytes},
        {"sealing", node->sealing_key.public_key.bytes, own->sealing_key.bytes},
    };
    char bad[64] = "";
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (memcmp(keys[i].here, keys[i].charter, P2P_PUBLIC_BYTES) != 0) {
            size_t len = strlen(bad);
            snprintf(bad + len, sizeof(bad) - len, "%s%s", len > 0 ? ", " : "", keys[i].word);
        }
    }
    check(visit, "keys", bad[0] == '\0', "put the admitted keys back into keys/",
          bad[0] == '\0' ? "the four keys are those the charter names%s"
                         : "the charter names another key for: %s",
          bad);
}

static void check_circles(struct visit *visit)
{
    const struct p2p_node *node = visit->node;
    struct p2p_missing_key missing[P2P_GATE_KEYS_MAX];
    size_t count = p2p_engine_missing_keys(node->engine, missing, P2P_GATE_KEYS_MAX);
    const struct p2p_gate_place *place = p2p_engine_place(node->engine);
    size_t circles = place->circle_count > 0 ? place->circle_count - 1 : 0; /* less circle 0 */
    char list[256] = "";
    for (size_t i = 0; i < count && i < P2P_GATE_KEYS_MAX; i++) {
        size_t len = strlen(list);
        snprintf(list + len, sizeof(list) - len, "%s%s/%u for %llu s", len > 0 ? ", " : "",
                 p2p_circle_name(visit->ledger, missing[i].circle), missing[i].epoch,
                 (unsigned long long)p2p_missing_s(node, &missing[i]));
    }
    if (count > 0 && node->drawn_alarm[0] != '\0') {
        check(visit, "circles", false, node->drawn_alarm,
              "keys are missing, and one that was drawn here cannot be opened: %s", list);
        return;
    }
    if (place->circles_left_out > 0) {
        check(visit, "circles", false, "have the roots take this member out of some circles",
              "it is in %zu circles more than a gate looks into, so what it would allow is "
              "referred",
              place->circles_left_out);
        return;
    }
    check(
        visit, "circles", count == 0,
        "a member that holds it gives it by itself, once reached (see peers); if all who hold "
        "it are gone, have another member draw one (key circle) and the roots enter it",
        count == 0 ? "every key of its %zu circles is here%s"
                   : "of its %zu circles these keys are missing, so gates refer what they "
                     "would allow to persons, vehicles and cards: %s",
        circles, list);
}

/* ---- what it holds ---- */

static void check_charter(struct visit *visit)
{
    const struct p2p_charter *charter = visit->ledger->charter;
    uint64_t index = 0;
    struct p2p_slice leaf;
    struct p2p_slice note;
    if (p2p_charter_rival(charter, &index, &leaf, &note) == P2P_OK) {
        check(visit, "charter", false,
              "authority stands still until the roots settle it: port2port charter settle",
              "the charter has two heads that part at version %llu",
              (unsigned long long)index + 1);
        return;
    }
    check(visit, "charter", p2p_charter_size(charter) > 0, "port2port charter fetch",
          "version %llu, one head", (unsigned long long)p2p_charter_size(charter));
}

/* Feeds whose records name more of the charter than is held here. That is so for a moment when
 * it has grown, or for as long as their owner likes: a claim that nobody can refute. */
static void check_ahead(struct visit *visit)
{
    char list[512] = "";
    size_t count = 0;
    struct p2p_txn *txn;
    enum p2p_err err = p2p_store_begin(visit->node->store, P2P_TXN_READ, &txn);
    if (err != P2P_OK) {
        return; /* said by check_store */
    }
    for (uint32_t i = 1; i < visit->ledger->feed_count && err == P2P_OK; i++) {
        bool ahead = false;
        err = p2p_known_ahead(visit->ledger, p2p_txn_kv(txn), i, &ahead);
        if (ahead && count++ < FEEDS_NAMED_MAX) {
            struct p2p_slice name = p2p_feed_name(visit->ledger, i);
            size_t len = strlen(list);
            snprintf(list + len, sizeof(list) - len, "%s%.*s", len > 0 ? ", " : ": ",
                     (int)name.len, (const char *)name.data);
        }
    }
    p2p_txn_abort(txn);
    check(visit, "charter claims", err == P2P_OK && count == 0,
          "port2port charter fetch; if there is no more of it they do not tell the truth, and "
          "gates answer refer for bans of theirs that lack a grant",
          "%zu feeds name more of the charter than version %llu%s", count,
          (unsigned long long)p2p_charter_size(visit->ledger->charter), list);
}

/* Whether records tell of two histories of it that a quorum cosigned each. */
static bool is_split(const struct visit *visit, uint32_t number)
{
    struct p2p_forked forked = {.split = false};
    struct p2p_txn *txn;
    if (p2p_store_begin(visit->node->store, P2P_TXN_READ, &txn) != P2P_OK) {
        return false; /* said by check_store */
    }
    enum p2p_err err = p2p_forked_get(visit->ledger, p2p_txn_kv(txn), number, &forked);
    p2p_txn_abort(txn);
    return err == P2P_OK && forked.split;
}

static void check_forked(struct visit *visit, const char *name, const struct p2p_feed *feed,
                         uint64_t lag)
{
    static const char hint[] = "ask its owner what happened; the proof: port2port audit fork";
    unsigned long long held = (unsigned long long)feed->edge.size;
    if (feed->ends_at == P2P_FEED_GOES_ON) {
        check(
            visit, name, false, hint,
            "forked: its owner signed two histories; nothing more of it is taken than the %llu "
            "records held, until somebody tells what of it was witnessed",
            held);
    } else if (lag > 0) {
        check(visit, name, false, "it asks the others for them; see peers",
              "forked: it ends at %llu records, which a quorum witnessed; %llu of them are "
              "missing "
              "here, and gates answer refer where they would allow",
              (unsigned long long)feed->ends_at, (unsigned long long)lag);
    } else if (is_split(visit, feed->number)) {
        check(
            visit, name, false,
            "have the roots grant its owner a new generation with other witnesses; the proof: "
            "port2port audit fork",
            "forked: a quorum of its witnesses cosigned each of two histories, so more of them "
            "lie than may; it ends at %llu records, which both have; %llu are held here",
            (unsigned long long)feed->ends_at, held);
    } else {
        check(visit, name, false, hint,
              "forked: its owner signed two histories; it ends at %llu records, which a quorum "
              "witnessed and which hold; %llu are held here",
              (unsigned long long)feed->ends_at, held);
    }
}

static void check_feeds(struct visit *visit)
{
    size_t count;
    size_t bad = 0;
    const struct p2p_feed_view *views = p2p_feed_views(visit->call, visit->node, &count);
    for (size_t i = 0; i < count; i++) {
        const struct p2p_feed_view *view = &views[i];
        char name[P2P_ORIGIN_BYTES_MAX + 8];
        if (strcmp(view->state, "ok") == 0 || bad++ >= FEEDS_NAMED_MAX) {
            continue;
        }
        const struct p2p_feed *feed = p2p_ledger_feed(visit->ledger, (uint32_t)i);
        if (feed->state == P2P_FEED_FORKED) {
            snprintf(name, sizeof(name), "feed %.*s", (int)view->name.len,
                     (const char *)view->name.data);
            check_forked(visit, name, feed, view->lag);
            continue;
        }
        bool behind = strcmp(view->state, "behind") == 0;
        snprintf(name, sizeof(name), "feed %.*s", (int)view->name.len,
                 (const char *)view->name.data);
        check(visit, name, false,
              behind ? "it should catch up by itself; see peers"
                     : "have the roots settle it or grant a new generation",
              "%s: %llu held, %llu named by others and missing here", view->state,
              (unsigned long long)view->size, (unsigned long long)view->lag);
    }
    size_t kept = p2p_engine_kept(visit->node->engine);
    if (kept > 0) {
        check(visit, "kept bans", false, "have the roots let this node append again",
              "%zu bans of forked feeds are known to this gate alone: it refuses by them, and "
              "tells the others when it may append",
              kept);
    }
    check(visit, "feeds", bad == 0, "see the lines above", "%zu feeds, %zu of them not well",
          count, bad);
}

/* Issuers that signed two records under one number: proven, whoever they are. */
static void check_issuers(struct visit *visit)
{
    struct p2p_reused at = {.feed = 0};
    size_t bad = 0;
    while (p2p_reused_open(visit->node, &at)) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(visit->ledger->charter, at.issuer);
        struct p2p_slice feed = p2p_feed_name(visit->ledger, at.feed);
        char name[P2P_NAME_BYTES_MAX + 8];
        if (bad++ >= FEEDS_NAMED_MAX) {
            continue;
        }
        snprintf(name, sizeof(name), "issuer %s", issuer->name);
        check(visit, name, false,
              "its key or its software is not to be trusted: have the roots revoke it",
              "it signed two different records under number %llu: %.*s:%llu and %.*s:%llu",
              (unsigned long long)at.number, (int)feed.len, (const char *)feed.data,
              (unsigned long long)at.index[0], (int)feed.len, (const char *)feed.data,
              (unsigned long long)at.index[1]);
    }
    check(visit, "issuers", bad == 0, "see the lines above",
          "%zu issuers are proven to have used a number twice", bad);
}

/* The digests that others told of what they folded. */
static void check_states(struct visit *visit)
{
    const struct p2p_divergence *found = p2p_engine_divergence(visit->node->engine);
    char text[P2P_MESSAGE_BYTES];
    if (p2p_divergence_text(visit->node, text)) {
        check(visit, "states", false, "have that member look at its doctor, and its version",
              "%s", text);
        return;
    }
    check(visit, "states", true, NULL,
          found->is_checking
              ? "everything is computed anew: another member has another digest (%llu of %llu "
                "that were compared are equal)"
              : "%llu digests of others were equal, of %llu that could be compared",
          (unsigned long long)found->equal, (unsigned long long)found->compared);
}

static void check_complete(struct visit *visit)
{
    bool complete = p2p_engine_started(visit->node->engine);
    bool serving = visit->node->describe_links != NULL;
    check(visit, "complete", complete || !serving,
          "wait until its witnesses were heard; until then gates answer refer",
          complete  ? "it has reached what its witnesses hold"
          : serving ? "it has not yet reached what its witnesses hold"
                    : "not known: it has never reached its witnesses, and no daemon runs");
}

static void check_custody(struct visit *visit)
{
    uint64_t left_ms;
    enum p2p_custody_ready custody =
        p2p_engine_custody(visit->node->engine, &visit->node->now, &left_ms);
    bool serving = visit->node->describe_links != NULL;
    char ready[64];
    snprintf(ready, sizeof(ready), "it may release for another %llu s",
             (unsigned long long)(left_ms / 1000));
    check(visit, "custody", custody == P2P_CUSTODY_READY || !serving,
          custody == P2P_CUSTODY_LEASE_OVER
              ? "see to the lines to its witnesses; until they answer it releases nothing"
              : "wait until a quorum of its witnesses has answered; until then it releases "
                "nothing",
          "%s",
          custody == P2P_CUSTODY_READY     ? ready
          : custody == P2P_CUSTODY_WAITING ? "its witnesses have not answered since it started"
                                           : "its witnesses were not heard for a whole lease");
}

/* What was lost is enforced by nobody, for ever: that is no state to get used to. */
static void check_payloads(struct visit *visit)
{
    size_t count;
    size_t bad = 0;
    const struct p2p_circle_state *views = p2p_circle_views(visit->call, visit->node, &count);
    for (size_t i = 0; i < count; i++) {
        char name[P2P_NAME_BYTES_MAX + 8];
        snprintf(name, sizeof(name), "circle %s",
                 p2p_circle_name(visit->ledger, views[i].circle));
        if ((views[i].complete && views[i].lost == 0) || bad++ >= FEEDS_NAMED_MAX) {
            continue;
        }
        if (!views[i].complete) {
            check(visit, name, false,
                  "it asks the circle's other members until it has them (see peers); until "
                  "then gates answer refer",
                  "%s%llu payloads of its records are not here",
                  views[i].unscanned ? "at least " : "", (unsigned long long)views[i].missing);
        }
        if (views[i].lost > 0) {
            check(visit, name, false,
                  "find out what was decided in that time and write it anew; bans above all",
                  "%llu payloads that only this node ever held are lost since it was restored "
                  "or damaged: nobody knows what they said, and bans among them are not "
                  "enforced",
                  (unsigned long long)views[i].lost);
        }
    }
    check(visit, "payloads", bad == 0, "see the lines above",
          "of %zu circles %zu are not whole here", count, bad);
}

static void check_clock(struct visit *visit)
{
    const struct p2p_node *node = visit->node;
    uint64_t quorum_ms = p2p_engine_quorum_ms(node->engine, &node->now);
    uint64_t own_ms = node->now.wall_ms;
    uint64_t apart_ms = quorum_ms > own_ms ? quorum_ms - own_ms : own_ms - quorum_ms;
    uint32_t skew_s = p2p_charter_policy(visit->ledger->charter)->clock_skew_s;
    if (quorum_ms == 0) {
        check(visit, "clock", true, NULL,
              "too few fresh cosignatures for quorum time: the own clock decides alone");
        return;
    }
    check(visit, "clock", apart_ms <= (uint64_t)skew_s * 1000,
          "set this machine's clock (chrony, systemd-timesyncd)",
          "the own clock is %llu ms %s quorum time; %u s are allowed",
          (unsigned long long)apart_ms, own_ms >= quorum_ms ? "ahead of" : "behind", skew_s);
}

/* ---- the others ---- */

static size_t connected_witnesses(const struct p2p_feed_info *info,
                                  const struct p2p_peer_view *peers, size_t count)
{
    size_t connected = 0;
    for (size_t i = 0; i < count; i++) {
        connected += peers[i].state == P2P_PEER_CONNECTED &&
                     p2p_witness_place(info, peers[i].member) >= 0;
    }
    return connected;
}

static void check_witnesses(struct visit *visit, const struct p2p_peer_view *peers,
                            size_t count)
{
    uint32_t own = p2p_engine_own_feed(visit->node->engine);
    const struct p2p_feed_info *info = p2p_charter_feed(visit->ledger->charter, own);
    if (own == 0 || info == NULL) {
        return;
    }
    uint32_t quorum = p2p_witness_quorum(info->witness_count);
    size_t connected = connected_witnesses(info, peers, count);
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(visit->node->engine, own);
    check(visit, "witnesses", connected >= quorum,
          "what is appended here stays unwitnessed until more of them are reached",
          "%zu of %u witnesses are reached, %u are needed; witnessed up to %llu of %llu",
          connected, info->witness_count, quorum, (unsigned long long)witnessing->quorum_size,
          (unsigned long long)p2p_ledger_feed(visit->ledger, own)->edge.size);
}

static void check_peers(struct visit *visit)
{
    size_t count;
    size_t tallies[P2P_PEER_COUNT] = {0};
    const struct p2p_peer_view *peers = p2p_peer_views(visit->call, visit->node, &count);
    if (visit->node->describe_links == NULL) {
        check(visit, "peers", true, NULL,
              "no daemon runs here, so nothing is replicated until port2port serve");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        tallies[peers[i].state]++;
    }
    check(visit, "peers", tallies[P2P_PEER_OFFLINE] + tallies[P2P_PEER_REFUSED] == 0,
          "port2port peers names them and why",
          "%zu connected, %zu offline, %zu refused, %zu paused", tallies[P2P_PEER_CONNECTED],
          tallies[P2P_PEER_OFFLINE], tallies[P2P_PEER_REFUSED], tallies[P2P_PEER_PAUSED]);
    check_witnesses(visit, peers, count);
}

/* What peers sent and this node did not take; being late or busy is no fault. */
static bool is_fault(enum p2p_err err)
{
    return err != P2P_OK && err != P2P_GAP && err != P2P_BUSY && err != P2P_NOMEM;
}

static void check_frames(struct visit *visit)
{
    char list[512] = "";
    uint64_t faults = visit->node->refused_frames;
    if (faults > 0) {
        snprintf(list, sizeof(list), ": %llu frames not well-formed",
                 (unsigned long long)faults);
    }
    for (int i = 1; i < P2P_ERR_COUNT; i++) {
        enum p2p_err err = (enum p2p_err) - i;
        uint64_t count = p2p_engine_refused(visit->node->engine, err);
        if (is_fault(err) && count > 0) {
            size_t len = strlen(list);
            faults += count;
            snprintf(list + len, sizeof(list) - len, "%s %llu %s", len > 0 ? "," : ":",
                     (unsigned long long)count, p2p_err_name(err));
        }
    }
    check(visit, "frames", faults == 0, "the log names who sent them; see also /metrics",
          "%llu of what peers sent was refused since the start%s", (unsigned long long)faults,
          list);
}

/* Strangers at the door are told, but are nothing to mend here. */
static void check_connections(struct visit *visit)
{
    char list[512] = "";
    uint64_t total = 0;
    for (unsigned i = 0; i < P2P_REFUSAL_COUNT && i < P2P_REFUSALS_COUNT; i++) {
        uint64_t count = visit->node->refusals[i];
        size_t len = strlen(list);
        if (count > 0) {
            total += count;
            snprintf(list + len, sizeof(list) - len, "%s %llu %s", len > 0 ? "," : ":",
                     (unsigned long long)count, p2p_refusal_name((enum p2p_refusal)i));
        }
    }
    check(visit, "connections", true, NULL, "%llu connections were refused since the start%s",
          (unsigned long long)total, list);
}

void p2p_doctor_start(struct p2p_call *call, struct p2p_node *node)
{
    struct visit visit = {call, node, p2p_engine_ledger(node->engine), json_array()};
    check_store(&visit);
    check_damage(&visit);
    check_appends(&visit);
    check_witness(&visit);
    check_copy(&visit);
    check_spool(&visit);
    check_keys(&visit);
    check_circles(&visit);
    check_charter(&visit);
    check_ahead(&visit);
    check_feeds(&visit);
    check_issuers(&visit);
    check_states(&visit);
    check_complete(&visit);
    check_custody(&visit);
    check_payloads(&visit);
    check_clock(&visit);
    check_peers(&visit);
    check_frames(&visit);
    check_connections(&visit);
    check(&visit, "alarm", node->alarm[0] == '\0', "the log has the particulars", "%s",
          node->alarm[0] == '\0' ? "none" : node->alarm);
    p2p_call_reply(call, json_pack("{s:o}", "checks", visit.checks));
}
