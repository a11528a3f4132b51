/* SPDX-License-Identifier: MIT */
/* A folder of factors opened to be read, ours or Kronfluence's: what it says of itself,
 * its maps, and their pieces one at a time. */
#ifndef AT_CURVATURE_FOLDER_H
#define AT_CURVATURE_FOLDER_H

#include "curvature/eigenbasis.h"
#include "curvature/factor_files.h"

typedef struct at_folder {
    char *path;
    bool has_manifest;               /* false for Kronfluence's */
    attrib_factors *factors;         /* what it says, and its maps without any array */
    at_tensors *pieces[AT_N_PIECES]; /* NULL for those that are not there, or not asked */
} at_folder;

/* Open the pieces that are there of those asked for. With a model, factors that name
 * another are refused with ESHAPE, as are maps that it does not have; maps are in its
 * order. Without one they are in the files' order, and `module` is their place in it. */
attrib_status at_folder_open(const char *path,
                             const attrib_model *model,
                             unsigned pieces,
                             at_folder **out,
                             attrib_error *err);
void at_folder_close(at_folder *folder);

/* Give back the memory of what was read of its pieces. */
void at_folder_forget(const at_folder *folder);

/* Whether all of these pieces are there. */
bool at_folder_has(const at_folder *folder, unsigned pieces);

/* EIO that names the first of these pieces that is not there. */
attrib_status at_folder_need(const at_folder *folder, unsigned pieces, attrib_error *err);

/* The tensor of a map in a piece, with its shape checked: EIO, ESHAPE. */
attrib_status at_folder_tensor(const at_folder *folder,
                               const at_factor *factor,
                               at_factor_piece piece,
                               const at_tensor **out,
                               attrib_error *err);

/* Pieces of map i; every value is finite, or ENUMERIC. `out` has room for them. */
attrib_status at_folder_basis(
    const at_folder *folder, size_t i, at_side side, at_basis *out, attrib_error *err);
attrib_status at_folder_lambda(const at_folder *folder,
                               size_t i,
                               double *out,
                               attrib_error *err);
/* Whether that holds for every map; ENUMERIC names the first value that is not. */
attrib_status at_folder_check_finite(const at_folder *folder,
                                     unsigned pieces,
                                     attrib_error *err);
/* Map i with arrays of its own for these pieces, eigenvectors, values and Lambda among
 * them; freed by at_factor_clear(). */
attrib_status at_folder_load(const at_folder *folder,
                             size_t i,
                             unsigned pieces,
                             at_factor *out,
                             attrib_error *err);
/* out += the packed lower triangles of A or S, as at_factor has them. */
attrib_status at_folder_add_covariance(
    const at_folder *folder, size_t i, at_side side, double *out, attrib_error *err);

/* A name for the eigenvectors, by their bytes; "" where there are none. */
attrib_status at_folder_hash_basis(const at_folder *folder,
                                   char out[AT_HASH_SIZE],
                                   attrib_error *err);

/* Factors map by map, so that no more than what is worked on is in memory. On any number
 * of threads. */

/* Map i with its arrays of these pieces, as above: those of factors in memory are
 * borrowed, those of a folder read. To be given back. */
attrib_status at_factor_load(const attrib_factors *factors,
                             size_t i,
                             unsigned pieces,
                             at_factor *out,
                             attrib_error *err);
void at_factor_unload(const attrib_factors *factors, at_factor *loaded);

/* Bytes that loading map i takes at most: 0 for factors in memory. */
double at_factor_load_bytes(const attrib_factors *factors, size_t i);

#endif
