/* Payloads of a circle that a member joins later: asked for, opened, folded as if they came
 * now; until all are here its gate lets nobody through. */
#include "check.h"

#include "network_fixture.h"
#include "network_twin.h"

#define SHIP   "imo:9179842"
#define OTHER  "imo:9074729"
#define THIRD  "imo:9176187"
#define CIRCLE "police" /* of nodes 1 and 2 at first */

/* The circle as a node knows it; all zero when it is not in it. */
static struct p2p_circle_state circle_at(uint32_t node, const char *name)
{
    struct p2p_circle_state states[16];
    size_t count = p2p_engine_circles(net.nodes[node].engine, states, 16);
    uint32_t number = network_circle_number(&net, node, name);
    CHECK(count <= 16);
    for (size_t i = 0; i < count; i++) {
        if (states[i].circle == number) {
            return states[i];
        }
    }
    return (struct p2p_circle_state){0};
}

/* An entry by which node 3 joins the circle. */
static size_t join_entry(void)
{
    static struct world_draft draft;
    world_draft(&draft);
    network_circle(&draft, CIRCLE, 1, 3, 1);
    return network_entry(&net, &draft);
}

static size_t leave_entry(uint32_t epoch)
{
    static const char *const members[] = {"m1", "m2"};
    static const char *const leaves[] = {"m3"};
    static struct world_draft draft;
    world_draft(&draft);
    world_circle(&draft, CIRCLE, epoch, epoch, members, 2, leaves, 1);
    return network_entry(&net, &draft);
}

/* Nothing that others send reaches node 3. */
static void hold(bool held)
{
    net.pipes[1][3].held = held;
    net.pipes[2][3].held = held;
}

static void lose_payload(uint32_t node, const struct p2p_record_id *id)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    CHECK_OK(p2p_kv_del(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, id)));
    CHECK_OK(memory_kv_commit(net.nodes[node].kv));
}

static uint64_t traced(uint32_t node, enum p2p_trace_type type)
{
    return p2p_engine_traced(net.nodes[node].engine, type);
}

static uint64_t refused(uint32_t node, enum p2p_err err)
{
    return p2p_engine_refused(net.nodes[node].engine, err);
}

/* Bans stand in a circle before a member joins it: its gate enforces them once it has their
 * payloads, and until then lets nobody through whom it would else. */
static void test_joins_later(void **state)
{
    (void)state;
    network_start(3, 3, 1);
    network_ban(&net, 1, CIRCLE, SHIP);
    struct p2p_record_id lifted = network_ban(&net, 1, CIRCLE, OTHER);
    network_ban(&net, 2, CIRCLE, THIRD);
    network_lift(&net, 1, CIRCLE, &lifted);
    network_advance(&net, 3000);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_ALLOW); /* none of its business */
    CHECK(circle_at(3, CIRCLE).circle == 0);
    size_t entry = join_entry();
    hold(true);
    network_give(&net, 3, entry);
    struct p2p_circle_state joined = circle_at(3, CIRCLE);
    CHECK(!joined.complete && !joined.unscanned && joined.missing == 4 && joined.lost == 0);
    CHECK(!p2p_engine_complete(net.nodes[3].engine));
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFER);
    CHECK(network_check(&net, 3, OTHER) == P2P_ANSWER_REFER);
    hold(false);
    network_advance(&net, 1000);
    joined = circle_at(3, CIRCLE);
    CHECK(joined.complete && joined.missing == 0);
    CHECK(p2p_engine_complete(net.nodes[3].engine));
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 3, THIRD) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 3, OTHER) == P2P_ANSWER_ALLOW);
    network_advance(&net, 1000);
    network_agree(&net);
    CHECK(traced(3, P2P_TRACE_PAYLOADS) > 0 && traced(3, P2P_TRACE_WITHHELD) == 0);
    CHECK(refused(1, P2P_REFUSED) == 0 && refused(2, P2P_REFUSED) == 0);
}

/* Who can give it learned of the joining after its own hello, before it had the asker's: it
 * says so, or it would not be asked. */
