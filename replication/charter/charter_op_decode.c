/* Charter operations read from the wire: the table is in charter_op.c. Shape is checked here;
 * what may stand in a charter is the fold's business (charter_apply.c). */
#include <p2p/charter_op.h>

#include <string.h>

/* A map whose keys are read in their order; `in` fails at the first thing that is not as the
 * table says, and from then on yields nothing. nomem tells an empty arena from a bad shape. */
struct fields {
    struct p2p_unpack in;
    struct p2p_arena *arena;
    bool nomem;
};

static void fail(struct fields *f)
{
    f->in.bytes.failed = true;
}

static void *take(struct fields *f, size_t count, size_t each)
{
    void *piece = p2p_arena_take(f->arena, count * each + 1);
    if (!piece) {
        f->nomem = true;
        fail(f);
    }
    return piece;
}

static void key_is(struct fields *f, const char *key)
{
    if (!p2p_slice_equal(p2p_unpack_str(&f->in), p2p_slice_text(key))) {
        fail(f);
    }
}

/* A terminated copy, "" after a failure. A zero inside would hide what follows it: refused. */
static const char *copy_text(struct fields *f)
{
    struct p2p_slice text = p2p_unpack_str(&f->in);
    if (p2p_unpack_failed(&f->in) || (text.len > 0 && memchr(text.data, 0, text.len))) {
        fail(f);
        return "";
    }
    char *copy = take(f, text.len, 1);
    if (!copy) {
        return "";
    }
    if (text.len > 0) {
        memcpy(copy, text.data, text.len);
    }
    copy[text.len] = '\0';
    return copy;
}

static const char *read_text(struct fields *f, const char *key)
{
    key_is(f, key);
    return copy_text(f);
}

static const char *read_text_or_nil(struct fields *f, const char *key)
{
    key_is(f, key);
    return p2p_unpack_nil(&f->in) ? NULL : copy_text(f);
}

static void read_op(struct fields *f, enum p2p_op op)
{
    key_is(f, "op");
    key_is(f, p2p_op_word(op));
}

static uint64_t read_uint(struct fields *f, const char *key)
{
    key_is(f, key);
    return p2p_unpack_uint(&f->in);
}

static uint32_t read_u32(struct fields *f, const char *key)
{
    key_is(f, key);
    return p2p_unpack_u32(&f->in);
}

static void read_key(struct fields *f, const char *key, uint8_t out[P2P_PUBLIC_BYTES])
{
    key_is(f, key);
    p2p_unpack_fixed(&f->in, out, P2P_PUBLIC_BYTES);
}

/* The count of an array that follows; 0 and failed beyond max. */
static uint32_t read_count(struct fields *f, uint32_t max)
{
    uint32_t count = p2p_unpack_array(&f->in);
    if (count > max) {
        fail(f);
        return 0;
    }
    return p2p_unpack_failed(&f->in) ? 0 : count;
}

static const char *const *read_names(struct fields *f, const char *key, uint32_t max,
                                     size_t *count_out)
{
    key_is(f, key);
    uint32_t count = read_count(f, max);
    const char **names = take(f, count, sizeof(*names));
    for (uint32_t i = 0; names && i < count; i++) {
        names[i] = copy_text(f);
    }
    *count_out = names ? count : 0;
    return names;
}

static const struct p2p_root_public *read_roots(struct fields *f, uint32_t *count_out)
{
    key_is(f, "roots");
    uint32_t count = read_count(f, P2P_ROOTS_MAX);
    struct p2p_root_public *roots = take(f, count, sizeof(*roots));
    for (uint32_t i = 0; roots && i < count; i++) {
        p2p_unpack_fixed(&f->in, roots[i].bytes, P2P_PUBLIC_BYTES);
    }
    *count_out = roots ? count : 0;
    return roots;
}

static void begin(struct fields *f, uint32_t pairs)
{
    if (p2p_unpack_map(&f->in) != pairs) {
        fail(f);
    }
}

