#include "sweep.h"

#include <p2p/assert.h>
#include <p2p/frame.h>
#include <p2p/kind.h>
#include <p2p/wire.h>

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORDS_PER_S 20u
#define REST_US       (190 * SIM_SECOND) /* links, addresses, three heartbeats of everybody */
#define WARM_US       (5 * SIM_SECOND)   /* at least, of records that are not counted, */
#define WARM_US_MAX   (15 * SIM_SECOND)  /* and at most */
#define STEADY_US     (10 * SIM_SECOND)
#define DRAIN_US      (6 * SIM_SECOND) /* for what was written last */
#define SAY_EVERY_S   10.0
#define NOTE_BYTES    200u
#define GONE_EVERY    5u /* a fifth */
#define WITNESSES     1u
#define MESH          UINT32_MAX /* members up to which the mesh is full: all */

struct point {
    const char *view;
    uint32_t nodes;
    uint32_t full_mesh_max;
};

/* The mesh ends where a node has no room for another session. */
static const struct point points[] = {
    {"mesh", 7, MESH},   {"partial", 7, 1},    {"mesh", 30, MESH},
    {"partial", 30, 1},  {"partial", 100, 1},  {"mesh", P2P_PEERS_MAX + 1, MESH},
    {"partial", 300, 1}, {"partial", 1000, 1},
};
#define POINTS (sizeof(points) / sizeof(points[0]))

/* ---- following records ---- */

struct followed {
    uint64_t index;
    uint64_t left_us; /* when it left its author */
    uint64_t last_us; /* when the last one so far had it durably */
    uint32_t has, should;
};

struct followed_feed {
    struct followed *records; /* ascending by index */
    size_t count, cap;
};

struct phase {
    uint32_t *spread_us; /* of each record that reached everybody; sorted in the end */
    size_t spread_count;
    size_t records, incomplete;
    uint64_t length_us;
    uint32_t nodes;
    struct sim_network_count sent;
};

struct sweep {
    struct sim sim;
    struct followed_feed *feeds; /* by feed number */
    size_t feed_count;
    struct sim_chance chance;
    const struct point *point;
    double said_s;
    uint32_t up;
    bool counts; /* what is written now is followed */
};

static struct followed *follow(struct followed_feed *feed)
{
    if (feed->count == feed->cap) {
        feed->cap = feed->cap == 0 ? 8 : 2 * feed->cap;
        feed->records = realloc(feed->records, feed->cap * sizeof(*feed->records));
        p2p_assert(feed->records != NULL);
    }
    return &feed->records[feed->count++];
}

static void look_at(struct sim *sim, struct sim_host *host, const struct p2p_actions *actions)
{
    struct sweep *sweep = sim->observed_by;
    uint64_t now = sim->schedule.now_us;
    (void)host;
    for (size_t i = 0; i < actions->trace_count; i++) {
        const struct p2p_trace *trace = &actions->traces[i];
        struct followed_feed *feed =
            trace->feed < sweep->feed_count ? &sweep->feeds[trace->feed] : NULL;
        if (feed == NULL) {
            continue;
        }
        if (trace->type == P2P_TRACE_APPENDED && trace->value == P2P_KIND_NOTE &&
            sweep->counts) {
            *follow(feed) =
                (struct followed){.index = trace->at, .left_us = now, .should = sweep->up - 1};
        }
        for (size_t r = feed->count; trace->type == P2P_TRACE_RECEIVED && r > 0; r--) {
            struct followed *record = &feed->records[r - 1];
            if (record->index < trace->at - trace->value) {
                break;
            }
            if (record->index < trace->at) {
                record->has++;
                record->last_us = now;
            }
        }
    }
}

/* ---- time ---- */

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* So long members write in turn, up to 300 of them once at least, uncounted: each feed has its
 * tree, which heartbeats grew, and that has carried records. */
static uint64_t warm_us(const struct point *point)
{
    uint64_t once_us = point->nodes * SIM_SECOND / RECORDS_PER_S;
    once_us = once_us < WARM_US_MAX ? once_us : WARM_US_MAX;
    return once_us > WARM_US ? once_us : WARM_US;
}