static void test_charter_between_hellos(void **state)
{
    (void)state;
    network_start(3, 3, 14);
    network_ban(&net, 2, CIRCLE, SHIP);
    network_advance(&net, 3000);
    for (uint32_t i = 1; i < 3; i++) {
        network_cut(&net, i, 3);
    }
    network_cut(&net, 1, 2);
    size_t entry = join_entry();
    network_give(&net, 3, entry);
    CHECK(circle_at(3, CIRCLE).missing == 1);
    network_connect(&net, 2, 3);
    net.pipes[3][2].held = true;
    network_run(&net);
    network_give(&net, 2, entry);
    net.pipes[3][2].held = false;
    network_advance(&net, 1000);
    CHECK(circle_at(3, CIRCLE).complete);
}

/* The reason names the circle that is not complete. */
static void test_reason_names_the_circle(void **state)
{
    (void)state;
    static struct p2p_job job;
    network_start(3, 3, 2);
    network_ban(&net, 1, CIRCLE, SHIP);
    network_advance(&net, 3000);
    hold(true);
    network_give(&net, 3, join_entry());
    network_check_job(&job, THIRD);
    CHECK_OK(network_jobs(&net, 3, &job, 1));
    CHECK(job.result.answer.answer == P2P_ANSWER_REFER);
    CHECK(job.result.answer.reason_count == 1);
    CHECK(job.result.answer.reasons[0].code == P2P_GATE_INCOMPLETE);
    CHECK(job.result.answer.reasons[0].circle == network_circle_number(&net, 3, CIRCLE));
    hold(false);
}

/* One peer has lost what it should give: it says so, which is counted, and another gives it. */
static void test_withheld_by_one(void **state)
{
    uint64_t withheld = 0;
    (void)state;
    for (uint32_t loser = 1; loser <= 2; loser++) {
        network_start(3, 3, 3);
        struct p2p_record_id ban = network_ban(&net, 1, CIRCLE, SHIP);
        network_advance(&net, 3000);
        lose_payload(loser, &ban);
        network_give(&net, 3, join_entry());
        network_advance(&net, 1000);
        CHECK(circle_at(3, CIRCLE).complete);
        CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
        withheld += traced(3, P2P_TRACE_WITHHELD);
        if (loser == 1) {
            network_stop(NULL);
        }
    }
    CHECK(withheld == 1); /* whoever is asked first was one of the two */
}

/* A peer does not answer at all: after its time another is asked. */
static void test_silent_peer(void **state)
{
    (void)state;
    network_start(3, 3, 4);
    network_ban(&net, 1, CIRCLE, SHIP);
    network_advance(&net, 3000);
    size_t entry = join_entry();
    network_give(&net, 3, entry);
    network_give(&net, 1, entry);
    network_give(&net, 2, entry);
    for (unsigned i = 0; i < 40 && !circle_at(3, CIRCLE).complete; i++) {
        network_drop(&net, 3, 1, P2P_FRAME_ASK_PAYLOADS);
        network_advance(&net, 250);
        network_drop(&net, 3, 1, P2P_FRAME_ASK_PAYLOADS);
    }
    CHECK(circle_at(3, CIRCLE).complete);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
}

/* Nobody has it: the gate stays as it is, says so, goes on asking, and gets it from who comes.
 */
static void test_nobody_has_it(void **state)
{
    (void)state;
    network_start(3, 3, 5);
    network_ban(&net, 2, "all", OTHER);
    struct p2p_record_id ban = network_ban(&net, 1, CIRCLE, SHIP);
    network_advance(&net, 3000);
    lose_payload(1, &ban);
    network_cut(&net, 2, 3);
    network_give(&net, 3, join_entry());
    network_advance(&net, 100000);
    CHECK(traced(3, P2P_TRACE_WITHHELD) >= 3 && traced(3, P2P_TRACE_WITHHELD) <= 5);
    struct p2p_peer_state peers[P2P_PEERS_MAX];
    CHECK(p2p_engine_peers(net.nodes[3].engine, peers, P2P_PEERS_MAX) == 1);
    CHECK(peers[0].member == 1 && peers[0].withheld == traced(3, P2P_TRACE_WITHHELD));
    CHECK(circle_at(3, CIRCLE).missing == 1 && !circle_at(3, CIRCLE).complete);
    CHECK(network_check(&net, 3, THIRD) == P2P_ANSWER_REFER);
    CHECK(network_check(&net, 3, OTHER) == P2P_ANSWER_REFUSE);
    network_connect(&net, 2, 3);
    network_advance(&net, 1000);
    CHECK(circle_at(3, CIRCLE).complete);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 3, THIRD) == P2P_ANSWER_ALLOW);
}

