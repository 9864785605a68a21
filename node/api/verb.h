/* What a party or an operator asks to have written: one row for each verb that appends one
 * record, from which its route, prepare and submit work. Private to node/api. */
#ifndef P2P_VERB_H
#define P2P_VERB_H

#include "call.h"

struct p2p_verb {
    const char *path; /* of its route */
    /* Reads the call's body into kind, circle, cites and payload or content; what the record
     * rests on is looked up. False with an error reply. */
    bool (*read)(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out);
    const char *may; /* "no issuer of this node may <...>" */
};

/* Each ends with a row without path. */
extern const struct p2p_verb p2p_ban_verbs[];
extern const struct p2p_verb p2p_custody_verbs[];
extern const struct p2p_verb p2p_right_verbs[];

/* The row for a path; NULL: nothing is appended there that could be signed outside. */
const struct p2p_verb *p2p_verb_find(const char *path);
/* Whether an issuer may write this record, as far as can be told here: by charter, and by what
 * it cites. What would have no effect is refused before anything is appended. */
bool p2p_verb_may(struct p2p_call *call, struct p2p_node *node, const struct p2p_append *append,
                  const struct p2p_issuer *issuer);
/* Whether a grant of the issuer stands for the next own record, whatever it is limited to. */
bool p2p_verb_granted_somewhere(struct p2p_node *node, const struct p2p_issuer *issuer,
                                const char *grant);
/* Who signs it: --as, or the only one here who may. key NULL: it is signed outside. NULL with
 * an error reply. */
const struct p2p_issuer *p2p_verb_signer(struct p2p_call *call, struct p2p_node *node,
                                         const struct p2p_verb *verb,
                                         const struct p2p_append *append,
                                         const struct p2p_issuer_secret **key);
/* Reads what a call asks to append, and finds who signs it. outside: that one's key does not
 * lie here, and nothing is appended yet. Borrowed from the call; NULL when the reply is there:
 * an error, or that what it asks for stands already. */
struct p2p_append *p2p_verb_read(struct p2p_call *call, struct p2p_node *node,
                                 const struct p2p_verb *verb, bool outside);
/* Its row in the table of routes. */
#define P2P_VERB_ROUTE(its_path, schema, answers)                                              \
    {                                                                                          \
        .method = "POST", .path = (its_path), .start = p2p_verb_start,                         \
        .finish = p2p_call_appended, .who = P2P_WHO_OPERATOR, .rate = P2P_RATE_WRITE,          \
        .request = (schema), .reply = "Appended", .errors = (answers), .durable = true         \
    }
/* The start of such a route: reads, signs, appends; its finish is p2p_call_appended. */
void p2p_verb_start(struct p2p_call *call, struct p2p_node *node);

/* ---- what the verbs share ---- */

/* A container number in its normal form; false with an error reply. */
bool p2p_call_container(struct p2p_call *call, const char *text, const char **out);
/* The last token of a container that fits, and how many do, in the circles of this node.
 * P2P_NOTFOUND: none. */
enum p2p_err p2p_custody_find(struct p2p_node *node, const char *container,
                              bool (*fits)(const struct p2p_node *node,
                                           const struct p2p_custody *custody),
                              struct p2p_custody *out, size_t *count);
bool p2p_custody_is_open(const struct p2p_node *node, const struct p2p_custody *custody);
/* The right that a text names, by its id; false with an error reply. */
bool p2p_call_right(struct p2p_call *call, struct p2p_node *node, const char *text,
                    struct p2p_right *out);

bool p2p_custody_may(struct p2p_node *node, const struct p2p_append *append,
                     const struct p2p_issuer *issuer);
bool p2p_right_may_append(struct p2p_node *node, const struct p2p_append *append,
                          const struct p2p_issuer *issuer);

#endif
