#include "check.h"
#include "ledger_node.h"
#include "rng.h"

struct fixture {
    struct ledger_world world;
    struct ledger_node node;
};

static void begin(struct fixture *f)
{
    ledger_world_init(&f->world);
    ledger_node_init(&f->node, &f->world, 0);
}

static void end(struct fixture *f)
{
    ledger_node_deinit(&f->node);
    ledger_world_deinit(&f->world);
}

/* Takes the charter and feeds up to the sizes given, in one batch. */
static void take(struct fixture *f, uint64_t one, uint64_t two, uint64_t three)
{
    ledger_node_begin(&f->node);
    ledger_node_charter(&f->node, f->world.entry_count);
    ledger_node_take(&f->node, 1, one);
    ledger_node_take(&f->node, 2, two);
    ledger_node_take(&f->node, 3, three);
    ledger_node_end(&f->node);
}

static uint64_t known(struct fixture *f, uint32_t by, uint64_t at, uint32_t of)
{
    uint64_t size = UINT64_MAX;
    ledger_node_begin(&f->node);
    CHECK_OK(p2p_known_size(&f->node.ledger, by, at, of, &size));
    ledger_node_end(&f->node);
    return size;
}

static void notes(struct fixture *f, uint32_t member, unsigned count)
{
    while (count-- > 0) {
        ledger_world_note(&f->world, member);
    }
}

static struct p2p_record_id claim(struct fixture *f, uint32_t by, uint32_t of, uint64_t size,
                                  bool lie)
{
    return ledger_world_claims(&f->world, by,
                               &(struct ledger_claim){.of = of, .size = size, .lie = lie}, 1);
}

/* Without this, a decision would be judged by what its gate could not know, or not by what it
 * did: known at i is what `seen` records before i name, and the own feed up to i. */
static void test_known_at_index(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    notes(&f, 1, 10);
    notes(&f, 2, 1);
    claim(&f, 2, 1, 3, false); /* 2:1 */
    notes(&f, 2, 1);
    claim(&f, 2, 1, 7, false); /* 2:3 */
    notes(&f, 2, 1);
    take(&f, 10, 5, 0);
    CHECK(known(&f, 2, 0, 1) == 0);
    CHECK(known(&f, 2, 1, 1) == 0);
    CHECK(known(&f, 2, 2, 1) == 3);
    CHECK(known(&f, 2, 3, 1) == 3);
    CHECK(known(&f, 2, 4, 1) == 7);
    CHECK(known(&f, 2, 1000, 1) == 7);
    CHECK(known(&f, 2, 4, 3) == 0);
    CHECK(known(&f, 3, 4, 1) == 0);
    CHECK(known(&f, 2, 4, 2) == 4);
    CHECK(known(&f, 2, 4, 0) == 0); /* it never named the charter */
    end(&f);
}

/* Without this, a member that once lied could never again say what it holds, or its lie would
 * count: a claim that is no prefix names nothing, and neither hides nor is hidden by others. */
static void test_false_claims(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    notes(&f, 1, 10);
    claim(&f, 2, 1, 4, true);  /* 2:0 false */
    claim(&f, 2, 1, 3, false); /* 2:1 true, and smaller */
    claim(&f, 2, 1, 9, true);  /* 2:2 false */
    claim(&f, 2, 1, 5, false); /* 2:3 true */
    claim(&f, 2, 1, 2, false); /* 2:4 true, but it shrinks */
    take(&f, 10, 5, 0);
    CHECK(known(&f, 2, 1, 1) == 0);
    CHECK(known(&f, 2, 2, 1) == 3);
    CHECK(known(&f, 2, 3, 1) == 3);
    CHECK(known(&f, 2, 4, 1) == 5);
    CHECK(known(&f, 2, 5, 1) == 5);
    end(&f);
}

/* Without this, what a node believes would depend on whether a claim or what it is about came
 * first: open claims count, and are looked at when as much is held. */
