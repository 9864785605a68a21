/* The tampering suite's sorts of damage, a file for each: what is done, and which finding is
 * due.
 *
 *   tamper_bytes.c    single bytes
 *   tamper_files.c    whole files
 *   tamper_exporter.c what nobody signs: the manifest, and which files there are
 *   tamper_records.c  records and payloads, without keys
 *   tamper_heads.c    cosignatures, and heads signed with the feed's own key
 *   tamper_history.c  with everybody's key: integrity holds, what is said does not
 *   tamper_issuers.c  officers
 *   tamper_times.c    clocks
 *   tamper_custody.c  custody and releases
 *   tamper_trust.c    trust files and charters
 *   tamper_help.c     what several of them need
 *   tamper.c          running them */
#ifndef TAMPER_H
#define TAMPER_H

#include "check.h"

#include "forger.h"

#include <p2p/audit.h>
#include <p2p/file.h>
#include <p2p/kind.h>
#include <p2p/lthash.h>
#include <p2p/text.h>
#include <p2p/tree.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND_2050 UINT64_C(2524608000)
#define SALT        "0123456789abcdef0123456789abcdef"

struct fraud {
    const char *what;
    void (*make)(struct forger *forger);
    enum p2p_finding_code due; /* P2P_FINDING_COUNT: none but notices */
    enum p2p_err err;          /* instead of a finding: the audit refuses to begin */
    bool with_other;           /* the other archive is verified beside it */
    int accuses_no;            /* a finding that must not be told, and 1; 0: none is barred */
};
#define DUE(code)   .due = P2P_FINDING_##code
#define NEVER(code) .accuses_no = P2P_FINDING_##code + 1
#define SOUND       .due = P2P_FINDING_COUNT
#define REFUSES(e)  .due = P2P_FINDING_COUNT, .err = P2P_##e

struct frauds {
    const struct fraud *list;
    size_t count;
};
#define FRAUDS_OF(list)                                                                        \
    {                                                                                          \
        list, sizeof(list) / sizeof(*(list))                                                   \
    }
extern const struct frauds tamper_bytes, tamper_files, tamper_records, tamper_heads,
    tamper_history, tamper_issuers, tamper_custody, tamper_trust, tamper_exporter, tamper_times;

/* The case that is being made. */
extern struct tampering {
    const char *sandbox_dir, *work_dir;
    char trust_path[FORGER_PATH_BYTES]; /* frauds may put another file there */
    const char *announced;              /* what the manifest is to announce besides, or NULL */
    bool stale_manifest;                /* it is not made to fit at all */
} tampering;

/* ---- tamper_help.c ---- */

uint64_t now_s(const struct forged_feed *feed);
void bundle_path(char out[P2P_ARCHIVE_PATH_BYTES_MAX], struct forger *forger,
                 enum p2p_place_type type, const char *dir);
void forge(struct forger *forger, const char *dir,
           void (*change)(struct forger *forger, struct forged_feed *feed), bool everybody);
uint32_t issuer_of(const struct forger *forger, const char *name);
uint32_t circle_of(const struct forger *forger, const char *name);
void append_own(struct forger *forger, struct forged_feed *feed, uint32_t kind,
                struct p2p_slice content);
void append_ban(struct forger *forger, struct forged_feed *feed, const char *issuer,
                uint32_t number, uint64_t seq, const char *key);
void append_copy(struct forger *forger, struct forged_feed *feed);
void line_of(struct forger *forger, const char *path, const char *name, char out[1024]);
void append_seen(struct forger *forger, struct forged_feed *feed, const char *of, uint64_t size,
                 const struct p2p_hash *root);

/* ---- tamper_heads.c ---- */

void rewritten(struct forger *forger);

#endif
