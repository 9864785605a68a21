#include "api_world.h"

#include <stdio.h>
#include <string.h>

static struct api_world world;

static int setup(void **state)
{
    (void)state;
    api_world_make(&world, "beanr,bezee,commission", "beanr");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    api_world_free(&world);
    return 0;
}

/* ---- what the network side tells ---- */

static struct p2p_link_view links[2];
static uint32_t paused_member;
static bool paused_now;

static void describe(void *context, struct p2p_link_view *views, size_t *count, size_t cap)
{
    (void)context;
    CHECK(cap >= 2);
    memcpy(views, links, sizeof(links));
    *count = 2;
}

static void pause_member(struct p2p_node *node, uint32_t member, bool paused)
{
    CHECK(node == world.node);
    paused_member = member;
    paused_now = paused;
}

/* ---- status ---- */

/* Broken: a script would not find what `status --json` promises. */
static void every_promised_key_is_there(void **state)
{
    static const char *const keys[] = {
        "federation", "member",  "role",          "generation", "read_only",       "charter",
        "feeds",      "peers",   "custody",       "lease_s",    "frontier_digest", "digests",
        "store",      "boot",    "leaves_digest", "started",    "complete",        "alarm",
        "clock",      "circles", "withheld",      "everywhere",
    };
    (void)state;
    json_t *status = api_get(&world, "/v1/status", 200);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (json_object_get(status, keys[i]) == NULL) {
            print_error("status has no %s\n", keys[i]);
        }
        CHECK(json_object_get(status, keys[i]) != NULL);
    }
    CHECK(strcmp(text_of(status, "member"), "beanr") == 0);
    CHECK(strcmp(text_of(status, "role"), "port") == 0);
    /* No witness was heard yet: nothing may be released. */
    CHECK(strcmp(text_of(status, "custody"), "waiting-for-witnesses") == 0);
    CHECK(number_of(status, "generation") == 1);
    CHECK(number_of(status, "lease_s") == 0);
    CHECK(json_is_null(json_object_get(status, "read_only")));
    CHECK(strlen(text_of(status, "leaves_digest")) == 64);
    CHECK(strlen(text_of(status, "frontier_digest")) == 64);
    json_decref(status);
}

/* Broken: a feed would be missing, or a circle of which this node is no member would show. */
static void every_feed_and_own_circle_is_listed(void **state)
{
    (void)state;
    json_t *status = api_get(&world, "/v1/status", 200);
    json_t *feeds = json_object_get(status, "feeds");
    CHECK(json_array_size(feeds) == 4);
    json_t *charter = find_row(feeds, "feed", "charter/1");
    json_t *own = find_row(feeds, "feed", "beanr/1");
    json_t *other = find_row(feeds, "feed", "bezee/1");
    CHECK(number_of(charter, "size") == number_of(charter, "witnessed"));
    CHECK(number_of(own, "heard_s") == 0 && json_is_integer(json_object_get(own, "heard_s")));
    CHECK(json_is_null(json_object_get(other, "heard_s")));
    CHECK(strcmp(text_of(other, "state"), "ok") == 0);
    json_t *digests = json_object_get(status, "digests");
    CHECK(json_object_size(digests) == 10);
    CHECK(strlen(text_of(digests, "bans/national")) == 64);
    CHECK(strlen(text_of(digests, "bans/beanr")) == 64);
    CHECK(strlen(text_of(digests, "custody/national")) == 64);
    CHECK(strlen(text_of(digests, "rights/beanr")) == 64);
    CHECK(strlen(text_of(digests, "forks")) == 64);
    CHECK(json_object_get(digests, "bans/bezee") == NULL);
    json_t *circles = json_object_get(status, "circles");
    CHECK(json_array_size(circles) == 3);
    json_t *national = find_row(circles, "circle", "national");
    CHECK(json_is_true(json_object_get(national, "complete")));
    CHECK(json_is_integer(json_object_get(national, "payloads_missing")));
    CHECK(number_of(national, "payloads_missing") == 0);
    CHECK(number_of(national, "payloads_lost") == 0);
    json_decref(status);
}