static void test_open_claims(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 3; late++) {
        struct fixture f;
        begin(&f);
        notes(&f, 1, 10);
        claim(&f, 2, 1, 8, true);  /* 2:0 false, when 8 are here */
        claim(&f, 2, 1, 5, false); /* 2:1 true */
        claim(&f, 2, 1, 6, false); /* 2:2 true */
        if (late == 0) {
            take(&f, 10, 3, 0);
        } else if (late == 1) {
            take(&f, 0, 3, 0);
            CHECK(known(&f, 2, 1, 1) == 8); /* nobody can refute it yet */
            CHECK(known(&f, 2, 3, 1) == 8);
            take(&f, 7, 3, 0);
            CHECK(known(&f, 2, 3, 1) == 8);
            take(&f, 8, 3, 0);
        } else {
            for (uint64_t size = 0; size <= 10; size++) {
                take(&f, size, 3, 0);
                ledger_node_reopen(&f.node);
            }
        }
        CHECK(known(&f, 2, 1, 1) == 0);
        CHECK(known(&f, 2, 2, 1) == 5);
        CHECK(known(&f, 2, 3, 1) == 6);
        CHECK(memory_kv_count(f.node.store, P2P_TABLE_INDEX) == 0); /* none is open any more */
        end(&f);
    }
}

/* Without this, a closed feed would end elsewhere for who looks the first claim up than for who
 * reads them all: of claims in any order, false ones among them, the first that names more. */
static void test_first_named(void **state)
{
    enum { CLAIMS = 60, HELD = 20, OPEN = 5 };
    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++) {
        struct fixture f;
        struct rng rng = {seed};
        struct p2p_record_id ids[CLAIMS];
        uint64_t sizes[CLAIMS];
        bool lies[CLAIMS];
        begin(&f);
        notes(&f, 1, HELD + OPEN);
        for (unsigned i = 0; i < CLAIMS; i++) {
            notes(&f, 2, (unsigned)rng_below(&rng, 3));
            sizes[i] = 1 + rng_below(&rng, seed % 2 == 0 ? 2 + i * HELD / CLAIMS : HELD + OPEN);
            lies[i] = rng_below(&rng, 4) < seed % 4;
            ids[i] = claim(&f, 2, 1, sizes[i], lies[i]);
        }
        take(&f, HELD, ids[CLAIMS - 1].index + 1, 0);
        ledger_node_begin(&f.node);
        for (uint64_t size = 0; size <= HELD + OPEN; size++) {
            unsigned first = 0;
            uint64_t index = UINT64_MAX;
            while (first < CLAIMS &&
                   (sizes[first] <= size || (lies[first] && sizes[first] <= HELD))) {
                first++;
            }
            enum p2p_err err = p2p_known_first(&f.node.ledger, 2, 1, size, &index);
            CHECK(err == (first < CLAIMS ? P2P_OK : P2P_NOTFOUND));
            CHECK(index == (first < CLAIMS ? ids[first].index : UINT64_MAX));
        }
        ledger_node_end(&f.node);
        end(&f);
    }
}

/* Without this, a `seen` about a feed that the charter names later would be lost, or crash. */
static void test_unknown_feed(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    claim(&f, 2, 77, 5, true);
    claim(&f, 2, UINT32_MAX, UINT64_MAX, true);
    take(&f, 0, 2, 0);
    CHECK(known(&f, 2, 2, 77) == 5);
    CHECK(known(&f, 2, 2, UINT32_MAX) == UINT64_MAX);
    CHECK(memory_kv_count(f.node.store, P2P_TABLE_INDEX) == 2);
    end(&f);
}

/* Without this, who signs false claims by the thousand could make every later question as long
 * as his feed: no more rows are read than a named bound, and the answer stays the same for
 * all. */
