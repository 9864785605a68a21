/* What a person sees: one block per claim, and a line that moves while the demo waits.
 *
 * The moving line, like colour, needs a terminal; piped, a block appears when its claim is
 * decided and nothing else. NO_COLOR is honoured. Text wraps at the terminal's width, at most
 * P2P_DEMO_WIDTH_MAX. One thread. */
#ifndef P2P_DEMO_SCREEN_H
#define P2P_DEMO_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define P2P_DEMO_WIDTH_MAX 112u

struct p2p_demo_screen {
    FILE *out;
    bool moves;
    bool colours;
    size_t width;
    const char *doing; /* borrowed; what the moving line says */
    size_t number;
    uint64_t since_ms;
    uint64_t drawn_ms;
    unsigned turn;
    bool drawn; /* the moving line stands on the terminal */
};

void p2p_demo_screen_init(struct p2p_demo_screen *screen, FILE *out);
/* From now on the moving line is about this; number 0 for what is no claim. */
void p2p_demo_screen_doing(struct p2p_demo_screen *screen, size_t number, const char *doing,
                           uint64_t now_ms);
/* To be called often while waiting. */
void p2p_demo_screen_tick(struct p2p_demo_screen *screen, uint64_t now_ms);
/* A decided claim: it, its time, and below it what was seen. */
void p2p_demo_screen_claim(struct p2p_demo_screen *screen, bool holds, const char *claim,
                           uint64_t ms, const char *evidence);
/* A paragraph of its own, wrapped. */
void p2p_demo_screen_say(struct p2p_demo_screen *screen, const char *text);
/* A line as it is, for copying. */
void p2p_demo_screen_line(struct p2p_demo_screen *screen, const char *line);
/* The moving line goes. */
void p2p_demo_screen_end(struct p2p_demo_screen *screen);

/* Prints text in lines of at most width columns, broken at spaces; lines after the first begin
 * with indent spaces, and the first is taken to begin there. Columns count code points. Ends
 * the last line. */
void p2p_demo_wrap(FILE *out, const char *text, size_t indent, size_t width);

#endif
