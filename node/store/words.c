#include "words.h"

#include <p2p/bytes.h>

#include <string.h>

#define MARK 0xc1u

/* In the order of their numbers, which is that of their bytes: a string with MessagePack's head
 * (\250: one of eight bytes), or several things that follow one another. Any change is another
 * version of the store. */
static const struct word {
    const char *bytes;
    size_t len;
} words[] = {
#define WORD(text)                                                                             \
    {                                                                                          \
        (text), sizeof(text) - 1                                                               \
    }
    WORD("\202\246driver\222\244card\222\001\304\020"),
    WORD("\202\247content"),
    WORD("\205\242bl"),
    WORD("\222\000\222"),
    WORD("\242bl"),
    WORD("\242to"),
    WORD("\243doc"),
    WORD("\243imo"),
    WORD("\243nrn"),
    WORD("\243vat"),
    WORD("\243why"),
    WORD("\244USED"),
    WORD("\244call"),
    WORD("\244card"),
    WORD("\244from"),
    WORD("\244gone"),
    WORD("\244held"),
    WORD("\244rail"),
    WORD("\244slot"),
    WORD("\244step"),
    WORD("\244used"),
    WORD("\244work"),
    WORD("\245barge"),
    WORD("\245chain"),
    WORD("\245chain\222\222"),
    WORD("\245court"),
    WORD("\245ended"),
    WORD("\245enter"),
    WORD("\245epoch"),
    WORD("\245epoch\001\250facility"),
    WORD("\245first"),
    WORD("\245local"),
    WORD("\245means"),
    WORD("\245means\245truck\242to"),
    WORD("\245plate"),
    WORD("\245rests"),
    WORD("\245scope"),
    WORD("\245scope\221\241*\250subjects"),
    WORD("\245state"),
    WORD("\245state\244held\244step\222"),
    WORD("\245state\246ACTIVE\245token\222"),
    WORD("\245state\247PENDING\245token\222"),
    WORD("\245state\250released\244step\222"),
    WORD("\245token"),
    WORD("\245truck"),
    WORD("\245truck\222\245plate\222"),
    WORD("\245truck\222\245plate\222\001\304\020"),
    WORD("\245unfit\303"),
    WORD("\245until"),
    WORD("\246ACTIVE"),
    WORD("\246blocks"),
    WORD("\246closed"),
    WORD("\246driver"),
    WORD("\246driver\222\244card\222"),
    WORD("\246driver\222\244card\222\001\304\020"),
    WORD("\246frozen"),
    WORD("\246ground"),
    WORD("\246holder"),
    WORD("\246issuer"),
    WORD("\246lifted"),
    WORD("\246lights"),
    WORD("\246lights\224\222\000\222"),
    WORD("\246reason"),
    WORD("\246rivals"),
    WORD("\246unsure"),
    WORD("\247PENDING"),
    WORD("\247REVOKED"),
    WORD("\247company"),
    WORD("\247content"),
    WORD("\247content\205\242bl"),
    WORD("\247effects"),
    WORD("\247effects\221\244call\246ground"),
    WORD("\247expires"),
    WORD("\247expires\317\000\000\001"),
    WORD("\247offered"),
    WORD("\247tenures"),
    WORD("\247unruled"),
    WORD("\250FINISHED"),
    WORD("\250RETURNED"),
    WORD("\250assigned"),
    WORD("\250facility"),
    WORD("\250finished"),
    WORD("\250override"),
    WORD("\250released"),
    WORD("\250subjects"),
    WORD("\250terminal"),
    WORD("\250too-long\303"),
    WORD("\251CANCELLED"),
    WORD("\251NO-EFFECT"),
    WORD("\251container"),
    WORD("\251container\253"),
    WORD("\251custodian"),
    WORD("\251no-effect"),
    WORD("\251opened_by"),
    WORD("\251reference"),
    WORD("\251suspended"),
    WORD("\251withdrawn"),
    WORD("\252magistrate"),
    WORD("\255eu-regulation"),
    WORD("\256administrative")
#undef WORD
};
enum { WORD_COUNT = sizeof(words) / sizeof(words[0]) };
_Static_assert(WORD_COUNT < 256, "a number is one byte");

/* The first two bytes of something, as a number. */
static unsigned head(const void *bytes)
{
    const uint8_t *at = bytes;
    return (unsigned)at[0] << 8 | at[1];
}

/* The number of the longest word that stands here, 0 for none. */
static size_t word_at(struct p2p_slice rest)
{
    size_t low = 0;
    size_t high = WORD_COUNT;
    size_t found = 0;
    if (rest.len < 2 || rest.data[0] < head(words[0].bytes) >> 8) {
        return 0;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (head(words[middle].bytes) < head(rest.data)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < WORD_COUNT && head(words[low].bytes) == head(rest.data); low++) {
        if (words[low].len <= rest.len &&
            memcmp(words[low].bytes, rest.data, words[low].len) == 0) {
            found = low + 1; /* a longer one stands behind its beginning */
        }
    }
    return found;
}

size_t words_pack(uint8_t *out, struct p2p_slice value)
{
    uint8_t *to = out;
    for (size_t at = 0; at < value.len;) {
        size_t word = word_at(p2p_slice_of(value.data + at, value.len - at));
        if (word > 0) {
            *to++ = MARK;
            *to++ = (uint8_t)word;
            at += words[word - 1].len;
        } else {
            *to++ = value.data[at];
            if (value.data[at++] == MARK) {
                *to++ = 0;
            }
        }
    }
    return (size_t)(to - out);
}

bool words_length(struct p2p_slice packed, size_t *len)
{
    *len = 0;
    for (size_t at = 0; at < packed.len; at++) {
        if (packed.data[at] != MARK) {
            ++*len;
            continue;
        }
        at++;
        if (at == packed.len || packed.data[at] > WORD_COUNT) {
            return false;
        }
        *len += packed.data[at] == 0 ? 1 : words[packed.data[at] - 1].len;
    }
    return true;
}

void words_unpack(uint8_t *out, struct p2p_slice packed)
{
    for (size_t at = 0; at < packed.len; at++) {
        if (packed.data[at] != MARK) {
            *out++ = packed.data[at];
            continue;
        }
        size_t word = packed.data[++at];
        if (word == 0) {
            *out++ = MARK;
        } else {
            memcpy(out, words[word - 1].bytes, words[word - 1].len);
            out += words[word - 1].len;
        }
    }
}
