/* What this machine can do at most, in the same run as everything that is compared with it. */
#include "bench.h"
#include "figure.h"
#include "limit_commit.h"

#include <p2p/bytes.h>
#include <p2p/hash.h>
#include <p2p/sigs.h>

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

enum { RECORD_BYTES = 300, NODE_BYTES = 65, COMMIT_PUTS = 1000 };

static void add(const char *name, const char *unit, double value)
{
    const struct figure figure = {.part = "limits", .name = name, .unit = unit};
    figure_add(&figure, value);
}

/* ---- signatures ---- */

struct verify {
    uint8_t seed[P2P_SEED_BYTES];
    uint8_t message[RECORD_BYTES];
    uint8_t public_key[P2P_PUBLIC_BYTES];
    struct p2p_signature signature;
    double until_s;
    double rate; /* out */
};

static void *verify_until(void *context)
{
    struct verify *verify = context;
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    double begin = bench_now_s();
    double now = begin;
    size_t count = 0;
    bool good = true;
    while (now < verify->until_s) {
        for (unsigned i = 0; i < 64; i++) {
            good = sigs->verify(sigs->context, verify->public_key, verify->signature.bytes,
                                p2p_slice_of(verify->message, sizeof(verify->message))) &&
                   good;
        }
        count += 64;
        now = bench_now_s();
    }
    verify->rate = good ? (double)count / (now - begin) : 0;
    return NULL;
}

static double verify_rate(unsigned threads, double seconds)
{
    struct verify verify[2] = {0};
    pthread_t thread;
    struct p2p_issuer_secret secret;
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    memset(verify[0].message, 7, sizeof(verify[0].message));
    p2p_issuer_secret_init(&secret, verify[0].seed);
    memcpy(verify[0].public_key, secret.public_key.bytes, P2P_PUBLIC_BYTES);
    sigs->sign(sigs->context, secret.seed, secret.public_key.bytes,
               p2p_slice_of(verify[0].message, sizeof(verify[0].message)),
               &verify[0].signature);
    verify[0].until_s = bench_now_s() + seconds;
    verify[1] = verify[0];
    if (threads == 2 && pthread_create(&thread, NULL, verify_until, &verify[1]) != 0) {
        return 0;
    }
    verify_until(&verify[0]);
    if (threads == 2) {
        pthread_join(thread, NULL);
    }
    return verify[0].rate + (threads == 2 ? verify[1].rate : 0);
}

/* ---- hashes ---- */

static double hash_ns(size_t bytes, double seconds)
{
    uint8_t data[RECORD_BYTES + 1] = {0};
    uint8_t hash[P2P_HASH_BYTES];
    double begin = bench_now_s();
    double now = begin;
    size_t count = 0;
    while (now < begin + seconds) {
        for (unsigned i = 0; i < 1024; i++) {
            data[1] = (uint8_t)i;
            EVP_Digest(data, bytes, hash, NULL, EVP_sha256(), NULL);
        }
        count += 1024;
        now = bench_now_s();
    }
    return (now - begin) / (double)count * 1e9;
}

/* ---- synced commits ---- */

static bool commit_rate(struct commits *commits, unsigned puts, double seconds, double *rate)
{
    double begin = bench_now_s();
    double now = begin;
    size_t count = 0;
    for (; now < begin + seconds; count++) {
        if (!commits_once(commits, puts)) {
            return false;
        }
        now = bench_now_s();
    }
    *rate = (double)count / (now - begin);
    return true;
}

void bench_limit_hash(const struct bench *bench)
{
    double seconds = bench->quick ? 0.1 : 0.5;
    double leaf = hash_ns(RECORD_BYTES + 1, seconds);
    double interior = hash_ns(NODE_BYTES, seconds);
    add("EVP SHA-256, leaf of 300 B", "ns", leaf);
    add("EVP SHA-256, interior node", "ns", interior);
    add("leaf and interior, 1 thread", "/s", 1e9 / (leaf + interior));
}

double bench_limit_verify(const struct bench *bench)
{
    double rate = verify_rate(2, bench->quick ? 0.1 : 0.5);
    add("verify, 2 threads", "/s", rate);
    return rate;
}

double bench_limit_scaling(const struct bench *bench)
{
    double seconds = bench->quick ? 0.1 : 0.5;
    double ratio = verify_rate(2, seconds) / verify_rate(1, seconds);
    add("verify, 2 threads to 1", "times", ratio);
    return ratio;
}

bool bench_limit_commit(const struct bench *bench)
{
    struct commits commits;
    double seconds = bench->quick ? 0.2 : 1;
    double one = 0;
    double many = 0;
    bool good = commits_open(&commits, bench->dir) && commit_rate(&commits, 1, seconds, &one) &&
                commit_rate(&commits, COMMIT_PUTS, seconds, &many);
    commits_close(&commits);
    if (good) {
        add("LMDB synced commit, 1 put", "/s", one);
        add("LMDB synced commit, 1,000 puts", "/s", many);
    }
    return good;
}

bool bench_limits(const struct bench *bench)
{
    double seconds = bench->quick ? 0.1 : 0.5;
    unsigned rounds = bench->quick ? 1 : 3;
    for (unsigned i = 0; i < rounds; i++) {
        bench_say("limits of this machine, round %u of %u", i + 1, rounds);
        add("verify, 1 thread", "/s", verify_rate(1, seconds));
        bench_limit_verify(bench);
        bench_limit_hash(bench);
        if (!bench_limit_commit(bench)) {
            return false;
        }
        add("TLS 1.3 loopback, 2 threads", "MB/s",
            bench_tls_bytes_per_s(bench->quick ? 64e6 : 512e6) / 1e6);
    }
    return true;
}
