/* Writes EDIFACT segments with the default service characters, for the answers.
 *
 * A segment is begun, its elements and components are added in order, and it is ended; empty
 * ones at its end are left out. Service characters in texts are released; what syntax level B
 * does not have becomes a full stop. Nothing is written beyond the capacity: then `failed` is
 * on and stays so. Pure. */
#ifndef P2P_TRADE_EDI_WRITER_H
#define P2P_TRADE_EDI_WRITER_H

#include <p2p/base.h>

struct p2p_edi_writer {
    uint8_t *data; /* borrowed */
    size_t cap;
    size_t len;
    uint32_t segments; /* since the last UNH, it included */
    uint32_t pending_elements;
    uint32_t pending_components;
    bool failed;
};

void p2p_edi_writer_init(struct p2p_edi_writer *writer, void *data, size_t cap);
void p2p_edi_begin(struct p2p_edi_writer *writer, const char *tag);
/* The next element, with its first component; NULL or "" for none. */
void p2p_edi_element(struct p2p_edi_writer *writer, const char *text);
/* The next component of the present element. */
void p2p_edi_component(struct p2p_edi_writer *writer, const char *text);
void p2p_edi_number(struct p2p_edi_writer *writer, uint64_t value); /* an element */
void p2p_edi_end(struct p2p_edi_writer *writer);

#endif
