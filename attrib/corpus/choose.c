/* SPDX-License-Identifier: MIT */
/* 1. Patterns   2. Files that were met */
#include "corpus/choose.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "corpus/name.h"

#define MAX_PATTERN 1024

/* 1. Patterns */

static bool matches(const char *patterns, const char *path)
{
    while (patterns && *patterns) {
        char pattern[MAX_PATTERN];
        size_t n = strcspn(patterns, ",");
        if (n > 0 && n < sizeof pattern) {
            memcpy(pattern, patterns, n);
            pattern[n] = '\0';
            const char *subject = strchr(pattern, '/') ? path : at_base_name(path);
            if (fnmatch(pattern, subject, 0) == 0) {
                return true;
            }
        }
        patterns += n + (patterns[n] == ',');
    }
    return false;
}

at_choice at_choose(const char *include,
                    const char *exclude,
                    const char *path,
                    bool is_archive)
{
    path += strspn(path, "./") == 2 ? 2 : 0;
    if (matches(exclude, path)) {
        return AT_CHOICE_OUT;
    }
    if (!include || !*include) {
        return AT_CHOICE_BY_NAME;
    }
    return matches(include, path) ? AT_CHOICE_IN
           : is_archive           ? AT_CHOICE_BY_NAME
                                  : AT_CHOICE_OUT;
}

/* 2. Files that were met */

/* The slot of a file, or the free one where it belongs. */
static size_t find_slot(const at_seen *seen, dev_t device, ino_t inode)
{
    uint64_t hash =
        ((uint64_t)inode ^ ((uint64_t)device << 32)) * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 32) & (seen->n_slots - 1);
    while (seen->files[i].is_there &&
           (seen->files[i].device != device || seen->files[i].inode != inode)) {
        i = (i + 1) & (seen->n_slots - 1);
    }
    return i;
}

static attrib_status make_room(at_seen *seen, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_seen larger = {.n_slots = seen->n_slots ? 2 * seen->n_slots : 64, .n = seen->n};
    if (2 * (seen->n + 1) <= seen->n_slots) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(larger.n_slots, sizeof *larger.files, &larger.files, err));
    for (size_t i = 0; i < seen->n_slots; i++) {
        if (seen->files[i].is_there) {
            size_t slot = find_slot(&larger, seen->files[i].device, seen->files[i].inode);
            larger.files[slot] = seen->files[i];
        }
    }
    free(seen->files);
    *seen = larger;
done:
    return status;
}

attrib_status at_seen_add(at_seen *seen,
                          const char *path,
                          bool *was_there,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct stat info;
    size_t slot = 0;
    *was_there = false;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return ATTRIB_OK;
    }
    AT_TRY(make_room(seen, err));
    slot = find_slot(seen, info.st_dev, info.st_ino);
    *was_there = seen->files[slot].is_there;
    seen->files[slot] = (struct at_seen_file){info.st_dev, info.st_ino, true};
    seen->n += !*was_there;
done:
    return status;
}

void at_seen_free(at_seen *seen)
{
    free(seen->files);
    *seen = (at_seen){0};
}
