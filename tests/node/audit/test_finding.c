#include "check.h"

#include <p2p/finding.h>

/* The same input must give the same bytes, however its checks were spread over threads. */
static void test_order(void **state)
{
    (void)state;
    struct p2p_findings *findings = NULL;
    CHECK_OK(p2p_findings_new(&findings, p2p_alloc_default()));
    CHECK(p2p_findings_worst(findings) == P2P_SEVERITY_NOTICE);
    p2p_findings_tell(findings, P2P_FINDING_BAD_ROOT, "bezee/1", 7, "b");
    p2p_findings_tell(findings, P2P_FINDING_BAD_ROOT, "beanr/1", 20, "c");
    p2p_findings_tell(findings, P2P_FINDING_BAD_ROOT, "beanr/1", 3, "d");
    p2p_findings_tell(findings, P2P_FINDING_BAD_ROOT, "beanr/1", 3, "d"); /* told twice */
    p2p_findings_tell(findings, P2P_FINDING_FILE_EXTRA, "tail\x1b[2J", P2P_FINDING_NOWHERE,
                      "line\nfeed");
    p2p_findings_count(findings, P2P_CHECK_ROOT, 5);
    p2p_findings_count(findings, P2P_CHECK_ROOT, 6);
    p2p_findings_sort(findings);
    CHECK(p2p_findings_size(findings) == 4);
    const struct p2p_finding *first = p2p_findings_get(findings, 0);
    CHECK(first->code == P2P_FINDING_FILE_EXTRA && !first->has_index);
    CHECK(strcmp(first->feed, "tail?[2J") == 0 && strcmp(first->text, "line?feed") == 0);
    CHECK(p2p_findings_get(findings, 1)->index == 3);
    CHECK(p2p_findings_get(findings, 2)->index == 20);
    CHECK(strcmp(p2p_findings_get(findings, 3)->feed, "bezee/1") == 0);
    CHECK(p2p_findings_tally(findings, P2P_CHECK_ROOT, P2P_SEVERITY_BROKEN) == 3);
    CHECK(p2p_findings_tally(findings, P2P_CHECK_MANIFEST, P2P_SEVERITY_FINDING) == 1);
    CHECK(p2p_findings_looked_at(findings, P2P_CHECK_ROOT) == 11);
    CHECK(p2p_findings_worst(findings) == P2P_SEVERITY_BROKEN);
    p2p_findings_free(findings);
}

/* What a part of the audit told aside must count as if it had told it at once. */
static void test_join(void **state)
{
    (void)state;
    struct p2p_findings *findings = NULL;
    struct p2p_findings *aside = NULL;
    CHECK_OK(p2p_findings_new(&findings, p2p_alloc_default()));
    CHECK_OK(p2p_findings_new(&aside, p2p_alloc_default()));
    for (uint64_t i = 0; i + 1 < P2P_FINDINGS_MAX; i++) {
        p2p_findings_tell(findings, P2P_FINDING_WITHHELD, "beanr/1", i, "x");
    }
    p2p_findings_tell(aside, P2P_FINDING_WITHHELD, "beanr/1", 0, "x"); /* told there, too */
    p2p_findings_tell(aside, P2P_FINDING_FORKED, "beanr/1", 0, "x");
    p2p_findings_count(findings, P2P_CHECK_FORKS, 2);
    p2p_findings_count(aside, P2P_CHECK_FORKS, 3);
    p2p_findings_join(findings, aside);
    p2p_findings_free(aside);
    p2p_findings_sort(findings);
    CHECK(p2p_findings_unlisted(findings) == 0);
    CHECK(p2p_findings_size(findings) == P2P_FINDINGS_MAX);
    CHECK(p2p_findings_looked_at(findings, P2P_CHECK_FORKS) == 5);
    CHECK(p2p_findings_tally(findings, P2P_CHECK_FORKS, P2P_SEVERITY_FINDING) == 1);
    CHECK(p2p_findings_worst(findings) == P2P_SEVERITY_FINDING);
    p2p_findings_free(findings);
}

/* What is beyond the bound must still count: a verdict may not become sound by more findings.
 */