/* Broken: a ban would not change what nodes compare, or records would not be counted. */
static void a_ban_changes_digest_and_count(void **state)
{
    char id[64];
    (void)state;
    json_t *before = api_get(&world, "/v1/status", 200);
    json_decref(before);
    before = api_get(&world, "/v1/status", 200); /* the address record stands by now */
    impose(&world, "beanr-pso", "imo:9179842", id);
    json_t *after = api_get(&world, "/v1/status", 200);
    CHECK(strcmp(text_of(json_object_get(before, "digests"), "bans/national"),
                 text_of(json_object_get(after, "digests"), "bans/national")) != 0);
    CHECK(strcmp(text_of(json_object_get(before, "digests"), "bans/beanr"),
                 text_of(json_object_get(after, "digests"), "bans/beanr")) == 0);
    CHECK(strcmp(text_of(before, "leaves_digest"), text_of(after, "leaves_digest")) != 0);
    CHECK(number_of(json_object_get(after, "store"), "records") >
          number_of(json_object_get(before, "store"), "records"));
    json_decref(before);
    json_decref(after);
}

/* ---- peers ---- */

static void set_link(size_t i, const char *member, const struct p2p_link_view *view)
{
    const struct p2p_charter *charter = p2p_engine_ledger(world.node->engine)->charter;
    links[i] = *view;
    links[i].member = p2p_charter_member_named(charter, p2p_slice_text(member))->number;
}

/* Broken: an operator could not tell why nothing comes from a member. */
static void each_peer_has_one_line(void **state)
{
    const struct p2p_link_view refused = {.refused = true,
                                          .reason = "its certificate is not in the charter"};
    const struct p2p_link_view paused = {.paused = true};
    const struct p2p_link_view silent = {.connected = true, .since_ms = 1700000000000};
    (void)state;
    json_t *reply = api_get(&world, "/v1/peers", 200);
    json_t *peers = json_object_get(reply, "peers");
    CHECK(json_array_size(peers) == 2);
    CHECK(strcmp(text_of(find_row(peers, "member", "bezee"), "text"), "offline") == 0);
    json_decref(reply);

    world.node->describe_links = describe;
    set_link(0, "bezee", &refused);
    set_link(1, "commission", &paused);
    reply = api_get(&world, "/v1/peers", 200);
    peers = json_object_get(reply, "peers");
    CHECK(strcmp(text_of(find_row(peers, "member", "bezee"), "text"),
                 "refused: its certificate is not in the charter") == 0);
    CHECK(strcmp(text_of(find_row(peers, "member", "bezee"), "state"), "refused") == 0);
    CHECK(strcmp(text_of(find_row(peers, "member", "commission"), "text"), "paused") == 0);
    json_decref(reply);

    set_link(0, "bezee", &silent);
    reply = api_get(&world, "/v1/peers", 200);
    json_t *bezee = find_row(json_object_get(reply, "peers"), "member", "bezee");
    CHECK(strcmp(text_of(bezee, "state"), "offline") == 0); /* no hello: no session */
    CHECK(strncmp(text_of(bezee, "text"), "offline since 2023-11-14T", 25) == 0);
    CHECK(*text_of(bezee, "reason") != '\0');
    json_decref(reply);
}

/* Broken: pause would reach the wrong member, or pretend without a daemon. */
static void pause_names_members_or_all(void **state)
{
    (void)state;
    json_decref(
        api_post(&world, "/v1/peers/pause", json_pack("{s:[s]}", "members", "bezee"), 503));
    world.node->pause = pause_member;
    json_decref(api_post(&world, "/v1/peers/pause", json_object(), 400));
    json_decref(api_post(&world, "/v1/peers/pause",
                         json_pack("{s:[s], s:b}", "members", "bezee", "all", 1), 400));
    json_decref(
        api_post(&world, "/v1/peers/pause", json_pack("{s:[s]}", "members", "beanr"), 404));
    json_decref(
        api_post(&world, "/v1/peers/pause", json_pack("{s:[s]}", "members", "nobody"), 404));
    CHECK(paused_member == 0);
    json_decref(
        api_post(&world, "/v1/peers/pause", json_pack("{s:[s]}", "members", "bezee"), 200));
    CHECK(paused_member == 2 && paused_now);
    json_t *reply = api_post(&world, "/v1/peers/resume", json_pack("{s:b}", "all", 1), 200);
    CHECK(paused_member == 3 && !paused_now);
    CHECK(json_array_size(json_object_get(reply, "members")) == 2);
    json_decref(reply);
}

/* ---- doctor ---- */

static bool check_ok(const char *name)
{
    json_t *reply = api_get(&world, "/v1/doctor", 200);
    json_t *check = find_row(json_object_get(reply, "checks"), "name", name);
    if (check == NULL) {
        print_error("doctor does not check %s\n", name);
    }
    CHECK(check != NULL);
    bool ok = json_is_true(json_object_get(check, "ok"));
    CHECK(*text_of(check, "text") != '\0');
    CHECK(ok || *text_of(check, "hint") != '\0'); /* what is bad says what to do */
    json_decref(reply);
    return ok;
}

