/* SPDX-License-Identifier: MIT */
/* Scores of documents against the prepared queries of a tile.
 *
 *     score(z, q) = sum over maps and sequences of z  < P_q, sum_t ds_t a_t' >
 *
 * map by map (contract.h), added up document by document in block order. Of one whole
 * query that is the derivative of the loss along P: a pass in forward mode has it without
 * a backward pass, and layers need keep nothing for one. */
#include <math.h>
#include <stdlib.h>

#include "linalg/linalg.h"
#include "rank/contract.h"
#include "rank/sizes.h"

typedef struct score_scratch {
    at_arena *arena;
    double *scores; /* [max_sequences, groups, V] of the block under way; zero between
                       blocks */
    double *bounds; /* the same; NULL where queries are whole */
    double *norms;  /* [max_sequences] ||G||_F of a map */
    double *tokens; /* [max_rows, V] shares of rows; zero between blocks; NULL where they
                       are not wanted */
} score_scratch;

typedef struct score_tap {
    const at_ranking *ranking;
    const at_prepared *prepared;
    score_scratch *workers; /* [n_workers] */
    size_t n_workers;
    size_t first, n_documents;
    at_sums out;
    at_self *self; /* NULL: not wanted */
} score_tap;

static attrib_status score_block(void *context,
                                 size_t i_worker,
                                 const at_block *block,
                                 size_t i_tracked,
                                 const float *a,
                                 const float *ds,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const score_tap *tap = context;
    const at_ranking *ranking = tap->ranking;
    score_scratch *scratch = &tap->workers[i_worker];
    const at_prepared_map *map = &tap->prepared->maps[i_tracked];
    size_t n_cases = tap->prepared->n_cases;
    size_t offset = ranking->group[i_tracked] * n_cases;
    size_t n_run_cases = ranking->n_queries * ranking->options.n_settings;
    at_contract_job job = {map,
                           {map->out_dim, map->in_dim, map->rank, n_cases, n_run_cases},
                           tap->prepared->tile,
                           n_cases,
                           n_run_cases,
                           &block->batch,
                           a,
                           ds,
                           scratch->scores + offset,
                           map->error ? scratch->bounds + offset : NULL,
                           ranking->n_groups * n_cases,
                           map->error ? scratch->norms : NULL,
                           scratch->tokens,
                           scratch->arena};
    at_arena_reset(scratch->arena, 0);
    AT_TRY(at_contract(&job, err));
    if (tap->self) {
        AT_TRY(at_self_module(tap->self, i_worker, block, i_tracked, a, ds, err));
    }
done:
    return status;
}

/* The direction of one whole query: d_out += a P' */
static attrib_status follow_query(void *context,
                                  const at_outputs *outputs,
                                  attrib_error *err)
{
    const score_tap *tap = context;
    const at_prepared_map *map = &tap->prepared->maps[outputs->i_tracked];
    size_t i = map->in_dim;
    (void)err;
    at_gemm(AT_PLAIN, AT_TRANSPOSED, outputs->n_rows, outputs->n_outputs, i, 1.0F,
            outputs->a, i, map->p + outputs->first * i, i, 1.0F, outputs->d_out,
            outputs->stride);
    return ATTRIB_OK;
}

static attrib_status commit_self(void *context,
                                 size_t i_worker,
                                 const at_block *block,
                                 size_t i_tracked,
                                 attrib_error *err)
{
    const score_tap *tap = context;
    return at_self_commit(tap->self, i_worker, block, i_tracked, err);
}

/* to += from, and from = 0 */
static void move_sums(double *from, double *to, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        to[k] += from[k];
        from[k] = 0;
    }
}

/* Add a block's scores to their documents, in block order, since a document may span
 * blocks. */
static attrib_status add_block(void *context,
                               size_t i_worker,
                               const at_block *block,
                               const double *losses,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const score_tap *tap = context;
    const score_scratch *scratch = &tap->workers[i_worker];
    size_t n_cases = tap->prepared->n_cases;
    size_t n = tap->ranking->n_groups * n_cases;
    (void)losses;
    for (size_t s = 0; s < block->batch.n_sequences; s++) {
        size_t document = block->batch.sequences[s].document;
        double *from = scratch->scores + s * n;
        if (block->slopes) {
            *from = block->slopes[s];
        }
        for (size_t k = 0; k < n; k++) {
            AT_CHECK(isfinite(from[k]), ATTRIB_ENUMERIC,
                     "document %zu: its score against query %zu is not finite", document,
                     tap->prepared->tile.first + k % n_cases % tap->prepared->tile.n);
        }
        move_sums(from, tap->out.scores + (document - tap->first) * n, n);
        if (tap->out.bounds) {
            move_sums(scratch->bounds + s * n,
                      tap->out.bounds + (document - tap->first) * n, n);
        }
    }
    if (tap->out.tokens) {
        AT_TRY(
            at_move_tokens(block, n_cases, tap->first, scratch->tokens, &tap->out, err));
    }
    if (tap->self) {
        AT_TRY(at_self_finish(tap->self, i_worker, block, err));
    }
done:
    return status;
}

