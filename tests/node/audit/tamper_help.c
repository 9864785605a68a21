/* What several sorts of damage need. */
#include "tamper.h"

uint64_t now_s(const struct forged_feed *feed)
{
    struct p2p_record record;
    CHECK_OK(p2p_record_decode(&record, feed->leaves[feed->count - 1]));
    return record.time_ms / 1000 + 5;
}

void bundle_path(char out[P2P_ARCHIVE_PATH_BYTES_MAX], struct forger *forger,
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
void forge(struct forger *forger, const char *dir,
           void (*change)(struct forger *forger, struct forged_feed *feed), bool everybody)
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

uint32_t issuer_of(const struct forger *forger, const char *name)
{
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(forger->charter, p2p_slice_text(name));
    CHECK(issuer != NULL);
    return issuer->number;
}

uint32_t circle_of(const struct forger *forger, const char *name)
{
    const struct p2p_circle *circle =
        p2p_charter_circle_named(forger->charter, p2p_slice_text(name));
    CHECK(circle != NULL);
    return circle->number;
}

/* A public record of the node itself at the end. */
void append_own(struct forger *forger, struct forged_feed *feed, uint32_t kind,
                struct p2p_slice content)
{
    struct p2p_draft draft = {.kind = kind, .time_ms = now_s(feed) * 1000, .content = content};
    forged_feed_write(forger, feed, feed->count, &draft, NULL);
}

/* The first ban of the feed once more, as somebody else, at the end. */
void append_ban(struct forger *forger, struct forged_feed *feed, const char *issuer,
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

void append_copy(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    forged_feed_put(feed, feed->count, feed->leaves[1], feed->salted[1]);
}

/* The first cosignature line of a note, with its LF. */
void line_of(struct forger *forger, const char *path, const char *name, char out[1024])
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

/* {"feeds": [[of, size, root]]} */
void append_seen(struct forger *forger, struct forged_feed *feed, const char *of, uint64_t size,
                 const struct p2p_hash *root)
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
