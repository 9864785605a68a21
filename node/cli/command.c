#include "command.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/text.h>

#include <stdlib.h>
#include <string.h>

bool p2p_cli_is_end(const struct p2p_cli_command *command)
{
    return command->summary == NULL;
}

const struct p2p_cli_noun *p2p_cli_noun_find(const char *name)
{
    for (size_t i = 0; p2p_cli_nouns[i] != NULL; i++) {
        if (strcmp(p2p_cli_nouns[i]->name, name) == 0) {
            return p2p_cli_nouns[i];
        }
    }
    return NULL;
}

const struct p2p_cli_command *p2p_cli_command_find(const struct p2p_cli_noun *noun,
                                                   const char *verb)
{
    for (const struct p2p_cli_command *c = noun->commands; !p2p_cli_is_end(c); c++) {
        if ((c->verb == NULL && verb == NULL) ||
            (c->verb != NULL && verb != NULL && strcmp(c->verb, verb) == 0)) {
            return c;
        }
    }
    return NULL;
}

void p2p_cli_call_deinit(struct p2p_cli_call *call)
{
    free(call->given);
    free(call->words);
    memset(call, 0, sizeof *call);
}

const char *p2p_cli_value_at(const struct p2p_cli_call *call, const char *name, size_t n)
{
    for (size_t i = 0; i < call->given_count; i++) {
        if (strcmp(call->given[i].option->name, name) == 0 && n-- == 0) {
            return call->given[i].text;
        }
    }
    return NULL;
}

const char *p2p_cli_value(const struct p2p_cli_call *call, const char *name,
                          const char *otherwise)
{
    const char *text = p2p_cli_value_at(call, name, 0);
    return text != NULL ? text : otherwise;
}

bool p2p_cli_flag(const struct p2p_cli_call *call, const char *name)
{
    for (size_t i = 0; i < call->given_count; i++) {
        if (strcmp(call->given[i].option->name, name) == 0) {
            return true;
        }
    }
    return false;
}

uint64_t p2p_cli_seconds(const struct p2p_cli_call *call, const char *name, uint64_t otherwise)
{
    const char *text = p2p_cli_value_at(call, name, 0);
    if (text == NULL) {
        return otherwise;
    }
    uint64_t seconds = 0;
    enum p2p_err err = p2p_cli_duration(&seconds, text);
    p2p_assert(err == P2P_OK);
    return seconds;
}

const char *p2p_cli_argument(const struct p2p_cli_call *call, size_t n)
{
    return n < call->argument_count ? call->arguments[n] : NULL;
}

enum p2p_err p2p_cli_duration(uint64_t *seconds, const char *text)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    static const uint64_t days_max = 36500;
    size_t len = strlen(text);
    uint64_t unit = 1;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (len > 0 && text[len - 1] == units[i].letter) {
            unit = units[i].seconds;
            len--;
            break;
        }
    }
    uint64_t count = 0;
    if (p2p_decimal_decode(&count, p2p_slice_of(text, len)) != P2P_OK ||
        count > days_max * 86400 / unit) {
        return P2P_USAGE;
    }
    *seconds = count * unit;
    return P2P_OK;
}

bool p2p_cli_choice(const char *choices, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = choices; *at != '\0';) {
        size_t n = strcspn(at, "|");
        if (n == len && memcmp(at, word, n) == 0) {
            return true;
        }
        at += n + (at[n] == '|');
    }
    return false;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Slips between two short words: a letter wrong, left out, too many, or two swapped (optimal
 * string alignment distance). Longer words are far apart. */
static unsigned slips(const char *a, const char *b)
{
    enum { LONGEST = 32 };
    size_t m = strlen(a), n = strlen(b);
    if (m > LONGEST || n > LONGEST) {
        return LONGEST;
    }
    unsigned cost[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= m; i++) {
        for (size_t j = 0; j <= n; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned change = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            cost[i][j] = least(change, least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[m][n];
}

void p2p_cli_nearest(const char *word, const char *candidate, const char **best,
                     unsigned *distance)
{
    size_t len = strlen(word);
    unsigned far = slips(word, candidate);
    if (len >= 3 && strncmp(word, candidate, len) == 0) {
        far = 1; /* the beginning of a word was meant as the word */
    }
    unsigned bound = len < 5 ? 1 : 2;
    if (far <= bound && far < len && (*best == NULL || far < *distance)) {
        *best = candidate;
        *distance = far;
    }
}
