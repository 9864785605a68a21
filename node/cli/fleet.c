#include "fleet.h"

#include "error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_TAIL_BYTES 2048

void p2p_cli_fleet_deinit(struct p2p_cli_fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++) {
        free(fleet->members[i].name);
        if (fleet->members[i].handle >= 0) {
            close(fleet->members[i].handle);
        }
    }
    free(fleet->members);
    *fleet = (struct p2p_cli_fleet){0};
}

static enum p2p_err add(struct p2p_cli_fleet *fleet, const char *dir, const char *name)
{
    struct p2p_cli_member *member = &fleet->members[fleet->count];
    char config[P2P_PATH_BYTES_MAX];
    *member = (struct p2p_cli_member){.handle = -1};
    if (p2p_path_join(member->dir, dir, name) != P2P_OK ||
        p2p_path_join(config, member->dir, "config.yaml") != P2P_OK) {
        return P2P_TOOLARGE;
    }
    if (access(config, F_OK) != 0) {
        return P2P_NOTFOUND;
    }
    member->name = strdup(name);
    if (member->name == NULL) {
        return P2P_NOMEM;
    }
    fleet->count++;
    return P2P_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct p2p_cli_member *)a)->name,
                  ((const struct p2p_cli_member *)b)->name);
}

static int find_all(struct p2p_cli_fleet *fleet, const struct p2p_cli_call *call,
                    const char *dir)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    DIR *listing = opendir(dir);
    if (listing == NULL) {
        snprintf(text, sizeof text, "%s cannot be read: %s", dir, strerror(errno));
        return p2p_cli_fail(call, errno == ENOENT ? P2P_CLI_UNDECIDED : P2P_CLI_USAGE,
                            "notfound", text, "port2port federation sandbox DIR makes one");
    }
    enum p2p_err err = P2P_OK;
    for (struct dirent *entry = NULL; err == P2P_OK && (entry = readdir(listing)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        err = fleet->count == P2P_CLI_FLEET_MAX ? P2P_TOOLARGE : add(fleet, dir, entry->d_name);
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    closedir(listing);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, NULL);
    }
    if (fleet->count == 0) {
        snprintf(text, sizeof text, "there is no node in %s", dir);
        return p2p_cli_fail(call, P2P_CLI_UNDECIDED, "notfound", text,
                            "port2port federation sandbox DIR makes some");
    }
    qsort(fleet->members, fleet->count, sizeof *fleet->members, by_name);
    return P2P_CLI_YES;
}

int p2p_cli_fleet_init(struct p2p_cli_fleet *fleet, const struct p2p_cli_call *call)
{
    const char *dir = p2p_cli_argument(call, 0);
    *fleet = (struct p2p_cli_fleet){
        .members = calloc(P2P_CLI_FLEET_MAX, sizeof(struct p2p_cli_member))};
    if (fleet->members == NULL) {
        return p2p_cli_fail_err(call, P2P_NOMEM, NULL);
    }
    if (call->argument_count <= 1) {
        return find_all(fleet, call, dir);
    }
    for (size_t i = 1; i < call->argument_count; i++) {
        const char *name = call->arguments[i];
        enum p2p_err err = fleet->count == P2P_CLI_FLEET_MAX ? P2P_TOOLARGE : P2P_OK;
        bool twice = false;
        for (size_t j = 0; j < fleet->count; j++) {
            twice = twice || strcmp(fleet->members[j].name, name) == 0;
        }
        if (!twice && err == P2P_OK) {
            err = strchr(name, '/') != NULL ? P2P_NOTFOUND : add(fleet, dir, name);
        }
        if (err != P2P_OK) {
            char text[P2P_CLI_SENTENCE_BYTES];
            snprintf(text, sizeof text, "%.64s is no node in %s", name, dir);
            return p2p_cli_fail(call, P2P_CLI_UNDECIDED, "notfound", text,
                                "name directories below it that hold a config.yaml");
        }
    }
    return P2P_CLI_YES;
}

const char *p2p_cli_last_words(const struct p2p_cli_member *member,
                               char out[P2P_CLI_SENTENCE_BYTES])
{
    char path[P2P_PATH_BYTES_MAX], tail[LOG_TAIL_BYTES + 1];
    out[0] = '\0';
    if (p2p_path_join(path, member->dir, "node.log") != P2P_OK) {
        return out;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return out;
    }
    off_t end = lseek(fd, 0, SEEK_END);
    ssize_t n =
        pread(fd, tail, LOG_TAIL_BYTES, end > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : 0);
    close(fd);
    while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == ' ')) {
        n--;
    }
    if (n <= 0) {
        return out;
    }
    tail[n] = '\0';
    const char *line = strrchr(tail, '\n');
    snprintf(out, P2P_CLI_SENTENCE_BYTES, "%.400s", line != NULL ? line + 1 : tail);
    return out;
}
