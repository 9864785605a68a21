#include "forgery.h"
#include "sim.h"

#include <p2p/assert.h>
#include <p2p/frame.h>

#include <stdlib.h>
#include <string.h>

#define TWO_FACED_MOST_US (3 * SIM_MINUTE)
#define BACKDATED_MS      (INT64_C(3600) * 1000)
#define KEPT_FRAMES       64u /* of a liar's, to be sent again when they are old */
#define GARBAGE_BYTES_MAX 4096u
#define ENDLESS_FRAMES    500u

/* What a liar keeps back while it lies. */
enum { KEEPS_RECORDS = 1, KEEPS_PAYLOADS = 2, ALTERS = 4 };

struct kept_frame {
    uint8_t *bytes;
    size_t len;
};

struct liar {
    uint32_t host;
    unsigned keeps;
    uint32_t kept_from; /* records are kept back from this machine */
    uint32_t twin;      /* its second face; 0: none */
    struct kept_frame frames[KEPT_FRAMES];
    uint64_t frame_count;
};

struct sim_adversary {
    struct sim *sim;
    const struct sim_adversary_options *options;
    struct sim_chance chance;
    struct liar *liars;
    uint32_t liar_count;
};

static const char *const words[] = {
#define LIE_WORD(name, word, text) word,
    SIM_LIE_MAP(LIE_WORD)
#undef LIE_WORD
};

/* ---- whom and what ---- */

static struct sim_host *liar_host(const struct sim_adversary *adversary,
                                  const struct liar *liar)
{
    return adversary->sim->hosts[liar->host];
}

static struct liar *find_liar(struct sim_adversary *adversary, const struct sim_host *host)
{
    for (uint32_t i = 0; i < adversary->liar_count; i++) {
        if (adversary->liars[i].host == host->number) {
            return &adversary->liars[i];
        }
    }
    return NULL;
}

/* An honest machine that the liar has a stream to, or NULL. */
static struct sim_host *victim(struct sim_adversary *adversary, const struct sim_host *liar)
{
    const struct sim *sim = adversary->sim;
    uint32_t first = (uint32_t)sim_chance_below(&adversary->chance, sim->options.nodes);
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct sim_host *host = sim->hosts[1 + (first + i) % sim->options.nodes];
        if (host != liar && host->up && host->conduct == SIM_HONEST &&
            sim_network_connected(sim->network, liar, host)) {
            return host;
        }
    }
    return NULL;
}

static void send_to_all(struct sim_adversary *adversary, struct sim_host *from,
                        struct p2p_slice bytes)
{
    const struct sim *sim = adversary->sim;
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        if (sim->hosts[i] != from) {
            sim_network_inject(sim->network, from, sim->hosts[i], bytes);
        }
    }
}

static const struct p2p_feed_info *own_feed(const struct sim_host *host)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(host->node.engine);
    return p2p_charter_feed(ledger->charter, p2p_engine_own_feed(host->node.engine));
}

static uint64_t held_size(const struct sim_host *host, uint32_t feed)
{
    const struct p2p_feed *held = p2p_ledger_feed(p2p_engine_ledger(host->node.engine), feed);
    return held == NULL ? 0 : held->edge.size;
}

/* ---- forks ---- */

static void switch_off_twin(struct sim *sim, uint64_t subject, void *data)
{
    struct liar *liar = &sim->adversary->liars[subject];
    (void)data;
    if (liar->twin != 0) {
        struct sim_host *twin = sim->hosts[liar->twin];
        liar->twin = 0;
        twin->leaves = true;
        if (twin->up) {
            sim_host_kill(twin, false, UINT64_MAX);
        }
    }
}

/* A second machine with the same keys and history, each heard by its own half of the others. */
static bool equivocate(struct sim_adversary *adversary, struct liar *liar)
{
    struct sim *sim = adversary->sim;
    struct sim_host *host = liar_host(adversary, liar);
    uint32_t number = sim->host_count + 1;
    if (liar->twin != 0 || number >= SIM_HOSTS_MAX) {
        return false;
    }
    struct sim_host *twin = sim_host_new(sim, number, host->member);
    sim->hosts[number] = twin;
    sim->host_count = number;
    sim_host_kill(host, false, SIM_SECOND);
    sim_disk_free(twin->disk);
    twin->disk = sim_disk_clone(host->disk, number);
    twin->conduct = SIM_BYZANTINE;
    liar->twin = number;
    sim_watcher_expect_fork(sim->watcher, host->member->index);
    if (!sim_host_start(twin)) {
        return false;
    }
    for (uint32_t i = 1; i <= sim->options.nodes; i++) {
        if (i != host->number) {
            sim_network_cut(sim->network, i % 2 == 0 ? host : twin, sim->hosts[i], true);
        }
    }
    sim_schedule_at(&sim->schedule,
                    sim->schedule.now_us +
                        sim_chance_between(&adversary->chance, SIM_SECOND, TWO_FACED_MOST_US),
                    switch_off_twin, (uint64_t)(liar - adversary->liars), NULL, NULL);
    return true;
}

