/* QR codes: both drawings are the same code, with its margin, and bounds hold. That readers of
 * others read it back to the byte was tried by hand with zbar. */
#include <check.h>

#include "node/cli/qr.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <stdlib.h>

#define SIDE_MAX 200u
#define MARGIN   4u

static bool blocks[SIDE_MAX][SIDE_MAX], image[SIDE_MAX][SIDE_MAX];

/* Dark modules of the half blocks, margin included; returns the side. */
static unsigned read_blocks(const char *text)
{
    unsigned x = 0, y = 0, side = 0;
    memset(blocks, 0, sizeof blocks);
    for (const char *at = text; *at != '\0';) {
        CHECK(x < SIDE_MAX && y + 1 < SIDE_MAX);
        if (*at == '\n') {
            side = x;
            x = 0;
            y += 2;
            at++;
        } else if (*at == ' ') {
            blocks[y][x] = blocks[y + 1][x] = true;
            x++;
            at++;
        } else if (strncmp(at, "\u2588", 3) == 0) {
            x++;
            at += 3;
        } else if (strncmp(at, "\u2580", 3) == 0) {
            blocks[y + 1][x++] = true;
            at += 3;
        } else {
            CHECK(strncmp(at, "\u2584", 3) == 0);
            blocks[y][x++] = true;
            at += 3;
        }
    }
    CHECK(y == side || y == side + 1);
    return side;
}

static void read_image(const char *svg)
{
    unsigned x, y, run;
    memset(image, 0, sizeof image);
    for (const char *at = strchr(svg, 'M'); at != NULL; at = strchr(at + 1, 'M')) {
        CHECK(sscanf(at, "M%u %uh%uv1h-", &x, &y, &run) == 3);
        CHECK(y < SIDE_MAX && x + run <= SIDE_MAX);
        for (unsigned i = 0; i < run; i++) {
            image[y][x + i] = true;
        }
    }
}

/* The square in a corner by which readers find the code. */
static void check_finder(unsigned x, unsigned y)
{
    for (unsigned i = 0; i < 7; i++) {
        CHECK(image[y][x + i] && image[y + 6][x + i]);
        CHECK(image[y + i][x] && image[y + i][x + 6]);
    }
    CHECK(!image[y + 1][x + 1] && image[y + 3][x + 3]);
}

/* A code on paper would not be the one on the screen, or no code. */
static void both_drawings_are_one_code(void **state)
{
    (void)state;
    struct p2p_cli_qr qr;
    CHECK_OK(p2p_cli_qr_init(&qr, p2p_slice_text("c2sp.org/tlog-proof@v1\n\u2014 x\n")));
    char *text = p2p_cli_qr_blocks(&qr);
    char *svg = p2p_cli_qr_svg(&qr);
    CHECK(text != NULL && svg != NULL);
    unsigned side = read_blocks(text);
    CHECK(side == qr.width + 2 * MARGIN);
    read_image(svg);
    for (unsigned y = 0; y < side; y++) {
        for (unsigned x = 0; x < side; x++) {
            bool margin = x < MARGIN || y < MARGIN || x >= side - MARGIN || y >= side - MARGIN;
            CHECK(blocks[y][x] == image[y][x]);
            CHECK(!margin || !image[y][x]);
        }
    }
    check_finder(MARGIN, MARGIN);
    check_finder(side - MARGIN - 7, MARGIN);
    check_finder(MARGIN, side - MARGIN - 7);
    free(text);
    free(svg);
    p2p_cli_qr_deinit(&qr);
}

/* A receipt that does not fit would be cut, or end the program. */
static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static uint8_t bytes[P2P_CLI_QR_BYTES_MAX + 1];
    struct p2p_cli_qr qr = {0};
    memset(bytes, 0xe2, sizeof bytes);
    CHECK_OK(p2p_cli_qr_init(&qr, p2p_slice_of(bytes, P2P_CLI_QR_BYTES_MAX)));
    CHECK(qr.width == 177); /* version 40, the largest */
    p2p_cli_qr_deinit(&qr);
    CHECK_ERR(p2p_cli_qr_init(&qr, p2p_slice_of(bytes, sizeof bytes)), P2P_TOOLARGE);
    CHECK_ERR(p2p_cli_qr_init(&qr, p2p_slice_of(bytes, 0)), P2P_TOOLARGE);
    CHECK(qr.modules == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_drawings_are_one_code),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
