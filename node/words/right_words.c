/* Release rights as documents: where a right stands, what is in its way, who may act on it. */
#include <p2p/words.h>

#include <string.h>

static json_t *ids_json(const struct p2p_ledger *ledger, const struct p2p_record_id *ids,
                        size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, p2p_id_json(ledger, &ids[i]));
    }
    return list;
}

static json_t *id_or_null(const struct p2p_ledger *ledger, const struct p2p_record_id *id)
{
    return id->feed == 0 ? json_null() : p2p_id_json(ledger, id);
}

static json_t *subject_json(const struct p2p_ledger *ledger, const struct p2p_right *right,
                            struct p2p_slice packed)
{
    char text[P2P_SUBJECT_BYTES_MAX + 64];
    struct p2p_unpack in;
    p2p_unpack_init(&in, packed);
    return packed.len > 0 && p2p_subject_print(&in, p2p_circle_name(ledger, right->circle),
                                               text, sizeof(text))
               ? json_string(text)
               : json_null();
}

static json_t *slot_json(const struct p2p_right *right)
{
    return right->slot_from_ms == 0 && right->slot_until_ms == 0
               ? json_null()
               : json_pack("[o, o]", p2p_time_json(right->slot_from_ms),
                           p2p_time_json(right->slot_until_ms));
}

static json_t *lights_json(const struct p2p_right *right)
{
    json_t *lights = json_object();
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        const char *value = p2p_light_value((enum p2p_light)i, right->lights[i]);
        json_object_set_new(lights, p2p_light_word((enum p2p_light)i),
                            json_string(value != NULL ? value : "?"));
    }
    return lights;
}

static json_t *chain_json(const struct p2p_ledger *ledger, const struct p2p_right *right)
{
    json_t *list = json_array();
    for (size_t i = 0; i < right->chain_count; i++) {
        const struct p2p_right_link *link = &right->chain[i];
        bool waits = right->below == P2P_RIGHT_PENDING && i + 1 == right->chain_count;
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:b}", "party", p2p_issuer_json(ledger, link->party),
                            "by", p2p_id_json(ledger, &link->by), "accepted", !waits));
    }
    return list;
}

/* What was asked and not ruled yet: where it stands says who asked at whose node. */
static json_t *asked_json(const struct p2p_ledger *ledger, const struct p2p_right *right,
                          const struct p2p_custody *custody)
{
    json_t *list = json_array();
    for (size_t i = 0; i < right->unruled_count; i++) {
        json_array_append_new(
            list,
            json_pack("{s:o, s:s, s:s}", "id", p2p_id_json(ledger, &right->unruled[i]),
                      "asked_at", p2p_owner_name(ledger, right->unruled[i].feed), "ruled_by",
                      custody != NULL ? p2p_owner_name(ledger, custody->holder) : ""));
    }
    return list;
}

/* The verb of the command line, from the kind's word: "right transfer", "gate override". */
static json_t *verb_json(const char *kind)
{
    return strncmp(kind, "right-", 6) == 0 ? json_sprintf("right %s", kind + 6)
                                           : json_sprintf("gate %s", kind);
}

static uint32_t party_of(const struct p2p_right *right, enum p2p_right_role role)
{
    switch (role) {
    case P2P_ROLE_FIRST:
        return right->first;
    case P2P_ROLE_PENDING:
        return p2p_right_pending(right);
    case P2P_ROLE_HOLDER:
        return p2p_right_holder(right);
    case P2P_ROLE_GIVER:
        return p2p_right_giver(right);
    case P2P_ROLE_GRANTED:
    case P2P_ROLE_NODE:
        break;
    }
    return 0;
}

/* What leads to a collect, which nobody makes of what is over. */
static bool leads_on(enum p2p_right_action action)
{
    return action == P2P_RIGHT_DO_ACCEPT || action == P2P_RIGHT_DO_TRANSFER ||
           action == P2P_RIGHT_DO_REISSUE || action == P2P_RIGHT_DO_ASSIGN;
}

/* A row for each light, which has a grant of its own. */
static void add_lights(json_t *list)
{
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        enum p2p_light light = (enum p2p_light)i;
        json_array_append_new(list,
                              json_pack("{s:o, s:s}", "do",
                                        json_sprintf("right light %s", p2p_light_word(light)),
                                        "grant", p2p_light_grant(light)));
    }
}

/* Whether that on which it acts is there: a block, somebody assigned. An approval is told with
 * its override, by who has that. */
