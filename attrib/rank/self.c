/* SPDX-License-Identifier: MIT */
/* Self-influences: what documents do to their own loss.
 *
 *     self(z) = < (Fisher + damping)^-1 G_z, G_z >
 *             = sum over maps and i, j  (U_S' G_z U_A)_ij^2 / (Lambda_ij + damping)
 *
 * G_z is the gradient of the whole document. Its sequences are rows of one product where
 * they share a block; where it spans blocks, its gradient so far is carried from block to
 * block, map by map. Products are f32, sums over entries and maps f64. Source: Grosse et
 * al. 2023, arXiv:2308.03296, Eq. 18 and 20, with the document as its own query. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "rank/rank.h"

/* The bases that gradients are squared in. */
enum { PLAIN, ROTATED, N_BASES };

/* Consecutive sequences [first, end) of one document in a block. */
typedef struct piece {
    size_t first, end;
    bool continues, ends; /* the document began before it, and is over behind it */
} piece;

/* A worker's block. */
typedef struct self_worker {
    at_arena *arena;
    double *sums;            /* [max_sequences, settings], a document's at its last
                                sequence of the block; zero between blocks */
    piece *pieces;           /* [max_sequences] */
    float *open[2][N_BASES]; /* [O, I] of a map: of the first and the last piece, where
                                they are not a whole document */
    double seconds, products;
} self_worker;

struct at_self {
    const at_ranking *ranking;
    size_t first_sequence, first_document; /* of the pass, in the corpus */
    double *out;                           /* [n_documents, settings] */
    float **carried[N_BASES];              /* [n_tracked] of [O, I], once one is needed */
    bool is_wanted[N_BASES];
    self_worker *workers; /* [n_workers] */
    size_t n_workers;
};

/* 1. Pieces */

/* Cut a block's sequences into pieces; returns how many there are. */
static size_t find_pieces(const at_self *self, const at_block *block, piece *out)
{
    size_t n = 0;
    for (size_t s = 0; s < block->batch.n_sequences; s++) {
        attrib_document document;
        size_t here = self->first_sequence + block->first_sequence + s;
        size_t i_document = block->batch.sequences[s].document;
        attrib_corpus_document(self->ranking->corpus, i_document, &document);
        size_t end = document.first_sequence + document.n_sequences;
        bool is_first = here == document.first_sequence;
        if (s == 0 || is_first) {
            out[n++] = (piece){s, s, !is_first, false};
        }
        out[n - 1].end = s + 1;
        out[n - 1].ends = here + 1 == end;
    }
    return n;
}

static bool is_open(const piece *p)
{
    return p->continues || !p->ends;
}

/* 2. One map of a block */

typedef struct self_job {
    at_self *self;
    self_worker *worker;
    at_factor factor; /* loaded; all zeros without factors */
    size_t i_tracked, out_dim, in_dim;
    const at_batch *batch;
    const float *a, *ds; /* [rows, I], [rows, O], turned where they are turned first */
    bool is_turned;
    float *gradient, *scratch; /* [O, I] */
} self_job;

/* Add what a document's gradient amounts to under the settings of a basis. */
static void add_squares(const self_job *job, size_t basis, size_t s, const float *v)
{
    const at_ranking *ranking = job->self->ranking;
    size_t n_settings = ranking->options.n_settings;
    for (size_t k = 0; k < n_settings; k++) {
        attrib_strategy strategy = ranking->options.settings[k].strategy;
        if (at_is_rotated(strategy) == (basis == ROTATED)) {
            job->worker->sums[s * n_settings + k] += at_inverse_square(
                ranking->factors, &job->factor, strategy,
                ranking->dampings[k * ranking->n_tracked + job->i_tracked], v,
                job->out_dim, job->in_dim);
        }
    }
}

/* The gradient of a piece, in the basis. */
static void form_piece(const self_job *job, size_t basis, const piece *p, float *out)
{
    size_t first = job->batch->first_row[p->first];
    size_t n_rows = job->batch->first_row[p->end] - first;
    double entries = (double)job->out_dim * (double)job->in_dim;
    at_form_gradient(job->ds + first * job->out_dim, job->a + first * job->in_dim, n_rows,
                     job->out_dim, job->in_dim, out);
    job->worker->products += (double)n_rows * entries;
    if (basis == ROTATED && !job->is_turned) {
        at_rotate_gradient(&job->factor, out, job->scratch, out);
        job->worker->products +=
            (double)job->out_dim * at_rotate_products(&job->factor.basis_a) +
            (double)job->in_dim * at_rotate_products(&job->factor.basis_s);
    }
}

