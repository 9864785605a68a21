#include "check.h"

#include "ledger_world.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- signatures ---- */

static bool remembered_verify(void *context, const uint8_t public_key[P2P_PUBLIC_BYTES],
                              const uint8_t signature[P2P_SIGNATURE_BYTES],
                              struct p2p_slice message)
{
    struct remembered *table = context;
    const struct p2p_slice parts[] = {p2p_slice_of(public_key, P2P_PUBLIC_BYTES),
                                      p2p_slice_of(signature, P2P_SIGNATURE_BYTES), message};
    struct p2p_hash question = p2p_sha256_many(parts, 3);
    struct remembered *slot =
        &table[(question.bytes[0] << 8 | question.bytes[1]) % REMEMBERED_MAX];
    if (!slot->used || !p2p_hash_equal(&slot->question, &question)) {
        const struct p2p_sigs *sigs = p2p_sigs_ed25519();
        slot->used = true;
        slot->question = question;
        slot->good = sigs->verify(sigs->context, public_key, signature, message);
    }
    return slot->good;
}

static void remembered_verify_many(void *context, struct p2p_verify_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        jobs[i].good =
            remembered_verify(context, jobs[i].public_key, jobs[i].signature, jobs[i].message);
    }
}

/* ---- the charter ---- */

static void append_circle(struct world_draft *draft, const char *name, uint32_t first_key,
                          const char *const *members, size_t count)
{
    /* Epoch e of a circle has key first_key + e - 1, so circles do not share keys. */
    struct p2p_circle_epoch epoch = {.epoch = 1};
    struct p2p_circle_key key = world_circle_key(first_key);
    struct p2p_op_circle op = {.circle = name,
                               .members = members,
                               .member_count = count,
                               .epochs = &epoch,
                               .epoch_count = 1};
    epoch.key_hash = p2p_circle_key_hash(&key);
    p2p_op_circle_pack(&draft->ops, &op);
    world_op(draft);
}

struct p2p_circle_key ledger_world_key(uint32_t circle, uint32_t epoch)
{
    return world_circle_key(100 * circle + epoch);
}

void ledger_world_init(struct ledger_world *world)
{
    static struct world_draft draft;
    static const char *const all[] = {"m1", "m2", "m3", "m4"};
    *world = (struct ledger_world){0};
    world->entries = calloc(LEDGER_WORLD_ENTRIES, sizeof(*world->entries));
    world->remembered = calloc(REMEMBERED_MAX, sizeof(*world->remembered));
    CHECK(world->entries != NULL && world->remembered != NULL);
    world->sigs = (struct p2p_sigs){.sign = p2p_sigs_ed25519()->sign,
                                    .verify = remembered_verify,
                                    .verify_many = remembered_verify_many,
                                    .context = world->remembered};
    world_init(&world->charter_world);
    CHECK_OK(p2p_charter_new(&world->charter, p2p_alloc_default(), NULL));
    for (uint32_t f = 1; f <= LEDGER_WORLD_FEEDS; f++) {
        struct written_feed *feed = &world->feeds[f];
        world->feed_keys[f] = f;
        feed->cap = 64;
        feed->records = calloc(feed->cap, sizeof(*feed->records));
        feed->roots = calloc(feed->cap + 1, sizeof(*feed->roots));
        CHECK(feed->records != NULL && feed->roots != NULL);
        p2p_edge_init(&feed->edge);
        feed->roots[0] = p2p_edge_root(&feed->edge);
    }
    world_draft(&draft);
    world_found(&draft, &world->charter_world, 3, 2);
    for (uint32_t i = 1; i <= LEDGER_WORLD_MEMBERS; i++) {
        world_admit(&draft, i, LEDGER_WORLD_MEMBERS);
    }
    append_circle(&draft, "all", 101, all, 4);
    append_circle(&draft, "pair", 201, all, 2);
    world_grant(&draft, "court-1", COURT_1, "m1", "ban-court", "*");
    world_grant(&draft, "admin-2", ADMIN_2, "m2", "ban-administrative", "*");
    world_grant(&draft, "local-1", LOCAL_1, "m1", "ban-local", "BEANR");
    world_grant(&draft, "eu-3", EU_3, "m3", "ban-eu-regulation", "*");
    world_grant(&draft, "court-3", COURT_3, "m3", "ban-court", "*");
    ledger_world_entry(world, &draft);
    const struct p2p_issuer *eu =
        p2p_charter_issuer_named(world->charter, p2p_slice_text("court-3"));
    CHECK(eu != NULL && eu->number == COURT_3 && eu->member == 3);
}

