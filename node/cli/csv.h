/* Comma-separated values as RFC 4180 has them: bytes in, rows out.
 *
 * Strict, and it goes on: a row that breaks a rule is one P2P_CSV_BAD with its line and the
 * reason, and reading continues at the row after it. Lines end with CRLF or LF; a UTF-8 byte
 * order mark before the first is skipped. Fields may be quoted, quotes inside doubled, line
 * breaks inside quoted fields kept. What stands in fields is not looked at, save that zero
 * bytes are bad.
 *
 *     struct p2p_slice left = chunk;
 *     while ((event = p2p_csv_feed(&csv, &left)) != P2P_CSV_MORE) { ... }   for every chunk,
 *     event = p2p_csv_end(&csv);                                            then once
 *
 * Pure: no I/O. Memory grows with the longest row to P2P_CSV_COLUMNS_MAX fields of
 * P2P_CSV_FIELD_BYTES_MAX and is kept until deinit. One thread. */
#ifndef P2P_CLI_CSV_H
#define P2P_CLI_CSV_H

#include <p2p/alloc.h>

#define P2P_CSV_FIELD_BYTES_MAX (64u * 1024u)
#define P2P_CSV_COLUMNS_MAX     256u

enum p2p_csv_event {
    P2P_CSV_MORE,  /* everything given is read; at the end: nothing was left */
    P2P_CSV_ROW,   /* count fields */
    P2P_CSV_EMPTY, /* a line without a character */
    P2P_CSV_BAD,   /* problem says why; its fields are gone */
    P2P_CSV_NOMEM, /* the row could not be held; reading may go on after it */
};

enum p2p_csv_state {
    P2P_CSV_AT_FIELD, /* before the first character of a field */
    P2P_CSV_PLAIN,    /* inside a field without quotes */
    P2P_CSV_QUOTED,   /* inside quotes */
    P2P_CSV_CLOSED,   /* after a quote that closes the field, or the first of two */
    P2P_CSV_RETURN,   /* after CR */
};

struct p2p_csv {
    const struct p2p_alloc *alloc;
    enum p2p_csv_state state;
    uint64_t line;       /* where the last row began, from 1: of what an event speaks */
    const char *problem; /* of the present row; NULL: none so far. Static storage. */
    size_t count;        /* finished fields of the present row */
    /* The rest is the reader's own. */
    uint64_t next_line;
    size_t ends[P2P_CSV_COLUMNS_MAX];
    uint8_t *bytes;
    size_t len;
    size_t capacity;
    size_t mark_bytes; /* of the byte order mark, seen so far */
    bool begun;        /* past the place of the byte order mark */
    bool fresh;        /* the next byte begins a row */
    bool any;          /* the present row holds a comma or a quote, or more than nothing */
    bool failed;       /* no memory for the present row */
};

void p2p_csv_init(struct p2p_csv *csv, const struct p2p_alloc *alloc); /* borrowed */
void p2p_csv_deinit(struct p2p_csv *csv); /* accepts a zeroed one */
/* Reads from the front of *bytes, which moves on, until an event or the end. Fields live until
 * the next call. */
P2P_MUST_CHECK enum p2p_csv_event p2p_csv_feed(struct p2p_csv *csv, struct p2p_slice *bytes);
/* After the last byte: the row that no line end closed, or P2P_CSV_MORE. */
P2P_MUST_CHECK enum p2p_csv_event p2p_csv_end(struct p2p_csv *csv);
/* Field i < count of a P2P_CSV_ROW. */
struct p2p_slice p2p_csv_field(const struct p2p_csv *csv, size_t i);

#endif
