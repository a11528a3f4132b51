/* SPDX-License-Identifier: MIT */
/* The files of a folder of factors, in Kronfluence's names and layout: one table for
 * writer and reader, the files opened, and the manifest.
 *
 * A block-diagonal matrix is dense in its file, with zeros outside the blocks, so that
 * Kronfluence reads it too; the zeros are holes of the file and take no disk. Raw sums
 * and eigenvalues are f64, eigenvectors f32: what was fitted is read again to the bit. */
#ifndef AT_CURVATURE_FACTOR_FILES_H
#define AT_CURVATURE_FACTOR_FILES_H

#include "curvature/factors.h"
#include "format/record.h"
#include "format/safetensors.h"

#define AT_FACTORS_VERSION   4
#define AT_FACTORS_MANIFEST  "manifest.msgpack"
#define AT_FACTORS_ARGUMENTS "factor_arguments.json"

/* Sets of pieces. */
#define AT_PIECES_OF(piece) (1U << (unsigned)(piece))
#define AT_PIECES_COVARIANCE                                                             \
    (AT_PIECES_OF(AT_PIECE_COVARIANCE_A) | AT_PIECES_OF(AT_PIECE_COVARIANCE_S))
#define AT_PIECES_BASIS                                                                  \
    (AT_PIECES_OF(AT_PIECE_BASIS_A) | AT_PIECES_OF(AT_PIECE_BASIS_S) |                   \
     AT_PIECES_OF(AT_PIECE_VALUES_A) | AT_PIECES_OF(AT_PIECE_VALUES_S))
#define AT_PIECES_LAMBDA AT_PIECES_OF(AT_PIECE_LAMBDA)

/* The piece of a side, from that of A. */
static inline at_factor_piece at_side_piece(at_factor_piece piece_a, at_side side)
{
    return side == AT_SIDE_A ? piece_a : (at_factor_piece)((int)piece_a + 1);
}

/* What each stage makes. */
extern const unsigned at_stage_pieces[AT_N_FIT_STAGES];

/* One file: a tensor for each map, and where it holds raw sums, the file of their counts.
 */
typedef struct at_factor_file {
    const char *name;   /* without ".safetensors" */
    const char *count;  /* file with an int64 [1] for each map; NULL for none */
    attrib_dtype dtype; /* as we write it */
} at_factor_file;

extern const at_factor_file at_factor_files[AT_N_PIECES];

/* The dimensions of a piece, 1 or 2, which fill `shape`. */
size_t at_piece_shape(const at_factor *factor, at_factor_piece piece, size_t shape[2]);

/* The pieces that scoring with a strategy reads. */
unsigned at_strategy_pieces(attrib_strategy strategy);

/* FOLDER/NAME.safetensors, owned by the caller. */
attrib_status at_factor_path(const char *folder,
                             const char *name,
                             char **out,
                             attrib_error *err);

/* A folder's files, opened to be read. */
typedef struct at_files {
    char *path;        /* of the folder */
    bool has_manifest; /* false for Kronfluence's; set by at_factors_open() */
    at_tensors *pieces[AT_N_PIECES]; /* NULL where the file is absent, or was not asked
                                        for */
} at_files;

/* Open the files that are there of these pieces. ESHAPE where they name different fits.
 */
attrib_status at_files_open(const char *path,
                            unsigned pieces,
                            at_files **out,
                            attrib_error *err);
void at_files_close(at_files *files); /* NULL is fine */

/* Give back the memory of what was read. */
void at_files_forget(const at_files *files);

/* EIO where a file is not what it was when it was opened. */
attrib_status at_files_check(const at_files *files, attrib_error *err);

/* Whether all of these pieces are there. */
bool at_files_have(const at_files *files, unsigned pieces);
/* EIO that names the first of these pieces that is not there. */
attrib_status at_files_need(const at_files *files, unsigned pieces, attrib_error *err);

/* The tensor of a map in a piece, with its shape checked: EIO, ESHAPE. */
attrib_status at_files_find(const at_files *files,
                            const at_factor *factor,
                            at_factor_piece piece,
                            const at_tensor **out,
                            attrib_error *err);

/* Set the seals of these pieces to the hashes of their files. `visit`, unless it is NULL,
 * sees all tensors meanwhile. */
attrib_status at_files_seal(const at_files *files,
                            unsigned pieces,
                            at_tensor_visitor visit,
                            void *context,
                            char seals[AT_N_PIECES][AT_HASH_SIZE],
                            attrib_error *err);

/* The manifest: everything that `factors` knows, except its maps. */
attrib_status at_factors_write_manifest(const attrib_factors *factors,
                                        const char *folder,
                                        const char *command,
                                        attrib_error *err);
/* ESHAPE where model_hash is another model's; NULL for any model. For a folder of
 * Kronfluence's, *is_there is false and nothing else is touched. */
attrib_status at_factors_read_manifest(const char *folder,
                                       const char *model_hash,
                                       attrib_factors *factors,
                                       bool *is_there,
                                       attrib_error *err);

/* Bytes that one map's factors take in memory, and on the disk without holes. */
typedef struct at_factor_size {
    double bases; /* eigenvectors and eigenvalues */
    double lambda;
    double covariances_on_disk, bases_on_disk;
} at_factor_size;

at_factor_size at_factor_bytes(const at_factor *factor, bool has_bases);

#endif
