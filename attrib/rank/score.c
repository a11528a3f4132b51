/* SPDX-License-Identifier: MIT */
/* Scores of documents against all prepared queries.
 *
 *     score(z, q) = sum over maps and sequences of z  < P_q, sum_t ds_t a_t' >
 *
 * One query: every row of a block at once, sum_t (ds_t P_q) . a_t, which never forms G.
 * More: G of a few sequences, then one product with all queries. Products are f32 over at
 * most SUM_LENGTH entries; their sums f64. */
#include <math.h>
#include <stdlib.h>

#include "linalg/linalg.h"
#include "rank/rank.h"

/* Entries of G that one f32 product sums: its rounding stays near sqrt(SUM_LENGTH) eps.
 */
#define SUM_LENGTH ((size_t)2048)
/* Multiply-adds that take as long as writing and reading one f32 entry of G. */
#define GRADIENT_TRAFFIC 16.0
/* Floats of gradients held by a worker at a time (32 MiB), if one gradient is not larger.
 */
#define GRADIENT_FLOATS ((size_t)1 << 23)

typedef struct score_scratch {
    at_arena *arena;
    double *scores; /* [max_sequences, Q] of the block under way; zero between blocks */
} score_scratch;

typedef struct score_tap {
    const at_ranking *ranking;
    const at_prepared *prepared;
    score_scratch *workers; /* [n_workers] */
    size_t n_workers;
    size_t first, n_documents;
    double *scores; /* [n_documents, Q] */
} score_tap;

/* Whether going by rows costs less: Q n_rows multiply-adds an entry of G against n_rows
 * to form it, Q for each sequence, and GRADIENT_TRAFFIC for writing and reading it. */
static bool goes_by_rows(const at_block *block, size_t n_queries)
{
    double rows = (double)block->n_rows;
    double sequences = (double)block->batch.n_sequences;
    double queries = (double)n_queries;
    return queries * rows <= rows + sequences * (queries + GRADIENT_TRAFFIC);
}

/* scores [n_sequences, Q] += sum_t (ds_t P_q) . a_t */
static attrib_status score_rows(score_scratch *scratch,
                                const at_block *block,
                                const attrib_module *module,
                                const float *p,
                                size_t n_queries,
                                const float *a,
                                const float *ds,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_batch *batch = &block->batch;
    size_t o = module->out_dim;
    size_t i = module->in_dim;
    float *y = NULL; /* [n_rows, I] */
    at_arena_reset(scratch->arena, 0);
    AT_TRY(at_arena_take(scratch->arena, block->n_rows * i, sizeof *y, &y, err));
    for (size_t q = 0; q < n_queries; q++) {
        const float *p_q = p + q * o * i;
        at_gemm(AT_PLAIN, AT_PLAIN, block->n_rows, i, o, 1.0F, ds, o, p_q, i, 0.0F, y, i);
        for (size_t s = 0; s < batch->n_sequences; s++) {
            double *score = &scratch->scores[s * n_queries + q];
            for (size_t t = batch->first_row[s]; t < batch->first_row[s + 1]; t++) {
                *score += at_dot(y + t * i, a + t * i, i);
            }
        }
    }
done:
    return status;
}

/* scores [n, Q] += G [n, O I] P' [O I, Q] */
static void multiply_queries(const float *gradients,
                             size_t n,
                             size_t n_entries,
                             const float *p,
                             size_t n_queries,
                             float *products,
                             double *scores)
{
    for (size_t k = 0; k < n_entries; k += SUM_LENGTH) {
        size_t length = n_entries - k < SUM_LENGTH ? n_entries - k : SUM_LENGTH;
        at_gemm(AT_PLAIN, AT_TRANSPOSED, n, n_queries, length, 1.0F, gradients + k,
                n_entries, p + k, n_entries, 0.0F, products, n_queries);
        for (size_t c = 0; c < n * n_queries; c++) {
            scores[c] += (double)products[c];
        }
    }
}

