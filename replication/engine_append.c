/* Own records: what this node writes, in the order in which one commit must have them. */
#include "engine_state.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

enum {
    SEEN_ENTRY_BYTES = 1 + 5 + 9 + 2 + P2P_HASH_BYTES,
    SEEN_FEEDS_MAX = (P2P_BODY_BYTES_MAX - 64) / SEEN_ENTRY_BYTES /* in one record */
};

static void fail(struct p2p_job *job, enum p2p_err err, const char *reason)
{
    job->result.err = err;
    snprintf(job->result.reason, sizeof(job->result.reason), "%s", reason);
}

static enum p2p_err take_pack(struct p2p_engine *engine, size_t cap, struct p2p_pack *pack)
{
    uint8_t *bytes = p2p_arena_take(engine->arena, cap);
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    p2p_pack_init(pack, bytes, cap);
    return P2P_OK;
}

/* ---- one leaf ---- */

/* The leaf's head (all but its signature) and, for a private kind, salt and payload. */
static enum p2p_err encode(struct p2p_engine *engine, const struct p2p_append *append,
                           uint64_t issuer_seq, struct p2p_slice *head,
                           struct p2p_slice *salted)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    struct p2p_draft draft = {
        .kind = append->kind,
        .time_ms = engine->now.wall_ms,
        .circle = append->circle,
        .issuer = append->issuer,
        .issuer_seq = issuer_seq,
        .cites = append->cites,
        .cite_count = append->cite_count,
        .content = append->content,
        .payload = append->payload,
    };
    struct p2p_pack pack;
    size_t cap = 256 + append->content.len + 16 * append->cite_count;
    enum p2p_err err = take_pack(engine, cap, &pack);
    *salted = (struct p2p_slice){0};
    if (err == P2P_OK && append->payload.len > 0) {
        uint8_t *bytes = p2p_arena_take(engine->arena, P2P_SALT_BYTES + append->payload.len);
        if (bytes == NULL) {
            return P2P_NOMEM;
        }
        p2p_engine_random(engine, draft.salt);
        memcpy(bytes, draft.salt, P2P_SALT_BYTES);
        memcpy(bytes + P2P_SALT_BYTES, append->payload.data, append->payload.len);
        *salted = p2p_slice_of(bytes, P2P_SALT_BYTES + append->payload.len);
    }
    if (err == P2P_OK) {
        err = p2p_record_encode(&draft, p2p_slice_text(info->origin), &pack);
    }
    if (err == P2P_OK) {
        struct p2p_slice leaf = p2p_pack_slice(&pack);
        *head = p2p_slice_of(leaf.data, leaf.len - 1);
    }
    return err;
}

static enum p2p_err sign(struct p2p_engine *engine, const struct p2p_issuer_secret *key,
                         struct p2p_slice head, struct p2p_signature *out)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    uint8_t *message = p2p_arena_take(engine->arena, P2P_PREFIX_BYTES_MAX + head.len + 1);
    if (message == NULL) {
        return P2P_NOMEM;
    }
    size_t len = p2p_record_signed_bytes(message, head, p2p_slice_text(info->origin));
    const struct p2p_sigs *sigs = engine->options.sigs;
    sigs->sign(sigs->context, key->seed, key->public_key.bytes, p2p_slice_of(message, len),
               out);
    return P2P_OK;
}

static enum p2p_err finish_leaf(struct p2p_engine *engine, struct p2p_slice head,
                                const struct p2p_signature *signature, struct p2p_slice *leaf)
{
    static const uint8_t nil = 0xc0;
    struct p2p_pack pack;
    enum p2p_err err = take_pack(engine, head.len + 2 + P2P_SIGNATURE_BYTES, &pack);
    if (err != P2P_OK) {
        return err;
    }
    if (signature == NULL) {
        p2p_pack_raw(&pack, head);
        p2p_pack_raw(&pack, p2p_slice_of(&nil, 1));
    } else {
        err = p2p_record_attach(head, signature, &pack);
    }
    *leaf = p2p_pack_slice(&pack);
    return err;
}

