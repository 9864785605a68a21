/* One call of the API, from its JSON request to its JSON reply. Private to node/api. */
#ifndef P2P_CALL_H
#define P2P_CALL_H

#include "../core/node_state.h"
#include "route.h"

#include <p2p/api.h>
#include <p2p/ban.h>
#include <p2p/tls.h>
#include <p2p/words.h>

#define P2P_CALL_ARENA_BYTES (16u * 1024u * 1024u)
#define P2P_CALL_RECORDS_MAX P2P_COMMIT_RECORDS_MAX

struct p2p_call {
    struct p2p_work work; /* first: a work is its call */
    char *method;
    char *path;
    char *query;      /* NULL for none */
    char *last_event; /* NULL for none */
    /* who asks (admit.c) */
    bool outside;   /* not over the socket, nor in process */
    bool has_party; /* with a client certificate, or */
    bool has_token; /* with a bearer token */
    bool admitted;
    struct p2p_tls_party party;
    struct p2p_hash token;
    enum p2p_who who;
    uint64_t caller; /* its number for rates and replies */
    uint32_t issuer; /* of the certificate; 0: none is shown, or needed */
    char issuer_name[P2P_NAME_BYTES_MAX + 1];
    char *idempotency_key;             /* NULL for none */
    struct p2p_kept_reply *kept_reply; /* begun under that key, not yet ended */
    json_t *body;                      /* owned; NULL for none */
    char *rest;                        /* what stands in path for the route's parameter */
    const struct p2p_route *route;
    char allow[P2P_ALLOW_BYTES]; /* when there is no route: how others are asked there */
    struct p2p_arena arena;      /* lives until the reply is made */
    struct p2p_job *job;
    void *state;   /* the handler's own, in the arena */
    json_t *kept;  /* owned; what a handler gathers between start and finish */
    json_t *flags; /* owned; NULL for none */
    size_t looked; /* rows or records, by a list */
    struct p2p_api_reply reply;
    p2p_api_done done;
    void *done_context;
};

/* The tables of the parts; each ends with a row without method. */
extern const struct p2p_route p2p_ban_routes[];
extern const struct p2p_route p2p_custody_routes[];
extern const struct p2p_route p2p_right_routes[];
extern const struct p2p_route p2p_bulk_routes[];
extern const struct p2p_route p2p_gate_routes[];
extern const struct p2p_route p2p_status_routes[];
extern const struct p2p_route p2p_record_routes[];
extern const struct p2p_route p2p_charter_routes[];
extern const struct p2p_route p2p_key_routes[];
extern const struct p2p_route p2p_checkpoint_routes[];
extern const struct p2p_route p2p_copy_routes[];
extern const struct p2p_route p2p_tlog_routes[];
extern const struct p2p_route p2p_proof_routes[];
extern const struct p2p_route p2p_receipt_routes[];
extern const struct p2p_route p2p_event_routes[];
extern const struct p2p_route p2p_openapi_routes[];

/* The slow part of /v1/keys/unlock, and its start (key_routes.c). */
void p2p_unlock_derive(struct p2p_call *call, struct p2p_node *node);
void p2p_unlock_start(struct p2p_call *call, struct p2p_node *node);
/* Those of /v1/store/copy (copy_routes.c). */
void p2p_copy_make(struct p2p_call *call, struct p2p_node *node);
void p2p_copy_start(struct p2p_call *call, struct p2p_node *node);

/* POST add-checkpoint (tlog_witness.c), and the name of the key for logs outside. */
#define P2P_TLOG_NAME_BYTES (P2P_FEDERATION_BYTES_MAX + P2P_NAME_BYTES_MAX + 16u)
struct p2p_slice p2p_tlog_witness_name(const struct p2p_node *node,
                                       char out[P2P_TLOG_NAME_BYTES]);
void p2p_tlog_witness_start(struct p2p_call *call, struct p2p_node *node);

/* ---- who asks (admit.c), and whether he asked before (once.c) ---- */

/* When a call is made: refuses, as far as that can be told without the charter. */
void p2p_admit_early(struct p2p_call *call, const struct p2p_api_caller *caller);
/* At its start: false with an error reply. */
bool p2p_admit(struct p2p_call *call, struct p2p_node *node);
/* When its start is over: counts what a list has looked at. */
void p2p_admit_looked(struct p2p_call *call, struct p2p_node *node);
/* Whether the handler is to run: not when the same was asked before under the same idempotency
 * key. False with a reply. */
bool p2p_admit_once(struct p2p_call *call, struct p2p_node *node);
/* In its batch, once the engine has appended: keeps in the store what the reply will be, where
 * the route's is durable. The store's errors, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_admit_keep(struct p2p_call *call, struct p2p_node *node);
/* When its reply is made, or it failed: keeps the reply, or forgets the key. */
void p2p_admit_end(struct p2p_call *call, struct p2p_node *node);
/* Its reply is no end of it: who asks again under the key is to be answered anew. */
void p2p_admit_forget(struct p2p_call *call, struct p2p_node *node);
/* In whose name: of the certificate, else `as` of the body; NULL for nobody. */
const char *p2p_call_as(const struct p2p_call *call);
/* Whether the issuer whom --as names, if it does, is one of this node; false with an error
 * reply. */
