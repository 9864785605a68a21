#include "observe.h"

#include "../core/withheld.h"

#define LACKING_MAX 16u

static json_t *member_json(const struct p2p_charter *charter, uint32_t number)
{
    const struct p2p_member *member = p2p_charter_member(charter, number);
    return member == NULL ? json_null() : json_string(member->name);
}

json_t *p2p_spread_row_json(const struct p2p_node *node, const struct p2p_spread_row *row)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    json_t *lacking = json_array();
    for (uint32_t m = 1; m <= row->members && json_array_size(lacking) < LACKING_MAX; m++) {
        if (!p2p_spread_has(row, m)) {
            json_array_append_new(lacking, member_json(ledger->charter, m));
        }
    }
    return json_pack(
        "{s:o, s:s, s:o, s:I, s:I, s:o, s:o, s:o}", "id", p2p_id_json(ledger, &row->id), "what",
        p2p_spread_word(row->kind), "time", p2p_time_json(row->taken_wall_ms), "had",
        (json_int_t)row->had, "of", (json_int_t)row->others, "ms",
        p2p_spread_done(row) ? json_integer((json_int_t)row->last_ms) : json_null(), "slowest",
        member_json(ledger->charter, row->slowest), "lacking", lacking);
}

static void add_row(const struct p2p_node *node, json_t *list, const struct p2p_record_id *id)
{
    const struct p2p_spread_row *row = p2p_spread_find(p2p_engine_spread(node->engine), id);
    if (row != NULL) {
        json_array_append_new(list, p2p_spread_row_json(node, row));
    }
}

json_t *p2p_ban_spread_json(const struct p2p_node *node, const struct p2p_ban *ban)
{
    json_t *list = json_array();
    struct p2p_unpack in;
    add_row(node, list, &ban->id);
    p2p_unpack_init(&in, ban->lifted);
    uint32_t count = ban->lifted.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_record_id id;
        p2p_unpack_array(&in);
        id.feed = p2p_unpack_u32(&in);
        id.index = p2p_unpack_uint(&in);
        add_row(node, list, &id);
    }
    return list;
}

json_t *p2p_spread_json(const struct p2p_node *node)
{
    const struct p2p_spread *spread = p2p_engine_spread(node->engine);
    json_t *newest = json_array();
    for (size_t n = 0; n < P2P_SPREAD_SHOWN; n++) {
        const struct p2p_spread_row *row = p2p_spread_newest(spread, n);
        if (row != NULL) {
            json_array_append_new(newest, p2p_spread_row_json(node, row));
        }
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "done", (json_int_t)spread->done, "open",
                     (json_int_t)spread->open, "dropped", (json_int_t)spread->dropped, "missed",
                     (json_int_t)spread->missed, "newest", newest);
}

json_t *p2p_overrides_json(const struct p2p_node *node)
{
    const struct p2p_spread *spread = p2p_engine_spread(node->engine);
    const struct p2p_spread_row *row;
    json_t *newest = json_array();
    for (size_t n = 0; n < P2P_SPREAD_ROWS_MAX && json_array_size(newest) < P2P_SPREAD_SHOWN &&
                       (row = p2p_spread_newest(spread, n)) != NULL;
         n++) {
        if (row->kind == P2P_KIND_OVERRIDE || row->kind == P2P_KIND_APPROVE) {
            json_array_append_new(newest, p2p_spread_row_json(node, row));
        }
    }
    return json_pack("{s:I, s:o}", "approved", (json_int_t)spread->overrides, "newest", newest);
}

json_t *p2p_withheld_json(struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_withheld *withheld = p2p_node_withheld(node, P2P_WITHHELD_LEAVES);
    if (withheld == NULL) {
        return json_null();
    }
    json_t *circles = json_array();
    for (uint32_t i = 1; i < withheld->circle_count; i++) {
        if (withheld->counts[i] > 0) {
            json_array_append_new(circles,
                                  json_pack("{s:s, s:I}", "circle", p2p_circle_name(ledger, i),
                                            "payloads", (json_int_t)withheld->counts[i]));
        }
    }
    return json_pack("{s:b, s:o}", "counted", withheld->whole, "circles", circles);
}
