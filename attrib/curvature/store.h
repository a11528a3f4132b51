/* SPDX-License-Identifier: MIT */
/* A folder of factors being made: filled map by map and stage by stage, in files of their
 * final layout, so that no more than what is worked on is in memory, and so that a fit
 * that was stopped goes on where it was. It is renamed when it is whole. */
#ifndef AT_CURVATURE_STORE_H
#define AT_CURVATURE_STORE_H

#include "curvature/fit.h"
#include "curvature/folder.h"

typedef struct at_store at_store;

/* Begin FOLDER, or go on with what another run left in FOLDER.partial: its counts are
 * then put into factors->info. `factors` (borrowed) says what is made: its maps, blocks,
 * origins and identity; `pieces` which pieces of it. Fails with EIO where FOLDER stands
 * already, or FOLDER.partial is of another fit or of a process that still runs. */
attrib_status at_store_open(attrib_factors *factors,
                            const char *folder,
                            unsigned pieces,
                            at_store **out,
                            attrib_error *err);
/* Closes; FOLDER.partial stays where a map of some stage is done, unless committed. */
void at_store_close(at_store *store);

/* FOLDER.partial */
const char *at_store_partial(const at_store *store);

/* How many maps of a stage are in the files, from the first on. */
size_t at_store_n_done(const at_store *store, at_fit_stage stage);
/* Maps up to n_done are in the files: waits for the disk, and remembers it with the
 * counts of factors->info. */
attrib_status at_store_mark(at_store *store,
                            at_fit_stage stage,
                            size_t n_done,
                            attrib_error *err);

/* Pieces of map i. */
attrib_status at_store_put_covariances(at_store *store,
                                       size_t i,
                                       const at_factor *from,
                                       attrib_error *err);
attrib_status at_store_put_basis(at_store *store,
                                 size_t i,
                                 const at_factor *from,
                                 attrib_error *err);
attrib_status at_store_put_lambda(at_store *store,
                                  size_t i,
                                  const double *lambda,
                                  attrib_error *err);
attrib_status at_store_get_basis(
    const at_store *store, size_t i, at_side side, at_basis *out, attrib_error *err);

/* All of another folder's eigenvectors and values; marks them as done. */
attrib_status at_store_copy_basis(at_store *store,
                                  const at_folder *from,
                                  attrib_error *err);

/* Sums that are not whole (store_sums.c): of the first n_done of the n_blocks blocks of
 * the pass. Those of maps that at_store_mark() counts are dropped. */
typedef struct at_sums_place {
    size_t n_done, n_blocks;
} at_sums_place;

/* Keep both sums of map i, in the place of what was kept before; is_synced waits for the
 * disk, so that they outlast a power failure. Safe from several threads for different
 * maps. */
attrib_status at_store_put_sums(const at_store *store,
                                at_fit_stage stage,
                                size_t i,
                                const at_running *sums,
                                const at_sums_place *place,
                                bool is_synced,
                                attrib_error *err);
/* Fill them, and place->n_done, which is 0 where none are kept. What is torn, or of
 * another fit, map or corpus, is EFORMAT, EVERSION, ESHAPE or EIO; the sums are then
 * undefined. */
attrib_status at_store_get_sums(const at_store *store,
                                at_fit_stage stage,
                                size_t i,
                                const at_running *sums,
                                at_sums_place *place,
                                attrib_error *err);

/* What at_decompose_all() takes: covariances from the store, eigenvectors into it. Any
 * number of threads. */
at_covariance_io at_store_matrices(at_store *store);

/* Write counts, arguments and manifest, and rename to FOLDER. */
attrib_status at_store_commit(at_store *store, const char *command, attrib_error *err);

#endif
