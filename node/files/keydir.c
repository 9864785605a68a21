#include <p2p/keydir.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/text.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define KDF_FILE    "kdf"
#define ISSUERS_DIR "issuers"
#define CIRCLES_DIR "circles"
#define KEY_SUFFIX  ".key"

static enum p2p_err too_long(const char *dir, char *message, size_t message_cap)
{
    snprintf(message, message_cap, "%s: the path is too long", dir);
    return P2P_IO;
}

static enum p2p_err in_dir(const struct p2p_keydir *keydir, const char *file,
                           char out[P2P_PATH_BYTES_MAX], char *message, size_t message_cap)
{
    if (p2p_path_join(out, keydir->dir, file) != P2P_OK) {
        return too_long(keydir->dir, message, message_cap);
    }
    return P2P_OK;
}

static enum p2p_err no_entropy(char *message, size_t message_cap)
{
    snprintf(message, message_cap, "the system gives no random bytes: %s", strerror(errno));
    return P2P_IO;
}

/* The kdf file */

static enum p2p_err kdf_read(struct p2p_keydir *keydir, char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    char *text = NULL;
    size_t len = 0;

    enum p2p_err err = in_dir(keydir, KDF_FILE, path, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_file_read(path, P2P_KEYFILE_BYTES_MAX, &text, &len, message, message_cap);
    }
    if (err == P2P_NOTFOUND) {
        snprintf(message, message_cap,
                 "%s is missing: without its salt no key in %s can be opened; restore it", path,
                 keydir->dir);
    }
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_kdf_parse(&keydir->kdf, p2p_slice_of(text, len));
    if (err != P2P_OK) {
        snprintf(message, message_cap, "%s is damaged (%s); restore it from a backup", path,
                 p2p_err_text(err));
    }
    free(text);
    return err;
}

enum p2p_err p2p_keydir_init(struct p2p_keydir *keydir, const char *dir, char *message,
                             size_t message_cap)
{
    struct p2p_keydir found;

    memset(&found, 0, sizeof(found));
    int len = snprintf(found.dir, sizeof(found.dir), "%s", dir);
    if (len <= 0 || (size_t)len >= sizeof(found.dir)) {
        return too_long(dir, message, message_cap);
    }
    enum p2p_err err = kdf_read(&found, message, message_cap);
    if (err == P2P_OK) {
        *keydir = found;
    }
    return err;
}

static enum p2p_err kdf_make(const char *dir, enum p2p_kdf_cost cost, char *message,
                             size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    char text[P2P_KEYFILE_BYTES_MAX];
    uint8_t salt[P2P_KDF_SALT_BYTES];
    struct p2p_kdf kdf;

    if (p2p_path_join(path, dir, KDF_FILE) != P2P_OK) {
        return too_long(dir, message, message_cap);
    }
    if (access(path, F_OK) == 0) {
        return P2P_OK;
    }
    if (getentropy(salt, sizeof(salt)) != 0) {
        return no_entropy(message, message_cap);
    }
    p2p_kdf_init(&kdf, cost, salt);
    size_t len = p2p_kdf_format(&kdf, text);
    enum p2p_err err =
        p2p_file_write(path, p2p_slice_of(text, len), 0600, P2P_FILE_NEW, message, message_cap);
    return err == P2P_USAGE ? P2P_OK : err; /* another process was first: its salt counts */
}

enum p2p_err p2p_keydir_create(struct p2p_keydir *keydir, const char *dir,
                               enum p2p_kdf_cost cost, char *message, size_t message_cap)
{
    enum p2p_err err = p2p_dir_make(dir, 0700, message, message_cap);

    if (err == P2P_OK) {
        err = kdf_make(dir, cost, message, message_cap);
    }
    return err == P2P_OK ? p2p_keydir_init(keydir, dir, message, message_cap) : err;
}

void p2p_keydir_deinit(struct p2p_keydir *keydir)
{
    p2p_wipe(keydir, sizeof(*keydir));
}

/* Passphrases */

static enum p2p_err derive(struct p2p_keydir *keydir, struct p2p_slice passphrase,
                           char *message, size_t message_cap)
{
    bool empty = passphrase.len == 0;
    enum p2p_err err =
        p2p_kdf_derive(&keydir->kdf, passphrase, empty ? &keydir->empty : &keydir->given);

    if (err != P2P_OK) {
        snprintf(message, message_cap,
                 "not enough memory to open keys in %s: its kdf file asks for %llu KiB",
                 keydir->dir, (unsigned long long)keydir->kdf.memory_kib);
    } else if (empty) {
        keydir->has_empty = true;
    } else {
        keydir->has_given = true;
    }
    return err;
}

enum p2p_err p2p_keydir_unlock(struct p2p_keydir *keydir, struct p2p_slice passphrase,
                               char *message, size_t message_cap)
{
    return derive(keydir, passphrase, message, message_cap);
}

