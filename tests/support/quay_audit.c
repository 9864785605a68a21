#include "quay.h"

#include "check.h"

#include <p2p/collect.h>
#include <p2p/decision.h>
#include <p2p/kind.h>

/* What the audit says a release was about is what its `use` names: token, right, approval. */
static void check_about(struct p2p_ledger *ledger, uint32_t feed,
                        const struct p2p_decision *decision,
                        const struct p2p_decided_collect *about)
{
    const struct p2p_record_id use = {feed, decision->use};
    const struct p2p_record_id *names[] = {&about->token, &about->right, &about->seconded};
    struct p2p_cites walk;
    struct p2p_record_id cite;
    struct p2p_entry entry;
    size_t count = 0;
    if (decision->answer != P2P_ANSWER_ALLOW || !decision->released || decision->repeated) {
        return;
    }
    CHECK_OK(p2p_ledger_entry(ledger, &use, &entry));
    p2p_cites_begin(&walk, &entry.record);
    while (p2p_cites_next(&walk, &cite)) {
        CHECK(count < 3 && p2p_record_id_compare(&cite, names[count]) == 0);
        count++;
    }
    CHECK(count == 2u + (about->seconded.feed != 0));
    CHECK(about->circle == entry.record.circle);
}

static void audit_one(struct p2p_past *past, struct p2p_ledger *ledger, const struct p2p_kv *kv,
                      const struct p2p_record_id *id, struct p2p_slice packed)
{
    static uint64_t sizes[NETWORK_NODES_MAX + 2];
    struct p2p_horizon horizon = {.sizes = sizes, .count = ledger->feed_count};
    struct p2p_decision decision;
    struct p2p_decided_again again;
    const struct p2p_decision_place place = {.feed = id->feed, .index = id->index};
    CHECK_OK(p2p_decision_parse(&decision, packed));
    CHECK_OK(p2p_decision_known(&decision, kv, id->feed, id->index, &horizon));
    CHECK_OK(p2p_decision_again(past, &horizon, &place, &decision, &again));
    if (again.decided > P2P_DECIDED_CLAIMED) {
        print_message("%s: said %s, should be %s\n", p2p_decided_word(again.decided),
                      p2p_answer_word(decision.answer), p2p_answer_word(again.should.answer));
        for (size_t i = 0; i < again.should.reason_count; i++) {
            print_message("  should: %s\n", p2p_gate_code_word(again.should.reasons[i].code));
        }
    }
    CHECK(again.decided <= P2P_DECIDED_CLAIMED);
    check_about(ledger, id->feed, &decision, &again.collect);
}

unsigned quay_audit(uint32_t node)
{
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[node].engine);
    const struct p2p_feed *own = p2p_ledger_feed(ledger, network_feed(&net, node));
    struct p2p_past *past = NULL;
    struct p2p_arena arena;
    unsigned count = 0;
    p2p_arena_init(&arena, p2p_alloc_default(), 1u << 26);
    p2p_ledger_begin(ledger, kv, &arena);
    CHECK_OK(p2p_past_new(&past, p2p_alloc_default(), ledger, kv));
    for (uint64_t i = 0; i < own->edge.size; i++) {
        const struct p2p_record_id id = {own->number, i};
        struct p2p_entry entry;
        struct p2p_decisions_walk walk;
        struct p2p_slice packed;
        CHECK_OK(p2p_ledger_entry(ledger, &id, &entry));
        if (entry.record.kind != P2P_KIND_DECISIONS) {
            continue;
        }
        p2p_decisions_begin(&walk, entry.payload);
        while (p2p_decisions_next(&walk, &packed) == P2P_OK) {
            audit_one(past, ledger, kv, &id, packed);
            count++;
        }
    }
    p2p_past_free(past);
    p2p_arena_deinit(&arena);
    memory_kv_abort(net.nodes[node].kv);
    return count;
}