void ledger_world_deinit(struct ledger_world *world)
{
    for (size_t f = 1; f <= LEDGER_WORLD_FEEDS; f++) {
        struct written_feed *feed = &world->feeds[f];
        for (size_t i = 0; i < feed->count; i++) {
            free((void *)feed->records[i].leaf.data);
            free((void *)feed->records[i].salted.data);
        }
        free(feed->records);
        free(feed->roots);
    }
    p2p_charter_free(world->charter);
    free(world->entries);
    free(world->remembered);
}

void ledger_world_entry(struct ledger_world *world, struct world_draft *draft)
{
    char reason[P2P_REASON_BYTES];
    CHECK(world->entry_count < LEDGER_WORLD_ENTRIES);
    struct world_entry *entry = &world->entries[world->entry_count++];
    world_seal(&world->charter_world, draft, LEDGER_WORLD_ROOTS, entry);
    enum p2p_err err = world_apply(world->charter, entry, reason);
    if (err != P2P_OK) {
        print_error("entry %llu: %s\n", (unsigned long long)entry->index, reason);
    }
    CHECK_OK(err);
    world_push(&world->charter_world, entry);
}

void ledger_world_grant(struct ledger_world *world, uint32_t issuer, uint32_t member,
                        const char *grant, const char *scope)
{
    static struct world_draft draft;
    char name[32], of[16];
    const struct p2p_issuer *known = p2p_charter_issuer(world->charter, issuer);
    snprintf(name, sizeof(name), "issuer-%u", issuer);
    snprintf(of, sizeof(of), "m%u", member);
    world_draft(&draft);
    world_grant(&draft, known != NULL ? known->name : name, issuer, of, grant, scope);
    ledger_world_entry(world, &draft);
    CHECK(p2p_charter_issuer(world->charter, issuer) != NULL);
}

size_t ledger_world_checkpoint(const struct ledger_world *world, uint32_t feed, uint64_t size,
                               uint32_t witnesses, char *out, size_t cap)
{
    char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
    struct world_member owner, witness;
    struct p2p_signature signature;
    const struct p2p_feed_info *info = p2p_charter_feed(world->charter, feed);
    CHECK(info != NULL);
    world_member(&owner, world->feed_keys[feed]);
    struct p2p_checkpoint checkpoint = {p2p_slice_text(info->origin), size,
                                        ledger_world_root(world, feed, size)};
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &owner.feed, &signature);
    size_t len =
        p2p_checkpoint_note(&checkpoint, owner.feed.public_key.bytes, &signature, out, cap);
    for (uint32_t i = 1; i <= LEDGER_WORLD_MEMBERS; i++) {
        struct p2p_cosignature cosignature;
        if ((witnesses >> i & 1) == 0) {
            continue;
        }
        world_member(&witness, i);
        size_t name_len = p2p_witness_name(name, WORLD_FEDERATION, witness.name, 1);
        p2p_cosign_witness(&checkpoint, p2p_sigs_ed25519(), &witness.witness, 1700000000,
                           &cosignature);
        len = p2p_checkpoint_note_add(out, cap, len, p2p_slice_of(name, name_len),
                                      witness.witness.public_key.bytes, &cosignature);
    }
    CHECK(len > 0);
    return len;
}

