#include "check.h"

#include "disk_fault.h"
#include "temp_dir.h"

#include <p2p/bytes.h>
#include <p2p/file.h>

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_content(const char *path, const char *expected)
{
    char *bytes = NULL;
    size_t len = 0;

    CHECK_OK(p2p_file_read(path, 100, &bytes, &len, NULL, 0));
    CHECK(p2p_slice_equal(p2p_slice_of(bytes, len), p2p_slice_text(expected)));
    CHECK(bytes[len] == '\0');
    free(bytes);
}

static size_t count_files(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;

    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    return count;
}

/* What is written comes back, with the mode asked for, and nothing else is left in the
 * directory. */
static void writes_and_reads(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    struct stat info;
    char *bytes = NULL;
    size_t len = 0;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "a.key", path);
    mode_t mask = umask(0022);
    CHECK_OK(p2p_file_write(path, p2p_slice_text("one"), 0600, P2P_FILE_NEW, NULL, 0));
    umask(mask);
    CHECK(stat(path, &info) == 0);
    CHECK((info.st_mode & 07777) == 0600);
    check_content(path, "one");
    CHECK_ERR(p2p_file_write(path, p2p_slice_text("two"), 0600, P2P_FILE_NEW, message,
                             sizeof(message)),
              P2P_USAGE);
    CHECK(strstr(message, path) != NULL);
    check_content(path, "one");
    CHECK_OK(p2p_file_write(path, p2p_slice_text("two"), 0600, P2P_FILE_REPLACE, NULL, 0));
    check_content(path, "two");
    CHECK(count_files(dir.path) == 1);
    CHECK_ERR(p2p_file_read(path, 2, &bytes, &len, message, sizeof(message)), P2P_TOOLARGE);
    CHECK_OK(p2p_file_read(path, 3, &bytes, &len, NULL, 0));
    free(bytes);
    CHECK_ERR(
        p2p_file_read(temp_path(&dir, "b", path), 3, &bytes, &len, message, sizeof(message)),
        P2P_NOTFOUND);
    CHECK_ERR(p2p_file_read(dir.path, 3, &bytes, &len, message, sizeof(message)), P2P_IO);
    temp_dir_remove(&dir);
}

/* A failing disk or a crash at any step leaves the old content or the new one. */
static void old_or_new(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    long calls;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "a", path);
    disk_fault_arm(DISK_FAULT_EIO, -1, false);
    CHECK_OK(p2p_file_write(path, p2p_slice_text("old"), 0600, P2P_FILE_REPLACE, NULL, 0));
    calls = disk_fault_disarm();
    CHECK(calls == 4); /* write, sync, rename, sync of the directory */
    for (int kind = DISK_FAULT_EIO; kind <= DISK_FAULT_CRASH; kind++) {
        for (long at = 0; at < calls; at++) {
            char *bytes = NULL;
            size_t len = 0;
            int status;
            CHECK_OK(
                p2p_file_write(path, p2p_slice_text("old"), 0600, P2P_FILE_REPLACE, NULL, 0));
            pid_t pid = fork();
            CHECK(pid >= 0);
            if (pid == 0) {
                disk_fault_arm((enum disk_fault_kind)kind, at, false);
                _exit(p2p_file_write(path, p2p_slice_text("new"), 0600, P2P_FILE_REPLACE, NULL,
                                     0) == P2P_IO
                          ? 0
                          : 1);
            }
            CHECK(waitpid(pid, &status, 0) == pid);
            CHECK(WIFEXITED(status));
            CHECK(WEXITSTATUS(status) == (kind == DISK_FAULT_CRASH ? DISK_FAULT_EXIT : 0));
            CHECK_OK(p2p_file_read(path, 100, &bytes, &len, NULL, 0));
            CHECK(len == 3);
            CHECK(memcmp(bytes, "old", 3) == 0 || memcmp(bytes, "new", 3) == 0);
            CHECK(at == 3 || memcmp(bytes, "old", 3) == 0);
            free(bytes);
        }
    }
    temp_dir_remove(&dir);
}

/* Paths join, absolute ones stay, too long ones are refused. */
static void paths(void **state)
{
    char out[P2P_PATH_BYTES_MAX];
    char path[P2P_PATH_BYTES_MAX];

    (void)state;
    CHECK_OK(p2p_path_join(out, "a", "b/c"));
    CHECK(strcmp(out, "a/b/c") == 0);
    CHECK_OK(p2p_path_join(out, "a", "/b"));
    CHECK(strcmp(out, "/b") == 0);
    memset(path, 'x', sizeof(path));
    path[P2P_PATH_BYTES_MAX - 3] = '\0';
    CHECK_OK(p2p_path_join(out, "a", path));
    path[P2P_PATH_BYTES_MAX - 3] = 'x';
    path[P2P_PATH_BYTES_MAX - 2] = '\0';
    CHECK_ERR(p2p_path_join(out, "a", path), P2P_TOOLARGE);
}

/* Making a directory is idempotent; a file in its place is an error with its name. */
static void directories(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES_MAX] = "";

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "keys", path);
    CHECK_OK(p2p_dir_make(path, 0700, NULL, 0));
    CHECK_OK(p2p_dir_make(path, 0700, NULL, 0));
    temp_write(temp_path(&dir, "file", path), "x", 1);
    CHECK_ERR(p2p_dir_make(path, 0700, message, sizeof(message)), P2P_IO);
    CHECK(strstr(message, path) != NULL);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads),
        cmocka_unit_test(old_or_new),
        cmocka_unit_test(paths),
        cmocka_unit_test(directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
