#include "spool_head.h"

#include <p2p/bytes.h>
#include <p2p/hash.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SLOT_AT(i)   ((off_t)(i)*4096)
#define SUM_BYTES    16u
#define SUMMED_BYTES 32u
#define SLOT_BYTES   (SUMMED_BYTES + SUM_BYTES)

_Static_assert(SLOT_AT(2) == P2P_SPOOL_HEAD_BYTES, "entries begin behind the slots");

static const uint8_t magic[8] = {'p', '2', 'p', 's', 'p', 'o', 'o', 'l'};

static bool slot_parse(const uint8_t bytes[SLOT_BYTES], struct spool_head *out)
{
    struct p2p_reader reader;
    struct p2p_hash hash = p2p_sha256(p2p_slice_of(bytes, SUMMED_BYTES));

    if (memcmp(bytes, magic, sizeof(magic)) != 0 ||
        memcmp(bytes + SUMMED_BYTES, hash.bytes, SUM_BYTES) != 0) {
        return false;
    }
    p2p_reader_init(&reader, p2p_slice_of(bytes + sizeof(magic), SUMMED_BYTES - sizeof(magic)));
    out->serial = p2p_reader_u64(&reader);
    out->epoch = p2p_reader_u64(&reader);
    out->used = p2p_reader_u64(&reader);
    return true;
}

int spool_head_read(int fd, struct spool_head *head, enum spool_head_state *state)
{
    static const uint8_t zeros[SLOT_BYTES];
    enum spool_head_state found = SPOOL_HEAD_NEW;

    for (unsigned i = 0; i < 2; i++) {
        uint8_t bytes[SLOT_BYTES] = {0};
        struct spool_head slot;
        if (pread(fd, bytes, sizeof(bytes), SLOT_AT(i)) < 0) {
            return errno;
        }
        if (slot_parse(bytes, &slot)) {
            if (found != SPOOL_HEAD_GOOD || slot.serial > head->serial) {
                *head = slot;
            }
            found = SPOOL_HEAD_GOOD;
        } else if (found == SPOOL_HEAD_NEW && memcmp(bytes, zeros, sizeof(bytes)) != 0) {
            found = SPOOL_HEAD_DAMAGED;
        }
    }
    *state = found;
    return 0;
}

int spool_head_write(int fd, struct spool_head *head, uint64_t epoch, uint64_t used)
{
    uint64_t serial = head->serial + 1;
    uint8_t bytes[SLOT_BYTES];
    struct p2p_writer writer;

    p2p_writer_init(&writer, bytes, sizeof(bytes));
    p2p_writer_bytes(&writer, magic, sizeof(magic));
    p2p_writer_u64(&writer, serial);
    p2p_writer_u64(&writer, epoch);
    p2p_writer_u64(&writer, used);
    struct p2p_hash hash = p2p_sha256(p2p_writer_slice(&writer));
    p2p_writer_bytes(&writer, hash.bytes, SUM_BYTES);
    ssize_t put = pwrite(fd, bytes, sizeof(bytes), SLOT_AT(serial % 2));
    if (put != (ssize_t)sizeof(bytes)) {
        return put < 0 ? errno : EIO;
    }
    *head = (struct spool_head){serial, epoch, used};
    return 0;
}