/* Another payload than the leaf commits to is not taken, from whomever it comes; the true one
 * is taken unasked as well. */
static void test_forged(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    uint8_t key[P2P_ID_KEY_BYTES];
    uint8_t salted[512];
    struct p2p_slice stored;
    struct p2p_writer out;
    network_start(3, 3, 6);
    struct p2p_record_id ban = network_ban(&net, 1, CIRCLE, SHIP);
    network_advance(&net, 3000);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    CHECK_OK(p2p_kv_get(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &ban), &stored));
    size_t len = stored.len;
    CHECK(len <= sizeof(salted));
    memcpy(salted, stored.data, len);
    memory_kv_abort(net.nodes[1].kv);
    hold(true);
    network_give(&net, 3, join_entry());
    for (size_t at = 0; at <= len; at += 7) { /* the last one is the true one */
        bool forged = at + 7 <= len;
        salted[at < len ? at : 0] ^= forged ? 1 : 0;
        p2p_writer_init(&out, bytes, sizeof(bytes));
        size_t begin = p2p_payloads_begin_write(&out, ban.feed);
        p2p_payload_write(&out, ban.index, p2p_slice_of(salted, len));
        p2p_frame_end(&out, begin);
        salted[at < len ? at : 0] ^= forged ? 1 : 0;
        uint64_t before = refused(3, P2P_COMMITMENT);
        struct p2p_event event = {
            .type = P2P_EVENT_FRAME,
            .link = net.pipes[2][3].link,
            .frame = {P2P_FRAME_PAYLOADS, p2p_slice_of(bytes + P2P_FRAME_HEADER_BYTES,
                                                       out.len - P2P_FRAME_HEADER_BYTES)}};
        CHECK_OK(network_batch(&net, 3, &event, 1));
        CHECK(refused(3, P2P_COMMITMENT) == before + forged);
        CHECK(circle_at(3, CIRCLE).missing == forged);
    }
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
    hold(false);
    network_advance(&net, 1000);
    network_agree(&net);
}

/* Who is not in the circle asks: it gets nothing, and is counted. */
static void test_outsider_asks(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct p2p_writer out;
    network_start(3, 3, 7);
    struct p2p_record_id ban = network_ban(&net, 1, CIRCLE, SHIP);
    network_advance(&net, 3000);
    size_t held = memory_kv_count(net.nodes[3].kv, P2P_TABLE_PAYLOAD);
    const uint64_t indexes[] = {0, ban.index, ban.index + 100};
    const uint32_t feeds[] = {ban.feed, 0, 77};
    for (unsigned i = 0; i < 3; i++) {
        p2p_writer_init(&out, bytes, sizeof(bytes));
        p2p_ask_payloads_write(&out, feeds[i], indexes, 3);
        network_count_anew(&net);
        network_inject(&net, 3, 2, p2p_writer_slice(&out));
        network_run(&net);
        CHECK(refused(2, i == 0 ? P2P_REFUSED : P2P_UNKNOWN) == (i == 2 ? 2 : 1));
        /* An answer without a payload, or none at all. */
        CHECK(network_bytes(&net) == out.len + (i == 0 ? P2P_FRAME_HEADER_BYTES + 4 + 30 : 0));
    }
    CHECK(memory_kv_count(net.nodes[3].kv, P2P_TABLE_PAYLOAD) == held);
    CHECK(network_connected(&net, 2, 3));
}

/* More than one answer holds: the rest is asked for again, until all are here. */
static void test_many(void **state)
{
    (void)state;
    enum { BANS = 1500 };
    network_start(3, 3, 8);
    network_cut(&net, 2, 3);
    for (unsigned i = 0; i < BANS; i++) {
        network_ban(&net, 1, CIRCLE, i % 2 ? SHIP : OTHER);
    }
    network_advance(&net, 3000);
    network_give(&net, 3, join_entry());
    CHECK(circle_at(3, CIRCLE).missing == BANS);
    network_count_anew(&net);
    network_advance(&net, 3000);
    CHECK(circle_at(3, CIRCLE).complete);
    CHECK(traced(3, P2P_TRACE_PAYLOADS) >= 2); /* so many answers */
    network_connect_all(&net);
    network_advance(&net, 3000);
    network_agree(&net);
}

