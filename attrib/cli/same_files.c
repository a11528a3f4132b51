/* SPDX-License-Identifier: MIT */
#include "cli/same_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/shared.h"

/* Longer than any path that the system opens (PATH_MAX): fopen() refuses what is cut. */
#define PATH_SIZE 4352

static attrib_status fail_reading(const char *path, attrib_error *err)
{
    return cli_fail(err, ATTRIB_EIO, "%.400s: %s", path, strerror(errno));
}

/* Compare what is left of two files. */
static attrib_status compare_streams(FILE *const streams[2],
                                     char paths[2][PATH_SIZE],
                                     bool *is_same,
                                     attrib_error *err)
{
    size_t n = 1;
    while (*is_same && n > 0) {
        char bytes[2][8192];
        n = fread(bytes[0], 1, sizeof bytes[0], streams[0]);
        *is_same = fread(bytes[1], 1, sizeof bytes[1], streams[1]) == n &&
                   memcmp(bytes[0], bytes[1], n) == 0;
        for (size_t i = 0; i < 2; i++) {
            if (ferror(streams[i])) {
                return fail_reading(paths[i], err);
            }
        }
    }
    return ATTRIB_OK;
}

/* Whether two folders have a file with the same bytes. */
static attrib_status compare_file(const char *folder,
                                  const char *other,
                                  const char *name,
                                  bool *is_same,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char paths[2][PATH_SIZE];
    FILE *streams[2] = {NULL, NULL};
    *is_same = true;
    for (size_t i = 0; status == ATTRIB_OK && i < 2; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s", i ? other : folder, name);
        streams[i] = fopen(paths[i], "re");
        *is_same = *is_same && streams[i];
        if (!streams[i] && errno != ENOENT) {
            status = fail_reading(paths[i], err);
        }
    }
    if (status == ATTRIB_OK) {
        status = compare_streams(streams, paths, is_same, err);
    }
    for (size_t i = 0; i < 2; i++) {
        if (streams[i]) {
            fclose(streams[i]);
        }
    }
    return status;
}

/* Whether a file says what a run found, and not how it was made. */
static bool is_result(const char *name)
{
    static const char *const others[] = {"manifest.msgpack", "prepared.msgpack",
                                         "skipped.jsonl"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcmp(name, others[i]) == 0) {
            return false;
        }
    }
    return name[0] != '.';
}

attrib_status same_files_count(
    const char *run, const char *other, size_t *n, size_t *n_same, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    DIR *folder = opendir(run);
    const struct dirent *entry = NULL;
    if (!folder) {
        return fail_reading(run, err);
    }
    while (status == ATTRIB_OK && (errno = 0, entry = readdir(folder))) {
        bool is_same = false;
        if (is_result(entry->d_name)) {
            status = compare_file(run, other, entry->d_name, &is_same, err);
            (*n)++;
            *n_same += is_same;
        }
    }
    if (status == ATTRIB_OK && errno != 0) {
        status = fail_reading(run, err);
    }
    closedir(folder);
    return status;
}
