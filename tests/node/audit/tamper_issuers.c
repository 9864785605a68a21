/* Officers: keys that were stolen, swapped, or never granted anything. */
#include "tamper.h"

static void ban_after_cut(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, issuer_of(forger, "beost-pso2"), 90000, "beost-pso2");
}

static void stolen_key(struct forger *forger)
{
    forge(forger, "beost-1", ban_after_cut, true);
}

static void copy_ban(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    forged_feed_put(feed, feed->count, feed->leaves[at], feed->salted[at]);
}

static void copied_forward(struct forger *forger)
{
    forge(forger, "beanr-1", copy_ban, true);
}

static void reuse_number(struct forger *forger, struct forged_feed *feed)
{
    struct p2p_record record;
    CHECK_OK(
        p2p_record_decode(&record, feed->leaves[forged_feed_find(feed, P2P_KIND_BAN_IMPOSE)]));
    append_ban(forger, feed, NULL, record.issuer, record.issuer_seq, "beanr-pso");
}

static void number_reused(struct forger *forger)
{
    forge(forger, "beanr-1", reuse_number, true);
}

static void ban_without_grant(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, issuer_of(forger, "beanr-carrier"), 90000, "beanr-carrier");
}

static void no_grant(struct forger *forger)
{
    forge(forger, "beanr-1", ban_without_grant, true);
}

static void ban_of_other_member(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, issuer_of(forger, "bezee-pso"), 90000, "bezee-pso");
}

static void issuer_of_other(struct forger *forger)
{
    forge(forger, "beanr-1", ban_of_other_member, true);
}

static void ban_by_nobody(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, 60000, 90000, "beanr-pso");
}

static void issuer_unknown(struct forger *forger)
{
    forge(forger, "beanr-1", ban_by_nobody, true);
}

static void ban_by_wrong_key(struct forger *forger, struct forged_feed *feed)
{
    append_ban(forger, feed, NULL, issuer_of(forger, "beanr-pso"), 90000, "beanr-pso2");
}

static void wrong_key(struct forger *forger)
{
    forge(forger, "beanr-1", ban_by_wrong_key, true);
}

static void flip_issuer_signature(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    size_t at = forged_feed_find(feed, P2P_KIND_BAN_IMPOSE);
    ((uint8_t *)(uintptr_t)feed->leaves[at].data)[feed->leaves[at].len - 1] ^= 1;
}

static void issuer_signature_flipped(struct forger *forger)
{
    forge(forger, "beanr-1", flip_issuer_signature, true);
}

static void lift_at(struct forger *forger, struct forged_feed *feed, size_t cited,
                    struct p2p_slice content)
{
    const struct p2p_record_id cite = {feed->info->number, cited};
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_LIFT,
                              .time_ms = now_s(feed) * 1000,
                              .circle = circle_of(forger, "national"),
                              .issuer = issuer_of(forger, "beanr-pso"),
                              .issuer_seq = 90000,
                              .cites = &cite,
                              .cite_count = 1,
                              .payload = content};
    memcpy(draft.salt, SALT, P2P_SALT_BYTES);
    forged_feed_write(forger, feed, feed->count, &draft, "beanr-pso");
}

static struct p2p_slice lift_payload(void)
{
    static uint8_t bytes[64];
    struct p2p_pack pack;
    p2p_pack_init(&pack, bytes, sizeof bytes);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "reason");
    p2p_pack_text(&pack, "x");
    return p2p_writer_slice(&pack.out);
}

static void lift_nothing(struct forger *forger, struct forged_feed *feed)
{
    lift_at(forger, feed, 5000, lift_payload());
}

static void cites_nothing(struct forger *forger)
{
    forge(forger, "beanr-1", lift_nothing, true);
}

static void lift_an_address(struct forger *forger, struct forged_feed *feed)
{
    lift_at(forger, feed, 0, lift_payload());
}

static void bad_citation(struct forger *forger)
{
    forge(forger, "beanr-1", lift_an_address, true);
}

