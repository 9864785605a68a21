#include <p2p/base.h>

const char *p2p_err_text(enum p2p_err err)
{
    switch (err) {
#define ERR_TEXT(name, value, text)                                                           \
    case P2P_##name:                                                                          \
        return text;
        P2P_ERR_MAP(ERR_TEXT)
#undef ERR_TEXT
    }
    return "unknown error";
}
