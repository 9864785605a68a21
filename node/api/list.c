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
    memcpy(list->circles, place->circles, place->circle_count * sizeof(place->circles[0]));
}

/* Where an earlier answer ended; *begin [out] is false then. */
static bool read_after(struct p2p_call *call, const struct p2p_list *list, struct page *page,
                       bool *begin)
{
    const char *text = p2p_call_param(call, "after");
    const char *slash = text != NULL ? strchr(text, '/') : NULL;
    uint64_t walk = 0;
    *begin = text == NULL;
    if (text == NULL) {
        return true;
    }
    if (slash == NULL ||
        p2p_decimal_decode(&walk, p2p_slice_of(text, (size_t)(slash - text))) != P2P_OK ||
        walk >= list->walk_count ||
        !p2p_id_parse(p2p_engine_ledger(list->node->engine), slash + 1, &page->last)) {
        p2p_call_error(call, 400, "bad-after", "give the next of the answer before",
                       "%s is not where a list goes on", text);
        return false;
    }
    page->walk = walk;
    return true;
}

static enum p2p_err add(struct p2p_list *list, struct page *page)
{
    json_t *row = NULL;
    size_t bytes = 0;
    enum p2p_err err = list->row(list, list->circles[page->walk], &page->last, &row, &bytes);
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
            err = list->next(list, list->circles[page->walk], &page->last, begin, &page->last);
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
    char text[P2P_ID_TEXT_BYTES];
    bool begin;
    if (!p2p_call_limit(call, P2P_LIST_ROWS_DEFAULT, P2P_LIST_ROWS_MAX, &page.limit) ||
        !read_after(call, list, &page, &begin)) {
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
    p2p_id_text(p2p_engine_ledger(list->node->engine), &page.last, text);
    p2p_call_reply(
        call, json_pack("{s:o, s:o}", list->name, page.rows, "next",
                        page.full ? json_sprintf("%zu/%s", page.walk, text) : json_null()));
}
