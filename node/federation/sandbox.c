#include <p2p/sandbox.h>

#include <p2p/bundle.h>
#include <p2p/ceremony.h>
#include <p2p/draft.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOTS = 3, THRESHOLD = 2, ISSUER_GRANTS_MAX = 12, TCP_PORT_MAX = 65534 };
#define ADDRESS_BYTES       32u
#define SANDBOX_SPOOL_BYTES (1u << 20) /* all its members share one disk */

/* What an issuer of every port may do. '@' stands for each of the port's facilities M-f1 and
 * M-f2. */
struct issuer_row {
    const char *suffix;
    const char *grants[ISSUER_GRANTS_MAX];
};

static const struct issuer_row issuer_rows[] = {
    {"court",
     {"ban-court", "ban-magistrate", "ban-administrative", "ban-local", "ban-eu-regulation"}},
    {"pso",
     {"ban-administrative", "ban-local", "ban-eu-regulation", "level", "incident", "override",
      "approve", "recount"}},
    {"pso2",
     {"ban-administrative", "ban-local", "ban-eu-regulation", "level", "incident", "override",
      "approve", "recount"}},
    {"police", {"block", "incident", "hold", "erase"}},
    {"customs", {"block", "customs-light"}},
    {"terminal", {"custody@", "recount", "discharge-light", "terminal-light@"}},
    {"carrier", {"issue", "commercial-light"}},
    {"forwarder", {"accept", "transfer", "assign"}},
    {"haulier", {"accept", "transfer", "assign"}},
};
#define ISSUER_ROWS (sizeof(issuer_rows) / sizeof(issuer_rows[0]))
_Static_assert(P2P_SANDBOX_NAME_BYTES_MAX + sizeof("-forwarder") - 1 <= P2P_NAME_BYTES_MAX,
               "the longest issuer's name fits");

struct sandbox_member {
    char name[P2P_NAME_BYTES_MAX + 1];
    char locode[6];
    char dir[P2P_PATH_BYTES_MAX];
    char address[ADDRESS_BYTES]; /* 127.77.0.k */
    char listen_peers[ADDRESS_BYTES];
    bool observer;
    struct p2p_keydir keydir;
    struct p2p_join keys;
    struct p2p_issuer_public issuers[ISSUER_ROWS];
};

struct sandbox {
    const struct p2p_sandbox_options *options;
    const char *name;
    uint32_t tcp_port;
    struct sandbox_member *members;
    size_t count;
    struct p2p_ceremony ceremony;
    struct p2p_charter *charter;
    struct p2p_change change;
    char root_keys[ROOTS][P2P_PATH_BYTES_MAX + 32];
    char *message;
    size_t message_cap;
};

/* --- words ------------------------------------------------------------------------------- */

static enum p2p_err member_name(struct sandbox *sandbox, const char *text, size_t len)
{
    struct sandbox_member *member = &sandbox->members[sandbox->count];
    if (len > P2P_SANDBOX_NAME_BYTES_MAX || !p2p_name_valid(p2p_slice_of(text, len))) {
        snprintf(sandbox->message, sandbox->message_cap,
                 "\"%.*s\" is not a sandbox member's name: 1 to %u of a-z, 0-9 and '-'",
                 (int)(len < 40 ? len : 40), text, P2P_SANDBOX_NAME_BYTES_MAX);
        return P2P_USAGE;
    }
    memcpy(member->name, text, len);
    for (size_t i = 0; i < sandbox->count; i++) {
        if (strcmp(sandbox->members[i].name, member->name) == 0) {
            snprintf(sandbox->message, sandbox->message_cap, "the member %s is named twice",
                     member->name);
            return P2P_USAGE;
        }
    }
    for (size_t i = 0; len == 5 && i < len; i++) {
        member->locode[i] = (char)toupper((unsigned char)text[i]);
    }
    member->observer = strcmp(member->name, P2P_SANDBOX_OBSERVER) == 0;
    if (member->observer || !p2p_locode_valid(p2p_slice_text(member->locode))) {
        member->locode[0] = '\0';
    }
    sandbox->count++;
    return P2P_OK;
}

