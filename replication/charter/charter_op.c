/* Charter operations on the wire. Keys of every map stand in memcmp order, as everywhere.
 *
 *   found    federation str, log bin, op, roots [bin], threshold uint
 *   admit    feed bin, locode str, member str, op, role str, sealing bin, transport bin,
 *            witness bin, witnesses [str]
 *   grant    grants [[word str, scope str]], issuer str, key bin, member str, op
 *   circle   circle str, epochs [[epoch uint, key hash bin]], members [str], op, remove [str]
 *   witness  add str or nil, feed str, op, remove str or nil
 *   policy   clock_skew_s, fresh_cosignature_s, heartbeat_s, lease_s uint, op
 *   revoke   feed str, index uint, issuer str, keep [uint], note str, op
 *   rotate   op, roots [bin], threshold uint
 *   settle   heads [str, str], op, rival [bin]
 *   generation  feed bin, member str, op, witness bin, witnesses [str]
 *   reassign    epoch uint, feed str, index uint, member str, op
 *   settle-opens  feed str, index uint, op, others [[feed str, index uint]]
 *
 * Keys and hashes are 32 bytes. Encoding is here; charter_op_decode.c follows the same table.
 */
#include <p2p/charter_op.h>

static const char *const words[] = {
#define OP_WORD(name, word) word,
    P2P_CHARTER_OP_MAP(OP_WORD)
#undef OP_WORD
};

const char *p2p_op_word(enum p2p_op op)
{
    return words[op];
}

enum p2p_err p2p_op_of(enum p2p_op *op, struct p2p_slice word)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (p2p_slice_equal(word, p2p_slice_text(words[i]))) {
            *op = (enum p2p_op)i;
            return P2P_OK;
        }
    }
    return P2P_NOTFOUND;
}

static void pack_text(struct p2p_pack *pack, const char *key, const char *value)
{
    p2p_pack_text(pack, key);
    p2p_pack_text(pack, value);
}

static void pack_text_or_nil(struct p2p_pack *pack, const char *key, const char *value)
{
    p2p_pack_text(pack, key);
    if (value) {
        p2p_pack_text(pack, value);
    } else {
        p2p_pack_nil(pack);
    }
}

static void pack_uint(struct p2p_pack *pack, const char *key, uint64_t value)
{
    p2p_pack_text(pack, key);
    p2p_pack_uint(pack, value);
}

static void pack_key(struct p2p_pack *pack, const char *key, const uint8_t *bytes)
{
    p2p_pack_text(pack, key);
    p2p_pack_bin(pack, bytes, P2P_PUBLIC_BYTES);
}

static void pack_names(struct p2p_pack *pack, const char *key, const char *const *names,
                       size_t count)
{
    p2p_pack_text(pack, key);
    p2p_pack_array(pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        p2p_pack_text(pack, names[i]);
    }
}

static void pack_roots(struct p2p_pack *pack, const struct p2p_root_public *roots, size_t count)
{
    p2p_pack_text(pack, "roots");
    p2p_pack_array(pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        p2p_pack_bin(pack, roots[i].bytes, P2P_PUBLIC_BYTES);
    }
}

void p2p_op_found_pack(struct p2p_pack *pack, const struct p2p_op_found *op)
{
    p2p_pack_map(pack, 5);
    pack_text(pack, "federation", op->federation);
    pack_key(pack, "log", op->log_key.bytes);
    pack_text(pack, "op", "found");
    pack_roots(pack, op->roots, op->root_count);
    pack_uint(pack, "threshold", op->threshold);
}

void p2p_op_admit_pack(struct p2p_pack *pack, const struct p2p_op_admit *op)
{
    p2p_pack_map(pack, 9);
    pack_key(pack, "feed", op->feed_key.bytes);
    pack_text(pack, "locode", op->locode ? op->locode : "");
    pack_text(pack, "member", op->member);
    pack_text(pack, "op", "admit");
    pack_text(pack, "role", p2p_role_word(op->role));
    pack_key(pack, "sealing", op->sealing_key.bytes);
    pack_key(pack, "transport", op->transport_key.bytes);
    pack_key(pack, "witness", op->witness_key.bytes);
    pack_names(pack, "witnesses", op->witnesses, op->witness_count);
}

