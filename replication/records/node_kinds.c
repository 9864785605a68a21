/* The kinds a node writes by itself, and the charter's: their content stands in the leaf. */
#include "kinds.h"

static const struct p2p_field charter_fields[] = {
    {"ops", P2P_FIELD_ANY, 0, true, P2P_TLP_CLEAR},
    {"term", P2P_FIELD_UINT, 0, true, P2P_TLP_CLEAR},
};
const struct p2p_kind p2p_kind_charter = {
    .number = P2P_KIND_CHARTER,
    .word = "charter",
    .authors = P2P_BY_CHARTER,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(charter_fields),
};

/* What the member held when it wrote on: [[feed, size, root], ...]. */
static const struct p2p_field seen_fields[] = {
    {"feeds", P2P_FIELD_ANY, 0, true, P2P_TLP_CLEAR},
};
const struct p2p_kind p2p_kind_seen = {
    .number = P2P_KIND_SEEN,
    .word = "seen",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(seen_fields),
};

static const struct p2p_field note_fields[] = {
    {"text", P2P_FIELD_TEXT, 0, true, P2P_TLP_CLEAR},
};
const struct p2p_kind p2p_kind_note = {
    .number = P2P_KIND_NOTE,
    .word = "note",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(note_fields),
};

/* Digests of what its author folded, at a frontier: see state.h. views: [[view, circle,
 * digest],
 * ...]. */
static const struct p2p_field state_fields[] = {
    {"frontier", P2P_FIELD_BYTES, P2P_HASH_BYTES, true, P2P_TLP_CLEAR},
    {"leaves", P2P_FIELD_BYTES, P2P_HASH_BYTES, true, P2P_TLP_CLEAR},
    {"views", P2P_FIELD_ANY, 0, true, P2P_TLP_CLEAR},
};
const struct p2p_kind p2p_kind_state = {
    .number = P2P_KIND_STATE,
    .word = "state",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(state_fields),
};

/* What a gate answered, in the circle of the deciding member: see gate.h. */
static const struct p2p_field decisions_fields[] = {
    {"decisions", P2P_FIELD_ANY, 0, true, P2P_TLP_AMBER},
};
const struct p2p_kind p2p_kind_decisions = {
    .number = P2P_KIND_DECISIONS,
    .word = "decisions",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(decisions_fields),
};
