/* What a batch gathers for its caller: frames to send, links to close, traces; and its
 * randomness. */
#include "engine_parts.h"

#include <string.h>

void *p2p_batch_room(struct p2p_engine *engine, void *items, size_t count, size_t *cap,
                     size_t bytes)
{
    if (count < *cap) {
        return items;
    }
    size_t grown_cap = *cap == 0 ? 32 : 2 * *cap;
    void *grown = p2p_arena_take(engine->arena, grown_cap * bytes);
    if (grown == NULL) {
        return NULL;
    }
    if (count > 0) {
        memcpy(grown, items, count * bytes);
    }
    *cap = grown_cap;
    return grown;
}

void p2p_engine_trace(struct p2p_engine *engine, struct p2p_trace trace)
{
    struct p2p_batch_lists *lists = &engine->lists;
    engine->traced[trace.type]++;
    struct p2p_trace *room = p2p_batch_room(engine, lists->traces, lists->trace_count,
                                            &lists->trace_cap, sizeof(*room));
    if (room != NULL) { /* counted above all the same */
        lists->traces = room;
        lists->traces[lists->trace_count++] = trace;
    }
}

void p2p_engine_refuse(struct p2p_engine *engine, uint32_t member, uint32_t feed, uint64_t at,
                       enum p2p_err err)
{
    engine->refused[-(int)err]++;
    p2p_engine_trace(
        engine,
        (struct p2p_trace){
            .type = P2P_TRACE_REFUSED, .err = err, .feed = feed, .member = member, .at = at});
}

void p2p_engine_close_link(struct p2p_engine *engine, struct p2p_peer *peer, enum p2p_err err,
                           const char *text)
{
    struct p2p_batch_lists *lists = &engine->lists;
    struct p2p_close *room;
    if (peer->closing) {
        return;
    }
    peer->closing = true;
    room = p2p_batch_room(engine, lists->closes, lists->close_count, &lists->close_cap,
                          sizeof(*room));
    if (room != NULL) {
        lists->closes = room;
        lists->closes[lists->close_count++] = (struct p2p_close){peer->link, err, text};
    }
}

enum p2p_err p2p_engine_send(struct p2p_engine *engine, struct p2p_peer *peer,
                             struct p2p_slice frames)
{
    struct p2p_batch_lists *lists = &engine->lists;
    if (peer->closing) {
        return P2P_OK;
    }
    if (peer->ahead_bytes + frames.len > P2P_PEER_QUEUE_BYTES_MAX) {
        p2p_engine_refuse(engine, peer->member, 0, 0, P2P_BUSY);
        p2p_engine_close_link(engine, peer, P2P_BUSY, "asks for more than it takes");
        return P2P_OK;
    }
    struct p2p_send *room = p2p_batch_room(engine, lists->sends, lists->send_count,
                                           &lists->send_cap, sizeof(*room));
    struct p2p_slice copy = p2p_arena_copy(engine->arena, frames);
    if (room == NULL || copy.data == NULL) {
        return P2P_NOMEM;
    }
    lists->sends = room;
    lists->sends[lists->send_count++] = (struct p2p_send){peer->link, copy};
    peer->ahead_bytes += frames.len;
    return P2P_OK;
}

void p2p_engine_random(struct p2p_engine *engine, uint8_t out[32])
{
    uint8_t counter[8];
    struct p2p_writer writer;
    p2p_writer_init(&writer, counter, sizeof(counter));
    p2p_writer_u64(&writer, engine->salts++);
    const struct p2p_slice parts[] = {p2p_slice_of(engine->now.seed, sizeof(engine->now.seed)),
                                      p2p_slice_of(counter, sizeof(counter))};
    struct p2p_hash hash = p2p_sha256_many(parts, 2);
    memcpy(out, hash.bytes, 32);
}

void p2p_wake_at(uint64_t *wake_ms, uint64_t at_ms)
{
    if (at_ms < *wake_ms) {
        *wake_ms = at_ms;
    }
}
