/* What stands in an archive, of feeds whose members were heard of, and for a while were not. */
#include "check.h"

#include "network_fixture.h"
#include "temp_dir.h"

#include <p2p/export.h>
#include <p2p/text.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BEATS_MAX = 64 };

static struct temp_dir dir;
static struct progress {
    uint64_t calls, done, of;
} progress;

static void went_on(void *context, uint64_t done, uint64_t of)
{
    struct progress *seen = context;
    CHECK(done >= seen->done && done <= of && (seen->calls == 0 || of == seen->of));
    *seen = (struct progress){seen->calls + 1, done, of};
}

/* Exports what node 2 holds. */
static struct p2p_export_result export_all(const char *name)
{
    char path[TEMP_PATH_BYTES];
    char message[512] = "";
    struct p2p_export_result result;
    struct p2p_ledger ledger = {0};
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[2].kv);
    CHECK_OK(
        p2p_ledger_open(&ledger, p2p_alloc_default(), net.nodes[2].options.sigs, kv, NULL));
    const struct p2p_export_options options = {.dir = temp_path(&dir, name, path),
                                               .ledger = &ledger,
                                               .kv = kv,
                                               .exporter = "m2",
                                               .progress = went_on,
                                               .context = &progress};
    progress = (struct progress){.calls = 0};
    enum p2p_err err = p2p_export_run(&options, &result, message, sizeof(message));
    if (err != P2P_OK) {
        print_message("%s\n", message);
    }
    CHECK_OK(err);
    p2p_ledger_close(&ledger);
    memory_kv_abort(net.nodes[2].kv);
    return result;
}

