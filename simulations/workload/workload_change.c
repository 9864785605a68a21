/* What changes in a charter, change by change. */
#include "workload_task.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

#define CUT_BACK_MAX  20u /* records between a cut and the checkpoint that goes with it */
#define KEEP_MAX      2u
#define MEMBERS_DRAWN 64u
#define LEASE_S_MAX   (30u * 86400u) /* as the charter bounds it */

static struct sim_federation *federation_of(const struct sim_change_draft *change)
{
    return &change->workload->sim->federation;
}

/* Of those admitted, observers left out if asked; 0 when there is none. */
static uint32_t draw_member(const struct sim_change_draft *change, bool issuers)
{
    const struct sim_federation *federation = federation_of(change);
    uint64_t first = sim_chance_below(change->chance, federation->member_count);
    for (uint32_t step = 0; step < federation->member_count; step++) {
        uint32_t index = (uint32_t)((first + step) % federation->member_count) + 1;
        const struct sim_member *member = &federation->members[index];
        if (member->admitted && (!issuers || member->role != P2P_ROLE_OBSERVER)) {
            return index;
        }
    }
    return 0;
}

static uint32_t index_of(const struct sim_federation *federation, uint32_t number)
{
    const struct p2p_member *known = p2p_charter_member(federation->charter, number);
    for (uint32_t i = 1; known != NULL && i <= federation->member_count; i++) {
        if (strcmp(federation->members[i].name, known->name) == 0) {
            return i;
        }
    }
    return 0;
}

/* The feed of a member as ops name it, and what the charter says of it. */
static const char *feed_of(const struct sim_federation *federation, uint32_t index,
                           const struct p2p_feed_info **info)
{
    const struct p2p_member *known = p2p_charter_member_named(
        federation->charter, p2p_slice_text(federation->members[index].name));
    *info = known == NULL ? NULL : p2p_charter_feed(federation->charter, known->feed);
    return *info == NULL ? NULL : (*info)->origin + strlen(federation->name) + 1;
}

/* ---- officers ---- */

/* To an officer there is, also to one whose grants were cut. */
static bool more_grants(struct sim_change_draft *change)
{
    struct sim_federation *federation = federation_of(change);
    uint32_t index = draw_member(change, true);
    if (index == 0 || federation->members[index].officer_count == 0) {
        return false;
    }
    const struct sim_member *member = &federation->members[index];
    change->member = index;
    change->officer = member->officers[sim_chance_below(change->chance, member->officer_count)];
    change->officer.revoked = false;
    sim_draft_officer(federation, &change->draft, index, &change->officer);
    return true;
}

/* Where there are as many as there may be, more for one of them. */
static bool new_officer(struct sim_change_draft *change)
{
    struct sim_federation *federation = federation_of(change);
    uint32_t index = draw_member(change, true);
    if (index == 0 || federation->members[index].officer_count == SIM_OFFICERS_MAX) {
        change->change = SIM_CHANGE_GRANT;
        return more_grants(change);
    }
    change->member = index;
    change->officer =
        sim_officer_of(federation, index, (uint32_t)federation->members[index].officer_count);
    sim_draft_officer(federation, &change->draft, index, &change->officer);
    return true;
}

static bool note_size(struct p2p_slice bytes, uint64_t *size)
{
    struct p2p_note note;
    struct p2p_checkpoint checkpoint;
    if (bytes.len == 0 || p2p_note_parse(&note, bytes) != P2P_OK ||
        p2p_checkpoint_parse(&checkpoint, note.text, false) != P2P_OK) {
        return false;
    }
    *size = checkpoint.size;
    return true;
}

static bool revoke(struct sim_change_draft *change)
{
    struct sim_federation *federation = federation_of(change);
    const struct sim_member *member = &federation->members[change->member];
    const struct p2p_feed_info *info;
    uint64_t keep[KEEP_MAX];
    uint64_t size;
    if (change->member == 0 || member->officer_count == 0 || !note_size(change->note, &size)) {
        return false;
    }
    change->officer = member->officers[sim_chance_below(change->chance, member->officer_count)];
    if (change->officer.revoked) {
        return false;
    }
    change->officer.revoked = true;
    uint64_t back = sim_chance_below(change->chance, CUT_BACK_MAX + 1);
    struct p2p_op_revoke op = {.issuer = change->officer.name,
                               .feed = feed_of(federation, change->member, &info),
                               .index = back < size ? size - back : 0,
                               .keep = keep,
                               .note = change->note};
    for (uint64_t at = op.index; at < size && op.keep_count < KEEP_MAX; at++) {
        if (sim_chance_permille(change->chance, 100)) {
            keep[op.keep_count++] = at;
        }
    }
    const struct p2p_charter_op any = {.type = P2P_OP_REVOKE, .revoke = op};
    sim_draft_op(&change->draft, &any);
    return true;
}