static void decode_found(struct fields *f, struct p2p_op_found *op)
{
    begin(f, 5);
    op->federation = read_text(f, "federation");
    read_key(f, "log", op->log_key.bytes);
    read_op(f, P2P_OP_FOUND);
    op->roots = read_roots(f, &op->root_count);
    op->threshold = read_u32(f, "threshold");
}

static void decode_admit(struct fields *f, struct p2p_op_admit *op)
{
    size_t witness_count;
    begin(f, 9);
    read_key(f, "feed", op->feed_key.bytes);
    op->locode = read_text(f, "locode");
    op->member = read_text(f, "member");
    read_op(f, P2P_OP_ADMIT);
    key_is(f, "role");
    if (p2p_role_of(&op->role, p2p_unpack_str(&f->in)) != P2P_OK) {
        fail(f);
    }
    read_key(f, "sealing", op->sealing_key.bytes);
    read_key(f, "transport", op->transport_key.bytes);
    read_key(f, "witness", op->witness_key.bytes);
    op->witnesses = read_names(f, "witnesses", P2P_MEMBERS_MAX, &witness_count);
    op->witness_count = (uint32_t)witness_count;
}

static void copy_word(struct fields *f, char *out, size_t cap)
{
    const char *text = copy_text(f);
    size_t len = strlen(text);
    if (len >= cap) {
        fail(f);
        return;
    }
    memcpy(out, text, len + 1);
}

static void decode_grant(struct fields *f, struct p2p_op_grant *op)
{
    begin(f, 5);
    key_is(f, "grants");
    uint32_t count = read_count(f, P2P_GRANTS_MAX);
    struct p2p_grant *grants = take(f, count, sizeof(*grants));
    for (uint32_t i = 0; grants && i < count; i++) {
        grants[i] = (struct p2p_grant){0};
        if (p2p_unpack_array(&f->in) != 2) {
            fail(f);
        }
        copy_word(f, grants[i].name, sizeof(grants[i].name));
        copy_word(f, grants[i].scope, sizeof(grants[i].scope));
    }
    op->grants = grants;
    op->grant_count = grants ? count : 0;
    op->issuer = read_text(f, "issuer");
    read_key(f, "key", op->key.bytes);
    op->member = read_text(f, "member");
    read_op(f, P2P_OP_GRANT);
}

static void decode_epochs(struct fields *f, struct p2p_op_circle *op)
{
    key_is(f, "epochs");
    uint32_t count = read_count(f, P2P_CIRCLE_EPOCHS_MAX);
    struct p2p_circle_epoch *epochs = take(f, count, sizeof(*epochs));
    for (uint32_t i = 0; epochs && i < count; i++) {
        if (p2p_unpack_array(&f->in) != 2) {
            fail(f);
        }
        epochs[i].epoch = p2p_unpack_u32(&f->in);
        p2p_unpack_fixed(&f->in, epochs[i].key_hash.bytes, P2P_HASH_BYTES);
    }
    op->epochs = epochs;
    op->epoch_count = epochs ? count : 0;
}

static void decode_circle(struct fields *f, struct p2p_op_circle *op)
{
    begin(f, 5);
    op->circle = read_text(f, "circle");
    decode_epochs(f, op);
    op->members = read_names(f, "members", P2P_MEMBERS_MAX, &op->member_count);
    read_op(f, P2P_OP_CIRCLE);
    op->remove = read_names(f, "remove", P2P_MEMBERS_MAX, &op->remove_count);
}

static void decode_witness(struct fields *f, struct p2p_op_witness *op)
{
    begin(f, 4);
    op->add = read_text_or_nil(f, "add");
    op->feed = read_text(f, "feed");
    read_op(f, P2P_OP_WITNESS);
    op->remove = read_text_or_nil(f, "remove");
}

static void decode_policy(struct fields *f, struct p2p_policy *op)
{
    begin(f, 5);
    op->clock_skew_s = read_u32(f, "clock_skew_s");
    op->fresh_cosignature_s = read_u32(f, "fresh_cosignature_s");
    op->heartbeat_s = read_u32(f, "heartbeat_s");
    op->lease_s = read_u32(f, "lease_s");
    read_op(f, P2P_OP_POLICY);
}

