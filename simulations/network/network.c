#include "network_state.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

/* ---- lines ---- */

struct line *sim_line(const struct sim_network *network, const struct sim_host *from,
                      const struct sim_host *to)
{
    p2p_assert(from->number < network->width && to->number < network->width);
    return &network->lines[from->number * network->width + to->number];
}

static void grow(struct sim_network *network, size_t width)
{
    if (width <= network->width) {
        return;
    }
    struct line *lines = calloc(width * width, sizeof(*lines));
    p2p_assert(lines != NULL);
    for (size_t i = 0; i < width; i++) {
        for (size_t j = 0; j < width; j++) {
            struct line *line = &lines[i * width + j];
            if (i < network->width && j < network->width) {
                *line = network->lines[i * network->width + j];
            } else {
                struct sim_chance chance =
                    sim_chance_of(network->sim->options.seed, "line", (uint64_t)i << 32 | j);
                uint64_t delay = network->options->delay_us;
                line->delay_us = delay / 2 + sim_chance_below(&chance, delay + delay / 2 + 1);
                line->slow = sim_chance_permille(&chance, network->options->slow_permille);
            }
        }
    }
    free(network->lines);
    network->lines = lines;
    network->width = width;
}

/* ---- dialling ---- */

static bool has_key(const struct sim_host *host, const struct p2p_pin *pin)
{
    return memcmp(pin->key.bytes, host->member->transport_key.public_key.bytes,
                  P2P_PUBLIC_BYTES) == 0;
}

/* NULL: the charter that the host holds does not name the peer. */
static const struct p2p_pin *pin_of(const struct sim_host *host, const struct sim_host *peer)
{
    for (size_t i = 0; i < host->pin_count; i++) {
        if (has_key(peer, &host->pins[i])) {
            return &host->pins[i];
        }
    }
    return NULL;
}

static bool pinned(const struct sim_host *host, const struct sim_host *peer)
{
    return pin_of(host, peer) != NULL;
}

static bool wants(const struct sim_host *host, const struct sim_host *peer)
{
    const struct p2p_pin *pin = host->wanted.all ? NULL : pin_of(host, peer);
    return host->wanted.all || (pin != NULL && p2p_wanted_has(&host->wanted, pin->member));
}

struct dialling {
    struct sim_host *a, *b;
    uint64_t life;
};

static void dial(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_network *network = sim->network;
    struct dialling dialling = *(struct dialling *)data;
    struct line *line = sim_line(network, dialling.a, dialling.b);
    (void)subject;
    free(data);
    if (!line->dialling || line->life != dialling.life) {
        return;
    }
    line->dialling = false;
    if (line->stream != NULL || !dialling.a->up || !dialling.b->up) {
        return; /* who comes up dials again */
    }
    if (!wants(dialling.a, dialling.b) && !wants(dialling.b, dialling.a)) {
        return; /* who wants it later dials then */
    }
    bool cut = line->cut || sim_line(network, dialling.b, dialling.a)->cut;
    if (cut || !pinned(dialling.a, dialling.b) || !pinned(dialling.b, dialling.a)) {
        sim_dial_later(network, dialling.a, dialling.b,
                       SIM_DIAL_AGAIN_US +
                           sim_chance_below(&network->chance, 4 * SIM_DIAL_AGAIN_US));
        return;
    }
    sim_stream_connect(network, dialling.a, dialling.b);
}

void sim_dial_later(struct sim_network *network, struct sim_host *a, struct sim_host *b,
                    uint64_t after_us)
{
    struct sim_host *first = a->number < b->number ? a : b;
    struct sim_host *second = a->number < b->number ? b : a;
    struct line *line = sim_line(network, first, second);
    if (line->dialling || line->stream != NULL || !a->up || !b->up || a->member == b->member) {
        return;
    }
    struct dialling *dialling = malloc(sizeof(*dialling));
    p2p_assert(dialling != NULL);
    line->dialling = true;
    *dialling = (struct dialling){first, second, ++line->life};
    sim_schedule_at(&network->sim->schedule,
                    network->sim->schedule.now_us + 2 * line->delay_us + after_us, dial, 0,
                    dialling, free);
}

static struct line *line_between(const struct sim_network *network, const struct sim_host *a,
                                 const struct sim_host *b)
{
    return a->number < b->number ? sim_line(network, a, b) : sim_line(network, b, a);
}

