/* The tampering suite: a real archive of six ports, damaged and forged in one way at a time.
 * The table says which finding is due for each: what was done must be named for what it is.
 *
 *     tamper ARCHIVE OTHER SANDBOX WORK [REWRITTEN]
 *
 * ARCHIVE by beanr, OTHER by bezee, both of the sandbox, whose key files the frauds use. With
 * REWRITTEN it only leaves one such archive there. Run by
 * tests/process/audit.sh, which makes them; the ASan build proves that none is a crash. */
#include "check.h"

#include "forger.h"

#include <p2p/audit.h>
#include <p2p/file.h>
#include <p2p/kind.h>
#include <p2p/lthash.h>
#include <p2p/text.h>
#include <p2p/tree.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND_2050 UINT64_C(2524608000)
#define SALT        "0123456789abcdef0123456789abcdef"

static const char *archive_dir, *other_dir, *sandbox_dir, *work_dir, *rewritten_dir;

struct fraud {
    const char *what;
    void (*make)(struct forger *forger);
    enum p2p_finding_code due;
    enum p2p_err err; /* instead of a finding: the audit refuses to begin */
    bool with_other;  /* the other archive is verified beside it */
};

/* Where the trust file of this case is; frauds may put another there. */
static char trust_path[FORGER_PATH_BYTES];
/* What the manifest is to announce besides, or NULL; and whether it is made to fit at all. */
static const char *announced;
static bool stale_manifest;

/* ---- helpers ---- */

static uint64_t now_s(const struct forged_feed *feed)
{
    struct p2p_record record;
    CHECK_OK(p2p_record_decode(&record, feed->leaves[feed->count - 1]));
    return record.time_ms / 1000 + 5;
}

static void bundle_path(char out[P2P_ARCHIVE_PATH_BYTES_MAX], struct forger *forger,
                        enum p2p_place_type type, const char *dir)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, dir);
    const struct p2p_archive_place place = {
        .type = type, .feed = p2p_slice_text(dir), .width = (uint32_t)feed.count};
    p2p_archive_path(out, &place);
    forged_feed_free(&feed);
}

/* Loads a feed, lets `change` do its worst, stores it and has everybody sign. */
static void forge(struct forger *forger, const char *dir,
                  void (*change)(struct forger *forger, struct forged_feed *feed),
                  bool everybody)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, dir);
    uint64_t time_s = now_s(&feed);
    change(forger, &feed);
    forged_feed_store(forger, &feed);
    if (everybody) {
        forged_feed_sign_all(forger, &feed, time_s);
    }
    forged_feed_free(&feed);
}

static uint32_t issuer_of(const struct forger *forger, const char *name)
{
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(forger->charter, p2p_slice_text(name));
    CHECK(issuer != NULL);
    return issuer->number;
}

static uint32_t circle_of(const struct forger *forger, const char *name)
{
    const struct p2p_circle *circle =
        p2p_charter_circle_named(forger->charter, p2p_slice_text(name));
    CHECK(circle != NULL);
    return circle->number;
}

/* A public record of the node itself at the end. */
static void append_own(struct forger *forger, struct forged_feed *feed, uint32_t kind,
                       struct p2p_slice content)
{
    struct p2p_draft draft = {.kind = kind, .time_ms = now_s(feed) * 1000, .content = content};
    forged_feed_write(forger, feed, feed->count, &draft, NULL);
}

/* The first ban of the feed once more, as somebody else, at the end. */
static void append_ban(struct forger *forger, struct forged_feed *feed, const char *issuer,
                       uint32_t number, uint64_t seq, const char *key)
{
    struct p2p_record_id cites[4];
    struct p2p_draft draft;
    (void)issuer;
    forged_feed_draft(feed, forged_feed_find(feed, P2P_KIND_BAN_IMPOSE), &draft, cites, 4);
    draft.time_ms = now_s(feed) * 1000;
    draft.issuer = number;
    draft.issuer_seq = seq;
    forged_feed_write(forger, feed, feed->count, &draft, key);
}

/* ---- bytes ---- */

static void flip(struct forger *forger, enum p2p_place_type type, const char *dir, long at)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    bundle_path(path, forger, type, dir);
    forger_flip(forger, path, at);
}

static void flip_record_stale(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "beanr-1", -1);
    stale_manifest = true;
}

static void flip_record(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "begne-1", -1);
}

static void flip_structure(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "beanr-1", 2);
}

static void flip_length(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "beanr-1", 0);
}

static void flip_tile(struct forger *forger)
{
    flip(forger, P2P_PLACE_TILE, "beanr-1", 40);
}

static void flip_tile_charter(struct forger *forger)
{
    flip(forger, P2P_PLACE_TILE, "charter-1", 3);
}

static void flip_payload(struct forger *forger)
{
    flip(forger, P2P_PLACE_PAYLOADS, "beanr-1", -1);
}

static void flip_salt(struct forger *forger)
{
    flip(forger, P2P_PLACE_PAYLOADS, "beanr-1", 5);
}

static void flip_payload_length(struct forger *forger)
{
    flip(forger, P2P_PLACE_PAYLOADS, "beanr-1", 1);
}

static void flip_payload_place(struct forger *forger)
{
    flip(forger, P2P_PLACE_PAYLOADS, "bezee-1", 0);
}

static void flip_charter_entry(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "charter-1", 500);
}

static void flip_manifest(struct forger *forger)
{
    forger_flip(forger, "manifest", 220);
    stale_manifest = true;
}

static void flip_manifest_magic(struct forger *forger)
{
    forger_flip(forger, "manifest", 3);
    stale_manifest = true;
}

static void unsort_manifest(struct forger *forger)
{
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, "manifest", &len);
    forger_write(forger, "manifest", bytes, len - 1); /* its last line does not end */
    free(bytes);
    stale_manifest = true;
}

/* Line n (from 0) of a note: the byte `at` of its base64, counted from the line's end. */
static void flip_line(struct forger *forger, const char *path, unsigned line, long at)
{
    size_t len = 0;
    char *text = (char *)forger_read(forger, path, &len);
    char *begin = text;
    for (unsigned i = 0; i < line; i++) {
        begin = strchr(begin, '\n') + 1;
    }
    char *end = strchr(begin, '\n');
    end[-at] = end[-at] == 'A' ? 'B' : 'A';
    forger_write(forger, path, text, len);
    free(text);
}

static void flip_root(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 2, 20);
}

static void flip_size(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 1, 1); /* no number any more */
}

static void change_size(struct forger *forger)
{
    forger_replace(forger, "beanr-1/checkpoint", "beanr/1\n1", "beanr/1\n2");
}

