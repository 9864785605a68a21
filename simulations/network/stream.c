#include "network_state.h"

#include <p2p/assert.h>
#include <p2p/frame.h>

#include <stdlib.h>
#include <string.h>

#define RESEND_US     (200 * SIM_MS) /* TCP's least, doubled each time */
#define RESENDS_MAX   6u             /* a stream whose bytes are lost so often breaks */
#define DRAINED_BYTES (P2P_SEND_AHEAD_BYTES / 4) /* as node/daemon/peers.c tells the engine */

/* ---- streams ---- */

void sim_stream_leave(struct sim_network *network, struct stream *stream)
{
    p2p_assert(stream->users > 0);
    if (--stream->users > 0) {
        return;
    }
    for (unsigned w = 0; w < 2; w++) {
        while (stream->ways[w].held != NULL) {
            struct message *message = stream->ways[w].held;
            stream->ways[w].held = message->next;
            free(message);
        }
    }
    network->by_number[stream->number] = NULL;
    free(stream);
}

/* The end at the receiver of ways[w] is closed; its host is told when it is up. */
static void close_end(struct sim_network *network, struct stream *stream, unsigned w, bool tell)
{
    struct way *way = &stream->ways[w];
    uint64_t link = way->link;
    if (link == 0) {
        return;
    }
    way->link = 0;
    if (tell && way->to->up) {
        sim_host_link_down(way->to, link);
    }
    sim_stream_leave(network, stream);
}

static void ends_later(struct sim *sim, uint64_t w, void *data)
{
    struct stream *stream = data;
    close_end(sim->network, stream, (unsigned)w, true);
    sim_dial_again(sim->network, stream);
    sim_stream_leave(sim->network, stream);
}

/* The stream ends: at once at the end of ways[w], a delay later at the other. */
void sim_stream_break(struct sim_network *network, struct stream *stream, unsigned w, bool tell)
{
    struct way *other = &stream->ways[1 - w];
    struct line *line = sim_line(network, other->from, other->to);
    if (stream->broken) {
        close_end(network, stream, w, tell);
        return;
    }
    stream->broken = true;
    line->stream = NULL;
    sim_line(network, other->to, other->from)->stream = NULL;
    stream->users += 2; /* the event, and this call */
    close_end(network, stream, w, tell);
    sim_schedule_at(
        &network->sim->schedule,
        network->sim->schedule.now_us + line->delay_us +
            (line->cut ? sim_chance_below(&network->chance, SIM_SILENCE_MORE_US) : 0),
        ends_later, 1 - w, stream, NULL);
    sim_stream_leave(network, stream);
}

/* The way from the machine whose end has that number; NULL when that end is closed. */
static struct way *find_way(const struct sim_network *network, const struct sim_host *from,
                            uint64_t link, struct stream **stream, unsigned *w)
{
    if (link / 2 >= network->next_stream) {
        return NULL;
    }
    unsigned back = link & 1; /* numbers are the receivers': see connected() */
    *stream = network->by_number[link / 2];
    *w = 1 - back;
    if (*stream == NULL || (*stream)->ways[back].to != from ||
        (*stream)->ways[back].link != link) {
        return NULL;
    }
    return &(*stream)->ways[*w];
}

static uint32_t pin_member(const struct sim_host *host, const struct sim_host *peer)
{
    for (size_t i = 0; i < host->pin_count; i++) {
        if (memcmp(host->pins[i].key.bytes, peer->member->transport_key.public_key.bytes,
                   P2P_PUBLIC_BYTES) == 0) {
            return host->pins[i].member;
        }
    }
    return 0;
}

void sim_stream_connect(struct sim_network *network, struct sim_host *a, struct sim_host *b)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    p2p_assert(stream != NULL);
    if (network->next_stream == network->stream_cap) {
        network->stream_cap = 2 * network->stream_cap + 64;
        network->by_number =
            realloc(network->by_number, network->stream_cap * sizeof(*network->by_number));
        p2p_assert(network->by_number != NULL);
    }
    stream->users = 2;
    stream->since_us = network->sim->schedule.now_us;
    stream->number = network->next_stream++;
    network->by_number[stream->number] = stream;
    for (unsigned w = 0; w < 2; w++) {
        struct way *way = &stream->ways[w];
        way->from = w == 0 ? a : b;
        way->to = w == 0 ? b : a;
        way->link = 2 * stream->number + w;
        way->held_end = &way->held;
        sim_line(network, way->from, way->to)->stream = stream;
    }
    network->count.streams++;
    for (unsigned w = 0; w < 2; w++) {
        struct way *way = &stream->ways[w];
        sim_host_link_up(way->to, way->link, pin_member(way->to, way->from));
    }
}

