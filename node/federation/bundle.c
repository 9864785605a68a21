#include <p2p/bundle.h>

#include "json_field.h"

#include <p2p/assert.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ----------------------------------------------------------------------------- */

struct reading {
    const char *name;
    char *message;
    size_t message_cap;
    struct p2p_charter *charter;
};

static enum p2p_err malformed(const struct reading *in, const char *what)
{
    snprintf(in->message, in->message_cap, "%s is not a federation file (%s); fetch it again",
             in->name, what);
    return P2P_MALFORMED;
}

static enum p2p_err entry_take(const struct reading *in, const json_t *entry, uint64_t index,
                               enum p2p_err expected)
{
    char reason[P2P_REASON_BYTES];
    uint8_t *leaf = NULL;
    size_t leaf_len = 0;
    const char *note = json_field_text(entry, "checkpoint");
    enum p2p_err err =
        json_field_bytes(entry, "record", P2P_RECORD_BYTES_MAX, &leaf, &leaf_len);
    if (err == P2P_NOMEM) {
        return err;
    }
    if (err != P2P_OK || !note) {
        free(leaf);
        return malformed(in, "an entry lacks its record or checkpoint");
    }
    err = p2p_charter_apply(in->charter, p2p_sigs_ed25519(), index,
                            p2p_slice_of(leaf, leaf_len), p2p_slice_text(note), reason);
    free(leaf);
    if (err == expected) {
        return P2P_OK;
    }
    snprintf(in->message, in->message_cap, "%s, entry %llu: %s", in->name,
             (unsigned long long)index, err == P2P_OK ? "it is no rival" : reason);
    return err == P2P_OK ? P2P_MALFORMED : err;
}

static enum p2p_err entries_take(const struct reading *in, const json_t *entries,
                                 uint64_t first, enum p2p_err expected)
{
    size_t i;
    json_t *entry;
    if (!json_is_array(entries) || json_array_size(entries) == 0) {
        return malformed(in, "it has no entries");
    }
    json_array_foreach(entries, i, entry)
    {
        enum p2p_err err = entry_take(in, entry, first + i, expected);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

/* What the file says of itself, for people who read it, is what its entries say. */
static enum p2p_err words_agree(const struct reading *in, const json_t *root)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    const char *name = json_field_text(root, "federation");
    const char *id = json_field_text(root, "federation_id");
    struct p2p_hash held = p2p_charter_federation_id(in->charter);
    p2p_hex_encode(hex, held.bytes, P2P_HASH_BYTES);
    if (!name || !id || strcmp(name, p2p_charter_federation(in->charter)) != 0 ||
        strcmp(id, hex) != 0) {
        snprintf(in->message, in->message_cap,
                 "%s calls itself by another name or id than its entries do; do not use it",
                 in->name);
        return P2P_MISMATCH;
    }
    return P2P_OK;
}

static enum p2p_err rival_take(const struct reading *in, const json_t *rival)
{
    uint64_t index = 0;
    if (!rival) {
        return P2P_OK;
    }
    if (!json_field_uint(rival, "index", &index)) {
        return malformed(in, "the rival branch has no index");
    }
    return entries_take(in, json_object_get(rival, "entries"), index, P2P_FORKED);
}

enum p2p_err p2p_bundle_parse(struct p2p_charter **out, const char *name, struct p2p_slice json,
                              const struct p2p_hash *federation_id, char *message,
                              size_t message_cap)
{
    json_error_t error;
    struct reading in = {.name = name, .message = message, .message_cap = message_cap};
    json_t *root =
        json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        return malformed(&in, error.text);
    }
    enum p2p_err err = p2p_charter_new(&in.charter, p2p_alloc_default(), federation_id);
    if (err == P2P_OK) {
        err = entries_take(&in, json_object_get(root, "entries"), 0, P2P_OK);
    }
    if (err == P2P_OK) {
        err = words_agree(&in, root);
    }
    if (err == P2P_OK) {
        err = rival_take(&in, json_object_get(root, "rival"));
    }
    if (err == P2P_OK) {
        *out = in.charter;
        in.charter = NULL;
    } else if (err == P2P_NOMEM) {
        snprintf(message, message_cap, "no memory to read %s", name);
    }
    p2p_charter_free(in.charter);
    json_decref(root);
    return err;
}

enum p2p_err p2p_bundle_read(struct p2p_charter **out, const char *path,
                             const struct p2p_hash *federation_id, char *message,
                             size_t message_cap)
{
    char *text = NULL;
    size_t len = 0;
    enum p2p_err err =
        p2p_file_read(path, P2P_BUNDLE_BYTES_MAX, &text, &len, message, message_cap);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_bundle_parse(out, path, p2p_slice_of(text, len), federation_id, message,
                           message_cap);
    free(text);
    return err;
}

/* --- writing ----------------------------------------------------------------------------- */

static bool entry_add(json_t *entries, struct p2p_slice leaf, struct p2p_slice note)
{
    json_t *entry = json_object();
    bool good = entry && json_field_set_bytes(entry, "record", leaf) &&
                json_field_set_slice(entry, "checkpoint", note);
    if (!good) {
        json_decref(entry);
        return false;
    }
    return json_array_append_new(entries, entry) == 0;
}

