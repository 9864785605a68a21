/* The charter of each archive, entry by entry, and what the trust file says of it. An entry
 * proves itself by the roots before it; the trust file pins some version, whose root pins all
 * entries below. */
#include "parts.h"

#include <p2p/anchor.h>
#include <p2p/bytes.h>
#include <p2p/note.h>

#include <stdio.h>
#include <string.h>

struct reading {
    struct p2p_audit *audit;
    const struct p2p_archive *archive;
    size_t place; /* of the charter in the archive */
    struct p2p_charter *charter;
    struct p2p_archive_walk walk;
    bool matches; /* some version has the roots and the threshold that it names */
};

/* ---- the trust file ---- */

/* Whether the charter has the log key, the roots and the threshold that the trust file names. A
 * policy of groups in groups cannot be compared, and says nothing here. */
static bool same_roots(const struct p2p_trust *trust, const struct p2p_charter *charter)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, P2P_CHARTER_FEED);
    uint32_t mask = UINT32_C(1) << trust->quorum;
    uint32_t needed = 1;
    uint32_t count = 0;
    if (trust->quorum_is_group) {
        const struct p2p_trust_group *group = &trust->groups[trust->quorum];
        if (group->groups != 0) {
            return true;
        }
        mask = group->witnesses;
        needed = group->needed;
    }
    const struct p2p_vkey *log =
        info == NULL ? NULL : p2p_trust_log(trust, p2p_slice_text(info->origin));
    if (log == NULL || memcmp(log->public_key, info->key.bytes, P2P_PUBLIC_BYTES) != 0 ||
        needed != p2p_charter_threshold(charter)) {
        return false;
    }
    for (size_t i = 0; i < trust->witness_count; i++) {
        bool held = false;
        for (uint32_t j = 0; j < p2p_charter_root_count(charter); j++) {
            held = held || memcmp(trust->witnesses[i].key.public_key,
                                  p2p_charter_roots(charter)[j].bytes, P2P_PUBLIC_BYTES) == 0;
        }
        if ((mask >> i & 1) != 0) {
            count++;
            if (!held) {
                return false;
            }
        }
    }
    return count == p2p_charter_root_count(charter);
}

/* ---- the keys it names ---- */

static enum p2p_err add_key(struct p2p_audit *audit, uint32_t witness, const char *name,
                            const uint8_t public_key[P2P_PUBLIC_BYTES])
{
    for (size_t i = 0; i < audit->key_count; i++) {
        if (memcmp(audit->keys[i].public_key, public_key, P2P_PUBLIC_BYTES) == 0) {
            return P2P_OK;
        }
    }
    enum p2p_err err = audit_grow(audit->alloc, (void **)&audit->keys, audit->key_count,
                                  &audit->key_cap, sizeof(*audit->keys));
    if (err != P2P_OK) {
        return err;
    }
    struct audit_key *key = &audit->keys[audit->key_count++];
    *key = (struct audit_key){.witness = witness};
    snprintf(key->name, sizeof key->name, "%s", name);
    memcpy(key->public_key, public_key, P2P_PUBLIC_BYTES);
    key->id = p2p_key_id_of(p2p_slice_text(key->name), P2P_NOTE_COSIGNATURE, public_key);
    return P2P_OK;
}

/* Those of this version; older ones were added when they were current. */
static enum p2p_err add_keys(struct p2p_audit *audit, const struct p2p_charter *charter)
{
    const char *federation = p2p_charter_federation(charter);
    char root_name[P2P_ROOT_NAME_BYTES_MAX + 1];
    char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; i < p2p_charter_root_count(charter) && err == P2P_OK; i++) {
        const struct p2p_root_public *root = &p2p_charter_roots(charter)[i];
        p2p_root_name(root_name, federation, root);
        err = add_key(audit, 0, root_name, root->bytes);
    }
    for (uint32_t i = 1; i <= p2p_charter_member_count(charter) && err == P2P_OK; i++) {
        const struct p2p_member *member = p2p_charter_member(charter, i);
        if (member != NULL) {
            p2p_witness_name(name, federation, member->name, member->witness_generation);
            err = add_key(audit, p2p_charter_witness_of(charter, i), name,
                          member->witness_key.bytes);
        }
    }
    return err;
}