static void flip_origin(struct forger *forger)
{
    forger_replace(forger, "beanr-1/checkpoint", "sandbox.example/beanr/1\n",
                   "sandbox.example/beanr/2\n");
}

static void flip_log_signature(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 4, 30);
}

static void flip_cosignature(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 5, 30);
}

static void flip_cosignature_time(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 6, 88);
}

static void flip_key_id(struct forger *forger)
{
    forger_replace(forger, "beanr-1/checkpoint", "/bezee/w1 ", "/bezee/w1 A");
    size_t len = 0;
    char *text = (char *)forger_read(forger, "beanr-1/checkpoint", &len);
    char *at = strstr(text, "/bezee/w1 A") + 11;
    memmove(at, at + 1, len - (size_t)(at + 1 - text)); /* as long as before */
    forger_write(forger, "beanr-1/checkpoint", text, len - 1);
    free(text);
}

static void cut_note(struct forger *forger)
{
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, "beanr-1/checkpoint", &len);
    forger_write(forger, "beanr-1/checkpoint", bytes, len - 20);
    free(bytes);
}

static void extend_note(struct forger *forger)
{
    forger_replace(forger, "beanr-1/checkpoint", "=\n\n", "=\nextension\n\n");
}

static void flip_charter_note(struct forger *forger)
{
    flip_line(forger, "charter-1/checkpoint", 5, 30);
}

/* ---- files ---- */

static void remove_file_stale(struct forger *forger)
{
    forger_remove(forger, "beanr-1/checkpoint");
    stale_manifest = true;
}

static void add_file_stale(struct forger *forger)
{
    forger_write(forger, "beanr-1/note", "x", 1);
    stale_manifest = true;
}

static void grow_file_stale(struct forger *forger)
{
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, "beanr-1/checkpoint", &len);
    bytes[len] = '\n'; /* in the terminator's place */
    forger_write(forger, "beanr-1/checkpoint", bytes, len + 1);
    free(bytes);
    stale_manifest = true;
}

static void empty_file(struct forger *forger)
{
    forger_write(forger, "beanr-1/checkpoint", "", 0);
}

static void file_to_pipe(struct forger *forger)
{
    char path[2 * FORGER_PATH_BYTES];
    snprintf(path, sizeof path, "%s/beanr-1/checkpoint", forger->dir);
    CHECK(unlink(path) == 0 && mkfifo(path, 0644) == 0);
    stale_manifest = true;
}

static void file_to_link(struct forger *forger)
{
    char path[2 * FORGER_PATH_BYTES];
    snprintf(path, sizeof path, "%s/beanr-1/checkpoint", forger->dir);
    CHECK(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
    stale_manifest = true;
}

static void remove_tile(struct forger *forger)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    bundle_path(path, forger, P2P_PLACE_TILE, "beanr-1");
    forger_remove(forger, path);
}

static void remove_bundle(struct forger *forger)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    bundle_path(path, forger, P2P_PLACE_ENTRIES, "beanr-1");
    forger_remove(forger, path);
}

static void remove_checkpoint(struct forger *forger)
{
    forger_remove(forger, "beanr-1/checkpoint");
}

static void remove_feed(struct forger *forger)
{
    forger_remove(forger, "bezee-1");
    forger_remove(forger, "payloads/bezee-1");
}

static void remove_charter(struct forger *forger)
{
    forger_remove(forger, "charter-1");
}

static void remove_charter_version(struct forger *forger)
{
    forger_remove(forger, "charter-1/checkpoints");
}

static void swap_feeds(struct forger *forger)
{
    char line[4 * FORGER_PATH_BYTES];
    snprintf(line, sizeof line, "cd '%s' && mv begne-1 x && mv bebru-1 begne-1 && mv x bebru-1",
             forger->dir);
    CHECK(system(line) == 0);
}

static void strange_feed(struct forger *forger)
{
    char line[2 * FORGER_PATH_BYTES];
    snprintf(line, sizeof line, "cd '%s' && cp -r begne-1 nobody-1", forger->dir);
    CHECK(system(line) == 0);
}

static void bogus_proof(struct forger *forger)
{
    forger_write(forger, "proofs/made-up", "fork proof\n", 11);
}

/* ---- records, without keys ---- */

static void remove_first_ban(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    forged_feed_remove(feed, forged_feed_find(feed, P2P_KIND_BAN_IMPOSE));
}

static void record_removed(struct forger *forger)
{
    forge(forger, "beanr-1", remove_first_ban, false);
}

static void remove_last(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    forged_feed_remove(feed, feed->count - 1);
}

static void last_removed(struct forger *forger)
{
    forge(forger, "beanr-1", remove_last, false);
}

static void insert_copy(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    forged_feed_insert(feed, 2, feed->leaves[1], feed->salted[1]);
}

static void record_inserted(struct forger *forger)
{
    forge(forger, "beanr-1", insert_copy, false);
}

static void append_copy(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    forged_feed_put(feed, feed->count, feed->leaves[1], feed->salted[1]);
}

static void record_appended(struct forger *forger)
{
    forge(forger, "beanr-1", append_copy, false);
}

static void swap_records(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    struct p2p_slice leaf = feed->leaves[1];
    feed->leaves[1] = feed->leaves[2];
    feed->leaves[2] = leaf;
}

static void records_swapped(struct forger *forger)
{
    forge(forger, "beanr-1", swap_records, false);
}

static void backdate_ban(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_record_id cites[4];
    struct p2p_draft draft;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    forged_feed_draft(feed, at, &draft, cites, 4);
    draft.time_ms -= UINT64_C(86400000) * 30;
    forged_feed_write(forger, feed, at, &draft, "beanr-pso");
}

static void record_backdated(struct forger *forger)
{
    forge(forger, "beanr-1", backdate_ban, false);
}

static void bundle_of_other(struct forger *forger)
{
    struct forged_feed from;
    struct forged_feed to;
    forged_feed_load(forger, &from, "bebru-1");
    forged_feed_load(forger, &to, "belgg-1");
    forged_feed_put(&to, 1, from.leaves[1], from.salted[1]);
    forged_feed_store(forger, &to);
    forged_feed_free(&from);
    forged_feed_free(&to);
}

/* ---- payloads ---- */

static size_t first_held(const struct forged_feed *feed, size_t from)
{
    for (size_t i = from; i < feed->count; i++) {
        if (feed->salted[i].len > 0) {
            return i;
        }
    }
    CHECK(false);
    return 0;
}

static void swap_payloads(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t a = first_held(feed, 0);
    size_t b = first_held(feed, a + 1);
    struct p2p_slice salted = feed->salted[a];
    feed->salted[a] = feed->salted[b];
    feed->salted[b] = salted;
}