/* A short other history of an honest member's feed, with its feed key; half the others get it.
 */
static bool tiny_fork(struct sim_adversary *adversary, struct liar *liar)
{
    struct sim *sim = adversary->sim;
    struct sim_host *host = liar_host(adversary, liar);
    struct sim_host *robbed = victim(adversary, host);
    struct sim_forgery forgery;
    size_t len;
    if (robbed == NULL || own_feed(robbed) == NULL) {
        return false;
    }
    const struct p2p_feed_info *info = own_feed(robbed);
    uint64_t size = held_size(host, info->number);
    if (size < 2 ||
        !sim_forgery_begin(&forgery, host, info->number,
                           1 + sim_chance_below(&adversary->chance, size / 4 + 1))) {
        return false;
    }
    sim_watcher_expect_fork(sim->watcher, robbed->member->index);
    sim_forgery_note(&forgery, sim_now_ms(sim), "another history");
    uint8_t *bytes = sim_forgery_sign(&forgery, info->origin, sim->federation.sigs,
                                      &robbed->member->feed_key, &len);
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        if (sim->hosts[i] != host && sim_chance_below(&adversary->chance, 2) == 0) {
            sim_network_inject(sim->network, host, sim->hosts[i], p2p_slice_of(bytes, len));
        }
    }
    free(bytes);
    sim_forgery_deinit(&forgery);
    return true;
}

/* Its witness key over a head of another history, beside those it cosigned honestly. */
static bool cosign_both(struct sim_adversary *adversary, struct liar *liar)
{
    struct sim *sim = adversary->sim;
    struct sim_host *host = liar_host(adversary, liar);
    struct sim_host *other = victim(adversary, host);
    struct sim_forgery forgery;
    size_t len;
    if (other == NULL || own_feed(other) == NULL) {
        return false;
    }
    const struct p2p_feed_info *info = own_feed(other);
    uint64_t size = held_size(host, info->number);
    if (size < 1 || !sim_forgery_begin(&forgery, host, info->number, size - 1)) {
        return false;
    }
    sim_forgery_note(&forgery, sim_now_ms(sim), "cosigned, never written");
    forgery.head.size = forgery.edge.size;
    forgery.head.root = p2p_edge_root(&forgery.edge);
    uint8_t *bytes = sim_forgery_cosign(
        &forgery.head, info->number, info->origin, p2p_engine_member(host->node.engine),
        sim->federation.sigs, &host->member->witness_key, sim_now_ms(sim) / 1000, &len);
    send_to_all(adversary, host, p2p_slice_of(bytes, len));
    free(bytes);
    sim_forgery_deinit(&forgery);
    return true;
}

/* ---- its own feed, written by other means than its engine's ---- */

static bool append_forged(struct sim_adversary *adversary, struct liar *liar, bool copy)
{
    struct sim *sim = adversary->sim;
    struct sim_host *host = liar_host(adversary, liar);
    struct sim_host *to = victim(adversary, host);
    const struct p2p_feed_info *info = own_feed(host);
    struct sim_forgery forgery;
    size_t len;
    if (to == NULL || info == NULL || held_size(host, info->number) < 2) {
        return false;
    }
    uint64_t size = held_size(host, info->number);
    if (!sim_forgery_begin(&forgery, host, info->number, size)) {
        return false;
    }
    /* What its engine writes at the same time makes a fork of this. */
    sim_watcher_expect_fork(sim->watcher, host->member->index);
    if (!copy ||
        !sim_forgery_copy(&forgery, host, sim_chance_below(&adversary->chance, size))) {
        /* A record of its own without the `seen` that its cosignatures call for. */
        sim_forgery_note(&forgery, sim_now_ms(sim) - (uint64_t)BACKDATED_MS, "seen nothing");
    }
    uint8_t *bytes = sim_forgery_sign(&forgery, info->origin, sim->federation.sigs,
                                      &host->member->feed_key, &len);
    sim_network_inject(sim->network, host, to, p2p_slice_of(bytes, len));
    free(bytes);
    sim_forgery_deinit(&forgery);
    return true;
}

