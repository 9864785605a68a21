#include "verb_op.h"

#include <p2p/renewal.h>

#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum p2p_err p2p_verb_say(struct p2p_verb *verb, enum p2p_err err, const char *format,
                          const char *what)
{
    snprintf(verb->message, verb->message_cap, format, what);
    return err;
}

enum p2p_err p2p_verb_add(struct p2p_verb *verb, const struct p2p_charter_op *op)
{
    p2p_charter_op_pack(&verb->change->ops, op);
    enum p2p_err err = p2p_change_count(verb->change);
    return err == P2P_OK
               ? P2P_OK
               : p2p_verb_say(verb, err, "%s does not fit into one entry with the rest",
                              p2p_op_word(op->type));
}

static const struct p2p_member *member_named(const struct p2p_verb *verb, const char *name)
{
    return p2p_charter_member_named(verb->charter, p2p_slice_text(name));
}

enum p2p_err p2p_key_file_public(const char *path, enum p2p_key_purpose purpose,
                                 uint8_t out[P2P_PUBLIC_BYTES], char *message,
                                 size_t message_cap)
{
    char *text = NULL;
    size_t len = 0;
    struct p2p_keyfile file;
    enum p2p_err err =
        p2p_file_read(path, P2P_KEYFILE_BYTES_MAX, &text, &len, message, message_cap);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_keyfile_parse(&file, p2p_slice_of(text, len));
    free(text);
    if (err != P2P_OK || file.purpose != purpose) {
        snprintf(message, message_cap, "%s is not the file of a key of purpose %s", path,
                 p2p_key_purpose_word(purpose));
        return err != P2P_OK ? err : P2P_BADKEY;
    }
    memcpy(out, file.public_key, P2P_PUBLIC_BYTES);
    return P2P_OK;
}

/* --- circles ----------------------------------------------------------------------------- */

static enum p2p_err key_hash(struct p2p_verb *verb, const char *key, struct p2p_hash *out)
{
    size_t len = 0;
    struct p2p_slice text = p2p_slice_text(key);
    if (p2p_base64_measure(&len, text) != P2P_OK || len != P2P_HASH_BYTES ||
        p2p_base64_decode(out->bytes, P2P_HASH_BYTES, &len, text) != P2P_OK) {
        return p2p_verb_say(verb, P2P_USAGE,
                            "\"%.64s\" is not what `key circle` prints, which is 44 letters",
                            key);
    }
    return P2P_OK;
}

enum p2p_err p2p_verb_circle(struct p2p_verb *verb, const struct p2p_verb_circle *options)
{
    const struct p2p_circle *known =
        p2p_charter_circle_named(verb->charter, p2p_slice_text(options->circle));
    struct p2p_circle_epoch epoch = {.epoch = known ? (uint32_t)known->epoch_count + 1 : 1};
    struct p2p_charter_op op = {.type = P2P_OP_CIRCLE,
                                .circle = {.circle = options->circle,
                                           .members = options->add,
                                           .member_count = options->add_count,
                                           .epochs = &epoch,
                                           .epoch_count = options->key ? 1 : 0,
                                           .remove = options->remove,
                                           .remove_count = options->remove_count}};
    if (options->add_count == 0 && options->remove_count == 0 && !options->key) {
        return p2p_verb_say(verb, P2P_USAGE,
                            "say who joins or leaves circle %s, or give a new key",
                            options->circle);
    }
    for (size_t i = 0; i < options->add_count; i++) {
        if (!member_named(verb, options->add[i])) {
            return p2p_verb_say(verb, P2P_UNKNOWN,
                                "%s is not a member; `charter show` lists them",
                                options->add[i]);
        }
    }
    if (!known && options->remove_count > 0) {
        return p2p_verb_say(verb, P2P_UNKNOWN, "there is no circle %s that anyone could leave",
                            options->circle);
    }
    if (!options->key && (!known || options->remove_count > 0)) {
        return p2p_verb_say(
            verb, P2P_USAGE,
            "this gives circle %s a new key: have a member that is to be in it draw one "
            "(`key circle`), and name what that prints with --key",
            options->circle);
    }
    enum p2p_err err = options->key ? key_hash(verb, options->key, &epoch.key_hash) : P2P_OK;
    return err == P2P_OK ? p2p_verb_add(verb, &op) : err;
}

