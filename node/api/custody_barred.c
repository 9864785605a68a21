/* Feeds of which witnesses cosign nothing more, since a container was let go there that the
 * charter had given to another, or whose other open it keeps (custody.h). */
#include "doctor.h"

#include <p2p/custody.h>

#include <stdio.h>

static bool moves_tokens(const struct p2p_charter *charter)
{
    size_t reassigned = 0;
    size_t settled = 0;
    p2p_charter_all_reassigns(charter, &reassigned);
    p2p_charter_settled_opens(charter, &settled);
    return reassigned + settled > 0;
}

/* What was let go, by which version of the charter it was not theirs, and from where on. */
static void say_what(struct p2p_node *node, uint32_t feed, const struct p2p_barred *barred,
                     char text[P2P_MESSAGE_BYTES])
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_slice name = p2p_feed_name(ledger, feed);
    struct p2p_slice container = p2p_slice_text("a container");
    struct p2p_entry entry;
    struct p2p_custody custody;
    if (p2p_ledger_entry(ledger, &barred->token, &entry) == P2P_OK &&
        p2p_custody_get(node->kv, entry.record.circle, &barred->token, &custody) == P2P_OK &&
        custody.container.len > 0) {
        container = custody.container;
    }
    snprintf(text, P2P_MESSAGE_BYTES,
             "%.*s from record %llu on, where %.*s was let go although version %llu of the "
             "charter %s",
             (int)name.len, (const char *)name.data, (unsigned long long)barred->from,
             (int)container.len, (const char *)container.data,
             (unsigned long long)barred->entry + 1,
             barred->is_settled ? "keeps another open of it" : "gives it to another");
}

bool p2p_barred_text(struct p2p_node *node, char text[P2P_MESSAGE_BYTES])
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    uint32_t own = p2p_engine_own_feed(node->engine);
    char what[P2P_MESSAGE_BYTES];
    struct p2p_bars bars;
    if (!moves_tokens(ledger->charter) || own == 0 ||
        p2p_custody_bars(ledger, own, &bars) != P2P_OK || !bars.is_lost) {
        return false;
    }
    say_what(node, own, &bars.first, what);
    snprintf(text, P2P_MESSAGE_BYTES,
             "too few witnesses cosign %s: nothing passes on from here; doctor says what to do",
             what);
    return true;
}

/* Of the own feed, which is to be mended here; then of those that this node bars. */
void p2p_doctor_barred(struct p2p_visit *visit)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(visit->node->engine);
    uint32_t own = p2p_engine_own_feed(visit->node->engine);
    size_t named = 0;
    char what[P2P_MESSAGE_BYTES];
    struct p2p_bars bars;
    if (!moves_tokens(ledger->charter) || own == 0) {
        return;
    }
    if (p2p_custody_bars(ledger, own, &bars) == P2P_OK && bars.barred > 0) {
        say_what(visit->node, own, &bars.first, what);
        p2p_doctor_note(visit, "cosigned", false,
                        bars.is_lost ? "run port2port key generation and have the roots grant "
                                       "that: what this port holds goes on from there"
                                     : "a quorum is left, for now; have the roots grant the "
                                       "next generation before one more says so",
                        "%u of %u witnesses cosign nothing of %s", bars.barred, bars.witnesses,
                        what);
    }
    for (uint32_t i = 1; i < ledger->feed_count && named < P2P_DOCTOR_NAMED_MAX; i++) {
        struct p2p_barred barred;
        const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, i);
        if (i == own || info == NULL || info->closed != 0 ||
            !p2p_engine_bars(visit->node->engine, i) ||
            p2p_custody_barred(ledger, own, i, &barred) != P2P_OK ||
            barred.from == UINT64_MAX) {
            continue;
        }
        named++;
        say_what(visit->node, i, &barred, what);
        p2p_doctor_note(
            visit, "cosigns", false,
            "its owner has to run port2port key generation and have the roots grant "
            "that",
            "this node cosigns nothing of %s", what);
    }
}
