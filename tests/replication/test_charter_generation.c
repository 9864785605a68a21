#include "charter_case.h"

enum { SPARE = 20 };

/* The next generation of a member, with the keys of a number that is no member's, witnessed by
 * m3, m4 and m5. */
static void generation_op(const char *member, uint32_t keys)
{
    static const char *const witnesses[] = {"m3", "m4", "m5"};
    struct world_member spare;
    world_member(&spare, keys);
    const struct p2p_op_generation op = {.member = member,
                                         .feed_key = spare.feed.public_key,
                                         .witness_key = spare.witness.public_key,
                                         .witnesses = witnesses,
                                         .witness_count = 3};
    p2p_op_generation_pack(&draft.ops, &op);
    world_op(&draft);
}

static const struct p2p_feed_info *feed(const char *name)
{
    return p2p_charter_feed_named(charter, p2p_slice_text(name));
}

/* A restored member would have no feed to write in, or the old one would look open. */
static void the_next_feed_follows_the_closed_one(void **state)
{
    (void)state;
    struct world_member spare;
    world_member(&spare, SPARE);
    generation_op("m1", SPARE);
    TAKEN();
    const struct p2p_feed_info *old = feed("m1/1"), *next = feed("m1/2");
    CHECK(old != NULL && next != NULL && old->closed == 1 && next->closed == 0);
    CHECK(next->number == MEMBERS + 1 && next->member == 1 && next->generation == 2);
    CHECK(next->entry == 1 && strcmp(next->origin, WORLD_FEDERATION "/m1/2") == 0);
    CHECK(memcmp(&next->key, &spare.feed.public_key, sizeof(next->key)) == 0);
    CHECK(next->witness_count == 3 && next->witnesses[0] == 3);
    const struct p2p_member *m1 = p2p_charter_member(charter, 1);
    CHECK(m1->feed == next->number && m1->witness_generation == 2);
    CHECK(memcmp(&m1->witness_key, &spare.witness.public_key, sizeof(m1->witness_key)) == 0);
    generation_op("m1", SPARE + 1);
    TAKEN();
    CHECK(feed("m1/2")->closed == 2 && feed("m1/3") != NULL && feed("m1/3")->closed == 0);
    CHECK(feed("m1/1")->closed == 1);
}

/* Issuers would have to be granted anew, or a cut would end with the generation it is in. */
static void issuers_and_cuts_go_through_generations(void **state)
{
    (void)state;
    generation_op("m1", SPARE);
    TAKEN();
    uint32_t next = feed("m1/2")->number;
    CHECK(granted("ban-local", "BEANR", next, 0, 2));
    revoke_op("m1-pso", "m1/1", 5, NULL, 0, 1, 9, BY_M234);
    TAKEN();
    CHECK(p2p_charter_cut(charter, 1, next, 0, 3) == P2P_CUT_PAST);
    CHECK(p2p_charter_cut(charter, 1, feed("m1/1")->number, 4, 3) == P2P_CUT_NONE);
}

/* A key could be taken over, a feed closed before it began, or witnesses change twice. */
static void what_breaks_a_rule_is_refused(void **state)
{
    (void)state;
    generation_op("m9", SPARE);
    REFUSED(P2P_UNKNOWN, "not a member");
    generation_op("m1", 2);
    REFUSED(P2P_BADKEY, "in use already");
    generation_op("m1", SPARE);
    generation_op("m1", SPARE + 1);
    REFUSED(P2P_REFUSED, "begins with this entry");
    generation_op("m1", SPARE);
    generation_op("m2", SPARE + 1);
    REFUSED(P2P_REFUSED, "one per version");
    generation_op("m3", SPARE);
    REFUSED(P2P_REFUSED, "its own feed");
    const struct p2p_op_witness change = {.feed = "m2/1", .remove = "m5"};
    p2p_op_witness_pack(&draft.ops, &change);
    world_op(&draft);
    generation_op("m1", SPARE);
    REFUSED(P2P_REFUSED, "one per version");
    generation_op("m1", SPARE);
    TAKEN();
    const struct p2p_op_witness closed = {.feed = "m1/1", .remove = "m5"};
    p2p_op_witness_pack(&draft.ops, &closed);
    world_op(&draft);
    REFUSED(P2P_REFUSED, "is closed");
}

