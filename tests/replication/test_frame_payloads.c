#include "check.h"
#include "frame_sample.h"

/* Without this, a payload would be taken for another record's, or one asked for be forgotten.
 */
static void test_payloads(void **state)
{
    struct frame_sample s;
    struct p2p_ask_payloads ask;
    struct p2p_payloads_body payloads;
    struct p2p_payloads_walk walk;
    struct p2p_slice salted;
    uint64_t index;
    (void)state;
    frame_sample_init(&s);
    CHECK_OK(p2p_ask_payloads_read(&ask, frame_sample_at(&s, SAMPLE_ASK_PAYLOADS).body));
    CHECK(ask.feed == 8 && p2p_ask_payloads_count(&ask) == 3);
    CHECK(p2p_ask_payloads_at(&ask, 0) == 0 && p2p_ask_payloads_at(&ask, 1) == 4);
    CHECK(p2p_ask_payloads_at(&ask, 2) == UINT64_MAX);
    CHECK_OK(p2p_payloads_read(&payloads, frame_sample_at(&s, SAMPLE_PAYLOADS).body));
    CHECK(payloads.feed == 8);
    p2p_payloads_begin(&walk, &payloads);
    CHECK(p2p_payloads_next(&walk, &index, &salted));
    CHECK(index == 4 && p2p_slice_equal(salted, p2p_slice_text("salted")));
    CHECK(p2p_payloads_next(&walk, &index, &salted) && index == UINT64_MAX && salted.len == 0);
    CHECK(!p2p_payloads_next(&walk, &index, &salted));
}

/* Indexes that do not ascend, none, or more than the bound. */
static void test_payloads_claims(void **state)
{
    static uint8_t room[64 + 10 * (P2P_ASK_PAYLOADS_MAX + 1)];
    struct p2p_ask_payloads ask;
    struct p2p_payloads_body payloads;
    (void)state;
    for (uint64_t count = 0; count <= P2P_ASK_PAYLOADS_MAX + 1; count++) {
        enum p2p_err expected = count == 0                      ? P2P_MALFORMED
                                : count <= P2P_ASK_PAYLOADS_MAX ? P2P_OK
                                                                : P2P_TOOLARGE;
        struct p2p_writer out;
        p2p_writer_init(&out, room, sizeof(room));
        p2p_writer_u32(&out, 1);
        for (uint64_t i = 0; i < count; i++) {
            p2p_writer_u64(&out, i);
        }
        CHECK(p2p_ask_payloads_read(&ask, p2p_writer_slice(&out)) == expected);
        p2p_writer_init(&out, room, sizeof(room));
        p2p_writer_u32(&out, 1);
        for (uint64_t i = 0; i < count; i++) {
            p2p_payload_write(&out, i, (struct p2p_slice){0});
        }
        CHECK(p2p_payloads_read(&payloads, p2p_writer_slice(&out)) == expected);
    }
    static const uint64_t not_ascending[][2] = {{5, 5}, {5, 4}};
    for (unsigned i = 0; i < 2; i++) {
        struct p2p_writer out;
        p2p_writer_init(&out, room, sizeof(room));
        p2p_writer_u32(&out, 1);
        p2p_writer_u64(&out, not_ascending[i][0]);
        p2p_writer_u64(&out, not_ascending[i][1]);
        CHECK_ERR(p2p_ask_payloads_read(&ask, p2p_writer_slice(&out)), P2P_MALFORMED);
        p2p_writer_init(&out, room, sizeof(room));
        p2p_writer_u32(&out, 1);
        p2p_payload_write(&out, not_ascending[i][0], p2p_slice_text("x"));
        p2p_payload_write(&out, not_ascending[i][1], p2p_slice_text("x"));
        CHECK_ERR(p2p_payloads_read(&payloads, p2p_writer_slice(&out)), P2P_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_payloads_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
