/* A token that the charter reassigns while the witnesses of its holder's feed change, unheard
 * by some: whoever may still have cosigned its last offer, or answered its holder's lease, has
 * to have sealed it, or two hold it. */
#include "custody_case.h"

/* Of m1's witnesses m2, m3 and m4 first m2 goes, then m3, then m4 comes for itself: {3, 4}, {4}
 * and {4} again. */
static void change_hurriedly(void)
{
    ledger_world_witness(&world, 1, 2, 0);
    ledger_world_witness(&world, 1, 3, 0);
    ledger_world_witness(&world, 1, 4, 4);
}

/* An answer by m2 that these members cosigned the offer's checkpoint for, unaware of everything
 * since. */
static struct p2p_record_id answer(enum p2p_kind_number kind, struct p2p_record_id token,
                                   struct p2p_record_id offer, uint32_t witnesses)
{
    const struct ledger_claim known[] = {{1, ledger_world_size(&world, 1), false, NULL}};
    ledger_world_claims(&world, 2, known, 1);
    return custody_world_act(&world, 2,
                             &(struct custody_act){.kind = kind,
                                                   .token = token,
                                                   .about = &offer,
                                                   .epoch = 2,
                                                   .rests = {1},
                                                   .witnesses = witnesses,
                                                   .no_seen = true});
}

static struct p2p_record_id take_over(struct p2p_record_id token,
                                      const struct p2p_record_id *seals, size_t count)
{
    return custody_world_recount_by(&world, 3, token, 2, "held", seals, count);
}

enum { M2 = 1u << 2, M3 = 1u << 3, M4 = 1u << 4 };

/* ---- who has to seal ---- */

/* m2 and m3, who were never told that m1 has other witnesses, cosigned an offer to m2; m4,
 * alone by now, sealed without it: m2 and m3 both held the container. */
static void an_old_quorum_has_to_seal(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t size = ledger_world_size(&world, 1);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    answer(P2P_KIND_CUSTODY_ACCEPT, token, offer, M2 | M3);
    change_hurriedly();
    custody_world_reassign(&world, token, 2, 3);
    const struct p2p_record_id seal = custody_world_seal(&world, 4, 1, size);
    take_over(token, &seal, 1);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2) && custody.frozen == 0);
    custody_world_use(&world, 2, token, 2, 2);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 2, 2));
    check_orders(1);
}

/* A quorum of every set did, and the largest size that they name counts. */
static void a_quorum_of_every_set_seals(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id offered = custody_world_open(&world, 1, "MSCU1000070");
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_offer(&world, 1, offered, 2, 2, 0);
    uint64_t whole = ledger_world_size(&world, 1);
    change_hurriedly();
    custody_world_reassign(&world, token, 2, 3);
    custody_world_reassign(&world, offered, 2, 3);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 3, 1, whole),
                                          custody_world_seal(&world, 4, 1, size)};
    const struct p2p_record_id without_3[] = {seals[0], seals[2]};
    take_over(token, without_3, 2); /* no quorum of m3 and m4 */
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_REASSIGNED);
    take_over(token, &seals[1], 2); /* two of three, both of two, and m4 alone */
    take_over(offered, &seals[1], 2);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2) && custody.frozen == 0);
    CHECK(custody.tenures[0].to == whole);
    CHECK(is_now(offered, P2P_CUSTODY_OFFERED, 1, 1)); /* m3 had seen the offer */
    check_orders(2);
}

/* Once the holder's feed itself named who witnesses it now, nothing of it rests on those
 * before: neither does the sealing ask for them, nor may anybody accept by their cosignatures.
 */
static void what_the_feed_named_binds_it(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    change_hurriedly();
    ledger_world_seen(&world, 1);
    uint64_t size = ledger_world_size(&world, 1);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    struct p2p_record_id accept = answer(P2P_KIND_CUSTODY_ACCEPT, token, offer, M2 | M3);
    CHECK(is_now(token, P2P_CUSTODY_OFFERED, 1, 1));
    custody_world_reassign(&world, token, 2, 3);
    const struct p2p_record_id seal = custody_world_seal(&world, 4, 1, size);
    take_over(token, &seal, 1);
    custody_world_use(&world, 2, token, 2, accept.feed);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2) && custody.frozen == 0);
    check_orders(3);
}

