#include "edi_writer.h"

#include <p2p/text.h>

#include <string.h>

void p2p_edi_writer_init(struct p2p_edi_writer *writer, void *data, size_t cap)
{
    *writer = (struct p2p_edi_writer){.data = data, .cap = cap};
}

static void write_byte(struct p2p_edi_writer *writer, uint8_t c)
{
    if (writer->len == writer->cap) {
        writer->failed = true;
        return;
    }
    writer->data[writer->len++] = c;
}

static void write_text(struct p2p_edi_writer *writer, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        uint8_t c = (uint8_t)*at;
        if (c == '+' || c == ':' || c == '?' || c == '\'') {
            write_byte(writer, '?');
        }
        write_byte(writer, c < 0x20 || c > 0x7e ? '.' : c);
    }
}

void p2p_edi_begin(struct p2p_edi_writer *writer, const char *tag)
{
    writer->segments = strcmp(tag, "UNH") == 0 ? 1 : writer->segments + 1;
    writer->pending_elements = 0;
    writer->pending_components = 0;
    write_text(writer, tag);
}

/* Separators are written only before something that is not empty. */
static void write_value(struct p2p_edi_writer *writer, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return;
    }
    for (; writer->pending_elements > 0; writer->pending_elements--) {
        write_byte(writer, '+');
    }
    for (; writer->pending_components > 0; writer->pending_components--) {
        write_byte(writer, ':');
    }
    write_text(writer, text);
}

void p2p_edi_element(struct p2p_edi_writer *writer, const char *text)
{
    writer->pending_elements++;
    writer->pending_components = 0;
    write_value(writer, text);
}

void p2p_edi_component(struct p2p_edi_writer *writer, const char *text)
{
    writer->pending_components++;
    write_value(writer, text);
}

void p2p_edi_number(struct p2p_edi_writer *writer, uint64_t value)
{
    char text[P2P_DECIMAL_BYTES];
    p2p_decimal_encode(text, value);
    p2p_edi_element(writer, text);
}

void p2p_edi_end(struct p2p_edi_writer *writer)
{
    write_byte(writer, '\'');
    write_byte(writer, '\n');
}
