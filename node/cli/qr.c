#include "qr.h"

#include <errno.h>
#include <limits.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN   4u /* modules on each side that stay light; the standard asks for four */
#define ECI_UTF8 26u

static enum p2p_err from_errno(void)
{
    return errno == ERANGE ? P2P_TOOLARGE : P2P_NOMEM;
}

enum p2p_err p2p_cli_qr_init(struct p2p_cli_qr *qr, struct p2p_slice text)
{
    if (text.len == 0 || text.len > P2P_CLI_QR_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    QRcode *code = NULL;
    QRinput *input = QRinput_new2(0, QR_ECLEVEL_L);
    if (input == NULL) {
        return P2P_NOMEM;
    }
    /* Without this readers guess an encoding, and the dash in a signature line is lost. */
    if (QRinput_appendECIheader(input, ECI_UTF8) == 0 &&
        QRinput_append(input, QR_MODE_8, (int)text.len, text.data) == 0) {
        code = QRcode_encodeInput(input);
    }
    enum p2p_err err = code != NULL ? P2P_OK : from_errno();
    QRinput_free(input);
    if (err != P2P_OK) {
        return err;
    }
    size_t count = (size_t)code->width * (size_t)code->width;
    unsigned char *modules = malloc(count);
    for (size_t i = 0; modules != NULL && i < count; i++) {
        modules[i] = code->data[i] & 1;
    }
    if (modules != NULL) {
        *qr = (struct p2p_cli_qr){.modules = modules, .width = (unsigned)code->width};
    }
    QRcode_free(code);
    return modules != NULL ? P2P_OK : P2P_NOMEM;
}

void p2p_cli_qr_deinit(struct p2p_cli_qr *qr)
{
    free(qr->modules);
    *qr = (struct p2p_cli_qr){0};
}

/* x and y count from the margin's corner. */
static bool is_dark(const struct p2p_cli_qr *qr, unsigned x, unsigned y)
{
    return x >= MARGIN && y >= MARGIN && x < MARGIN + qr->width && y < MARGIN + qr->width &&
           qr->modules[(size_t)(y - MARGIN) * qr->width + (x - MARGIN)] != 0;
}

static char *closed(FILE *out, char **text)
{
    bool whole = ferror(out) == 0;
    if (fclose(out) != 0 || !whole) {
        free(*text);
        return NULL;
    }
    return *text;
}

char *p2p_cli_qr_blocks(const struct p2p_cli_qr *qr)
{
    static const char *const glyphs[2][2] = {{"\u2588", "\u2580"}, {"\u2584", " "}};
    char *text = NULL;
    size_t len = 0;
    unsigned side = qr->width + 2 * MARGIN;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    for (unsigned y = 0; y < side; y += 2) {
        for (unsigned x = 0; x < side; x++) {
            /* Below the last row of an odd number nothing is drawn. */
            bool below = y + 1 >= side || is_dark(qr, x, y + 1);
            fputs(glyphs[is_dark(qr, x, y)][below], out);
        }
        fputc('\n', out);
    }
    return closed(out, &text);
}

char *p2p_cli_qr_svg(const struct p2p_cli_qr *qr)
{
    char *text = NULL;
    size_t len = 0;
    unsigned side = qr->width + 2 * MARGIN;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" width=\"%u\" "
            "height=\"%u\" shape-rendering=\"crispEdges\">\n"
            "<rect width=\"%u\" height=\"%u\" fill=\"#fff\"/>\n<path d=\"",
            side, side, 4 * side, 4 * side, side, side);
    for (unsigned y = MARGIN; y < side - MARGIN; y++) {
        for (unsigned x = MARGIN; x < side - MARGIN; x++) {
            unsigned run = 0;
            while (is_dark(qr, x + run, y)) {
                run++;
            }
            if (run > 0) {
                fprintf(out, "M%u %uh%uv1h-%uz", x, y, run, run);
                x += run;
            }
        }
        fputc('\n', out);
    }
    fputs("\"/>\n</svg>\n", out);
    return closed(out, &text);
}
