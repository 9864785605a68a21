/* Orders: what a run asks for next, drawn before anybody is asked. */
#ifndef SIM_WORKLOAD_ORDER_H
#define SIM_WORKLOAD_ORDER_H

#include "workload.h"

#include <p2p/kind.h>
#include <p2p/writer.h>

enum sim_order_type {
    SIM_ORDER_DECISION,
    SIM_ORDER_BAN,
    SIM_ORDER_OTHER,
    SIM_ORDER_CHARTER,
    SIM_ORDER_CUSTODY
};

/* X(NAME, word): what is wrong with a work on purpose. */
#define SIM_WRONG_MAP(X)                                                                       \
    X(NONE, "")                                                                                \
    X(IDENTIFIER, "an identifier whose check digit does not fit")                              \
    X(NO_GRANT, "an officer without the grant")                                                \
    X(FOREIGN_ISSUER, "another member's officer")                                              \
    X(UNKNOWN_ISSUER, "an officer the charter does not know")                                  \
    X(BAD_SIGNATURE, "a signature that does not verify")                                       \
    X(REPEATED_SEQ, "the same record twice")                                                   \
    X(OLD_SEQ, "two records in the wrong order of their numbers")                              \
    X(COMMITMENT, "a payload that does not open the commitment")                               \
    X(NOT_CANONICAL, "bytes that are not in the one canonical form")                           \
    X(CONTENT, "fields that the kind does not have")                                           \
    X(TOO_LARGE, "more bytes than a record may have")                                          \
    X(FOREIGN_CIRCLE, "a circle the member is not in")                                         \
    X(PAST_CUT, "an officer past the cut point")                                               \
    X(NO_CITE, "nothing named that it would act on")                                           \
    X(MISSING_CITE, "what it acts on does not exist")                                          \
    X(CITE_KIND, "what it acts on is of a wrong kind")                                         \
    X(CITE_CIRCLE, "what it acts on stands in another circle")                                 \
    X(FEW_ROOTS, "an entry cosigned by too few roots")                                         \
    X(ROOT_TWICE, "an entry cosigned twice by one root")                                       \
    X(WRONG_INDEX, "an entry given at a place that is not its own")                            \
    X(WRONG_TERM, "an entry of a term that is not now")                                        \
    X(RIVAL, "a second entry at one place")                                                    \
    X(NOT_HOLDER, "an action of who may not take it now")                                      \
    X(EPOCH, "an epoch that is not now")                                                       \
    X(NO_RESTS, "a step without what it rests on")                                             \
    X(FEW_WITNESSES, "a step that rests on fewer witnesses than a quorum")                     \
    X(TWICE, "a container opened at a second port")                                            \
    X(DRIVER, "another driver than the one named")                                             \
    X(TRUCK, "another truck than the one named")
enum sim_wrong {
#define SIM_WRONG_ENUM(name, word) SIM_WRONG_##name,
    SIM_WRONG_MAP(SIM_WRONG_ENUM)
#undef SIM_WRONG_ENUM
        SIM_WRONG_COUNT
};
const char *sim_wrong_word(enum sim_wrong wrong);

/* X(NAME, word, weight): what changes in the charter. A later generation of a member's feed
 * belongs here too. */
#define SIM_CHANGE_MAP(X)                                                                      \
    X(OFFICER, "a new officer", 3)                                                             \
    X(GRANT, "more grants to an officer", 2)                                                   \
    X(REVOKE, "a cut point", 3)                                                                \
    X(ROTATE, "new roots", 1)                                                                  \
    X(CIRCLE_JOIN, "one more in a circle", 2)                                                  \
    X(CIRCLE_LEAVE, "one less in a circle", 2)                                                 \
    X(CIRCLE_EPOCH, "a new key of a circle", 1)                                                \
    X(WITNESS, "another witness", 3)                                                           \
    X(POLICY, "another policy", 1)                                                             \
    X(MEMBER, "a new member", 3)                                                               \
    X(REASSIGN, "another holder of a container", 2)
enum sim_change {
#define SIM_CHANGE_ENUM(name, word, weight) SIM_CHANGE_##name,
    SIM_CHANGE_MAP(SIM_CHANGE_ENUM)
#undef SIM_CHANGE_ENUM
        SIM_CHANGE_COUNT
};
const char *sim_change_word(enum sim_change change);

struct sim_order {
    enum sim_order_type type;
    enum sim_wrong wrong;
    const struct p2p_kind *kind; /* BAN, OTHER */
    enum sim_change change;      /* CHARTER */
    bool outside;                /* BAN, CUSTODY: signed outside the node */
    enum p2p_level level;        /* waited for */
    uint32_t hops;               /* CUSTODY: machines that had nothing to do for it */
};

/* Whether its record is signed outside: as it says, or since only such a one can show what is
 * wrong with it. */
bool sim_order_goes_outside(const struct sim_order *order);

void sim_order_draw(struct sim_order *order, const struct sim_workload_options *options,
                    struct sim_chance *chance);

#endif
