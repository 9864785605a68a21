/* Records as a port writes them: of ten six decisions of gates, two bans, a lift of an earlier
 * one, and a note. */
#include "loader.h"

#include <p2p/ban.h>
#include <p2p/gate.h>

#include <string.h>

enum { NOTE_TEXT_BYTES = 100, LIFT_BYTES = 64 };

struct mix {
    struct bench_batch *batch;
    struct p2p_append ban; /* what every ban is like */
    uint32_t own_circle;   /* of decisions */
    uint64_t made;
    struct p2p_record_id
        lifts; /* the ban that the next lift lifts; feed 0: there is none yet */
};

struct p2p_slice bench_pack_decision(uint8_t out[BENCH_DECISION_BYTES],
                                     const struct p2p_subject *ship, uint64_t now_ms)
{
    static struct p2p_gate_place place; /* large, and all zeros but its locode */
    static struct p2p_gate_answer answer;
    struct p2p_pack pack;
    const struct p2p_gate_check check = {.gate = "main",
                                         .purpose = "call",
                                         .subjects = {*ship},
                                         .subject_count = 1,
                                         .own_ms = now_ms,
                                         .quorum_ms = now_ms};
    answer.answer = P2P_ANSWER_ALLOW;
    p2p_pack_init(&pack, out, BENCH_DECISION_BYTES);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "decisions");
    p2p_pack_array(&pack, 1);
    p2p_gate_pack(&pack, &place, &check, &answer, NULL);
    return p2p_pack_slice(&pack);
}

static bool add_decision(struct mix *mix, size_t i, uint64_t now_ms)
{
    char text[16];
    struct p2p_subject ship;
    uint8_t *bytes = p2p_arena_take(&mix->batch->arena, BENCH_DECISION_BYTES);
    bench_subject(text, mix->made);
    if (bytes == NULL || p2p_subject_parse(&ship, p2p_slice_text(text)) != P2P_OK) {
        return false;
    }
    mix->batch->records[i] =
        (struct p2p_append){.kind = P2P_KIND_DECISIONS,
                            .circle = mix->own_circle,
                            .payload = bench_pack_decision(bytes, &ship, now_ms)};
    return true;
}

static bool add_lift(struct mix *mix, size_t i)
{
    struct p2p_pack pack;
    uint8_t *bytes = p2p_arena_take(&mix->batch->arena, LIFT_BYTES);
    struct p2p_record_id *ban = p2p_arena_take(&mix->batch->arena, sizeof(*ban));
    if (bytes == NULL || ban == NULL) {
        return false;
    }
    *ban = mix->lifts;
    mix->lifts.index += 10;
    p2p_pack_init(&pack, bytes, LIFT_BYTES);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "reason");
    p2p_pack_text(&pack, "inspected");
    mix->batch->records[i] = mix->ban;
    mix->batch->records[i].kind = P2P_KIND_BAN_LIFT;
    mix->batch->records[i].cites = ban;
    mix->batch->records[i].cite_count = 1;
    mix->batch->records[i].payload = p2p_pack_slice(&pack);
    return true;
}

/* Of each ten the first and the second are bans, and the third lifts the first of ten of the
 * batch before. */
static bool add_record(struct mix *mix, size_t i, uint64_t now_ms)
{
    bool lifts = i % 10 == 2 && mix->lifts.feed != 0;
    bool good = lifts         ? add_lift(mix, i)
                : i % 10 < 3  ? bench_pack_ban(mix->batch, i, mix->made, &mix->ban)
                : i % 10 == 3 ? bench_pack_note(mix->batch, i, mix->made, NOTE_TEXT_BYTES)
                              : add_decision(mix, i, now_ms);
    mix->made++;
    return good;
}

bool bench_append_mix(struct bench_batch *batch, struct p2p_node *node, size_t count,
                      double *seconds)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_circle *own =
        p2p_charter_circle_named(charter, p2p_slice_text(node->config.member));
    struct mix mix = {.batch = batch};
    if (own == NULL || !bench_ban_like(node, &mix.ban)) {
        return false;
    }
    mix.own_circle = own->number;
    double begin = bench_now_s();
    while (mix.made < count) {
        size_t n = count - mix.made < BENCH_BATCH ? (size_t)(count - mix.made) : BENCH_BATCH;
        for (size_t i = 0; i < n; i++) {
            if (!add_record(&mix, i, node->now.wall_ms)) {
                return bench_fail("a record could not be packed");
            }
        }
        if (!bench_batch_append(batch, node, n)) {
            return false;
        }
        mix.lifts = batch->job.result.first;
    }
    *seconds = bench_now_s() - begin;
    return true;
}