/* Of what the feed named only above what was sealed nobody knows that it was before the lease
 * was asked for. */
static void what_it_named_above_the_seal_does_not(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    change_hurriedly();
    uint64_t size = ledger_world_size(&world, 1);
    ledger_world_seen(&world, 1);
    custody_world_reassign(&world, token, 2, 3);
    const struct p2p_record_id seal = custody_world_seal(&world, 4, 1, size);
    take_over(token, &seal, 1);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_REASSIGNED);
    custody_world_use(&world, 1, token, 1, 0); /* by the lease of m2 and m3 */
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 1, 1));
    check_orders(4);
}

/* The feed named one of several changes: those before it are past, those after it count. */
static void what_it_named_half_way(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    ledger_world_witness(&world, 1, 2, 0); /* {3, 4} */
    ledger_world_seen(&world, 1);
    uint64_t size = ledger_world_size(&world, 1);
    ledger_world_witness(&world, 1, 0, 2); /* {3, 4, 2} */
    ledger_world_witness(&world, 1, 4, 0); /* {3, 2} */
    custody_world_reassign(&world, token, 2, 3);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 3, 1, size),
                                          custody_world_seal(&world, 4, 1, size)};
    take_over(token, seals, 2);
    CHECK(is_now(token, P2P_CUSTODY_HELD, 1, 1)); /* both of {3, 4} are needed */
    take_over(token, seals, 3);
    CHECK(is_now(token, P2P_CUSTODY_HELD, 3, 2));
    check_orders(5);
}

/* What comes with the entry or after it is known to nobody who does not stop for it: later
 * changes neither ask for more seals nor undo what was taken over and released. */
static void later_changes_undo_nothing(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    const struct seals seals = reassign_sealed(token);
    take_over(token, seals.by, 2);
    custody_world_use(&world, 3, token, 2, 0);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 3, 2));
    ledger_world_witness(&world, 1, 2, 0);
    ledger_world_witness(&world, 1, 4, 0);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 3, 2));
    check_orders(6);
}

/* A witness that lost its store, and has another key since, does not know what it had cosigned:
 * it spoke for the key that it had. */
static void a_new_generation_seals_for_its_own_key(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t size = ledger_world_size(&world, 1);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 4, 0);
    struct custody_act accept = {.kind = P2P_KIND_CUSTODY_ACCEPT,
                                 .token = token,
                                 .about = &offer,
                                 .epoch = 2,
                                 .rests = {1},
                                 .witnesses = M2 | M4};
    custody_world_act(&world, 4, &accept);
    uint32_t next = ledger_world_generation(&world, 2, 20);
    custody_world_reassign(&world, token, 2, 3);
    const struct seals seals = seal_by(3, next, 1, size);
    take_over(token, seals.by, 2);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 4, 2) && custody.frozen == 0);
    check_orders(7);
}

/* Nobody witnessed the feed at first, and its holder, who never heard of any witness, asks
 * nobody whether it may release. */
static void who_had_no_witnesses_is_not_replaced(void **state)
{
    static struct world_draft draft;
    (void)state;
    struct world_member keys;
    world_member(&keys, 20);
    const struct p2p_op_generation op = {.member = "m1",
                                         .feed_key = keys.feed.public_key,
                                         .witness_key = keys.witness.public_key};
    uint64_t end = ledger_world_size(&world, 1);
    uint32_t feed = p2p_charter_feed_count(world.charter);
    world_draft(&draft);
    p2p_op_generation_pack(&draft.ops, &op);
    world_op(&draft);
    world.feed_keys[feed] = 20;
    ledger_world_entry(&world, &draft);
    for (uint32_t member = 2; member <= 3; member++) {
        custody_world_seal(&world, member, 1, end);
    }
    struct p2p_record_id token = custody_world_open(&world, feed, CUSTODY_BOX);
    uint64_t size = ledger_world_size(&world, feed);
    ledger_world_witness(&world, feed, 0, 4);
    custody_world_reassign(&world, token, 2, 3);
    const struct p2p_record_id seal = custody_world_seal(&world, 4, feed, size);
    take_over(token, &seal, 1);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, feed, 1) && custody.frozen == P2P_FROZEN_REASSIGNED);
    check_orders(8);
}

