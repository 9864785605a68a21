/* Custody tokens as documents. */
#include <p2p/words.h>

#include <p2p/container.h>

#include <string.h>

static json_t *frozen_json(unsigned frozen)
{
    json_t *list = json_array();
    for (unsigned bit = 1; bit != 0 && bit <= frozen; bit <<= 1) {
        if ((frozen & bit) != 0) {
            json_array_append_new(list, json_string(p2p_frozen_word((enum p2p_frozen)bit)));
        }
    }
    return list;
}

const char *p2p_member_name(const struct p2p_ledger *ledger, uint32_t member)
{
    const struct p2p_member *found = p2p_charter_member(ledger->charter, member);
    return found != NULL ? found->name : "";
}

const char *p2p_owner_name(const struct p2p_ledger *ledger, uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed);
    return info != NULL ? p2p_member_name(ledger, info->member) : "";
}

json_t *p2p_issuer_json(const struct p2p_ledger *ledger, uint32_t issuer)
{
    const struct p2p_issuer *found = p2p_charter_issuer(ledger->charter, issuer);
    return found != NULL ? json_string(found->name)
           : issuer != 0 ? json_integer(issuer)
                         : json_null();
}

static json_t *tenures_json(const struct p2p_ledger *ledger, const struct p2p_custody *custody)
{
    json_t *list = json_array();
    for (size_t i = 0; i < custody->tenure_count; i++) {
        const struct p2p_tenure *tenure = &custody->tenures[i];
        const struct p2p_record_id from = {tenure->feed, tenure->from};
        const struct p2p_record_id to = {tenure->feed, tenure->to};
        json_array_append_new(
            list,
            json_pack("{s:s, s:I, s:o, s:o}", "holder", p2p_owner_name(ledger, tenure->feed),
                      "epoch", (json_int_t)tenure->epoch, "from", p2p_id_json(ledger, &from),
                      "to", tenure->to == UINT64_MAX ? json_null() : p2p_id_json(ledger, &to)));
    }
    return list;
}

json_t *p2p_container_check_json(struct p2p_slice container)
{
    char text[P2P_CONTAINER_BYTES_MAX + 1];
    size_t len = container.len < sizeof(text) ? container.len : 0;
    memcpy(text, container.data, len);
    text[len] = '\0';
    return json_boolean(p2p_container_check(text));
}

json_t *p2p_custody_words(const struct p2p_ledger *ledger, const struct p2p_custody *custody)
{
    json_t *rivals = json_array();
    bool offered = custody->state == P2P_CUSTODY_OFFERED;
    for (size_t i = 0; i < custody->rival_count; i++) {
        json_array_append_new(rivals, p2p_id_json(ledger, &custody->rivals[i]));
    }
    return json_pack(
        "{s:o, s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "token",
        p2p_id_json(ledger, &custody->id), "container", p2p_slice_json(custody->container),
        "state", p2p_custody_state_word(custody->state), "holder",
        p2p_owner_name(ledger, custody->holder), "epoch", (json_int_t)custody->epoch,
        "facility", p2p_slice_json(custody->facility), "call", p2p_slice_json(custody->call),
        "to", offered ? json_string(p2p_member_name(ledger, custody->to)) : json_null(),
        "frozen", frozen_json(custody->frozen), "rivals", rivals, "opened_by",
        p2p_issuer_json(ledger, custody->opened_by), "step",
        p2p_id_json(ledger, &custody->step), "tenures", tenures_json(ledger, custody), "circle",
        p2p_circle_name(ledger, custody->circle), "check_ok",
        p2p_container_check_json(custody->container));
}
