/* SPDX-License-Identifier: MIT */
/* Fitting into a folder, stage by stage, as many maps at a time as memory allows.
 *
 * 1. How many maps at a time.
 * 2. A group of maps through a pass.
 * 3. The stages.
 * 4. What the fit is of. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "curvature/fit.h"
#include "curvature/folder.h"
#include "base/memory_limit.h"
#include "curvature/store.h"

typedef struct folder_fit {
    attrib_session *session;
    const attrib_model *model;
    attrib_fit_options options;
    size_t *tracked;         /* [factors->info.n_modules] */
    attrib_factors *factors; /* what the folder will hold, without any array */
    at_folder *basis;        /* of options.basis; NULL otherwise */
    at_share share;
    at_fit_size size;
    at_memory_limit limit;
    at_store *store;
} folder_fit;

static const char *const stage_names[AT_N_FIT_STAGES] = {"covariance", "eigenbasis",
                                                         "lambda"};

/* 1. How many maps at a time */

/* Whether the fit has a stage. */
static bool has_stage(const folder_fit *self, at_fit_stage stage)
{
    attrib_fit_stages stages = self->options.stages;
    attrib_strategy strategy = self->factors->info.strategy;
    switch (stage) {
    case AT_FIT_COVARIANCE:
        return stages != ATTRIB_FIT_LAMBDA && strategy != ATTRIB_DIAGONAL;
    case AT_FIT_BASIS:
        return stages == ATTRIB_FIT_ALL && strategy != ATTRIB_DIAGONAL;
    default:
        return stages != ATTRIB_FIT_COVARIANCE && strategy != ATTRIB_KFAC;
    }
}

/* Every stage must fit with one map at a time, and one matrix. */
static attrib_status check_limit(const folder_fit *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double least = 0;
    for (int i = 0; i < AT_N_FIT_STAGES; i++) {
        at_fit_stage stage = (at_fit_stage)i;
        at_fit_size size = self->size;
        double bytes = 0;
        if (!has_stage(self, stage)) {
            continue;
        }
        size.n_workers = stage == AT_FIT_BASIS ? 1 : size.n_workers;
        AT_TRY(
            at_fit_least_memory(self->model, self->factors, &size, stage, &bytes, err));
        least = fmax(least, bytes);
    }
    AT_TRY(at_memory_check(&self->limit, least, "fitting", self->size.n_workers, err));
done:
    return status;
}

/* The most maps from `first` on whose stage fits into the limit. */
static attrib_status choose_group(const folder_fit *self,
                                  at_fit_stage stage,
                                  size_t first,
                                  size_t *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->factors->info.n_modules - first;
    double bytes = 0;
    for (;; n--) {
        AT_TRY(at_fit_memory(self->model, self->factors, &self->size, stage, first, n,
                             &bytes, err));
        if (n == 1 || at_memory_fits(&self->limit, bytes)) {
            break; /* check_limit() has seen that one map fits */
        }
    }
    at_log(self->session, ATTRIB_LOG_DETAIL,
           "%s: maps %zu to %zu of %zu in one pass, %.0f MiB in use at most",
           stage_names[stage], first + 1, first + n, self->factors->info.n_modules,
           at_memory_peak(&self->limit, bytes) / 0x1p20);
    *out = n;
done:
    return status;
}

/* 2. A group of maps through a pass */

static attrib_status load_bases(const folder_fit *self,
                                size_t first,
                                attrib_factors *group,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < group->info.n_modules; i++) {
        at_factor *factor = &group->factors[i];
        AT_TRY(at_basis_new(&factor->basis_a, err));
        AT_TRY(at_basis_new(&factor->basis_s, err));
        AT_TRY(
            at_store_get_basis(self->store, first + i, AT_SIDE_A, &factor->basis_a, err));
        AT_TRY(
            at_store_get_basis(self->store, first + i, AT_SIDE_S, &factor->basis_s, err));
    }
done:
    return status;
}

