/* What this node knows of its feeds and of the other members, gathered once for status, peers,
 * doctor and metrics. Everything lives in the call's arena. Private to node/api. */
#ifndef P2P_STATUS_H
#define P2P_STATUS_H

#include "../core/feed_view.h"
#include "call.h"
#include <p2p/reuse.h>

/* X(NAME, word) */
#define P2P_PEER_MAP(X)                                                                        \
    X(CONNECTED, "connected")                                                                  \
    X(OFFLINE, "offline")                                                                      \
    X(REFUSED, "refused")                                                                      \
    X(PAUSED, "paused")

enum p2p_peer_word {
#define P2P_PEER_ENUM(name, word) P2P_PEER_##name,
    P2P_PEER_MAP(P2P_PEER_ENUM)
#undef P2P_PEER_ENUM
        P2P_PEER_COUNT
};
const char *p2p_peer_word(enum p2p_peer_word state);

struct p2p_peer_view {
    uint32_t member;
    const char *name;
    enum p2p_peer_word state;
    uint64_t behind;    /* records it has named that are not held here */
    uint64_t withheld;  /* payloads it was asked for and did not give, in this session */
    uint64_t since_ms;  /* POSIX; 0 unknown */
    const char *reason; /* NULL for none */
    uint64_t bytes_in, bytes_out;
};
/* Every other member of the charter, in order of number. A member is connected once its hello
 * was taken: an open line on which nothing was said is none. */
const struct p2p_peer_view *p2p_peer_views(struct p2p_call *call, struct p2p_node *node,
                                           size_t *count);
/* "up to date | behind N | offline since T | refused: reason | paused" */
json_t *p2p_peer_text(const struct p2p_peer_view *peer);
json_t *p2p_peer_json(const struct p2p_peer_view *peer);

/* Of all feeds, by number. */
const struct p2p_feed_view *p2p_feed_views(struct p2p_call *call, struct p2p_node *node,
                                           size_t *count);

/* The circles this member is in. */
const struct p2p_circle_state *p2p_circle_views(struct p2p_call *call, struct p2p_node *node,
                                                size_t *count);

/* Records held, all feeds and the charter. */
uint64_t p2p_records_held(const struct p2p_ledger *ledger);
/* How long a circle's key has been missing, in this start. */
uint64_t p2p_missing_s(const struct p2p_node *node, const struct p2p_missing_key *key);
/* NULL, or the word for why nothing is appended. */
const char *p2p_read_only_reason(const struct p2p_node *node);
/* The reason for concern that comes first, one sentence that lives as long as the call; NULL
 * for none: what the node itself met, two heads of the charter, a forked feed, an own feed that
 * nobody cosigns any further. */
const char *p2p_alarm_text(struct p2p_call *call, struct p2p_node *node);
/* Who folds something else from the same records, as one sentence; false for nobody. */
bool p2p_divergence_text(const struct p2p_node *node, char text[P2P_MESSAGE_BYTES]);
/* That so many witnesses cosign nothing more of the own feed that no quorum is left, as one
 * sentence; false for no such thing. */
bool p2p_barred_text(struct p2p_node *node, char text[P2P_MESSAGE_BYTES]);
/* What is damaged in the store and not repaired yet, as one sentence; false for nothing. */
bool p2p_damage_text(const struct p2p_node *node, char text[P2P_MESSAGE_BYTES]);
/* The next issuer after *at (begin with zeros) that is proven to have signed two records under
 * one number and that the charter has not revoked since; false when there is none. */
bool p2p_reused_open(const struct p2p_node *node, struct p2p_reused *at);
json_t *p2p_text_or_null(const char *text);
json_t *p2p_time_or_null(uint64_t ms); /* 0: null */

/* The whole of GET /v1/status; NULL with an error reply. */
json_t *p2p_status_json(struct p2p_call *call, struct p2p_node *node);
/* The routes' handlers that have a file of their own. */
void p2p_doctor_start(struct p2p_call *call, struct p2p_node *node);
void p2p_metrics_start(struct p2p_call *call, struct p2p_node *node);

#endif