/* ---- frames ---- */

static struct p2p_slice slice_from(struct p2p_slice bytes, size_t skip)
{
    return p2p_slice_of(bytes.data + skip, bytes.len - skip);
}

static void deliver(struct sim *sim, uint64_t subject, void *data)
{
    struct message *message = data;
    struct stream *stream = message->stream;
    struct way *way = &stream->ways[message->way];
    struct p2p_slice bytes = p2p_slice_of(message->bytes, message->len);
    (void)subject;
    way->under_way -= message->len;
    while (bytes.len >= P2P_FRAME_HEADER_BYTES && way->link != 0 && way->to->up) {
        size_t len = (size_t)bytes.data[0] << 24 | (size_t)bytes.data[1] << 16 |
                     (size_t)bytes.data[2] << 8 | bytes.data[3];
        if (len < 1 || len > P2P_FRAME_BYTES_MAX || bytes.len < 4 + len) {
            /* What the transport does with a stream that is not well-formed. */
            sim_story_tell(&sim->story, sim->schedule.now_us, way->to->name,
                           "closed a stream from %s: not frames", way->from->name);
            sim_stream_break(sim->network, stream, message->way, true);
            break;
        }
        sim_host_frame(way->to, way->link, bytes.data[4],
                       p2p_slice_of(bytes.data + 5, len - 1));
        bytes = slice_from(bytes, 4 + len);
    }
    unsigned back = 1 - message->way;
    if (way->since_told >= DRAINED_BYTES && way->under_way < DRAINED_BYTES &&
        stream->ways[back].link != 0 && way->from->up) {
        way->since_told = 0;
        sim_host_writable(way->from, stream->ways[back].link);
    }
    free(message);
    sim_stream_leave(sim->network, stream);
}

static void drop_message(void *data)
{
    free(data); /* the run is over: streams go with the network */
}

static void put_under_way(struct sim_network *network, struct message *message,
                          uint64_t more_us)
{
    struct way *way = &message->stream->ways[message->way];
    const struct line *line = sim_line(network, way->from, way->to);
    uint64_t now = network->sim->schedule.now_us;
    uint64_t at = now + line->delay_us + more_us;
    if (line->slow && network->options->bytes_per_ms > 0) {
        uint64_t begins = way->free_us > now ? way->free_us : now;
        way->free_us = begins + message->len * SIM_MS / network->options->bytes_per_ms;
        at += way->free_us - now;
    }
    uint64_t resend = RESEND_US;
    unsigned resends = 0;
    while (!network->calm && resends < RESENDS_MAX &&
           sim_chance_permille(&network->chance, network->options->loss_permille)) {
        at += resend;
        resend *= 2;
        resends++;
    }
    way->arrives_us = at > way->arrives_us ? at : way->arrives_us;
    sim_schedule_at(&network->sim->schedule, way->arrives_us, deliver, 0, message,
                    drop_message);
    if (resends == RESENDS_MAX) {
        network->count.resets++;
        sim_stream_break(network, message->stream, message->way, true);
    }
}

static void send_bytes(struct sim_network *network, struct stream *stream, unsigned w,
                       struct p2p_slice bytes)
{
    struct way *way = &stream->ways[w];
    struct message *message = malloc(sizeof(*message) + bytes.len);
    p2p_assert(message != NULL);
    *message = (struct message){.stream = stream, .way = w, .len = bytes.len};
    memcpy(message->bytes, bytes.data, bytes.len);
    stream->users++;
    way->since_told += bytes.len;
    way->under_way += bytes.len;
    if (sim_line(network, way->from, way->to)->cut) {
        *way->held_end = message;
        way->held_end = &message->next;
        stream->users--; /* freed with the stream, unless it is mended first */
        return;
    }
    put_under_way(network, message, 0);
}

void sim_stream_mend(struct sim_network *network, struct stream *stream)
{
    for (unsigned w = 0; w < 2; w++) {
        struct message *message = stream->ways[w].held;
        stream->ways[w].held = NULL;
        stream->ways[w].held_end = &stream->ways[w].held;
        while (message != NULL) {
            struct message *next = message->next;
            message->next = NULL;
            if (stream->broken) {
                free(message);
            } else {
                stream->users++;
                put_under_way(network, message, RESEND_US);
            }
            message = next;
        }
    }
}

