/* Records whose issuer signs outside this node: prepare gives the bytes to sign, submit takes
 * the signed record. An issuer's private key never lies in a node it does not own. */
#include "right_verbs.h"

#include <p2p/assert.h>

#include <string.h>

#define PREPARED_BYTES_MAX ((size_t)4 * P2P_SIGNED_BYTES_MAX)

/* ---- prepare ---- */

bool p2p_prepare_names(struct p2p_call *call)
{
    if (p2p_call_as(call) == NULL) {
        p2p_call_error(call, 400, "no-issuer", "name who will sign with --as",
                       "a prepared record needs its issuer");
        return false;
    }
    return true;
}

void p2p_prepare_start(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_verb *verb = p2p_verb_find(p2p_call_text(call, "path"));
    json_t *request = json_object_get(call->body, "request");
    if (verb == NULL || !json_is_object(request)) {
        p2p_call_error(call, 400, "bad-request", "name the path of what appends, as /v1/bans",
                       "this cannot be prepared to be signed outside");
        return;
    }
    json_incref(request);
    json_decref(call->body);
    call->body = request;
    if (!p2p_call_typed(call, request) || !p2p_call_speaks(call) || !p2p_prepare_names(call)) {
        return;
    }
    struct p2p_append *append = p2p_verb_read(call, node, verb, true);
    if (append == NULL) {
        return;
    }
    call->state = append;
    call->job = p2p_call_take(call, sizeof(*call->job));
    call->job->type = P2P_JOB_PREPARE;
    call->job->prepare = *append;
    p2p_work_job(node, call->job);
}

/* Signs an unsigned leaf, which ends in the nil that stands for its signature, into an arena.
 * P2P_MALFORMED. */
static enum p2p_err attach(struct p2p_arena *arena, struct p2p_slice leaf,
                           const struct p2p_signature *signature, struct p2p_slice *out)
{
    struct p2p_pack pack;
    size_t cap = leaf.len + 1 + P2P_SIGNATURE_BYTES;
    if (leaf.len == 0 || leaf.len > P2P_RECORD_BYTES_MAX || leaf.data[leaf.len - 1] != 0xc0) {
        return P2P_MALFORMED;
    }
    uint8_t *bytes = p2p_arena_take(arena, cap);
    p2p_assert(bytes != NULL); /* bounded well below the arena's cap */
    p2p_pack_init(&pack, bytes, cap);
    enum p2p_err err =
        p2p_record_attach(p2p_slice_of(leaf.data, leaf.len - 1), signature, &pack);
    *out = p2p_pack_slice(&pack);
    return err;
}

/* What there is to sign, in an arena of its own: there may be many. NULL with an error reply.
 */
static json_t *prepared_in(struct p2p_arena *arena, struct p2p_call *call,
                           const struct p2p_node *node, const struct p2p_job *job)
{
    static const struct p2p_signature blank = {0};
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct p2p_record record;
    struct p2p_slice whole;
    /* An issuer's record is one only with a signature in it, whatever that is. */
    enum p2p_err err = attach(arena, job->result.leaf, &blank, &whole);
    if (err == P2P_OK) {
        err = p2p_record_decode(&record, whole);
    }
    if (err != P2P_OK) {
        p2p_call_err(call, err, "with its signature the record would be too large");
        return NULL;
    }
    const struct p2p_feed_info *info =
        p2p_charter_feed(ledger->charter, p2p_engine_own_feed(node->engine));
    const struct p2p_issuer *issuer = p2p_charter_issuer(ledger->charter, record.issuer);
    const struct p2p_kind *kind = p2p_kind_find(record.kind);
    uint8_t *bytes = p2p_arena_take(arena, P2P_SIGNED_BYTES_MAX);
    p2p_assert(bytes != NULL);
    size_t len =
        p2p_record_signed_bytes(bytes, p2p_record_head(&record), p2p_slice_text(info->origin));
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "issuer", issuer->name, "kind",
                     kind->word, "feed", info->origin, "time", p2p_time_json(record.time_ms),
                     "bytes", p2p_base64_json(p2p_slice_of(bytes, len)), "leaf",
                     p2p_base64_json(job->result.leaf), "payload",
                     job->result.salted.len > 0 ? p2p_base64_json(job->result.salted)
                                                : json_null());
}

