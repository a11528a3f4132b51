/* SPDX-License-Identifier: MIT */
/* What every part of a job costs, from shapes: the formulas, in one place.
 *
 * Letters: B rows of a block, T tokens of a sequence, [O, I] a map, r a rank, Q queries.
 */
#ifndef AT_PLAN_COST_H
#define AT_PLAN_COST_H

#include "attrib/plan.h"
#include "base/load.h"
#include "model/decoder.h"

/* The share of what is read over and over, `held` bytes in all, that comes from memory,
 * since the last cache does not hold it. */
double at_missed(const attrib_machine *machine, double held);

/* Seconds of one core of a machine. */
double at_load_seconds(const attrib_load *load, const attrib_machine *machine);

/* What a block of a pass is: B rows in sequences of T tokens, of which so many count. */
typedef struct at_stretch {
    double rows, length, predicted; /* predicted: of the rows */
    double keys; /* that a row attends to on average, those above the diagonal that its
                    tile computes included */
} at_stretch;

at_stretch at_stretch_of(const attrib_volume *volume, double block_rows);

/* Of a whole block: forward, and backward down to the lowest tracked map, or forward with
 * tangents; its bytes are the weights, as if no cache held any. ENOMEM. */
attrib_status at_cost_pass(const attrib_model *model,
                           at_mode mode,
                           const size_t *tracked,
                           size_t n_tracked,
                           const at_stretch *block,
                           attrib_load *out,
                           attrib_error *err);

/* Of one matrix of n rows, decomposed and checked. */
attrib_load at_cost_eigen(double n);

/* Of one map, beyond the pass and the gradient in its basis: inverse and compression of
 * one query under one setting. */
attrib_load at_cost_prepared(const attrib_module *map, size_t n_blocks, size_t rank);

/* Bytes of one map's factors. */
typedef struct at_map_bytes {
    double bases; /* eigenvectors f32, eigenvalues f64 */
    double lambda;
    double covariances_on_disk, bases_on_disk;
} at_map_bytes;

at_map_bytes at_bytes_map(const attrib_module *map, size_t n_blocks);

#endif