static void payloads_swapped(struct forger *forger)
{
    forge(forger, "beanr-1", swap_payloads, false);
}

/* What stands in the national circle, under a decision of the member's own. */
static void copy_to_circle(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t ban = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    size_t decision = forged_feed_find(feed, P2P_KIND_DECISIONS);
    forged_feed_put(feed, decision, feed->leaves[decision], feed->salted[ban]);
}

static void payload_to_other_circle(struct forger *forger)
{
    forge(forger, "beanr-1", copy_to_circle, false);
}

static void drop_payload(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    forged_feed_put(feed, at, feed->leaves[at], (struct p2p_slice){0});
}

static void payload_removed(struct forger *forger)
{
    forge(forger, "beanr-1", drop_payload, false);
}

static void announce(struct forger *forger, const char *word)
{
    static char range[128];
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    size_t at = forged_feed_find(&feed, P2P_KIND_BAN_IMPOSE);
    snprintf(range, sizeof range, "%s beanr-1 %u %zu %zu", word, circle_of(forger, "national"),
             at, at);
    announced = range;
    forged_feed_free(&feed);
    forge(forger, "beanr-1", drop_payload, false);
}

static void payload_announced_withheld(struct forger *forger)
{
    announce(forger, "withheld");
}

static void payload_announced_erased(struct forger *forger)
{
    announce(forger, "erased");
}

static void payload_announced_missing(struct forger *forger)
{
    announce(forger, "missing");
}

/* ---- cosignatures ---- */

/* The first cosignature line of a note, with its LF. */
static void line_of(struct forger *forger, const char *path, const char *name, char out[1024])
{
    size_t len = 0;
    char *text = (char *)forger_read(forger, path, &len);
    char *begin = strstr(text, name);
    CHECK(begin != NULL);
    while (begin > text && begin[-1] != '\n') {
        begin--;
    }
    snprintf(out, 1024, "%.*s\n", (int)strcspn(begin, "\n"), begin);
    free(text);
}

static void cosignature_moved(struct forger *forger)
{
    char from[1024];
    char to[1024];
    line_of(forger, "bezee-1/checkpoint", "/begne/w1 ", from);
    line_of(forger, "beanr-1/checkpoint", "/begne/w1 ", to);
    forger_replace(forger, "beanr-1/checkpoint", to, from);
}

static void cosignature_twice(struct forger *forger)
{
    char line[1024];
    char twice[2048];
    line_of(forger, "beanr-1/checkpoint", "/begne/w1 ", line);
    snprintf(twice, sizeof twice, "%s%s", line, line);
    forger_replace(forger, "beanr-1/checkpoint", line, twice);
}

static void cosignature_renamed(struct forger *forger)
{
    forger_replace(forger, "beanr-1/checkpoint", "/begne/w1 ", "/begna/w1 ");
}

static void cosignatures_removed(struct forger *forger)
{
    static const char *const names[] = {"/bezee/w1 ", "/begne/w1 ", "/beost/w1 ", "/belgg/w1 "};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char line[1024];
        size_t len = 0;
        char *text = (char *)forger_read(forger, "beanr-1/checkpoint", &len);
        bool there = strstr(text, names[i]) != NULL;
        free(text);
        if (there) {
            line_of(forger, "beanr-1/checkpoint", names[i], line);
            forger_replace(forger, "beanr-1/checkpoint", line, "");
        }
    }
}

static void root_cosigns_feed(struct forger *forger)
{
    char line[1024];
    char last[1024];
    char both[2048];
    line_of(forger, "charter-1/checkpoint", "/root/", line);
    line_of(forger, "beanr-1/checkpoint", "/begne/w1 ", last);
    snprintf(both, sizeof both, "%s%s", last, line);
    forger_replace(forger, "beanr-1/checkpoint", last, both);
}

static void log_line_of_other(struct forger *forger)
{
    char from[1024];
    char to[1024];
    line_of(forger, "bezee-1/checkpoint", "/bezee/1 ", from);
    line_of(forger, "beanr-1/checkpoint", "/beanr/1 ", to);
    forger_replace(forger, "beanr-1/checkpoint", to, from);
}

/* A smaller head, cosigned later than the larger one. */
static void cosigned_backwards(struct forger *forger)
{
    static const char *const names[] = {"begne", NULL};
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    forged_feed_sign(forger, &feed, 3, "beanr-1/checkpoints/003", names, now_s(&feed) + 3600);
    forged_feed_free(&feed);
}

/* ---- with the feed's own key ---- */

static void truncated(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "bezee-1");
    uint64_t time_s = now_s(&feed);
    while (feed.count > 4) {
        forged_feed_remove(&feed, feed.count - 1);
    }
    forged_feed_store(forger, &feed);
    forged_feed_sign(forger, &feed, feed.count, NULL, NULL, time_s);
    forged_feed_free(&feed);
}

static void rewrite_ban(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_record_id cites[4];
    struct p2p_draft draft;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    forged_feed_draft(feed, at, &draft, cites, 4);
    draft.time_ms += 1;
    forged_feed_write(forger, feed, at, &draft, "beanr-pso");
}

static void rewritten(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    rewrite_ban(forger, &feed);
    forged_feed_store(forger, &feed);
    forged_feed_sign(forger, &feed, feed.count, NULL, NULL, 0);
    forged_feed_free(&feed);
}

/* A head over another history, beside the true one. */
static void tiny_fork(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    rewrite_ban(forger, &feed);
    forged_feed_sign(forger, &feed, feed.count - 1, "beanr-1/checkpoints/fork", NULL, 0);
    char name[64];
    snprintf(name, sizeof name, "beanr-1/checkpoints/%03zu", feed.count - 1);
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, "beanr-1/checkpoints/fork", &len);
    forger_write(forger, name, bytes, len);
    forger_remove(forger, "beanr-1/checkpoints/fork");
    free(bytes);
    forged_feed_free(&feed);
}

/* ---- with everybody's key: integrity holds, what is said does not ---- */

static void ahead_of_time(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_draft draft = {.kind = P2P_KIND_NOTE, .time_ms = SECOND_2050 * 1000};
    uint8_t bytes[64];
    struct p2p_pack pack;
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "text");
    p2p_pack_text(&pack, "x");
    draft.content = p2p_writer_slice(&pack.out);
    forged_feed_write(forger, feed, feed->count, &draft, NULL);
}

static void clock_2050(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    uint64_t time_s = now_s(&feed);
    ahead_of_time(forger, &feed);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, time_s);
    forged_feed_free(&feed);
}

