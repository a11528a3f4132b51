/* SPDX-License-Identifier: MIT */
/* The folder of parts (ranks_folder.h).
 *
 * 1. Names   2. Files   3. Parts */
#include "cli/ranks_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1. Names */

attrib_status ranks_folder_open(ranks_folder *out,
                                const ranks *all,
                                const char *output,
                                attrib_error *err)
{
    size_t n = strlen(output);
    while (n > 1 && output[n - 1] == '/') {
        n--;
    }
    out->all = all;
    if (asprintf(&out->path, "%.*s.ranks", (int)n, output) < 0) {
        out->path = NULL;
        return cli_fail(err, ATTRIB_ENOMEM, "%s.ranks", output);
    }
    return ATTRIB_OK;
}

void ranks_folder_close(ranks_folder *self)
{
    free(self->path);
    self->path = NULL;
}

attrib_status ranks_folder_name(
    const ranks_folder *self, const char *name, size_t i, char **out, attrib_error *err)
{
    int n = i ? asprintf(out, "%s/%s-%zu", self->path, name, i)
              : asprintf(out, "%s/%s", self->path, name);
    if (n < 0) {
        *out = NULL;
        return cli_fail(err, ATTRIB_ENOMEM, "%s", name);
    }
    return ATTRIB_OK;
}

attrib_status ranks_folder_list(const ranks_folder *self,
                                const char *name,
                                size_t n,
                                ranks_names *out,
                                attrib_error *err)
{
    out->n = n;
    out->names = calloc(n, sizeof *out->names);
    attrib_status status =
        out->names ? ATTRIB_OK : cli_fail(err, ATTRIB_ENOMEM, "names of parts");
    for (size_t p = 0; status == ATTRIB_OK && p < n; p++) {
        status = ranks_folder_name(self, name, p + 1, &out->names[p], err);
    }
    return status;
}

void ranks_names_free(ranks_names *list)
{
    for (size_t i = 0; list->names && i < list->n; i++) {
        free(list->names[i]);
    }
    free(list->names);
    *list = (ranks_names){0};
}

/* 2. Files */

bool ranks_is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

bool ranks_is_finished(const char *output)
{
    char *path = NULL;
    bool is_there =
        asprintf(&path, "%s/manifest.msgpack", output) >= 0 && ranks_is_there(path);
    free(path);
    return is_there;
}

attrib_status ranks_folder_make(const ranks_folder *self, attrib_error *err)
{
    return mkdir(self->path, 0777) == 0 || errno == EEXIST
               ? ATTRIB_OK
               : cli_fail(err, ATTRIB_EIO, "%s: %s", self->path, strerror(errno));
}

attrib_status ranks_folder_write(const ranks_folder *self,
                                 const char *name,
                                 const char *text,
                                 attrib_error *err)
{
    char *path = NULL;
    char *unfinished = NULL;
    attrib_status status = ranks_folder_name(self, name, 0, &path, err);
    if (status == ATTRIB_OK && asprintf(&unfinished, "%s.new", path) < 0) {
        unfinished = NULL;
        status = cli_fail(err, ATTRIB_ENOMEM, "%s", path);
    }
    if (status == ATTRIB_OK) {
        FILE *file = fopen(unfinished, "w");
        bool is_written = file && fputs(text, file) >= 0;
        is_written = file && fclose(file) == 0 && is_written;
        if (!is_written || rename(unfinished, path) != 0) {
            status = cli_fail(err, ATTRIB_EIO, "%s: %s", path, strerror(errno));
            unlink(unfinished);
        }
    }
    free(unfinished);
    free(path);
    return status;
}

attrib_status ranks_folder_bind(const ranks_folder *self,
                                const char *name,
                                const char *text,
                                attrib_error *err)
{
    char *path = NULL;
    char *line = NULL;
    size_t n = 0;
    attrib_status status = ranks_folder_name(self, name, 0, &path, err);
    FILE *file = status == ATTRIB_OK ? fopen(path, "r") : NULL;
    if (status == ATTRIB_OK && !file) {
        status = ranks_folder_write(self, name, text, err);
    } else if (file && (getdelim(&line, &n, '\0', file) < 0 || strcmp(line, text) != 0)) {
        status = cli_fail(err, ATTRIB_EINVAL,
                          "%s: of an unfinished %s by another command or of other "
                          "documents, as its file %s says; name another output, or "
                          "remove it",
                          self->path, name, name);
    }
    if (file) {
        fclose(file);
    }
    free(line);
    free(path);
    return status;
}

void ranks_folder_remove(const ranks_folder *self)
{
    attrib_scratch_remove(self->path);
}

/* 3. Parts */

/* Every rank looks before any begins to work, so that all of them see the same parts. */
attrib_status ranks_folder_deal(const ranks_folder *self,
                                const ranks_names *parts,
                                const char *mark,
                                bool *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_open = 0;
    for (size_t p = 0; status == ATTRIB_OK && p < parts->n; p++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", parts->names[p], mark) < 0) {
            path = NULL;
            status = cli_fail(err, ATTRIB_ENOMEM, "%s", parts->names[p]);
        } else {
            out[p] = !ranks_is_there(path) && n_open++ % self->all->n == self->all->i;
        }
        free(path);
    }
    return ranks_agree(self->all, status, err);
}

size_t ranks_count(const bool *is_mine, size_t n)
{
    size_t n_mine = 0;
    for (size_t p = 0; is_mine && p < n; p++) {
        n_mine += is_mine[p];
    }
    return n_mine;
}