static void decode_revoke(struct fields *f, struct p2p_op_revoke *op)
{
    begin(f, 6);
    op->feed = read_text(f, "feed");
    op->index = read_uint(f, "index");
    op->issuer = read_text(f, "issuer");
    key_is(f, "keep");
    uint32_t count = read_count(f, P2P_RECORD_BYTES_MAX);
    uint64_t *keep = take(f, count, sizeof(*keep));
    for (uint32_t i = 0; keep && i < count; i++) {
        keep[i] = p2p_unpack_uint(&f->in);
    }
    op->keep = keep;
    op->keep_count = keep ? count : 0;
    key_is(f, "note");
    op->note = p2p_unpack_str(&f->in);
    read_op(f, P2P_OP_REVOKE);
}

static void decode_rotate(struct fields *f, struct p2p_op_rotate *op)
{
    begin(f, 3);
    read_op(f, P2P_OP_ROTATE);
    op->roots = read_roots(f, &op->root_count);
    op->threshold = read_u32(f, "threshold");
}

static void decode_settle(struct fields *f, struct p2p_op_settle *op)
{
    begin(f, 3);
    key_is(f, "heads");
    if (p2p_unpack_array(&f->in) != 2) {
        fail(f);
    }
    op->heads[0] = p2p_unpack_str(&f->in);
    op->heads[1] = p2p_unpack_str(&f->in);
    read_op(f, P2P_OP_SETTLE);
    key_is(f, "rival");
    op->rival_entries = p2p_unpack_raw(&f->in);
    struct p2p_unpack leaves;
    p2p_unpack_init(&leaves, op->rival_entries);
    uint32_t count = p2p_unpack_array(&leaves);
    for (uint32_t i = 0; i < count && !p2p_unpack_failed(&leaves); i++) {
        p2p_unpack_bin(&leaves);
    }
    if (count == 0 || !p2p_unpack_done(&leaves)) {
        fail(f);
    }
}

static void decode_generation(struct fields *f, struct p2p_op_generation *op)
{
    size_t witness_count;
    begin(f, 5);
    read_key(f, "feed", op->feed_key.bytes);
    op->member = read_text(f, "member");
    read_op(f, P2P_OP_GENERATION);
    read_key(f, "witness", op->witness_key.bytes);
    op->witnesses = read_names(f, "witnesses", P2P_MEMBERS_MAX, &witness_count);
    op->witness_count = (uint32_t)witness_count;
}

static void decode_reassign(struct fields *f, struct p2p_op_reassign *op)
{
    begin(f, 5);
    op->epoch = read_uint(f, "epoch");
    op->feed = read_text(f, "feed");
    op->index = read_uint(f, "index");
    op->member = read_text(f, "member");
    read_op(f, P2P_OP_REASSIGN);
}

static void decode_settle_opens(struct fields *f, struct p2p_op_settle_opens *op)
{
    begin(f, 4);
    op->keep.feed = read_text(f, "feed");
    op->keep.index = read_uint(f, "index");
    read_op(f, P2P_OP_SETTLE_OPENS);
    key_is(f, "others");
    uint32_t count = read_count(f, P2P_SETTLE_OPENS_MAX);
    struct p2p_op_open *others = take(f, count, sizeof(*others));
    for (uint32_t i = 0; others != NULL && i < count; i++) {
        if (p2p_unpack_array(&f->in) != 2) {
            fail(f);
        }
        others[i].feed = copy_text(f);
        others[i].index = p2p_unpack_uint(&f->in);
    }
    op->others = others;
    op->other_count = others != NULL ? count : 0;
}