/* ---- entries ---- */

static void tell(const struct reading *reading, enum p2p_finding_code code, uint64_t index,
                 const char *text)
{
    p2p_findings_tell(reading->audit->findings, code, "charter/1", index, "%s", text);
}

/* One entry with the note over it. *stop: nothing after it can be read. */
static enum p2p_err take_entry(struct reading *reading, struct p2p_slice note, bool *stop)
{
    char reason[P2P_REASON_BYTES] = "";
    struct p2p_slice leaf;
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    uint64_t index = p2p_charter_size(reading->charter);
    enum p2p_err err = p2p_archive_walk_next(&reading->walk, &leaf);
    if (err == P2P_OK) {
        err = p2p_charter_apply(reading->charter, sigs, index, leaf, note, reason);
    }
    if (err == P2P_NOMEM || err == P2P_IO) {
        return err;
    }
    if (err != P2P_OK) {
        *stop = true;
        tell(reading, P2P_FINDING_CHARTER_BROKEN, index,
             reason[0] != '\0' ? reason : p2p_err_text(err));
        return P2P_OK;
    }
    reading->matches = reading->matches || same_roots(&reading->audit->trust, reading->charter);
    return add_keys(reading->audit, reading->charter);
}

static enum p2p_err read_entries(struct reading *reading)
{
    struct p2p_archive_map map = {0};
    size_t count = p2p_archive_note_count(reading->archive, reading->place);
    uint64_t size = p2p_archive_feed_size(reading->archive, reading->place);
    bool stop = false;
    enum p2p_err err = P2P_OK;
    p2p_archive_walk_begin(&reading->walk, reading->archive, reading->place, 0);
    for (size_t i = 0; i < count && err == P2P_OK && !stop; i++) {
        struct p2p_slice note;
        err = p2p_archive_note(reading->archive, reading->place, i, &map, NULL, &note);
        if (err == P2P_OK &&
            p2p_archive_note_size(note) == p2p_charter_size(reading->charter) + 1) {
            err = take_entry(reading, note, &stop);
        } else if (err != P2P_NOMEM && err != P2P_IO) {
            err = P2P_OK; /* of a size that is done; or scan.c says that it is not there */
        }
    }
    if (err == P2P_OK && !stop && p2p_charter_size(reading->charter) < size) {
        tell(reading, P2P_FINDING_CHARTER_BROKEN, p2p_charter_size(reading->charter),
             "there is no checkpoint over this entry");
    }
    p2p_archive_walk_end(&reading->walk);
    p2p_archive_unload(&map);
    return err;
}

/* ---- several of them ---- */

/* Two charters that both prove themselves. */
static enum p2p_err compare(struct p2p_audit *audit, const struct p2p_charter *other)
{
    struct p2p_hash a = p2p_charter_federation_id(audit->charter);
    struct p2p_hash b = p2p_charter_federation_id(other);
    uint64_t size = p2p_charter_size(audit->charter);
    size = p2p_charter_size(other) < size ? p2p_charter_size(other) : size;
    if (!p2p_hash_equal(&a, &b)) {
        p2p_findings_tell(audit->findings, P2P_FINDING_ARCHIVES_FOREIGN, "charter/1",
                          P2P_FINDING_NOWHERE, "the archives are of two federations: %s and %s",
                          p2p_charter_federation(audit->charter),
                          p2p_charter_federation(other));
        return P2P_OK;
    }
    enum p2p_err err = p2p_charter_root_at(audit->charter, size, &a);
    if (err == P2P_OK) {
        err = p2p_charter_root_at(other, size, &b);
    }
    if (err == P2P_OK && !p2p_hash_equal(&a, &b)) {
        p2p_findings_tell(audit->findings, P2P_FINDING_CHARTER_RIVAL, "charter/1", size,
                          "two charters of size %llu prove themselves, with different entries",
                          (unsigned long long)size);
    }
    return err;
}

