#include "daemon.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One neighbour's link:
 *
 *     offline --dial--> dialling --up--> up --down--> offline
 *        ^  \----------(accepted)-------/ |
 *        +--------------------------------+       paused: offline, refused both ways
 *
 * up: link_number != 0 and the engine knows it; dialling: link set, number 0. Of two links of
 * one pair the one dialled by the smaller name stays. */

static struct p2p_neighbour *by_member(struct p2p_daemon *daemon, uint32_t member)
{
    for (size_t i = 0; i < daemon->neighbour_count; i++) {
        if (daemon->neighbours[i]->pin.member == member) {
            return daemon->neighbours[i];
        }
    }
    return NULL;
}

static struct p2p_neighbour *by_number(struct p2p_daemon *daemon, uint64_t number)
{
    for (size_t i = 0; i < daemon->neighbour_count; i++) {
        if (number != 0 && daemon->neighbours[i]->link_number == number) {
            return daemon->neighbours[i];
        }
    }
    return NULL;
}

static void set_state(struct p2p_neighbour *neighbour, const char *reason, bool refused)
{
    neighbour->since_wall_ms = p2p_daemon_wall_ms();
    neighbour->refused = refused;
    snprintf(neighbour->reason, sizeof(neighbour->reason), "%s", reason);
    p2p_peers_publish(neighbour->daemon);
}

/* The copy that status and peers read on the writer's thread. */
void p2p_peers_publish(struct p2p_daemon *daemon)
{
    if (daemon->draining) {
        return; /* nobody asks any more, and the net is closing */
    }
    pthread_mutex_lock(&daemon->view_lock);
    for (size_t i = 0; i < daemon->neighbour_count && i < daemon->view_count; i++) {
        const struct p2p_neighbour *neighbour = daemon->neighbours[i];
        struct p2p_link_view *view = &daemon->views[i];
        *view = (struct p2p_link_view){.member = neighbour->pin.member,
                                       .connected = neighbour->link_number != 0,
                                       .paused = neighbour->paused,
                                       .refused = neighbour->refused,
                                       .since_ms = neighbour->since_wall_ms,
                                       .socket_bytes_in = neighbour->old_bytes_in,
                                       .socket_bytes_out = neighbour->old_bytes_out};
        snprintf(view->reason, sizeof(view->reason), "%s", neighbour->reason);
        if (neighbour->link != NULL && neighbour->link_number != 0) {
            struct p2p_link_counts counts;
            p2p_link_counts_get(neighbour->link, &counts);
            view->socket_bytes_in += counts.socket_bytes_in;
            view->socket_bytes_out += counts.socket_bytes_out;
        }
    }
    struct p2p_net_counts net;
    p2p_net_counts_get(daemon->net, &net);
    for (size_t i = 0; i < P2P_REFUSAL_COUNT && i < P2P_REFUSALS_COUNT; i++) {
        daemon->refusals[i] = net.refusals[i];
    }
    pthread_mutex_unlock(&daemon->view_lock);
}

static void describe_links(void *context, struct p2p_link_view *views, size_t *count,
                           size_t cap)
{
    struct p2p_daemon *daemon = context;
    pthread_mutex_lock(&daemon->view_lock);
    size_t n = daemon->view_count < cap ? daemon->view_count : cap;
    if (n > 0) {
        memcpy(views, daemon->views, n * sizeof(*views));
    }
    *count = n;
    memcpy(daemon->node->refusals, daemon->refusals, sizeof(daemon->refusals));
    daemon->node->refused_frames = daemon->refused_frames;
    pthread_mutex_unlock(&daemon->view_lock);
}

/* ---- inputs to the writer ---- */

/* NULL without memory. */
static struct p2p_input *input_about(const struct p2p_neighbour *neighbour,
                                     enum p2p_event_type type)
{
    struct p2p_input *input = calloc(1, sizeof(*input));
    if (input != NULL) {
        input->type = type;
        input->link = neighbour->link_number;
        input->member = neighbour->pin.member;
    }
    return input;
}

/* An engine that does not hear of it would wait for ever: without memory the session ends. */
static void tell_writable(struct p2p_neighbour *neighbour)
{
    struct p2p_input *input = input_about(neighbour, P2P_EVENT_WRITABLE);
    if (input != NULL) {
        p2p_queue_input(neighbour->daemon, input);
    } else {
        p2p_link_close(neighbour->link, P2P_LINK_END_NO_MEMORY, "no memory to go on");
    }
}