uint32_t ledger_world_generation(struct ledger_world *world, uint32_t member, uint32_t key)
{
    static struct world_draft draft;
    char names[LEDGER_WORLD_MEMBERS][8];
    const char *witnesses[LEDGER_WORLD_MEMBERS];
    struct world_member keys;
    uint32_t count = 0;
    uint32_t feed = p2p_charter_feed_count(world->charter);
    CHECK(feed <= LEDGER_WORLD_FEEDS);
    world_member(&keys, key);
    for (uint32_t i = 1; i <= LEDGER_WORLD_MEMBERS; i++) {
        if (i != member) {
            snprintf(names[count], sizeof(names[count]), "m%u", i);
            witnesses[count] = names[count];
            count++;
        }
    }
    const struct p2p_op_generation op = {.member =
                                             p2p_charter_member(world->charter, member)->name,
                                         .feed_key = keys.feed.public_key,
                                         .witness_key = keys.witness.public_key,
                                         .witnesses = witnesses,
                                         .witness_count = count};
    world_draft(&draft);
    p2p_op_generation_pack(&draft.ops, &op);
    world_op(&draft);
    world->feed_keys[feed] = key;
    ledger_world_entry(world, &draft);
    return feed;
}

void ledger_world_witness(struct ledger_world *world, uint32_t feed, uint32_t remove,
                          uint32_t add)
{
    static struct world_draft draft;
    const struct p2p_charter *charter = world->charter;
    const struct p2p_op_witness op = {
        .feed = p2p_charter_feed(charter, feed)->origin + strlen(WORLD_FEDERATION) + 1,
        .add = add != 0 ? p2p_charter_member(charter, add)->name : NULL,
        .remove = remove != 0 ? p2p_charter_member(charter, remove)->name : NULL};
    world_draft(&draft);
    p2p_op_witness_pack(&draft.ops, &op);
    world_op(&draft);
    ledger_world_entry(world, &draft);
}

void ledger_world_cut(struct ledger_world *world, uint32_t issuer, uint32_t feed,
                      uint64_t index, const uint64_t *keep, size_t keep_count)
{
    static struct world_draft draft;
    static char note[8192];
    char name[16];
    size_t len = ledger_world_checkpoint(world, feed, ledger_world_size(world, feed),
                                         0x1eu & ~(1u << feed), note, sizeof(note));
    snprintf(name, sizeof(name), "m%u/1", feed);
    struct p2p_op_revoke op = {.issuer = p2p_charter_issuer(world->charter, issuer)->name,
                               .feed = name,
                               .index = index,
                               .keep = keep,
                               .keep_count = keep_count,
                               .note = p2p_slice_of(note, len)};
    world_draft(&draft);
    p2p_op_revoke_pack(&draft.ops, &op);
    world_op(&draft);
    ledger_world_entry(world, &draft);
}

/* ---- records ---- */

static struct p2p_slice own_copy(struct p2p_slice bytes)
{
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    CHECK(copy != NULL);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    return p2p_slice_of(copy, bytes.len);
}

static void append(struct written_feed *feed, uint32_t number, struct p2p_slice leaf,
                   struct p2p_slice salted)
{
    if (feed->count == feed->cap) {
        feed->cap *= 2;
        feed->records = realloc(feed->records, feed->cap * sizeof(*feed->records));
        feed->roots = realloc(feed->roots, (feed->cap + 1) * sizeof(*feed->roots));
        CHECK(feed->records != NULL && feed->roots != NULL);
    }
    struct written *record = &feed->records[feed->count];
    *record = (struct written){.id = {number, feed->count},
                               .leaf = own_copy(leaf),
                               .salted = own_copy(salted),
                               .leaf_hash = p2p_leaf_hash(leaf)};
    p2p_edge_append(&feed->edge, &record->leaf_hash, NULL);
    feed->roots[++feed->count] = p2p_edge_root(&feed->edge);
}

static struct p2p_slice sign_leaf(struct p2p_slice unsigned_leaf, uint32_t key_number,
                                  struct p2p_slice origin, unsigned wrong, uint8_t *room)
{
    static uint8_t message[P2P_SIGNED_BYTES_MAX];
    struct p2p_issuer_secret key = world_issuer_key(key_number);
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    struct p2p_slice head = p2p_slice_of(unsigned_leaf.data, unsigned_leaf.len - 1);
    struct p2p_signature signature;
    struct p2p_pack pack;
    size_t len = p2p_record_signed_bytes(message, head, origin);
    sigs->sign(sigs->context, key.seed, key.public_key.bytes, p2p_slice_of(message, len),
               &signature);
    signature.bytes[0] ^= (wrong & WRITE_BAD_SIGNATURE) != 0;
    p2p_pack_init(&pack, room, P2P_RECORD_BYTES_MAX);
    CHECK_OK(p2p_record_attach(head, &signature, &pack));
    return p2p_pack_slice(&pack);
}

