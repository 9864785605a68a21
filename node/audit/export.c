#include "export_parts.h"

#include <p2p/assert.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_EVERY 4096u

enum p2p_err p2p_export_fail(struct p2p_export *export, enum p2p_err err, const char *format,
                             ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(export->message, sizeof(export->message), format, args);
    va_end(args);
    return err;
}

void p2p_export_progress(struct p2p_export *export, uint64_t records)
{
    const struct p2p_export_options *options = export->options;
    uint64_t before = export->done;
    export->done += records;
    if (options->progress != NULL && before / PROGRESS_EVERY != export->done / PROGRESS_EVERY) {
        options->progress(options->context, export->done / 2, export->result->records);
    }
}

struct p2p_archive_place p2p_export_place(const struct p2p_export_feed *feed,
                                          enum p2p_place_type type)
{
    return (struct p2p_archive_place){.type = type, .feed = p2p_slice_text(feed->name)};
}

/* ---- which feeds ---- */

static bool chosen(const struct p2p_export_options *options, uint32_t feed)
{
    for (size_t i = 0; i < options->feed_count; i++) {
        if (options->feeds[i] == feed) {
            return true;
        }
    }
    return options->feed_count == 0 || feed == P2P_CHARTER_FEED;
}

static enum p2p_err choose_feeds(struct p2p_export *export)
{
    const struct p2p_ledger *ledger = export->options->ledger;
    export->feeds =
        p2p_arena_take(&export->arena, (ledger->feed_count + 1) * sizeof(*export->feeds));
    if (export->feeds == NULL) {
        return P2P_NOMEM;
    }
    for (uint32_t i = 0; i < ledger->feed_count; i++) {
        struct p2p_export_feed feed = {.feed = p2p_ledger_feed(ledger, i),
                                       .info = p2p_charter_feed(ledger->charter, i)};
        if (!chosen(export->options, i) || feed.feed == NULL || feed.info == NULL ||
            feed.feed->edge.size == 0) {
            continue;
        }
        if (p2p_archive_feed_dir(feed.name, p2p_slice_text(feed.info->origin)) == 0) {
            return p2p_export_fail(export, P2P_CORRUPT, "%s is no origin of a feed",
                                   feed.info->origin);
        }
        export->feeds[export->feed_count++] = feed;
        export->result->records += feed.feed->edge.size;
    }
    export->result->feeds = export->feed_count;
    return P2P_OK;
}

static enum p2p_err keep_others(struct p2p_export *export)
{
    const char **names =
        p2p_arena_take(&export->arena, (export->feed_count + 1) * sizeof(*names));
    if (names == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < export->feed_count; i++) {
        names[i] = export->feeds[i].name;
    }
    return p2p_archive_writer_keep_others(export->writer, names, export->feed_count);
}

/* ---- the order of things ---- */

static enum p2p_err export_feeds(struct p2p_export *export)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < export->feed_count && err == P2P_OK; i++) {
        const struct p2p_export_feed *feed = &export->feeds[i];
        err = p2p_export_tiles(export, feed);
        if (err == P2P_OK) {
            err = p2p_export_notes(export, feed);
        }
        if (err == P2P_OK) {
            err = p2p_export_payloads(export, feed);
        }
    }
    return err;
}

static enum p2p_err run(struct p2p_export *export)
{
    const struct p2p_export_options *options = export->options;
    const struct p2p_charter *charter = options->ledger->charter;
    struct p2p_hash federation_id = p2p_charter_federation_id(charter);
    const struct p2p_member *member =
        p2p_charter_member_named(charter, p2p_slice_text(options->exporter));
    export->member = member == NULL ? 0 : member->number;
    if (p2p_charter_size(charter) == 0) {
        return p2p_export_fail(export, P2P_NOTFOUND,
                               "there is no charter here yet; fetch it with charter fetch");
    }
    enum p2p_err err = p2p_archive_writer_open(
        &export->writer, options->dir, p2p_alloc_default(), &federation_id, options->exporter,
        export->message, sizeof(export->message));
    if (err == P2P_OK) {
        err = choose_feeds(export);
    }
    if (err == P2P_OK) {
        err = export_feeds(export);
    }
    if (err == P2P_OK) {
        err = p2p_export_proofs(export);
    }
    if (err == P2P_OK) {
        err = keep_others(export);
    }
    if (err == P2P_OK) {
        err = p2p_archive_writer_finish(export->writer, &export->result->manifest,
                                        &export->result->files);
    }
    return err;
}

enum p2p_err p2p_export_run(const struct p2p_export_options *options,
                            struct p2p_export_result *result, char *message, size_t cap)
{
    struct p2p_export_result done = {.feeds = 0};
    struct p2p_export export = {.options = options, .result = &done};
    p2p_arena_init(&export.arena, p2p_alloc_default(), P2P_EXPORT_ARENA_BYTES);
    p2p_ledger_begin(options->ledger, options->kv, &export.arena);
    enum p2p_err err = run(&export);
    if (err == P2P_OK) {
        struct p2p_archive_written written = p2p_archive_writer_written(export.writer);
        done.written_files = written.files;
        done.written_bytes = written.bytes;
        done.removed_files = written.removed;
        *result = done;
    } else {
        const char *why =
            export.writer != NULL ? p2p_archive_writer_message(export.writer) : "";
        snprintf(message, cap, "%s",
                 export.message[0] != '\0' ? export.message
                 : why[0] != '\0'          ? why
                                           : p2p_err_text(err));
    }
    p2p_archive_writer_close(export.writer);
    p2p_arena_deinit(&export.arena);
    return err;
}
