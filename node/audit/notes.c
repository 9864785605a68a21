/* The archived checkpoints of every log: form, the log's signature, the root, and who cosigned
 * them. Each note is looked at by itself, on several threads; what follows from many is told
 * behind that, in order. */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/fork.h>
#include <p2p/note.h>

#include <stdlib.h>
#include <string.h>

/* What one note was found to be. */
struct seen_note {
    bool is_signed; /* by the log, over a checkpoint of this log */
    bool leads;     /* the records lead to its root */
    struct p2p_tree_head head;
};

struct notes {
    struct p2p_audit *audit;
    size_t *first; /* of each log the number of its first note; one more: how many */
    struct seen_note *seen;
};

/* One note while it is looked at. */
struct look {
    struct p2p_audit *audit;
    struct audit_log *log;
    struct seen_note *seen;
    struct p2p_archive_place place;
    struct p2p_note note;
    struct p2p_checkpoint checkpoint;
    uint64_t cosignatures;
};

static void tell(const struct look *look, enum p2p_finding_code code, const char *text)
{
    p2p_findings_tell(look->audit->findings, code, look->log->name, look->checkpoint.size, "%s",
                      text);
}

/* ---- signature lines ---- */

static const struct audit_key *key_of(const struct p2p_audit *audit,
                                      const struct p2p_note_signature *line)
{
    for (size_t i = 0; i < audit->key_count; i++) {
        const struct audit_key *key = &audit->keys[i];
        if (memcmp(key->id.bytes, line->id.bytes, P2P_KEY_ID_BYTES) == 0 &&
            p2p_slice_equal(p2p_slice_text(key->name), line->name)) {
            return key;
        }
    }
    return NULL;
}

/* Whether this key may stand under a checkpoint of this log: a root under the charter's, of
 * others the owner and whoever was a witness in any version. */
static bool may_cosign(const struct look *look, const struct audit_key *key)
{
    const struct p2p_charter *charter = look->audit->charter;
    const struct p2p_feed_info *info = look->log->info;
    if (info->number == P2P_CHARTER_FEED) {
        return key->witness == 0;
    }
    if (p2p_witness_member(key->witness) == info->member) {
        return true;
    }
    for (uint64_t size = p2p_charter_size(charter); size > info->entry; size--) {
        uint32_t witnesses[P2P_WITNESSES_MAX];
        uint32_t count = p2p_charter_witnesses_at(charter, info->number, size, witnesses);
        for (uint32_t i = 0; i < count; i++) {
            if (witnesses[i] == key->witness) {
                return true;
            }
        }
    }
    return false;
}

/* A heartbeat is its owner's word, of the time that its name says. */
static enum audit_beat beat_of(const struct look *look, const struct audit_key *key,
                               uint64_t time_s)
{
    if (look->place.type != P2P_PLACE_HEARTBEAT || time_s != look->place.time_s ||
        p2p_witness_member(key->witness) != look->log->info->member) {
        return AUDIT_NO_BEAT;
    }
    return look->place.ends ? AUDIT_ENDS : AUDIT_BEGINS;
}

static enum p2p_err keep_signing(struct look *look, const struct audit_key *key,
                                 uint64_t time_s)
{
    struct p2p_audit *audit = look->audit;
    bool leads = look->seen->leads;
    struct audit_signing **list = leads ? &audit->signings : &audit->strays;
    size_t *count = leads ? &audit->signing_count : &audit->stray_count;
    size_t *cap = leads ? &audit->signing_cap : &audit->stray_cap;
    if (key->witness == 0) {
        return P2P_OK;
    }
    pthread_mutex_lock(&audit->lock);
    enum p2p_err err = audit_grow(audit->alloc, (void **)list, *count, cap, sizeof(**list));
    if (err == P2P_OK) {
        (*list)[(*count)++] = (struct audit_signing){.key = (uint32_t)(key - audit->keys),
                                                     .feed = look->log->number,
                                                     .size = look->checkpoint.size,
                                                     .time_s = time_s,
                                                     .archive = (uint32_t)look->log->archive,
                                                     .beat = beat_of(look, key, time_s)};
    }
    pthread_mutex_unlock(&audit->lock);
    return err;
}

