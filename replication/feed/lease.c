#include <p2p/assert.h>
#include <p2p/lease.h>
#include <p2p/planted.h>

const char *p2p_custody_ready_word(enum p2p_custody_ready ready)
{
    static const char *const words[] = {
#define CUSTODY_READY_WORD(name, word) [P2P_CUSTODY_##name] = word,
        P2P_CUSTODY_READY_MAP(CUSTODY_READY_WORD)
#undef CUSTODY_READY_WORD
    };
    return words[ready];
}

void p2p_lease_void(struct p2p_lease *lease, uint32_t feed)
{
    *lease = (struct p2p_lease){.feed = feed};
}

static bool asks_nobody(const struct p2p_feed_info *info)
{
    return info->witness_count == 0 && info->former_count == 0;
}

static uint64_t lease_ms(const struct p2p_charter *charter)
{
    return p2p_charter_policy(charter)->lease_s * 1000ull;
}

static uint64_t every_ms(const struct p2p_charter *charter)
{
    uint64_t tenth_ms = lease_ms(charter) / 10;
    return tenth_ms < P2P_LEASE_EVERY_MS_MAX ? tenth_ms : P2P_LEASE_EVERY_MS_MAX;
}

uint64_t p2p_lease_next_ms(const struct p2p_lease *lease, const struct p2p_charter *charter)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, lease->feed);
    if (lease->feed == 0 || info == NULL || asks_nobody(info)) {
        return UINT64_MAX;
    }
    if (lease->round == 0) {
        return 0;
    }
    uint64_t wait_ms = every_ms(charter);
    if (!lease->answered || !lease->complete) {
        unsigned doubled = lease->tries < 16 ? lease->tries : 16;
        uint64_t retry_ms = (uint64_t)P2P_LEASE_RETRY_MS << (doubled > 0 ? doubled - 1 : 0);
        wait_ms = retry_ms < wait_ms ? retry_ms : wait_ms;
    }
    return lease->asked_ms + wait_ms;
}

void p2p_lease_ask(struct p2p_lease *lease, const struct p2p_hash *nonce, uint64_t mono_ms)
{
    lease->tries = lease->answered && lease->complete ? 1 : lease->tries + 1;
    lease->round++;
    lease->nonce = *nonce;
    lease->asked_ms = mono_ms;
    lease->answered = false;
    for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
        lease->witnesses[i].in_round = false;
    }
}

/* The row of a witness, or one that may be taken: free, or of who does not count any more. */
static struct p2p_lease_witness *row_of(struct p2p_lease *lease,
                                        const struct p2p_feed_info *info, uint32_t witness)
{
    struct p2p_lease_witness *room = NULL;
    for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
        struct p2p_lease_witness *row = &lease->witnesses[i];
        if (row->witness == witness) {
            return row;
        }
        if (row->witness == 0 || !p2p_feed_cosigner(info, row->witness)) {
            room = row;
        }
    }
    p2p_assert(room != NULL); /* as many as can count at one time */
    *room = (struct p2p_lease_witness){.witness = witness};
    return room;
}

bool p2p_lease_take(struct p2p_lease *lease, const struct p2p_charter *charter,
                    uint32_t witness, const struct p2p_hash *nonce, uint64_t charter_size,
                    bool no_more)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, lease->feed);
    if (info == NULL || witness == 0 || !p2p_feed_cosigner(info, witness) ||
        lease->round == 0 || !p2p_hash_equal(nonce, &lease->nonce)) {
        return false;
    }
    struct p2p_lease_witness *row = row_of(lease, info, witness);
    row->in_round = true;
    row->no_more = row->no_more || no_more;
    row->charter = charter_size;
    p2p_lease_follow(lease, charter);
    return true;
}

/* Enough of the present witnesses have named no more of the feed than is held. */
static bool is_complete(const struct p2p_lease *lease, const struct p2p_feed_info *info,
                        uint64_t charter_size)
{
    uint32_t n = info->witness_count;
    uint32_t needed = p2p_witness_answers(n);
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (unsigned r = 0; r < P2P_COSIGNERS_MAX; r++) {
            const struct p2p_lease_witness *row = &lease->witnesses[r];
            found += row->witness == info->witnesses[i] && row->no_more &&
                     row->charter <= charter_size;
        }
    }
    return found >= needed;
}

void p2p_lease_follow(struct p2p_lease *lease, const struct p2p_charter *charter)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, lease->feed);
    uint64_t size = p2p_charter_size(charter);
    uint32_t answered[P2P_COSIGNERS_MAX];
    size_t count = 0;
    if (info == NULL || lease->round == 0) {
        return;
    }
    lease->complete = lease->complete || is_complete(lease, info, size);
    for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
        const struct p2p_lease_witness *row = &lease->witnesses[i];
        if (row->in_round && row->charter <= size) {
            answered[count++] = row->witness;
        }
    }
    if (p2p_charter_quorum_between(charter, lease->feed, answered, count, size, size)) {
        lease->answered = true;
        lease->held = true;
        lease->from_ms = lease->asked_ms;
    }
}

enum p2p_custody_ready p2p_lease_ready(const struct p2p_lease *lease,
                                       const struct p2p_charter *charter, uint64_t mono_ms,
                                       uint64_t *left_ms)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, lease->feed);
    uint64_t whole_ms = lease_ms(charter);
    uint64_t gone_ms = 0;
    uint64_t unasked;
    left_ms = left_ms == NULL ? &unasked : left_ms;
    *left_ms = 0;
    if (lease->feed == 0 || info == NULL) {
        return P2P_CUSTODY_WAITING;
    }
    if (!asks_nobody(info) && !P2P_PLANT(LEASE_IGNORED)) {
        if (!lease->complete || !lease->held) {
            return P2P_CUSTODY_WAITING;
        }
        gone_ms = mono_ms - lease->from_ms;
        if (mono_ms < lease->from_ms || gone_ms >= whole_ms) {
            return P2P_CUSTODY_LEASE_OVER;
        }
    }
    *left_ms = whole_ms - gone_ms;
    return P2P_CUSTODY_READY;
}
