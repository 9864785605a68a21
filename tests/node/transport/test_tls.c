#include "check.h"

#include <certificate.h>
#include <p2p/bytes.h>
#include <p2p/tls.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <temp_dir.h>

/* RFC 8032 section 7.1, test 1. */
static const uint8_t seed_1[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60,
                                   0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
                                   0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19,
                                   0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
static const uint8_t public_1[32] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
                                     0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
                                     0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
                                     0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};

/* Broken if the key in a peer's certificate were not the transport key that the charter names.
 */
static void test_certificate_of_a_seed(void **state)
{
    (void)state;
    uint8_t der[2][1024];
    int len[2];
    for (int i = 0; i < 2; i++) {
        X509 *certificate = NULL;
        EVP_PKEY *key = NULL;
        uint8_t raw[32];
        CHECK_OK(p2p_certificate_of_seed(seed_1, &certificate, &key));
        CHECK(p2p_certificate_key(certificate, raw));
        CHECK_BYTES(raw, public_1, 32);
        CHECK(X509_verify(certificate, key) == 1);
        uint8_t *at = der[i];
        len[i] = i2d_X509(certificate, NULL);
        CHECK(len[i] > 0 && len[i] < 1024 && i2d_X509(certificate, &at) == len[i]);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
    CHECK(len[0] == len[1]);
    CHECK_BYTES(der[0], der[1], (size_t)len[0]); /* the same certificate at each start */
}

static void make(struct p2p_people_pem *pem)
{
    char message[P2P_NET_MESSAGE_BYTES] = "";
    const char *hosts[] = {"localhost", "127.77.0.1", "::1", "node.beanr.example"};
    struct p2p_people_request request = {.common_name = "beanr node",
                                         .hosts = hosts,
                                         .host_count = 4,
                                         .not_before_unix_s = 1700000000,
                                         .valid_s = 825LL * 86400};
    CHECK_OK(p2p_tls_make_people(&request, pem, message));
}

/* Broken if a browser would refuse the people's certificate for its names, dates or key. */
static void test_people_certificate(void **state)
{
    (void)state;
    struct p2p_people_pem pem;
    make(&pem);
    BIO *bio = BIO_new_mem_buf(pem.certificate, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    CHECK(certificate != NULL);
    CHECK(X509_check_host(certificate, "localhost", 0, 0, NULL) == 1);
    CHECK(X509_check_host(certificate, "node.beanr.example", 0, 0, NULL) == 1);
    CHECK(X509_check_host(certificate, "example", 0, 0, NULL) != 1);
    CHECK(X509_check_ip_asc(certificate, "127.77.0.1", 0) == 1);
    CHECK(X509_check_ip_asc(certificate, "::1", 0) == 1);
    CHECK(X509_check_ip_asc(certificate, "127.0.0.1", 0) != 1);
    CHECK(X509_get_extended_key_usage(certificate) == XKU_SSL_SERVER);
    CHECK(X509_check_ca(certificate) == 0);
    time_t from = 1700000000;
    CHECK(X509_cmp_time(X509_get0_notBefore(certificate), &(time_t){from + 1}) == -1);
    CHECK(X509_cmp_time(X509_get0_notBefore(certificate), &(time_t){from - 1}) == 1);
    CHECK(X509_cmp_time(X509_get0_notAfter(certificate), &(time_t){from + 825 * 86400 + 1}) ==
          -1);
    CHECK(X509_verify(certificate, X509_get0_pubkey(certificate)) == 1);
    struct p2p_people_pem other;
    make(&other);
    CHECK(strcmp(pem.key, other.key) != 0 && strcmp(pem.certificate, other.certificate) != 0);
    X509_free(certificate);
    BIO_free(bio);
}

/* Broken if a host could smuggle other extension text, or nonsense were accepted as one. */
static void test_people_hosts_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",          "a,DNS:b", "a b", "DNS:a",
                                        "host:7401", "a\nb",    "*"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char message[P2P_NET_MESSAGE_BYTES] = "";
        struct p2p_people_pem pem = {.key = "untouched"};
        struct p2p_people_request request = {.common_name = "x",
                                             .hosts = &wrong[i],
                                             .host_count = 1,
                                             .not_before_unix_s = 1700000000,
                                             .valid_s = 86400};
        CHECK_ERR(p2p_tls_make_people(&request, &pem, message), P2P_USAGE);
        CHECK(message[0] != '\0' && strcmp(pem.key, "untouched") == 0);
    }
}

static void vouch(void *user, const struct p2p_hash *spki,
                  uint8_t voucher[P2P_TLS_VOUCHER_BYTES_MAX], size_t *len)
{
    *len = *(size_t *)user;
    memset(voucher, 7, *len);
    memcpy(voucher, spki->bytes, *len < 32 ? *len : 32);
}

