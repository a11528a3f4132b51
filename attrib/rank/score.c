/* SPDX-License-Identifier: MIT */
/* Scores of documents against the prepared queries of a tile.
 *
 *     score(z, q) = sum over maps and sequences of z  < P_q, sum_t ds_t a_t' >
 *
 * contraction.h says in which order. Products are f32 over at most SUM_LENGTH entries;
 * their sums f64. For queries cut to P ~ L R', the score is off by at most
 *
 *     sum over maps and sequences  ||P_q - L R'||_F ||G||_F
 *
 * 1. Whole queries.
 * 2. Cut queries.
 * 3. Bounds.
 * 4. The tap. */
#include <math.h>
#include <stdlib.h>

#include "linalg/linalg.h"
#include "rank/rank.h"

/* Entries of G that one f32 product sums: its rounding stays near sqrt(SUM_LENGTH) eps.
 */
#define SUM_LENGTH ((size_t)2048)
/* Cases that one product takes, so that its bytes do not depend on how many there are. */
#define CASES_AT_A_TIME ((size_t)64)
/* Rows of a sequence whose inner products are taken at a time. */
#define GRAM_TILE ((size_t)256)
/* Floats of [rows, V r] products that stay in a cache. */
#define FACTOR_FLOATS ((size_t)1 << 18)
/* What f32 inner products may lack in a squared norm, over (sum_t |ds_t| |a_t|)^2. */
#define NORM_ROUNDING 0x1p-20

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

/* One map of a block. */
typedef struct contraction_job {
    const at_prepared_map *map;
    const at_batch *batch;
    const float *a, *ds; /* [rows, I], [rows, O] */
    size_t n_cases;      /* V */
    double *scores;      /* those of sequence s: scores + s * stride [V] */
    size_t stride;
    double *norms;  /* [n_sequences], or NULL */
    double *tokens; /* [rows, V], or NULL */
    at_arena *arena;
} contraction_job;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* 1. Whole queries */

/* sum_t y_t . a_t of sequence s, for case v, row by row where their shares are wanted */
static double sum_of_rows(const contraction_job *job, size_t s, size_t v, const float *y)
{
    size_t i = job->map->in_dim;
    size_t first = job->batch->first_row[s];
    size_t end = job->batch->first_row[s + 1];
    double sum = 0;
    if (!job->tokens) {
        return at_dot(y + first * i, job->a + first * i, (end - first) * i);
    }
    for (size_t t = first; t < end; t++) {
        double share = at_dot(y + t * i, job->a + t * i, i);
        job->tokens[t * job->n_cases + v] += share;
        sum += share;
    }
    return sum;
}

/* scores += sum_t (ds_t P) . a_t, a case at a time */
static attrib_status score_rows(const contraction_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_batch *batch = job->batch;
    size_t o = job->map->out_dim;
    size_t i = job->map->in_dim;
    size_t n_rows = batch->first_row[batch->n_sequences];
    float *y = NULL; /* [n_rows, I] */
    AT_TRY(at_arena_take(job->arena, n_rows * i, sizeof *y, &y, err));
    for (size_t v = 0; v < job->n_cases; v++) {
        const float *p = job->map->p + v * o * i;
        at_gemm(AT_PLAIN, AT_PLAIN, n_rows, i, o, 1.0F, job->ds, o, p, i, 0.0F, y, i);
        for (size_t s = 0; s < batch->n_sequences; s++) {
            job->scores[s * job->stride + v] += sum_of_rows(job, s, v, y);
        }
    }
done:
    return status;
}

/* scores [n, V] += G [n, O I] P' [O I, n_cases] for cases first .. first + n_cases, a few
 * at a time; products [n, CASES_AT_A_TIME]. */
static void multiply_cases(const contraction_job *job,
                           const float *gradients,
                           size_t n,
                           const float *p,
                           size_t n_cases,
                           float *products,
                           double *scores)
{
    size_t n_entries = job->map->out_dim * job->map->in_dim;
    for (size_t k = 0; k < n_entries; k += SUM_LENGTH) {
        size_t length = smaller(SUM_LENGTH, n_entries - k);
        for (size_t v = 0; v < n_cases; v += CASES_AT_A_TIME) {
            size_t n_v = smaller(CASES_AT_A_TIME, n_cases - v);
            at_gemm(AT_PLAIN, AT_TRANSPOSED, n, n_v, length, 1.0F, gradients + k,
                    n_entries, p + v * n_entries + k, n_entries, 0.0F, products, n_v);
            for (size_t s = 0; s < n; s++) {
                for (size_t c = 0; c < n_v; c++) {
                    scores[s * job->stride + v + c] += (double)products[s * n_v + c];
                }
            }
        }
    }
}

/* P [n, O, I] of cases first .. first + n from their factors */
static void rebuild(
    const at_prepared_map *map, size_t n_cases, size_t first, size_t n, float *p)
{
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    size_t r = map->rank;
    for (size_t v = 0; v < n; v++) {
        at_gemm(AT_PLAIN, AT_TRANSPOSED, o, i, r, 1.0F, map->left + (first + v) * r,
                n_cases * r, map->right + (first + v) * r, n_cases * r, 0.0F,
                p + v * o * i, i);
    }
}

