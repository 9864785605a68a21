#include "check.h"

#include "adapters/trade/options.h"
#include "adapters/trade/outbox.h"
#include "adapters/trade/spool.h"
#include "adapters/trade/whole_file.h"
#include "temp_dir.h"

#include <p2p/bytes.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NOW_S 1795334400

/* A file that was changed age_s before NOW_S. */
static void put(const struct temp_dir *dir, const char *name, const char *text, int age_s)
{
    char path[TEMP_PATH_BYTES];
    temp_path(dir, name, path);
    temp_write(path, text, strlen(text));
    struct timespec times[2] = {{NOW_S - age_s, 0}, {NOW_S - age_s, 0}};
    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static bool there(const struct temp_dir *dir, const char *name)
{
    char path[TEMP_PATH_BYTES];
    return access(temp_path(dir, name, path), F_OK) == 0;
}

static void files_are_ready_in_their_order_once_they_are_whole(void **state)
{
    (void)state;
    struct temp_dir dir;
    struct p2p_spool spool;
    struct p2p_spool_list list;
    bool unready = false;
    temp_dir_make(&dir);
    CHECK_OK(p2p_spool_open(&spool, dir.path, 2000));
    put(&dir, "b.edi", "UNB...UNZ+1+R'", 10);
    put(&dir, "a.edi", "UNB...UNZ+1+R'", 5);
    put(&dir, "young.edi", "UNB...UNZ+1+R'", 1);
    put(&dir, "half.edi", "UNB...", 30);
    put(&dir, "given-up.edi", "UNB...", 61);
    put(&dir, ".hidden", "UNZ", 100);
    put(&dir, "x.tmp", "UNZ", 100);
    put(&dir, "x.part", "UNZ", 100);
    put(&dir, "x.filepart", "UNZ", 100);
    CHECK_OK(p2p_spool_ready(&spool, NOW_S * 1000ull, &list, &unready));
    CHECK(list.count == 3 && unready);
    CHECK(strcmp(list.names[0], "given-up.edi") == 0 && strcmp(list.names[1], "b.edi") == 0);
    CHECK(strcmp(list.names[2], "a.edi") == 0);
    p2p_spool_list_free(&list);
    p2p_spool_close(&spool);
    temp_dir_remove(&dir);
}

static void a_file_is_taken_once_and_keeps_its_name_when_interrupted(void **state)
{
    (void)state;
    struct temp_dir dir;
    struct p2p_spool spool;
    struct p2p_spool_list list;
    char first[P2P_SPOOL_NAME_BYTES];
    char second[P2P_SPOOL_NAME_BYTES];
    char path[300];
    temp_dir_make(&dir);
    CHECK_OK(p2p_spool_open(&spool, dir.path, 0));
    put(&dir, "a.edi", "one", 10);
    CHECK_OK(p2p_spool_claim(&spool, "a.edi", NOW_S * 1000ull + 7, first));
    CHECK(!there(&dir, "a.edi"));
    CHECK_ERR(p2p_spool_claim(&spool, "a.edi", NOW_S * 1000ull + 7, second), P2P_NOTFOUND);
    put(&dir, "a.edi", "two", 5); /* the same name in the same moment */
    CHECK_OK(p2p_spool_claim(&spool, "a.edi", NOW_S * 1000ull + 7, second));
    CHECK(strcmp(first, second) != 0 && strstr(first, "-a.edi") != NULL);
    p2p_spool_close(&spool);

    CHECK_OK(p2p_spool_open(&spool, dir.path, 0));
    CHECK_OK(p2p_spool_interrupted(&spool, &list));
    CHECK(list.count == 2 && strcmp(list.names[0], first) == 0);
    CHECK(strcmp(list.names[1], second) == 0);
    p2p_spool_list_free(&list);
    CHECK_OK(p2p_spool_settle(&spool, first, true));
    CHECK_OK(p2p_spool_settle(&spool, second, false));
    snprintf(path, sizeof path, "done/%s", first);
    CHECK(there(&dir, path));
    snprintf(path, sizeof path, "failed/%s", second);
    CHECK(there(&dir, path));
    CHECK_OK(p2p_spool_interrupted(&spool, &list));
    CHECK(list.count == 0);
    p2p_spool_list_free(&list);
    p2p_spool_close(&spool);
    temp_dir_remove(&dir);
}

static void a_spool_is_a_directory(void **state)
{
    (void)state;
    struct temp_dir dir;
    struct p2p_spool spool;
    char path[TEMP_PATH_BYTES];
    temp_dir_make(&dir);
    put(&dir, "file", "x", 0);
    CHECK_ERR(p2p_spool_open(&spool, temp_path(&dir, "file", path), 0), P2P_IO);
    CHECK_ERR(p2p_spool_open(&spool, temp_path(&dir, "nothing", path), 0), P2P_IO);
    temp_dir_remove(&dir);
}

static void answers_appear_whole_under_safe_names(void **state)
{
    (void)state;
    struct temp_dir dir;
    char name[P2P_OUTBOX_NAME_BYTES];
    char path[TEMP_PATH_BYTES];
    char *bytes = NULL;
    size_t len = 0;
    temp_dir_make(&dir);
    p2p_outbox_name(name, "../A B", "R/1", "0123456789abcdef", "contrl.edi");
    CHECK(strcmp(name, "___A_B-R_1-01234567.contrl.edi") == 0);
    CHECK_OK(p2p_outbox_write(dir.path, name, p2p_slice_text("first")));
    CHECK_OK(p2p_outbox_write(dir.path, name, p2p_slice_text("again")));
    CHECK_OK(p2p_whole_file(temp_path(&dir, name, path), 100, &bytes, &len));
    CHECK(len == 5 && strcmp(bytes, "again") == 0);
    free(bytes);
    CHECK_ERR(p2p_whole_file(path, 4, &bytes, &len), P2P_TOOLARGE);
    CHECK_ERR(p2p_whole_file(temp_path(&dir, "nothing", path), 4, &bytes, &len), P2P_NOTFOUND);
    CHECK_ERR(p2p_outbox_write(path, name, p2p_slice_text("x")), P2P_IO);
    temp_dir_remove(&dir);
}

static enum p2p_err read_options(struct p2p_trade_options *options, const char *line)
{
    static char words[512];
    static char *argv[32];
    char problem[P2P_TRADE_SENTENCE_BYTES] = "";
    int argc = 0;
    snprintf(words, sizeof words, "port2port-trade %s", line);
    for (char *at = strtok(words, " "); at != NULL; at = strtok(NULL, " ")) {
        argv[argc++] = at;
    }
    argv[argc] = NULL;
    enum p2p_err err = p2p_trade_options_read(options, argc, argv, problem);
    CHECK((err == P2P_OK) == (problem[0] == '\0'));
    return err;
}

static void options(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "--dry-run",
        "--spool s",
        "--spool s --dry-run file",
        "--spool s --dry-run --socket n",
        "--spool s --socket n --server https://x",
        "--spool s --server http://x --certificate c --key k",
        "--spool s --server https://x",
        "--spool s --socket n --trust t",
        "--socket n file",
        "--watch --dry-run --spool s",
        "--watch --socket n --state s --answers a file",
        "--spool s --socket n --settle soon",
        "--spool s --socket n --settle 86401",
        "--spool s --socket",
        "--spool s --socket n --nothing",
    };
    struct p2p_trade_options got;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_ERR(read_options(&got, BAD[i]), P2P_USAGE);
    }
    CHECK_OK(read_options(&got, "--spool s --socket n --watch --settle 0 --json"));
    CHECK(strcmp(got.spool, "s") == 0 && strcmp(got.socket, "n") == 0 && got.watch != NULL);
    CHECK(got.json != NULL && got.settle_ms == 0 && got.interval_ms == 10000);
    CHECK_OK(read_options(&got, "--dry-run --agreement a one two"));
    CHECK(got.file_count == 2 && strcmp(got.files[1], "two") == 0);
    CHECK_OK(read_options(&got, "--help"));
    CHECK_OK(read_options(&got, "-h"));
    CHECK(got.help != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_ready_in_their_order_once_they_are_whole),
        cmocka_unit_test(a_file_is_taken_once_and_keeps_its_name_when_interrupted),
        cmocka_unit_test(a_spool_is_a_directory),
        cmocka_unit_test(answers_appear_whole_under_safe_names),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
