/* The decisions that an archive has the payloads of, in the order of their feeds, as they come:
 * there may be any number of them. */
#include "explained_parts.h"

#include "print.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    const struct p2p_cli_audited *audited;
    const struct p2p_cli_call *call;
    struct p2p_cli_decision decision;
    uint64_t listed;
    uint64_t withheld; /* records */
};

static json_t *row_json(const struct listing *listing)
{
    const struct p2p_cli_audited *audited = listing->audited;
    const struct p2p_decision *parsed = &listing->decision.parsed;
    char id[P2P_ID_TEXT_BYTES];
    char name[P2P_ID_TEXT_BYTES + 16];
    bool checks = true;
    p2p_id_text(audited->ledger, &listing->decision.id, id);
    snprintf(name, sizeof name, "%s#%u", id, listing->decision.n);
    json_t *json =
        json_pack("{s:s, s:o, s:o, s:s, s:s, s:o, s:o}", "decision", name, "time",
                  p2p_time_json(parsed->own_ms), "gate", p2p_slice_json(parsed->gate),
                  "purpose", parsed->purpose, "answer", p2p_answer_word(parsed->answer),
                  "reasons", explained_reasons(audited, parsed->reasons, parsed->reason_count),
                  "presented", explained_presented(audited, parsed, &checks));
    if (json != NULL && parsed->container.len > 0) {
        json_object_set_new(json, "container", p2p_slice_json(parsed->container));
    }
    return json;
}

/* "call imo:9332810", "collect CSQU3054383": the first of those presented, and how many more.
 */
static void put_what(FILE *out, const json_t *row)
{
    const json_t *presented = json_object_get(row, "presented");
    const char *container = p2p_cli_text(row, "container");
    const char *first = json_string_value(json_array_get(json_array_get(presented, 0), 0));
    size_t more = json_array_size(presented);
    if (container[0] != '\0') {
        fputs("collect ", out);
        p2p_cli_put(out, container);
        return;
    }
    p2p_cli_put(out, p2p_cli_text(row, "purpose"));
    fputc(' ', out);
    p2p_cli_put(out, first == NULL ? "?" : first);
    if (more > 1) {
        fprintf(out, " and %zu more", more - 1);
    }
}

static void put_row(const struct listing *listing, const json_t *row)
{
    char at[P2P_CLI_WHEN_BYTES];
    FILE *out = listing->call->out;
    const json_t *reason = NULL;
    size_t i = 0;
    fprintf(out, "%-23s  %-16s  ", p2p_cli_moment(at, row, "time"),
            p2p_cli_text(row, "decision"));
    p2p_cli_put(out, p2p_cli_text(row, "gate"));
    fprintf(out, "  %-8s  ", p2p_cli_text(row, "answer"));
    put_what(out, row);
    json_array_foreach(json_object_get(row, "reasons"), i, reason)
    {
        fprintf(out, "%s%s", i == 0 ? ": " : ", ", p2p_cli_text(reason, "code"));
    }
    fputc('\n', out);
}

static enum p2p_err list_record(struct listing *listing)
{
    struct p2p_decisions_walk walk;
    struct p2p_slice payload;
    struct p2p_slice packed;
    enum p2p_err err = explained_payload(listing->audited, &listing->decision, &payload);
    if (err == P2P_NOTFOUND) {
        listing->withheld++;
        return P2P_OK;
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_decisions_begin(&walk, payload);
    for (listing->decision.n = 0; err == P2P_OK; listing->decision.n++) {
        err = p2p_decisions_next(&walk, &packed);
        json_t *row = NULL;
        if (err == P2P_OK && p2p_decision_parse(&listing->decision.parsed, packed) == P2P_OK) {
            row = row_json(listing);
            err = row == NULL ? P2P_NOMEM : P2P_OK;
        }
        if (row != NULL && listing->call->json) {
            p2p_cli_put_json(listing->call->out, row);
        } else if (row != NULL) {
            put_row(listing, row);
        }
        listing->listed += row != NULL ? 1 : 0;
        json_decref(row);
    }
    free(listing->decision.payload);
    listing->decision.payload = NULL;
    return err == P2P_NOTFOUND || err == P2P_MALFORMED ? P2P_OK : err; /* verify tells */
}

static enum p2p_err list_feed(struct listing *listing, uint32_t number)
{
    const struct p2p_cli_audited *audited = listing->audited;
    const struct p2p_feed *feed = p2p_ledger_feed(audited->ledger, number);
    uint64_t size = feed == NULL ? 0 : feed->edge.size;
    enum p2p_err err = P2P_OK;
    for (uint64_t i = 0; i < size && err == P2P_OK; i++) {
        struct p2p_slice leaf;
        struct p2p_record record;
        err = p2p_feed_leaf(feed, audited->kv, i, &leaf);
        if (err == P2P_OK && p2p_record_decode(&record, leaf) == P2P_OK &&
            record.kind == P2P_KIND_DECISIONS) {
            listing->decision = (struct p2p_cli_decision){.id = {number, i}};
            err = list_record(listing);
        }
    }
    return err;
}

int p2p_cli_decisions_list(const struct p2p_cli_audited *audited)
{
    struct listing listing = {.audited = audited, .call = audited->call};
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i < audited->ledger->feed_count && err == P2P_OK; i++) {
        err = list_feed(&listing, i);
    }
    if (err != P2P_OK || p2p_audit_damaged(audited->audit) != NULL) {
        return p2p_cli_audited_fail(audited, err);
    }
    if (listing.listed == 0 && !audited->call->json) {
        fputs("no decisions\n", audited->call->out);
    }
    if (listing.withheld > 0) {
        fprintf(audited->call->err,
                "%llu records of decisions are withheld here; the archive of their own member "
                "has them\n",
                (unsigned long long)listing.withheld);
    }
    return p2p_cli_audited_exit(audited);
}