static enum p2p_err cosignature(struct look *look, size_t at)
{
    const struct p2p_note_signature *line = &look->note.signatures[at];
    const struct audit_key *key = key_of(look->audit, line);
    struct p2p_cosignature cosignature;
    struct p2p_witness_public public_key;
    if (key == NULL || !may_cosign(look, key)) {
        p2p_findings_tell(look->audit->findings, P2P_FINDING_UNKNOWN_KEY, look->log->name,
                          look->checkpoint.size, "a line by %.*s, %s", (int)line->name.len,
                          (const char *)line->name.data,
                          key == NULL ? "a key that the charter does not name"
                                      : "who is no witness of this feed");
        return P2P_OK;
    }
    for (size_t i = 0; i < at; i++) {
        if (key_of(look->audit, &look->note.signatures[i]) == key) {
            p2p_findings_tell(look->audit->findings, P2P_FINDING_REPEATED_KEY, look->log->name,
                              look->checkpoint.size, "two lines by %s", key->name);
        }
    }
    memcpy(public_key.bytes, key->public_key, P2P_PUBLIC_BYTES);
    look->cosignatures++;
    if (p2p_note_line_cosignature(line, p2p_slice_text(key->name), key->public_key,
                                  &cosignature) != P2P_OK ||
        p2p_cosignature_verify_witness(&look->checkpoint, p2p_sigs_ed25519(), &public_key,
                                       &cosignature) != P2P_OK) {
        p2p_findings_tell(look->audit->findings, P2P_FINDING_BAD_COSIGNATURE, look->log->name,
                          look->checkpoint.size, "%s did not cosign this checkpoint",
                          key->name);
        return P2P_OK;
    }
    return keep_signing(look, key, cosignature.time_s);
}

static void log_signature(struct look *look, const struct p2p_note_signature *line)
{
    const struct p2p_feed_info *info = look->log->info;
    if (p2p_note_line_signature(line, p2p_slice_text(info->origin), info->key.bytes,
                                &look->seen->head.signature) == P2P_OK &&
        p2p_checkpoint_verify_feed(&look->checkpoint, p2p_sigs_ed25519(), &info->key,
                                   &look->seen->head.signature) == P2P_OK) {
        look->seen->is_signed = true;
    }
}

static enum p2p_err lines(struct look *look)
{
    enum p2p_err err = P2P_OK;
    const struct p2p_feed_info *info = look->log->info;
    struct p2p_key_id id =
        p2p_key_id_of(p2p_slice_text(info->origin), P2P_NOTE_ED25519, info->key.bytes);
    for (size_t i = 0; i < look->note.signature_count; i++) {
        const struct p2p_note_signature *line = &look->note.signatures[i];
        if (p2p_slice_equal(line->name, p2p_slice_text(info->origin)) &&
            memcmp(line->id.bytes, id.bytes, P2P_KEY_ID_BYTES) == 0) {
            log_signature(look, line);
        }
    }
    if (!look->seen->is_signed) {
        tell(look, P2P_FINDING_BAD_SIGNATURE, "the log did not sign this checkpoint");
    }
    for (size_t i = 0; i < look->note.signature_count && err == P2P_OK; i++) {
        const struct p2p_note_signature *line = &look->note.signatures[i];
        bool own = p2p_slice_equal(line->name, p2p_slice_text(info->origin)) &&
                   memcmp(line->id.bytes, id.bytes, P2P_KEY_ID_BYTES) == 0;
        err = own ? P2P_OK : cosignature(look, i);
    }
    return err;
}

/* ---- one note ---- */

/* Whether the text is exactly the three lines that this checkpoint is written as. */
static bool is_canonical(const struct look *look)
{
    char text[P2P_CHECKPOINT_TEXT_BYTES_MAX];
    size_t len = p2p_checkpoint_text(&look->checkpoint, text);
    return p2p_slice_equal(look->note.text, p2p_slice_of(text, len));
}

