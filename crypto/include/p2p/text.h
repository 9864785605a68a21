/* Bytes as text: lower-case hex, and base64 in its one canonical form (RFC 4648 section 4,
 * padding required, spare bits zero). Decoders accept nothing else. */
#ifndef P2P_TEXT_H
#define P2P_TEXT_H

#include <p2p/base.h>

#define P2P_HEX_BYTES(n)    (2 * (n) + 1)
#define P2P_BASE64_BYTES(n) ((((n) + 2) / 3) * 4 + 1)

/* Writes 2n characters and a terminator into out[P2P_HEX_BYTES(n)]. */
void p2p_hex_encode(char *out, const void *data, size_t n);
/* Exactly 2n lower-case digits, else P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_hex_decode(void *out, size_t n, struct p2p_slice text);
/* Writes into out[P2P_BASE64_BYTES(n)], terminated. */
void p2p_base64_encode(char *out, const void *data, size_t n);
/* len [out] the bytes that text would decode to. P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_base64_measure(size_t *len, struct p2p_slice text);
/* len [out] bytes written; at most cap. P2P_MALFORMED or P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_base64_decode(void *out, size_t cap, size_t *len,
                                              struct p2p_slice text);
/* True for well-formed UTF-8 (RFC 3629: no overlongs, no surrogates, at most U+10FFFF). */
bool p2p_utf8_valid(struct p2p_slice text);
/* Length of the sequence that text begins with, and its code point; 0 when it is ill-formed. */
size_t p2p_utf8_next(struct p2p_slice text, uint32_t *code_point);
#define P2P_DECIMAL_BYTES 21u
/* Writes the digits, terminated; returns how many. */
size_t p2p_decimal_encode(char out[P2P_DECIMAL_BYTES], uint64_t value);
/* Decimal without sign or leading zeros, at most 2^63-1; P2P_MALFORMED otherwise. */
P2P_MUST_CHECK enum p2p_err p2p_decimal_decode(uint64_t *out, struct p2p_slice text);
/* Everything of *rest up to the first mark, which is dropped, borrowed; *rest is what follows.
 * False, and nothing is changed, when there is no mark. */
bool p2p_text_cut(struct p2p_slice *rest, char mark, struct p2p_slice *before);

#endif