static void count_frame(struct sim_network *network, struct p2p_slice frame)
{
    struct p2p_run run;
    network->count.frames++;
    network->count.bytes += frame.len;
    network->count.by_type[frame.data[4] < SIM_FRAME_TYPES ? frame.data[4] : 0]++;
    if (frame.data[4] == P2P_FRAME_RUN &&
        p2p_run_read(&run, slice_from(frame, P2P_FRAME_HEADER_BYTES)) == P2P_OK) {
        network->count.runs++;
        network->count.records += run.count;
    }
}

static struct p2p_slice first_frame(struct p2p_slice frames)
{
    if (frames.len >= P2P_FRAME_HEADER_BYTES) {
        size_t len = (size_t)frames.data[0] << 24 | (size_t)frames.data[1] << 16 |
                     (size_t)frames.data[2] << 8 | frames.data[3];
        if (len <= frames.len - 4) {
            return p2p_slice_of(frames.data, 4 + len);
        }
    }
    return frames;
}

void sim_network_inject(struct sim_network *network, struct sim_host *from, struct sim_host *to,
                        struct p2p_slice bytes)
{
    if (sim_network_connected(network, from, to)) {
        struct stream *stream = sim_line(network, from, to)->stream;
        sim_story_mix(&network->sim->story, bytes.data, bytes.len);
        send_bytes(network, stream, stream->ways[0].from == from ? 0 : 1, bytes);
    }
}

/* What a liar lets out. */
static void send_lies(struct sim_network *network, struct stream *stream, unsigned w,
                      struct p2p_slice frames)
{
    while (frames.len > 0) {
        struct p2p_slice frame = first_frame(frames);
        uint8_t *other = malloc(frame.len);
        p2p_assert(other != NULL);
        size_t len = sim_adversary_meddle(network->sim->adversary, stream->ways[w].from,
                                          stream->ways[w].to, frame, other);
        if (len > 0) {
            send_bytes(network, stream, w, p2p_slice_of(other, len));
        }
        free(other);
        frames = slice_from(frames, frame.len);
    }
}

/* A broken middle: each frame apart, dropped, doubled, or behind the next. */
static void send_meddled(struct sim_network *network, struct stream *stream, unsigned w,
                         struct p2p_slice frames)
{
    struct p2p_slice late = {NULL, 0};
    while (frames.len > 0) {
        struct p2p_slice frame = first_frame(frames);
        frames = slice_from(frames, frame.len);
        if (sim_chance_permille(&network->chance, network->options->drop_permille)) {
            continue;
        }
        if (late.len == 0 &&
            sim_chance_permille(&network->chance, network->options->swap_permille)) {
            late = frame;
            continue;
        }
        send_bytes(network, stream, w, frame);
        if (sim_chance_permille(&network->chance, network->options->double_permille)) {
            send_bytes(network, stream, w, frame);
        }
        if (late.len > 0) {
            send_bytes(network, stream, w, late);
            late.len = 0;
        }
    }
    if (late.len > 0) {
        send_bytes(network, stream, w, late);
    }
}

void sim_network_send(struct sim_network *network, struct sim_host *from, uint64_t link,
                      struct p2p_slice frames)
{
    struct stream *stream;
    unsigned w;
    if (find_way(network, from, link, &stream, &w) == NULL || stream->broken) {
        return;
    }
    sim_story_mix(&network->sim->story, frames.data, frames.len);
    for (struct p2p_slice rest = frames; rest.len > 0;) {
        struct p2p_slice frame = first_frame(rest);
        count_frame(network, frame);
        rest = slice_from(rest, frame.len);
    }
    const struct sim_network_options *options = network->options;
    if (from->conduct == SIM_BYZANTINE) {
        send_lies(network, stream, w, frames);
    } else if (!network->calm &&
               options->drop_permille + options->double_permille + options->swap_permille > 0) {
        send_meddled(network, stream, w, frames);
    } else {
        send_bytes(network, stream, w, frames);
    }
}

void sim_network_close(struct sim_network *network, struct sim_host *from, uint64_t link)
{
    struct stream *stream;
    unsigned w;
    if (find_way(network, from, link, &stream, &w) != NULL) {
        stream->refused = true;
        sim_stream_break(network, stream, 1 - w, true);
    }
}