/* A restart midway goes on: while leaves are looked at, and while payloads are asked for. */
static void test_restart_midway(void **state)
{
    (void)state;
    network_start(3, 3, 9);
    network_ban(&net, 1, CIRCLE, SHIP);
    CHECK_OK(network_notes(&net, 1, 5000));
    network_ban(&net, 1, CIRCLE, OTHER);
    network_advance(&net, 3000);
    size_t entry = join_entry();
    hold(true);
    network_give(&net, 3, entry);
    CHECK(circle_at(3, CIRCLE).unscanned && circle_at(3, CIRCLE).missing == 1);
    network_restart(&net, 3);
    CHECK(circle_at(3, CIRCLE).unscanned && circle_at(3, CIRCLE).missing == 1);
    CHECK(network_check(&net, 3, THIRD) == P2P_ANSWER_REFER); /* and the walk goes on */
    CHECK(!circle_at(3, CIRCLE).unscanned && circle_at(3, CIRCLE).missing == 2);
    network_restart(&net, 3);
    CHECK(!circle_at(3, CIRCLE).unscanned && circle_at(3, CIRCLE).missing == 2);
    CHECK(network_check(&net, 3, THIRD) == P2P_ANSWER_REFER);
    hold(false);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(circle_at(3, CIRCLE).complete);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 3, OTHER) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 3, THIRD) == P2P_ANSWER_ALLOW);
    network_restart(&net, 3);
    CHECK(circle_at(3, CIRCLE).complete && circle_at(3, CIRCLE).missing == 0);
}

/* Who leaves a circle lacks nothing of it any more, keeps what it has, and may come back. */
static void test_leaves_and_comes_back(void **state)
{
    (void)state;
    network_start(3, 3, 10);
    network_ban(&net, 1, CIRCLE, SHIP);
    network_advance(&net, 3000);
    hold(true);
    network_give(&net, 3, join_entry());
    CHECK(circle_at(3, CIRCLE).missing == 1);
    size_t left = leave_entry(2);
    network_give(&net, 3, left);
    network_tick(&net, 3);
    CHECK(circle_at(3, CIRCLE).circle == 0);
    CHECK(p2p_engine_complete(net.nodes[3].engine));
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_ALLOW);
    hold(false);
    network_advance(&net, 3000);
    CHECK(traced(3, P2P_TRACE_PAYLOADS) == 0 && refused(1, P2P_REFUSED) == 0);
    network_ban(&net, 2, CIRCLE, OTHER); /* while it is away */
    network_advance(&net, 3000);
    static struct world_draft draft;
    static const char *const back[] = {"m3"};
    world_draft(&draft);
    world_circle(&draft, CIRCLE, 2, 1, back, 1, NULL, 0);
    network_give(&net, 3, network_entry(&net, &draft));
    CHECK(circle_at(3, CIRCLE).missing == 2);
    network_advance(&net, 3000);
    CHECK(circle_at(3, CIRCLE).complete);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 3, OTHER) == P2P_ANSWER_REFUSE);
    network_advance(&net, 3000);
    network_agree(&net);
}

/* A restored node takes its own feed back without what only it ever had: that is lost, which is
 * told and not asked for, and does not keep its gate shut for ever. */
static void test_lost(void **state)
{
    (void)state;
    network_start(3, 3, 11);
    struct network_moment backup = network_moment(&net, 1);
    network_ban(&net, 1, "all", SHIP);
    network_ban(&net, 1, "m1", OTHER);
    network_check(&net, 1, SHIP); /* a decision stands in its own circle as well */
    network_advance(&net, 3000);
    network_put_back(&net, 1, &backup);
    network_connect_all(&net);
    network_advance(&net, 3000);
    struct p2p_circle_state own = circle_at(1, "m1");
    CHECK(own.lost == 2 && own.missing == 0 && own.complete);
    CHECK(traced(1, P2P_TRACE_LOST) == 2);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 1, THIRD) == P2P_ANSWER_ALLOW);
    network_restart(&net, 1);
    CHECK(circle_at(1, "m1").lost == 2);
}

