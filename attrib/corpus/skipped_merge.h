/* SPDX-License-Identifier: MIT */
/* The lists of rows that cannot be read, made one where folders are merged. */
#ifndef AT_CORPUS_SKIPPED_MERGE_H
#define AT_CORPUS_SKIPPED_MERGE_H

#include "base/file.h"

/* Write what the lists of n folders name into the list of another one, each row once, in
 * the order of the folders; none: no file. EFORMAT names a line that is no skipped row.
 */
attrib_status at_skipped_merge(const char *const *folders,
                               size_t n,
                               const char *to,
                               attrib_error *err);

#endif
