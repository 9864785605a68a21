#include "check.h"

#include "right_world.h"

static struct p2p_record_id write(struct ledger_world *world, uint32_t feed, uint32_t kind,
                                  uint32_t issuer, const struct p2p_record_id *cites,
                                  size_t count, struct p2p_slice content)
{
    struct p2p_draft draft = {.kind = kind,
                              .circle = CIRCLE_ALL,
                              .issuer = issuer,
                              .issuer_seq = issuer != 0 ? ++world->next_seq[issuer] : 0,
                              .cites = cites,
                              .cite_count = count};
    if (issuer == 0) {
        draft.content = content;
    } else {
        draft.payload = content;
    }
    return ledger_world_write(world, feed, draft, 0);
}

struct p2p_record_id right_world_issue(struct ledger_world *world, uint32_t member,
                                       struct p2p_record_id token, uint32_t to)
{
    return right_world_issue_of(world, member, token, CUSTODY_BOX, to);
}

struct p2p_record_id right_world_issue_of(struct ledger_world *world, uint32_t member,
                                          struct p2p_record_id token, const char *container,
                                          uint32_t to)
{
    uint8_t room[512];
    struct p2p_pack pack;
    const struct p2p_right_draft draft = {.container = container,
                                          .bl = "MAEU123456789",
                                          .reference = "REL-1",
                                          .terminal = "quay-1",
                                          .to = to,
                                          .expires_ms = RIGHT_EXPIRES_MS};
    ledger_world_seen(world, member);
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_right_issue_pack(&pack, &draft));
    return write(world, member, P2P_KIND_RIGHT_ISSUE, PARTY_OF(member), &token, 1,
                 p2p_pack_slice(&pack));
}

struct p2p_record_id right_world_act(struct ledger_world *world, uint32_t member,
                                     const struct right_act *act)
{
    uint8_t room[1024];
    struct p2p_pack pack;
    struct p2p_subject driver, truck;
    struct p2p_circle_key key = ledger_world_key(CIRCLE_ALL, 1);
    struct p2p_record_id cites[2] = {act->right};
    struct p2p_right_request request = {
        .to = act->to, .slot_from_ms = act->slot_from_ms, .slot_until_ms = act->slot_until_ms};
    if (act->kind == P2P_KIND_RIGHT_LIGHT) {
        request.light = p2p_light_word(act->light);
        request.value = p2p_light_value(act->light, act->value);
    }
    if (act->kind == P2P_KIND_OVERRIDE) {
        request.container = act->container != NULL ? act->container : CUSTODY_BOX;
        request.reason = "a reason";
    }
    if (act->driver != NULL) {
        CHECK_OK(p2p_subject_parse(&driver, p2p_slice_text(act->driver)));
        request.driver = &driver;
    }
    if (act->truck != NULL) {
        CHECK_OK(p2p_subject_parse(&truck, p2p_slice_text(act->truck)));
        request.truck = &truck;
    }
    if (act->about != NULL) {
        cites[1] = *act->about;
    }
    if (!act->no_seen) {
        ledger_world_seen(world, member);
    }
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_right_request_pack(&pack, &request, &key, 1));
    return write(world, member, act->kind, act->issuer != 0 ? act->issuer : PARTY_OF(member),
                 cites, act->about != NULL ? 2 : 1, p2p_pack_slice(&pack));
}

struct p2p_record_id right_world_rule(struct ledger_world *world, uint32_t feed,
                                      const struct p2p_record_id *requests, size_t count,
                                      uint64_t epoch, uint32_t rests)
{
    static char note[P2P_CUSTODY_NOTE_BYTES];
    static uint8_t room[P2P_CUSTODY_NOTE_BYTES + 256];
    struct p2p_slice notes[1];
    struct p2p_pack pack;
    struct p2p_custody_step step = {.epoch = epoch, .rests = notes};
    ledger_world_seen(world, feed);
    if (rests != 0) {
        uint32_t all = 0x1eu & ~(1u << custody_world_member(world, rests));
        size_t len = ledger_world_checkpoint(world, rests, ledger_world_size(world, rests), all,
                                             note, sizeof(note));
        notes[0] = p2p_slice_of(note, len);
        step.rests_count = 1;
    }
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_custody_step_pack(&pack, &step));
    return write(world, feed, P2P_KIND_RULED, 0, requests, count, p2p_pack_slice(&pack));
}

struct p2p_record_id right_world_use(struct ledger_world *world, uint32_t feed,
                                     struct p2p_record_id token, struct p2p_record_id right,
                                     uint64_t epoch)
{
    return custody_world_act(
        world, feed,
        &(struct custody_act){
            .kind = P2P_KIND_USE, .token = token, .about = &right, .epoch = epoch});
}

struct p2p_right right_of(struct ledger_node *node, struct p2p_record_id right)
{
    static uint8_t rooms[RIGHTS_LENT][4096];
    static unsigned turn;
    uint8_t key[P2P_ID_KEY_BYTES];
    uint8_t *room = rooms[turn++ % RIGHTS_LENT];
    struct p2p_right out;
    struct p2p_slice value;
    const struct p2p_kv *kv = node->kv != NULL ? node->kv : memory_kv_begin(node->store);
    CHECK_OK(p2p_view_get(kv, P2P_VIEW_RIGHTS, CIRCLE_ALL, p2p_id_key(key, &right), &value));
    CHECK(value.len <= sizeof(rooms[0]));
    memcpy(room, value.data, value.len);
    CHECK_OK(p2p_right_decode(&out, &right, CIRCLE_ALL, p2p_slice_of(room, value.len)));
    if (node->kv == NULL) {
        memory_kv_abort(node->store);
    }
    return out;
}