static void test_many_false_claims(void **state)
{
    struct fixture f;
    uint64_t size;
    (void)state;
    begin(&f);
    notes(&f, 1, 10);
    claim(&f, 2, 1, 9, false);
    for (unsigned i = 0; i < 62; i++) {
        claim(&f, 2, 1, 10, true);
    }
    take(&f, 10, 63, 0);
    CHECK(known(&f, 2, 63, 1) == 9);
    claim(&f, 2, 1, 10, true);
    claim(&f, 2, 1, 10, true);
    claim(&f, 2, 1, 3, false);
    take(&f, 10, 66, 0);
    CHECK(known(&f, 2, 65, 1) == 0); /* 64 in a row: it has named nothing */
    CHECK(known(&f, 2, 66, 1) == 3);
    ledger_node_begin(&f.node);
    f.node.faulty.steps = 0;
    CHECK_OK(p2p_known_size(&f.node.ledger, 2, 65, 1, &size));
    CHECK(f.node.faulty.steps <= 65);
    ledger_node_end(&f.node);
    end(&f);
}

/* Bans, so that each walk over what this member wrote last shows in the steps of the store. */
static void bans(struct fixture *f, unsigned count)
{
    while (count-- > 0) {
        ledger_world_ban(&f->world, 2, ADMIN_2,
                         &(struct ledger_ban){.ground = P2P_GROUND_ADMINISTRATIVE});
    }
}

/* Without this, who signs false claims by the thousand could stop every node: whatever he
 * wrote would be walked through once for each claim that one more record refutes. */
static void test_claims_refuted_together(void **state)
{
    enum { COUNT = 1000, BANS = 50 };
    struct fixture f;
    (void)state;
    begin(&f);
    for (unsigned i = 0; i < COUNT; i++) {
        claim(&f, 2, 1, 1, true);
    }
    bans(&f, BANS);
    take(&f, 0, COUNT + BANS, 0);
    notes(&f, 1, 1);
    f.node.faulty.steps = 0;
    take(&f, 1, 0, 0);
    CHECK(f.node.faulty.steps < 10 * COUNT + 40 * BANS);
    CHECK(known(&f, 2, 64, 1) == 0);
    CHECK(memory_kv_count(f.node.store, P2P_TABLE_INDEX) == (size_t)BANS * 2); /* none open */
    end(&f);
}

/* Without this, lies told one above the other would have the liar's feed walked through at each
 * record of his victim: a claim says nothing about records behind 64 later ones. */
static void test_claims_refuted_one_by_one(void **state)
{
    enum { COUNT = 300, BANS = 50, LOOKED_AT = 64 };
    struct fixture f;
    (void)state;
    begin(&f);
    for (unsigned i = 0; i < COUNT; i++) {
        claim(&f, 2, 1, COUNT - i, true);
    }
    bans(&f, BANS);
    take(&f, 0, COUNT + BANS, 0);
    notes(&f, 1, COUNT);
    for (unsigned i = 1; i <= COUNT; i++) {
        f.node.faulty.steps = 0;
        take(&f, i, 0, 0);
        CHECK(f.node.faulty.steps < (i <= LOOKED_AT ? 1500 : 200));
    }
    end(&f);
}

/* Without this, what a lift is worth would depend on whether lies about what it cites were
 * found early or late. */
static void test_lies_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct rng rng = {seed};
        struct fixture f;
        struct p2p_record_id bans[12];
        uint64_t size = 0;
        begin(&f);
        ledger_world_seen(&f.world, 1);
        ledger_world_claims(&f.world, 3, &(struct ledger_claim){.of = 0, .size = 1}, 1);
        for (size_t i = 0; i < 12; i++) {
            bans[i] = ledger_world_ban(&f.world, 1, COURT_1,
                                       &(struct ledger_ban){.ground = P2P_GROUND_COURT});
            notes(&f, 1, (unsigned)rng_below(&rng, 3));
        }
        uint64_t all = ledger_world_size(&f.world, 1);
        for (unsigned i = 0; i < 200; i++) {
            if (rng_below(&rng, 4) == 0) {
                const struct p2p_record_id *ban = &bans[rng_below(&rng, 12)];
                ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, ban, 1);
            } else {
                bool lie = rng_below(&rng, 8) != 0;
                size = lie ? 1 + rng_below(&rng, all + 4) : size + (size < all);
                claim(&f, 3, 1, size > all ? all : size, lie);
                size = lie ? 0 : size;
            }
        }
        take(&f, 0, 0, ledger_world_size(&f.world, 3));
        for (uint64_t i = 1; i <= all; i++) {
            take(&f, i, 0, 0);
            if (i == all || rng_below(&rng, 6) == 0) {
                struct ledger_node fresh;
                ledger_node_init(&fresh, &f.world, 0);
                ledger_node_begin(&fresh);
                ledger_node_charter(&fresh, f.world.entry_count);
                ledger_node_take(&fresh, 1, i);
                ledger_node_take(&fresh, 3, ledger_world_size(&f.world, 3));
                ledger_node_end(&fresh);
                ledger_node_check_same(&fresh, &f.node);
                ledger_node_deinit(&fresh);
            }
        }
        end(&f);
    }
}

