/* SPDX-License-Identifier: MIT */
/* The files of a factors folder, in Kronfluence's names and layout: one table for writer
 * and reader.
 *
 * A matrix in blocks is dense in its file, with zeros off the blocks, so that Kronfluence
 * reads it too; those zeros are holes of the file and take no disk. Raw sums and
 * eigenvalues are f64, eigenvectors f32: what was fitted is read again to the bit. */
#ifndef AT_CURVATURE_FACTOR_FILES_H
#define AT_CURVATURE_FACTOR_FILES_H

#include "curvature/factors.h"
#include "format/record.h"
#include "format/safetensors.h"

#define AT_FACTORS_VERSION   3
#define AT_FACTORS_MANIFEST  "manifest.msgpack"
#define AT_FACTORS_ARGUMENTS "factor_arguments.json"

/* Which array of a factor a file holds. */
typedef enum at_factor_piece {
    AT_PIECE_COVARIANCE_A,
    AT_PIECE_COVARIANCE_S,
    AT_PIECE_BASIS_A,
    AT_PIECE_BASIS_S,
    AT_PIECE_VALUES_A,
    AT_PIECE_VALUES_S,
    AT_PIECE_LAMBDA,
    AT_N_PIECES
} at_factor_piece;

/* Sets of pieces. */
#define AT_PIECES_OF(piece) (1U << (unsigned)(piece))
#define AT_PIECES_COVARIANCE                                                             \
    (AT_PIECES_OF(AT_PIECE_COVARIANCE_A) | AT_PIECES_OF(AT_PIECE_COVARIANCE_S))
#define AT_PIECES_BASIS                                                                  \
    (AT_PIECES_OF(AT_PIECE_BASIS_A) | AT_PIECES_OF(AT_PIECE_BASIS_S) |                   \
     AT_PIECES_OF(AT_PIECE_VALUES_A) | AT_PIECES_OF(AT_PIECE_VALUES_S))
#define AT_PIECES_LAMBDA AT_PIECES_OF(AT_PIECE_LAMBDA)

/* One file: a tensor for each map, and where it holds raw sums, the file of their counts.
 */
typedef struct at_factor_file {
    const char *name;   /* without ".safetensors" */
    const char *count;  /* file of int64 [1] a map; NULL for none */
    attrib_dtype dtype; /* as we write it */
} at_factor_file;

extern const at_factor_file at_factor_files[AT_N_PIECES];

/* Rows and columns of a piece; columns 0 for a vector. */
void at_factor_piece_shape(const at_factor *factor,
                           at_factor_piece piece,
                           size_t *n_rows,
                           size_t *n_columns);

/* The pieces that scoring with a strategy reads. */
unsigned at_strategy_pieces(attrib_strategy strategy);

/* FOLDER/NAME.safetensors, owned by the caller. */
attrib_status at_factor_path(const char *folder,
                             const char *name,
                             char **out,
                             attrib_error *err);

/* The manifest: everything of `factors` but its maps. */
attrib_status at_factors_write_manifest(const attrib_factors *factors,
                                        const char *folder,
                                        const char *command,
                                        attrib_error *err);
/* ESHAPE where model_hash is another model's; NULL for any model. *is_there is false, and
 * nothing else touched, for a folder of Kronfluence's. */
attrib_status at_factors_read_manifest(const char *folder,
                                       const char *model_hash,
                                       attrib_factors *factors,
                                       bool *is_there,
                                       attrib_error *err);

/* Bytes of one map's factors. */
typedef struct at_factor_size {
    double bases; /* eigenvectors f32, eigenvalues f64 */
    double lambda;
    double covariances_on_disk, bases_on_disk;
} at_factor_size;

at_factor_size at_factor_bytes(const at_factor *factor, bool has_bases);

#endif
