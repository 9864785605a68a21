#include "check.h"

#include <p2p/container.h>
#include <p2p/subject.h>

#include <stdio.h>
#include <string.h>

/* Without this, a number of real traffic would be flagged, or a wrong one pass. */
static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"CSQU3054383", true}, /* ISO 6346's own example */
        {"HBMU2699702", true},
        {"MSCU1000070", true}, /* remainder 10 */
        {"TTTT1234567", false},
        {"CSQU3054384", false},
        {"CSQU305438", false},
        {"CSQU30543833", false},
        {"CSQ03054383", false},
        {"CSQU305438A", false},
        {"CSQUU054383", false},
        {"csqu3054383", false}, /* not the normal form */
        {"", false},
        {"CSQ", false},
        {"CSQU", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (p2p_container_check(rows[i].text) != rows[i].valid) {
            print_error("%s\n", rows[i].text);
        }
        CHECK(p2p_container_check(rows[i].text) == rows[i].valid);
    }
}

/* The table of ISO 6346 as it is printed there, not computed. */
static unsigned printed_value(char c)
{
    static const struct {
        char letter;
        unsigned value;
    } table[] = {
        {'A', 10}, {'B', 12}, {'C', 13}, {'D', 14}, {'E', 15}, {'F', 16}, {'G', 17},
        {'H', 18}, {'I', 19}, {'J', 20}, {'K', 21}, {'L', 23}, {'M', 24}, {'N', 25},
        {'O', 26}, {'P', 27}, {'Q', 28}, {'R', 29}, {'S', 30}, {'T', 31}, {'U', 32},
        {'V', 34}, {'W', 35}, {'X', 36}, {'Y', 37}, {'Z', 38},
    };
    return c <= '9' ? (unsigned)(c - '0') : table[c - 'A'].value;
}

/* Without this, swap bodies would be flagged as if they were nothing, and every other fourth
 * letter pass; of the ten last digits exactly one fits, remainder 10 as 0. */
static void test_categories(void **state)
{
    unsigned tens = 0;
    (void)state;
    for (char category = 'A'; category <= 'Z'; category++) {
        bool known = strchr("UJZABDEK", category) != NULL;
        for (unsigned serial = 0; serial < 1000; serial++) {
            char text[16];
            unsigned sum = 0;
            snprintf(text, sizeof(text), "%c%cV%c%06u?", (char)('A' + serial % 26),
                     (char)('A' + serial / 26 % 26), category, serial * 997 % 1000000);
            for (unsigned i = 0; i < 10; i++) {
                sum += printed_value(text[i]) * (1u << i);
            }
            tens += sum % 11 == 10;
            unsigned digit = sum % 11 == 10 ? 0 : sum % 11;
            CHECK(p2p_container_digit(text) == (int)digit);
            for (unsigned last = 0; last < 10; last++) {
                text[10] = (char)('0' + last);
                CHECK(p2p_container_check(text) == (known && last == digit));
            }
        }
    }
    CHECK(tens > 1000); /* they were among them */
}

/* Without this, a wrong number would be dropped, or kept without its flag. */
static void test_flagged_and_kept(void **state)
{
    static const char *const wrong[] = {"container:TTTT1234567", "container:CSQU3054384",
                                        "container:CSQU305438", "container:X"};
    struct p2p_subject subject;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_OK(p2p_subject_parse(&subject, p2p_slice_text(wrong[i])));
        CHECK(!subject.check_ok);
        CHECK(strcmp(subject.value, wrong[i] + strlen("container:")) == 0);
    }
    CHECK_OK(p2p_subject_parse(&subject, p2p_slice_text("container:csqu 305438-3")));
    CHECK(subject.check_ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_categories),
        cmocka_unit_test(test_flagged_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
