/* The rows of the table of kinds, each defined in the file of its noun. Private to
 * replication/. */
#ifndef P2P_KINDS_H
#define P2P_KINDS_H

#include <p2p/kind.h>

extern const struct p2p_kind p2p_kind_charter;
extern const struct p2p_kind p2p_kind_address;
extern const struct p2p_kind p2p_kind_seen;
extern const struct p2p_kind p2p_kind_note;
extern const struct p2p_kind p2p_kind_fork;
extern const struct p2p_kind p2p_kind_circle_key;
extern const struct p2p_kind p2p_kind_circle_key_bad;
extern const struct p2p_kind p2p_kind_state;
extern const struct p2p_kind p2p_kind_rescued;
extern const struct p2p_kind p2p_kind_ban_impose;
extern const struct p2p_kind p2p_kind_ban_amend;
extern const struct p2p_kind p2p_kind_ban_suspend;
extern const struct p2p_kind p2p_kind_ban_resume;
extern const struct p2p_kind p2p_kind_ban_lift;
extern const struct p2p_kind p2p_kind_decisions;
extern const struct p2p_kind p2p_kind_custody_open;
extern const struct p2p_kind p2p_kind_custody_offer;
extern const struct p2p_kind p2p_kind_custody_accept;
extern const struct p2p_kind p2p_kind_custody_refuse;
extern const struct p2p_kind p2p_kind_custody_withdraw;
extern const struct p2p_kind p2p_kind_use;
extern const struct p2p_kind p2p_kind_custody_gate_in;
extern const struct p2p_kind p2p_kind_recount;
extern const struct p2p_kind p2p_kind_ruled;
extern const struct p2p_kind p2p_kind_right_issue;
extern const struct p2p_kind p2p_kind_right_accept;
extern const struct p2p_kind p2p_kind_right_decline;
extern const struct p2p_kind p2p_kind_right_transfer;
extern const struct p2p_kind p2p_kind_right_return;
extern const struct p2p_kind p2p_kind_right_revoke;
extern const struct p2p_kind p2p_kind_right_cancel;
extern const struct p2p_kind p2p_kind_right_assign;
extern const struct p2p_kind p2p_kind_right_unassign;
extern const struct p2p_kind p2p_kind_right_block;
extern const struct p2p_kind p2p_kind_right_unblock;
extern const struct p2p_kind p2p_kind_right_light;
extern const struct p2p_kind p2p_kind_right_gate_out;
extern const struct p2p_kind p2p_kind_override;
extern const struct p2p_kind p2p_kind_approve;

#define P2P_FIELDS(list) .fields = (list), .field_count = sizeof(list) / sizeof((list)[0])

#endif
