/* Circle keys on their way from member to member.
 *
 * A circle's key is drawn at one of its members; the charter holds its hash. Who holds a key
 * gives it to the circle's members in records of kind `circle-key`, which stand in the circle
 * whose keys they carry: {"boxes": [[epoch, member, first 8 bytes of that member's sealing key,
 * box], ...]}, ascending by epoch and member. A box is sealed to the member and bound to its
 * place (p2p_circle_box_bound), so that it opens nowhere else. A member to whom a box gives
 * nothing says so in a `circle-key-bad` that cites the record: {"epoch": n}; from then on no
 * box of that author for that member and epoch counts, and another holder gives it one. So
 * there are at most as many boxes for a member and epoch as there are members.
 *
 * Here is what stands in records and how it is found again; who gives what and when is the
 * engine's (engine_circle.c). INDEX: P2P_INDEX_BOX, circle u32, epoch u32, member u32, 8 bytes
 * of its sealing key, feed u32, index u64; P2P_INDEX_BOX_BAD, circle u32, epoch u32, member
 * u32, feed u32 of who made boxes that gave nothing. A row tells what a node wrote, wherever
 * its feed was closed later: a reader leaves out what stands at or above the end. */
#ifndef P2P_CIRCLE_KEY_H
#define P2P_CIRCLE_KEY_H

#include <p2p/hash.h>
#include <p2p/kv.h>
#include <p2p/record.h>
#include <p2p/seal.h>
#include <p2p/token.h>
#include <p2p/wire.h>

#define P2P_CIRCLE_BOX_BYTES    (P2P_CIRCLE_KEY_BYTES + P2P_BOX_OVERHEAD_BYTES)
#define P2P_CIRCLE_BOX_TO_BYTES 8u   /* of the sealing key it is for */
#define P2P_CIRCLE_BOXES_MAX    512u /* in one record */
#define P2P_CIRCLE_BOX_PACKED_MAX                                                              \
    (1u + 5u + 5u + 2u + P2P_CIRCLE_BOX_TO_BYTES + 2u + P2P_CIRCLE_BOX_BYTES)
#define P2P_CIRCLE_BOX_BOUND_BYTES (P2P_PREFIX_BYTES_MAX + 12u)

struct p2p_circle_box {
    uint32_t epoch;
    uint32_t member;
    uint8_t to[P2P_CIRCLE_BOX_TO_BYTES];
    uint8_t box[P2P_CIRCLE_BOX_BYTES];
};

/* What a box is bound to: prefix `circle-box` and the origin of its author's feed, then circle
 * u32, epoch u32, member u32. Returns the length. */
size_t p2p_circle_box_bound(uint8_t out[P2P_CIRCLE_BOX_BOUND_BYTES], struct p2p_slice origin,
                            uint32_t circle, uint32_t epoch, uint32_t member);

/* One by one through the content of a `circle-key`, or none at all when the content is not as
 * above: begin says how many there are. */
struct p2p_circle_box_walk {
    struct p2p_unpack in;
    uint32_t left;
};
void p2p_circle_box_begin(struct p2p_circle_box_walk *walk, struct p2p_slice content);
bool p2p_circle_box_next(struct p2p_circle_box_walk *walk, struct p2p_circle_box *out);
/* {"boxes": [...]}: boxes ascend by (epoch, member); 1 to P2P_CIRCLE_BOXES_MAX. */
void p2p_circle_boxes_pack(struct p2p_pack *pack, const struct p2p_circle_box *boxes,
                           size_t count);

/* Walks over rows of INDEX; other reads of the table may come in between. Both say P2P_NOTFOUND
 * at the end. */
struct p2p_circle_rows {
    uint8_t last[34]; /* where the next seek begins */
    size_t last_len;
    size_t prefix_len;
};
/* Records with a box of one epoch for one member's sealing key: the first of each feed, however
 * many it has. A row is a hint where to look: the record itself has the box. */
void p2p_circle_boxes_begin(struct p2p_circle_rows *rows, uint32_t circle, uint32_t epoch,
                            uint32_t member, const struct p2p_sealing_public *to);
P2P_MUST_CHECK enum p2p_err p2p_circle_boxes_next(struct p2p_circle_rows *rows,
                                                  const struct p2p_kv *kv,
                                                  struct p2p_record_id *id);
/* Who said of whose boxes that they give it nothing. */
void p2p_circle_bad_begin(struct p2p_circle_rows *rows, uint32_t circle, uint32_t epoch);
P2P_MUST_CHECK enum p2p_err p2p_circle_bad_next(struct p2p_circle_rows *rows,
                                                const struct p2p_kv *kv, uint32_t *member,
                                                uint32_t *feed);
/* Whether `member` has said that what the owner of `feed` boxes for it gives nothing. */
P2P_MUST_CHECK enum p2p_err p2p_circle_box_bad(const struct p2p_kv *kv, uint32_t circle,
                                               uint32_t epoch, uint32_t member, uint32_t feed,
                                               bool *bad);

#endif
