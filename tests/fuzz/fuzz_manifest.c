/* Any bytes as the manifest of an archive: what is taken is written again as it was. */
#include "node/audit/manifest.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

static void write_again(const struct p2p_manifest *manifest, const uint8_t *data, size_t size)
{
    char *again = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&again, &len);
    if (out == NULL) {
        return;
    }
    bool good = p2p_manifest_put_head(out, &manifest->federation_id, manifest->exporter);
    for (size_t i = 0; i < manifest->file_count && good; i++) {
        good = p2p_manifest_put_file(out, &manifest->files[i]);
    }
    good = good && fputc('\n', out) != EOF;
    for (size_t i = 0; i < manifest->range_count && good; i++) {
        good = p2p_manifest_put_range(out, &manifest->ranges[i]);
    }
    good = fclose(out) == 0 && good;
    p2p_assert(!good || (len == size && memcmp(again, data, size) == 0));
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_manifest manifest;
    size_t line = 0;
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    if (p2p_manifest_parse(&manifest, p2p_alloc_default(), text, size, &line) == P2P_OK) {
        write_again(&manifest, data, size);
        p2p_manifest_deinit(&manifest);
    }
    free(text);
    return 0;
}
