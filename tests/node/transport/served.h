/* One node that serves on a Unix socket and to people. */
#ifndef SERVED_H
#define SERVED_H

#include "h2_client.h"
#include "net_world.h"
#include "temp_dir.h"

struct served {
    struct world world;
    struct node node;
    struct temp_dir directory;
    char path[TEMP_PATH_BYTES]; /* of the socket */
    char people[64];            /* the people's address, with the port it got */
};

void served_init(struct served *served);
void served_deinit(struct served *served); /* checks that the socket's file is gone */
/* Requests that have begun and not ended. */
uint32_t open_requests(struct served *served);

#endif