/* Tells the engine that the session is up, and keeps in hand what will tell it of its end. */
static void tell_up(struct p2p_neighbour *neighbour)
{
    struct p2p_input *up = input_about(neighbour, P2P_EVENT_LINK_UP);
    struct p2p_input *down = input_about(neighbour, P2P_EVENT_LINK_DOWN);
    if (up == NULL || down == NULL) {
        free(up);
        free(down);
        p2p_link_close(neighbour->link, P2P_LINK_END_NO_MEMORY, "no memory for a session");
        return;
    }
    neighbour->down = down;
    p2p_queue_input(neighbour->daemon, up);
}

static void give_frame(struct p2p_neighbour *neighbour, const struct p2p_frame *frame)
{
    struct p2p_input *input = calloc(1, sizeof(*input));
    void *bytes = malloc(frame->body.len + 1);
    if (input == NULL || bytes == NULL) {
        free(input);
        free(bytes);
        p2p_link_close(neighbour->link, P2P_LINK_END_NO_MEMORY, "no memory for a frame");
        return;
    }
    if (frame->body.len > 0) {
        memcpy(bytes, frame->body.data, frame->body.len);
    }
    *input = (struct p2p_input){
        .type = P2P_EVENT_FRAME,
        .link = neighbour->link_number,
        .frame = {.type = frame->type, .body = p2p_slice_of(bytes, frame->body.len)},
        .bytes = bytes,
        .owed_bytes = frame->body.len + P2P_FRAME_HEADER_BYTES,
    };
    p2p_queue_input(neighbour->daemon, input);
}

/* ---- what links tell ---- */

static uint32_t pin(void *user, const uint8_t key[P2P_TLS_KEY_BYTES])
{
    struct p2p_daemon *daemon = user;
    for (size_t i = 0; i < daemon->neighbour_count; i++) {
        const struct p2p_neighbour *neighbour = daemon->neighbours[i];
        if (memcmp(neighbour->pin.key.bytes, key, P2P_TLS_KEY_BYTES) == 0) {
            return neighbour->pin.member;
        }
    }
    return 0;
}

static bool we_dial(const struct p2p_neighbour *neighbour)
{
    return strcmp(neighbour->daemon->node->config.member, neighbour->pin.name) < 0;
}

static void drop_session(struct p2p_neighbour *neighbour)
{
    if (neighbour->link_number != 0) {
        struct p2p_link_counts counts;
        p2p_link_counts_get(neighbour->link, &counts);
        neighbour->old_bytes_in += counts.socket_bytes_in;
        neighbour->old_bytes_out += counts.socket_bytes_out;
    }
    if (neighbour->down != NULL) {
        p2p_queue_input(neighbour->daemon, neighbour->down);
        neighbour->down = NULL;
    }
    neighbour->link_number = 0;
    neighbour->sent_bytes = 0;
    neighbour->link = NULL;
    p2p_frame_split_deinit(&neighbour->split);
}

static void link_up(void *user, struct p2p_link *link, uint32_t member)
{
    struct p2p_daemon *daemon = user;
    struct p2p_neighbour *neighbour = by_member(daemon, member);
    if (neighbour == NULL || neighbour->paused) {
        p2p_link_close(link, P2P_LINK_END_REFUSED_HERE,
                       neighbour == NULL ? "not a member" : "paused by its operator");
        return;
    }
    if (neighbour->link != NULL && neighbour->link != link) {
        bool keep_new = p2p_link_dialled(link) == we_dial(neighbour);
        if (!keep_new && neighbour->link_number != 0) {
            p2p_link_close(link, P2P_LINK_END_CLOSED, "another session stands already");
            return;
        }
        struct p2p_link *old = neighbour->link;
        drop_session(neighbour);
        p2p_link_data_set(old, NULL);
        p2p_link_close(old, P2P_LINK_END_CLOSED, "another session took its place");
    }
    neighbour->link = link;
    neighbour->link_number = ++daemon->next_link_number;
    neighbour->up_at_ms = p2p_daemon_mono_ms();
    p2p_frame_split_init(&neighbour->split, p2p_alloc_default());
    p2p_link_data_set(link, neighbour);
    set_state(neighbour, "", false);
    p2p_log_write(daemon->node->log, P2P_LOG_INFO, "link.up",
                  P2P_LOG_FIELDS(p2p_log_text("member", neighbour->pin.name),
                                 p2p_log_text("remote", p2p_link_remote(link))));
    tell_up(neighbour);
}