static enum p2p_err apply(struct p2p_engine *engine, struct p2p_slice leaf,
                          struct p2p_slice salted, enum p2p_signature_verdict signature,
                          struct p2p_record_id *id)
{
    struct p2p_arrival arrival = {
        .feed = engine->feed, .salted = salted, .signature = signature};
    enum p2p_err err = p2p_record_decode(&arrival.record, leaf);
    if (err != P2P_OK) {
        return err;
    }
    arrival.leaf_hash = p2p_leaf_hash(leaf);
    *id = (struct p2p_record_id){engine->feed, p2p_engine_own(engine)->edge.size};
    err = p2p_ledger_apply(&engine->ledger, &arrival);
    engine->extras[engine->feed].grew = true;
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_APPENDED,
                                                .feed = id->feed,
                                                .member = engine->member,
                                                .at = id->index,
                                                .value = arrival.record.kind});
    /* A commit larger than a run is signed in between: a run must fit a frame. */
    const struct p2p_feed *own = p2p_engine_own(engine);
    if (err == P2P_OK && (own->edge.size - own->kept_size >= P2P_KEEP_RECORDS ||
                          own->since_kept_bytes >= P2P_KEEP_BYTES)) {
        err = p2p_append_head(engine);
    }
    return err;
}

/* ---- numbers: never given twice, across what is appended and what was only prepared ---- */

static struct p2p_slice reserve_key(uint8_t out[9], uint32_t feed, uint32_t issuer)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, 9);
    p2p_writer_u8(&key, 3);
    p2p_writer_u32(&key, feed);
    p2p_writer_u32(&key, issuer);
    return p2p_writer_slice(&key);
}

static enum p2p_err next_number(struct p2p_engine *engine, uint32_t issuer, uint64_t *seq)
{
    uint8_t key[9];
    struct p2p_slice value;
    uint64_t used = 0;
    uint64_t reserved = 0;
    enum p2p_err err = p2p_issuer_seq(&engine->ledger, engine->feed, issuer, &used);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_kv_get(engine->kv, P2P_TABLE_ISSUER, reserve_key(key, engine->feed, issuer),
                     &value);
    if (err == P2P_OK) {
        struct p2p_reader in;
        p2p_reader_init(&in, value);
        reserved = p2p_reader_u64(&in);
        err = p2p_reader_done(&in) ? P2P_OK : P2P_CORRUPT;
    }
    *seq = (used > reserved ? used : reserved) + 1;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err reserve_number(struct p2p_engine *engine, uint32_t issuer, uint64_t seq)
{
    uint8_t key[9];
    uint8_t value[8];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u64(&out, seq);
    return p2p_kv_put(engine->kv, P2P_TABLE_ISSUER, reserve_key(key, engine->feed, issuer),
                      p2p_writer_slice(&out));
}

enum p2p_err p2p_append_own(struct p2p_engine *engine, const struct p2p_append *append,
                            struct p2p_record_id *id)
{
    struct p2p_slice head;
    struct p2p_slice leaf;
    struct p2p_slice salted;
    struct p2p_signature signature;
    uint64_t seq = 0;
    p2p_assert((append->issuer == 0) == (append->key == NULL));
    enum p2p_err err = P2P_OK;
    if (append->issuer != 0) {
        err = next_number(engine, append->issuer, &seq);
    }
    if (err == P2P_OK) {
        err = encode(engine, append, seq, &head, &salted);
    }
    if (err == P2P_OK && append->issuer != 0) {
        err = sign(engine, append->key, head, &signature);
    }
    if (err == P2P_OK) {
        err = finish_leaf(engine, head, append->issuer != 0 ? &signature : NULL, &leaf);
    }
    if (err != P2P_OK) {
        return err;
    }
    return apply(engine, leaf, salted,
                 append->issuer != 0 ? P2P_SIGNATURE_GOOD : P2P_SIGNATURE_NONE, id);
}

/* ---- seen ---- */

static bool unseen(const struct p2p_engine *engine, uint32_t feed)
{
    return feed != engine->feed &&
           p2p_ledger_feed(&engine->ledger, feed)->edge.size > engine->extras[feed].seen_size;
}

/* One record that names the first `count` unseen feeds from *next on. */
static enum p2p_err append_seen_of(struct p2p_engine *engine, uint32_t *next, uint32_t count)
{
    struct p2p_pack pack;
    struct p2p_record_id id;
    enum p2p_err err = take_pack(engine, 32 + (size_t)count * SEEN_ENTRY_BYTES, &pack);
    if (err != P2P_OK) {
        return err;
    }
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "feeds");
    p2p_pack_array(&pack, count);
    for (; count > 0; (*next)++) {
        const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, *next);
        if (!unseen(engine, *next)) {
            continue;
        }
        struct p2p_hash root = p2p_edge_root(&feed->edge);
        p2p_pack_array(&pack, 3);
        p2p_pack_uint(&pack, *next);
        p2p_pack_uint(&pack, feed->edge.size);
        p2p_pack_bin(&pack, root.bytes, P2P_HASH_BYTES);
        engine->extras[*next].seen_size = feed->edge.size;
        engine->extras[*next].noteworthy = false;
        count--;
    }
    const struct p2p_append seen = {.kind = P2P_KIND_SEEN, .content = p2p_pack_slice(&pack)};
    return p2p_append_own(engine, &seen, &id);
}