enum p2p_err p2p_passphrase_read(const char *path, char out[P2P_PASSPHRASE_BYTES_MAX],
                                 size_t *len, char *message, size_t message_cap)
{
    char *text = NULL;
    size_t text_len = 0;
    enum p2p_err err =
        p2p_file_read(path, P2P_PASSPHRASE_BYTES_MAX, &text, &text_len, message, message_cap);

    if (err != P2P_OK) {
        return err;
    }
    size_t line = strcspn(text, "\r\n");
    line = line < text_len ? line : text_len;
    if (line >= P2P_PASSPHRASE_BYTES_MAX) {
        snprintf(message, message_cap, "the passphrase in %s is longer than %u bytes", path,
                 P2P_PASSPHRASE_BYTES_MAX - 1);
        err = P2P_TOOLARGE;
    } else {
        memcpy(out, text, line);
        out[line] = '\0';
        *len = line;
    }
    p2p_wipe(text, text_len);
    free(text);
    return err;
}

/* Key files */

static bool file_name_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len <= P2P_KEY_NAME_BYTES_MAX && name[len] == '\0';
}

/* Where keys of that purpose stand when there may be many; NULL: in the directory itself. */
static const char *dir_of(enum p2p_key_purpose purpose)
{
    return purpose == P2P_KEY_ISSUER   ? ISSUERS_DIR
           : purpose == P2P_KEY_CIRCLE ? CIRCLES_DIR
                                       : NULL;
}

enum p2p_err p2p_keydir_file(char out[P2P_PATH_BYTES_MAX], enum p2p_key_purpose purpose,
                             const char *name)
{
    const char *dir = dir_of(purpose);

    if (dir == NULL) {
        snprintf(out, P2P_PATH_BYTES_MAX, "%s" KEY_SUFFIX, p2p_key_purpose_word(purpose));
        return P2P_OK;
    }
    if (!file_name_valid(name)) {
        return P2P_USAGE;
    }
    snprintf(out, P2P_PATH_BYTES_MAX, "%s/%s" KEY_SUFFIX, dir, name);
    return P2P_OK;
}

void p2p_keydir_generation_file(char out[P2P_PATH_BYTES_MAX], enum p2p_key_purpose purpose,
                                uint32_t generation)
{
    snprintf(out, P2P_PATH_BYTES_MAX, "%s-%u" KEY_SUFFIX, p2p_key_purpose_word(purpose),
             (unsigned)generation);
}

static enum p2p_err used_file(const struct p2p_keydir *keydir, uint32_t generation,
                              char out[P2P_PATH_BYTES_MAX], char *message, size_t message_cap)
{
    char name[32];

    snprintf(name, sizeof(name), "generation-%u.used", (unsigned)generation);
    return in_dir(keydir, name, out, message, message_cap);
}

enum p2p_err p2p_keydir_mark_used(const struct p2p_keydir *keydir, uint32_t generation,
                                  char *message, size_t message_cap)
{
    static const char text[] =
        "Records were signed with these keys. Without the store that holds "
        "them, and its checkpoint copy, a node appends nothing more in "
        "this generation.\n";
    char path[P2P_PATH_BYTES_MAX];
    enum p2p_err err = used_file(keydir, generation, path, message, message_cap);

    return err != P2P_OK ? err
                         : p2p_file_write(path, p2p_slice_text(text), 0600, P2P_FILE_REPLACE,
                                          message, message_cap);
}

bool p2p_keydir_is_used(const struct p2p_keydir *keydir, uint32_t generation)
{
    char path[P2P_PATH_BYTES_MAX];

    return used_file(keydir, generation, path, NULL, 0) != P2P_OK || access(path, F_OK) == 0 ||
           errno != ENOENT;
}

/* The directory between keydir and the file, where the purpose has one. */
static enum p2p_err make_dir(const struct p2p_keydir *keydir, enum p2p_key_purpose purpose,
                             char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    const char *dir = dir_of(purpose);

    if (dir == NULL) {
        return P2P_OK;
    }
    enum p2p_err err = in_dir(keydir, dir, path, message, message_cap);
    return err == P2P_OK ? p2p_dir_make(path, 0700, message, message_cap) : err;
}

static enum p2p_err seal_and_write(const char *path, const struct p2p_keydir *keydir,
                                   const struct p2p_keydir_key *key, struct p2p_keyfile *file,
                                   char *message, size_t message_cap)
{
    char text[P2P_KEYFILE_BYTES_MAX];
    uint8_t nonce[P2P_KEYFILE_NONCE_BYTES];

    if (getentropy(nonce, sizeof(nonce)) != 0) {
        return no_entropy(message, message_cap);
    }
    p2p_keyfile_seal(file, key->purpose, key->name, key->seed, nonce,
                     keydir->has_given ? &keydir->given : &keydir->empty);
    size_t len = p2p_keyfile_format(file, text);
    return p2p_file_write(path, p2p_slice_of(text, len), 0600, P2P_FILE_NEW, message,
                          message_cap);
}

