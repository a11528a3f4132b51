/* SPDX-License-Identifier: MIT */
/* A folder of factors that is being made: filled map by map and stage by stage, in files
 * of their final layout, so that no more is in memory than what is worked on, and a fit
 * that was stopped goes on where it was. It is renamed when it is whole. */
#ifndef AT_CURVATURE_STORE_H
#define AT_CURVATURE_STORE_H

#include "curvature/eigenbasis.h"
#include "curvature/factor_read.h"
#include "curvature/sums.h"

typedef struct at_store at_store;

/* Begin FOLDER, or go on with what another run left in FOLDER.partial, whose counts are
 * then put into factors->info. `factors` (borrowed) says what is made: its maps, blocks,
 * origins and identity; `pieces` says which pieces of it. *out is NULL where FOLDER holds
 * these very factors already. EIO where it holds anything else, or FOLDER.partial belongs
 * to another fit, or to a process that still runs: for that one the session `waits`,
 * where it is not NULL. */
attrib_status at_store_open(attrib_factors *factors,
                            const char *folder,
                            unsigned pieces,
                            attrib_session *waits,
                            at_store **out,
                            attrib_error *err);
/* Close. FOLDER.partial is removed unless a map of some stage is done, or sums are kept.
 */
void at_store_close(at_store *store);

/* FOLDER.partial */
const char *at_store_partial(const at_store *store);

/* How many maps of a stage are in the files: the first ones. */
size_t at_store_n_done(const at_store *store, at_fit_stage stage);
/* Remember that the first n_done maps are in the files, with the counts of
 * factors->info. Waits for the disk first. */
attrib_status at_store_mark(at_store *store,
                            at_fit_stage stage,
                            size_t n_done,
                            attrib_error *err);

/* List the rows that could not be read of the corpora of n factors, which are merged. */
attrib_status at_store_list_skipped(const at_store *store,
                                    attrib_factors *const *list,
                                    size_t n,
                                    attrib_error *err);

/* Write these pieces of map i. */
attrib_status at_store_put(
    at_store *store, size_t i, unsigned pieces, const at_factor *from, attrib_error *err);
/* The same for all maps of factors in memory or in files. */
attrib_status at_store_put_all(at_store *store,
                               unsigned pieces,
                               const attrib_factors *from,
                               attrib_error *err);
/* Read eigenvectors of map i into `out`, which has room for them. */
attrib_status at_store_get_basis(
    const at_store *store, size_t i, at_side side, at_basis *out, attrib_error *err);

/* Sums of map i of a stage, over the first n_done of the n_blocks blocks of the pass
 * (store_sums.c). */
typedef struct at_sums_place {
    at_fit_stage stage;
    size_t i;
    size_t n_done, n_blocks;
} at_sums_place;

/* Keep both sums of a map, in place of what was kept before, until at_store_mark() counts
 * the map. is_synced waits for the disk, so that they outlast a power failure. Safe from
 * several threads for different maps. */
attrib_status at_store_put_sums(const at_store *store,
                                const at_sums_place *place,
                                const at_running *sums,
                                bool is_synced,
                                attrib_error *err);
/* Fill them and place->n_done, which is 0 where none are kept. A file that is torn, or
 * belongs to another fit, map or corpus, is EFORMAT, EVERSION, ESHAPE or EIO; the sums
 * are then undefined. */
attrib_status at_store_get_sums(const at_store *store,
                                at_sums_place *place,
                                const at_running *sums,
                                attrib_error *err);

/* What at_decompose_all() takes: covariances from the store, eigenvectors into it. Any
 * number of threads. */
at_covariance_io at_store_matrices(at_store *store);

/* Write counts, arguments and manifest, and rename to FOLDER. */
attrib_status at_store_commit(at_store *store, const char *command, attrib_error *err);

#endif
