#include "check.h"

#include "forger.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/checkpoint.h>
#include <p2p/file.h>
#include <p2p/note.h>
#include <p2p/text.h>
#include <p2p/tree.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_CAP 65536u

/* ---- files ---- */

static void shell(const char *format, const char *a, const char *b)
{
    char line[2 * FORGER_PATH_BYTES + 64];
    snprintf(line, sizeof line, format, a, b);
    CHECK(system(line) == 0);
}

static void path_in(const struct forger *forger, const char *path, char out[FORGER_PATH_BYTES])
{
    int len = snprintf(out, FORGER_PATH_BYTES, "%s/%s", forger->dir, path);
    CHECK(len > 0 && (size_t)len < FORGER_PATH_BYTES);
}

uint8_t *forger_read(const struct forger *forger, const char *path, size_t *len)
{
    char whole[FORGER_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES_MAX];
    char *bytes = NULL;
    path_in(forger, path, whole);
    CHECK_OK(p2p_file_read(whole, (size_t)64 << 20, &bytes, len, message, sizeof message));
    return (uint8_t *)bytes;
}

void forger_write(const struct forger *forger, const char *path, const void *bytes, size_t len)
{
    char whole[FORGER_PATH_BYTES];
    path_in(forger, path, whole);
    for (char *slash = strchr(whole + strlen(forger->dir) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0755);
        *slash = '/';
    }
    FILE *file = fopen(whole, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, len, file) == len);
    CHECK(fclose(file) == 0);
}

void forger_remove(const struct forger *forger, const char *path)
{
    shell("rm -r '%s/%s'", forger->dir, path);
}

void forger_flip(const struct forger *forger, const char *path, long at)
{
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, path, &len);
    size_t index = at < 0 ? len - (size_t)-at : (size_t)at;
    CHECK(index < len);
    bytes[index] ^= 1;
    forger_write(forger, path, bytes, len);
    free(bytes);
}

void forger_replace(const struct forger *forger, const char *path, const char *old,
                    const char *new)
{
    size_t len = 0;
    char *text = (char *)forger_read(forger, path, &len);
    char *at = strstr(text, old);
    char *changed = malloc(len + strlen(new) + 1);
    CHECK(at != NULL && changed != NULL);
    size_t before = (size_t)(at - text);
    size_t after = len - before - strlen(old);
    memcpy(changed, text, before);
    memcpy(changed + before, new, strlen(new));
    memcpy(changed + before + strlen(new), at + strlen(old), after);
    forger_write(forger, path, changed, before + strlen(new) + after);
    free(changed);
    free(text);
}

/* ---- the archive ---- */

static struct p2p_archive *open_archive(const char *dir)
{
    struct p2p_archive *archive = NULL;
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    CHECK_OK(p2p_archive_open(&archive, dir, p2p_alloc_default(), message, sizeof message));
    return archive;
}

/* Entry by entry under the notes of its own archive. */
static void load_charter(struct forger *forger, const char *from)
{
    struct p2p_archive *archive = open_archive(from);
    struct p2p_archive_walk walk;
    struct p2p_archive_map map = {0};
    size_t place = 0;
    CHECK_OK(p2p_archive_feed_find(archive, "charter-1", &place));
    CHECK_OK(p2p_charter_new(&forger->charter, p2p_alloc_default(), NULL));
    p2p_archive_walk_begin(&walk, archive, place, 0);
    for (uint64_t i = 0; i < p2p_archive_feed_size(archive, place); i++) {
        struct p2p_slice leaf;
        struct p2p_slice note;
        CHECK_OK(p2p_archive_walk_next(&walk, &leaf));
        CHECK_OK(p2p_archive_note(archive, place, (size_t)i, &map, NULL, &note));
        CHECK_OK(p2p_charter_apply(forger->charter, p2p_sigs_ed25519(), i, leaf, note, NULL));
    }
    p2p_archive_walk_end(&walk);
    p2p_archive_unload(&map);
    p2p_archive_close(archive);
}

void forger_init(struct forger *forger, const char *from, const char *dir, const char *sandbox)
{
    *forger = (struct forger){0};
    snprintf(forger->dir, sizeof forger->dir, "%s", dir);
    snprintf(forger->sandbox, sizeof forger->sandbox, "%s", sandbox);
    shell("cp -r '%s' '%s'", from, dir);
    load_charter(forger, from);
}