/* The scores of gradients that are formed: of whole queries, or of those rebuilt. */
static void multiply_gradients(const contraction_job *job,
                               const float *gradients,
                               size_t n,
                               float *rebuilt,
                               float *products,
                               double *scores)
{
    if (job->map->rank == 0) {
        multiply_cases(job, gradients, n, job->map->p, job->n_cases, products, scores);
        return;
    }
    for (size_t v = 0; v < job->n_cases; v += AT_REBUILT_AT_A_TIME) {
        size_t n_v = smaller(AT_REBUILT_AT_A_TIME, job->n_cases - v);
        rebuild(job->map, job->n_cases, v, n_v, rebuilt);
        multiply_cases(job, gradients, n, rebuilt, n_v, products, scores + v);
    }
}

static attrib_status score_gradients(const contraction_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_batch *batch = job->batch;
    size_t o = job->map->out_dim;
    size_t i = job->map->in_dim;
    at_contracted contracted = at_contracted_of(job->map, job->n_cases);
    size_t n_held = at_gradients_held(&contracted, batch->n_sequences);
    size_t n_rebuilt = job->map->rank ? smaller(AT_REBUILT_AT_A_TIME, job->n_cases) : 0;
    float *gradients = NULL; /* [n_held, O I] */
    float *rebuilt = NULL;   /* [n_rebuilt, O I] */
    float *products = NULL;  /* [n_held, CASES_AT_A_TIME] */
    AT_TRY(at_arena_take(job->arena, n_held * o * i, sizeof(float), &gradients, err));
    AT_TRY(at_arena_take(job->arena, n_rebuilt * o * i, sizeof(float), &rebuilt, err));
    AT_TRY(at_arena_take(job->arena, n_held * CASES_AT_A_TIME, sizeof(float), &products,
                         err));
    for (size_t s = 0; s < batch->n_sequences; s += n_held) {
        size_t n = smaller(n_held, batch->n_sequences - s);
        for (size_t k = 0; k < n; k++) {
            size_t first = batch->first_row[s + k];
            size_t n_rows = batch->first_row[s + k + 1] - first;
            float *g = gradients + k * o * i;
            at_form_gradient(job->ds + first * o, job->a + first * i, n_rows, o, i, g);
            if (job->norms) {
                job->norms[s + k] = sqrt(at_dot(g, g, o * i));
            }
        }
        multiply_gradients(job, gradients, n, rebuilt, products,
                           job->scores + s * job->stride);
    }
done:
    return status;
}

/* 2. Cut queries: scores += sum_t (ds_t L) . (a_t R), as many cases at a time as stay in
 * a cache with the rows of a sequence */
static attrib_status score_factors(const contraction_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_batch *batch = job->batch;
    const at_prepared_map *map = job->map;
    size_t r = map->rank;
    size_t n_rows = batch->first_row[batch->n_sequences];
    size_t of_one = n_rows * r;
    size_t n_at_a_time = 1;
    size_t ld = job->n_cases * r;
    float *x = NULL; /* [n_rows, n r] = ds L */
    float *y = NULL; /* [n_rows, n r] = a R */
    if (of_one > 0 && of_one < FACTOR_FLOATS) {
        n_at_a_time = smaller(FACTOR_FLOATS / of_one, job->n_cases);
    }
    AT_TRY(at_arena_take(job->arena, n_rows * n_at_a_time * r, sizeof *x, &x, err));
    AT_TRY(at_arena_take(job->arena, n_rows * n_at_a_time * r, sizeof *y, &y, err));
    for (size_t v = 0; v < job->n_cases; v += n_at_a_time) {
        size_t n = smaller(n_at_a_time, job->n_cases - v);
        size_t width = n * r;
        at_gemm(AT_PLAIN, AT_PLAIN, n_rows, width, map->out_dim, 1.0F, job->ds,
                map->out_dim, map->left + v * r, ld, 0.0F, x, width);
        at_gemm(AT_PLAIN, AT_PLAIN, n_rows, width, map->in_dim, 1.0F, job->a, map->in_dim,
                map->right + v * r, ld, 0.0F, y, width);
        for (size_t s = 0; s < batch->n_sequences; s++) {
            double *scores = job->scores + s * job->stride + v;
            for (size_t t = batch->first_row[s]; t < batch->first_row[s + 1]; t++) {
                for (size_t c = 0; c < n; c++) {
                    double share =
                        at_dot(x + t * width + c * r, y + t * width + c * r, r);
                    scores[c] += share;
                    if (job->tokens) {
                        job->tokens[t * job->n_cases + v + c] += share;
                    }
                }
            }
        }
    }
done:
    return status;
}

/* 3. Bounds */