/* Bytes of the first decision's payload, changed; the record commits to them. */
static void change_decision(struct forger *forger, const char *old, size_t old_len,
                            const char *new, size_t new_len)
{
    struct forged_feed feed;
    struct p2p_record_id cites[4];
    struct p2p_draft draft;
    uint8_t payload[4096];
    forged_feed_load(forger, &feed, "beanr-1");
    size_t at = forged_feed_find(&feed, P2P_KIND_DECISIONS);
    forged_feed_draft(&feed, at, &draft, cites, 4);
    CHECK(draft.payload.len + new_len < sizeof payload);
    const uint8_t *place = memmem(draft.payload.data, draft.payload.len, old, old_len);
    CHECK(place != NULL);
    size_t before = (size_t)(place - draft.payload.data);
    memcpy(payload, draft.payload.data, before);
    memcpy(payload + before, new, new_len);
    memcpy(payload + before + new_len, place + old_len, draft.payload.len - before - old_len);
    draft.payload = p2p_slice_of(payload, draft.payload.len - old_len + new_len);
    forged_feed_write(forger, &feed, at, &draft, NULL);
    uint64_t time_s = now_s(&feed);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, time_s);
    forged_feed_free(&feed);
}

static void decision_contradicts(struct forger *forger)
{
    change_decision(forger, "\xa6refuse", 7,
                    "\xa5"
                    "allow",
                    6);
}

static void decision_without_reasons(struct forger *forger)
{
    change_decision(forger, "banned", 6, "bunned", 6);
}

static void decision_malformed(struct forger *forger)
{
    change_decision(forger, "refuse", 6, "rebuse", 6);
}

static void decision_at_other_purpose(struct forger *forger)
{
    change_decision(forger,
                    "\xa4"
                    "call",
                    5,
                    "\xa4"
                    "work",
                    5);
}

static void decision_2050(struct forger *forger)
{
    struct forged_feed feed;
    struct p2p_record_id cites[4];
    struct p2p_draft draft;
    forged_feed_load(forger, &feed, "beanr-1");
    forged_feed_draft(&feed, forged_feed_find(&feed, P2P_KIND_DECISIONS), &draft, cites, 4);
    const uint8_t *place = memmem(draft.payload.data, draft.payload.len, "\xa4time\xcf", 6);
    CHECK(place != NULL);
    char old[14];
    char new[14];
    memcpy(old, place, sizeof old);
    memcpy(new, place, sizeof new);
    for (unsigned i = 0; i < 8; i++) {
        new[6 + i] = (char)(SECOND_2050 * 1000 >> (8 * (7 - i)));
    }
    change_decision(forger, old, sizeof old, new, sizeof new);
    forged_feed_free(&feed);
}

/* {"feeds": [[of, size, root]]} */
static void append_seen(struct forger *forger, struct forged_feed *feed, const char *of,
                        uint64_t size, const struct p2p_hash *root)
{
    uint8_t bytes[256];
    struct p2p_pack pack;
    const struct p2p_feed_info *info =
        p2p_charter_feed_named(forger->charter, p2p_slice_text(of));
    CHECK(info != NULL);
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "feeds");
    p2p_pack_array(&pack, 1);
    p2p_pack_array(&pack, 3);
    p2p_pack_uint(&pack, info->number);
    p2p_pack_uint(&pack, size);
    p2p_pack_bin(&pack, root->bytes, P2P_HASH_BYTES);
    append_own(forger, feed, P2P_KIND_SEEN, p2p_writer_slice(&pack.out));
}

static struct p2p_hash root_of(struct forger *forger, const char *dir, size_t size)
{
    struct forged_feed feed;
    struct p2p_edge edge;
    forged_feed_load(forger, &feed, dir);
    p2p_edge_init(&edge);
    for (size_t i = 0; i < size; i++) {
        struct p2p_hash hash = p2p_leaf_hash(feed.leaves[i]);
        p2p_edge_append(&edge, &hash, NULL);
    }
    forged_feed_free(&feed);
    return p2p_edge_root(&edge);
}

static void see_falsely(struct forger *forger, struct forged_feed *feed)
{
    const struct p2p_hash root = {{1}};
    append_seen(forger, feed, "begne/1", 3, &root);
}

static void false_seen(struct forger *forger)
{
    forge(forger, "beanr-1", see_falsely, true);
}

static void see_less(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_hash root = root_of(forger, "begne-1", 1);
    append_seen(forger, feed, "begne/1", 1, &root);
}

static void shrinking_seen(struct forger *forger)
{
    forge(forger, "beanr-1", see_less, true);
}

static void see_more(struct forger *forger, struct forged_feed *feed)
{
    const struct p2p_hash root = {{1}};
    append_seen(forger, feed, "begne/1", 1000, &root);
}

static void seen_beyond(struct forger *forger)
{
    forge(forger, "beanr-1", see_more, true);
}

/* begne cosigns a record of beanr's, then its own head, then decides as if it had not. */
static void understated(struct forger *forger)
{
    struct forged_feed feed;
    forge(forger, "beanr-1", append_copy, true);
    forger_seal(forger, NULL); /* it is read again */
    forged_feed_load(forger, &feed, "beanr-1");
    uint64_t time_s = now_s(&feed);
    forged_feed_free(&feed);
    forged_feed_load(forger, &feed, "begne-1");
    time_s = now_s(&feed) > time_s ? now_s(&feed) : time_s;
    char path[64];
    snprintf(path, sizeof path, "begne-1/checkpoints/%03zu", feed.count);
    static const char *const own[] = {"begne", NULL};
    forged_feed_sign(forger, &feed, feed.count, path, own, time_s + 60);
    size_t at = forged_feed_find(&feed, P2P_KIND_DECISIONS);
    forged_feed_put(&feed, feed.count, feed.leaves[at], feed.salted[at]);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, time_s + 61);
    forged_feed_free(&feed);
}

static void no_address(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    uint64_t time_s = now_s(&feed);
    forged_feed_remove(&feed, 0);
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, time_s);
    forged_feed_free(&feed);
}

static void append_unknown(struct forger *forger, struct forged_feed *feed)
{
    const uint8_t empty_map = 0x80;
    append_own(forger, feed, 4000, p2p_slice_of(&empty_map, 1));
}

static void unknown_kind(struct forger *forger)
{
    forge(forger, "beanr-1", append_unknown, true);
}

static void append_bad_address(struct forger *forger, struct forged_feed *feed)
{
    const uint8_t empty_map = 0x80;
    append_own(forger, feed, P2P_KIND_ADDRESS, p2p_slice_of(&empty_map, 1));
}

static void bad_content(struct forger *forger)
{
    forge(forger, "beanr-1", append_bad_address, true);
}

static void append_node_ban(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, 0, 0, NULL);
}

