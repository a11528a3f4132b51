/* SPDX-License-Identifier: MIT */
/* The files of a factors folder, in Kronfluence's names and layout: one table for writer
 * and reader. */
#ifndef AT_CURVATURE_FACTOR_FILES_H
#define AT_CURVATURE_FACTOR_FILES_H

#include "curvature/factors.h"

#define AT_FACTORS_VERSION   1
#define AT_FACTORS_MANIFEST  "manifest.msgpack"
#define AT_FACTORS_ARGUMENTS "factor_arguments.json"

/* Which array of a factor a file holds. */
typedef enum at_factor_part {
    AT_PART_COVARIANCE_A,
    AT_PART_COVARIANCE_S,
    AT_PART_BASIS_A,
    AT_PART_BASIS_S,
    AT_PART_VALUES_A,
    AT_PART_VALUES_S,
    AT_PART_LAMBDA,
    AT_N_PARTS
} at_factor_part;

/* One file: a tensor for each map, and where it holds raw sums, the file of their counts.
 */
typedef struct at_factor_file {
    const char *name;  /* without ".safetensors" */
    const char *count; /* file of int64 [1] a map; NULL for none */
} at_factor_file;

extern const at_factor_file at_factor_files[AT_N_PARTS];

/* Rows and columns of a part; columns 0 for a vector. */
void at_factor_part_shape(const at_factor *factor,
                          at_factor_part part,
                          size_t *n_rows,
                          size_t *n_columns);

/* Whether the strategy's folder has this part, and whether scoring reads it. */
bool at_strategy_writes(attrib_strategy strategy, at_factor_part part);
bool at_strategy_reads(attrib_strategy strategy, at_factor_part part);

/* FOLDER/NAME.safetensors, owned by the caller. */
attrib_status at_factor_path(const char *folder,
                             const char *name,
                             char **out,
                             attrib_error *err);

#endif
