#include "served.h"

#include <stdio.h>
#include <unistd.h>

void served_init(struct served *served)
{
    world_init(&served->world);
    node_init(&served->node, &served->world, 1);
    temp_dir_make(&served->directory);
    temp_path(&served->directory, "node.sock", served->path);
    node_listen_unix(&served->node, served->path);
    node_listen_people(&served->node);
    snprintf(served->people, sizeof served->people, "%s",
             p2p_server_address(served->node.server));
}

void served_deinit(struct served *served)
{
    node_deinit(&served->node);
    CHECK(access(served->path, F_OK) != 0);
    temp_dir_remove(&served->directory);
    world_deinit(&served->world);
}

uint32_t open_requests(struct served *served)
{
    struct p2p_server_counts counts;
    p2p_server_counts_get(served->node.server, &counts);
    return counts.open;
}
