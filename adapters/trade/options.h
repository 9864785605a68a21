/* The command line of port2port-trade: one table, from which parsing and --help come. */
#ifndef P2P_TRADE_OPTIONS_H
#define P2P_TRADE_OPTIONS_H

#include <p2p/base.h>

#include <stdio.h>

#define P2P_TRADE_SENTENCE_BYTES 512u

/* X(name, argument or "", help) in the order of the help. */
#define P2P_TRADE_OPTION_MAP(X)                                                                \
    X(spool, "DIR", "take the files in DIR; they go to DIR/done or DIR/failed")                \
    X(watch, "", "go on taking what comes into the spool, until SIGTERM")                      \
    X(socket, "FILE", "ask the node over its node.sock")                                       \
    X(server, "URL", "ask the node's listener for people, https://HOST:TCP_PORT")              \
    X(certificate, "FILE", "client certificate and key in PEM, of port2port key certificate")  \
    X(trust, "FILE", "the node's own certificate, its people.crt")                             \
    X(dry_run, "", "ask nobody: print each request as a line of JSON, keep nothing")           \
    X(as, "ISSUER", "the issuer that asks; left out, that of the key")                         \
    X(key, "FILE", "its key file, which signs here; left out, the node signs with its own")    \
    X(passphrase_file, "FILE", "the passphrase of the key is this file's first line")          \
    X(agreement, "FILE", "who may send what, and which codes mean whom (JSON, see README.md)") \
    X(answers, "DIR", "where CONTRL and APERAK are put; with a spool DIR/answers")             \
    X(state, "DIR", "where the journal is kept; with a spool DIR/state")                       \
    X(settle, "SECONDS", "take a file when it was left alone for so long (2)")                 \
    X(interval, "SECONDS", "look at the spool, and at what waits, so often (10)")              \
    X(tests, "", "take interchanges that say that they are tests, too")                        \
    X(json, "", "tell what was done as lines of JSON")                                         \
    X(help, "", "this text")                                                                   \
    X(version, "", "which version this is")

struct p2p_trade_options {
#define P2P_TRADE_OPTION_FIELD(name, argument, help) const char *name;
    P2P_TRADE_OPTION_MAP(P2P_TRADE_OPTION_FIELD)
#undef P2P_TRADE_OPTION_FIELD
    /* NULL: not given; a flag that is given is "". */
    char **files; /* FILE ..., "-" is standard input */
    int file_count;
    uint64_t settle_ms;
    uint64_t interval_ms;
};

/* Reads argv, which is borrowed. P2P_USAGE: problem is one sentence that says what to do. */
P2P_MUST_CHECK enum p2p_err p2p_trade_options_read(struct p2p_trade_options *out, int argc,
                                                   char **argv,
                                                   char problem[P2P_TRADE_SENTENCE_BYTES]);
void p2p_trade_options_help(FILE *out);

#endif
