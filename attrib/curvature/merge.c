/* SPDX-License-Identifier: MIT */
/* Merging: sums of factors of disjoint documents added, in the order of merge_order.h.
 *
 * 1. Whether folders go together.
 * 2. Covariances.
 * 3. Lambda.
 * 4. The result. */
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "curvature/fit.h"
#include "curvature/folder.h"
#include "base/memory_limit.h"
#include "curvature/merge_order.h"
#include "curvature/store.h"

typedef struct merging {
    attrib_session *session;
    attrib_merge_options options;
    at_folder **folders; /* [n] in the order in which they are added */
    size_t n;
    bool *ends_group;        /* [n] */
    bool is_nested;          /* some group of several follows another */
    attrib_factors *factors; /* what the result will hold, without any array */
    at_memory_limit limit;
    at_store *store;
    at_stage stage;
} merging;

#define ALL_PIECES (AT_PIECES_COVARIANCE | AT_PIECES_BASIS | AT_PIECES_LAMBDA)

/* 1. Whether folders go together */

/* Two folders of the same model, labels, blocks and maps. */
static attrib_status check_pair(const at_folder *first,
                                const at_folder *other,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *a = first->factors;
    const attrib_factors *b = other->factors;
    AT_CHECK(strcmp(a->model_hash, b->model_hash) == 0, ATTRIB_EINVAL,
             "%s: factors of another model (%.8s...) than %s (%.8s...)", other->path,
             b->model_hash, first->path, a->model_hash);
    AT_CHECK(a->info.fisher == b->info.fisher, ATTRIB_EINVAL,
             "%s: of other labels than %s: drawn ones, and the data's", other->path,
             first->path);
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

static bool all_have(const merging *self, unsigned pieces)
{
    for (size_t i = 0; i < self->n; i++) {
        if (!at_folder_has(self->folders[i], pieces)) {
            return false;
        }
    }
    return true;
}

/* Lambda stands in the same place everywhere: single weights, or one basis to the bit. */
static attrib_status check_basis(const merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *first = self->folders[0]->factors;
    for (size_t i = 1; i < self->n; i++) {
        const attrib_factors *other = self->folders[i]->factors;
        AT_CHECK(first->info.strategy == other->info.strategy, ATTRIB_EINVAL,
                 "%s: strategy %s, %s has %s", self->folders[i]->path,
                 attrib_strategy_name(other->info.strategy), self->folders[0]->path,
                 attrib_strategy_name(first->info.strategy));
        AT_CHECK(strcmp(first->basis_hash, other->basis_hash) == 0, ATTRIB_EINVAL,
                 "%s: Lambda in another eigenbasis than %s: merge --stage covariance, "
                 "then fit each part with --stage lambda --basis of that",
                 self->folders[i]->path, self->folders[0]->path);
    }
done:
    return status;
}

/* What is merged, where the caller leaves it open. */
static attrib_status choose_stages(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (self->options.stages == ATTRIB_FIT_ALL) {
        self->options.stages =
            all_have(self, AT_PIECES_LAMBDA) ? ATTRIB_FIT_LAMBDA : ATTRIB_FIT_COVARIANCE;
    }
    for (size_t i = 0; i < self->n; i++) {
        AT_TRY(at_folder_need(self->folders[i],
                              self->options.stages == ATTRIB_FIT_LAMBDA
                                  ? AT_PIECES_LAMBDA
                                  : AT_PIECES_COVARIANCE,
                              err));
    }
    if (self->options.stages == ATTRIB_FIT_LAMBDA) {
        AT_TRY(check_basis(self, err));
    }
done:
    return status;
}

static attrib_status open_folders(merging *self,
                                  const char *const *folders,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(self->n, sizeof(at_folder *), &self->folders, err));
    for (size_t i = 0; i < self->n; i++) {
        at_folder *folder = NULL;
        AT_TRY(at_folder_open(folders[i], NULL, ALL_PIECES, &self->folders[i], err));
        folder = self->folders[i];
        AT_CHECK(folder->has_manifest, ATTRIB_EINVAL,
                 "%s: without a manifest nobody knows what it was fitted on", folders[i]);
        AT_TRY(check_pair(self->folders[0], folder, err));
    }
    AT_TRY(choose_stages(self, err));
    AT_TRY(at_array(self->n, sizeof *self->ends_group, &self->ends_group, err));
    AT_TRY(at_merge_sort(self->folders, self->n,
                         self->options.stages == ATTRIB_FIT_LAMBDA, self->ends_group,
                         err));
    for (size_t i = 1, n_groups = 0; i < self->n; i++) {
        n_groups += self->ends_group[i - 1];
        self->is_nested |= n_groups > 0 && !self->ends_group[i - 1];
    }
done:
    return status;
}