static enum p2p_err members_read(struct sandbox *sandbox, const char *list)
{
    for (const char *at = list;; at++) {
        size_t len = strcspn(at, ",");
        if (sandbox->count == P2P_SANDBOX_MEMBERS_MAX) {
            snprintf(sandbox->message, sandbox->message_cap, "a sandbox has at most %u members",
                     P2P_SANDBOX_MEMBERS_MAX);
            return P2P_USAGE;
        }
        enum p2p_err err = member_name(sandbox, at, len);
        if (err != P2P_OK) {
            return err;
        }
        at += len;
        if (*at == '\0') {
            return P2P_OK;
        }
    }
}

static enum p2p_err options_read(struct sandbox *sandbox)
{
    const struct p2p_sandbox_options *options = sandbox->options;
    sandbox->name = options->name ? options->name : P2P_SANDBOX_NAME;
    sandbox->tcp_port = options->tcp_port ? options->tcp_port : P2P_SANDBOX_TCP_PORT;
    if (sandbox->tcp_port > TCP_PORT_MAX) {
        snprintf(sandbox->message, sandbox->message_cap,
                 "--tcp-port is 1 to %d: people listen on the next one", TCP_PORT_MAX);
        return P2P_USAGE;
    }
    if (!p2p_federation_valid(p2p_slice_text(sandbox->name))) {
        snprintf(sandbox->message, sandbox->message_cap,
                 "a federation's name has 1 to %u of a-z, 0-9, '.' and '-', like port.example",
                 P2P_FEDERATION_BYTES_MAX);
        return P2P_USAGE;
    }
    enum p2p_err err =
        members_read(sandbox, options->members ? options->members : P2P_SANDBOX_MEMBERS);
    if (err != P2P_OK) {
        return err;
    }
    for (size_t i = 0; i < sandbox->count; i++) {
        struct sandbox_member *member = &sandbox->members[i];
        err = p2p_path_join(member->dir, options->dir, member->name);
        if (err != P2P_OK) {
            snprintf(sandbox->message, sandbox->message_cap, "the path %s is too long",
                     options->dir);
            return P2P_USAGE;
        }
        snprintf(member->address, sizeof(member->address), "127.77.0.%zu", i + 1);
        snprintf(member->listen_peers, sizeof(member->listen_peers), "127.77.0.%zu:%u", i + 1,
                 sandbox->tcp_port);
    }
    return P2P_OK;
}

/* --- keys -------------------------------------------------------------------------------- */

static enum p2p_err issuer_key_make(struct sandbox *sandbox, struct sandbox_member *member,
                                    size_t row)
{
    char name[P2P_NAME_BYTES_MAX + 1], file[P2P_PATH_BYTES_MAX];
    struct p2p_keydir_key key;
    snprintf(name, sizeof(name), "%.22s-%.9s", member->name, issuer_rows[row].suffix);
    enum p2p_err err = p2p_keydir_file(file, P2P_KEY_ISSUER, name);
    if (err == P2P_OK) {
        err = p2p_keydir_make(&member->keydir, file, P2P_KEY_ISSUER, name, &key,
                              sandbox->message, sandbox->message_cap);
    }
    if (err == P2P_OK) {
        memcpy(member->issuers[row].bytes, key.public_key, P2P_PUBLIC_BYTES);
        p2p_wipe(&key, sizeof(key));
    }
    return err;
}

static enum p2p_err member_keys(struct sandbox *sandbox, struct sandbox_member *member)
{
    enum p2p_err err = p2p_dir_make(member->dir, 0755, sandbox->message, sandbox->message_cap);
    if (err == P2P_OK) {
        err = p2p_member_keys_make(member->dir, member->name, P2P_KDF_MIN,
                                   p2p_slice_of(NULL, 0), &member->keydir, &member->keys,
                                   sandbox->message, sandbox->message_cap);
    }
    for (size_t row = 0; err == P2P_OK && !member->observer && row < ISSUER_ROWS; row++) {
        err = issuer_key_make(sandbox, member, row);
    }
    return err;
}

/* --- the founding charter ---------------------------------------------------------------- */

