/* The sum of a block: tells that a byte of it is not what was written, and where one bit is the
 * other way round, which one. No secret is in it: it is against disks, not against people.
 *
 * Bytes are summed in segments: a segment's length as u64 with the low byte first, eight zero
 * bytes, then its bytes, filled up with zero bytes to a multiple of sixteen. Of these the first
 * eight of each sixteen go into one CRC-32C, the other eight into a second one (iSCSI's,
 * RFC 3720 appendix B.4; reflected, all bits set at the begin, not inverted at the end). Both
 * together are the sum. Pure. Private to node/store. */
#ifndef P2P_STORE_SUM_H
#define P2P_STORE_SUM_H

#include <p2p/base.h>

#define SUM_BYTES 8u

struct sum {
    uint32_t crc[2];
};

/* Of so many segments, in their order. */
struct sum sum_of(const struct p2p_slice *segments, size_t count);
void sum_write(uint8_t out[SUM_BYTES], struct sum sum); /* both as u32, big-endian */
struct sum sum_read(const uint8_t bytes[SUM_BYTES]);

static inline bool sum_equal(struct sum a, struct sum b)
{
    return a.crc[0] == b.crc[0] && a.crc[1] == b.crc[1];
}

/* Where the one bit stands that was changed. */
struct sum_bit {
    size_t segment; /* that of `count`: in the sum itself */
    size_t byte;
    uint8_t bit; /* the one that is set */
};

/* held: the sum that these segments had. False: more than one bit is another, or none is. What
 * is changed in two bits is never taken for one; more of them, where all went into one of the
 * two, one time in 2^17, else one time in 2^49. */
bool sum_find_bit(const struct p2p_slice *segments, size_t count, struct sum held,
                  struct sum_bit *out);

/* `count` times sixteen bytes into both; the second: what every machine can do. */
void sum_words(uint32_t crc[2], const uint8_t *bytes, size_t count);
void sum_words_plain(uint32_t crc[2], const uint8_t *bytes, size_t count);

#endif
