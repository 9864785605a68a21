/* The doctor on what lies on disk: the store, its copy, the spool, and whether more may come.
 */
#include "doctor.h"

#include <stdio.h>
#include <string.h>

#define DISK_FREE_BYTES_MIN ((uint64_t)512 << 20)
#define MAP_USED_PERCENT    90u

static void check_store(struct p2p_visit *visit)
{
    struct p2p_store_stat stat;
    const char *reason = p2p_store_read_only_reason(visit->node->store);
    enum p2p_err err = p2p_store_stat(visit->node->store, &stat);
    if (err != P2P_OK) {
        p2p_doctor_note(
            visit, "store", false,
            "restart the node; if it stays, move its directory store away, run charter fetch "
            "and start it: it fetches the rest back from its peers",
            "the store cannot be read: %s", p2p_err_text(err));
        return;
    }
    p2p_doctor_note(visit, "store", reason == NULL,
                    "make room or raise map_size, then restart the node",
                    reason == NULL ? "%llu records in %llu KiB, readable and writable"
                                   : "%llu records in %llu KiB, not writable: %s",
                    (unsigned long long)p2p_records_held(visit->ledger),
                    (unsigned long long)(stat.used_bytes >> 10), reason != NULL ? reason : "");
    bool full = stat.used_bytes > stat.map_bytes / 100 * MAP_USED_PERCENT;
    bool low = stat.disk_free_bytes < DISK_FREE_BYTES_MIN;
    p2p_doctor_note(visit, "disk", !full && !low,
                    full ? "raise map_size in config.yaml and restart"
                         : "make room on the disk",
                    "%llu MiB free on the disk; %llu of at most %llu MiB used",
                    (unsigned long long)(stat.disk_free_bytes >> 20),
                    (unsigned long long)(stat.used_bytes >> 20),
                    (unsigned long long)(stat.map_bytes >> 20));
}

/* What to do about a node that may not append. */
static const char *append_hint(const struct p2p_visit *visit, const char *reason, char *out,
                               size_t cap)
{
    const struct p2p_node *node = visit->node;
    uint32_t wanted = p2p_engine_wants_keys(node->engine);
    if (strcmp(reason, "restored") == 0 || strcmp(reason, "forked") == 0) {
        snprintf(out, cap,
                 "run port2port -C DIR key generation here, and have the roots run port2port "
                 "charter generation FILE with the generation.json it writes; it answers and "
                 "refuses meanwhile");
        return out;
    }
    if (strcmp(reason, "closed") == 0 && wanted != 0) {
        snprintf(out, cap,
                 "if another node of %.64s writes generation %u, stop this one; else put "
                 "feed-%u.key and witness-%u.key into keys/, or run port2port -C DIR key "
                 "generation and have the roots run port2port charter generation FILE%s%.200s",
                 node->config.member, (unsigned)wanted, (unsigned)wanted, (unsigned)wanted,
                 node->renewed_alarm[0] != '\0' ? "; " : "", node->renewed_alarm);
        return out;
    }
    if (strcmp(reason, "closed") == 0) {
        return "connect it with its witnesses: it begins its new generation once they are "
               "heard";
    }
    return strcmp(reason, "damaged") == 0 ? "see damage" : "see the reason in the store check";
}

static void check_appends(struct p2p_visit *visit)
{
    const char *reason = p2p_read_only_reason(visit->node);
    bool admitted = p2p_engine_own_feed(visit->node->engine) != 0;
    char hint[640];
    if (!admitted) {
        p2p_doctor_note(visit, "appends", false, "have the roots admit its join.json",
                        "the charter held here does not name %s", visit->node->config.member);
        return;
    }
    p2p_doctor_note(visit, "appends", reason == NULL,
                    reason != NULL ? append_hint(visit, reason, hint, sizeof(hint)) : "",
                    reason == NULL ? "records of its own are taken%s"
                                   : "nothing is appended: %s",
                    reason != NULL ? reason : "");
}

static void check_witness(struct p2p_visit *visit)
{
    bool lost = p2p_engine_witness_lost(visit->node->engine);
    p2p_doctor_note(
        visit, "witness", !lost,
        "run port2port -C DIR key generation, and have the roots run port2port charter "
        "generation FILE",
        lost ? "an old backup was put back, so its witness key cosigns nothing more"
             : "it cosigns what it is a witness of");
}

static void check_copy(struct p2p_visit *visit)
{
    const struct p2p_node *node = visit->node;
    const struct p2p_feed *own =
        p2p_ledger_feed(visit->ledger, p2p_engine_own_feed(node->engine));
    const struct p2p_copy_point *point = &node->copy_point;
    uint64_t size = own != NULL ? own->edge.size : 0;
    uint64_t commit = p2p_engine_commit_number(node->engine);
    if (node->copy_state != P2P_COPY_OK) {
        p2p_doctor_note(visit, "copy", false, "put the newest copy back, or see appends",
                        "the checkpoint copy %s is %s", node->config.copy,
                        node->copy_state == P2P_COPY_MISSING ? "missing" : "not readable");
        return;
    }
    const struct p2p_feed_info *info =
        p2p_charter_feed(visit->ledger->charter, p2p_engine_own_feed(node->engine));
    bool same = info == NULL || point->generation == info->generation;
    bool ahead = same && (point->size > size || point->commit > commit);
    p2p_doctor_note(visit, "copy", !ahead,
                    "this store is older than the copy: was it restored?",
                    ahead ? "the copy is ahead of the store: it names size %llu, commit %llu"
                          : "the copy names size %llu, commit %llu, and the store is as far",
                    (unsigned long long)point->size, (unsigned long long)point->commit);
}

static void check_spool(struct p2p_visit *visit)
{
    const struct p2p_spool *spool = visit->node->spool;
    size_t count = p2p_spool_count(spool);
    p2p_doctor_note(visit, "spool", count == 0,
                    "they are appended once the node may append again; see appends",
                    count == 0 ? "no decisions wait" : "%zu decisions wait to be appended",
                    count);
    p2p_doctor_note(
        visit, "spool-room", p2p_spool_reserved(spool),
        "make room on its disk, then restart the node",
        p2p_spool_reserved(spool)
            ? "%llu bytes are reserved for decisions, %llu of them in use"
            : "the disk had no room for the %llu bytes of the spool, %llu of them in use",
        (unsigned long long)visit->node->config.spool_bytes,
        (unsigned long long)p2p_spool_bytes(spool));
}

/* What the scrubber found, now and since the start. */
static void check_damage(struct p2p_visit *visit)
{
    const struct p2p_damage *damage = p2p_engine_damage(visit->node->engine);
    char text[P2P_MESSAGE_BYTES];
    if (p2p_damage_text(visit->node, text)) {
        p2p_doctor_note(
            visit, "damage", false,
            "let it reach its peers; if it stays, stop it, move its directory store away, run "
            "charter fetch and start it: it fetches the rest back. Look at the disk",
            "%s", text);
        return;
    }
    p2p_doctor_note(
        visit, "damage", damage->count_found == 0,
        "all of it is repaired; look at the disk before there is more",
        "%llu damaged places were found since the start, %llu are repaired; %llu KiB read "
        "again, %llu times from end to end",
        (unsigned long long)damage->count_found, (unsigned long long)damage->count_repaired,
        (unsigned long long)(damage->scrubbed_bytes >> 10), (unsigned long long)damage->passes);
}

void p2p_doctor_disk(struct p2p_visit *visit)
{
    check_store(visit);
    check_damage(visit);
    check_appends(visit);
    check_witness(visit);
    check_copy(visit);
    check_spool(visit);
}