/* Whole text of a file; the caller frees. */
static char *text_of(const char *path)
{
    char full[TEMP_PATH_BYTES];
    size_t len;
    char *text = (char *)temp_read(temp_path(&dir, path, full), &len);
    text = realloc(text, len + 1);
    CHECK(text != NULL);
    text[len] = '\0';
    return text;
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

/* ---- heartbeats ---- */

struct beats {
    uint64_t first[BEATS_MAX], last[BEATS_MAX]; /* times, rising */
    size_t firsts, lasts;
};

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Lines of the manifest that are of heartbeats of m1, each a note of its head and one line of
 * its owner's. */
static void read_beats(const char *archive, struct beats *beats)
{
    char path[TEMP_PATH_BYTES];
    *beats = (struct beats){.firsts = 0};
    snprintf(path, sizeof(path), "%s/manifest", archive);
    char *manifest = text_of(path);
    for (char *line = strtok(manifest, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *at = strstr(line, "m1-1/checkpoints/");
        char *begins = strstr(line, ".h/");
        char *ends = strstr(line, ".e/");
        if (at == NULL || (begins == NULL && ends == NULL)) {
            continue;
        }
        uint64_t time_s = strtoull((begins != NULL ? begins : ends) + 3, NULL, 10);
        if (begins != NULL) {
            beats->first[beats->firsts++] = time_s;
        } else {
            beats->last[beats->lasts++] = time_s;
        }
        snprintf(path, sizeof(path), "%s/%s", archive, at);
        char *note = text_of(path);
        CHECK(count_of(note, "\n\xe2\x80\x94 ") == 2 && count_of(note, "/m1/w1 ") == 1);
        free(note);
    }
    free(manifest);
    qsort(beats->first, beats->firsts, sizeof(uint64_t), by_number);
    qsort(beats->last, beats->lasts, sizeof(uint64_t), by_number);
}

/* A silence would not be seen years later, or an archive grow with each minute. */
static void the_first_the_latest_and_both_ends_of_a_silence(void **state)
{
    struct beats beats;
    (void)state;
    network_start(4, 4, 1);
    network_ban(&net, 1, "all", "imo:9179842");
    network_advance(&net, 600000);
    export_all("one");
    read_beats("one", &beats);
    CHECK(beats.firsts == 1 && beats.lasts == 1);
    CHECK(beats.last[0] - beats.first[0] >= 480);
    uint64_t begin_s = beats.first[0];
    network_cut_off(&net, 1);
    network_advance(&net, 150000); /* two and a half minutes are no silence */
    network_connect_all(&net);
    network_advance(&net, 300000);
    uint64_t before_s = net.wall_ms / 1000;
    network_kill(&net, 1);
    network_advance(&net, 400000);
    uint64_t after_s = net.wall_ms / 1000;
    network_restart(&net, 1);
    network_connect_all(&net);
    network_advance(&net, 200000);
    export_all("one"); /* what was the latest is not any more */
    read_beats("one", &beats);
    CHECK(beats.firsts == 2 && beats.lasts == 2);
    CHECK(beats.first[0] == begin_s);
    CHECK(beats.last[0] <= before_s && beats.last[0] + 70 >= before_s);
    CHECK(beats.first[1] >= after_s && beats.first[1] - beats.last[0] > 180);
    CHECK(beats.last[1] + 70 >= net.wall_ms / 1000);
}

/* ---- heads, payloads ---- */

/* Whatever was cosigned could not be shown to have been, or a payload be passed over. */
static void heads_stand_there_with_their_cosignatures(void **state)
{
    char path[TEMP_PATH_BYTES];
    char line[128];
    (void)state;
    network_start(4, 4, 2);
    struct p2p_record_id first = network_ban(&net, 1, "all", "imo:9179842");
    network_advance(&net, 70000); /* a quorum a minute is kept */
    struct p2p_record_id second = network_ban(&net, 1, "m1", "imo:9074729");
    network_advance(&net, 5000);
    struct p2p_export_result result = export_all("two");
    CHECK(result.records > 0 && result.payloads == 1);
    char *head = text_of("two/m1-1/checkpoint");
    snprintf(line, sizeof(line), "\n%" PRIu64 "\n", network_size(&net, 2, second.feed));
    CHECK(strstr(head, line) != NULL);
    CHECK(count_of(head, "\n\xe2\x80\x94 ") >= 3); /* the log and two of three witnesses */
    free(head);
    snprintf(path, sizeof(path), "two/m1-1/checkpoints/%03u", (unsigned)first.index + 1);
    char *older = text_of(path);
    CHECK(count_of(older, "\n\xe2\x80\x94 ") == 4); /* the log and all three: they had time */
    free(older);
    char *manifest = text_of("two/manifest");
    snprintf(line, sizeof(line), "withheld m1-1 %u %u %u\n",
             (unsigned)network_circle_number(&net, 2, "m1"), (unsigned)second.index,
             (unsigned)second.index);
    CHECK(strstr(manifest, line) != NULL && strstr(manifest, "\nmissing ") == NULL);
    free(manifest);
    uint8_t key[P2P_ID_KEY_BYTES];
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[2].kv);
    CHECK_OK(p2p_kv_del(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &first)));
    CHECK_OK(memory_kv_commit(net.nodes[2].kv));
    CHECK(export_all("two").payloads == 0); /* what it should have and lost is told as such */
    manifest = text_of("two/manifest");
    snprintf(line, sizeof(line), "\nmissing m1-1 %u %u %u\n",
             (unsigned)network_circle_number(&net, 2, "all"), (unsigned)first.index,
             (unsigned)first.index);
    CHECK(strstr(manifest, line) != NULL && strstr(manifest, " payloads/m1-1/") == NULL);
    free(manifest);
}

/* Whoever waits for a large one would not know whether it goes on. */
static void progress_is_told_and_reaches_the_end(void **state)
{
    (void)state;
    network_start(2, 2, 3);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_OK(network_notes(&net, 1, 512));
    }
    network_advance(&net, 3000);
    struct p2p_export_result result = export_all("three");
    CHECK(result.records > 10240 && progress.of == result.records);
    CHECK(progress.calls >= 4 && progress.of - progress.done < 4096);
}

static int begin(void **state)
{
    (void)state;
    temp_dir_make(&dir);
    return 0;
}

static int end(void **state)
{
    temp_dir_remove(&dir);
    return network_stop(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_the_latest_and_both_ends_of_a_silence, begin,
                                        end),
        cmocka_unit_test_setup_teardown(heads_stand_there_with_their_cosignatures, begin, end),
        cmocka_unit_test_setup_teardown(progress_is_told_and_reaches_the_end, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