/* Node 1 bans the ship in the circle while node 2 is away, and has lost the payload when 2
 * comes back. The leaf is with 3 and 4, which are not in the circle, if they are to have it. */
static struct p2p_record_id ban_that_nobody_gives(uint64_t seed, bool witnessed,
                                                  uint8_t kept[4096], size_t *kept_len)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice value;
    network_start(4, 4, seed);
    network_advance(&net, 3000);
    for (uint32_t other = 1; other <= 4; other++) {
        if (other != 2) {
            network_cut(&net, 2, other);
        }
    }
    if (!witnessed) {
        network_cut(&net, 1, 3);
        network_cut(&net, 1, 4);
    }
    struct p2p_record_id id = network_ban(&net, 1, CIRCLE, SHIP);
    CHECK_OK(network_notes(&net, 1, 2));
    network_advance(&net, 3000);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    CHECK_OK(p2p_kv_get(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &id), &value));
    CHECK(value.len <= 4096);
    memcpy(kept, value.data, value.len);
    *kept_len = value.len;
    memory_kv_abort(net.nodes[1].kv);
    lose_payload(1, &id);
    network_connect(&net, 2, 1);
    network_connect(&net, 2, 3);
    network_connect(&net, 2, 4);
    return id;
}

/* A payload that nobody has any more holds up what stands behind it only for some seconds: the
 * leaves are taken, the gate refers, and nothing is cosigned before it is there. */
static void test_nobody_gives(void **state)
{
    (void)state;
    uint8_t kept[4096];
    uint8_t key[P2P_ID_KEY_BYTES];
    size_t len = 0;
    struct p2p_record_id id = ban_that_nobody_gives(21, true, kept, &len);
    network_advance(&net, 5000);
    CHECK(network_size(&net, 2, 1) <= id.index);
    network_advance(&net, 15000);
    CHECK(network_size(&net, 2, 1) == network_size(&net, 3, 1));
    CHECK(circle_at(2, CIRCLE).missing == 1 && !circle_at(2, CIRCLE).complete);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFER);
    CHECK(network_check(&net, 2, THIRD) == P2P_ANSWER_REFER);
    network_advance(&net, 3000);
    CHECK(network_same_frontier(&net, 2, 3));
    const struct p2p_witnessing *own = p2p_engine_witnessing(net.nodes[2].engine, 1);
    CHECK(own->cosigned_size <= id.index);
    network_restart(&net, 2);
    network_connect(&net, 2, 1);
    network_connect(&net, 2, 3);
    network_connect(&net, 2, 4);
    network_advance(&net, 3000);
    own = p2p_engine_witnessing(net.nodes[2].engine, 1);
    CHECK(circle_at(2, CIRCLE).missing == 1 && own->cosigned_size <= id.index);
    /* It turns up again. */
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &id), p2p_slice_of(kept, len)));
    CHECK_OK(memory_kv_commit(net.nodes[1].kv));
    network_advance(&net, 40000);
    CHECK(circle_at(2, CIRCLE).complete);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    network_advance(&net, 1000);
    CHECK(own->cosigned_size > id.index);
    network_agree(&net);
}

/* Witnesses that say it in `seen` alone, since a closed feed is cosigned by nobody: its end
 * would never come to who is in the circle. */
static void test_nobody_gives_of_a_closed_feed(void **state)
{
    (void)state;
    static const char *const witnesses[] = {"m2", "m3", "m4"};
    uint8_t kept[4096];
    size_t len = 0;
    struct world_draft draft;
    struct world_member spare;
    struct p2p_record_id id = ban_that_nobody_gives(23, false, kept, &len);
    world_draft(&draft);
    world_member(&spare, 20);
    const struct p2p_op_generation op = {.member = "m1",
                                         .feed_key = spare.feed.public_key,
                                         .witness_key = spare.witness.public_key,
                                         .witnesses = witnesses,
                                         .witness_count = 3};
    p2p_op_generation_pack(&draft.ops, &op);
    world_op(&draft);
    network_give(&net, 3, network_entry(&net, &draft));
    network_advance(&net, 3000);
    CHECK(network_size(&net, 2, 1) <= id.index);
    network_connect(&net, 1, 3);
    network_connect(&net, 1, 4);
    network_advance(&net,
                    150000); /* a `seen` may wait a minute, and who gives is asked again */
    CHECK(p2p_engine_witnessing(net.nodes[3].engine, 1)->cosigned_size <= id.index);
    CHECK(network_size(&net, 3, 1) > id.index);
    CHECK(network_size(&net, 2, 1) == network_size(&net, 3, 1));
    CHECK(circle_at(2, CIRCLE).missing == 1);
    CHECK(network_check(&net, 2, THIRD) == P2P_ANSWER_REFER);
}