void forger_deinit(struct forger *forger)
{
    shell("rm -rf '%s' '%s.index'", forger->dir, forger->dir);
    p2p_charter_free(forger->charter);
}

void forger_seal(struct forger *forger, const char *range)
{
    char script[3 * FORGER_PATH_BYTES + 512];
    snprintf(script, sizeof script,
             "cd '%s' && export LC_ALL=C && head -n 4 manifest >manifest.new && "
             "find . -type f ! -name 'manifest*' -printf '%%P\\n' | sort >manifest.list && "
             "xargs -d '\\n' sha256sum <manifest.list | cut -c 1-64 >manifest.sums && "
             "xargs -d '\\n' stat -c '%%s %%n' <manifest.list | paste -d ' ' manifest.sums - "
             ">>manifest.new && rm manifest.list manifest.sums && echo >>manifest.new && "
             "{ sed '1,/^$/d' manifest | sed '1,/^$/d'; %s%s%s } | sort -k2,2 -k3,3n -k4,4n "
             ">>manifest.new && mv manifest.new manifest",
             forger->dir, range == NULL ? "" : "echo '", range == NULL ? "" : range,
             range == NULL ? "" : "';");
    CHECK(system(script) == 0);
}

/* ---- feeds ---- */

static struct p2p_slice keep(struct p2p_slice bytes)
{
    uint8_t *copy = malloc(bytes.len + 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes.data, bytes.len);
    return p2p_slice_of(copy, bytes.len);
}

static void forget(struct p2p_slice *bytes)
{
    free((void *)(uintptr_t)bytes->data);
    *bytes = (struct p2p_slice){0};
}

void forged_feed_load(struct forger *forger, struct forged_feed *feed, const char *dir)
{
    struct p2p_archive *archive = open_archive(forger->dir);
    struct p2p_archive_walk walk;
    struct p2p_payload_walk payloads;
    size_t place = 0;
    *feed = (struct forged_feed){0};
    snprintf(feed->dir, sizeof feed->dir, "%s", dir);
    snprintf(feed->member, sizeof feed->member, "%.*s", (int)strcspn(dir, "-"), dir);
    char name[64];
    snprintf(name, sizeof name, "%s/%s", feed->member, dir + strcspn(dir, "-") + 1);
    feed->info = p2p_charter_feed_named(forger->charter, p2p_slice_text(name));
    CHECK(feed->info != NULL);
    CHECK_OK(p2p_archive_feed_find(archive, dir, &place));
    feed->count = (size_t)p2p_archive_feed_size(archive, place);
    CHECK(feed->count < FORGER_RECORDS_MAX);
    p2p_archive_walk_begin(&walk, archive, place, 0);
    p2p_payload_walk_begin(&payloads, archive, place);
    for (size_t i = 0; i < feed->count; i++) {
        struct p2p_slice bytes;
        enum p2p_payload_state state;
        CHECK_OK(p2p_archive_walk_next(&walk, &bytes));
        feed->leaves[i] = keep(bytes);
        CHECK_OK(p2p_payload_walk_get(&payloads, i, 0, &state, &bytes));
        if (bytes.len > 0) {
            feed->salted[i] = keep(bytes);
        }
    }
    p2p_archive_walk_end(&walk);
    p2p_payload_walk_end(&payloads);
    p2p_archive_close(archive);
}

void forged_feed_free(struct forged_feed *feed)
{
    for (size_t i = 0; i < feed->count; i++) {
        forget(&feed->leaves[i]);
        forget(&feed->salted[i]);
    }
    feed->count = 0;
}

void forged_feed_put(struct forged_feed *feed, size_t index, struct p2p_slice leaf,
                     struct p2p_slice salted)
{
    struct p2p_slice kept_leaf = keep(leaf);
    struct p2p_slice kept_salted = salted.len > 0 ? keep(salted) : (struct p2p_slice){0};
    CHECK(index <= feed->count && index < FORGER_RECORDS_MAX);
    if (index == feed->count) {
        feed->count++;
    } else {
        forget(&feed->leaves[index]);
        forget(&feed->salted[index]);
    }
    feed->leaves[index] = kept_leaf;
    feed->salted[index] = kept_salted;
}