/* ---- what a seal says ---- */

/* Who holds less of the old holder's feed than was sealed could take over what it offered. */
static void what_is_sealed_has_to_be_held(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_offer(&world, 1, token, 2, 2, 0);
    uint64_t whole = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 2, 3);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, 1, whole),
                                          custody_world_seal(&world, 4, 1, size)};
    take_over(token, seals, 2);
    struct ledger_node node;
    ledger_node_init(&node, &world, 0);
    ledger_node_begin(&node);
    ledger_node_charter(&node, world.entry_count);
    ledger_node_take(&node, 1, size);
    for (uint32_t feed = 2; feed <= LEDGER_WORLD_MEMBERS; feed++) {
        ledger_node_take(&node, feed, ledger_world_size(&world, feed));
    }
    ledger_node_end(&node);
    struct p2p_custody custody = custody_of(&node, token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_REASSIGNED);
    ledger_node_take_all(&node);
    custody = custody_of(&node, token);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1));
    ledger_node_deinit(&node);
    check_orders(9);
}

/* A witness names more of a feed than there is: nodes that held so little that nobody could
 * refute it went on saying something else than the others. */
static void a_false_seal_is_none_at_last(void **state)
{
    (void)state;
    const struct p2p_hash nobodys = p2p_sha256(p2p_slice_text("what nobody has"));
    struct p2p_record_id token = open_box(1);
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 2, 3);
    const struct ledger_claim lie[] = {{0, world.entry_count, false, NULL},
                                       {1, size + 3, false, &nobodys}};
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, 1, size),
                                          ledger_world_claims(&world, 3, lie, 2),
                                          custody_world_seal(&world, 4, 1, size)};
    take_over(token, seals, 3);
    CHECK(is_now(token, P2P_CUSTODY_HELD, 1, 1)); /* it may be true */
    for (unsigned i = 0; i < 4; i++) {
        ledger_world_note(&world, 1);
    }
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2) && custody.tenures[0].to == size);
    check_orders(10);
}

/* ---- what an author knew ---- */

/* Who offers names more of the charter than others hold: what they cannot judge yet, one of
 * them took for nothing and another for the first step, and both accepted. */
static void nothing_is_decided_behind_what_cannot_be_judged(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t before = world.entry_count;
    ledger_world_grant(&world, 14, 1, "custody", "*");
    struct custody_act act = {
        .kind = P2P_KIND_CUSTODY_OFFER, .token = token, .epoch = 2, .to = 4, .issuer = 14};
    struct p2p_record_id first = custody_world_act(&world, 1, &act);
    custody_world_offer(&world, 1, token, 2, 2, 0);
    struct ledger_node node;
    ledger_node_init(&node, &world, 0);
    ledger_node_begin(&node);
    ledger_node_charter(&node, before);
    ledger_node_take(&node, 1, ledger_world_size(&world, 1));
    ledger_node_end(&node);
    struct p2p_custody custody = custody_of(&node, token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1)); /* not offered to m2 */
    ledger_node_take_all(&node);
    custody = custody_of(&node, token);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1) && custody.to == 4);
    CHECK(p2p_record_id_compare(&custody.step, &first) == 0);
    ledger_node_deinit(&node);
    check_orders(11);
}

/* ---- junk ---- */

static size_t verified;

static bool count_verify(void *context, const uint8_t public_key[P2P_PUBLIC_BYTES],
                         const uint8_t signature[P2P_SIGNATURE_BYTES], struct p2p_slice message)
{
    const struct p2p_sigs *sigs = context;
    verified++;
    return sigs->verify(sigs->context, public_key, signature, message);
}

/* A recipient could make every node verify thousands of notes again whenever the token is
 * folded. */
