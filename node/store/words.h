/* Values of views and payloads with what they often say written short: for a run of bytes that
 * stands in the list (words.c) 0xc1 and its number from 1, for 0xc1 itself 0xc1 and 0.
 * MessagePack never begins anything with 0xc1; any bytes come back as they were. The list is
 * part of the store's format. Pure. Private to node/store. */
#ifndef P2P_STORE_WORDS_H
#define P2P_STORE_WORDS_H

#include <p2p/base.h>

/* out: 2 * value.len bytes at most. Returns the length. */
size_t words_pack(uint8_t *out, struct p2p_slice value);
/* How long the value was. False: no packed value. */
bool words_length(struct p2p_slice packed, size_t *len);
/* Of what words_length measured: so many bytes into out. */
void words_unpack(uint8_t *out, struct p2p_slice packed);

#endif
