/* SPDX-License-Identifier: MIT */
/* Weighted fits of log metric[i, j] by row[i] + column[j]. */
#include "index/scales.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rounds of the fit, each of which moves the rows and then the columns to their means;
 * the fit moves by less than a thousandth after these. */
#define N_ROUNDS 6

/* Rows that are summed at a time: one sum alone waits for each of its additions. */
#define N_TOGETHER ((size_t)8)

typedef struct fit {
    double *logs, *weights; /* [O, I] */
    double *rows, *columns; /* [O], [I] */
    double *of_columns;     /* [I] the weights of each column, added */
    double *sums;           /* [I] scratch */
    size_t o, i;
} fit;

/* A line without weight, which is not a number yet, takes the least of the others. */
static void fill_gaps(double *values, size_t n)
{
    double least = HUGE_VAL;
    for (size_t k = 0; k < n; k++) {
        least = fmin(least, values[k]);
    }
    for (size_t k = 0; k < n; k++) {
        values[k] = isnan(values[k]) ? (isinf(least) ? 0 : least) : values[k];
    }
}

/* Set n rows from `first` on to the weighted means of their logs, less the columns'
 * values. */
static void move_rows(const fit *self, size_t first, size_t n)
{
    double sums[N_TOGETHER] = {0};
    double weights[N_TOGETHER] = {0};
    for (size_t j = 0; j < self->i; j++) {
        for (size_t k = 0; k < n; k++) {
            size_t at = (first + k) * self->i + j;
            sums[k] += self->weights[at] * (self->logs[at] - self->columns[j]);
            weights[k] += self->weights[at];
        }
    }
    for (size_t k = 0; k < n; k++) {
        self->rows[first + k] = weights[k] > 0 ? sums[k] / weights[k] : (double)NAN;
    }
}

/* Add what columns have of a row, which counts for nothing where it has no weight. */
static void add_to_columns(const fit *self, size_t row)
{
    const double *logs = self->logs + row * self->i;
    const double *weights = self->weights + row * self->i;
    double value = self->rows[row];
    size_t n = isnan(value) ? 0 : self->i;
    for (size_t j = 0; j < n; j++) {
        self->sums[j] += weights[j] * (logs[j] - value);
    }
}

/* Move the rows to their means, and then the columns, in one turn over the map: what a
 * column has of a row is added while the row is in a cache. */
static void move(const fit *self)
{
    memset(self->sums, 0, self->i * sizeof *self->sums);
    for (size_t first = 0; first < self->o; first += N_TOGETHER) {
        size_t n = at_smaller(self->o - first, N_TOGETHER);
        move_rows(self, first, n);
        for (size_t k = 0; k < n; k++) {
            add_to_columns(self, first + k);
        }
    }
    for (size_t j = 0; j < self->i; j++) {
        self->columns[j] =
            self->of_columns[j] > 0 ? self->sums[j] / self->of_columns[j] : (double)NAN;
    }
    fill_gaps(self->rows, self->o);
    fill_gaps(self->columns, self->i);
}

static void fill(const at_factor *factor, double per_sequence, double damping, fit *self)
{
    for (size_t k = 0; k < self->o * self->i; k++) {
        double lambda = factor->lambda[k] * per_sequence;
        double metric = sqrt(lambda / (lambda + damping)) / (lambda + damping);
        bool counts = lambda > 0 && metric > 0 && isfinite(metric);
        self->logs[k] = counts ? log(metric) : 0;
        self->weights[k] = counts ? metric * lambda : 0;
        self->of_columns[k % self->i] += self->weights[k];
    }
}

static void take_roots(const double *logs, size_t n, float *out)
{
    for (size_t k = 0; k < n; k++) {
        double scale = exp(0.5 * logs[k]);
        out[k] = (float)fmin(fmax(scale, 1e-15), 1e15);
    }
}

attrib_status at_index_scale(const attrib_factors *factors,
                             const at_factor *factor,
                             double damping,
                             at_index_map *map,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    fit self = {.o = map->out_dim, .i = map->in_dim};
    AT_TRY(at_array(self.o * self.i, sizeof(double), &self.logs, err));
    AT_TRY(at_array(self.o * self.i, sizeof(double), &self.weights, err));
    AT_TRY(at_array(self.o, sizeof(double), &self.rows, err));
    AT_TRY(at_array(self.i, sizeof(double), &self.columns, err));
    AT_TRY(at_array(self.i, sizeof(double), &self.of_columns, err));
    AT_TRY(at_array(self.i, sizeof(double), &self.sums, err));
    if (isfinite(damping)) {
        fill(factor, 1 / (double)factors->info.n_sequences, damping, &self);
        for (int k = 0; k < N_ROUNDS; k++) {
            move(&self);
        }
    }
    take_roots(self.rows, self.o, map->scale_out);
    take_roots(self.columns, self.i, map->scale_in);
done:
    free(self.logs);
    free(self.weights);
    free(self.rows);
    free(self.columns);
    free(self.of_columns);
    free(self.sums);
    return status;
}
