/* A fresh node catches up with 1,000,000 notes over TLS: rate, bytes on the wire and on disk,
 * memory, and the time to be ready with them. */
#include "bench.h"
#include "figure.h"
#include "fleet.h"
#include "loader.h"

#include <unistd.h>

#define FEED_A "beanr/1"

/* What one catch-up of b with a's feed took. */
struct caught {
    double records;
    double seconds;
    double wire_bytes;
    double cpu_s; /* of both nodes */
};

/* b is fresh and stopped, a is stopped; both run afterwards. The clock starts when both are
 * ready: a dials b at once. */
static bool catch_up(struct fleet *fleet, double size, double timeout_s, struct caught *caught)
{
    double end_s;
    if (!fleet_start(fleet, &fleet->b) || !fleet_start(fleet, &fleet->a)) {
        return false;
    }
    double begin_s = bench_now_s();
    if (!fleet_wait_size(&fleet->b, FEED_A, size, timeout_s, &end_s)) {
        return false;
    }
    caught->cpu_s = fleet_cpu_s(&fleet->a) + fleet_cpu_s(&fleet->b);
    caught->records = size;
    caught->seconds = end_s - begin_s;
    if (!fleet_wait_connected(fleet)) {
        return false;
    }
    bench_pause_ms(600); /* counters are published four times a second */
    caught->wire_bytes = fleet_wire_bytes(&fleet->a);
    return true;
}

/* As they were before they met: a node that began again alone would have forked its feed. */
static bool both_fresh(struct fleet *fleet)
{
    bool back = fleet_bring_back(fleet, &fleet->a) && fleet_bring_back(fleet, &fleet->b);
    sync(); /* what was copied shall not be written while something is measured */
    return back;
}

static bool stop_both(struct fleet *fleet)
{
    return fleet_stop(&fleet->a) && fleet_stop(&fleet->b);
}

/* ---- notes ---- */

static void note_rate(const struct caught *caught)
{
    static const struct figure rate = {.part = "catch-up of a fresh node",
                                       .name = "notes of 300 B, by the node",
                                       .unit = "/s",
                                       .aim_type = AIM_AT_LEAST,
                                       .aim = 100000,
                                       .limit = "leaf and interior, 1 thread",
                                       .ratio_aim = 0.4};
    static const struct figure cpu = {.part = "catch-up of a fresh node",
                                      .name = "CPU of both nodes for a note",
                                      .unit = "us"};
    figure_add(&rate, caught->records / caught->seconds);
    figure_add(&cpu, caught->cpu_s / caught->records * 1e6);
}

static bool note_space(struct fleet *fleet, const struct caught *caught)
{
    static const struct figure wire = {.part = "bytes",
                                       .name = "wire beyond the record, per note",
                                       .unit = "B",
                                       .aim_type = AIM_AT_MOST,
                                       .aim = 16};
    static const struct figure disk = {.part = "bytes",
                                       .name = "pages used per byte of record",
                                       .unit = "",
                                       .aim_type = AIM_AT_MOST,
                                       .aim = 1.30};
    json_t *said = fleet_child(fleet, "space", &fleet->b, 0);
    double leaves = json_number_value(json_object_get(said, "bytes"));
    double used = json_number_value(json_object_get(said, "used"));
    json_decref(said);
    if (leaves <= 0) {
        return false;
    }
    figure_add(&wire, (caught->wire_bytes - leaves) / caught->records);
    figure_add(&disk, used / leaves);
    return true;
}

/* ---- memory and start ---- */

static bool note_start(struct fleet *fleet, bool quick)
{
    static const struct figure ready = {.part = "memory and start",
                                        .name = "ready after start, 1,000,000 records",
                                        .unit = "ms",
                                        .aim_type = AIM_AT_MOST,
                                        .aim = 1000};
    static const struct figure rss = {
        .part = "memory and start", .name = "RssAnon after that start", .unit = "MB"};
    for (unsigned i = 0; i < (quick ? 1 : 3); i++) {
        if (!fleet_start(fleet, &fleet->b)) {
            return false;
        }
        figure_add(&ready, fleet->b.ready_s * 1e3);
        figure_add(&rss, fleet_rss_kb(&fleet->b) / 1e3);
        if (!fleet_stop(&fleet->b)) {
            return false;
        }
    }
    return true;
}

static void note_memory(const struct fleet *fleet)
{
    static const struct figure receiver = {.part = "memory and start",
                                           .name = "RssAnon after catching up",
                                           .unit = "MB",
                                           .aim_type = AIM_AT_MOST,
                                           .aim = 60};
    static const struct figure sender = {.part = "memory and start",
                                         .name = "RssAnon after sending",
                                         .unit = "MB",
                                         .aim_type = AIM_AT_MOST,
                                         .aim = 60};
    figure_add(&receiver, fleet_rss_kb(&fleet->b) / 1e3);
    figure_add(&sender, fleet_rss_kb(&fleet->a) / 1e3);
}

