/* SPDX-License-Identifier: MIT */
/* Self-influences: the influence of each document on its own loss.
 *
 *     self(z) = < (Fisher + damping)^-1 G_z, G_z >
 *             = sum over maps and i, j  (U_S' G_z U_A)_ij^2 / (Lambda_ij + damping)
 *
 * G_z is the gradient of the whole document. Sequences of a document that share a block
 * are rows of one product. Where a document spans blocks, its gradient so far is carried
 * from block to block for each map. Products are f32, sums over entries and maps f64.
 *
 * 1. Pieces.
 * 2. One map of a block.
 * 3. Documents that span blocks.
 * 4. The tap.
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, Eq. 18 and 20, with the document as its
 * own query. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/load.h"
#include "linalg/cost.h"
#include "linalg/linalg.h"
#include "score/taps.h"

/* The bases that gradients are squared in: the weights' own, and the eigenbasis. */
enum { PLAIN, ROTATED, N_BASES };

/* Consecutive sequences [first, end) of one document in a block. */
typedef struct piece {
    size_t first, end;
    bool continues; /* the document began in an earlier block */
    bool ends;      /* the document's last sequence is in the piece */
} piece;

/* A worker's scratch for one block. */
typedef struct self_worker {
    double *sums;            /* [n_sequences, settings]; a document's sums stand at its
                                last sequence of the block; zero between blocks */
    piece *pieces;           /* [n_sequences] */
    float *open[2][N_BASES]; /* [O, I] on the desk: gradients of the first and the last
                                piece where these are not whole documents */
} self_worker;

struct at_self {
    const at_setup *setup;
    at_slice *out;
    float **carried[N_BASES]; /* [n_tracked] arrays [O, I], made when needed */
    bool is_wanted[N_BASES];
    bool has_split; /* documents may span blocks */
};

/* 1. Pieces */

/* Cut a block's sequences into pieces; returns how many there are. */
static size_t find_pieces(const at_self *self, const attrib_block *block, piece *out)
{
    size_t n = 0;
    for (size_t s = 0; s < block->n_sequences; s++) {
        attrib_document document;
        const attrib_sequence *sequence = &block->sequences[s];
        attrib_corpus_document(self->setup->corpus, sequence->document, &document);
        bool is_first = sequence->offset == 0;
        if (s == 0 || is_first) {
            out[n++] = (piece){s, s, !is_first, false};
        }
        out[n - 1].end = s + 1;
        out[n - 1].ends = sequence->offset + sequence->n_tokens == document.n_tokens;
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
    const attrib_block *block;
    size_t n_rows;
    const size_t *first_row; /* [n_sequences + 1] of the block's sequences, among these */
    const float *a, *ds; /* [n_rows, I], [n_rows, O]; in the eigenbasis where is_turned */
    bool is_turned;
    attrib_bank desk;
    float *gradient, *scratch; /* [O, I] */
    at_multiplier *multiplier;
} self_job;

/* A visit takes these of its desk, in this order: the gradient of a piece, and scratch;
 * the gradients of the open pieces at both ends of the block, in each basis; the turned
 * rows. */
static attrib_status deal_gradients(attrib_bank *desk,
                                    size_t out_dim,
                                    size_t in_dim,
                                    float **gradient,
                                    float **scratch,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(attrib_bank_deal(desk, out_dim, in_dim, sizeof(float), gradient, err));
    AT_TRY(attrib_bank_deal(desk, out_dim, in_dim, sizeof(float), scratch, err));
done:
    return status;
}

/* Rows of a block in the eigenbasis. */
typedef struct turned_rows {
    float *ds, *a; /* [rows, O], [rows, I] */
} turned_rows;

static attrib_status deal_rows(attrib_bank *desk,
                               size_t n_rows,
                               size_t out_dim,
                               size_t in_dim,
                               turned_rows *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(attrib_bank_deal(desk, n_rows, out_dim, sizeof(float), &out->ds, err));
    AT_TRY(attrib_bank_deal(desk, n_rows, in_dim, sizeof(float), &out->a, err));
done:
    return status;
}

/* Add < (Fisher + damping)^-1 v, v > of a document's gradient v under the settings of a
 * basis to the sums of sequence s. */
static void add_squares(const self_job *job, size_t basis, size_t s, const float *v)
{
    const at_setup *setup = job->self->setup;
    size_t n_settings = setup->options.n_settings;
    for (size_t k = 0; k < n_settings; k++) {
        attrib_strategy strategy = setup->options.settings[k].strategy;
        if (at_is_rotated(strategy) == (basis == ROTATED)) {
            const at_inverse inverse = {
                setup->factors, &job->factor, strategy,
                setup->dampings[k * setup->n_tracked + job->i_tracked]};
            job->worker->sums[s * n_settings + k] +=
                at_inverse_square(&inverse, v, job->out_dim * job->in_dim);
        }
    }
}

/* Form the gradient of a piece in a basis. */
static void form_piece(const self_job *job, size_t basis, const piece *p, float *out)
{
    size_t first = job->first_row[p->first];
    size_t n_rows = job->first_row[p->end] - first;
    at_form_gradient(job->multiplier, job->ds + first * job->out_dim,
                     job->a + first * job->in_dim, n_rows, job->out_dim, job->in_dim,
                     out);
    if (basis == ROTATED && !job->is_turned) {
        at_rotate_gradient(job->multiplier, &job->factor, out, job->scratch, out);
    }
}

/* Turn all rows of the block into the eigenbasis where that is cheaper than turning its
 * gradients. */
static attrib_status turn_rows(self_job *job, size_t n_pieces, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_rows = job->n_rows;
    turned_rows to = {0};
    if (!at_rotate_rows_first(&job->factor, job->block->n_tokens, n_pieces)) {
        return ATTRIB_OK;
    }
    AT_TRY(deal_rows(&job->desk, n_rows, job->out_dim, job->in_dim, &to, err));
    at_rotate(job->multiplier, &job->factor.basis_s, job->ds, n_rows, to.ds);
    at_rotate(job->multiplier, &job->factor.basis_a, job->a, n_rows, to.a);
    job->ds = to.ds;
    job->a = to.a;
    job->is_turned = true;
done:
    return status;
}

/* Square the gradients of all pieces in a basis. `job` is a copy, as rows are turned for
 * this basis alone. */
static attrib_status square_basis(self_job job,
                                  size_t basis,
                                  size_t n_pieces,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    self_worker *worker = job.worker;
    if (basis == ROTATED) {
        AT_TRY(turn_rows(&job, n_pieces, err));
    }
    for (size_t k = 0; k < n_pieces; k++) {
        const piece *p = &worker->pieces[k];
        float **open = &worker->open[k > 0][basis];
        if (is_open(p)) { /* only the first and the last can be open */
            form_piece(&job, basis, p, *open);
        } else {
            form_piece(&job, basis, p, job.gradient);
            add_squares(&job, basis, p->end - 1, job.gradient);
        }
    }
done:
    return status;
}

static self_job job_of(at_self *self, self_worker *worker, const attrib_visit *visit)
{
    return (self_job){.self = self,
                      .worker = worker,
                      .i_tracked = visit->i_tracked,
                      .out_dim = visit->module->out_dim,
                      .in_dim = visit->module->in_dim,
                      .block = visit->block,
                      .n_rows = visit->n_rows,
                      .first_row = visit->first_row,
                      .a = visit->a,
                      .ds = visit->ds,
                      .desk = visit->desk,
                      .multiplier = visit->multiplier};
}

/* Deal room for the open pieces of a map, which stay until its commit. */
static attrib_status deal_open(const at_self *self,
                               size_t out_dim,
                               size_t in_dim,
                               attrib_bank *desk,
                               self_worker *worker,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t k = 0; self->has_split && k < 2 * (size_t)N_BASES; k++) {
        float **open = &worker->open[k % 2][k / 2];
        if (self->is_wanted[k / 2]) {
            AT_TRY(attrib_bank_deal(desk, out_dim, in_dim, sizeof(float), open, err));
        }
    }
done:
    return status;
}