enum p2p_err p2p_append_seen(struct p2p_engine *engine)
{
    uint32_t next = 0;
    uint32_t count = 0;
    enum p2p_err err = P2P_OK;
    if (engine->seen_written) {
        return P2P_OK;
    }
    for (uint32_t i = 0; i < engine->extra_count; i++) {
        count += unseen(engine, i);
    }
    if (count == 0) {
        return P2P_OK;
    }
    engine->seen_written = true;
    engine->last_seen_ms = engine->now.mono_ms;
    while (count > 0 && err == P2P_OK) {
        uint32_t part = count < SEEN_FEEDS_MAX ? count : SEEN_FEEDS_MAX;
        err = append_seen_of(engine, &next, part);
        count -= part;
    }
    return err;
}

/* Without a decision or an issuer's record: at most one a minute, and not for `seen` alone. */
static enum p2p_err append_idle_seen(struct p2p_engine *engine)
{
    bool due = false;
    for (size_t i = 0; i < engine->extra_count; i++) {
        due = due || (i != engine->feed && engine->extras[i].noteworthy);
    }
    if (!due || engine->now.mono_ms - engine->last_seen_ms < P2P_SEEN_EVERY_MS) {
        return P2P_OK;
    }
    return p2p_append_seen(engine);
}

/* ---- jobs ---- */

/* What a record says in full: shape by its kind, and a circle that this member is in. A leaf
 * that peers must refuse would stand in their way for ever. */
struct shape {
    uint32_t kind;
    uint32_t circle;
    enum p2p_author author;
    struct p2p_slice content;
    struct p2p_slice payload;
};

static bool fits(const struct p2p_engine *engine, const struct shape *shape,
                 struct p2p_job *job)
{
    const struct p2p_kind *kind = p2p_kind_find(shape->kind);
    const struct p2p_circle *circle = p2p_charter_circle(engine->ledger.charter, shape->circle);
    if (kind == NULL || (kind->authors & (unsigned)shape->author) == 0) {
        fail(job, P2P_UNKNOWN, "nobody here may write a record of this kind");
        return false;
    }
    if (shape->circle != 0 && (circle == NULL || !p2p_circle_has(circle, engine->member))) {
        fail(job, P2P_UNKNOWN, "this member is in no such circle");
        return false;
    }
    struct p2p_slice body = kind->body == P2P_BODY_PUBLIC ? shape->content : shape->payload;
    bool whole = kind->body != P2P_BODY_NONE &&
                 (kind->body == P2P_BODY_PUBLIC ? shape->payload : shape->content).len == 0;
    enum p2p_err err = whole ? p2p_wire_check(body) : P2P_MALFORMED;
    if (err == P2P_OK) {
        err = p2p_kind_validate(kind, body);
    }
    if (err != P2P_OK) {
        fail(job, err, "the content is not what a record of this kind holds");
    }
    return err == P2P_OK;
}

