/* The scrubber's place, and what it found: part of the engine's state. Private to replication/.
 */
#ifndef P2P_ENGINE_SCRUB_H
#define P2P_ENGINE_SCRUB_H

#include "ledger/folded.h"
#include "ledger/views.h"

#include <p2p/damage.h>

/* A stretch of a feed that is damaged here and asked for: records of it, or their payloads. */
struct p2p_hole {
    uint64_t from, to;    /* signed heads stand at both, and at `from` the tree is known: */
    struct p2p_edge edge; /* that of the records below `from` */
    uint64_t at;          /* the first record or payload that is wrong */
    enum p2p_table table; /* what of it is: RECORD, PAYLOAD, CHECKPOINT */
    unsigned peer;        /* slot of the peer that was asked last, plus 1 */
    uint64_t until_ms;    /* then another is asked */
    unsigned looked;      /* times that nobody who was here had any of it */
    unsigned astray;      /* answers that did not lead to what is held */
};

enum p2p_scrub_phase {
    P2P_SCRUB_ROWS,    /* what the store finds spoiled by itself, table by table */
    P2P_SCRUB_LEAVES,  /* records, payloads and hashes of one stretch */
    P2P_SCRUB_DERIVED, /* what follows from them */
    P2P_SCRUB_SETS     /* at the end of a pass: the set hashes of all views */
};

/* One pass looks at every feed in order of its number, in stretches that end at a signed head:
 *
 *     rest --> ROWS --> LEAVES <--> DERIVED --(all feeds)--> SETS --> rest
 *               |          |
 *               |          +--damaged--> a hole: the next feed; p2p_repair asks for it
 *               +--rows are gone--> ROWS, and so on until a pass puts nothing again */
struct p2p_scrub {
    bool walking;
    bool suspect; /* something that was read is damaged, and nobody knows what */
    bool emptied; /* rows are gone: what is missing is looked for, and put again */
    bool partial; /* this pass began behind the first record, or before what is suspected */
    bool deep;    /* this pass verifies signatures too */
    uint8_t turn; /* which records' claims this pass computes anew: P2P_SCRUB_CLAIM_PASSES */
    enum p2p_scrub_phase phase;
    uint32_t table; /* ROWS: which, and where in it */
    struct p2p_kv_place place;
    uint32_t feed;
    uint64_t start, index; /* of the stretch, and the next record of it */
    struct p2p_edge start_edge, edge;
    uint64_t bad_payload, bad_head; /* met in the stretch; UINT64_MAX, 0: none */
    struct p2p_hash bad_head_root;
    struct p2p_folded folded; /* in this pass, since it last found anything that differed */
    struct p2p_view_walk walk;
    uint32_t view_at;    /* SETS: which view and circle is next */
    uint64_t unresolved; /* in this pass: places that could not be compared for other damage */
    uint64_t mended;     /* in this pass */
    uint64_t stepped_ms; /* when it last did anything */
    uint64_t next_ms;    /* the next pass begins, or the next step is due */
    uint64_t placed_ms;  /* when the place was last stored */
    bool noted;          /* the store says that damage is known, */
    bool noted_emptied;  /* and that rows are gone */
    struct p2p_damage told;
};

#endif