/* ---- frames that should not be ---- */

static bool send_old(struct sim_adversary *adversary, struct liar *liar)
{
    struct sim_host *host = liar_host(adversary, liar);
    struct sim_host *to = victim(adversary, host);
    uint64_t held = liar->frame_count < KEPT_FRAMES ? liar->frame_count : KEPT_FRAMES;
    if (to == NULL || held == 0) {
        return false;
    }
    for (unsigned i = 0; i < 8; i++) {
        const struct kept_frame *frame =
            &liar->frames[sim_chance_below(&adversary->chance, held)];
        sim_network_inject(adversary->sim->network, host, to,
                           p2p_slice_of(frame->bytes, frame->len));
    }
    return true;
}

static bool send_oversize(struct sim_adversary *adversary, struct liar *liar)
{
    static uint8_t bytes[P2P_FRAME_BYTES_MAX + 64];
    struct sim_host *host = liar_host(adversary, liar);
    struct sim_host *to = victim(adversary, host);
    struct p2p_writer out;
    if (to == NULL) {
        return false;
    }
    memset(bytes, 'x', sizeof(bytes));
    p2p_writer_init(&out, bytes, sizeof(bytes));
    switch (sim_chance_below(&adversary->chance, 3)) {
    case 0: /* longer than any frame may be */
        p2p_writer_u32(&out, P2P_FRAME_BYTES_MAX + 32);
        sim_network_inject(adversary->sim->network, host, to,
                           p2p_slice_of(bytes, P2P_FRAME_BYTES_MAX + 36));
        break;
    case 1: { /* an entry whose note is longer than any may be */
        const struct p2p_entry_body entry = {.index = adversary->sim->federation.entry_count,
                                             .leaf = p2p_slice_of(bytes + 1024, 100),
                                             .note = p2p_slice_of(bytes + 1024, 70000)};
        static uint8_t framed[80000];
        p2p_writer_init(&out, framed, sizeof(framed));
        p2p_entry_write(&out, &entry);
        sim_network_inject(adversary->sim->network, host, to, p2p_writer_slice(&out));
        break;
    }
    default: /* a length that claims 4 GiB */
        p2p_writer_u32(&out, UINT32_MAX);
        sim_network_inject(adversary->sim->network, host, to, p2p_slice_of(bytes, 64));
        break;
    }
    return true;
}

static bool send_endless(struct sim_adversary *adversary, struct liar *liar)
{
    struct sim_host *host = liar_host(adversary, liar);
    struct sim_host *to = victim(adversary, host);
    uint8_t bytes[4096];
    if (to == NULL) {
        return false;
    }
    for (unsigned i = 0; i < ENDLESS_FRAMES; i++) {
        struct p2p_writer out;
        const struct p2p_want want = {
            .feed = (uint32_t)sim_chance_below(&adversary->chance,
                                               2 * adversary->sim->options.nodes),
            .from = sim_chance_below(&adversary->chance, 1000),
            .leaves = i % 2 == 1};
        struct p2p_frontier_entry entries[16];
        memset(entries, 0, sizeof(entries));
        for (uint32_t e = 0; e < 16; e++) {
            entries[e].feed = e;
            entries[e].size = sim_chance_next(&adversary->chance) >> 20;
            sim_chance_fill(&adversary->chance, &entries[e].root, sizeof(entries[e].root));
        }
        p2p_writer_init(&out, bytes, sizeof(bytes));
        if (i % 2 == 0) {
            p2p_want_write(&out, &want);
        } else {
            p2p_frontier_write(&out, false, entries, 16);
        }
        sim_network_inject(adversary->sim->network, host, to, p2p_writer_slice(&out));
    }
    return true;
}

static bool send_garbage(struct sim_adversary *adversary, struct liar *liar)
{
    struct sim_host *host = liar_host(adversary, liar);
    struct sim_host *to = victim(adversary, host);
    uint8_t bytes[GARBAGE_BYTES_MAX];
    if (to == NULL) {
        return false;
    }
    size_t len = 8 + sim_chance_below(&adversary->chance, sizeof(bytes) - 8);
    struct p2p_writer out;
    sim_chance_fill(&adversary->chance, bytes, len);
    if (sim_chance_below(&adversary->chance, 2) == 0) { /* of a frame's form, at least */
        p2p_writer_init(&out, bytes, sizeof(bytes));
        p2p_writer_u32(&out, (uint32_t)len - 4);
        bytes[4] = (uint8_t)(1 + sim_chance_below(&adversary->chance, 14));
    }
    sim_network_inject(adversary->sim->network, host, to, p2p_slice_of(bytes, len));
    return true;
}