json_t *p2p_prepared_json(struct p2p_call *call, const struct p2p_node *node,
                          const struct p2p_job *job)
{
    struct p2p_arena arena;
    if (job->result.err != P2P_OK) {
        p2p_call_job_err(call, job);
        return NULL;
    }
    p2p_arena_init(&arena, p2p_alloc_default(), PREPARED_BYTES_MAX);
    json_t *json = prepared_in(&arena, call, node, job);
    p2p_arena_deinit(&arena);
    return json;
}

void p2p_prepare_finish(struct p2p_call *call, struct p2p_node *node)
{
    json_t *json = p2p_prepared_json(call, node, call->job);
    if (json != NULL) {
        p2p_call_reply(call, p2p_call_flagged(call, json));
    }
}

/* ---- submit ---- */

/* Adds the signature that came beside an unsigned leaf. */
static bool sign_leaf(struct p2p_call *call, struct p2p_slice *leaf)
{
    struct p2p_slice signature;
    struct p2p_signature attached;
    if (json_object_get(call->body, "signature") == NULL) {
        p2p_call_error(call, 400, "no-signature",
                       "sign the bytes of prepare and add \"signature\" in base64",
                       "the record is not signed");
        return false;
    }
    if (!p2p_call_bytes(call, "signature", &signature)) {
        return false;
    }
    if (signature.len != P2P_SIGNATURE_BYTES) {
        p2p_call_error(call, 422, "badsig", "sign the prepared bytes with Ed25519 (RFC 8032)",
                       "a signature has %u bytes, this one %zu", P2P_SIGNATURE_BYTES,
                       signature.len);
        return false;
    }
    memcpy(attached.bytes, signature.data, P2P_SIGNATURE_BYTES);
    if (attach(&call->arena, *leaf, &attached, leaf) != P2P_OK) {
        p2p_call_error(call, 422, "malformed", "submit what prepare gave, unchanged",
                       "the leaf is not an unsigned record");
        return false;
    }
    return true;
}

/* The signed leaf: {"leaf","signature"} as prepare gave it, or {"record"} whole. */
static bool read_leaf(struct p2p_call *call, struct p2p_slice *leaf)
{
    struct p2p_record record;
    bool whole = json_object_get(call->body, "record") != NULL;
    if (!p2p_call_bytes(call, whole ? "record" : "leaf", leaf) ||
        (!whole && !sign_leaf(call, leaf))) {
        return false;
    }
    if (p2p_record_decode(&record, *leaf) != P2P_OK) {
        p2p_call_error(call, 422, "malformed", "submit what prepare gave, unchanged",
                       "these bytes are no record");
        return false;
    }
    return true;
}

/* What a record asks for, as the checks of an append see it. */
static bool as_append(struct p2p_call *call, const struct p2p_record *record,
                      struct p2p_slice salted, struct p2p_append *append)
{
    struct p2p_record_id *cites =
        p2p_call_take(call, (record->cite_count + 1) * sizeof(*cites));
    struct p2p_cites walk;
    const struct p2p_kind *kind = p2p_kind_find(record->kind);
    size_t count = 0;
    *append = (struct p2p_append){
        .kind = record->kind, .circle = record->circle, .issuer = record->issuer};
    p2p_cites_begin(&walk, record);
    while (p2p_cites_next(&walk, &cites[count])) {
        count++;
    }
    append->cites = cites;
    append->cite_count = count;
    if (salted.len > P2P_SALT_BYTES) {
        append->payload =
            p2p_slice_of(salted.data + P2P_SALT_BYTES, salted.len - P2P_SALT_BYTES);
    }
    if (kind == NULL || (kind->authors & P2P_BY_ISSUER) == 0) {
        p2p_call_error(call, 403, "unknown-kind", NULL,
                       "a record of this kind is not signed by an issuer");
        return false;
    }
    bool is_public = kind->body == P2P_BODY_PUBLIC && record->body_type == P2P_BODY_PUBLIC;
    append->content = is_public ? record->content : append->content;
    struct p2p_slice said = is_public ? append->content : append->payload;
    if (p2p_wire_check(said) != P2P_OK || p2p_kind_validate(kind, said) != P2P_OK) {
        p2p_call_error(call, 422, "bad-payload", "submit what prepare gave, unchanged",
                       "what it says is not what a %s says", kind->word);
        return false;
    }
    return true;
}

/* A record that would have no effect is refused before anything is appended; one that would say
 * what stands is not needed. */
