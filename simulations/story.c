#include "story.h"

#include <p2p/assert.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void sim_story_init(struct sim_story *story)
{
    *story = (struct sim_story){.digest = {1, 2}};
    story->lines = calloc(SIM_STORY_LINES, sizeof(*story->lines));
    p2p_assert(story->lines != NULL);
}

void sim_story_deinit(struct sim_story *story)
{
    free(story->lines);
    *story = (struct sim_story){0};
}

static void mix(struct sim_story *story, uint64_t value)
{
    uint64_t a = (story->digest[0] ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t b = (story->digest[1] + value) * UINT64_C(0xc2b2ae3d27d4eb4f);
    story->digest[0] = a ^ (a >> 29) ^ b;
    story->digest[1] = b ^ (b >> 31) ^ (a << 17);
}

void sim_story_mix(struct sim_story *story, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    mix(story, len);
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t value;
        memcpy(&value, at, sizeof(value));
        mix(story, value);
    }
    uint64_t rest = 0;
    if (len > 0) {
        memcpy(&rest, at, len);
        mix(story, rest);
    }
}

/* ---- printing ---- */

static void print_trace(const struct p2p_event_entry *entry, FILE *out)
{
    const struct p2p_trace *trace = &entry->trace;
    fprintf(out, "%s", p2p_trace_word(trace->type));
    if (entry->kind[0] != '\0') {
        fprintf(out, " %s", entry->kind);
    }
    if (entry->feed[0] != '\0') {
        fprintf(out, " %s", entry->feed);
    }
    bool damage = trace->type == P2P_TRACE_DAMAGED || trace->type == P2P_TRACE_REPAIRED;
    if (damage) {
        fprintf(out, " %s", p2p_table_word((enum p2p_table)trace->value));
    }
    if (trace->type == P2P_TRACE_APPENDED || trace->type == P2P_TRACE_TAKEN ||
        trace->type == P2P_TRACE_GAP || damage) {
        fprintf(out, " at %" PRIu64, trace->at);
    } else if (trace->at > 0) {
        fprintf(out, " size %" PRIu64, trace->at);
    }
    if (trace->type == P2P_TRACE_RECEIVED) {
        fprintf(out, " (%" PRIu64 " records)", trace->value);
    } else if (trace->type == P2P_TRACE_READ_ONLY) {
        fprintf(out, " %s", p2p_read_only_word((enum p2p_read_only)trace->value));
    } else if (trace->type == P2P_TRACE_CLOCK) {
        fprintf(out, " apart by %" PRIu64 " s", trace->value);
    }
    if (entry->member[0] != '\0') {
        fprintf(out, " from %s", entry->member);
    }
    if (trace->err != P2P_OK) {
        fprintf(out, ": %s", p2p_err_name(trace->err));
    }
    fputc('\n', out);
}

static void print_line(const struct sim_line *line, FILE *out)
{
    uint64_t ms = line->at_us / 1000;
    fprintf(out, "[%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%03" PRIu64 "] %s: ", ms / 3600000,
            ms / 60000 % 60, ms / 1000 % 60, ms % 1000, line->who);
    if (line->is_trace) {
        print_trace(&line->trace, out);
    } else {
        fprintf(out, "%s\n", line->text);
    }
}

void sim_story_print(const struct sim_story *story, FILE *out)
{
    uint64_t first = story->count > SIM_STORY_LINES ? story->count - SIM_STORY_LINES : 0;
    for (uint64_t i = first; i < story->count; i++) {
        print_line(&story->lines[i % SIM_STORY_LINES], out);
    }
}

/* ---- telling ---- */

static struct sim_line *next_line(struct sim_story *story, uint64_t now_us, const char *who)
{
    struct sim_line *line = &story->lines[story->count++ % SIM_STORY_LINES];
    line->at_us = now_us;
    line->who = who;
    mix(story, now_us);
    sim_story_mix(story, who, strlen(who));
    return line;
}

void sim_story_tell(struct sim_story *story, uint64_t now_us, const char *who,
                    const char *format, ...)
{
    struct sim_line *line = next_line(story, now_us, who);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line->text, sizeof(line->text), format, arguments);
    va_end(arguments);
    line->is_trace = false;
    sim_story_mix(story, line->text, strlen(line->text));
    if (story->live != NULL) {
        print_line(line, story->live);
    }
}

void sim_story_trace(struct sim_story *story, uint64_t now_us, const char *who,
                     const struct p2p_event_entry *entry)
{
    struct sim_line *line = next_line(story, now_us, who);
    const struct p2p_trace *trace = &entry->trace;
    line->is_trace = true;
    line->trace = *entry;
    mix(story, (uint64_t)trace->type << 32 | (uint32_t)trace->err);
    mix(story, (uint64_t)trace->feed << 32 | trace->member);
    mix(story, trace->at);
    mix(story, trace->value);
    if (story->live != NULL) {
        print_line(line, story->live);
    }
}
