/* GET /v1/doctor: looks over this node; each check is one line, with what to do when it is bad.
 */
#include "doctor.h"
#include "custody_verbs.h"

#include <p2p/forked.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void p2p_doctor_note(struct p2p_visit *visit, const char *name, bool ok, const char *hint,
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

/* ---- who it is ---- */

static void check_keys(struct p2p_visit *visit)
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
    p2p_doctor_note(visit, "keys", bad[0] == '\0', "put the admitted keys back into keys/",
                    bad[0] == '\0' ? "the four keys are those the charter names%s"
                                   : "the charter names another key for: %s",
                    bad);
}

static void check_circles(struct p2p_visit *visit)
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
        p2p_doctor_note(visit, "circles", false, node->drawn_alarm,
                        "keys are missing, and one that was drawn here cannot be opened: %s",
                        list);
        return;
    }
    if (place->circles_left_out > 0) {
        p2p_doctor_note(
            visit, "circles", false, "have the roots take this member out of some circles",
            "it is in %zu circles more than a gate looks into, so what it would allow is "
            "referred",
            place->circles_left_out);
        return;
    }
    p2p_doctor_note(
        visit, "circles", count == 0,
        "a member that holds it gives it by itself, once reached (see peers); if all who hold "
        "it are gone, have another member draw one (key circle) and the roots enter it",
        count == 0 ? "every key of its %zu circles is here%s"
                   : "of its %zu circles these keys are missing, so gates refer what they "
                     "would allow to persons, vehicles and cards: %s",
        circles, list);
}

/* ---- what it holds ---- */

static void check_charter(struct p2p_visit *visit)
{
    const struct p2p_charter *charter = visit->ledger->charter;
    uint64_t index = 0;
    struct p2p_slice leaf;
    struct p2p_slice note;
    if (p2p_charter_rival(charter, &index, &leaf, &note) == P2P_OK) {
        p2p_doctor_note(
            visit, "charter", false,
            "authority stands still until the roots settle it: port2port charter settle",
            "the charter has two heads that part at version %llu",
            (unsigned long long)index + 1);
        return;
    }
    p2p_doctor_note(visit, "charter", p2p_charter_size(charter) > 0, "port2port charter fetch",
                    "version %llu, one head", (unsigned long long)p2p_charter_size(charter));
}

/* Feeds whose records name more of the charter than is held here. That is so for a moment when
 * it has grown, or for as long as their owner likes: a claim that nobody can refute. */
static void check_ahead(struct p2p_visit *visit)
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
        if (ahead && count++ < P2P_DOCTOR_NAMED_MAX) {
            struct p2p_slice name = p2p_feed_name(visit->ledger, i);
            size_t len = strlen(list);
            snprintf(list + len, sizeof(list) - len, "%s%.*s", len > 0 ? ", " : ": ",
                     (int)name.len, (const char *)name.data);
        }
    }
    p2p_txn_abort(txn);
    p2p_doctor_note(
        visit, "charter claims", err == P2P_OK && count == 0,
        "port2port charter fetch; if there is no more of it they do not tell the truth, and "
        "gates answer refer for bans of theirs that lack a grant",
        "%zu feeds name more of the charter than version %llu%s", count,
        (unsigned long long)p2p_charter_size(visit->ledger->charter), list);
}

/* Whether records tell of two histories of it that a quorum cosigned each. */
static bool is_split(const struct p2p_visit *visit, uint32_t number)
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

static void check_forked(struct p2p_visit *visit, const char *name, const struct p2p_feed *feed,
                         uint64_t lag)
{
    static const char hint[] = "ask its owner what happened; the proof: port2port audit fork";
    unsigned long long held = (unsigned long long)feed->edge.size;
    if (feed->ends_at == P2P_FEED_GOES_ON) {
        p2p_doctor_note(
            visit, name, false, hint,
            "forked: its owner signed two histories; nothing more of it is taken than the %llu "
            "records held, until somebody tells what of it was witnessed",
            held);
    } else if (lag > 0) {
        p2p_doctor_note(
            visit, name, false, "it asks the others for them; see peers",
            "forked: it ends at %llu records, which a quorum witnessed; %llu of them are "
            "missing "
            "here, and gates answer refer where they would allow",
            (unsigned long long)feed->ends_at, (unsigned long long)lag);
    } else if (is_split(visit, feed->number)) {
        p2p_doctor_note(
            visit, name, false,
            "have the roots grant its owner a new generation with other witnesses; the proof: "
            "port2port audit fork",
            "forked: a quorum of its witnesses cosigned each of two histories, so more of them "
            "lie than may; it ends at %llu records, which both have; %llu are held here",
            (unsigned long long)feed->ends_at, held);
    } else {
        p2p_doctor_note(
            visit, name, false, hint,
            "forked: its owner signed two histories; it ends at %llu records, which a quorum "
            "witnessed and which hold; %llu are held here",
            (unsigned long long)feed->ends_at, held);
    }
}

