/* Finding a decision in an archive by its id. */
#include "explained_parts.h"

#include "error.h"

#include <p2p/text.h>

#include <stdlib.h>
#include <string.h>

static int cannot(const struct p2p_cli_audited *audited, const char *id, const char *why)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    snprintf(text, sizeof text, "%s %s", id, why);
    return p2p_cli_fail(audited->call, P2P_CLI_UNDECIDED, "not-found", text,
                        "without a decision, audit explain lists those of an archive");
}

/* Not among what verifies: of an archive that does not verify, it may have been in the rest. */
static int not_found(const struct p2p_cli_audited *audited, const char *id)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    if (p2p_cli_audited_exit(audited) == P2P_CLI_YES) {
        return cannot(audited, id, "is no decision of this archive");
    }
    snprintf(text, sizeof text, "%.128s is not in what verifies of this archive", id);
    return p2p_cli_fail(audited->call, P2P_CLI_DAMAGED, "damaged", text,
                        "audit verify tells what does not");
}

static bool read_number(const char *text, uint32_t *n)
{
    const char *hash = strchr(text, '#');
    uint64_t value = 0;
    bool good =
        hash == NULL ||
        (p2p_decimal_decode(&value, p2p_slice_text(hash + 1)) == P2P_OK && value <= UINT32_MAX);
    *n = (uint32_t)value;
    return good;
}

enum p2p_err explained_payload(const struct p2p_cli_audited *audited,
                               struct p2p_cli_decision *decision, struct p2p_slice *payload)
{
    struct p2p_slice salted;
    enum p2p_err err = p2p_ledger_salted(audited->ledger, &decision->id, &salted);
    if (err == P2P_OK && salted.len <= P2P_SALT_BYTES) {
        err = P2P_NOTFOUND;
    }
    if (err != P2P_OK) {
        return err;
    }
    decision->payload = malloc(salted.len - P2P_SALT_BYTES);
    if (decision->payload == NULL) {
        return P2P_NOMEM;
    }
    memcpy(decision->payload, salted.data + P2P_SALT_BYTES, salted.len - P2P_SALT_BYTES);
    *payload = p2p_slice_of(decision->payload, salted.len - P2P_SALT_BYTES);
    return P2P_OK;
}

static enum p2p_err parse_nth(struct p2p_cli_decision *decision, struct p2p_slice payload)
{
    struct p2p_decisions_walk walk;
    struct p2p_slice packed;
    enum p2p_err err = P2P_OK;
    p2p_decisions_begin(&walk, payload);
    for (uint32_t i = 0; i <= decision->n && err == P2P_OK; i++) {
        err = p2p_decisions_next(&walk, &packed);
    }
    return err == P2P_OK ? p2p_decision_parse(&decision->parsed, packed) : err;
}

int p2p_cli_decision_find(const struct p2p_cli_audited *audited, const char *text,
                          struct p2p_cli_decision *out)
{
    struct p2p_cli_decision decision = {.payload = NULL};
    struct p2p_slice leaf;
    struct p2p_slice payload;
    struct p2p_record record;
    const struct p2p_feed *feed = NULL;
    *out = decision;
    if (p2p_id_parse(audited->ledger, text, &decision.id) && read_number(text, &decision.n)) {
        feed = p2p_ledger_feed(audited->ledger, decision.id.feed);
    }
    if (feed == NULL || p2p_feed_leaf(feed, audited->kv, decision.id.index, &leaf) != P2P_OK ||
        p2p_record_decode(&record, leaf) != P2P_OK || record.kind != P2P_KIND_DECISIONS) {
        return feed == NULL ? cannot(audited, text, "is no decision of this archive")
                            : not_found(audited, text);
    }
    decision.time_ms = record.time_ms;
    enum p2p_err err = explained_payload(audited, &decision, &payload);
    if (err == P2P_OK) {
        err = parse_nth(&decision, payload);
    }
    if (err == P2P_OK) {
        *out = decision;
        return P2P_CLI_YES;
    }
    free(decision.payload);
    if (err == P2P_NOTFOUND && decision.payload == NULL) {
        return cannot(audited, text,
                      "is withheld: only the archive of its own member has its decisions");
    }
    return err == P2P_NOTFOUND ? cannot(audited, text, "has no decision of that number")
           : err == P2P_MALFORMED
               ? p2p_cli_fail(audited->call, P2P_CLI_DAMAGED, "malformed",
                              "what stands there is not of the form of decisions", NULL)
               : p2p_cli_fail_err(audited->call, err, NULL);
}