/* ---- circles ---- */

static const char *draw_circle(const struct sim_change_draft *change, bool everybody)
{
    static const char *const names[] = {"police", "coast", "all"};
    return names[sim_chance_below(change->chance, everybody ? 3 : 2)];
}

static bool circle_join(struct sim_change_draft *change)
{
    const struct sim_federation *federation = federation_of(change);
    const char *name = draw_circle(change, true);
    uint32_t index = draw_member(change, false);
    const struct p2p_circle *circle =
        p2p_charter_circle_named(federation->charter, p2p_slice_text(name));
    const struct p2p_member *known = p2p_charter_member_named(
        federation->charter, p2p_slice_text(federation->members[index].name));
    if (circle == NULL || known == NULL || p2p_circle_has(circle, known->number)) {
        return false;
    }
    const struct sim_circle_change joins = {.circle = name,
                                            .first_epoch = 1,
                                            .last_epoch = (uint32_t)circle->epoch_count,
                                            .members = &index,
                                            .member_count = 1};
    sim_draft_circle(federation, &change->draft, &joins);
    return true;
}

/* A new epoch for all but one, or for all. */
static bool circle_epoch(struct sim_change_draft *change, bool one_leaves)
{
    const struct sim_federation *federation = federation_of(change);
    const char *name = draw_circle(change, !one_leaves);
    const struct p2p_circle *circle =
        p2p_charter_circle_named(federation->charter, p2p_slice_text(name));
    uint32_t members[MEMBERS_DRAWN];
    uint32_t gone = 0;
    size_t count = 0;
    if (circle == NULL || circle->member_count > MEMBERS_DRAWN || circle->member_count < 2) {
        return false;
    }
    uint64_t leaver = sim_chance_below(change->chance, circle->member_count);
    for (size_t i = 0; i < circle->member_count; i++) {
        uint32_t index = index_of(federation, circle->members[i]);
        if (one_leaves && i == leaver) {
            gone = index;
        } else {
            members[count++] = index;
        }
    }
    const struct sim_circle_change epoch = {.circle = name,
                                            .first_epoch = (uint32_t)circle->epoch_count + 1,
                                            .last_epoch = (uint32_t)circle->epoch_count + 1,
                                            .members = members,
                                            .member_count = count,
                                            .removed = &gone,
                                            .removed_count = one_leaves ? 1 : 0};
    sim_draft_circle(federation, &change->draft, &epoch);
    return true;
}

/* ---- witnesses, policy, members ---- */

static bool is_witness(const struct p2p_feed_info *info, uint32_t number)
{
    for (uint32_t i = 0; i < info->witness_count; i++) {
        if (p2p_witness_member(info->witnesses[i]) == number) {
            return true;
        }
    }
    return false;
}

/* Somebody who is not one yet, or NULL. */
static const char *new_witness(const struct sim_change_draft *change,
                               const struct p2p_feed_info *info)
{
    const struct p2p_charter *charter = federation_of(change)->charter;
    uint32_t count = p2p_charter_member_count(charter);
    uint64_t first = sim_chance_below(change->chance, count);
    for (uint32_t step = 0; step < count; step++) {
        uint32_t number = (uint32_t)((first + step) % count) + 1;
        if (number != info->member && !is_witness(info, number)) {
            return p2p_charter_member(charter, number)->name;
        }
    }
    return NULL;
}

/* One less must still bear as many liars as the run may have. */
static bool may_go(const struct sim_change_draft *change, const struct p2p_feed_info *info)
{
    const struct sim_options *options = &change->workload->sim->options;
    uint32_t faults = p2p_witness_faults(options->witnesses);
    uint32_t liars = options->adversary.liars < faults ? options->adversary.liars : faults;
    return info->witness_count > 1 && p2p_witness_faults(info->witness_count - 1) >= liars;
}

