#include <p2p/base.h>

const char *p2p_err_text(enum p2p_err err)
{
    switch (err) {
#define ERR_TEXT(name, value, text)                                                            \
    case P2P_##name:                                                                           \
        return text;
        P2P_ERR_MAP(ERR_TEXT)
#undef ERR_TEXT
    }
    return "unknown error";
}

const char *p2p_err_name(enum p2p_err err)
{
    switch (err) {
    case P2P_OK:
        return "ok";
    case P2P_NOMEM:
        return "nomem";
    case P2P_BADSIG:
        return "badsig";
    case P2P_MALFORMED:
        return "malformed";
    case P2P_TRUNCATED:
        return "truncated";
    case P2P_TOOLARGE:
        return "toolarge";
    case P2P_BADKEY:
        return "badkey";
    case P2P_BADPROOF:
        return "badproof";
    case P2P_NOTFOUND:
        return "notfound";
    case P2P_GAP:
        return "gap";
    case P2P_MISMATCH:
        return "mismatch";
    case P2P_FORKED:
        return "forked";
    case P2P_COMMITMENT:
        return "commitment";
    case P2P_UNKNOWN:
        return "unknown";
    case P2P_REFUSED:
        return "refused";
    case P2P_QUORUM:
        return "quorum";
    case P2P_IO:
        return "io";
    case P2P_FULL:
        return "full";
    case P2P_CORRUPT:
        return "corrupt";
    case P2P_LOCKED:
        return "locked";
    case P2P_PASSPHRASE:
        return "passphrase";
    case P2P_RDONLY:
        return "rdonly";
    case P2P_USAGE:
        return "usage";
    case P2P_BUSY:
        return "busy";
    }
    return "unknown-error";
}
