#include <p2p/finding.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tables ---- */

const char *p2p_check_word(enum p2p_check check)
{
    static const char *const words[] = {
#define CHECK_WORD(name, word, text) [P2P_CHECK_##name] = word,
        P2P_CHECK_MAP(CHECK_WORD)
#undef CHECK_WORD
    };
    return words[check];
}

const char *p2p_check_text(enum p2p_check check)
{
    static const char *const texts[] = {
#define CHECK_TEXT(name, word, text) [P2P_CHECK_##name] = text,
        P2P_CHECK_MAP(CHECK_TEXT)
#undef CHECK_TEXT
    };
    return texts[check];
}

const char *p2p_severity_word(enum p2p_severity severity)
{
    static const char *const words[] = {[P2P_SEVERITY_NOTICE] = "notice",
                                        [P2P_SEVERITY_FINDING] = "finding",
                                        [P2P_SEVERITY_BROKEN] = "broken"};
    return words[severity];
}

static const struct row {
    const char *word;
    enum p2p_check check;
    enum p2p_severity severity;
    const char *meaning;
} ROWS[] = {
#define FINDING_ROW(name, word, check, severity, text)                                         \
    [P2P_FINDING_##name] = {word, P2P_CHECK_##check, P2P_SEVERITY_##severity, text},
    P2P_FINDING_MAP(FINDING_ROW)
#undef FINDING_ROW
};

const char *p2p_finding_word(enum p2p_finding_code code)
{
    return ROWS[code].word;
}

const char *p2p_finding_meaning(enum p2p_finding_code code)
{
    return ROWS[code].meaning;
}

enum p2p_check p2p_finding_check(enum p2p_finding_code code)
{
    return ROWS[code].check;
}

enum p2p_severity p2p_finding_severity(enum p2p_finding_code code)
{
    return ROWS[code].severity;
}

/* ---- the list ---- */

enum {
    SEVERITIES = P2P_SEVERITY_BROKEN + 1,
    GROW = 64,
    /* Before those beyond the bound are let go, which is then rare. */
    ROOM_MAX = P2P_FINDINGS_MAX + P2P_FINDINGS_MAX / 4
};

struct item {
    struct p2p_finding finding;
    uint64_t times; /* it was told */
};

/* Which of them are listed, and every count, follows from what was told alone, not from the
 * order in which threads told it: a verdict is to be the same bytes every time. */
struct p2p_findings {
    const struct p2p_alloc *alloc;
    pthread_mutex_t lock;
    struct item *items;
    size_t count;
    size_t cap;
    uint64_t unlisted;
    uint64_t looked_at[P2P_CHECK_COUNT];
    uint64_t tally[P2P_CHECK_COUNT][SEVERITIES]; /* of those that are not listed */
};

enum p2p_err p2p_findings_new(struct p2p_findings **out, const struct p2p_alloc *alloc)
{
    struct p2p_findings *findings = p2p_alloc_zeroed(alloc, 1, sizeof(*findings));
    if (findings == NULL) {
        return P2P_NOMEM;
    }
    findings->alloc = alloc;
    if (pthread_mutex_init(&findings->lock, NULL) != 0) {
        p2p_alloc_free(alloc, findings);
        return P2P_NOMEM;
    }
    *out = findings;
    return P2P_OK;
}

void p2p_findings_free(struct p2p_findings *findings)
{
    if (findings == NULL) {
        return;
    }
    pthread_mutex_destroy(&findings->lock);
    p2p_alloc_free(findings->alloc, findings->items);
    p2p_alloc_free(findings->alloc, findings);
}

/* ---- order ---- */

/* Check, feed, index, code, text: a total order of what is told. */
static int compare_findings(const struct p2p_finding *a, const struct p2p_finding *b)
{
    int order = (int)ROWS[a->code].check - (int)ROWS[b->code].check;
    if (order == 0) {
        order = strcmp(a->feed, b->feed);
    }
    if (order == 0 && a->index != b->index) {
        order = a->index < b->index ? -1 : 1;
    }
    if (order == 0) {
        order = (int)a->has_index - (int)b->has_index;
    }
    if (order == 0) {
        order = (int)a->code - (int)b->code;
    }
    return order == 0 ? strcmp(a->text, b->text) : order;
}

static int compare(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    return compare_findings(&a->finding, &b->finding);
}

/* The worst first: a flood of small ones hides none of those. */
static int compare_worst(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    int order = (int)ROWS[b->finding.code].severity - (int)ROWS[a->finding.code].severity;
    return order == 0 ? compare(left, right) : order;
}

/* What was told twice becomes one, by some order that has equal ones side by side. */
static void merge(struct p2p_findings *findings, int (*by)(const void *, const void *))
{
    size_t kept = 0;
    if (findings->count == 0) {
        return;
    }
    qsort(findings->items, findings->count, sizeof(*findings->items), by);
    for (size_t i = 0; i < findings->count; i++) {
        struct item *item = &findings->items[i];
        if (kept > 0 && compare(&findings->items[kept - 1], item) == 0) {
            findings->items[kept - 1].times += item->times;
        } else {
            findings->items[kept++] = *item;
        }
    }
    findings->count = kept;
}

/* Lets go of those beyond the bound: of each it is counted how often it was told. */
static void let_go(struct p2p_findings *findings)
{
    merge(findings, compare_worst);
    while (findings->count > P2P_FINDINGS_MAX) {
        const struct item *item = &findings->items[--findings->count];
        const struct row *row = &ROWS[item->finding.code];
        findings->tally[row->check][row->severity] += item->times;
        findings->unlisted += item->times;
    }
}

/* Room for one more; false: there is no memory, and it can only be counted. */
static bool make_room(struct p2p_findings *findings)
{
    if (findings->count == ROOM_MAX) {
        let_go(findings);
    }
    if (findings->count < findings->cap) {
        return true;
    }
    size_t cap = findings->cap == 0 ? GROW : 2 * findings->cap;
    cap = cap > ROOM_MAX ? ROOM_MAX : cap;
    struct item *grown =
        p2p_alloc_resize(findings->alloc, findings->items, cap, sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    findings->items = grown;
    findings->cap = cap;
    return true;
}

/* What an archive says of itself must not move a terminal's cursor. */
static void keep_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

/* What it was told, as often; the lock is held. */
static void add(struct p2p_findings *findings, const struct p2p_finding *finding,
                uint64_t times)
{
    const struct row *row = &ROWS[finding->code];
    if (make_room(findings)) {
        struct item *added = &findings->items[findings->count++];
        *added = (struct item){*finding, times};
        keep_printable(added->finding.feed);
        keep_printable(added->finding.text);
    } else {
        findings->tally[row->check][row->severity] += times;
        findings->unlisted += times;
    }
}

void p2p_findings_add(struct p2p_findings *findings, const struct p2p_finding *finding)
{
    pthread_mutex_lock(&findings->lock);
    add(findings, finding, 1);
    pthread_mutex_unlock(&findings->lock);
}

void p2p_findings_tell(struct p2p_findings *findings, enum p2p_finding_code code,
                       const char *feed, uint64_t index, const char *format, ...)
{
    struct p2p_finding finding = {.code = code};
    va_list args;
    finding.has_index = index != P2P_FINDING_NOWHERE;
    finding.index = finding.has_index ? index : 0;
    snprintf(finding.feed, sizeof finding.feed, "%s", feed == NULL ? "" : feed);
    va_start(args, format);
    vsnprintf(finding.text, sizeof finding.text, format, args);
    va_end(args);
    p2p_findings_add(findings, &finding);
}

void p2p_findings_count(struct p2p_findings *findings, enum p2p_check check, uint64_t looked_at)
{
    pthread_mutex_lock(&findings->lock);
    findings->looked_at[check] += looked_at;
    pthread_mutex_unlock(&findings->lock);
}

void p2p_findings_join(struct p2p_findings *findings, const struct p2p_findings *others)
{
    pthread_mutex_lock(&findings->lock);
    for (int check = 0; check < P2P_CHECK_COUNT; check++) {
        findings->looked_at[check] += others->looked_at[check];
        for (int severity = 0; severity < SEVERITIES; severity++) {
            findings->tally[check][severity] += others->tally[check][severity];
        }
    }
    findings->unlisted += others->unlisted;
    for (size_t i = 0; i < others->count; i++) {
        add(findings, &others->items[i].finding, others->items[i].times);
    }
    pthread_mutex_unlock(&findings->lock);
}

void p2p_findings_sort(struct p2p_findings *findings)
{
    let_go(findings);
    merge(findings, compare);
}

size_t p2p_findings_size(const struct p2p_findings *findings)
{
    return findings->count;
}

const struct p2p_finding *p2p_findings_get(const struct p2p_findings *findings, size_t i)
{
    p2p_assert(i < findings->count);
    return &findings->items[i].finding;
}

uint64_t p2p_findings_looked_at(const struct p2p_findings *findings, enum p2p_check check)
{
    return findings->looked_at[check];
}

uint64_t p2p_findings_tally(const struct p2p_findings *findings, enum p2p_check check,
                            enum p2p_severity severity)
{
    uint64_t tally = findings->tally[check][severity];
    for (size_t i = 0; i < findings->count; i++) {
        const struct row *row = &ROWS[findings->items[i].finding.code];
        tally += row->check == check && row->severity == severity;
    }
    return tally;
}

uint64_t p2p_findings_unlisted(const struct p2p_findings *findings)
{
    return findings->unlisted;
}

enum p2p_severity p2p_findings_worst(const struct p2p_findings *findings)
{
    enum p2p_severity worst = P2P_SEVERITY_NOTICE;
    for (int check = 0; check < P2P_CHECK_COUNT; check++) {
        for (int severity = (int)worst + 1; severity < SEVERITIES; severity++) {
            if (findings->tally[check][severity] > 0) {
                worst = (enum p2p_severity)severity;
            }
        }
    }
    for (size_t i = 0; i < findings->count; i++) {
        enum p2p_severity severity = ROWS[findings->items[i].finding.code].severity;
        worst = severity > worst ? severity : worst;
    }
    return worst;
}

/* ---- kept ---- */

bool p2p_findings_save(const struct p2p_findings *findings, FILE *out)
{
    uint64_t counts[] = {findings->count, findings->unlisted};
    return fwrite(counts, sizeof counts, 1, out) == 1 &&
           fwrite(findings->looked_at, sizeof findings->looked_at, 1, out) == 1 &&
           fwrite(findings->tally, sizeof findings->tally, 1, out) == 1 &&
           (findings->count == 0 || /* then there are no items at all */
            fwrite(findings->items, sizeof(*findings->items), findings->count, out) ==
                findings->count);
}

bool p2p_findings_load(struct p2p_findings *findings, struct p2p_slice bytes)
{
    uint64_t counts[2];
    struct p2p_reader in;
    p2p_assert(findings->count == 0);
    p2p_reader_init(&in, bytes);
    p2p_reader_copy(&in, counts, sizeof counts);
    if (in.failed || counts[0] > P2P_FINDINGS_MAX) {
        return false;
    }
    p2p_reader_copy(&in, findings->looked_at, sizeof findings->looked_at);
    p2p_reader_copy(&in, findings->tally, sizeof findings->tally);
    if (in.failed || p2p_reader_left(&in) != counts[0] * sizeof(*findings->items)) {
        return false;
    }
    findings->items =
        p2p_alloc_zeroed(findings->alloc, (size_t)counts[0] + 1, sizeof(*findings->items));
    if (findings->items == NULL) {
        return false;
    }
    findings->cap = (size_t)counts[0] + 1;
    findings->count = (size_t)counts[0];
    findings->unlisted = counts[1];
    p2p_reader_copy(&in, findings->items, findings->count * sizeof(*findings->items));
    return true;
}
