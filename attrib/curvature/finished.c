/* SPDX-License-Identifier: MIT */
/* Factors that are finished already, where the same are to be made again: a task of a
 * batch system that is queued once more after its end finds what it made.
 *
 * 1. What differs.   2. The folder. */
#include "curvature/finished.h"

#include <stdlib.h>
#include <string.h>

#include "curvature/factor_read.h"

/* 1. What differs */

static attrib_status add(at_buffer *out,
                         bool differs,
                         const char *name,
                         attrib_error *err)
{
    return differs ? at_buffer_print(out, err, "%s%s", out->n_bytes ? ", " : "", name)
                   : ATTRIB_OK;
}

/* Whether all maps have the same names, in any order: files have one of their own. */
static bool same_maps(const attrib_factors *a, const attrib_factors *b)
{
    size_t n_same = 0;
    for (size_t i = 0; i < a->info.n_modules; i++) {
        size_t k = 0;
        while (k < b->info.n_modules &&
               strcmp(a->factors[i].name, b->factors[k].name) != 0) {
            k++;
        }
        n_same += k < b->info.n_modules;
    }
    return n_same == a->info.n_modules && n_same == b->info.n_modules;
}

/* How the documents of sums differ: in one thing, the first that is found. */
static const char *find_origin(const at_origins *a, const at_origins *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        const at_origin *x = &a->list[i];
        const at_origin *y = &b->list[i];
        if (strcmp(x->corpus_hash, y->corpus_hash) != 0) {
            return "corpus";
        }
        if (x->first != y->first || x->end != y->end || x->first_part != y->first_part ||
            x->end_part != y->end_part || x->n_parts != y->n_parts) {
            return "--shard or --parts";
        }
        if (x->seed != y->seed) {
            return "--seed";
        }
    }
    return a->n == b->n ? NULL : !a->n || !b->n ? "--stage" : "parts or corpora";
}

attrib_status at_factors_compare(const attrib_factors *was,
                                 const attrib_factors *made,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors_info *a = &was->info;
    const attrib_factors_info *b = &made->info;
    const char *of_covariances = find_origin(&was->of_covariances, &made->of_covariances);
    const char *of_lambda = find_origin(&was->of_lambda, &made->of_lambda);
    AT_TRY(add(out, strcmp(was->model_hash, made->model_hash) != 0, "model", err));
    AT_TRY(add(out, of_covariances != NULL, of_covariances, err));
    AT_TRY(add(out,
               of_lambda && (!of_covariances || strcmp(of_lambda, of_covariances) != 0),
               of_lambda, err));
    AT_TRY(add(out, a->strategy != b->strategy, "--strategy", err));
    AT_TRY(add(out, a->fisher != b->fisher, "--fisher", err));
    AT_TRY(add(out, !same_maps(was, made), "--modules", err));
    AT_TRY(add(out, a->n_blocks != b->n_blocks, "--blocks", err));
    AT_TRY(add(out, a->precision != b->precision, "--precision", err));
    AT_TRY(add(out, a->eigen_precision != b->eigen_precision, "--eigen-precision", err));
    AT_TRY(add(out, was->i_run != made->i_run || was->n_runs != made->n_runs,
               "--shard of a merge", err));
done:
    return status;
}

/* 2. The folder */

bool at_factors_are_finished(const char *folder)
{
    static const char *const names[] = {AT_FACTORS_MANIFEST, AT_FACTORS_ARGUMENTS};
    bool are_there = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = NULL;
        are_there = are_there &&
                    at_join_path(folder, names[i], &path, NULL) == ATTRIB_OK &&
                    at_is_file(path);
        free(path);
    }
    return are_there;
}

static attrib_status fail_other(const char *folder,
                                const at_buffer *list,
                                attrib_error *err)
{
    return at_fail(err, ATTRIB_EIO,
                   "%s: holds factors already, of another fit or merge: other %.160s: "
                   "name a new folder",
                   folder, list->bytes);
}

attrib_status at_factors_check_same(const attrib_factors *was,
                                    const attrib_factors *made,
                                    const char *folder,
                                    attrib_error *err)
{
    at_buffer list = {0};
    attrib_status status = at_factors_compare(was, made, &list, err);
    if (status == ATTRIB_OK && list.n_bytes) {
        status = fail_other(folder, &list, err);
    }
    at_buffer_free(&list);
    return status;
}

/* All that the manifest names of these pieces is there. */
static attrib_status check_files(const attrib_factors *was,
                                 unsigned pieces,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        bool is_named = (pieces & AT_PIECES_OF(piece)) && was->seals[piece][0];
        AT_CHECK(!is_named || was->files->pieces[piece], ATTRIB_EIO,
                 "%s: %s.safetensors is missing, which its manifest names: name a new "
                 "folder, or remove this one and run the command again",
                 was->files->path, at_factor_files[piece].name);
    }
done:
    return status;
}

attrib_status at_factors_find_finished(const char *folder,
                                       const attrib_factors *made,
                                       unsigned pieces,
                                       bool *is_there,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *was = NULL;
    at_buffer list = {0};
    *is_there = false;
    if (!at_factors_are_finished(folder)) {
        goto done;
    }
    AT_TRY(at_factors_open(folder, NULL, pieces, &was, err));
    AT_TRY(at_factors_check_same(was, made, folder, err));
    AT_TRY(check_files(was, pieces, err));
    if (!at_files_have(was->files, pieces)) {
        AT_TRY(at_buffer_print(&list, err, "--stage"));
    } else if (strcmp(was->identity, made->identity) != 0) {
        AT_TRY(at_buffer_print(&list, err, "%s",
                               made->info.strategy == ATTRIB_OPTIMIZER
                                   ? "--optimizer"
                                   : "--basis or --stage"));
    }
    AT_TRY(list.n_bytes ? fail_other(folder, &list, err)
                        : at_factors_check_seals(was, pieces, err));
    *is_there = true;
done:
    attrib_factors_close(was);
    at_buffer_free(&list);
    return status;
}
