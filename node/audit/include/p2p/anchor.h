/* Whether a charter is the one a trust file means.
 *
 * A charter proves itself from its first entry on, but anybody can make one. The trust file
 * names a log key and root keys: a charter is anchored when it is of that log, and at least one
 * of its versions carries cosignatures of a quorum of those roots. What stands below that
 * version is in the same tree; what stands above was signed by the roots that the versions
 * before it name (a rotation carries the old threshold and the new one), and
 * p2p_charter_apply has refused anything else. So a trust file outlives a rotation of the
 * roots, in both directions. Any thread. */
#ifndef P2P_ANCHOR_H
#define P2P_ANCHOR_H

#include <p2p/archive.h>
#include <p2p/charter.h>
#include <p2p/trust.h>

/* version [out]: the newest one that the trusted roots cosigned themselves. P2P_UNKNOWN
 * (another federation's charter), P2P_BADKEY (of that name, under another key), P2P_QUORUM (no
 * version is cosigned by a quorum of these roots). */
P2P_MUST_CHECK enum p2p_err p2p_charter_anchor(const struct p2p_charter *charter,
                                               const struct p2p_trust *trust,
                                               const struct p2p_sigs *sigs, uint64_t *version);
/* The charter that an archive holds, for a tool that wants nothing else of it: entry by entry
 * with the notes that are archived over them, each proven as p2p_charter_apply does. reason
 * [out] on error, one sentence. P2P_NOTFOUND (the archive has no charter), what
 * p2p_charter_apply refuses, P2P_MALFORMED (an entry without its note), P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_archive_charter(struct p2p_charter **out,
                                                const struct p2p_archive *archive,
                                                const struct p2p_alloc *alloc,
                                                char reason[P2P_REASON_BYTES]);
/* One of these errors as a sentence without a full stop; static. */
const char *p2p_anchor_text(enum p2p_err err);

#endif
