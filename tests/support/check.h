/* Checks that no build type removes. A failed one ends its test and says where and why.
 *
 * Include this before anything else of a test: it brings cmocka with the headers it needs.
 * cmocka leaves a failed test by longjmp, so check only on the thread that runs the test. */
#ifndef CHECK_H
#define CHECK_H

/* cmocka needs these four first, in this order. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <p2p/base.h>

#include <string.h>

static inline void check_true(bool good, const char *condition, const char *file, int line)
{
    if (!good) {
        print_error("%s:%d: not true: %s\n", file, line, condition);
        _fail(file, line);
    }
}

static inline void check_err(enum p2p_err got, enum p2p_err expected, const char *call,
                             const char *file, int line)
{
    if (got != expected) {
        print_error("%s:%d: %s is \"%s\", not \"%s\"\n", file, line, call, p2p_err_name(got),
                    p2p_err_name(expected));
        _fail(file, line);
    }
}

static inline void check_bytes(const void *got, const void *expected, size_t n,
                               const char *what, const char *file, int line)
{
    const uint8_t *a = got, *b = expected;
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            print_error("%s:%d: %s: byte %zu of %zu is %02x, not %02x\n", file, line, what, i,
                        n, a[i], b[i]);
            _fail(file, line);
        }
    }
}

#define CHECK(cond)              check_true((cond), #cond, __FILE__, __LINE__)
#define CHECK_ERR(expr, err)     check_err((expr), (err), #expr, __FILE__, __LINE__)
#define CHECK_OK(expr)           CHECK_ERR(expr, P2P_OK)
#define CHECK_BYTES(got, exp, n) check_bytes((got), (exp), (n), #got, __FILE__, __LINE__)

#endif
