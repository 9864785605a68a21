#include "list.h"

#include <p2p/text.h>

#include <stdlib.h>
#include <string.h>

struct page {
    json_t *rows;
    size_t limit;
    size_t looked;
    size_t bytes;
    size_t walk;
    struct p2p_record_id last;
    bool full;
};

void p2p_list_everywhere(struct p2p_list *list, struct p2p_node *node)
{
    const struct p2p_gate_place *place = p2p_engine_place(node->engine);
    list->node = node;
    list->walk_count = place->circle_count;
    for (size_t i = 0; i < place->circle_count; i++) {
        list->walks[i] = (struct p2p_list_walk){.circle = place->circles[i]};
    }
}

/* ---- where it goes on ---- */

/* "3/beanr/1:17" or "3.2/beanr/1:17". */
static bool read_cursor(const struct p2p_ledger *ledger, const char *text,
                        struct p2p_list_walk *walk, struct p2p_record_id *last)
{
    uint64_t circle = 0;
    uint64_t epoch = 0;
    size_t len = strcspn(text, "/");
    size_t dot = strcspn(text, "./");
    if (p2p_decimal_decode(&circle, p2p_slice_of(text, dot)) != P2P_OK || circle > UINT32_MAX ||
        (dot < len &&
         (p2p_decimal_decode(&epoch, p2p_slice_of(text + dot + 1, len - dot - 1)) != P2P_OK ||
          epoch > UINT32_MAX)) ||
        text[len] != '/' || !p2p_id_parse(ledger, text + len + 1, last)) {
        return false;
    }
    *walk = (struct p2p_list_walk){(uint32_t)circle, (uint32_t)epoch};
    return true;
}

static bool is_before(const struct p2p_list_walk *a, const struct p2p_list_walk *b)
{
    return a->circle < b->circle || (a->circle == b->circle && a->epoch < b->epoch);
}

bool p2p_list_after(struct p2p_call *call, const struct p2p_node *node,
                    const struct p2p_list_walk *walks, size_t count, size_t *at,
                    struct p2p_record_id *last, bool *begin)
{
    const char *text = p2p_call_param(call, "after");
    struct p2p_list_walk wanted;
    *at = 0;
    *begin = true;
    if (text == NULL) {
        return true;
    }
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    if (!read_cursor(ledger, text, &wanted, last) ||
        wanted.circle > p2p_charter_circle_count(ledger->charter)) {
        p2p_call_error(call, 400, "bad-after", "give the next of the answer before",
                       "%s is not where a list goes on", text);
        return false;
    }
    while (*at < count && is_before(&walks[*at], &wanted)) {
        (*at)++;
    }
    *begin = *at == count || is_before(&wanted, &walks[*at]); /* that circle was left */
    return true;
}

json_t *p2p_list_next(const struct p2p_node *node, const struct p2p_list_walk *walk,
                      const struct p2p_record_id *last)
{
    char text[P2P_ID_TEXT_BYTES];
    p2p_id_text(p2p_engine_ledger(node->engine), last, text);
    return walk->epoch == 0 ? json_sprintf("%u/%s", walk->circle, text)
                            : json_sprintf("%u.%u/%s", walk->circle, walk->epoch, text);
}

static enum p2p_err add(struct p2p_list *list, struct page *page)
{
    json_t *row = NULL;
    size_t bytes = 0;
    enum p2p_err err =
        list->row(list, list->walks[page->walk].circle, &page->last, &row, &bytes);
    page->looked++;
    if (err == P2P_OK && row != NULL) {
        json_array_append_new(page->rows, row);
        page->bytes += bytes;
    }
    page->full = json_array_size(page->rows) >= page->limit ||
                 page->looked >= P2P_LIST_LOOK_MAX || page->bytes >= P2P_LIST_BYTES_MAX;
    return err;
}

/* From `walk` and `last` on, or from the first of all. */
static enum p2p_err fill(struct p2p_list *list, struct page *page, bool begin)
{
    for (; page->walk < list->walk_count; page->walk++) {
        enum p2p_err err = P2P_OK;
        while (!page->full && err == P2P_OK) {
            err = list->next(list, list->walks[page->walk].circle, &page->last, begin,
                             &page->last);
            begin = false;
            if (err == P2P_OK) {
                err = add(list, page);
            }
        }
        if (err != P2P_NOTFOUND) { /* full, or broken */
            return err;
        }
        begin = true;
    }
    return P2P_OK;
}

void p2p_list_reply(struct p2p_call *call, struct p2p_list *list)
{
    struct page page = {0};
    bool begin;
    if (!p2p_call_limit(call, P2P_LIST_ROWS_DEFAULT, P2P_LIST_ROWS_MAX, &page.limit) ||
        !p2p_list_after(call, list->node, list->walks, list->walk_count, &page.walk, &page.last,
                        &begin)) {
        return;
    }
    page.rows = json_array();
    enum p2p_err err = fill(list, &page, begin);
    call->looked = page.looked;
    if (err != P2P_OK) {
        json_decref(page.rows);
        p2p_call_err(call, err, "what is in the store cannot be read");
        return;
    }
    p2p_call_reply(
        call,
        json_pack("{s:o, s:o}", list->name, page.rows, "next",
                  page.full ? p2p_list_next(list->node, &list->walks[page.walk], &page.last)
                            : json_null()));
}