static attrib_status square_map(void *context,
                                void *scratch,
                                const attrib_visit *visit,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_self *self = context;
    self_job job = job_of(self, scratch, visit);
    size_t n_pieces = find_pieces(self, visit->block, job.worker->pieces);
    AT_TRY(at_take_factor(self->setup, visit->i_tracked, &job.factor, err));
    AT_TRY(deal_gradients(&job.desk, job.out_dim, job.in_dim, &job.gradient, &job.scratch,
                          err));
    AT_TRY(deal_open(self, job.out_dim, job.in_dim, &job.desk, job.worker, err));
    for (size_t basis = 0; basis < N_BASES; basis++) {
        if (self->is_wanted[basis]) {
            AT_TRY(square_basis(job, basis, n_pieces, err));
        }
    }
done:
    at_give_factor(self->setup, &job.factor);
    return status;
}

/* 3. Documents that span blocks */

/* Make room for the gradient of a map that is carried to the next block. */
static attrib_status open_carried(
    at_self *self, size_t basis, size_t i_tracked, size_t n_entries, attrib_error *err)
{
    float **carried = &self->carried[basis][i_tracked];
    return *carried ? ATTRIB_OK : at_array(n_entries, sizeof(float), carried, err);
}

/* Add an open piece to the gradient carried from earlier blocks, and square the sum where
 * the document ends. */
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

static attrib_status join_pieces(void *context,
                                 void *scratch,
                                 const attrib_visit *visit,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_self *self = context;
    self_job job = job_of(self, scratch, visit);
    size_t n_pieces = find_pieces(self, visit->block, job.worker->pieces);
    for (size_t k = 0; k < n_pieces; k++) {
        const piece *p = &job.worker->pieces[k];
        if (is_open(p) && p->ends) { /* only the first piece can be */
            AT_TRY(at_take_factor(self->setup, visit->i_tracked, &job.factor, err));
        }
        for (size_t basis = 0; basis < N_BASES && is_open(p); basis++) {
            if (self->is_wanted[basis]) {
                AT_TRY(join_piece(&job, k, p, basis, err));
            }
        }
    }
done:
    at_give_factor(self->setup, &job.factor);
    return status;
}

