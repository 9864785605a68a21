/* Authority at a place: grants begin above the entry that gave them, and end at cut points. */
#include "charter_state.h"

#include <stdlib.h>
#include <string.h>

static int index_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Whether the cut reaches (feed, index): in its own feed from its index on, unless kept; in
 * later generations of that feed everywhere. */
static bool cut_reaches(const struct charter_fold *fold, const struct cut_row *cut,
                        uint32_t feed, uint64_t index)
{
    if (cut->feed == feed) {
        bool kept = cut->keep_count > 0 && bsearch(&index, cut->keep, cut->keep_count,
                                                   sizeof(index), index_compare) != NULL;
        return index >= cut->index && !kept;
    }
    const struct p2p_feed_info *here = p2p_fold_feed(fold, feed);
    const struct p2p_feed_info *there = p2p_fold_feed(fold, cut->feed);
    return here && there && here->member == there->member &&
           here->generation > there->generation;
}

/* The entry of the last cut of this issuer that reaches the place, plus one; 0 for none. Grants
 * by entries below it do not hold there; one by the entry itself cannot exist. */
static uint64_t cut_above(const struct charter_fold *fold, uint32_t issuer, uint32_t feed,
                          uint64_t index)
{
    const struct cut_row *cuts = fold->cuts.at;
    uint64_t above = 0;
    for (size_t i = 0; i < fold->cuts.count; i++) {
        if (cuts[i].issuer == issuer && cuts[i].entry >= above &&
            cut_reaches(fold, &cuts[i], feed, index)) {
            above = cuts[i].entry + 1;
        }
    }
    return above;
}

enum p2p_cut p2p_charter_cut(const struct p2p_charter *charter, uint32_t issuer_number,
                             uint32_t feed, uint64_t index, uint64_t known_size)
{
    const struct charter_fold *fold = &charter->fold;
    const struct p2p_issuer *issuer = p2p_fold_issuer(fold, issuer_number);
    uint64_t above = cut_above(fold, issuer_number, feed, index);
    if (above == 0) {
        return P2P_CUT_NONE;
    }
    for (size_t i = 0; issuer && i < issuer->grant_count; i++) {
        if (issuer->grants[i].entry >= above && issuer->grants[i].entry < known_size) {
            return P2P_CUT_NONE;
        }
    }
    return P2P_CUT_PAST;
}

size_t p2p_charter_cuts(const struct p2p_charter *charter, uint32_t issuer,
                        struct p2p_charter_cut_point *out, size_t cap)
{
    const struct cut_row *cuts = charter->fold.cuts.at;
    size_t count = 0;
    for (size_t i = 0; i < charter->fold.cuts.count; i++) {
        if (cuts[i].issuer != issuer) {
            continue;
        }
        if (count < cap) {
            out[count] =
                (struct p2p_charter_cut_point){cuts[i].feed, cuts[i].index, cuts[i].entry};
        }
        count++;
    }
    return count;
}

static bool covers(const struct p2p_grant *grant, const char *name, struct p2p_slice scope)
{
    return strcmp(grant->name, name) == 0 &&
           (strcmp(grant->scope, "*") == 0 ||
            p2p_slice_equal(scope, p2p_slice_text(grant->scope)));
}

/* By some entry from `above` on that is known. */
static bool granted(const struct charter_fold *fold, uint32_t issuer_number, const char *name,
                    struct p2p_slice scope, uint32_t feed, uint64_t above, uint64_t known_size)
{
    const struct p2p_issuer *issuer = p2p_fold_issuer(fold, issuer_number);
    const struct p2p_feed_info *place = p2p_fold_feed(fold, feed);
    if (!issuer || !place || place->member != issuer->member) {
        return false;
    }
    for (size_t i = 0; i < issuer->grant_count; i++) {
        const struct p2p_grant *grant = &issuer->grants[i];
        if (grant->entry >= above && grant->entry < known_size && covers(grant, name, scope)) {
            return true;
        }
    }
    return false;
}

bool p2p_charter_granted(const struct p2p_charter *charter, uint32_t issuer_number,
                         const char *name, struct p2p_slice scope, uint32_t feed,
                         uint64_t index, uint64_t known_size)
{
    uint64_t above = cut_above(&charter->fold, issuer_number, feed, index);
    return granted(&charter->fold, issuer_number, name, scope, feed, above, known_size);
}

bool p2p_charter_granted_but_cut(const struct p2p_charter *charter, uint32_t issuer_number,
                                 const char *name, struct p2p_slice scope, uint32_t feed,
                                 uint64_t known_size)
{
    return granted(&charter->fold, issuer_number, name, scope, feed, 0, known_size);
}

size_t p2p_charter_touched(const struct p2p_charter *charter, uint64_t index, uint32_t *out,
                           size_t cap)
{
    const struct touch_row *rows = charter->fold.touches.at;
    size_t low = 0, high = charter->fold.touches.count, count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows[middle].entry < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < charter->fold.touches.count && rows[low].entry == index; low++) {
        if (count < cap) {
            out[count] = rows[low].issuer;
        }
        count++;
    }
    return count;
}
