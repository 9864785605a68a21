#include "certificate.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>

#define HOSTS_MAX      16u
#define HOST_BYTES_MAX 253u
#define SERIAL_BITS    127

const char *p2p_openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason ? reason : "OpenSSL gave no reason";
}

bool p2p_key_is_p256(const EVP_PKEY *key)
{
    char group[32] = "";
    size_t len = 0;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

bool p2p_certificate_key(X509 *certificate, uint8_t key[P2P_TLS_KEY_BYTES])
{
    EVP_PKEY *pkey = X509_get0_pubkey(certificate);
    uint8_t raw[P2P_TLS_KEY_BYTES];
    size_t len = sizeof raw;
    if (!pkey || EVP_PKEY_get_base_id(pkey) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_public_key(pkey, raw, &len) != 1 || len != sizeof raw) {
        return false;
    }
    memcpy(key, raw, sizeof raw);
    return true;
}

static bool name_set(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1;
}

enum p2p_err p2p_certificate_of_seed(const uint8_t seed[P2P_TLS_KEY_BYTES],
                                     X509 **out_certificate, EVP_PKEY **out_key)
{
    enum p2p_err err = P2P_IO;
    ERR_clear_error();
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, P2P_TLS_KEY_BYTES);
    X509 *certificate = X509_new();
    if (!key || !certificate) {
        goto out;
    }
    /* 9999-12-31: RFC 5280 section 4.1.2.5, "no well-defined expiration date". */
    if (X509_set_version(certificate, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) != 1 ||
        ASN1_TIME_set_string(X509_getm_notBefore(certificate), "19700101000000Z") != 1 ||
        ASN1_TIME_set_string(X509_getm_notAfter(certificate), "99991231235959Z") != 1 ||
        !name_set(certificate, "port2port peer") || X509_set_pubkey(certificate, key) != 1 ||
        X509_sign(certificate, key, NULL) == 0) {
        goto out;
    }
    *out_certificate = certificate;
    certificate = NULL;
    *out_key = key;
    key = NULL;
    err = P2P_OK;
out:
    X509_free(certificate);
    EVP_PKEY_free(key);
    return err;
}

/* Appends ",DNS:host" or ",IP:host"; only characters that mean nothing to OpenSSL's parser
 * pass. */
static bool host_append(char *names, size_t cap, const char *host)
{
    size_t len = strlen(host);
    if (len == 0 || len > HOST_BYTES_MAX) {
        return false;
    }
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    const char *kind = address ? "IP" : "DNS";
    ASN1_OCTET_STRING_free(address);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    if (strcmp(kind, "DNS") == 0 && strspn(host, allowed) != len) {
        return false;
    }
    size_t used = strlen(names);
    int n = snprintf(names + used, cap - used, "%s%s:%s", used > 0 ? "," : "", kind, host);
    return n > 0 && (size_t)n < cap - used;
}

static bool extension_add(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

bool p2p_certificate_fill(X509 *certificate, EVP_PKEY *key, const char *common_name,
                          int64_t not_before_unix_s, int64_t valid_s, const char *use)
{
    BIGNUM *serial = BN_new();
    time_t from = (time_t)not_before_unix_s;
    time_t until = (time_t)(not_before_unix_s + valid_s);
    bool filled =
        serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
        BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) &&
        X509_set_version(certificate, X509_VERSION_3) == 1 &&
        ASN1_TIME_set(X509_getm_notBefore(certificate), from) &&
        ASN1_TIME_set(X509_getm_notAfter(certificate), until) &&
        name_set(certificate, common_name) && X509_set_pubkey(certificate, key) == 1 &&
        extension_add(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
        extension_add(certificate, NID_key_usage, "critical,digitalSignature") &&
        extension_add(certificate, NID_ext_key_usage, use) &&
        extension_add(certificate, NID_subject_key_identifier, "hash");
    BN_free(serial);
    return filled;
}

static bool people_fill(X509 *certificate, EVP_PKEY *key,
                        const struct p2p_people_request *request, const char *names)
{
    return p2p_certificate_fill(certificate, key, request->common_name,
                                request->not_before_unix_s, request->valid_s, "serverAuth") &&
           (names[0] == '\0' || extension_add(certificate, NID_subject_alt_name, names)) &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

static bool pem_copy(BIO *bio, char out[P2P_TLS_PEM_BYTES])
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    if (len <= 0 || (size_t)len >= P2P_TLS_PEM_BYTES) {
        return false;
    }
    memcpy(out, data, (size_t)len);
    out[len] = '\0';
    return true;
}

bool p2p_certificate_pem(X509 *certificate, EVP_PKEY *key, struct p2p_people_pem *out_pem)
{
    struct p2p_people_pem pem;
    memset(&pem, 0, sizeof pem);
    BIO *certificate_text = BIO_new(BIO_s_mem());
    BIO *key_text = BIO_new(BIO_s_secmem());
    bool made = certificate_text && key_text &&
                PEM_write_bio_X509(certificate_text, certificate) == 1 &&
                PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                pem_copy(certificate_text, pem.certificate) && pem_copy(key_text, pem.key);
    if (made) {
        *out_pem = pem;
    }
    OPENSSL_cleanse(&pem, sizeof pem);
    BIO_free(key_text);
    BIO_free(certificate_text);
    return made;
}

enum p2p_err p2p_tls_make_people(const struct p2p_people_request *request,
                                 struct p2p_people_pem *out_pem,
                                 char message[P2P_NET_MESSAGE_BYTES])
{
    enum p2p_err err = P2P_IO;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    char names[HOSTS_MAX * (HOST_BYTES_MAX + 5)] = "";

    ERR_clear_error();
    if (request->host_count > HOSTS_MAX) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "a certificate holds at most %u hosts",
                 HOSTS_MAX);
        err = P2P_USAGE;
        goto out;
    }
    for (size_t i = 0; i < request->host_count; i++) {
        if (!host_append(names, sizeof names, request->hosts[i])) {
            snprintf(message, P2P_NET_MESSAGE_BYTES,
                     "\"%.80s\" is neither a host name nor an "
                     "IP address",
                     request->hosts[i]);
            err = P2P_USAGE;
            goto out;
        }
    }
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    if (!key || !certificate || !people_fill(certificate, key, request, names) ||
        !p2p_certificate_pem(certificate, key, out_pem)) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "no certificate could be made: %s",
                 p2p_openssl_reason());
        goto out;
    }
    err = P2P_OK;
out:
    X509_free(certificate);
    EVP_PKEY_free(key);
    return err;
}
