#include "status.h"
#include "observe.h"

#include <p2p/text.h>

#include <stdio.h>
#include <string.h>

const char *p2p_peer_word(enum p2p_peer_word state)
{
    static const char *const words[] = {
#define PEER_WORD(name, word) [P2P_PEER_##name] = word,
        P2P_PEER_MAP(PEER_WORD)
#undef PEER_WORD
    };
    return words[state];
}

json_t *p2p_text_or_null(const char *text)
{
    return text == NULL || *text == '\0' ? json_null() : json_string(text);
}

json_t *p2p_time_or_null(uint64_t ms)
{
    return ms == 0 ? json_null() : p2p_time_json(ms);
}

const char *p2p_read_only_reason(const struct p2p_node *node)
{
    const char *word = p2p_read_only_word(p2p_engine_read_only(node->engine));
    return *word == '\0' ? p2p_store_read_only_reason(node->store) : word;
}

uint64_t p2p_missing_s(const struct p2p_node *node, const struct p2p_missing_key *key)
{
    bool noted = key->since_ms != 0 && key->since_ms <= node->now.wall_ms;
    return noted ? (node->now.wall_ms - key->since_ms) / 1000 : 0;
}

uint64_t p2p_records_held(const struct p2p_ledger *ledger)
{
    uint64_t records = 0;
    for (size_t i = 0; i < ledger->feed_count; i++) {
        records += ledger->feeds[i]->edge.size;
    }
    return records;
}

/* ---- peers ---- */

static const struct p2p_link_view *find_link(const struct p2p_link_view *links, size_t count,
                                             uint32_t member)
{
    for (size_t i = 0; i < count; i++) {
        if (links[i].member == member) {
            return &links[i];
        }
    }
    return NULL;
}

static const struct p2p_peer_state *find_session(const struct p2p_peer_state *sessions,
                                                 size_t count, uint32_t member)
{
    for (size_t i = 0; i < count; i++) {
        if (sessions[i].member == member && sessions[i].greeted) {
            return &sessions[i];
        }
    }
    return NULL;
}

static void describe(struct p2p_peer_view *peer, const struct p2p_link_view *link,
                     const struct p2p_peer_state *session)
{
    peer->since_ms = link->since_ms;
    peer->bytes_in = link->socket_bytes_in;
    peer->bytes_out = link->socket_bytes_out;
    peer->reason = link->reason[0] != '\0' ? link->reason : NULL;
    if (link->paused) {
        peer->state = P2P_PEER_PAUSED;
    } else if (link->connected && session != NULL) {
        peer->state = P2P_PEER_CONNECTED;
    } else if (link->refused) {
        peer->state = P2P_PEER_REFUSED;
    } else if (link->connected && peer->reason == NULL) {
        peer->reason = "connected, but its hello has not come yet";
    }
}

const struct p2p_peer_view *p2p_peer_views(struct p2p_call *call, struct p2p_node *node,
                                           size_t *count)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    uint32_t members = p2p_charter_member_count(charter);
    struct p2p_peer_state *sessions = p2p_call_take(call, P2P_PEERS_MAX * sizeof(*sessions));
    struct p2p_link_view *links = p2p_call_take(call, (members + 1) * sizeof(*links));
    struct p2p_peer_view *views = p2p_call_take(call, (members + 1) * sizeof(*views));
    size_t session_count = p2p_engine_peers(node->engine, sessions, P2P_PEERS_MAX);
    size_t link_count = 0;
    size_t used = 0;
    if (node->describe_links != NULL) {
        node->describe_links(node->daemon, links, &link_count, members + 1);
    }
    for (uint32_t i = 1; i <= members; i++) {
        const struct p2p_member *member = p2p_charter_member(charter, i);
        if (member == NULL || i == p2p_engine_member(node->engine)) {
            continue;
        }
        const struct p2p_link_view *link = find_link(links, link_count, i);
        const struct p2p_peer_state *session = find_session(sessions, session_count, i);
        struct p2p_peer_view *peer = &views[used++];
        *peer = (struct p2p_peer_view){.member = i,
                                       .name = member->name,
                                       .state = P2P_PEER_OFFLINE,
                                       .behind = session != NULL ? session->behind : 0,
                                       .withheld = session != NULL ? session->withheld : 0};
        if (link != NULL) {
            describe(peer, link, session);
        }
        if (node->describe_links != NULL && peer->since_ms == 0) {
            peer->since_ms = node->started_wall_ms;
        }
    }
    *count = used;
    return views;
}

