#include "workload_order.h"

#include <p2p/assert.h>
#include <p2p/ban.h>

#define OUTSIDE_PERMILLE   200u
#define MIRRORED_PERMILLE  200u
#define WITNESSED_PERMILLE 200u

const char *sim_wrong_word(enum sim_wrong wrong)
{
    static const char *const words[] = {
#define WRONG_WORD(name, word) [SIM_WRONG_##name] = word,
        SIM_WRONG_MAP(WRONG_WORD)
#undef WRONG_WORD
    };
    return words[wrong];
}

const char *sim_change_word(enum sim_change change)
{
    static const char *const words[] = {
#define CHANGE_WORD(name, word, weight) [SIM_CHANGE_##name] = word,
        SIM_CHANGE_MAP(CHANGE_WORD)
#undef CHANGE_WORD
    };
    return words[change];
}

/* ---- bans ---- */

static bool is_ban(const struct p2p_kind *kind)
{
    switch (kind->number) {
    case P2P_KIND_BAN_IMPOSE:
    case P2P_KIND_BAN_AMEND:
    case P2P_KIND_BAN_SUSPEND:
    case P2P_KIND_BAN_RESUME:
    case P2P_KIND_BAN_LIFT:
        return true;
    default:
        return false;
    }
}

static const struct p2p_kind *draw_ban(struct sim_chance *chance)
{
    static const struct {
        uint32_t kind;
        uint32_t permille;
    } shares[] = {{P2P_KIND_BAN_LIFT, 250},
                  {P2P_KIND_BAN_AMEND, 100},
                  {P2P_KIND_BAN_SUSPEND, 50},
                  {P2P_KIND_BAN_RESUME, 50},
                  {P2P_KIND_BAN_IMPOSE, 550}};
    uint64_t drawn = sim_chance_below(chance, 1000);
    size_t i = 0;
    while (drawn >= shares[i].permille) {
        drawn -= shares[i++].permille;
    }
    return p2p_kind_find(shares[i].kind);
}

static enum sim_wrong wrong_ban(const struct p2p_kind *kind, struct sim_chance *chance)
{
    static const enum sim_wrong ways[] = {
        SIM_WRONG_NO_GRANT, SIM_WRONG_FOREIGN_ISSUER, SIM_WRONG_UNKNOWN_ISSUER,
        SIM_WRONG_BAD_SIGNATURE, SIM_WRONG_REPEATED_SEQ, SIM_WRONG_OLD_SEQ,
        SIM_WRONG_COMMITMENT, SIM_WRONG_NOT_CANONICAL, SIM_WRONG_CONTENT, SIM_WRONG_TOO_LARGE,
        SIM_WRONG_FOREIGN_CIRCLE, SIM_WRONG_PAST_CUT,
        /* of those that act on others: */
        SIM_WRONG_NO_CITE, SIM_WRONG_MISSING_CITE, SIM_WRONG_CITE_KIND, SIM_WRONG_CITE_CIRCLE};
    size_t count = sizeof(ways) / sizeof(ways[0]);
    return ways[sim_chance_below(chance, kind->cites_required ? count : count - 4)];
}

/* ---- every other kind ---- */

/* Every row that people or nodes may write. What only its own reader could tell from nonsense
 * is drawn as nonsense, so on purpose wrong. */
static bool may_draw(const struct p2p_kind *kind, bool wrong)
{
    bool plain = true;
    for (size_t i = 0; i < kind->field_count; i++) {
        plain = plain && kind->fields[i].type != P2P_FIELD_ANY;
    }
    return !is_ban(kind) && (kind->authors & (P2P_BY_NODE | P2P_BY_ISSUER)) != 0 &&
           kind->body != P2P_BODY_NONE && (plain || wrong);
}

static const struct p2p_kind *draw_other(struct sim_chance *chance, bool wrong)
{
    size_t count;
    size_t fit = 0;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    for (size_t i = 0; i < count; i++) {
        fit += may_draw(kinds[i], wrong);
    }
    uint64_t drawn = sim_chance_below(chance, fit);
    for (size_t i = 0;; i++) {
        p2p_assert(i < count);
        if (may_draw(kinds[i], wrong) && drawn-- == 0) {
            return kinds[i];
        }
    }
}

static enum sim_wrong wrong_other(const struct p2p_kind *kind, struct sim_chance *chance)
{
    static const enum sim_wrong ways[] = {SIM_WRONG_CONTENT, SIM_WRONG_NOT_CANONICAL,
                                          SIM_WRONG_TOO_LARGE};
    for (size_t i = 0; i < kind->field_count; i++) {
        if (kind->fields[i].type == P2P_FIELD_ANY) {
            return SIM_WRONG_CONTENT; /* nonsense where its reader wants sense */
        }
    }
    return ways[sim_chance_below(chance, sizeof(ways) / sizeof(ways[0]))];
}

/* ---- the charter ---- */

static enum sim_change draw_change(struct sim_chance *chance)
{
    static const uint32_t weights[] = {
#define CHANGE_WEIGHT(name, word, weight) [SIM_CHANGE_##name] = (weight),
        SIM_CHANGE_MAP(CHANGE_WEIGHT)
#undef CHANGE_WEIGHT
    };
    uint32_t sum = 0;
    for (size_t i = 0; i < SIM_CHANGE_COUNT; i++) {
        sum += weights[i];
    }
    uint64_t drawn = sim_chance_below(chance, sum);
    size_t i = 0;
    while (drawn >= weights[i]) {
        drawn -= weights[i++];
    }
    return (enum sim_change)i;
}

