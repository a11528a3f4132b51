/* SPDX-License-Identifier: MIT */
/* Which of some files were read whole and found to be good: what stays open checks a file
 * once, and again when it is another one or has changed. Thread-safe. */
#ifndef AT_BASE_CHECKED_H
#define AT_BASE_CHECKED_H

#include "base/map.h"

typedef struct at_checked at_checked;

attrib_status at_checked_new(size_t n_files, at_checked **out, attrib_error *err);
void at_checked_free(at_checked *checked);

/* Whether file i was found to be good as it is mapped. `checked` may be NULL: no. */
bool at_checked_has(at_checked *checked, size_t i, const at_map *file);
void at_checked_note(at_checked *checked, size_t i, const at_map *file);

#endif
