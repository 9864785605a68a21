#include "fleet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TCP_PORT      7400u
#define TCP_PORT_STEP 10u
#define TCP_PORT_MAX  7990u

static const struct {
    const char *word, *name;
} members[P2P_DEMO_MEMBERS] = {
    [P2P_DEMO_ANTWERP] = {"beanr", "Antwerp"},
    [P2P_DEMO_ZEEBRUGGE] = {"bezee", "Zeebrugge"},
    [P2P_DEMO_GHENT] = {"begne", "Ghent"},
    [P2P_DEMO_OSTEND] = {"beost", "Ostend"},
    [P2P_DEMO_LIEGE] = {"belgg", "Liege"},
    [P2P_DEMO_BRUSSELS] = {"bebru", "Brussels"},
    [P2P_DEMO_COMMISSION] = {"commission", "the commission"},
};

const char *p2p_demo_name(enum p2p_demo_member member)
{
    return members[member].name;
}

const char *p2p_demo_word(enum p2p_demo_member member)
{
    return members[member].word;
}

enum p2p_demo_member p2p_demo_member_named(const char *word, size_t len)
{
    enum p2p_demo_member m = 0;
    while (m < P2P_DEMO_MEMBERS &&
           (strncmp(members[m].word, word, len) != 0 || members[m].word[len] != '\0')) {
        m++;
    }
    return m;
}

static bool make_dirs(const char *dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", dir);
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            return false;
        }
        *at = '/';
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

static bool beside_itself(char binary[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", binary, PATH_MAX - sizeof "/port2port");
    if (len < 0) {
        return false;
    }
    binary[len] = '\0';
    strcpy(strrchr(binary, '/'), "/port2port");
    return access(binary, X_OK) == 0;
}

static bool join(char out[PATH_MAX], const char *dir, const char *name)
{
    int len = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return len > 0 && len < PATH_MAX;
}

static bool fill_paths(struct p2p_demo_fleet *fleet, char lock[PATH_MAX])
{
    bool fits =
        join(fleet->federation, fleet->dir, "federation") && join(lock, fleet->dir, "lock");
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        fits = fits && join(fleet->members[m], fleet->federation, members[m].word);
    }
    return fits;
}

int p2p_demo_fleet_open(struct p2p_demo_fleet *fleet, const char *dir, char *why, size_t cap)
{
    char lock[PATH_MAX];
    *fleet = (struct p2p_demo_fleet){.lock = -1};
    if (!beside_itself(fleet->binary)) {
        snprintf(why, cap, "there is no %s: build port2port first", fleet->binary);
        return 3;
    }
    if (strlen(dir) >= sizeof fleet->dir || !make_dirs(dir) ||
        realpath(dir, fleet->dir) == NULL || !fill_paths(fleet, lock)) {
        snprintf(why, cap, "%s cannot be used: %s", dir, strerror(errno));
        return 3;
    }
    if (p2p_demo_fleet_left(fleet) && access(lock, F_OK) != 0) {
        snprintf(why, cap, "%s was not made by the demo; name another directory with --dir",
                 fleet->federation);
        return 2;
    }
    fleet->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fleet->lock < 0 || flock(fleet->lock, LOCK_EX | LOCK_NB) != 0) {
        snprintf(why, cap, "%s: %s", lock,
                 fleet->lock >= 0 && errno == EWOULDBLOCK ? "another demo is at work there"
                                                          : strerror(errno));
        return 3;
    }
    return 0;
}

void p2p_demo_fleet_close(struct p2p_demo_fleet *fleet)
{
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        p2p_demo_http_close(fleet->http[m]);
        fleet->http[m] = NULL;
    }
    if (fleet->lock >= 0) {
        close(fleet->lock);
    }
    fleet->lock = -1;
}

bool p2p_demo_fleet_left(const struct p2p_demo_fleet *fleet)
{
    return access(fleet->federation, F_OK) == 0;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

bool p2p_demo_fleet_clear(const struct p2p_demo_fleet *fleet)
{
    return nftw(fleet->federation, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0;
}

static bool is_free(unsigned member, unsigned tcp_port)
{
    const int yes = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)tcp_port),
        .sin_addr = {htonl(0x7f4d0000u + member + 1)}, /* 127.77.0.k */
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool got =
        bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
    close(fd);
    return got;
}

unsigned p2p_demo_fleet_tcp_port(void)
{
    for (unsigned base = TCP_PORT; base <= TCP_PORT_MAX; base += TCP_PORT_STEP) {
        unsigned taken = 0;
        for (unsigned m = 0; m < P2P_DEMO_MEMBERS && taken == 0; m++) {
            taken += !is_free(m, base) || !is_free(m, base + 1);
        }
        if (taken == 0) {
            return base;
        }
    }
    return 0;
}

bool p2p_demo_fleet_connect(struct p2p_demo_fleet *fleet)
{
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        fleet->http[m] = p2p_demo_http_open(fleet->members[m]);
        if (fleet->http[m] == NULL) {
            return false;
        }
    }
    return true;
}