/* One more, one less, or one for another. */
static bool witness(struct sim_change_draft *change)
{
    const struct sim_federation *federation = federation_of(change);
    const struct p2p_feed_info *info = NULL;
    uint32_t index = draw_member(change, false);
    struct p2p_op_witness op = {.feed = feed_of(federation, index, &info)};
    if (info == NULL) {
        return false;
    }
    op.add = info->witness_count < P2P_WITNESSES_MAX ? new_witness(change, info) : NULL;
    bool leaves =
        op.add != NULL ? sim_chance_permille(change->chance, 500) : may_go(change, info);
    if (info->witness_count > 0 && leaves) {
        uint64_t gone = sim_chance_below(change->chance, info->witness_count);
        op.remove =
            p2p_charter_member(federation->charter, p2p_witness_member(info->witnesses[gone]))
                ->name;
    }
    if (op.add == NULL && op.remove == NULL) {
        return false;
    }
    const struct p2p_charter_op any = {.type = P2P_OP_WITNESS, .witness = op};
    sim_draft_op(&change->draft, &any);
    return true;
}

/* Never a shorter lease: a holder who is lost may go by the longer one (WIRE.md section 19). */
static void policy(struct sim_change_draft *change)
{
    uint32_t now_s = p2p_charter_policy(federation_of(change)->charter)->lease_s;
    uint64_t lease_s = now_s < LEASE_S_MAX / 2 ? now_s : LEASE_S_MAX / 2;
    const struct p2p_charter_op any = {
        .type = P2P_OP_POLICY,
        .policy = {
            .lease_s = (uint32_t)sim_chance_between(change->chance, lease_s, 2 * lease_s),
            .heartbeat_s = (uint32_t)sim_chance_between(change->chance, 30, 90),
            .fresh_cosignature_s = (uint32_t)sim_chance_between(change->chance, 600, 1200),
            .clock_skew_s = (uint32_t)sim_chance_between(change->chance, 200, 400)}};
    sim_draft_op(&change->draft, &any);
}

/* Whoever holds it is lost, the roots are told, or in the way. */
static bool reassign(struct sim_change_draft *change)
{
    if (change->reassign == NULL) {
        return false;
    }
    const struct p2p_charter_op any = {.type = P2P_OP_REASSIGN, .reassign = *change->reassign};
    sim_draft_op(&change->draft, &any);
    return true;
}

static bool new_member(struct sim_change_draft *change)
{
    struct sim_federation *federation = federation_of(change);
    const struct p2p_circle *all =
        p2p_charter_circle_named(federation->charter, p2p_slice_text("all"));
    uint32_t index = 1;
    while (index <= federation->member_count && federation->members[index].admitted) {
        index++;
    }
    if (index > federation->member_count || all == NULL) {
        return false;
    }
    const struct sim_circle_change joins = {.circle = "all",
                                            .first_epoch = 1,
                                            .last_epoch = (uint32_t)all->epoch_count,
                                            .members = &index,
                                            .member_count = 1};
    sim_draft_admit(federation, &change->draft, index,
                    change->workload->sim->options.witnesses);
    sim_draft_officers(federation, &change->draft, index);
    sim_draft_circle(federation, &change->draft, &joins);
    return true;
}

/* ---- all ---- */

bool sim_change_draw(struct sim_change_draft *change)
{
    switch (change->change) {
    case SIM_CHANGE_OFFICER:
        return new_officer(change);
    case SIM_CHANGE_GRANT:
        return more_grants(change);
    case SIM_CHANGE_REVOKE:
        return revoke(change);
    case SIM_CHANGE_ROTATE:
        sim_draft_rotate(federation_of(change), &change->draft);
        return true;
    case SIM_CHANGE_CIRCLE_JOIN:
        return circle_join(change);
    case SIM_CHANGE_CIRCLE_LEAVE:
        return circle_epoch(change, true);
    case SIM_CHANGE_CIRCLE_EPOCH:
        return circle_epoch(change, false);
    case SIM_CHANGE_WITNESS:
        return witness(change);
    case SIM_CHANGE_POLICY:
        policy(change);
        return true;
    case SIM_CHANGE_REASSIGN:
        return reassign(change);
    case SIM_CHANGE_MEMBER:
        if (new_member(change)) {
            return true;
        }
        change->change = SIM_CHANGE_OFFICER; /* everybody is in already */
        return new_officer(change);
    case SIM_CHANGE_COUNT:
        break;
    }
    return false;
}

void sim_change_follow(struct sim_change_draft *change)
{
    struct sim_member *member = &federation_of(change)->members[change->member];
    if (change->member == 0 || change->officer.name[0] == '\0') {
        return;
    }
    for (size_t i = 0; i < member->officer_count; i++) {
        if (strcmp(member->officers[i].name, change->officer.name) == 0) {
            member->officers[i] = change->officer;
            return;
        }
    }
    p2p_assert(member->officer_count < SIM_OFFICERS_MAX);
    member->officers[member->officer_count++] = change->officer;
}