static void ban_by_node(struct forger *forger)
{
    forge(forger, "beanr-1", append_node_ban, true);
}

/* ---- state commitments ---- */

/* Digest of a frontier in which every feed of the archive stands whole. */
static struct p2p_hash whole_frontier(struct forger *forger, struct forged_feed *but)
{
    static const char *const dirs[] = {"beanr-1", "bebru-1", "begne-1",   "belgg-1",
                                       "beost-1", "bezee-1", "charter-1", "commission-1"};
    char text[4096];
    size_t len = 0;
    for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
        char root_text[P2P_BASE64_BYTES(P2P_HASH_BYTES)];
        struct forged_feed feed = *but;
        bool own = strcmp(dirs[i], but->dir) == 0;
        struct p2p_edge edge;
        if (!own) {
            forged_feed_load(forger, &feed, dirs[i]);
        }
        p2p_edge_init(&edge);
        for (size_t j = 0; j < feed.count; j++) {
            struct p2p_hash hash = p2p_leaf_hash(feed.leaves[j]);
            p2p_edge_append(&edge, &hash, NULL);
        }
        struct p2p_hash root = p2p_edge_root(&edge);
        p2p_base64_encode(root_text, root.bytes, P2P_HASH_BYTES);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s/1 %zu %s\n", feed.member,
                                feed.count, root_text);
        if (!own) {
            append_seen(forger, but,
                        feed.dir[0] == 'c' && feed.dir[1] == 'h'
                            ? "charter/1"
                            : feed.info->origin + strlen("sandbox.example/"),
                        feed.count, &root);
            forged_feed_free(&feed);
        }
    }
    return p2p_sha256(p2p_slice_of(text, len));
}

static void append_state(struct forger *forger, struct forged_feed *feed, bool right_frontier,
                         bool right_leaves)
{
    static const char use[] = "port2port/v1/leaves";
    uint8_t bytes[256];
    struct p2p_pack pack;
    struct p2p_lthash none;
    p2p_lthash_init(&none);
    (void)whole_frontier(forger, feed); /* appends what it has seen, */
    size_t count = feed->count;
    struct p2p_hash frontier = whole_frontier(forger, feed); /* of a feed with that in it */
    while (feed->count > count) {
        forged_feed_remove(feed, feed->count - 1);
    }
    struct p2p_hash verdicts = p2p_lthash_digest(&none);
    const struct p2p_slice parts[] = {p2p_slice_of(use, sizeof use),
                                      p2p_slice_of(frontier.bytes, P2P_HASH_BYTES),
                                      p2p_slice_of(verdicts.bytes, P2P_HASH_BYTES)};
    struct p2p_hash leaves = p2p_sha256_many(parts, 3);
    frontier.bytes[0] ^= right_frontier ? 0 : 1;
    leaves.bytes[0] ^= right_leaves ? 0 : 1;
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 3);
    p2p_pack_text(&pack, "frontier");
    p2p_pack_bin(&pack, frontier.bytes, P2P_HASH_BYTES);
    p2p_pack_text(&pack, "leaves");
    p2p_pack_bin(&pack, leaves.bytes, P2P_HASH_BYTES);
    p2p_pack_text(&pack, "views");
    p2p_pack_array(&pack, 0);
    append_own(forger, feed, P2P_KIND_STATE, p2p_writer_slice(&pack.out));
}

static void state_of_lies(struct forger *forger, struct forged_feed *feed)
{
    append_state(forger, feed, true, false);
}

static void state_differs(struct forger *forger)
{
    forge(forger, "beanr-1", state_of_lies, true);
}

static void state_elsewhere(struct forger *forger, struct forged_feed *feed)
{
    append_state(forger, feed, false, true);
}

static void state_frontier(struct forger *forger)
{
    forge(forger, "beanr-1", state_elsewhere, true);
}

static void state_of_truth(struct forger *forger, struct forged_feed *feed)
{
    append_state(forger, feed, true, true);
}

static void state_right(struct forger *forger)
{
    forge(forger, "beanr-1", state_of_truth, true);
}

/* ---- issuers ---- */

static void ban_after_cut(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, issuer_of(forger, "beost-pso2"), 90000, "beost-pso2");
}

static void stolen_key(struct forger *forger)
{
    forge(forger, "beost-1", ban_after_cut, true);
}

static void copy_ban(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    forged_feed_put(feed, feed->count, feed->leaves[at], feed->salted[at]);
}

static void copied_forward(struct forger *forger)
{
    forge(forger, "beanr-1", copy_ban, true);
}

static void reuse_number(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_record record;
    CHECK_OK(
        p2p_record_decode(&record, feed->leaves[forged_feed_find(feed, P2P_KIND_BAN_IMPOSE)]));
    append_ban(forger, feed, NULL, record.issuer, record.issuer_seq, "beanr-pso");
}

static void number_reused(struct forger *forger)
{
    forge(forger, "beanr-1", reuse_number, true);
}

static void ban_without_grant(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, issuer_of(forger, "beanr-carrier"), 90000, "beanr-carrier");
}

static void no_grant(struct forger *forger)
{
    forge(forger, "beanr-1", ban_without_grant, true);
}

static void ban_of_other_member(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, issuer_of(forger, "bezee-pso"), 90000, "bezee-pso");
}

static void issuer_of_other(struct forger *forger)
{
    forge(forger, "beanr-1", ban_of_other_member, true);
}

static void ban_by_nobody(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, 60000, 90000, "beanr-pso");
}

static void issuer_unknown(struct forger *forger)
{
    forge(forger, "beanr-1", ban_by_nobody, true);
}

static void ban_by_wrong_key(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, issuer_of(forger, "beanr-pso"), 90000, "beanr-pso2");
}

static void wrong_key(struct forger *forger)
{
    forge(forger, "beanr-1", ban_by_wrong_key, true);
}

static void flip_issuer_signature(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    ((uint8_t *)(uintptr_t)feed->leaves[at].data)[feed->leaves[at].len - 1] ^= 1;
}

static void issuer_signature_flipped(struct forger *forger)
{
    forge(forger, "beanr-1", flip_issuer_signature, true);
}

static void lift_at(struct forger *forger, struct forged_feed *feed, size_t cited,
                    struct p2p_slice content)
{
    const struct p2p_record_id cite = {feed->info->number, cited};
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_LIFT,
                              .time_ms = now_s(feed) * 1000,
                              .circle = circle_of(forger, "national"),
                              .issuer = issuer_of(forger, "beanr-pso"),
                              .issuer_seq = 90000,
                              .cites = &cite,
                              .cite_count = 1,
                              .payload = content};
    memcpy(draft.salt, SALT, P2P_SALT_BYTES);
    forged_feed_write(forger, feed, feed->count, &draft, "beanr-pso");
}

