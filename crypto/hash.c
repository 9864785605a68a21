/* EVP costs 400 ns more per call than these functions, which is more than a leaf takes to hash.
 */
#define OPENSSL_API_COMPAT 0x10101000L

#include <p2p/hash.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

_Static_assert(P2P_BLAKE2B_BYTES == crypto_generichash_BYTES_MAX, "BLAKE2b's longest");
_Static_assert(P2P_BLAKE2B_KEY_BYTES_MAX == crypto_generichash_KEYBYTES_MAX, "and its key's");
_Static_assert(P2P_HASH_BYTES == SHA256_DIGEST_LENGTH, "a hash is a SHA-256");

static const uint8_t leaf_prefix = 0x00;
static const uint8_t node_prefix = 0x01;

struct p2p_hash p2p_sha256(struct p2p_slice bytes)
{
    return p2p_sha256_many(&bytes, 1);
}

struct p2p_hash p2p_sha256_many(const struct p2p_slice *parts, size_t count)
{
    SHA256_CTX sha;
    struct p2p_hash hash;
    SHA256_Init(&sha);
    for (size_t i = 0; i < count; i++) {
        SHA256_Update(&sha, parts[i].data, parts[i].len);
    }
    SHA256_Final(hash.bytes, &sha);
    return hash;
}

struct p2p_hash p2p_leaf_hash(struct p2p_slice record)
{
    SHA256_CTX sha;
    struct p2p_hash hash;
    SHA256_Init(&sha);
    SHA256_Update(&sha, &leaf_prefix, 1);
    SHA256_Update(&sha, record.data, record.len);
    SHA256_Final(hash.bytes, &sha);
    return hash;
}

struct p2p_hash p2p_node_hash(const struct p2p_hash *left, const struct p2p_hash *right)
{
    uint8_t node[1 + 2 * P2P_HASH_BYTES];
    struct p2p_hash hash;
    SHA256_CTX sha;
    node[0] = node_prefix;
    memcpy(node + 1, left->bytes, P2P_HASH_BYTES);
    memcpy(node + 1 + P2P_HASH_BYTES, right->bytes, P2P_HASH_BYTES);
    SHA256_Init(&sha);
    SHA256_Update(&sha, node, sizeof node);
    SHA256_Final(hash.bytes, &sha);
    return hash;
}

bool p2p_hash_equal(const struct p2p_hash *a, const struct p2p_hash *b)
{
    return memcmp(a->bytes, b->bytes, P2P_HASH_BYTES) == 0;
}

void p2p_blake2b(uint8_t out[P2P_BLAKE2B_BYTES], struct p2p_slice key, struct p2p_slice bytes)
{
    p2p_assert(key.len <= P2P_BLAKE2B_KEY_BYTES_MAX);
    int rc =
        crypto_generichash(out, P2P_BLAKE2B_BYTES, bytes.data, bytes.len, key.data, key.len);
    p2p_assert(rc == 0);
}

size_t p2p_use_prefix(uint8_t out[P2P_PREFIX_BYTES_MAX], const char *use,
                      struct p2p_slice origin)
{
    struct p2p_writer writer;
    p2p_assert(strlen(use) <= 32);
    p2p_assert(origin.len <= P2P_ORIGIN_BYTES_MAX);
    p2p_writer_init(&writer, out, P2P_PREFIX_BYTES_MAX);
    p2p_writer_text(&writer, "port2port/v1/");
    p2p_writer_text(&writer, use);
    p2p_writer_u8(&writer, 0);
    p2p_writer_u16(&writer, (uint16_t)origin.len);
    p2p_writer_bytes(&writer, origin.data, origin.len);
    p2p_assert(!writer.failed);
    return writer.len;
}
