/* SPDX-License-Identifier: MIT */
/* The pass over rows of queries: what is kept of it, and what the rows measure.
 *
 *     log-probability   f = log p(completion | prompt)
 *     margin            f = log p(completion | prompt) - log p(against | prompt)
 *     probability       f = p(completion | prompt)
 *     direction         f = mean over positions of  v . h_layer  (model/direction.c)
 *
 * 1. The sides of rows   2. What is kept   3. What is measured   4. The pass */
#include "query/keep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "query/prepare.h"

/* 1. The sides of rows */

static const attrib_query *row_of(const at_keeping *self, size_t i)
{
    const at_setup *setup = self->setup;
    return attrib_queries_get(setup->queries, setup->asked.rows[self->first + i]);
}

static void get_side(const void *context, size_t i, attrib_sequence *out)
{
    *out = ((const at_keeping *)context)->sides[i];
}

/* The sides of a margin share a block: so their gradients are summed in one product, the
 * other side's with its minus. */
static bool joins_side(const void *context, size_t i)
{
    return ((const at_keeping *)context)->sides[i].is_subtracted;
}

/* List the sequences of the rows of this turn. */
static attrib_status list_sides(at_keeping *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    self->n_sides = 0;
    AT_TRY(at_array(2 * self->n, sizeof *self->sides, &self->sides, err));
    for (size_t r = 0; r < self->n; r++) {
        const attrib_query *row = row_of(self, r);
        size_t border = row->against_token;
        self->sides[self->n_sides++] =
            (attrib_sequence){.document = r,
                              .n_tokens = border ? border : row->n_tokens,
                              .ids = row->ids,
                              .mask = row->mask,
                              .direction = row->direction};
        if (border) {
            self->sides[self->n_sides++] =
                (attrib_sequence){.document = r,
                                  .n_tokens = row->n_tokens - border,
                                  .ids = row->ids + border,
                                  .mask = row->mask + border,
                                  .is_subtracted = true};
        }
    }
done:
    return status;
}

/* 2. What is kept */

static attrib_status copy(const float *from, size_t n, float **out, attrib_error *err)
{
    attrib_status status = at_array(n, sizeof **out, out, err);
    if (status == ATTRIB_OK) {
        memcpy(*out, from, n * sizeof **out);
    }
    return status;
}

/* Keep what a map hands out. A block is one row. */
static attrib_status keep_map(void *context,
                              void *scratch,
                              const attrib_visit *visit,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_keeping *self = context;
    const at_setup *setup = self->setup;
    size_t n_rows = visit->block->n_rows;
    size_t o = visit->module->out_dim;
    size_t i = visit->module->in_dim;
    at_row_map *row =
        &self->kept[visit->block->index * setup->n_tracked + visit->i_tracked];
    (void)scratch;
    row->n_tokens = n_rows;
    if (at_keeps_gradient(setup, visit->i_tracked, n_rows, o * i)) {
        AT_TRY(at_array(o * i, sizeof *row->gradient, &row->gradient, err));
        at_form_gradient(NULL, visit->ds, visit->a, n_rows, o, i, row->gradient);
        goto done;
    }
    AT_TRY(copy(visit->a, n_rows * i, &row->a, err));
    AT_TRY(copy(visit->ds, n_rows * o, &row->ds, err));
done:
    return status;
}

/* 3. What is measured */

/* Turn the gradients of log p that are kept of row r into those of p:
 *
 *     grad p = p grad log p */
static void scale_row(const at_keeping *self, size_t r, float p)
{
    const at_setup *setup = self->setup;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        const attrib_module *module = at_setup_module(setup, m);
        at_row_map *row = &self->kept[r * setup->n_tracked + m];
        float *scaled = row->gradient ? row->gradient : row->ds;
        size_t n = module->out_dim * (row->gradient ? module->in_dim : row->n_tokens);
        for (size_t i = 0; i < n; i++) {
            scaled[i] *= p;
        }
    }
}

/* The least probability that can be asked about, 2^-40: the squares of its gradients are
 * still numbers of f32, of which the smallest is 2^-126. */
#define SMALLEST_PROBABILITY 0x1p-40

/* What a row measures, from the losses of its sides. */
static attrib_status measure_row(const at_keeping *self,
                                 const attrib_block *block,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *row = row_of(self, block->index);
    *out = -block->losses[0];
    if (row->measure == ATTRIB_MEASURE_MARGIN) {
        *out -= block->losses[1]; /* which has its minus already */
    }
    if (row->measure == ATTRIB_MEASURE_PROBABILITY) {
        *out = exp(-block->losses[0]);
        AT_CHECK(*out >= SMALLEST_PROBABILITY, ATTRIB_ERANGE,
                 "query %s: a probability of %.3g, too small to ask about (ask about "
                 "log-probability, whose scores have the same order)",
                 row->id, *out);
        scale_row(self, block->index, (float)*out);
    }
done:
    return status;
}

static attrib_status keep_measured(void *context,
                                   void *scratch,
                                   const attrib_block *block,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_keeping *self = context;
    (void)scratch;
    AT_TRY(measure_row(self, block, &self->measured[block->index], err));
    self->losses[block->index] =
        row_of(self, block->index)->direction ? 0 : block->losses[0];
done:
    return status;
}

void at_row_map_free(at_row_map *row)
{
    free(row->a);
    free(row->ds);
    free(row->gradient);
    *row = (at_row_map){0};
}

/* Bytes that all maps keep of a row of n_tokens tokens. */
double at_kept_row_bytes(const at_setup *setup, size_t n_tokens)
{
    double bytes = 0;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        const attrib_module *module = at_setup_module(setup, m);
        size_t o = module->out_dim;
        size_t i = module->in_dim;
        bytes += sizeof(float) * (at_keeps_gradient(setup, m, n_tokens, o * i)
                                      ? (double)o * (double)i
                                      : (double)n_tokens * (double)(o + i));
    }
    return bytes;
}

/* 4. The pass */

static attrib_status allocate(at_keeping *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_kept = 0;
    AT_TRY(at_mul(self->n, self->setup->n_tracked, &n_kept, err));
    AT_TRY(at_array(n_kept, sizeof *self->kept, &self->kept, err));
    AT_TRY(at_array(self->n, sizeof *self->losses, &self->losses, err));
    AT_TRY(at_array(self->n, sizeof *self->measured, &self->measured, err));
    AT_TRY(list_sides(self, err));
done:
    return status;
}

attrib_status at_keep_rows(at_keeping *keeping, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_tap tap = {
        .name = "query", .context = keeping, .module = keep_map, .finish = keep_measured};
    at_source source = {.context = keeping, .get = get_side, .joins = joins_side};
    /* One row a block, so that its results do not depend on the rows next to it. */
    at_pass pass = at_setup_pass(keeping->setup, 1, tap.name);
    pass.units = AT_ROWS_SHARE * (double)keeping->n;
    AT_TRY(allocate(keeping, err));
    source.n_sequences = keeping->n_sides;
    AT_TRY(at_pass_run(&pass, &source, &tap, 1, err));
done:
    return status;
}

void at_keeping_free(at_keeping *keeping)
{
    for (size_t k = 0; keeping->kept && k < keeping->n * keeping->setup->n_tracked; k++) {
        at_row_map_free(&keeping->kept[k]);
    }
    free(keeping->kept);
    free(keeping->sides);
    free(keeping->losses);
    free(keeping->measured);
    *keeping = (at_keeping){0};
}