static attrib_status add_block(void *context,
                               void *scratch,
                               const attrib_block *block,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_self *self = context;
    const self_worker *worker = scratch;
    size_t n = block->n_sequences * self->setup->options.n_settings;
    AT_TRY(at_add_sums(block, worker->sums, AT_SELF, self->out, err));
    memset(worker->sums, 0, n * sizeof *worker->sums);
done:
    return status;
}

/* 4. The tap */

static attrib_status deal(const void *context,
                          const attrib_block_size *most,
                          attrib_bank *bank,
                          void **scratch,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_self *self = context;
    self_worker *out = NULL;
    self_worker made = {0};
    AT_TRY(attrib_bank_deal(bank, 1, 1, sizeof *out, &out, err));
    AT_TRY(attrib_bank_deal(bank, most->n_sequences, self->setup->options.n_settings,
                            sizeof(double), &made.sums, err));
    AT_TRY(
        attrib_bank_deal(bank, most->n_sequences, 1, sizeof(piece), &made.pieces, err));
    if (out) {
        *out = made;
    }
    *scratch = out;
done:
    return status;
}

static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_self *self = context;
    const at_setup *setup = self->setup;
    const attrib_module *module = at_setup_module(setup, i_tracked);
    self_worker worker = {0};
    turned_rows rows = {0};
    float *one = NULL;
    float *other = NULL;
    AT_TRY(deal_gradients(bank, module->out_dim, module->in_dim, &one, &other, err));
    AT_TRY(deal_open(self, module->out_dim, module->in_dim, bank, &worker, err));
    /* There are as many pieces as sequences, or fewer. */
    if (self->is_wanted[ROTATED] &&
        at_rotate_rows_first(&setup->factors->factors[i_tracked], size->n_rows,
                             size->n_sequences)) {
        AT_TRY(
            deal_rows(bank, size->n_rows, module->out_dim, module->in_dim, &rows, err));
    }
done:
    return status;
}

static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_sequences,
                     attrib_load *load)
{
    const at_self *self = context;
    const at_setup *setup = self->setup;
    const attrib_module *module = at_setup_module(setup, i_tracked);
    double entries = (double)module->out_dim * (double)module->in_dim;
    if (self->is_wanted[ROTATED]) {
        at_load_gradients(&setup->factors->factors[i_tracked], true, n_rows, n_sequences,
                          HUGE_VAL, load);
    } else {
        at_load_product(load,
                        (at_product_size){AT_PLAIN, (double)module->out_dim,
                                          (double)module->in_dim, n_rows / n_sequences},
                        n_sequences);
    }
    load->elements += entries * n_sequences * (double)setup->options.n_settings *
                      (AT_UNITS_DIVIDE + AT_UNITS_SQUARE);
}

attrib_tap at_self_tap(at_self *self)
{
    return (attrib_tap){.name = "self",
                        .context = self,
                        .deal = deal,
                        .desk = count_desk,
                        .cost = add_cost,
                        .module = square_map,
                        .commit = self->has_split ? join_pieces : NULL,
                        .finish = add_block};
}

double at_self_bytes(const at_self *self)
{
    const at_setup *setup = self->setup;
    double bytes = setup->is_resident ? setup->resident_bytes
                                      : (double)setup->n_workers * setup->factor_bytes;
    for (size_t m = 0; self->has_split && m < setup->n_tracked; m++) {
        const attrib_module *module = at_setup_module(setup, m);
        double entries = (double)module->out_dim * (double)module->in_dim;
        bytes += sizeof(float) * entries *
                 (double)(self->is_wanted[PLAIN] + self->is_wanted[ROTATED]);
    }
    return bytes;
}

attrib_status at_self_new(const at_setup *setup,
                          at_slice *slice,
                          at_self **out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_self *made = NULL;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    made->setup = setup;
    made->out = slice;
    made->has_split = setup->counted.has_split;
    for (size_t k = 0; k < setup->options.n_settings; k++) {
        attrib_strategy strategy = setup->options.settings[k].strategy;
        made->is_wanted[at_is_rotated(strategy) ? ROTATED : PLAIN] = true;
    }
    for (size_t basis = 0; basis < N_BASES; basis++) {
        AT_TRY(at_array(setup->n_tracked, sizeof(float *), &made->carried[basis], err));
    }
    *out = made;
    made = NULL;
done:
    at_self_free(made);
    return status;
}

void at_self_free(at_self *self)
{
    if (!self) {
        return;
    }
    for (size_t basis = 0; basis < N_BASES; basis++) {
        for (size_t m = 0; self->carried[basis] && m < self->setup->n_tracked; m++) {
            free(self->carried[basis][m]);
        }
        free(self->carried[basis]);
    }
    free(self);
}
