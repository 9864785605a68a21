/* What the parties agreed on outside of the messages: which codes mean whom, and who may send
 * what. A JSON file:
 *
 *     {
 *       "me": "PORT2PORT-BEANR",                         our own id, as recipient and sender
 *       "senders": {"LINE-A": ["COREOR"], "TERM-B": ["COARRI", "CODECO"]},
 *       "parties": {"FWD-C": "beanr-forwarder"},         party codes -> issuers
 *       "facilities": {"K1742": "beanr-f1"},             terminal codes -> facilities
 *       "facility": "beanr-f1",                          where a message names none
 *       "country": "BE",                                 of a plate that names none
 *       "card": "alfapass",                              type of the drivers' cards
 *       "zone": "Europe/Brussels"                        of times without one; UTC otherwise
 *     }
 *
 * Without "senders" everybody may send everything, without "me" every recipient is right: both
 * are for trying things out. An unknown key is an error, and so is a zone that this machine
 * does not know: the C library would take it for UTC. The zone becomes the process's own (TZ)
 * when the caller says so. One thread. */
#ifndef P2P_TRADE_AGREEMENT_H
#define P2P_TRADE_AGREEMENT_H

#include <p2p/base.h>

#include <jansson.h>

#define P2P_AGREEMENT_BYTES_MAX (4u << 20)

struct p2p_agreement {
    json_t *json;
    const char *me; /* "" for none */
    const char *facility;
    const char *country;
    const char *card;
    const char *zone;
};

/* Makes the zone the process's own. */
void p2p_agreement_use_zone(const struct p2p_agreement *agreement);

/* bytes: the file, or empty for an agreement on nothing. problem: one sentence, on P2P_USAGE.
 */
P2P_MUST_CHECK enum p2p_err p2p_agreement_read(struct p2p_agreement *out,
                                               struct p2p_slice bytes, char *problem,
                                               size_t problem_cap);
void p2p_agreement_deinit(struct p2p_agreement *agreement); /* accepts a zeroed one */

/* The name for a code, or NULL; borrowed. */
const char *p2p_agreement_party(const struct p2p_agreement *agreement, const char *code);
const char *p2p_agreement_facility(const struct p2p_agreement *agreement, const char *code);
bool p2p_agreement_knows_sender(const struct p2p_agreement *agreement, const char *sender);
bool p2p_agreement_allows(const struct p2p_agreement *agreement, const char *sender,
                          const char *type);

#endif
