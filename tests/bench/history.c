#include "history.h"

#include "loader.h"

#include "../../node/audit/archive_writer.h"

#include <p2p/assert.h>
#include <p2p/audit.h>
#include <p2p/ban.h>
#include <p2p/bundle.h>
#include <p2p/keydir.h>
#include <p2p/tree.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEEDS = 2, KEEP = 512, RECORD_CAP = 4096, BUNDLE_CAP = 256 * RECORD_CAP };
#define BEGIN_MS UINT64_C(1790000000000)

struct line {
    const char *member;
    const struct p2p_feed_info *info;
    struct p2p_feed_secret feed_key;
    struct p2p_witness_secret witness_key;
    struct p2p_issuer_secret issuer_key;
    char witness_name[P2P_WITNESS_NAME_BYTES_MAX + 1];
    uint32_t issuer, own_circle;
    uint64_t next_seq;
    uint64_t last_ban;
    struct p2p_edge edge;
    struct p2p_hash *blocks; /* level 8 */
    char dir[64];
    struct p2p_writer entries, payloads, tile;
};

struct history {
    struct p2p_archive_writer *writer;
    struct p2p_charter *charter;
    struct line lines[FEEDS];
    uint32_t national;
    uint64_t made;
    uint8_t *scratch;
};

static void must(enum p2p_err err, const char *what)
{
    if (err != P2P_OK) {
        fprintf(stderr, "bench: %s: %s\n", what, p2p_err_text(err));
        exit(1);
    }
}

uint64_t bench_history_ms(uint64_t records)
{
    return BEGIN_MS + records * 5;
}

static uint64_t now_ms(const struct history *history)
{
    return bench_history_ms(history->made);
}

/* ---- files ---- */

static void put(struct history *history, const struct p2p_archive_place *place,
                struct p2p_slice bytes)
{
    must(p2p_archive_writer_put(history->writer, place, bytes), "writing the archive");
}

static void put_numbered(struct history *history, const struct line *line,
                         enum p2p_place_type type, int level, uint64_t number, uint32_t width,
                         struct p2p_slice bytes)
{
    const struct p2p_archive_place place = {.type = type,
                                            .feed = p2p_slice_text(line->dir),
                                            .level = level,
                                            .number = number,
                                            .width = width};
    put(history, &place, bytes);
}

static void end_bundle(struct history *history, struct line *line)
{
    uint64_t number = (line->edge.size - 1) / P2P_TILE_HASHES;
    uint32_t width = (uint32_t)(line->edge.size - number * P2P_TILE_HASHES);
    p2p_assert(!line->entries.failed && !line->payloads.failed);
    put_numbered(history, line, P2P_PLACE_ENTRIES, 0, number, width,
                 p2p_writer_slice(&line->entries));
    put_numbered(history, line, P2P_PLACE_TILE, 0, number, width,
                 p2p_writer_slice(&line->tile));
    if (line->payloads.len > 0) {
        put_numbered(history, line, P2P_PLACE_PAYLOADS, 0, number, width,
                     p2p_writer_slice(&line->payloads));
    }
    line->entries.len = 0;
    line->payloads.len = 0;
    line->tile.len = 0;
}

static void put_note(struct history *history, struct line *line, bool newest)
{
    char note[4096];
    struct p2p_signature signature;
    struct p2p_cosignature cosignature;
    struct line *other = &history->lines[line == history->lines];
    const struct p2p_checkpoint checkpoint = {.origin = p2p_slice_text(line->info->origin),
                                              .size = line->edge.size,
                                              .root = p2p_edge_root(&line->edge)};
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &line->feed_key, &signature);
    p2p_cosign_witness(&checkpoint, p2p_sigs_ed25519(), &other->witness_key,
                       now_ms(history) / 1000 + 1, &cosignature);
    size_t len =
        p2p_checkpoint_note(&checkpoint, line->info->key.bytes, &signature, note, sizeof note);
    len = p2p_checkpoint_note_add(note, sizeof note, len, p2p_slice_text(other->witness_name),
                                  other->witness_key.public_key.bytes, &cosignature);
    const struct p2p_archive_place place = {.type =
                                                newest ? P2P_PLACE_CHECKPOINT : P2P_PLACE_NOTE,
                                            .feed = p2p_slice_text(line->dir),
                                            .size = line->edge.size};
    put(history, &place, p2p_slice_of(note, len));
}

