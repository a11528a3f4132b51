/* SPDX-License-Identifier: MIT */
/* The inside of a store, for the source files that it consists of. */
#ifndef AT_CURVATURE_STORE_FILES_H
#define AT_CURVATURE_STORE_FILES_H

#include "base/lock.h"
#include "curvature/store.h"
#include "format/slots.h"

/* The file that says how far an unfinished folder is. */
#define AT_STORE_PROGRESS "progress.msgpack"

struct at_store {
    attrib_factors *factors;
    char *folder, *partial;
    unsigned pieces;
    at_lock lock; /* FOLDER.lock */
    size_t n_done[AT_N_FIT_STAGES];
    at_slots *slots[AT_N_PIECES]; /* NULL for pieces that are not made */
    bool is_ours;                 /* begun here, or by an earlier run of the same fit */
    bool is_committed;
};

/* A map's place in the file of a piece. EFORMAT, ESHAPE where a file that was found is
 * not as it would be made. */
attrib_status at_store_slot(const at_store *self,
                            size_t i,
                            at_factor_piece piece,
                            const at_tensor **out,
                            attrib_error *err);

/* The folder of kept sums, owned by the caller. */
attrib_status at_store_sums_folder(const at_store *self, char **out, attrib_error *err);
/* Drop the kept sums of maps [first, end) of a stage. */
void at_store_drop_sums(const at_store *self,
                        at_fit_stage stage,
                        size_t first,
                        size_t end);
/* Drop all kept sums, and their folder. */
attrib_status at_store_remove_sums(const at_store *self, attrib_error *err);

/* Wait until these pieces are on the disk. */
attrib_status at_store_sync(const at_store *self, unsigned pieces, attrib_error *err);

/* The metadata by which a reader knows that files of a folder belong together. */
attrib_status at_store_declare(at_tensor_writer *writer,
                               const attrib_factors *factors,
                               attrib_error *err);

#endif