static void test_bound(void **state)
{
    (void)state;
    struct p2p_findings *findings = NULL;
    CHECK_OK(p2p_findings_new(&findings, p2p_alloc_default()));
    for (uint64_t i = 0; i < P2P_FINDINGS_MAX; i++) {
        p2p_findings_tell(findings, P2P_FINDING_WITHHELD, "beanr/1", i, "x");
    }
    CHECK(p2p_findings_unlisted(findings) == 0);
    p2p_findings_tell(findings, P2P_FINDING_FORKED, "beanr/1", 0, "x");
    p2p_findings_sort(findings);
    CHECK(p2p_findings_unlisted(findings) == 1);
    CHECK(p2p_findings_size(findings) == P2P_FINDINGS_MAX);
    CHECK(p2p_findings_worst(findings) == P2P_SEVERITY_FINDING);
    const struct p2p_finding *last =
        p2p_findings_get(findings, p2p_findings_size(findings) - 1);
    CHECK(last->code == P2P_FINDING_WITHHELD); /* the worse one is among those before it */
    CHECK(p2p_findings_tally(findings, P2P_CHECK_PAYLOADS, P2P_SEVERITY_NOTICE) ==
          P2P_FINDINGS_MAX);
    p2p_findings_free(findings);
}

/* Threads tell in any order: what is listed and counted must not depend on it, or two verdicts
 * of one archive would differ. */
static void test_order_does_not_matter(void **state)
{
    (void)state;
    enum { TOLD = P2P_FINDINGS_MAX };
    struct p2p_findings *findings[2];
    for (int way = 0; way < 2; way++) {
        CHECK_OK(p2p_findings_new(&findings[way], p2p_alloc_default()));
        for (uint64_t i = 0; i < TOLD; i++) {
            uint64_t at = way == 0 ? i : TOLD - 1 - i;
            p2p_findings_tell(findings[way], P2P_FINDING_WITHHELD, "beanr/1", at / 3 * 2, "x");
        }
        p2p_findings_sort(findings[way]);
    }
    CHECK(p2p_findings_size(findings[0]) == TOLD / 3 + 1);
    for (uint64_t i = 0; i < TOLD; i++) {
        p2p_findings_tell(findings[0], P2P_FINDING_WITHHELD, "beanr/1", i, "y");
        p2p_findings_tell(findings[1], P2P_FINDING_WITHHELD, "beanr/1", TOLD - 1 - i, "y");
    }
    p2p_findings_sort(findings[0]);
    p2p_findings_sort(findings[1]);
    CHECK(p2p_findings_size(findings[0]) == P2P_FINDINGS_MAX);
    CHECK(p2p_findings_size(findings[1]) == P2P_FINDINGS_MAX);
    for (size_t i = 0; i < P2P_FINDINGS_MAX; i++) {
        const struct p2p_finding *a = p2p_findings_get(findings[0], i);
        const struct p2p_finding *b = p2p_findings_get(findings[1], i);
        CHECK(a->index == b->index && strcmp(a->text, b->text) == 0);
    }
    CHECK(p2p_findings_unlisted(findings[0]) == p2p_findings_unlisted(findings[1]));
    CHECK(p2p_findings_tally(findings[0], P2P_CHECK_PAYLOADS, P2P_SEVERITY_NOTICE) ==
          p2p_findings_tally(findings[1], P2P_CHECK_PAYLOADS, P2P_SEVERITY_NOTICE));
    p2p_findings_free(findings[0]);
    p2p_findings_free(findings[1]);
}

/* Words are how people and programs tell findings apart. */
static void test_words(void **state)
{
    (void)state;
    for (int i = 0; i < P2P_FINDING_COUNT; i++) {
        const char *word = p2p_finding_word((enum p2p_finding_code)i);
        for (int j = 0; j < i; j++) {
            CHECK(strcmp(word, p2p_finding_word((enum p2p_finding_code)j)) != 0);
        }
        CHECK(p2p_finding_check((enum p2p_finding_code)i) < P2P_CHECK_COUNT);
        CHECK(strlen(p2p_finding_meaning((enum p2p_finding_code)i)) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order), cmocka_unit_test(test_join),
        cmocka_unit_test(test_bound), cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
