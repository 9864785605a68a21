/* A collect as a node's gate asks it: who is presented stands there in clear, and the circles'
 * keys that are here make tokens of it. */
#include <p2p/collect.h>

#include <p2p/hash.h>
#include <p2p/kept.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the node's question ---- */

struct at_gate {
    const struct p2p_gate_place *place;
    const struct p2p_gate_check *check;
};

static bool same_key(const struct p2p_subject_key *a, const struct p2p_subject_key *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static enum p2p_presents at_gate_has(const void *context, const struct p2p_subject_type *type,
                                     uint32_t circle, uint32_t epoch,
                                     const struct p2p_subject_key *key)
{
    const struct at_gate *at = context;
    const size_t keys = at->place->key_count;
    size_t k = 0; /* the key under which that stands; keys: it is not here */
    while (k < keys &&
           (at->place->keys[k].circle != circle || at->place->keys[k].epoch != epoch)) {
        k++;
    }
    enum p2p_presents presents = P2P_PRESENTS_NO;
    for (size_t i = 0; i < at->check->subject_count; i++) {
        const struct p2p_subject *subject = &at->check->subjects[i];
        struct p2p_subject_key own;
        if (subject->type != type) {
            continue;
        }
        if (!type->clear && k == keys) {
            presents = P2P_PRESENTS_UNKNOWN;
            continue;
        }
        if (type->clear) {
            p2p_subject_key_clear(&own, type->word, p2p_slice_text(subject->value));
        } else {
            struct p2p_token token = p2p_gate_token(at->place, at->check, i, k);
            p2p_subject_key_token(&own, type->word, epoch, &token);
        }
        if (same_key(&own, key)) {
            return P2P_PRESENTS_YES;
        }
    }
    return presents;
}

/* Both live as long as what they point to. */
static struct p2p_gate_question gate_question(const struct p2p_gate_place *place,
                                              const struct p2p_gate_check *check)
{
    return (struct p2p_gate_question){.locode = place->locode,
                                      .purpose = check->purpose,
                                      .own_ms = check->own_ms,
                                      .quorum_ms = check->quorum_ms};
}

static struct p2p_collect_question collect_question(const struct p2p_gate_place *place,
                                                    uint32_t feed,
                                                    const struct p2p_gate_check *check)
{
    return (struct p2p_collect_question){.place = place,
                                         .feed = feed,
                                         .container = p2p_slice_text(check->container),
                                         .ready = check->ready,
                                         .stale = check->stale,
                                         .repeated = check->repeated,
                                         .use = {feed, check->use},
                                         .mirrored = check->mirrored};
}

enum p2p_err p2p_collect_find_for(const struct p2p_kv *kv, const struct p2p_gate_place *place,
                                  uint32_t feed, const struct p2p_gate_check *check,
                                  struct p2p_collect_token *out)
{
    struct p2p_collect_question question = collect_question(place, feed, check);
    return p2p_collect_find(kv, &question, out);
}

enum p2p_err p2p_collect_decide(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                const struct p2p_gate_place *place, uint32_t feed,
                                const struct p2p_gate_check *check,
                                const struct p2p_collect_token *token,
                                struct p2p_gate_answer *answer, struct p2p_collect_found *found)
{
    const struct at_gate at = {.place = place, .check = check};
    const struct p2p_presented presented = {.context = &at, .has = at_gate_has};
    struct p2p_gate_question gate = gate_question(place, check);
    struct p2p_collect_question question = collect_question(place, feed, check);
    bool stale = check->stale;
    question.gate = &gate;
    question.presented = &presented;
    p2p_gate_begin(answer);
    enum p2p_err err = p2p_kept_none(kv, &gate.none_kept);
    if (err == P2P_OK) {
        err = p2p_gate_present(ledger, kv, place, check, &gate, answer);
    }
    if (err == P2P_OK) {
        err = p2p_collect_weigh(ledger, kv, &question, token, answer, found, &stale);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_gate_state state = p2p_gate_state_of(place, check);
    state.stale = stale;
    state.collects = true;
    p2p_gate_end(&state, answer);
    return P2P_OK;
}

/* ---- the same question ---- */

static int compare_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

struct p2p_hash p2p_collect_same(const struct p2p_gate_check *check)
{
    char texts[P2P_SUBJECTS_MAX][P2P_SUBJECT_BYTES_MAX + 32];
    const char *order[P2P_SUBJECTS_MAX];
    struct p2p_slice parts[P2P_SUBJECTS_MAX + 2];
    for (size_t i = 0; i < check->subject_count; i++) {
        const struct p2p_subject *subject = &check->subjects[i];
        snprintf(texts[i], sizeof(texts[i]), "%s:%s", subject->type->word, subject->value);
        order[i] = texts[i];
    }
    qsort(order, check->subject_count, sizeof(order[0]), compare_text);
    parts[0] = p2p_slice_of(check->container, strlen(check->container) + 1); /* with its NUL */
    parts[1] = p2p_slice_of(check->gate, strlen(check->gate) + 1);
    for (size_t i = 0; i < check->subject_count; i++) {
        parts[i + 2] = p2p_slice_of(order[i], strlen(order[i]) + 1);
    }
    return p2p_sha256_many(parts, check->subject_count + 2);
}