/* --- generation -------------------------------------------------------------------------- */

/* The member that asks, when it may ask for this. */
static enum p2p_err renewal_belongs(struct p2p_verb *verb, const struct p2p_renewal *renewal,
                                    const struct p2p_member **out)
{
    struct p2p_hash id = p2p_charter_federation_id(verb->charter);
    const struct p2p_member *member = member_named(verb, renewal->member);
    if (!p2p_hash_equal(&id, &renewal->federation_id) ||
        strcmp(renewal->federation, p2p_charter_federation(verb->charter)) != 0) {
        return p2p_verb_say(verb, P2P_MISMATCH, "%s asks another federation", renewal->member);
    }
    if (!member) {
        return p2p_verb_say(verb, P2P_UNKNOWN, "%s is not a member; `charter show` lists them",
                            renewal->member);
    }
    uint32_t next = p2p_charter_feed(verb->charter, member->feed)->generation + 1;
    if (renewal->generation != next) {
        snprintf(verb->message, verb->message_cap,
                 "%s asks for generation %u, its next is %u: have its node take the whole "
                 "charter first, then make its keys anew",
                 renewal->member, (unsigned)renewal->generation, (unsigned)next);
        return P2P_MISMATCH;
    }
    *out = member;
    return p2p_renewal_verify(renewal, &member->transport_key, verb->message,
                              verb->message_cap);
}

