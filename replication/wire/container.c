#include <p2p/container.h>

#include <string.h>

/* U, J, Z by ISO 6346; the others by EN 13044. */
static const char categories[] = "UJZABDEK";

enum { OWNER_LETTERS = 4, DIGIT_AT = P2P_CONTAINER_BYTES - 1 };

/* 10 to 38; 11, 22 and 33 are left out, because they would weigh nothing. */
static unsigned letter_value(char letter)
{
    unsigned value = (unsigned)(letter - 'A') + 10;
    return value + (value > 10) + (value > 20) + (value > 30);
}

int p2p_container_digit(const char *text)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < DIGIT_AT; i++) {
        bool letter = i < OWNER_LETTERS;
        char c = text[i]; /* the zero at an early end is neither */
        if (letter ? c < 'A' || c > 'Z' : c < '0' || c > '9') {
            return -1;
        }
        sum += (letter ? letter_value(c) : (unsigned)(c - '0')) << i;
    }
    return (int)(sum % 11 % 10);
}

bool p2p_container_check(const char *normal)
{
    return strlen(normal) == P2P_CONTAINER_BYTES &&
           strchr(categories, normal[OWNER_LETTERS - 1]) != NULL &&
           normal[DIGIT_AT] - '0' == p2p_container_digit(normal);
}
