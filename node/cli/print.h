/* Replies of the API as people read them: pure functions from JSON to text.
 *
 * Every printer takes what it finds: a member that is missing prints as nothing, so that a node
 * of a newer version can be asked too. Lists get one page of rows. */
#ifndef P2P_CLI_PRINT_H
#define P2P_CLI_PRINT_H

#include "style.h"

/* Beside a number in a list whose check digit is wrong. */
#define P2P_CLI_BAD_CHECK " (check digit)"

void p2p_cli_print_bans(const struct p2p_cli_style *style, const json_t *rows);
void p2p_cli_print_ban(const struct p2p_cli_style *style, const json_t *ban);
/* Custody and rights: lists get one page of rows. */
void p2p_cli_print_custodies(const struct p2p_cli_style *style, const json_t *rows);
void p2p_cli_print_custody(const struct p2p_cli_style *style, const json_t *custody);
void p2p_cli_print_rights(const struct p2p_cli_style *style, const json_t *rows);
void p2p_cli_print_right(const struct p2p_cli_style *style, const json_t *right);
void p2p_cli_print_gate(const struct p2p_cli_style *style, const json_t *answer);
void p2p_cli_print_decisions(const struct p2p_cli_style *style, const json_t *rows);
/* "lifted, 6 of 6 in 0.4 s, slowest belgg" */
const char *p2p_cli_spread_text(char *out, size_t cap, const json_t *row);
/* Rows of one ban; and an observer's part of status. */
void p2p_cli_print_spread(const struct p2p_cli_style *style, const json_t *rows);
void p2p_cli_print_observed(const struct p2p_cli_style *style, const json_t *status);
void p2p_cli_print_status(const struct p2p_cli_style *style, const json_t *status);
void p2p_cli_print_peers(const struct p2p_cli_style *style, const json_t *rows);
void p2p_cli_print_doctor(const struct p2p_cli_style *style, const json_t *report);
void p2p_cli_print_keys(const struct p2p_cli_style *style, const json_t *rows);
void p2p_cli_print_records(const struct p2p_cli_style *style, const json_t *rows);
void p2p_cli_print_record(const struct p2p_cli_style *style, const json_t *record);
void p2p_cli_print_charter(const struct p2p_cli_style *style, const json_t *charter);
void p2p_cli_print_charter_log(const struct p2p_cli_style *style, const json_t *rows);
void p2p_cli_print_event(const struct p2p_cli_style *style, const json_t *event);
/* One line for a peer, without the member's name: "up to date", "behind 12", "refused: reason".
 */
const char *p2p_cli_peer_state(char *out, size_t cap, const json_t *peer);

/* "name     value" when value is not empty; names are padded to the widest of a block. */
void p2p_cli_field(const struct p2p_cli_style *style, const char *name, const char *value);

#define P2P_CLI_WHEN_BYTES 32u
/* A time of the API for people: "2024-06-25", or "2024-06-25 14:03:07" with a time of day. */
const char *p2p_cli_when(char out[P2P_CLI_WHEN_BYTES], const json_t *object, const char *name);
/* As precise as it stands there, where order within a second counts: "2024-06-25 14:03:07.120".
 */
const char *p2p_cli_moment(char out[P2P_CLI_WHEN_BYTES], const json_t *object,
                           const char *name);

#endif