static bool append_fits(const struct p2p_engine *engine, const struct p2p_append *record,
                        struct p2p_job *job)
{
    if (record->payload.len > P2P_PAYLOAD_BYTES_MAX || record->cite_count > P2P_CITES_MAX ||
        record->content.len + 16 * record->cite_count > P2P_BODY_BYTES_MAX) {
        fail(job, P2P_TOOLARGE, "a record of this job is larger than 60,000 bytes");
        return false;
    }
    const struct shape shape = {.kind = record->kind,
                                .circle = record->circle,
                                .author = record->issuer == 0 ? P2P_BY_NODE : P2P_BY_ISSUER,
                                .content = record->content,
                                .payload = record->payload};
    return fits(engine, &shape, job);
}

static bool may_append(const struct p2p_engine *engine, struct p2p_job *job)
{
    if (engine->read_only != P2P_READ_ONLY_NONE) {
        fail(job, P2P_RDONLY, p2p_read_only_word(engine->read_only));
        return false;
    }
    if (engine->feed == 0) {
        fail(job, P2P_RDONLY, "the charter held here does not name this member");
        return false;
    }
    return true;
}

static enum p2p_err append_job(struct p2p_engine *engine, struct p2p_job *job)
{
    bool by_issuer = false;
    enum p2p_err err = P2P_OK;
    if (!may_append(engine, job)) {
        return P2P_OK;
    }
    if (p2p_job_bytes(job) > P2P_JOB_BYTES_MAX) {
        fail(job, P2P_TOOLARGE, "the job is larger than one commit may be");
        return P2P_OK;
    }
    for (size_t i = 0; i < job->append.count; i++) {
        by_issuer = by_issuer || job->append.records[i].issuer != 0;
        if (!append_fits(engine, &job->append.records[i], job)) {
            return P2P_OK;
        }
    }
    if (by_issuer) {
        err = p2p_append_seen(engine);
    }
    for (size_t i = 0; i < job->append.count && err == P2P_OK; i++) {
        struct p2p_record_id id;
        err = p2p_append_own(engine, &job->append.records[i], &id);
        if (i == 0) {
            job->result.first = id;
        }
    }
    return err;
}

static enum p2p_err prepare_job(struct p2p_engine *engine, struct p2p_job *job)
{
    uint64_t seq;
    struct p2p_slice head;
    if (!may_append(engine, job) || !append_fits(engine, &job->prepare, job)) {
        return P2P_OK;
    }
    enum p2p_err err = next_number(engine, job->prepare.issuer, &seq);
    if (err == P2P_OK) {
        err = reserve_number(engine, job->prepare.issuer, seq);
    }
    if (err == P2P_OK) {
        err = encode(engine, &job->prepare, seq, &head, &job->result.salted);
    }
    if (err == P2P_OK) {
        err = finish_leaf(engine, head, NULL, &job->result.leaf);
    }
    if (err == P2P_TOOLARGE) {
        fail(job, err, "the record is larger than 60,000 bytes");
        err = P2P_OK;
    }
    return err;
}

/* A record that was signed outside must be one that would have effect. */
static enum p2p_err submit_job(struct p2p_engine *engine, struct p2p_job *job)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    struct p2p_arrival arrival = {.feed = engine->feed, .salted = job->submit.salted};
    struct p2p_slice payload = {0};
    uint64_t highest = 0;
    if (!may_append(engine, job)) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_record_decode(&arrival.record, job->submit.leaf);
    if (err == P2P_OK && arrival.record.body_type == P2P_BODY_COMMITMENT) {
        err = p2p_record_open(&arrival.record, p2p_slice_text(info->origin), arrival.salted,
                              &payload);
    }
    if (err == P2P_OK &&
        (arrival.record.body_type == P2P_BODY_COMMITMENT) == (arrival.salted.len == 0)) {
        err = P2P_COMMITMENT;
    }
    if (err != P2P_OK) {
        fail(job, err, "the submitted bytes are not a whole record with its payload");
        return P2P_OK;
    }
    const struct shape shape = {.kind = arrival.record.kind,
                                .circle = arrival.record.circle,
                                .author = P2P_BY_ISSUER,
                                .content = arrival.record.content,
                                .payload = payload};
    if (!fits(engine, &shape, job)) {
        return P2P_OK;
    }
    err = p2p_ledger_verify(&engine->ledger, &arrival, 1);
    if (err != P2P_OK) {
        return err;
    }
    if (arrival.signature != P2P_SIGNATURE_GOOD) {
        fail(job, P2P_BADSIG, "the issuer's signature does not verify in this feed");
        return P2P_OK;
    }
    err = p2p_issuer_seq(&engine->ledger, engine->feed, arrival.record.issuer, &highest);
    if (err != P2P_OK) {
        return err;
    }
    if (arrival.record.issuer_seq <= highest) {
        fail(job, P2P_REFUSED, "that number was used already; prepare the record again");
        return P2P_OK;
    }
    err = p2p_append_seen(engine);
    if (err == P2P_OK) {
        err = apply(engine, job->submit.leaf, job->submit.salted, arrival.signature,
                    &job->result.first);
    }
    return err;
}