/* A name that fits, a random seed, something to seal it with, and a directory to put it in. */
static enum p2p_err key_begin(struct p2p_keydir *keydir, const char *name,
                              struct p2p_keydir_key *key, char *message, size_t message_cap)
{
    enum p2p_err err = P2P_OK;

    if (!p2p_keyfile_name_valid(p2p_slice_text(name))) {
        snprintf(message, message_cap, "a key's name is 1 to %u bytes of text on one line",
                 P2P_KEY_NAME_BYTES_MAX);
        return P2P_USAGE;
    }
    if (!keydir->has_given && !keydir->has_empty) {
        err = derive(keydir, p2p_slice_of(NULL, 0), message, message_cap);
    }
    if (err == P2P_OK) {
        err = make_dir(keydir, key->purpose, message, message_cap);
    }
    if (err == P2P_OK && getentropy(key->seed, sizeof(key->seed)) != 0) {
        err = no_entropy(message, message_cap);
    }
    if (err == P2P_OK) {
        memcpy(key->name, name, strlen(name));
    }
    return err;
}

enum p2p_err p2p_keydir_make(struct p2p_keydir *keydir, const char *file,
                             enum p2p_key_purpose purpose, const char *name,
                             struct p2p_keydir_key *out, char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_keyfile sealed;
    struct p2p_keydir_key key = {.purpose = purpose};
    enum p2p_err err = in_dir(keydir, file, path, message, message_cap);

    if (err == P2P_OK) {
        err = key_begin(keydir, name, &key, message, message_cap);
    }
    if (err == P2P_OK) {
        err = seal_and_write(path, keydir, &key, &sealed, message, message_cap);
    }
    if (err == P2P_OK && out != NULL) {
        memcpy(key.public_key, sealed.public_key, sizeof(key.public_key));
        *out = key;
    }
    p2p_wipe(&key, sizeof(key));
    return err;
}

enum p2p_err p2p_keydir_draw(struct p2p_keydir *keydir, const char *circle,
                             uint8_t hash[P2P_PUBLIC_BYTES], char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    char file[P2P_PATH_BYTES_MAX];
    char hex[P2P_HEX_BYTES(P2P_PUBLIC_BYTES)];
    struct p2p_keyfile sealed;
    struct p2p_keydir_key key = {.purpose = P2P_KEY_CIRCLE};
    enum p2p_err err = key_begin(keydir, circle, &key, message, message_cap);

    if (err == P2P_OK) {
        p2p_key_derive(key.purpose, key.seed, key.public_key);
        p2p_hex_encode(hex, key.public_key, sizeof(key.public_key));
        err = p2p_keydir_file(file, key.purpose, hex);
    }
    if (err == P2P_OK) {
        err = in_dir(keydir, file, path, message, message_cap);
    }
    if (err == P2P_OK) {
        err = seal_and_write(path, keydir, &key, &sealed, message, message_cap);
    }
    if (err == P2P_OK) {
        memcpy(hash, key.public_key, sizeof(key.public_key));
    }
    p2p_wipe(&key, sizeof(key));
    return err;
}

static enum p2p_err parse_file(const char *path, struct p2p_keyfile *out, char *message,
                               size_t message_cap)
{
    char *text = NULL;
    size_t len = 0;
    enum p2p_err err =
        p2p_file_read(path, P2P_KEYFILE_BYTES_MAX, &text, &len, message, message_cap);

    if (err != P2P_OK) {
        return err;
    }
    err = p2p_keyfile_parse(out, p2p_slice_of(text, len));
    if (err != P2P_OK) {
        snprintf(message, message_cap, "%s is not a key file or is damaged; restore it", path);
    }
    free(text);
    return err;
}

/* The empty passphrase first, then the given one. */
static enum p2p_err open_file(struct p2p_keydir *keydir, const char *path,
                              const struct p2p_keyfile *file, uint8_t seed[P2P_SEED_BYTES],
                              char *message, size_t message_cap)
{
    enum p2p_err err = P2P_OK;

    if (!keydir->has_empty) {
        err = derive(keydir, p2p_slice_of(NULL, 0), message, message_cap);
    }
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_keyfile_open(file, &keydir->empty, seed);
    if (err == P2P_OK) {
        return P2P_OK;
    }
    if (!keydir->has_given) {
        snprintf(message, message_cap,
                 "%s is locked; unlock it with its passphrase (key unlock, --passphrase-file)",
                 path);
        return P2P_LOCKED;
    }
    err = p2p_keyfile_open(file, &keydir->given, seed);
    if (err != P2P_OK) {
        snprintf(
            message, message_cap,
            "the passphrase does not open %s; check it, or restore the file if it is damaged",
            path);
    }
    return err;
}