json_t *p2p_peer_text(const struct p2p_peer_view *peer)
{
    json_t *since;
    json_t *text;
    switch (peer->state) {
    case P2P_PEER_CONNECTED:
        return peer->behind == 0
                   ? json_string("up to date")
                   : json_sprintf("behind %llu", (unsigned long long)peer->behind);
    case P2P_PEER_REFUSED:
        return json_sprintf("refused: %s",
                            peer->reason != NULL ? peer->reason : "no reason given");
    case P2P_PEER_PAUSED:
        return json_string("paused");
    case P2P_PEER_OFFLINE:
    case P2P_PEER_COUNT:
        break;
    }
    if (peer->since_ms == 0) {
        return json_string("offline");
    }
    since = p2p_time_json(peer->since_ms);
    text = json_sprintf("offline since %s", json_string_value(since));
    json_decref(since);
    return text;
}

json_t *p2p_peer_json(const struct p2p_peer_view *peer)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o}", "member", peer->name, "state",
                     p2p_peer_word(peer->state), "behind", (json_int_t)peer->behind,
                     "withheld_payloads", (json_int_t)peer->withheld, "since",
                     p2p_time_or_null(peer->since_ms), "reason",
                     p2p_text_or_null(peer->reason));
}

/* ---- feeds ---- */

const struct p2p_feed_view *p2p_feed_views(struct p2p_call *call, struct p2p_node *node,
                                           size_t *count)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct p2p_feed_view *views =
        p2p_call_take(call, (ledger->feed_count + 1) * sizeof(*views));
    for (uint32_t i = 0; i < ledger->feed_count; i++) {
        p2p_feed_view(node, i, &views[i]);
    }
    *count = ledger->feed_count;
    return views;
}

static json_t *feeds_json(struct p2p_call *call, struct p2p_node *node)
{
    size_t count;
    const struct p2p_feed_view *views = p2p_feed_views(call, node, &count);
    json_t *feeds = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct p2p_feed_view *view = &views[i];
        json_t *heard = view->age_ms == UINT64_MAX
                            ? json_null()
                            : json_integer((json_int_t)(view->age_ms / 1000));
        json_array_append_new(
            feeds,
            json_pack("{s:o, s:I, s:I, s:I, s:o, s:s}", "feed", p2p_slice_json(view->name),
                      "size", (json_int_t)view->size, "witnessed", (json_int_t)view->witnessed,
                      "lag", (json_int_t)view->lag, "heard_s", heard, "state", view->state));
    }
    return feeds;
}

static json_t *peers_json(struct p2p_call *call, struct p2p_node *node)
{
    size_t count;
    const struct p2p_peer_view *views = p2p_peer_views(call, node, &count);
    json_t *peers = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(peers, p2p_peer_json(&views[i]));
    }
    return peers;
}

/* ---- circles ---- */

const struct p2p_circle_state *p2p_circle_views(struct p2p_call *call, struct p2p_node *node,
                                                size_t *count)
{
    size_t cap = p2p_engine_circles(node->engine, NULL, 0);
    struct p2p_circle_state *views = p2p_call_take(call, cap * sizeof(*views) + 1);
    *count = p2p_engine_circles(node->engine, views, cap);
    return views;
}