static bool is_of_this_log(const struct look *look)
{
    return p2p_slice_equal(look->checkpoint.origin, p2p_slice_text(look->log->info->origin)) &&
           (look->place.type == P2P_PLACE_CHECKPOINT ||
            look->place.size == look->checkpoint.size);
}

/* The newest head is that of all the records there are: one over fewer hides how many of them
 * stand under signatures. One over more is told with what is missing. */
static void check_newest(const struct look *look)
{
    if (look->place.type == P2P_PLACE_CHECKPOINT && look->checkpoint.size < look->log->size) {
        p2p_findings_tell(look->audit->findings, P2P_FINDING_RECORDS_UNSIGNED, look->log->name,
                          look->log->size, "%llu records, the newest checkpoint counts %llu",
                          (unsigned long long)look->log->size,
                          (unsigned long long)look->checkpoint.size);
    }
}

/* At another time than its owner signed it would tell of a silence that was none; whether he
 * signed is looked at with the other lines. */
static void check_beat(const struct look *look)
{
    const char *text = "it is no heartbeat of its owner at the time that its name says";
    for (size_t i = 0; i < look->note.signature_count; i++) {
        const struct p2p_note_signature *line = &look->note.signatures[i];
        const struct audit_key *key = key_of(look->audit, line);
        struct p2p_cosignature cosignature;
        if (key != NULL &&
            p2p_note_line_cosignature(line, p2p_slice_text(key->name), key->public_key,
                                      &cosignature) == P2P_OK &&
            beat_of(look, key, cosignature.time_s) != AUDIT_NO_BEAT) {
            return;
        }
    }
    tell(look, P2P_FINDING_FOREIGN_CHECKPOINT, text);
}

static enum p2p_err look_at(struct look *look, struct p2p_slice bytes)
{
    enum p2p_err err = p2p_note_parse(&look->note, bytes);
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(&look->checkpoint, look->note.text, false);
    }
    if (err != P2P_OK || !is_canonical(look)) {
        p2p_findings_tell(look->audit->findings, P2P_FINDING_NOTE_MALFORMED, look->log->name,
                          look->place.size, "it is no checkpoint in its one form");
        return P2P_OK;
    }
    if (!is_of_this_log(look)) {
        tell(look, P2P_FINDING_FOREIGN_CHECKPOINT, "it is over another log, or another size");
        return P2P_OK;
    }
    look->seen->head.size = look->checkpoint.size;
    look->seen->head.root = look->checkpoint.root;
    const struct p2p_hash *root = audit_root_at(look->log, look->checkpoint.size);
    look->seen->leads = root != NULL && p2p_hash_equal(root, &look->checkpoint.root);
    check_newest(look);
    if (look->place.type == P2P_PLACE_HEARTBEAT) {
        check_beat(look);
    }
    return lines(look);
}

static struct audit_log *log_of(const struct notes *notes, size_t i)
{
    size_t at = 0;
    while (notes->first[at + 1] <= i) {
        at++;
    }
    return &notes->audit->logs[at];
}

static enum p2p_err do_note(void *context, size_t i)
{
    const struct notes *notes = context;
    struct audit_log *log = log_of(notes, i);
    struct look look = {.audit = notes->audit, .log = log, .seen = &notes->seen[i]};
    struct p2p_archive_map map = {0};
    struct p2p_slice bytes;
    if (log->info == NULL) {
        return P2P_OK;
    }
    enum p2p_err err =
        p2p_archive_note(notes->audit->archives[log->archive], log->place,
                         i - notes->first[log - notes->audit->logs], &map, &look.place, &bytes);
    if (err == P2P_OK) {
        err = look_at(&look, bytes);
    } else if (err != P2P_NOMEM) {
        err = P2P_OK; /* scan.c said that it is not there */
    }
    p2p_archive_unload(&map);
    p2p_findings_count(notes->audit->findings, P2P_CHECK_SIGNATURE, 1);
    p2p_findings_count(notes->audit->findings, P2P_CHECK_ROOT, look.seen->is_signed);
    p2p_findings_count(notes->audit->findings, P2P_CHECK_COSIGNATURES, look.cosignatures);
    return err;
}