static enum p2p_err charter_job(struct p2p_engine *engine, struct p2p_job *job)
{
    const struct p2p_entry_body entry = {
        .index = job->charter.index, .leaf = job->charter.leaf, .note = job->charter.note};
    enum p2p_err err = p2p_receive_charter(engine, 0, &entry, job->result.reason);
    if (err == P2P_NOMEM || err == P2P_IO || err == P2P_FULL || err == P2P_CORRUPT) {
        return err;
    }
    job->result.err = err;
    return P2P_OK;
}

/* ---- decisions ---- */

/* Decides one check and keeps it packed for the record. */
static enum p2p_err decide(struct p2p_engine *engine, struct p2p_job *job)
{
    struct p2p_pack pack;
    size_t cap =
        512 + P2P_GATE_REASONS_MAX * 32 +
        job->check.subject_count * (P2P_SUBJECT_BYTES_MAX + 16 + engine->place.key_count * 32);
    enum p2p_err err = take_pack(engine, cap, &pack);
    if (err != P2P_OK) {
        return err;
    }
    p2p_engine_fill_check(engine, &engine->now, &job->check);
    err = p2p_gate_decide(&engine->ledger, engine->kv, &engine->place, &job->check,
                          &job->result.answer);
    if (err != P2P_OK) {
        return err;
    }
    p2p_gate_pack(&pack, &engine->place, &job->check, &job->result.answer);
    p2p_assert(!p2p_pack_failed(&pack));
    if (p2p_pack_slice(&pack).len > P2P_DECISIONS_BYTES_MAX - 32) {
        fail(job, P2P_TOOLARGE, "ask for fewer subjects at a time");
        return P2P_OK;
    }
    job->result.leaf = p2p_pack_slice(&pack);
    return P2P_OK;
}

/* The circle of this member alone, in which its decisions stand; 0 while there is none. */
static uint32_t own_circle(const struct p2p_engine *engine)
{
    const struct p2p_member *member =
        p2p_charter_member(engine->ledger.charter, engine->member);
    const struct p2p_circle *own =
        member == NULL
            ? NULL
            : p2p_charter_circle_named(engine->ledger.charter, p2p_slice_text(member->name));
    return own == NULL || own->member_count != 1 || !p2p_circle_has(own, engine->member)
               ? 0
               : own->number;
}

/* One `decisions` record for as many of the list as fit; sets *rest to the first that does not.
 */
static enum p2p_err record_decisions(struct p2p_engine *engine, struct p2p_job *from,
                                     struct p2p_job **rest)
{
    size_t bytes = 32;
    uint32_t count = 0;
    struct p2p_job *end = from;
    struct p2p_pack pack;
    struct p2p_record_id id;
    for (; end != NULL; end = end->next) {
        if (end->type == P2P_JOB_CHECK && end->result.leaf.len > 0) {
            if (bytes + end->result.leaf.len > P2P_DECISIONS_BYTES_MAX && count > 0) {
                break;
            }
            bytes += end->result.leaf.len;
            count++;
        }
    }
    *rest = end;
    if (count == 0) {
        return P2P_OK;
    }
    enum p2p_err err = take_pack(engine, bytes, &pack);
    if (err != P2P_OK) {
        return err;
    }
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "decisions");
    p2p_pack_array(&pack, count);
    for (struct p2p_job *job = from; job != end; job = job->next) {
        if (job->type == P2P_JOB_CHECK && job->result.leaf.len > 0) {
            p2p_pack_raw(&pack, job->result.leaf);
        }
    }
    const struct p2p_append record = {.kind = P2P_KIND_DECISIONS,
                                      .circle = own_circle(engine),
                                      .payload = p2p_pack_slice(&pack)};
    err = p2p_append_own(engine, &record, &id);
    uint32_t n = 0;
    for (struct p2p_job *job = from; job != end; job = job->next) {
        if (job->type == P2P_JOB_CHECK && job->result.leaf.len > 0) {
            job->result.first = id;
            job->result.decision = n++;
        }
    }
    return err;
}

