/* What stands in a ledger, in the words of CLI.md: ids, times, names, and bans as documents.
 *
 * For the API, which speaks for a node, and for an audit, which has none. Documents belong to
 * the caller; NULL without memory. */
#ifndef P2P_WORDS_H
#define P2P_WORDS_H

#include <p2p/ban.h>
#include <p2p/ledger.h>
#include <p2p/right.h>

#include <jansson.h>

/* RFC 3339 or a date, as POSIX ms; false when it is neither. */
bool p2p_time_parse(const char *text, uint64_t *ms);
/* "2026-11-21T22:08:15Z", with milliseconds when there are any. */
json_t *p2p_time_json(uint64_t ms);

/* `beanr/1:17` into out; parse takes `beanr/1:17#3` too, and says nothing of what follows #. */
#define P2P_ID_TEXT_BYTES 320u
void p2p_id_text(const struct p2p_ledger *ledger, const struct p2p_record_id *id,
                 char out[P2P_ID_TEXT_BYTES]);
bool p2p_id_parse(const struct p2p_ledger *ledger, const char *text, struct p2p_record_id *id);
json_t *p2p_id_json(const struct p2p_ledger *ledger, const struct p2p_record_id *id);
/* "*" for circle 0, everybody's; "" for a number that is no circle's. */
const char *p2p_circle_name(const struct p2p_ledger *ledger, uint32_t circle);
json_t *p2p_hex_json(const struct p2p_hash *hash);
/* Text of a record; a NUL, which many readers of JSON refuse, becomes U+FFFD. */
json_t *p2p_slice_json(struct p2p_slice text);
json_t *p2p_base64_json(struct p2p_slice bytes);

/* A ban at a time, with that level; no "level" when it is NULL. */
json_t *p2p_ban_words(const struct p2p_ledger *ledger, const struct p2p_ban *ban,
                      uint64_t now_ms, const char *level);
/* Those of a packed array of subjects that stand in clear with a wrong check digit, as
 * p2p_ban_words has them: of a token nobody can tell. */
json_t *p2p_bad_identifiers_json(struct p2p_slice subjects);
/* Whether one of its subjects reads so, as p2p_ban_words has them. */
bool p2p_ban_is_on(const struct p2p_ledger *ledger, const struct p2p_ban *ban,
                   const char *subject);

/* "" for a number the charter does not name; an issuer then as its number. */
const char *p2p_member_name(const struct p2p_ledger *ledger, uint32_t member);
const char *p2p_owner_name(const struct p2p_ledger *ledger, uint32_t feed);
json_t *p2p_issuer_json(const struct p2p_ledger *ledger, uint32_t issuer);
/* Whether its check digit is right (ISO 6346). */
json_t *p2p_container_check_json(struct p2p_slice container);
/* A custody token; a right at a time, with the token it names (NULL: not known here). */
json_t *p2p_custody_words(const struct p2p_ledger *ledger, const struct p2p_custody *custody);
/* What an approved override overrules: ["slot", "truck", "stale-knowledge", "light-customs",
 * "blocks"]. */
json_t *p2p_overrules_words(const struct p2p_right_override *override);
json_t *p2p_right_words(const struct p2p_ledger *ledger, const struct p2p_right *right,
                        const struct p2p_custody *custody, uint64_t now_ms);

#endif