void forged_feed_insert(struct forged_feed *feed, size_t index, struct p2p_slice leaf,
                        struct p2p_slice salted)
{
    struct p2p_slice kept_leaf = keep(leaf);
    struct p2p_slice kept_salted = salted.len > 0 ? keep(salted) : (struct p2p_slice){0};
    CHECK(index <= feed->count && feed->count + 1 < FORGER_RECORDS_MAX);
    memmove(feed->leaves + index + 1, feed->leaves + index,
            (feed->count - index) * sizeof(*feed->leaves));
    memmove(feed->salted + index + 1, feed->salted + index,
            (feed->count - index) * sizeof(*feed->salted));
    feed->leaves[index] = kept_leaf;
    feed->salted[index] = kept_salted;
    feed->count++;
}

void forged_feed_remove(struct forged_feed *feed, size_t index)
{
    CHECK(index < feed->count);
    forget(&feed->leaves[index]);
    forget(&feed->salted[index]);
    feed->count--;
    memmove(feed->leaves + index, feed->leaves + index + 1,
            (feed->count - index) * sizeof(*feed->leaves));
    memmove(feed->salted + index, feed->salted + index + 1,
            (feed->count - index) * sizeof(*feed->salted));
}

size_t forged_feed_find(const struct forged_feed *feed, uint32_t kind)
{
    for (size_t i = 0; i < feed->count; i++) {
        struct p2p_record record;
        if (p2p_record_decode(&record, feed->leaves[i]) == P2P_OK && record.kind == kind) {
            return i;
        }
    }
    CHECK(false);
    return 0;
}

static void store_file(struct forger *forger, enum p2p_place_type type, int level,
                       const struct forged_feed *feed, size_t first, size_t end,
                       const struct p2p_writer *bytes)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    const struct p2p_archive_place place = {.type = type,
                                            .feed = p2p_slice_text(feed->dir),
                                            .level = level,
                                            .number = first / P2P_TILE_HASHES,
                                            .width = (uint32_t)(end - first)};
    CHECK(!bytes->failed);
    p2p_archive_path(path, &place);
    forger_write(forger, path, bytes->data, bytes->len);
}

/* Records, their hashes, and their payloads, in files of their own; the hash of a whole bundle
 * is put to those above. */
static void store_bundle(struct forger *forger, const struct forged_feed *feed, size_t first,
                         size_t end, uint8_t *buffer, size_t cap, struct p2p_writer *above)
{
    struct p2p_writer out;
    struct p2p_edge edge;
    p2p_writer_init(&out, buffer, cap);
    for (size_t i = first; i < end; i++) {
        p2p_writer_u16(&out, (uint16_t)feed->leaves[i].len);
        p2p_writer_bytes(&out, feed->leaves[i].data, feed->leaves[i].len);
    }
    store_file(forger, P2P_PLACE_ENTRIES, 0, feed, first, end, &out);
    p2p_writer_init(&out, buffer, cap);
    p2p_edge_init(&edge);
    for (size_t i = first; i < end; i++) {
        struct p2p_hash hash = p2p_leaf_hash(feed->leaves[i]);
        p2p_edge_append(&edge, &hash, NULL);
        p2p_writer_bytes(&out, hash.bytes, P2P_HASH_BYTES);
    }
    store_file(forger, P2P_PLACE_TILE, 0, feed, first, end, &out);
    if (end - first == P2P_TILE_HASHES) {
        p2p_writer_bytes(above, edge.peaks[8].bytes, P2P_HASH_BYTES);
    }
    p2p_writer_init(&out, buffer, cap);
    for (size_t i = first; i < end; i++) {
        if (feed->salted[i].len > 0) {
            p2p_writer_u8(&out, (uint8_t)(i - first));
            p2p_writer_u16(&out, (uint16_t)feed->salted[i].len);
            p2p_writer_bytes(&out, feed->salted[i].data, feed->salted[i].len);
        }
    }
    if (out.len > 0) {
        store_file(forger, P2P_PLACE_PAYLOADS, 0, feed, first, end, &out);
    }
}

