/* What each test of a charter begins with: a federation that is founded, and a draft of its
 * next version. Definitions, not declarations: a test program includes this once and has its
 * own. Inline is what not every one needs. */
#ifndef CHARTER_CASE_H
#define CHARTER_CASE_H

#include "charter_world.h"
#include "check.h"

#include <string.h>

static struct charter_world world;
static struct p2p_charter *charter;
static struct world_draft draft;
static struct world_entry entry;
static char reason[P2P_REASON_BYTES];

enum { MEMBERS = 5, ROOTS01 = 3, ROOTS012 = 7 };

/* Three roots, threshold two; m1 to m5 witness each other; m1-pso may ban locally in BEANR. */
static int begin(void **state)
{
    (void)state;
    world_init(&world);
    CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), NULL));
    world_draft(&draft);
    world_found(&draft, &world, 3, 2);
    for (uint32_t i = 1; i <= MEMBERS; i++) {
        world_admit(&draft, i, MEMBERS);
    }
    world_grant(&draft, "m1-pso", 1, "m1", "ban-local", "BEANR");
    world_add(&world, charter, &draft, ROOTS01);
    world_draft(&draft);
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_charter_free(charter);
    return 0;
}

/* The draft, sealed by roots 0 and 1, is answered so; nothing changed unless it was taken. */
static void check_answer(enum p2p_err expected, const char *part, const char *file, int line)
{
    struct p2p_hash before = p2p_charter_root(charter), after;
    world_seal(&world, &draft, ROOTS01, &entry);
    enum p2p_err err = world_apply(charter, &entry, reason);
    check_err(err, expected, reason, file, line);
    after = p2p_charter_root(charter);
    if (err == P2P_OK) {
        world_push(&world, &entry);
    } else {
        check_true(strstr(reason, part) != NULL, reason, file, line);
        check_true(p2p_hash_equal(&before, &after), "root unchanged", file, line);
        check_err(p2p_charter_try(charter, p2p_sigs_ed25519(),
                                  p2p_slice_of(entry.leaf, entry.leaf_len), NULL),
                  expected, "p2p_charter_try agrees", file, line);
    }
    world_draft(&draft);
}
#define REFUSED(err, part) check_answer(err, part, __FILE__, __LINE__)
#define TAKEN()            check_answer(P2P_OK, "", __FILE__, __LINE__)

static inline void admit_as(const char *name, uint32_t keys, const char *const *witnesses,
                            uint32_t count)
{
    struct world_member member;
    world_member(&member, keys);
    struct p2p_op_admit op = {.member = name,
                              .locode = "",
                              .feed_key = member.feed.public_key,
                              .witness_key = member.witness.public_key,
                              .transport_key = member.transport.public_key,
                              .sealing_key = member.sealing.public_key,
                              .witnesses = witnesses,
                              .witness_count = count};
    p2p_op_admit_pack(&draft.ops, &op);
    world_op(&draft);
}

static inline bool granted(const char *name, const char *scope, uint32_t feed, uint64_t index,
                           uint64_t known)
{
    return p2p_charter_granted(charter, 1, name, p2p_slice_text(scope), feed, index, known);
}

enum { BY_M234 = (1 << 2) | (1 << 3) | (1 << 4), BY_M23 = (1 << 2) | (1 << 3) };

static inline void revoke_op(const char *issuer, const char *feed, uint64_t index,
                             const uint64_t *keep, size_t keep_count, uint32_t member,
                             uint64_t size, uint32_t witnesses)
{
    static char note[P2P_NOTE_BYTES_MAX];
    size_t len = world_feed_note(note, sizeof(note), member, size, witnesses);
    struct p2p_op_revoke op = {.issuer = issuer,
                               .feed = feed,
                               .index = index,
                               .keep = keep,
                               .keep_count = keep_count,
                               .note = p2p_slice_of(note, len)};
    p2p_op_revoke_pack(&draft.ops, &op);
    world_op(&draft);
}

/* A test between begin and end. */
#define CHARTER_CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
