/* port2port-demo: seven nodes on this machine, and a story that checks what it tells.
 *
 *     begin: the nodes of an earlier run stop, its federation goes
 *     story: claims one after another, until one is false
 *     end:   the nodes stop, unless --keep; what they wrote stays
 *
 * Exit: 0 every claim held, 1 one did not, 2 usage, 3 it could not begin, 130 interrupted. */
#include "story.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTERRUPTED 130

static const char usage[] =
    "usage: port2port-demo [--keep] [--dir DIR]\n"
    "\n"
    "Runs six ports and the commission on this machine and tells a story of them, each claim\n"
    "checked against the running nodes; report.json in DIR has all of it.\n"
    "\n"
    "  --keep     leave the nodes running and say what to try\n"
    "  --dir DIR  where everything goes (default " P2P_DEMO_DIR ")\n"
    "\n"
    "Exit: 0 every claim held, 1 one did not, 2 usage, 3 it could not begin.\n";

struct options {
    bool keep;
    bool help;
    const char *dir;
};

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"keep", no_argument, NULL, 'k'},
                                          {"dir", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int got = 0;
    *options = (struct options){.dir = P2P_DEMO_DIR};
    while ((got = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (got) {
        case 'k':
            options->keep = true;
            break;
        case 'd':
            options->dir = optarg;
            break;
        case 'h':
            options->help = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc;
}

/* A path as one would type it here: below the working directory without that. */
static const char *here(const char *path)
{
    static char cwd[PATH_MAX];
    size_t len = getcwd(cwd, sizeof cwd) != NULL ? strlen(cwd) : 0;
    return len > 1 && strncmp(path, cwd, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

static bool stop_nodes(struct p2p_demo *demo)
{
    struct p2p_demo_said said = {0};
    demo->until_ms = UINT64_MAX;
    p2p_demo_screen_doing(&demo->screen, 0, "stopping the nodes", p2p_demo_now_ms());
    bool done =
        p2p_demo_done(demo, P2P_DEMO_MEMBERS,
                      P2P_DEMO_WORDS("federation", "down", demo->fleet.federation), 0, &said);
    p2p_demo_said_deinit(&said);
    demo->fleet.up = demo->fleet.up && !done;
    return done;
}

/* What an earlier run left goes: its nodes first. */
static bool clear(struct p2p_demo *demo)
{
    if (!p2p_demo_fleet_left(&demo->fleet)) {
        return true;
    }
    /* A federation that was not finished has nothing that could run. */
    stop_nodes(demo);
    if (!p2p_demo_fleet_clear(&demo->fleet)) {
        return p2p_demo_false(demo, "%s could not be removed: %s", demo->fleet.federation,
                              strerror(errno));
    }
    return true;
}

static void try_line(struct p2p_demo *demo, const char *member, const char *words)
{
    char line[3 * PATH_MAX], where[PATH_MAX + 32] = "";
    if (member != NULL) {
        snprintf(where, sizeof where, "-C %s/%s ", here(demo->fleet.federation), member);
    }
    snprintf(line, sizeof line, "  %s %s%s", here(demo->fleet.binary), where, words);
    p2p_demo_screen_line(&demo->screen, line);
}

static void say_what_to_try(struct p2p_demo *demo)
{
    char words[PATH_MAX + 64];
    p2p_demo_screen_line(&demo->screen, "");
    p2p_demo_screen_say(&demo->screen,
                        "The seven go on running (--keep). To try, a line each:");
    snprintf(words, sizeof words, "federation status %s", here(demo->fleet.federation));
    try_line(demo, NULL, words);
    snprintf(words, sizeof words, "gate check --subject %s --purpose call", demo->ship);
    try_line(demo, "begne", words);
    try_line(demo, "bezee",
             "ban impose --subject plate:BE:1ABC234 --ground local --reference mine --as "
             "bezee-pso");
    try_line(demo, "belgg", "gate check --subject plate:BE:1ABC234 --purpose enter");
    try_line(demo, "beost", "peers");
    try_line(demo, "commission", "status");
    p2p_demo_screen_say(&demo->screen, "Afterwards:");
    snprintf(words, sizeof words, "federation down %s", here(demo->fleet.federation));
    try_line(demo, NULL, words);
}

static void say_end(struct p2p_demo *demo, bool told, uint64_t ms)
{
    char text[2 * PATH_MAX + 256];
    size_t count = json_array_size(demo->report.claims);
    snprintf(text, sizeof text, "%s %zu claims, %.1f s. Report: %s; logs: %s/*/node.log",
             told ? "All of it held:" : "It ends here:", count, (double)ms / 1000,
             here(demo->report.path), here(demo->fleet.federation));
    p2p_demo_screen_line(&demo->screen, "");
    p2p_demo_screen_say(&demo->screen, text);
}

static int tell(struct p2p_demo *demo, bool keep)
{
    p2p_demo_screen_say(
        &demo->screen,
        "Antwerp, Zeebrugge, Ghent, Ostend, Liege, Brussels and the national drug commission, "
        "which only watches: a node each, no centre. Every claim is checked at the running "
        "nodes.");
    p2p_demo_screen_line(&demo->screen, "");
    uint64_t begun_ms = p2p_demo_now_ms();
    demo->until_ms = begun_ms + P2P_DEMO_STORY_MS;
    p2p_demo_report_init(&demo->report, demo->report.path, begun_ms);
    bool told = p2p_demo_story_tell(demo);
    uint64_t ms = demo->report.ended_ms - begun_ms;
    bool stopped = p2p_demo_stopped();
    p2p_demo_go_on();
    if (!stopped) {
        say_end(demo, told, ms);
    }
    if (demo->fleet.up && keep && !stopped) {
        say_what_to_try(demo);
    } else if (demo->fleet.up && !stop_nodes(demo)) {
        fprintf(stderr, "port2port-demo: the nodes may still run: %s\n", demo->evidence);
    }
    p2p_demo_screen_end(&demo->screen);
    if (stopped && !demo->fleet.up) {
        p2p_demo_screen_line(&demo->screen, "Interrupted; the nodes are stopped.");
    }
    return stopped ? INTERRUPTED : told ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct p2p_demo demo;
    struct options options;
    char report[PATH_MAX + 16], why[PATH_MAX + 256];
    if (!read_options(argc, argv, &options) || options.help) {
        fputs(usage, options.help ? stdout : stderr);
        return options.help ? 0 : 2;
    }
    /* What the caller set for other nodes is not for these. */
    unsetenv("PORT2PORT_DIR");
    unsetenv("PORT2PORT_PASSPHRASE_FILE");
    p2p_demo_catch_signals();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    p2p_demo_screen_init(&demo.screen, stdout);
    demo.list = P2P_DEMO_LIST;
    demo.until_ms = UINT64_MAX;
    int exit = p2p_demo_fleet_open(&demo.fleet, options.dir, why, sizeof why);
    snprintf(report, sizeof report, "%s/report.json", demo.fleet.dir);
    demo.report.path = report;
    if (exit == 0 && access(demo.list, R_OK) != 0) {
        snprintf(why, sizeof why, "%s: %s", demo.list, strerror(errno));
        exit = 3;
    }
    if (exit == 0 && !clear(&demo)) {
        snprintf(why, sizeof why, "%s", demo.evidence);
        exit = 3;
    }
    if (exit == 0 && (demo.fleet.tcp_port = p2p_demo_fleet_tcp_port()) == 0) {
        snprintf(why, sizeof why, "127.77.0.1 to .7 have no free ports from 7400 to 7990");
        exit = 3;
    }
    if (exit != 0) {
        fprintf(stderr, "port2port-demo: %s\n", why);
    } else {
        exit = tell(&demo, options.keep);
    }
    p2p_demo_report_deinit(&demo.report);
    p2p_demo_fleet_close(&demo.fleet);
    curl_global_cleanup();
    return exit;
}