/* Payloads that are not here, by circle: how many, never which or what. */
static json_t *circles_json(struct p2p_call *call, struct p2p_node *node)
{
    size_t count;
    const struct p2p_circle_state *views = p2p_circle_views(call, node, &count);
    json_t *circles = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            circles,
            json_pack("{s:s, s:b, s:I, s:I}", "circle",
                      p2p_circle_name(p2p_engine_ledger(node->engine), views[i].circle),
                      "complete", views[i].complete, "payloads_missing",
                      (json_int_t)views[i].missing, "payloads_lost",
                      (json_int_t)views[i].lost));
    }
    return circles;
}

/* Who lacks payloads of a circle has no state of it to compare. */
static bool is_complete(const struct p2p_circle_state *circles, size_t count, uint32_t circle)
{
    for (size_t i = 0; i < count; i++) {
        if (circles[i].circle == circle) {
            return circles[i].complete;
        }
    }
    return false;
}

/* ---- the whole ---- */

static enum p2p_err add_digests(struct p2p_call *call, struct p2p_node *node, json_t *status)
{
    size_t circle_count;
    const struct p2p_circle_state *circles = p2p_circle_views(call, node, &circle_count);
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    const struct p2p_gate_place *place = p2p_engine_place(node->engine);
    static const struct {
        enum p2p_view_number view;
        const char *word;
    } views[] = {
#define VIEW_ROW(name, number, word) {P2P_VIEW_##name, word},
        P2P_VIEW_MAP(VIEW_ROW)
#undef VIEW_ROW
    };
    struct p2p_hash hash;
    json_t *digests = json_object();
    enum p2p_err err = p2p_frontier_digest(ledger, &hash);
    if (err == P2P_OK) {
        json_object_set_new(status, "frontier_digest", p2p_hex_json(&hash));
        err = p2p_leaves_digest(ledger, &hash);
    }
    if (err == P2P_OK) {
        json_object_set_new(status, "leaves_digest", p2p_hex_json(&hash));
    }
    json_object_set_new(status, "digests", digests);
    for (size_t v = 0; v < sizeof(views) / sizeof(views[0]); v++) {
        if (views[v].view == P2P_VIEW_FORKS && err == P2P_OK) {
            err = p2p_view_digest(ledger, node->kv, views[v].view, 0, &hash);
            if (err == P2P_OK) {
                json_object_set_new(digests, views[v].word, p2p_hex_json(&hash));
            }
            continue;
        }
        for (size_t i = 0; i < place->circle_count && err == P2P_OK; i++) {
            if (!is_complete(circles, circle_count, place->circles[i])) {
                continue;
            }
            char name[32 + P2P_NAME_BYTES_MAX];
            snprintf(name, sizeof(name), "%s/%s", views[v].word,
                     p2p_circle_name(ledger, place->circles[i]));
            err = p2p_view_digest(ledger, node->kv, views[v].view, place->circles[i], &hash);
            if (err == P2P_OK) {
                json_object_set_new(digests, name, p2p_hex_json(&hash));
            }
        }
    }
    return err;
}

static json_t *charter_json(const struct p2p_charter *charter)
{
    char text[P2P_BASE64_BYTES(P2P_HASH_BYTES)];
    struct p2p_hash root = p2p_charter_root(charter);
    p2p_base64_encode(text, root.bytes, sizeof(root.bytes));
    return json_pack("{s:I, s:s}", "size", (json_int_t)p2p_charter_size(charter), "root", text);
}

static json_t *store_json(struct p2p_node *node)
{
    struct p2p_store_stat stat = {0};
    bool known = p2p_store_stat(node->store, &stat) == P2P_OK;
    return json_pack("{s:I, s:o, s:o}", "records",
                     (json_int_t)p2p_records_held(p2p_engine_ledger(node->engine)), "bytes",
                     known ? json_integer((json_int_t)stat.used_bytes) : json_null(),
                     "map_bytes",
                     known ? json_integer((json_int_t)stat.map_bytes) : json_null());
}