void forged_feed_store(struct forger *forger, const struct forged_feed *feed)
{
    enum { CAP = 4 << 20 };
    uint8_t hashes[(FORGER_RECORDS_MAX / P2P_TILE_HASHES + 1) * P2P_HASH_BYTES];
    uint8_t *buffer = malloc(CAP);
    struct p2p_writer above;
    CHECK(buffer != NULL);
    shell("rm -rf '%s/%s/tile'", forger->dir, feed->dir);
    shell("rm -rf '%s/payloads/%s'", forger->dir, feed->dir);
    p2p_writer_init(&above, hashes, sizeof hashes);
    for (size_t first = 0; first < feed->count; first += P2P_TILE_HASHES) {
        size_t left = feed->count - first;
        store_bundle(forger, feed, first,
                     first + (left < P2P_TILE_HASHES ? left : P2P_TILE_HASHES), buffer, CAP,
                     &above);
    }
    if (above.len > 0) {
        store_file(forger, P2P_PLACE_TILE, 1, feed, 0, above.len / P2P_HASH_BYTES, &above);
    }
    free(buffer);
}

/* ---- keys ---- */

static void load_key(const struct forger *forger, const char *member, const char *file,
                     enum p2p_key_purpose purpose, struct p2p_keydir_key *out)
{
    char dir[2 * FORGER_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    struct p2p_keydir keydir = {0};
    snprintf(dir, sizeof dir, "%s/%s/keys", forger->sandbox, member);
    CHECK_OK(p2p_keydir_init(&keydir, dir, message, sizeof message));
    CHECK_OK(p2p_keydir_load(&keydir, file, purpose, NULL, out, message, sizeof message));
    p2p_keydir_deinit(&keydir);
}

static struct p2p_checkpoint head_of(const struct forged_feed *feed, size_t size)
{
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    for (size_t i = 0; i < size; i++) {
        struct p2p_hash hash = p2p_leaf_hash(feed->leaves[i]);
        p2p_edge_append(&edge, &hash, NULL);
    }
    return (struct p2p_checkpoint){.origin = p2p_slice_text(feed->info->origin),
                                   .size = size,
                                   .root = p2p_edge_root(&edge)};
}

static size_t cosign_line(const struct forger *forger, const struct p2p_checkpoint *checkpoint,
                          const char *member, uint64_t time_s, char *note, size_t len)
{
    struct p2p_keydir_key key;
    struct p2p_witness_secret secret;
    struct p2p_cosignature cosignature;
    char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
    const struct p2p_member *info =
        p2p_charter_member_named(forger->charter, p2p_slice_text(member));
    CHECK(info != NULL);
    load_key(forger, member, "witness.key", P2P_KEY_WITNESS, &key);
    p2p_witness_secret_init(&secret, key.seed);
    p2p_cosign_witness(checkpoint, p2p_sigs_ed25519(), &secret, time_s, &cosignature);
    size_t name_len = p2p_witness_name(name, p2p_charter_federation(forger->charter), member,
                                       info->witness_generation);
    len = p2p_checkpoint_note_add(note, NOTE_CAP, len, p2p_slice_of(name, name_len),
                                  key.public_key, &cosignature);
    CHECK(len > 0);
    return len;
}

void forged_feed_sign(struct forger *forger, const struct forged_feed *feed, size_t size,
                      const char *path, const char *const *cosigners, uint64_t time_s)
{
    struct p2p_keydir_key key;
    struct p2p_feed_secret secret;
    struct p2p_signature signature;
    char *note = malloc(NOTE_CAP);
    char own[FORGER_PATH_BYTES];
    struct p2p_checkpoint checkpoint = head_of(feed, size);
    CHECK(note != NULL);
    load_key(forger, feed->member, "feed.key", P2P_KEY_FEED, &key);
    p2p_feed_secret_init(&secret, key.seed);
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &secret, &signature);
    size_t len = p2p_checkpoint_note(&checkpoint, key.public_key, &signature, note, NOTE_CAP);
    CHECK(len > 0);
    for (size_t i = 0; cosigners != NULL && cosigners[i] != NULL; i++) {
        len = cosign_line(forger, &checkpoint, cosigners[i], time_s, note, len);
    }
    snprintf(own, sizeof own, "%s/checkpoint", feed->dir);
    forger_write(forger, path == NULL ? own : path, note, len);
    free(note);
}

void forged_feed_sign_all(struct forger *forger, const struct forged_feed *feed,
                          uint64_t time_s)
{
    const char *names[P2P_WITNESSES_MAX + 1] = {0};
    for (uint32_t i = 0; i < feed->info->witness_count; i++) {
        names[i] = p2p_charter_member(forger->charter, feed->info->witnesses[i])->name;
    }
    forged_feed_sign(forger, feed, feed->count, NULL, names, time_s);
}

