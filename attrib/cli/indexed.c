/* SPDX-License-Identifier: MIT */
#include "cli/indexed.h"

#include <stdio.h>
#include <stdlib.h>

/* Whether all that the index names is there: folders may have been moved since. */
static attrib_status need(const char *folder,
                          const char *name,
                          const char *path,
                          attrib_error *err)
{
    return *path ? ATTRIB_OK
                 : cli_fail(err, ATTRIB_EINVAL,
                            "%s: does not say which it was made of: name --%s", folder,
                            name);
}

static attrib_status take_corpus(const char *folder,
                                 const attrib_paths *paths,
                                 source_options *source,
                                 indexed *out,
                                 attrib_error *err)
{
    attrib_status status = need(folder, "corpus", paths->n ? paths->paths[0] : "", err);
    if (status != ATTRIB_OK) {
        return status;
    }
    out->corpus.paths = calloc(paths->n, sizeof *out->corpus.paths);
    if (!out->corpus.paths) {
        return cli_fail(err, ATTRIB_ENOMEM, "%zu paths", paths->n);
    }
    for (size_t i = 0; i < paths->n; i++) {
        out->corpus.paths[out->corpus.n++] = paths->paths[i];
    }
    source->corpus = out->corpus;
    return ATTRIB_OK;
}

attrib_status indexed_open(source_options *source,
                           ranking_options *ranking,
                           indexed *out,
                           attrib_error *err)
{
    const char *folder = ranking->index.folder;
    if (!folder) {
        return ATTRIB_OK;
    }
    attrib_status status = attrib_index_open(folder, &out->index, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    const attrib_index_info *info = attrib_index_describe(out->index);
    if (!source->model) {
        source->model = info->model_path;
        status = need(folder, "model", source->model, err);
    }
    if (status == ATTRIB_OK && !ranking->factors) {
        ranking->factors = info->factors_path;
        status = need(folder, "factors", ranking->factors, err);
    }
    if (status == ATTRIB_OK && !source->date && *info->corpus_date) {
        source->date = info->corpus_date;
    }
    /* What is named is read in its place, and so are documents under other names. */
    bool reads_store =
        *info->store_path && source->corpus.n == 0 && !readings_label(ranking->given);
    if (status == ATTRIB_OK) {
        bool owns_where = false;
        status = readings_take(info, folder, ranking->given, reads_store, source,
                               &owns_where, err);
        out->where = owns_where ? source->where : (path_list){0};
    }
    if (status == ATTRIB_OK && source->corpus.n == 0) {
        const attrib_paths store = {&info->store_path, 1};
        status = take_corpus(folder, reads_store ? &store : &info->corpus_paths, source,
                             out, err);
    }
    return status;
}

void indexed_close(indexed *self)
{
    attrib_index_close(self->index);
    free(self->corpus.paths);
    free(self->where.paths);
    *self = (indexed){0};
}
