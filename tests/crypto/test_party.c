#include "check.h"

#include <p2p/bytes.h>
#include <p2p/party.h>

#include <string.h>

static const char origin[] = "sandbox.example/charter/1";

static struct p2p_issuer_secret secret_of(uint8_t first)
{
    struct p2p_issuer_secret secret;
    const uint8_t seed[P2P_SEED_BYTES] = {first, 1, 2, 3};
    p2p_issuer_secret_init(&secret, seed);
    return secret;
}

static struct p2p_party_binding bound(const struct p2p_hash *spki)
{
    struct p2p_issuer_secret secret = secret_of(7);
    struct p2p_party_binding binding = {.issuer = "beanr-carrier", .until_s = 1900000000};
    p2p_party_sign(&binding, p2p_sigs_ed25519(), &secret, p2p_slice_text(origin), spki);
    return binding;
}

/* Without this, a binding would vouch for another TLS key, issuer or time than the issuer
 * signed, or in another federation where an issuer has the same name and key. */
static void a_binding_binds_all_of_it(void **state)
{
    const struct p2p_hash spki = {{1, 2, 3}};
    const struct p2p_hash other = {{1, 2, 4}};
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    struct p2p_issuer_secret secret = secret_of(7), stranger = secret_of(8);
    struct p2p_party_binding binding = bound(&spki), changed;
    struct p2p_slice here = p2p_slice_text(origin);
    (void)state;
    CHECK_OK(p2p_party_verify(&binding, sigs, &secret.public_key, here, &spki));
    CHECK_ERR(p2p_party_verify(&binding, sigs, &stranger.public_key, here, &spki), P2P_BADSIG);
    CHECK_ERR(p2p_party_verify(&binding, sigs, &secret.public_key, here, &other), P2P_BADSIG);
    CHECK_ERR(p2p_party_verify(&binding, sigs, &secret.public_key,
                               p2p_slice_text("sandbox.example/charter/2"), &spki),
              P2P_BADSIG);
    changed = binding;
    changed.until_s++;
    CHECK_ERR(p2p_party_verify(&changed, sigs, &secret.public_key, here, &spki), P2P_BADSIG);
    changed = binding;
    strcpy(changed.issuer, "beanr-carries");
    CHECK_ERR(p2p_party_verify(&changed, sigs, &secret.public_key, here, &spki), P2P_BADSIG);
    strcpy(changed.issuer, "beanr-carrie");
    CHECK_ERR(p2p_party_verify(&changed, sigs, &secret.public_key, here, &spki), P2P_BADSIG);
}

/* Without this, what one program writes another could not read, or a binding cut short, or with
 * something behind it, would be one. */
static void encode_and_decode_agree(void **state)
{
    const struct p2p_hash spki = {{9}};
    struct p2p_party_binding binding = bound(&spki), back, untouched = {.until_s = 5};
    uint8_t bytes[P2P_PARTY_BINDING_BYTES_MAX + 1] = {0};
    (void)state;
    size_t len = p2p_party_encode(&binding, bytes);
    CHECK(len == 2 + strlen("beanr-carrier") + 8 + P2P_SIGNATURE_BYTES);
    CHECK_OK(p2p_party_decode(&back, p2p_slice_of(bytes, len)));
    CHECK(strcmp(back.issuer, binding.issuer) == 0 && back.until_s == binding.until_s);
    CHECK_BYTES(back.signature.bytes, binding.signature.bytes, P2P_SIGNATURE_BYTES);
    for (size_t cut = 0; cut <= len + 1; cut++) {
        if (cut != len) {
            CHECK_ERR(p2p_party_decode(&untouched, p2p_slice_of(bytes, cut)), P2P_MALFORMED);
        }
    }
    CHECK(untouched.until_s == 5);
    /* The longest name, and one longer. */
    memset(binding.issuer, 'a', P2P_PARTY_NAME_BYTES_MAX);
    CHECK(p2p_party_encode(&binding, bytes) == P2P_PARTY_BINDING_BYTES_MAX);
    CHECK_OK(p2p_party_decode(&back, p2p_slice_of(bytes, P2P_PARTY_BINDING_BYTES_MAX)));
    CHECK(strlen(back.issuer) == P2P_PARTY_NAME_BYTES_MAX);
    bytes[1]++;
    CHECK_ERR(p2p_party_decode(&back, p2p_slice_of(bytes, P2P_PARTY_BINDING_BYTES_MAX + 1)),
              P2P_MALFORMED);
}

/* Without this, a name could reach a log or a terminal with anything in it. */
static void names_are_names(void **state)
{
    const struct p2p_hash spki = {{9}};
    struct p2p_party_binding binding = bound(&spki), back;
    uint8_t bytes[P2P_PARTY_BINDING_BYTES_MAX];
    (void)state;
    size_t len = p2p_party_encode(&binding, bytes);
    for (unsigned c = 0; c < 256; c++) {
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        bytes[4] = (uint8_t)c;
        CHECK_ERR(p2p_party_decode(&back, p2p_slice_of(bytes, len)),
                  good ? P2P_OK : P2P_MALFORMED);
    }
    bytes[4] = 'a';
    bytes[0] = 2;
    CHECK_ERR(p2p_party_decode(&back, p2p_slice_of(bytes, len)), P2P_MALFORMED);
    const uint8_t nameless[2 + 8 + P2P_SIGNATURE_BYTES] = {1, 0};
    CHECK_ERR(p2p_party_decode(&back, p2p_slice_of(nameless, sizeof(nameless))), P2P_MALFORMED);
}

static int setup(void **state)
{
    (void)state;
    return p2p_crypto_init() == P2P_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_binding_binds_all_of_it),
        cmocka_unit_test(encode_and_decode_agree),
        cmocka_unit_test(names_are_names),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
