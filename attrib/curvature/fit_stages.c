/* SPDX-License-Identifier: MIT */
/* Fitting, stage by stage: in memory, or into a folder with as many maps at a time as
 * memory allows.
 *
 * 1. How many maps at a time.   2. A group of maps through a pass.   3. The stages.
 * 4. What is fitted.
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, section 2.2 (the stages of EK-FAC). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "base/thread.h"
#include "corpus/marks.h"
#include "curvature/finished.h"
#include "curvature/fit.h"

typedef struct fitting {
    attrib_session *session;
    const attrib_model *model;
    attrib_fit_options options;
    size_t *tracked;         /* [factors->info.n_modules] */
    attrib_factors *factors; /* what is fitted; without arrays for a folder */
    attrib_factors *basis;   /* options.basis opened; NULL without */
    at_share share;
    at_fit_size size; /* its stage is set where it is used */
    at_memory_limit limit;
    at_store *store; /* NULL: in memory */
} fitting;

static at_fit_size size_of(const fitting *self, at_fit_stage stage)
{
    at_fit_size size = self->size;
    size.stage = stage;
    return size;
}

/* 1. How many maps at a time */

/* Whether the fit has a stage. */
static bool has_stage(const fitting *self, at_fit_stage stage)
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
static attrib_status least_bytes(const fitting *self, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    for (int i = 0; i < AT_N_FIT_STAGES; i++) {
        at_fit_size size = size_of(self, (at_fit_stage)i);
        double bytes = 0;
        if (!has_stage(self, size.stage)) {
            continue;
        }
        size.n_workers = size.stage == AT_FIT_BASIS ? 1 : size.n_workers;
        AT_TRY(at_fit_least_memory(&size, &bytes, err));
        *out = fmax(*out, bytes);
    }
done:
    return status;
}

/* The maps from group->first on that go through a pass together: all, in memory. */
static attrib_status choose_group(const fitting *self,
                                  at_fit_stage stage,
                                  at_fit_group *group,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_fit_size size = size_of(self, stage);
    size_t n_modules = self->factors->info.n_modules;
    group->n = n_modules - group->first;
    if (!self->store) {
        goto done;
    }
    /* open_store() has seen that one map fits. */
    AT_TRY(at_fit_choose_group(&size, self->limit.bytes - self->limit.base, group, err));
    at_log(self->session, ATTRIB_LOG_DETAIL,
           "%s: maps %zu to %zu of %zu in one pass, %.0f MiB in use at most",
           at_fit_stage_names[stage], group->first + 1, group->first + group->n,
           n_modules, at_memory_peak(&self->limit, group->bytes) / 0x1p20);
done:
    return status;
}

/* 2. A group of maps through a pass */

static attrib_status load_bases(const fitting *self,
                                size_t first,
                                attrib_factors *group,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t k = 0; k < 2 * group->info.n_modules; k++) {
        at_side side = k % 2 ? AT_SIDE_S : AT_SIDE_A;
        at_basis *basis = at_side_basis(&group->factors[k / 2], side);
        AT_TRY(at_basis_new(basis, err));
        AT_TRY(at_store_get_basis(self->store, first + k / 2, side, basis, err));
    }
done:
    return status;
}

static double share_of_maps(const fitting *self, size_t n)
{
    return (double)n / (double)self->factors->info.n_modules;
}

/* Sum into `factors`: those of the fit, or of a group of its maps. */
static attrib_status sum_maps(const fitting *self,
                              at_fit_stage stage,
                              const at_fit_group *group,
                              attrib_factors *factors,
                              attrib_error *err)
{
    at_pass pass = at_fit_pass(self->session, self->model, self->tracked + group->first,
                               group->n, &self->options);
    pass.units = share_of_maps(self, group->n) * (double)self->share.source.n_sequences;
    at_fit_keeper keeper = {.session = self->session,
                            .model = self->model,
                            .store = self->store,
                            .stage = stage,
                            .first = group->first,
                            .n_blocks = self->size.blocks.n_blocks,
                            .seconds = 60 * self->options.checkpoint};
    pass.rounds_weights = self->size.rounds_weights;
    pass.layers_limit = self->size.layers_limit;
    return at_fit_sums(&pass, &self->share.source, stage, self->store ? &keeper : NULL,
                       factors, err);
}

