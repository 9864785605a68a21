/* Records that are read once in a batch. */
#include "check.h"
#include "ledger/once.h"
#include "right_world.h"

enum { RIGHTS = 3 };

struct fixture {
    struct ledger_world world;
    struct ledger_node node; /* of m3, who is not in the pair's circle */
    struct p2p_record_id rights[RIGHTS];
    struct p2p_record_id accept; /* of all of them, in the pair's circle */
    struct p2p_record_id note;
};

static void begin(struct fixture *f)
{
    static const uint8_t nothing[] = {0x80};
    ledger_world_init(&f->world);
    custody_world_init(&f->world);
    struct p2p_record_id token = custody_world_open(&f->world, 1, CUSTODY_BOX);
    for (size_t i = 0; i < RIGHTS; i++) {
        f->rights[i] = right_world_issue(&f->world, 1, token, PARTY_OF(2));
    }
    f->note = ledger_world_note(&f->world, 2);
    f->accept =
        ledger_world_write(&f->world, 2,
                           (struct p2p_draft){.kind = P2P_KIND_RIGHT_ACCEPT,
                                              .circle = CIRCLE_PAIR,
                                              .issuer = PARTY_OF(2),
                                              .issuer_seq = ++f->world.next_seq[PARTY_OF(2)],
                                              .cites = f->rights,
                                              .cite_count = RIGHTS,
                                              .payload = p2p_slice_of(nothing, 1)},
                           0);
    ledger_node_init(&f->node, &f->world, 3);
    ledger_node_take_all(&f->node);
    ledger_node_begin(&f->node);
}

static void end(struct fixture *f)
{
    ledger_node_end(&f->node);
    ledger_node_deinit(&f->node);
    ledger_world_deinit(&f->world);
}

static struct p2p_entry look(struct fixture *f, const struct p2p_record_id *id)
{
    struct p2p_entry entry;
    CHECK_OK(p2p_once_entry(&f->node.ledger, id, &entry));
    CHECK(p2p_record_id_compare(&entry.id, id) == 0);
    return entry;
}

/* Without this, the fold of each right would read a request about many of them anew, or one
 * would be taken for another. */
static void test_what_cites_many_is_read_once(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    look(&f, &f.accept); /* kept from then on */
    struct p2p_entry first = look(&f, &f.accept);
    struct p2p_entry note = look(&f, &f.note);
    struct p2p_entry again = look(&f, &f.accept);
    CHECK(note.record.kind == P2P_KIND_NOTE);
    CHECK(first.record.leaf.data == again.record.leaf.data);
    CHECK(again.record.kind == P2P_KIND_RIGHT_ACCEPT && again.record.cite_count == RIGHTS);
    CHECK(p2p_cites_before(&again.record, &f.rights[1]) == 1);
    CHECK(p2p_cites_before(&again.record, &f.note) == RIGHTS);
    end(&f);
}

/* Without this, a request whose payload came after it was looked at would count for nothing
 * until the batch ends. */
static void test_payload_comes_later(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    CHECK(look(&f, &f.accept).payload.len == 0);
    CHECK_OK(p2p_ledger_take_payload(&f.node.ledger, &f.accept,
                                     ledger_world_record(&f.world, &f.accept)->salted));
    CHECK(look(&f, &f.accept).payload.len == 1);
    CHECK(look(&f, &f.accept).payload.len == 1);
    end(&f);
}

/* Without this, a record would be told from what was kept of it after it was taken back. */
static void test_taken_back(void **state)
{
    struct fixture f;
    struct p2p_entry entry;
    (void)state;
    begin(&f);
    look(&f, &f.accept);
    const struct p2p_tree_head head = {.size = f.accept.index,
                                       .root = ledger_world_root(&f.world, 2, f.accept.index)};
    CHECK_OK(p2p_ledger_cut(&f.node.ledger, 2, &head));
    CHECK(p2p_once_entry(&f.node.ledger, &f.accept, &entry) == P2P_NOTFOUND);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cites_many_is_read_once),
        cmocka_unit_test(test_payload_comes_later),
        cmocka_unit_test(test_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
