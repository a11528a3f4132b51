/* SPDX-License-Identifier: MIT */
#include "cli/cache_entries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cache_folder.h"
#include "cli/options.h"
#include "cli/terminal.h"

#define NAME_DIGITS  16
#define STORE_SUFFIX ".store"

/* Entries that were used so many seconds ago may be in use by another process. */
#define IN_USE 60

/* Whether a name is that of factors or of a store: 16 hexadecimal digits, which a store
 * ends with a suffix. */
static bool is_entry(const char *name, bool *is_store)
{
    const char *rest = name + strspn(name, "0123456789abcdef");
    *is_store = strcmp(rest, STORE_SUFFIX) == 0;
    return rest - name == NAME_DIGITS && (*rest == '\0' || *is_store);
}

/* Remove what a fit left that was killed: `name` is the folder that it filled, or its
 * lock. A query that wants the same factors has gone on with it before it comes here. */
static void remove_unfinished(const char *cache, const char *name)
{
    static const char *const suffixes[] = {".partial", ".lock"};
    size_t n = strspn(name, "0123456789abcdef");
    char digits[NAME_DIGITS + 1];
    char path[CACHE_PATH_SIZE];
    bool is_of_fit = false;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        is_of_fit = is_of_fit || strcmp(name + n, suffixes[i]) == 0;
    }
    if (n != NAME_DIGITS || !is_of_fit) {
        return;
    }
    memcpy(digits, name, NAME_DIGITS);
    digits[NAME_DIGITS] = '\0';
    if (cache_join(path, cache, digits)) {
        attrib_remove_unfinished(path);
    }
}

/* Go through the names of a folder, which are neither "." nor ".."; the sum of what
 * `visit` returns. */
static uint64_t walk(const char *folder, uint64_t (*visit)(const char *path))
{
    uint64_t sum = 0;
    DIR *stream = opendir(folder);
    const struct dirent *one = NULL;
    while (stream && (one = readdir(stream))) {
        char path[CACHE_PATH_SIZE];
        if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0 &&
            cache_join(path, folder, one->d_name)) {
            sum += visit(path);
        }
    }
    if (stream) {
        closedir(stream);
    }
    return sum;
}

/* Links are not followed, so that no loop is walked. */
uint64_t cache_bytes(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        return 0;
    }
    return S_ISDIR(info.st_mode) ? walk(path, cache_bytes) : (uint64_t)info.st_size;
}

/* Remove a file, or a folder with what it holds; 1 where something stays. */
static uint64_t remove_all(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        return errno != ENOENT;
    }
    if (!S_ISDIR(info.st_mode)) {
        return unlink(path) != 0 && errno != ENOENT;
    }
    uint64_t n_left = walk(path, remove_all);
    return n_left + (rmdir(path) != 0 && errno != ENOENT);
}

attrib_status cache_remove(const cache_entry *entry, attrib_error *err)
{
    errno = 0;
    if (remove_all(entry->path) > 0) {
        return cli_fail(err, ATTRIB_EIO, "%.300s: cannot be removed: %s", entry->path,
                        strerror(errno));
    }
    return ATTRIB_OK;
}

void cache_touch(const char *path)
{
    (void)utimensat(AT_FDCWD, path, NULL, 0); /* it only seems older */
}

static attrib_status add_entry(cache_entries *entries,
                               const char *path,
                               bool is_store,
                               attrib_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return ATTRIB_OK; /* another process removed it */
    }
    if (entries->n == entries->capacity) {
        size_t wanted = entries->capacity ? 2 * entries->capacity : 16;
        cache_entry *list = reallocarray(entries->list, wanted, sizeof *list);
        if (!list) {
            return cli_fail(err, ATTRIB_ENOMEM, "%zu entries of a cache", wanted);
        }
        entries->list = list;
        entries->capacity = wanted;
    }
    cache_entry *entry = &entries->list[entries->n];
    *entry = (cache_entry){.path = strdup(path),
                           .is_store = is_store,
                           .n_bytes = cache_bytes(path),
                           .used = info.st_mtim};
    if (!entry->path) {
        return cli_fail(err, ATTRIB_ENOMEM, "an entry of a cache");
    }
    entries->n++;
    return ATTRIB_OK;
}

static int compare_use(const void *a, const void *b)
{
    const cache_entry *x = a;
    const cache_entry *y = b;
    if (x->used.tv_sec != y->used.tv_sec) {
        return x->used.tv_sec < y->used.tv_sec ? 1 : -1;
    }
    if (x->used.tv_nsec != y->used.tv_nsec) {
        return x->used.tv_nsec < y->used.tv_nsec ? 1 : -1;
    }
    return strcmp(x->path, y->path);
}

attrib_status cache_list(const char *folder, cache_entries *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    DIR *stream = opendir(folder);
    const struct dirent *one = NULL;
    *out = (cache_entries){0};
    attrib_sweep(folder);
    if (!stream) {
        return errno == ENOENT || errno == ENOTDIR
                   ? ATTRIB_OK
                   : cli_fail(err, ATTRIB_EIO, "%.300s: %s", folder, strerror(errno));
    }
    while (status == ATTRIB_OK && (one = readdir(stream))) {
        char path[CACHE_PATH_SIZE];
        bool is_store = false;
        remove_unfinished(folder, one->d_name);
        if (is_entry(one->d_name, &is_store) && cache_join(path, folder, one->d_name)) {
            status = add_entry(out, path, is_store, err);
        }
    }
    closedir(stream);
    if (out->n) {
        qsort(out->list, out->n, sizeof *out->list, compare_use);
    }
    return status;
}

void cache_entries_free(cache_entries *entries)
{
    for (size_t i = 0; i < entries->n; i++) {
        free(entries->list[i].path);
    }
    free(entries->list);
    *entries = (cache_entries){0};
}

attrib_status cache_trim(const char *folder, uint64_t limit, attrib_error *err)
{
    cache_entries entries = {0};
    uint64_t sum = 0;
    const time_t now = time(NULL);
    attrib_status status = cache_list(folder, &entries, err);
    for (size_t i = 0; status == ATTRIB_OK && i < entries.n; i++) {
        const cache_entry *entry = &entries.list[i];
        sum += entry->n_bytes;
        if (sum > limit && now - entry->used.tv_sec > IN_USE) {
            sum -= entry->n_bytes;
            status = cache_remove(entry, err);
        }
    }
    cache_entries_free(&entries);
    return status;
}