static void link_bytes(void *user, struct p2p_link *link, const uint8_t *data, size_t len)
{
    struct p2p_neighbour *neighbour = p2p_link_data(link);
    struct p2p_slice bytes = p2p_slice_of(data, len);
    struct p2p_frame frame;
    enum p2p_err err = P2P_OK;
    (void)user;
    if (neighbour == NULL || neighbour->link != link) {
        p2p_link_consume(link, len);
        return;
    }
    while (p2p_frame_split_next(&neighbour->split, &bytes, &frame, &err)) {
        give_frame(neighbour, &frame);
    }
    if (err != P2P_OK) {
        pthread_mutex_lock(&neighbour->daemon->view_lock);
        neighbour->daemon->refused_frames++;
        pthread_mutex_unlock(&neighbour->daemon->view_lock);
        p2p_link_close(link, P2P_LINK_END_PROTOCOL, p2p_err_text(err));
    }
}

static void link_writable(void *user, struct p2p_link *link)
{
    struct p2p_neighbour *neighbour = p2p_link_data(link);
    (void)user;
    if (neighbour != NULL && neighbour->link == link && neighbour->link_number != 0) {
        tell_writable(neighbour);
    }
}

static void link_down(void *user, struct p2p_link *link, enum p2p_link_end end,
                      const char *text)
{
    struct p2p_daemon *daemon = user;
    struct p2p_neighbour *neighbour = p2p_link_data(link);
    if (neighbour == NULL || neighbour->link != link) {
        return;
    }
    bool refused = end == P2P_LINK_END_REFUSED_HERE || end == P2P_LINK_END_REFUSED_THERE ||
                   end == P2P_LINK_END_LIMIT || end == P2P_LINK_END_PROTOCOL;
    if (neighbour->link_number != 0 || refused || neighbour->reason[0] == '\0') {
        p2p_log_write(daemon->node->log, refused ? P2P_LOG_WARN : P2P_LOG_INFO, "link.down",
                      P2P_LOG_FIELDS(p2p_log_text("member", neighbour->pin.name),
                                     p2p_log_text("end", p2p_link_end_name(end)),
                                     p2p_log_text("reason", text)));
    }
    bool was_up = neighbour->link_number != 0;
    bool lasted = p2p_daemon_mono_ms() - neighbour->up_at_ms >= P2P_DIAL_AFTER_MS;
    drop_session(neighbour);
    if (was_up &&
        (lasted || !refused)) { /* who lets us in to refuse us is not asked so often */
        neighbour->dial_pause_ms = P2P_DIAL_AGAIN_MS;
    }
    neighbour->dial_at_ms = p2p_daemon_mono_ms() +
                            (we_dial(neighbour) ? neighbour->dial_pause_ms
                                                : P2P_DIAL_AFTER_MS + neighbour->dial_pause_ms);
    neighbour->dial_pause_ms = neighbour->dial_pause_ms * 2 > P2P_DIAL_AGAIN_MS_MAX
                                   ? P2P_DIAL_AGAIN_MS_MAX
                                   : neighbour->dial_pause_ms * 2;
    uint64_t since = neighbour->since_wall_ms;
    set_state(neighbour, text, refused);
    if (!was_up && since != 0) {
        neighbour->since_wall_ms = since; /* offline as before */
    }
}

/* ---- pins and dialling ---- */