/* A sum over all folders: each group by itself where that makes a difference. */
static attrib_status open_sum(const merging *self,
                              size_t n,
                              at_running *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    out->n = n;
    AT_TRY(at_array(n, sizeof *out->total, &out->total, err));
    if (self->is_nested) {
        AT_TRY(at_array(n, sizeof *out->part, &out->part, err));
    }
done:
    return status;
}

/* 2. Covariances */

static attrib_status sum_side(
    const merging *self, size_t i, at_side side, double **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &self->factors->factors[i];
    at_running sum = {0};
    size_t n = 0;
    AT_TRY(at_triangle_size(side == AT_SIDE_A ? factor->in_dim : factor->out_dim,
                            self->factors->info.n_blocks, &n, err));
    AT_TRY(open_sum(self, n, &sum, err));
    for (size_t k = 0; k < self->n; k++) {
        AT_TRY(at_folder_add_covariance(self->folders[k], i, side, at_running_sum(&sum),
                                        err));
        if (self->ends_group[k]) {
            at_running_merge(&sum);
        }
    }
    *out = sum.total;
    sum.total = NULL;
done:
    free(sum.total);
    free(sum.part);
    return status;
}

static attrib_status merge_covariance(merging *self, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor sums = {0};
    AT_TRY(sum_side(self, i, AT_SIDE_A, &sums.covariance_a, err));
    AT_TRY(sum_side(self, i, AT_SIDE_S, &sums.covariance_s, err));
    AT_TRY(at_store_put_covariances(self->store, i, &sums, err));
    AT_TRY(at_store_mark(self->store, AT_FIT_COVARIANCE, i + 1, err));
done:
    free(sums.covariance_a);
    free(sums.covariance_s);
    return status;
}

static attrib_status decompose(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_covariance_io files = at_store_matrices(self->store);
    AT_TRY(at_decompose_within(self->session, self->factors, &files, &self->limit, err));
    AT_TRY(at_store_mark(self->store, AT_FIT_BASIS, self->factors->info.n_modules, err));
done:
    return status;
}

/* 3. Lambda */

static attrib_status merge_lambda(merging *self, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &self->factors->factors[i];
    at_running sum = {0};
    double *one = NULL;
    size_t n = 0;
    AT_TRY(at_mul(factor->out_dim, factor->in_dim, &n, err));
    AT_TRY(open_sum(self, n, &sum, err));
    AT_TRY(at_array(n, sizeof *one, &one, err));
    for (size_t k = 0; k < self->n; k++) {
        AT_TRY(at_folder_lambda(self->folders[k], i, one, err));
        double *running = at_running_sum(&sum);
        for (size_t j = 0; j < n; j++) {
            running[j] += one[j];
        }
        if (self->ends_group[k]) {
            at_running_merge(&sum);
        }
    }
    AT_TRY(at_store_put_lambda(self->store, i, sum.total, err));
    AT_TRY(at_store_mark(self->store, AT_FIT_LAMBDA, i + 1, err));
done:
    free(sum.total);
    free(sum.part);
    free(one);
    return status;
}

static attrib_status run(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_lambda = self->options.stages == ATTRIB_FIT_LAMBDA;
    at_fit_stage stage = is_lambda ? AT_FIT_LAMBDA : AT_FIT_COVARIANCE;
    size_t n = self->factors->info.n_modules;
    bool has_basis = self->factors->info.strategy != ATTRIB_DIAGONAL;
    at_stage_begin(&self->stage, self->session, "merge", "maps", n);
    for (size_t i = at_store_n_done(self->store, stage); i < n; i++) {
        AT_TRY(at_poll_cancel(self->session, err));
        AT_TRY(is_lambda ? merge_lambda(self, i, err) : merge_covariance(self, i, err));
        for (size_t k = 0; k < self->n; k++) {
            at_folder_forget(self->folders[k]);
        }
        at_stage_report(&self->stage, i + 1);
    }
    at_stage_end(&self->stage, n);
    if (has_basis && at_store_n_done(self->store, AT_FIT_BASIS) < n) {
        AT_TRY(is_lambda ? at_store_copy_basis(self->store, self->folders[0], err)
                         : decompose(self, err));
    }
done:
    return status;
}

/* 4. The result */