bool p2p_call_as_own(struct p2p_call *call, const struct p2p_node *node);
/* Whether another speaks than who signed the first record, where two have to; what: what is
 * said of him who did. False with an error reply. */
bool p2p_call_second(struct p2p_call *call, const struct p2p_node *node,
                     const struct p2p_record *first, const char *what);
/* Whether who asks stands at a gate of this member: on the socket, an operator, or of parties
 * one who answers for boxes here, by the grant `custody` for some facility. */
bool p2p_stands_at_gate(const struct p2p_call *call, struct p2p_node *node);
/* The same, for who asks of a person: the answer tells whether a number that one makes up is
 * banned, so it is not for each party or reader there is. False with an error reply. */
bool p2p_call_at_gate(struct p2p_call *call, struct p2p_node *node);
/* Whether the body's `as`, if any, is whose certificate it is; false with an error reply. */
bool p2p_call_speaks(struct p2p_call *call);

/* ---- replying: each ends the call's work ---- */

void p2p_call_reply(struct p2p_call *call, json_t *json); /* taken; 200 */
/* malloc'd, taken; 200. NULL: there was no memory for it. */
void p2p_call_reply_text(struct p2p_call *call, char *text);
/* Bytes as they are, copied; type and cache as in p2p_api_reply, static. */
void p2p_call_reply_bytes(struct p2p_call *call, int status, const char *type,
                          const char *cache, struct p2p_slice bytes);
/* One sentence that names the thing (printf) and what to do (may be NULL). status as in api.h.
 */