static void put_high_tiles(struct history *history, struct line *line)
{
    uint64_t count = line->edge.size / P2P_TILE_HASHES;
    for (int level = 1; count > 0; level++) {
        uint64_t above = 0;
        for (uint64_t at = 0; at < count; at += P2P_TILE_HASHES) {
            uint32_t width =
                count - at < P2P_TILE_HASHES ? (uint32_t)(count - at) : P2P_TILE_HASHES;
            put_numbered(history, line, P2P_PLACE_TILE, level, at / P2P_TILE_HASHES, width,
                         p2p_slice_of(line->blocks + at, width * sizeof(*line->blocks)));
            if (width == P2P_TILE_HASHES) {
                struct p2p_edge edge;
                p2p_edge_init(&edge);
                for (uint32_t i = 0; i < width; i++) {
                    p2p_edge_append(&edge, &line->blocks[at + i], NULL);
                }
                line->blocks[above++] = edge.peaks[8];
            }
        }
        count = above;
    }
}

/* ---- records ---- */

static void append(struct history *history, struct line *line, struct p2p_draft *draft)
{
    uint8_t head[RECORD_CAP];
    uint8_t leaf[RECORD_CAP];
    struct p2p_pack pack;
    struct p2p_slice origin = p2p_slice_text(line->info->origin);
    struct p2p_hash completed[P2P_TREE_LEVELS_MAX];
    draft->time_ms = now_ms(history);
    memcpy(draft->salt, &history->made, sizeof history->made);
    p2p_pack_init(&pack, head, sizeof head);
    must(p2p_record_encode(draft, origin, &pack), "a record");
    struct p2p_slice bytes = p2p_writer_slice(&pack.out);
    if (draft->issuer != 0) {
        struct p2p_signature signature;
        const struct p2p_sigs *sigs = p2p_sigs_ed25519();
        struct p2p_slice unsigned_head = p2p_slice_of(bytes.data, bytes.len - 1);
        size_t len = p2p_record_signed_bytes(history->scratch, unsigned_head, origin);
        sigs->sign(sigs->context, line->issuer_key.seed, line->issuer_key.public_key.bytes,
                   p2p_slice_of(history->scratch, len), &signature);
        p2p_pack_init(&pack, leaf, sizeof leaf);
        must(p2p_record_attach(unsigned_head, &signature, &pack), "a signature");
        bytes = p2p_writer_slice(&pack.out);
    }
    struct p2p_hash hash = p2p_leaf_hash(bytes);
    uint64_t index = line->edge.size;
    if (p2p_edge_append(&line->edge, &hash, completed) >= 8) {
        line->blocks[index / P2P_TILE_HASHES] = completed[7];
    }
    p2p_writer_u16(&line->entries, (uint16_t)bytes.len);
    p2p_writer_bytes(&line->entries, bytes.data, bytes.len);
    p2p_writer_bytes(&line->tile, hash.bytes, P2P_HASH_BYTES);
    if (draft->payload.len > 0) {
        p2p_writer_u8(&line->payloads, (uint8_t)(index % P2P_TILE_HASHES));
        p2p_writer_u16(&line->payloads, (uint16_t)(P2P_SALT_BYTES + draft->payload.len));
        p2p_writer_bytes(&line->payloads, draft->salt, P2P_SALT_BYTES);
        p2p_writer_bytes(&line->payloads, draft->payload.data, draft->payload.len);
    }
    history->made++;
    if (line->edge.size % P2P_TILE_HASHES == 0) {
        end_bundle(history, line);
    }
    if (line->edge.size % KEEP == 0) {
        put_note(history, line, false);
    }
}

static void pack_claim(struct p2p_pack *pack, uint32_t of, uint64_t size,
                       const struct p2p_hash *root)
{
    p2p_pack_array(pack, 3);
    p2p_pack_uint(pack, of);
    p2p_pack_uint(pack, size);
    p2p_pack_bin(pack, root->bytes, P2P_HASH_BYTES);
}