static enum p2p_err append_decisions(struct p2p_engine *engine)
{
    bool any = false;
    enum p2p_err err = P2P_OK;
    for (struct p2p_job *job = engine->jobs; job != NULL && err == P2P_OK; job = job->next) {
        any = any || job->type == P2P_JOB_CHECK;
    }
    if (!any) {
        return P2P_OK;
    }
    /* Without a circle of its own to write it in, a decision is not told to everybody. */
    bool recorded = engine->read_only == P2P_READ_ONLY_NONE && own_circle(engine) != 0;
    if (recorded) {
        err = p2p_append_seen(engine);
    }
    if (err == P2P_OK) {
        err = p2p_ledger_finish(&engine->ledger); /* decisions see what this batch appended */
    }
    for (struct p2p_job *job = engine->jobs; job != NULL && err == P2P_OK; job = job->next) {
        if (job->type == P2P_JOB_CHECK) {
            err = decide(engine, job);
            job->result.spooled = !recorded && job->result.err == P2P_OK;
        }
    }
    struct p2p_job *rest = engine->jobs;
    while (recorded && rest != NULL && err == P2P_OK) {
        err = record_decisions(engine, rest, &rest);
    }
    return err;
}

enum p2p_err p2p_append_charters(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    for (struct p2p_job *job = engine->jobs; job != NULL && err == P2P_OK; job = job->next) {
        memset(&job->result, 0, sizeof(job->result));
        if (job->type == P2P_JOB_CHARTER) {
            err = charter_job(engine, job);
        }
    }
    return err;
}

enum p2p_err p2p_append_jobs(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    for (struct p2p_job *job = engine->jobs; job != NULL && err == P2P_OK; job = job->next) {
        switch (job->type) {
        case P2P_JOB_APPEND:
            err = append_job(engine, job);
            break;
        case P2P_JOB_PREPARE:
            err = prepare_job(engine, job);
            break;
        case P2P_JOB_SUBMIT:
            err = submit_job(engine, job);
            break;
        case P2P_JOB_CHARTER:
            break; /* taken already */
        case P2P_JOB_CHECK:
            break; /* after everything that this batch appends */
        }
    }
    if (err == P2P_OK) {
        err = append_decisions(engine);
    }
    if (err == P2P_OK && engine->read_only == P2P_READ_ONLY_NONE && engine->feed != 0) {
        err = append_idle_seen(engine);
    }
    return err;
}

/* ---- the head ---- */

enum p2p_err p2p_append_head(struct p2p_engine *engine)
{
    struct p2p_feed *own = p2p_engine_own(engine);
    if (own == NULL || own->edge.size == own->head.size) {
        return P2P_OK;
    }
    p2p_assert(engine->read_only == P2P_READ_ONLY_NONE);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    struct p2p_tree_head head = {.size = own->edge.size, .root = p2p_edge_root(&own->edge)};
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = head.size, .root = head.root};
    p2p_checkpoint_sign_feed(&checkpoint, engine->options.sigs, engine->options.feed_key,
                             &head.signature);
    engine->signature_made = true;
    engine->heartbeat_due = true;
    p2p_witnessing_mark(&engine->extras[engine->feed].witnessing, own->head.size, &head,
                        engine->now.mono_ms);
    return p2p_feed_set_head(own, engine->kv, &head, p2p_slice_of(NULL, 0));
}
