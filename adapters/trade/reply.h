/* To whom an answer goes, what it is called, and that it is put where answers are put.
 *
 * An origin says whose message something was and what it was called: a JSON object, since it
 * outlives its interchange in the journal. Names of the files that were written are added to an
 * array, for the report. Errors are those of outbox.h, and P2P_NOMEM. */
#ifndef P2P_TRADE_REPLY_H
#define P2P_TRADE_REPLY_H

#include "edifact.h"
#include "intake.h"

/* {"key","sender","qualifier","me","my_qualifier","interchange","message","type","release",
 * "document"}. key: of the interchange; message: NULL for the interchange alone. NULL without
 * memory. */
json_t *p2p_trade_origin(const struct p2p_edi_interchange *in, const char *key,
                         const struct p2p_edi_message *message, const char *document);
/* {"code","text","container","segment"}: of a task that was refused. NULL without memory. */
json_t *p2p_trade_refusal(const json_t *task, const struct p2p_trade_result *result);
/* delivery: tells the answers to a rejected or duplicate one from those to another. */
P2P_MUST_CHECK enum p2p_err p2p_trade_send_contrl(const struct p2p_trade *trade,
                                                  const struct p2p_edi_interchange *in,
                                                  const char *key, const char *delivery,
                                                  json_t *names);
/* items: as answer.h has them, each a copy of its message's origin with its refusals; the first
 * one's counts. kind: the end of the file's name, "aperak.edi". */
P2P_MUST_CHECK enum p2p_err p2p_trade_send_aperak(const struct p2p_trade *trade,
                                                  const json_t *items, const char *kind,
                                                  json_t *names);

#endif