/* ---- what follows from all of one log ---- */

/* A signed head to which the records do not lead: beside a larger one to which they do, it is
 * another history that the log signed; else the records are not those that were signed. */
static enum p2p_err contradiction(struct p2p_audit *audit, struct audit_log *log,
                                  const struct p2p_tree_head *head)
{
    if (head->size > log->size) {
        p2p_findings_tell(audit->findings, P2P_FINDING_RECORDS_MISSING, log->name, head->size,
                          "the log signed %llu records, %llu are here",
                          (unsigned long long)head->size, (unsigned long long)log->size);
    } else if (head->size <= log->head.size) {
        p2p_findings_tell(audit->findings, P2P_FINDING_FORKED, log->name, head->size,
                          "the log signed two roots of its first %llu records",
                          (unsigned long long)head->size);
        log->forked = true;
        return audit_prove_fork(audit, log, head);
    } else {
        p2p_findings_tell(audit->findings, P2P_FINDING_BAD_ROOT, log->name, head->size,
                          "the first %llu records do not lead to the root that was signed",
                          (unsigned long long)head->size);
    }
    return P2P_OK;
}

/* Whatever else was signed, the layout has the newest head at one place. */
static void newest_is_listed(struct p2p_audit *audit, const struct audit_log *log)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    const struct p2p_archive_place place = {.type = P2P_PLACE_CHECKPOINT,
                                            .feed = p2p_slice_text(log->dir)};
    p2p_archive_path(path, &place);
    if (p2p_archive_file_at(audit->archives[log->archive], path) == NULL) {
        p2p_findings_tell(audit->findings, P2P_FINDING_NO_CHECKPOINT, log->name, log->size,
                          "there is no newest checkpoint");
    }
}

static enum p2p_err conclude(const struct notes *notes, size_t at)
{
    struct p2p_audit *audit = notes->audit;
    struct audit_log *log = &audit->logs[at];
    for (size_t i = notes->first[at]; i < notes->first[at + 1]; i++) {
        const struct seen_note *seen = &notes->seen[i];
        if (seen->is_signed && seen->leads && seen->head.size >= log->head.size) {
            log->head = seen->head;
        }
    }
    bool contradicted = false;
    enum p2p_err err = P2P_OK;
    newest_is_listed(audit, log);
    for (size_t i = notes->first[at]; i < notes->first[at + 1] && err == P2P_OK; i++) {
        const struct seen_note *seen = &notes->seen[i];
        if (seen->is_signed && !seen->leads) {
            err = contradiction(audit, log, &seen->head);
            contradicted = contradicted || seen->head.size > log->head.size;
        }
    }
    if (err != P2P_OK || log->info == NULL || log->head.size == log->size || contradicted) {
        return err;
    }
    if (log->head.size == 0) {
        p2p_findings_tell(audit->findings, P2P_FINDING_NO_CHECKPOINT, log->name, log->size,
                          "%llu records under no signed checkpoint",
                          (unsigned long long)log->size);
    } else {
        p2p_findings_tell(audit->findings, P2P_FINDING_RECORDS_UNSIGNED, log->name, log->size,
                          "%llu records, the largest signed checkpoint counts %llu",
                          (unsigned long long)log->size, (unsigned long long)log->head.size);
    }
    return P2P_OK;
}

/* ---- quorums, and times that fall ---- */

static int by_feed_size(const void *left, const void *right)
{
    const struct audit_signing *a = left;
    const struct audit_signing *b = right;
    if (a->feed != b->feed) {
        return a->feed < b->feed ? -1 : 1;
    }
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return a->time_s < b->time_s ? -1 : a->time_s > b->time_s;
}

