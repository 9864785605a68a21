#include "check.h"

#include "workload/federation.h"

#include <stdlib.h>

#define TIME_MS UINT64_C(1760000000000)
#define SEED    UINT64_C(4711)

static char reason[P2P_REASON_BYTES];
static uint64_t index_of_last;

static void begin(struct sim_federation *federation, uint32_t members, uint32_t admitted)
{
    const struct sim_federation_options options = {
        .members = members, .admitted = admitted, .witnesses = 4, .officers = 3};
    CHECK_OK(p2p_crypto_init());
    sim_federation_init(federation, &options, SEED, p2p_sigs_ed25519());
}

/* A node that has nothing takes everything the roots sealed. */
static struct p2p_charter *fresh(const struct sim_federation *federation)
{
    struct p2p_charter *charter;
    CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), &federation->id));
    for (size_t i = 0; i < federation->entry_count; i++) {
        const struct sim_entry *entry = &federation->entries[i];
        enum p2p_err err = p2p_charter_apply(
            charter, federation->sigs, i, p2p_slice_of(entry->leaf, entry->leaf_len),
            p2p_slice_of(entry->note, entry->note_len), reason);
        if (err != P2P_OK) {
            print_error("entry %zu: %s\n", i, reason);
        }
        CHECK_OK(err);
    }
    return charter;
}

static bool same(const struct p2p_charter *a, const struct p2p_charter *b)
{
    struct p2p_hash left = p2p_charter_root(a);
    struct p2p_hash right = p2p_charter_root(b);
    return p2p_hash_equal(&left, &right);
}

static void check_founded(uint32_t members)
{
    struct sim_federation federation;
    begin(&federation, members, members);
    struct p2p_charter *charter = fresh(&federation);
    CHECK(same(charter, federation.charter));
    CHECK(p2p_charter_member_count(charter) == members);
    const struct p2p_circle *all = p2p_charter_circle_named(charter, p2p_slice_text("all"));
    CHECK(all != NULL && all->member_count == members);
    CHECK(p2p_charter_circle_named(charter, p2p_slice_text("police")) != NULL);
    for (uint32_t i = 1; i <= members; i++) {
        const struct sim_member *member = &federation.members[i];
        const struct p2p_member *known =
            p2p_charter_member_named(charter, p2p_slice_text(member->name));
        const struct p2p_circle *own =
            p2p_charter_circle_named(charter, p2p_slice_text(member->name));
        CHECK(known != NULL && member->admitted);
        CHECK(p2p_charter_feed(charter, known->feed)->witness_count ==
              (members > 4 ? 4 : members - 1));
        CHECK(own != NULL && own->member_count == 1 && own->members[0] == known->number);
        for (size_t n = 0; n < member->officer_count; n++) {
            CHECK(p2p_charter_issuer_named(charter, p2p_slice_text(member->officers[n].name)));
        }
        CHECK((member->role == P2P_ROLE_OBSERVER) == (member->officer_count == 0));
    }
    p2p_charter_free(charter);
    sim_federation_deinit(&federation);
}

/* Otherwise no run could begin. */
static void the_founding_applies_to_a_fresh_charter(void **state)
{
    (void)state;
    check_founded(1);
    check_founded(7);
}

/* Otherwise the sweep over many nodes could not begin: one entry does not hold them all. */
static void a_founding_of_many_goes_over_several_entries(void **state)
{
    (void)state;
    check_founded(300);
}

/* Otherwise a run could not be run again. */
static void the_same_seed_founds_the_same_federation(void **state)
{
    struct sim_federation a;
    struct sim_federation b;
    (void)state;
    begin(&a, 7, 5);
    begin(&b, 7, 5);
    CHECK(p2p_hash_equal(&a.id, &b.id));
    CHECK(same(a.charter, b.charter));
    sim_federation_deinit(&a);
    sim_federation_deinit(&b);
}

