/* The places that the four container messages share, as rows of their tables.
 *
 * The union of what D.95B and D.00B have, in the numbers of the later: who sends by one of them
 * uses a part of it. Only what no message means anything without is required; what a request
 * needs besides it says itself. Sources: UN/EDIFACT directories D.95B and D.00B, and the SMDG
 * and ITIGG guidelines for these messages. */
#ifndef P2P_TRADE_PLACES_H
#define P2P_TRADE_PLACES_H

/* clang-format off */
#define P2P_TRADE_PLACES_HEAD(transport)                                                       \
    {"BGM", 1, true}, {"DTM", 9, false}, {"FTX", 9, false}, {"RFF", 9, false},                 \
    {"RFF/DTM", 9, false}, {"TDT", 9, (transport)}, {"TDT/RFF", 9, false},                     \
    {"TDT/DTM", 9, false}, {"TDT/LOC", 9, false}, {"TDT/LOC/DTM", 9, false},                   \
    {"NAD", 9, false}, {"NAD/CTA", 9, false}, {"NAD/CTA/COM", 9, false},                       \
    {"NAD/RFF", 9, false}, {"NAD/DTM", 9, false}

#define P2P_TRADE_PLACES_GOODS                                                                 \
    {"GID", 9999, false}, {"GID/HAN", 9, false}, {"GID/FTX", 9, false},                        \
    {"GID/PIA", 9, false}, {"GID/GDS", 9, false}, {"GID/MEA", 99, false},                      \
    {"GID/DIM", 9, false}, {"GID/DOC", 9, false}, {"GID/RFF", 9, false},                       \
    {"GID/TMP", 9, false}, {"GID/RNG", 9, false}, {"GID/SGP", 999, false},                     \
    {"GID/SGP/MEA", 9, false}, {"GID/NAD", 9, false}, {"GID/NAD/DTM", 9, false},               \
    {"GID/NAD/RFF", 9, false}, {"GID/DGS", 9, false}, {"GID/DGS/FTX", 9, false},               \
    {"GID/DGS/MEA", 9, false}, {"GID/DGS/CTA", 9, false}, {"GID/DGS/CTA/COM", 9, false}

#define P2P_TRADE_PLACES_EQUIPMENT                                                             \
    {"EQD", 9999, true}, {"EQD/RFF", 9, false}, {"EQD/EQN", 1, false},                         \
    {"EQD/TMD", 9, false}, {"EQD/DTM", 9, false}, {"EQD/TSR", 9, false},                       \
    {"EQD/LOC", 9, false}, {"EQD/LOC/DTM", 9, false}, {"EQD/MEA", 9, false},                   \
    {"EQD/DIM", 9, false}, {"EQD/TMP", 9, false}, {"EQD/RNG", 9, false},                       \
    {"EQD/SEL", 9, false}, {"EQD/FTX", 9, false}, {"EQD/DGS", 99, false},                      \
    {"EQD/DGS/FTX", 9, false}, {"EQD/DGS/MEA", 9, false}, {"EQD/DGS/CTA", 9, false},           \
    {"EQD/DGS/CTA/COM", 9, false},                                                             \
    {"EQD/PCD", 9, false}, {"EQD/GDS", 9, false}, {"EQD/EQA", 9, false},                       \
    {"EQD/PIA", 9, false}, {"EQD/COD", 9, false}, {"EQD/HAN", 9, false},                       \
    {"EQD/DAM", 9, false}, {"EQD/DAM/COD", 9, false}, {"EQD/TDT", 9, false},                   \
    {"EQD/TDT/RFF", 9, false}, {"EQD/TDT/DTM", 9, false}, {"EQD/TDT/LOC", 9, false},           \
    {"EQD/TDT/LOC/DTM", 9, false}, {"EQD/NAD", 9, false}, {"EQD/NAD/CTA", 9, false},           \
    {"EQD/NAD/DTM", 9, false}, {"EQD/NAD/RFF", 9, false}

#define P2P_TRADE_PLACES_END {"CNT", 9, false}, {NULL, 0, false}
/* clang-format on */

#endif
