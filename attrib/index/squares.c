/* SPDX-License-Identifier: MIT */
#include "index/squares.h"

#include <math.h>
#include <string.h>

#include "base/wide.h"

/* Columns whose squares are added at a time. */
#define N_LANES ((size_t)16)

typedef float lanes __attribute__((vector_size(16 * sizeof(float)), aligned(4)));
typedef double sums __attribute__((vector_size(16 * sizeof(double))));

/* Inlined, so that it is compiled for the width of the function that calls it. */
#define INLINE static inline __attribute__((always_inline))

/* out += (row scale)^2, in fixed lanes. */
INLINE void add_squares(const float *row, const float *scale, size_t n, lanes *out)
{
    lanes x = {0};
    lanes y = {0};
    if (n >= N_LANES) {
        x = *(const lanes *)row * *(const lanes *)scale;
    } else {
        memcpy(&x, row, n * sizeof *row);
        memcpy(&y, scale, n * sizeof *scale);
        x *= y;
    }
    *out += x * x;
}

AT_WIDE void at_find_squares(const at_index_map *map,
                             const float *gradient,
                             const float *roots,
                             at_squares *out)
{
    sums all_scaled = {0};
    sums all_divided = {0};
    for (size_t i = 0; i < map->out_dim; i++) {
        const float *row = gradient + i * map->in_dim;
        const float *row_roots = roots + i * map->in_dim;
        double of_row = (double)map->scale_out[i] * (double)map->scale_out[i];
        lanes scaled = {0};
        lanes divided = {0};
        for (size_t j = 0; j < map->in_dim; j += N_LANES) {
            add_squares(row + j, map->scale_in + j, map->in_dim - j, &scaled);
            add_squares(row + j, row_roots + j, map->in_dim - j, &divided);
        }
        all_scaled += of_row * __builtin_convertvector(scaled, sums);
        all_divided += __builtin_convertvector(divided, sums);
    }
    *out = (at_squares){0};
    for (size_t k = 0; k < N_LANES; k++) {
        out->scaled += all_scaled[k];
        out->divided += all_divided[k];
    }
}

AT_WIDE void at_take_roots(const double *values, size_t n, float *out)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = (float)sqrt(values[j]);
    }
}
