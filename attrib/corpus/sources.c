/* SPDX-License-Identifier: MIT */
#include "corpus/sources.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "corpus/walk.h"

static attrib_status stat_file(const char *path, at_source_file *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct stat info;
    AT_CHECK(stat(path, &info) == 0, ATTRIB_EIO, "%s: it was there just now", path);
    out->size = (uint64_t)info.st_size;
    out->seconds = (uint64_t)info.st_mtim.tv_sec;
    out->nanoseconds = (uint64_t)info.st_mtim.tv_nsec;
done:
    return status;
}

static attrib_status visit(void *context,
                           const char *path,
                           bool is_named,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sources *sources = context;
    at_source_file file = {0};
    (void)is_named;
    AT_TRY(stat_file(path, &file, err));
    AT_TRY(at_copy_text(path, strlen(path), &file.path, err));
    AT_TRY(at_grow(&sources->files, &sources->capacity, sources->n + 1,
                   sizeof *sources->files, err));
    sources->files[sources->n++] = file;
    file.path = NULL;
done:
    free(file.path);
    return status;
}

/* What is not read cannot change what was. */
static attrib_status pass_by(void *context, const char *path, attrib_error *err)
{
    (void)context;
    (void)path;
    (void)err;
    return ATTRIB_OK;
}

attrib_status at_sources_add(at_sources *sources, const char *path, attrib_error *err)
{
    const at_visitor visitor = {sources, visit, pass_by};
    if (strcmp(path, "-") == 0 || !at_is_there(path)) {
        return ATTRIB_OK;
    }
    return at_walk(path, &visitor, err);
}

static attrib_status hash_file(const char *path,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    at_map map = {0};
    attrib_status status = at_map_open(path, &map, err);
    if (status == ATTRIB_OK) {
        at_hash_bytes(map.bytes, map.n_bytes, out);
    }
    at_map_close(&map);
    return status;
}

static bool is_same_time(const at_source_file *a, const at_source_file *b)
{
    return a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

attrib_status at_sources_hash(at_sources *sources, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < sources->n; i++) {
        at_source_file *file = &sources->files[i];
        at_source_file now = {0};
        AT_TRY(stat_file(file->path, &now, err));
        AT_CHECK(now.size == file->size && is_same_time(&now, file), ATTRIB_EIO,
                 "%s: changed while it was read", file->path);
        if (at_is_file(file->path)) {
            AT_TRY(hash_file(file->path, file->hash, err));
        }
    }
done:
    return status;
}

static attrib_status compare(const at_source_file *then,
                             const at_source_file *now,
                             bool *is_same,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char hash[AT_HASH_SIZE];
    *is_same = strcmp(then->path, now->path) == 0 && then->size == now->size;
    if (*is_same && !is_same_time(then, now)) {
        AT_TRY(hash_file(now->path, hash, err));
        *is_same = strcmp(hash, then->hash) == 0;
    }
done:
    return status;
}

attrib_status at_sources_compare(const at_sources *of_store,
                                 const at_sources *now,
                                 const char **changed,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *changed = NULL;
    for (size_t i = 0; i < of_store->n && i < now->n; i++) {
        bool is_same = false;
        AT_TRY(compare(&of_store->files[i], &now->files[i], &is_same, err));
        if (!is_same) {
            *changed = now->files[i].path;
            return ATTRIB_OK;
        }
    }
    if (of_store->n != now->n) {
        *changed = of_store->n < now->n ? now->files[of_store->n].path
                                        : of_store->files[now->n].path;
    }
done:
    return status;
}

void at_sources_free(at_sources *sources)
{
    for (size_t i = 0; i < sources->n; i++) {
        free(sources->files[i].path);
    }
    free(sources->files);
    *sources = (at_sources){0};
}
