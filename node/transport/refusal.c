#include <p2p/link.h>
#include <p2p/refusal.h>

const char *p2p_refusal_name(enum p2p_refusal reason)
{
    switch (reason) {
#define REFUSAL_NAME(name, label, text)                                                        \
    case P2P_REFUSAL_##name:                                                                   \
        return label;
        P2P_REFUSAL_MAP(REFUSAL_NAME)
#undef REFUSAL_NAME
    case P2P_REFUSAL_COUNT:
        break;
    }
    return "unknown";
}

const char *p2p_refusal_text(enum p2p_refusal reason)
{
    switch (reason) {
#define REFUSAL_TEXT(name, label, text)                                                        \
    case P2P_REFUSAL_##name:                                                                   \
        return text;
        P2P_REFUSAL_MAP(REFUSAL_TEXT)
#undef REFUSAL_TEXT
    case P2P_REFUSAL_COUNT:
        break;
    }
    return "unknown";
}

const char *p2p_link_end_name(enum p2p_link_end end)
{
    switch (end) {
#define END_NAME(name, label, text)                                                            \
    case P2P_LINK_END_##name:                                                                  \
        return label;
        P2P_LINK_END_MAP(END_NAME)
#undef END_NAME
    }
    return "unknown";
}
