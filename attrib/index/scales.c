/* SPDX-License-Identifier: MIT */
/* Weighted fits of log metric[i, j] by row[i] + column[j]. */
#include "index/scales.h"

#include <math.h>
#include <stdlib.h>

/* Rounds of the fit, each of which moves the rows and then the columns to their means;
 * the fit moves by less than a thousandth after these. */
#define N_ROUNDS 6

typedef struct fit {
    double *logs, *weights; /* [O, I] */
    double *rows, *columns; /* [O], [I] */
    size_t o, i;
} fit;

/* Set each of n values to the weighted mean of the logs along its line, less the other
 * side's values; a line without weight takes the least of the others. */
static void move_side(const fit *self, bool are_rows, double *values, const double *other)
{
    size_t n = are_rows ? self->o : self->i;
    size_t m = are_rows ? self->i : self->o;
    double least = HUGE_VAL;
    for (size_t k = 0; k < n; k++) {
        double sum = 0;
        double weight = 0;
        for (size_t j = 0; j < m; j++) {
            size_t at = are_rows ? k * self->i + j : j * self->i + k;
            sum += self->weights[at] * (self->logs[at] - other[j]);
            weight += self->weights[at];
        }
        values[k] = weight > 0 ? sum / weight : (double)NAN;
        least = fmin(least, values[k]);
    }
    for (size_t k = 0; k < n; k++) {
        values[k] = isnan(values[k]) ? (isinf(least) ? 0 : least) : values[k];
    }
}

static void fill(const at_factor *factor, double per_sequence, double damping, fit *self)
{
    for (size_t k = 0; k < self->o * self->i; k++) {
        double lambda = factor->lambda[k] * per_sequence;
        double metric = sqrt(lambda / (lambda + damping)) / (lambda + damping);
        bool counts = lambda > 0 && metric > 0 && isfinite(metric);
        self->logs[k] = counts ? log(metric) : 0;
        self->weights[k] = counts ? metric * lambda : 0;
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
    if (isfinite(damping)) {
        fill(factor, 1 / (double)factors->info.n_sequences, damping, &self);
        for (int k = 0; k < N_ROUNDS; k++) {
            move_side(&self, true, self.rows, self.columns);
            move_side(&self, false, self.columns, self.rows);
        }
    }
    take_roots(self.rows, self.o, map->scale_out);
    take_roots(self.columns, self.i, map->scale_in);
done:
    free(self.logs);
    free(self.weights);
    free(self.rows);
    free(self.columns);
    return status;
}
