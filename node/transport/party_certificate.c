/* Certificates of parties: made with a voucher, and read back by whoever is shown one. */
#include "certificate.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <p2p/bytes.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

/* DER of an OCTET STRING in short form: tag 4, one byte of length. */
enum { DER_OCTETS = 4, DER_HEAD_BYTES = 2 };
_Static_assert(P2P_TLS_VOUCHER_BYTES_MAX < 128, "its length takes one byte in DER");

/* ---- reading ---- */

static bool spki_hash(X509 *certificate, struct p2p_hash *out)
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (len <= 0) {
        return false;
    }
    *out = p2p_sha256(p2p_slice_of(der, (size_t)len));
    OPENSSL_free(der);
    return true;
}

/* Seconds since 1970 of a certificate's time; false for what is no time. */
static bool unix_s(const ASN1_TIME *time, int64_t *out)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    *out = (int64_t)timegm(&parts);
    return true;
}

/* The voucher, if the certificate has exactly one and it is an OCTET STRING that fits. */
static void take_voucher(X509 *certificate, struct p2p_tls_party *out)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(P2P_TLS_VOUCHER_OID, 1);
    int at = oid ? X509_get_ext_by_OBJ(certificate, oid, -1) : -1;
    bool alone = at >= 0 && X509_get_ext_by_OBJ(certificate, oid, at) < 0;
    ASN1_OBJECT_free(oid);
    if (!alone) {
        return;
    }
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
    const unsigned char *der = ASN1_STRING_get0_data(value);
    size_t len = (size_t)ASN1_STRING_length(value);
    if (len < DER_HEAD_BYTES || len - DER_HEAD_BYTES > P2P_TLS_VOUCHER_BYTES_MAX ||
        der[0] != DER_OCTETS || der[1] != len - DER_HEAD_BYTES) {
        return;
    }
    out->voucher_len = len - DER_HEAD_BYTES;
    memcpy(out->voucher, der + DER_HEAD_BYTES, out->voucher_len);
}

bool p2p_certificate_party(X509 *certificate, struct p2p_tls_party *out)
{
    struct p2p_tls_party party = {.voucher_len = 0};
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (!key || !p2p_key_is_p256(key) || !spki_hash(certificate, &party.spki) ||
        !unix_s(X509_get0_notBefore(certificate), &party.not_before_unix_s) ||
        !unix_s(X509_get0_notAfter(certificate), &party.not_after_unix_s)) {
        return false;
    }
    take_voucher(certificate, &party);
    *out = party;
    return true;
}

enum p2p_err p2p_tls_read_party(struct p2p_slice pem, struct p2p_tls_party *out)
{
    ERR_clear_error();
    BIO *text = pem.len <= P2P_TLS_PEM_BYTES ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
    X509 *certificate = text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
    enum p2p_err err = !certificate                               ? P2P_MALFORMED
                       : !p2p_certificate_party(certificate, out) ? P2P_BADKEY
                                                                  : P2P_OK;
    X509_free(certificate);
    BIO_free(text);
    ERR_clear_error();
    return err;
}

/* ---- making ---- */

static bool add_voucher(X509 *certificate, const struct p2p_tls_party_request *request)
{
    struct p2p_hash spki;
    uint8_t der[DER_HEAD_BYTES + P2P_TLS_VOUCHER_BYTES_MAX];
    size_t len = 0;
    if (!spki_hash(certificate, &spki)) {
        return false;
    }
    request->vouch(request->user, &spki, der + DER_HEAD_BYTES, &len);
    der[0] = DER_OCTETS;
    der[1] = (uint8_t)len;
    ASN1_OBJECT *oid = OBJ_txt2obj(P2P_TLS_VOUCHER_OID, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    if (oid && value && ASN1_OCTET_STRING_set(value, der, (int)(DER_HEAD_BYTES + len)) == 1) {
        extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
    }
    bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return added;
}

enum p2p_err p2p_tls_make_party(const struct p2p_tls_party_request *request,
                                struct p2p_people_pem *out_pem,
                                char message[P2P_NET_MESSAGE_BYTES])
{
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool made =
        key && certificate &&
        p2p_certificate_fill(certificate, key, request->common_name, request->not_before_unix_s,
                             request->valid_s, "clientAuth") &&
        add_voucher(certificate, request) && X509_sign(certificate, key, EVP_sha256()) > 0 &&
        p2p_certificate_pem(certificate, key, out_pem);
    if (!made) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "no certificate could be made: %s",
                 p2p_openssl_reason());
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return made ? P2P_OK : P2P_IO;
}