/* That its author alone goes on is no reason: else it could shut the gates of a circle by
 * giving a payload to nobody. */
static void test_the_author_gives_to_nobody(void **state)
{
    (void)state;
    uint8_t kept[4096];
    size_t len = 0;
    struct p2p_record_id id = ban_that_nobody_gives(22, false, kept, &len);
    network_advance(&net, 60000);
    CHECK(network_size(&net, 2, 1) <= id.index);
    CHECK(network_check(&net, 2, THIRD) == P2P_ANSWER_ALLOW);
}

/* Forty records of node 1 in the circle, 50 kB each. */
static void append_large(void)
{
    static uint8_t bytes[50100];
    static uint8_t text[50000];
    struct p2p_pack pack;
    memset(text, 'x', sizeof(text));
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "decisions");
    p2p_pack_array(&pack, 1);
    p2p_pack_str(&pack, p2p_slice_of(text, sizeof(text)));
    for (unsigned i = 0; i < 40; i++) {
        const struct p2p_append record = {.kind = P2P_KIND_DECISIONS,
                                          .circle = network_circle_number(&net, 1, CIRCLE),
                                          .payload = p2p_pack_slice(&pack)};
        struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
        CHECK_OK(network_jobs(&net, 1, &job, 1));
        CHECK_OK(job.result.err);
    }
}

/* The heads that a node kept were near enough while it had the leaves alone, and are too far
 * from each other with the payloads: who asks it is told so, and gets the records elsewhere. */
static void test_heads_too_far_apart(void **state)
{
    (void)state;
    static struct world_draft draft;
    network_init(&net, &(struct network_options){.nodes = 4, .witnesses = 2, .seed = 12});
    for (uint32_t i = 1; i <= 3; i++) {
        for (uint32_t j = i + 1; j <= 3; j++) {
            network_connect(&net, i, j);
        }
    }
    network_run(&net);
    append_large();
    network_advance(&net, 3000);
    world_draft(&draft);
    network_circle(&draft, CIRCLE, 1, 4, 1);
    size_t entry = network_entry(&net, &draft);
    network_give(&net, 3, entry);
    network_give(&net, 4, entry);
    network_advance(&net, 5000);
    CHECK(circle_at(3, CIRCLE).complete);
    network_cut(&net, 1, 3);
    network_cut(&net, 2, 3);
    network_connect(&net, 3, 4);
    network_advance(&net, 20000);
    CHECK(network_size(&net, 4, 1) < 40 && traced(4, P2P_TRACE_GAP) > 0);
    network_connect(&net, 1, 4);
    network_advance(&net, 10000);
    CHECK(network_size(&net, 4, 1) >= 40 && circle_at(4, CIRCLE).complete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_joins_later, network_stop),
        cmocka_unit_test_teardown(test_charter_between_hellos, network_stop),
        cmocka_unit_test_teardown(test_reason_names_the_circle, network_stop),
        cmocka_unit_test_teardown(test_withheld_by_one, network_stop),
        cmocka_unit_test_teardown(test_silent_peer, network_stop),
        cmocka_unit_test_teardown(test_nobody_has_it, network_stop),
        cmocka_unit_test_teardown(test_forged, network_stop),
        cmocka_unit_test_teardown(test_outsider_asks, network_stop),
        cmocka_unit_test_teardown(test_many, network_stop),
        cmocka_unit_test_teardown(test_restart_midway, network_stop),
        cmocka_unit_test_teardown(test_leaves_and_comes_back, network_stop),
        cmocka_unit_test_teardown(test_lost, network_stop),
        cmocka_unit_test_teardown(test_nobody_gives, network_stop),
        cmocka_unit_test_teardown(test_nobody_gives_of_a_closed_feed, network_stop),
        cmocka_unit_test_teardown(test_the_author_gives_to_nobody, network_stop),
        cmocka_unit_test_teardown(test_heads_too_far_apart, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