static void lift_without_words(struct forger *forger, struct forged_feed *feed)
{
    const uint8_t empty_map = 0x80;
    lift_at(forger, feed, forged_feed_find(feed, P2P_KIND_BAN_IMPOSE),
            p2p_slice_of(&empty_map, 1));
}

static void bad_payload(struct forger *forger)
{
    forge(forger, "beanr-1", lift_without_words, true);
}

/* A text of one byte, its length in another: the same payload to who is not strict. */
static void lift_loosely(struct forger *forger, struct forged_feed *feed)
{
    static const uint8_t loose[] = "\x81\xa6reason\xd9\x01x";
    lift_at(forger, feed, forged_feed_find(feed, P2P_KIND_BAN_IMPOSE),
            p2p_slice_of(loose, sizeof loose - 1));
}

static void payload_not_canonical(struct forger *forger)
{
    forge(forger, "beanr-1", lift_loosely, true);
}

static const char *lift_key;

/* Before the first decision, so that this would be another one if it counted. */
static void insert_lift(struct forger *forger, struct forged_feed *feed)
{
    const size_t at = forged_feed_find(feed, P2P_KIND_DECISIONS);
    struct p2p_record_id cite = {feed->info->number, 0};
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_LIFT,
                              .time_ms = now_s(feed) * 1000,
                              .circle = circle_of(forger, "national"),
                              .issuer = issuer_of(forger, "beanr-pso"),
                              .issuer_seq = 90000,
                              .cites = &cite,
                              .cite_count = 1,
                              .payload = lift_payload()};
    size_t ban = at;
    for (size_t i = 0; i < at; i++) { /* the one that is in force there */
        struct p2p_record record;
        CHECK_OK(p2p_record_decode(&record, feed->leaves[i]));
        ban = record.kind == P2P_KIND_BAN_IMPOSE || record.kind == P2P_KIND_BAN_AMEND ? i : ban;
    }
    CHECK(ban < at);
    cite.index = ban;
    memcpy(draft.salt, SALT, P2P_SALT_BYTES);
    forged_feed_insert(feed, at, feed->leaves[at], feed->salted[at]);
    forged_feed_write(forger, feed, at, &draft, lift_key);
}

static void lifted_by_wrong_key(struct forger *forger)
{
    lift_key = "beanr-pso2";
    forge(forger, "beanr-1", insert_lift, true);
}

static void lifted_in_time(struct forger *forger)
{
    lift_key = "beanr-pso";
    forge(forger, "beanr-1", insert_lift, true);
}

static const struct fraud FRAUDS[] = {
    {"a stolen officer's key after its cut point", stolen_key, DUE(PAST_CUT)},
    {"an old ban copied forward", copied_forward, DUE(REPEATED_SEQ)},
    {"a number used for two bans", number_reused, DUE(NUMBER_REUSED)},
    {"a ban by who may impose none", no_grant, DUE(NO_GRANT)},
    {"a ban by another member's officer", issuer_of_other, DUE(UNKNOWN_ISSUER)},
    {"a ban by nobody", issuer_unknown, DUE(UNKNOWN_ISSUER)},
    {"a ban signed by another officer's key", wrong_key, DUE(ISSUER_SIGNATURE)},
    {"an officer's signature, flipped, under a good root", issuer_signature_flipped,
     DUE(ISSUER_SIGNATURE)},
    {"a lift that another officer's key signed, and a gate that knew", lifted_by_wrong_key,
     DUE(ISSUER_SIGNATURE), NEVER(DECISION_DIFFERS)},
    {"a lift that its officer signed, and a gate that ignored it", lifted_in_time,
     DUE(DECISION_DIFFERS), NEVER(ISSUER_SIGNATURE)},
    {"a lift of what is not there", cites_nothing, DUE(CITES_NOTHING)},
    {"a lift of an address", bad_citation, DUE(BAD_CITATION)},
    {"a lift without a reason", bad_payload, DUE(BAD_CONTENT)},
    {"a payload in another encoding than the one", payload_not_canonical, DUE(BAD_CONTENT)},
};

const struct frauds tamper_issuers = FRAUDS_OF(FRAUDS);