/* Time passes; how far it is, is said now and then. */
static void go(struct sweep *sweep, uint64_t until_us)
{
    while (sweep->sim.schedule.now_us < until_us) {
        uint64_t next_us = sweep->sim.schedule.now_us + SIM_SECOND;
        sim_go(&sweep->sim, next_us < until_us ? next_us : until_us);
        if (seconds(CLOCK_MONOTONIC) - sweep->said_s >= SAY_EVERY_S) {
            sweep->said_s = seconds(CLOCK_MONOTONIC);
            fprintf(stderr, "sweep: %s of %" PRIu32 " nodes: %" PRIu64 " of %" PRIu64 " s\n",
                    sweep->point->view, sweep->point->nodes,
                    sweep->sim.schedule.now_us / SIM_SECOND,
                    (REST_US + 2 * warm_us(sweep->point) + 3 * (STEADY_US + DRAIN_US)) /
                        SIM_SECOND);
        }
    }
}

/* ---- writing ---- */

struct writing {
    struct p2p_work work;
    struct p2p_job job;
    struct p2p_append append;
    uint8_t content[NOTE_BYTES + 64];
};

static void write_start(struct p2p_work *work, struct p2p_node *node)
{
    struct writing *writing = work->context;
    p2p_work_job(node, &writing->job);
}

static void write_finish(struct p2p_work *work, struct p2p_node *node)
{
    (void)work;
    (void)node;
}

static void write_fail(struct p2p_work *work, struct p2p_node *node, enum p2p_err err)
{
    (void)work;
    (void)node;
    (void)err;
}

static void write_release(struct p2p_work *work)
{
    free(work->context);
}

static void write_note(struct sim_host *host)
{
    struct writing *writing = calloc(1, sizeof(*writing));
    char text[NOTE_BYTES + 1];
    struct p2p_pack pack;
    p2p_assert(writing != NULL);
    memset(text, 'n', NOTE_BYTES);
    text[NOTE_BYTES] = '\0';
    p2p_pack_init(&pack, writing->content, sizeof(writing->content));
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "text");
    p2p_pack_text(&pack, text);
    p2p_assert(!p2p_pack_failed(&pack));
    writing->append =
        (struct p2p_append){.kind = P2P_KIND_NOTE, .content = p2p_pack_slice(&pack)};
    writing->job.type = P2P_JOB_APPEND;
    writing->job.append.records = &writing->append;
    writing->job.append.count = 1;
    writing->work = (struct p2p_work){.start = write_start,
                                      .finish = write_finish,
                                      .fail = write_fail,
                                      .release = write_release,
                                      .context = writing};
    if (!sim_host_work(host, &writing->work)) {
        write_release(&writing->work);
    }
}

static void write_in_turn(struct sweep *sweep)
{
    const struct sim *sim = &sweep->sim;
    uint64_t begin = sim->schedule.now_us;
    uint64_t length_us = warm_us(sweep->point);
    uint32_t turn = 0;
    for (uint64_t at = 0; at < length_us; at += SIM_SECOND / RECORDS_PER_S) {
        go(sweep, begin + at);
        struct sim_host *host;
        do {
            host = sim->hosts[1 + turn++ % sim->host_count];
        } while (!host->up);
        write_note(host);
    }
    go(sweep, begin + length_us);
}

static void write_for(struct sweep *sweep, uint64_t length_us)
{
    struct sim *sim = &sweep->sim;
    uint64_t begin = sim->schedule.now_us;
    for (uint64_t at = 0; at < length_us; at += SIM_SECOND / RECORDS_PER_S) {
        go(sweep, begin + at);
        struct sim_host *host = NULL;
        while (host == NULL || !host->up) {
            host = sim->hosts[1 + sim_chance_below(&sweep->chance, sim->host_count)];
        }
        write_note(host);
    }
    go(sweep, begin + length_us);
}

/* ---- a phase ---- */

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* What was followed, as figures; then nothing is followed any more. */
static void gather(struct sweep *sweep, struct phase *phase)
{
    for (size_t f = 0; f < sweep->feed_count; f++) {
        phase->records += sweep->feeds[f].count;
    }
    phase->spread_us = calloc(phase->records + 1, sizeof(*phase->spread_us));
    p2p_assert(phase->spread_us != NULL);
    for (size_t f = 0; f < sweep->feed_count; f++) {
        for (size_t r = 0; r < sweep->feeds[f].count; r++) {
            const struct followed *record = &sweep->feeds[f].records[r];
            if (record->has >= record->should) {
                phase->spread_us[phase->spread_count++] =
                    (uint32_t)(record->last_us - record->left_us);
            }
        }
        sweep->feeds[f].count = 0;
    }
    phase->incomplete = phase->records - phase->spread_count;
    qsort(phase->spread_us, phase->spread_count, sizeof(*phase->spread_us), compare);
}