void p2p_peers_take_pins(struct p2p_daemon *daemon, const struct p2p_pin *pins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct p2p_neighbour *neighbour = by_member(daemon, pins[i].member);
        if (neighbour != NULL) {
            if (memcmp(&neighbour->pin.key, &pins[i].key, sizeof(pins[i].key)) != 0 &&
                neighbour->link != NULL) {
                p2p_link_close(neighbour->link, P2P_LINK_END_REFUSED_HERE,
                               "the charter names another transport key now");
            }
            neighbour->pin = pins[i];
            continue;
        }
        pthread_mutex_lock(&daemon->view_lock); /* the writer's thread reads the views */
        struct p2p_neighbour **grown =
            realloc(daemon->neighbours, (daemon->neighbour_count + 1) * sizeof(*grown));
        struct p2p_link_view *views =
            realloc(daemon->views, (daemon->neighbour_count + 1) * sizeof(*views));
        neighbour = calloc(1, sizeof(*neighbour));
        p2p_assert(grown != NULL && views != NULL && neighbour != NULL);
        daemon->neighbours = grown;
        daemon->views = views;
        neighbour->daemon = daemon;
        neighbour->pin = pins[i];
        neighbour->dial_pause_ms = P2P_DIAL_AGAIN_MS;
        neighbour->since_wall_ms = p2p_daemon_wall_ms();
        neighbour->dial_at_ms =
            p2p_daemon_mono_ms() + (we_dial(neighbour) ? 0 : P2P_DIAL_AFTER_MS);
        daemon->neighbours[daemon->neighbour_count++] = neighbour;
        daemon->view_count = daemon->neighbour_count;
        memset(&views[daemon->view_count - 1], 0, sizeof(*views));
        pthread_mutex_unlock(&daemon->view_lock);
        set_state(neighbour, "not connected yet", false);
    }
    p2p_peers_tick(daemon);
}

static void dial(struct p2p_neighbour *neighbour)
{
    struct p2p_daemon *daemon = neighbour->daemon;
    const char *from = daemon->node->config.dial_from;
    char message[P2P_NET_MESSAGE_BYTES] = "";
    const struct p2p_link_dial options = {
        .address = neighbour->pin.address,
        .dial_from = from != NULL && *from != '\0' ? from : NULL,
        .member = neighbour->pin.member,
        .data = neighbour,
    };
    enum p2p_err err = p2p_link_dial(daemon->links, &options, &neighbour->link, message);
    if (err != P2P_OK) {
        neighbour->link = NULL;
        neighbour->dial_at_ms = p2p_daemon_mono_ms() + P2P_DIAL_AGAIN_MS_MAX;
        set_state(neighbour, message, false);
    }
}

void p2p_peers_tick(struct p2p_daemon *daemon)
{
    uint64_t now_ms = p2p_daemon_mono_ms();
    for (size_t i = 0; i < daemon->neighbour_count && !daemon->draining; i++) {
        struct p2p_neighbour *neighbour = daemon->neighbours[i];
        if (neighbour->link == NULL && !neighbour->paused &&
            p2p_wanted_has(&daemon->wanted, neighbour->pin.member) &&
            neighbour->pin.address[0] != '\0' && now_ms >= neighbour->dial_at_ms) {
            dial(neighbour);
        }
    }
}

/* Who is wanted anew, in a partial view, is dialled at once, whatever the names: the other side
 * does not know of it. */
void p2p_peers_take_wanted(struct p2p_daemon *daemon, const struct p2p_wanted *wanted)
{
    for (size_t i = 0; i < daemon->neighbour_count && !wanted->all; i++) {
        struct p2p_neighbour *neighbour = daemon->neighbours[i];
        if (p2p_wanted_has(wanted, neighbour->pin.member) &&
            (daemon->wanted.all || !p2p_wanted_has(&daemon->wanted, neighbour->pin.member))) {
            neighbour->dial_at_ms = p2p_daemon_mono_ms();
            neighbour->dial_pause_ms = P2P_DIAL_AGAIN_MS;
        }
    }
    daemon->wanted = *wanted;
    p2p_peers_tick(daemon);
}

void p2p_peers_pause(struct p2p_daemon *daemon, uint32_t member, bool paused)
{
    struct p2p_neighbour *neighbour = by_member(daemon, member);
    if (neighbour == NULL || neighbour->paused == paused) {
        return;
    }
    neighbour->paused = paused;
    neighbour->dial_at_ms = p2p_daemon_mono_ms();
    neighbour->dial_pause_ms = P2P_DIAL_AGAIN_MS;
    if (paused && neighbour->link != NULL) {
        p2p_link_close(neighbour->link, P2P_LINK_END_REFUSED_HERE, "paused by its operator");
    }
    set_state(neighbour, paused ? "paused here" : "", false);
    p2p_peers_tick(daemon);
}

/* ---- carrying out what a batch decided ---- */

/* The engine stops after P2P_SEND_AHEAD_BYTES; a queue that never rose above the low-water mark
 * gives no link_writable, so the engine is told from here that it may go on. */
static void tell_if_drained(struct p2p_neighbour *neighbour)
{
    if (neighbour->sent_bytes >= P2P_SEND_AHEAD_BYTES / 4 &&
        p2p_link_queued_bytes(neighbour->link) < P2P_LINK_QUEUE_BYTES_LOW) {
        neighbour->sent_bytes = 0;
        tell_writable(neighbour);
    }
}