static bool has_object(const struct p2p_right *right, enum p2p_right_action action)
{
    return action == P2P_RIGHT_DO_UNBLOCK    ? right->block_count > 0
           : action == P2P_RIGHT_DO_UNASSIGN ? right->driver.len > 0
                                             : action != P2P_RIGHT_DO_APPROVE;
}

static json_t *may_json(const struct p2p_ledger *ledger, const struct p2p_right *right,
                        enum p2p_right_state state)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        const struct p2p_right_rule *rule = p2p_right_rule((enum p2p_right_action)i);
        uint32_t party = party_of(right, rule->role);
        if (rule->role == P2P_ROLE_NODE || (rule->from & 1u << right->below) == 0 ||
            (state == P2P_RIGHT_EXPIRED && leads_on((enum p2p_right_action)i)) ||
            !has_object(right, (enum p2p_right_action)i)) {
            continue;
        }
        if (i == P2P_RIGHT_DO_LIGHT) {
            add_lights(list);
        } else if (rule->role == P2P_ROLE_GRANTED) {
            json_array_append_new(list, json_pack("{s:o, s:s}", "do", verb_json(rule->kind),
                                                  "grant", rule->grant));
        } else if (party != 0 &&
                   p2p_right_may(ledger->charter, right, party, (enum p2p_right_action)i)) {
            json_array_append_new(list, json_pack("{s:o, s:o}", "do", verb_json(rule->kind),
                                                  "who", p2p_issuer_json(ledger, party)));
        }
    }
    return list;
}

json_t *p2p_overrules_words(const struct p2p_right_override *override)
{
    json_t *list = json_pack("[s, s, s]", "slot", "truck", "stale-knowledge");
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        if ((override->lights & 1u << i) != 0) {
            json_array_append_new(list,
                                  json_sprintf("light-%s", p2p_light_word((enum p2p_light)i)));
        }
    }
    if (override->blocks) {
        json_array_append_new(list, json_string("blocks"));
    }
    return list;
}

json_t *p2p_right_words(const struct p2p_ledger *ledger, const struct p2p_right *right,
                        const struct p2p_custody *custody, uint64_t now_ms)
{
    enum p2p_right_state state = p2p_right_state_at(right, now_ms);
    uint32_t party =
        right->below == P2P_RIGHT_PENDING ? p2p_right_pending(right) : p2p_right_holder(right);
    json_t *json = json_pack(
        "{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o}",
        "id", p2p_id_json(ledger, &right->id), "container", p2p_slice_json(right->container),
        "token", p2p_id_json(ledger, &right->token), "bl", p2p_slice_json(right->bl), "state",
        p2p_right_state_word(state), "party", p2p_issuer_json(ledger, party), "driver",
        subject_json(ledger, right, right->driver), "truck",
        subject_json(ledger, right, right->truck), "slot", slot_json(right), "lights",
        lights_json(right), "blocks", ids_json(ledger, right->blocks, right->block_count),
        "holder", custody != NULL ? p2p_owner_name(ledger, custody->holder) : "", "unruled",
        ids_json(ledger, right->unruled, right->unruled_count), "chain",
        chain_json(ledger, right), "may", may_json(ledger, right, state), "expires",
        p2p_time_json(right->expires_ms));
    if (json == NULL) {
        return NULL;
    }
    json_object_set_new(json, "issuer", p2p_issuer_json(ledger, right->first));
    json_object_set_new(json, "reference",
                        right->reference.len > 0 ? p2p_slice_json(right->reference)
                                                 : json_null());
    json_object_set_new(json, "terminal",
                        right->terminal.len > 0 ? p2p_slice_json(right->terminal)
                                                : json_null());
    json_object_set_new(json, "means", p2p_slice_json(right->means));
    json_object_set_new(json, "company", subject_json(ledger, right, right->company));
    json_object_set_new(json, "why",
                        state == P2P_RIGHT_NO_EFFECT ? json_string(p2p_why_word(right->why))
                                                     : json_null());
    json_object_set_new(json, "asked", asked_json(ledger, right, custody));
    json_object_set_new(json, "used_by", id_or_null(ledger, &right->used_by));
    json_object_set_new(json, "custody",
                        custody != NULL ? json_string(p2p_custody_state_word(custody->state))
                                        : json_null());
    json_object_set_new(json, "circle", json_string(p2p_circle_name(ledger, right->circle)));
    json_object_set_new(json, "check_ok", p2p_container_check_json(right->container));
    return json;
}
