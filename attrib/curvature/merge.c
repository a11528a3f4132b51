/* SPDX-License-Identifier: MIT */
/* Merging: the sums of factors of disjoint documents are added, in the order of
 * merge_order.h.
 *
 * 1. Whether factors go together.   2. Sums.   3. What the result is. */
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/sized.h"
#include "curvature/fit.h"
#include "curvature/merge_maps.h"
#include "curvature/merge_order.h"

typedef struct merging {
    attrib_session *session;
    attrib_merge_options options;
    at_summands of;          /* what is added */
    bool is_nested;          /* a group of several members follows another group */
    size_t first, n_maps;    /* maps [first, first + n_maps) of theirs are merged */
    attrib_factors *factors; /* what the result will hold, without any array */
    at_memory_limit limit;
    at_store *store;
    at_stage stage;
} merging;

#define ALL_PIECES (AT_PIECES_COVARIANCE | AT_PIECES_BASIS | AT_PIECES_LAMBDA)

/* 1. Whether factors go together */

/* Both must have the same model, labels, blocks and maps. */
static attrib_status check_pair(const attrib_factors *a,
                                const attrib_factors *b,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_files *first = a->files;
    const at_files *other = b->files;
    AT_CHECK(strcmp(a->model_hash, b->model_hash) == 0, ATTRIB_EINVAL,
             "%s: factors of another model (%.8s...) than %s (%.8s...)", other->path,
             b->model_hash, first->path, a->model_hash);
    AT_CHECK(a->info.fisher == b->info.fisher, ATTRIB_EINVAL,
             "%s: other labels than %s: one has drawn labels, one the data's",
             other->path, first->path);
    AT_CHECK(a->info.precision == b->info.precision, ATTRIB_EINVAL,
             "%s: fitted with products in %s, %s in %s", other->path,
             attrib_precision_name(b->info.precision), first->path,
             attrib_precision_name(a->info.precision));
    AT_CHECK(a->info.n_blocks == b->info.n_blocks, ATTRIB_EINVAL,
             "%s: covariances in %zu blocks, %s has %zu", other->path, b->info.n_blocks,
             first->path, a->info.n_blocks);
    AT_CHECK(a->info.n_modules == b->info.n_modules, ATTRIB_EINVAL,
             "%s: %zu maps, %s has %zu", other->path, b->info.n_modules, first->path,
             a->info.n_modules);
    for (size_t i = 0; i < a->info.n_modules; i++) {
        const at_factor *x = &a->factors[i];
        const at_factor *y = &b->factors[i];
        AT_CHECK(strcmp(x->name, y->name) == 0 && x->in_dim == y->in_dim &&
                     x->out_dim == y->out_dim,
                 ATTRIB_EINVAL, "%s: %s [%zu, %zu], %s has %s [%zu, %zu]", other->path,
                 y->name, y->out_dim, y->in_dim, first->path, x->name, x->out_dim,
                 x->in_dim);
    }
done:
    return status;
}

/* The precision of the result's eigenvectors. Lambda is merged in those that there are.
 */
static attrib_status choose_eigen_precision(const merging *self,
                                            attrib_eigen_precision *out,
                                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *first = self->of.list[0];
    bool is_fitted = self->options.eigen_precision == ATTRIB_EIGEN_FITTED;
    AT_CHECK(is_fitted || self->of.stage == AT_FIT_COVARIANCE, ATTRIB_EINVAL,
             "eigenvectors in %s are for merges of covariances: Lambda is added in those "
             "that it stands in",
             attrib_eigen_precision_name(self->options.eigen_precision));
    for (size_t i = 0; is_fitted && i < self->of.n; i++) {
        const attrib_factors *other = self->of.list[i];
        AT_CHECK(
            other->info.eigen_precision == first->info.eigen_precision, ATTRIB_EINVAL,
            "%s: fitted for eigenvectors in %s, %s in %s: say which by "
            "--eigen-precision",
            other->files->path, attrib_eigen_precision_name(other->info.eigen_precision),
            first->files->path, attrib_eigen_precision_name(first->info.eigen_precision));
    }
    *out = is_fitted ? first->info.eigen_precision : self->options.eigen_precision;
done:
    return status;
}

static bool all_have(const merging *self, unsigned pieces)
{
    for (size_t i = 0; i < self->of.n; i++) {
        if (!at_files_have(self->of.list[i]->files, pieces)) {
            return false;
        }
    }
    return true;
}

/* Lambda must be of single weights everywhere, or in one basis to the bit. */
static attrib_status check_basis(const attrib_factors *first,
                                 const attrib_factors *other,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(first->info.strategy == other->info.strategy, ATTRIB_EINVAL,
             "%s: strategy %s, %s has %s", other->files->path,
             attrib_strategy_name(other->info.strategy), first->files->path,
             attrib_strategy_name(first->info.strategy));
    AT_CHECK(strcmp(first->basis_hash, other->basis_hash) == 0, ATTRIB_EINVAL,
             "%s: Lambda in another eigenbasis than %s: merge --stage covariance, "
             "then fit each part with --stage lambda --basis of that",
             other->files->path, first->files->path);
done:
    return status;
}