void p2p_peers_carry_out(struct p2p_daemon *daemon, const struct p2p_batch *batch)
{
    const struct p2p_actions *actions = &batch->actions;
    for (const struct p2p_input *input = batch->inputs; input != NULL; input = input->next) {
        struct p2p_neighbour *neighbour = by_number(daemon, input->link);
        if (neighbour != NULL && input->owed_bytes > 0) {
            p2p_link_consume(neighbour->link, input->owed_bytes);
        }
    }
    for (size_t i = 0; i < actions->send_count; i++) {
        struct p2p_neighbour *neighbour = by_number(daemon, actions->sends[i].link);
        if (neighbour == NULL) {
            continue;
        }
        neighbour->sent_bytes += actions->sends[i].bytes.len;
        enum p2p_err err = p2p_link_send(neighbour->link, actions->sends[i].bytes.data,
                                         actions->sends[i].bytes.len);
        if (err != P2P_OK && err != P2P_USAGE) {
            p2p_link_close(neighbour->link, P2P_LINK_END_LIMIT, "reads too slowly");
        }
    }
    for (size_t i = 0; i < actions->close_count; i++) {
        struct p2p_neighbour *neighbour = by_number(daemon, actions->closes[i].link);
        if (neighbour != NULL) {
            p2p_link_close(neighbour->link,
                           actions->closes[i].err == P2P_OK ? P2P_LINK_END_CLOSED
                                                            : P2P_LINK_END_REFUSED_HERE,
                           actions->closes[i].text);
        }
    }
    for (size_t i = 0; i < daemon->neighbour_count; i++) {
        struct p2p_neighbour *neighbour = daemon->neighbours[i];
        if (neighbour->link_number == 0) {
            continue;
        }
        if (batch->failed) {
            p2p_link_close(neighbour->link, P2P_LINK_END_CLOSED,
                           "starting again from the store");
        } else {
            tell_if_drained(neighbour);
        }
    }
}

/* Asked on the writer's thread, done on the loop's. */
static void pause_from_api(struct p2p_node *node, uint32_t member, bool paused)
{
    p2p_queue_pause(node->daemon, member, paused);
}

/* ---- open, close ---- */

/* Who may connect is known before anybody can; later lists come with the batches. */
static enum p2p_err first_pins(struct p2p_daemon *daemon)
{
    struct p2p_node *node = daemon->node;
    struct p2p_pin *pins = NULL;
    size_t count = 0;
    enum p2p_err err = p2p_writer_first_pins(node, &pins, &count);
    if (err == P2P_OK) {
        daemon->wanted = *p2p_engine_wanted(node->engine);
        p2p_peers_take_pins(daemon, pins, count);
    }
    free(pins);
    return err;
}

enum p2p_err p2p_peers_open(struct p2p_daemon *daemon, char message[P2P_MESSAGE_BYTES])
{
    struct p2p_node *node = daemon->node;
    struct p2p_tls *tls = NULL;
    const struct p2p_links_user user = {.pin = pin,
                                        .link_up = link_up,
                                        .link_bytes = link_bytes,
                                        .link_writable = link_writable,
                                        .link_down = link_down,
                                        .user = daemon};
    enum p2p_err err = p2p_tls_open_peer(node->transport_key.seed, &tls, message);
    if (err == P2P_OK) {
        err = p2p_links_open(daemon->net, tls, &user, &daemon->links);
    }
    p2p_tls_free(tls);
    if (err == P2P_OK) {
        err = first_pins(daemon);
    }
    if (err == P2P_OK && node->config.listen_peers[0] != '\0') {
        err = p2p_links_listen(daemon->links, node->config.listen_peers, message);
    }
    if (err == P2P_OK) {
        node->daemon = daemon;
        node->describe_links = describe_links;
        node->pause = pause_from_api;
    }
    return err;
}

void p2p_peers_close(struct p2p_daemon *daemon)
{
    for (size_t i = 0; i < daemon->neighbour_count; i++) {
        p2p_frame_split_deinit(&daemon->neighbours[i]->split);
        free(daemon->neighbours[i]->down);
        free(daemon->neighbours[i]);
    }
    free(daemon->neighbours);
    free(daemon->views);
    daemon->neighbours = NULL;
    daemon->neighbour_count = 0;
}