static enum sim_wrong wrong_charter(struct sim_chance *chance)
{
    static const enum sim_wrong ways[] = {SIM_WRONG_FEW_ROOTS, SIM_WRONG_ROOT_TWICE,
                                          SIM_WRONG_WRONG_INDEX, SIM_WRONG_WRONG_TERM};
    return ways[sim_chance_below(chance, sizeof(ways) / sizeof(ways[0]))];
}

/* ---- custody ---- */

static enum sim_wrong wrong_custody(const struct sim_workload_options *options,
                                    struct sim_chance *chance)
{
    static const enum sim_wrong ways[] = {
        SIM_WRONG_NO_GRANT,      SIM_WRONG_FOREIGN_ISSUER, SIM_WRONG_UNKNOWN_ISSUER,
        SIM_WRONG_REPEATED_SEQ,  SIM_WRONG_OLD_SEQ,        SIM_WRONG_PAST_CUT,
        SIM_WRONG_NO_CITE,       SIM_WRONG_MISSING_CITE,   SIM_WRONG_CITE_KIND,
        SIM_WRONG_NOT_HOLDER,    SIM_WRONG_EPOCH,          SIM_WRONG_NO_RESTS,
        SIM_WRONG_FEW_WITNESSES, SIM_WRONG_TWICE,          SIM_WRONG_DRIVER,
        SIM_WRONG_TRUCK};
    if (options->passing_on && sim_chance_permille(chance, 200)) {
        return SIM_WRONG_FEW_WITNESSES;
    }
    return ways[sim_chance_below(chance, sizeof(ways) / sizeof(ways[0]))];
}

/* ---- all ---- */

bool sim_order_goes_outside(const struct sim_order *order)
{
    switch (order->wrong) {
    case SIM_WRONG_FOREIGN_ISSUER:
    case SIM_WRONG_UNKNOWN_ISSUER:
    case SIM_WRONG_BAD_SIGNATURE:
    case SIM_WRONG_REPEATED_SEQ:
    case SIM_WRONG_OLD_SEQ:
    case SIM_WRONG_COMMITMENT:
    case SIM_WRONG_NOT_CANONICAL:
        return true;
    default:
        return order->outside;
    }
}

static enum sim_order_type draw_type(const struct sim_workload_options *options,
                                     struct sim_chance *chance)
{
    uint64_t sum = (uint64_t)options->decisions + options->bans + options->other +
                   options->charter + options->custody;
    uint64_t drawn = sim_chance_below(chance, sum);
    if (drawn < options->decisions) {
        return SIM_ORDER_DECISION;
    }
    drawn -= options->decisions;
    if (drawn < options->bans) {
        return SIM_ORDER_BAN;
    }
    drawn -= options->bans;
    if (drawn < options->other) {
        return SIM_ORDER_OTHER;
    }
    return drawn - options->other < options->charter ? SIM_ORDER_CHARTER : SIM_ORDER_CUSTODY;
}

static enum p2p_level draw_level(struct sim_chance *chance)
{
    uint64_t drawn = sim_chance_below(chance, 1000);
    if (drawn < MIRRORED_PERMILLE) {
        return P2P_LEVEL_MIRRORED;
    }
    return drawn < MIRRORED_PERMILLE + WITNESSED_PERMILLE ? P2P_LEVEL_WITNESSED
                                                          : P2P_LEVEL_LOCAL;
}

void sim_order_draw(struct sim_order *order, const struct sim_workload_options *options,
                    struct sim_chance *chance)
{
    bool wrong = sim_chance_permille(chance, options->wrong);
    *order = (struct sim_order){.type = draw_type(options, chance),
                                .wrong = SIM_WRONG_NONE,
                                .level = draw_level(chance)};
    switch (order->type) {
    case SIM_ORDER_DECISION:
        order->wrong = wrong ? SIM_WRONG_IDENTIFIER : SIM_WRONG_NONE;
        break;
    case SIM_ORDER_BAN:
        order->kind = draw_ban(chance);
        order->outside = sim_chance_permille(chance, OUTSIDE_PERMILLE);
        order->wrong = wrong ? wrong_ban(order->kind, chance) : SIM_WRONG_NONE;
        break;
    case SIM_ORDER_OTHER:
        order->kind = draw_other(chance, wrong);
        order->wrong = wrong ? wrong_other(order->kind, chance) : SIM_WRONG_NONE;
        break;
    case SIM_ORDER_CHARTER:
        order->change = draw_change(chance);
        order->wrong = wrong ? wrong_charter(chance) : SIM_WRONG_NONE;
        if (sim_chance_permille(chance, options->rivals)) {
            order->wrong = SIM_WRONG_RIVAL;
        }
        break;
    case SIM_ORDER_CUSTODY:
        order->outside = sim_chance_permille(chance, OUTSIDE_PERMILLE);
        order->wrong = wrong ? wrong_custody(options, chance) : SIM_WRONG_NONE;
        break;
    }
}
