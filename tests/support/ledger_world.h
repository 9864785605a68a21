/* A small federation whose records are written first and read later, by ledgers on stores in
 * memory, in any order a test likes.
 *
 * The world is what exists: charter entries with their notes, and per feed the leaves with
 * their payloads, each signed by who it says. What takes part of it are the ledgers of
 * ledger_node.h. Issuers carry on numbering by themselves; a test may write anything wrong on
 * purpose. Static members m1 to m4, feeds of the same numbers; everything CHECKs. Keys follow
 * from numbers (see charter_world.h), salts and times from a counter. */
#ifndef LEDGER_WORLD_H
#define LEDGER_WORLD_H

#include "charter_world.h"

#include <p2p/ban.h>
#include <p2p/ledger.h>

#define LEDGER_WORLD_MEMBERS 4u
#define LEDGER_WORLD_FEEDS   8u /* with later generations, which a test names */
#define LEDGER_WORLD_ENTRIES 16u
#define LEDGER_WORLD_ROOTS   7u /* mask of the roots that sign: three of three */
#define LEDGER_WORLD_TIME_MS UINT64_C(1700000000000)

/* Circles of the founding entry, and its issuers: number, key and member as named. */
enum { CIRCLE_ALL = 1, CIRCLE_PAIR = 2 }; /* m1 to m4; m1 and m2 */
enum {
    COURT_1 = 1, /* m1: ban-court everywhere */
    ADMIN_2 = 2, /* m2: ban-administrative everywhere */
    LOCAL_1 = 3, /* m1: ban-local in BEANR */
    EU_3 = 4,    /* m3: ban-eu-regulation everywhere */
    COURT_3 = 5, /* m3: ban-court everywhere */
    LATE_2 = 6,  /* m2: named by no entry until a test does */
    ISSUERS_MAX = 16
};

struct written {
    struct p2p_record_id id;
    struct p2p_slice leaf;   /* owned */
    struct p2p_slice salted; /* owned; empty for public kinds */
    struct p2p_hash leaf_hash;
};

struct written_feed {
    struct written *records;
    size_t count;
    size_t cap;
    struct p2p_edge edge;
    struct p2p_hash *roots; /* roots[n]: of the first n leaves; cap + 1 of them */
};

/* Ed25519, remembering what was found: the same few signatures are verified in every order. */
struct remembered {
    bool used, good;
    struct p2p_hash question;
};
#define REMEMBERED_MAX 4096u

struct ledger_world {
    struct p2p_sigs sigs;
    struct remembered *remembered; /* REMEMBERED_MAX of them */
    struct charter_world charter_world;
    struct p2p_charter *charter; /* all entries */
    struct world_entry *entries;
    size_t entry_count;
    struct written_feed feeds[LEDGER_WORLD_FEEDS + 1]; /* by number; [0] unused */
    uint32_t feed_keys[LEDGER_WORLD_FEEDS + 1];        /* whose feed key signs its heads */
    uint64_t next_seq[ISSUERS_MAX];
    uint32_t keys[ISSUERS_MAX]; /* the key number that signs for an issuer; 0: its own */
    uint64_t counter;
};

/* Entry 0: members, circles and the issuers above but LATE_2. */
void ledger_world_init(struct ledger_world *world);
void ledger_world_deinit(struct ledger_world *world);

/* Adds an entry of the ops collected in draft, signed by all roots. */
void ledger_world_entry(struct ledger_world *world, struct world_draft *draft);
/* Entries tests need often: a grant to an issuer with the key of its number; a cut at (feed,
 * index), cosigned at the feed's size as written. */
void ledger_world_grant(struct ledger_world *world, uint32_t issuer, uint32_t member,
                        const char *grant, const char *scope);
void ledger_world_cut(struct ledger_world *world, uint32_t issuer, uint32_t feed,
                      uint64_t index, const uint64_t *keep, size_t keep_count);
/* The next generation of a member, with the keys of number `key`, witnessed by the others:
 * returns its feed. */
uint32_t ledger_world_generation(struct ledger_world *world, uint32_t member, uint32_t key);
/* One witness of a feed more, less, or one for another; 0: none. */
void ledger_world_witness(struct ledger_world *world, uint32_t feed, uint32_t remove,
                          uint32_t add);
/* The feed's checkpoint at a size, cosigned by the members whose bit (1 << number) stands in
 * witnesses, each with its first key. Returns the length. */
size_t ledger_world_checkpoint(const struct ledger_world *world, uint32_t feed, uint64_t size,
                               uint32_t witnesses, char *out, size_t cap);

/* Wrong on purpose. */
enum { WRITE_BAD_SIGNATURE = 1 };
/* Signs (issuer not 0) and appends to a feed, which has its member's number but for later
 * generations. draft->salt is filled in. */
struct p2p_record_id ledger_world_write(struct ledger_world *world, uint32_t feed,
                                        struct p2p_draft draft, unsigned wrong);
/* Appends the very leaf and payload of a record once more, to the feed of `member`. */
struct p2p_record_id ledger_world_copy(struct ledger_world *world, uint32_t member,
                                       const struct p2p_record_id *id);
const struct written *ledger_world_record(const struct ledger_world *world,
                                          const struct p2p_record_id *id);
uint64_t ledger_world_size(const struct ledger_world *world, uint32_t feed);
/* The root of the first `size` records of a feed, or entries of the charter. */
struct p2p_hash ledger_world_root(const struct ledger_world *world, uint32_t feed,
                                  uint64_t size);

/* `seen` of everything that is written so far, the charter included. */
struct p2p_record_id ledger_world_seen(struct ledger_world *world, uint32_t member);
struct ledger_claim {
    uint32_t of;
    uint64_t size;
    bool lie;                    /* with a root that is not the one */
    const struct p2p_hash *root; /* NULL: that of the feed as written */
};
struct p2p_record_id ledger_world_claims(struct ledger_world *world, uint32_t member,
                                         const struct ledger_claim *claims, size_t count);
struct p2p_record_id ledger_world_note(struct ledger_world *world, uint32_t member);

/* A ban on one subject; zeros mean: circle all, local ground, everywhere, default effect. */
struct ledger_ban {
    const char *subject;
    enum p2p_ground ground;
    const char *scope;
    const char *effect;
    uint32_t circle;
    uint32_t epoch; /* of the circle's key; 0: 1 */
    uint64_t from_ms, until_ms;
    const struct p2p_record_id *amends; /* NULL: an imposition */
    size_t amend_count;
};
struct p2p_record_id ledger_world_ban(struct ledger_world *world, uint32_t member,
                                      uint32_t issuer, const struct ledger_ban *ban);
/* A lift, suspend or resume in a circle. */
struct p2p_record_id ledger_world_act(struct ledger_world *world, uint32_t member,
                                      uint32_t issuer, enum p2p_kind_number kind,
                                      uint32_t circle, const struct p2p_record_id *cites,
                                      size_t cite_count);
/* The key of a circle's epoch. */
struct p2p_circle_key ledger_world_key(uint32_t circle, uint32_t epoch);

/* ---- a ledger that takes some of it ---- */

#endif
