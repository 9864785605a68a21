#include <p2p/address.h>

#include "kinds.h"
#include "ledger/views.h"

#include <string.h>

enum { KEY_BYTES = 8 + 4 };

static struct p2p_slice row_key(uint8_t out[KEY_BYTES], uint32_t feed)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, KEY_BYTES);
    p2p_writer_text(&key, "address/");
    p2p_writer_u32(&key, feed);
    return p2p_writer_slice(&key);
}

/* Records of one feed come in its order, so the one that comes last is the newest. */
static enum p2p_err keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[8];
    struct p2p_writer out;
    enum p2p_why why;
    enum p2p_err err = p2p_judge(ledger, entry, &why);
    if (err != P2P_OK || why != P2P_WHY_NONE || ledger->undoing) {
        return err;
    }
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u64(&out, entry->id.index);
    return p2p_kv_put(ledger->kv, P2P_TABLE_META, row_key(key, entry->id.feed),
                      p2p_writer_slice(&out));
}

enum p2p_err p2p_address_anew(struct p2p_ledger *ledger, uint32_t number)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice value;
    struct p2p_reader in;
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, number);
    enum p2p_err err = p2p_kv_get(ledger->kv, P2P_TABLE_META, row_key(key, number), &value);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_reader_init(&in, value);
    uint64_t index = p2p_reader_u64(&in);
    if (!p2p_reader_done(&in)) {
        return P2P_CORRUPT;
    }
    if (index < feed->edge.size) {
        return P2P_OK;
    }
    err = p2p_kv_del(ledger->kv, P2P_TABLE_META, row_key(key, number));
    struct p2p_scratch scratch;
    bool found = false;
    p2p_scratch_begin(&scratch, ledger);
    for (uint64_t i = feed->edge.size; i > 0 && err == P2P_OK && !found; i--) {
        struct p2p_entry entry;
        const struct p2p_record_id id = {number, i - 1};
        err = p2p_ledger_entry(ledger, &id, &entry);
        if (err == P2P_OK && entry.record.kind == P2P_KIND_ADDRESS) {
            err = keys(ledger, &entry);
            found =
                p2p_kv_get(ledger->kv, P2P_TABLE_META, row_key(key, number), &value) == P2P_OK;
        }
        p2p_scratch_reset(&scratch);
    }
    p2p_scratch_end(&scratch, ledger);
    return err;
}

enum p2p_err p2p_address_newest(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                uint32_t feed, struct p2p_slice *content)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice value;
    struct p2p_reader in;
    struct p2p_record record;
    const struct p2p_feed *held = p2p_ledger_feed(ledger, feed);
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_META, row_key(key, feed), &value);
    if (err != P2P_OK || held == NULL) {
        return err == P2P_OK || err == P2P_CORRUPT ? P2P_NOTFOUND : err;
    }
    p2p_reader_init(&in, value);
    uint64_t index = p2p_reader_u64(&in);
    err = p2p_reader_done(&in) ? p2p_feed_leaf(held, kv, index, &value) : P2P_NOTFOUND;
    if (err == P2P_OK) {
        err = p2p_record_peek(&record, value);
    }
    if (err == P2P_OK && record.kind != P2P_KIND_ADDRESS) {
        err = P2P_NOTFOUND; /* a bit of the row leads to another record */
    }
    if (err == P2P_OK && record.body_type != P2P_BODY_PUBLIC) {
        err = P2P_CORRUPT;
    }
    if (err == P2P_OK) {
        *content = record.content;
    }
    return err;
}

/* Nobody can be reached at the unspecified address. */
static bool can_be_dialled(struct p2p_slice address)
{
    static const char *const nowhere[] = {"0.0.0.0:", "[::]:"};
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        size_t len = strlen(nowhere[i]);
        if (address.len >= len && memcmp(address.data, nowhere[i], len) == 0) {
            return false;
        }
    }
    return address.len > 0;
}

struct p2p_slice p2p_address_peers(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                   uint32_t feed)
{
    struct p2p_slice content;
    struct p2p_unpack in;
    if (p2p_address_newest(ledger, kv, feed, &content) != P2P_OK ||
        !p2p_unpack_find(content, "peers", &in)) {
        return (struct p2p_slice){0};
    }
    struct p2p_slice address = p2p_unpack_str(&in);
    return can_be_dialled(address) ? address : (struct p2p_slice){0};
}

static const struct p2p_field fields[] = {
    {"peers", P2P_FIELD_TEXT, 255, true, P2P_TLP_GREEN},
    {"people", P2P_FIELD_TEXT, 255, false, P2P_TLP_GREEN},
};
const struct p2p_kind p2p_kind_address = {
    .number = P2P_KIND_ADDRESS,
    .word = "address",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(fields),
    .keys = keys,
};
