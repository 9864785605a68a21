#include "network_state.h"

/* ---- partitions ---- */

static void silence(struct sim *sim, uint64_t subject, void *data)
{
    struct stream *stream = data;
    struct way *way = &stream->ways[0];
    (void)subject;
    if (!stream->broken && (sim_line(sim->network, way->from, way->to)->cut ||
                            sim_line(sim->network, way->to, way->from)->cut)) {
        sim->network->count.resets++;
        sim_stream_break(sim->network, stream, 0, true);
    }
    sim_stream_leave(sim->network, stream);
}

static void cut_one(struct sim_network *network, struct sim_host *from, struct sim_host *to)
{
    struct line *line = sim_line(network, from, to);
    if (line->cut) {
        return;
    }
    line->cut = true;
    if (line->stream != NULL) {
        line->stream->users++;
        sim_schedule_at(&network->sim->schedule,
                        network->sim->schedule.now_us + SIM_SILENCE_US +
                            sim_chance_below(&network->chance, SIM_SILENCE_MORE_US),
                        silence, 0, line->stream, NULL);
    }
}

void sim_network_cut(struct sim_network *network, struct sim_host *a, struct sim_host *b,
                     bool both)
{
    cut_one(network, a, b);
    if (both) {
        cut_one(network, b, a);
    }
}

void sim_network_mend_all(struct sim_network *network)
{
    for (size_t i = 0; i < network->width * network->width; i++) {
        network->lines[i].cut = false;
    }
    for (uint64_t i = 0; i < network->next_stream; i++) {
        struct stream *stream = network->by_number[i];
        if (stream != NULL) {
            stream->users++;
            sim_stream_mend(network, stream);
            sim_stream_leave(network, stream);
        }
    }
}

/* ---- random faults ---- */

static struct sim_host *any_host(struct sim_network *network)
{
    const struct sim *sim = network->sim;
    return sim->hosts[1 + sim_chance_below(&network->chance, sim->host_count)];
}

static void reset_some(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_network *network = sim->network;
    struct sim_host *a = any_host(network);
    struct sim_host *b = any_host(network);
    (void)subject;
    (void)data;
    if (!network->calm && a != b && a->number < network->width && b->number < network->width) {
        struct stream *stream = sim_line(network, a, b)->stream;
        if (stream != NULL) {
            network->count.resets++;
            sim_story_tell(&sim->story, sim->schedule.now_us, a->name, "the line to %s broke",
                           b->name);
            sim_stream_break(network, stream, 0, true);
        }
    }
    sim_schedule_at(&sim->schedule,
                    sim->schedule.now_us +
                        sim_chance_gap(&network->chance, network->options->reset_mean_us),
                    reset_some, 0, NULL, NULL);
}

static void mend(struct sim *sim, uint64_t subject, void *data)
{
    (void)subject;
    (void)data;
    sim_story_tell(&sim->story, sim->schedule.now_us, "network", "all lines are whole again");
    sim_network_mend_all(sim->network);
}

static void partition(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_network *network = sim->network;
    const struct sim_network_options *options = network->options;
    (void)subject;
    (void)data;
    if (!network->calm) {
        bool one_way = sim_chance_permille(&network->chance, options->one_way_permille);
        uint64_t side = sim_chance_next(&network->chance);
        for (uint32_t i = 1; i <= sim->host_count; i++) {
            for (uint32_t j = 1; j <= sim->host_count; j++) {
                if (i != j && (side >> (i % 64) & 1) != 0 && (side >> (j % 64) & 1) == 0) {
                    sim_network_cut(network, sim->hosts[i], sim->hosts[j], !one_way);
                }
            }
        }
        sim_story_tell(&sim->story, sim->schedule.now_us, "network", "cut in two%s",
                       one_way ? ", one way" : "");
        sim_schedule_at(&sim->schedule,
                        sim->schedule.now_us +
                            sim_chance_gap(&network->chance, options->cut_length_us),
                        mend, 0, NULL, NULL);
    }
    sim_schedule_at(&sim->schedule,
                    sim->schedule.now_us +
                        sim_chance_gap(&network->chance, options->cut_mean_us),
                    partition, 0, NULL, NULL);
}

void sim_partitions_start(struct sim_network *network)
{
    struct sim_schedule *schedule = &network->sim->schedule;
    const struct sim_network_options *options = network->options;
    if (options->reset_mean_us > 0) {
        sim_schedule_at(schedule, sim_chance_gap(&network->chance, options->reset_mean_us),
                        reset_some, 0, NULL, NULL);
    }
    if (options->cut_mean_us > 0) {
        sim_schedule_at(schedule, sim_chance_gap(&network->chance, options->cut_mean_us),
                        partition, 0, NULL, NULL);
    }
}
