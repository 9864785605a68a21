#include "signer.h"

#include "whole_file.h"

#include <p2p/bytes.h>
#include <p2p/sigs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES       1024u
#define PASSPHRASE_BYTES 1024u

static const char USE[] = "port2port/v1/record"; /* and its NUL: WIRE.md section 3 */

/* DIR/kdf of DIR/NAME.key, or of DIR/issuers/NAME.key as a node has it. */
static enum p2p_err read_kdf(struct p2p_kdf *kdf, const char *key_file,
                             char problem[P2P_TRADE_PROBLEM_BYTES])
{
    const char *slash = strrchr(key_file, '/');
    int dir = slash != NULL ? (int)(slash - key_file) : 1;
    const char *from = slash != NULL ? key_file : ".";
    char path[PATH_BYTES];
    char *text = NULL;
    size_t len = 0;
    enum p2p_err err = P2P_NOTFOUND;
    static const char *const PLACES[] = {"kdf", "../kdf"};
    for (size_t i = 0; err == P2P_NOTFOUND && i < 2; i++) {
        snprintf(path, sizeof path, "%.*s/%s", dir, from, PLACES[i]);
        err = p2p_whole_file(path, P2P_KEYFILE_BYTES_MAX, &text, &len);
    }
    if (err != P2P_OK) {
        snprintf(problem, P2P_TRADE_PROBLEM_BYTES,
                 "%s: the file kdf that was beside the key cannot be read: %s", key_file,
                 p2p_err_text(err));
        return err;
    }
    err = p2p_kdf_parse(kdf, p2p_slice_of(text, len));
    if (err != P2P_OK) {
        snprintf(problem, P2P_TRADE_PROBLEM_BYTES, "%s is damaged: %s", path,
                 p2p_err_text(err));
    }
    free(text);
    return err;
}

static enum p2p_err read_passphrase(char out[PASSPHRASE_BYTES], const char *file,
                                    char problem[P2P_TRADE_PROBLEM_BYTES])
{
    char *text = NULL;
    size_t len = 0;
    out[0] = '\0';
    if (file == NULL) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_whole_file(file, PASSPHRASE_BYTES - 2, &text, &len);
    if (err != P2P_OK) {
        snprintf(problem, P2P_TRADE_PROBLEM_BYTES, "the passphrase file %s cannot be read: %s",
                 file, p2p_err_text(err));
        return err;
    }
    snprintf(out, PASSPHRASE_BYTES, "%.*s", (int)strcspn(text, "\r\n"), text);
    p2p_wipe(text, len);
    free(text);
    return P2P_OK;
}

static enum p2p_err read_key(struct p2p_keyfile *file, const char *key_file,
                             char problem[P2P_TRADE_PROBLEM_BYTES])
{
    char *text = NULL;
    size_t len = 0;
    enum p2p_err err = p2p_whole_file(key_file, P2P_KEYFILE_BYTES_MAX, &text, &len);
    if (err == P2P_OK) {
        err = p2p_keyfile_parse(file, p2p_slice_of(text, len));
    }
    free(text);
    if (err == P2P_OK && file->purpose != P2P_KEY_ISSUER) {
        err = P2P_BADKEY;
    }
    if (err != P2P_OK) {
        snprintf(problem, P2P_TRADE_PROBLEM_BYTES, "%s is not the key file of an issuer: %s",
                 key_file, p2p_err_text(err));
    }
    return err;
}

enum p2p_err p2p_trade_signer_open(struct p2p_trade_signer *signer, const char *key_file,
                                   const char *passphrase_file,
                                   char problem[P2P_TRADE_PROBLEM_BYTES])
{
    struct p2p_kdf kdf;
    struct p2p_keyfile file;
    struct p2p_unlock_key key = {{0}};
    uint8_t seed[P2P_SEED_BYTES] = {0};
    char passphrase[PASSPHRASE_BYTES];
    enum p2p_err err = read_key(&file, key_file, problem);
    if (err == P2P_OK) {
        err = read_kdf(&kdf, key_file, problem);
    }
    if (err == P2P_OK) {
        err = read_passphrase(passphrase, passphrase_file, problem);
    }
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_kdf_derive(&kdf, p2p_slice_text(passphrase), &key);
    if (err == P2P_OK) {
        err = p2p_keyfile_open(&file, &key, seed);
    }
    if (err == P2P_OK) {
        p2p_issuer_secret_init(&signer->secret, seed);
        memcpy(signer->name, file.name, sizeof signer->name);
    } else {
        snprintf(problem, P2P_TRADE_PROBLEM_BYTES, "%s cannot be opened: %s", key_file,
                 p2p_err_text(err));
    }
    p2p_wipe(seed, sizeof seed);
    p2p_wipe(&key, sizeof key);
    p2p_wipe(passphrase, sizeof passphrase);
    return err;
}

void p2p_trade_signer_close(struct p2p_trade_signer *signer)
{
    p2p_issuer_secret_deinit(&signer->secret);
    *signer = (struct p2p_trade_signer){0};
}

enum p2p_err p2p_trade_sign(const struct p2p_trade_signer *signer, struct p2p_slice bytes,
                            struct p2p_slice leaf, struct p2p_signature *out)
{
    struct p2p_reader reader;
    p2p_reader_init(&reader, bytes);
    struct p2p_slice use = p2p_reader_bytes(&reader, sizeof USE);
    p2p_reader_bytes(&reader, p2p_reader_u16(&reader)); /* the feed's origin */
    struct p2p_slice record = p2p_reader_bytes(&reader, p2p_reader_left(&reader));
    if (reader.failed || !p2p_slice_equal(use, p2p_slice_of(USE, sizeof USE)) ||
        record.len == 0 || !p2p_slice_equal(record, leaf)) {
        return P2P_REFUSED;
    }
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    sigs->sign(sigs->context, signer->secret.seed, signer->secret.public_key.bytes, bytes, out);
    return P2P_OK;
}