/* The ops so far become a version. */
static enum p2p_err flush(struct sandbox *sandbox)
{
    struct p2p_charter_draft draft = {0};
    const char *root_keys[ROOTS];
    for (size_t i = 0; i < ROOTS; i++) {
        root_keys[i] = sandbox->root_keys[i];
    }
    struct p2p_signing signing = {
        .root_keys = root_keys, .root_key_count = ROOTS, .now_ms = sandbox->options->now_ms};
    if (sandbox->change.count == 0) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_draft_complete(&draft, sandbox->charter, &sandbox->change, 0,
                                          &signing, sandbox->message, sandbox->message_cap);
    p2p_draft_deinit(&draft);
    p2p_change_reset(&sandbox->change);
    return err;
}

static enum p2p_err add(struct sandbox *sandbox, const struct p2p_charter_op *op)
{
    p2p_charter_op_pack(&sandbox->change.ops, op);
    enum p2p_err err = p2p_change_count(&sandbox->change);
    if (err != P2P_TOOLARGE) {
        return err;
    }
    err = flush(sandbox);
    if (err == P2P_OK) {
        p2p_charter_op_pack(&sandbox->change.ops, op);
        err = p2p_change_count(&sandbox->change);
    }
    return err;
}

static enum p2p_err add_member(struct sandbox *sandbox, const struct sandbox_member *member)
{
    const char *witnesses[P2P_WITNESSES_MAX];
    uint32_t count = 0;
    for (size_t i = 0; i < sandbox->count && count < P2P_WITNESSES_MAX; i++) {
        if (&sandbox->members[i] != member) {
            witnesses[count++] = sandbox->members[i].name;
        }
    }
    struct p2p_charter_op op = {
        .type = P2P_OP_ADMIT,
        .admit = {.member = member->name,
                  .locode = member->locode,
                  .role = member->observer ? P2P_ROLE_OBSERVER : P2P_ROLE_PORT,
                  .feed_key = member->keys.feed_key,
                  .witness_key = member->keys.witness_key,
                  .transport_key = member->keys.transport_key,
                  .sealing_key = member->keys.sealing_key,
                  .witnesses = witnesses,
                  .witness_count = count}};
    p2p_charter_op_pack(&sandbox->change.ops, &op);
    enum p2p_err err = p2p_change_count(&sandbox->change);
    if (err == P2P_TOOLARGE) {
        snprintf(sandbox->message, sandbox->message_cap,
                 "so many members do not fit into one founding entry; name fewer");
        return P2P_USAGE;
    }
    return err;
}

static enum p2p_err add_circle(struct sandbox *sandbox, const char *circle, const char **names,
                               size_t count, const struct p2p_hash *key_hash)
{
    const struct p2p_circle_epoch epoch = {.epoch = 1, .key_hash = *key_hash};
    const struct p2p_charter_op op = {.type = P2P_OP_CIRCLE,
                                      .circle = {.circle = circle,
                                                 .members = names,
                                                 .member_count = count,
                                                 .epochs = &epoch,
                                                 .epoch_count = 1}};
    return add(sandbox, &op);
}

/* A circle of several: its first member draws the key, and gives it to the others once the
 * nodes run. */
static enum p2p_err add_common(struct sandbox *sandbox, const char *circle, bool observers)
{
    const char *names[P2P_SANDBOX_MEMBERS_MAX];
    struct sandbox_member *first = NULL;
    struct p2p_hash key_hash;
    size_t count = 0;
    for (size_t i = 0; i < sandbox->count; i++) {
        struct sandbox_member *member = &sandbox->members[i];
        if (observers || !member->observer) {
            first = first ? first : member;
            names[count++] = member->name;
        }
    }
    if (first == NULL) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_keydir_draw(&first->keydir, circle, key_hash.bytes, sandbox->message,
                                       sandbox->message_cap);
    return err == P2P_OK ? add_circle(sandbox, circle, names, count, &key_hash) : err;
}

/* national: everybody; police: the ports; and each member's own, for its decisions. */
static enum p2p_err add_circles(struct sandbox *sandbox)
{
    enum p2p_err err = add_common(sandbox, "national", true);
    if (err == P2P_OK) {
        err = add_common(sandbox, "police", false);
    }
    for (size_t i = 0; err == P2P_OK && i < sandbox->count; i++) {
        const char *name = sandbox->members[i].name;
        err = add_circle(sandbox, name, &name, 1, &sandbox->members[i].keys.circle);
    }
    return err;
}

