/* Tasks that wait for something (task.h) outlive their interchange: they are tried again, and
 * one that is refused after all is answered late, by an APERAK of its own. Main thread. */
#ifndef P2P_TRADE_LATE_H
#define P2P_TRADE_LATE_H

#include "intake.h"

/* Tries what waits once more: at most `max` tasks, behind those of the last time. Those of an
 * interchange that is not answered yet are left to it. Errors as of p2p_trade_take. */
P2P_MUST_CHECK enum p2p_err p2p_trade_retry(struct p2p_trade *trade, size_t max,
                                            struct p2p_trade_tally *tally);

#endif