static struct p2p_slice lift_payload(void)
{
    static uint8_t bytes[64];
    struct p2p_pack pack;
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "reason");
    p2p_pack_text(&pack, "x");
    return p2p_writer_slice(&pack.out);
}

static void lift_nothing(struct forger *forger, struct forged_feed *feed)
{
    lift_at(forger, feed, 5000, lift_payload());
}

static void cites_nothing(struct forger *forger)
{
    forge(forger, "beanr-1", lift_nothing, true);
}

static void lift_an_address(struct forger *forger, struct forged_feed *feed)
{
    lift_at(forger, feed, 0, lift_payload());
}

static void bad_citation(struct forger *forger)
{
    forge(forger, "beanr-1", lift_an_address, true);
}

static void lift_without_words(struct forger *forger, struct forged_feed *feed)
{
    const uint8_t empty_map = 0x80;
    lift_at(forger, feed, forged_feed_find(feed, P2P_KIND_BAN_IMPOSE),
            p2p_slice_of(&empty_map, 1));
}

static void bad_payload(struct forger *forger)
{
    forge(forger, "beanr-1", lift_without_words, true);
}

/* ---- trust and charter ---- */

static void write_trust(const char *old, const char *new)
{
    char *text = NULL;
    size_t len = 0;
    char from[FORGER_PATH_BYTES];
    char message[512];
    struct forger at = {0};
    snprintf(from, sizeof from, "%s/trust", sandbox_dir);
    CHECK_OK(p2p_file_read(from, 65536, &text, &len, message, sizeof message));
    snprintf(trust_path, sizeof trust_path, "%s/trust", work_dir);
    snprintf(at.dir, sizeof at.dir, "%s", work_dir);
    forger_write(&at, "trust", text, len);
    forger_replace(&at, "trust", old, new);
    free(text);
}

static void trust_threshold(struct forger *forger)
{
    (void)forger;
    write_trust("group roots 2", "group roots 1");
}

static void trust_line_removed(struct forger *forger)
{
    (void)forger;
    write_trust("group roots 2 root-1 root-2 root-3", "group roots 2 root-1 root-2");
}

static void trust_malformed(struct forger *forger)
{
    (void)forger;
    write_trust("group roots 2", "group roots 9");
}

static void trust_nobody(struct forger *forger)
{
    (void)forger;
    write_trust("quorum roots", "quorum none");
}

/* Another log's key, well formed: a witness line's key as a log of that name would have it. */
static void trust_other_log(struct forger *forger)
{
    struct p2p_vkey vkey;
    char text[P2P_VKEY_BYTES_MAX];
    char old[P2P_VKEY_BYTES_MAX];
    const struct p2p_feed_info *charter = p2p_charter_feed(forger->charter, 0);
    const struct p2p_feed_info *feed =
        p2p_charter_feed_named(forger->charter, p2p_slice_text("beanr/1"));
    p2p_vkey_init(&vkey, p2p_slice_text(charter->origin), P2P_NOTE_ED25519, charter->key.bytes);
    p2p_vkey_format(&vkey, old);
    p2p_vkey_init(&vkey, p2p_slice_text(charter->origin), P2P_NOTE_ED25519, feed->key.bytes);
    p2p_vkey_format(&vkey, text);
    write_trust(old, text);
}

/* Roots that nobody knows: members' witness keys in their place. */
static void trust_other_root(struct forger *forger)
{
    char text[P2P_VKEY_BYTES_MAX];
    char old[P2P_VKEY_BYTES_MAX];
    char name[P2P_ROOT_NAME_BYTES_MAX + 1];
    struct p2p_vkey vkey;
    struct p2p_root_public other;
    const struct p2p_root_public *root = &p2p_charter_roots(forger->charter)[2];
    memcpy(other.bytes, p2p_charter_member(forger->charter, 1)->witness_key.bytes,
           P2P_PUBLIC_BYTES);
    size_t len = p2p_root_name(name, p2p_charter_federation(forger->charter), root);
    p2p_vkey_init(&vkey, p2p_slice_of(name, len), P2P_NOTE_COSIGNATURE, root->bytes);
    p2p_vkey_format(&vkey, old);
    len = p2p_root_name(name, p2p_charter_federation(forger->charter), &other);
    p2p_vkey_init(&vkey, p2p_slice_of(name, len), P2P_NOTE_COSIGNATURE, other.bytes);
    p2p_vkey_format(&vkey, text);
    write_trust(old, text);
}

static void trust_inside(struct forger *forger)
{
    write_trust("quorum roots", "quorum roots");
    snprintf(trust_path, sizeof trust_path, "%s/trust", forger->dir);
    char line[4 * FORGER_PATH_BYTES];
    snprintf(line, sizeof line, "mv '%s/trust' '%s/trust'", work_dir, forger->dir);
    CHECK(system(line) == 0);
}

/* One root's line gone from the newest head: below the threshold. */
static void forged_charter_head(struct forger *forger)
{
    char line[1024];
    line_of(forger, "charter-1/checkpoint", "/root/", line);
    forger_replace(forger, "charter-1/checkpoint", line, "");
}

/* A new entry, under the head of the version before it. */
static void charter_extended(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "charter-1");
    forged_feed_put(&feed, feed.count, feed.leaves[feed.count - 1], (struct p2p_slice){0});
    forged_feed_store(forger, &feed);
    forged_feed_free(&feed);
}

/* The other archive is the true one. */
static void other_history(struct forger *forger)
{
    rewritten(forger);
}

static void nothing(struct forger *forger)
{
    (void)forger;
}

#define DUE(code)  .due = P2P_FINDING_##code
#define SOUND      .due = P2P_FINDING_COUNT
#define REFUSES(e) .due = P2P_FINDING_COUNT, .err = P2P_##e