static void grant_set(struct p2p_grant *grant, const char *word, const char *scope)
{
    *grant = (struct p2p_grant){0};
    snprintf(grant->name, sizeof(grant->name), "%.*s", (int)strcspn(word, "@"), word);
    snprintf(grant->scope, sizeof(grant->scope), "%s", scope);
}

static size_t grants_of(const struct issuer_row *row, const char *member,
                        struct p2p_grant grants[2 * ISSUER_GRANTS_MAX])
{
    char facility[P2P_NAME_BYTES_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < ISSUER_GRANTS_MAX && row->grants[i]; i++) {
        if (strchr(row->grants[i], '@') == NULL) {
            grant_set(&grants[count++], row->grants[i], "*");
            continue;
        }
        for (int f = 1; f <= 2; f++) {
            snprintf(facility, sizeof(facility), "%.22s-f%d", member, f);
            grant_set(&grants[count++], row->grants[i], facility);
        }
    }
    return count;
}

static enum p2p_err add_issuer(struct sandbox *sandbox, const struct sandbox_member *member,
                               size_t row)
{
    char name[P2P_NAME_BYTES_MAX + 1];
    struct p2p_grant grants[2 * ISSUER_GRANTS_MAX];
    snprintf(name, sizeof(name), "%.22s-%.9s", member->name, issuer_rows[row].suffix);
    struct p2p_charter_op op = {
        .type = P2P_OP_GRANT,
        .grant = {.issuer = name,
                  .member = member->name,
                  .key = member->issuers[row],
                  .grants = grants,
                  .grant_count = grants_of(&issuer_rows[row], member->name, grants)}};
    return add(sandbox, &op);
}

static enum p2p_err roots_make(struct sandbox *sandbox)
{
    char dir[P2P_PATH_BYTES_MAX];
    enum p2p_err err = p2p_path_join(dir, sandbox->options->dir, "roots");
    if (err != P2P_OK) {
        return err;
    }
    for (int i = 0; i < ROOTS; i++) {
        snprintf(sandbox->root_keys[i], sizeof(sandbox->root_keys[i]), "%s/root-%d.key", dir,
                 i + 1);
    }
    err = p2p_ceremony_create(&sandbox->ceremony, dir, P2P_KDF_MIN, p2p_slice_of(NULL, 0),
                              sandbox->message, sandbox->message_cap);
    return err == P2P_OK
               ? p2p_ceremony_found(&sandbox->ceremony, sandbox->name, ROOTS, THRESHOLD,
                                    &sandbox->change, sandbox->message, sandbox->message_cap)
               : err;
}

static enum p2p_err charter_make(struct sandbox *sandbox)
{
    enum p2p_err err = p2p_change_init(&sandbox->change);
    if (err == P2P_OK) {
        err = p2p_charter_new(&sandbox->charter, p2p_alloc_default(), NULL);
    }
    if (err == P2P_OK) {
        err = roots_make(sandbox);
    }
    for (size_t i = 0; err == P2P_OK && i < sandbox->count; i++) {
        err = add_member(sandbox, &sandbox->members[i]);
    }
    if (err == P2P_OK) {
        err = add_circles(sandbox);
    }
    for (size_t i = 0; err == P2P_OK && i < sandbox->count; i++) {
        for (size_t row = 0;
             err == P2P_OK && !sandbox->members[i].observer && row < ISSUER_ROWS; row++) {
            err = add_issuer(sandbox, &sandbox->members[i], row);
        }
    }
    return err == P2P_OK ? flush(sandbox) : err;
}

/* --- files ------------------------------------------------------------------------------- */

