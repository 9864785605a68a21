#include "net_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum p2p_err p2p_address_parse_ip(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *in4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
    if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
        in4->sin_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
    } else {
        return P2P_USAGE;
    }
    *out = address;
    return P2P_OK;
}

static bool tcp_port_parse(const char *text, uint16_t *out_tcp_port)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0') {
        return false;
    }
    unsigned long value = strtoul(text, NULL, 10);
    if (value > 65535) {
        return false;
    }
    *out_tcp_port = (uint16_t)value;
    return true;
}

enum p2p_err p2p_address_parse(const char *text, struct sockaddr_storage *out)
{
    char host[INET6_ADDRSTRLEN + 1];
    const char *colon = strrchr(text, ':');
    uint16_t tcp_port = 0;
    if (!colon || !tcp_port_parse(colon + 1, &tcp_port)) {
        return P2P_USAGE;
    }
    const char *from = text;
    const char *to = colon;
    bool bracketed = text[0] == '[';
    if (bracketed) {
        if (to == text || to[-1] != ']') {
            return P2P_USAGE;
        }
        from++;
        to--;
    }
    if (to <= from || (size_t)(to - from) >= sizeof host) {
        return P2P_USAGE;
    }
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';

    struct sockaddr_storage address;
    enum p2p_err err = p2p_address_parse_ip(host, &address);
    if (err) {
        return err;
    }
    if ((address.ss_family == AF_INET6) != bracketed) {
        return P2P_USAGE;
    }
    if (bracketed) {
        ((struct sockaddr_in6 *)&address)->sin6_port = htons(tcp_port);
    } else {
        ((struct sockaddr_in *)&address)->sin_port = htons(tcp_port);
    }
    *out = address;
    return P2P_OK;
}

void p2p_address_text(const struct sockaddr_storage *address, char text[P2P_REMOTE_BYTES])
{
    char host[INET6_ADDRSTRLEN];
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in4->sin_addr, host, sizeof host);
        snprintf(text, P2P_REMOTE_BYTES, "%s:%u", host, ntohs(in4->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(text, P2P_REMOTE_BYTES, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else {
        snprintf(text, P2P_REMOTE_BYTES, "unknown address");
    }
}

bool p2p_address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family) {
        return false;
    }
    if (a->ss_family == AF_INET) {
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    }
    /* One host commonly has a whole /64 to itself. */
    return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, 8) == 0;
}

void p2p_text_clean(char *out, size_t cap, const void *text, size_t len)
{
    const uint8_t *bytes = text;
    size_t n = 0;
    while (n + 1 < cap && n < len) {
        bool printable = bytes[n] >= 0x20 && bytes[n] < 0x7f;
        out[n] = printable ? (char)bytes[n] : '?';
        n++;
    }
    if (cap > 0) {
        out[n] = '\0';
    }
}