/* Whether Lambda is merged, rather than covariances, where the caller leaves it open. */
static bool is_of_lambda(const merging *self)
{
    return self->options.stages == ATTRIB_FIT_LAMBDA ||
           (self->options.stages == ATTRIB_FIT_ALL && all_have(self, AT_PIECES_LAMBDA));
}

static attrib_status choose_stages(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_summands *of = &self->of;
    bool is_lambda = is_of_lambda(self);
    of->stage = is_lambda ? AT_FIT_LAMBDA : AT_FIT_COVARIANCE;
    for (size_t i = 0; i < of->n; i++) {
        AT_TRY(at_files_need(of->list[i]->files, at_stage_pieces[of->stage], err));
        AT_TRY(at_factors_check_seals(of->list[i], at_stage_pieces[of->stage], err));
        if (is_lambda) {
            AT_TRY(check_basis(of->list[0], of->list[i], err));
        }
    }
    if (is_lambda) { /* the basis that all share is taken from the first */
        AT_TRY(at_factors_check_seals(of->list[0], AT_PIECES_BASIS, err));
    }
done:
    return status;
}

/* The maps that are merged: a run of them where several machines share them. */
static attrib_status choose_maps(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_merge_options *options = &self->options;
    size_t n = self->of.list[0]->info.n_modules;
    AT_CHECK(options->n_shards <= n, ATTRIB_EINVAL, "%zu shards of %zu maps",
             options->n_shards, n);
    AT_CHECK(options->n_shards == 1 || self->of.stage == AT_FIT_COVARIANCE, ATTRIB_EINVAL,
             "shards of a merge are for covariances, whose eigenvectors take time");
    self->first = at_block_start(n, options->n_shards, options->i_shard);
    self->n_maps =
        at_block_start(n, options->n_shards, options->i_shard + 1) - self->first;
done:
    return status;
}

/* Say where processors multiplied with other kernels. */
static void compare_kernels(const merging *self, size_t i)
{
    const attrib_factors *first = self->of.list[0];
    const attrib_factors *other = self->of.list[i];
    if (first->kernels && other->kernels && strcmp(first->kernels, other->kernels) != 0) {
        at_log(self->session, ATTRIB_LOG_WARNING,
               "%s: multiplied by %s, %s by %s: the last bits of their sums differ",
               other->files->path, other->kernels, first->files->path, first->kernels);
    }
}

static attrib_status open_all(merging *self,
                              const char *const *folders,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_summands *of = &self->of;
    AT_TRY(at_array(of->n, sizeof *of->list, &of->list, err));
    for (size_t i = 0; i < of->n; i++) {
        AT_TRY(at_factors_open(folders[i], NULL, ALL_PIECES, &of->list[i], err));
        AT_CHECK(of->list[i]->files->has_manifest, ATTRIB_EINVAL,
                 "%s: without a manifest nobody knows what it was fitted on", folders[i]);
        AT_CHECK(of->list[i]->info.strategy != ATTRIB_OPTIMIZER, ATTRIB_EINVAL,
                 "%s: second moments of an optimizer, which are no sums over documents "
                 "that others could be added to",
                 folders[i]);
        compare_kernels(self, i);
    }
done:
    return status;
}

/* Find out what is added, and in which order. */
static attrib_status choose(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_summands *of = &self->of;
    for (size_t i = 0; i < of->n; i++) {
        AT_CHECK(!of->list[i]->n_runs, ATTRIB_EINVAL,
                 "%s: run %zu of %zu of the maps: merge these runs first",
                 of->list[i]->files->path, of->list[i]->i_run + 1, of->list[i]->n_runs);
        AT_TRY(check_pair(of->list[0], of->list[i], err));
    }
    AT_TRY(choose_stages(self, err));
    AT_TRY(choose_maps(self, err));
    AT_TRY(at_merge_sort(of, err));
    for (size_t i = 1, n_groups = 0; i < of->n; i++) {
        n_groups += of->ends_group[i - 1];
        self->is_nested |= n_groups > 0 && !of->ends_group[i - 1];
    }
done:
    return status;
}

/* 2. Sums */

/* Add the sums of map i of one of the factors. */
static attrib_status add_sums(const attrib_factors *from,
                              size_t i,
                              at_fit_stage stage,
                              const at_running *sums,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &from->factors[i];
    double *first = at_running_sum(&sums[0]);
    double *second = at_running_sum(&sums[1]);
    if (stage == AT_FIT_LAMBDA) {
        AT_TRY(at_files_add_lambda(from->files, factor, first, err));
    } else {
        AT_TRY(at_files_add_covariance(from->files, factor, AT_SIDE_A, first, err));
        AT_TRY(at_files_add_covariance(from->files, factor, AT_SIDE_S, second, err));
    }
done:
    at_files_forget(from->files);
    return status;
}

