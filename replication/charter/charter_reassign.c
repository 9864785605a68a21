/* Who is to hold a custody token instead of a holder that is lost, and which of several opens
 * of one container is kept. What that takes is custody's to say (custody.h); the charter says
 * whom it names, in which order. */
#include "charter_state.h"

enum p2p_err p2p_fold_reassign(struct charter_fold *fold, const struct fold_place *place,
                               const struct p2p_op_reassign *op)
{
    uint32_t feed = p2p_fold_name(fold, NAME_FEED, p2p_slice_text(op->feed));
    uint32_t number = p2p_fold_name(fold, NAME_MEMBER, p2p_slice_text(op->member));
    const struct p2p_member *member = p2p_fold_member(fold, number);
    if (feed == P2P_CHARTER_FEED) {
        p2p_reason(place->reason, "there is no feed %s", op->feed);
        return P2P_UNKNOWN;
    }
    if (!member) {
        p2p_reason(place->reason, "%s is not a member", op->member);
        return P2P_UNKNOWN;
    }
    if (member->role == P2P_ROLE_OBSERVER || op->epoch < 2) {
        p2p_reason(place->reason, "an observer holds no custody, and nobody anew at epoch %llu",
                   (unsigned long long)op->epoch);
        return P2P_REFUSED;
    }
    struct p2p_reassign *row = p2p_rows_add(fold->alloc, &fold->reassigns, sizeof(*row));
    if (!row) {
        return P2P_NOMEM;
    }
    *row = (struct p2p_reassign){.token = {feed, op->index},
                                 .epoch = op->epoch,
                                 .member = number,
                                 .entry = place->index};
    return P2P_OK;
}

size_t p2p_charter_reassigns(const struct p2p_charter *charter,
                             const struct p2p_record_id *token, struct p2p_reassign *out,
                             size_t cap)
{
    const struct p2p_reassign *rows = charter->fold.reassigns.at;
    size_t count = 0;
    for (size_t i = 0; i < charter->fold.reassigns.count; i++) {
        if (p2p_record_id_compare(&rows[i].token, token) != 0) {
            continue;
        }
        if (count < cap) {
            out[count] = rows[i];
        }
        count++;
    }
    return count;
}

const struct p2p_reassign *p2p_charter_all_reassigns(const struct p2p_charter *charter,
                                                     size_t *count)
{
    *count = charter->fold.reassigns.count;
    return charter->fold.reassigns.at;
}

/* ---- opens ---- */

static enum p2p_err find_open(const struct charter_fold *fold, const struct fold_place *place,
                              const struct p2p_op_open *open, struct p2p_record_id *out)
{
    uint32_t feed = p2p_fold_name(fold, NAME_FEED, p2p_slice_text(open->feed));
    if (feed == P2P_CHARTER_FEED) {
        p2p_reason(place->reason, "there is no feed %s", open->feed);
        return P2P_UNKNOWN;
    }
    *out = (struct p2p_record_id){feed, open->index};
    return P2P_OK;
}

/* Whether this entry named the token before. */
static bool was_settled(const struct charter_fold *fold, const struct p2p_record_id *token,
                        uint64_t entry)
{
    const struct p2p_settled_open *rows = fold->settled_opens.at;
    for (size_t i = fold->settled_opens.count; i > 0 && rows[i - 1].entry == entry; i--) {
        if (p2p_record_id_compare(&rows[i - 1].token, token) == 0 ||
            p2p_record_id_compare(&rows[i - 1].keep, token) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether an entry before this one named it among those that go. It stays away: who was kept
 * instead may have released the container, or opened it anew, since. */
static bool was_settled_away(const struct charter_fold *fold, const struct p2p_record_id *token,
                             uint64_t entry)
{
    const struct p2p_settled_open *rows = fold->settled_opens.at;
    for (size_t i = 0; i < fold->settled_opens.count && rows[i].entry < entry; i++) {
        if (p2p_record_id_compare(&rows[i].token, token) == 0) {
            return true;
        }
    }
    return false;
}

enum p2p_err p2p_fold_settle_opens(struct charter_fold *fold, const struct fold_place *place,
                                   const struct p2p_op_settle_opens *op)
{
    struct p2p_record_id keep;
    enum p2p_err err = find_open(fold, place, &op->keep, &keep);
    bool twice = err == P2P_OK && was_settled(fold, &keep, place->index);
    if (err == P2P_OK && was_settled_away(fold, &keep, place->index)) {
        p2p_reason(place->reason,
                   "an open that an entry settled away stays away: open it anew");
        return P2P_REFUSED;
    }
    for (uint32_t i = 0; i < op->other_count && err == P2P_OK && !twice; i++) {
        struct p2p_record_id token;
        err = find_open(fold, place, &op->others[i], &token);
        twice = err == P2P_OK && (p2p_record_id_compare(&token, &keep) == 0 ||
                                  was_settled(fold, &token, place->index));
        if (err != P2P_OK || twice) {
            break;
        }
        struct p2p_settled_open *row =
            p2p_rows_add(fold->alloc, &fold->settled_opens, sizeof(*row));
        err = row == NULL ? P2P_NOMEM : P2P_OK;
        if (row != NULL) {
            *row =
                (struct p2p_settled_open){.token = token, .keep = keep, .entry = place->index};
        }
    }
    if (err == P2P_OK && (twice || op->other_count == 0)) {
        p2p_reason(place->reason, "an open is kept or goes, each once, and some go");
        return P2P_REFUSED;
    }
    return err;
}

const struct p2p_settled_open *p2p_charter_settled_opens(const struct p2p_charter *charter,
                                                         size_t *count)
{
    *count = charter->fold.settled_opens.count;
    return charter->fold.settled_opens.at;
}