/* Without this, an honest member's knowledge would cost a walk at each question. */
static void test_honest_is_one_step(void **state)
{
    struct fixture f;
    uint64_t size;
    (void)state;
    begin(&f);
    for (unsigned i = 0; i < 200; i++) {
        notes(&f, 1, 1);
        ledger_world_seen(&f.world, 2);
    }
    take(&f, 200, 200, 0);
    ledger_node_begin(&f.node);
    for (uint64_t at = 1; at <= 200; at++) {
        f.node.faulty.steps = 0;
        CHECK_OK(p2p_known_size(&f.node.ledger, 2, at, 1, &size));
        CHECK(size == at && f.node.faulty.steps == 1);
    }
    ledger_node_end(&f.node);
    end(&f);
}

static struct p2p_record_id write_seen(struct fixture *f, uint32_t issuer, const char *bytes,
                                       size_t len)
{
    return ledger_world_write(&f->world, 2,
                              (struct p2p_draft){.kind = P2P_KIND_SEEN,
                                                 .issuer = issuer,
                                                 .issuer_seq = issuer,
                                                 .content = p2p_slice_of(bytes, len)},
                              0);
}

#define HASH                                                                                   \
    "\xc4\x20"                                                                                 \
    "0123456789abcdef0123456789abcdef"

/* Without this, a `seen` of another shape would name half of what it says. */
static void test_bad_shapes(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\x80", 1},
        {"\x81\xa5"
         "feeds\x01",
         8},
        {"\x81\xa5"
         "feeds\x91\x01",
         9},
        {"\x81\xa5"
         "feeds\x91\x92\x01\x05",
         11},
        {"\x81\xa5"
         "feeds\x91\x93\x01\x05\xc0",
         12},
        {"\x81\xa5"
         "feeds\x91\x93\x01\x05\xc4\x01x",
         14},
        {"\x81\xa5"
         "feeds\x91\x93\x01\xff" HASH,
         45},
        {"\x81\xa5"
         "feeds\x91\x94\x01\x05" HASH "\xc0",
         46},
        {"\x81\xa5"
         "feeds\x92\x93\x01\x05" HASH "\x93\x01\x06" HASH,
         82}, /* a feed twice */
        {"\x81\xa5"
         "feeds\x92\x93\x03\x05" HASH "\x93\x01\x06" HASH,
         82}, /* not ascending */
        {"\x81\xa5"
         "feeds\x92\x93\x01\x05" HASH "\x90",
         46},
        {"\x82\xa5"
         "feeds\x91\x93\x01\x05" HASH "\xa1z\xc0",
         48}, /* a field more */
    };
    struct fixture f;
    (void)state;
    begin(&f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_OK(p2p_wire_check(p2p_slice_of(bad[i].bytes, bad[i].len)));
        write_seen(&f, 0, bad[i].bytes, bad[i].len);
    }
    uint64_t count = ledger_world_size(&f.world, 2);
    write_seen(&f, ADMIN_2,
               "\x81\xa5"
               "feeds\x91\x93\x01\x05" HASH,
               45); /* by an issuer */
    take(&f, 0, count + 1, 0);
    CHECK(known(&f, 2, count + 1, 1) == 0 && known(&f, 2, count + 1, 3) == 0);
    CHECK(memory_kv_count(f.node.store, P2P_TABLE_SEEN) == 0);
    write_seen(&f, 0,
               "\x81\xa5"
               "feeds\x91\x93\x01\x05" HASH,
               45);
    take(&f, 0, count + 2, 0);
    CHECK(known(&f, 2, count + 2, 1) == 5); /* and this one is good */
    end(&f);
}