/* ---- keeping back ---- */

static bool keep_records(struct sim_adversary *adversary, struct liar *liar)
{
    liar->keeps |= KEEPS_RECORDS;
    liar->kept_from =
        1 + (uint32_t)sim_chance_below(&adversary->chance, adversary->sim->options.nodes);
    return true;
}

static bool keep_payloads(struct sim_adversary *adversary, struct liar *liar)
{
    (void)adversary;
    liar->keeps |= KEEPS_PAYLOADS;
    return true;
}

static bool alter(struct sim_adversary *adversary, struct liar *liar)
{
    (void)adversary;
    liar->keeps |= ALTERS;
    return true;
}

static bool backdate(struct sim_adversary *adversary, struct liar *liar)
{
    liar_host(adversary, liar)->clock.wall_offset_ms -= BACKDATED_MS;
    return true;
}

/* A run without its payloads, of the same length as the frame it is made from or shorter. */
static size_t strip(struct p2p_slice frame, uint8_t *out_bytes)
{
    struct p2p_run run;
    struct p2p_run_walk walk;
    struct p2p_slice leaf;
    struct p2p_slice salted;
    struct p2p_writer out;
    enum p2p_err err = p2p_run_read(&run, p2p_slice_of(frame.data + P2P_FRAME_HEADER_BYTES,
                                                       frame.len - P2P_FRAME_HEADER_BYTES));
    if (err != P2P_OK) {
        return 0;
    }
    p2p_writer_init(&out, out_bytes, frame.len);
    size_t begin = p2p_run_begin_write(&out, run.feed, run.first, run.count, &run.head);
    p2p_run_begin(&walk, &run);
    while (p2p_run_next(&walk, &leaf, &salted, &err)) {
        p2p_run_record_write(&out, leaf, p2p_slice_of(NULL, 0));
    }
    p2p_frame_end(&out, begin);
    return p2p_writer_slice(&out).len;
}

/* A bit of the commitment of the last record that has one: canonical still, and another record.
 * Returns 0 when the frame holds none. */
static size_t change(struct p2p_slice frame, uint8_t *out_bytes)
{
    struct p2p_run run;
    struct p2p_run_walk walk;
    struct p2p_slice leaf;
    struct p2p_slice salted;
    const uint8_t *at = NULL;
    enum p2p_err err = p2p_run_read(&run, p2p_slice_of(frame.data + P2P_FRAME_HEADER_BYTES,
                                                       frame.len - P2P_FRAME_HEADER_BYTES));
    if (err != P2P_OK) {
        return 0;
    }
    p2p_run_begin(&walk, &run);
    while (p2p_run_next(&walk, &leaf, &salted, &err)) {
        struct p2p_record record;
        if (p2p_record_peek(&record, leaf) == P2P_OK &&
            record.body_type == P2P_BODY_COMMITMENT) {
            size_t behind = record.signature == NULL ? 1 : 2 + P2P_SIGNATURE_BYTES;
            at = leaf.data + leaf.len - behind - 1; /* the commitment's last byte */
        }
    }
    if (at == NULL) {
        return 0;
    }
    memcpy(out_bytes, frame.data, frame.len);
    out_bytes[at - frame.data] ^= 1;
    return frame.len;
}

static void remember(struct liar *liar, struct p2p_slice frame)
{
    struct kept_frame *kept = &liar->frames[liar->frame_count++ % KEPT_FRAMES];
    free(kept->bytes);
    kept->bytes = malloc(frame.len);
    p2p_assert(kept->bytes != NULL);
    memcpy(kept->bytes, frame.data, frame.len);
    kept->len = frame.len;
}

size_t sim_adversary_meddle(struct sim_adversary *adversary, const struct sim_host *from,
                            const struct sim_host *to, struct p2p_slice frame, uint8_t *out)
{
    struct liar *liar = find_liar(adversary, from);
    if (liar == NULL) {
        memcpy(out, frame.data, frame.len);
        return frame.len;
    }
    remember(liar, frame);
    if (!sim_faults_are_on(adversary->sim->faults)) {
        liar->keeps = 0;
        memcpy(out, frame.data, frame.len);
        return frame.len;
    }
    if ((liar->keeps & KEEPS_RECORDS) != 0 && to->number == liar->kept_from &&
        frame.data[4] == P2P_FRAME_RUN) {
        return 0;
    }
    if ((liar->keeps & ALTERS) != 0 && frame.data[4] == P2P_FRAME_RUN &&
        change(frame, out) > 0) {
        return frame.len;
    }
    if ((liar->keeps & KEEPS_PAYLOADS) != 0 && frame.data[4] == P2P_FRAME_RUN) {
        return strip(frame, out);
    }
    memcpy(out, frame.data, frame.len);
    return frame.len;
}