/* Sum a group of maps by itself, and write its sums into the store. */
static attrib_status run_group(const fitting *self,
                               at_fit_stage stage,
                               const at_fit_group *group,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *maps = NULL;
    AT_TRY(at_factors_new(self->model, self->tracked + group->first, group->n, "", &maps,
                          err));
    AT_TRY(at_factors_set_blocks(maps, self->factors->info.n_blocks, err));
    maps->info.precision = self->factors->info.precision;
    if (stage == AT_FIT_LAMBDA && self->factors->info.strategy != ATTRIB_DIAGONAL) {
        AT_TRY(load_bases(self, group->first, maps, err));
    }
    AT_TRY(sum_maps(self, stage, group, maps, err));
    for (size_t i = 0; i < group->n; i++) {
        AT_TRY(at_store_put(self->store, group->first + i, at_stage_pieces[stage],
                            &maps->factors[i], err));
    }
    if (stage == AT_FIT_COVARIANCE) {
        self->factors->info.n_tokens = maps->info.n_tokens;
    } else {
        self->factors->info.n_sequences = maps->info.n_sequences;
    }
    AT_TRY(at_store_mark(self->store, stage, group->first + group->n, err));
done:
    attrib_factors_close(maps);
    return status;
}

/* 3. The stages */

static size_t n_done(const fitting *self, at_fit_stage stage)
{
    return self->store ? at_store_n_done(self->store, stage) : 0;
}

static attrib_status run_pass(const fitting *self, at_fit_stage stage, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_fit_group group = {.first = n_done(self, stage)};
    for (; group.first < self->factors->info.n_modules; group.first += group.n) {
        AT_TRY(choose_group(self, stage, &group, err));
        AT_TRY(self->store ? run_group(self, stage, &group, err)
                           : sum_maps(self, stage, &group, self->factors, err));
    }
done:
    return status;
}

static attrib_status decompose(const fitting *self, attrib_error *err)
{
    if (!self->store) {
        return at_fit_eigenbases(self->session, self->factors, err);
    }
    return at_fit_decompose(self->session, self->factors, self->store, &self->limit, err);
}

/* Say what the stages consist of, and what of it was done before. */
static void declare_stages(const fitting *self)
{
    const attrib_factors_info *info = &self->factors->info;
    double n_matrices = 2 * (double)info->n_modules * (double)info->n_blocks;
    double n_sequences = (double)self->share.source.n_sequences;
    for (int i = 0; i < AT_N_FIT_STAGES; i++) {
        at_fit_stage stage = (at_fit_stage)i;
        bool is_basis = stage == AT_FIT_BASIS;
        double total = is_basis ? n_matrices : n_sequences;
        if (has_stage(self, stage)) {
            at_stage_declare(self->session, at_fit_stage_names[i],
                             is_basis ? "matrices" : "sequences", total,
                             total * share_of_maps(self, n_done(self, stage)));
        }
    }
}