static bool held_add(json_t *root, const struct p2p_charter *charter)
{
    json_t *entries = json_array();
    bool good = json_object_set_new(root, "entries", entries) == 0;
    for (uint64_t i = 0; good && i < p2p_charter_size(charter); i++) {
        struct p2p_slice leaf, note;
        good = p2p_charter_entry(charter, i, &leaf, &note) == P2P_OK &&
               entry_add(entries, leaf, note);
    }
    return good;
}

static bool rival_add(json_t *root, const struct p2p_charter *charter)
{
    uint64_t first = 0;
    struct p2p_slice leaf, note;
    if (p2p_charter_rival(charter, &first, &leaf, &note) != P2P_OK) {
        return true;
    }
    json_t *rival = json_object(), *entries = json_array();
    bool good = json_object_set_new(root, "rival", rival) == 0;
    good = json_object_set_new(rival, "entries", entries) == 0 && good;
    good = json_object_set_new(rival, "index", json_integer((json_int_t)first)) == 0 && good;
    for (uint64_t i = first; good && i < p2p_charter_rival_size(charter); i++) {
        good = p2p_charter_rival_entry(charter, i, &leaf, &note) == P2P_OK &&
               entry_add(entries, leaf, note);
    }
    return good;
}

enum p2p_err p2p_bundle_format(const struct p2p_charter *charter, char **out, size_t *len)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    struct p2p_hash id = p2p_charter_federation_id(charter);
    json_t *root = json_object();
    p2p_hex_encode(hex, id.bytes, P2P_HASH_BYTES);
    bool good = root &&
                json_field_set_text(root, "federation", p2p_charter_federation(charter)) &&
                json_field_set_text(root, "federation_id", hex) && held_add(root, charter) &&
                rival_add(root, charter);
    char *text = good ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (!text) {
        return P2P_NOMEM;
    }
    *out = text;
    *len = strlen(text);
    return P2P_OK;
}

enum p2p_err p2p_bundle_write(const struct p2p_charter *charter, const char *path,
                              char *message, size_t message_cap)
{
    char *text = NULL;
    size_t len = 0;
    enum p2p_err err = p2p_bundle_format(charter, &text, &len);
    if (err != P2P_OK) {
        snprintf(message, message_cap, "no memory to write %s", path);
        return err;
    }
    err = p2p_file_write(path, p2p_slice_of(text, len), 0644, P2P_FILE_REPLACE, message,
                         message_cap);
    free(text);
    return err;
}

/* --- the trust file ---------------------------------------------------------------------- */

static void trust_roots(struct p2p_writer *out, const struct p2p_charter *charter)
{
    char line[2 * P2P_VKEY_BYTES_MAX], text[P2P_VKEY_BYTES_MAX];
    char name[P2P_ROOT_NAME_BYTES_MAX + 1];
    struct p2p_vkey vkey;
    for (uint32_t i = 0; i < p2p_charter_root_count(charter); i++) {
        const struct p2p_root_public *key = &p2p_charter_roots(charter)[i];
        size_t len = p2p_root_name(name, p2p_charter_federation(charter), key);
        p2p_vkey_init(&vkey, p2p_slice_of(name, len), P2P_NOTE_COSIGNATURE, key->bytes);
        p2p_vkey_format(&vkey, text);
        snprintf(line, sizeof(line), "witness root-%u %s\n", i + 1, text);
        p2p_writer_text(out, line);
    }
    snprintf(line, sizeof(line), "group roots %u", p2p_charter_threshold(charter));
    p2p_writer_text(out, line);
    for (uint32_t i = 0; i < p2p_charter_root_count(charter); i++) {
        snprintf(line, sizeof(line), " root-%u", i + 1);
        p2p_writer_text(out, line);
    }
}

size_t p2p_trust_format(const struct p2p_charter *charter, char out[P2P_TRUST_BYTES_MAX])
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)], text[P2P_VKEY_BYTES_MAX];
    struct p2p_writer writer;
    struct p2p_vkey vkey;
    struct p2p_hash id = p2p_charter_federation_id(charter);
    const struct p2p_feed_info *feed = p2p_charter_feed(charter, P2P_CHARTER_FEED);
    p2p_assert(feed != NULL);
    p2p_hex_encode(hex, id.bytes, P2P_HASH_BYTES);
    p2p_vkey_init(&vkey, p2p_slice_text(feed->origin), P2P_NOTE_ED25519, feed->key.bytes);
    p2p_vkey_format(&vkey, text);
    p2p_writer_init(&writer, out, P2P_TRUST_BYTES_MAX - 1);
    p2p_writer_text(&writer, "# Whom an auditor trusts. Compare the federation id by voice.\n"
                             "# federation ");
    p2p_writer_text(&writer, p2p_charter_federation(charter));
    p2p_writer_text(&writer, "\n# federation_id ");
    p2p_writer_text(&writer, hex);
    p2p_writer_text(&writer, "\nlog ");
    p2p_writer_text(&writer, text);
    p2p_writer_text(&writer, "\n");
    trust_roots(&writer, charter);
    p2p_writer_text(&writer, "\nquorum roots\n");
    p2p_assert(!writer.failed);
    out[writer.len] = '\0';
    return writer.len;
}

enum p2p_err p2p_trust_write(const struct p2p_charter *charter, const char *path, char *message,
                             size_t message_cap)
{
    char text[P2P_TRUST_BYTES_MAX];
    size_t len = p2p_trust_format(charter, text);
    return p2p_file_write(path, p2p_slice_of(text, len), 0644, P2P_FILE_REPLACE, message,
                          message_cap);
}