static bool may_submit(struct p2p_call *call, struct p2p_node *node, struct p2p_slice leaf,
                       struct p2p_slice salted, enum p2p_submitted *what,
                       struct p2p_record_id *id)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    struct p2p_record record;
    struct p2p_append append;
    bool stands;
    if (p2p_record_decode(&record, leaf) != P2P_OK || record.signature == NULL) {
        p2p_call_error(call, 400, "no-signature",
                       "sign the bytes of prepare and add \"signature\" in base64",
                       "the record is not signed");
        return false;
    }
    const struct p2p_issuer *issuer = p2p_charter_issuer(charter, record.issuer);
    if (issuer == NULL || issuer->member != p2p_engine_member(node->engine)) {
        p2p_call_error(call, 403, "unknown-issuer", "submit it at the issuer's own member",
                       "the record's issuer is none of this node");
        return false;
    }
    if (call->issuer != 0 && call->issuer != record.issuer) {
        p2p_call_error(call, 403, "not-yours", "let that issuer submit it",
                       "the client certificate is that of %s, the record of %s",
                       call->issuer_name, issuer->name);
        return false;
    }
    if (!as_append(call, &record, salted, &append)) {
        return false;
    }
    if (!p2p_verb_may(call, node, &append, issuer)) {
        p2p_call_error(call, 403, "no-grant", "see port2port charter show",
                       "%s may not do this, or what it names is not here", issuer->name);
        return false;
    }
    if (!p2p_right_stands(call, node, &append, issuer, &stands, id)) {
        return false;
    }
    if (stands) {
        *what = P2P_SUBMITTED_SAID;
    } else {
        p2p_right_given(call, node, &append);
    }
    return true;
}

/* Whether that very record stands here already: who signed it once and hands it in again, under
 * an idempotency key, did not hear the first answer. It is known by its own bytes, for ever. */
static bool stands_already(const struct p2p_node *node, struct p2p_slice leaf,
                           struct p2p_record_id *id)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct p2p_record record;
    struct p2p_slice held;
    id->feed = p2p_engine_own_feed(node->engine);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, id->feed);
    return p2p_record_decode(&record, leaf) == P2P_OK && record.issuer != 0 &&
           p2p_number_find(ledger, id->feed, record.issuer, record.issuer_seq, &id->index) ==
               P2P_OK &&
           p2p_feed_leaf(feed, node->kv, id->index, &held) == P2P_OK &&
           p2p_slice_equal(held, leaf);
}

static void reply_again(struct p2p_call *call, const struct p2p_node *node,
                        struct p2p_slice leaf, const struct p2p_record_id *id)
{
    struct p2p_record record;
    p2p_assert(p2p_record_decode(&record, leaf) == P2P_OK);
    call->work.wait_size = id->index + 1;
    p2p_call_reply(call, json_pack("{s:o, s:o, s:s}", "id",
                                   p2p_id_json(p2p_engine_ledger(node->engine), id), "time",
                                   p2p_time_json(record.time_ms), "level",
                                   p2p_record_level(node, id)));
}

bool p2p_submit_read(struct p2p_call *call, struct p2p_node *node, struct p2p_job *job,
                     enum p2p_submitted *what, struct p2p_record_id *id)
{
    struct p2p_slice leaf;
    struct p2p_slice salted = {0};
    json_t *payload = json_object_get(call->body, "payload");
    if (!read_leaf(call, &leaf)) {
        return false;
    }
    job->type = P2P_JOB_SUBMIT;
    job->submit.leaf = leaf;
    bool before = call->idempotency_key != NULL && stands_already(node, leaf, id);
    *what = before ? P2P_SUBMITTED_BEFORE : P2P_SUBMITTED_NEW;
    if (!before && ((payload != NULL && !json_is_null(payload) &&
                     !p2p_call_bytes(call, "payload", &salted)) ||
                    !may_submit(call, node, leaf, salted, what, id))) {
        return false;
    }
    job->submit.salted = salted;
    return true;
}

void p2p_submit_start(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_record_id id;
    enum p2p_submitted what = P2P_SUBMITTED_NEW;
    if (!p2p_call_appends(call, node)) {
        return;
    }
    call->job = p2p_call_take(call, sizeof(*call->job));
    if (!p2p_submit_read(call, node, call->job, &what, &id)) {
        return;
    }
    switch (what) {
    case P2P_SUBMITTED_NEW:
        p2p_work_job(node, call->job);
        break;
    case P2P_SUBMITTED_BEFORE:
        reply_again(call, node, call->job->submit.leaf, &id);
        break;
    case P2P_SUBMITTED_SAID:
        p2p_call_stands(call, node, &id);
        break;
    }
}