void forger_cosign(struct forger *forger, const char *path, const char *member, uint64_t time_s)
{
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, path, &len);
    char *note = malloc(NOTE_CAP);
    struct p2p_note parsed;
    struct p2p_checkpoint checkpoint;
    CHECK(note != NULL && len < NOTE_CAP);
    CHECK_OK(p2p_note_parse(&parsed, p2p_slice_of(bytes, len)));
    CHECK_OK(p2p_checkpoint_parse(&checkpoint, parsed.text, false));
    memcpy(note, bytes, len);
    len = cosign_line(forger, &checkpoint, member, time_s, note, len);
    forger_write(forger, path, note, len);
    free(note);
    free(bytes);
}

/* ---- records ---- */

void forged_feed_draft(const struct forged_feed *feed, size_t index, struct p2p_draft *out,
                       struct p2p_record_id *cites, size_t cite_cap)
{
    struct p2p_record record;
    struct p2p_cites walk;
    CHECK(index < feed->count);
    CHECK_OK(p2p_record_decode(&record, feed->leaves[index]));
    *out = (struct p2p_draft){.kind = record.kind,
                              .time_ms = record.time_ms,
                              .circle = record.circle,
                              .issuer = record.issuer,
                              .issuer_seq = record.issuer_seq,
                              .cites = cites,
                              .content = record.body_type == P2P_BODY_PUBLIC
                                             ? record.content
                                             : (struct p2p_slice){0}};
    p2p_cites_begin(&walk, &record);
    while (out->cite_count < cite_cap && p2p_cites_next(&walk, &cites[out->cite_count])) {
        out->cite_count++;
    }
    if (feed->salted[index].len > P2P_SALT_BYTES) {
        memcpy(out->salt, feed->salted[index].data, P2P_SALT_BYTES);
        out->payload = p2p_slice_of(feed->salted[index].data + P2P_SALT_BYTES,
                                    feed->salted[index].len - P2P_SALT_BYTES);
    }
}

void forged_feed_write(struct forger *forger, struct forged_feed *feed, size_t index,
                       struct p2p_draft *draft, const char *issuer)
{
    enum { CAP = P2P_RECORD_BYTES_MAX + P2P_SIGNED_BYTES_MAX };
    uint8_t *unsigned_leaf = malloc(CAP);
    uint8_t *leaf = malloc(CAP);
    uint8_t *message = malloc(CAP);
    uint8_t *salted = malloc(CAP);
    struct p2p_slice origin = p2p_slice_text(feed->info->origin);
    struct p2p_pack pack;
    CHECK(unsigned_leaf != NULL && leaf != NULL && message != NULL && salted != NULL);
    p2p_pack_init(&pack, unsigned_leaf, CAP);
    CHECK_OK(p2p_record_encode(draft, origin, &pack));
    struct p2p_slice bytes = p2p_writer_slice(&pack.out);
    if (issuer != NULL) {
        char file[128];
        struct p2p_record record;
        struct p2p_keydir_key key;
        struct p2p_signature signature;
        const struct p2p_sigs *sigs = p2p_sigs_ed25519();
        char member[64];
        snprintf(member, sizeof member, "%.*s", (int)strcspn(issuer, "-"), issuer);
        snprintf(file, sizeof file, "issuers/%s.key", issuer);
        load_key(forger, member, file, P2P_KEY_ISSUER, &key);
        /* Its last byte is the nil that the signature replaces. */
        struct p2p_slice head = p2p_slice_of(bytes.data, bytes.len - 1);
        size_t len = p2p_record_signed_bytes(message, head, origin);
        sigs->sign(sigs->context, key.seed, key.public_key, p2p_slice_of(message, len),
                   &signature);
        p2p_pack_init(&pack, leaf, CAP);
        CHECK_OK(p2p_record_attach(head, &signature, &pack));
        bytes = p2p_writer_slice(&pack.out);
        CHECK_OK(p2p_record_decode(&record, bytes));
    }
    struct p2p_slice given = {0};
    if (draft->payload.len > 0) {
        memcpy(salted, draft->salt, P2P_SALT_BYTES);
        memcpy(salted + P2P_SALT_BYTES, draft->payload.data, draft->payload.len);
        given = p2p_slice_of(salted, P2P_SALT_BYTES + draft->payload.len);
    }
    forged_feed_put(feed, index, bytes, given);
    free(unsigned_leaf);
    free(leaf);
    free(message);
    free(salted);
}