void p2p_op_grant_pack(struct p2p_pack *pack, const struct p2p_op_grant *op)
{
    p2p_pack_map(pack, 5);
    p2p_pack_text(pack, "grants");
    p2p_pack_array(pack, (uint32_t)op->grant_count);
    for (size_t i = 0; i < op->grant_count; i++) {
        p2p_pack_array(pack, 2);
        p2p_pack_text(pack, op->grants[i].name);
        p2p_pack_text(pack, op->grants[i].scope);
    }
    pack_text(pack, "issuer", op->issuer);
    pack_key(pack, "key", op->key.bytes);
    pack_text(pack, "member", op->member);
    pack_text(pack, "op", "grant");
}

void p2p_op_circle_pack(struct p2p_pack *pack, const struct p2p_op_circle *op)
{
    p2p_pack_map(pack, 5);
    pack_text(pack, "circle", op->circle);
    p2p_pack_text(pack, "epochs");
    p2p_pack_array(pack, (uint32_t)op->epoch_count);
    for (size_t i = 0; i < op->epoch_count; i++) {
        p2p_pack_array(pack, 2);
        p2p_pack_uint(pack, op->epochs[i].epoch);
        p2p_pack_bin(pack, op->epochs[i].key_hash.bytes, P2P_HASH_BYTES);
    }
    pack_names(pack, "members", op->members, op->member_count);
    pack_text(pack, "op", "circle");
    pack_names(pack, "remove", op->remove, op->remove_count);
}

void p2p_op_witness_pack(struct p2p_pack *pack, const struct p2p_op_witness *op)
{
    p2p_pack_map(pack, 4);
    pack_text_or_nil(pack, "add", op->add);
    pack_text(pack, "feed", op->feed);
    pack_text(pack, "op", "witness");
    pack_text_or_nil(pack, "remove", op->remove);
}

void p2p_op_policy_pack(struct p2p_pack *pack, const struct p2p_policy *op)
{
    p2p_pack_map(pack, 5);
    pack_uint(pack, "clock_skew_s", op->clock_skew_s);
    pack_uint(pack, "fresh_cosignature_s", op->fresh_cosignature_s);
    pack_uint(pack, "heartbeat_s", op->heartbeat_s);
    pack_uint(pack, "lease_s", op->lease_s);
    pack_text(pack, "op", "policy");
}

void p2p_op_revoke_pack(struct p2p_pack *pack, const struct p2p_op_revoke *op)
{
    p2p_pack_map(pack, 6);
    pack_text(pack, "feed", op->feed);
    pack_uint(pack, "index", op->index);
    pack_text(pack, "issuer", op->issuer);
    p2p_pack_text(pack, "keep");
    p2p_pack_array(pack, (uint32_t)op->keep_count);
    for (size_t i = 0; i < op->keep_count; i++) {
        p2p_pack_uint(pack, op->keep[i]);
    }
    p2p_pack_text(pack, "note");
    p2p_pack_str(pack, op->note);
    pack_text(pack, "op", "revoke");
}

void p2p_op_rotate_pack(struct p2p_pack *pack, const struct p2p_op_rotate *op)
{
    p2p_pack_map(pack, 3);
    pack_text(pack, "op", "rotate");
    pack_roots(pack, op->roots, op->root_count);
    pack_uint(pack, "threshold", op->threshold);
}

void p2p_op_settle_pack(struct p2p_pack *pack, const struct p2p_op_settle *op)
{
    p2p_pack_map(pack, 3);
    p2p_pack_text(pack, "heads");
    p2p_pack_array(pack, 2);
    p2p_pack_str(pack, op->heads[0]);
    p2p_pack_str(pack, op->heads[1]);
    pack_text(pack, "op", "settle");
    p2p_pack_text(pack, "rival");
    p2p_pack_raw(pack, op->rival_entries);
}