static void see(struct history *history, struct line *line, bool charter)
{
    uint8_t bytes[256];
    struct p2p_pack pack;
    const struct line *other = &history->lines[line == history->lines];
    bool more = other->edge.size > 0;
    struct p2p_hash root = p2p_charter_root(history->charter);
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "feeds");
    p2p_pack_array(&pack, (uint32_t)charter + more);
    if (charter) {
        pack_claim(&pack, 0, p2p_charter_size(history->charter), &root);
    }
    if (more) {
        root = p2p_edge_root(&other->edge);
        pack_claim(&pack, other->info->number, other->edge.size, &root);
    }
    struct p2p_draft draft = {.kind = P2P_KIND_SEEN, .content = p2p_writer_slice(&pack.out)};
    append(history, line, &draft);
}

static void address(struct history *history, struct line *line)
{
    uint8_t bytes[128];
    struct p2p_pack pack;
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "peers");
    p2p_pack_text(&pack, "127.0.0.1:7400");
    struct p2p_draft draft = {.kind = P2P_KIND_ADDRESS, .content = p2p_writer_slice(&pack.out)};
    append(history, line, &draft);
}

/* The n-th ship that is banned, or with odd true the n-th that never is. */
static void ship(struct p2p_subject *subject, uint64_t n, bool never)
{
    char text[16];
    unsigned number = (unsigned)(1000000 + (n * 2 + never) % 8000000);
    unsigned digits = number;
    unsigned sum = 0;
    number /= 10; /* six digits and their check digit */
    digits = number;
    for (unsigned weight = 2; weight <= 7; weight++, digits /= 10) {
        sum += digits % 10 * weight;
    }
    snprintf(text, sizeof text, "imo:%06u%u", number, sum % 10);
    must(p2p_subject_parse(subject, p2p_slice_text(text)), "a subject");
}

static void ban(struct history *history, struct line *line)
{
    uint8_t bytes[512];
    struct p2p_pack pack;
    struct p2p_subject subject;
    static const struct p2p_circle_key no_key;
    ship(&subject, history->made * 10, false);
    const struct p2p_ban_draft content = {.subjects = &subject,
                                          .subject_count = 1,
                                          .ground = P2P_GROUND_LOCAL,
                                          .reference = "port order 2026/12"};
    p2p_pack_init(&pack, bytes, sizeof bytes);
    must(p2p_ban_pack(&pack, &content, &no_key, 1), "a ban");
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_IMPOSE,
                              .circle = history->national,
                              .issuer = line->issuer,
                              .issuer_seq = ++line->next_seq,
                              .payload = p2p_writer_slice(&pack.out)};
    line->last_ban = line->edge.size;
    append(history, line, &draft);
}

static void lift(struct history *history, struct line *line)
{
    uint8_t bytes[64];
    struct p2p_pack pack;
    const struct p2p_record_id cite = {line->info->number, line->last_ban};
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "reason");
    p2p_pack_text(&pack, "inspected");
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_LIFT,
                              .circle = history->national,
                              .issuer = line->issuer,
                              .issuer_seq = ++line->next_seq,
                              .cites = &cite,
                              .cite_count = 1,
                              .payload = p2p_writer_slice(&pack.out)};
    append(history, line, &draft);
}

static void decide(struct history *history, struct line *line)
{
    uint8_t bytes[BENCH_DECISION_BYTES];
    struct p2p_subject subject;
    ship(&subject, history->made * 10, true);
    struct p2p_draft draft = {.kind = P2P_KIND_DECISIONS,
                              .circle = line->own_circle,
                              .payload = bench_pack_decision(bytes, &subject, now_ms(history))};
    append(history, line, &draft);
}

/* ---- all of it ---- */

static void load_key(const char *dir, const char *file, enum p2p_key_purpose purpose,
                     uint8_t seed[P2P_SEED_BYTES])
{
    char path[P2P_PATH_BYTES_MAX];
    char message[P2P_MESSAGE_BYTES_MAX];
    struct p2p_keydir keydir = {0};
    struct p2p_keydir_key key;
    snprintf(path, sizeof path, "%.900s/keys", dir);
    must(p2p_keydir_init(&keydir, path, message, sizeof message), "keys");
    must(p2p_keydir_load(&keydir, file, purpose, NULL, &key, message, sizeof message), "a key");
    memcpy(seed, key.seed, P2P_SEED_BYTES);
    p2p_keydir_deinit(&keydir);
}