/* Broken: a sound node would be called ill. */
static void doctor_finds_nothing_in_a_sound_node(void **state)
{
    size_t i;
    json_t *check;
    (void)state;
    json_t *reply = api_get(&world, "/v1/doctor", 200);
    json_array_foreach(json_object_get(reply, "checks"), i, check)
    {
        if (!json_is_true(json_object_get(check, "ok"))) {
            print_error("%s: %s\n", text_of(check, "name"), text_of(check, "text"));
        }
        CHECK(json_is_true(json_object_get(check, "ok")));
    }
    CHECK(i >= 12);
    json_decref(reply);
}

/* Puts what a `seen` record of feed 2 says of the charter, into the store alone. */
static void claim_charter(struct p2p_node *node, uint64_t size)
{
    uint8_t key[16];
    uint8_t value[2 + 8 + 8 + P2P_HASH_BYTES] = {2}; /* format; an open claim */
    struct p2p_writer out;
    struct p2p_txn *txn;
    p2p_writer_init(&out, key, sizeof(key));
    p2p_writer_u32(&out, 2);
    p2p_writer_u32(&out, P2P_CHARTER_FEED);
    p2p_writer_u64(&out, 1); /* as new as any */
    p2p_writer_init(&out, value + 2, 8);
    p2p_writer_u64(&out, size);
    CHECK_OK(p2p_store_begin(node->store, P2P_TXN_WRITE, &txn));
    CHECK_OK(p2p_kv_put(p2p_txn_kv(txn), P2P_TABLE_SEEN, p2p_slice_of(key, sizeof(key)),
                        p2p_slice_of(value, sizeof(value))));
    CHECK_OK(p2p_txn_commit(txn));
}

/* Broken: a fault would go unsaid. */
static void doctor_names_each_fault(void **state)
{
    struct p2p_node *node = world.node;
    (void)state;
    json_decref(api_get(&world, "/v1/status", 200));

    struct p2p_transport_secret kept = node->transport_key;
    node->transport_key.public_key.bytes[0] ^= 1;
    CHECK(!check_ok("keys"));
    node->transport_key = kept;
    CHECK(check_ok("keys"));

    node->copy_state = P2P_COPY_MISSING;
    CHECK(!check_ok("copy"));
    node->copy_state = P2P_COPY_OK;
    node->copy_point.size += 5;
    CHECK(!check_ok("copy"));
    node->copy_point.size -= 5;
    CHECK(check_ok("copy"));

    uint64_t charter_size = p2p_charter_size(p2p_engine_ledger(node->engine)->charter);
    claim_charter(node, charter_size);
    CHECK(check_ok("charter claims"));
    claim_charter(node, charter_size + 1);
    CHECK(!check_ok("charter claims"));

    node->refused_frames = 1;
    CHECK(!check_ok("frames"));
    node->refused_frames = 0;

    CHECK(check_ok("payloads"));
    CHECK(check_ok("connections"));
    CHECK(check_ok("alarm"));
    snprintf(node->alarm, sizeof(node->alarm), "something");
    CHECK(!check_ok("alarm"));
    node->alarm[0] = '\0';

    const struct p2p_link_view offline = {.reason = "no connection could be made"};
    set_link(0, "bezee", &offline);
    set_link(1, "commission", &offline);
    CHECK(check_ok("peers"));
    node->describe_links = describe;
    CHECK(!check_ok("peers"));
    CHECK(!check_ok("witnesses"));
    CHECK(!check_ok("complete"));
    node->describe_links = NULL;

    p2p_engine_set_read_only(node->engine, P2P_READ_ONLY_RESTORED);
    CHECK(!check_ok("appends"));
    json_t *status = api_get(&world, "/v1/status", 200);
    CHECK(strcmp(text_of(status, "read_only"), "restored") == 0);
    json_decref(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_promised_key_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(every_feed_and_own_circle_is_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ban_changes_digest_and_count, setup, teardown),
        cmocka_unit_test_setup_teardown(each_peer_has_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(pause_names_members_or_all, setup, teardown),
        cmocka_unit_test_setup_teardown(doctor_finds_nothing_in_a_sound_node, setup, teardown),
        cmocka_unit_test_setup_teardown(doctor_names_each_fault, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
