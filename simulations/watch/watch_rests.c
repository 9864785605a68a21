/* What steps of custody rest on: of each token that some machine shows, the steps by which it
 * passed on carry a note of as many witnesses as make a quorum.
 *
 * Signatures are not looked at, only how many there are; the quorum is that of the fewest
 * witnesses the feed ever had. A note that is too short beyond doubt is found so. */
#include "watch.h"

#include <p2p/custody.h>

#include <string.h>

#define SIGNATURE_LINE "\xe2\x80\x94 " /* an em dash, as signed notes have it */

/* Signatures on a note but the first, which is the feed's own. */
static uint32_t count_witnesses(struct p2p_slice note)
{
    const size_t prefix = sizeof(SIGNATURE_LINE) - 1;
    uint32_t lines = 0;
    for (size_t i = 1; i + prefix <= note.len; i++) {
        lines += note.data[i - 1] == '\n' && memcmp(note.data + i, SIGNATURE_LINE, prefix) == 0;
    }
    return lines > 0 ? lines - 1 : 0;
}

/* The most witnesses on one of the notes that a record carries. */
static uint32_t most_witnesses(const struct p2p_record *record)
{
    struct p2p_unpack in;
    uint32_t most = 0;
    if (!p2p_unpack_find(record->content, "rests", &in)) {
        return 0;
    }
    for (uint32_t left = p2p_unpack_array(&in); left > 0 && !p2p_unpack_failed(&in); left--) {
        uint32_t witnesses = count_witnesses(p2p_unpack_bin(&in));
        most = witnesses > most ? witnesses : most;
    }
    return most;
}

/* A step of that kind by which a token stands as it does; of: the feed it has to rest on. */
static void look_at_step(struct sim_watcher *watcher, const struct watch_machine *machine,
                         const struct p2p_record_id *step, uint32_t kind, uint32_t of)
{
    struct p2p_record record;
    if (of == 0 || of >= watcher->feed_count || !watcher->feeds[of].counted ||
        !watch_record_at(machine, step->feed, step->index, kind, &record)) {
        return;
    }
    uint32_t witnesses = most_witnesses(&record);
    if (witnesses < p2p_witness_quorum(watcher->feeds[of].fewest)) {
        sim_violate(watcher->sim, SIM_INVARIANT_RESTS,
                    "%s counts the step of %s record %llu, which rests on %u witnesses of %s",
                    machine->name, watch_feed_name(watcher, step->feed),
                    (unsigned long long)step->index, witnesses, watch_feed_name(watcher, of));
    }
}

static void look_at(struct sim_watcher *watcher, const struct watch_machine *machine,
                    const struct p2p_custody *custody)
{
    for (size_t i = 1; i < custody->tenure_count; i++) {
        const struct p2p_tenure *tenure = &custody->tenures[i];
        const struct p2p_record_id by = {tenure->feed, tenure->from};
        look_at_step(watcher, machine, &by, P2P_KIND_CUSTODY_ACCEPT,
                     custody->tenures[i - 1].feed);
    }
    if (custody->tenure_count > 0) {
        uint32_t of = custody->tenures[custody->tenure_count - 1].rests_feed;
        look_at_step(watcher, machine, &custody->step, P2P_KIND_CUSTODY_OFFER, of);
        look_at_step(watcher, machine, &custody->step, P2P_KIND_USE, of);
    }
}

void watch_rests(struct sim_watcher *watcher, const struct watch_machine *machine)
{
    if (machine->may_be_hurt || watcher->sim->federation.rival_count > 0) {
        return; /* the other head of the charter may name other witnesses */
    }
    for (uint32_t circle = 1; circle <= p2p_charter_circle_count(watch_charter(watcher));
         circle++) {
        struct p2p_record_id id = {0, 0};
        struct p2p_custody custody;
        for (bool begin = true;
             p2p_custody_next(machine->kv, circle, &id, begin, &custody) == P2P_OK;
             begin = false) {
            id = custody.id;
            if (watch_is_honest_chain(watcher, &custody)) {
                look_at(watcher, machine, &custody);
            }
        }
    }
}