enum p2p_err p2p_verb_generation(struct p2p_verb *verb,
                                 const struct p2p_verb_generation *options)
{
    const char *same[P2P_WITNESSES_MAX];
    const struct p2p_member *member = NULL;
    struct p2p_renewal renewal;
    enum p2p_err err =
        p2p_renewal_read(&renewal, options->renewal, verb->message, verb->message_cap);
    if (err == P2P_OK) {
        err = renewal_belongs(verb, &renewal, &member);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_charter_op op = {
        .type = P2P_OP_GENERATION,
        .generation = {.member = renewal.member,
                       .feed_key = renewal.feed_key,
                       .witness_key = renewal.witness_key,
                       .witnesses = options->witnesses,
                       .witness_count = (uint32_t)options->witness_count}};
    if (options->witness_count == 0) {
        const struct p2p_feed_info *feed = p2p_charter_feed(verb->charter, member->feed);
        for (uint32_t i = 0; i < feed->witness_count; i++) {
            uint32_t witness = p2p_witness_member(feed->witnesses[i]);
            same[i] = p2p_charter_member(verb->charter, witness)->name;
        }
        op.generation.witnesses = same;
        op.generation.witness_count = feed->witness_count;
    }
    return p2p_verb_add(verb, &op);
}

/* --- reassign ---------------------------------------------------------------------------- */

enum p2p_err p2p_verb_reassign(struct p2p_verb *verb, const struct p2p_verb_reassign *options)
{
    if (!member_named(verb, options->member)) {
        return p2p_verb_say(verb, P2P_UNKNOWN, "%s is not a member; `charter show` lists them",
                            options->member);
    }
    if (!p2p_charter_feed_named(verb->charter, p2p_slice_text(options->feed))) {
        return p2p_verb_say(verb, P2P_UNKNOWN,
                            "there is no feed %s; write the token as beanr/1:17",
                            options->feed);
    }
    return p2p_verb_add(verb,
                        &(struct p2p_charter_op){.type = P2P_OP_REASSIGN,
                                                 .reassign = {.feed = options->feed,
                                                              .index = options->index,
                                                              .epoch = options->epoch,
                                                              .member = options->member}});
}

/* --- settle-opens ------------------------------------------------------------------------ */

enum p2p_err p2p_verb_settle_opens(struct p2p_verb *verb, const struct p2p_op_settle_opens *op)
{
    for (uint32_t i = 0; i <= op->other_count; i++) {
        const char *feed = i == op->other_count ? op->keep.feed : op->others[i].feed;
        if (!p2p_charter_feed_named(verb->charter, p2p_slice_text(feed))) {
            return p2p_verb_say(verb, P2P_UNKNOWN,
                                "there is no feed %s; write the tokens as beanr/1:17", feed);
        }
    }
    return p2p_verb_add(
        verb, &(struct p2p_charter_op){.type = P2P_OP_SETTLE_OPENS, .settle_opens = *op});
}

/* --- admit ------------------------------------------------------------------------------- */

static enum p2p_err join_belongs(struct p2p_verb *verb, const struct p2p_join *join)
{
    struct p2p_hash id = p2p_charter_federation_id(verb->charter);
    if (!p2p_hash_equal(&id, &join->federation_id) ||
        strcmp(join->federation, p2p_charter_federation(verb->charter)) != 0) {
        return p2p_verb_say(verb, P2P_MISMATCH, "%s asks to join another federation",
                            join->member);
    }
    if (member_named(verb, join->member)) {
        return p2p_verb_say(verb, P2P_REFUSED, "there is a member %s already", join->member);
    }
    return P2P_OK;
}

static enum p2p_err admit_op(struct p2p_verb *verb, const struct p2p_join *join,
                             const struct p2p_verb_admit *options)
{
    const char *first[P2P_WITNESSES_MAX];
    struct p2p_charter_op op = {.type = P2P_OP_ADMIT,
                                .admit = {.member = join->member,
                                          .locode = join->locode,
                                          .role = join->role,
                                          .feed_key = join->feed_key,
                                          .witness_key = join->witness_key,
                                          .transport_key = join->transport_key,
                                          .sealing_key = join->sealing_key,
                                          .witnesses = options->witnesses,
                                          .witness_count = (uint32_t)options->witness_count}};
    if (options->witness_count == 0) {
        uint32_t count = p2p_charter_member_count(verb->charter);
        count = count < P2P_WITNESSES_MAX ? count : P2P_WITNESSES_MAX;
        for (uint32_t i = 0; i < count; i++) {
            first[i] = p2p_charter_member(verb->charter, i + 1)->name;
        }
        op.admit.witnesses = first;
        op.admit.witness_count = count;
    }
    return p2p_verb_add(verb, &op);
}

/* Who joins draws the key of its own circle; those of others it is given by their members. */
static enum p2p_err admit_circles(struct p2p_verb *verb, const struct p2p_join *join,
                                  const struct p2p_verb_admit *options)
{
    const char *name = join->member;
    const struct p2p_circle_epoch epoch = {.epoch = 1, .key_hash = join->circle};
    struct p2p_charter_op op = {.type = P2P_OP_CIRCLE,
                                .circle = {.circle = name,
                                           .members = &name,
                                           .member_count = 1,
                                           .epochs = &epoch,
                                           .epoch_count = 1}};
    enum p2p_err err = P2P_OK;
    if (!p2p_charter_circle_named(verb->charter, p2p_slice_text(name))) {
        err = p2p_verb_add(verb, &op);
    }
    op.circle.epoch_count = 0;
    for (size_t i = 0; err == P2P_OK && i < options->circle_count; i++) {
        op.circle.circle = options->circles[i];
        if (!p2p_charter_circle_named(verb->charter, p2p_slice_text(options->circles[i]))) {
            return p2p_verb_say(verb, P2P_UNKNOWN, "there is no circle %s",
                                options->circles[i]);
        }
        err = p2p_verb_add(verb, &op);
    }
    return err;
}

enum p2p_err p2p_verb_admit(struct p2p_verb *verb, const struct p2p_verb_admit *options)
{
    struct p2p_join join;
    enum p2p_err err = p2p_join_read(&join, options->join, verb->message, verb->message_cap);
    if (err == P2P_OK) {
        err = join_belongs(verb, &join);
    }
    if (err == P2P_OK) {
        err = admit_op(verb, &join, options);
    }
    return err == P2P_OK ? admit_circles(verb, &join, options) : err;
}

/* --- witness, policy, revoke, rotate ----------------------------------------------------- */

/* "beanr" or "beanr/1" as the latter; NULL when there is no such feed. */
static const char *feed_name(const struct p2p_verb *verb, const char *feed)
{
    const struct p2p_feed_info *info = NULL;
    const struct p2p_member *member = member_named(verb, feed);
    if (member) {
        info = p2p_charter_feed(verb->charter, member->feed);
    } else {
        info = p2p_charter_feed_named(verb->charter, p2p_slice_text(feed));
    }
    return info ? info->origin + strlen(p2p_charter_federation(verb->charter)) + 1 : NULL;
}

enum p2p_err p2p_verb_witness(struct p2p_verb *verb, const struct p2p_verb_witness *options)
{
    struct p2p_charter_op op = {.type = P2P_OP_WITNESS,
                                .witness = {.feed = feed_name(verb, options->feed),
                                            .add = options->add,
                                            .remove = options->remove}};
    if (!op.witness.feed) {
        return p2p_verb_say(verb, P2P_UNKNOWN, "there is no feed %s", options->feed);
    }
    if (!op.witness.add && !op.witness.remove) {
        return p2p_verb_say(verb, P2P_USAGE, "say which witness of %s comes or goes",
                            options->feed);
    }
    return p2p_verb_add(verb, &op);
}

static uint32_t or_kept(uint32_t wanted, uint32_t kept)
{
    return wanted != 0 ? wanted : kept;
}

enum p2p_err p2p_verb_policy(struct p2p_verb *verb, const struct p2p_policy *changes)
{
    const struct p2p_policy *now = p2p_charter_policy(verb->charter);
    struct p2p_charter_op op = {
        .type = P2P_OP_POLICY,
        .policy = {
            .lease_s = or_kept(changes->lease_s, now->lease_s),
            .heartbeat_s = or_kept(changes->heartbeat_s, now->heartbeat_s),
            .fresh_cosignature_s =
                or_kept(changes->fresh_cosignature_s, now->fresh_cosignature_s),
            .clock_skew_s = or_kept(changes->clock_skew_s, now->clock_skew_s),
        }};
    return p2p_verb_add(verb, &op);
}

static int index_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static enum p2p_err revoke_add(struct p2p_verb *verb, const struct p2p_verb_revoke *options,
                               struct p2p_charter_op *op)
{
    uint64_t *keep = calloc(options->keep_count + 1, sizeof(*keep));
    if (!keep) {
        return P2P_NOMEM;
    }
    if (options->keep_count > 0) {
        memcpy(keep, options->keep, options->keep_count * sizeof(*keep));
    }
    qsort(keep, options->keep_count, sizeof(*keep), index_compare);
    op->revoke.keep = keep;
    op->revoke.keep_count = options->keep_count;
    enum p2p_err err = p2p_verb_add(verb, op);
    free(keep);
    return err;
}

enum p2p_err p2p_verb_revoke(struct p2p_verb *verb, const struct p2p_verb_revoke *options)
{
    struct p2p_checkpoint checkpoint;
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(verb->charter, p2p_slice_text(options->issuer));
    if (!issuer) {
        return p2p_verb_say(verb, P2P_UNKNOWN,
                            "there is no issuer %s; `charter show` lists them",
                            options->issuer);
    }
    const char *feed =
        options->feed
            ? feed_name(verb, options->feed)
            : feed_name(verb, p2p_charter_member(verb->charter, issuer->member)->name);
    if (!feed) {
        return p2p_verb_say(verb, P2P_UNKNOWN, "there is no feed %s", options->feed);
    }
    enum p2p_err err = p2p_charter_quorum_note(
        verb->charter, p2p_sigs_ed25519(),
        p2p_charter_feed_named(verb->charter, p2p_slice_text(feed))->number, options->note,
        &checkpoint);
    if (err != P2P_OK) {
        return p2p_verb_say(
            verb, err,
            "the checkpoint of %s is not cosigned by a quorum of its witnesses; fetch a "
            "newer one",
            feed);
    }
    struct p2p_charter_op op = {
        .type = P2P_OP_REVOKE,
        .revoke = {.issuer = options->issuer,
                   .feed = feed,
                   .index = options->at ? *options->at : checkpoint.size,
                   .note = options->note}};
    return revoke_add(verb, options, &op);
}

enum p2p_err p2p_verb_rotate(struct p2p_verb *verb, const struct p2p_verb_rotate *options)
{
    struct p2p_root_public roots[P2P_ROOTS_MAX];
    struct p2p_charter_op op = {.type = P2P_OP_ROTATE,
                                .rotate = {.roots = roots,
                                           .root_count = (uint32_t)options->root_count,
                                           .threshold = options->threshold}};
    if (options->root_count == 0 || options->root_count > P2P_ROOTS_MAX) {
        return p2p_verb_say(verb, P2P_USAGE, "name all roots from then on, %s", "1 to 15");
    }
    for (size_t i = 0; i < options->root_count; i++) {
        enum p2p_err err = p2p_key_file_public(options->roots[i], P2P_KEY_ROOT, roots[i].bytes,
                                               verb->message, verb->message_cap);
        if (err != P2P_OK) {
            return err;
        }
    }
    return p2p_verb_add(verb, &op);
}

/* --- settle ------------------------------------------------------------------------------ */

/* What one leaf of the branch that ends means for the settle. */
static enum p2p_err rival_leaf(struct p2p_slice leaf, uint64_t *term, bool *rotates)
{
    struct p2p_arena arena;
    struct p2p_version version;
    p2p_arena_init(&arena, p2p_alloc_default(), P2P_VERSION_ARENA_BYTES_MAX);
    enum p2p_err err = p2p_version_decode(&version, leaf, &arena);
    for (size_t i = 0; err == P2P_OK && i < version.op_count; i++) {
        *rotates = *rotates || version.ops[i].type == P2P_OP_ROTATE;
    }
    if (err == P2P_OK && version.term > *term) {
        *term = version.term;
    }
    p2p_arena_deinit(&arena);
    return err;
}

/* The branch that ends, up to its first rotation: its leaves, and the note of the last of them.
 */
static enum p2p_err rival_pack(const struct p2p_charter *charter, struct p2p_pack *leaves,
                               struct p2p_slice *head, uint64_t *term)
{
    uint64_t first = 0, end = p2p_charter_rival_size(charter), last;
    struct p2p_slice leaf, note;
    bool rotates = false;
    enum p2p_err err = p2p_charter_rival(charter, &first, &leaf, &note);
    for (last = first; err == P2P_OK && last < end && !rotates; last++) {
        err = p2p_charter_rival_entry(charter, last, &leaf, head);
        if (err == P2P_OK) {
            err = rival_leaf(leaf, term, &rotates);
        }
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_pack_array(leaves, (uint32_t)(last - first));
    for (uint64_t i = first; i < last; i++) {
        err = p2p_charter_rival_entry(charter, i, &leaf, &note);
        if (err != P2P_OK) {
            return err;
        }
        p2p_pack_bin(leaves, leaf.data, leaf.len);
    }
    return p2p_pack_failed(leaves) ? P2P_TOOLARGE : P2P_OK;
}

/* The held branch's terms may be above the split's, where the charter's own stands. */
static enum p2p_err held_term(const struct p2p_charter *charter, uint64_t *term)
{
    struct p2p_slice leaf, note;
    bool rotates = false;
    enum p2p_err err = P2P_OK;
    for (uint64_t i = p2p_charter_good_size(charter);
         err == P2P_OK && i < p2p_charter_size(charter); i++) {
        err = p2p_charter_entry(charter, i, &leaf, &note);
        if (err == P2P_OK) {
            err = rival_leaf(leaf, term, &rotates);
        }
    }
    return err;
}

enum p2p_err p2p_verb_settle(struct p2p_verb *verb, uint64_t *term)
{
    struct p2p_charter_op op = {.type = P2P_OP_SETTLE};
    struct p2p_slice leaf;
    struct p2p_pack leaves;
    uint64_t highest = p2p_charter_term(verb->charter);
    if (p2p_charter_rival_size(verb->charter) == 0) {
        return p2p_verb_say(verb, P2P_NOTFOUND,
                            "the charter of %s has one head; nothing is to be settled",
                            p2p_charter_federation(verb->charter));
    }
    uint8_t *bytes = malloc(P2P_CHANGE_BYTES_MAX);
    if (!bytes) {
        return P2P_NOMEM;
    }
    p2p_pack_init(&leaves, bytes, P2P_CHANGE_BYTES_MAX);
    enum p2p_err err = rival_pack(verb->charter, &leaves, &op.settle.heads[1], &highest);
    if (err == P2P_OK) {
        err = held_term(verb->charter, &highest);
    }
    if (err == P2P_OK) {
        err = p2p_charter_entry(verb->charter, p2p_charter_size(verb->charter) - 1, &leaf,
                                &op.settle.heads[0]);
    }
    if (err == P2P_OK) {
        op.settle.rival_entries = p2p_pack_slice(&leaves);
        err = p2p_verb_add(verb, &op);
    } else {
        p2p_verb_say(verb, err, "the other branch of %s does not fit into one entry",
                     p2p_charter_federation(verb->charter));
    }
    if (err == P2P_OK) {
        *term = highest + 1;
    }
    free(bytes);
    return err;
}