/* Turn all rows of the block, where that is cheaper than turning its gradients. */
static attrib_status turn_rows(self_job *job,
                               size_t n_rows,
                               size_t n_pieces,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    float *ds = NULL;
    float *a = NULL;
    if (!at_rotate_rows_first(&job->factor, n_rows, n_pieces)) {
        return ATTRIB_OK;
    }
    AT_TRY(
        at_arena_take(job->worker->arena, n_rows * job->out_dim, sizeof *ds, &ds, err));
    AT_TRY(at_arena_take(job->worker->arena, n_rows * job->in_dim, sizeof *a, &a, err));
    at_rotate(&job->factor.basis_s, job->ds, n_rows, ds);
    at_rotate(&job->factor.basis_a, job->a, n_rows, a);
    job->worker->products += (double)n_rows * (at_rotate_products(&job->factor.basis_a) +
                                               at_rotate_products(&job->factor.basis_s));
    job->ds = ds;
    job->a = a;
    job->is_turned = true;
done:
    return status;
}

static attrib_status square_basis(
    self_job job, const at_block *block, size_t basis, size_t n_pieces, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    self_worker *worker = job.worker;
    if (basis == ROTATED) {
        AT_TRY(turn_rows(&job, block->n_rows, n_pieces, err));
    }
    for (size_t k = 0; k < n_pieces; k++) {
        const piece *p = &worker->pieces[k];
        float **open = &worker->open[k > 0][basis];
        if (is_open(p)) { /* only the first and the last may be */
            AT_TRY(at_arena_take(worker->arena, job.out_dim * job.in_dim, sizeof(float),
                                 open, err));
            form_piece(&job, basis, p, *open);
        } else {
            form_piece(&job, basis, p, job.gradient);
            add_squares(&job, basis, p->end - 1, job.gradient);
        }
    }
done:
    return status;
}

static self_job job_of(at_self *self,
                       size_t i_worker,
                       const at_block *block,
                       size_t i_tracked)
{
    const at_ranking *ranking = self->ranking;
    const attrib_module *module =
        attrib_model_module(ranking->model, ranking->tracked[i_tracked]);
    return (self_job){.self = self,
                      .worker = &self->workers[i_worker],
                      .i_tracked = i_tracked,
                      .out_dim = module->out_dim,
                      .in_dim = module->in_dim,
                      .batch = &block->batch};
}

attrib_status at_self_module(at_self *self,
                             size_t i_worker,
                             const at_block *block,
                             size_t i_tracked,
                             const float *a,
                             const float *ds,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double start = at_now_busy();
    self_job job = job_of(self, i_worker, block, i_tracked);
    at_arena *arena = job.worker->arena;
    size_t n_pieces = find_pieces(self, block, job.worker->pieces);
    size_t n_entries = job.out_dim * job.in_dim;
    job.a = a;
    job.ds = ds;
    at_arena_reset(arena, 0);
    AT_TRY(at_take_factor(self->ranking, i_tracked, &job.factor, err));
    AT_TRY(at_arena_take(arena, n_entries, sizeof(float), &job.gradient, err));
    AT_TRY(at_arena_take(arena, n_entries, sizeof(float), &job.scratch, err));
    for (size_t basis = 0; basis < N_BASES; basis++) {
        if (self->is_wanted[basis]) {
            AT_TRY(square_basis(job, block, basis, n_pieces, err));
        }
    }
    job.worker->seconds += at_now_busy() - start;
done:
    at_factor_unload(self->ranking->factors, &job.factor);
    return status;
}

/* 3. Documents that span blocks */

/* Room for the gradient of a map that is carried on. */
static attrib_status open_carried(
    at_self *self, size_t basis, size_t i_tracked, size_t n_entries, attrib_error *err)
{
    float **carried = &self->carried[basis][i_tracked];
    return *carried ? ATTRIB_OK : at_array(n_entries, sizeof(float), carried, err);
}

/* Join an open piece to what came before, and square the whole where it ends. */
static attrib_status join_piece(
    const self_job *job, size_t k, const piece *p, size_t basis, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_self *self = job->self;
    size_t n_entries = job->out_dim * job->in_dim;
    const float *open = job->worker->open[k > 0][basis];
    float *carried = NULL;
    AT_TRY(open_carried(self, basis, job->i_tracked, n_entries, err));
    carried = self->carried[basis][job->i_tracked];
    if (p->continues) {
        at_axpy(n_entries, 1.0F, open, carried);
    } else {
        memcpy(carried, open, n_entries * sizeof *carried);
    }
    if (p->ends) {
        add_squares(job, basis, p->end - 1, carried);
    }
done:
    return status;
}