static void check_feeds(struct p2p_visit *visit)
{
    size_t count;
    size_t bad = 0;
    const struct p2p_feed_view *views = p2p_feed_views(visit->call, visit->node, &count);
    for (size_t i = 0; i < count; i++) {
        const struct p2p_feed_view *view = &views[i];
        char name[P2P_ORIGIN_BYTES_MAX + 8];
        if (strcmp(view->state, "ok") == 0 || bad++ >= P2P_DOCTOR_NAMED_MAX) {
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
        p2p_doctor_note(visit, name, false,
                        behind ? "it should catch up by itself; see peers"
                               : "have the roots settle it or grant a new generation",
                        "%s: %llu held, %llu named by others and missing here", view->state,
                        (unsigned long long)view->size, (unsigned long long)view->lag);
    }
    size_t kept = p2p_engine_kept(visit->node->engine);
    if (kept > 0) {
        p2p_doctor_note(
            visit, "kept bans", false, "have the roots let this node append again",
            "%zu bans of forked feeds are known to this gate alone: it refuses by them, and "
            "tells the others when it may append",
            kept);
    }
    p2p_doctor_note(visit, "feeds", bad == 0, "see the lines above",
                    "%zu feeds, %zu of them not well", count, bad);
}

/* Issuers that signed two records under one number: proven, whoever they are. */
static void check_issuers(struct p2p_visit *visit)
{
    struct p2p_reused at = {.feed = 0};
    size_t bad = 0;
    while (p2p_reused_open(visit->node, &at)) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(visit->ledger->charter, at.issuer);
        struct p2p_slice feed = p2p_feed_name(visit->ledger, at.feed);
        char name[P2P_NAME_BYTES_MAX + 8];
        if (bad++ >= P2P_DOCTOR_NAMED_MAX) {
            continue;
        }
        snprintf(name, sizeof(name), "issuer %s", issuer->name);
        p2p_doctor_note(
            visit, name, false,
            "its key or its software is not to be trusted: have the roots revoke it",
            "it signed two different records under number %llu: %.*s:%llu and %.*s:%llu",
            (unsigned long long)at.number, (int)feed.len, (const char *)feed.data,
            (unsigned long long)at.index[0], (int)feed.len, (const char *)feed.data,
            (unsigned long long)at.index[1]);
    }
    p2p_doctor_note(visit, "issuers", bad == 0, "see the lines above",
                    "%zu issuers are proven to have used a number twice", bad);
}

/* The digests that others told of what they folded. */
static void check_states(struct p2p_visit *visit)
{
    const struct p2p_divergence *found = p2p_engine_divergence(visit->node->engine);
    char text[P2P_MESSAGE_BYTES];
    if (p2p_divergence_text(visit->node, text)) {
        p2p_doctor_note(visit, "states", false,
                        "have that member look at its doctor, and its version", "%s", text);
        return;
    }
    p2p_doctor_note(
        visit, "states", true, NULL,
        found->is_checking
            ? "everything is computed anew: another member has another digest (%llu of %llu "
              "that were compared are equal)"
            : "%llu digests of others were equal, of %llu that could be compared",
        (unsigned long long)found->equal, (unsigned long long)found->compared);
}

static void check_complete(struct p2p_visit *visit)
{
    bool complete = p2p_engine_started(visit->node->engine);
    bool serving = visit->node->describe_links != NULL;
    p2p_doctor_note(visit, "complete", complete || !serving,
                    "wait until its witnesses were heard; until then gates answer refer",
                    complete ? "it has reached what its witnesses hold"
                    : serving
                        ? "it has not yet reached what its witnesses hold"
                        : "not known: it has never reached its witnesses, and no daemon runs");
}