/* What a restored witness cosigned and forgot could help two histories to a quorum each. */
static void the_new_witness_key_is_another_witness(void **state)
{
    (void)state;
    const uint32_t old_key = 1, new_key = p2p_witness_number(1, 2);
    generation_op("m1", SPARE);
    TAKEN();
    const struct p2p_feed_info *m2 = feed("m2/1");
    CHECK(m2->witness_count == 4 && m2->witnesses[0] == new_key);
    CHECK(m2->former_count == 4 && m2->former_witnesses[0] == old_key);
    CHECK(p2p_witness_place(m2, 1) == 0);
    CHECK(p2p_feed_cosigner(m2, old_key) && p2p_feed_cosigner(m2, new_key));
    const uint32_t early[] = {old_key, 3, 4}, others[] = {3, 4, 5};
    const uint32_t late[] = {new_key, 3, 4}, both[] = {old_key, new_key, 3, 4};
    CHECK(p2p_charter_quorum(charter, m2->number, early, 3)); /* as before the change */
    CHECK(!p2p_charter_quorum(charter, m2->number, late, 3));
    CHECK(p2p_charter_quorum(charter, m2->number, others, 3));
    CHECK(p2p_charter_quorum(charter, m2->number, both, 4));
    struct world_member m1, spare;
    world_member(&m1, 1);
    world_member(&spare, SPARE);
    CHECK_BYTES(p2p_charter_witness_key(charter, old_key)->bytes, m1.witness.public_key.bytes,
                P2P_PUBLIC_BYTES);
    CHECK_BYTES(p2p_charter_witness_key(charter, new_key)->bytes,
                spare.witness.public_key.bytes, P2P_PUBLIC_BYTES);
    CHECK(p2p_charter_witness_key(charter, p2p_witness_number(1, 3)) == NULL);
    CHECK(p2p_charter_witness_key(charter, p2p_witness_number(2, 2)) == NULL);
    CHECK(p2p_charter_witness_of(charter, 1) == new_key);
    CHECK(p2p_charter_witness_of(charter, 2) == 2 && p2p_charter_witness_of(charter, 9) == 0);
}

/* Notes of before the change could be read no more: cut points rest on them. */
static void notes_under_the_old_key_go_on_counting(void **state)
{
    (void)state;
    char note[P2P_NOTE_BYTES_MAX];
    struct p2p_checkpoint checkpoint;
    size_t len = world_feed_note(note, sizeof(note), 2, 9, 1u << 1 | 1u << 3 | 1u << 4);
    const struct p2p_slice bytes = p2p_slice_of(note, len);
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    CHECK_OK(p2p_charter_quorum_note(charter, sigs, 2, bytes, &checkpoint));
    generation_op("m1", SPARE);
    TAKEN();
    CHECK_OK(p2p_charter_quorum_note(charter, sigs, 2, bytes, &checkpoint));
    struct p2p_charter *clone;
    CHECK_OK(p2p_charter_clone(&clone, charter));
    CHECK_OK(p2p_charter_quorum_note(clone, sigs, 2, bytes, &checkpoint));
    p2p_charter_free(clone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHARTER_CASE(the_next_feed_follows_the_closed_one),
        CHARTER_CASE(issuers_and_cuts_go_through_generations),
        CHARTER_CASE(what_breaks_a_rule_is_refused),
        CHARTER_CASE(the_new_witness_key_is_another_witness),
        CHARTER_CASE(notes_under_the_old_key_go_on_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