static attrib_status sum_group(folder_fit *self,
                               at_fit_stage stage,
                               const at_pass *pass,
                               size_t first,
                               attrib_factors *group,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (stage == AT_FIT_COVARIANCE) {
        AT_TRY(at_fit_covariances(pass, &self->share.source, group, err));
        self->factors->info.n_tokens = group->info.n_tokens;
    } else {
        if (self->factors->info.strategy != ATTRIB_DIAGONAL) {
            AT_TRY(load_bases(self, first, group, err));
        }
        AT_TRY(at_fit_lambda(pass, &self->share.source, group, err));
        self->factors->info.n_sequences = group->info.n_sequences;
    }
    for (size_t i = 0; i < group->info.n_modules; i++) {
        const at_factor *factor = &group->factors[i];
        if (stage == AT_FIT_COVARIANCE) {
            AT_TRY(at_store_put_covariances(self->store, first + i, factor, err));
        } else {
            AT_TRY(at_store_put_lambda(self->store, first + i, factor->lambda, err));
        }
    }
done:
    return status;
}

static attrib_status run_group(
    folder_fit *self, at_fit_stage stage, size_t first, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *group = NULL;
    at_pass pass =
        at_fit_pass(self->session, self->model, self->tracked + first, n, &self->options);
    pass.stage = stage_names[stage];
    AT_TRY(at_factors_new(self->model, self->tracked + first, n, "", &group, err));
    AT_TRY(at_factors_set_blocks(group, self->factors->info.n_blocks, err));
    AT_TRY(sum_group(self, stage, &pass, first, group, err));
    AT_TRY(at_store_mark(self->store, stage, first + n, err));
done:
    attrib_factors_close(group);
    return status;
}

/* 3. The stages */

static attrib_status run_pass(folder_fit *self, at_fit_stage stage, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_modules = self->factors->info.n_modules;
    size_t first = at_store_n_done(self->store, stage);
    size_t n = 0;
    for (; first < n_modules; first += n) {
        AT_TRY(choose_group(self, stage, first, &n, err));
        AT_TRY(run_group(self, stage, first, n, err));
    }
done:
    return status;
}

static attrib_status decompose(folder_fit *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_covariance_io files = at_store_matrices(self->store);
    AT_TRY(at_decompose_within(self->session, self->factors, &files, &self->limit, err));
    AT_TRY(at_store_mark(self->store, AT_FIT_BASIS, self->factors->info.n_modules, err));
done:
    return status;
}

static attrib_status run_stages(folder_fit *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = self->factors;
    size_t n = factors->info.n_modules;
    if (has_stage(self, AT_FIT_COVARIANCE)) {
        AT_TRY(run_pass(self, AT_FIT_COVARIANCE, err));
        factors->of_covariances.list[0].count = factors->info.n_tokens;
    }
    if (at_store_n_done(self->store, AT_FIT_BASIS) < n) {
        if (self->options.stages == ATTRIB_FIT_LAMBDA) {
            AT_TRY(at_store_copy_basis(self->store, self->basis, err));
        } else if (has_stage(self, AT_FIT_BASIS)) {
            AT_TRY(decompose(self, err));
        }
    }
    if (has_stage(self, AT_FIT_LAMBDA)) {
        AT_TRY(run_pass(self, AT_FIT_LAMBDA, err));
        factors->of_lambda.list[0].count = factors->info.n_sequences;
    }
done:
    return status;
}

/* 4. What the fit is of */

/* The pieces that the folder will have. */
static unsigned pieces_of(const folder_fit *self)
{
    if (self->options.stages == ATTRIB_FIT_COVARIANCE) {
        return AT_PIECES_COVARIANCE;
    }
    unsigned pieces = at_strategy_pieces(self->factors->info.strategy);
    bool is_whole = self->options.stages == ATTRIB_FIT_ALL &&
                    self->factors->info.strategy != ATTRIB_DIAGONAL;
    return pieces | (is_whole ? AT_PIECES_COVARIANCE : 0);
}