/* The consecutive sequences of documents first .. first + n. */
typedef struct range {
    const attrib_corpus *corpus;
    size_t first_sequence;
} range;

static void get_in_range(const void *context, size_t i, attrib_sequence *out)
{
    const range *in = context;
    attrib_corpus_sequence(in->corpus, in->first_sequence + i, out);
}

static attrib_status prepare_workers(score_tap *tap,
                                     const at_pass_size *size,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t max_sequences = size->max_sequences;
    size_t n_scores = 0;
    size_t n_shares = 0;
    AT_TRY(at_mul(size->max_rows, tap->prepared->n_cases, &n_shares, err));
    AT_TRY(at_mul(tap->ranking->n_groups, tap->prepared->n_cases, &n_scores, err));
    AT_TRY(at_mul(max_sequences, n_scores, &n_scores, err));
    AT_TRY(at_array(tap->n_workers, sizeof *tap->workers, &tap->workers, err));
    for (size_t w = 0; w < tap->n_workers; w++) {
        score_scratch *scratch = &tap->workers[w];
        AT_TRY(at_arena_new(&scratch->arena, err));
        AT_TRY(at_array(n_scores, sizeof(double), &scratch->scores, err));
        AT_TRY(at_array(max_sequences, sizeof(double), &scratch->norms, err));
        if (tap->out.tokens) {
            AT_TRY(at_array(n_shares, sizeof(double), &scratch->tokens, err));
        }
        if (tap->out.bounds) {
            AT_TRY(at_array(n_scores, sizeof(double), &scratch->bounds, err));
        }
    }
done:
    return status;
}

static void release(score_tap *tap)
{
    for (size_t w = 0; tap->workers && w < tap->n_workers; w++) {
        at_arena_free(tap->workers[w].arena);
        free(tap->workers[w].scores);
        free(tap->workers[w].bounds);
        free(tap->workers[w].norms);
        free(tap->workers[w].tokens);
    }
    free(tap->workers);
    at_self_free(tap->self);
}

attrib_status at_score_documents(const at_ranking *ranking,
                                 const at_prepared *prepared,
                                 size_t first,
                                 size_t n_documents,
                                 const at_sums *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document from;
    attrib_document to;
    score_tap tap = {.ranking = ranking,
                     .prepared = prepared,
                     .first = first,
                     .n_documents = n_documents,
                     .out = *out};
    /* A pilot's queries may be cut before the run's rank is known. */
    bool is_along = at_scoring_mode(ranking) == AT_MODE_FORWARD && !out->bounds;
    at_tap interface = {.context = &tap,
                        .module = is_along ? NULL : score_block,
                        .direction = is_along ? follow_query : NULL,
                        .commit = out->self ? commit_self : NULL,
                        .finish = add_block};
    at_pass pass = {ranking->session,    ranking->model, ranking->tracked,
                    ranking->n_tracked,  AT_LABELS_DATA, 0,
                    ranking->block_rows, "score"};
    at_pass_size size = {0};
    attrib_corpus_document(ranking->corpus, first, &from);
    attrib_corpus_document(ranking->corpus, first + n_documents - 1, &to);
    range in = {ranking->corpus, from.first_sequence};
    at_source source = {&in, to.first_sequence + to.n_sequences - from.first_sequence,
                        get_in_range};
    AT_TRY(at_pass_measure(&pass, &source, &size, err));
    tap.n_workers = size.n_workers;
    AT_TRY(prepare_workers(&tap, &size, err));
    if (out->self) {
        AT_TRY(at_self_new(ranking, in.first_sequence, first, &size, out->self, &tap.self,
                           err));
    }
    AT_TRY(at_pass_run(&pass, &source, &interface, err));
    if (tap.self) {
        at_self_report(tap.self);
    }
done:
    release(&tap);
    return status;
}
