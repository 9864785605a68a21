/* The claims of a `seen` that is held, compared with their rows: most of what a pass of the
 * scrubber does. Honest members' claims are true, and say so for ever, as long as no feed is
 * cut; to see it again takes a root of the feed for each. A pass does that for some of them,
 * and reads of the others whether their rows say what the record says. */
#include "known_claim.h"
#include "views.h"

/* Whether the claim's own row stands there as the claim says and the row below it has it, with
 * a state that one look at the feed's size agrees with. claim->highest and claim->state are set
 * if so. A row that cannot be read does not stand. */
static bool stands(const struct p2p_ledger *ledger, uint32_t by, uint64_t index, uint32_t of,
                   struct p2p_claim *claim)
{
    struct p2p_claim held;
    struct p2p_claim before = {.size = 0};
    struct p2p_slice found;
    struct p2p_slice value;
    uint64_t at = 0;
    if (p2p_claim_below(ledger->kv, by, of, index, &held, &at) != P2P_OK || at != index) {
        return false;
    }
    enum p2p_err err = p2p_kv_next(ledger->kv, P2P_TABLE_SEEN, &found, &value);
    if (err == P2P_OK) {
        err = p2p_claim_read(found, value, by, of, &before);
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return false;
    }
    claim->highest = before.size > before.highest ? before.size : before.highest;
    claim->state = P2P_CLAIM_TRUE;
    return p2p_claim_is_of_held(ledger, of, claim) && held.state == P2P_CLAIM_TRUE &&
           held.size == claim->size && held.highest == claim->highest &&
           p2p_hash_equal(&held.root, &claim->root);
}

static enum p2p_err compare_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                                  uint32_t of, struct p2p_claim *claim)
{
    return stands(ledger, by, index, of, claim) ? P2P_OK
                                                : p2p_claim_apply(ledger, by, index, of, claim);
}

enum p2p_err p2p_known_compare(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                               struct p2p_slice content, bool deep)
{
    return p2p_claim_each(ledger, by, index, content, deep ? p2p_claim_apply : compare_claim);
}
