#include "options.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <getopt.h>
#include <string.h>

#define OPTIONS_MAX     32u
#define SECONDS_DEFAULT 2u
#define INTERVAL_S      10u
#define SECONDS_MAX     86400u
#define HELP_COLUMN     26

struct row {
    const char *name; /* with _ for - */
    const char *argument;
    const char *help;
    size_t offset;
};

static const struct row ROWS[] = {
#define ROW(name, argument, help)                                                              \
    {#name, argument, help, offsetof(struct p2p_trade_options, name)},
    P2P_TRADE_OPTION_MAP(ROW)
#undef ROW
};
#define ROW_COUNT (sizeof ROWS / sizeof ROWS[0])
_Static_assert(ROW_COUNT < OPTIONS_MAX, "room for the end of the table");

/* The word as people write it. */
static void spell(char out[64], const char *name)
{
    snprintf(out, 64, "%s", name);
    for (char *at = out; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : *at;
    }
}

void p2p_trade_options_help(FILE *out)
{
    fputs("usage: port2port-trade [OPTIONS] --spool DIR\n"
          "       port2port-trade [OPTIONS] FILE ...      (- is standard input)\n\n"
          "Reads EDIFACT interchanges with COREOR, COARRI, CODECO and COPINO (D.95B, D.00B),\n"
          "asks a port2port node for what they say, and answers with CONTRL and APERAK.\n\n",
          out);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char name[64];
        spell(name, ROWS[i].name);
        int n = fprintf(out, "  --%s%s%s", name, ROWS[i].argument[0] != '\0' ? " " : "",
                        ROWS[i].argument);
        fprintf(out, "%*s%s\n", n < HELP_COLUMN ? HELP_COLUMN - n : 1, "", ROWS[i].help);
    }
    fputs("\nExit: 0 all of it was taken, 1 something was refused, 2 usage, 3 the node or a "
          "file is\n"
          "out of reach, 4 something could not be read.\n",
          out);
}

/* Seconds as a decimal number, into milliseconds. */
static bool seconds(uint64_t *out, const char *text, uint64_t otherwise)
{
    uint64_t value = otherwise;
    if (text != NULL &&
        (p2p_decimal_decode(&value, p2p_slice_text(text)) != P2P_OK || value > SECONDS_MAX)) {
        return false;
    }
    *out = value * 1000u;
    return true;
}

static bool fail(char problem[P2P_TRADE_SENTENCE_BYTES], const char *text)
{
    snprintf(problem, P2P_TRADE_SENTENCE_BYTES, "%s; see port2port-trade --help", text);
    return false;
}

/* What belongs together. */
static bool fits(const struct p2p_trade_options *o, char problem[P2P_TRADE_SENTENCE_BYTES])
{
    int ways = (o->socket != NULL) + (o->server != NULL) + (o->dry_run != NULL);
    if ((o->spool != NULL) == (o->file_count > 0)) {
        return fail(problem, "name a --spool, or files, and not both");
    }
    if (o->watch != NULL && (o->spool == NULL || o->dry_run != NULL)) {
        return fail(problem, "--watch needs a --spool, and is no --dry-run");
    }
    if (ways != 1) {
        return fail(problem, "say where the node is: one of --socket, --server and --dry-run");
    }
    if (o->server != NULL && strncmp(o->server, "https://", 8) != 0) {
        return fail(problem, "--server begins with https://");
    }
    if (o->server != NULL && (o->certificate == NULL || o->key == NULL)) {
        return fail(problem, "--server needs --certificate, and --key to sign with");
    }
    if (o->server == NULL && (o->certificate != NULL || o->trust != NULL)) {
        return fail(problem, "--certificate and --trust belong to --server");
    }
    if (o->dry_run == NULL && o->spool == NULL && (o->state == NULL || o->answers == NULL)) {
        return fail(problem,
                    "files need --state and --answers: without a journal a message that "
                    "comes twice would have two effects");
    }
    return true;
}

enum p2p_err p2p_trade_options_read(struct p2p_trade_options *out, int argc, char **argv,
                                    char problem[P2P_TRADE_SENTENCE_BYTES])
{
    char names[ROW_COUNT][64];
    struct option list[OPTIONS_MAX] = {{0}};
    *out = (struct p2p_trade_options){0};
    for (size_t i = 0; i < ROW_COUNT; i++) {
        spell(names[i], ROWS[i].name);
        list[i] = (struct option){names[i],
                                  ROWS[i].argument[0] != '\0' ? required_argument : no_argument,
                                  NULL, 1000 + (int)i};
    }
    opterr = 0;
    optind = 0; /* GNU: begin anew */
    for (int got; (got = getopt_long(argc, argv, ":h", list, NULL)) != -1;) {
        if (got == ':' || got == '?') {
            char text[P2P_TRADE_SENTENCE_BYTES / 2];
            snprintf(text, sizeof text,
                     got == ':' ? "%s needs a value" : "there is no option %s",
                     argv[optind - 1]);
            fail(problem, text);
            return P2P_USAGE;
        }
        size_t i = got == 'h' ? 0 : (size_t)(got - 1000);
        if (got == 'h') {
            out->help = "";
            continue;
        }
        *(const char **)((char *)out + ROWS[i].offset) = optarg != NULL ? optarg : "";
    }
    out->files = argv + optind;
    out->file_count = argc - optind;
    if (out->help != NULL || out->version != NULL) {
        return P2P_OK;
    }
    if (!seconds(&out->settle_ms, out->settle, SECONDS_DEFAULT) ||
        !seconds(&out->interval_ms, out->interval, INTERVAL_S)) {
        fail(problem, "--settle and --interval are seconds, at most 86400");
        return P2P_USAGE;
    }
    return fits(out, problem) ? P2P_OK : P2P_USAGE;
}
