#include "tls_session.h"

#include "certificate.h"

#include <openssl/err.h>
#include <p2p/assert.h>
#include <p2p/limits.h>

#include <stdio.h>
#include <string.h>

/* OpenSSL numbers a received alert as SSL_AD_REASON_OFFSET + its code. */
#define ALERT_BASE SSL_AD_REASON_OFFSET
#define ALERT_LAST (SSL_AD_REASON_OFFSET + 255)
/* Any number in the application's range; it only has to be marked as an end point. */
#define WIRE_BIO_TYPE (110 | BIO_TYPE_SOURCE_SINK)

static int wire_read(BIO *bio, char *out, size_t cap, size_t *out_len)
{
    struct p2p_tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (session->in.len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    size_t part = cap < session->in.len ? cap : session->in.len;
    memcpy(out, session->in.data, part);
    session->in.data += part;
    session->in.len -= part;
    *out_len = part;
    return 1;
}

static int wire_write(BIO *bio, const char *data, size_t len, size_t *out_len)
{
    struct p2p_tls_session *session = BIO_get_data(bio);
    struct p2p_tls_wire *wire = session->wire;
    BIO_clear_retry_flags(bio);
    if (len > P2P_TLS_WIRE_BYTES - wire->out_len) {
        return 0; /* cannot happen within the bounds of write(); fails this session only */
    }
    memcpy(wire->out + wire->out_len, data, len);
    wire->out_len += len;
    *out_len = len;
    return 1;
}

static long wire_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int wire_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

enum p2p_err p2p_tls_wire_init(struct p2p_tls_wire *wire, uint8_t *out)
{
    BIO_METHOD *method = BIO_meth_new(WIRE_BIO_TYPE, "port2port wire");
    if (!method || BIO_meth_set_read_ex(method, wire_read) != 1 ||
        BIO_meth_set_write_ex(method, wire_write) != 1 ||
        BIO_meth_set_ctrl(method, wire_ctrl) != 1 ||
        BIO_meth_set_create(method, wire_create) != 1) {
        BIO_meth_free(method);
        return P2P_NOMEM;
    }
    *wire = (struct p2p_tls_wire){.method = method, .out = out};
    return P2P_OK;
}

void p2p_tls_wire_deinit(struct p2p_tls_wire *wire)
{
    BIO_meth_free(wire->method);
    *wire = (struct p2p_tls_wire){0};
}

/* Counts key updates; OpenSSL itself takes any number of them. */
static void message_seen(int write, int version, int content_type, const void *data, size_t len,
                         SSL *ssl, void *arg)
{
    (void)version;
    (void)ssl;
    struct p2p_tls_session *session = arg;
    if (!write && content_type == SSL3_RT_HANDSHAKE && len > 0 &&
        *(const uint8_t *)data == SSL3_MT_KEY_UPDATE) {
        session->key_updates++;
    }
}

enum p2p_err p2p_tls_session_init(struct p2p_tls_session *session, SSL_CTX *ctx, bool dials,
                                  struct p2p_tls_wire *wire, struct p2p_tls_judge *judge)
{
    ERR_clear_error();
    SSL *ssl = SSL_new(ctx);
    BIO *bio = BIO_new(wire->method);
    if (!ssl || !bio) {
        SSL_free(ssl);
        BIO_free(bio);
        return P2P_NOMEM;
    }
    *session = (struct p2p_tls_session){.ssl = ssl, .wire = wire, .judge = judge};
    BIO_set_data(bio, session);
    SSL_set_bio(ssl, bio, bio); /* takes bio */
    SSL_set_app_data(ssl, judge);
    SSL_set_msg_callback(ssl, message_seen);
    SSL_set_msg_callback_arg(ssl, session);
    if (dials) {
        SSL_set_connect_state(ssl);
    } else {
        SSL_set_accept_state(ssl);
    }
    return P2P_OK;
}

void p2p_tls_session_deinit(struct p2p_tls_session *session)
{
    SSL_free(session->ssl);
    *session = (struct p2p_tls_session){0};
}

void p2p_tls_session_feed(struct p2p_tls_session *session, struct p2p_slice ciphertext)
{
    session->in = ciphertext;
}

static enum p2p_refusal refusal_of(int reason)
{
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case ALERT_BASE + SSL_AD_PROTOCOL_VERSION:
        return P2P_REFUSAL_TLS_VERSION;
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case ALERT_BASE + SSL_AD_NO_APPLICATION_PROTOCOL:
        return P2P_REFUSAL_ALPN;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return P2P_REFUSAL_HTTP1;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        return P2P_REFUSAL_NO_CERTIFICATE;
    default:
        return P2P_REFUSAL_TLS_FAILED;
    }
}

static enum p2p_tls_step fail(struct p2p_tls_session *session, enum p2p_refusal reason,
                              const char *text)
{
    session->open = false; /* no more plaintext, and no close_notify after an alert */
    session->failure.reason = reason;
    snprintf(session->failure.text, sizeof session->failure.text, "%s", text);
    return P2P_TLS_STEP_FAILED;
}

