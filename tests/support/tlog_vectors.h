/* The vectors of the log formats' texts, as two independent implementations computed them:
 * three records in one log, its checkpoint, and one witness's cosignature. Also bytes written
 * as hex. */
#ifndef TLOG_VECTORS_H
#define TLOG_VECTORS_H

#include "check.h"

#include <p2p/text.h>

#define TLOG_ORIGIN  "port.example/antwerp"
#define TLOG_VKEY    "port.example/antwerp+af206f91+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define TLOG_ROOT    "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk="
#define TLOG_WITNESS "port.example/rotterdam/w1"
#define TLOG_WITNESS_VKEY                                                                      \
    "port.example/rotterdam/w1+ebcbbb11+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
#define TLOG_TIME 1700000000u
#define TLOG_SIGNATURE                                                                         \
    "ryBvkVTOd10CwPbBzXOimceKvpt9W/93i+Z/o6WhbzFfqzNn0myR8cTxdxY2q6US8rAdeLYb9ZX0JkNbZgA5nnu"  \
    "4LAI="
#define TLOG_COSIGNATURE                                                                       \
    "68u7EQAAAABlU/EAQrRAFxMTSc/i5p2Gj0E08APGdoLiLORNMWDrvwhRcy0O/GpSWdREWLSB5c4lzOovltXai5M"  \
    "mLRsilwkplJ9XCg=="
#define TLOG_EMPTY_ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define TLOG_RECORDS                                                                           \
    {                                                                                          \
        "one", "two", "three"                                                                  \
    }
#define TLOG_RECORD_COUNT 3u

#define TLOG_TEXT        TLOG_ORIGIN "\n3\n" TLOG_ROOT "\n"
#define TLOG_LINE        "\xE2\x80\x94 " TLOG_ORIGIN " " TLOG_SIGNATURE "\n"
#define TLOG_COSIGN_LINE "\xE2\x80\x94 " TLOG_WITNESS " " TLOG_COSIGNATURE "\n"
#define TLOG_NOTE        TLOG_TEXT "\n" TLOG_LINE
#define TLOG_COSIGNED    TLOG_NOTE TLOG_COSIGN_LINE

/* The log's seed is 00 01 .. 1f, the witness's 20 21 .. 3f. */
static inline void tlog_seed(uint8_t seed[32], uint8_t first)
{
    for (size_t i = 0; i < 32; i++) {
        seed[i] = (uint8_t)(first + i);
    }
}

static inline struct p2p_hash tlog_hash(const char *base64)
{
    struct p2p_hash hash;
    size_t len = 0;
    CHECK_OK(p2p_base64_decode(hash.bytes, sizeof hash.bytes, &len,
                               (struct p2p_slice){(const uint8_t *)base64, strlen(base64)}));
    CHECK(len == sizeof hash.bytes);
    return hash;
}

/* Decodes hex into out, which has cap bytes. */
static inline struct p2p_slice from_hex(uint8_t *out, size_t cap, const char *hex)
{
    size_t n = strlen(hex) / 2;
    CHECK(n <= cap);
    CHECK_OK(p2p_hex_decode(out, n, (struct p2p_slice){(const uint8_t *)hex, 2 * n}));
    return (struct p2p_slice){out, n};
}

#endif
