/* Who is connected to whom in a federation that is too large for a full mesh: a partial view
 * (Leitao, Pereira, Rodrigues: HyParView, DSN 2007).
 *
 *     unknown --ask--> asked --link up--> asked, told --YES--> active
 *        ^               |                     |                 |
 *        +---- no answer in time, NO, link down, dropped for another
 *
 * Each node keeps links to a few neighbours, its active view, which is symmetric: both ends
 * agree by asking and answering. Who has fewer than P2P_OVERLAY_ACTIVE_MIN asks others, who
 * have room up to P2P_OVERLAY_ACTIVE_MAX. Who was turned away often and has nobody asks with
 * priority, and is let in for one that is drawn and dropped, so that nobody stays alone.
 *
 * Simpler than the paper: the charter lists all members, so it is the passive view, of which
 * candidates are drawn; the paper's join, forward-join walk and shuffle, by which nodes learn
 * of each other, have nothing to do here. What they give beside that, a graph that mends after
 * it was cut in two with everybody's view full, is done by asking with priority, from time to
 * time, a member that has not been heard for long (p2p_overlay_reach): one that is down does
 * not answer, one on the other side becomes a bridge.
 *
 * A pure noun: members by charter number, time and random numbers from the caller, no links, no
 * frames. Same calls, same view. The engine is the caller (engine_overlay.c). */
#ifndef P2P_OVERLAY_H
#define P2P_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_OVERLAY_ACTIVE_MAX 6u
#define P2P_OVERLAY_ACTIVE_MIN 4u
#define P2P_OVERLAY_ASKED_MAX  3u     /* at once */
#define P2P_OVERLAY_ASK_MS     8000u  /* for a link and an answer */
#define P2P_OVERLAY_PATIENCE   2u     /* so often turned away before asking with priority */
#define P2P_OVERLAY_REACH_MS   60000u /* between members that are reached for */

/* What two members say to each other about it. X(NAME, number, word). */
#define P2P_NEIGHBOUR_MAP(X)                                                                   \
    X(ASK, 1, "ask")           /* may I be your neighbour */                                   \
    X(PRIORITY, 2, "priority") /* the same, and you may not say no */                          \
    X(YES, 3, "yes")                                                                           \
    X(NO, 4, "no")
enum p2p_neighbour_word {
    P2P_NEIGHBOUR_NONE, /* nothing to say */
#define P2P_NEIGHBOUR_ENUM(name, number, word) P2P_NEIGHBOUR_##name = (number),
    P2P_NEIGHBOUR_MAP(P2P_NEIGHBOUR_ENUM)
#undef P2P_NEIGHBOUR_ENUM
};

struct p2p_overlay_asked {
    uint32_t member;
    uint64_t until_ms;
    bool priority;
    bool told; /* the link is up and the question was sent */
};

struct p2p_overlay {
    uint32_t active[P2P_OVERLAY_ACTIVE_MAX];
    size_t active_count;
    struct p2p_overlay_asked asked[P2P_OVERLAY_ASKED_MAX];
    size_t asked_count;
    uint32_t turned_away; /* in a row */
    uint64_t reach_at_ms; /* 0: not begun */
};

/* A link to this member shall be: it is a neighbour or is asked. */
bool p2p_overlay_wants(const struct p2p_overlay *overlay, uint32_t member);
bool p2p_overlay_is_active(const struct p2p_overlay *overlay, uint32_t member);

/* Forgets who did not answer in time; true while one more should be asked. */
bool p2p_overlay_seeks(struct p2p_overlay *overlay, uint64_t now_ms);
/* A candidate among members 1 to `members` but `self`, drawn by `random`: neither active nor
 * asked. 0: there is none. */
uint32_t p2p_overlay_draw(const struct p2p_overlay *overlay, uint32_t members, uint32_t self,
                          uint64_t random);
/* The member shall be asked, with priority if nobody else would have us. Nothing when it is
 * wanted already or enough are asked. */
void p2p_overlay_ask(struct p2p_overlay *overlay, uint32_t member, uint64_t now_ms);
/* The same for a member that was not heard for long, with priority; true when it is time for
 * one, which the caller then names (reach). */
bool p2p_overlay_reaches(struct p2p_overlay *overlay, uint64_t now_ms);
void p2p_overlay_reach(struct p2p_overlay *overlay, uint32_t member, uint64_t now_ms);

/* A link to this member is up: what to tell it. */
enum p2p_neighbour_word p2p_overlay_up(struct p2p_overlay *overlay, uint32_t member);
/* What it said: what to answer. Whom a newcomer displaces is no longer wanted afterwards; it is
 * drawn by `random`. A YES that nobody asked for is answered NO. */
enum p2p_neighbour_word p2p_overlay_hear(struct p2p_overlay *overlay, uint32_t member,
                                         enum p2p_neighbour_word word, uint64_t random);
/* The link to this member is gone. */
void p2p_overlay_down(struct p2p_overlay *overlay, uint32_t member);

#endif