/* sum_{s, t} (ds_s . ds_t)(a_s . a_t) by tiles on and below the diagonal. */
static attrib_status sum_inner_products(const contraction_job *job,
                                        size_t first,
                                        size_t n_rows,
                                        double *out,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t o = job->map->out_dim;
    size_t i = job->map->in_dim;
    const float *ds = job->ds + first * o;
    const float *a = job->a + first * i;
    float *of_ds = NULL; /* [GRAM_TILE, n_rows] */
    float *of_a = NULL;  /* the same */
    size_t mark = at_arena_mark(job->arena);
    *out = 0;
    AT_TRY(at_arena_take(job->arena, GRAM_TILE * n_rows, sizeof *of_ds, &of_ds, err));
    AT_TRY(at_arena_take(job->arena, GRAM_TILE * n_rows, sizeof *of_a, &of_a, err));
    for (size_t t = 0; t < n_rows; t += GRAM_TILE) {
        size_t n = smaller(GRAM_TILE, n_rows - t);
        size_t width = t + n;
        at_gemm(AT_PLAIN, AT_TRANSPOSED, n, width, o, 1.0F, ds + t * o, o, ds, o, 0.0F,
                of_ds, width);
        at_gemm(AT_PLAIN, AT_TRANSPOSED, n, width, i, 1.0F, a + t * i, i, a, i, 0.0F,
                of_a, width);
        for (size_t k = 0; k < n; k++) {
            const float *x = of_ds + k * width;
            const float *y = of_a + k * width;
            *out += 2 * at_dot(x, y, t) + at_dot(x + t, y + t, n);
        }
    }
done:
    at_arena_reset(job->arena, mark);
    return status;
}

/* No less than ||G||_F of every sequence. */
static attrib_status find_norms(const contraction_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_batch *batch = job->batch;
    size_t o = job->map->out_dim;
    size_t i = job->map->in_dim;
    at_contracted contracted = at_contracted_of(job->map, job->n_cases);
    for (size_t s = 0; s < batch->n_sequences; s++) {
        size_t first = batch->first_row[s];
        size_t n_rows = batch->first_row[s + 1] - first;
        const float *ds = job->ds + first * o;
        const float *a = job->a + first * i;
        double square = 0;
        double longest = 0; /* sum_t |ds_t| |a_t| */
        if (at_norm_by_rows(&contracted, n_rows)) {
            AT_TRY(sum_inner_products(job, first, n_rows, &square, err));
            for (size_t t = 0; t < n_rows; t++) {
                longest += sqrt(at_dot(ds + t * o, ds + t * o, o) *
                                at_dot(a + t * i, a + t * i, i));
            }
            square = fmax(square, 0) + NORM_ROUNDING * longest * longest;
        } else {
            size_t mark = at_arena_mark(job->arena);
            float *g = NULL;
            AT_TRY(at_arena_take(job->arena, o * i, sizeof *g, &g, err));
            at_form_gradient(ds, a, n_rows, o, i, g);
            square = at_dot(g, g, o * i);
            at_arena_reset(job->arena, mark);
        }
        job->norms[s] = sqrt(square);
    }
done:
    return status;
}

/* bounds += ||P - L R'|| ||G||, laid out as the scores */
static void add_bounds(const contraction_job *job, double *bounds)
{
    for (size_t s = 0; s < job->batch->n_sequences; s++) {
        for (size_t v = 0; v < job->n_cases; v++) {
            bounds[s * job->stride + v] += job->map->error[v] * job->norms[s];
        }
    }
}

/* 4. The tap */

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
    at_contracted contracted = at_contracted_of(map, n_cases);
    contraction_job job = {map,
                           &block->batch,
                           a,
                           ds,
                           n_cases,
                           scratch->scores + offset,
                           ranking->n_groups * n_cases,
                           map->error ? scratch->norms : NULL,
                           scratch->tokens,
                           scratch->arena};
    at_cost cost = {0};
    at_contraction (*choose)(const at_contracted *, size_t, size_t, at_cost *) =
        scratch->tokens ? at_contraction_by_token : at_contraction_choose;
    at_contraction way =
        choose(&contracted, block->n_rows, block->batch.n_sequences, &cost);
    at_arena_reset(scratch->arena, 0);
    switch (way) {
    case AT_BY_ROWS:
        AT_TRY(score_rows(&job, err));
        break;
    case AT_BY_FACTORS:
        AT_TRY(score_factors(&job, err));
        break;
    case AT_BY_GRADIENTS:
    case AT_BY_REBUILDING:
        AT_TRY(score_gradients(&job, err));
        break;
    }
    if (map->error) {
        if (way == AT_BY_ROWS || way == AT_BY_FACTORS) {
            AT_TRY(find_norms(&job, err));
        }
        add_bounds(&job, scratch->bounds + offset);
    }
    if (tap->self) {
        AT_TRY(at_self_module(tap->self, i_worker, block, i_tracked, a, ds, err));
    }
done:
    return status;
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
    at_tap interface = {&tap, score_block, out->self ? commit_self : NULL, add_block};
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