static const struct fraud FRAUDS[] = {
    {"nothing at all", nothing, SOUND},
    {"nothing at all, two archives", nothing, SOUND, .with_other = true},
    /* bytes */
    {"a record's byte, the manifest as it was", flip_record_stale, DUE(FILE_DIFFERS)},
    {"a record's byte", flip_record, DUE(BAD_ROOT)},
    {"a record's first byte", flip_structure, DUE(RECORD_MALFORMED)},
    {"a length in a bundle", flip_length, DUE(BUNDLE_MALFORMED)},
    {"a tile's byte", flip_tile, DUE(BAD_TILE)},
    {"a byte of the charter's tile", flip_tile_charter, DUE(BAD_TILE)},
    {"a payload's byte", flip_payload, DUE(BAD_COMMITMENT)},
    {"a salt's byte", flip_salt, DUE(BAD_COMMITMENT)},
    {"a length in a payload bundle", flip_payload_length, DUE(BAD_COMMITMENT)},
    {"a place in a payload bundle", flip_payload_place, DUE(PAYLOAD_MISSING)},
    {"a byte of a charter entry", flip_charter_entry, DUE(CHARTER_BROKEN)},
    {"a byte of the charter's newest head", flip_charter_note, DUE(CHARTER_BROKEN)},
    {"a hash in the manifest", flip_manifest, DUE(FILE_DIFFERS)},
    {"the manifest's first line", flip_manifest_magic, REFUSES(MALFORMED)},
    {"the manifest's last line end", unsort_manifest, REFUSES(MALFORMED)},
    {"a checkpoint's root", flip_root, DUE(BAD_SIGNATURE)},
    {"a checkpoint's size, no number", flip_size, DUE(NOTE_MALFORMED)},
    {"a checkpoint's size, another", change_size, DUE(BAD_SIGNATURE)},
    {"a checkpoint's origin", flip_origin, DUE(FOREIGN_CHECKPOINT)},
    {"the log's signature", flip_log_signature, DUE(BAD_SIGNATURE)},
    {"a cosignature", flip_cosignature, DUE(BAD_COSIGNATURE)},
    {"a cosignature's time", flip_cosignature_time, DUE(BAD_COSIGNATURE)},
    {"a cosignature's key id", flip_key_id, DUE(UNKNOWN_KEY)},
    {"a checkpoint cut short", cut_note, DUE(NOTE_MALFORMED)},
    {"a line more in a checkpoint", extend_note, DUE(NOTE_MALFORMED)},
    /* files */
    {"a file gone", remove_file_stale, DUE(FILE_MISSING)},
    {"a file more", add_file_stale, DUE(FILE_EXTRA)},
    {"a file longer", grow_file_stale, DUE(FILE_DIFFERS)},
    {"a checkpoint emptied", empty_file, DUE(NOTE_MALFORMED)},
    {"a pipe in a file's place", file_to_pipe, DUE(FILE_MISSING)},
    {"a link in a file's place", file_to_link, DUE(FILE_MISSING)},
    {"a tile gone", remove_tile, DUE(TILE_MISSING)},
    {"a bundle gone", remove_bundle, DUE(RECORDS_MISSING)},
    {"a checkpoint gone", remove_checkpoint, DUE(NO_CHECKPOINT)},
    {"a whole feed gone", remove_feed, DUE(OMITTED)},
    {"the charter gone", remove_charter, DUE(CHARTER_BROKEN)},
    {"a version of the charter gone", remove_charter_version, DUE(CHARTER_BROKEN)},
    {"two feeds under each other's names", swap_feeds, DUE(FOREIGN_CHECKPOINT)},
    {"a feed of nobody", strange_feed, DUE(FEED_UNKNOWN)},
    {"a proof made up", bogus_proof, DUE(BAD_PROOF)},
    /* records, without keys */
    {"a record removed", record_removed, DUE(RECORDS_MISSING)},
    {"the last record removed", last_removed, DUE(RECORDS_MISSING)},
    {"a record inserted", record_inserted, DUE(BAD_ROOT)},
    {"a record appended", record_appended, DUE(RECORDS_UNSIGNED)},
    {"two records reordered", records_swapped, DUE(BAD_ROOT)},
    {"a record backdated", record_backdated, DUE(BAD_ROOT)},
    {"a record out of another feed", bundle_of_other, DUE(BAD_ROOT)},
    /* payloads */
    {"two payloads swapped", payloads_swapped, DUE(BAD_COMMITMENT)},
    {"a payload copied to another circle", payload_to_other_circle, DUE(BAD_COMMITMENT)},
    {"a payload gone in silence", payload_removed, DUE(PAYLOAD_MISSING)},
    {"a payload withheld by who may hold it", payload_announced_withheld, DUE(WITHHELD_OWN)},
    {"a payload said to be erased", payload_announced_erased, DUE(ERASED)},
    {"a payload said to be lost", payload_announced_missing, DUE(LOST)},
    /* cosignatures */
    {"a cosignature moved to another tree", cosignature_moved, DUE(BAD_COSIGNATURE)},
    {"a cosignature twice", cosignature_twice, DUE(REPEATED_KEY)},
    {"a cosignature under another name", cosignature_renamed, DUE(UNKNOWN_KEY)},
    {"cosignatures gone, below the quorum", cosignatures_removed, DUE(UNWITNESSED)},
    {"a root's line under a feed", root_cosigns_feed, DUE(UNKNOWN_KEY)},
    {"another log's line", log_line_of_other, DUE(BAD_SIGNATURE)},
    {"a smaller head cosigned later", cosigned_backwards, DUE(TIME_FALLS)},
    /* with the feed's own key */
    {"truncated, and signed again with its own key", truncated, DUE(OMITTED)},
    {"rewritten, and signed again with its own key", rewritten, DUE(FALSE_SEEN)},
    {"two histories, one in each archive", other_history, DUE(ARCHIVES_DIFFER),
     .with_other = true},
    {"two histories, as a fork of the log", other_history, DUE(FORKED), .with_other = true},
    {"a tiny fork: one head more", tiny_fork, DUE(FORKED)},
    /* with everybody's key */
    {"a clock set to 2050", clock_2050, DUE(RECORD_TIME)},
    {"a decision dated 2050", decision_2050, DUE(DECISION_TIME)},
    {"a decision that contradicts what was known", decision_contradicts, DUE(DECISION_DIFFERS)},
    {"a decision for another purpose", decision_at_other_purpose, DUE(DECISION_DIFFERS)},
    {"a decision with an unknown reason", decision_without_reasons, DUE(DECISION_MALFORMED)},
    {"a decision with an unknown answer", decision_malformed, DUE(DECISION_MALFORMED)},
    {"a `seen` of a root there never was", false_seen, DUE(FALSE_SEEN)},
    {"a `seen` of less than before", shrinking_seen, DUE(SEEN_SHRINKS)},
    {"a `seen` of more than there is", seen_beyond, DUE(OMITTED)},
    {"an understated `seen`", understated, DUE(UNDERSTATED)},
    {"a feed without its address", no_address, DUE(NO_ADDRESS)},
    {"a record of an unknown kind", unknown_kind, DUE(KIND_UNKNOWN)},
    {"an address that is none", bad_content, DUE(BAD_CONTENT)},
    {"a ban by the node itself", ban_by_node, DUE(WRONG_AUTHOR)},
    {"a state commitment to other leaves", state_differs, DUE(STATE_DIFFERS)},
    {"a state commitment at another frontier", state_frontier, DUE(STATE_FRONTIER)},
    {"a state commitment that is right", state_right, SOUND},
    /* issuers */
    {"a stolen officer's key after its cut point", stolen_key, DUE(PAST_CUT)},
    {"an old ban copied forward", copied_forward, DUE(REPEATED_SEQ)},
    {"a number used for two bans", number_reused, DUE(NUMBER_REUSED)},
    {"a ban by who may impose none", no_grant, DUE(NO_GRANT)},
    {"a ban by another member's officer", issuer_of_other, DUE(UNKNOWN_ISSUER)},
    {"a ban by nobody", issuer_unknown, DUE(UNKNOWN_ISSUER)},
    {"a ban signed by another officer's key", wrong_key, DUE(ISSUER_SIGNATURE)},
    {"an officer's signature, flipped, under a good root", issuer_signature_flipped,
     DUE(ISSUER_SIGNATURE)},
    {"a lift of what is not there", cites_nothing, DUE(CITES_NOTHING)},
    {"a lift of an address", bad_citation, DUE(BAD_CITATION)},
    {"a lift without a reason", bad_payload, DUE(BAD_CONTENT)},
    /* trust and charter */
    {"a trust file with another threshold", trust_threshold, DUE(TRUST_DIFFERS)},
    {"a trust file with a root less", trust_line_removed, DUE(TRUST_DIFFERS)},
    {"a trust file with another root", trust_other_root, DUE(TRUST_DIFFERS)},
    {"a trust file with another log key", trust_other_log, DUE(CHARTER_UNTRUSTED)},
    {"a trust file with a threshold beyond its roots", trust_malformed, REFUSES(USAGE)},
    {"a trust file that trusts nobody", trust_nobody, REFUSES(USAGE)},
    {"a trust file inside the archive", trust_inside, REFUSES(USAGE)},
    {"a forged charter head, by one root too few", forged_charter_head, DUE(CHARTER_BROKEN)},
    {"a charter entry nobody signed", charter_extended, DUE(CHARTER_BROKEN)},
};

