/* Issuers' numbers, counted once more from the leaves alone: what comes under a number that is
 * not above every earlier one of that issuer has no effect. */
#include "watch.h"

#include <p2p/assert.h>

#include <stdlib.h>

static bool signed_well(struct sim_watcher *watcher, const struct p2p_feed_info *info,
                        const struct p2p_record *record)
{
    static uint8_t message[P2P_SIGNED_BYTES_MAX];
    const struct p2p_sigs *sigs = watcher->sim->federation.sigs;
    const struct p2p_issuer *issuer =
        p2p_charter_issuer(watch_charter(watcher), record->issuer);
    if (issuer == NULL || issuer->member != info->member || record->signature == NULL) {
        return false;
    }
    size_t len =
        p2p_record_signed_bytes(message, p2p_record_head(record), p2p_slice_text(info->origin));
    return sigs->verify(sigs->context, issuer->key.bytes, record->signature,
                        p2p_slice_of(message, len));
}

static void check_number(struct sim_watcher *watcher, const struct watch_machine *machine,
                         const struct p2p_record *record, const struct p2p_record_id *id)
{
    struct p2p_ban ban;
    if (p2p_ban_get(machine->kv, record->circle, id, &ban) == P2P_OK &&
        ban.why == P2P_WHY_NONE) {
        sim_violate(
            watcher->sim, SIM_INVARIANT_SETTLED,
            "at %s the ban %s record %llu has effect under a number that its issuer had "
            "used before",
            machine->name, watch_feed_name(watcher, id->feed), (unsigned long long)id->index);
    }
}

void watch_settle_numbers(struct sim_watcher *watcher, struct watch_machine *machine)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    size_t issuers = p2p_charter_issuer_count(charter) + 1u;
    uint64_t *highest = calloc(issuers, sizeof(*highest));
    p2p_assert(highest != NULL);
    for (uint32_t f = 1; f < p2p_charter_feed_count(charter); f++) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, f);
        struct p2p_feed feed;
        struct p2p_feed_walk walk;
        struct p2p_slice leaf;
        p2p_feed_init(&feed, f);
        if (info == NULL || p2p_feed_load(&feed, machine->kv) != P2P_OK) {
            continue;
        }
        p2p_feed_walk_begin(&walk, &feed, machine->kv, 0);
        for (uint64_t i = 0; p2p_feed_walk_next(&walk, &leaf) == P2P_OK; i++) {
            struct p2p_record record;
            const struct p2p_record_id id = {f, i};
            if (p2p_record_peek(&record, leaf) != P2P_OK || record.issuer == 0 ||
                record.issuer >= issuers || !signed_well(watcher, info, &record)) {
                continue;
            }
            if (record.issuer_seq > highest[record.issuer]) {
                highest[record.issuer] = record.issuer_seq;
            } else {
                check_number(watcher, machine, &record, &id);
            }
        }
        for (size_t i = 0; i < issuers; i++) {
            highest[i] = 0; /* numbers count within one generation of one feed */
        }
    }
    free(highest);
}
