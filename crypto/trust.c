#include <p2p/trust.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/text.h>

#include <string.h>

_Static_assert(P2P_TRUST_WITNESSES_MAX <= 32, "a bit for each in a group");
_Static_assert(P2P_TRUST_GROUPS_MAX <= 32, "a bit for each in a group");

/* The next word of a line; empty at its end. */
static struct p2p_slice next_word(struct p2p_slice *line)
{
    struct p2p_slice found;
    do {
        if (!p2p_text_cut(line, ' ', &found)) {
            found = *line;
            *line = p2p_slice_of(line->data, 0);
            return found;
        }
    } while (found.len == 0);
    return found;
}

static bool is_word(struct p2p_slice text, const char *word)
{
    return p2p_slice_equal(text, p2p_slice_text(word));
}

/* ---- names ---- */

static bool find_witness(const struct p2p_trust *trust, struct p2p_slice name, size_t *place)
{
    for (size_t i = 0; i < trust->witness_count; i++) {
        if (p2p_slice_equal(trust->witnesses[i].name, name)) {
            *place = i;
            return true;
        }
    }
    return false;
}

static bool find_group(const struct p2p_trust *trust, struct p2p_slice name, size_t *place)
{
    for (size_t i = 0; i < trust->group_count; i++) {
        if (p2p_slice_equal(trust->groups[i].name, name)) {
            *place = i;
            return true;
        }
    }
    return false;
}

static bool is_free(const struct p2p_trust *trust, struct p2p_slice name)
{
    size_t place;
    return p2p_key_name_valid(name) && !is_word(name, "none") &&
           !find_witness(trust, name, &place) && !find_group(trust, name, &place);
}

/* ---- lines ---- */

static enum p2p_err read_key(struct p2p_vkey *key, struct p2p_slice *line,
                             enum p2p_note_type type)
{
    enum p2p_err err = p2p_vkey_parse(key, next_word(line));
    if (err == P2P_OK && key->type != type) {
        err = P2P_BADKEY;
    }
    next_word(line); /* the URL, which says where and not whom to trust */
    return err == P2P_OK && next_word(line).len > 0 ? P2P_MALFORMED : err;
}

static enum p2p_err read_log(struct p2p_trust *trust, struct p2p_slice line)
{
    struct p2p_vkey key;
    enum p2p_err err = read_key(&key, &line, P2P_NOTE_ED25519);
    if (err != P2P_OK) {
        return err;
    }
    if (p2p_trust_log(trust, key.name) != NULL) {
        return P2P_MALFORMED;
    }
    if (trust->log_count == P2P_TRUST_LOGS_MAX) {
        return P2P_TOOLARGE;
    }
    trust->logs[trust->log_count++] = key;
    return P2P_OK;
}

static enum p2p_err read_witness(struct p2p_trust *trust, struct p2p_slice line)
{
    struct p2p_trust_witness witness = {.name = next_word(&line)};
    enum p2p_err err = read_key(&witness.key, &line, P2P_NOTE_COSIGNATURE);
    if (err != P2P_OK) {
        return err;
    }
    if (!is_free(trust, witness.name)) {
        return P2P_MALFORMED;
    }
    for (size_t i = 0; i < trust->witness_count; i++) {
        if (memcmp(trust->witnesses[i].key.public_key, witness.key.public_key,
                   P2P_PUBLIC_BYTES) == 0) {
            return P2P_MALFORMED; /* one key would count twice */
        }
    }
    if (trust->witness_count == P2P_TRUST_WITNESSES_MAX) {
        return P2P_TOOLARGE;
    }
    trust->witnesses[trust->witness_count++] = witness;
    return P2P_OK;
}

static enum p2p_err read_group(struct p2p_trust *trust, struct p2p_slice line)
{
    struct p2p_trust_group group = {.name = next_word(&line)};
    struct p2p_slice needed = next_word(&line);
    uint32_t count = 0;
    uint64_t k = 0;
    if (!is_free(trust, group.name)) {
        return P2P_MALFORMED;
    }
    for (struct p2p_slice name = next_word(&line); name.len > 0; name = next_word(&line)) {
        size_t place;
        uint32_t *members = NULL;
        if (find_witness(trust, name, &place)) {
            members = &group.witnesses;
        } else if (find_group(trust, name, &place)) {
            members = &group.groups;
        }
        if (members == NULL || (*members & (1u << place)) != 0) {
            return P2P_MALFORMED;
        }
        *members |= 1u << place;
        count++;
    }
    if (is_word(needed, "any")) {
        k = 1;
    } else if (is_word(needed, "all")) {
        k = count;
    } else if (p2p_decimal_decode(&k, needed) != P2P_OK) {
        return P2P_MALFORMED;
    }
    if (k < 1 || k > count) {
        return P2P_MALFORMED;
    }
    if (trust->group_count == P2P_TRUST_GROUPS_MAX) {
        return P2P_TOOLARGE;
    }
    group.needed = (uint32_t)k;
    trust->groups[trust->group_count++] = group;
    return P2P_OK;
}

