/* Admission: how many strangers may be in the middle of a handshake, in all and from one
 * address.
 *
 * A half-open handshake costs memory before anyone is known, so both numbers are bounded
 * (limits.h); whoever comes on top is refused by name, and those who are through are never
 * touched. The net holds the table; a connection is in it from accept until it is admitted or
 * ends. Loop thread only. */
#ifndef P2P_TRANSPORT_ADMISSION_H
#define P2P_TRANSPORT_ADMISSION_H

#include "conn.h"

/* False: one handshake too many, and why. */
P2P_MUST_CHECK bool p2p_admission_allows(const struct p2p_conn *conn,
                                         enum p2p_refusal *out_reason);
/* Only after p2p_admission_allows. */
void p2p_admission_enter(struct p2p_conn *conn);
void p2p_admission_leave(struct p2p_conn *conn); /* idempotent */

#endif
