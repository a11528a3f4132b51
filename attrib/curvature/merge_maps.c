/* SPDX-License-Identifier: MIT */
/* Merging runs of maps: nothing is added, and nothing is decomposed.
 *
 * 1. Whether runs go together.   2. What the result is.   3. Copying. */
#include "curvature/merge_maps.h"

#include <stdlib.h>
#include <string.h>

#include "curvature/fit.h"

#define PIECES (AT_PIECES_COVARIANCE | AT_PIECES_BASIS)

typedef struct joining {
    attrib_session *session;
    attrib_factors **list; /* [n] by run */
    size_t n;
    attrib_factors *factors; /* what the result will hold, without any array */
    at_store *store;
} joining;

/* 1. Whether runs go together */

static int compare_runs(const void *left, const void *right)
{
    const attrib_factors *a = *(attrib_factors *const *)left;
    const attrib_factors *b = *(attrib_factors *const *)right;
    return (a->i_run > b->i_run) - (a->i_run < b->i_run);
}

static bool are_same_origins(const at_origins *a, const at_origins *b)
{
    bool are_same = a->n == b->n;
    for (size_t i = 0; are_same && i < a->n; i++) {
        const at_origin *x = &a->list[i];
        const at_origin *y = &b->list[i];
        are_same = strcmp(x->corpus_hash, y->corpus_hash) == 0 && x->first == y->first &&
                   x->end == y->end && x->first_part == y->first_part &&
                   x->end_part == y->end_part && x->n_parts == y->n_parts &&
                   x->count == y->count && x->seed == y->seed;
    }
    return are_same;
}

static attrib_status check_runs(const joining *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *first = self->list[0];
    for (size_t k = 0; k < self->n; k++) {
        const attrib_factors *one = self->list[k];
        AT_CHECK(one->n_runs == first->n_runs &&
                     strcmp(one->model_hash, first->model_hash) == 0 &&
                     one->info.fisher == first->info.fisher &&
                     one->info.n_blocks == first->info.n_blocks &&
                     one->info.precision == first->info.precision &&
                     one->info.eigen_precision == first->info.eigen_precision &&
                     are_same_origins(&one->of_covariances, &first->of_covariances),
                 ATTRIB_EINVAL, "%s: not of the sums that %s has a run of the maps of",
                 one->files->path, first->files->path);
        AT_CHECK(k == 0 || one->i_run != self->list[k - 1]->i_run, ATTRIB_EINVAL,
                 "%s: run %zu of the maps, as %s", one->files->path, one->i_run + 1,
                 self->list[k - 1]->files->path);
        AT_CHECK(one->i_run == k, ATTRIB_EINVAL, "run %zu of %zu of the maps is missing",
                 k + 1, first->n_runs);
    }
    AT_CHECK(self->n == first->n_runs, ATTRIB_EINVAL,
             "run %zu of %zu of the maps is missing", self->n + 1, first->n_runs);
done:
    return status;
}

/* 2. What the result is */

static attrib_status copy_maps(joining *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *first = self->list[0];
    size_t n_maps = 0;
    for (size_t k = 0; k < self->n; k++) {
        AT_TRY(at_add(n_maps, self->list[k]->info.n_modules, &n_maps, err));
    }
    AT_TRY(at_factors_make(first->info.modules, &self->factors, err));
    AT_TRY(at_factors_reserve(self->factors, n_maps, err));
    for (size_t k = 0, i = 0; k < self->n; k++) {
        for (size_t j = 0; j < self->list[k]->info.n_modules; j++, i++) {
            const at_factor *one = &self->list[k]->factors[j];
            AT_TRY(at_factor_set(&self->factors->factors[i], one->name, one->in_dim,
                                 one->out_dim, err));
            self->factors->factors[i].module = i;
        }
    }
    AT_TRY(at_factors_set_blocks(self->factors, first->info.n_blocks, err));
done:
    return status;
}