/* Without this, a lift would act though its author could not have known the ban, or stop acting
 * only at nodes where the lie was found early. */
static void test_false_claim_found_late(void **state)
{
    struct fixture f;
    (void)state;
    for (unsigned lie = 0; lie < 2; lie++) {
        begin(&f);
        ledger_world_seen(&f.world, 1);
        struct p2p_record_id ban = ledger_world_ban(
            &f.world, 1, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
        notes(&f, 1, 3); /* the claim is about more than will be here at first */
        struct ledger_claim claims[] = {{.of = 0, .size = 1},
                                        {.of = 1, .size = 5, .lie = lie == 1}};
        ledger_world_claims(&f.world, 3, claims, 2);
        ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
        take(&f, 2, 0, 2);
        CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_IN_FORCE);
        take(&f, 4, 0, 2); /* deny wins while it may be a lie */
        CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_IN_FORCE);
        take(&f, 5, 0, 2);
        CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) ==
              (lie ? P2P_BAN_IN_FORCE : P2P_BAN_LIFTED));
        ledger_node_check_digests(&f.node);
        end(&f);
    }
}

/* Without this, a node that catches up with more open claims than are looked at would miss that
 * an older one counts again, and fold another view than the rest. */
static void test_far_ahead(void **state)
{
    enum { NOTES = 200 };
    struct fixture f;
    (void)state;
    begin(&f);
    ledger_world_seen(&f.world, 1);
    struct p2p_record_id ban = ledger_world_ban(
        &f.world, 1, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_world_claims(&f.world, 3, &(struct ledger_claim){.of = 0, .size = 1}, 1);
    for (unsigned i = 0; i < NOTES; i++) {
        notes(&f, 1, 1);
        claim(&f, 3, 1, ledger_world_size(&f.world, 1), false);
    }
    ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
    take(&f, 2, 0, ledger_world_size(&f.world, 3));
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_IN_FORCE);
    for (uint64_t i = 3; i <= ledger_world_size(&f.world, 1); i++) {
        take(&f, i, 0, 0);
    }
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_LIFTED);
    ledger_node_check_digests(&f.node);
    end(&f);
}

/* Without this, bans could be lifted before they exist: who names more of a feed than there
 * will ever be is never refuted, and his lift would wait for what may come. */
static void test_lifts_of_what_is_to_come(void **state)
{
    struct fixture f;
    struct p2p_record_id ids[3];
    (void)state;
    begin(&f);
    ledger_world_seen(&f.world, 2);
    ledger_world_seen(&f.world, 3);
    for (uint64_t i = 0; i < 3; i++) {
        ids[i] = (struct p2p_record_id){2, 1 + i};
    }
    claim(&f, 3, 2, UINT64_C(1) << 62, true);
    struct p2p_record_id lift =
        ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, ids, 1);
    struct p2p_record_id suspend =
        ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_SUSPEND, CIRCLE_ALL, &ids[1], 1);
    ledger_world_ban(
        &f.world, 3, COURT_3,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .amends = &ids[2], .amend_count = 1});
    take(&f, 0, 1, ledger_world_size(&f.world, 3));
    bans(&f, 3);
    take(&f, 0, 4, ledger_world_size(&f.world, 3));
    for (size_t i = 0; i < 3; i++) {
        CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ids[i]) == P2P_BAN_IN_FORCE);
    }
    ledger_node_begin(&f.node); /* they are held to be what they say: they take nothing away */
    CHECK(ledger_node_why(&f.node, &lift) == P2P_WHY_NONE);
    CHECK(ledger_node_why(&f.node, &suspend) == P2P_WHY_NONE);
    ledger_node_end(&f.node);
    /* Once he has seen them, he may. */
    ledger_world_seen(&f.world, 3);
    ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, ids, 1);
    take(&f, 0, 4, ledger_world_size(&f.world, 3));
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ids[0]) == P2P_BAN_LIFTED);
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ids[1]) == P2P_BAN_IN_FORCE);
    end(&f);
}