/* A group is summed as a part where that makes a difference: by itself, before it is
 * added to the groups before it. */
static attrib_status merge_map(merging *self, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_fit_stage stage = self->of.stage;
    at_fit_maps maps = at_fit_maps_of(self->factors, i, 1);
    at_factor *sums = &maps.factors[0];
    AT_TRY(at_fit_maps_open(&maps, stage, self->is_nested ? 2 : 1, err));
    for (size_t k = 0; k < self->of.n; k++) {
        AT_TRY(add_sums(self->of.list[k], self->first + i, stage, maps.sums, err));
        AT_TRY(at_files_check(self->of.list[k]->files, err));
        if (self->of.ends_group[k]) {
            AT_TRY(at_fit_merge(&maps, 0, err));
        }
    }
    AT_TRY(at_store_put(self->store, i, at_stage_pieces[stage], sums, err));
    AT_TRY(at_store_mark(self->store, stage, i + 1, err));
done:
    at_fit_maps_close(&maps);
    at_factor_clear(sums);
    return status;
}

static attrib_status run(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->factors->info.n_modules;
    at_stage_begin(&self->stage, self->session, "merge", "maps", n);
    for (size_t i = at_store_n_done(self->store, self->of.stage); i < n; i++) {
        AT_TRY(at_poll_cancel(self->session, err));
        AT_TRY(merge_map(self, i, err));
        at_stage_report(&self->stage, i + 1);
    }
    at_stage_end(&self->stage, n, 0);
    if (self->factors->info.strategy == ATTRIB_DIAGONAL ||
        at_store_n_done(self->store, AT_FIT_BASIS) == n) {
        goto done;
    }
    if (self->of.stage == AT_FIT_LAMBDA) {
        AT_TRY(at_store_put_all(self->store, AT_PIECES_BASIS, self->of.list[0], err));
        AT_TRY(at_files_check(self->of.list[0]->files, err));
        AT_TRY(at_store_mark(self->store, AT_FIT_BASIS, n, err));
    } else {
        AT_TRY(at_fit_decompose(self->session, self->factors, self->store, &self->limit,
                                err));
    }
done:
    return status;
}

/* 3. What the result is */

/* Maps, blocks and selection of the first factors, without any array. */
static attrib_status copy_maps(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *from = self->of.list[0];
    AT_TRY(at_factors_make(from->info.modules, &self->factors, err));
    AT_TRY(at_factors_reserve(self->factors, self->n_maps, err));
    for (size_t i = 0; i < self->n_maps; i++) {
        const at_factor *one = &from->factors[self->first + i];
        at_factor *factor = &self->factors->factors[i];
        AT_TRY(at_factor_set(factor, one->name, one->in_dim, one->out_dim, err));
        factor->module = one->module;
    }
    AT_TRY(at_factors_set_blocks(self->factors, from->info.n_blocks, err));
    if (self->options.n_shards > 1) {
        self->factors->i_run = self->options.i_shard;
        self->factors->n_runs = self->options.n_shards;
    }
done:
    return status;
}

/* Counts and origins of all; ERANGE where counts overflow. */
static attrib_status add_counts(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = self->factors;
    const attrib_factors *first = self->of.list[0];
    bool is_lambda = self->of.stage == AT_FIT_LAMBDA;
    size_t *count = is_lambda ? &factors->info.n_sequences : &factors->info.n_tokens;
    at_origins *origins = is_lambda ? &factors->of_lambda : &factors->of_covariances;
    for (size_t k = 0; k < self->of.n; k++) {
        const attrib_factors_info *one = &self->of.list[k]->info;
        AT_TRY(at_add(*count, is_lambda ? one->n_sequences : one->n_tokens, count, err));
    }
    AT_TRY(at_merge_join(&self->of, origins, err));
    if (!self->options.is_partial) {
        AT_TRY(at_merge_check_whole(origins, err));
    }
    if (is_lambda) {
        factors->info.n_tokens = first->info.n_tokens;
        AT_TRY(at_origins_add(&factors->of_covariances, &first->of_covariances,
                              first->files->path, err));
    }
done:
    return status;
}