static void open_line(struct history *history, struct line *line, const char *sandbox,
                      const char *member, size_t count)
{
    char dir[P2P_PATH_BYTES_MAX];
    char name[128];
    uint8_t seed[P2P_SEED_BYTES];
    const struct p2p_charter *charter = history->charter;
    line->member = member;
    snprintf(dir, sizeof dir, "%.900s/%s", sandbox, member);
    load_key(dir, "feed.key", P2P_KEY_FEED, seed);
    p2p_feed_secret_init(&line->feed_key, seed);
    load_key(dir, "witness.key", P2P_KEY_WITNESS, seed);
    p2p_witness_secret_init(&line->witness_key, seed);
    snprintf(name, sizeof name, "issuers/%s-pso.key", member);
    load_key(dir, name, P2P_KEY_ISSUER, seed);
    p2p_issuer_secret_init(&line->issuer_key, seed);
    p2p_witness_name(line->witness_name, p2p_charter_federation(charter), member, 1);
    snprintf(name, sizeof name, "%s/1", member);
    line->info = p2p_charter_feed_named(charter, p2p_slice_text(name));
    snprintf(line->dir, sizeof line->dir, "%s-1", member);
    snprintf(name, sizeof name, "%s-pso", member);
    line->issuer = p2p_charter_issuer_named(charter, p2p_slice_text(name))->number;
    line->own_circle = p2p_charter_circle_named(charter, p2p_slice_text(member))->number;
    p2p_edge_init(&line->edge);
    line->blocks = calloc(count / P2P_TILE_HASHES + 1, sizeof(*line->blocks));
    p2p_writer_init(&line->entries, malloc(BUNDLE_CAP), BUNDLE_CAP);
    p2p_writer_init(&line->payloads, malloc(BUNDLE_CAP), BUNDLE_CAP);
    p2p_writer_init(&line->tile, malloc(P2P_TILE_BYTES_MAX), P2P_TILE_BYTES_MAX);
    must(line->blocks == NULL || line->entries.data == NULL || line->payloads.data == NULL ||
                 line->tile.data == NULL
             ? P2P_NOMEM
             : P2P_OK,
         "memory");
}

static void put_charter(struct history *history)
{
    struct line line = {.dir = "charter-1"};
    uint8_t entries[1u << 18];
    struct p2p_hash hashes[P2P_TILE_HASHES];
    struct p2p_writer out;
    uint64_t size = p2p_charter_size(history->charter);
    p2p_writer_init(&out, entries, sizeof entries);
    for (uint64_t i = 0; i < size; i++) {
        struct p2p_slice leaf;
        struct p2p_slice note;
        must(p2p_charter_entry(history->charter, i, &leaf, &note), "the charter");
        p2p_writer_u16(&out, (uint16_t)leaf.len);
        p2p_writer_bytes(&out, leaf.data, leaf.len);
        hashes[i] = p2p_leaf_hash(leaf);
        const struct p2p_archive_place place = {.type = i + 1 == size ? P2P_PLACE_CHECKPOINT
                                                                      : P2P_PLACE_NOTE,
                                                .feed = p2p_slice_text(line.dir),
                                                .size = i + 1};
        put(history, &place, note);
    }
    put_numbered(history, &line, P2P_PLACE_ENTRIES, 0, 0, (uint32_t)size,
                 p2p_writer_slice(&out));
    put_numbered(history, &line, P2P_PLACE_TILE, 0, 0, (uint32_t)size,
                 p2p_slice_of(hashes, (size_t)size * sizeof(*hashes)));
}

static void ten(struct history *history, struct line *line)
{
    see(history, line, false);
    ban(history, line);
    for (unsigned i = 0; i < 3; i++) {
        decide(history, line);
    }
    lift(history, line);
    ban(history, line);
    for (unsigned i = 0; i < 3; i++) {
        decide(history, line);
    }
}

static void archive_of(const char *dir, char out[BENCH_PATH_BYTES])
{
    snprintf(out, BENCH_PATH_BYTES, "%.4000s.archive", dir);
}