/* Without this, a grant would hold from before its first real `seen`: whoever named a charter
 * that is not there yet would have all grants to come from that place on. */
static void test_grants_to_come(void **state)
{
    struct fixture f;
    (void)state;
    for (unsigned lie = 0; lie < 2; lie++) {
        begin(&f);
        claim(&f, 2, P2P_CHARTER_FEED, 1, false);
        ledger_world_grant(&f.world, LATE_2, 2, "ban-local", "*");
        ledger_world_grant(&f.world, LATE_2, 2, "ban-court", "*");
        claim(&f, 2, P2P_CHARTER_FEED, 3, lie == 1);
        struct p2p_record_id early =
            ledger_world_ban(&f.world, 2, LATE_2, &(struct ledger_ban){.subject = NULL});
        for (uint64_t size = 1; size <= 3; size++) {
            static const enum p2p_why expected[] = {P2P_WHY_UNKNOWN_ISSUER, P2P_WHY_NO_GRANT,
                                                    P2P_WHY_NONE};
            struct p2p_ban ban;
            ledger_node_begin(&f.node);
            ledger_node_charter(&f.node, size);
            ledger_node_take(&f.node, 2, ledger_world_size(&f.world, 2));
            ledger_node_end(&f.node);
            ban = ledger_node_ban(&f.node, CIRCLE_ALL, &early);
            CHECK(ban.why == (size == 3 && lie ? P2P_WHY_NO_GRANT : expected[size - 1]));
        }
        ledger_node_check_digests(&f.node);
        end(&f);
    }
}

/* Without this, a claim about more of the charter than there can be would stay open for ever,
 * and with it every question that asks who knows more. */
static void test_more_than_any_charter(void **state)
{
    struct fixture f;
    bool ahead = true;
    (void)state;
    begin(&f);
    claim(&f, 2, P2P_CHARTER_FEED, P2P_VERSIONS_MAX + 1, true);
    take(&f, 0, 1, 0);
    CHECK(known(&f, 2, 1, P2P_CHARTER_FEED) == 0);
    CHECK(memory_kv_count(f.node.store, P2P_TABLE_INDEX) == 0);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    CHECK_OK(p2p_known_ahead(&f.node.ledger, kv, 2, &ahead));
    CHECK(!ahead);
    memory_kv_abort(f.node.store);
    claim(&f, 2, P2P_CHARTER_FEED, P2P_VERSIONS_MAX, true);
    take(&f, 0, 2, 0);
    CHECK(known(&f, 2, 2, P2P_CHARTER_FEED) == P2P_VERSIONS_MAX);
    end(&f);
}

/* Without this, a gate would not notice that a ban's author knows more of the charter than it
 * does itself. */
static void test_ahead(void **state)
{
    struct fixture f;
    bool ahead;
    (void)state;
    begin(&f);
    ledger_world_seen(&f.world, 2);
    ledger_world_grant(&f.world, LATE_2, 2, "ban-local", "*");
    ledger_world_seen(&f.world, 3);
    ledger_node_begin(&f.node);
    ledger_node_charter(&f.node, 1);
    ledger_node_take(&f.node, 2, 1);
    ledger_node_take(&f.node, 3, 1);
    ledger_node_end(&f.node);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    CHECK_OK(p2p_known_ahead(&f.node.ledger, kv, 2, &ahead));
    CHECK(!ahead);
    CHECK_OK(p2p_known_ahead(&f.node.ledger, kv, 3, &ahead));
    CHECK(ahead);
    CHECK_OK(p2p_known_ahead(&f.node.ledger, kv, 4, &ahead));
    CHECK(!ahead);
    memory_kv_abort(f.node.store);
    take(&f, 0, 1, 1);
    kv = memory_kv_begin(f.node.store);
    CHECK_OK(p2p_known_ahead(&f.node.ledger, kv, 3, &ahead));
    CHECK(!ahead);
    memory_kv_abort(f.node.store);
    end(&f);
}

