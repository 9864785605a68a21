#include "check.h"
#include "frame_sample.h"

/* Without this, what a witness or a holder signed would be taken for another size or feed. */
static void test_cosignatures(void **state)
{
    struct frame_sample s;
    struct p2p_cosign_body cosign;
    struct p2p_lease_ask lease_ask;
    struct p2p_lease_answer lease_answer;
    struct p2p_ack ack;
    (void)state;
    frame_sample_init(&s);
    CHECK_OK(p2p_cosign_read(&cosign, frame_sample_at(&s, SAMPLE_COSIGN).body));
    CHECK(cosign.feed == 3 && cosign.size == 77 && cosign.witness == 4);
    CHECK(p2p_hash_equal(&cosign.root, &s.hash));
    CHECK(cosign.cosignature.time_s == 1700000000);
    CHECK_BYTES(cosign.cosignature.signature.bytes, s.signature.bytes, P2P_SIGNATURE_BYTES);
    CHECK_OK(p2p_ack_read(&ack, frame_sample_at(&s, SAMPLE_ACK).body));
    CHECK(ack.feed == 3 && ack.size == 78);
    CHECK_BYTES(ack.signature.bytes, s.signature.bytes, P2P_SIGNATURE_BYTES);
    CHECK_OK(p2p_lease_ask_read(&lease_ask, frame_sample_at(&s, SAMPLE_LEASE_ASK).body));
    CHECK(lease_ask.feed == 3 && lease_ask.size == 79);
    CHECK(p2p_hash_equal(&lease_ask.root, &s.hash));
    CHECK(p2p_hash_equal(&lease_ask.nonce, &s.entries[0].root));
    CHECK_OK(
        p2p_lease_answer_read(&lease_answer, frame_sample_at(&s, SAMPLE_LEASE_ANSWER).body));
    CHECK(p2p_hash_equal(&lease_answer.nonce, &s.entries[1].root));
    CHECK(lease_answer.sign.feed == 3 && lease_answer.sign.size == 77 &&
          lease_answer.sign.witness == 4 && lease_answer.sign.cosignature.time_s == 1700000000);
    CHECK(lease_answer.charter == 6 && lease_answer.held == 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cosignatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
