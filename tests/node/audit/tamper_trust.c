/* Trust files and charters. */
#include "tamper.h"

static void write_trust(const char *old, const char *new)
{
    char *text = NULL;
    size_t len = 0;
    char from[FORGER_PATH_BYTES];
    char message[512];
    struct forger at = {0};
    snprintf(from, sizeof from, "%s/trust", tampering.sandbox_dir);
    CHECK_OK(p2p_file_read(from, 65536, &text, &len, message, sizeof message));
    snprintf(tampering.trust_path, sizeof tampering.trust_path, "%s/trust", tampering.work_dir);
    snprintf(at.dir, sizeof at.dir, "%s", tampering.work_dir);
    forger_write(&at, "trust", text, len);
    forger_replace(&at, "trust", old, new);
    free(text);
}

static void trust_threshold(struct forger *forger)
{
    (void)forger;
    write_trust("group roots 2", "group roots 1");
}

static void trust_line_removed(struct forger *forger)
{
    (void)forger;
    write_trust("group roots 2 root-1 root-2 root-3", "group roots 2 root-1 root-2");
}

static void trust_malformed(struct forger *forger)
{
    (void)forger;
    write_trust("group roots 2", "group roots 9");
}

static void trust_nobody(struct forger *forger)
{
    (void)forger;
    write_trust("quorum roots", "quorum none");
}

/* Another log's key, well formed: a witness line's key as a log of that name would have it. */
static void trust_other_log(struct forger *forger)
{
    struct p2p_vkey vkey;
    char text[P2P_VKEY_BYTES_MAX];
    char old[P2P_VKEY_BYTES_MAX];
    const struct p2p_feed_info *charter = p2p_charter_feed(forger->charter, 0);
    const struct p2p_feed_info *feed =
        p2p_charter_feed_named(forger->charter, p2p_slice_text("beanr/1"));
    p2p_vkey_init(&vkey, p2p_slice_text(charter->origin), P2P_NOTE_ED25519, charter->key.bytes);
    p2p_vkey_format(&vkey, old);
    p2p_vkey_init(&vkey, p2p_slice_text(charter->origin), P2P_NOTE_ED25519, feed->key.bytes);
    p2p_vkey_format(&vkey, text);
    write_trust(old, text);
}

/* Roots that nobody knows: members' witness keys in their place. */
static void trust_other_root(struct forger *forger)
{
    char text[P2P_VKEY_BYTES_MAX];
    char old[P2P_VKEY_BYTES_MAX];
    char name[P2P_ROOT_NAME_BYTES_MAX + 1];
    struct p2p_vkey vkey;
    struct p2p_root_public other;
    const struct p2p_root_public *root = &p2p_charter_roots(forger->charter)[2];
    memcpy(other.bytes, p2p_charter_member(forger->charter, 1)->witness_key.bytes,
           P2P_PUBLIC_BYTES);
    size_t len = p2p_root_name(name, p2p_charter_federation(forger->charter), root);
    p2p_vkey_init(&vkey, p2p_slice_of(name, len), P2P_NOTE_COSIGNATURE, root->bytes);
    p2p_vkey_format(&vkey, old);
    len = p2p_root_name(name, p2p_charter_federation(forger->charter), &other);
    p2p_vkey_init(&vkey, p2p_slice_of(name, len), P2P_NOTE_COSIGNATURE, other.bytes);
    p2p_vkey_format(&vkey, text);
    write_trust(old, text);
}

static void trust_inside(struct forger *forger)
{
    write_trust("quorum roots", "quorum roots");
    snprintf(tampering.trust_path, sizeof tampering.trust_path, "%s/trust", forger->dir);
    char line[4 * FORGER_PATH_BYTES];
    snprintf(line, sizeof line, "mv '%s/trust' '%s/trust'", tampering.work_dir, forger->dir);
    CHECK(system(line) == 0);
}

/* One root's line gone from the newest head: below the threshold. */
static void forged_charter_head(struct forger *forger)
{
    char line[1024];
    line_of(forger, "charter-1/checkpoint", "/root/", line);
    forger_replace(forger, "charter-1/checkpoint", line, "");
}

/* A new entry, under the head of the version before it. */
static void charter_extended(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "charter-1");
    forged_feed_put(&feed, feed.count, feed.leaves[feed.count - 1], (struct p2p_slice){0});
    forged_feed_store(forger, &feed);
    forged_feed_free(&feed);
}

static const struct fraud FRAUDS[] = {
    {"a trust file with another threshold", trust_threshold, DUE(TRUST_DIFFERS)},
    {"a trust file with a root less", trust_line_removed, DUE(TRUST_DIFFERS)},
    {"a trust file with another root", trust_other_root, DUE(TRUST_DIFFERS)},
    {"a trust file with another log key", trust_other_log, DUE(CHARTER_UNTRUSTED)},
    {"a trust file with a threshold beyond its roots", trust_malformed, REFUSES(USAGE)},
    {"a trust file that trusts nobody", trust_nobody, REFUSES(USAGE)},
    {"a trust file inside the archive", trust_inside, REFUSES(USAGE)},
    {"a forged charter head, by one root too few", forged_charter_head, DUE(CHARTER_BROKEN)},
    {"a charter entry nobody signed", charter_extended, DUE(CHARTER_BROKEN)},
};

const struct frauds tamper_trust = FRAUDS_OF(FRAUDS);
