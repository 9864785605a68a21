/* GET /v1/openapi.yaml: what this API is, from the file beside this one, which is part of the
 * program. */
#include "call.h"

/* The bytes between two symbols, as the assembler takes them from the file. */
__asm__(".pushsection .rodata\n"
        ".global p2p_openapi_begin\n"
        ".global p2p_openapi_end\n"
        "p2p_openapi_begin:\n"
        ".incbin \"" P2P_OPENAPI_FILE "\"\n"
        "p2p_openapi_end:\n"
        ".popsection\n");
extern const char p2p_openapi_begin[], p2p_openapi_end[];

static void start_openapi(struct p2p_call *call, struct p2p_node *node)
{
    (void)node;
    p2p_call_reply_bytes(
        call, 200, "application/yaml", "no-cache",
        p2p_slice_of(p2p_openapi_begin, (size_t)(p2p_openapi_end - p2p_openapi_begin)));
}

const struct p2p_route p2p_openapi_routes[] = {
    {.method = "GET",
     .path = "/v1/openapi.yaml",
     .start = start_openapi,
     .who = P2P_WHO_ANYBODY},
    {0},
};
