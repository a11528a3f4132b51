/* SPDX-License-Identifier: MIT */
#include "corpus/headway.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "corpus/walk.h"

/* Bytes of a regular file; 0 for what is none. */
static double size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (double)info.st_size : 0;
}

static attrib_status add_file(void *context,
                              const char *path,
                              bool is_named,
                              attrib_error *err)
{
    double *total = context;
    (void)is_named;
    (void)err;
    *total += size_of(path);
    return ATTRIB_OK;
}

static attrib_status pass_by(void *context, const char *path, attrib_error *err)
{
    (void)context;
    (void)path;
    (void)err;
    return ATTRIB_OK;
}

void at_headway_begin(at_headway *headway, const char *const *paths, size_t n)
{
    double total = 0;
    const at_visitor visitor = {&total, add_file, pass_by};
    struct stat info;
    for (size_t i = 0; i < n; i++) {
        attrib_error ignored; /* who reads it will tell */
        bool is_known = strcmp(paths[i], "-") != 0 && stat(paths[i], &info) == 0 &&
                        (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
        if (!is_known || at_walk(paths[i], &visitor, &ignored) != ATTRIB_OK) {
            return;
        }
    }
    headway->total = total;
}

void at_headway_pass(at_headway *headway, const char *path)
{
    headway->passed += headway->total > 0 ? size_of(path) : 0;
}

double at_headway_share(const at_headway *headway, double within)
{
    double here = headway->open ? at_archive_offset(headway->open) : within;
    return headway->total > 0 ? fmin((headway->passed + here) / headway->total, 1) : 0;
}
