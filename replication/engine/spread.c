#include <p2p/spread.h>

#include <p2p/kind.h>

#include <string.h>

#define ROWS_AT_FIRST 32u

const char *p2p_spread_word(uint32_t kind)
{
    switch (kind) {
    case P2P_KIND_BAN_IMPOSE:
        return "imposed";
    case P2P_KIND_BAN_AMEND:
        return "amended";
    case P2P_KIND_BAN_SUSPEND:
        return "suspended";
    case P2P_KIND_BAN_RESUME:
        return "resumed";
    case P2P_KIND_BAN_LIFT:
        return "lifted";
    case P2P_KIND_OVERRIDE:
        return "override asked for";
    case P2P_KIND_APPROVE:
        return "override approved";
    default:
        return "";
    }
}

void p2p_spread_deinit(struct p2p_spread *spread, const struct p2p_alloc *alloc)
{
    p2p_alloc_free(alloc, spread->rows);
    *spread = (struct p2p_spread){.rows = NULL};
}

static size_t held(const struct p2p_spread *spread)
{
    return spread->taken < spread->cap ? (size_t)spread->taken : spread->cap;
}

/* A row taken back, or never used, has no kind. */
static bool is_open(const struct p2p_spread_row *row)
{
    return row->kind != 0 && !p2p_spread_done(row);
}

/* The ring doubles as long as it has never gone round, so every row keeps its place. */
static bool make_room(struct p2p_spread *spread, const struct p2p_alloc *alloc)
{
    if (spread->taken != spread->cap || spread->cap == P2P_SPREAD_ROWS_MAX) {
        return true;
    }
    size_t cap = spread->cap == 0 ? ROWS_AT_FIRST : 2 * spread->cap;
    struct p2p_spread_row *grown = p2p_alloc_resize(alloc, spread->rows, cap, sizeof(*grown));
    if (grown == NULL) {
        return spread->cap > 0; /* the oldest gives way earlier */
    }
    memset(grown + spread->cap, 0, (cap - spread->cap) * sizeof(*grown));
    spread->rows = grown;
    spread->cap = cap;
    return true;
}

static void close_row(struct p2p_spread *spread, struct p2p_spread_row *row)
{
    uint64_t ms = row->last_ms;
    static const uint64_t bounds[P2P_SPREAD_BUCKETS] = {
#define SPREAD_BOUND(bound, label) bound,
        P2P_SPREAD_BUCKET_MAP(SPREAD_BOUND)
#undef SPREAD_BOUND
    };
    spread->open--;
    spread->done++;
    spread->untold++;
    spread->done_ms += ms;
    for (unsigned i = 0; i < P2P_SPREAD_BUCKETS; i++) {
        if (ms <= bounds[i]) {
            spread->buckets[i]++;
            return;
        }
    }
}

static void mark(struct p2p_spread *spread, struct p2p_spread_row *row, uint32_t member)
{
    uint8_t bit = (uint8_t)(1u << (member % 8));
    if ((row->has[member / 8] & bit) != 0) {
        return;
    }
    row->has[member / 8] |= bit;
    row->had++;
    if (p2p_spread_done(row)) {
        close_row(spread, row);
    }
}

void p2p_spread_take(struct p2p_spread *spread, const struct p2p_alloc *alloc,
                     const struct p2p_spread_taken *taken)
{
    spread->overrides += taken->kind == P2P_KIND_APPROVE;
    if (taken->members >= P2P_SPREAD_MEMBERS_MAX || taken->self == 0 ||
        !make_room(spread, alloc)) {
        spread->missed++;
        return;
    }
    struct p2p_spread_row *row = &spread->rows[spread->taken % spread->cap];
    if (is_open(row)) {
        spread->open--;
        spread->dropped++;
    }
    *row = (struct p2p_spread_row){.id = taken->id,
                                   .kind = taken->kind,
                                   .members = taken->members,
                                   .others = taken->members - 1,
                                   .taken_mono_ms = taken->mono_ms,
                                   .taken_wall_ms = taken->wall_ms};
    spread->taken++;
    spread->open++;
    row->has[taken->self / 8] |= (uint8_t)(1u << (taken->self % 8)); /* not counted */
    if (row->others == 0) {
        close_row(spread, row);
    } else if (taken->owner != taken->self) {
        mark(spread, row, taken->owner);
    }
}

void p2p_spread_show(struct p2p_spread *spread, uint32_t feed, uint32_t member, uint64_t size,
                     uint64_t mono_ms)
{
    for (size_t i = 0; i < held(spread) && spread->open > 0; i++) {
        struct p2p_spread_row *row = &spread->rows[i];
        if (row->id.feed == feed && row->id.index < size && is_open(row) &&
            member <= row->members && !p2p_spread_has(row, member)) {
            row->slowest = member;
            row->last_ms = mono_ms - row->taken_mono_ms;
            mark(spread, row, member);
        }
    }
}

void p2p_spread_cut(struct p2p_spread *spread, uint32_t feed, uint64_t size)
{
    for (size_t i = 0; i < held(spread); i++) {
        struct p2p_spread_row *row = &spread->rows[i];
        if (row->kind != 0 && row->id.feed == feed && row->id.index >= size) {
            if (is_open(row)) {
                spread->open--;
                spread->dropped++;
            }
            row->kind = 0;
        }
    }
}

const struct p2p_spread_row *p2p_spread_open(const struct p2p_spread *spread, size_t *at)
{
    while (*at < held(spread) && spread->open > 0) {
        const struct p2p_spread_row *row = &spread->rows[(*at)++];
        if (is_open(row)) {
            return row;
        }
    }
    return NULL;
}

const struct p2p_spread_row *p2p_spread_tell(struct p2p_spread *spread, size_t *at)
{
    while (*at < held(spread) && spread->untold > 0) {
        struct p2p_spread_row *row = &spread->rows[(*at)++];
        if (row->kind != 0 && p2p_spread_done(row) && !row->told) {
            row->told = true;
            spread->untold--;
            return row;
        }
    }
    spread->untold = 0; /* whatever gave way before it was told */
    return NULL;
}

const struct p2p_spread_row *p2p_spread_newest(const struct p2p_spread *spread, size_t n)
{
    for (size_t back = 1; back <= held(spread); back++) {
        const struct p2p_spread_row *row = &spread->rows[(spread->taken - back) % spread->cap];
        if (row->kind != 0 && n-- == 0) {
            return row;
        }
    }
    return NULL;
}

const struct p2p_spread_row *p2p_spread_find(const struct p2p_spread *spread,
                                             const struct p2p_record_id *id)
{
    for (size_t i = 0; i < held(spread); i++) {
        const struct p2p_spread_row *row = &spread->rows[i];
        if (row->kind != 0 && row->id.feed == id->feed && row->id.index == id->index) {
            return row;
        }
    }
    return NULL;
}

bool p2p_spread_has(const struct p2p_spread_row *row, uint32_t member)
{
    return member < P2P_SPREAD_MEMBERS_MAX && (row->has[member / 8] >> (member % 8) & 1) != 0;
}