static void run_phase(struct sweep *sweep, struct phase *phase)
{
    struct sim_network_count before = sim_network_count(sweep->sim.network);
    uint64_t begin = sweep->sim.schedule.now_us;
    *phase = (struct phase){.nodes = sweep->up};
    sweep->counts = true;
    write_for(sweep, STEADY_US);
    phase->sent = sim_network_count(sweep->sim.network);
    phase->length_us = sweep->sim.schedule.now_us - begin;
    sweep->counts = false;
    phase->sent.bytes -= before.bytes;
    phase->sent.frames -= before.frames;
    for (size_t i = 0; i < SIM_FRAME_TYPES; i++) {
        phase->sent.by_type[i] -= before.by_type[i];
    }
    go(sweep, sweep->sim.schedule.now_us + DRAIN_US);
    gather(sweep, phase);
}

/* Every fifth machine loses its power for good. */
static void kill_some(struct sweep *sweep)
{
    struct sim *sim = &sweep->sim;
    for (uint32_t i = GONE_EVERY; i <= sim->host_count; i += GONE_EVERY) {
        if (sim->hosts[i]->up) {
            sim_host_kill(sim->hosts[i], true, UINT64_MAX);
            sweep->up--;
        }
    }
}

/* ---- a point ---- */

static double percentile_ms(const struct phase *phase, unsigned percent)
{
    size_t at = phase->spread_count * percent / 100;
    return phase->spread_count == 0
               ? -1
               : phase->spread_us[at < phase->spread_count ? at : phase->spread_count - 1] /
                     1000.0;
}

/* What carries records and mends their trees; cosignatures and heartbeats stand apart. */
static uint64_t spreading(const struct phase *phase)
{
    const uint64_t *by_type = phase->sent.by_type;
    return by_type[P2P_FRAME_RUN] + by_type[P2P_FRAME_FRONTIER] + by_type[P2P_FRAME_WANT] +
           by_type[P2P_FRAME_PRUNE] + by_type[P2P_FRAME_GRAFT] + by_type[P2P_FRAME_GAP];
}

static void tell_phase(const char *name, const struct phase *phase, FILE *out)
{
    double share = (double)phase->records * phase->nodes;
    fprintf(
        out,
        ", \"%s\": {\"nodes\": %" PRIu32 ", \"records\": %zu, \"incomplete\": %zu, "
        "\"p50_ms\": %.1f, \"p99_ms\": %.1f, \"max_ms\": %.1f, \"runs\": %.3f, "
        "\"messages\": %.3f, \"frontiers\": %.3f, \"wants\": %.3f, \"prunes\": %.3f, "
        "\"cosigns\": %.3f, \"bytes\": %.0f}",
        name, phase->nodes, phase->records, phase->incomplete, percentile_ms(phase, 50),
        percentile_ms(phase, 99), percentile_ms(phase, 100),
        (double)phase->sent.by_type[P2P_FRAME_RUN] / share, (double)spreading(phase) / share,
        (double)phase->sent.by_type[P2P_FRAME_FRONTIER] / share,
        (double)(phase->sent.by_type[P2P_FRAME_WANT] + phase->sent.by_type[P2P_FRAME_GRAFT]) /
            share,
        (double)phase->sent.by_type[P2P_FRAME_PRUNE] / share,
        (double)phase->sent.by_type[P2P_FRAME_COSIGN] / share,
        (double)phase->sent.bytes / share);
}

static struct sim_options options_of(const struct point *point, uint64_t seed)
{
    const struct sim_options usual = sim_options_default();
    struct sim_options options = sim_options_with(&usual, 0);
    options.seed = seed;
    options.nodes = point->nodes;
    options.witnesses = WITNESSES;
    options.network.delay_us = 20 * SIM_MS;
    options.network.loss_permille = 10;
    options.disk.commit_us = 2 * SIM_MS;
    options.full_mesh_max = point->full_mesh_max;
    options.unwatched = true;
    return options;
}