void sim_dial_again(struct sim_network *network, const struct stream *stream)
{
    struct sim_host *a = stream->ways[0].from;
    struct sim_host *b = stream->ways[0].to;
    struct line *line = line_between(network, a, b);
    bool lasted = network->sim->schedule.now_us - stream->since_us >= SIM_LASTED_US;
    if (lasted || !stream->refused || line->pause_us == 0) {
        line->pause_us = SIM_DIAL_AGAIN_US;
    }
    sim_dial_later(network, a, b, line->pause_us);
    line->pause_us =
        2 * line->pause_us < SIM_DIAL_AGAIN_MAX ? 2 * line->pause_us : SIM_DIAL_AGAIN_MAX;
}

bool sim_network_connected(const struct sim_network *network, const struct sim_host *a,
                           const struct sim_host *b)
{
    return a->number < network->width && b->number < network->width &&
           sim_line(network, a, b)->stream != NULL;
}

/* ---- machines ---- */

static void dial_pin(struct sim_network *network, struct sim_host *host,
                     const struct p2p_pin *pin, uint64_t after_us)
{
    const struct sim *sim = network->sim;
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        if (sim->hosts[i] != NULL && sim->hosts[i] != host && has_key(sim->hosts[i], pin)) {
            sim_dial_later(network, host, sim->hosts[i], after_us);
        }
    }
}

static void dial_all(struct sim_network *network, struct sim_host *host, uint64_t after_us)
{
    const struct sim *sim = network->sim;
    for (size_t i = 0; i < host->pin_count && !host->wanted.all; i++) {
        if (p2p_wanted_has(&host->wanted, host->pins[i].member)) {
            dial_pin(network, host, &host->pins[i], after_us);
        }
    }
    for (uint32_t i = 1; i <= sim->host_count && host->wanted.all; i++) {
        if (sim->hosts[i] != NULL && sim->hosts[i] != host) {
            sim_dial_later(network, host, sim->hosts[i], after_us);
        }
    }
}

void sim_network_added(struct sim_network *network)
{
    grow(network, network->sim->host_count + 1u);
}

void sim_network_up(struct sim_network *network, struct sim_host *host)
{
    grow(network, host->number + 1u);
    grow(network, network->sim->host_count + 1u);
    for (uint32_t i = 1; i <= network->sim->host_count; i++) {
        const struct sim_host *peer = network->sim->hosts[i];
        if (peer != NULL && peer != host) {
            line_between(network, host, peer)->pause_us = 0;
        }
    }
    dial_all(network, host, SIM_MS);
}

void sim_network_down(struct sim_network *network, struct sim_host *host)
{
    const struct sim *sim = network->sim;
    for (uint32_t i = 1; i <= sim->host_count && host->number < network->width; i++) {
        if (sim->hosts[i] == NULL || sim->hosts[i] == host || i >= network->width) {
            continue;
        }
        struct stream *stream = sim_line(network, host, sim->hosts[i])->stream;
        if (stream != NULL) {
            sim_stream_break(network, stream, stream->ways[0].to == host ? 0 : 1, false);
        }
    }
}

void sim_network_pins_changed(struct sim_network *network, struct sim_host *host)
{
    const struct sim *sim = network->sim;
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        if (sim->hosts[i] == NULL || sim->hosts[i] == host) {
            continue;
        }
        struct stream *stream = sim_line(network, host, sim->hosts[i])->stream;
        if (stream != NULL && !pinned(host, sim->hosts[i])) {
            sim_stream_break(network, stream, stream->ways[0].to == host ? 0 : 1, true);
        }
    }
    dial_all(network, host, SIM_MS);
}

void sim_network_wanted_changed(struct sim_network *network, struct sim_host *host)
{
    dial_all(network, host, SIM_MS);
}

void sim_network_calm(struct sim_network *network, bool calm)
{
    network->calm = calm;
}

struct sim_network_count sim_network_count(const struct sim_network *network)
{
    return network->count;
}

struct sim_network *sim_network_new(struct sim *sim, const struct sim_network_options *options)
{
    struct sim_network *network = calloc(1, sizeof(*network));
    p2p_assert(network != NULL);
    network->sim = sim;
    network->options = options;
    network->chance = sim_chance_of(sim->options.seed, "network", 0);
    network->next_stream = 1; /* link 0 is none */
    network->stream_cap = 64;
    network->by_number = calloc(network->stream_cap, sizeof(*network->by_number));
    p2p_assert(network->by_number != NULL);
    sim_partitions_start(network);
    return network;
}

void sim_network_free(struct sim_network *network)
{
    if (network == NULL) {
        return;
    }
    for (uint64_t i = 0; i < network->next_stream; i++) {
        if (network->by_number[i] != NULL) {
            network->by_number[i]->users = 1;
            sim_stream_leave(network, network->by_number[i]);
        }
    }
    free(network->by_number);
    free(network->lines);
    free(network);
}