/* One hash for all documents: that of the corpus where there is one only. */
static attrib_status name_corpus(attrib_factors *factors, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    const at_origins *origins =
        factors->of_lambda.n ? &factors->of_lambda : &factors->of_covariances;
    bool is_one = true;
    for (size_t i = 0; i < origins->n; i++) {
        const char *hash = origins->list[i].corpus_hash;
        is_one = is_one && strcmp(hash, origins->list[0].corpus_hash) == 0;
        AT_TRY(at_buffer_print(&text, err, "%s ", hash));
    }
    if (is_one && origins->n) {
        memcpy(factors->corpus_hash, origins->list[0].corpus_hash, AT_HASH_SIZE);
    } else {
        at_hash_bytes(text.bytes, text.n_bytes, factors->corpus_hash);
    }
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status describe(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *first = self->of.list[0];
    attrib_factors *factors = NULL;
    bool is_lambda = self->of.stage == AT_FIT_LAMBDA;
    bool is_in_basis = is_lambda && first->info.strategy != ATTRIB_DIAGONAL;
    AT_TRY(copy_maps(self, err));
    factors = self->factors;
    factors->info.fisher = first->info.fisher;
    factors->info.seed = first->info.seed;
    factors->info.precision = first->info.precision;
    AT_TRY(choose_eigen_precision(self, &factors->info.eigen_precision, err));
    factors->info.strategy = is_lambda ? first->info.strategy : ATTRIB_KFAC;
    memcpy(factors->model_hash, first->model_hash, AT_HASH_SIZE);
    AT_TRY(add_counts(self, err));
    AT_TRY(name_corpus(factors, err));
    if (first->corpus_selection &&
        strcmp(factors->corpus_hash, first->corpus_hash) == 0) {
        AT_TRY(at_copy_text(first->corpus_selection, strlen(first->corpus_selection),
                            &factors->corpus_selection, err));
    }
    /* The name of the fit that has the same bytes: of Lambda in a given basis, of
     * covariances and their eigenvectors, or of the diagonal strategy. */
    AT_TRY(at_fit_name(factors, is_in_basis ? ATTRIB_FIT_LAMBDA : ATTRIB_FIT_ALL,
                       is_in_basis ? first->basis_hash : "", err));
done:
    return status;
}

/* Add sums, and decompose them. */
static attrib_status merge_sums(merging *self, const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unsigned pieces = AT_PIECES_COVARIANCE | AT_PIECES_BASIS;
    AT_TRY(choose(self, err));
    AT_TRY(describe(self, err));
    if (self->of.stage == AT_FIT_LAMBDA) {
        pieces = at_strategy_pieces(self->factors->info.strategy);
    }
    AT_TRY(at_store_open(self->factors, folder, pieces, NULL, &self->store, err));
    if (!self->store) {
        at_log_finished(self->session, folder);
        goto done;
    }
    AT_TRY(at_session_fill(self->session, at_store_partial(self->store),
                           self->options.command, err));
    AT_TRY(run(self, err));
    AT_TRY(at_store_list_skipped(self->store, self->of.list, self->of.n, err));
    at_session_filled(self->session, ATTRIB_OK, NULL); /* as the folder is renamed */
    AT_TRY(at_store_commit(self->store, self->options.command, err));
done:
    return status;
}

/* Take the options, and open all factors. */
static attrib_status begin(merging *self,
                           const char *const *folders,
                           const attrib_merge_options *options,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_merge_options_default(&self->options);
    AT_TRY(at_sized_take(options, "merge_options", &self->options, err));
    AT_TRY(at_options_check(attrib_merge_options_table(), &self->options, err));
    AT_CHECK(self->of.n > 0, ATTRIB_EINVAL, "no factors to merge");
    AT_TRY(open_all(self, folders, err));
done:
    return status;
}

static void end(merging *self)
{
    at_store_close(self->store);
    for (size_t i = 0; self->of.list && i < self->of.n; i++) {
        attrib_factors_close(self->of.list[i]);
    }
    free(self->of.list);
    free(self->of.ends_group);
    attrib_factors_close(self->factors);
}

attrib_status attrib_factors_merge_maps(const char *const *folders,
                                        size_t n,
                                        const attrib_merge_options *options,
                                        size_t *out,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    merging self = {.of = {.n = n}};
    AT_TRY(begin(&self, folders, options, err));
    *out = self.of.list[0]->n_runs || is_of_lambda(&self)
               ? 0
               : self.of.list[0]->info.n_modules;
done:
    end(&self);
    return status;
}

attrib_status attrib_factors_merge(attrib_session *session,
                                   const char *const *folders,
                                   size_t n,
                                   const attrib_merge_options *options,
                                   const char *folder,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    merging self = {.session = session, .of = {.n = n}};
    AT_TRY(attrib_factors_check_folder(folder, err));
    AT_TRY(begin(&self, folders, options, err));
    at_memory_limit_set(&self.limit, (double)self.options.ram_limit, 0);
    AT_TRY(self.of.list[0]->n_runs
               ? at_merge_maps(session, self.of.list, n, &self.options, folder, err)
               : merge_sums(&self, folder, err));
done:
    at_session_filled(session, status, err);
    end(&self);
    return status;
}
