#include "check.h"

#include <ctype.h>

/* Metrics and logs would carry labels that differ from the table of errors. */
static void names_are_the_table_in_lower_case(void **state)
{
    (void)state;
#define CHECK_NAME(name, value, text)                                                          \
    do {                                                                                       \
        const char *upper = #name, *lower = p2p_err_name(P2P_##name);                          \
        CHECK(strlen(upper) == strlen(lower));                                                 \
        for (size_t i = 0; upper[i] != '\0'; i++) {                                            \
            CHECK(tolower(upper[i]) == lower[i]);                                              \
        }                                                                                      \
        CHECK(strcmp(p2p_err_text(P2P_##name), text) == 0);                                    \
        CHECK((int)P2P_##name == (value));                                                     \
    } while (0);
    P2P_ERR_MAP(CHECK_NAME)
#undef CHECK_NAME
}

/* A code from a newer or damaged source would crash whoever prints it. */
static void unknown_codes_have_a_text(void **state)
{
    (void)state;
    CHECK(strlen(p2p_err_text((enum p2p_err) - 100)) > 0);
    CHECK(strlen(p2p_err_name((enum p2p_err) - 100)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_the_table_in_lower_case),
        cmocka_unit_test(unknown_codes_have_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