/* Otherwise the charter of a run would stand still. */
static void later_entries_apply_too(void **state)
{
    struct sim_federation federation;
    struct sim_draft draft;
    const uint32_t newcomer = 6;
    const uint32_t stay[] = {1, 3};
    const uint32_t gone = 5;
    (void)state;
    begin(&federation, 7, 5);

    sim_draft_init(&draft);
    const struct sim_circle_change joins = {.circle = "all",
                                            .first_epoch = 1,
                                            .last_epoch = 1,
                                            .members = &newcomer,
                                            .member_count = 1};
    sim_draft_admit(&federation, &draft, newcomer, 4);
    sim_draft_officers(&federation, &draft, newcomer);
    sim_draft_circle(&federation, &draft, &joins);
    CHECK_OK(sim_federation_seal(&federation, &draft, TIME_MS, &index_of_last, reason));
    CHECK(federation.members[newcomer].admitted && !federation.members[7].admitted);
    sim_draft_deinit(&draft);

    for (int time = 0; time < 2; time++) { /* what the new roots seal must hold as well */
        sim_draft_init(&draft);
        sim_draft_rotate(&federation, &draft);
        CHECK_OK(sim_federation_seal(&federation, &draft, TIME_MS, &index_of_last, reason));
        sim_draft_deinit(&draft);
    }
    CHECK(federation.root_generation == 2);

    sim_draft_init(&draft);
    const struct sim_circle_change leaves = {.circle = "police",
                                             .first_epoch = 2,
                                             .last_epoch = 2,
                                             .members = stay,
                                             .member_count = 2,
                                             .removed = &gone,
                                             .removed_count = 1};
    sim_draft_circle(&federation, &draft, &leaves);
    CHECK_OK(sim_federation_seal(&federation, &draft, TIME_MS, &index_of_last, reason));
    sim_draft_deinit(&draft);

    struct p2p_charter *charter = fresh(&federation);
    CHECK(same(charter, federation.charter));
    const struct p2p_circle *police =
        p2p_charter_circle_named(charter, p2p_slice_text("police"));
    struct p2p_circle_key key = sim_federation_circle_key(&federation, "police", 2);
    struct p2p_hash hash = p2p_circle_key_hash(&key);
    CHECK(police->member_count == 2 && police->epoch_count == 2);
    CHECK(p2p_hash_equal(&police->epochs[1].key_hash, &hash));
    p2p_charter_free(charter);
    sim_federation_deinit(&federation);
}

static void draft_policy(struct sim_draft *draft, uint32_t lease_s)
{
    const struct p2p_charter_op op = {.type = P2P_OP_POLICY,
                                      .policy = {.lease_s = lease_s,
                                                 .heartbeat_s = 60,
                                                 .fresh_cosignature_s = 900,
                                                 .clock_skew_s = 300}};
    sim_draft_init(draft);
    sim_draft_op(draft, &op);
}

static enum p2p_err sealed_as(struct sim_federation *federation, uint32_t lease_s,
                              const struct sim_sealing *how)
{
    struct sim_draft draft;
    struct sim_entry entry;
    draft_policy(&draft, lease_s);
    CHECK_OK(sim_federation_sign(federation, &draft, how, &entry));
    enum p2p_err err = sim_federation_take(federation, how->index, &entry, reason);
    sim_entry_deinit(&entry);
    sim_draft_deinit(&draft);
    return err;
}

/* Otherwise the wrong entries of a run would be wrong in another way than it thinks. */
static void entries_can_be_signed_wrongly(void **state)
{
    struct sim_federation federation;
    (void)state;
    begin(&federation, 5, 5);
    struct sim_sealing how = sim_sealing_due(&federation, TIME_MS);
    how.roots = 3;
    CHECK_ERR(sealed_as(&federation, 1000, &how), P2P_QUORUM);
    how.twice = true;
    CHECK_ERR(sealed_as(&federation, 1000, &how), P2P_QUORUM);
    how = sim_sealing_due(&federation, TIME_MS);
    how.term = 9;
    CHECK_ERR(sealed_as(&federation, 1000, &how), P2P_REFUSED);
    CHECK(federation.entry_count == 1);
    CHECK_OK(sealed_as(
        &federation, 1000,
        &(struct sim_sealing){.index = 1, .term = 0, .time_ms = TIME_MS, .roots = 7}));
    sim_federation_deinit(&federation);
}

/* Otherwise a run that has two heads once would have them to its end. */
static void two_heads_are_settled(void **state)
{
    struct sim_federation federation;
    struct sim_draft draft;
    (void)state;
    begin(&federation, 5, 5);
    CHECK_ERR(sim_federation_settle(&federation, TIME_MS, &index_of_last, reason),
              P2P_NOTFOUND);
    draft_policy(&draft, 1000);
    CHECK_OK(sim_federation_seal(&federation, &draft, TIME_MS, &index_of_last, reason));
    sim_draft_deinit(&draft);
    struct sim_sealing how = sim_sealing_due(&federation, TIME_MS);
    how.index = index_of_last;
    CHECK_ERR(sealed_as(&federation, 2000, &how), P2P_FORKED);
    CHECK(p2p_charter_good_size(federation.charter) == 1);
    CHECK_OK(sim_federation_settle(&federation, TIME_MS, &index_of_last, reason));
    CHECK(p2p_charter_good_size(federation.charter) == 3);
    CHECK(p2p_charter_policy(federation.charter)->lease_s == 1000);
    draft_policy(&draft, 3000);
    CHECK_OK(sim_federation_seal(&federation, &draft, TIME_MS, &index_of_last, reason));
    sim_draft_deinit(&draft);
    struct p2p_charter *charter = fresh(&federation);
    CHECK(same(charter, federation.charter));
    p2p_charter_free(charter);
    sim_federation_deinit(&federation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_founding_applies_to_a_fresh_charter),
        cmocka_unit_test(a_founding_of_many_goes_over_several_entries),
        cmocka_unit_test(the_same_seed_founds_the_same_federation),
        cmocka_unit_test(later_entries_apply_too),
        cmocka_unit_test(entries_can_be_signed_wrongly),
        cmocka_unit_test(two_heads_are_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
