/* SPDX-License-Identifier: MIT */
/* An array that grows in a scratch file and is mapped once it is whole. */
#ifndef AT_CORPUS_SPILL_H
#define AT_CORPUS_SPILL_H

#include "base/map.h"

typedef struct at_spill {
    int descriptor; /* -1: closed */
    char *name;     /* the scratch file's, for messages */
    char *buffer;   /* not yet written */
    size_t n_buffered;
    size_t n_bytes; /* appended */
    void *mapping;  /* once finished; NULL where nothing was appended */
    at_mapped *mapped;
    bool is_lent; /* the mapping is another's, and read-only */
} at_spill;

/* A file without a name in `folder`; NULL: $TMPDIR or /tmp. */
attrib_status at_spill_open(const char *folder, at_spill *out, attrib_error *err);
attrib_status at_spill_append(at_spill *spill,
                              const void *bytes,
                              size_t n,
                              attrib_error *err);
/* Read n bytes that were appended from `offset` on back. */
attrib_status at_spill_read(
    at_spill *spill, size_t offset, void *bytes, size_t n, attrib_error *err);
/* Write what is buffered and map the whole, for reading and writing: changes go to the
 * file, not to memory of our own. */
attrib_status at_spill_map(at_spill *spill, attrib_error *err);
/* From here on the mapping is read-only. */
attrib_status at_spill_protect(at_spill *spill, attrib_error *err);
/* A finished array whose bytes lie in a mapping that lasts longer. */
at_spill at_spill_lend(const void *bytes, size_t n);
/* Give back the pages of the mapping; they are read again when they are asked for. */
void at_spill_forget(const at_spill *spill);
void at_spill_close(at_spill *spill); /* a zeroed one is fine */

#endif