struct p2p_record_id ledger_world_write(struct ledger_world *world, uint32_t feed,
                                        struct p2p_draft draft, unsigned wrong)
{
    static uint8_t first[P2P_RECORD_BYTES_MAX], second[P2P_RECORD_BYTES_MAX];
    static uint8_t salted[P2P_SALT_BYTES + P2P_PAYLOAD_BYTES_MAX];
    struct p2p_pack pack;
    const struct p2p_feed_info *info = p2p_charter_feed(world->charter, feed);
    CHECK(info != NULL && feed <= LEDGER_WORLD_FEEDS);
    struct p2p_slice origin = p2p_slice_text(info->origin);
    uint64_t number = ++world->counter;
    struct p2p_hash salt = p2p_sha256(p2p_slice_of(&number, sizeof(number)));
    memcpy(draft.salt, salt.bytes, P2P_SALT_BYTES);
    draft.time_ms = LEDGER_WORLD_TIME_MS + number;
    p2p_pack_init(&pack, first, sizeof(first));
    CHECK_OK(p2p_record_encode(&draft, origin, &pack));
    struct p2p_slice leaf = p2p_pack_slice(&pack);
    if (draft.issuer != 0) {
        uint32_t key = world->keys[draft.issuer];
        leaf = sign_leaf(leaf, key != 0 ? key : draft.issuer, origin, wrong, second);
    }
    size_t salted_len = 0;
    if (draft.payload.len > 0) {
        memcpy(salted, draft.salt, P2P_SALT_BYTES);
        memcpy(salted + P2P_SALT_BYTES, draft.payload.data, draft.payload.len);
        salted_len = P2P_SALT_BYTES + draft.payload.len;
    }
    append(&world->feeds[feed], feed, leaf, p2p_slice_of(salted, salted_len));
    return (struct p2p_record_id){feed, world->feeds[feed].count - 1};
}

const struct written *ledger_world_record(const struct ledger_world *world,
                                          const struct p2p_record_id *id)
{
    CHECK(id->feed >= 1 && id->feed <= LEDGER_WORLD_FEEDS);
    CHECK(id->index < world->feeds[id->feed].count);
    return &world->feeds[id->feed].records[id->index];
}

struct p2p_record_id ledger_world_copy(struct ledger_world *world, uint32_t member,
                                       const struct p2p_record_id *id)
{
    static uint8_t leaf[P2P_RECORD_BYTES_MAX], salted[P2P_SALT_BYTES + P2P_PAYLOAD_BYTES_MAX];
    const struct written *from = ledger_world_record(world, id);
    size_t leaf_len = from->leaf.len, salted_len = from->salted.len;
    memcpy(leaf, from->leaf.data, leaf_len);
    if (salted_len > 0) {
        memcpy(salted, from->salted.data, salted_len);
    }
    append(&world->feeds[member], member, p2p_slice_of(leaf, leaf_len),
           p2p_slice_of(salted, salted_len));
    return (struct p2p_record_id){member, world->feeds[member].count - 1};
}

uint64_t ledger_world_size(const struct ledger_world *world, uint32_t feed)
{
    return feed == P2P_CHARTER_FEED ? world->entry_count : world->feeds[feed].count;
}

struct p2p_hash ledger_world_root(const struct ledger_world *world, uint32_t feed,
                                  uint64_t size)
{
    struct p2p_hash root;
    if (feed == P2P_CHARTER_FEED) {
        CHECK_OK(p2p_charter_root_at(world->charter, size, &root));
        return root;
    }
    CHECK(size <= world->feeds[feed].count);
    return world->feeds[feed].roots[size];
}