/* All signings of one feed and size, whichever archive they stand in. */
static void quorum(struct p2p_audit *audit, const struct audit_signing *signings, size_t count)
{
    uint32_t cosigners[P2P_COSIGNERS_MAX * 4];
    size_t cosigner_count = 0;
    for (size_t i = 0; i < count && cosigner_count < sizeof(cosigners) / sizeof(*cosigners);
         i++) {
        uint32_t witness = audit->keys[signings[i].key].witness;
        if (cosigner_count == 0 || cosigners[cosigner_count - 1] != witness) {
            cosigners[cosigner_count++] = witness;
        }
    }
    if (!p2p_charter_quorum(audit->charter, signings->feed, cosigners, cosigner_count)) {
        return;
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        struct audit_log *log = &audit->logs[i];
        if (log->number == signings->feed && signings->size <= log->head.size &&
            signings->size > log->witnessed_size) {
            log->witnessed_size = signings->size;
        }
    }
}

/* Of one feed: no key may sign a larger size at an earlier time. last: by key. */
static void falls(struct p2p_audit *audit, const struct audit_signing *signing,
                  struct audit_signing *last)
{
    struct audit_signing *before = &last[signing->key];
    if (before->feed == signing->feed && before->size < signing->size &&
        before->time_s > signing->time_s) {
        p2p_findings_tell(audit->findings, P2P_FINDING_TIME_FALLS,
                          p2p_charter_feed(audit->charter, signing->feed)->origin,
                          signing->size,
                          "%s cosigned size %llu at %llu, and size %llu before that, at %llu",
                          audit->keys[signing->key].name, (unsigned long long)before->size,
                          (unsigned long long)before->time_s, (unsigned long long)signing->size,
                          (unsigned long long)signing->time_s);
    }
    *before = *signing;
}

static enum p2p_err weigh(struct p2p_audit *audit)
{
    struct audit_signing *last =
        p2p_alloc_zeroed(audit->alloc, audit->key_count + 1, sizeof(*last));
    if (last == NULL) {
        return P2P_NOMEM;
    }
    if (audit->signing_count > 0) {
        qsort(audit->signings, audit->signing_count, sizeof(*audit->signings), by_feed_size);
    }
    for (size_t i = 0; i < audit->signing_count;) {
        size_t end = i;
        while (end < audit->signing_count &&
               audit->signings[end].feed == audit->signings[i].feed &&
               audit->signings[end].size == audit->signings[i].size) {
            falls(audit, &audit->signings[end], last);
            end++;
        }
        quorum(audit, &audit->signings[i], end - i);
        i = end;
    }
    p2p_alloc_free(audit->alloc, last);
    for (size_t i = 0; i < audit->log_count; i++) {
        const struct audit_log *log = &audit->logs[i];
        if (log->info != NULL && log->number != P2P_CHARTER_FEED &&
            log->info->witness_count > 0 && log->witnessed_size < log->head.size) {
            p2p_findings_tell(
                audit->findings, P2P_FINDING_UNWITNESSED, log->name, log->witnessed_size,
                "of %llu records %llu stand under a quorum of cosignatures",
                (unsigned long long)log->head.size, (unsigned long long)log->witnessed_size);
        }
    }
    return P2P_OK;
}

enum p2p_err audit_notes(struct p2p_audit *audit)
{
    struct notes notes = {.audit = audit};
    enum p2p_err err = P2P_NOMEM;
    notes.first = p2p_alloc_zeroed(audit->alloc, audit->log_count + 1, sizeof(*notes.first));
    if (notes.first == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        const struct audit_log *log = &audit->logs[i];
        notes.first[i + 1] =
            notes.first[i] + p2p_archive_note_count(audit->archives[log->archive], log->place);
    }
    notes.seen =
        p2p_alloc_zeroed(audit->alloc, notes.first[audit->log_count] + 1, sizeof(*notes.seen));
    if (notes.seen != NULL) {
        err = audit_parallel(audit, "checking checkpoints", notes.first[audit->log_count],
                             do_note, &notes);
    }
    for (size_t i = 0; i < audit->log_count && err == P2P_OK; i++) {
        err = conclude(&notes, i);
    }
    if (err == P2P_OK) {
        err = weigh(audit);
    }
    p2p_alloc_free(audit->alloc, notes.seen);
    p2p_alloc_free(audit->alloc, notes.first);
    return err;
}