void p2p_call_error(struct p2p_call *call, int status, const char *code, const char *hint,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The error of an engine or store operation. */
void p2p_call_err(struct p2p_call *call, enum p2p_err err, const char *text);
/* That of a job: with the code of its own, where it has one. */
void p2p_call_job_err(struct p2p_call *call, const struct p2p_job *job);

/* ---- flags (flag.c): done as asked, and told with the answer ---- */

/* code and one sentence, printf. The answer is all that holds it: a number that stands nowhere
 * else but as a token may be in it. */
void p2p_call_flag(struct p2p_call *call, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Each whose check digit is wrong, as bad-identifier. */
void p2p_call_flag_subjects(struct p2p_call *call, const struct p2p_subject *subjects,
                            size_t count);
/* A container number in its normal form. */
void p2p_call_flag_container(struct p2p_call *call, const char *container);
/* Adds "flags" [{"code","text"}] to a reply when there are any, and gives it back. */
json_t *p2p_call_flagged(const struct p2p_call *call, json_t *reply);

/* Where a list goes on, for the answer's Link field; malloc'd, NULL for nowhere (page.c). */
char *p2p_page_link(const struct p2p_call *call);

/* ---- reading requests ---- */

void *p2p_call_take(struct p2p_call *call, size_t bytes); /* zeroed; asserts below the cap */
/* Whether what a body says in text is text, and its flags are true or false: a number that is
 * passed over would be a ban without its end, or a right that any truck may use. null is
 * nothing; what has to name something may not be empty. False with an error reply; done before
 * start for the body itself, but not for the requests that it has in it. */
bool p2p_call_typed(struct p2p_call *call, json_t *body);
/* A string of the body, or NULL. */
const char *p2p_call_text(const struct p2p_call *call, const char *key);
/* Strings of a body's array (or one string): at most max, into out in the arena; -1 with an
 * error reply when it is something else. */
int p2p_call_texts(struct p2p_call *call, const char *key, const char *const **out, size_t max);
/* Whether the body has no key beside those of a list that ends with NULL; false with an error
 * reply that names the first other one: a misspelt key must not be a ban without end. */
bool p2p_call_keys(struct p2p_call *call, const char *const *known);
/* Base64 of the body, decoded into the arena; false with an error reply (400 missing, 422). */
bool p2p_call_bytes(struct p2p_call *call, const char *key, struct p2p_slice *out);
/* Undoes percent-encoding in place; what is no escape stays as it is, as does %00. */
void p2p_percent_decode(char *text);
/* One decoded parameter of the query in the arena, or NULL. */
const char *p2p_call_param(struct p2p_call *call, const char *name);
/* A whole number of the query, at least `least`; `otherwise` where it is left out. False with
 * an error reply that names the parameter. */
bool p2p_call_number(struct p2p_call *call, const char *name, uint64_t least,
                     uint64_t otherwise, uint64_t *out);
/* `limit`: how many rows at most, from 1; more than most are never given. Likewise. */
bool p2p_call_limit(struct p2p_call *call, size_t otherwise, size_t most, size_t *out);
/* The record that a text names by its id, if it is held here; entry lives as
 * p2p_ledger_entry says. text may be NULL. No reply. */
bool p2p_call_record(const struct p2p_node *node, const char *text, struct p2p_record_id *id,
                     struct p2p_entry *entry);
/* --level of an append; false with an error reply. */
bool p2p_call_level(struct p2p_call *call);
/* The issuer to sign with: --as, or the only one here whose grants `may` approves. NULL with an
 * error reply (403 none, 400 several, 503 locked). */
typedef bool (*p2p_may)(const struct p2p_issuer *issuer, void *context);
const struct p2p_issuer *p2p_call_issuer(struct p2p_call *call, struct p2p_node *node,
                                         p2p_may may, void *context, const char *what,
                                         const struct p2p_issuer_secret **key);
/* The circle named by --circle, or `national`; NULL with an error reply. */
const struct p2p_circle *p2p_call_circle(struct p2p_call *call, struct p2p_node *node);

/* ---- bans as requests (ban_request.c); false with an error reply ---- */

bool p2p_ban_read_subjects(struct p2p_call *call, json_t *body, struct p2p_subject **out,
                           size_t *count);
/* Reads what an imposition says; without_subject: an amend may leave them as they are. */
bool p2p_ban_read_draft(struct p2p_call *call, struct p2p_node *node, json_t *body,
                        struct p2p_ban_draft *draft, bool without_subject);
/* Packs the payload with the circle's key and sets circle and payload of out. */
bool p2p_ban_pack_draft(struct p2p_call *call, struct p2p_node *node,
                        const struct p2p_circle *circle, const struct p2p_ban_draft *draft,
                        struct p2p_append *out);
/* The records named by `id` (ban_cites.c): all in one circle, each of a kind to which this can
 * be done. Sets circle and cites of out; false with an error reply. */
bool p2p_ban_read_cites(struct p2p_call *call, struct p2p_node *node,
                        const struct p2p_kind *kind, struct p2p_append *out);
/* The call's body as impose, amend, suspend, resume or lift: kind, circle, cites and payload of
 * out. */
bool p2p_ban_read_request(struct p2p_call *call, struct p2p_node *node, const char *what,
                          struct p2p_append *out);

/* Whether an issuer may write this packed record of a ban kind, as far as can be told here. */
bool p2p_ban_may(struct p2p_call *call, struct p2p_node *node, const struct p2p_append *append,
                 const struct p2p_issuer *issuer);

/* A ban as CLI.md says (ban_json.c). */
json_t *p2p_ban_json(struct p2p_node *node, const struct p2p_ban *ban);
void p2p_ban_list_start(struct p2p_call *call, struct p2p_node *node); /* ban_list.c */

/* Import (ban_import.c). */
void p2p_ban_import_start(struct p2p_call *call, struct p2p_node *node);
void p2p_ban_import_finish(struct p2p_call *call, struct p2p_node *node);

/* Signed outside (signed_outside.c). */
void p2p_prepare_start(struct p2p_call *call, struct p2p_node *node);
void p2p_prepare_finish(struct p2p_call *call, struct p2p_node *node);
void p2p_submit_start(struct p2p_call *call, struct p2p_node *node);
/* Whether a body that is to be prepared says who will sign; false with an error reply. */
bool p2p_prepare_names(struct p2p_call *call);
/* What a PREPARE job gave to be signed; NULL with an error reply. */
json_t *p2p_prepared_json(struct p2p_call *call, const struct p2p_node *node,
                          const struct p2p_job *job);
enum p2p_submitted {
    P2P_SUBMITTED_NEW,
    P2P_SUBMITTED_BEFORE, /* under an idempotency key, that very record is here */
    P2P_SUBMITTED_SAID    /* the right that it would issue lives */
};
/* The body of a submit into a job; what [out]: if it is not new, what stands is *id, and there
 * is nothing to do. False with an error reply. */
bool p2p_submit_read(struct p2p_call *call, struct p2p_node *node, struct p2p_job *job,
                     enum p2p_submitted *what, struct p2p_record_id *id);

/* ---- appending ---- */

/* Whether this node appends at present, and takes --level; false with an error reply. */
bool p2p_call_appends(struct p2p_call *call, struct p2p_node *node);
/* Gives the records to the engine as one job; the route's finish replies with
 * p2p_call_appended. */
void p2p_call_append(struct p2p_call *call, struct p2p_node *node,
                     const struct p2p_append *records, size_t count);
/* {"id","time","level"}, and its flags; waits for the level asked for. */
void p2p_call_appended(struct p2p_call *call, struct p2p_node *node);
/* The same of a record that stands: what would be appended would say it a second time.
 * "already" is true in it. */
json_t *p2p_stands_json(const struct p2p_node *node, const struct p2p_record_id *id);
void p2p_call_stands(struct p2p_call *call, struct p2p_node *node,
                     const struct p2p_record_id *id);

/* "local", "mirrored", "witnessed": how far a record has come. */
const char *p2p_record_level(const struct p2p_node *node, const struct p2p_record_id *id);

#endif