struct p2p_record_id ledger_world_claims(struct ledger_world *world, uint32_t member,
                                         const struct ledger_claim *claims, size_t count)
{
    uint8_t room[2048];
    struct p2p_pack pack;
    p2p_pack_init(&pack, room, sizeof(room));
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "feeds");
    p2p_pack_array(&pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        bool held = !claims[i].lie && claims[i].of <= LEDGER_WORLD_FEEDS;
        struct p2p_hash root = {{0xee}};
        if (claims[i].root != NULL) {
            root = *claims[i].root;
        } else if (held) {
            root = ledger_world_root(world, claims[i].of, claims[i].size);
        }
        p2p_pack_array(&pack, 3);
        p2p_pack_uint(&pack, claims[i].of);
        p2p_pack_uint(&pack, claims[i].size);
        p2p_pack_bin(&pack, root.bytes, sizeof(root.bytes));
    }
    CHECK(!p2p_pack_failed(&pack));
    return ledger_world_write(
        world, member,
        (struct p2p_draft){.kind = P2P_KIND_SEEN, .content = p2p_pack_slice(&pack)}, 0);
}

struct p2p_record_id ledger_world_seen(struct ledger_world *world, uint32_t member)
{
    struct ledger_claim claims[LEDGER_WORLD_FEEDS + 1];
    size_t count = 0;
    for (uint32_t of = 0; of <= LEDGER_WORLD_FEEDS; of++) {
        if (of != member && ledger_world_size(world, of) > 0) {
            claims[count++] =
                (struct ledger_claim){.of = of, .size = ledger_world_size(world, of)};
        }
    }
    return ledger_world_claims(world, member, claims, count);
}

struct p2p_record_id ledger_world_note(struct ledger_world *world, uint32_t member)
{
    static const char content[] = "\x81\xa4text\xa4idle";
    return ledger_world_write(
        world, member,
        (struct p2p_draft){.kind = P2P_KIND_NOTE,
                           .content = p2p_slice_of(content, sizeof(content) - 1)},
        0);
}

struct p2p_record_id ledger_world_ban(struct ledger_world *world, uint32_t member,
                                      uint32_t issuer, const struct ledger_ban *ban)
{
    uint8_t room[2048];
    struct p2p_pack pack;
    struct p2p_subject subject;
    uint32_t circle = ban->circle != 0 ? ban->circle : CIRCLE_ALL;
    uint32_t epoch = ban->epoch != 0 ? ban->epoch : 1;
    struct p2p_circle_key key = ledger_world_key(circle, epoch);
    struct p2p_ban_draft draft = {.subjects = &subject,
                                  .subject_count = 1,
                                  .ground = ban->ground,
                                  .reference = "a reference",
                                  .effects = &ban->effect,
                                  .effect_count = ban->effect != NULL,
                                  .scope = &ban->scope,
                                  .scope_count = ban->scope != NULL,
                                  .from_ms = ban->from_ms,
                                  .until_ms = ban->until_ms};
    const char *text = ban->subject != NULL ? ban->subject : "imo:9179842";
    CHECK_OK(p2p_subject_parse(&subject, p2p_slice_text(text)));
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_ban_pack(&pack, &draft, &key, epoch));
    return ledger_world_write(world, member,
                              (struct p2p_draft){.kind = ban->amends != NULL
                                                             ? P2P_KIND_BAN_AMEND
                                                             : P2P_KIND_BAN_IMPOSE,
                                                 .circle = circle,
                                                 .issuer = issuer,
                                                 .issuer_seq = ++world->next_seq[issuer],
                                                 .cites = ban->amends,
                                                 .cite_count = ban->amend_count,
                                                 .payload = p2p_pack_slice(&pack)},
                              0);
}

struct p2p_record_id ledger_world_act(struct ledger_world *world, uint32_t member,
                                      uint32_t issuer, enum p2p_kind_number kind,
                                      uint32_t circle, const struct p2p_record_id *cites,
                                      size_t cite_count)
{
    static const char payload[] = "\x81\xa6reason\xa3why";
    return ledger_world_write(
        world, member,
        (struct p2p_draft){.kind = kind,
                           .circle = circle,
                           .issuer = issuer,
                           .issuer_seq = ++world->next_seq[issuer],
                           .cites = cites,
                           .cite_count = cite_count,
                           .payload = p2p_slice_of(payload, sizeof(payload) - 1)},
        0);
}
