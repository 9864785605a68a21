/* The CSV reader: RFC 4180 as written, every refusal it promises, and the same rows however the
 * bytes are cut. */
#include <check.h>

#include "node/cli/csv.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <stdlib.h>

/* Reads text in pieces of `piece` bytes and writes what happened as one line per event: fields
 * in [brackets], "empty", or "bad: why", each behind its line number. */
static char *story(const char *text, size_t len, size_t piece)
{
    char *out = NULL;
    size_t out_len = 0;
    FILE *file = open_memstream(&out, &out_len);
    struct p2p_csv csv;
    p2p_csv_init(&csv, p2p_alloc_default());
    for (size_t at = 0; at <= len; at += piece) {
        bool last = at + piece > len;
        struct p2p_slice left = p2p_slice_of(text + at, last ? len - at : piece);
        for (bool ended = false; !ended;) {
            enum p2p_csv_event event = p2p_csv_feed(&csv, &left);
            if (event == P2P_CSV_MORE && last) {
                event = p2p_csv_end(&csv);
                ended = true;
            }
            if (event == P2P_CSV_MORE) {
                break;
            }
            fprintf(file, "%d ", (int)csv.line);
            for (size_t i = 0; event == P2P_CSV_ROW && i < csv.count; i++) {
                struct p2p_slice field = p2p_csv_field(&csv, i);
                fprintf(file, "[%.*s]", (int)field.len, (const char *)field.data);
            }
            fprintf(file, "%s%s\n",
                    event == P2P_CSV_EMPTY   ? "empty"
                    : event == P2P_CSV_BAD   ? "bad: "
                    : event == P2P_CSV_NOMEM ? "no memory"
                                             : "",
                    event == P2P_CSV_BAD ? csv.problem : "");
        }
    }
    fclose(file);
    p2p_csv_deinit(&csv);
    return out;
}

/* The same whatever the pieces: a reader that looks beyond its buffer would differ. */
static void expect(const char *text, size_t len, const char *events)
{
    for (size_t piece = 1; piece <= len + 1; piece++) {
        char *got = story(text, len, piece);
        if (strcmp(got, events) != 0) {
            print_error("in pieces of %zu: got\n%s", piece, got);
        }
        CHECK(strcmp(got, events) == 0);
        free(got);
    }
}

#define EXPECT(text, events) expect("" text, sizeof(text) - 1, events)

static void rows_come_out_as_rfc_4180_says(void **state)
{
    (void)state;
    EXPECT("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", "1 [aaa][bbb][ccc]\n2 [zzz][yyy][xxx]\n");
    EXPECT("aaa,bbb\nzzz,yyy", "1 [aaa][bbb]\n2 [zzz][yyy]\n");
    EXPECT("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nz\r\n", "1 [aaa][b\r\nbb][ccc]\n3 [z]\n");
    EXPECT("\"a\"\"b\",\"\"\"\",\"\"\n", "1 [a\"b][\"][]\n");
    EXPECT(",,\n", "1 [][][]\n");
    EXPECT(" a , b \n", "1 [ a ][ b ]\n");
    EXPECT("\"\"\n", "1 []\n");
    EXPECT("", "");
}

static void a_byte_order_mark_is_no_part_of_the_first_name(void **state)
{
    (void)state;
    EXPECT("\xef\xbb\xbfimo,name\n1,2\n", "1 [imo][name]\n2 [1][2]\n");
    EXPECT("\xef\xbb\xbf\"imo\"\n", "1 [imo]\n");
    EXPECT("\xef\xbb"
           "a\n",
           "1 [\xef\xbb"
           "a]\n");
    EXPECT("\xef\xbb", "1 [\xef\xbb]\n");
    EXPECT("\xef\xbb\xbf", "");
    EXPECT("a\n\xef\xbb\xbf"
           "b\n",
           "1 [a]\n2 [\xef\xbb\xbf"
           "b]\n");
}

static void empty_lines_are_told_with_their_number(void **state)
{
    (void)state;
    EXPECT("a\n\nb\r\n\r\n", "1 [a]\n2 empty\n3 [b]\n4 empty\n");
    EXPECT("\n", "1 empty\n");
}