static attrib_status describe(joining *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *first = self->list[0];
    attrib_factors *factors = NULL;
    AT_TRY(copy_maps(self, err));
    factors = self->factors;
    factors->info.strategy = first->info.strategy;
    factors->info.fisher = first->info.fisher;
    factors->info.seed = first->info.seed;
    factors->info.precision = first->info.precision;
    factors->info.eigen_precision = first->info.eigen_precision;
    factors->info.n_tokens = first->info.n_tokens;
    memcpy(factors->model_hash, first->model_hash, AT_HASH_SIZE);
    memcpy(factors->corpus_hash, first->corpus_hash, AT_HASH_SIZE);
    AT_TRY(at_origins_add(&factors->of_covariances, &first->of_covariances,
                          first->files->path, err));
    if (first->corpus_selection) {
        AT_TRY(at_copy_text(first->corpus_selection, strlen(first->corpus_selection),
                            &factors->corpus_selection, err));
    }
    AT_TRY(at_fit_name(factors, ATTRIB_FIT_ALL, "", err));
done:
    return status;
}

/* 3. Copying */

/* Map i of the result, which is map j of one run. Its sums are added to zeros, to their
 * own bytes. */
static attrib_status copy_map(const joining *self,
                              size_t i,
                              const attrib_factors *from,
                              size_t j,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor loaded = {0};
    at_fit_maps maps = at_fit_maps_of(self->factors, i, 1);
    at_factor *sums = &maps.factors[0];
    AT_TRY(at_fit_maps_open(&maps, AT_FIT_COVARIANCE, 1, err));
    AT_TRY(at_files_add_covariance(from->files, &from->factors[j], AT_SIDE_A,
                                   sums->covariance_a, err));
    AT_TRY(at_files_add_covariance(from->files, &from->factors[j], AT_SIDE_S,
                                   sums->covariance_s, err));
    AT_TRY(at_store_put(self->store, i, AT_PIECES_COVARIANCE, sums, err));
    AT_TRY(at_factor_load(from, j, AT_PIECES_BASIS, &loaded, err));
    status = at_store_put(self->store, i, AT_PIECES_BASIS, &loaded, err);
    at_factor_unload(from, &loaded);
    AT_TRY(status);
    AT_TRY(at_files_check(from->files, err));
    AT_TRY(at_store_mark(self->store, AT_FIT_COVARIANCE, i + 1, err));
    AT_TRY(at_store_mark(self->store, AT_FIT_BASIS, i + 1, err));
done:
    at_fit_maps_close(&maps);
    at_factor_clear(sums);
    at_files_forget(from->files);
    return status;
}

static attrib_status copy_all(joining *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_stage stage;
    size_t n = self->factors->info.n_modules;
    size_t n_done = at_store_n_done(self->store, AT_FIT_BASIS);
    at_stage_begin(&stage, self->session, "merge", "maps", n);
    for (size_t k = 0, i = 0; k < self->n; k++) {
        for (size_t j = 0; j < self->list[k]->info.n_modules; j++, i++) {
            AT_TRY(at_poll_cancel(self->session, err));
            AT_TRY(i < n_done ? ATTRIB_OK : copy_map(self, i, self->list[k], j, err));
            at_stage_report(&stage, i + 1);
        }
    }
    at_stage_end(&stage, n, 0);
done:
    return status;
}

attrib_status at_merge_maps(attrib_session *session,
                            attrib_factors **list,
                            size_t n,
                            const attrib_merge_options *options,
                            const char *folder,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    joining self = {.session = session, .list = list, .n = n};
    AT_CHECK(options->n_shards == 1, ATTRIB_EINVAL,
             "%s: a run of the maps, which is not divided again", list[0]->files->path);
    AT_CHECK(options->eigen_precision == ATTRIB_EIGEN_FITTED ||
                 options->eigen_precision == list[0]->info.eigen_precision,
             ATTRIB_EINVAL, "%s: a run of the maps, whose eigenvectors are in %s already",
             list[0]->files->path,
             attrib_eigen_precision_name(list[0]->info.eigen_precision));
    qsort(list, n, sizeof *list, compare_runs);
    AT_TRY(check_runs(&self, err));
    for (size_t k = 0; k < n; k++) {
        AT_TRY(at_files_need(list[k]->files, PIECES, err));
        AT_TRY(at_factors_check_seals(list[k], PIECES, err));
    }
    AT_TRY(describe(&self, err));
    AT_TRY(at_store_open(self.factors, folder, PIECES, NULL, &self.store, err));
    if (!self.store) {
        at_log_finished(session, folder);
        goto done;
    }
    AT_TRY(copy_all(&self, err));
    AT_TRY(at_store_list_skipped(self.store, list, n, err));
    AT_TRY(at_store_commit(self.store, options->command, err));
done:
    at_store_close(self.store);
    attrib_factors_close(self.factors);
    return status;
}