void p2p_op_generation_pack(struct p2p_pack *pack, const struct p2p_op_generation *op)
{
    p2p_pack_map(pack, 5);
    pack_key(pack, "feed", op->feed_key.bytes);
    pack_text(pack, "member", op->member);
    pack_text(pack, "op", "generation");
    pack_key(pack, "witness", op->witness_key.bytes);
    pack_names(pack, "witnesses", op->witnesses, op->witness_count);
}

void p2p_op_reassign_pack(struct p2p_pack *pack, const struct p2p_op_reassign *op)
{
    p2p_pack_map(pack, 5);
    pack_uint(pack, "epoch", op->epoch);
    pack_text(pack, "feed", op->feed);
    pack_uint(pack, "index", op->index);
    pack_text(pack, "member", op->member);
    pack_text(pack, "op", "reassign");
}

void p2p_op_settle_opens_pack(struct p2p_pack *pack, const struct p2p_op_settle_opens *op)
{
    p2p_pack_map(pack, 4);
    pack_text(pack, "feed", op->keep.feed);
    pack_uint(pack, "index", op->keep.index);
    pack_text(pack, "op", "settle-opens");
    p2p_pack_text(pack, "others");
    p2p_pack_array(pack, op->other_count);
    for (uint32_t i = 0; i < op->other_count; i++) {
        p2p_pack_array(pack, 2);
        p2p_pack_text(pack, op->others[i].feed);
        p2p_pack_uint(pack, op->others[i].index);
    }
}

void p2p_charter_op_pack(struct p2p_pack *pack, const struct p2p_charter_op *op)
{
    switch (op->type) {
    case P2P_OP_FOUND:
        p2p_op_found_pack(pack, &op->found);
        break;
    case P2P_OP_ADMIT:
        p2p_op_admit_pack(pack, &op->admit);
        break;
    case P2P_OP_GRANT:
        p2p_op_grant_pack(pack, &op->grant);
        break;
    case P2P_OP_CIRCLE:
        p2p_op_circle_pack(pack, &op->circle);
        break;
    case P2P_OP_WITNESS:
        p2p_op_witness_pack(pack, &op->witness);
        break;
    case P2P_OP_POLICY:
        p2p_op_policy_pack(pack, &op->policy);
        break;
    case P2P_OP_REVOKE:
        p2p_op_revoke_pack(pack, &op->revoke);
        break;
    case P2P_OP_ROTATE:
        p2p_op_rotate_pack(pack, &op->rotate);
        break;
    case P2P_OP_SETTLE:
        p2p_op_settle_pack(pack, &op->settle);
        break;
    case P2P_OP_GENERATION:
        p2p_op_generation_pack(pack, &op->generation);
        break;
    case P2P_OP_REASSIGN:
        p2p_op_reassign_pack(pack, &op->reassign);
        break;
    case P2P_OP_SETTLE_OPENS:
        p2p_op_settle_opens_pack(pack, &op->settle_opens);
        break;
    }
}

enum p2p_err p2p_charter_leaf(struct p2p_slice ops, uint32_t count, uint64_t term,
                              uint64_t time_ms, struct p2p_pack *out)
{
    uint8_t content[P2P_BODY_BYTES_MAX];
    struct p2p_pack body;
    if (count == 0 || count > P2P_CHARTER_OPS_MAX) {
        return P2P_USAGE;
    }
    p2p_pack_init(&body, content, sizeof(content));
    p2p_pack_map(&body, 2);
    p2p_pack_text(&body, "ops");
    p2p_pack_array(&body, count);
    p2p_pack_raw(&body, ops);
    p2p_pack_text(&body, "term");
    p2p_pack_uint(&body, term);
    if (p2p_pack_failed(&body)) {
        return P2P_TOOLARGE;
    }
    struct p2p_draft draft = {
        .kind = P2P_CHARTER_KIND, .time_ms = time_ms, .content = p2p_pack_slice(&body)};
    return p2p_record_encode(&draft, p2p_slice_of(NULL, 0), out);
}
