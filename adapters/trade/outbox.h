/* Where answers are put: files that appear whole, under names that are the same when the same
 * answer is written again after a crash. */
#ifndef P2P_TRADE_OUTBOX_H
#define P2P_TRADE_OUTBOX_H

#include <p2p/base.h>

#define P2P_OUTBOX_NAME_BYTES 160u

/* `SENDER-REFERENCE-<8 digits of key>.KIND`; what is no letter, digit, - or _ becomes _. */
void p2p_outbox_name(char out[P2P_OUTBOX_NAME_BYTES], const char *sender, const char *reference,
                     const char *key, const char *kind);
/* Durable once P2P_OK is returned: written beside, synced, renamed, the directory synced.
 * P2P_FULL, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_outbox_write(const char *dir, const char *name,
                                             struct p2p_slice bytes);

#endif
