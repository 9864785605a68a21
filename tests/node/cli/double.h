/* A node that is not there: answers calls from a script, and keeps what it was asked. Stands in
 * for p2p/api.h and p2p/node.h when the command line is tested alone. */
#ifndef DOUBLE_H
#define DOUBLE_H

#include <p2p/api.h>
#include <p2p/node.h>

#define DOUBLE_CALLS_MAX 4096u

struct double_call {
    char method[8];
    char path[512];
    char query[512];
    json_t *body; /* a copy, or NULL */
};

struct double_node {
    /* Answers request n (from 0); NULL: the next of `replies`. */
    void (*answer)(const struct p2p_api_request *request, size_t n,
                   struct p2p_api_reply *reply);
    const char *const *replies; /* JSON texts, the last one again and again */
    size_t reply_count;
    int status; /* of those; 0 means 200 */
    enum p2p_err open_err;
    const char *open_message;
    size_t opened;
    size_t stores; /* made */
    size_t closed;
    struct double_call calls[DOUBLE_CALLS_MAX];
    size_t call_count;
};

extern struct double_node double_node;
void double_reset(void);

/* Runs a command line, words separated by blanks ('...' keeps blanks), against the double; what
 * it printed is in double_out and double_err until the next. */
extern char *double_out, *double_err;
int double_run(const char *words);

#endif