attrib_status at_self_commit(at_self *self,
                             size_t i_worker,
                             const at_block *block,
                             size_t i_tracked,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    self_job job = job_of(self, i_worker, block, i_tracked);
    size_t n_pieces = find_pieces(self, block, job.worker->pieces);
    for (size_t k = 0; k < n_pieces; k++) {
        const piece *p = &job.worker->pieces[k];
        if (is_open(p) && p->ends) { /* the first alone */
            AT_TRY(at_take_factor(self->ranking, i_tracked, &job.factor, err));
        }
        for (size_t basis = 0; basis < N_BASES && is_open(p); basis++) {
            if (self->is_wanted[basis]) {
                AT_TRY(join_piece(&job, k, p, basis, err));
            }
        }
    }
done:
    at_factor_unload(self->ranking->factors, &job.factor);
    return status;
}

attrib_status at_self_finish(at_self *self,
                             size_t i_worker,
                             const at_block *block,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->ranking->options.n_settings;
    for (size_t s = 0; s < block->batch.n_sequences; s++) {
        size_t document = block->batch.sequences[s].document;
        double *from = self->workers[i_worker].sums + s * n;
        double *to = self->out + (document - self->first_document) * n;
        for (size_t k = 0; k < n; k++) {
            AT_CHECK(isfinite(from[k]), ATTRIB_ENUMERIC,
                     "document %zu: its self-influence is not finite", document);
            to[k] += from[k];
            from[k] = 0;
        }
    }
done:
    return status;
}

/* 4. Making and freeing */

static attrib_status allocate(at_self *self, const at_pass_size *size, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_ranking *ranking = self->ranking;
    size_t n = 0;
    AT_TRY(at_mul(size->max_sequences, ranking->options.n_settings, &n, err));
    for (size_t basis = 0; basis < N_BASES; basis++) {
        AT_TRY(at_array(ranking->n_tracked, sizeof(float *), &self->carried[basis], err));
    }
    AT_TRY(at_array(size->n_workers, sizeof *self->workers, &self->workers, err));
    self->n_workers = size->n_workers;
    for (size_t w = 0; w < self->n_workers; w++) {
        self_worker *worker = &self->workers[w];
        AT_TRY(at_arena_new(&worker->arena, err));
        AT_TRY(at_array(n, sizeof *worker->sums, &worker->sums, err));
        AT_TRY(
            at_array(size->max_sequences, sizeof *worker->pieces, &worker->pieces, err));
    }
done:
    return status;
}

attrib_status at_self_new(const at_ranking *ranking,
                          size_t first_sequence,
                          size_t first_document,
                          const at_pass_size *size,
                          double *out,
                          at_self **self,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_self *made = NULL;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    made->ranking = ranking;
    made->first_sequence = first_sequence;
    made->first_document = first_document;
    made->out = out;
    for (size_t k = 0; k < ranking->options.n_settings; k++) {
        attrib_strategy strategy = ranking->options.settings[k].strategy;
        made->is_wanted[at_is_rotated(strategy) ? ROTATED : PLAIN] = true;
    }
    AT_TRY(allocate(made, size, err));
    *self = made;
    made = NULL;
done:
    at_self_free(made);
    return status;
}

void at_self_report(const at_self *self)
{
    double seconds = 0;
    double products = 0;
    for (size_t w = 0; w < self->n_workers; w++) {
        seconds += self->workers[w].seconds;
        products += self->workers[w].products;
    }
    at_log(self->ranking->session, ATTRIB_LOG_DETAIL,
           "self-influences: %.2f s of %zu threads' time, %.3g GFLOP of products",
           seconds, self->n_workers, 2e-9 * products);
}

void at_self_free(at_self *self)
{
    if (!self) {
        return;
    }
    for (size_t w = 0; self->workers && w < self->n_workers; w++) {
        at_arena_free(self->workers[w].arena);
        free(self->workers[w].sums);
        free(self->workers[w].pieces);
    }
    for (size_t basis = 0; basis < N_BASES; basis++) {
        for (size_t m = 0; self->carried[basis] && m < self->ranking->n_tracked; m++) {
            free(self->carried[basis][m]);
        }
        free(self->carried[basis]);
    }
    free(self->workers);
    free(self);
}
