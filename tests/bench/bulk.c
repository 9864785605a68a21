/* A ship's release: 5,000 rights issued at one node, 256 requests at a time, each signed by its
 * carrier, until they are seen at the others of a federation of seven. */
#include "figure.h"
#include "rights.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOOKED_AT = 16, NODES = 7, WAIT_S = 60 };

static const char seven_nodes[] = "bulk release of 5,000 rights, seven nodes";

static int ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* What was issued last, and some of those before it; records of one feed come in their order,
 * what they say need not. */
static bool all_seen(const struct fleet_node *node, const struct right_set *set)
{
    struct client client = {.fd = -1};
    bool good = client_open(&client, node->socket);
    for (size_t i = LOOKED_AT; i-- > 0 && good;) {
        char id[RIGHT_ID_BYTES];
        right_id(set, (set->count - 1) * i / (LOOKED_AT - 1), id);
        good = right_wait(&client, id, "PENDING", "beanr-haulier", WAIT_S);
    }
    client_close(&client);
    return good;
}

static bool quiet(const struct fleet *fleet)
{
    double size = fleet_size(&fleet->a, "beanr/1");
    double when_s;
    bool good = fleet_wait_size(&fleet->b, "beanr/1", size, WAIT_S, &when_s);
    for (size_t i = 0; i < fleet->more_count && good; i++) {
        good = fleet_wait_size(&fleet->more[i], "beanr/1", size, WAIT_S, &when_s);
    }
    bench_pause_ms(500);
    return good;
}

static bool release(struct right_set *set, const char *part)
{
    const struct figure asked = {
        .part = part, .name = "until the last is answered at the first node", .unit = "s"};
    const struct figure second = {.part = part,
                                  .name = "bulk of 5,000, until seen at a second node",
                                  .unit = "s",
                                  .aim_type = AIM_AT_MOST,
                                  .aim = 2};
    const struct figure seven = {.part = part,
                                 .name = "until all are seen at all seven",
                                 .unit = "s",
                                 .aim_type = AIM_AT_MOST,
                                 .aim = 6};
    const struct figure verified = {.part = part,
                                    .name = "signatures verified at the other six",
                                    .unit = "/s",
                                    .limit = "verify, 2 threads"};
    const struct fleet *fleet = set->fleet;
    double asked_s;
    set->connections = LOAD_CONNECTIONS_MAX;
    double begin = bench_now_s();
    if (!right_set_issue(set, "beanr-haulier", &asked_s)) {
        return false;
    }
    qsort(set->issued, set->count, sizeof(set->issued[0]), ascending);
    if (!all_seen(&fleet->b, set)) {
        return false;
    }
    double second_s = bench_now_s() - begin;
    for (size_t i = 0; i < fleet->more_count; i++) {
        if (!all_seen(&fleet->more[i], set)) {
            return false;
        }
    }
    double seven_s = bench_now_s() - begin;
    figure_add(&asked, asked_s);
    figure_add(&second, second_s);
    if (fleet->more_count > 0) {
        figure_add(&seven, seven_s);
        figure_add(&verified, (double)set->count * (NODES - 1) / seven_s);
    }
    return true;
}

bool bench_bulk_loaded(const struct fleet *fleet, uint64_t first, const char *part)
{
    struct right_set set;
    size_t count = fleet->bench->quick ? BULK_QUICK_RIGHTS : BULK_RIGHTS;
    bool good = right_set_init(&set, fleet, first, count) && right_set_open(&set) &&
                quiet(fleet) && release(&set, part);
    right_set_deinit(&set);
    return good;
}

bool bench_bulk(const struct bench *bench)
{
    static const char *const more[] = {"begne", "beost", "belgg", "bebru", "commission"};
    _Static_assert(sizeof(more) / sizeof(more[0]) == NODES - 2, "seven nodes");
    struct fleet fleet;
    unsigned rounds = bench->quick ? 1 : 3;
    bool good =
        fleet_open_with(&fleet, bench, "bulk", more, NODES - 2) && fleet_start_all(&fleet);
    for (unsigned i = 0; i < rounds && good; i++) {
        bench_say("a bulk release to seven nodes, round %u of %u", i + 1, rounds);
        good = bench_bulk_loaded(&fleet, (uint64_t)i * BULK_RIGHTS, seven_nodes);
    }
    fleet_close(&fleet);
    return good;
}
