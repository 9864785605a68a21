/* Grants: what the charter allows an issuer, word by word. A grant is a word and a scope; scope
 * "*" covers everything, else it is a locode (bans), or a facility (custody, terminal, levels).
 * A word that is not in this table is kept and allows nothing. */
#ifndef P2P_GRANT_H
#define P2P_GRANT_H

#include <p2p/base.h>

#define P2P_GRANT_BYTES_MAX 31u

/* X(NAME, word, what it allows). */
#define P2P_GRANT_MAP(X)                                                                       \
    X(BAN_COURT, "ban-court", "impose and lift bans on the ground of a court's decision")      \
    X(BAN_MAGISTRATE, "ban-magistrate", "impose and lift bans ordered by a magistrate")        \
    X(BAN_ADMINISTRATIVE, "ban-administrative", "impose and lift administrative bans")         \
    X(BAN_LOCAL, "ban-local", "impose and lift bans of one port")                              \
    X(BAN_EU_REGULATION, "ban-eu-regulation", "impose and lift bans of ships under EU law")    \
    X(LEVEL, "level", "set and acknowledge security levels")                                   \
    X(INCIDENT, "incident", "report, change and merge incidents")                              \
    X(OVERRIDE, "override", "ask to overrule lights, slot, truck or staleness at a collect")   \
    X(APPROVE, "approve", "second an override by another issuer")                              \
    X(RECOUNT, "recount", "state what a look at the yard found")                               \
    X(BLOCK, "block", "block and unblock release rights")                                      \
    X(HOLD, "hold", "keep evidence beyond its time")                                           \
    X(ERASE, "erase", "erase payloads on a ground")                                            \
    X(CUSTOMS_LIGHT, "customs-light", "set the customs light of a right")                      \
    X(CUSTODY, "custody", "open, offer, accept, refuse and withdraw custody")                  \
    X(DISCHARGE_LIGHT, "discharge-light", "set the discharge light of a right")                \
    X(TERMINAL_LIGHT, "terminal-light", "set the terminal light of a right")                   \
    X(ISSUE, "issue", "issue, revoke and cancel release rights")                               \
    X(COMMERCIAL_LIGHT, "commercial-light", "set the commercial light of a right")             \
    X(ACCEPT, "accept", "accept, decline and return a right")                                  \
    X(TRANSFER, "transfer", "pass a right on")                                                 \
    X(ASSIGN, "assign", "assign driver, truck and slot")                                       \
    X(OVERRIDE_BLOCK, "override-block", "overrule blocks, too, with an override")

enum p2p_grant_word {
#define P2P_GRANT_ENUM(name, word, text) P2P_GRANT_##name,
    P2P_GRANT_MAP(P2P_GRANT_ENUM)
#undef P2P_GRANT_ENUM
        P2P_GRANT_COUNT
};

const char *p2p_grant_name(enum p2p_grant_word word);
/* What it allows, in one line. */
const char *p2p_grant_text(enum p2p_grant_word word);
/* P2P_NOTFOUND for any other word. */
P2P_MUST_CHECK enum p2p_err p2p_grant_of(enum p2p_grant_word *word, struct p2p_slice name);

#endif