static enum p2p_err read_quorum(struct p2p_trust *trust, struct p2p_slice line)
{
    struct p2p_slice name = next_word(&line);
    if (next_word(&line).len > 0) {
        return P2P_MALFORMED;
    }
    if (is_word(name, "none")) {
        return P2P_REFUSED;
    }
    trust->quorum_is_group = find_group(trust, name, &trust->quorum);
    return trust->quorum_is_group || find_witness(trust, name, &trust->quorum) ? P2P_OK
                                                                               : P2P_MALFORMED;
}

static enum p2p_err read_line(struct p2p_trust *trust, struct p2p_slice line, bool *quorum)
{
    struct p2p_slice word = next_word(&line);
    if (word.len == 0 || word.data[0] == '#') {
        return P2P_OK;
    }
    if (is_word(word, "log")) {
        return read_log(trust, line);
    }
    if (is_word(word, "witness")) {
        return read_witness(trust, line);
    }
    if (is_word(word, "group")) {
        return read_group(trust, line);
    }
    if (!is_word(word, "quorum") || *quorum) {
        return P2P_MALFORMED;
    }
    *quorum = true;
    return read_quorum(trust, line);
}

enum p2p_err p2p_trust_parse(struct p2p_trust *trust, struct p2p_slice text, size_t *line)
{
    struct p2p_trust parsed = {.log_count = 0};
    struct p2p_slice rest = text, one;
    bool quorum = false;
    *line = 0;
    if (text.len > P2P_TRUST_FILE_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    if (!p2p_utf8_valid(text)) {
        return P2P_MALFORMED;
    }
    for (size_t n = 1; rest.len > 0; n++) {
        if (!p2p_text_cut(&rest, '\n', &one)) {
            one = rest;
            rest.len = 0;
        }
        enum p2p_err err = read_line(&parsed, one, &quorum);
        if (err != P2P_OK) {
            *line = n;
            return err;
        }
    }
    if (parsed.log_count == 0 || !quorum) {
        return P2P_MALFORMED;
    }
    *trust = parsed;
    return P2P_OK;
}

/* ---- asking it ---- */

const struct p2p_vkey *p2p_trust_log(const struct p2p_trust *trust, struct p2p_slice origin)
{
    for (size_t i = 0; i < trust->log_count; i++) {
        if (p2p_slice_equal(trust->logs[i].name, origin)) {
            return &trust->logs[i];
        }
    }
    return NULL;
}

/* Whether the witnesses with these bits make the quorum. Groups name earlier ones only, so one
 * walk in their order knows each before it is asked for. */
static bool is_quorum(const struct p2p_trust *trust, uint32_t witnesses)
{
    uint32_t groups = 0;
    for (size_t i = 0; i < trust->group_count; i++) {
        const struct p2p_trust_group *group = &trust->groups[i];
        int have = __builtin_popcount(group->witnesses & witnesses) +
                   __builtin_popcount(group->groups & groups);
        if ((uint32_t)have >= group->needed) {
            groups |= 1u << i;
        }
    }
    return ((trust->quorum_is_group ? groups : witnesses) & (1u << trust->quorum)) != 0;
}

enum p2p_err p2p_trust_verify(const struct p2p_trust *trust, const struct p2p_sigs *sigs,
                              struct p2p_slice note, struct p2p_checkpoint *checkpoint)
{
    struct p2p_note parsed;
    struct p2p_checkpoint said;
    struct p2p_vkey keys[1 + P2P_TRUST_WITNESSES_MAX];
    int verdicts[P2P_NOTE_SIGNATURES_MAX];
    uint32_t witnesses = 0;
    bool by_log = false;
    enum p2p_err err = p2p_note_parse(&parsed, note);
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(&said, parsed.text, true);
    }
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_vkey *log = p2p_trust_log(trust, said.origin);
    if (log == NULL) {
        return P2P_UNKNOWN;
    }
    keys[0] = *log;
    for (size_t i = 0; i < trust->witness_count; i++) {
        keys[1 + i] = trust->witnesses[i].key;
    }
    err = p2p_note_verify(&parsed, sigs, keys, 1 + trust->witness_count, verdicts, NULL);
    if (err != P2P_OK) {
        return err;
    }
    for (size_t i = 0; i < parsed.signature_count; i++) {
        p2p_assert(verdicts[i] <= (int)trust->witness_count);
        by_log = by_log || verdicts[i] == 0;
        witnesses |= verdicts[i] > 0 ? 1u << (verdicts[i] - 1) : 0;
    }
    if (!by_log) {
        return P2P_BADSIG;
    }
    if (!is_quorum(trust, witnesses)) {
        return P2P_QUORUM;
    }
    *checkpoint = said;
    return P2P_OK;
}