static attrib_status run_stages(fitting *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = self->factors;
    size_t n = factors->info.n_modules;
    declare_stages(self);
    if (has_stage(self, AT_FIT_COVARIANCE)) {
        AT_TRY(run_pass(self, AT_FIT_COVARIANCE, err));
        factors->of_covariances.list[0].count = factors->info.n_tokens;
    }
    if (n_done(self, AT_FIT_BASIS) < n) {
        if (self->options.stages == ATTRIB_FIT_LAMBDA) {
            AT_TRY(at_store_put_all(self->store, AT_PIECES_BASIS, self->basis, err));
            AT_TRY(at_files_check(self->basis->files, err));
            AT_TRY(at_store_mark(self->store, AT_FIT_BASIS, n, err));
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

/* 4. What is fitted */

/* The pieces that the folder will have. */
static unsigned pieces_of(const fitting *self)
{
    if (self->options.stages == ATTRIB_FIT_COVARIANCE) {
        return AT_PIECES_COVARIANCE;
    }
    unsigned pieces = at_strategy_pieces(self->factors->info.strategy);
    bool is_whole = self->options.stages == ATTRIB_FIT_ALL &&
                    self->factors->info.strategy != ATTRIB_DIAGONAL;
    return pieces | (is_whole ? AT_PIECES_COVARIANCE : 0);
}

/* Take maps, blocks, and the origins of the covariances from the basis. */
static attrib_status take_basis(fitting *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *from = NULL;
    const char *path = self->options.basis;
    AT_TRY(at_factors_open(path, self->model, AT_PIECES_BASIS, &self->basis, err));
    AT_TRY(at_factors_check_seals(self->basis, AT_PIECES_BASIS, err));
    from = self->basis;
    AT_TRY(at_files_need(from->files, AT_PIECES_BASIS, err));
    AT_CHECK(from->files->has_manifest, ATTRIB_EINVAL,
             "%s: without a manifest nobody knows what it was fitted on", path);
    AT_CHECK(from->info.fisher == self->options.fisher, ATTRIB_EINVAL,
             "%s: fitted with %s labels, this fit takes %s labels", path,
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
    self->factors->info.eigen_precision = from->info.eigen_precision;
done:
    return status;
}

static attrib_status take_selection(fitting *self, attrib_error *err)
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

/* Find out all that a fit knows before it begins. */
static attrib_status prepare(fitting *self,
                             const attrib_corpus *corpus,
                             const attrib_fit_options *options,
                             bool is_folder,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char basis[AT_HASH_SIZE] = "";
    attrib_fit_options_default(&self->options);
    AT_TRY(at_sized_take(options, "fit_options", &self->options, err));
    AT_CHECK(is_folder ||
                 (self->options.stages == ATTRIB_FIT_ALL && self->options.ram_limit == 0),
             ATTRIB_EINVAL,
             "single stages and a memory limit are for fits into a folder");
    AT_CHECK(self->session || !self->options.waits, ATTRIB_EINVAL,
             "a fit that waits needs a session, which ends its waiting");
    AT_TRY(at_fit_check(&self->options, err));
    AT_TRY(
        attrib_precision_choose(self->options.precision, &self->options.precision, err));
    self->size.rounds_weights = true; /* unless memory is limited */
    AT_TRY(self->options.basis ? take_basis(self, err) : take_selection(self, err));
    AT_TRY(at_share_open(corpus, &self->options, &self->share, err));
    AT_TRY(at_fit_begin(self->model, corpus, &self->options, &self->share, self->factors,
                        err));
    if (self->basis) {
        AT_TRY(at_files_hash_basis(self->basis->files, self->basis, basis, err));
    }
    AT_TRY(at_fit_name(self->factors, self->options.stages, basis, err));
done:
    return status;
}

/* Set what memory depends on, and find the least that does. */
static attrib_status measure(fitting *self,
                             const attrib_corpus *corpus,
                             double *least,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pass_measure(&self->share.source, AT_BLOCK_ROWS, &self->size.blocks, err));
    self->size.model = self->model;
    self->size.factors = self->factors;
    self->size.n_workers = at_n_workers(self->session, self->size.blocks.n_blocks);
    self->size.n_parts = at_fit_own_parts(&self->options);
    at_memory_limit_set(&self->limit, (double)self->options.ram_limit,
                        at_pass_mapped_bytes(self->model, corpus));
    AT_TRY(at_pass_choose_rounding(self->model, self->options.precision,
                                   self->limit.bytes - self->limit.base,
                                   &self->size.rounds_weights, err));
    AT_TRY(least_bytes(self, least, err));
done:
    return status;
}

static attrib_status open_store(fitting *self,
                                const attrib_corpus *corpus,
                                const char *folder,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double usual = 0;
    double least = 0;
    AT_TRY(measure(self, corpus, &least, err));
    AT_TRY(at_memory_check(&self->limit, least, "fitting", self->size.n_workers, err));
    usual = at_memory_usual() / (double)at_session_n_processes(self->session);
    AT_TRY(at_fit_choose_layers(&self->size,
                                fmin(self->limit.bytes, usual) - self->limit.base, err));
    AT_TRY(at_store_open(self->factors, folder, pieces_of(self),
                         self->options.waits ? self->session : NULL, &self->store, err));
    for (int stage = 0; stage < AT_N_FIT_STAGES; stage++) {
        if (n_done(self, (at_fit_stage)stage) > 0) {
            at_log(self->session, ATTRIB_LOG_INFO, "%s: %zu of %zu maps have their %s",
                   at_store_partial(self->store), n_done(self, (at_fit_stage)stage),
                   self->factors->info.n_modules, at_fit_stage_names[stage]);
        }
    }
done:
    return status;
}

static void close_fit(fitting *self)
{
    at_store_close(self->store);
    attrib_factors_close(self->basis);
    attrib_factors_close(self->factors);
    at_pass_size_free(&self->size.blocks);
    free(self->tracked);
}

attrib_status attrib_factors_fit_folder(attrib_session *session,
                                        const attrib_model *model,
                                        const attrib_corpus *corpus,
                                        const attrib_fit_options *options,
                                        const char *folder,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    fitting self = {.session = session, .model = model};
    AT_TRY(prepare(&self, corpus, options, true, err));
    AT_TRY(open_store(&self, corpus, folder, err));
    if (!self.store) {
        at_log_finished(session, folder);
        goto done;
    }
    AT_TRY(at_session_fill(session, at_store_partial(self.store), self.options.command,
                           err));
    at_fit_log_selection(session, model, self.factors);
    AT_TRY(run_stages(&self, err));
    AT_TRY(at_corpus_check_files(corpus, err));
    AT_TRY(at_corpus_list_skipped(corpus, at_store_partial(self.store), err));
    at_session_filled(session, ATTRIB_OK, NULL); /* as the folder is renamed */
    AT_TRY(at_store_commit(self.store, self.options.command, err));
done:
    at_session_filled(session, status, err);
    close_fit(&self);
    at_memory_trim(); /* of a limit of memory a query's own run has the rest */
    return status;
}

attrib_status at_fit_foresee(attrib_session *session,
                             const attrib_model *model,
                             const attrib_corpus *corpus,
                             const attrib_fit_options *options,
                             at_fit_outlook *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    fitting self = {.session = session, .model = model};
    AT_TRY(prepare(&self, corpus, options, true, err));
    AT_TRY(measure(&self, corpus, &out->bytes, err));
    out->n_workers = self.size.n_workers;
    out->factors = self.factors;
    out->factors->is_outline = true;
    self.factors = NULL;
done:
    close_fit(&self);
    return status;
}

attrib_status attrib_factors_check_finished(attrib_session *session,
                                            const attrib_model *model,
                                            const attrib_corpus *corpus,
                                            const attrib_fit_options *options,
                                            const char *folder,
                                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    fitting self = {.session = session, .model = model};
    attrib_factors *was = NULL;
    unsigned pieces = 0;
    AT_TRY(prepare(&self, corpus, options, true, err));
    pieces = at_strategy_pieces(self.factors->info.strategy);
    AT_TRY(at_factors_open(folder, NULL, pieces, &was, err));
    AT_TRY(at_files_need(was->files, pieces, err));
    AT_TRY(at_factors_check_same(was, self.factors, folder, err));
    at_log_finished(session, folder);
done:
    attrib_factors_close(was);
    close_fit(&self);
    return status;
}

attrib_status attrib_factors_fit(attrib_session *session,
                                 const attrib_model *model,
                                 const attrib_corpus *corpus,
                                 const attrib_fit_options *options,
                                 attrib_factors **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    fitting self = {.session = session, .model = model};
    AT_TRY(prepare(&self, corpus, options, false, err));
    at_fit_log_selection(session, model, self.factors);
    AT_TRY(run_stages(&self, err));
    AT_TRY(at_corpus_check_files(corpus, err));
    *out = self.factors;
    self.factors = NULL;
done:
    close_fit(&self);
    return status;
}
