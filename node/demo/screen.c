#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INDENT   15u /* " 1 ✓  1234 ms  " */
#define TURN_MS  100u
#define NARROW   40u
#define BOLD     "\033[1m"
#define GOOD     "\033[1;32m"
#define BAD      "\033[1;31m"
#define DIM      "\033[2m"
#define PLAIN    "\033[0m"
#define CLEARING "\r\033[K"

void p2p_demo_screen_init(struct p2p_demo_screen *screen, FILE *out)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    struct winsize size = {0};
    bool terminal =
        isatty(fileno(out)) == 1 && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
    *screen = (struct p2p_demo_screen){
        .out = out,
        .moves = terminal,
        .colours = terminal && (none == NULL || *none == '\0'),
        .width = P2P_DEMO_WIDTH_MAX,
    };
    if (terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= NARROW &&
        size.ws_col < screen->width) {
        screen->width = size.ws_col;
    }
}

static const char *paint(const struct p2p_demo_screen *screen, const char *code)
{
    return screen->colours ? code : "";
}

static size_t columns(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return count;
}

void p2p_demo_wrap(FILE *out, const char *text, size_t indent, size_t width)
{
    size_t at = indent;
    while (*text != '\0') {
        size_t len = strcspn(text, " "), wide = columns(text, len);
        if (at > indent && at + 1 + wide > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', out);
            at++;
        }
        fwrite(text, 1, len, out);
        at += wide;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void clear(struct p2p_demo_screen *screen)
{
    if (screen->drawn) {
        fputs(CLEARING, screen->out);
        screen->drawn = false;
    }
}

void p2p_demo_screen_doing(struct p2p_demo_screen *screen, size_t number, const char *doing,
                           uint64_t now_ms)
{
    screen->doing = doing;
    screen->number = number;
    screen->since_ms = now_ms;
    screen->drawn_ms = 0;
    p2p_demo_screen_tick(screen, now_ms);
}

void p2p_demo_screen_tick(struct p2p_demo_screen *screen, uint64_t now_ms)
{
    static const char spin[] = "|/-\\";
    if (!screen->moves || screen->doing == NULL ||
        (screen->drawn_ms != 0 && now_ms - screen->drawn_ms < TURN_MS)) {
        return;
    }
    size_t room = screen->width - INDENT - 1;
    fputs(CLEARING, screen->out);
    if (screen->number > 0) {
        fprintf(screen->out, "%2zu ", screen->number);
    } else {
        fputs("   ", screen->out);
    }
    fprintf(screen->out, "%c %5.1f s   %.*s", spin[screen->turn++ % 4],
            (double)(now_ms - screen->since_ms) / 1000, (int)room, screen->doing);
    fflush(screen->out);
    screen->drawn = true;
    screen->drawn_ms = now_ms;
}

void p2p_demo_screen_claim(struct p2p_demo_screen *screen, bool holds, const char *claim,
                           uint64_t ms, const char *evidence)
{
    clear(screen);
    fprintf(screen->out, "%2zu %s%s%s ", screen->number, paint(screen, holds ? GOOD : BAD),
            holds ? "✓" : "✗", paint(screen, PLAIN));
    fprintf(screen->out, "%6llu ms  %s", (unsigned long long)ms, paint(screen, BOLD));
    p2p_demo_wrap(screen->out, claim, INDENT, screen->width);
    fprintf(screen->out, "%s%*s%s", paint(screen, PLAIN), (int)INDENT, "",
            holds ? paint(screen, DIM) : "");
    if (!holds) {
        fputs("seen instead: ", screen->out);
    }
    p2p_demo_wrap(screen->out, evidence, INDENT, screen->width);
    fputs(paint(screen, PLAIN), screen->out);
    fflush(screen->out);
}

void p2p_demo_screen_say(struct p2p_demo_screen *screen, const char *text)
{
    clear(screen);
    p2p_demo_wrap(screen->out, text, 0, screen->width);
    fflush(screen->out);
}

void p2p_demo_screen_line(struct p2p_demo_screen *screen, const char *line)
{
    clear(screen);
    fprintf(screen->out, "%s\n", line);
    fflush(screen->out);
}

void p2p_demo_screen_end(struct p2p_demo_screen *screen)
{
    clear(screen);
    screen->doing = NULL;
    fflush(screen->out);
}