/* The same processes go on for as many records again: memory must not grow with them. */
static bool note_growth(struct fleet *fleet, size_t count, double *size)
{
    static const struct figure growth = {.part = "memory and start",
                                         .name = "RssAnon of the receiver, with twice as many",
                                         .unit = "MB",
                                         .aim_type = AIM_AT_MOST,
                                         .aim = 60};
    double end_s;
    json_t *said = fleet_child(fleet, "notes", &fleet->a, count);
    if (said == NULL) {
        return false;
    }
    json_decref(said);
    *size += (double)count;
    if (!fleet_start(fleet, &fleet->b) || !fleet_start(fleet, &fleet->a) ||
        !fleet_wait_size(&fleet->b, FEED_A, *size, 120, &end_s)) {
        return false;
    }
    figure_add(&growth, fleet_rss_kb(&fleet->b) / 1e3);
    return true;
}

/* ---- an exchange with nothing new ---- */

/* Watches the counters, which are published four times a second, while nothing happens. Every
 * 30 s each node sends the other the digest of what it holds and gets it back: the smallest
 * burst that is not made of PINGs, which are of one size. The nodes start 7 s apart, so that
 * one's digest does not fall on the other's, or on the PINGs. */
static bool note_idle(struct fleet *fleet, double seconds)
{
    static const struct figure idle = {.part = "bytes",
                                       .name = "an exchange with nothing new, both ways",
                                       .unit = "B",
                                       .aim_type = AIM_AT_MOST,
                                       .aim = 300};
    const int ping_bytes = 2 * (9 + 8 + 22); /* frame header, payload, TLS record; answered */
    int least = 0;
    if (!fleet_start(fleet, &fleet->b)) {
        return false;
    }
    bench_pause_ms(7000);
    if (!fleet_start(fleet, &fleet->a) || !fleet_wait_connected(fleet)) {
        return false;
    }
    bench_pause_ms(3000);
    double last = fleet_wire_bytes(&fleet->a);
    double until = bench_now_s() + seconds;
    while (bench_now_s() < until) {
        bench_pause_ms(50);
        int burst = (int)(fleet_wire_bytes(&fleet->a) - last);
        last += burst;
        if (burst > 0 && burst % ping_bytes != 0 && (least == 0 || burst < least)) {
            least = burst;
        }
    }
    if (least > 0) {
        figure_add(&idle, least);
    }
    return stop_both(fleet);
}

bool bench_catchup(const struct bench *bench)
{
    struct fleet fleet;
    size_t count = bench->quick ? 50000 : 1000000;
    unsigned rounds = bench->quick ? 1 : 3;
    double size = 0;
    bool good = fleet_open(&fleet, bench, "catchup");
    if (good) {
        bench_say("catch-up: %zu notes are being written", count);
        json_t *said = fleet_child(&fleet, "notes", &fleet.a, count);
        good = said != NULL && fleet_keep(&fleet, &fleet.a) && fleet_keep(&fleet, &fleet.b);
        json_decref(said);
        size = (double)count + 3; /* its address, and two notes that were measured */
    }
    for (unsigned i = 0; i < rounds && good; i++) {
        struct caught caught;
        bench_say("catch-up with notes, round %u of %u", i + 1, rounds);
        good = both_fresh(&fleet) && catch_up(&fleet, size, 120, &caught);
        if (good) {
            note_rate(&caught);
            note_memory(&fleet);
            good = stop_both(&fleet) && note_space(&fleet, &caught);
            bench_limit_hash(bench);
        }
    }
    if (good && !bench->quick) {
        bench_say("bytes while nothing happens, 40 s");
        good = note_idle(&fleet, 30);
    }
    good = good && note_start(&fleet, bench->quick);
    if (good) {
        bench_say("memory with as many again");
        good = note_growth(&fleet, count, &size);
    }
    fleet_close(&fleet);
    return good;
}

/* ---- signed by issuers ---- */

bool bench_signed(const struct bench *bench)
{
    static const struct figure rate = {.part = "catch-up of a fresh node",
                                       .name = "bans signed by an issuer",
                                       .unit = "/s",
                                       .limit = "verify, 2 threads",
                                       .ratio_aim = 0.75};
    static const struct figure cpu = {.part = "catch-up of a fresh node",
                                      .name = "CPU of both nodes for a ban",
                                      .unit = "us"};
    struct fleet fleet;
    size_t count = bench->quick ? 10000 : 200000;
    unsigned rounds = bench->quick ? 1 : 3;
    bool good = fleet_open(&fleet, bench, "signed");
    if (good) {
        bench_say("catch-up: %zu bans are being signed", count);
        json_t *said = fleet_child(&fleet, "bans", &fleet.a, count);
        good = said != NULL && fleet_keep(&fleet, &fleet.a) && fleet_keep(&fleet, &fleet.b);
        json_decref(said);
    }
    for (unsigned i = 0; i < rounds && good; i++) {
        struct caught caught;
        bench_say("catch-up with signed bans, round %u of %u", i + 1, rounds);
        good = both_fresh(&fleet);
        double before = bench_limit_verify(bench);
        good = good && catch_up(&fleet, (double)count + 1, 120, &caught);
        if (good) {
            figure_add(&cpu, caught.cpu_s / caught.records * 1e6);
            good = stop_both(&fleet);
            double after = bench_limit_verify(bench);
            figure_add_paired(&rate, caught.records / caught.seconds, (before + after) / 2);
        }
    }
    fleet_close(&fleet);
    return good;
}