static void junk_answers_are_bounded(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id other = custody_world_open(&world, 1, "MSCU1000070");
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    struct p2p_record_id kept = custody_world_offer(&world, 1, other, 2, 2, 0);
    for (unsigned i = 0; i < P2P_CUSTODY_ANSWERS_MAX + 40; i++) {
        ledger_world_note(&world, 1); /* each note is another one */
        answer(P2P_KIND_CUSTODY_ACCEPT, token, offer, M3);
        if (i + 1 < P2P_CUSTODY_ANSWERS_MAX) {
            answer(P2P_KIND_CUSTODY_REFUSE, other, kept, M3);
        }
    }
    answer(P2P_KIND_CUSTODY_ACCEPT, token, offer, M3 | M4); /* too late */
    answer(P2P_KIND_CUSTODY_ACCEPT, other, kept, M3 | M4);  /* the last that is looked at */
    CHECK(is_now(other, P2P_CUSTODY_HELD, 2, 2));
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1) && custody.to == 2);
    struct ledger_node node;
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    custody_world_use(&world, 3, token, 1, 0); /* by who has nothing to do with it */
    const struct p2p_sigs counting = {.verify = count_verify,
                                      .verify_many = node.ledger.sigs->verify_many,
                                      .sign = node.ledger.sigs->sign,
                                      .context =
                                          (void *)(uintptr_t)node.ledger.sigs}; /* only read */
    node.ledger.sigs = &counting;
    verified = 0;
    ledger_node_take_all(&node);
    /* The log's and m3's of each, and of the few records that came. */
    print_message("%zu signatures verified\n", verified);
    CHECK(verified >= P2P_CUSTODY_ANSWERS_MAX && verified <= 2 * P2P_CUSTODY_ANSWERS_MAX + 8);
    ledger_node_deinit(&node);
}

/* ---- any history ---- */

/* Two members at most could find that they hold it, in whatever way the witnesses changed. */
static void of_all_changes_one_holds(void **state)
{
    unsigned kept = 0;
    (void)state;
    for (uint32_t changes = 0; changes < 64; changes++) {
        struct p2p_record_id seals[3];
        size_t count = 0;
        struct p2p_record_id token = open_box(1);
        uint64_t size = ledger_world_size(&world, 1);
        uint32_t sealing = 1 + changes % 7; /* which of m2, m3 and m4 */
        struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
        answer(P2P_KIND_CUSTODY_ACCEPT, token, offer, M2 | M3);
        if ((changes & 8) != 0) {
            ledger_world_witness(&world, 1, 2, 0);
        }
        if ((changes & 16) != 0) {
            ledger_world_witness(&world, 1, 3, 0);
        }
        if ((changes & 32) != 0) {
            ledger_world_witness(&world, 1, 4, 4);
        }
        custody_world_reassign(&world, token, 2, 3);
        for (uint32_t m = 2; m <= 4; m++) {
            if ((sealing >> (m - 2) & 1) != 0) { /* honest: who cosigned it holds it */
                uint64_t held = m == 4 ? size : ledger_world_size(&world, 1);
                seals[count++] = custody_world_seal(&world, m, 1, held);
            }
        }
        take_over(token, seals, count);
        CHECK(is_now(token, P2P_CUSTODY_HELD, 2, 2)); /* never m3 */
        kept++;
        teardown(NULL);
        setup(NULL);
    }
    CHECK(kept == 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CUSTODY_CASE(an_old_quorum_has_to_seal),
        CUSTODY_CASE(a_quorum_of_every_set_seals),
        CUSTODY_CASE(what_the_feed_named_binds_it),
        CUSTODY_CASE(what_it_named_above_the_seal_does_not),
        CUSTODY_CASE(what_it_named_half_way),
        CUSTODY_CASE(later_changes_undo_nothing),
        CUSTODY_CASE(a_new_generation_seals_for_its_own_key),
        CUSTODY_CASE(who_had_no_witnesses_is_not_replaced),
        CUSTODY_CASE(what_is_sealed_has_to_be_held),
        CUSTODY_CASE(a_false_seal_is_none_at_last),
        CUSTODY_CASE(nothing_is_decided_behind_what_cannot_be_judged),
        CUSTODY_CASE(junk_answers_are_bounded),
        CUSTODY_CASE(of_all_changes_one_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
