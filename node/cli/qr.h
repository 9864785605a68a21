/* QR codes, for receipts on paper and screens. Only qr.c knows libqrencode. */
#ifndef P2P_CLI_QR_H
#define P2P_CLI_QR_H

#include <p2p/base.h>

#include <jansson.h>

/* Version 40 at the lowest level of correction holds so many bytes, less what says that they
 * are UTF-8. */
#define P2P_CLI_QR_BYTES_MAX 2951u

struct p2p_cli_qr {
    unsigned char *modules; /* width * width, 1 is dark; owned */
    unsigned width;
};

/* P2P_TOOLARGE: more than the largest code holds. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_cli_qr_init(struct p2p_cli_qr *qr, struct p2p_slice text);
void p2p_cli_qr_deinit(struct p2p_cli_qr *qr); /* accepts a zeroed object */
/* The code with its margin in half blocks, light on dark as terminals mostly are: two rows a
 * line. malloc'd, NULL without memory. */
char *p2p_cli_qr_blocks(const struct p2p_cli_qr *qr);
/* The same as an SVG image of its own. */
char *p2p_cli_qr_svg(const struct p2p_cli_qr *qr);

#endif