static void add_identity(struct p2p_node *node, json_t *status)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_member *own = p2p_charter_member(charter, p2p_engine_member(node->engine));
    const struct p2p_feed_info *feed =
        p2p_charter_feed(charter, p2p_engine_own_feed(node->engine));
    const char *federation = p2p_charter_federation(charter);
    json_object_set_new(status, "federation",
                        json_string(federation != NULL && *federation != '\0'
                                        ? federation
                                        : node->config.federation));
    json_object_set_new(status, "member", json_string(node->config.member));
    json_object_set_new(
        status, "role",
        json_string(p2p_role_word(own != NULL ? own->role : node->config.role)));
    json_object_set_new(status, "generation",
                        json_integer(own != NULL && feed != NULL ? feed->generation : 0));
    json_object_set_new(status, "read_only", p2p_text_or_null(p2p_read_only_reason(node)));
}

bool p2p_reused_open(const struct p2p_node *node, struct p2p_reused *at)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    while (p2p_reused_next(node->kv, at) == P2P_OK) {
        if (p2p_charter_issuer(charter, at->issuer) != NULL &&
            p2p_charter_cuts(charter, at->issuer, NULL, 0) == 0) {
            return true;
        }
    }
    return false;
}

bool p2p_damage_text(const struct p2p_node *node, char text[P2P_MESSAGE_BYTES])
{
    const struct p2p_damage *damage = p2p_engine_damage(node->engine);
    struct p2p_slice feed = p2p_feed_name(p2p_engine_ledger(node->engine), damage->feed);
    if (damage->lost_bans > 0) {
        snprintf(text, P2P_MESSAGE_BYTES,
                 "%llu bans, blocks or releases of a forked feed that only this node kept are "
                 "gone from the store: nothing is allowed; stop the node, move its directory "
                 "store away, run port2port charter fetch and start it",
                 (unsigned long long)damage->lost_bans);
        return true;
    }
    if (!damage->is_known) {
        return false;
    }
    if (damage->is_suspected) {
        snprintf(text, P2P_MESSAGE_BYTES,
                 "the store gave back something that is damaged; all of it is being looked "
                 "through, and meanwhile nothing is signed or allowed");
    } else {
        snprintf(
            text, P2P_MESSAGE_BYTES,
            "a %s of %.*s is damaged in the store, at %llu; it is being fetched again from "
            "peers, and meanwhile nothing is signed or allowed",
            p2p_table_word(damage->table), (int)feed.len, (const char *)feed.data,
            (unsigned long long)damage->index);
    }
    return true;
}

bool p2p_divergence_text(const struct p2p_node *node, char text[P2P_MESSAGE_BYTES])
{
    const struct p2p_divergence *found = p2p_engine_divergence(node->engine);
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_member *member = p2p_charter_member(ledger->charter, found->member);
    struct p2p_slice feed = p2p_feed_name(ledger, found->record.feed);
    char where[P2P_NAME_BYTES_MAX + 32] = "";
    const struct p2p_circle *circle = p2p_charter_circle(ledger->charter, found->circle);
    if (!found->is_known) {
        return false;
    }
    if (found->circle != 0 && circle != NULL) {
        snprintf(where, sizeof(where), " in circle %s", circle->name);
    }
    snprintf(text, P2P_MESSAGE_BYTES,
             "%s has another digest of %s%s than this node from the same records (%.*s:%llu); "
             "what is stored here is what follows from them",
             member != NULL ? member->name : "a member",
             found->view == 0 ? "the verdicts" : p2p_view_word(found->view), where,
             (int)feed.len, (const char *)feed.data, (unsigned long long)found->record.index);
    return true;
}

