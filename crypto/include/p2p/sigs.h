/* The signature seam: who signs and verifies.
 *
 * libsodium's Ed25519 in a node; keyed BLAKE2b in most simulator runs, where signing would
 * dominate. Hashes and tokens are always real. The engine calls only through this struct.
 * verify_many exists so that a host can spread a batch over threads; jobs are independent, each
 * verdict is written to its own job, and the call returns when all are decided. */
#ifndef P2P_SIGS_H
#define P2P_SIGS_H

#include <p2p/key.h>

struct p2p_verify_job {
    const uint8_t *public_key; /* 32 bytes, borrowed */
    const uint8_t *signature;  /* 64 bytes, borrowed */
    struct p2p_slice message;  /* borrowed */
    bool good;                 /* out */
};

struct p2p_sigs {
    void (*sign)(void *context, const uint8_t seed[P2P_SEED_BYTES],
                 const uint8_t public_key[P2P_PUBLIC_BYTES], struct p2p_slice message,
                 struct p2p_signature *out);
    bool (*verify)(void *context, const uint8_t public_key[P2P_PUBLIC_BYTES],
                   const uint8_t signature[P2P_SIGNATURE_BYTES], struct p2p_slice message);
    void (*verify_many)(void *context, struct p2p_verify_job *jobs, size_t count);
    void *context;
};

/* Ed25519 by libsodium, one job after another; static storage. */
const struct p2p_sigs *p2p_sigs_ed25519(void);

#endif