/* Keeps the longer of the trusted ones. Takes charter. */
static enum p2p_err keep(struct p2p_audit *audit, size_t archive, struct p2p_charter *charter)
{
    enum p2p_err err = P2P_OK;
    if (audit->charter == NULL) {
        audit->charter = charter;
        audit->charter_archive = archive;
        return P2P_OK;
    }
    err = compare(audit, charter);
    if (p2p_charter_size(charter) > p2p_charter_size(audit->charter)) {
        p2p_charter_free(audit->charter);
        audit->charter = charter;
        audit->charter_archive = archive;
    } else {
        p2p_charter_free(charter);
    }
    return err;
}

/* Whether it is the charter that the trust file means. */
static enum p2p_err trust(struct reading *reading, bool *trusted)
{
    uint64_t version = 0;
    enum p2p_err err = p2p_charter_anchor(reading->charter, &reading->audit->trust,
                                          p2p_sigs_ed25519(), &version);
    *trusted = err == P2P_OK;
    if (!*trusted) {
        tell(reading, P2P_FINDING_CHARTER_UNTRUSTED, P2P_FINDING_NOWHERE, p2p_anchor_text(err));
    } else if (!reading->matches) {
        tell(reading, P2P_FINDING_TRUST_DIFFERS, P2P_FINDING_NOWHERE,
             "no version of the charter has exactly the roots and the threshold that the "
             "trust file names");
    }
    return P2P_OK;
}

static enum p2p_err read_archive(struct p2p_audit *audit, size_t i)
{
    bool trusted = false;
    struct reading reading = {.audit = audit, .archive = audit->archives[i]};
    if (p2p_archive_feed_find(reading.archive, "charter-1", &reading.place) != P2P_OK) {
        tell(&reading, P2P_FINDING_CHARTER_BROKEN, P2P_FINDING_NOWHERE,
             "the archive has no charter");
        return P2P_OK;
    }
    enum p2p_err err = p2p_charter_new(&reading.charter, audit->alloc, NULL);
    if (err == P2P_OK) {
        err = read_entries(&reading);
    }
    p2p_findings_count(audit->findings, P2P_CHECK_TRUST, p2p_charter_size(reading.charter));
    if (err == P2P_OK) {
        err = trust(&reading, &trusted);
    }
    if (err != P2P_OK || !trusted) {
        p2p_charter_free(reading.charter);
        return err;
    }
    return keep(audit, i, reading.charter);
}

/* What the manifest says of itself, against the charter. Nobody signs a manifest: whether the
 * exporter is the one that it names is for whoever was given the archive to know. */
static void check_manifest(struct p2p_audit *audit, size_t i)
{
    const struct p2p_archive *archive = audit->archives[i];
    const char *exporter = p2p_archive_exporter(archive);
    struct p2p_hash ours = p2p_charter_federation_id(audit->charter);
    struct p2p_hash theirs = p2p_archive_federation_id(archive);
    if (!p2p_hash_equal(&ours, &theirs)) {
        p2p_findings_tell(
            audit->findings, P2P_FINDING_ARCHIVES_FOREIGN, "manifest", P2P_FINDING_NOWHERE,
            "the manifest by %s names another federation than the charter is of", exporter);
    }
    if (p2p_charter_member_named(audit->charter, p2p_slice_text(exporter)) == NULL) {
        p2p_findings_tell(audit->findings, P2P_FINDING_ARCHIVES_FOREIGN, "manifest",
                          P2P_FINDING_NOWHERE, "its exporter %s is no member", exporter);
    }
}

enum p2p_err audit_charter(struct p2p_audit *audit)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < audit->options.dir_count && err == P2P_OK; i++) {
        err = read_archive(audit, i);
    }
    for (size_t i = 0; i < audit->options.dir_count && audit->charter != NULL; i++) {
        check_manifest(audit, i);
    }
    return err;
}
