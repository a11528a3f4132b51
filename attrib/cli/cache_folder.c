/* SPDX-License-Identifier: MIT */
/* Where a cache is: next to the corpus, or the user's. */
#include "cli/cache_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Make a folder unless it is there; false where it cannot be written. */
static bool make_folder(const char *path)
{
    return (mkdir(path, 0777) == 0 || errno == EEXIST) && access(path, W_OK | X_OK) == 0;
}

bool cache_join(char out[CACHE_PATH_SIZE], const char *folder, const char *name)
{
    int n = snprintf(out, CACHE_PATH_SIZE, "%s/%s", folder, name);
    return n > 0 && n < CACHE_PATH_SIZE;
}

/* Have version control ignore the cache. */
static void hide_from_git(const char *folder)
{
    char path[CACHE_PATH_SIZE];
    if (!cache_join(path, folder, ".gitignore") || access(path, F_OK) == 0) {
        return;
    }
    FILE *stream = fopen(path, "wxe"); /* never through a link that stands there */
    if (stream) {
        fputs("*\n", stream);
        fclose(stream);
    }
}

/* Name .attrib-cache in the folder that holds the corpus. */
static bool name_beside(const char *corpus_path, char out[CACHE_PATH_SIZE])
{
    char *real = strcmp(corpus_path, "-") == 0 ? NULL : realpath(corpus_path, NULL);
    char *slash = real ? strrchr(real, '/') : NULL;
    bool is_named = false;
    if (slash) {
        *slash = '\0';
        is_named = cache_join(out, real, ".attrib-cache");
    }
    free(real);
    return is_named;
}

static bool find_beside(const char *corpus_path, char out[CACHE_PATH_SIZE])
{
    bool is_found = name_beside(corpus_path, out) && make_folder(out);
    if (is_found) {
        hide_from_git(out);
    }
    return is_found;
}

/* $XDG_CACHE_HOME/attrib or ~/.cache/attrib. */
static bool name_of_user(char out[CACHE_PATH_SIZE], bool makes)
{
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char folder[CACHE_PATH_SIZE];
    if (!base || base[0] != '/') {
        if (!home || !*home || !cache_join(folder, home, ".cache")) {
            return false;
        }
        base = folder;
    }
    return (!makes || make_folder(base)) && cache_join(out, base, "attrib") &&
           (!makes || make_folder(out));
}

bool cache_name(const char *corpus_path, char out[CACHE_PATH_SIZE])
{
    return corpus_path ? name_beside(corpus_path, out) : name_of_user(out, false);
}

uint64_t cache_hash(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    } while (*text++);
    return hash;
}

bool cache_find(const char *corpus_path, char out[CACHE_PATH_SIZE])
{
    return find_beside(corpus_path, out) || name_of_user(out, true);
}