static void check_custody(struct p2p_visit *visit)
{
    uint64_t left_ms;
    enum p2p_custody_ready custody =
        p2p_engine_custody(visit->node->engine, &visit->node->now, &left_ms);
    bool serving = visit->node->describe_links != NULL;
    char ready[64];
    snprintf(ready, sizeof(ready), "it may release for another %llu h %llu min",
             (unsigned long long)(left_ms / 3600000),
             (unsigned long long)(left_ms % 3600000 / 60000));
    p2p_doctor_note(
        visit, "custody", custody == P2P_CUSTODY_READY || !serving,
        custody == P2P_CUSTODY_LEASE_OVER
            ? "see to the lines to its witnesses; until they answer it releases nothing"
            : "wait until a quorum of its witnesses has answered; until then it releases "
              "nothing",
        "%s",
        custody == P2P_CUSTODY_READY     ? ready
        : custody == P2P_CUSTODY_WAITING ? "its witnesses have not answered since it started"
                                         : "its witnesses were not heard for a whole lease");
}

/* Only while the charter gives this member what somebody lost held. */
static void check_seals(struct p2p_visit *visit)
{
    char first[P2P_SEALING_TEXT_BYTES];
    size_t count = 0;
    if (p2p_custody_unsealed(visit->node, &count, first) != P2P_OK || count == 0) {
        return;
    }
    p2p_doctor_note(visit, "seals", false,
                    "see that they are up and connected; what cannot be sealed stays frozen",
                    "%zu container%s given to this port cannot be taken over yet: %s", count,
                    count == 1 ? "" : "s", first);
}

/* What was lost is enforced by nobody, for ever: that is no state to get used to. */
static void check_payloads(struct p2p_visit *visit)
{
    size_t count;
    size_t bad = 0;
    const struct p2p_circle_state *views = p2p_circle_views(visit->call, visit->node, &count);
    for (size_t i = 0; i < count; i++) {
        char name[P2P_NAME_BYTES_MAX + 8];
        snprintf(name, sizeof(name), "circle %s",
                 p2p_circle_name(visit->ledger, views[i].circle));
        if ((views[i].complete && views[i].lost == 0) || bad++ >= P2P_DOCTOR_NAMED_MAX) {
            continue;
        }
        if (!views[i].complete) {
            p2p_doctor_note(
                visit, name, false,
                "it asks the circle's other members until it has them (see peers); until "
                "then gates answer refer",
                "%s%llu payloads of its records are not here",
                views[i].unscanned ? "at least " : "", (unsigned long long)views[i].missing);
        }
        if (views[i].lost > 0) {
            p2p_doctor_note(
                visit, name, false,
                "find out what was decided in that time and write it anew; bans above all",
                "%llu payloads that only this node ever held are lost since it was restored "
                "or damaged: nobody knows what they said, and bans among them are not "
                "enforced",
                (unsigned long long)views[i].lost);
        }
    }
    p2p_doctor_note(visit, "payloads", bad == 0, "see the lines above",
                    "of %zu circles %zu are not whole here", count, bad);
}

static void check_clock(struct p2p_visit *visit)
{
    const struct p2p_node *node = visit->node;
    uint64_t quorum_ms = p2p_engine_quorum_ms(node->engine, &node->now);
    uint64_t own_ms = node->now.wall_ms;
    uint64_t apart_ms = quorum_ms > own_ms ? quorum_ms - own_ms : own_ms - quorum_ms;
    uint32_t skew_s = p2p_charter_policy(visit->ledger->charter)->clock_skew_s;
    if (quorum_ms == 0) {
        p2p_doctor_note(
            visit, "clock", true, NULL,
            "too few fresh cosignatures for quorum time: the own clock decides alone");
        return;
    }
    p2p_doctor_note(visit, "clock", apart_ms <= (uint64_t)skew_s * 1000,
                    "set this machine's clock (chrony, systemd-timesyncd)",
                    "the own clock is %llu ms %s quorum time; %u s are allowed",
                    (unsigned long long)apart_ms, own_ms >= quorum_ms ? "ahead of" : "behind",
                    skew_s);
}

void p2p_doctor_start(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_visit visit = {call, node, p2p_engine_ledger(node->engine), json_array()};
    p2p_doctor_disk(&visit);
    check_keys(&visit);
    check_circles(&visit);
    check_charter(&visit);
    check_ahead(&visit);
    check_feeds(&visit);
    check_issuers(&visit);
    check_states(&visit);
    check_complete(&visit);
    check_custody(&visit);
    check_seals(&visit);
    p2p_doctor_barred(&visit);
    p2p_doctor_settled(&visit);
    p2p_doctor_gate_ins(&visit);
    check_payloads(&visit);
    check_clock(&visit);
    p2p_doctor_peers(&visit);
    p2p_doctor_note(&visit, "alarm", node->alarm[0] == '\0', "the log has the particulars",
                    "%s", node->alarm[0] == '\0' ? "none" : node->alarm);
    p2p_call_reply(call, json_pack("{s:o}", "checks", visit.checks));
}