/* ---- running ---- */

static bool has(const struct p2p_findings *findings, enum p2p_finding_code code)
{
    for (size_t i = 0; i < p2p_findings_size(findings); i++) {
        if (p2p_findings_get(findings, i)->code == code) {
            return true;
        }
    }
    return false;
}

static void print(const struct p2p_findings *findings)
{
    for (size_t i = 0; i < p2p_findings_size(findings); i++) {
        const struct p2p_finding *finding = p2p_findings_get(findings, i);
        printf("        %s %s %s:%llu %s\n",
               p2p_severity_word(p2p_finding_severity(finding->code)),
               p2p_finding_word(finding->code), finding->feed,
               (unsigned long long)finding->index, finding->text);
    }
}

/* Whether the audit found what was due. */
static bool verify(const struct fraud *fraud, const struct forger *forger)
{
    const char *const dirs[] = {forger->dir, other_dir};
    const struct p2p_audit_options options = {.alloc = p2p_alloc_default(),
                                              .dirs = dirs,
                                              .dir_count = fraud->with_other ? 2 : 1,
                                              .trust_path = trust_path,
                                              .depth = P2P_AUDIT_REPLAY};
    struct p2p_findings *findings = NULL;
    struct p2p_audit *audit = NULL;
    char message[512] = "";
    CHECK_OK(p2p_findings_new(&findings, p2p_alloc_default()));
    enum p2p_err err = p2p_audit_run(&audit, &options, findings, message, sizeof message);
    bool good = err == fraud->err;
    if (good && err == P2P_OK && fraud->due == P2P_FINDING_COUNT) {
        good = p2p_findings_worst(findings) == P2P_SEVERITY_NOTICE;
    } else if (good && err == P2P_OK) {
        good = has(findings, fraud->due) &&
               p2p_findings_worst(findings) >= p2p_finding_severity(fraud->due);
    }
    printf("%s  %-52s %s\n", good ? "ok    " : "NOT SO", fraud->what,
           fraud->err != P2P_OK              ? p2p_err_name(err)
           : fraud->due == P2P_FINDING_COUNT ? "sound"
                                             : p2p_finding_word(fraud->due));
    if (!good) {
        printf("    %s: %s\n", p2p_err_name(err), message);
        print(findings);
    }
    p2p_audit_close(audit);
    p2p_findings_free(findings);
    return good;
}

static bool commit(const struct fraud *fraud)
{
    char dir[FORGER_PATH_BYTES];
    struct forger forger;
    snprintf(dir, sizeof dir, "%s/forged", work_dir);
    snprintf(trust_path, sizeof trust_path, "%s/trust", sandbox_dir);
    announced = NULL;
    stale_manifest = false;
    forger_init(&forger, archive_dir, dir, sandbox_dir);
    fraud->make(&forger);
    if (!stale_manifest) {
        forger_seal(&forger, announced);
    }
    bool good = verify(fraud, &forger);
    forger_deinit(&forger);
    return good;
}

static void test_frauds(void **state)
{
    size_t bad = 0;
    const char *only = getenv("P2P_FRAUD");
    (void)state;
    for (size_t i = 0; i < sizeof(FRAUDS) / sizeof(*FRAUDS); i++) {
        if (only == NULL || strstr(FRAUDS[i].what, only) != NULL) {
            bad += !commit(&FRAUDS[i]);
        }
    }
    printf("%zu cases, %zu not found for what they are\n", sizeof(FRAUDS) / sizeof(*FRAUDS),
           bad);
    CHECK(bad == 0);
}

/* Leaves an archive whose own feed was rewritten and signed again, for a test of the command.
 */
static void leave_rewritten(void **state)
{
    struct forger forger;
    (void)state;
    forger_init(&forger, archive_dir, rewritten_dir, sandbox_dir);
    rewritten(&forger);
    forger_seal(&forger, NULL);
    p2p_charter_free(forger.charter);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_frauds)};
    const struct CMUnitTest one[] = {cmocka_unit_test(leave_rewritten)};
    if (argc != 5 && argc != 6) {
        fputs("tamper ARCHIVE OTHER SANDBOX WORK [REWRITTEN]\n", stderr);
        return 2;
    }
    archive_dir = argv[1];
    other_dir = argv[2];
    sandbox_dir = argv[3];
    work_dir = argv[4];
    rewritten_dir = argv[5]; /* NULL behind the last */
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (p2p_crypto_init() != P2P_OK) {
        return 3;
    }
    return rewritten_dir != NULL ? cmocka_run_group_tests(one, NULL, NULL)
                                 : cmocka_run_group_tests(tests, NULL, NULL);
}