static void decode_one(struct fields *f, struct p2p_charter_op *op)
{
    switch (op->type) {
    case P2P_OP_FOUND:
        decode_found(f, &op->found);
        break;
    case P2P_OP_ADMIT:
        decode_admit(f, &op->admit);
        break;
    case P2P_OP_GRANT:
        decode_grant(f, &op->grant);
        break;
    case P2P_OP_CIRCLE:
        decode_circle(f, &op->circle);
        break;
    case P2P_OP_WITNESS:
        decode_witness(f, &op->witness);
        break;
    case P2P_OP_POLICY:
        decode_policy(f, &op->policy);
        break;
    case P2P_OP_REVOKE:
        decode_revoke(f, &op->revoke);
        break;
    case P2P_OP_ROTATE:
        decode_rotate(f, &op->rotate);
        break;
    case P2P_OP_SETTLE:
        decode_settle(f, &op->settle);
        break;
    case P2P_OP_GENERATION:
        decode_generation(f, &op->generation);
        break;
    case P2P_OP_REASSIGN:
        decode_reassign(f, &op->reassign);
        break;
    case P2P_OP_SETTLE_OPENS:
        decode_settle_opens(f, &op->settle_opens);
        break;
    }
}

/* P2P_MALFORMED without an "op" text, P2P_REFUSED when the word is none of ours. */
static enum p2p_err type_of(struct p2p_slice map, enum p2p_op *type)
{
    struct p2p_unpack value;
    if (!p2p_unpack_find(map, "op", &value) || p2p_unpack_type(&value) != P2P_WIRE_STR) {
        return P2P_MALFORMED;
    }
    return p2p_op_of(type, p2p_unpack_str(&value)) == P2P_OK ? P2P_OK : P2P_REFUSED;
}

static enum p2p_err decode_op(struct p2p_charter_op *op, struct p2p_slice map,
                              struct p2p_arena *arena)
{
    struct fields f = {.arena = arena};
    struct p2p_unpack shape;
    p2p_unpack_init(&shape, map);
    if (p2p_unpack_type(&shape) != P2P_WIRE_MAP) {
        return P2P_MALFORMED;
    }
    enum p2p_err err = type_of(map, &op->type);
    if (err != P2P_OK) {
        return err;
    }
    p2p_unpack_init(&f.in, map);
    decode_one(&f, op);
    if (f.nomem) {
        return P2P_NOMEM;
    }
    return p2p_unpack_done(&f.in) ? P2P_OK : P2P_MALFORMED;
}

static enum p2p_err decode_ops(struct p2p_version *version, struct fields *f)
{
    key_is(f, "ops");
    uint32_t count = read_count(f, P2P_CHARTER_OPS_MAX);
    if (p2p_unpack_failed(&f->in) || count == 0) {
        return P2P_MALFORMED;
    }
    struct p2p_charter_op *ops = take(f, count, sizeof(*ops));
    if (!ops) {
        return P2P_NOMEM;
    }
    memset(ops, 0, count * sizeof(*ops));
    for (uint32_t i = 0; i < count; i++) {
        enum p2p_err err = decode_op(&ops[i], p2p_unpack_raw(&f->in), f->arena);
        if (err != P2P_OK) {
            return err;
        }
    }
    version->ops = ops;
    version->op_count = count;
    return P2P_OK;
}

enum p2p_err p2p_version_decode(struct p2p_version *version, struct p2p_slice leaf,
                                struct p2p_arena *arena)
{
    struct p2p_record record;
    enum p2p_err err = p2p_record_decode(&record, leaf);
    if (err != P2P_OK) {
        return err;
    }
    if (record.kind != P2P_CHARTER_KIND || record.circle != 0 || record.issuer != 0 ||
        record.cite_count != 0 || record.body_type != P2P_BODY_PUBLIC) {
        return P2P_MALFORMED;
    }
    struct p2p_version out = {.time_ms = record.time_ms};
    struct fields f = {.arena = arena};
    p2p_unpack_init(&f.in, record.content);
    begin(&f, 2);
    err = decode_ops(&out, &f);
    if (err != P2P_OK) {
        return err;
    }
    out.term = read_uint(&f, "term");
    if (!p2p_unpack_done(&f.in)) {
        return P2P_MALFORMED;
    }
    *version = out;
    return P2P_OK;
}
