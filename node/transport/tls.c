#include "certificate.h"
#include "tls_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <p2p/alloc.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CERT_LIST_BYTES_MAX (16 * 1024)

/* RFC 7301 wire form: a length byte, then the name. */
static const unsigned char alpn_h2[] = {2, 'h', '2'};

static int alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned int in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned int at = 0; at < in_len; at += 1u + in[at]) {
        if (in_len - at >= sizeof alpn_h2 && memcmp(in + at, alpn_h2, sizeof alpn_h2) == 0) {
            *out = in + at + 1;
            *out_len = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Replaces chain building: the leaf's raw key is in the charter, or it is not. That the other
 * side holds the key is proven by its CertificateVerify, which OpenSSL checks. */
static int judge_certificate(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct p2p_tls_judge *judge = SSL_get_app_data(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(store);

    judge->refused = true;
    judge->member = 0;
    if (!leaf || !p2p_certificate_key(leaf, judge->key)) {
        judge->reason = P2P_REFUSAL_NO_CERTIFICATE;
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    uint32_t member = judge->pin(judge->user, judge->key);
    if (member == 0 || (judge->expected != 0 && member != judge->expected)) {
        judge->reason = member == 0 ? P2P_REFUSAL_UNPINNED : P2P_REFUSAL_WRONG_MEMBER;
        /* Becomes the alert "unknown_ca", which tells the other side that it is a stranger. */
        X509_STORE_CTX_set_error(store, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
        return 0;
    }
    judge->refused = false;
    judge->member = member;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (!ctx) {
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ctx, CERT_LIST_BYTES_MAX);
    SSL_CTX_set_alpn_select_cb(ctx, alpn_select, NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
        SSL_CTX_set_alpn_protos(ctx, alpn_h2, sizeof alpn_h2) != 0) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* Whoever asks without a certificate is asked for nothing. What one says is judged where the
 * charter is known; that its holder has its key is proven by its CertificateVerify. */
static int take_any(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static SSL_CTX *people_context_new(void)
{
    SSL_CTX *ctx = context_new(TLS_server_method());
    if (!ctx) {
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, take_any, NULL);
    if (SSL_CTX_set1_client_sigalgs_list(ctx, "ecdsa_secp256r1_sha256") != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static SSL_CTX *peer_context_new(const SSL_METHOD *method, X509 *certificate, EVP_PKEY *key)
{
    SSL_CTX *ctx = context_new(method);
    if (!ctx) {
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, judge_certificate, NULL);
    if (SSL_CTX_set1_sigalgs_list(ctx, "ed25519") != 1 ||
        SSL_CTX_set1_client_sigalgs_list(ctx, "ed25519") != 1 ||
        SSL_CTX_use_certificate(ctx, certificate) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* Takes both contexts, also on error. */
static enum p2p_err identity_new(SSL_CTX *accept, SSL_CTX *dial, struct p2p_tls **out_tls)
{
    struct p2p_tls *tls = p2p_alloc_zeroed(p2p_alloc_default(), 1, sizeof *tls);
    if (!tls) {
        SSL_CTX_free(accept);
        SSL_CTX_free(dial);
        return P2P_NOMEM;
    }
    tls->accept = accept;
    tls->dial = dial;
    *out_tls = tls;
    return P2P_OK;
}

enum p2p_err p2p_tls_open_peer(const uint8_t seed[P2P_TLS_KEY_BYTES], struct p2p_tls **out_tls,
                               char message[P2P_NET_MESSAGE_BYTES])
{
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    SSL_CTX *accept = NULL;
    SSL_CTX *dial = NULL;

    enum p2p_err err = p2p_certificate_of_seed(seed, &certificate, &key);
    if (err) {
        goto out;
    }
    accept = peer_context_new(TLS_server_method(), certificate, key);
    dial = peer_context_new(TLS_client_method(), certificate, key);
    if (!accept || !dial) {
        err = P2P_IO;
        goto out;
    }
    err = identity_new(accept, dial, out_tls);
    accept = NULL;
    dial = NULL;
out:
    if (err) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "no TLS identity from the transport key: %s",
                 err == P2P_NOMEM ? "out of memory" : p2p_openssl_reason());
    }
    SSL_CTX_free(dial);
    SSL_CTX_free(accept);
    EVP_PKEY_free(key);
    X509_free(certificate);
    return err;
}

static enum p2p_err file_open(const char *path, BIO **out_file,
                              char message[P2P_NET_MESSAGE_BYTES])
{
    BIO *file = BIO_new_file(path, "r");
    if (!file) {
        int why = errno;
        snprintf(message, P2P_NET_MESSAGE_BYTES,
                 "open %.150s: %s; `init` writes people.crt and people.key", path,
                 strerror(why));
        return why == ENOENT ? P2P_NOTFOUND : P2P_IO;
    }
    *out_file = file;
    return P2P_OK;
}

static int no_passphrase(char *buffer, int size, int writing, void *user)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)user;
    return -1;
}

/* The certificate, then whatever chain follows it in the file. */
static bool chain_use(SSL_CTX *ctx, BIO *file)
{
    X509 *leaf = PEM_read_bio_X509(file, NULL, no_passphrase, NULL);
    bool used = leaf && SSL_CTX_use_certificate(ctx, leaf) == 1;
    X509_free(leaf);
    while (used) {
        X509 *link = PEM_read_bio_X509(file, NULL, no_passphrase, NULL);
        if (!link) {
            ERR_clear_error(); /* the end of the file reads as an error */
            break;
        }
        used = SSL_CTX_add0_chain_cert(ctx, link) == 1; /* taken when added */
        if (!used) {
            X509_free(link);
        }
    }
    return used;
}

enum p2p_err p2p_tls_open_people(const char *certificate_path, const char *key_path,
                                 struct p2p_tls **out_tls, char message[P2P_NET_MESSAGE_BYTES])
{
    BIO *certificate_file = NULL;
    BIO *key_file = NULL;
    EVP_PKEY *key = NULL;
    SSL_CTX *ctx = NULL;

    ERR_clear_error();
    enum p2p_err err = file_open(certificate_path, &certificate_file, message);
    if (!err) {
        err = file_open(key_path, &key_file, message);
    }
    if (err) {
        goto out;
    }
    ctx = people_context_new();
    if (!ctx) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "no TLS context: %s", p2p_openssl_reason());
        err = P2P_IO;
        goto out;
    }
    key = PEM_read_bio_PrivateKey(key_file, NULL, no_passphrase, NULL);
    if (!key) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "%.150s holds no PEM private key: %s",
                 key_path, p2p_openssl_reason());
        err = P2P_MALFORMED;
        goto out;
    }
    if (!p2p_key_is_p256(key)) {
        snprintf(message, P2P_NET_MESSAGE_BYTES,
                 "%.150s is not an ECDSA P-256 key, the kind that every browser takes",
                 key_path);
        err = P2P_BADKEY;
        goto out;
    }
    if (!chain_use(ctx, certificate_file)) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "%.150s holds no PEM certificate: %s",
                 certificate_path, p2p_openssl_reason());
        err = P2P_MALFORMED;
        goto out;
    }
    if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "%.100s and %.100s do not belong together",
                 certificate_path, key_path);
        err = P2P_BADKEY;
        goto out;
    }
    err = identity_new(ctx, NULL, out_tls);
    ctx = NULL;
    if (err) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "no TLS identity for people: out of memory");
    }
out:
    SSL_CTX_free(ctx);
    EVP_PKEY_free(key);
    BIO_free(key_file);
    BIO_free(certificate_file);
    ERR_clear_error();
    return err;
}

void p2p_tls_free(struct p2p_tls *tls)
{
    if (!tls) {
        return;
    }
    SSL_CTX_free(tls->accept);
    SSL_CTX_free(tls->dial);
    p2p_alloc_free(p2p_alloc_default(), tls);
}