static void a_bad_row_is_refused_and_the_next_one_read(void **state)
{
    (void)state;
    EXPECT("a\"b,c\nd\n",
           "1 bad: a quote stands inside a field that does not begin with one\n2 [d]\n");
    EXPECT("\"a\"b,c\nd\n", "1 bad: something follows the closing quote of a field\n2 [d]\n");
    EXPECT("\"a\" ,c\nd\n", "1 bad: something follows the closing quote of a field\n2 [d]\n");
    EXPECT("a\rb\nd\n", "1 bad: a carriage return stands without its line feed\n2 [d]\n");
    EXPECT("a\r\r\nd\n", "1 bad: a carriage return stands without its line feed\n2 [d]\n");
    EXPECT("d\na\r", "1 [d]\n2 bad: a carriage return stands without its line feed\n");
    EXPECT("a\0b\nd\n", "1 bad: a zero byte stands in it\n2 [d]\n");
    EXPECT("d\n\"a\nb\n", "1 [d]\n2 bad: a quote that opens a field is never closed\n");
}

/* A column or a field beyond the bound costs its row, not the memory of the machine. */
static void fields_and_columns_are_bounded(void **state)
{
    (void)state;
    size_t len = P2P_CSV_FIELD_BYTES_MAX + 4;
    char *text = malloc(len);
    memset(text, 'x', len);
    memcpy(text + P2P_CSV_FIELD_BYTES_MAX, "\ny\n", 3);
    char *got = story(text, P2P_CSV_FIELD_BYTES_MAX + 3, 4096);
    CHECK(strlen(got) == P2P_CSV_FIELD_BYTES_MAX + strlen("1 []\n2 [y]\n"));
    free(got);
    memcpy(text + P2P_CSV_FIELD_BYTES_MAX, "x\ny\n", 4);
    got = story(text, len, 4096);
    CHECK(strcmp(got, "1 bad: a field is longer than 65,536 bytes\n2 [y]\n") == 0);
    free(got);
    memset(text, ',', P2P_CSV_COLUMNS_MAX);
    memcpy(text + P2P_CSV_COLUMNS_MAX - 1, "\ny", 2);
    got = story(text, P2P_CSV_COLUMNS_MAX + 1, 4096);
    CHECK(strncmp(got, "1 [][]", 6) == 0);
    free(got);
    memcpy(text + P2P_CSV_COLUMNS_MAX - 1, ",\ny", 3);
    got = story(text, P2P_CSV_COLUMNS_MAX + 2, 4096);
    CHECK(strcmp(got, "1 bad: it has more than 256 columns\n2 [y]\n") == 0);
    free(got);
    free(text);
}

struct stingy {
    size_t left;
};

static void *stingy_realloc(void *context, void *old, size_t bytes)
{
    struct stingy *stingy = context;
    if (stingy->left == 0) {
        return NULL;
    }
    stingy->left--;
    return realloc(old, bytes);
}

static void stingy_free(void *context, void *old)
{
    (void)context;
    free(old);
}

static void without_memory_the_row_is_lost_and_reading_goes_on(void **state)
{
    (void)state;
    struct stingy stingy = {.left = 1};
    struct p2p_alloc alloc = {stingy_realloc, stingy_free, &stingy};
    struct p2p_csv csv;
    char text[3000];
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 4, "\ny\n", 3);
    p2p_csv_init(&csv, &alloc);
    struct p2p_slice left = p2p_slice_of(text, sizeof text);
    CHECK(p2p_csv_feed(&csv, &left) == P2P_CSV_NOMEM);
    CHECK(p2p_csv_feed(&csv, &left) == P2P_CSV_ROW);
    CHECK(p2p_slice_equal(p2p_csv_field(&csv, 0), p2p_slice_text("y")));
    p2p_csv_deinit(&csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_as_rfc_4180_says),
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_first_name),
        cmocka_unit_test(empty_lines_are_told_with_their_number),
        cmocka_unit_test(a_bad_row_is_refused_and_the_next_one_read),
        cmocka_unit_test(fields_and_columns_are_bounded),
        cmocka_unit_test(without_memory_the_row_is_lost_and_reading_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
