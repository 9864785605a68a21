/* Bounds: what one batch may hand to one link, whoever is at its other end. */
#include "watch.h"

#define PEER_BYTES_MAX (4u << 20)

void watch_bounds(struct sim_watcher *watcher, const struct watch_machine *machine,
                  const struct p2p_actions *actions)
{
    size_t all = 0;
    for (size_t i = 0; i < actions->send_count; i++) {
        all += actions->sends[i].bytes.len;
    }
    if (all <= PEER_BYTES_MAX) {
        return; /* then no link has more */
    }
    for (size_t i = 0; i < actions->send_count; i++) {
        size_t bytes = 0;
        for (size_t n = 0; n < actions->send_count; n++) {
            if (actions->sends[n].link == actions->sends[i].link) {
                bytes += actions->sends[n].bytes.len;
            }
        }
        if (bytes > PEER_BYTES_MAX) {
            sim_violate(watcher->sim, SIM_INVARIANT_BOUNDED,
                        "%s hands %zu bytes to one link in one batch", machine->name, bytes);
            return;
        }
    }
}