/* Without this, a claim about records appended a moment ago, and not written yet, would stop
 * the node: any member's `seen` may come in the same batch as what it is about. */
static void test_claim_within_batch(void **state)
{
    struct fixture f;
    uint64_t size;
    (void)state;
    begin(&f);
    notes(&f, 1, 6);
    claim(&f, 2, 1, 4, false);
    claim(&f, 2, 1, 5, true);
    ledger_node_begin(&f.node);
    ledger_node_charter(&f.node, 1);
    for (uint64_t i = 0; i < 6; i++) { /* applied, but neither headed nor flushed */
        const struct written *note = &f.world.feeds[1].records[i];
        struct p2p_arrival arrival = {.feed = 1, .leaf_hash = note->leaf_hash};
        CHECK_OK(p2p_record_decode(&arrival.record, note->leaf));
        CHECK_OK(p2p_ledger_apply(&f.node.ledger, &arrival));
    }
    ledger_node_take(&f.node, 2, 2);
    CHECK_OK(p2p_known_size(&f.node.ledger, 2, 2, 1, &size));
    CHECK(size == 4);
    CHECK_OK(p2p_ledger_fold(&f.node.ledger));
    ledger_node_end(&f.node);
    CHECK(known(&f, 2, 2, 1) == 4);
    end(&f);
}

/* Without this, a damaged row would be taken for knowledge. */
static void test_damaged_row(void **state)
{
    struct fixture f;
    struct p2p_slice found, value;
    (void)state;
    begin(&f);
    notes(&f, 1, 3);
    claim(&f, 2, 1, 2, false);
    take(&f, 3, 1, 0);
    for (unsigned damage = 0; damage < 4; damage++) {
        uint8_t key[32], bytes[64];
        uint64_t size = 77;
        ledger_node_begin(&f.node);
        CHECK_OK(p2p_kv_seek(f.node.kv, P2P_TABLE_SEEN, (struct p2p_slice){0}, &found, &value));
        size_t key_len = found.len, len = value.len;
        memcpy(key, found.data, key_len);
        memcpy(bytes, value.data, len);
        if (damage == 0) {
            bytes[0]++;
        } else if (damage == 1) {
            bytes[1] = 9;
        } else {
            len = damage == 2 ? len - 1 : 0;
        }
        CHECK_OK(p2p_kv_put(f.node.kv, P2P_TABLE_SEEN, p2p_slice_of(key, key_len),
                            p2p_slice_of(bytes, len)));
        CHECK_ERR(p2p_known_size(&f.node.ledger, 2, 1, 1, &size), P2P_CORRUPT);
        CHECK(size == 77);
        ledger_node_abort(&f.node);
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_at_index),
        cmocka_unit_test(test_false_claims),
        cmocka_unit_test(test_open_claims),
        cmocka_unit_test(test_first_named),
        cmocka_unit_test(test_unknown_feed),
        cmocka_unit_test(test_many_false_claims),
        cmocka_unit_test(test_claims_refuted_together),
        cmocka_unit_test(test_claims_refuted_one_by_one),
        cmocka_unit_test(test_lies_in_any_order),
        cmocka_unit_test(test_honest_is_one_step),
        cmocka_unit_test(test_bad_shapes),
        cmocka_unit_test(test_false_claim_found_late),
        cmocka_unit_test(test_far_ahead),
        cmocka_unit_test(test_lifts_of_what_is_to_come),
        cmocka_unit_test(test_grants_to_come),
        cmocka_unit_test(test_more_than_any_charter),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_claim_within_batch),
        cmocka_unit_test(test_damaged_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