int bench_child_history(const char *dir, size_t count)
{
    static struct history history;
    char sandbox[P2P_PATH_BYTES_MAX];
    char path[BENCH_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    double begin = bench_now_s();
    snprintf(sandbox, sizeof sandbox, "%.900s/..", dir);
    snprintf(path, sizeof path, "%s/federation.json", sandbox);
    must(p2p_bundle_read(&history.charter, path, NULL, message, sizeof message), path);
    struct p2p_hash id = p2p_charter_federation_id(history.charter);
    archive_of(dir, path);
    must(p2p_archive_writer_open(&history.writer, path, p2p_alloc_default(), &id, "beanr",
                                 message, sizeof message),
         path);
    history.national =
        p2p_charter_circle_named(history.charter, p2p_slice_text("national"))->number;
    history.scratch = malloc(P2P_SIGNED_BYTES_MAX);
    open_line(&history, &history.lines[0], sandbox, "beanr", count);
    open_line(&history, &history.lines[1], sandbox, "bezee", count);
    put_charter(&history);
    for (size_t i = 0; i < FEEDS; i++) {
        address(&history, &history.lines[i]);
        see(&history, &history.lines[i], true);
    }
    for (size_t i = 0; history.made < count; i++) {
        ten(&history, &history.lines[i % FEEDS]);
    }
    for (size_t i = 0; i < FEEDS; i++) {
        struct line *line = &history.lines[i];
        if (line->edge.size % P2P_TILE_HASHES != 0) {
            end_bundle(&history, line);
        }
        put_note(&history, line, true);
        put_high_tiles(&history, line);
    }
    struct p2p_hash manifest;
    uint64_t files = 0;
    must(p2p_archive_writer_finish(history.writer, &manifest, &files), "the manifest");
    p2p_archive_writer_close(history.writer);
    printf("{\"records\": %llu, \"files\": %llu, \"seconds\": %.3f}\n",
           (unsigned long long)history.made, (unsigned long long)files, bench_now_s() - begin);
    return 0;
}

/* ---- verifying it ---- */

static double peak_kb(void)
{
    char line[256];
    double kb = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        sscanf(line, "VmHWM: %lf", &kb);
    }
    if (status != NULL) {
        fclose(status);
    }
    return kb;
}

int bench_child_verify(const char *dir, size_t how)
{
    char path[BENCH_PATH_BYTES];
    char trust[BENCH_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    archive_of(dir, path);
    snprintf(trust, sizeof trust, "%.4000s/../trust", dir);
    const char *const dirs[] = {path};
    const struct p2p_audit_options options = {.alloc = p2p_alloc_default(),
                                              .dirs = dirs,
                                              .dir_count = 1,
                                              .trust_path = trust,
                                              .depth = how == 0 ? P2P_AUDIT_INTEGRITY
                                                                : P2P_AUDIT_REPLAY,
                                              .skip_issuer_signatures = how < 2,
                                              .threads = how == 3 ? 1 : 0};
    struct p2p_findings *findings = NULL;
    struct p2p_audit *audit = NULL;
    struct p2p_audit_summary summary;
    double begin = bench_now_s();
    must(p2p_findings_new(&findings, p2p_alloc_default()), "memory");
    enum p2p_err err = p2p_audit_run(&audit, &options, findings, message, sizeof message);
    must(err, message);
    double seconds = bench_now_s() - begin;
    p2p_audit_summary(audit, &summary);
    for (size_t i = 0; i < p2p_findings_size(findings) && i < 5; i++) {
        fprintf(stderr, "bench: the history made for this is not sound: %s\n",
                p2p_findings_get(findings, i)->text);
    }
    printf("{\"records\": %llu, \"signatures\": %llu, \"seconds\": %.3f, \"rss_kb\": %.0f, "
           "\"findings\": %zu}\n",
           (unsigned long long)summary.records,
           (unsigned long long)p2p_findings_looked_at(findings, P2P_CHECK_ISSUERS), seconds,
           peak_kb(), p2p_findings_size(findings));
    p2p_audit_close(audit);
    p2p_findings_free(findings);
    return 0;
}
