/* SPDX-License-Identifier: MIT */
/* NumPy's npz, a zip of stored .npy arrays, written as a stream. Private to the export
 * room. */
#ifndef AT_EXPORT_NPZ_H
#define AT_EXPORT_NPZ_H

#include "attrib/run.h"
#include "base/file.h"

struct archive;

/* The zip being written, and where its bytes go. */
typedef struct at_npz {
    at_output output;
    struct archive *zip;
    attrib_error *err; /* where all failures go */
    attrib_status status;
} at_npz;

attrib_status at_npz_open(at_npz *self, const char *path, attrib_error *err);
/* Begin an array of `n_bytes`, which at_npz_write() gets next: `name` with ".npy", its
 * type ("<f8"), whether it is in Fortran's order ("True") and its shape ("2, 5"). */
attrib_status at_npz_begin_array(at_npz *self,
                                 const char *name,
                                 const char *descr,
                                 const char *is_fortran,
                                 const char *shape,
                                 uint64_t n_bytes);
attrib_status at_npz_write(at_npz *self, const void *bytes, size_t n);
attrib_status at_npz_close(at_npz *self); /* commits the file */
void at_npz_free(at_npz *self);

/* The ids of queries and documents as arrays of text; and fields of queries or of
 * documents, an array each (npz_columns.c). `fields` may be NULL: none. EINVAL for fields
 * of pairs, which other arrays hold. */
attrib_status at_npz_write_columns(at_npz *self, attrib_run *run, const char *fields);

#endif
