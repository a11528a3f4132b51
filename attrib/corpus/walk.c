/* SPDX-License-Identifier: MIT */
/* Folders, in the order of their names' bytes, whatever the locale. */
#include "corpus/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static int compare_names(const void *a, const void *b)
{
    const struct dirent *const *first = a;
    const struct dirent *const *second = b;
    return strcmp((*first)->d_name, (*second)->d_name);
}

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static attrib_status walk_folder(const char *folder,
                                 const at_visitor *visitor,
                                 attrib_error *err);

static attrib_status visit_entry(const char *path,
                                 bool is_hidden,
                                 const at_visitor *visitor,
                                 attrib_error *err)
{
    struct stat itself;
    struct stat target;
    if (lstat(path, &itself) != 0) {
        return at_fail_errno(err, path, NULL);
    }
    bool is_link = S_ISLNK(itself.st_mode);
    if (is_hidden || (is_link && stat(path, &target) != 0)) {
        return visitor->skip(visitor->context, path, err);
    }
    const struct stat *info = is_link ? &target : &itself;
    if (S_ISDIR(info->st_mode) && !is_link) {
        return walk_folder(path, visitor, err);
    }
    if (S_ISREG(info->st_mode)) {
        return visitor->visit(visitor->context, path, false, err);
    }
    return visitor->skip(visitor->context, path, err);
}

static attrib_status walk_folder(const char *folder,
                                 const at_visitor *visitor,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct dirent **entries = NULL;
    int n_entries = scandir(folder, &entries, is_entry, NULL);
    if (n_entries < 0) {
        return at_fail_errno(err, folder, NULL);
    }
    if (n_entries > 0) {
        qsort(entries, (size_t)n_entries, sizeof(struct dirent *), compare_names);
    }
    for (int i = 0; i < n_entries && status == ATTRIB_OK; i++) {
        char *path = NULL;
        status = at_join_path(folder, entries[i]->d_name, &path, err);
        if (status == ATTRIB_OK) {
            status = visit_entry(path, entries[i]->d_name[0] == '.', visitor, err);
        }
        free(path);
    }
    for (int i = 0; i < n_entries; i++) {
        free(entries[i]);
    }
    free(entries);
    return status;
}

attrib_status at_walk(const char *path, const at_visitor *visitor, attrib_error *err)
{
    struct stat info;
    if (strcmp(path, "-") != 0) {
        if (stat(path, &info) != 0) {
            return at_fail_errno(err, path, NULL);
        }
        if (S_ISDIR(info.st_mode)) {
            return walk_folder(path, visitor, err);
        }
    }
    return visitor->visit(visitor->context, path, true, err);
}