const char *p2p_alarm_text(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    size_t count;
    const struct p2p_feed_view *views = p2p_feed_views(call, node, &count);
    char *text = p2p_call_take(call, P2P_MESSAGE_BYTES);
    if (node->alarm[0] != '\0') {
        return node->alarm;
    }
    if (p2p_damage_text(node, text)) {
        return text;
    }
    if (p2p_divergence_text(node, text)) {
        return text;
    }
    if (p2p_charter_rival_size(charter) > 0) {
        return "the charter has two heads; what either grants counts for nothing until the "
               "roots settle";
    }
    for (size_t i = 0; i < count; i++) {
        if (p2p_feed_view_is_forked(&views[i])) {
            snprintf(text, P2P_MESSAGE_BYTES,
                     "feed %.*s is forked: its owner signed two "
                     "histories",
                     (int)views[i].name.len, (const char *)views[i].name.data);
            return text;
        }
    }
    if (p2p_barred_text(node, text)) {
        return text;
    }
    struct p2p_reused reused = {.feed = 0};
    if (p2p_reused_open(node, &reused)) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(charter, reused.issuer);
        snprintf(text, P2P_MESSAGE_BYTES,
                 "%s signed two different records under one number; doctor says which",
                 issuer->name);
        return text;
    }
    return NULL;
}

/* Keys of our circles that are not here, and for how long this node has known. */
static json_t *missing_keys_json(const struct p2p_node *node)
{
    struct p2p_missing_key missing[P2P_GATE_KEYS_MAX];
    size_t count = p2p_engine_missing_keys(node->engine, missing, P2P_GATE_KEYS_MAX);
    json_t *keys = json_array();
    for (size_t i = 0; i < count && i < P2P_GATE_KEYS_MAX; i++) {
        json_array_append_new(
            keys, json_pack("{s:s, s:I, s:I}", "circle",
                            p2p_circle_name(p2p_engine_ledger(node->engine), missing[i].circle),
                            "epoch", (json_int_t)missing[i].epoch, "missing_s",
                            (json_int_t)p2p_missing_s(node, &missing[i])));
    }
    return keys;
}

static void add_health(struct p2p_call *call, struct p2p_node *node, json_t *status)
{
    uint64_t quorum_ms = p2p_engine_quorum_ms(node->engine, &node->now);
    json_object_set_new(status, "store", store_json(node));
    json_object_set_new(status, "boot", json_integer((json_int_t)node->boot));
    json_object_set_new(status, "started", p2p_time_json(node->started_wall_ms));
    json_object_set_new(status, "complete", json_boolean(p2p_engine_complete(node->engine)));
    json_object_set_new(status, "circles", circles_json(call, node));
    json_object_set_new(status, "withheld", p2p_withheld_json(node));
    json_object_set_new(status, "everywhere", p2p_spread_json(node));
    json_object_set_new(status, "overrides", p2p_overrides_json(node));
    json_object_set_new(status, "circle_keys_missing", missing_keys_json(node));
    json_object_set_new(status, "alarm", p2p_text_or_null(p2p_alarm_text(call, node)));
    json_object_set_new(status, "clock",
                        json_pack("{s:o, s:o}", "own", p2p_time_json(node->now.wall_ms),
                                  "quorum", p2p_time_or_null(quorum_ms)));
}

json_t *p2p_status_json(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    json_t *status = json_object();
    add_identity(node, status);
    json_object_set_new(status, "charter", charter_json(charter));
    json_object_set_new(status, "feeds", feeds_json(call, node));
    json_object_set_new(status, "peers", peers_json(call, node));
    uint64_t left_ms;
    enum p2p_custody_ready custody = p2p_engine_custody(node->engine, &node->now, &left_ms);
    json_object_set_new(status, "custody", json_string(p2p_custody_ready_word(custody)));
    json_object_set_new(status, "lease_s", json_integer((json_int_t)(left_ms / 1000)));
    enum p2p_err err = add_digests(call, node, status);
    if (err != P2P_OK) {
        json_decref(status);
        p2p_call_err(call, err, "the digests cannot be computed from the store");
        return NULL;
    }
    add_health(call, node, status);
    return status;
}