/* Broken if a node read another key, time or voucher from a party's certificate than stands in
 * it, or took one without for one with. */
static void test_party_certificate(void **state)
{
    (void)state;
    static const size_t lens[] = {1, 106, P2P_TLS_VOUCHER_BYTES_MAX};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        char message[P2P_NET_MESSAGE_BYTES] = "";
        size_t len = lens[i];
        struct p2p_people_pem pem;
        struct p2p_tls_party party;
        const struct p2p_tls_party_request request = {.common_name = "beanr-carrier",
                                                      .not_before_unix_s = 1700000000,
                                                      .valid_s = 86400,
                                                      .vouch = vouch,
                                                      .user = &len};
        CHECK_OK(p2p_tls_make_party(&request, &pem, message));
        CHECK_OK(p2p_tls_read_party(p2p_slice_text(pem.certificate), &party));
        CHECK(party.voucher_len == len);
        CHECK_BYTES(party.voucher, party.spki.bytes, len < 32 ? len : 32);
        CHECK(party.not_before_unix_s == 1700000000);
        CHECK(party.not_after_unix_s == 1700000000 + 86400);

        BIO *bio = BIO_new_mem_buf(pem.certificate, -1);
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        CHECK(certificate != NULL);
        CHECK(X509_get_extended_key_usage(certificate) == XKU_SSL_CLIENT);
        CHECK(X509_check_ca(certificate) == 0);
        unsigned char *der = NULL;
        int der_len = i2d_PUBKEY(X509_get0_pubkey(certificate), &der);
        struct p2p_hash hash = p2p_sha256(p2p_slice_of(der, (size_t)der_len));
        CHECK_BYTES(hash.bytes, party.spki.bytes, P2P_HASH_BYTES);
        OPENSSL_free(der);
        X509_free(certificate);
        BIO_free(bio);
    }
    struct p2p_people_pem server;
    struct p2p_tls_party party;
    make(&server);
    CHECK_OK(p2p_tls_read_party(p2p_slice_text(server.certificate), &party));
    CHECK(party.voucher_len == 0);
    CHECK_ERR(p2p_tls_read_party(p2p_slice_text(server.key), &party), P2P_MALFORMED);
    CHECK_ERR(p2p_tls_read_party(p2p_slice_text(""), &party), P2P_MALFORMED);
}

static const char ed25519_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

/* Broken if a wrong pair of files were served, or the message did not say which file is wrong.
 */
static void test_people_files(void **state)
{
    (void)state;
    struct temp_dir directory;
    char crt[TEMP_PATH_BYTES], key[TEMP_PATH_BYTES], other[TEMP_PATH_BYTES],
        message[P2P_NET_MESSAGE_BYTES];
    struct p2p_tls *tls = NULL;
    struct p2p_people_pem pem, second;
    temp_dir_make(&directory);
    temp_path(&directory, "people.crt", crt);
    temp_path(&directory, "people.key", key);
    temp_path(&directory, "other.key", other);
    make(&pem);
    make(&second);

    CHECK_ERR(p2p_tls_open_people(crt, key, &tls, message), P2P_NOTFOUND);
    CHECK(strstr(message, "people.crt") != NULL);
    temp_write(crt, pem.certificate, strlen(pem.certificate));
    CHECK_ERR(p2p_tls_open_people(crt, key, &tls, message), P2P_NOTFOUND);
    CHECK(strstr(message, "people.key") != NULL);
    temp_write(key, pem.key, strlen(pem.key));
    CHECK_OK(p2p_tls_open_people(crt, key, &tls, message));
    p2p_tls_free(tls);
    tls = NULL;
    temp_write(other, second.key, strlen(second.key));
    CHECK_ERR(p2p_tls_open_people(crt, other, &tls, message), P2P_BADKEY);
    temp_write(other, ed25519_key, strlen(ed25519_key));
    CHECK_ERR(p2p_tls_open_people(crt, other, &tls, message), P2P_BADKEY);
    CHECK(strstr(message, "P-256") != NULL);
    temp_write(other, "not a key", 9);
    CHECK_ERR(p2p_tls_open_people(crt, other, &tls, message), P2P_MALFORMED);
    CHECK_ERR(p2p_tls_open_people(key, key, &tls, message), P2P_MALFORMED);
    CHECK(tls == NULL);
    temp_dir_remove(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate_of_a_seed),
        cmocka_unit_test(test_people_certificate),
        cmocka_unit_test(test_party_certificate),
        cmocka_unit_test(test_people_hosts_are_checked),
        cmocka_unit_test(test_people_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
