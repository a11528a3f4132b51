/* SPDX-License-Identifier: MIT */
/* Reading a folder of factors, ours or Kronfluence's: what it says of itself, and the
 * numbers of one map at a time, so that no more is in memory than what is worked on. */
#ifndef AT_CURVATURE_FACTOR_READ_H
#define AT_CURVATURE_FACTOR_READ_H

#include "curvature/factor_files.h"

/* attrib_factors_open() for any purpose: opens the files that are there of these pieces,
 * and reads none of their numbers. With a model, factors that name another one are
 * refused with ESHAPE, as are maps that it does not have; maps are in its order. Without
 * one they are in the files' order, and `module` is their place in it. */
attrib_status at_factors_open(const char *path,
                              const attrib_model *model,
                              unsigned pieces,
                              attrib_factors **out,
                              attrib_error *err);

/* EFORMAT names the first file of these pieces, where they are there, that was changed
 * since its folder was written. Folders without a manifest get their seals here. Reads
 * the files once. */
attrib_status at_factors_check_seals(attrib_factors *factors,
                                     unsigned pieces,
                                     attrib_error *err);

/* The same, and ENUMERIC names a value in these pieces that is not finite. Sums what
 * dampings depend on meanwhile, so that the files are read once for all three. */
attrib_status at_factors_read(attrib_factors *factors,
                              unsigned pieces,
                              attrib_error *err);

/* 1. The numbers of one map, on any number of threads. Every value that is read is
 * finite, or ENUMERIC. */

/* Map i with its eigenvectors, eigenvalues and Lambda, as far as `pieces` has them:
 * borrowed where factors are in memory, else read from their files.
 * at_factor_unload() gives it back. */
attrib_status at_factor_load(const attrib_factors *factors,
                             size_t i,
                             unsigned pieces,
                             at_factor *out,
                             attrib_error *err);

/* Memory that maps are read into one after the other: new memory costs as much time as
 * the reading. Zeroed = empty. */
typedef struct at_factor_room {
    char *bytes; /* owned; the caller frees it */
    size_t n_bytes;
} at_factor_room;

/* The same into a room, which is made larger where it has to be. Valid until the next map
 * is read into it; not to be unloaded. */
attrib_status at_factor_load_into(const attrib_factors *factors,
                                  size_t i,
                                  unsigned pieces,
                                  at_factor_room *room,
                                  at_factor *out,
                                  attrib_error *err);
void at_factor_unload(const attrib_factors *factors, at_factor *loaded);

/* Bytes that loading map i takes at most: 0 for factors in memory. */
double at_factor_load_bytes(const attrib_factors *factors, size_t i);

/* sum += the packed lower triangles of A or S, as at_factor has them; or Lambda. */
attrib_status at_files_add_covariance(const at_files *files,
                                      const at_factor *factor,
                                      at_side side,
                                      double *sum,
                                      attrib_error *err);
attrib_status at_files_add_lambda(const at_files *files,
                                  const at_factor *factor,
                                  double *sum,
                                  attrib_error *err);

/* 2. Eigenvectors */

/* n entries of a file's matrix from entry `first` on. */
typedef attrib_status (*at_read_entries)(
    const void *context, size_t first, size_t n, float *out, attrib_error *err);

/* Eigenvectors, which are columns of a file's matrix [dim, dim], as rows of `out`, which
 * has room for them. */
attrib_status at_read_basis(at_read_entries read,
                            const void *context,
                            at_basis *out,
                            attrib_error *err);

/* Name the eigenvectors of all maps by their bytes; "" where there are none. */
attrib_status at_files_hash_basis(const at_files *files,
                                  const attrib_factors *maps,
                                  char out[AT_HASH_SIZE],
                                  attrib_error *err);

#endif