/* Maps, blocks and covariances' origins are those of the basis. */
static attrib_status take_basis(folder_fit *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *from = NULL;
    const char *path = self->options.basis;
    AT_TRY(at_folder_open(path, self->model, AT_PIECES_BASIS, &self->basis, err));
    AT_TRY(at_folder_need(self->basis, AT_PIECES_BASIS, err));
    from = self->basis->factors;
    AT_CHECK(self->basis->has_manifest, ATTRIB_EINVAL,
             "%s: without a manifest nobody knows what it was fitted on", path);
    AT_CHECK(from->info.fisher == self->options.fisher, ATTRIB_EINVAL,
             "%s: of %s labels, this fit is of %s ones", path,
             from->info.fisher == ATTRIB_FISHER_SAMPLED ? "drawn" : "the data's",
             self->options.fisher == ATTRIB_FISHER_SAMPLED ? "drawn" : "the data's");
    AT_TRY(at_array(from->info.n_modules, sizeof *self->tracked, &self->tracked, err));
    for (size_t i = 0; i < from->info.n_modules; i++) {
        self->tracked[i] = from->factors[i].module;
    }
    AT_TRY(at_factors_new(self->model, self->tracked, from->info.n_modules,
                          from->info.modules, &self->factors, err));
    AT_TRY(at_factors_set_blocks(self->factors, from->info.n_blocks, err));
    AT_TRY(
        at_origins_add(&self->factors->of_covariances, &from->of_covariances, path, err));
    self->factors->info.n_tokens = from->info.n_tokens;
done:
    return status;
}

static attrib_status take_selection(folder_fit *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(
        attrib_model_select(self->model, self->options.modules, &self->tracked, &n, err));
    AT_TRY(at_factors_new(self->model, self->tracked, n, self->options.modules,
                          &self->factors, err));
    AT_TRY(at_factors_set_blocks(self->factors, self->options.n_blocks, err));
done:
    return status;
}

static attrib_status prepare(folder_fit *self,
                             const attrib_corpus *corpus,
                             const char *folder,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_fit_options *options = &self->options;
    char basis[AT_HASH_SIZE] = "";
    AT_TRY(at_fit_check(options, err));
    AT_TRY(options->basis ? take_basis(self, err) : take_selection(self, err));
    AT_TRY(at_share_open(corpus, options->i_shard, options->n_shards, &self->share, err));
    AT_TRY(at_fit_begin(self->model, corpus, options, &self->share, self->factors, err));
    if (self->basis) {
        AT_TRY(at_folder_hash_basis(self->basis, basis, err));
    }
    AT_TRY(at_fit_name(self->factors, options->stages, basis, err));
    AT_TRY(at_pass_measure(&self->share.source, AT_BLOCK_ROWS, &self->size.blocks, err));
    self->size.n_workers = at_n_workers(self->session, self->size.blocks.n_blocks);
    at_memory_limit_set(&self->limit, (double)options->ram_limit,
                        at_pass_mapped_bytes(self->model, corpus));
    AT_TRY(check_limit(self, err));
    AT_TRY(at_store_open(self->factors, folder, pieces_of(self), &self->store, err));
done:
    return status;
}

attrib_status attrib_factors_fit_folder(attrib_session *session,
                                        const attrib_model *model,
                                        const attrib_corpus *corpus,
                                        const attrib_fit_options *options,
                                        const char *folder,
                                        const char *command,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    folder_fit self = {.session = session, .model = model};
    attrib_fit_options_default(&self.options);
    if (options) {
        self.options = *options;
    }
    AT_TRY(prepare(&self, corpus, folder, err));
    for (int stage = 0; stage < AT_N_FIT_STAGES; stage++) {
        if (at_store_n_done(self.store, (at_fit_stage)stage) > 0) {
            at_log(session, ATTRIB_LOG_INFO, "%s.partial: %zu of %zu maps have their %s",
                   folder, at_store_n_done(self.store, (at_fit_stage)stage),
                   self.factors->info.n_modules, stage_names[stage]);
        }
    }
    at_fit_log_selection(session, model, self.factors);
    AT_TRY(run_stages(&self, err));
    AT_TRY(at_store_commit(self.store, command, err));
done:
    at_store_close(self.store);
    at_folder_close(self.basis);
    attrib_factors_close(self.factors);
    at_pass_size_free(&self.size.blocks);
    free(self.tracked);
    return status;
}
