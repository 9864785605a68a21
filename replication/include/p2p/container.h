/* Container numbers: ISO 6346, and the swap bodies of EN 13044, which share its check digit.
 *
 * Eleven characters: three letters of an owner, a category letter (U freight container, J
 * detachable equipment, Z trailer or chassis; A, B, D, E, K swap body, whose owner is then one
 * of the ILU register), six digits, and the check digit. Real traffic has wrong ones: whoever
 * finds one flags it, keeps it and shows it. The normal form (capitals and digits without
 * separators) is that of the subject type `container` (subject.h). */
#ifndef P2P_CONTAINER_H
#define P2P_CONTAINER_H

#include <p2p/base.h>

#define P2P_CONTAINER_BYTES 11u /* of a number as the standards have it */

/* The digit that belongs behind the first ten characters: letters count 10 to 38 without the
 * multiples of 11, the i-th character (from 0) weighs 2^i, the sum modulo 11, of which 10
 * counts as 0. -1 when they are not four letters and six digits. text: zero-terminated. Source:
 * ISO 6346, EN 13044-1. */
int p2p_container_digit(const char *text);
/* Whether a normal form is a number as the standards have it: length, category, check digit. */
bool p2p_container_check(const char *normal);

#endif