static enum p2p_err federation_files(struct sandbox *sandbox)
{
    char path[P2P_PATH_BYTES_MAX];
    enum p2p_err err = p2p_path_join(path, sandbox->options->dir, "federation.json");
    if (err == P2P_OK) {
        err = p2p_bundle_write(sandbox->charter, path, sandbox->message, sandbox->message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_path_join(path, sandbox->options->dir, "trust");
    }
    if (err == P2P_OK) {
        err = p2p_trust_write(sandbox->charter, path, sandbox->message, sandbox->message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_path_join(path, sandbox->options->dir, "copies");
    }
    return err == P2P_OK ? p2p_dir_make(path, 0755, sandbox->message, sandbox->message_cap)
                         : err;
}

static size_t peers_of(const struct sandbox *sandbox, const struct sandbox_member *member,
                       struct p2p_config_peer *peers)
{
    size_t count = 0;
    for (size_t i = 0; i < sandbox->count; i++) {
        if (&sandbox->members[i] != member) {
            peers[count].member = sandbox->members[i].name;
            peers[count++].address = sandbox->members[i].listen_peers;
        }
    }
    return count;
}

static enum p2p_err member_files(struct sandbox *sandbox, struct sandbox_member *member)
{
    struct p2p_config_peer peers[P2P_SANDBOX_MEMBERS_MAX];
    char people[ADDRESS_BYTES], copy[P2P_NAME_BYTES_MAX + 16];
    char federation[P2P_FEDERATION_BYTES_MAX + 1], log[] = "node.log";
    const char *const hosts[] = {member->address, "localhost"};
    snprintf(people, sizeof(people), "%.15s:%u", member->address, sandbox->tcp_port + 1);
    snprintf(copy, sizeof(copy), "../copies/%s", member->name);
    snprintf(federation, sizeof(federation), "%s", sandbox->name);
    struct p2p_config config = {.federation = federation,
                                .member = member->name,
                                .role = member->observer ? P2P_ROLE_OBSERVER : P2P_ROLE_PORT,
                                .locode = member->locode[0] ? member->locode : NULL,
                                .listen_peers = member->listen_peers,
                                .listen_people = people,
                                .dial_from = member->address,
                                .peers = peers,
                                .peers_count = peers_of(sandbox, member, peers),
                                .copy = copy,
                                .spool_bytes = SANDBOX_SPOOL_BYTES,
                                .release_level = P2P_RELEASE_LOCAL,
                                .log = log,
                                .level = P2P_LOG_INFO};
    struct p2p_member_files files = {.dir = member->dir,
                                     .config = &config,
                                     .hosts = hosts,
                                     .host_count = sizeof(hosts) / sizeof(hosts[0]),
                                     .now_ms = sandbox->options->now_ms};
    enum p2p_err err =
        p2p_member_files_make(&files, &member->keydir, sandbox->message, sandbox->message_cap);
    const struct p2p_member_store *store = &sandbox->options->store;
    return err == P2P_OK && store->make
               ? store->make(store->context, member->dir, member->name, sandbox->charter,
                             sandbox->message, sandbox->message_cap)
               : err;
}

static enum p2p_err make_all(struct sandbox *sandbox)
{
    enum p2p_err err = options_read(sandbox);
    if (err == P2P_OK) {
        err = p2p_federation_dir(sandbox->options->dir, sandbox->message, sandbox->message_cap);
    }
    for (size_t i = 0; err == P2P_OK && i < sandbox->count; i++) {
        err = member_keys(sandbox, &sandbox->members[i]);
    }
    if (err == P2P_OK) {
        err = charter_make(sandbox);
    }
    if (err == P2P_OK) {
        err = federation_files(sandbox);
    }
    for (size_t i = 0; err == P2P_OK && i < sandbox->count; i++) {
        err = member_files(sandbox, &sandbox->members[i]);
    }
    return err;
}

enum p2p_err p2p_sandbox_make(const struct p2p_sandbox_options *options, char *message,
                              size_t message_cap)
{
    struct sandbox sandbox = {
        .options = options, .message = message, .message_cap = message_cap};
    sandbox.members = calloc(P2P_SANDBOX_MEMBERS_MAX, sizeof(*sandbox.members));
    if (!sandbox.members) {
        snprintf(message, message_cap, "no memory to make a sandbox");
        return P2P_NOMEM;
    }
    enum p2p_err err = make_all(&sandbox);
    for (size_t i = 0; i < sandbox.count; i++) {
        p2p_keydir_deinit(&sandbox.members[i].keydir);
    }
    p2p_change_deinit(&sandbox.change);
    p2p_charter_free(sandbox.charter);
    p2p_ceremony_close(&sandbox.ceremony);
    free(sandbox.members);
    return err;
}