/* ---- who lies when ---- */

static bool tell_lie(struct sim_adversary *adversary, struct liar *liar, enum sim_lie lie)
{
    switch (lie) {
    case SIM_LIE_EQUIVOCATE:
        return equivocate(adversary, liar);
    case SIM_LIE_TINY_FORK:
        return tiny_fork(adversary, liar);
    case SIM_LIE_WITHHOLD_RECORDS:
        return keep_records(adversary, liar);
    case SIM_LIE_WITHHOLD_PAYLOADS:
        return keep_payloads(adversary, liar);
    case SIM_LIE_BACKDATE:
        return backdate(adversary, liar);
    case SIM_LIE_COPY_FORWARD:
        return append_forged(adversary, liar, true);
    case SIM_LIE_UNDERSTATE:
        return append_forged(adversary, liar, false);
    case SIM_LIE_STALE:
        return send_old(adversary, liar);
    case SIM_LIE_OVERSIZE:
        return send_oversize(adversary, liar);
    case SIM_LIE_ENDLESS:
        return send_endless(adversary, liar);
    case SIM_LIE_GARBAGE:
        return send_garbage(adversary, liar);
    case SIM_LIE_COSIGN_BOTH:
        return cosign_both(adversary, liar);
    case SIM_LIE_ALTER:
        return alter(adversary, liar);
    case SIM_LIE_COUNT:
        break;
    }
    return false;
}

static void lie_sometime(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_adversary *adversary = sim->adversary;
    struct liar *liar = &adversary->liars[subject];
    struct sim_host *host = liar_host(adversary, liar);
    enum sim_lie lie = (enum sim_lie)sim_chance_below(&adversary->chance, SIM_LIE_COUNT);
    (void)data;
    if (sim_faults_are_on(sim->faults) && host->up && !host->node.engine_lost &&
        (adversary->options->lies >> lie & 1) != 0 && tell_lie(adversary, liar, lie)) {
        sim_story_tell(&sim->story, sim->schedule.now_us, host->name, "lies: %s", words[lie]);
    }
    sim_schedule_at(&sim->schedule,
                    sim->schedule.now_us +
                        sim_chance_gap(&adversary->chance, adversary->options->lie_mean_us),
                    lie_sometime, subject, NULL, NULL);
}

void sim_adversary_start(struct sim_adversary *adversary, uint64_t end_us)
{
    struct sim *sim = adversary->sim;
    uint32_t most = p2p_witness_faults(sim->options.witnesses);
    uint32_t wanted = adversary->options->liars < most ? adversary->options->liars : most;
    (void)end_us;
    while (adversary->liar_count < wanted) {
        uint32_t number =
            1 + (uint32_t)sim_chance_below(&adversary->chance, sim->options.nodes);
        if (sim->hosts[number]->conduct == SIM_HONEST) {
            sim->hosts[number]->conduct = SIM_BYZANTINE;
            adversary->liars[adversary->liar_count] = (struct liar){.host = number};
            sim_schedule_at(&sim->schedule,
                            sim_chance_gap(&adversary->chance, adversary->options->lie_mean_us),
                            lie_sometime, adversary->liar_count, NULL, NULL);
            adversary->liar_count++;
        }
    }
}

struct sim_adversary *sim_adversary_new(struct sim *sim,
                                        const struct sim_adversary_options *options)
{
    struct sim_adversary *adversary = calloc(1, sizeof(*adversary));
    p2p_assert(adversary != NULL);
    adversary->sim = sim;
    adversary->options = options;
    adversary->chance = sim_chance_of(sim->options.seed, "adversary", 0);
    adversary->liars = calloc(options->liars + 1u, sizeof(*adversary->liars));
    p2p_assert(adversary->liars != NULL);
    return adversary;
}

void sim_adversary_free(struct sim_adversary *adversary)
{
    if (adversary == NULL) {
        return;
    }
    for (uint32_t i = 0; i < adversary->liar_count; i++) {
        for (unsigned f = 0; f < KEPT_FRAMES; f++) {
            free(adversary->liars[i].frames[f].bytes);
        }
    }
    free(adversary->liars);
    free(adversary);
}