static void run_point(const struct point *point, uint64_t seed, FILE *out)
{
    struct sweep *sweep = calloc(1, sizeof(*sweep));
    struct phase steady, gone, later;
    p2p_assert(sweep != NULL);
    const struct sim_options options = options_of(point, seed);
    sweep->feed_count = point->nodes + 2;
    sweep->feeds = calloc(sweep->feed_count, sizeof(*sweep->feeds));
    p2p_assert(sweep->feeds != NULL);
    sweep->chance = sim_chance_of(seed, "sweep", point->nodes);
    sweep->up = point->nodes;
    sweep->point = point;
    sweep->said_s = seconds(CLOCK_MONOTONIC);
    sim_begin(&sweep->sim, &options, NULL);
    sweep->sim.observe = look_at;
    sweep->sim.observed_by = sweep;
    go(sweep, REST_US);
    write_in_turn(sweep);
    run_phase(sweep, &steady);
    double node_bytes = (double)mallinfo2().uordblks / point->nodes;
    kill_some(sweep);
    run_phase(sweep, &gone);
    write_in_turn(sweep);
    run_phase(sweep, &later);
    fprintf(out, "{\"view\": \"%s\", \"nodes\": %" PRIu32 ", \"seed\": %" PRIu64, point->view,
            point->nodes, seed);
    tell_phase("steady", &steady, out);
    tell_phase("gone", &gone, out);
    tell_phase("later", &later, out);
    fprintf(out, ", \"node_bytes\": %.0f, \"streams\": %" PRIu64 ", \"cpu_s\": %.1f}\n",
            node_bytes, sim_network_count(sweep->sim.network).streams,
            seconds(CLOCK_PROCESS_CPUTIME_ID)); /* a process of its own */
}

/* ---- the sweep ---- */

/* Whether the line of a point stands in the file already. */
static bool is_done(const char *path, const struct point *point)
{
    char head[80];
    char line[4096];
    bool found = false;
    FILE *in = fopen(path, "r");
    int len = snprintf(head, sizeof(head), "{\"view\": \"%s\", \"nodes\": %" PRIu32 ",",
                       point->view, point->nodes);
    while (in != NULL && !found && fgets(line, sizeof(line), in) != NULL) {
        found = strncmp(line, head, (size_t)len) == 0 && strchr(line, '\n') != NULL;
    }
    if (in != NULL) {
        fclose(in);
    }
    return found;
}

/* A process of its own, so that each point's memory is its own. */
static pid_t start_point(const struct point *point, const char *path, uint64_t seed)
{
    fflush(NULL);
    pid_t pid = fork();
    p2p_assert(pid >= 0);
    if (pid != 0) {
        fprintf(stderr, "sweep: %s of %" PRIu32 " nodes runs\n", point->view, point->nodes);
        return pid;
    }
    char *line = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&line, &len);
    p2p_assert(memory != NULL);
    run_point(point, seed, memory);
    fclose(memory);
    FILE *out = fopen(path, "a");
    bool written = out != NULL && fwrite(line, 1, len, out) == len && fclose(out) == 0;
    _exit(written ? 0 : 3);
}

static bool make_directory(const char *path)
{
    char part[4096];
    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(part, 0777);
        *slash = '/';
    }
    return mkdir(part, 0777) == 0 || errno == EEXIST;
}

int sim_sweep(const struct sim_command *command)
{
    char path[4200];
    size_t done = 0;
    uint32_t running = 0;
    bool failed = false;
    double start = seconds(CLOCK_MONOTONIC);
    if (!make_directory(command->out)) {
        fprintf(stderr, "sim: %s cannot be made: %s\n", command->out, strerror(errno));
        return 3;
    }
    snprintf(path, sizeof(path), "%s/sweep.jsonl", command->out);
    for (size_t i = 0; i < POINTS || running > 0;) {
        if (i < POINTS &&
            (is_done(path, &points[i]) || failed ||
             (command->only_nodes != 0 && points[i].nodes != command->only_nodes))) {
            i++;
            done++;
            continue;
        }
        if (i < POINTS && running < command->jobs) {
            start_point(&points[i++], path, command->run.seed);
            running++;
            continue;
        }
        int status = 0;
        pid_t ended = wait(&status);
        p2p_assert(ended > 0);
        running--;
        done++;
        failed = failed || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        fprintf(stderr, "sweep: %zu of %zu points, %.0f s%s\n", done, POINTS,
                seconds(CLOCK_MONOTONIC) - start, failed ? "; one failed" : "");
    }
    fprintf(stderr, "sweep: %s\n", path);
    return failed ? 1 : 0;
}