static void key_text(char text[16], const uint8_t key[P2P_TLS_KEY_BYTES])
{
    snprintf(text, 16, "%02x%02x%02x%02x\xe2\x80\xa6", key[0], key[1], key[2], key[3]);
}

static enum p2p_tls_step fail_by_judge(struct p2p_tls_session *session)
{
    const struct p2p_tls_judge *judge = session->judge;
    char key[16];
    char text[128];
    key_text(key, judge->key);
    switch (judge->reason) {
    case P2P_REFUSAL_UNPINNED:
        snprintf(text, sizeof text, "certificate key %s is not in the charter", key);
        break;
    case P2P_REFUSAL_WRONG_MEMBER:
        snprintf(text, sizeof text, "certificate key %s is not the one of the member dialled",
                 key);
        break;
    default:
        snprintf(text, sizeof text, "its certificate holds no Ed25519 key");
        break;
    }
    return fail(session, judge->reason, text);
}

/* Turns what OpenSSL just said into a step. */
static enum p2p_tls_step judge_error(struct p2p_tls_session *session, int result)
{
    int kind = SSL_get_error(session->ssl, result);
    if (kind == SSL_ERROR_WANT_READ) {
        return P2P_TLS_STEP_MORE;
    }
    if (kind == SSL_ERROR_ZERO_RETURN) {
        return P2P_TLS_STEP_END;
    }
    if (session->judge && session->judge->refused) {
        return fail_by_judge(session);
    }
    unsigned long error = ERR_peek_last_error();
    int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    if (reason == ERR_R_MALLOC_FAILURE ||
        (error != 0 && ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)) {
        return fail(session, P2P_REFUSAL_NO_MEMORY, "no memory in TLS");
    }
    char text[128];
    if (reason >= ALERT_BASE && reason <= ALERT_LAST) {
        int alert = reason - ALERT_BASE;
        session->failure.by_other = true;
        snprintf(text, sizeof text, "the other side ended TLS with the alert \"%s\"%s",
                 SSL_alert_desc_string_long(alert),
                 session->judge && alert == SSL_AD_UNKNOWN_CA
                     ? ": our transport key is not in its charter"
                     : "");
    } else {
        snprintf(text, sizeof text, "TLS failed: %s",
                 error != 0 ? p2p_openssl_reason() : "no more is known");
    }
    return fail(session, refusal_of(reason), text);
}

static enum p2p_tls_step handshake(struct p2p_tls_session *session)
{
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    if (result != 1) {
        enum p2p_tls_step step = judge_error(session, result);
        /* close_notify in the middle of a handshake is no handshake. */
        return step == P2P_TLS_STEP_END
                   ? fail(session, P2P_REFUSAL_TLS_FAILED, "closed during the TLS handshake")
                   : step;
    }
    const unsigned char *protocol = NULL;
    unsigned int len = 0;
    SSL_get0_alpn_selected(session->ssl, &protocol, &len);
    if (len != 2 || memcmp(protocol, "h2", 2) != 0) {
        return fail(session, P2P_REFUSAL_ALPN, "it did not ask for HTTP/2 (ALPN h2)");
    }
    if (SSL_version(session->ssl) != TLS1_3_VERSION) {
        return fail(session, P2P_REFUSAL_TLS_VERSION, "it does not speak TLS 1.3");
    }
    p2p_assert(!session->judge || session->judge->member != 0);
    session->open = true;
    return P2P_TLS_STEP_OPEN;
}

enum p2p_tls_step p2p_tls_session_read(struct p2p_tls_session *session, uint8_t *plaintext,
                                       size_t cap, size_t *out_len)
{
    if (!session->open) {
        return handshake(session);
    }
    ERR_clear_error();
    size_t len = 0;
    int result = SSL_read_ex(session->ssl, plaintext, cap, &len);
    if (session->key_updates > P2P_KEY_UPDATES_MAX) {
        return fail(session, P2P_REFUSAL_KEY_UPDATE_FLOOD, "too many TLS key updates");
    }
    if (result == 1) {
        *out_len = len;
        return P2P_TLS_STEP_DATA;
    }
    return judge_error(session, result);
}

bool p2p_tls_session_party(const struct p2p_tls_session *session, struct p2p_tls_party *out)
{
    ERR_clear_error();
    X509 *certificate = SSL_get1_peer_certificate(session->ssl);
    bool shown = certificate && p2p_certificate_party(certificate, out);
    X509_free(certificate);
    ERR_clear_error();
    return shown;
}

enum p2p_err p2p_tls_session_write(struct p2p_tls_session *session, const uint8_t *plaintext,
                                   size_t len)
{
    p2p_assert(len <= P2P_STREAM_BUFFER_BYTES);
    if (!session->open) {
        return P2P_IO;
    }
    ERR_clear_error();
    size_t written = 0;
    int result = SSL_write_ex(session->ssl, plaintext, len, &written);
    if (result != 1) {
        (void)judge_error(session, result);
        return P2P_IO;
    }
    p2p_assert(written == len);
    return P2P_OK;
}

void p2p_tls_session_shutdown(struct p2p_tls_session *session)
{
    if (session->open) {
        ERR_clear_error();
        (void)SSL_shutdown(session->ssl);
        ERR_clear_error();
    }
}
