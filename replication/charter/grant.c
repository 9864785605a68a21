#include <p2p/grant.h>

#include <p2p/bytes.h>

static const char *const names[] = {
#define GRANT_NAME(name, word, text) word,
    P2P_GRANT_MAP(GRANT_NAME)
#undef GRANT_NAME
};

static const char *const texts[] = {
#define GRANT_TEXT(name, word, text) text,
    P2P_GRANT_MAP(GRANT_TEXT)
#undef GRANT_TEXT
};

#define GRANT_FITS(name, word, text)                                                           \
    _Static_assert(sizeof(word) <= P2P_GRANT_BYTES_MAX + 1, "a grant's word fits its field");
P2P_GRANT_MAP(GRANT_FITS)
#undef GRANT_FITS

const char *p2p_grant_name(enum p2p_grant_word word)
{
    return names[word];
}

const char *p2p_grant_text(enum p2p_grant_word word)
{
    return texts[word];
}

enum p2p_err p2p_grant_of(enum p2p_grant_word *word, struct p2p_slice name)
{
    for (int i = 0; i < P2P_GRANT_COUNT; i++) {
        if (p2p_slice_equal(name, p2p_slice_text(names[i]))) {
            *word = (enum p2p_grant_word)i;
            return P2P_OK;
        }
    }
    return P2P_NOTFOUND;
}
