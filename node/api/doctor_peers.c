/* The doctor on the others: who is reached, and what came from them or from strangers and was
 * refused. */
#include "doctor.h"

#include <p2p/refusal.h>

#include <stdio.h>
#include <string.h>

static size_t connected_witnesses(const struct p2p_feed_info *info,
                                  const struct p2p_peer_view *peers, size_t count)
{
    size_t connected = 0;
    for (size_t i = 0; i < count; i++) {
        connected += peers[i].state == P2P_PEER_CONNECTED &&
                     p2p_witness_place(info, peers[i].member) >= 0;
    }
    return connected;
}

static void check_witnesses(struct p2p_visit *visit, const struct p2p_peer_view *peers,
                            size_t count)
{
    uint32_t own = p2p_engine_own_feed(visit->node->engine);
    const struct p2p_feed_info *info = p2p_charter_feed(visit->ledger->charter, own);
    if (own == 0 || info == NULL) {
        return;
    }
    uint32_t quorum = p2p_witness_quorum(info->witness_count);
    size_t connected = connected_witnesses(info, peers, count);
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(visit->node->engine, own);
    p2p_doctor_note(
        visit, "witnesses", connected >= quorum,
        "what is appended here stays unwitnessed until more of them are reached",
        "%zu of %u witnesses are reached, %u are needed; witnessed up to %llu of %llu",
        connected, info->witness_count, quorum, (unsigned long long)witnessing->quorum_size,
        (unsigned long long)p2p_ledger_feed(visit->ledger, own)->edge.size);
}

static void check_peers(struct p2p_visit *visit)
{
    size_t count;
    size_t tallies[P2P_PEER_COUNT] = {0};
    const struct p2p_peer_view *peers = p2p_peer_views(visit->call, visit->node, &count);
    if (visit->node->describe_links == NULL) {
        p2p_doctor_note(visit, "peers", true, NULL,
                        "no daemon runs here, so nothing is replicated until port2port serve");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        tallies[peers[i].state]++;
    }
    p2p_doctor_note(visit, "peers", tallies[P2P_PEER_OFFLINE] + tallies[P2P_PEER_REFUSED] == 0,
                    "port2port peers names them and why",
                    "%zu connected, %zu offline, %zu refused, %zu paused",
                    tallies[P2P_PEER_CONNECTED], tallies[P2P_PEER_OFFLINE],
                    tallies[P2P_PEER_REFUSED], tallies[P2P_PEER_PAUSED]);
    check_witnesses(visit, peers, count);
}

/* What peers sent and this node did not take; being late or busy is no fault. */
static bool is_fault(enum p2p_err err)
{
    return err != P2P_OK && err != P2P_GAP && err != P2P_BUSY && err != P2P_NOMEM;
}

static void check_frames(struct p2p_visit *visit)
{
    char list[512] = "";
    uint64_t faults = visit->node->refused_frames;
    if (faults > 0) {
        snprintf(list, sizeof(list), ": %llu frames not well-formed",
                 (unsigned long long)faults);
    }
    for (int i = 1; i < P2P_ERR_COUNT; i++) {
        enum p2p_err err = (enum p2p_err) - i;
        uint64_t count = p2p_engine_refused(visit->node->engine, err);
        if (is_fault(err) && count > 0) {
            size_t len = strlen(list);
            faults += count;
            snprintf(list + len, sizeof(list) - len, "%s %llu %s", len > 0 ? "," : ":",
                     (unsigned long long)count, p2p_err_name(err));
        }
    }
    p2p_doctor_note(visit, "frames", faults == 0,
                    "the log names who sent them; see also /metrics",
                    "%llu of what peers sent was refused since the start%s",
                    (unsigned long long)faults, list);
}

/* Strangers at the door are told, but are nothing to mend here. */
static void check_connections(struct p2p_visit *visit)
{
    char list[512] = "";
    uint64_t total = 0;
    for (unsigned i = 0; i < P2P_REFUSAL_COUNT && i < P2P_REFUSALS_COUNT; i++) {
        uint64_t count = visit->node->refusals[i];
        size_t len = strlen(list);
        if (count > 0) {
            total += count;
            snprintf(list + len, sizeof(list) - len, "%s %llu %s", len > 0 ? "," : ":",
                     (unsigned long long)count, p2p_refusal_name((enum p2p_refusal)i));
        }
    }
    p2p_doctor_note(visit, "connections", true, NULL,
                    "%llu connections were refused since the start%s",
                    (unsigned long long)total, list);
}

void p2p_doctor_peers(struct p2p_visit *visit)
{
    check_peers(visit);
    check_frames(visit);
    check_connections(visit);
}
