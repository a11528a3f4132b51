/* SPDX-License-Identifier: MIT */
/* A safetensors file that is filled in place and in any order, in which a long job keeps
 * its results. It has its full length from the beginning; what was not written yet is
 * zero and takes no disk space (a hole in the file). */
#ifndef AT_FORMAT_SLOTS_H
#define AT_FORMAT_SLOTS_H

#include "format/safetensors.h"

typedef struct at_slots at_slots;

/* Make the file that was declared with `writer`, all zeros, instead of writing and
 * committing it. It is not durable before at_slots_sync(). */
attrib_status at_slots_make(at_tensor_writer *writer, attrib_error *err);

/* Open a safetensors file to be read and written. */
attrib_status at_slots_open(const char *path, at_slots **out, attrib_error *err);
void at_slots_close(at_slots *slots); /* what was written may not be on the disk yet */

/* A tensor of the file; its data are read by at_slots_read() only. NULL if absent. */
const at_tensor *at_slots_find(const at_slots *slots, const char *name);

/* n elements of a tensor from its element `first` on, as the file has them. Safe from
 * several threads for different elements. EIO. */
attrib_status at_slots_write(at_slots *slots,
                             const at_tensor *tensor,
                             size_t first,
                             size_t n,
                             const void *elements,
                             attrib_error *err);
attrib_status at_slots_read(const at_slots *slots,
                            const at_tensor *tensor,
                            size_t first,
                            size_t n,
                            void *elements,
                            attrib_error *err);

/* Wait until all that was written is on the disk. */
attrib_status at_slots_sync(at_slots *slots, attrib_error *err);

#endif