enum p2p_err p2p_keydir_load(struct p2p_keydir *keydir, const char *file,
                             enum p2p_key_purpose purpose, const char *name,
                             struct p2p_keydir_key *out, char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_keyfile parsed;
    struct p2p_keydir_key key;

    memset(&key, 0, sizeof(key));
    enum p2p_err err = in_dir(keydir, file, path, message, message_cap);
    if (err == P2P_OK) {
        err = parse_file(path, &parsed, message, message_cap);
    }
    if (err != P2P_OK) {
        return err;
    }
    if (parsed.purpose != purpose || (name != NULL && strcmp(parsed.name, name) != 0)) {
        snprintf(message, message_cap, "%s holds the %s key of %s, not the %s key of %s", path,
                 p2p_key_purpose_word(parsed.purpose), parsed.name,
                 p2p_key_purpose_word(purpose), name == NULL ? parsed.name : name);
        return P2P_BADKEY;
    }
    err = open_file(keydir, path, &parsed, key.seed, message, message_cap);
    if (err == P2P_OK) {
        key.purpose = parsed.purpose;
        memcpy(key.name, parsed.name, sizeof(key.name));
        memcpy(key.public_key, parsed.public_key, sizeof(key.public_key));
        *out = key;
    }
    p2p_wipe(&key, sizeof(key));
    return err;
}

/* Listing */

struct listing {
    struct p2p_keydir_entry *entries;
    size_t count;
};

static enum p2p_err list_add(struct listing *listing, const struct p2p_keydir *keydir,
                             const char *file)
{
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_keyfile parsed;
    struct p2p_keydir_entry entry;

    if (listing->count == P2P_KEYDIR_KEYS_MAX) {
        return P2P_TOOLARGE;
    }
    memset(&entry, 0, sizeof(entry));
    int len = snprintf(entry.file, sizeof(entry.file), "%s", file);
    if (len < 0 || (size_t)len >= sizeof(entry.file) ||
        p2p_path_join(path, keydir->dir, file) != P2P_OK) {
        return P2P_TOOLARGE;
    }
    entry.err = parse_file(path, &parsed, NULL, 0);
    if (entry.err == P2P_OK) {
        entry.purpose = parsed.purpose;
        memcpy(entry.name, parsed.name, sizeof(entry.name));
        memcpy(entry.public_key, parsed.public_key, sizeof(entry.public_key));
    }
    struct p2p_keydir_entry *more =
        realloc(listing->entries, (listing->count + 1) * sizeof(*more));
    if (more == NULL) {
        return P2P_NOMEM;
    }
    more[listing->count++] = entry;
    listing->entries = more;
    return P2P_OK;
}

/* prefix is "" or "issuers/". */
static enum p2p_err list_dir(struct listing *listing, const struct p2p_keydir *keydir,
                             const char *prefix)
{
    char path[P2P_PATH_BYTES_MAX];
    char file[P2P_PATH_BYTES_MAX];
    enum p2p_err err = P2P_OK;
    struct dirent *found;

    if (p2p_path_join(path, keydir->dir, prefix) != P2P_OK) {
        return P2P_TOOLARGE;
    }
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT ? P2P_NOTFOUND : P2P_IO;
    }
    while (err == P2P_OK && (found = readdir(dir)) != NULL) {
        const char *suffix = strrchr(found->d_name, '.');
        if (found->d_name[0] == '.' || suffix == NULL || strcmp(suffix, KEY_SUFFIX) != 0) {
            continue;
        }
        snprintf(file, sizeof(file), "%s%s", prefix, found->d_name);
        err = list_add(listing, keydir, file);
    }
    closedir(dir);
    return err;
}

static int by_file(const void *a, const void *b)
{
    return strcmp(((const struct p2p_keydir_entry *)a)->file,
                  ((const struct p2p_keydir_entry *)b)->file);
}

enum p2p_err p2p_keydir_list(const struct p2p_keydir *keydir, struct p2p_keydir_entry **out,
                             size_t *count, char *message, size_t message_cap)
{
    struct listing listing = {NULL, 0};
    enum p2p_err err = list_dir(&listing, keydir, "");

    if (err == P2P_OK) {
        err = list_dir(&listing, keydir, ISSUERS_DIR "/");
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    if (err != P2P_OK) {
        snprintf(message, message_cap, "list keys in %s: %s", keydir->dir, p2p_err_text(err));
        free(listing.entries);
        return err;
    }
    if (listing.count > 0) {
        qsort(listing.entries, listing.count, sizeof(*listing.entries), by_file);
    }
    *out = listing.entries;
    *count = listing.count;
    return P2P_OK;
}
