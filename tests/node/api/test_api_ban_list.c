/* Lists of bans, page by page. */
#include "ban_calls.h"

#include <p2p/hash.h>
#include <p2p/text.h>

#include <stdio.h>
#include <string.h>

static struct api_world world;

/* Follows `next` to the end; CHECKs that no ban comes twice. */
static size_t walk(const char *query, size_t page)
{
    char full[512];
    snprintf(full, sizeof(full), "limit=%zu&%s", page, query);
    json_t *seen = json_object();
    size_t pages = 0;
    for (;;) {
        size_t i;
        json_t *ban;
        json_t *reply = api_call(&world, "GET", "/v1/bans", full, NULL, 200);
        CHECK(json_array_size(json_object_get(reply, "bans")) <= page);
        json_array_foreach(json_object_get(reply, "bans"), i, ban)
        {
            CHECK(json_object_get(seen, text_of(ban, "id")) == NULL);
            json_object_set_new(seen, text_of(ban, "id"), json_true());
        }
        bool more = json_is_string(json_object_get(reply, "next"));
        snprintf(full, sizeof(full), "limit=%zu&%s&after=%s", page, query,
                 text_of(reply, "next"));
        json_decref(reply);
        CHECK(++pages < 2000);
        if (!more) {
            break;
        }
    }
    size_t count = json_object_size(seen);
    json_decref(seen);
    return count;
}

/* Broken: a list would lose bans, repeat them, or stop without saying that there are more. */
static void pages_hold_every_ban_once(void **state)
{
    char id[64];
    (void)state;
    import_plates(&world, 0, 512, 200);
    import_plates(&world, 512, 512, 200);
    import_plates(&world, 1024, 40, 200);
    json_decref(post(&world, "/v1/bans",
                     "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
                     "\"reference\":\"A\",\"circle\":\"police\"}",
                     200, NULL));
    CHECK(walk("", 1000) == 1065);
    CHECK(walk("", 97) == 1065);
    CHECK(listed(&world, "limit=1") == 1 && listed(&world, "limit=99999") == 1000);
    static const char *const junk[] = {"limit=0", "limit=x", "limit=-1", "limit=1x", "limit="};
    for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
        json_t *problem = api_call(&world, "GET", "/v1/bans", junk[i], NULL, 400);
        CHECK(strcmp(json_string_value(json_object_get(problem, "parameter")), "limit") == 0);
        json_decref(problem);
    }
    CHECK(listed(&world, NULL) == 100);
    for (int i = 0; i < 25; i++) {
        impose(&world, "beanr-pso", "card:alfapass:7654321", id);
        impose(&world, "beanr-pso", "imo:9179842", id);
    }
    CHECK(walk("subject=card:alfapass:7654321", 10) == 25);
    CHECK(walk("subject=imo:9179842", 10) == 26); /* both circles */
    CHECK(walk("subject=imo%3A9074729", 10) == 0);
    static const char *const bad[] = {
        "after=x",          "after=1./beanr/1:5", "after=1.x/beanr/1:5", "after=99/beanr/1:5",
        "after=/beanr/1:5", "after=0/nobody",     "after=-1/beanr/1:5"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *reply = api_call(&world, "GET", "/v1/bans", bad[i], NULL, 400);
        CHECK(strcmp(text_of(reply, "code"), "bad-after") == 0);
        json_decref(reply);
    }
}

/* Broken: who joins or leaves a circle between two pages would be shown bans twice, or not at
 * all. */
static void a_cursor_names_its_circle(void **state)
{
    char id[64], first[64], text[96];
    unsigned circle = 0;
    (void)state;
    impose(&world, "beanr-pso", "imo:9179842", first);
    impose(&world, "beanr-pso", "imo:9179842", id);
    impose(&world, "beanr-pso", "card:alfapass:7654321", id);
    json_t *reply = api_call(&world, "GET", "/v1/bans", "limit=1", NULL, 200);
    CHECK(sscanf(text_of(reply, "next"), "%u/", &circle) == 1 && circle > 0);
    json_decref(reply);
    /* From a circle before it: whether this member is in that or not, nothing is passed over.
     */
    for (unsigned before = 0; before < circle; before++) {
        snprintf(text, sizeof(text), "after=%u/beanr/1:99", before);
        reply = api_call(&world, "GET", "/v1/bans", text, NULL, 200);
        json_t *bans = json_object_get(reply, "bans");
        CHECK(json_array_size(bans) == 3);
        CHECK(strcmp(text_of(json_array_get(bans, 0), "id"), first) == 0);
        json_decref(reply);
    }
    /* Of one subject by its key: of that epoch. */
    reply =
        api_call(&world, "GET", "/v1/bans", "limit=1&subject=card:alfapass:7654321", NULL, 200);
    snprintf(text, sizeof(text), "%u.1/%s", circle, id);
    CHECK(strcmp(text_of(reply, "next"), text) == 0);
    json_decref(reply);
    snprintf(text, sizeof(text), "subject=card:alfapass:7654321&after=%u.1/%s", circle, first);
    CHECK(listed(&world, text) == 1);
}

/* As a bearer token asks; how long it is to wait, or 0. */
static uint32_t read_by_token(const char *path, const char *query)
{
    const struct p2p_api_caller caller = {.authorization = "Bearer t"};
    const struct p2p_api_request request = {
        .method = "GET", .path = path, .query = query, .caller = &caller};
    struct p2p_api_reply reply;
    p2p_api_call(world.node, &request, &reply);
    CHECK(reply.status == 200 || reply.status == 429);
    uint32_t wait_s = reply.retry_after_s;
    p2p_api_reply_deinit(&reply);
    return wait_s;
}

/* Broken: whoever may only read would have the writer look through the whole ledger as often as
 * it answers for one row, and gates would wait behind that. */
static void what_a_list_looks_at_counts(void **state)
{
    struct p2p_config *config = &world.node->config;
    char **tokens = config->tokens;
    size_t tokens_count = config->tokens_count;
    uint32_t percent = config->rates_percent;
    struct p2p_hash hash = p2p_sha256(p2p_slice_text("t"));
    char token[8 + P2P_HEX_BYTES(P2P_HASH_BYTES)] = "who:";
    char *own[] = {token};
    (void)state;
    p2p_hex_encode(token + strlen(token), hash.bytes, P2P_HASH_BYTES);
    for (unsigned i = 0; i < 5; i++) {
        import_plates(&world, i * 512, 512, 200);
    }
    config->tokens = own;
    config->tokens_count = 1;
    config->rates_percent = 1; /* one a second, two at once */
    CHECK(read_by_token("/v1/records", "kind=note") == 0);
    CHECK(read_by_token("/v1/records", "kind=note") >= 1);
    config->tokens = tokens;
    config->tokens_count = tokens_count;
    config->rates_percent = percent;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BAN_TEST(what_a_list_looks_at_counts, &world),
        BAN_TEST(pages_hold_every_ban_once, &world),
        BAN_TEST(a_cursor_names_its_circle, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
