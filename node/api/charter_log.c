/* A version of the charter in words: what each of its ops changed, and who cosigned it. */
#include "charter_json.h"

#include <p2p/charter_op.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A founding version has hundreds: `ops` counts them, the record has them all. */
#define OPS_TOLD_MAX 12u

static void put_names(FILE *out, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s%s", i > 0 ? ", " : "", names[i]);
    }
}

static void put_found(FILE *out, const struct p2p_op_found *op)
{
    fprintf(out, "founds %s with %u roots, of which %u must sign", op->federation,
            op->root_count, op->threshold);
}

static void put_admit(FILE *out, const struct p2p_op_admit *op)
{
    fprintf(out, "admits %s (%s%s%s)", op->member, p2p_role_word(op->role),
            *op->locode != '\0' ? ", " : "", op->locode);
    if (op->witness_count > 0) {
        fputs(", witnessed by ", out);
        put_names(out, op->witnesses, op->witness_count);
    }
}

static void put_grant(FILE *out, const struct p2p_op_grant *op)
{
    fprintf(out, "lets %s of %s", op->issuer, op->member);
    for (size_t i = 0; i < op->grant_count; i++) {
        const struct p2p_grant *grant = &op->grants[i];
        bool everywhere = strcmp(grant->scope, "*") == 0;
        fprintf(out, "%s %s%s%s", i > 0 ? "," : "", grant->name, everywhere ? "" : " at ",
                everywhere ? "" : grant->scope);
    }
}

static void put_circle(FILE *out, const struct p2p_op_circle *op)
{
    fprintf(out, "circle %s:", op->circle);
    if (op->epoch_count > 0) {
        fprintf(out, " gives key %u", op->epochs[0].epoch);
        if (op->epoch_count > 1) {
            fprintf(out, " to %u", op->epochs[op->epoch_count - 1].epoch);
        }
        fputs(" to ", out);
        put_names(out, op->members, op->member_count);
    }
    if (op->remove_count > 0) {
        fprintf(out, "%s leave: ", op->epoch_count > 0 ? ";" : "");
        put_names(out, op->remove, op->remove_count);
    }
}

static void put_witness(FILE *out, const struct p2p_op_witness *op)
{
    fprintf(out, "witnesses of %s:", op->feed);
    if (op->add != NULL) {
        fprintf(out, " %s joins", op->add);
    }
    if (op->remove != NULL) {
        fprintf(out, "%s %s leaves", op->add != NULL ? "," : "", op->remove);
    }
}

static void put_policy(FILE *out, const struct p2p_policy *op)
{
    fprintf(out, "policy: lease %u s, heartbeat %u s, fresh cosignature %u s, clock skew %u s",
            op->lease_s, op->heartbeat_s, op->fresh_cosignature_s, op->clock_skew_s);
}

static void put_revoke(FILE *out, const struct p2p_op_revoke *op)
{
    fprintf(out, "revokes %s from %s:%llu on", op->issuer, op->feed,
            (unsigned long long)op->index);
    for (size_t i = 0; i < op->keep_count; i++) {
        fprintf(out, "%s%s:%llu", i > 0 ? ", " : "; these stay: ", op->feed,
                (unsigned long long)op->keep[i]);
    }
}

static void put_generation(FILE *out, const struct p2p_op_generation *op)
{
    fprintf(out, "closes the feed of %s and grants it the next generation", op->member);
    if (op->witness_count > 0) {
        fputs(", witnessed by ", out);
        put_names(out, op->witnesses, op->witness_count);
    }
}