static attrib_status score_gradients(score_scratch *scratch,
                                     const at_block *block,
                                     const attrib_module *module,
                                     const float *p,
                                     size_t n_queries,
                                     const float *a,
                                     const float *ds,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_batch *batch = &block->batch;
    size_t o = module->out_dim;
    size_t i = module->in_dim;
    size_t n_held = GRADIENT_FLOATS / (o * i);
    float *gradients = NULL; /* [n_held, O I] */
    float *products = NULL;  /* [n_held, Q] */
    n_held = n_held < 1 ? 1 : n_held;
    n_held = n_held > batch->n_sequences ? batch->n_sequences : n_held;
    at_arena_reset(scratch->arena, 0);
    AT_TRY(at_arena_take(scratch->arena, n_held * o * i, sizeof *gradients, &gradients,
                         err));
    AT_TRY(at_arena_take(scratch->arena, n_held * n_queries, sizeof *products, &products,
                         err));
    for (size_t s = 0; s < batch->n_sequences; s += n_held) {
        size_t n = batch->n_sequences - s < n_held ? batch->n_sequences - s : n_held;
        for (size_t k = 0; k < n; k++) {
            size_t first = batch->first_row[s + k];
            size_t n_rows = batch->first_row[s + k + 1] - first;
            at_form_gradient(ds + first * o, a + first * i, n_rows, o, i,
                             gradients + k * o * i);
        }
        multiply_queries(gradients, n, o * i, p, n_queries, products,
                         scratch->scores + s * n_queries);
    }
done:
    return status;
}

static attrib_status score_block(void *context,
                                 size_t i_worker,
                                 const at_block *block,
                                 size_t i_tracked,
                                 const float *a,
                                 const float *ds,
                                 attrib_error *err)
{
    const score_tap *tap = context;
    const at_ranking *ranking = tap->ranking;
    score_scratch *scratch = &tap->workers[i_worker];
    const float *p = tap->prepared->p[i_tracked];
    const attrib_module *module =
        attrib_model_module(ranking->model, ranking->tracked[i_tracked]);
    if (goes_by_rows(block, ranking->n_queries)) {
        return score_rows(scratch, block, module, p, ranking->n_queries, a, ds, err);
    }
    return score_gradients(scratch, block, module, p, ranking->n_queries, a, ds, err);
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
    size_t n_queries = tap->ranking->n_queries;
    double *from = tap->workers[i_worker].scores;
    (void)losses;
    for (size_t s = 0; s < block->batch.n_sequences; s++) {
        size_t document = block->batch.sequences[s].document;
        double *to = tap->scores + (document - tap->first) * n_queries;
        for (size_t q = 0; q < n_queries; q++) {
            AT_CHECK(isfinite(from[s * n_queries + q]), ATTRIB_ENUMERIC,
                     "document %zu: its score against query %zu is not finite", document,
                     q);
            to[q] += from[s * n_queries + q];
            from[s * n_queries + q] = 0;
        }
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

static attrib_status prepare_workers(score_tap *tap, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_scores = 0;
    AT_TRY(at_mul(AT_BLOCK_ROWS, tap->ranking->n_queries, &n_scores, err));
    AT_TRY(at_array(tap->n_workers, sizeof *tap->workers, &tap->workers, err));
    for (size_t w = 0; w < tap->n_workers; w++) {
        AT_TRY(at_arena_new(&tap->workers[w].arena, err));
        AT_TRY(at_array(n_scores, sizeof(double), &tap->workers[w].scores, err));
    }
done:
    return status;
}

attrib_status at_score_documents(const at_ranking *ranking,
                                 const at_prepared *prepared,
                                 size_t first,
                                 size_t n_documents,
                                 double *scores,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document from;
    attrib_document to;
    score_tap tap = {.ranking = ranking,
                     .prepared = prepared,
                     .first = first,
                     .n_documents = n_documents,
                     .scores = scores};
    at_tap interface = {&tap, score_block, NULL, add_block};
    at_pass pass = {ranking->session,   ranking->model, ranking->tracked,
                    ranking->n_tracked, AT_LABELS_DATA, 0,
                    AT_BLOCK_ROWS,      "score"};
    attrib_corpus_document(ranking->corpus, first, &from);
    attrib_corpus_document(ranking->corpus, first + n_documents - 1, &to);
    range in = {ranking->corpus, from.first_sequence};
    at_source source = {&in, to.first_sequence + to.n_sequences - from.first_sequence,
                        get_in_range};
    AT_TRY(at_pass_n_workers(&pass, &source, &tap.n_workers, err));
    AT_TRY(prepare_workers(&tap, err));
    AT_TRY(at_pass_run(&pass, &source, &interface, err));
done:
    for (size_t w = 0; tap.workers && w < tap.n_workers; w++) {
        at_arena_free(tap.workers[w].arena);
        free(tap.workers[w].scores);
    }
    free(tap.workers);
    return status;
}