/* Maps, blocks and selection of the first folder, without any array. */
static attrib_status copy_maps(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *from = self->folders[0]->factors;
    size_t n = from->info.n_modules;
    attrib_factors *factors = NULL;
    AT_TRY(at_factors_new(NULL, NULL, 0, from->info.modules, &self->factors, err));
    factors = self->factors;
    free(factors->factors);
    factors->factors = NULL;
    AT_TRY(at_array(n, sizeof *factors->factors, &factors->factors, err));
    factors->info.n_modules = n;
    for (size_t i = 0; i < n; i++) {
        const at_factor *one = &from->factors[i];
        at_factor *factor = &factors->factors[i];
        AT_TRY(at_copy_text(one->name, strlen(one->name), &factor->name, err));
        factor->module = one->module;
        factor->in_dim = one->in_dim;
        factor->out_dim = one->out_dim;
        factor->basis_a.dim = one->in_dim;
        factor->basis_s.dim = one->out_dim;
    }
    AT_TRY(at_factors_set_blocks(factors, from->info.n_blocks, err));
done:
    return status;
}

/* Counts and origins of all; ERANGE where counts overflow. */
static attrib_status add_counts(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = self->factors;
    bool is_lambda = self->options.stages == ATTRIB_FIT_LAMBDA;
    size_t *count = is_lambda ? &factors->info.n_sequences : &factors->info.n_tokens;
    at_origins *origins = is_lambda ? &factors->of_lambda : &factors->of_covariances;
    for (size_t k = 0; k < self->n; k++) {
        const attrib_factors_info *one = &self->folders[k]->factors->info;
        AT_TRY(at_add(*count, is_lambda ? one->n_sequences : one->n_tokens, count, err));
    }
    AT_TRY(
        at_merge_join(self->folders, self->n, is_lambda, self->ends_group, origins, err));
    if (!self->options.is_partial) {
        AT_TRY(at_merge_check_whole(origins, err));
    }
    if (is_lambda) {
        const attrib_factors *first = self->folders[0]->factors;
        factors->info.n_tokens = first->info.n_tokens;
        AT_TRY(at_origins_add(&factors->of_covariances, &first->of_covariances,
                              self->folders[0]->path, err));
    }
done:
    return status;
}

/* One name for all the documents: that of the corpus where there is one. */
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

/* The name of the fit that has these bytes: of covariances and their eigenvectors, of
 * Lambda in a basis that was given, or of the diagonal strategy. */
static attrib_status name(attrib_factors *factors,
                          attrib_fit_stages stages,
                          const char *basis_hash,
                          attrib_error *err)
{
    bool is_lambda = stages == ATTRIB_FIT_LAMBDA;
    bool is_in_basis = is_lambda && factors->info.strategy != ATTRIB_DIAGONAL;
    return at_fit_name(factors, is_in_basis ? ATTRIB_FIT_LAMBDA : ATTRIB_FIT_ALL,
                       is_in_basis ? basis_hash : "", err);
}

static attrib_status describe(merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *first = self->folders[0]->factors;
    attrib_factors *factors = NULL;
    AT_TRY(copy_maps(self, err));
    factors = self->factors;
    factors->info.fisher = first->info.fisher;
    factors->info.seed = first->info.seed;
    factors->info.strategy =
        self->options.stages == ATTRIB_FIT_LAMBDA ? first->info.strategy : ATTRIB_KFAC;
    memcpy(factors->model_hash, first->model_hash, AT_HASH_SIZE);
    AT_TRY(add_counts(self, err));
    AT_TRY(name_corpus(factors, err));
    AT_TRY(name(factors, self->options.stages, first->basis_hash, err));
done:
    return status;
}

/* The pieces that the result will have. */
static unsigned pieces_of(const merging *self)
{
    if (self->options.stages == ATTRIB_FIT_LAMBDA) {
        return at_strategy_pieces(self->factors->info.strategy);
    }
    return AT_PIECES_COVARIANCE | AT_PIECES_BASIS;
}

attrib_status attrib_factors_merge(attrib_session *session,
                                   const char *const *folders,
                                   size_t n,
                                   const attrib_merge_options *options,
                                   const char *folder,
                                   const char *command,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    merging self = {.session = session, .n = n};
    attrib_merge_options_default(&self.options);
    if (options) {
        self.options = *options;
    }
    AT_TRY(at_options_check(attrib_merge_options_table(), &self.options, err));
    AT_CHECK(n > 0, ATTRIB_EINVAL, "no factors to merge");
    AT_TRY(attrib_factors_check_folder(folder, err));
    AT_TRY(open_folders(&self, folders, err));
    AT_TRY(describe(&self, err));
    at_memory_limit_set(&self.limit, (double)self.options.ram_limit, 0);
    AT_TRY(at_store_open(self.factors, folder, pieces_of(&self), &self.store, err));
    AT_TRY(run(&self, err));
    AT_TRY(at_store_commit(self.store, command, err));
done:
    at_store_close(self.store);
    for (size_t i = 0; self.folders && i < n; i++) {
        at_folder_close(self.folders[i]);
    }
    free(self.folders);
    free(self.ends_group);
    attrib_factors_close(self.factors);
    return status;
}