static void put_op(FILE *out, const struct p2p_charter_op *op)
{
    switch (op->type) {
    case P2P_OP_FOUND:
        put_found(out, &op->found);
        return;
    case P2P_OP_ADMIT:
        put_admit(out, &op->admit);
        return;
    case P2P_OP_GRANT:
        put_grant(out, &op->grant);
        return;
    case P2P_OP_CIRCLE:
        put_circle(out, &op->circle);
        return;
    case P2P_OP_WITNESS:
        put_witness(out, &op->witness);
        return;
    case P2P_OP_POLICY:
        put_policy(out, &op->policy);
        return;
    case P2P_OP_REVOKE:
        put_revoke(out, &op->revoke);
        return;
    case P2P_OP_ROTATE:
        fprintf(out, "new roots: %u, of which %u must sign", op->rotate.root_count,
                op->rotate.threshold);
        return;
    case P2P_OP_SETTLE:
        fputs("settles two heads in favour of this one", out);
        return;
    case P2P_OP_GENERATION:
        put_generation(out, &op->generation);
        return;
    case P2P_OP_REASSIGN:
        fprintf(out, "%s is to hold custody of %s:%llu at epoch %llu", op->reassign.member,
                op->reassign.feed, (unsigned long long)op->reassign.index,
                (unsigned long long)op->reassign.epoch);
        return;
    case P2P_OP_SETTLE_OPENS:
        fprintf(out, "of the opens of a container %s:%llu is kept", op->settle_opens.keep.feed,
                (unsigned long long)op->settle_opens.keep.index);
        for (uint32_t i = 0; i < op->settle_opens.other_count; i++) {
            fprintf(out, "%s %s:%llu", i == 0 ? ", not" : ",", op->settle_opens.others[i].feed,
                    (unsigned long long)op->settle_opens.others[i].index);
        }
        return;
    }
}

/* What the ops do, in one line; malloc'd, NULL without memory. */
static char *ops_text(const struct p2p_version *version)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < version->op_count && i < OPS_TOLD_MAX; i++) {
        fputs(i > 0 ? "; " : "", out);
        put_op(out, &version->ops[i]);
    }
    if (version->op_count > OPS_TOLD_MAX) {
        fprintf(out, "; and %zu more", version->op_count - OPS_TOLD_MAX);
    }
    bool whole = ferror(out) == 0;
    if (fclose(out) != 0 || !whole) {
        free(text);
        return NULL;
    }
    return text;
}

static json_t *words_json(const struct p2p_version *version)
{
    json_t *words = json_array();
    for (size_t i = 0; i < version->op_count; i++) {
        json_array_append_new(words, json_string(p2p_op_word(version->ops[i].type)));
    }
    return words;
}

/* Everybody but the log itself: their signatures were verified when the entry was taken. */
static json_t *cosigners_json(const struct p2p_charter *charter, struct p2p_slice bytes)
{
    json_t *names = json_array();
    struct p2p_note note;
    char prefix[P2P_FEDERATION_BYTES_MAX + 8];
    size_t len =
        (size_t)snprintf(prefix, sizeof(prefix), "%s/root/", p2p_charter_federation(charter));
    if (p2p_note_parse(&note, bytes) != P2P_OK) {
        return names;
    }
    for (size_t i = 0; i < note.signature_count; i++) {
        struct p2p_slice name = note.signatures[i].name;
        if (name.len > len && memcmp(name.data, prefix, len) == 0) {
            json_array_append_new(names, p2p_slice_json(name));
        }
    }
    return names;
}

enum p2p_err p2p_version_json(const struct p2p_charter *charter, uint64_t index, json_t **out)
{
    struct p2p_slice leaf;
    struct p2p_slice note;
    struct p2p_version version;
    struct p2p_arena arena;
    enum p2p_err err = p2p_charter_entry(charter, index, &leaf, &note);
    if (err != P2P_OK) {
        return err;
    }
    p2p_arena_init(&arena, p2p_alloc_default(), P2P_VERSION_ARENA_BYTES_MAX);
    err = p2p_version_decode(&version, leaf, &arena);
    if (err == P2P_OK) {
        char *text = ops_text(&version);
        *out = json_pack("{s:I, s:I, s:o, s:s*, s:o, s:o}", "version", (json_int_t)index + 1,
                         "index", (json_int_t)index, "time", p2p_time_json(version.time_ms),
                         "text", text, "ops", words_json(&version), "cosigners",
                         cosigners_json(charter, note));
        err = text == NULL || *out == NULL ? P2P_NOMEM : P2P_OK;
        free(text);
    }
    p2p_arena_deinit(&arena);
    return err;
}
