/* The tampering suite: a real archive of six ports, damaged and forged in one way at a time.
 * A table for each sort says which finding is due: what was done must be named for what it is.
 *
 *     tamper ARCHIVE OTHER SANDBOX WORK [REWRITTEN]
 *
 * ARCHIVE by beanr, OTHER by bezee, both of the sandbox, whose key files the frauds use. With
 * REWRITTEN it only leaves one such archive there. Run by
 * tests/process/audit.sh, which makes them; the ASan build proves that none is a crash. */
#include "tamper.h"

static const char *archive_dir, *other_dir, *rewritten_dir;
struct tampering tampering;

static void nothing(struct forger *forger)
{
    (void)forger;
}

static const struct fraud NOTHING[] = {
    {"nothing at all", nothing, SOUND},
    {"nothing at all, two archives", nothing, SOUND, .with_other = true},
    {"decisions of others, which nobody here can check", nothing, DUE(NOT_CHECKABLE)},
    {"payloads of others, which nobody here may hold", nothing, DUE(WITHHELD)},
};
static const struct frauds tamper_nothing = FRAUDS_OF(NOTHING);

static const struct frauds *const SORTS[] = {&tamper_nothing,  &tamper_bytes,   &tamper_files,
                                             &tamper_records,  &tamper_heads,   &tamper_history,
                                             &tamper_issuers,  &tamper_custody, &tamper_trust,
                                             &tamper_exporter, &tamper_times};

static bool has(const struct p2p_findings *findings, enum p2p_finding_code code)
{
    for (size_t i = 0; i < p2p_findings_size(findings); i++) {
        if (p2p_findings_get(findings, i)->code == code) {
            return true;
        }
    }
    return false;
}

static void print(const struct p2p_findings *findings)
{
    for (size_t i = 0; i < p2p_findings_size(findings); i++) {
        const struct p2p_finding *finding = p2p_findings_get(findings, i);
        printf("        %s %s %s:%llu %s\n",
               p2p_severity_word(p2p_finding_severity(finding->code)),
               p2p_finding_word(finding->code), finding->feed,
               (unsigned long long)finding->index, finding->text);
    }
}

/* Whether the audit found what was due. */
static bool verify(const struct fraud *fraud, const struct forger *forger)
{
    const char *const dirs[] = {forger->dir, other_dir};
    const struct p2p_audit_options options = {.alloc = p2p_alloc_default(),
                                              .dirs = dirs,
                                              .dir_count = fraud->with_other ? 2 : 1,
                                              .trust_path = tampering.trust_path,
                                              .depth = P2P_AUDIT_REPLAY};
    struct p2p_findings *findings = NULL;
    struct p2p_audit *audit = NULL;
    char message[512] = "";
    CHECK_OK(p2p_findings_new(&findings, p2p_alloc_default()));
    enum p2p_err err = p2p_audit_run(&audit, &options, findings, message, sizeof message);
    bool good = err == fraud->err;
    if (good && err == P2P_OK && fraud->due == P2P_FINDING_COUNT) {
        good = p2p_findings_worst(findings) == P2P_SEVERITY_NOTICE;
    } else if (good && err == P2P_OK) {
        good = has(findings, fraud->due) &&
               p2p_findings_worst(findings) >= p2p_finding_severity(fraud->due);
    }
    if (good && fraud->accuses_no != 0) {
        good = !has(findings, (enum p2p_finding_code)(fraud->accuses_no - 1));
    }
    printf("%s  %-52s %s\n", good ? "ok    " : "NOT SO", fraud->what,
           fraud->err != P2P_OK              ? p2p_err_name(err)
           : fraud->due == P2P_FINDING_COUNT ? "sound"
                                             : p2p_finding_word(fraud->due));
    if (!good) {
        printf("    %s: %s\n", p2p_err_name(err), message);
        print(findings);
    }
    p2p_audit_close(audit);
    p2p_findings_free(findings);
    return good;
}

static bool commit(const struct fraud *fraud)
{
    char dir[FORGER_PATH_BYTES];
    struct forger forger;
    snprintf(dir, sizeof dir, "%s/forged", tampering.work_dir);
    snprintf(tampering.trust_path, sizeof tampering.trust_path, "%s/trust",
             tampering.sandbox_dir);
    tampering.announced = NULL;
    tampering.stale_manifest = false;
    forger_init(&forger, archive_dir, dir, tampering.sandbox_dir);
    fraud->make(&forger);
    if (!tampering.stale_manifest) {
        forger_seal(&forger, tampering.announced);
    }
    bool good = verify(fraud, &forger);
    forger_deinit(&forger);
    return good;
}

static void test_frauds(void **state)
{
    size_t bad = 0;
    size_t count = 0;
    const char *only = getenv("P2P_FRAUD");
    (void)state;
    for (size_t sort = 0; sort < sizeof(SORTS) / sizeof(*SORTS); sort++) {
        for (size_t i = 0; i < SORTS[sort]->count; i++) {
            const struct fraud *fraud = &SORTS[sort]->list[i];
            if (only == NULL || strstr(fraud->what, only) != NULL) {
                bad += !commit(fraud);
            }
        }
        count += SORTS[sort]->count;
    }
    printf("%zu cases, %zu not found for what they are\n", count, bad);
    CHECK(bad == 0);
}

/* Leaves an archive whose own feed was rewritten and signed again, for a test of the command.
 */
static void leave_rewritten(void **state)
{
    struct forger forger;
    (void)state;
    forger_init(&forger, archive_dir, rewritten_dir, tampering.sandbox_dir);
    rewritten(&forger);
    forger_seal(&forger, NULL);
    p2p_charter_free(forger.charter);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_frauds)};
    const struct CMUnitTest one[] = {cmocka_unit_test(leave_rewritten)};
    if (argc != 5 && argc != 6) {
        fputs("tamper ARCHIVE OTHER SANDBOX WORK [REWRITTEN]\n", stderr);
        return 2;
    }
    archive_dir = argv[1];
    other_dir = argv[2];
    tampering.sandbox_dir = argv[3];
    tampering.work_dir = argv[4];
    rewritten_dir = argv[5]; /* NULL behind the last */
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (p2p_crypto_init() != P2P_OK) {
        return 3;
    }
    return rewritten_dir != NULL ? cmocka_run_group_tests(one, NULL, NULL)
                                 : cmocka_run_group_tests(tests, NULL, NULL);
}
