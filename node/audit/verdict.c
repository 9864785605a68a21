/* The verdict as text: one line a fact, in one order. */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <stdio.h>
#include <string.h>

#define LINE_BYTES_MAX (P2P_ORIGIN_BYTES_MAX + P2P_FINDING_TEXT_BYTES + 128u)

static void put(struct p2p_writer *out, const char *name, const char *value)
{
    p2p_writer_text(out, name);
    p2p_writer_text(out, value);
    p2p_writer_text(out, "\n");
}

static void put_hash(struct p2p_writer *out, const char *name, const struct p2p_hash *hash)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    p2p_hex_encode(hex, hash->bytes, P2P_HASH_BYTES);
    put(out, name, hex);
}

static void put_number(struct p2p_writer *out, const char *name, uint64_t number)
{
    char text[P2P_DECIMAL_BYTES];
    p2p_decimal_encode(text, number);
    put(out, name, text);
}

static void put_inputs(struct p2p_writer *out, const struct p2p_audit *audit)
{
    struct p2p_audit_summary summary;
    p2p_audit_summary(audit, &summary);
    put(out, "federation ", summary.federation[0] == '\0' ? "-" : summary.federation);
    put_hash(out, "federation_id ", &summary.federation_id);
    put_number(out, "charter ", summary.charter_size);
    put_hash(out, "trust ", &summary.trust_hash);
    for (size_t i = 0; i < summary.archive_count; i++) {
        struct p2p_hash hash = p2p_audit_archive_hash(audit, i);
        put_hash(out, "archive ", &hash);
    }
    put_number(out, "feeds ", summary.feed_count);
    put_number(out, "records ", summary.records);
    put_hash(out, "frontier ", &summary.frontier);
    put_hash(out, "leaves ", &summary.leaves);
}

static void put_check(struct p2p_writer *out, const struct p2p_findings *findings,
                      enum p2p_check check)
{
    char line[LINE_BYTES_MAX];
    snprintf(line, sizeof line,
             "check %s looked_at %llu broken %llu findings %llu notices %llu\n",
             p2p_check_word(check), (unsigned long long)p2p_findings_looked_at(findings, check),
             (unsigned long long)p2p_findings_tally(findings, check, P2P_SEVERITY_BROKEN),
             (unsigned long long)p2p_findings_tally(findings, check, P2P_SEVERITY_FINDING),
             (unsigned long long)p2p_findings_tally(findings, check, P2P_SEVERITY_NOTICE));
    p2p_writer_text(out, line);
}

static void put_finding(struct p2p_writer *out, const struct p2p_finding *finding)
{
    char line[LINE_BYTES_MAX];
    char index[P2P_DECIMAL_BYTES] = "-";
    if (finding->has_index) {
        p2p_decimal_encode(index, finding->index);
    }
    snprintf(line, sizeof line, "%s %s %s %s %s\n",
             p2p_severity_word(p2p_finding_severity(finding->code)),
             p2p_finding_word(finding->code), finding->feed[0] == '\0' ? "-" : finding->feed,
             index, finding->text);
    p2p_writer_text(out, line);
}

static const char *word_of(enum p2p_severity worst)
{
    switch (worst) {
    case P2P_SEVERITY_NOTICE:
        return "sound";
    case P2P_SEVERITY_FINDING:
        return "findings";
    case P2P_SEVERITY_BROKEN:
        return "broken";
    }
    return "broken";
}

enum p2p_err p2p_audit_verdict(const struct p2p_audit *audit,
                               const struct p2p_findings *findings,
                               const struct p2p_alloc *alloc, char **out, size_t *len)
{
    size_t cap = 4096 + (P2P_CHECK_COUNT + P2P_AUDIT_ARCHIVES_MAX) * 256 +
                 p2p_findings_size(findings) * LINE_BYTES_MAX;
    char *text = p2p_alloc_zeroed(alloc, cap, 1);
    struct p2p_writer writer;
    if (text == NULL) {
        return P2P_NOMEM;
    }
    p2p_writer_init(&writer, text, cap - 1);
    p2p_writer_text(&writer, "port2port audit v1\n");
    put(&writer, "verdict ", word_of(p2p_findings_worst(findings)));
    put_inputs(&writer, audit);
    for (int check = 0; check < P2P_CHECK_COUNT; check++) {
        put_check(&writer, findings, (enum p2p_check)check);
    }
    put_number(&writer, "unlisted ", p2p_findings_unlisted(findings));
    for (size_t i = 0; i < p2p_findings_size(findings); i++) {
        put_finding(&writer, p2p_findings_get(findings, i));
    }
    if (writer.failed) {
        p2p_alloc_free(alloc, text);
        return P2P_TOOLARGE;
    }
    *out = text;
    *len = writer.len;
    return P2P_OK;
}
